//! What an engine remembers: its journal, and what earlier runs have left in it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tripline_actors::clock::Clock;
use tripline_actors::faults::Faults;
use tripline_actors::journal::{Journal, JournalSettings, OnTrouble, Opened};
use tripline_actors::journaling::Journaling;
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;
use tripline_engine::ids::RunId;
use tripline_engine::journal::{Durability, JournalError, JournalState};
use tripline_engine::planted::{self, Planted};

/// The memory of an engine. The default is none: such an engine forgets everything at its end.
#[derive(Debug, Default)]
pub struct Memory {
    pub(crate) journal: Journaling,
    /// What earlier runs have left.
    pub(crate) earlier: JournalState,
    pub(crate) durability: Durability,
    /// SHA-256 of the configuration, in hexadecimal; empty where there is none.
    pub(crate) configuration: String,
    /// How the journal failed in an earlier run.
    pub(crate) failed: Option<String>,
    pub(crate) troubles: Troubles,
    /// Closed when the engine has stopped.
    pub(crate) kept: Option<Journal>,
}

impl Memory {
    /// A memory of another kind, such as [`MemoryJournal`](tripline_engine::journal::MemoryJournal).
    #[must_use]
    pub fn of(journal: Journaling, earlier: JournalState) -> Self {
        Self {
            journal,
            earlier,
            ..Self::default()
        }
    }

    /// Opens the journal of an engine, or makes a new one. What goes wrong with it later is a fault of that
    /// engine.
    ///
    /// # Errors
    /// [`JournalError`]: in use, damaged, of another program or of a newer engine.
    pub fn open(
        file: &Path,
        durability: Durability,
        configuration: String,
        clock: &Clock,
    ) -> Result<Self, JournalError> {
        let settings = JournalSettings {
            durability,
            ..JournalSettings::new(file, clock.clone())
        };
        Self::with(settings, configuration)
    }

    /// The same, with a journal kept in a way of one's own; its `on_trouble` is replaced.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn with(settings: JournalSettings, configuration: String) -> Result<Self, JournalError> {
        let (troubles, durability) = (Troubles::default(), settings.durability);
        let opened = Journal::open(JournalSettings {
            on_trouble: troubles.listener(settings.clock.clone()),
            ..settings
        })?;
        let Opened {
            journal,
            state,
            recovered,
            failed,
            warnings,
            ..
        } = opened;
        for warning in warnings {
            log::warn!(actor = "journal"; "{warning}");
        }
        if !state.ended_in_order() {
            log::warn!(actor = "journal"; "the last run did not end in order: going on from its journal, {recovered} records recovered");
        }
        Ok(Self {
            journal: Journaling::to(Arc::new(journal.appender())),
            earlier: state,
            durability,
            configuration,
            failed,
            troubles,
            kept: Some(journal),
        })
    }

    /// A run id that sorts by time and that no earlier run has used. It comes from the clock, so that a lost
    /// journal repeats none; the journal only moves it on where the clock was set back.
    #[must_use]
    pub fn new_run(&self, now_millis: u64) -> RunId {
        if planted::is(Planted::RunIdRepeats)
            && let Some(last) = self.earlier.orders.runs().last()
        {
            return last;
        }
        (now_millis..)
            .map(RunId::from_millis)
            .find(|run| !self.earlier.orders.is_used(run))
            .unwrap_or_else(|| RunId::from_millis(now_millis))
    }
}

/// What goes wrong with the journal: kept until the engine can halt because of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Troubles(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    faults: Option<Faults>,
    early: Vec<Fault>,
}

impl Troubles {
    fn told(&self) -> MutexGuard<'_, Told> {
        // A poisoned lock means that a thread panicked while it held a plain list: the list is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listener(&self, clock: Clock) -> OnTrouble {
        let this = self.clone();
        Arc::new(move |error: &JournalError| {
            let fault = Fault {
                kind: FaultKind::JournalFailed,
                scope: Scope::Global,
                actor: "journal".into(),
                detail: error.to_string(),
                at: clock.now(),
            };
            let faults = {
                let mut told = this.told();
                if told.faults.is_none() {
                    told.early.push(fault.clone());
                }
                told.faults.clone()
            };
            if let Some(faults) = faults {
                faults.raise(fault);
            }
        })
    }

    /// From here on troubles are faults, those that were told before too.
    pub(crate) fn raise_with(&self, faults: &Faults) {
        let early = {
            let mut told = self.told();
            // What the journal keeps must not keep the journal.
            told.faults = Some(faults.unwritten());
            std::mem::take(&mut told.early)
        };
        for fault in early {
            faults.unwritten().raise(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tripline_engine::halt::{HaltBoard, HaltPolicy};
    use tripline_engine::journal::{JournalRecord, RunStarted};
    use tripline_engine::time::Timestamp;

    #[test]
    fn a_lost_journal_repeats_no_run_and_so_no_client_order_id() {
        let before = Memory::default().new_run(1_795_000_000_000);
        let after = Memory::default().new_run(1_795_000_000_001);
        assert!(
            after > before,
            "it comes from the clock and not from the journal"
        );
    }

    #[test]
    fn a_run_id_is_not_used_twice_even_when_the_clock_stands_still() {
        let run = RunId::from_millis(1_795_000_000_000);
        let started = JournalRecord::RunStarted(RunStarted {
            run,
            engine: "0".into(),
            configuration: String::new(),
            durability: Durability::Process,
            live: false,
        });
        let at = Timestamp::from_millis(0);
        let memory = Memory {
            earlier: JournalState::fold([(at, &started)]),
            ..Memory::default()
        };
        let next = memory.new_run(1_795_000_000_000);
        assert_eq!(next, RunId::from_millis(1_795_000_000_001));
    }

    /// What a journal that was let go would still have open.
    fn open_files(folder: &Path) -> Vec<String> {
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        let names = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        names
            .map(|name| name.display().to_string())
            .filter(|name| name.starts_with(&folder.display().to_string()))
            .collect()
    }

    #[test]
    fn an_engine_that_has_ended_keeps_no_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal.db");
        let clock = Clock::system();
        let memory = Memory::open(&file, Durability::Process, String::new(), &clock).unwrap();
        let (faults, incidents) =
            Faults::channel(HaltBoard::new(), HaltPolicy::default(), Arc::new(|_| {}));
        memory
            .troubles
            .raise_with(&faults.journaled(memory.journal.clone()));
        assert!(!open_files(folder.path()).is_empty());
        drop((memory, incidents));
        assert_eq!(open_files(folder.path()), Vec::<String>::new());
    }
}
