//! The one writer of the database: brings records from the intake into it in groups, keeps the head file
//! and the snapshot, and empties segments whose records are stored.

use std::sync::Arc;
use std::time::Duration;

use tripline_engine::journal::{Damage, JournalError, JournalRecord, JournalState};

use super::chain::{Link, Row};
use super::frame::{self, Frame};
use super::head::Head;
use super::intake::Progress;
use super::intake::segment::{HEADER, Segment, Use};
use super::settings::{JournalSettings, Step};
use super::store::Store;

/// Bytes of the intake that are stored in one commit.
const GROUP: usize = 256 << 10;
/// Records after which a snapshot is stored, so that a start reads no more than these.
pub(super) const SNAPSHOT_EVERY: u64 = 50_000;

pub(super) struct Writer {
    settings: JournalSettings,
    store: Store,
    head: Head,
    segments: [Segment; 2],
    progress: Arc<Progress>,
    current: usize,
    /// Where the next record stands in the segment.
    position: usize,
    end: Link,
    state: JournalState,
    /// The last record that the stored snapshot covers.
    covered: u64,
    buffer: Vec<u8>,
}

/// What a turn of the writer has done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Everything is stored.
    Idle,
    Stored,
}

impl Writer {
    /// Goes on from two empty segments after `end`, where a snapshot of the state is stored.
    pub fn new(
        settings: JournalSettings,
        store: Store,
        head: Head,
        segments: [Segment; 2],
        progress: Arc<Progress>,
        end: Link,
        state: JournalState,
    ) -> Self {
        Self {
            settings,
            store,
            head,
            segments,
            progress,
            current: 0,
            position: HEADER,
            covered: end.sequence.0,
            end,
            state,
            buffer: Vec::new(),
        }
    }

    /// Stores the next group of records.
    ///
    /// # Errors
    /// [`JournalError`]. Nothing is tried again: the writer must not be used any more.
    pub fn turn(&mut self) -> Result<Turn, JournalError> {
        if self.end.sequence >= self.progress.appended() {
            return Ok(Turn::Idle);
        }
        let (rows, bytes) = self.group()?;
        let Some((last, _)) = rows.last() else {
            self.next_segment()?;
            return Ok(Turn::Stored);
        };
        let end = last.link();
        let store = &self.store;
        let (twice, took) = self.settings.step(Step::Commit, || store.insert(&rows))?;
        self.trouble(twice);
        self.slow(Step::Commit, took);
        self.settings.step(Step::Head, || self.head.write(&end))?;
        for (row, record) in &rows {
            self.state.apply(row.at, record);
        }
        self.end = end;
        self.position += bytes;
        self.progress.set_stored(end.sequence);
        if end.sequence.0 - self.covered >= SNAPSHOT_EVERY {
            self.snapshot()?;
        }
        Ok(Turn::Stored)
    }

    /// Reads the records that follow in the segment: none when it has no more.
    fn group(&mut self) -> Result<(Vec<(Row, JournalRecord)>, usize), JournalError> {
        // Before the file is read: what is appended while it is read may be half there.
        let appended = self.progress.appended();
        let segment = &self.segments[self.current];
        let mut wanted = GROUP;
        loop {
            let room = segment.size.saturating_sub(self.position);
            self.buffer.resize(wanted.min(room), 0);
            segment.read(&mut self.buffer, self.position)?;
            let mut rows = Vec::new();
            let mut at = 0;
            let mut end = self.end;
            while end.sequence < appended {
                let Frame::Record(row, length) = frame::read(&self.buffer[at..]) else {
                    break;
                };
                row.check(&end).map_err(|damage| self.damaged(damage))?;
                end = row.link();
                let record = row.decode().map_err(|damage| self.damaged(damage))?;
                rows.push((row, record));
                at += length;
            }
            // A record may be longer than a group.
            let none = wanted >= room || frame::read(&self.buffer) == Frame::End;
            if none || !rows.is_empty() {
                return Ok((rows, at));
            }
            wanted = room;
        }
    }

    /// The segment has no more records: its turn is over, and the other one's begins.
    fn next_segment(&mut self) -> Result<(), JournalError> {
        let (old, new) = (self.current, 1 - self.current);
        let mut header = [0; HEADER];
        let segment = &self.segments[new];
        segment.read(&mut header, 0)?;
        if header != Use::After(self.end).header(segment.size) {
            let damage = Damage::Intake {
                file: segment.path.display().to_string(),
                after: self.end.sequence,
                reason: "the next record is in neither segment".into(),
            };
            return Err(self.damaged(damage));
        }
        self.empty(old)?;
        self.current = new;
        self.position = HEADER;
        Ok(())
    }

    fn empty(&mut self, index: usize) -> Result<(), JournalError> {
        let segment = &self.segments[index];
        self.settings.step(Step::Empty, || segment.empty())?;
        self.progress.set_empty(index);
        Ok(())
    }

    fn snapshot(&mut self) -> Result<(), JournalError> {
        self.store.keep(&self.end, &self.state)?;
        self.covered = self.end.sequence.0;
        Ok(())
    }

    /// Stores what is left, and a snapshot, and closes the database.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn close(mut self) -> Result<(), JournalError> {
        while self.turn()? == Turn::Stored {}
        if self.end.sequence.0 > self.covered {
            self.snapshot()?;
        }
        self.store.close()
    }

    fn slow(&self, step: Step, took: Duration) {
        let bound = self.settings.bounds.commit;
        let slow = JournalError::Slow {
            doing: step.doing(),
            took,
            bound,
        };
        self.trouble((took > bound).then_some(slow));
    }

    fn trouble(&self, error: Option<JournalError>) {
        if let Some(error) = error {
            (self.settings.on_trouble)(&error);
        }
    }

    fn damaged(&self, damage: Damage) -> JournalError {
        JournalError::Damaged {
            path: self.settings.path.display().to_string(),
            damage,
        }
    }
}
