//! Letting things go wrong.

use std::time::Duration;

use tokio::time::Instant;
use tripline_exchange::faults::FaultSpec;

use super::super::network::Door;
use super::super::pipe::Wire;
use super::super::schedule::Trouble;
use super::{Later, World};

impl World {
    pub(super) fn apply(&mut self, what: Trouble, now: Instant) {
        *self.faults.entry(what.name()).or_default() += 1;
        self.trace.say("TROUBLE", || format!("{what:?}"));
        let network = self.blueprint.network.clone();
        match what {
            Trouble::Exchange { fault, lasts } => {
                if let Some(id) = self.set_fault(fault) {
                    self.later(now + lasts, Later::RemoveFault(id));
                }
            }
            Trouble::UnclearWhileStale { fault, stale } => {
                let lasts = stale.ms.map_or(Duration::ZERO, Duration::from_millis) * 3;
                for id in [self.set_fault(fault), self.set_fault(stale)]
                    .into_iter()
                    .flatten()
                {
                    self.later(now + lasts, Later::RemoveFault(id));
                }
            }
            Trouble::EventsLost { fault, cut } => {
                if let Some(id) = self.set_fault(fault) {
                    self.later(now + cut, Later::RemoveFault(id));
                    self.later(now + cut, Later::CutApi);
                }
            }
            Trouble::Cut { door, lost: true } => {
                network.open(door).iter().for_each(|wire| wire.tear());
            }
            Trouble::Cut { door, lost: false } => {
                network.open(door).iter().for_each(|wire| wire.cut());
            }
            Trouble::CutInWriting { door, side, bytes } => {
                let open = network.open(door);
                open.iter().for_each(|wire| wire.cut_after(side, bytes));
            }
            Trouble::Stall { door, sides, lasts } => {
                for wire in network.open(door) {
                    sides.iter().for_each(|side| wire.stall(*side, lasts));
                }
            }
            Trouble::Refuse { lasts } => network.refuse(lasts),
            Trouble::ExchangeRestart { lasts } => {
                network.all_open().iter().for_each(|wire| wire.tear());
                network.refuse(lasts);
            }
            Trouble::Crash { down } => self.crash("", down),
            Trouble::CrashAtOrder { nth, down } => {
                self.trap.orders.set(nth);
                self.trap.down.set(down);
            }
            Trouble::Panic(place) => {
                if let Some(engine) = &self.engine {
                    engine.traces.panics.want(Some(place));
                }
            }
            Trouble::Store(trouble) => self.blueprint.disk.disturb(Some(trouble)),
            Trouble::ManualHalt(scope, reaction) => {
                if let Some(running) = self.engine.as_ref().and_then(|engine| engine.running()) {
                    running.halt_as(scope, reaction, "a person halts");
                }
            }
        }
    }

    fn set_fault(&mut self, fault: FaultSpec) -> Option<u64> {
        match self.exchange.set_fault(fault) {
            Ok(id) => Some(id),
            Err(error) => {
                self.wrong.push(format!("a fault cannot be set: {error}"));
                None
            }
        }
    }

    fn later(&mut self, at: Instant, what: Later) {
        self.numbered += 1;
        self.later.insert((at, self.numbered), what);
    }

    pub(super) fn apply_later(&mut self, later: Later) {
        self.trace.say("TROUBLE", || format!("{later:?}"));
        match later {
            Later::RemoveFault(id) => self.remove_faults(&format!("faults/{id}")),
            Later::CutApi => {
                let open = self.blueprint.network.open(Door::Api);
                open.iter().for_each(|wire| wire.cut());
            }
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn heal(&mut self) {
        self.trace.say("TROUBLE", || "everything is healed".into());
        self.steps.clear();
        self.later.clear();
        self.trap.disarm();
        self.blueprint.disk.disturb(None);
        if let Some(engine) = &self.engine {
            engine.traces.panics.want(None);
        }
        self.remove_faults("faults");
        let network = &self.blueprint.network;
        network.refuse(Duration::ZERO);
        network.all().iter().for_each(Wire::heal);
    }

    /// One that was used up meanwhile is not there any more.
    fn remove_faults(&self, path: &str) {
        drop(self.exchange.practice("DELETE", path, ""));
    }
}
