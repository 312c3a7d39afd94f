//! What everything else stands on: the clock, the latch, the way of a fault, the cold arbiter, alerts.

use std::cell::OnceCell;
use std::rc::Rc;

use actix::Addr;
use actix_rt::Arbiter;
use actix_rt::task::JoinHandle;
use tripline_actors::clock::Clock;
use tripline_actors::control::Life;
use tripline_actors::delivery::{Outlet, Sender};
use tripline_actors::faults::{Faults, Incidents};
use tripline_actors::gateway::{OnConfirmed, OnSwept, OrderGateway};
use tripline_actors::health::PartsCell;
use tripline_actors::journal::Journal;
use tripline_actors::journaling::Journaling;
use tripline_actors::panics::{self, Shield};
use tripline_actors::safety::{self, HaltFile};
use tripline_actors::venue::Connection;
use tripline_actors::watchdog::Pulses;
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{HaltBoard, Scope};
use tripline_engine::ids::RunId;
use tripline_engine::journal::{JournalError, JournalState, RunStarted};
use tripline_engine::planted::{self, Planted};
use tripline_engine::risk::RiskLimits;
use tripline_engine::time::Timestamp;

use super::alerts::Opening;
use super::safety::ToSafety;
use super::standstill::Standstill;
use crate::builder::{Builder, Placement, StartError};
use crate::settings::EngineSettings;

/// The way to the safety actor, which is started after the gateway.
pub(super) type Swept = Rc<OnceCell<Outlet<safety::Swept>>>;

/// Tells the safety actor of every sweep that has ended.
pub(super) fn tell_swept(swept: Swept) -> OnSwept {
    Rc::new(move |sweep| {
        if let Some(outlet) = swept.get() {
            outlet.send(safety::Swept(sweep.clone()));
        }
    })
}

/// The same, for sweeps that the safety actor waits for.
pub(super) type Confirmed = Rc<OnceCell<Outlet<safety::SweepConfirmed>>>;

/// Tells the safety actor what it need not clear away itself.
pub(super) fn tell_confirmed(confirmed: Confirmed) -> OnConfirmed {
    Rc::new(move |scope, through| {
        if let Some(outlet) = confirmed.get() {
            outlet.send(safety::SweepConfirmed { scope, through });
        }
    })
}

/// Where everything slow lives.
pub(crate) enum Cold {
    Arbiter(Arbiter),
    /// The caller's arbiter.
    Here,
}

impl Cold {
    fn new(placement: Placement) -> Self {
        match placement {
            Placement::Apart => Self::Arbiter(Arbiter::new()),
            Placement::Together => Self::Here,
        }
    }

    pub(super) fn run(&self, work: impl FnOnce() + Send + 'static) {
        match self {
            // An arbiter that has ended drops the work, which its waiting caller notices.
            Self::Arbiter(arbiter) => drop(arbiter.spawn_fn(work)),
            Self::Here => work(),
        }
    }

    /// Ends what lives on an arbiter of its own.
    pub(crate) fn stop(&self) {
        if let Self::Arbiter(arbiter) = self {
            arbiter.stop();
        }
    }
}

pub(super) struct Ground {
    pub(super) settings: EngineSettings,
    pub(super) run: RunId,
    pub(super) clock: Clock,
    pub(super) board: HaltBoard,
    pub(super) faults: Faults,
    pub(super) cold: Cold,
    pub(super) journal: Journaling,
    pub(super) kept: Option<Journal>,
    pub(super) standstill: Standstill,
    /// What the door and the safety actor ask, once it has started.
    pub(super) parts: PartsCell,
    pub(super) halt_file: Option<HaltFile>,
    pub(super) to_safety: ToSafety,
    pub(super) opening: Opening,
    /// Whether this engine lives; of two arbiters also whether each runs.
    pub(super) life: Life,
    pub(super) pulses: Option<Pulses>,
    /// What earlier runs have left.
    pub(super) earlier: JournalState,
}

impl Ground {
    pub(super) fn lay(builder: &mut Builder) -> Result<(Self, Incidents), StartError> {
        let last_resort = builder.take_last_resort();
        let settings = builder.settings.clone();
        let clock = builder.clock.take().unwrap_or_else(Clock::system);
        let memory = std::mem::take(&mut builder.memory);
        let halts = &memory.earlier.halts;
        let board = match planted::is(Planted::HaltsForgotten) {
            true => HaltBoard::new(),
            false => HaltBoard::restored(halts.scopes(), halts.last_incident()),
        };
        let (faults, incidents) =
            Faults::channel(board.clone(), settings.policy.clone(), last_resort);
        let now = u64::try_from(clock.now().as_millis()).unwrap_or_default();
        let run = memory.new_run(now);
        let started = RunStarted {
            run,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            configuration: memory.configuration,
            durability: memory.durability,
            live: settings.live,
        };
        memory.journal.append(&[started.into()], clock.now())?;
        let faults = faults.journaled(memory.journal.clone());
        memory.troubles.raise_with(&faults);
        if let Some(failure) = memory.failed {
            raise_failure_of_before(&failure, memory.kept.as_ref(), &faults, clock.now())?;
        }
        let pulses = match builder.placement {
            Placement::Apart => Some(Pulses::default()),
            // In virtual time nothing is stuck.
            Placement::Together => None,
        };
        let trading = pulses.as_ref().map(|pulses| pulses.trading.clone());
        let life = Life::new(trading, settings.stuck_after);
        let ground = Self {
            life,
            pulses,
            settings,
            run,
            clock,
            board,
            faults,
            cold: Cold::new(builder.placement),
            journal: memory.journal,
            kept: memory.kept,
            standstill: Standstill::default(),
            parts: PartsCell::default(),
            halt_file: builder.control.halt_file.clone().map(HaltFile::new),
            to_safety: ToSafety::default(),
            opening: Opening::default(),
            earlier: memory.earlier,
        };
        ground.take_halts(&builder.control);
        Ok((ground, incidents))
    }

    /// The configured limits, and what a person has tightened while an earlier run was under way.
    pub(super) fn limits(&self) -> RiskLimits {
        let EngineSettings { account, risk, .. } = &self.settings;
        self.earlier.limits.on(*account, risk.clone())
    }

    /// Measures the journal's disk, where it is a real one.
    pub(super) fn watch_disk(&self, gateway: &Addr<OrderGateway>) {
        if let (Some(journal), Cold::Arbiter(_)) = (&self.kept, &self.cold) {
            let sender = self.sender("journal", Scope::Global);
            let (space, gateway) = (journal.space(), gateway.clone());
            self.cold.run(move || {
                let told = sender.outlet_to("gateway", &gateway);
                // It ends with its arbiter.
                drop(actix_rt::spawn(space.keep_measuring(told)));
            });
        }
    }

    /// Takes the connections that are made anew after a standstill, and gives them back.
    pub(super) fn renews(&self, connections: Vec<Rc<dyn Connection>>) -> Vec<Rc<dyn Connection>> {
        self.standstill.renews(connections.clone());
        connections
    }

    /// For deliveries of `actor`; a failed one concerns `scope`.
    pub(super) fn sender(&self, actor: &'static str, scope: Scope) -> Sender {
        Sender {
            actor,
            scope,
            faults: self.faults.clone(),
            clock: self.clock.clone(),
        }
    }

    /// Lets both arbiters tick, where there are two.
    pub(super) fn tick(&self) -> Option<JoinHandle<()>> {
        let Pulses { trading, cold } = self.pulses.clone()?;
        let stuck_after = self.settings.stuck_after;
        // It ends with its arbiter.
        self.cold
            .run(move || drop(actix_rt::spawn(cold.keep(stuck_after))));
        Some(actix_rt::spawn(trading.keep(stuck_after)))
    }

    /// Watches both arbiters for panics that nobody else tells of.
    pub(super) fn watch_panics(&self) -> JoinHandle<()> {
        panics::install_hook();
        let shield = Shield {
            actor: "arbiter",
            scope: Scope::Global,
            faults: self.faults.clone(),
            clock: self.clock.clone(),
        };
        if let Cold::Arbiter(_) = self.cold {
            let shield = shield.clone();
            // It ends with its arbiter.
            self.cold
                .run(move || drop(actix_rt::spawn(panics::watch(shield))));
        }
        actix_rt::spawn(panics::watch(shield))
    }
}

/// A journal that failed in an earlier run has perhaps forgotten what happened afterwards, halts among it:
/// a person has to look. Once that is written down, the failure is forgotten.
fn raise_failure_of_before(
    failure: &str,
    kept: Option<&Journal>,
    faults: &Faults,
    at: Timestamp,
) -> Result<(), JournalError> {
    faults.raise(Fault {
        kind: FaultKind::JournalFailed,
        scope: Scope::Global,
        actor: "journal".into(),
        detail: format!(
            "in an earlier run: {failure}; what happened after that may be missing, hold orders and halts against the venue"
        ),
        at,
    });
    match kept {
        Some(journal) => journal.forget_failure(),
        None => Ok(()),
    }
}
