//! The disk of the engine's machine: a real journal, whose writer takes its turns on the simulated arbiter,
//! and what can go wrong with it.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tripline_actors::clock::Clock;
use tripline_actors::journal::{
    Disturbance, Entry, JournalSettings, Placement, Reader, Step, verify,
};
use tripline_engine::journal::{Durability, JournalError, Sequence};

use super::trace::Trace;
use crate::memory::Memory;

/// Bytes of a segment of the intake: small enough that runs go from one to the other.
const SEGMENT: usize = 256 << 10;

/// What goes wrong with the next step of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreTrouble {
    Fails(Step),
    Slow(Step, Duration),
}

/// Where troubles wait for their step.
#[derive(Debug, Default)]
struct Door(Mutex<Option<StoreTrouble>>);

impl Disturbance for Door {
    fn before(&self, step: Step) -> io::Result<Duration> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *waiting {
            Some(StoreTrouble::Fails(of)) if of == step => {
                *waiting = None;
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(StoreTrouble::Slow(of, took)) if of == step => {
                *waiting = None;
                Ok(took)
            }
            _ => Ok(Duration::ZERO),
        }
    }
}

/// The folder that outlives the engine's processes.
pub(super) struct Disk {
    folder: RefCell<TempDir>,
    durability: Durability,
    door: Arc<Door>,
    trace: Arc<Trace>,
}

impl Disk {
    /// # Errors
    /// [`io::Error`]: the system gives no folder.
    pub(super) fn new(durability: Durability, trace: Arc<Trace>) -> io::Result<Self> {
        let folder = folder()?;
        trace.hide(folder.path());
        Ok(Self {
            folder: RefCell::new(folder),
            durability,
            door: Arc::default(),
            trace,
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.borrow().path().join("journal.db")
    }

    /// Opens the journal for a process that starts.
    ///
    /// # Errors
    /// [`JournalError`].
    pub(super) fn open(&self, clock: Clock) -> Result<Memory, JournalError> {
        let settings = JournalSettings {
            durability: self.durability,
            placement: Placement::Inline,
            segment: SEGMENT,
            disturbance: Some(self.door.clone()),
            ..JournalSettings::new(self.path(), clock)
        };
        Memory::with(settings, String::new())
    }

    /// Keeps the files as they are at this moment: what the process still does to its own goes nowhere.
    ///
    /// # Errors
    /// [`io::Error`].
    pub(super) fn end_process(&self) -> io::Result<()> {
        let kept = folder()?;
        self.trace.hide(kept.path());
        for entry in fs::read_dir(self.folder.borrow().path())? {
            let entry = entry?;
            fs::copy(entry.path(), kept.path().join(entry.file_name()))?;
        }
        self.folder.replace(kept);
        Ok(())
    }

    /// The next step of this kind goes wrong.
    pub(super) fn disturb(&self, trouble: Option<StoreTrouble>) {
        *self.door.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Everything that was written down.
    ///
    /// # Errors
    /// What is damaged, in words.
    pub(super) fn records(&self) -> Result<Vec<Entry>, String> {
        let path = self.path();
        let verified = verify(&path).map_err(|error| error.to_string())?;
        if let Some(finding) = verified.findings.first() {
            return Err(format!("the journal: {finding}"));
        }
        let reader = Reader::open(&path).map_err(|error| error.to_string())?;
        let mut records = Vec::new();
        let all = reader.each(Sequence(1), Sequence(u64::MAX), |entry| {
            records.push(entry);
            Ok::<_, tripline_engine::journal::Damage>(())
        });
        all.map_err(|damage| format!("the journal: {damage}"))?;
        Ok(records)
    }
}

/// A folder that is removed at the end, in memory where the system has such a place.
fn folder() -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("tripline-");
    if memory.is_dir() {
        builder.tempdir_in(memory)
    } else {
        builder.tempdir()
    }
}
