//! Sweeps and reconciliation: what has to be true of a whole set of orders.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::desk::{Effect, OrderDesk};
use crate::fault::{FaultKind, IncidentId};
use crate::halt::{Incident, Scope};
use crate::ids::ClientOrderId;
use crate::messages::control::RestingOrders;
use crate::messages::order::OrderReport;
use crate::order::Order;
use crate::ports::VenueError;
use crate::time::Timestamp;

/// A sweep that has not ended after this long is told to a person, once.
const SWEEP_ALARM: Duration = Duration::from_secs(30);

/// The cancelling of every order in a scope. It ends only when the venue shows none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    pub scope: Scope,
    /// The incident that ordered it; `None` for the stop of the engine.
    pub incident: Option<IncidentId>,
    pub started: Timestamp,
    /// Orders that were, or may have been, open when it started.
    pub orders: usize,
    listing: bool,
    alarmed: bool,
}

impl OrderDesk {
    /// Starts the sweep of a halted scope, if the reaction asks for one. The latch is set already.
    pub fn halted(&mut self, incident: &Incident, now: Timestamp, out: &mut Vec<Effect>) {
        if incident.reaction.resting_orders == RestingOrders::Cancel {
            self.sweep(incident.fault.scope, Some(incident.id), now, out);
        }
    }

    /// Cancels every order in the scope and confirms at the venue that none is left.
    pub fn sweep(
        &mut self,
        scope: Scope,
        incident: Option<IncidentId>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let orders = self
            .open_orders()
            .filter(|order| self.is_in(order, &scope))
            .count();
        self.sweeps.push(Sweep {
            scope,
            incident,
            started: now,
            orders,
            listing: false,
            alarmed: false,
        });
        self.cancel_in(scope, now, out);
        self.confirm_sweeps(now, out);
    }

    fn cancel_in(&mut self, scope: Scope, now: Timestamp, out: &mut Vec<Effect>) {
        let seats = self.seats.clone();
        self.cancel_where(now, out, |order| {
            seats
                .get(&order.strategy)
                .is_some_and(|seat| seat.gate.membership().is_in(&scope))
        });
    }

    fn is_in(&self, order: &Order, scope: &Scope) -> bool {
        self.seats
            .get(&order.strategy)
            .is_some_and(|seat| seat.gate.membership().is_in(scope))
    }

    /// Sweeps that have not ended.
    #[must_use]
    pub fn sweeps(&self) -> &[Sweep] {
        &self.sweeps
    }

    /// Where every order of a sweep has ended, asks the venue to confirm; where one goes on, sees to it
    /// that its cancel does too.
    fn confirm_sweeps(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let mut sweeps = std::mem::take(&mut self.sweeps);
        for sweep in &mut sweeps {
            let left = self
                .open_orders()
                .any(|order| self.is_in(order, &sweep.scope));
            if left {
                self.cancel_in(sweep.scope, now, out);
            } else if !sweep.listing {
                sweep.listing = true;
                out.push(Effect::ListOpen {
                    after: Duration::ZERO,
                });
            }
            if !sweep.alarmed && now.saturating_since(sweep.started) > SWEEP_ALARM {
                sweep.alarmed = true;
                let detail = format!("orders of {} are not confirmed cancelled", sweep.scope);
                out.push(self.account_fault(FaultKind::CancelUnconfirmed, detail, now));
            }
        }
        // A sweep that was raised meanwhile stands behind those that were under way.
        sweeps.append(&mut self.sweeps);
        self.sweeps = sweeps;
    }

    /// Takes the answer to [`Effect::ListOpen`]: every order that is open at the venue. A failed query
    /// is never read as "none".
    pub fn open_listed(
        &mut self,
        answer: Result<Vec<OrderReport>, VenueError>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let listing = self.sweeps.iter().any(|sweep| sweep.listing);
        let open = match answer {
            Ok(open) => open,
            Err(_) if listing => {
                return out.push(Effect::ListOpen {
                    after: Duration::from_secs(1),
                });
            }
            Err(_) => return,
        };
        for report in &open {
            self.report(report.clone(), now, out);
        }
        let (mut done, mut again) = (Vec::new(), false);
        for mut sweep in std::mem::take(&mut self.sweeps) {
            let shown = open.iter().any(|report| {
                let strategy = report.id.origin().map(|origin| origin.strategy);
                let seat = strategy.and_then(|strategy| self.seats.get(&strategy));
                seat.is_some_and(|seat| seat.gate.membership().is_in(&sweep.scope))
            });
            let left = self
                .open_orders()
                .any(|order| self.is_in(order, &sweep.scope));
            if sweep.listing && !shown && !left {
                done.push(sweep);
                continue;
            }
            // A listing may be stale: an order that has ended here and is shown there is asked for again.
            again |= sweep.listing && shown && !left;
            sweep.listing = sweep.listing && shown && !left;
            self.sweeps.push(sweep);
        }
        out.extend(done.into_iter().map(Effect::Swept));
        if again {
            out.push(Effect::ListOpen {
                after: Duration::from_millis(500),
            });
        }
        self.confirm_sweeps(now, out);
    }

    /// The private stream is down: nothing is placed until it is back and every order was asked for.
    pub fn private_stream_down(&mut self) {
        self.reconciling = None;
        self.private_stream_up = false;
    }

    /// The private stream delivers again. What it missed is asked for; it counts as live when every
    /// answer is there.
    pub fn private_stream_up(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.private_stream_up = true;
        let mut ids: Vec<_> = self.unsettled.iter().copied().collect();
        ids.sort_unstable();
        for id in &ids {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.look_after(Duration::ZERO, out);
            }
        }
        self.reconciling = Some(ids.into_iter().collect());
        self.drop_reconciled();
        self.confirm_sweeps(now, out);
    }

    /// Whether the private stream delivers and everything it missed was asked for.
    #[must_use]
    pub fn is_private_stream_live(&self) -> bool {
        self.private_stream_up && self.reconciling.is_none()
    }

    fn drop_reconciled(&mut self) {
        if let Some(waiting) = &mut self.reconciling {
            waiting.retain(|id| {
                self.entries
                    .get(id)
                    .is_some_and(|entry| !entry.is_reconciled())
            });
            if waiting.is_empty() {
                self.reconciling = None;
            }
        }
    }

    /// Looks after what may have become complete with news about this order.
    pub(super) fn resolved(&mut self, id: ClientOrderId, now: Timestamp, out: &mut Vec<Effect>) {
        self.settle(id);
        self.drop_reconciled();
        if !self.sweeps.is_empty() {
            self.confirm_sweeps(now, out);
        }
    }

    /// Called about once a second: raises what has lasted too long.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if !self.sweeps.is_empty() {
            self.confirm_sweeps(now, out);
        }
    }
}
