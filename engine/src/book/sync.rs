//! Keeping a book in step with its venue: which diffs fit, which are old, which show a gap.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ids::Symbol;
use crate::messages::market::{BookChange, DepthSnapshot};
use crate::time::Timestamp;

use super::Depth;
use super::state::{BookCounters, BookState, BreakReason, ChangeOutcome, SnapshotOutcome};

/// How many diffs are kept while there is no snapshot: 100 s of a stream at 100 ms.
const BUFFER_LIMIT: usize = 1_000;

/// An old update id on a diff that the venue sent this much later than the newest applied one means
/// that the venue's ids went back; without this check such a book would stand still and look live.
const IDS_WENT_BACK_AFTER: Duration = Duration::from_secs(5);

/// How diffs of a stream hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainRule {
    /// Binance Spot: the first update id `U` is the last one's `u` + 1.
    UpdateIds,
    /// Binance futures: `pu` is the last one's `u`.
    PreviousId,
}

enum Relation {
    Old,
    Next,
    Overlap,
}

impl Relation {
    fn unless_ids_went_back(
        self,
        change: &BookChange,
        at: u64,
        newest: Timestamp,
    ) -> Result<Self, BreakReason> {
        let later = change.venue_time.saturating_since(newest) > IDS_WENT_BACK_AFTER;
        if matches!(self, Self::Old) && later {
            return Err(BreakReason::IdsWentBack {
                at,
                found: change.last_update_id,
            });
        }
        Ok(self)
    }
}

impl ChainRule {
    /// The last update id that the diff builds on: it holds everything that changed from there to its own
    /// end, so it fits any book in between. (The futures documentation asks for `U` ≤ snapshot ≤ `u`
    /// first and then for an equal `pu`. Ids between `pu` and `U` belong to other symbols, so a snapshot
    /// there fits as well, and so does a diff that overlaps the book's end.)
    fn base(self, change: &BookChange) -> Result<u64, BreakReason> {
        let last_update_id = change.last_update_id;
        if change.first_update_id > last_update_id {
            return Err(BreakReason::Inverted {
                first: change.first_update_id,
                last: last_update_id,
            });
        }
        match self {
            Self::UpdateIds => Ok(change.first_update_id.saturating_sub(1)),
            Self::PreviousId => change
                .previous_update_id
                .ok_or(BreakReason::NoPreviousId { last_update_id }),
        }
    }

    fn relation(self, change: &BookChange, at: u64) -> Result<Relation, BreakReason> {
        let base = self.base(change)?;
        if change.last_update_id <= at {
            Ok(Relation::Old)
        } else if base > at {
            Err(BreakReason::Gap { at, next: base })
        } else if base == at {
            Ok(Relation::Next)
        } else {
            Ok(Relation::Overlap)
        }
    }
}

/// The order book of one symbol, kept by snapshot and diffs.
#[derive(Debug, Clone)]
pub struct Book {
    symbol: Symbol,
    rule: ChainRule,
    state: BookState,
    depth: Depth,
    /// The update id at which `depth` stands, when live.
    at: u64,
    /// The newest applied diff's venue time since the snapshot.
    venue_time: Option<Timestamp>,
    buffer: VecDeque<BookChange>,
    counters: BookCounters,
}

impl Book {
    #[must_use]
    pub fn new(symbol: Symbol, rule: ChainRule) -> Self {
        Self {
            symbol,
            rule,
            state: BookState::Syncing,
            depth: Depth::new(),
            at: 0,
            venue_time: None,
            buffer: VecDeque::new(),
            counters: BookCounters::default(),
        }
    }

    #[must_use]
    pub const fn symbol(&self) -> Symbol {
        self.symbol
    }

    #[must_use]
    pub const fn state(&self) -> BookState {
        self.state
    }

    #[must_use]
    pub const fn counters(&self) -> BookCounters {
        self.counters
    }

    /// The levels, when they can be trusted.
    #[must_use]
    pub fn live(&self) -> Option<&Depth> {
        (self.state == BookState::Live).then_some(&self.depth)
    }

    /// The update id up to which a live book is complete.
    #[must_use]
    pub fn last_update_id(&self) -> Option<u64> {
        (self.state == BookState::Live).then_some(self.at)
    }

    /// When the venue sent the newest diff that is in the live book.
    #[must_use]
    pub fn venue_time(&self) -> Option<Timestamp> {
        (self.state == BookState::Live)
            .then_some(self.venue_time)
            .flatten()
    }

    /// The diff from which the next snapshot must go on.
    #[must_use]
    pub fn first_buffered(&self) -> Option<&BookChange> {
        self.buffer.front()
    }

    /// Breaks the book from outside, forgetting all levels and buffered diffs: after a reconnect the
    /// diffs of the old connection prove nothing.
    pub fn interrupt(&mut self) {
        self.broken(BreakReason::Interrupted);
        self.buffer.clear();
    }

    fn broken(&mut self, reason: BreakReason) -> BreakReason {
        self.state = BookState::Broken(reason);
        self.depth.clear();
        self.venue_time = None;
        self.counters.breaks += 1;
        reason
    }

    /// Takes a diff: applies it to a live book, keeps it for the next snapshot otherwise.
    ///
    /// # Errors
    /// The reason for which the book is now broken. The diff is kept where it can be the first of a
    /// new chain; get a snapshot.
    pub fn change(&mut self, change: &BookChange) -> Result<ChangeOutcome, BreakReason> {
        if change.symbol != self.symbol {
            let reason = BreakReason::OtherSymbol {
                book: self.symbol,
                found: change.symbol,
            };
            return Err(self.broken(reason));
        }
        if self.state != BookState::Live {
            return self.keep(change);
        }
        self.apply(change)
            .map_err(|reason| self.start_again(change, reason))
    }

    /// Breaks the book; the diff is the first of the new chain if it can be.
    fn start_again(&mut self, change: &BookChange, reason: BreakReason) -> BreakReason {
        self.buffer.clear();
        if self.rule.base(change).is_ok() {
            self.buffer.push_back(change.clone());
        }
        self.broken(reason)
    }

    fn keep(&mut self, change: &BookChange) -> Result<ChangeOutcome, BreakReason> {
        let relation = match self.buffer.back() {
            Some(newest) => {
                self.rule
                    .relation(change, newest.last_update_id)
                    .and_then(|relation| {
                        relation.unless_ids_went_back(
                            change,
                            newest.last_update_id,
                            newest.venue_time,
                        )
                    })
            }
            None => self.rule.base(change).map(|_| Relation::Next),
        };
        match relation {
            Ok(Relation::Old) => return Ok(ChangeOutcome::Stale),
            Ok(Relation::Next | Relation::Overlap) => {}
            Err(reason) => return Err(self.start_again(change, reason)),
        }
        if self.buffer.len() >= BUFFER_LIMIT {
            self.buffer.pop_front();
            self.counters.overflowed += 1;
        }
        self.buffer.push_back(change.clone());
        Ok(ChangeOutcome::Buffered)
    }

    /// Applies a diff to the levels, which must not be used if it fails.
    fn apply(&mut self, change: &BookChange) -> Result<ChangeOutcome, BreakReason> {
        let mut relation = self.rule.relation(change, self.at)?;
        if let Some(newest) = self.venue_time {
            relation = relation.unless_ids_went_back(change, self.at, newest)?;
        }
        if let Relation::Old = relation {
            match self.venue_time {
                None => self.counters.stale += 1,
                Some(_) => self.counters.duplicate += 1,
            }
            return Ok(ChangeOutcome::Stale);
        }
        self.depth.set(&change.bids, &change.asks)?;
        if matches!(relation, Relation::Overlap) && self.venue_time.is_some() {
            self.counters.overlapping += 1;
        }
        self.at = change.last_update_id;
        self.venue_time = Some(change.venue_time);
        self.counters.applied += 1;
        let crossed = self.depth.crossed();
        self.counters.crossed += u64::from(crossed.is_some());
        Ok(ChangeOutcome::Applied { crossed })
    }

    /// Takes a snapshot: with the buffered diffs that follow it, it makes the book live.
    ///
    /// # Errors
    /// The reason for which the book is now broken.
    pub fn snapshot(&mut self, snapshot: &DepthSnapshot) -> Result<SnapshotOutcome, BreakReason> {
        self.snapshot_watched(snapshot, |_, _| {})
    }

    /// As [`Book::snapshot`], and calls `watch` with the levels after each buffered diff that applied.
    ///
    /// # Errors
    /// The reason for which the book is now broken.
    pub fn snapshot_watched(
        &mut self,
        snapshot: &DepthSnapshot,
        mut watch: impl FnMut(&Depth, &BookChange),
    ) -> Result<SnapshotOutcome, BreakReason> {
        if snapshot.symbol != self.symbol {
            let reason = BreakReason::OtherSymbol {
                book: self.symbol,
                found: snapshot.symbol,
            };
            return Err(self.broken(reason));
        }
        if self.state == BookState::Live {
            return Ok(SnapshotOutcome::NotNeeded);
        }
        if let Some(first) = self.buffer.front()
            && self.rule.base(first)? > snapshot.last_update_id
        {
            return Ok(SnapshotOutcome::TooOld {
                snapshot: snapshot.last_update_id,
                first_buffered: first.first_update_id,
            });
        }
        self.depth.clear();
        if let Err(range) = self.depth.set(&snapshot.bids, &snapshot.asks) {
            return Err(self.broken(range.into()));
        }
        self.at = snapshot.last_update_id;
        self.venue_time = None;
        self.counters.syncs += 1;
        self.state = BookState::Live;
        self.replay(&mut watch)
    }

    fn replay(
        &mut self,
        watch: &mut impl FnMut(&Depth, &BookChange),
    ) -> Result<SnapshotOutcome, BreakReason> {
        let (mut stale, mut applied) = (0, 0);
        for change in std::mem::take(&mut self.buffer) {
            match self.change(&change)? {
                ChangeOutcome::Applied { .. } => {
                    applied += 1;
                    watch(&self.depth, &change);
                }
                ChangeOutcome::Stale | ChangeOutcome::Buffered => stale += 1,
            }
        }
        Ok(SnapshotOutcome::Live { stale, applied })
    }
}
