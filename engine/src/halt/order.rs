//! What must be in order before a halt is lifted.

use std::fmt;

use crate::ids::Symbol;

/// Something that is not in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amiss {
    /// The market data of an instrument does not arrive.
    Data(Symbol),
    /// The book of an instrument is being built.
    Book(Symbol),
    PrivateStream,
    Clock,
    /// The journal takes nothing, for this reason.
    Journal(String),
    /// No order can be handed to the venue, for this reason.
    Orders(String),
    /// Strategies of the scope are being taken out of their positions.
    Flattening,
    /// The trading side does not answer.
    Silent,
}

impl Amiss {
    /// The stable word of what is amiss.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Data(_) => "market_data",
            Self::Book(_) => "book",
            Self::PrivateStream => "private_stream",
            Self::Clock => "clock",
            Self::Journal(_) => "journal",
            Self::Orders(_) => "orders",
            Self::Flattening => "flattening",
            Self::Silent => "silent",
        }
    }
}

impl fmt::Display for Amiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(symbol) => write!(f, "market data of {symbol} does not arrive"),
            Self::Book(symbol) => write!(f, "the book of {symbol} is not live"),
            Self::PrivateStream => f.write_str("the private stream is not live"),
            Self::Clock => f.write_str("the clock is off or not known"),
            Self::Journal(why) => write!(f, "the journal has failed: {why}"),
            Self::Orders(why) => write!(f, "no order can be handed over: {why}"),
            Self::Flattening => f.write_str("its positions are being closed"),
            Self::Silent => f.write_str("the trading side does not answer"),
        }
    }
}
