//! The judge: holds what the engine believes, told and wrote down against the exchange's own record.

mod fills;
mod halts;
mod orders;
mod record;
mod reductions;
#[cfg(test)]
mod tests;

use tripline_actors::journal::Entry;
use tripline_engine::ids::RunId;
use tripline_engine::journal::{JournalRecord, JournalState};
use tripline_engine::time::Timestamp;

use super::engine::{Standings, Traces};
use crate::running::ExitReport;

pub(super) use record::Record;

/// How one start of the engine ended.
pub(super) struct Ended {
    pub(super) traces: Traces,
    /// `None` when it never ran.
    pub(super) run: Option<RunId>,
    /// When it ended, by the engine's time.
    pub(super) at: Timestamp,
    /// What was halted at its end; `None` when it never ran.
    pub(super) halted: Option<Standings>,
    /// Its journal had failed: what happened from then on may not be written down.
    pub(super) is_forgetful: bool,
    /// `None` for one that crashed.
    pub(super) report: Option<ExitReport>,
}

/// The journal at the end of everything.
pub(super) struct Journaled {
    records: Vec<(Timestamp, JournalRecord)>,
    state: JournalState,
}

impl Journaled {
    /// Everything that was written down, with its time.
    pub(super) fn records(&self) -> &[(Timestamp, JournalRecord)] {
        &self.records
    }

    /// # Errors
    /// A record that cannot be read, in words.
    pub(super) fn read(entries: &[Entry]) -> Result<Self, String> {
        let records: Result<Vec<_>, _> = entries
            .iter()
            .map(|entry| entry.record().map(|record| (entry.at, record)))
            .collect();
        let records = records.map_err(|damage| format!("the journal: {damage}"))?;
        let state = JournalState::fold(records.iter().map(|(at, record)| (*at, record)));
        Ok(Self { records, state })
    }
}

impl Record {
    /// Everything that is not as it has to be, in words.
    pub(super) fn judge(&self, engines: &[Ended], journal: &Journaled) -> Vec<String> {
        let case = self.case();
        let mut wrong = case.doubled();
        wrong.extend(case.not_written_down(journal));
        wrong.extend(orders::placed_while_frozen(journal));
        wrong.extend(case.believed_otherwise(journal));
        wrong.extend(case.fills_booked_otherwise(journal));
        wrong.extend(case.fills_told_otherwise(engines, journal));
        wrong.extend(case.reduced_otherwise(engines, journal));
        wrong.extend(reductions::unfinished(engines, journal));
        wrong.extend(halts::forgotten(engines));
        wrong.extend(halts::without_an_alert(engines, journal));
        wrong.extend(halts::elsewhere(journal));
        for engine in engines {
            wrong.extend(case.after_the_latch(engine));
            wrong.extend(case.without_a_private_stream(engine));
            wrong.extend(halts::unseen_panics(engine, journal));
            wrong.append(&mut engine.traces.told.wrong.borrow_mut());
        }
        if let Some(engine) = engines.last()
            && let Some(report) = &engine.report
        {
            wrong.extend(case.differences(engine.run, report));
            wrong.extend(case.positions_otherwise(report));
            wrong.extend(case.balances_otherwise(report));
        }
        wrong
    }
}
