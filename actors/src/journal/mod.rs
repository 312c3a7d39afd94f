//! The journal: what the engine must not forget, written down before it matters.
//!
//! [`Journal::open`] gives what earlier runs have left and an [`Appender`] for every actor that writes.
//! An append is one `write` into the intake, a file beside the database: it survives `kill -9`, and waits
//! for no thread and no disk. The writer brings the intake into a SQLite database, in groups, on a thread
//! of its own. With [`Durability::Power`](tripline_engine::journal::Durability::Power) an order waits
//! until the intake is on the disk.
//!
//! After a failure nothing is tried again: intents are refused from then on, and the next start recovers
//! from what the disk holds.

mod appender;
mod chain;
mod files;
mod frame;
mod head;
mod intake;
mod lock;
mod reader;
mod recover;
mod settings;
mod space;
mod store;
mod threads;
mod verify;
mod writer;

use std::fmt;
use std::sync::Arc;

use tripline_engine::journal::{
    Damage, Damaged, JournalError, JournalPort, JournalState, Sequence,
};

pub use appender::Appender;
use appender::Shared;
use files::{Files, doubt_about_place, sync_folder};
use head::Head;
use intake::segment::Segment;
use intake::{Intake, Newness, Progress};
use lock::{FailureNote, Lock};
pub use reader::{Entry, Reader};
use recover::{Lost, Recovered, create_if_new, recover};
pub use settings::{Bounds, Disturbance, JournalSettings, OnTrouble, Placement, Step};
pub use space::DiskSpace;
use store::{Store, Synchronous};
use threads::Threads;
pub use verify::{Verified, verify};
use writer::Writer;

/// An open journal. It is this process's alone until it is closed.
pub struct Journal {
    shared: Arc<Shared>,
    threads: Option<Threads>,
    _lock: Lock,
}

/// A journal that was opened, with what it holds.
#[derive(Debug)]
pub struct Opened {
    pub journal: Journal,
    /// What earlier runs have left.
    pub state: JournalState,
    /// The last record.
    pub end: Sequence,
    /// Records that the last run had appended and not yet stored: they are stored now.
    pub recovered: u64,
    /// What could not be read of the intake. It is kept beside the journal, was told as trouble, and is a
    /// record: whatever it held is forgotten.
    pub damage: Option<Damage>,
    /// How the journal failed in an earlier run, told at each start until
    /// [`Journal::forget_failure`]: what happened after it may not be written down.
    pub failed: Option<String>,
    /// What a person should know and nothing is halted for.
    pub warnings: Vec<String>,
}

impl Journal {
    /// Opens the journal, or makes a new one, and brings what a crash has left into the database.
    ///
    /// # Errors
    /// [`JournalError`]: another engine uses it, it is not a journal, or of a newer engine, or damaged.
    pub fn open(settings: JournalSettings) -> Result<Opened, JournalError> {
        let files = Files::of(&settings.path);
        let lock = Lock::take(&files)?;
        let (note, failed) = FailureNote::open(&files)?;
        create_if_new(&files, settings.segment)?;
        let synchronous = match settings.placement {
            Placement::Thread => Synchronous::Full,
            Placement::Inline => Synchronous::Normal,
        };
        let store = Store::open(&settings.path, synchronous)?;
        let recovered = recover(&files, &store)?;
        let head = Head::open(&files.head)?;
        head.write(&recovered.end)?;
        let segments = [
            Segment::create(&files.intake[0], settings.segment)?,
            Segment::create(&files.intake[1], settings.segment)?,
        ];
        sync_folder(&files.database)?;
        let Recovered {
            end,
            state,
            from_intake,
            lost,
            mut warnings,
        } = recovered;
        warnings.extend(doubt_about_place(&files.database));
        let progress = Progress::at(end.sequence);
        let intake = Intake::new(
            share(&segments)?,
            progress.clone(),
            end,
            Newness::new(state.orders.runs()),
        );
        let to_sync = share(&segments)?;
        let writer = Writer::new(
            settings.clone(),
            store,
            head,
            segments,
            progress.clone(),
            end,
            state.clone(),
        );
        let placement = settings.placement;
        let shared = Arc::new(Shared::new(settings, intake, progress, to_sync, note));
        let threads = match placement {
            Placement::Thread => Some(Threads::start(&shared, writer)?),
            Placement::Inline => {
                shared.write_inline(writer);
                None
            }
        };
        let journal = Self {
            shared,
            threads,
            _lock: lock,
        };
        let damage = lost.map(|lost| journal.tell(lost)).transpose()?;
        Ok(Opened {
            journal,
            state,
            end: end.sequence,
            recovered: from_intake,
            damage,
            failed,
            warnings,
        })
    }

    /// What actors write with.
    #[must_use]
    pub fn appender(&self) -> Appender {
        Appender::new(self.shared.clone())
    }

    /// The last record that is in the database. Later ones are safe in the intake.
    #[must_use]
    pub fn stored(&self) -> Sequence {
        self.shared.progress.stored()
    }

    /// Somebody knows that the journal failed in an earlier run: the next start does not tell it again.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn forget_failure(&self) -> Result<(), JournalError> {
        self.shared.forget_failure()
    }

    /// Stores everything that was appended and closes the files. Appending fails from here on.
    ///
    /// # Errors
    /// The first failure of the journal.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), JournalError> {
        if !self.shared.close() {
            return Ok(());
        }
        match self.threads.take() {
            Some(threads) => threads.join(),
            None => self.shared.close_inline(),
        }
        self.shared.health()
    }

    /// Writes down and tells what could not be read.
    fn tell(&self, lost: Lost) -> Result<Damage, JournalError> {
        let record = Damaged {
            after: lost.after,
            reason: lost.damage.to_string(),
            kept_as: lost.kept_as,
        };
        let now = self.shared.settings.clock.now();
        self.appender().append(&[record.into()], now)?;
        let path = self.shared.settings.path.display().to_string();
        (self.shared.settings.on_trouble)(&JournalError::Damaged {
            path,
            damage: lost.damage.clone(),
        });
        Ok(lost.damage)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            log::error!(actor = "journal"; "at the end: {error}");
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.shared.settings.path)
            .finish_non_exhaustive()
    }
}

fn share(segments: &[Segment; 2]) -> Result<[Segment; 2], JournalError> {
    Ok([segments[0].share()?, segments[1].share()?])
}

#[cfg(test)]
mod tests;
