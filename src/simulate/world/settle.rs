//! The end of a run: heal, settle, trade on, stop. And what is checked while the engine lives.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tripline_engine::halt::HaltLevel;
use tripline_engine::ids::ClientOrderId;
use tripline_engine::order::OrderState;

use super::super::engine::Engine;
use super::{End, World};
use crate::running::{EngineSnapshot, Running};

/// How long a healed engine may take to trade again, virtual.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);

/// How long a settled engine trades on, so that it is seen to do so.
const TRADES_ON: Duration = Duration::from_secs(5);

/// How long a settled engine may take to place something, halts and resumes included.
const PLACED_WITHIN: Duration = Duration::from_secs(60);

/// How long a stop may take, virtual.
const STOPPED_WITHIN: Duration = Duration::from_secs(120);

/// How long an answer of a live engine may take, virtual.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// How long after a halt its sweep has begun for certain.
const SWEEP_BEGUN: Duration = Duration::from_millis(500);

/// An order as the exchange shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    client_order_id: String,
}

impl World {
    async fn snapshot(running: &Running) -> Option<EngineSnapshot> {
        timeout(ANSWERED_WITHIN, running.snapshot())
            .await
            .ok()
            .flatten()
    }

    /// Of a halted scope whose sweep has ended, nothing is left at the exchange.
    pub(super) async fn check_sweeps(&mut self, running: &Running) {
        let Some(snapshot) = Self::snapshot(running).await else {
            return;
        };
        if snapshot.desk.sweeps > 0 {
            return;
        }
        let now = running.clock().now();
        let mut halted = running.board().restricted();
        halted.retain(|(_, standing)| {
            standing.level == HaltLevel::Halted
                && standing.incidents.iter().all(|one| {
                    one.reaction.resting_orders.are_cancelled()
                        && now.saturating_since(one.fault.at) > SWEEP_BEGUN
                })
        });
        // Exits of a flatten come after the sweep.
        let open = self.open_at_exchange().into_iter();
        for id in open.filter(|id| !id.is_exit()) {
            let seat = running.seats.iter().find(|seat| {
                id.origin()
                    .is_some_and(|one| one.strategy == seat.membership.strategy)
            });
            let scope = seat.and_then(|seat| {
                let found = halted
                    .iter()
                    .find(|(scope, _)| seat.membership.is_in(scope));
                found.map(|(scope, _)| *scope)
            });
            if let Some(scope) = scope {
                self.wrong
                    .push(format!("{id} is open after the sweep of {scope} has ended"));
            }
        }
    }

    fn open_at_exchange(&self) -> Vec<ClientOrderId> {
        let open: Vec<Shown> =
            serde_json::from_value(self.exchange.open_orders()).unwrap_or_default();
        open.iter()
            .filter_map(|order| ClientOrderId::new(&order.client_order_id).ok())
            .collect()
    }

    /// What keeps the engine from trading as usual; `None` when nothing does.
    async fn unsettled(&self) -> Option<String> {
        let Some(engine) = &self.engine else {
            return Some("the engine is down".into());
        };
        let Some(running) = engine.running() else {
            return Some("the engine does not run".into());
        };
        let halted = running.board().restricted();
        if let Some((scope, standing)) = halted.first() {
            let why = standing.incidents.first().map(|one| one.fault.to_string());
            return Some(format!("{scope} is halted: {}", why.unwrap_or_default()));
        }
        let ready = engine.traces.told.ready.get() as usize;
        if ready < running.seats.len() {
            return Some(format!("{ready} strategies are ready"));
        }
        let Some(snapshot) = Self::snapshot(&running).await else {
            return Some("the engine does not answer".into());
        };
        let desk = &snapshot.desk;
        let now = running.clock().venue_now();
        let unclear = desk.orders.iter().find(|order| {
            let waits = |most| now.saturating_since(order.updated) > most;
            match order.state {
                OrderState::Uncertain => true,
                OrderState::Sent => waits(Duration::from_secs(1)),
                _ => order.misses_fills() && waits(ANSWERED_WITHIN),
            }
        });
        match () {
            () if !desk.private_stream_live => Some("the private stream is not live".into()),
            () if desk.sweeps > 0 => Some(format!("{} sweeps go on", desk.sweeps)),
            () => unclear.map(|order| format!("{order:?}")),
        }
    }

    /// Heals everything, waits until the engine trades as usual, lets it trade on, and stops it.
    pub(in super::super) async fn finish(&mut self) {
        self.heal();
        self.operator.slowness = 2_000;
        self.settle().await;
        let (before, last) = (self.placed(), Instant::now() + PLACED_WITHIN);
        self.live_until(Instant::now() + TRADES_ON).await;
        while self.has_to_place && self.placed() == before && Instant::now() < last {
            self.live_until(Instant::now() + Duration::from_secs(1))
                .await;
        }
        if self.has_to_place && self.wrong.is_empty() && self.placed() == before {
            self.wrong.push("nothing is placed any more".into());
        }
        // What was placed meanwhile may have become unclear.
        self.settle().await;
        self.stop().await;
    }

    async fn settle(&mut self) {
        let last = Instant::now() + SETTLED_WITHIN;
        while let Some(problem) = self.unsettled().await {
            if Instant::now() >= last {
                let stuck = format!("stuck after {SETTLED_WITHIN:?} without faults: {problem}");
                self.wrong.push(stuck);
                break;
            }
            self.live_until(Instant::now() + Duration::from_secs(1))
                .await;
        }
    }

    fn placed(&self) -> usize {
        self.engine
            .as_ref()
            .map_or(0, |engine| engine.traces.handed_over.borrow().len())
    }

    async fn stop(&mut self) {
        let Some(engine) = self.engine.take() else {
            return self.wrong.push("there is no engine at the end".into());
        };
        let end = End::of(&engine);
        let Some(running) = Engine::take_running(&engine) else {
            return self.wrong.push("the engine does not run at the end".into());
        };
        self.trace.say("operator", || "stops the engine".into());
        match timeout(STOPPED_WITHIN, running.stop()).await {
            Ok(report) => {
                if !report.stop.swept {
                    self.wrong
                        .push(format!("the stop was not confirmed: {:?}", report.stop));
                }
                self.keep(engine, end, Some(report));
            }
            Err(_) => {
                self.wrong
                    .push(format!("the stop takes more than {STOPPED_WITHIN:?}"));
                self.keep(engine, end, None);
            }
        }
    }
}
