//! The halt: a latch that stops orders at the socket, and the standing incidents behind it.
//!
//! A [`HaltBoard`] is shared by every actor. Setting a halt is a store that the gateway reads in the
//! same poll that hands an order's first byte to the socket, so that "after the latch" is exact.

mod board;
mod membership;
mod name;
mod order;
mod policy;
mod purpose;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, StrategyId, Symbol, VenueId};

pub(crate) use board::INCIDENTS_KEPT;
pub use board::{Gate, HaltBoard, Incident, ResumeRefused, Standing};
pub use membership::{Instruments, Membership};
pub use name::{ScopeName, ScopeNameError};
pub use order::Amiss;
pub use policy::{HaltPolicy, Reaction};
pub use purpose::{Purpose, reduces, room_to_reduce};

/// Whom a fault or a halt concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Strategy(StrategyId),
    Instrument(Symbol),
    Account(AccountId),
    Venue(VenueId),
    Global,
}

impl Scope {
    /// How much it takes in: of two, the wider one has the greater width.
    #[must_use]
    pub const fn width(&self) -> u8 {
        match self {
            Self::Strategy(_) | Self::Instrument(_) => 0,
            Self::Account(_) => 1,
            Self::Venue(_) => 2,
            Self::Global => 3,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strategy(id) => write!(f, "strategy {id}"),
            Self::Instrument(symbol) => write!(f, "instrument {symbol}"),
            Self::Account(id) => write!(f, "account {id}"),
            Self::Venue(id) => write!(f, "venue {id}"),
            Self::Global => f.write_str("everything"),
        }
    }
}

/// What is still allowed, strictest last.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum HaltLevel {
    #[default]
    Active,
    /// Orders that provably reduce a position of their strategy, and cancels.
    ReduceOnly,
    /// Cancels, and the exits of a flatten that is under way.
    Halted,
}

impl fmt::Display for HaltLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::ReduceOnly => "reduce-only",
            Self::Halted => "halted",
        })
    }
}

#[cfg(test)]
mod tests;
