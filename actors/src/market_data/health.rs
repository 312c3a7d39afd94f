//! How the market data stands, for people and for the gate that a resume passes.

use std::time::Duration;

use actix::{Context, Handler, Message};
use serde::Serialize;
use tripline_engine::ids::Symbol;

use super::MarketData;

/// Ask how the market data stands.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<SymbolHealth>")]
pub struct ReadMarket;

/// Whether there is a book, and whether it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BookHealth {
    /// No strategy wants one.
    None,
    /// It is being built.
    Building,
    Live,
}

/// How the market data of one symbol stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolHealth {
    pub symbol: Symbol,
    /// Since the last message of the venue about it.
    pub age: Duration,
    /// Data has come, and not too long ago to place orders on it.
    pub fresh: bool,
    pub book: BookHealth,
}

impl Handler<ReadMarket> for MarketData {
    type Result = Vec<SymbolHealth>;

    fn handle(&mut self, _: ReadMarket, _: &mut Context<Self>) -> Vec<SymbolHealth> {
        let now = self.settings.sender.clock.now();
        let symbols = self.symbols.values();
        symbols
            .map(|data| data.health(now, self.settings.stale_after))
            .collect()
    }
}
