//! Fills: each booked once and told once, and positions and balances that add up to the exchange's.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use tripline_engine::ids::{ClientOrderId, StrategyId, Symbol, TradeId};
use tripline_engine::journal::JournalRecord;
use tripline_engine::time::Timestamp;

use super::record::{Case, FillFacts, FillRecord, facts};
use super::{Ended, Journaled};
use crate::running::ExitReport;

impl Case<'_> {
    /// The fills that the journal has are those of the exchange, each once and to the last digit.
    pub(super) fn fills_booked_otherwise(&self, journal: &Journaled) -> Vec<String> {
        let mut booked: BTreeMap<ClientOrderId, Vec<FillFacts>> = BTreeMap::new();
        for (_, record) in &journal.records {
            if let JournalRecord::Filled(filled) = record {
                booked
                    .entry(filled.id)
                    .or_default()
                    .push(facts(&filled.fill));
            }
        }
        let ids: BTreeSet<_> = self.orders.keys().chain(booked.keys()).copied().collect();
        let mut wrong = Vec::new();
        for id in ids {
            let orders = self.orders.get(&id).into_iter().flatten();
            let fills = orders.flat_map(|order| &order.fills);
            let mut there: Vec<_> = fills.map(FillRecord::facts).collect();
            let mut here = booked.remove(&id).unwrap_or_default();
            there.sort_unstable();
            here.sort_unstable();
            if here != there {
                wrong.push(format!(
                    "{id}: fills {here:?} in the journal, {there:?} at the exchange"
                ));
            }
        }
        wrong
    }

    /// Every fill reached a strategy once, over all runs. Two ways are open to one that did not: its run
    /// crashed in the moment in which it was booked, so that its strategy was gone; or it was told by a run
    /// whose journal had failed, and again by the next one, which could not know.
    pub(super) fn fills_told_otherwise(
        &self,
        engines: &[Ended],
        journal: &Journaled,
    ) -> Vec<String> {
        let booked = booked_at(journal);
        let mut told: BTreeMap<(ClientOrderId, TradeId), u32> = BTreeMap::new();
        for engine in engines {
            for (fill, one) in &*engine.traces.told.fills.borrow() {
                let is_lost =
                    engine.is_forgetful && booked.get(fill).is_none_or(|at| *at > engine.at);
                if !is_lost || one.times > 1 {
                    *told.entry(*fill).or_default() += one.times;
                }
            }
        }
        let mut wrong = Vec::new();
        for ((id, trade), times) in &told {
            if *times > 1 {
                wrong.push(format!("trade {trade} of {id} was told {times} times"));
            }
        }
        for (id, orders) in &self.orders {
            for fill in orders.iter().flat_map(|order| &order.fills) {
                let place = (*id, TradeId(fill.id));
                let died = booked.get(&place).is_some_and(|at| {
                    let crashed = engines.iter().filter(|engine| engine.report.is_none());
                    crashed.map(|engine| engine.at).any(|end| end == *at)
                });
                if !told.contains_key(&place) && !died {
                    wrong.push(format!("trade {} of {id} was told to nobody", fill.id));
                }
            }
        }
        wrong
    }

    /// Each strategy's net position is what the exchange recorded of its orders, over all runs.
    pub(super) fn positions_otherwise(&self, report: &ExitReport) -> Vec<String> {
        let Some(snapshot) = &report.snapshot else {
            return Vec::new(); // Told already.
        };
        let mut there: BTreeMap<(StrategyId, Symbol), Decimal> = BTreeMap::new();
        for (id, orders) in &self.orders {
            let Some(origin) = id.origin() else { continue };
            for order in orders {
                let executed = order.fills.iter().map(|fill| fill.qty).sum::<Decimal>();
                let net = there.entry((origin.strategy, order.symbol)).or_default();
                *net += if order.is_buy() { executed } else { -executed };
            }
        }
        let positions = snapshot.desk.positions.iter();
        let here: BTreeMap<_, _> = positions
            .map(|one| ((one.strategy, one.position.symbol()), one.position.net()))
            .collect();
        let places: BTreeSet<_> = there.keys().chain(here.keys()).collect();
        let of = |nets: &BTreeMap<_, Decimal>, place| nets.get(place).copied().unwrap_or_default();
        places
            .into_iter()
            .filter(|place| of(&here, place) != of(&there, place))
            .map(|place| {
                let (strategy, symbol) = place;
                let (here, there) = (of(&here, place), of(&there, place));
                format!("{strategy} holds {here} of {symbol} here and {there} at the exchange")
            })
            .collect()
    }

    /// What the engine expects the account to hold is what the exchange has, to the last digit.
    pub(super) fn balances_otherwise(&self, report: &ExitReport) -> Vec<String> {
        let snapshot = report.snapshot.as_ref();
        let Some(expected) = snapshot.map(|snapshot| &snapshot.desk.expected_balances) else {
            return Vec::new(); // Told already.
        };
        let there = self.balances.iter();
        there
            .filter_map(|balance| {
                let wanted = balance.free + balance.locked;
                let here = expected.get(&balance.asset).copied().unwrap_or_default();
                (here != wanted).then(|| {
                    let asset = balance.asset;
                    format!("the balance of {asset} is {here} here and {wanted} at the exchange")
                })
            })
            .collect()
    }
}

/// When each fill was booked, by the engine's time in milliseconds.
fn booked_at(journal: &Journaled) -> BTreeMap<(ClientOrderId, TradeId), Timestamp> {
    let records = journal.records.iter();
    records
        .filter_map(|(at, record)| match record {
            JournalRecord::Filled(filled) => Some((
                (filled.id, filled.fill.trade_id),
                Timestamp::from_millis(at.as_millis()),
            )),
            _ => None,
        })
        .collect()
}
