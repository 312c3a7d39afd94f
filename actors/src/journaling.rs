//! Writing to the journal from any actor. An engine without one remembers nothing.

use std::sync::Arc;

use tripline_engine::journal::{JournalError, JournalPort, JournalRecord, Sequence};
use tripline_engine::ports::Answer;
use tripline_engine::time::Timestamp;

/// The journal of an engine, or none. Cloning shares it.
#[derive(Clone, Default)]
pub struct Journaling(Option<Arc<dyn JournalPort + Send + Sync>>);

impl Journaling {
    /// Remembers nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    #[must_use]
    pub fn to(journal: Arc<dyn JournalPort + Send + Sync>) -> Self {
        Self(Some(journal))
    }

    /// See [`JournalPort::append`].
    ///
    /// # Errors
    /// [`JournalError`]: the caller halts.
    pub fn append(
        &self,
        records: &[JournalRecord],
        at: Timestamp,
    ) -> Result<Option<Sequence>, JournalError> {
        match &self.0 {
            Some(journal) if !records.is_empty() => journal.append(records, at).map(Some),
            _ => Ok(None),
        }
    }

    /// See [`JournalPort::durable`].
    #[must_use]
    pub fn durable(&self, through: Option<Sequence>) -> Option<Answer<Result<(), JournalError>>> {
        self.0.as_ref()?.durable(through?)
    }

    /// See [`JournalPort::health`].
    ///
    /// # Errors
    /// The first failure.
    pub fn health(&self) -> Result<(), JournalError> {
        self.0.as_ref().map_or(Ok(()), |journal| journal.health())
    }
}

impl std::fmt::Debug for Journaling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.0.is_some() { "some" } else { "none" };
        f.debug_tuple("Journaling").field(&kind).finish()
    }
}
