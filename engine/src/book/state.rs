//! What a book says of itself: its state, what became of a message, and counts.

use std::fmt;

use thiserror::Error;

use crate::ids::Symbol;

use super::{Crossed, PriceRange};

/// Why a book cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BreakReason {
    /// At least one diff is missing.
    #[error(
        "gap in the depth diffs: the book is at update id {at}, the next diff starts after {next}"
    )]
    Gap { at: u64, next: u64 },
    /// A futures diff does not say which one came before it.
    #[error("depth diff {last_update_id} lacks the previous update id (pu)")]
    NoPreviousId { last_update_id: u64 },
    /// The diff's own ids make no sense.
    #[error("depth diff has first update id {first} above its last {last}")]
    Inverted { first: u64, last: u64 },
    /// The venue began to count again.
    #[error("update ids went back from {at} to {found}")]
    IdsWentBack { at: u64, found: u64 },
    /// Another symbol's data reached this book.
    #[error("data of {found} reached the book of {book}")]
    OtherSymbol { book: Symbol, found: Symbol },
    #[error(transparent)]
    PriceRange(#[from] PriceRange),
    /// Somebody outside asked for it, such as on a lost connection.
    #[error("the feed was interrupted")]
    Interrupted,
}

/// Whether a book may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookState {
    /// Waits for its first snapshot.
    Syncing,
    Live,
    /// Waits for another snapshot.
    Broken(BreakReason),
}

impl BookState {
    /// `syncing`, `live` or `broken`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Syncing => "syncing",
            Self::Live => "live",
            Self::Broken(_) => "broken",
        }
    }
}

impl fmt::Display for BookState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(reason) => write!(f, "broken: {reason}"),
            _ => f.pad(self.name()),
        }
    }
}

/// What became of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// Kept until a snapshot comes.
    Buffered,
    /// The book already has it.
    Stale,
    /// The book has it now; [`Crossed`] tells that the book makes no sense with it.
    Applied { crossed: Option<Crossed> },
}

/// What became of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotOutcome {
    /// The book is live; of the buffered diffs so many were older than the snapshot, so many applied.
    Live { stale: usize, applied: usize },
    /// The snapshot ends before the first buffered diff: ask for another.
    TooOld { snapshot: u64, first_buffered: u64 },
    /// The book was live and has not changed.
    NotNeeded,
}

/// What a book has seen since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BookCounters {
    /// Snapshots that made the book live.
    pub syncs: u64,
    /// Diffs that changed the book.
    pub applied: u64,
    /// Diffs older than the snapshot.
    pub stale: u64,
    /// Diffs that a live book already had.
    pub duplicate: u64,
    /// Applied diffs that started before the book's end, apart from the first after a snapshot.
    pub overlapping: u64,
    /// Diffs that fell out of the full buffer.
    pub overflowed: u64,
    /// Times that the book (or the buffer) broke.
    pub breaks: u64,
    /// Applied diffs that left the book crossed.
    pub crossed: u64,
}
