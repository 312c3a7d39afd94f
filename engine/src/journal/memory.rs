//! A journal that lives in memory: for tests, and for engines that are not to remember.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{JournalError, JournalPort, JournalRecord, Sequence};
use crate::ports::Answer;
use crate::time::Timestamp;

#[derive(Debug, Default)]
struct Kept {
    records: Vec<(Timestamp, JournalRecord)>,
    failure: Option<JournalError>,
}

/// Keeps every record until it is dropped.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Kept>);

impl MemoryJournal {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was appended so far.
    #[must_use]
    pub fn records(&self) -> Vec<(Timestamp, JournalRecord)> {
        self.kept().records.clone()
    }

    /// From now on every call fails with this.
    pub fn fail(&self, error: JournalError) {
        self.kept().failure = Some(error);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A poisoned lock means that a thread panicked while it held a plain list: the list is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JournalPort for MemoryJournal {
    fn append(&self, records: &[JournalRecord], at: Timestamp) -> Result<Sequence, JournalError> {
        let mut kept = self.kept();
        if let Some(failure) = &kept.failure {
            return Err(failure.clone());
        }
        kept.records
            .extend(records.iter().map(|record| (at, record.clone())));
        Ok(Sequence(kept.records.len() as u64))
    }

    fn durable(&self, _: Sequence) -> Option<Answer<Result<(), JournalError>>> {
        None
    }

    fn health(&self) -> Result<(), JournalError> {
        self.kept().failure.clone().map_or(Ok(()), Err)
    }
}
