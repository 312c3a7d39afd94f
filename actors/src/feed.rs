//! What a venue's connections tell the market data and user data actors.

use actix::Message;
use rust_decimal::Decimal;
use tripline_engine::ids::{Asset, Symbol};
use tripline_engine::messages::account::Balance;
use tripline_engine::messages::market::MarketEvent;
use tripline_engine::messages::order::OrderReport;
use tripline_engine::ports::VenueError;
use tripline_engine::time::Timestamp;

/// News of a market data connection.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum FeedEvent {
    /// Connected and subscribed, for the first time or again: books must be built anew.
    Up,
    Event(MarketEvent),
    /// A message was lost (too large, broken): of this symbol, or of an unknown one.
    Lost {
        symbol: Option<Symbol>,
        what: String,
    },
    /// What arrived has another structure than agreed.
    Malformed {
        symbol: Option<Symbol>,
        error: VenueError,
    },
    /// The connection is gone; it is being made again.
    Down {
        reason: String,
    },
    /// This side closed the connection, for good.
    Closed,
    /// The venue refuses the connection or a subscription.
    Refused(VenueError),
}

/// News of a private stream.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum PrivateEvent {
    /// Connected and subscribed, for the first time or again: what was missed must be asked for.
    Up,
    Report(OrderReport),
    /// Only what may have changed.
    Balances {
        balances: Vec<Balance>,
        at: Timestamp,
    },
    /// A deposit, a transfer or, below zero, a withdrawal; zero where funds were locked or released.
    Moved {
        asset: Asset,
        change: Decimal,
        at: Timestamp,
    },
    /// An event could not be understood, so something may have been missed.
    Malformed(VenueError),
    Down {
        reason: String,
    },
    /// This side closed the connection, for good.
    Closed,
    /// The venue refuses the connection or the subscription.
    Refused(VenueError),
}
