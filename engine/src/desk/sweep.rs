//! Sweeps: cancelling every order of a scope, until the venue shows none.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::desk::foreign::key;
use crate::desk::{Effect, OrderDesk};
use crate::fault::{FaultKind, IncidentId};
use crate::halt::{Incident, Scope};
use crate::ids::{ClientOrderId, StrategyId, UsedIds};
use crate::journal::HaltsMemory;
use crate::messages::order::OrderReport;
use crate::planted::{self, Planted};
use crate::ports::{OrderRef, VenueError};
use crate::time::Timestamp;

/// A sweep that has not ended after this long is told to a person, once.
const SWEEP_ALARM: Duration = Duration::from_secs(30);

/// A sweep that finds nothing open, so soon after the last one of its scope was confirmed, is confirmed
/// by that one: a flood of faults must not use up the venue's limits with the listing of open orders.
const CONFIRMED_FOR: Duration = Duration::from_secs(2);

/// The cancelling of every order in a scope. It ends only when the venue shows none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    pub scope: Scope,
    /// The incident that ordered it; `None` for the stop of the engine.
    pub incident: Option<IncidentId>,
    pub started: Timestamp,
    /// Orders that were, or may have been, open when it started.
    pub orders: usize,
    /// What each strategy had used when it started. Later orders of this run were placed after a resume, or
    /// are exits, and are none of its business.
    until: BTreeMap<StrategyId, UsedIds>,
    listing: bool,
    alarmed: bool,
}

impl OrderDesk {
    /// Starts the sweep of a halted scope, if the reaction asks for one. The latch is set already.
    pub fn halted(&mut self, incident: &Incident, now: Timestamp, out: &mut Vec<Effect>) {
        let reaction = incident.reaction;
        if reaction.resting_orders.are_cancelled() {
            self.sweep(incident.fault.scope, Some(incident.id), now, out);
        }
        // Exits go out under a halt only: below it strategies place entries.
        if reaction.flattens() {
            self.flatten(incident, now, out);
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
        let until = self.seats.iter();
        let mut sweep = Sweep {
            scope,
            incident,
            started: now,
            orders: 0,
            until: until.map(|(id, seat)| (*id, seat.used)).collect(),
            listing: false,
            alarmed: false,
        };
        let open = self.open_orders();
        sweep.orders = open.filter(|order| self.is_in(&sweep, order.id)).count()
            + self.foreign_in(&sweep).count();
        if sweep.orders == 0 && incident.is_some() && self.is_confirmed(scope, now) {
            return;
        }
        self.cancel_in(&sweep, now, out);
        if planted::is(Planted::SweepUnconfirmed) {
            return out.push(Effect::Swept(sweep));
        }
        self.sweeps.push(sweep);
        self.confirm_sweeps(now, out);
    }

    /// Whether a listing that began a moment ago tells, or will tell, that nothing of the scope is open.
    fn is_confirmed(&self, scope: Scope, now: Timestamp) -> bool {
        let recently = self
            .listed
            .get(&scope)
            .is_some_and(|at| now.saturating_since(*at) < CONFIRMED_FOR);
        recently
            || self
                .sweeps
                .iter()
                .any(|sweep| sweep.scope == scope && sweep.listing)
    }

    fn cancel_in(&mut self, sweep: &Sweep, now: Timestamp, out: &mut Vec<Effect>) {
        self.cancel_where(now, out, |desk, order| desk.is_in(sweep, order.id));
        self.cancel_foreign(sweep, now, out);
    }

    /// Whether an order of ours is one that the sweep has to clear away.
    fn is_in(&self, sweep: &Sweep, id: ClientOrderId) -> bool {
        let Some(origin) = id.origin() else {
            return false;
        };
        let until = sweep.until.get(&origin.strategy);
        let early = until.is_some_and(|until| until.has(&origin));
        let later = origin.run == self.run && !early;
        let is_in_scope = match self.seats.get(&origin.strategy) {
            Some(seat) => seat.gate.membership().is_in(&sweep.scope),
            // Of an earlier run, by a strategy that is not here.
            None => {
                let symbol = self.order(&id).map(|order| order.terms.symbol);
                self.covers(&sweep.scope, Some(origin.strategy), symbol)
            }
        };
        !later && is_in_scope
    }

    /// Whether an order of the sweep is, or may be, open. The stop of the engine waits for missing fills as
    /// well: nobody takes them afterwards.
    fn is_left(&self, sweep: &Sweep) -> bool {
        let is_stop = sweep.incident.is_none();
        let mut unsettled = self.unsettled.iter().filter_map(|id| self.order(id));
        let ours = unsettled
            .any(|order| (is_stop || order.state.may_be_open()) && self.is_in(sweep, order.id));
        ours || self.foreign_in(sweep).next().is_some()
    }

    /// Whether an order that the venue lists as open is one that the sweep has to clear away.
    fn is_shown_in(&self, sweep: &Sweep, report: &OrderReport) -> bool {
        self.is_in(sweep, report.id) || self.foreign_in(sweep).any(|theirs| theirs == key(report))
    }

    /// Goes on with the sweeps of halts that stand since an earlier run: its end has ended them too.
    pub(super) fn sweep_halted(
        &mut self,
        halts: &HaltsMemory,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        for (scope, standing) in self.board.restricted() {
            let cancels = |one: &&Incident| one.reaction.resting_orders.are_cancelled();
            let is_forgotten = planted::is(Planted::FlattensForgotten);
            let unfinished = |one: &&Incident| {
                one.reaction.flattens() && !halts.is_flattened(one.id) && !is_forgotten
            };
            let mut flattens = standing.incidents.iter().filter(unfinished);
            if let Some(incident) = flattens.next() {
                out.push(Effect::Found {
                    title: format!("the flatten of {scope} was not finished in an earlier run"),
                    text: "It goes on when orders, fills and balances are reconciled.".into(),
                });
                self.halted(incident, now, out);
                flattens.for_each(|further| self.flatten(further, now, out));
            } else if let Some(incident) = standing.incidents.iter().find(cancels) {
                self.sweep(scope, Some(incident.id), now, out);
            }
        }
    }

    /// Sweeps that have not ended.
    #[must_use]
    pub fn sweeps(&self) -> &[Sweep] {
        &self.sweeps
    }

    /// Asks for all open orders, as an engine does when it begins; asks again until there is an answer.
    pub fn list_open(&mut self, out: &mut Vec<Effect>) {
        if !self.listing {
            self.list_after(Duration::ZERO, out);
        }
    }

    /// One listing at a time: the venue is asked once for all sweeps that wait, and failures do not
    /// multiply.
    fn list_after(&mut self, after: Duration, out: &mut Vec<Effect>) {
        self.listing = true;
        out.push(Effect::ListOpen { after });
    }

    /// Where every order of a sweep has ended, asks the venue to confirm; where one goes on, sees to it
    /// that its cancel does too. A listing that began before its last order ended confirms no sweep.
    pub(super) fn confirm_sweeps(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let mut sweeps = std::mem::take(&mut self.sweeps);
        let mut list = false;
        for sweep in &mut sweeps {
            if self.is_left(sweep) {
                self.cancel_in(sweep, now, out);
            } else if !sweep.listing && !self.listing {
                sweep.listing = true;
                self.listed.insert(sweep.scope, now);
                list = true;
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
        if list {
            self.list_after(Duration::ZERO, out);
        }
    }

    /// Takes the answer to [`Effect::ListOpen`]: every order that is open at the venue. A failed query
    /// is never read as "none".
    pub fn open_listed(
        &mut self,
        answer: Result<Vec<OrderReport>, VenueError>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Ok(open) = answer else {
            return self.list_after(Duration::from_secs(1), out);
        };
        for report in &open {
            self.report(report.clone(), now, out);
        }
        let (mut done, mut again) = (Vec::new(), false);
        for mut sweep in std::mem::take(&mut self.sweeps) {
            let shown = open.iter().any(|report| self.is_shown_in(&sweep, report));
            let left = self.is_left(&sweep);
            if sweep.listing && !shown && !left {
                done.push(sweep);
                continue;
            }
            // A listing may be stale: what has ended here and is shown there is asked for again. And
            // cancelled again, in case that it is this side's picture that is wrong.
            if sweep.listing && shown && !left {
                again = true;
                let shown = open.iter();
                let shown = shown.filter(|report| self.is_shown_in(&sweep, report));
                out.extend(shown.map(|report| Effect::Cancel(shown_ref(report))));
            }
            sweep.listing = sweep.listing && shown && !left;
            self.sweeps.push(sweep);
        }
        out.extend(done.into_iter().map(Effect::Swept));
        self.listing = false;
        if again {
            self.list_after(Duration::from_millis(500), out);
        }
        self.confirm_sweeps(now, out);
        self.advance_flattens(now, out);
    }

    /// Looks after what may have become complete with news about this order.
    pub(super) fn resolved(&mut self, id: ClientOrderId, now: Timestamp, out: &mut Vec<Effect>) {
        self.heed(id, now, out);
        self.settle(id);
        self.advance(now, out);
        if !self.sweeps.is_empty() {
            self.confirm_sweeps(now, out);
        }
    }

    /// Called about once a second: raises what has lasted too long.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if !self.sweeps.is_empty() {
            self.confirm_sweeps(now, out);
        }
        self.watch_limits(now, out);
        self.advance_flattens(now, out);
        self.keep_reconciled(now, out);
    }
}

fn shown_ref(report: &OrderReport) -> OrderRef {
    OrderRef {
        symbol: report.symbol,
        id: report.id,
        venue_id: Some(report.venue_id),
    }
}
