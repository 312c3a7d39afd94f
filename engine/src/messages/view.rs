//! What strategies receive of a book that the engine keeps.

use std::sync::Arc;

use crate::ids::Symbol;
use crate::money::Price;
use crate::time::Timestamp;

use super::market::Level;
use super::message;

message! {
    /// The best levels of a live book after a change. Cloning shares the levels.
    #[derive(PartialEq, Eq)]
    pub struct BookView {
        pub symbol: Symbol,
        /// Best (highest) first.
        pub bids: Arc<[Level]>,
        /// Best (lowest) first.
        pub asks: Arc<[Level]>,
        pub update_id: u64,
        pub received: Timestamp,
    }
}

impl BookView {
    /// The `n`-th bid, counted from 1; `None` when the book is not that deep.
    #[must_use]
    pub fn bid(&self, n: usize) -> Option<Level> {
        self.bids.get(n.checked_sub(1)?).copied()
    }

    /// The `n`-th ask, counted from 1; `None` when the book is not that deep.
    #[must_use]
    pub fn ask(&self, n: usize) -> Option<Level> {
        self.asks.get(n.checked_sub(1)?).copied()
    }

    /// The middle between the best bid and the best ask, not on the tick grid.
    #[must_use]
    pub fn mid(&self) -> Option<Price> {
        self.bid(1)?.price.mean(self.ask(1)?.price).ok()
    }
}

message! {
    /// The price that the venue's percent and market-notional filters are held against: the middle of
    /// the touch, at most once a second. `None` says that the instrument's data is not fresh: nothing is
    /// placed on it until a price comes again.
    #[derive(Copy, PartialEq, Eq)]
    pub struct ReferenceChanged {
        pub symbol: Symbol,
        pub price: Option<Price>,
        /// When the data was received that it is taken from.
        pub at: Timestamp,
    }
}

message! {
    /// The book is being rebuilt: its last view must not be used.
    #[derive(Copy, PartialEq, Eq)]
    pub struct BookLost {
        pub symbol: Symbol,
    }
}
