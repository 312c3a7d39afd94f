//! Orders: none twice, none after the latch, none that is not written down, none believed otherwise.

use std::collections::{BTreeMap, BTreeSet};

use tripline_engine::halt::HaltLevel;
use tripline_engine::ids::{ClientOrderId, RunId};
use tripline_engine::journal::JournalRecord;
use tripline_engine::order::{Order, OrderState};

use super::record::{Case, FillFacts, FillRecord, OrderRecord, facts};
use super::{Ended, Journaled};
use crate::running::ExitReport;
use crate::simulate::engine::HandedOver;

/// No order is placed on an instrument while one of its orders is uncertain: from the record that says so to the one
/// that tells what became of it, across restarts.
pub(super) fn placed_while_frozen(journal: &Journaled) -> Vec<String> {
    let (mut symbols, mut uncertain) = (BTreeMap::new(), BTreeSet::new());
    let mut wrong = Vec::new();
    for (_, record) in &journal.records {
        match record {
            JournalRecord::Intent(intent) => {
                let symbol = intent.terms.symbol;
                symbols.insert(intent.id, symbol);
                let mut unclear = uncertain.iter();
                if let Some(unclear) = unclear.find(|id| symbols.get(*id) == Some(&symbol)) {
                    wrong.push(format!(
                        "{} was placed while {unclear} was uncertain",
                        intent.id
                    ));
                }
            }
            JournalRecord::Uncertain(now) => drop(uncertain.insert(now.id)),
            JournalRecord::Resolved(now) => drop(uncertain.remove(&now.id)),
            _ => {}
        }
    }
    wrong
}

impl Case<'_> {
    /// No intent has two orders at the exchange, or was sent twice.
    pub(super) fn doubled(&self) -> Vec<String> {
        let orders = self.orders.iter().filter(|(_, orders)| orders.len() > 1);
        let doubled = orders.map(|(id, orders)| format!("{id} has {} orders", orders.len()));
        let sent = self.arrivals.iter().filter(|(_, times)| **times > 1);
        let twice = sent.map(|(id, times)| format!("{id} was placed {times} times"));
        doubled.chain(twice).collect()
    }

    /// Of the orders that were handed to the socket after the latch, none is at the exchange.
    pub(super) fn after_the_latch(&self, engine: &Ended) -> Vec<String> {
        let handed_over = engine.traces.handed_over.borrow();
        // What reduces is judged by its fills.
        let may = |one: &HandedOver| match one.level {
            HaltLevel::Active | HaltLevel::ReduceOnly => true,
            HaltLevel::Halted => one.id.is_exit(),
        };
        let late = handed_over
            .iter()
            .filter(|one| !may(one) && self.orders.contains_key(&one.id));
        late.map(|one| {
            format!(
                "{} was handed over while its strategy was {}",
                one.id, one.level
            )
        })
        .collect()
    }

    pub(super) fn without_a_private_stream(&self, engine: &Ended) -> Vec<String> {
        let handed_over = engine.traces.handed_over.borrow();
        let blind = handed_over.iter().filter(|one| one.is_blind);
        blind
            .map(|one| format!("{} was handed over without a private stream", one.id))
            .collect()
    }

    /// Every order was written down before it was sent: what arrived was intended.
    pub(super) fn not_written_down(&self, journal: &Journaled) -> Vec<String> {
        let records = journal.records.iter();
        let intended: BTreeSet<ClientOrderId> = records
            .filter_map(|(_, record)| match record {
                JournalRecord::Intent(intent) => Some(intent.id),
                _ => None,
            })
            .collect();
        let arrived = self.arrivals.keys().chain(self.orders.keys());
        let missing: BTreeSet<_> = arrived.filter(|id| !intended.contains(*id)).collect();
        missing
            .into_iter()
            .map(|id| format!("{id} was sent and is not in the journal"))
            .collect()
    }

    /// What the journal adds up to is what the exchange has.
    pub(super) fn believed_otherwise(&self, journal: &Journaled) -> Vec<String> {
        let unsettled = journal.state.orders.unsettled();
        let known: BTreeMap<_, _> = unsettled.map(|one| (one.order.id, &one.order)).collect();
        let mut wrong = Vec::new();
        for (id, orders) in &self.orders {
            for order in orders {
                match known.get(id) {
                    Some(known) => wrong.extend(difference("in the journal", known, order)),
                    None if order.is_open() => {
                        wrong.push(format!("{id} is open at the exchange, not in the journal"));
                    }
                    None => {}
                }
            }
        }
        wrong
    }

    /// Orders of the last run and what is open are the same on both sides, to the last digit.
    pub(super) fn differences(&self, run: Option<RunId>, report: &ExitReport) -> Vec<String> {
        let Some(snapshot) = &report.snapshot else {
            return vec!["the gateway did not answer at the stop".into()];
        };
        let orders = snapshot.desk.orders.iter();
        let known: BTreeMap<_, _> = orders.map(|order| (order.id, order)).collect();
        let is_of_run = |id: &ClientOrderId| id.origin().map(|origin| origin.run) == run;
        let mut wrong = Vec::new();
        for (id, orders) in &self.orders {
            for order in orders {
                match known.get(id) {
                    Some(known) => wrong.extend(difference("here", known, order)),
                    None if is_of_run(id) || order.is_open() => wrong.push(format!(
                        "{id} is {} at the exchange and not known to the engine",
                        order.status
                    )),
                    None => {}
                }
            }
        }
        for order in known.values() {
            let never_there = matches!(order.state, OrderState::Denied | OrderState::Rejected);
            if !never_there && !self.orders.contains_key(&order.id) {
                let (id, state) = (order.id, order.state);
                wrong.push(format!(
                    "{id} is {state:?} in the engine and not at the exchange"
                ));
            }
        }
        wrong
    }
}

fn difference(place: &str, order: &Order, recorded: &OrderRecord) -> Option<String> {
    let mut here: Vec<FillFacts> = order.fills().iter().map(facts).collect();
    let mut there: Vec<_> = recorded.fills.iter().map(FillRecord::facts).collect();
    here.sort_unstable();
    there.sort_unstable();
    let same = order.state == recorded.state()
        && order.executed().value() == recorded.executed_qty
        && order.terms.quantity.value() == recorded.orig_qty
        && here == there;
    (!same).then(|| {
        format!(
            "{}: {:?} with {} of {} executed in {here:?} {place}, {} with {} of {} executed in {there:?} at the exchange",
            order.id,
            order.state,
            order.executed(),
            order.terms.quantity,
            recorded.status,
            recorded.executed_qty,
            recorded.orig_qty,
        )
    })
}
