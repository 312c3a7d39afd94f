//! Cancelling over a connection of its own (Binance Spot REST): a client, a pool and a count of the limits that
//! are shared with nobody, so that nothing which holds up trading holds up this.

use std::time::Duration;

use tripline_engine::ids::Symbol;
use tripline_engine::messages::order::OrderReport;
use tripline_engine::ports::{Answer, CancelPort, OrderPort, OrderRef, VenueError};

use super::limits::Limits;
use super::rest::{RestClient, RestError, Warmth};
use super::settings::{ApiCredentials, BinanceSettings};
use crate::clock::Clock;

/// Lists and cancels. Keeps its connection warm until it is dropped; lives on the arbiter that made it.
pub struct Canceller {
    rest: RestClient,
    _warmth: Warmth,
}

impl Canceller {
    /// Over TCP. `clock` brings the measured offset of the venue's clock along.
    ///
    /// # Errors
    /// [`RestError`]: settings, key or certificate file that cannot be used.
    pub fn new(
        settings: &BinanceSettings,
        credentials: &ApiCredentials,
        clock: Clock,
    ) -> Result<Self, RestError> {
        let limits = Limits::new(settings.bounds.weight_reserve_percent);
        let rest = RestClient::new(settings, Some(credentials), limits, clock)?;
        Ok(Self::over(rest))
    }

    /// Over a client that nobody else uses.
    #[must_use]
    pub fn over(rest: RestClient) -> Self {
        Self {
            _warmth: rest.keep_warm(),
            rest,
        }
    }

    /// The REST side, such as to measure the venue's clock.
    #[must_use]
    pub fn rest(&self) -> &RestClient {
        &self.rest
    }
}

impl CancelPort for Canceller {
    fn open_orders(&self) -> Answer<Result<Vec<OrderReport>, VenueError>> {
        self.rest.open_orders(None)
    }

    fn cancel(&self, order: OrderRef) -> Answer<Result<OrderReport, VenueError>> {
        self.rest.cancel(order)
    }

    fn cancel_all(&self, symbol: Symbol) -> Answer<Result<Vec<OrderReport>, VenueError>> {
        let rest = self.rest.clone();
        Box::pin(async move { rest.cancel_all(symbol).await })
    }

    fn settle_time(&self) -> Duration {
        self.rest.settle_time()
    }
}
