//! How the desk stands, in numbers: for people, and for the gate that a resume passes.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::desk::{FlattenHealth, OrderDesk};
use crate::halt::Scope;
use crate::ids::{StrategyId, Symbol};
use crate::journal::Flattened;
use crate::order::OrderState;
use crate::time::Timestamp;

/// What a strategy holds of an instrument, base asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub symbol: Symbol,
    /// Bought less sold; below zero for a short position.
    pub net: Decimal,
    /// The same less fees that were taken in the base asset.
    pub held: Decimal,
}

/// How the orders and positions of one strategy stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StrategyHealth {
    /// Orders that are, or may be, open.
    pub open_orders: u64,
    /// Of those, orders of which it is not known whether the venue has them.
    pub uncertain_orders: u64,
    /// Positions that are not flat.
    pub positions: Vec<Holding>,
}

/// How the desk stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeskHealth {
    /// Every strategy that is seated, and those of earlier runs that have something open.
    pub strategies: BTreeMap<StrategyId, StrategyHealth>,
    /// The private stream is up and everything was reconciled since.
    pub private_stream_live: bool,
    /// When this side and the venue agreed last.
    pub reconciled_at: Option<Timestamp>,
    pub clock_good: bool,
    /// Why the journal takes nothing more.
    pub journal_failed: Option<String>,
    /// Instruments with a fresh reference price.
    pub fresh: BTreeSet<Symbol>,
    /// Scopes of which orders are being cancelled.
    pub sweeping: BTreeSet<Scope>,
    /// Scopes whose strategies are being taken out of their positions.
    pub flattening: BTreeMap<Scope, FlattenHealth>,
    /// What flattens of this run have come to.
    pub flattened: Vec<Flattened>,
    /// Open orders on the account that this engine has not placed.
    pub foreign_orders: u64,
}

impl OrderDesk {
    #[must_use]
    pub fn health(&self) -> DeskHealth {
        let mut strategies: BTreeMap<StrategyId, StrategyHealth> = BTreeMap::new();
        for strategy in self.seats.keys() {
            strategies.entry(*strategy).or_default();
        }
        let unsettled = self.unsettled.iter().filter_map(|id| self.order(id));
        for order in unsettled.filter(|order| order.state.may_be_open()) {
            let health = strategies.entry(order.strategy).or_default();
            health.open_orders += 1;
            health.uncertain_orders += u64::from(order.state == OrderState::Uncertain);
        }
        let positions = self.positions.positions();
        for (strategy, position) in positions.filter(|(_, position)| !position.net().is_zero()) {
            let health = strategies.entry(strategy).or_default();
            health.positions.push(Holding {
                symbol: position.symbol(),
                net: position.net(),
                held: position.held(),
            });
        }
        let fresh = self.references.iter();
        DeskHealth {
            strategies,
            private_stream_live: self.is_private_stream_live(),
            reconciled_at: self.reconciled_at,
            clock_good: self.clock_good,
            journal_failed: self.journal_failed.clone(),
            fresh: fresh
                .filter_map(|(symbol, price)| price.map(|_| *symbol))
                .collect(),
            sweeping: self.sweeps.iter().map(|sweep| sweep.scope).collect(),
            flattening: self.flatten_health(),
            flattened: self.flattened().cloned().collect(),
            foreign_orders: self.foreign().count() as u64,
        }
    }
}
