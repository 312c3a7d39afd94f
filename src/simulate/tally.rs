//! What became of each strategy's orders and money.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rust_decimal::Decimal;
use serde::Serialize;
use tripline_engine::fault::FaultKind;
use tripline_engine::ids::{Asset, StrategyId, Symbol};
use tripline_engine::journal::JournalRecord;

use super::judge::{Ended, Journaled, Record};

/// One strategy, over one seed or many.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct StrategyTally {
    /// At the exchange.
    pub orders: u64,
    /// How they ended there, by the exchange's word for it.
    pub endings: BTreeMap<String, u64>,
    pub fills: u64,
    /// Orders whose outcome was unknown for a while.
    pub uncertain: u64,
    /// Profit in units of the quote asset, everything held valued at the symbol's last price, before fees.
    pub results: BTreeMap<Asset, Spread>,
    pub fees: BTreeMap<Asset, Decimal>,
}

/// A sum over seeds with its extremes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    pub sum: Decimal,
    /// Of one seed.
    pub worst: Decimal,
    pub best: Decimal,
}

impl Spread {
    fn of(value: Decimal) -> Self {
        Self {
            sum: value,
            worst: value,
            best: value,
        }
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.worst = self.worst.min(other.worst);
        self.best = self.best.max(other.best);
    }
}

impl StrategyTally {
    /// Adds what another seed made of it.
    pub(super) fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.fills += other.fills;
        self.uncertain += other.uncertain;
        for (ending, count) in &other.endings {
            *self.endings.entry(ending.clone()).or_default() += count;
        }
        for (asset, spread) in &other.results {
            match self.results.entry(*asset) {
                Entry::Occupied(mut known) => known.get_mut().add(spread),
                Entry::Vacant(new) => drop(new.insert(*spread)),
            }
        }
        for (asset, fee) in &other.fees {
            *self.fees.entry(*asset).or_default() += fee;
        }
    }
}

/// Tallies one seed.
pub(super) fn tally(record: &Record, engines: &[Ended]) -> BTreeMap<StrategyId, StrategyTally> {
    let mut tallies: BTreeMap<StrategyId, StrategyTally> = BTreeMap::new();
    let case = record.case();
    let mut last: BTreeMap<Symbol, (u64, Decimal)> = BTreeMap::new();
    for (id, orders) in &case.orders {
        let Some(origin) = id.origin() else { continue };
        let one = tallies.entry(origin.strategy).or_default();
        for order in orders {
            one.orders += 1;
            one.fills += order.fills.len() as u64;
            *one.endings.entry(order.status.clone()).or_default() += 1;
            for fill in &order.fills {
                let newest = last.entry(order.symbol).or_default();
                *newest = (*newest).max((fill.id, fill.price));
            }
        }
    }
    for id in engines
        .iter()
        .flat_map(|engine| engine.traces.told.uncertain.borrow().clone())
    {
        if let Some(origin) = id.origin() {
            tallies.entry(origin.strategy).or_default().uncertain += 1;
        }
    }
    let report = engines.last().and_then(|engine| engine.report.as_ref());
    let snapshot = report.and_then(|report| report.snapshot.as_ref());
    for held in snapshot.iter().flat_map(|one| &one.desk.positions) {
        let position = &held.position;
        let (_, price) = last.get(&position.symbol()).copied().unwrap_or_default();
        let result = position.cash_flow() + position.net() * price;
        let one = tallies.entry(held.strategy).or_default();
        let known = one.results.entry(position.pair().quote).or_default();
        *known = Spread::of(known.sum + result);
        for (asset, fee) in position.fees() {
            *one.fees.entry(*asset).or_default() += fee;
        }
    }
    tallies
}

/// What halted, by fault kind.
pub(super) fn halts(journal: &Journaled) -> BTreeMap<FaultKind, u64> {
    let mut halts = BTreeMap::new();
    for (_, record) in journal.records() {
        if let JournalRecord::Halted(halted) = record {
            *halts.entry(halted.incident.fault.kind).or_default() += 1;
        }
    }
    halts
}
