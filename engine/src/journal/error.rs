//! How the journal fails, and what can be wrong with its files.

use std::time::Duration;

use thiserror::Error;

use super::Sequence;
use crate::ids::{ClientOrderId, RunId};

/// Why the journal cannot be opened or written. The caller turns it into a halt.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JournalError {
    #[error(
        "{path} is used by another engine ({holder}): stop that one first, or give this one a journal of its own"
    )]
    InUse { path: String, holder: String },
    #[error("{path} is not a journal of this engine: {reason}")]
    Foreign { path: String, reason: String },
    #[error(
        "{path} was written by a newer engine (format {found}, this one knows {known}): use that engine"
    )]
    Newer {
        path: String,
        found: i64,
        known: i64,
    },
    /// What was written cannot be trusted. Nothing is repaired on its own.
    #[error(
        "{path} is damaged: {damage}; keep its files, look at the venue for orders that it may have forgotten, and start with a new journal"
    )]
    Damaged { path: String, damage: Damage },
    #[error("{doing} {path} failed: {reason}")]
    Io {
        doing: &'static str,
        path: String,
        reason: String,
    },
    #[error("the disk is full: {doing} {path} failed")]
    Full { doing: &'static str, path: String },
    /// Another program holds the database.
    #[error("{path} is locked by another program: {reason}")]
    Locked { path: String, reason: String },
    /// Not dead, and not fit to trade with.
    #[error("{doing} took {took:?}, more than {bound:?}")]
    Slow {
        doing: &'static str,
        took: Duration,
        bound: Duration,
    },
    #[error("{waiting} records wait to be stored, and there is no room for more")]
    Behind { waiting: u64 },
    #[error("a record of {bytes} bytes is larger than {bound}")]
    TooLarge { bytes: usize, bound: usize },
    #[error("a record cannot be written as JSON: {reason}")]
    Unwritable { reason: String },
    #[error("client order id {id} is not a new one of this run")]
    NotNew { id: ClientOrderId },
    #[error("run {run} is in the journal already")]
    RunUsed { run: RunId },
    /// Nothing is tried again after a failure.
    #[error("the journal is dead since: {cause}")]
    Dead { cause: Box<JournalError> },
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    /// Whether it is no failure of the journal itself.
    #[must_use]
    pub const fn is_refusal_or_slow(&self) -> bool {
        matches!(
            self,
            Self::Slow { .. }
                | Self::TooLarge { .. }
                | Self::Unwritable { .. }
                | Self::NotNew { .. }
                | Self::RunUsed { .. }
                | Self::Closed
        )
    }
}

/// One thing that is wrong with the files of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Damage {
    #[error("the database is missing, its other files are there")]
    DatabaseMissing,
    #[error("the database cannot be read: {0}")]
    Database(String),
    #[error("the schema is not the journal's: {0}")]
    Schema(String),
    #[error("records {from} to {to} at the end are missing: the head file knows of them")]
    TailMissing { from: Sequence, to: Sequence },
    #[error("records {from} to {to} are missing")]
    Gap { from: Sequence, to: Sequence },
    #[error("record {0} was altered: it does not match its hash")]
    Altered(Sequence),
    #[error("record {sequence} cannot be read: {reason}")]
    Unreadable { sequence: Sequence, reason: String },
    #[error("record {0} is not the same in the database and in the intake")]
    TwoVersions(Sequence),
    #[error("the head file is missing")]
    HeadMissing,
    #[error("the head file cannot be read: {0}")]
    HeadUnreadable(String),
    #[error("record {0} is not the one that the head file knows")]
    HeadMismatch(Sequence),
    #[error("the intake {0} is missing")]
    IntakeMissing(String),
    #[error("the intake {file} cannot be read after record {after}: {reason}")]
    Intake {
        file: String,
        after: Sequence,
        reason: String,
    },
    #[error("the index {table} does not match the records: {reason}")]
    Index { table: &'static str, reason: String },
    #[error("the snapshot at record {covers} does not match the records: {reason}")]
    Snapshot { covers: Sequence, reason: String },
}
