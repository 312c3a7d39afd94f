//! The threads behind a journal: the writer, and with [`Durability::Power`] the one that brings the intake
//! to the disk. Both look for work by themselves; only an order that waits for the disk wakes one.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tripline_engine::journal::{Durability, JournalError};

use super::appender::Shared;
use super::files::failed;
use super::writer::{Turn, Writer};

/// How long records wait to be stored together. They are safe in the intake meanwhile; readers of the
/// database see them that much later. Where every core is busy, storing takes one from the arbiter: seldom, it
/// stays out of one tick in a hundred.
const GATHER: Duration = Duration::from_millis(100);
/// How long records for which nobody waits are not on the disk.
const SYNC: Duration = Duration::from_millis(20);
/// So many records are stored at once.
const MANY: u64 = 1000;

pub(super) struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    /// # Errors
    /// [`JournalError::Io`] when the system gives no thread.
    pub fn start(shared: &Arc<Shared>, writer: Writer) -> Result<Self, JournalError> {
        let mut threads = Self(Vec::new());
        let writing = shared.clone();
        threads.spawn(shared, "journal-writer", move || write(&writing, writer))?;
        if shared.settings.durability == Durability::Power {
            let syncing = shared.clone();
            threads.spawn(shared, "journal-sync", move || sync(&syncing))?;
            if let Some(thread) = threads.0.last() {
                shared.syncs_on(thread.thread().clone());
            }
        }
        Ok(threads)
    }

    fn spawn(
        &mut self,
        shared: &Shared,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), JournalError> {
        let thread = thread::Builder::new().name(name.into()).spawn(work);
        let thread = thread
            .map_err(|error| failed("starting a thread for", &shared.settings.path, &error))?;
        self.0.push(thread);
        Ok(())
    }

    /// Waits until everything is stored. The journal was closed before.
    pub fn join(self) {
        for thread in self.0 {
            thread.thread().unpark();
            if thread.join().is_err() {
                // Its guard has told.
                log::error!(actor = "journal"; "a thread of the journal panicked");
            }
        }
    }
}

fn write(shared: &Shared, mut writer: Writer) {
    let guard = PanicIsFailure(shared);
    let result = loop {
        match writer.turn() {
            Err(error) => break Err(error),
            Ok(Turn::Idle) if shared.is_over() => break writer.close(),
            Ok(_) if shared.is_over() || shared.progress.waiting() > MANY => {}
            Ok(_) => thread::park_timeout(GATHER),
        }
    };
    if let Err(error) = result {
        shared.fail(&error);
    }
    drop(guard);
}

fn sync(shared: &Shared) {
    let guard = PanicIsFailure(shared);
    while !shared.is_over() || shared.has_unsynced() {
        if !shared.has_unsynced() {
            thread::park_timeout(SYNC);
        } else if shared.sync().is_err() {
            break; // It was told.
        }
    }
    drop(guard);
}

/// A thread that panics has stopped its work, which has to be told like any other failure.
struct PanicIsFailure<'a>(&'a Shared);

impl Drop for PanicIsFailure<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(&JournalError::Io {
                doing: "writing",
                path: self.0.settings.path.display().to_string(),
                reason: "the thread panicked".into(),
            });
        }
    }
}
