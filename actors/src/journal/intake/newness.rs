//! The last look before an intent is written down: a client order id is used once, and only in the run
//! that is under way. The desk sees to that too; here a mistake of it costs a halt instead of an order
//! that is sent twice.

use std::collections::{BTreeMap, BTreeSet};

use tripline_engine::ids::{RunId, StrategyId, UsedIds};
use tripline_engine::journal::{JournalError, JournalRecord};

#[derive(Debug, Default)]
pub(in super::super) struct Newness {
    /// Runs that are in the journal.
    used: BTreeSet<RunId>,
    run: Option<RunId>,
    /// What each strategy has used in the run that is under way.
    last: BTreeMap<StrategyId, UsedIds>,
}

impl Newness {
    pub fn new(used: impl IntoIterator<Item = RunId>) -> Self {
        Self {
            used: used.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Takes a run or a client order id out of circulation.
    ///
    /// # Errors
    /// [`JournalError::RunUsed`] or [`JournalError::NotNew`].
    pub fn admit(&mut self, record: &JournalRecord) -> Result<(), JournalError> {
        match record {
            JournalRecord::RunStarted(started) => {
                if !self.used.insert(started.run) {
                    return Err(JournalError::RunUsed { run: started.run });
                }
                self.run = Some(started.run);
                self.last.clear();
                Ok(())
            }
            JournalRecord::Intent(intent) => {
                let origin = intent.id.origin().filter(|origin| {
                    Some(origin.run) == self.run && origin.strategy == intent.strategy
                });
                let origin = origin.ok_or(JournalError::NotNew { id: intent.id })?;
                match self.last.entry(origin.strategy).or_default().take(&origin) {
                    true => Ok(()),
                    false => Err(JournalError::NotNew { id: intent.id }),
                }
            }
            _ => Ok(()),
        }
    }
}
