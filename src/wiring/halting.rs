//! The ways to order a halt that need no door, a signal and a file; and what the door asks about the engine.

use actix::Addr;
use tokio::signal::unix::{SignalKind, signal};
use tripline_actors::clock::Clock;
use tripline_actors::faults::Faults;
use tripline_actors::gateway::OrderGateway;
use tripline_actors::health::Parts;
use tripline_actors::market_data::MarketData;
use tripline_actors::panics;
use tripline_actors::safety::{HaltFileWatch, Safety};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;
use tripline_engine::ids::VenueId;

use super::ground::Ground;
use super::strategies::Seat;
use crate::alerting::ControlConfig;

impl Ground {
    /// Watches the signal and the file on the cold arbiter, where a strategy that is stuck does not hold them up.
    /// A file that is there already halts before anything is started.
    pub(super) fn take_halts(&self, control: &ControlConfig) {
        let (faults, clock) = (self.faults.clone(), self.clock.clone());
        if let Some(file) = self.halt_file.clone() {
            let watch = HaltFileWatch::start(file, faults.clone(), clock.clone());
            // It ends with its arbiter.
            self.cold
                .run(move || drop(actix_rt::spawn(watch.keep_looking())));
        }
        if control.halt_signal {
            self.cold.run(move || {
                drop(actix_rt::spawn(async move {
                    while !panics::endured(halt_on_signal(&faults, &clock)).await {}
                }));
            });
        }
    }

    /// From here on the door and the safety actor can ask how the engine stands.
    pub(super) fn has_started(
        &self,
        venue: VenueId,
        gateway: &Addr<OrderGateway>,
        market: &Addr<MarketData>,
        safety: &Addr<Safety>,
        seats: &[Seat],
    ) {
        let parts = Parts {
            venue,
            members: seats.iter().map(|seat| seat.membership.clone()).collect(),
            gateway: gateway.clone().recipient(),
            market: market.clone().recipient(),
            limits: gateway.clone().recipient(),
            set_limit: gateway.clone().recipient(),
            safety: safety.clone(),
        };
        let is_first = self.parts.set(parts).is_ok();
        assert!(is_first, "set here and nowhere else");
        self.opening.is_over();
    }
}

/// SIGUSR2 halts everything, each time.
async fn halt_on_signal(faults: &Faults, clock: &Clock) {
    let mut signals = match signal(SignalKind::user_defined2()) {
        Ok(signals) => signals,
        Err(error) => {
            log::error!(actor = "signals"; "SIGUSR2 cannot be watched: {error}");
            return;
        }
    };
    while signals.recv().await.is_some() {
        faults.halt(Fault {
            kind: FaultKind::Manual,
            scope: Scope::Global,
            actor: "signals".into(),
            detail: "SIGUSR2: halt everything".into(),
            at: clock.now(),
        });
    }
}
