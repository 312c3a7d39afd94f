//! The local order book of one symbol: a snapshot plus the diffs after it, in the venue's documented
//! order (Binance Spot "How to manage a local order book correctly", USDⓈ-M the same with `pu`).
//!
//! A [`Book`] is `syncing` until a snapshot fits the diffs it has buffered, then `live`; a missing diff
//! makes it `broken`, which throws all levels away. Diffs are buffered while it is not live, so that
//! the next snapshot makes it live again. Only a live book shows its levels ([`Book::live`]).
//!
//! Levels outside the snapshot's depth (5000 a side on Spot, 1000 on futures) stay unknown until they
//! change.

mod ladder;
mod state;
mod sync;

pub use ladder::{Ladder, Levels};
pub use state::{BookCounters, BookState, BreakReason, ChangeOutcome, SnapshotOutcome};
pub use sync::{Book, ChainRule};

use thiserror::Error;

use crate::messages::market::Level;
use crate::money::{MoneyError, Price};

/// Bid and ask levels that belong together.
#[derive(Debug, Clone)]
pub struct Depth {
    bids: Ladder,
    asks: Ladder,
}

/// The best bid is at or above the best ask, which a consistent book never shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("crossed book: best bid {bid} is not below best ask {ask}")]
pub struct Crossed {
    pub bid: Price,
    pub ask: Price,
}

/// A price of the venue that no ladder can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("price {price} has more than 18 decimals or is above 3e20")]
pub struct PriceRange {
    pub price: Price,
}

impl Depth {
    const fn new() -> Self {
        Self {
            bids: Ladder::bids(),
            asks: Ladder::asks(),
        }
    }

    fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    fn set(&mut self, bids: &[Level], asks: &[Level]) -> Result<(), PriceRange> {
        for level in bids {
            self.bids
                .set(*level)
                .ok_or(PriceRange { price: level.price })?;
        }
        for level in asks {
            self.asks
                .set(*level)
                .ok_or(PriceRange { price: level.price })?;
        }
        Ok(())
    }

    #[must_use]
    pub const fn bids(&self) -> &Ladder {
        &self.bids
    }

    #[must_use]
    pub const fn asks(&self) -> &Ladder {
        &self.asks
    }

    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.best()
    }

    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.best()
    }

    /// The mean of best bid and best ask; `None` while a side is empty.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn mid(&self) -> Result<Option<Price>, MoneyError> {
        match (self.best_bid(), self.best_ask()) {
            (Some(bid), Some(ask)) => bid.price.mean(ask.price).map(Some),
            _ => Ok(None),
        }
    }

    /// Says how the book is crossed; `None` for a sound one.
    #[must_use]
    pub fn crossed(&self) -> Option<Crossed> {
        let (bid, ask) = (self.best_bid()?.price, self.best_ask()?.price);
        (bid >= ask).then_some(Crossed { bid, ask })
    }
}

#[cfg(test)]
mod tests;
