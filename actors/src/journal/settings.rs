//! How a journal is kept.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tripline_engine::journal::{Durability, JournalError};

use crate::clock::Clock;

/// Where the database is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// On a thread of its own, so that appending never waits for the disk.
    #[default]
    Thread,
    /// When [`Appender::store`](super::Appender::store) is called, on its caller's thread: no thread at all,
    /// for simulations under virtual time.
    Inline,
}

/// A step that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Appending to the intake.
    Append,
    /// Bringing the intake to the disk.
    Sync,
    /// Storing a group of records in the database.
    Commit,
    /// Writing the head file.
    Head,
    /// Emptying a segment of the intake.
    Empty,
}

impl Step {
    pub(super) const fn doing(self) -> &'static str {
        match self {
            Self::Append => "appending to",
            Self::Sync => "syncing",
            Self::Commit => "storing records in",
            Self::Head => "writing the head of",
            Self::Empty => "emptying the intake of",
        }
    }
}

/// Asked before each step: what is injected into it. For simulations and tests.
pub trait Disturbance: Send + Sync {
    /// How much longer the step takes, by the clock; the thread does not sleep. An inline journal lets
    /// [`durable`](tripline_engine::journal::JournalPort::durable) answer that much later.
    ///
    /// # Errors
    /// The step fails with this.
    fn before(&self, step: Step) -> io::Result<Duration>;
}

/// Told about a failure when it happens, on the thread on which it happens, and about what was slow. It
/// raises a fault, which halts; it must not append.
pub type OnTrouble = Arc<dyn Fn(&JournalError) + Send + Sync>;

/// What takes longer is told as [`JournalError::Slow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// One write into the page cache.
    pub append: Duration,
    /// Bringing the intake to the disk, for which orders wait with [`Durability::Power`].
    pub sync: Duration,
    /// Storing a group of records, for which nobody waits.
    pub commit: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            append: Duration::from_secs(1),
            sync: Duration::from_secs(2),
            commit: Duration::from_secs(10),
        }
    }
}

/// What a journal needs to be opened.
#[derive(Clone)]
pub struct JournalSettings {
    /// The database; its other files have its name with something added.
    pub path: PathBuf,
    pub durability: Durability,
    pub placement: Placement,
    pub clock: Clock,
    pub on_trouble: OnTrouble,
    pub bounds: Bounds,
    /// Bytes of each of the two segments of the intake, for a journal that is made new.
    pub segment: usize,
    pub disturbance: Option<Arc<dyn Disturbance>>,
}

impl JournalSettings {
    /// A journal on a thread of its own that survives the death of the process; trouble is only logged.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, clock: Clock) -> Self {
        Self {
            path: path.into(),
            durability: Durability::Process,
            placement: Placement::Thread,
            clock,
            on_trouble: Arc::new(|error| log::error!(actor = "journal"; "{error}")),
            bounds: Bounds::default(),
            segment: 4 << 20,
            disturbance: None,
        }
    }

    /// Does a step of the journal, with what is injected into it. Gives the time it took.
    pub(super) fn step<T>(
        &self,
        step: Step,
        work: impl FnOnce() -> Result<T, JournalError>,
    ) -> Result<(T, Duration), JournalError> {
        let started = self.clock.now();
        let mut injected = Duration::ZERO;
        if let Some(disturbance) = &self.disturbance {
            injected = disturbance
                .before(step)
                .map_err(|error| super::files::failed(step.doing(), &self.path, &error))?;
        }
        let done = work()?;
        let took = self.clock.now().saturating_since(started) + injected;
        Ok((done, took))
    }
}
