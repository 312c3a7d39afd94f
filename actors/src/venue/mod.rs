//! Adapters, one folder a venue. Wire types mirror the venue and never leave its folder.

pub mod binance;

use std::rc::Rc;
use std::time::Duration;

use tripline_engine::ids::VenueId;
use tripline_engine::ports::{Answer, CancelPort, MarketPort, OrderPort, VenueError};
use tripline_engine::strategy::Subscription;

use crate::feed::{FeedEvent, PrivateEvent};

/// Where a market data connection tells its news; called on the connection's own arbiter.
pub type FeedSink = Rc<dyn Fn(FeedEvent)>;

/// Where a private stream tells its news.
pub type PrivateSink = Rc<dyn Fn(PrivateEvent)>;

/// A connection that goes on by itself, reconnecting as it must, until this is dropped.
pub trait Connection {
    /// Leaves the connection as a stop does: closes it and reconnects no more.
    fn close(&self);
    /// Gives the connection up and makes a new one: nothing more is read of the old one.
    fn reconnect(&self, reason: &str);
}

impl<C: Connection + ?Sized> Connection for Rc<C> {
    fn close(&self) {
        (**self).close();
    }

    fn reconnect(&self, reason: &str) {
        (**self).reconnect(reason);
    }
}

/// A market data connection. What it carries can change while it lives.
pub trait MarketConnection: Connection {
    /// From now on carries exactly this, over every later connection too. The future waits until the
    /// venue has agreed.
    ///
    /// # Errors
    /// What the venue says; [`VenueError::Network`] or [`VenueError::Timeout`] when it does not answer or
    /// there is no connection. It goes on being wanted until something else is.
    fn follow(&self, wanted: &[Subscription]) -> Answer<Result<(), VenueError>>;
}

/// How the venue's clock was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Nanoseconds by which the venue's clock is ahead.
    pub offset_nanos: i64,
    /// Half the round trip of the best reading: the offset is no better known than this.
    pub uncertainty: Duration,
}

/// Makes the connection for cancelling where it is to live; what is wrong comes back in words.
pub type MakeCanceller = Box<dyn FnOnce() -> Result<Rc<dyn CancelPort>, String> + Send>;

/// How the safety actor comes to a connection for cancelling that it shares with nobody.
pub enum OwnWay {
    /// It is made on the arbiter on which it is to live.
    Apart(MakeCanceller),
    /// It was made on this arbiter, on which everything lives.
    Here(Rc<dyn CancelPort>),
}

/// One account at one venue: everything the engine needs of it.
pub trait Venue {
    fn id(&self) -> VenueId;
    fn market(&self) -> Rc<dyn MarketPort>;
    fn orders(&self) -> Rc<dyn OrderPort>;
    /// Connects and subscribes; news of the connection go to the sink, failures too.
    fn follow_market(
        &self,
        subscriptions: &[Subscription],
        sink: FeedSink,
    ) -> Rc<dyn MarketConnection>;
    fn follow_account(&self, sink: PrivateSink) -> Box<dyn Connection>;
    /// A connection of its own for cancelling.
    fn own_way(&self) -> OwnWay;
    /// Measures the offset of the venue's clock and corrects by it.
    ///
    /// # Errors
    /// [`VenueError::Clock`] when it is out of bounds, or why it could not be measured.
    fn measure_clock(&self) -> Answer<Result<ClockReading, VenueError>>;
}
