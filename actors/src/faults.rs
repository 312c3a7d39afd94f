//! The way of a fault: it sets the latch where it is raised, then travels to the safety actor on a
//! channel that depends on no mailbox. If nobody receives it, the process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{HaltBoard, HaltLevel, HaltPolicy, Incident, Reaction, Scope};
use tripline_engine::journal::Halted;

use crate::journaling::Journaling;

/// The process ends with this code when a fault could not be brought to anybody.
pub const EXIT_UNSEEN_FAULT: i32 = 70;

/// Where a fault stands that nobody could be told of, in the working directory.
pub const UNSEEN_FAULT_FILE: &str = "tripline-unseen-fault.txt";

/// Of a flood of incidents that a scope no longer keeps, every so many is written down.
const FLOOD: u64 = 1_000;

/// What to do with a fault that reaches nobody. The default, [`end_process`], does not return.
pub type LastResort = Arc<dyn Fn(&Incident) + Send + Sync>;

/// Every actor has one to raise faults with. Cloning shares the board and the channel.
#[derive(Clone)]
pub struct Faults {
    board: HaltBoard,
    policy: Arc<HaltPolicy>,
    channel: mpsc::UnboundedSender<Incident>,
    last_resort: LastResort,
    journal: Journaling,
    /// The engine has stopped in order.
    over: Arc<AtomicBool>,
}

/// The receiving end, for the safety actor.
pub type Incidents = mpsc::UnboundedReceiver<Incident>;

impl Faults {
    /// Makes the channel. Incidents come out of the second part in the order in which they were raised.
    #[must_use]
    pub fn channel(
        board: HaltBoard,
        policy: HaltPolicy,
        last_resort: LastResort,
    ) -> (Self, Incidents) {
        let (channel, incidents) = mpsc::unbounded_channel();
        (
            Self {
                board,
                policy: Arc::new(policy),
                channel,
                last_resort,
                journal: Journaling::none(),
                over: Arc::default(),
            },
            incidents,
        )
    }

    /// Writes every incident down, so that a restart does not lift its halt.
    #[must_use]
    pub fn journaled(self, journal: Journaling) -> Self {
        Self { journal, ..self }
    }

    #[must_use]
    pub fn board(&self) -> &HaltBoard {
        &self.board
    }

    /// Halts a scope by the order of a person, whatever the policy says of the level.
    pub fn halt(&self, fault: Fault) -> Incident {
        let level = HaltLevel::Halted;
        let usual = self.policy.reaction(FaultKind::Manual);
        self.raise_as(fault, Reaction { level, ..usual })
    }

    #[must_use]
    pub fn policy(&self) -> &HaltPolicy {
        &self.policy
    }

    /// The engine has stopped, its orders are settled and its alerts are out: actors end in any order
    /// now, and a closed mailbox is no news. From here on a fault sets its latch and is only logged.
    pub fn close(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Sets the latch of the fault's scope, writes it down and tells the safety actor. When this returns,
    /// no order of the scope is handed to a socket any more.
    pub fn raise(&self, fault: Fault) -> Incident {
        let reaction = self.policy.reaction(fault.kind);
        self.raise_as(fault, reaction)
    }

    /// The same with a reaction of its own, as a person orders it.
    pub fn raise_as(&self, fault: Fault, reaction: Reaction) -> Incident {
        let incident = self.board.trip_as(fault, reaction);
        let actor = incident.fault.actor.as_str();
        if self.over.load(Ordering::SeqCst) {
            log::debug!(actor; "after the stop: {}", incident.fault);
            return incident;
        }
        log::error!(actor; "incident {}: {}", incident.id, incident.fault);
        self.write_down(&incident);
        self.tell(&incident);
        incident
    }

    /// The same from a thread outside the runtime, whose word waits for no disk and no standard error: the latch is
    /// set and the safety actor told when this returns, and then it is logged and written down.
    pub fn raise_from_outside(&self, fault: Fault) -> Incident {
        let incident = self.board.trip(fault, &self.policy);
        if self.over.load(Ordering::SeqCst) {
            return incident;
        }
        self.tell(&incident);
        let (this, told) = (self.clone(), incident.clone());
        let note = move || {
            let actor = told.fault.actor.as_str();
            log::error!(actor; "incident {}: {}", told.id, told.fault);
            this.write_down(&told);
        };
        if let Err(error) = std::thread::Builder::new().spawn(note) {
            log::error!(actor = "watchdog"; "incident {} is not written down: {error}", incident.id);
        }
        incident
    }

    /// The same, to raise faults without a record: for what is wrong with the journal itself, told from inside it.
    /// The safety actor writes it down, if the journal takes it.
    #[must_use]
    pub fn unwritten(&self) -> Self {
        Self {
            journal: Journaling::none(),
            ..self.clone()
        }
    }

    /// A halt that cannot be written down would be lifted by a restart: that is a fault of its own, unless
    /// it is what was to be written down.
    pub(crate) fn write_down(&self, incident: &Incident) {
        let standing = self.board.standing(&incident.fault.scope);
        let epoch = standing.as_ref().map_or(0, |standing| standing.epoch);
        let is_kept = standing.is_none_or(|standing| {
            let mut kept = standing.incidents.iter();
            kept.any(|kept| kept.id == incident.id)
        });
        if !is_kept && !epoch.is_multiple_of(FLOOD) {
            return; // The scope is halted by what was written down before.
        }
        let record = Halted {
            incident: incident.clone(),
            epoch,
        };
        let written = self.journal.append(&[record.into()], incident.fault.at);
        if let Err(error) = written
            && incident.fault.kind != FaultKind::JournalFailed
        {
            let fault = Fault {
                kind: FaultKind::JournalFailed,
                scope: Scope::Global,
                actor: "journal".into(),
                detail: format!("incident {} is not written down: {error}", incident.id),
                at: incident.fault.at,
            };
            self.tell(&self.board.trip(fault, &self.policy));
        }
    }

    fn tell(&self, incident: &Incident) {
        if self.channel.send(incident.clone()).is_err() {
            let unseen = Fault {
                scope: Scope::Global,
                ..incident.fault.clone()
            };
            self.board.trip(unseen, &HaltPolicy::default());
            (self.last_resort)(incident);
        }
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults")
            .field("board", &self.board)
            .finish_non_exhaustive()
    }
}

/// Writes the incident to standard error and to a file beside the working directory, and ends the
/// process with [`EXIT_UNSEEN_FAULT`]: without a safety actor nobody could be told otherwise.
pub fn end_process(incident: &Incident) {
    let text = format!(
        "tripline: fault without a receiver, everything is halted: {}\n",
        incident.fault
    );
    eprint!("{text}");
    if let Err(error) = std::fs::write(UNSEEN_FAULT_FILE, &text) {
        eprintln!("tripline: {UNSEEN_FAULT_FILE} cannot be written: {error}");
    }
    std::process::exit(EXIT_UNSEEN_FAULT);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use tripline_engine::fault::FaultKind;
    use tripline_engine::journal::{JournalState, MemoryJournal};
    use tripline_engine::time::Timestamp;

    fn fault() -> Fault {
        let scope = Scope::Strategy("a".parse().unwrap());
        let at = Timestamp::from_millis(1);
        Fault {
            kind: FaultKind::Network,
            scope,
            actor: "test".into(),
            detail: "made".into(),
            at,
        }
    }

    fn faults() -> (Faults, Incidents, Arc<AtomicUsize>) {
        let unseen = Arc::new(AtomicUsize::new(0));
        let count = unseen.clone();
        let last_resort: LastResort = Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let (faults, incidents) =
            Faults::channel(HaltBoard::new(), HaltPolicy::default(), last_resort);
        (faults, incidents, unseen)
    }

    #[test]
    fn the_latch_is_set_before_raise_returns_and_the_incident_is_received() {
        let (faults, mut incidents, unseen) = faults();
        let incident = faults.raise(fault());
        let standing = faults.board().standing(&fault().scope).unwrap();
        assert_eq!(standing.level, HaltLevel::Halted);
        assert_eq!(incidents.try_recv().unwrap(), incident);
        assert_eq!(unseen.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_fault_without_a_receiver_halts_everything_and_goes_to_the_last_resort() {
        let (faults, incidents, unseen) = faults();
        drop(incidents);
        faults.raise(fault());
        assert_eq!(unseen.load(Ordering::SeqCst), 1);
        assert_eq!(
            faults.board().standing(&Scope::Global).unwrap().level,
            HaltLevel::Halted
        );
    }

    #[test]
    fn after_the_end_of_the_engine_a_fault_ends_no_process() {
        let (faults, incidents, unseen) = faults();
        faults.close();
        drop(incidents);
        faults.raise(fault());
        assert_eq!(unseen.load(Ordering::SeqCst), 0);
        assert_eq!(
            faults.board().standing(&fault().scope).unwrap().level,
            HaltLevel::Halted
        );
    }

    #[test]
    fn a_halt_after_a_flood_of_what_only_tells_is_written_down() {
        let (faults, _incidents, _) = faults();
        let journal = Arc::new(MemoryJournal::default());
        let faults = faults.journaled(Journaling::to(journal.clone()));
        let raise = |kind| faults.raise(Fault { kind, ..fault() });
        (0..600).for_each(|_| drop(raise(FaultKind::OrderAge)));
        let halt = raise(FaultKind::LossLimit);
        let records = journal.records();
        let state = JournalState::fold(records.iter().map(|(at, record)| (*at, record)));
        let standing: Vec<_> = state.halts.standing().collect();
        let [(scope, standing)] = standing.as_slice() else {
            panic!("one scope is halted: {standing:?}");
        };
        assert_eq!((*scope, standing.level), (fault().scope, HaltLevel::Halted));
        assert_eq!(standing.incidents.last(), Some(&halt));
    }
}
