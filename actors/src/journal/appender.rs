//! The appending side, shared by every actor that writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use tokio::sync::watch;
use tripline_engine::journal::{Durability, JournalError, JournalPort, JournalRecord, Sequence};
use tripline_engine::ports::Answer;
use tripline_engine::time::Timestamp;

use super::files::failed;
use super::intake::segment::Segment;
use super::intake::{Intake, Progress};
use super::lock::FailureNote;
use super::settings::{JournalSettings, Step};
use super::writer::{Turn, Writer};

/// What appending actors, the writer and the syncing thread share.
pub(super) struct Shared {
    pub settings: JournalSettings,
    pub progress: Arc<Progress>,
    intake: Mutex<Intake>,
    segments: [Segment; 2],
    /// The last record that is on the disk, as far as [`Durability::Power`] asks for it.
    synced: watch::Sender<Sequence>,
    /// The writer of an inline journal, until it is closed or has failed.
    inline: Mutex<Option<Writer>>,
    failure: OnceLock<JournalError>,
    note: FailureNote,
    /// Appends are refused.
    closed: AtomicBool,
    /// The last append has returned.
    over: AtomicBool,
    /// Who is woken when an order waits for the disk.
    syncing: OnceLock<Thread>,
}

/// Writes to the journal. Cloning shares it.
#[derive(Clone)]
pub struct Appender(Arc<Shared>);

impl Appender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Stores what was appended in the database, on this thread, where the journal is written
    /// [inline](super::Placement::Inline). A failure is told as trouble.
    pub fn store(&self) {
        self.0.store();
    }
}

impl std::fmt::Debug for Appender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Appender")
            .field(&self.0.settings.path)
            .finish()
    }
}

impl JournalPort for Appender {
    fn append(&self, records: &[JournalRecord], at: Timestamp) -> Result<Sequence, JournalError> {
        self.0.append(records, at)
    }

    fn durable(&self, through: Sequence) -> Option<Answer<Result<(), JournalError>>> {
        let shared = &self.0;
        if shared.settings.durability == Durability::Process || *shared.synced.borrow() >= through {
            return None;
        }
        if let Some(thread) = shared.syncing.get() {
            thread.unpark();
            return Some(Box::pin(wait(shared.clone(), through)));
        }
        match shared.sync() {
            Ok(took) if shared.settings.disturbance.is_some() && !took.is_zero() => {
                Some(Box::pin(async move {
                    tokio::time::sleep(took).await;
                    Ok(())
                }))
            }
            Ok(_) => None,
            Err(error) => Some(Box::pin(std::future::ready(Err(error)))),
        }
    }

    fn health(&self) -> Result<(), JournalError> {
        self.0.health()
    }
}

async fn wait(shared: Arc<Shared>, through: Sequence) -> Result<(), JournalError> {
    let mut synced = shared.synced.subscribe();
    let reached = |synced: &Sequence| *synced >= through || shared.failure.get().is_some();
    // The sender lives in what is shared.
    drop(synced.wait_for(reached).await);
    let on_disk = *shared.synced.borrow() >= through;
    if on_disk { Ok(()) } else { shared.health() }
}

impl Shared {
    pub fn new(
        settings: JournalSettings,
        intake: Intake,
        progress: Arc<Progress>,
        segments: [Segment; 2],
        note: FailureNote,
    ) -> Self {
        let (synced, _) = watch::channel(progress.appended());
        Self {
            settings,
            progress,
            intake: Mutex::new(intake),
            segments,
            synced,
            inline: Mutex::new(None),
            failure: OnceLock::new(),
            note,
            closed: AtomicBool::new(false),
            over: AtomicBool::new(false),
            syncing: OnceLock::new(),
        }
    }

    /// From now on what was appended is stored by [`Appender::store`].
    pub fn write_inline(&self, writer: Writer) {
        *lock(&self.inline) = Some(writer);
    }

    /// From now on this thread is woken for what waits for the disk.
    pub fn syncs_on(&self, thread: Thread) {
        self.syncing.get_or_init(|| thread);
    }

    fn append(&self, records: &[JournalRecord], at: Timestamp) -> Result<Sequence, JournalError> {
        let intends = |record| matches!(record, &JournalRecord::Intent(_));
        if records.iter().any(intends) {
            self.health()?;
        }
        let appended = self.settings.step(Step::Append, || {
            let mut intake = lock(&self.intake);
            if self.closed.load(Ordering::Acquire) {
                return Err(JournalError::Closed);
            }
            intake.append(records, at)
        });
        match appended {
            Ok((sequence, took)) => {
                self.slow(Step::Append, took, self.settings.bounds.append);
                Ok(sequence)
            }
            Err(error) => {
                if !error.is_refusal_or_slow() {
                    self.fail(&error);
                }
                Err(error)
            }
        }
    }

    /// # Errors
    /// [`JournalError::Io`].
    pub fn forget_failure(&self) -> Result<(), JournalError> {
        let forgotten = self.note.forget();
        forgotten.map_err(|error| failed("forgetting the failure of", &self.settings.path, &error))
    }

    /// # Errors
    /// [`JournalError::Dead`] with the first failure.
    pub fn health(&self) -> Result<(), JournalError> {
        match self.failure.get() {
            None => Ok(()),
            Some(cause) => Err(JournalError::Dead {
                cause: Box::new(cause.clone()),
            }),
        }
    }

    /// The journal is dead: nothing is tried again, intents are refused, and somebody is told.
    pub fn fail(&self, error: &JournalError) {
        if self.failure.set(error.clone()).is_ok() {
            (self.settings.on_trouble)(error);
            self.note.write(error);
        }
        // Whoever waits for the disk looks again.
        self.synced.send_modify(|_| {});
    }

    fn slow(&self, step: Step, took: Duration, bound: Duration) {
        if took > bound {
            (self.settings.on_trouble)(&JournalError::Slow {
                doing: step.doing(),
                took,
                bound,
            });
        }
    }

    fn store(&self) {
        let mut inline = lock(&self.inline);
        while let Some(writer) = inline.as_mut() {
            match writer.turn() {
                Ok(Turn::Stored) => {}
                Ok(Turn::Idle) => return,
                Err(error) => {
                    *inline = None;
                    self.fail(&error);
                }
            }
        }
    }

    /// Brings everything that was appended to the disk. Gives the time it took.
    ///
    /// # Errors
    /// [`JournalError`]; the journal is dead.
    pub fn sync(&self) -> Result<Duration, JournalError> {
        self.health()?;
        let through = self.progress.appended();
        let mut all = Duration::ZERO;
        for (index, segment) in self.segments.iter().enumerate() {
            if !self.progress.take_unsynced(index) {
                continue;
            }
            match self.settings.step(Step::Sync, || segment.sync()) {
                Ok(((), took)) => all += took,
                Err(error) => {
                    self.fail(&error);
                    return Err(error);
                }
            }
        }
        self.slow(Step::Sync, all, self.settings.bounds.sync);
        self.synced
            .send_modify(|synced| *synced = through.max(*synced));
        Ok(all)
    }

    /// Whether there is something that [`Self::sync`] would bring to the disk.
    pub fn has_unsynced(&self) -> bool {
        self.progress.appended() > *self.synced.borrow()
    }

    /// Whether nothing more will be appended.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends appending; `false` when it had ended. When it returns, no append is under way.
    pub fn close(&self) -> bool {
        let first = !self.closed.swap(true, Ordering::AcqRel);
        drop(lock(&self.intake));
        self.over.store(true, Ordering::Release);
        first
    }

    /// Ends the writer of an inline journal.
    pub fn close_inline(&self) {
        let writer = lock(&self.inline).take();
        if let Some(Err(error)) = writer.map(Writer::close) {
            self.fail(&error);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked while it appended has left a record whole or not counted.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
