//! Reductions: no exit of a flatten, and no order that reduce-only has let through, enlarges a position or turns it
//! round, in the exchange's own record; and each flatten ends.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use tripline_engine::fault::IncidentId;
use tripline_engine::halt::HaltLevel;
use tripline_engine::ids::{ClientOrderId, StrategyId, Symbol};
use tripline_engine::journal::JournalRecord;
use tripline_engine::time::Timestamp;

use super::record::{Case, FillRecord, OrderRecord};
use super::{Ended, Journaled};

/// One fill in the order of the trades.
struct Traded<'a> {
    id: ClientOrderId,
    order: &'a OrderRecord,
    fill: &'a FillRecord,
}

impl Case<'_> {
    /// Each fill of an exit makes its strategy's position smaller. So does each of an order that was handed over
    /// under reduce-only, as long as no resume has let others by.
    pub(super) fn reduced_otherwise(&self, engines: &[Ended], journal: &Journaled) -> Vec<String> {
        let reducing = reducing(engines);
        let resumes: Vec<Timestamp> = times(journal, |record| {
            matches!(record, JournalRecord::Resumed(_))
        });
        let mut wrong = Vec::new();
        for trades in self.trades().values() {
            let mut net = Decimal::ZERO;
            for Traded { id, order, fill } in trades {
                let signed = if order.is_buy() { fill.qty } else { -fill.qty };
                let after = net + signed;
                let filled = Timestamp::from_micros(fill.time);
                let is_let_through = reducing.get(id).is_some_and(|at| {
                    // What was resumed in the same moment may have been handed over before or after.
                    let mut between = resumes.iter().filter(|one| *at <= **one);
                    !between.any(|one| *one <= filled)
                });
                let shrinks = after.abs() < net.abs()
                    && (after.is_zero() || after.is_sign_negative() == net.is_sign_negative());
                if (id.is_exit() || is_let_through) && !shrinks {
                    wrong.push(format!(
                        "{id} was to reduce a position of {net} and made it {after}"
                    ));
                }
                net = after;
            }
        }
        wrong
    }

    /// The fills of each strategy on each symbol, in the order of the trades.
    fn trades(&self) -> BTreeMap<(StrategyId, Symbol), Vec<Traded<'_>>> {
        let mut trades: BTreeMap<_, Vec<Traded<'_>>> = BTreeMap::new();
        for (id, orders) in &self.orders {
            let Some(origin) = id.origin() else { continue };
            for order in orders {
                let place = trades.entry((origin.strategy, order.symbol)).or_default();
                place.extend(order.fills.iter().map(|fill| Traded {
                    id: *id,
                    order,
                    fill,
                }));
            }
        }
        for one in trades.values_mut() {
            one.sort_by_key(|traded| traded.fill.id);
        }
        trades
    }
}

/// Orders that were handed over under reduce-only, with when.
fn reducing(engines: &[Ended]) -> BTreeMap<ClientOrderId, Timestamp> {
    let mut reducing = BTreeMap::new();
    for engine in engines {
        let handed_over = engine.traces.handed_over.borrow();
        let let_through = handed_over
            .iter()
            .filter(|one| one.level == HaltLevel::ReduceOnly);
        reducing.extend(let_through.map(|one| (one.id, one.at)));
    }
    reducing
}

fn times(journal: &Journaled, is_meant: impl Fn(&JournalRecord) -> bool) -> Vec<Timestamp> {
    let records = journal.records.iter();
    let meant = records.filter(|(_, record)| is_meant(record));
    meant.map(|(at, _)| *at).collect()
}

/// Each flatten that was ordered has ended, through every restart. Of a run whose journal had failed that may not
/// be written down.
pub(super) fn unfinished(engines: &[Ended], journal: &Journaled) -> Vec<String> {
    if engines.iter().any(|engine| engine.is_forgetful) {
        return Vec::new();
    }
    let mut ordered = BTreeMap::new();
    let mut ended: BTreeSet<IncidentId> = BTreeSet::new();
    for (_, record) in &journal.records {
        match record {
            JournalRecord::Halted(halted) if halted.incident.reaction.flattens() => {
                ordered.insert(halted.incident.id, &halted.incident);
            }
            JournalRecord::Flattened(flattened) => ended.extend(&flattened.incidents),
            _ => {}
        }
    }
    let unfinished = ordered.iter().filter(|(id, _)| !ended.contains(id));
    unfinished
        .map(|(id, incident)| {
            format!(
                "the flatten of incident {id} has not ended: {}",
                incident.fault
            )
        })
        .collect()
}
