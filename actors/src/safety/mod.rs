//! The safety actor: receives every incident, halts the strategies in its scope, orders the sweep of
//! their resting orders and has a person told. Lives on an arbiter of its own.

mod clearing;
mod emergency;
mod figures;
#[cfg(test)]
mod flood;
mod halt_file;
mod resuming;
mod telling;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use actix::{Actor, Context, Handler, Message, Recipient, StreamHandler};
use tripline_engine::desk::Sweep;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltLevel, Incident, Membership, Scope, Standing};
use tripline_engine::ids::StrategyId;
use tripline_engine::messages::alert::{Alert, Severity};
use tripline_engine::messages::control::{self, FaultSeen, Halt};
use tripline_engine::ports::CancelPort;

use crate::clock::Clock;
use crate::delivery::{MAILBOX, Outlet, Sender};
use crate::faults::{Faults, Incidents};
use crate::gateway::{HaltOrdered, ReadDesk, Reconcile};
use crate::health::PartsCell;
use crate::journaling::Journaling;
use crate::panics::{Guard, Shield};

use clearing::OwnWay;
pub use clearing::{Ours, SweepConfirmed};
pub use halt_file::{HaltFile, HaltFileWatch};
pub use resuming::ResumeOrdered;

/// A strategy as the safety actor knows it.
pub struct Ward {
    pub membership: Membership,
    pub halt: Recipient<Halt>,
    pub resumed: Recipient<control::Resumed>,
    pub fault: Option<Recipient<FaultSeen>>,
}

/// What a safety actor needs to start. It can be sent to the arbiter on which the actor is to live.
pub struct SafetySettings {
    pub faults: Faults,
    pub incidents: Incidents,
    pub clock: Clock,
    pub gateway: Recipient<HaltOrdered>,
    pub reconcile: Recipient<Reconcile>,
    /// For the numbers that an alert tells.
    pub desk: Recipient<ReadDesk>,
    pub alerts: Recipient<Alert>,
    pub wards: Vec<Ward>,
    pub journal: Journaling,
    /// Halts of an earlier run, which stand.
    pub earlier: Vec<(Scope, Standing)>,
    /// Whether real money is traded; alerts say so.
    pub live: bool,
    /// While it is there, nothing is resumed.
    pub halt_file: Option<HaltFile>,
    /// What it may cancel itself.
    pub ours: Ours,
    /// Whom a resume asks whether all is in order.
    pub parts: PartsCell,
}

struct Outlets {
    membership: Membership,
    halt: Outlet<Halt>,
    resumed: Outlet<control::Resumed>,
    fault: Option<Outlet<FaultSeen>>,
}

/// Counts of what happened, for summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, actix::MessageResponse)]
pub struct SafetyStats {
    /// Scopes that went from active to a stricter level.
    pub halts: u64,
    pub incidents: u64,
    /// Alerts handed to the alert actor.
    pub alerts: u64,
    /// Market halts that were lifted without a person, as configured.
    pub resumed_by_itself: u64,
}

/// Read the counts.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "SafetyStats")]
pub struct ReadSafety;

/// The sweep of a halted scope has ended: the venue shows no order of it.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Swept(pub Sweep);

/// Receives every incident.
pub struct Safety {
    faults: Faults,
    clock: Clock,
    gateway: Outlet<HaltOrdered>,
    reconcile: Recipient<Reconcile>,
    desk: Recipient<ReadDesk>,
    alerts: Outlet<Alert>,
    wards: BTreeMap<StrategyId, Outlets>,
    journal: Journaling,
    earlier: Vec<(Scope, Standing)>,
    live: bool,
    halt_file: Option<HaltFile>,
    parts: PartsCell,
    by_itself: resuming::ByItself,
    stats: SafetyStats,
    /// How often each kind of fault has hit each scope since it was resumed.
    repeats: HashMap<(FaultKind, Scope), u64>,
    /// Alerts that wait for their numbers, and how often their fault came again meanwhile.
    asking: HashMap<(FaultKind, Scope), u64>,
    incidents: Option<Incidents>,
    own: OwnWay,
    shield: Shield,
    _guard: Guard,
}

impl Safety {
    /// With a connection for cancelling that nobody else uses.
    #[must_use]
    pub fn new(settings: SafetySettings, own: Rc<dyn CancelPort>) -> Self {
        let SafetySettings {
            faults,
            incidents,
            clock,
            gateway,
            reconcile,
            desk,
            alerts,
            wards,
            journal,
            earlier,
            live,
            halt_file,
            ours,
            parts,
        } = settings;
        let sender = Sender {
            actor: "safety",
            scope: Scope::Global,
            faults: faults.clone(),
            clock: clock.clone(),
        };
        let shield = Shield {
            actor: "safety",
            scope: Scope::Global,
            faults: faults.clone(),
            clock: clock.clone(),
        };
        let outlets = wards.into_iter().map(|ward| {
            let name = format!("strategy {}", ward.membership.strategy);
            let outlets = Outlets {
                halt: sender.outlet(&name, ward.halt),
                resumed: sender.outlet(&name, ward.resumed),
                fault: ward.fault.map(|to| sender.outlet(&name, to)),
                membership: ward.membership,
            };
            (outlets.membership.strategy, outlets)
        });
        Self {
            wards: outlets.collect(),
            gateway: sender.outlet("gateway", gateway),
            reconcile,
            desk,
            alerts: sender.outlet("alert", alerts),
            faults,
            clock,
            journal,
            earlier,
            live,
            halt_file,
            parts,
            by_itself: resuming::ByItself::default(),
            stats: SafetyStats::default(),
            repeats: HashMap::new(),
            asking: HashMap::new(),
            incidents: Some(incidents),
            own: OwnWay::new(own, ours),
            _guard: shield.guard(),
            shield,
        }
    }

    /// The latch is set already. Cancel first, then tell.
    fn take(&mut self, incident: Incident, ctx: &mut Context<Self>) {
        self.stats.incidents += 1;
        self.gateway.send(HaltOrdered(incident.clone()));
        self.see_to_sweep(&incident, ctx);
        let (mut halted, mut working) = (Vec::new(), Vec::new());
        let Incident {
            id,
            fault,
            reaction,
        } = &incident;
        let level = reaction.level;
        for (strategy, ward) in &self.wards {
            if !ward.membership.is_in(&fault.scope) {
                working.push(*strategy);
                continue;
            }
            if let Some(outlet) = &ward.fault {
                outlet.send(FaultSeen {
                    fault: fault.clone(),
                });
            }
            if level > HaltLevel::Active {
                ward.halt.send(Halt {
                    scope: fault.scope,
                    level,
                    incident: incident.clone(),
                });
                halted.push(*strategy);
            }
        }
        if fault.kind == FaultKind::JournalFailed {
            // Whoever tells of trouble with the journal does not write to it.
            self.faults.write_down(&incident);
        }
        let hit = (fault.kind, fault.scope);
        let repeats = self.repeats.entry(hit).or_default();
        *repeats += 1;
        let is_news = *repeats == 1;
        if !is_news {
            log::warn!(actor = "safety"; "incident {id} repeats {} of {} ({repeats} times)", fault.kind, fault.scope);
        } else if level > HaltLevel::Active {
            self.stats.halts += 1;
        }
        let Some(alert) = self.alert_about(&incident, halted, working) else {
            return;
        };
        if let Some(again) = self.asking.get_mut(&hit) {
            *again += 1;
        } else if is_news {
            self.tell_with_figures(hit, alert, ctx);
        } else {
            self.send(alert);
        }
    }
}

impl Actor for Safety {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        if let Some(mut incidents) = self.incidents.take() {
            let stream = futures_util::stream::poll_fn(move |cx| incidents.poll_recv(cx));
            Self::add_stream(stream, ctx);
        }
        for (scope, standing) in std::mem::take(&mut self.earlier) {
            self.still_halted(scope, &standing);
        }
        self.watch_over_market_halts(ctx);
    }
}

impl StreamHandler<Incident> for Safety {
    fn handle(&mut self, incident: Incident, ctx: &mut Context<Self>) {
        // Caught, so that a fault in telling one incident does not cost the next one.
        let shield = self.shield.clone();
        shield.run(|| self.take(incident, ctx));
    }

    fn finished(&mut self, _: &mut Context<Self>) {
        // Every sender is gone: the engine has stopped. The actor stays for its last questions.
    }
}

impl Handler<Swept> for Safety {
    type Result = ();
    fn handle(&mut self, Swept(sweep): Swept, _: &mut Context<Self>) {
        let Some(incident) = sweep.incident else {
            return;
        };
        if sweep.orders == 0 {
            log::info!(actor = "safety"; "incident {incident}: no order of {} is at the venue", sweep.scope);
            return;
        }
        let took = self.clock.venue_now().saturating_since(sweep.started);
        let title = format!(
            "incident {incident}: {} resting orders of {} cancelled and confirmed after {} ms",
            sweep.orders,
            sweep.scope,
            took.as_millis()
        );
        log::info!(actor = "safety"; "{title}");
        self.alert(Severity::Info, title, String::new(), None);
    }
}

impl Handler<ReadSafety> for Safety {
    type Result = SafetyStats;
    fn handle(&mut self, _: ReadSafety, _: &mut Context<Self>) -> SafetyStats {
        self.stats
    }
}
