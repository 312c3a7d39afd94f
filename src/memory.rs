//! What an engine remembers: its journal, and what earlier runs have left in it.

use tripline_actors::journaling::Journaling;
use tripline_engine::ids::RunId;
use tripline_engine::journal::{Durability, JournalState};

/// The memory of an engine. The default is none: such an engine forgets everything at its end.
#[derive(Debug, Default)]
pub struct Memory {
    pub journal: Journaling,
    /// What earlier runs have left.
    pub earlier: JournalState,
    pub durability: Durability,
    /// SHA-256 of the configuration, in hexadecimal; empty where there is none.
    pub configuration: String,
}

impl Memory {
    /// A run id that sorts by time and that no earlier run has used. It comes from the clock, so that a lost
    /// journal repeats none; the journal only moves it on where the clock was set back.
    #[must_use]
    pub fn new_run(&self, now_millis: u64) -> RunId {
        (now_millis..)
            .map(RunId::from_millis)
            .find(|run| !self.earlier.orders.is_used(run))
            .unwrap_or_else(|| RunId::from_millis(now_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tripline_engine::journal::{JournalRecord, RunStarted};
    use tripline_engine::time::Timestamp;

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
}
