//! What the records add up to: a pure fold, which a restart begins with.

use serde::{Deserialize, Serialize};

use super::record::{JournalRecord, RunStarted};
use super::{
    AlertsMemory, BalancesMemory, HaltsMemory, LimitsMemory, OrdersMemory, PositionsMemory,
};
use crate::ids::RunId;
use crate::time::Timestamp;

/// The version of what a fold gives. A stored state of another version is not gone on from: the records
/// are folded anew.
pub const STATE_VERSION: u16 = 3;

/// The run that started last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    pub run: RunId,
    pub engine: String,
    pub configuration: String,
    pub started: Timestamp,
    /// When it ended in order; `None` when it was killed, crashed or still runs.
    pub ended: Option<Timestamp>,
}

/// What the earlier runs have left. Records may come twice: duplicates change nothing. It serializes, so
/// that a later fold can go on from it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JournalState {
    pub orders: OrdersMemory,
    #[serde(default)]
    pub positions: PositionsMemory,
    #[serde(default)]
    pub balances: BalancesMemory,
    pub halts: HaltsMemory,
    pub alerts: AlertsMemory,
    #[serde(default)]
    pub limits: LimitsMemory,
    pub last_run: Option<LastRun>,
}

impl JournalState {
    /// What records add up to.
    pub fn fold<'a>(records: impl IntoIterator<Item = (Timestamp, &'a JournalRecord)>) -> Self {
        let mut state = Self::default();
        for (at, record) in records {
            state.apply(at, record);
        }
        state
    }

    /// Takes the next record.
    pub fn apply(&mut self, at: Timestamp, record: &JournalRecord) {
        match record {
            JournalRecord::RunStarted(started) => self.started(started, at),
            JournalRecord::Intent(intent) => self.orders.intend(intent),
            JournalRecord::Sent(sent) => self.orders.handed_over(&sent.id),
            JournalRecord::Answered(answered) => self.orders.answered(answered, at),
            JournalRecord::Reported(reported) => self.orders.reported(reported, at),
            JournalRecord::Filled(filled) => {
                self.orders.filled(filled, at);
                self.positions.filled(filled);
                self.balances.filled(filled);
            }
            JournalRecord::Traded(traded) => self.balances.traded(traded),
            JournalRecord::Found(found) => self.orders.found(&found.report.id),
            JournalRecord::Moved(moved) => self.balances.moved(moved),
            JournalRecord::BalancesTaken(taken) => self.balances.taken(taken),
            JournalRecord::Uncertain(uncertain) => self.orders.lost(&uncertain.id, at),
            JournalRecord::Resolved(resolved) => self.orders.resolved(resolved, at),
            JournalRecord::Halted(halted) => self.halts.halted(halted),
            JournalRecord::Resumed(resumed) => {
                self.halts.resumed(&resumed.resume);
                self.alerts.resumed(&resumed.resume);
            }
            JournalRecord::Flattened(flattened) => self.halts.flattened(flattened),
            JournalRecord::Alerted(alerted) => self.alerts.alerted(alerted, at),
            JournalRecord::Reconciled(reconciled) => self.balances.reconciled(reconciled),
            JournalRecord::LimitSet(set) => self.limits.set(set),
            JournalRecord::LossMarked(marked) => self.limits.marked(marked),
            // For people who read the journal.
            JournalRecord::ForeignSeen(_)
            | JournalRecord::Damaged(_)
            | JournalRecord::Denied(_)
            | JournalRecord::Tripped(_) => {}
            JournalRecord::RunEnded(ended) => {
                let last = self.last_run.as_mut().filter(|last| last.run == ended.run);
                if let Some(last) = last {
                    last.ended.get_or_insert(at);
                }
            }
        }
    }

    /// Whether the last run ended in order; so does a journal without one.
    #[must_use]
    pub fn ended_in_order(&self) -> bool {
        self.last_run
            .as_ref()
            .is_none_or(|last| last.ended.is_some())
    }

    fn started(&mut self, started: &RunStarted, at: Timestamp) {
        if self.orders.is_used(&started.run) {
            return;
        }
        self.orders.begin(started.run, at);
        self.last_run = Some(LastRun {
            run: started.run,
            engine: started.engine.clone(),
            configuration: started.configuration.clone(),
            started: at,
            ended: None,
        });
    }
}

#[cfg(test)]
mod tests;
