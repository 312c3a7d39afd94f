//! The WebSocket side of Binance Spot: market streams, orders over the WebSocket API, the private stream.

mod feed;
mod life;
mod link;
mod orders;
mod requests;
mod role;
mod session;
mod streams;
#[cfg(test)]
mod tests;
mod weight;

use std::rc::Rc;

use secrecy::SecretString;

use crate::clock::Clock;
use crate::venue::{Connection, PrivateSink};

pub use feed::MarketFeed;
pub use orders::ApiOrders;
#[cfg(any(test, fuzzing))]
pub use session::offline;
pub use streams::{FeedSettings, stream_of};

use super::limits::Limits;
use super::settings::Bounds;
use super::sign::Signer;
use super::wire::time::TimeUnit;
use life::{Control, Life};
use session::{Account, Session, SessionRole};

/// What the sessions of one account need.
#[derive(Clone)]
pub struct ApiAccount {
    pub url: String,
    pub signer: Rc<Signer>,
    pub api_key: SecretString,
    pub clock: Clock,
    pub limits: Limits,
    pub bounds: Bounds,
    /// Of the venue's time stamps.
    pub time_unit: TimeUnit,
    pub client: awc::Client,
}

impl ApiAccount {
    fn account(&self) -> Account {
        let Self {
            url,
            signer,
            api_key,
            clock,
            limits,
            bounds,
            time_unit,
            ..
        } = self.clone();
        Account {
            url,
            signer,
            api_key,
            clock,
            limits,
            bounds,
            time_unit,
        }
    }

    /// Starts the session that carries orders.
    #[must_use]
    pub fn orders(&self, seed: u64) -> ApiOrders {
        ApiOrders::start(self.account(), self.client.clone(), seed)
    }

    /// Starts the private stream, on a connection of its own.
    #[must_use]
    pub fn private_stream(&self, sink: PrivateSink, seed: u64) -> PrivateStream {
        let session = Session::new(self.account(), Some(sink));
        let role = Rc::new(SessionRole(session));
        let control = Life::start(role, self.account().means(self.client.clone(), seed));
        PrivateStream(control)
    }
}

/// The private stream's handle. Dropping it closes the connection.
pub struct PrivateStream(Rc<Control>);

impl Connection for PrivateStream {
    fn close(&self) {
        self.0.close();
    }

    fn reconnect(&self, reason: &str) {
        self.0.reconnect(reason.to_owned());
    }
}

impl Drop for PrivateStream {
    fn drop(&mut self) {
        self.0.close();
    }
}
