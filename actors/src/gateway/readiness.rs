//! When a strategy may begin: instruments, balances, open orders, private stream and fresh data are there.

use std::collections::BTreeSet;

use tripline_engine::fault::FaultKind;
use tripline_engine::halt::Scope;
use tripline_engine::ids::Symbol;
use tripline_engine::messages::control::{InitFailed, Ready, RestingOrders};

use super::OrderGateway;

/// What one strategy still waits for.
#[derive(Debug)]
pub(super) struct Readiness {
    /// Instruments without fresh data since the start.
    waiting: BTreeSet<Symbol>,
    told: bool,
    failed: bool,
}

impl Readiness {
    pub(super) fn new(instruments: Vec<Symbol>) -> Self {
        Self {
            waiting: instruments.into_iter().collect(),
            told: false,
            failed: false,
        }
    }

    pub(super) fn fresh(&mut self, symbol: Symbol) {
        self.waiting.remove(&symbol);
    }

    pub(super) fn is_told(&self) -> bool {
        self.told
    }
}

impl OrderGateway {
    /// Whether a strategy has not begun yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.seats.values().any(|seat| !seat.readiness.told)
    }

    /// Tells each strategy for which everything is there by now.
    pub(super) fn check_ready(&mut self) {
        if !self.is_waiting() {
            return;
        }
        let account_known = self.open_listed && self.balances_known;
        // What is open of an earlier run is told before the strategy begins.
        if !account_known || !self.desk.is_private_stream_live() || self.desk.owes_news() {
            return;
        }
        if self.earlier_orders == RestingOrders::Cancel && self.desk.has_earlier() {
            return;
        }
        for seat in self
            .seats
            .values_mut()
            .filter(|seat| !seat.readiness.told && seat.readiness.waiting.is_empty())
        {
            seat.readiness.told = true;
            seat.ready.send(Ready {});
        }
    }

    /// What was not there in time is a failed start, for exactly the strategies that wait.
    pub(super) fn give_up_waiting(&mut self) {
        let common = [
            (!self.open_listed, "the list of open orders"),
            (!self.balances_known, "the balances"),
            (!self.desk.is_private_stream_live(), "the private stream"),
            (self.desk.owes_news(), "fills of orders of an earlier run"),
            (
                self.earlier_orders == RestingOrders::Cancel && self.desk.has_earlier(),
                "the end of orders of an earlier run",
            ),
        ];
        let common: Vec<&str> = common
            .into_iter()
            .filter(|(missing, _)| *missing)
            .map(|(_, what)| what)
            .collect();
        let mut failed = Vec::new();
        for (strategy, seat) in self
            .seats
            .iter_mut()
            .filter(|(_, seat)| !seat.readiness.told && !seat.readiness.failed)
        {
            let mut missing: Vec<String> = common.iter().map(ToString::to_string).collect();
            missing.extend(
                seat.readiness
                    .waiting
                    .iter()
                    .map(|symbol| format!("market data of {symbol}")),
            );
            let reason = format!(
                "not ready after {:?}: still missing {}",
                self.ready_within,
                missing.join(", ")
            );
            // What comes later still makes it ready, so that it can trade when a person has resumed it.
            seat.readiness.failed = true;
            seat.init_failed.send(InitFailed {
                reason: reason.clone(),
            });
            failed.push((*strategy, reason));
        }
        for (strategy, reason) in failed {
            self.raise(FaultKind::InitFailed, Scope::Strategy(strategy), reason);
        }
    }
}
