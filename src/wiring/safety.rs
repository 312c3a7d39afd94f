//! The safety actor, with its own way to the venue, and the watchdog, which watches what it lives on.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr};
use actix_rt::Arbiter;
use tripline_actors::alert::AlertActor;
use tripline_actors::faults::Incidents;
use tripline_actors::gateway::{HaltOrdered, OrderGateway};
use tripline_actors::safety::{Ours, Safety, SafetySettings};
use tripline_actors::venue::{OwnWay, Venue};
use tripline_actors::watchdog::{OnStuck, Watchdog, WatchdogSettings, last_words};
use tripline_engine::halt::{Incident, Scope};

use super::ground::{Cold, Confirmed, Ground, Swept};
use super::strategies::Seat;
use crate::builder::StartError;

/// The ways from the gateway to the safety actor, which is started after it.
#[derive(Clone, Default)]
pub(super) struct ToSafety {
    pub(super) swept: Swept,
    pub(super) confirmed: Confirmed,
}

impl Ground {
    pub(super) async fn start_safety(
        &self,
        incidents: Incidents,
        (venue, gateway, alerts): (&dyn Venue, &Addr<OrderGateway>, &Addr<AlertActor>),
        seats: &[Seat],
    ) -> Result<Addr<Safety>, StartError> {
        let settings = SafetySettings {
            faults: self.faults.clone(),
            incidents,
            clock: self.clock.clone(),
            gateway: gateway.clone().recipient(),
            reconcile: gateway.clone().recipient(),
            desk: gateway.clone().recipient(),
            alerts: alerts.clone().recipient(),
            wards: seats.iter().map(Seat::ward).collect(),
            journal: self.journal.clone(),
            earlier: self.earlier.halts.standing().collect(),
            live: self.settings.live,
            halt_file: self.halt_file.clone(),
            parts: self.parts.clone(),
            ours: Ours {
                account: self.settings.account,
                venue: venue.id(),
                foreign_orders: self.settings.foreign_orders,
            },
        };
        let safety = match (venue.own_way(), &self.cold) {
            (OwnWay::Here(own), Cold::Here) => Safety::new(settings, own).start(),
            (OwnWay::Here(_), Cold::Arbiter(_)) => {
                let problem = "it makes its connection for cancelling only where it lives itself; use Placement::Together";
                return Err(StartError::Venue(problem.into()));
            }
            (OwnWay::Apart(make), cold) => {
                let (answer, started) = tokio::sync::oneshot::channel();
                cold.run(move || {
                    let safety = make().map(|own| Safety::new(settings, own).start());
                    if answer.send(safety).is_err() {
                        log::debug!(actor = "safety"; "nobody waits for the safety actor any more");
                    }
                });
                let started = started.await.map_err(|_| StartError::Actor {
                    actor: "safety",
                    detail: "it panicked".into(),
                })?;
                started.map_err(StartError::Venue)?
            }
        };
        let sender = self.sender("gateway", Scope::Account(self.settings.account));
        set(&self.to_safety.swept, sender.outlet_to("safety", &safety));
        set(
            &self.to_safety.confirmed,
            sender.outlet_to("safety", &safety),
        );
        Ok(safety)
    }

    /// Watches both arbiters, where there are two, from a thread outside of them.
    pub(super) fn watch_arbiters(
        &self,
        gateway: &Addr<OrderGateway>,
        on_stuck: Option<OnStuck>,
    ) -> Result<Option<Watchdog>, StartError> {
        let Some(pulses) = self.pulses.clone() else {
            return Ok(None);
        };
        let sender = self.sender("watchdog", Scope::Account(self.settings.account));
        let (trading, gateway) = (Arbiter::current(), gateway.clone());
        let sweep = move |incident: Incident| {
            let (sender, gateway) = (sender.clone(), gateway.clone());
            let order = move || {
                sender
                    .outlet_to("gateway", &gateway)
                    .send(HaltOrdered(incident));
            };
            if !trading.spawn_fn(order) {
                log::error!(actor = "watchdog"; "the trading arbiter has ended: nobody sweeps");
            }
        };
        let settings = WatchdogSettings {
            stuck_after: self.settings.stuck_after,
            account: self.settings.account,
            pulses,
            faults: self.faults.clone(),
            clock: self.clock.clone(),
            sweep: Box::new(sweep),
            on_stuck: on_stuck.unwrap_or_else(|| Arc::new(last_words)),
        };
        Ok(Some(Watchdog::start(settings)?))
    }
}

fn set<T>(cell: &Rc<OnceCell<T>>, value: T) {
    assert!(cell.set(value).is_ok(), "set here and nowhere else");
}
