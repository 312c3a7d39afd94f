//! The intake: two files of fixed size beside the database, into which records are appended by one
//! `write` each. What was written is in the page cache and survives `kill -9`; the writer brings it into
//! the database afterwards. While one segment is filled, the other is stored and emptied.

pub(super) mod content;
mod newness;
pub(super) mod segment;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tripline_engine::journal::{JournalError, JournalRecord, Sequence};
use tripline_engine::time::Timestamp;

use super::chain::Link;
use super::frame::{self, END};
pub(super) use newness::Newness;
use segment::{HEADER, Segment, Use};

/// What the appending and the storing side know of each other. Neither waits for the other.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The last record in the intake.
    appended: AtomicU64,
    /// The last record in the database.
    stored: AtomicU64,
    /// Whether a segment is empty, and to be used next.
    empty: [AtomicBool; 2],
    /// Whether a segment was written to since it was last synced.
    unsynced: [AtomicBool; 2],
}

impl Progress {
    /// Both segments are empty, and every record is in the database.
    pub fn at(end: Sequence) -> Arc<Self> {
        Arc::new(Self {
            appended: AtomicU64::new(end.0),
            stored: AtomicU64::new(end.0),
            empty: [AtomicBool::new(true), AtomicBool::new(true)],
            unsynced: Default::default(),
        })
    }

    pub fn appended(&self) -> Sequence {
        Sequence(self.appended.load(Ordering::Acquire))
    }

    pub fn stored(&self) -> Sequence {
        Sequence(self.stored.load(Ordering::Acquire))
    }

    /// Records that are appended and not yet stored.
    pub fn waiting(&self) -> u64 {
        self.appended().0.saturating_sub(self.stored().0)
    }

    pub fn set_stored(&self, sequence: Sequence) {
        self.stored.store(sequence.0, Ordering::Release);
    }

    pub fn set_empty(&self, segment: usize) {
        self.empty[segment].store(true, Ordering::Release);
    }

    /// Whether the segment has to be synced; the caller does so now.
    pub fn take_unsynced(&self, segment: usize) -> bool {
        self.unsynced[segment].swap(false, Ordering::AcqRel)
    }
}

/// The appending side.
#[derive(Debug)]
pub(super) struct Intake {
    segments: [Segment; 2],
    progress: Arc<Progress>,
    current: usize,
    /// Where the next record goes; zero before the header.
    position: usize,
    end: Link,
    newness: Newness,
    buffer: Vec<u8>,
    /// A write failed: what is in the file behind the last record is not known.
    broken: Option<JournalError>,
}

impl Intake {
    /// Begins with two empty segments after the last record.
    pub fn new(
        segments: [Segment; 2],
        progress: Arc<Progress>,
        end: Link,
        newness: Newness,
    ) -> Self {
        Self {
            segments,
            progress,
            current: 0,
            position: 0,
            end,
            newness,
            buffer: Vec::with_capacity(16 << 10),
            broken: None,
        }
    }

    /// Appends the records with one write.
    ///
    /// # Errors
    /// [`JournalError`]; then none of them was appended.
    pub fn append(
        &mut self,
        records: &[JournalRecord],
        at: Timestamp,
    ) -> Result<Sequence, JournalError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        records
            .iter()
            .try_for_each(|record| self.newness.admit(record))?;
        self.buffer.clear();
        if self.position == 0 {
            let header = self.header(self.current);
            self.buffer.extend_from_slice(&header);
        }
        let mut end = self.end;
        for record in records {
            end = frame::write(&mut self.buffer, &end, at, record)?;
        }
        self.buffer.extend_from_slice(END);
        let size = self.segments[self.current].size;
        if self.position + self.buffer.len() > size {
            self.turn()?;
        }
        let segment = &self.segments[self.current];
        if let Err(error) = segment.write(&self.buffer, self.position) {
            self.broken = Some(error.clone());
            return Err(error);
        }
        self.position += self.buffer.len() - END.len();
        self.end = end;
        // After the write, so that a sync which takes this note has the record, and before the record is
        // told of, so that a sync which is asked for it finds the note.
        self.progress.unsynced[self.current].store(true, Ordering::Release);
        self.progress
            .appended
            .store(end.sequence.0, Ordering::Release);
        Ok(end.sequence)
    }

    /// The segment is full: goes on in the other one, with what is in the buffer.
    fn turn(&mut self) -> Result<(), JournalError> {
        let other = 1 - self.current;
        let (bytes, bound) = (self.buffer.len(), self.segments[other].size - HEADER);
        if self.position == 0 || bytes > bound {
            return Err(JournalError::TooLarge { bytes, bound });
        }
        if !self.progress.empty[other].load(Ordering::Acquire) {
            let waiting = self.progress.waiting();
            return Err(JournalError::Behind { waiting });
        }
        let header = self.header(other);
        self.buffer.splice(0..0, header);
        self.current = other;
        self.position = 0;
        Ok(())
    }

    /// The header with which a segment begins to be used.
    fn header(&self, segment: usize) -> [u8; HEADER] {
        self.progress.empty[segment].store(false, Ordering::Release);
        Use::After(self.end).header(self.segments[segment].size)
    }
}
