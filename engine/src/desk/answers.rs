//! What the venue says: answers to requests, events of the private stream, answers to queries. They
//! arrive in any order; the order's own ledger decides what is news.

use std::time::Duration;

use crate::desk::records::{Said, resolved};
use crate::desk::{Effect, OrderDesk, fault};
use crate::fault::FaultKind;
use crate::halt::Scope;
use crate::ids::ClientOrderId;
use crate::journal::Ending;
use crate::messages::order::{OrderEventKind, OrderReport, ReportSource};
use crate::order::state::Learnt;
use crate::order::{Order, OrderFault, OrderState, VenueStatus};
use crate::planted::{self, Planted};
use crate::ports::VenueError;
use crate::time::Timestamp;

/// Looks at the venue without an answer before a person is told.
const LOOKS_BEFORE_ALARM: u32 = 8;

/// Between the two looks that prove that an order never arrived.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// The reason of an order that self-trade prevention ended, as [`OrderEventKind::Expired`] tells it.
pub const IN_MATCH: &str = "EXPIRED_IN_MATCH";

impl OrderDesk {
    /// Takes the answer to [`Effect::Cancel`].
    pub fn cancel_answered(
        &mut self,
        id: ClientOrderId,
        answer: Result<OrderReport, VenueError>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let error = match answer {
            Ok(report) => return self.report(report, now, out),
            Err(error) => error,
        };
        let Some(entry) = self.entries.get_mut(&id) else {
            return self.foreign_cancel_refused(id, &error);
        };
        if entry.order.state.is_terminal() {
            return self.cancel_was_late(id, &error, now, out); // The event was faster.
        }
        entry.order.cancel_pending = false;
        match &error {
            VenueError::Rejected { code, text } | VenueError::UnknownOrder { code, text } => {
                // Filled or cancelled meanwhile, most likely: the venue tells what it became.
                let kind = OrderEventKind::CancelRejected {
                    code: *code,
                    text: text.clone(),
                };
                out.push(entry.happened(kind, now));
                entry.look_after_refusal(out);
            }
            // The connection is being made again; that it lasts too long is told by the looks.
            VenueError::Network(_) => entry.look_after_failure(out),
            _ => {
                entry.look_after_failure(out);
                self.raise(id, &error, "cancelling", now, out);
            }
        }
    }

    /// Takes the answer to [`Effect::Amend`].
    pub fn amend_answered(
        &mut self,
        id: ClientOrderId,
        answer: Result<OrderReport, VenueError>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let error = match answer {
            Ok(report) => return self.report(report, now, out),
            Err(error) => error,
        };
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let (code, text) = error.code_and_text();
        let kind = OrderEventKind::AmendRejected { code, text };
        out.push(entry.happened(kind, now));
        entry.look_after(Duration::ZERO, out);
        if !matches!(
            error,
            VenueError::Rejected { .. } | VenueError::UnknownOrder { .. }
        ) {
            self.raise(id, &error, "amending", now, out);
        }
    }

    /// Takes what the venue shows of an order.
    pub fn report(&mut self, report: OrderReport, now: Timestamp, out: &mut Vec<Effect>) {
        self.believe(report, Said::Otherwise, now, out);
    }

    pub(super) fn believe(
        &mut self,
        report: OrderReport,
        said: Said,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let id = report.id;
        if !self.entries.contains_key(&id) && !self.adopt(&report, now, out) {
            return;
        }
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let was_pending = entry.order.cancel_pending;
        match entry.order.apply(&report, now) {
            Ok(applied) => {
                self.write_down(&report, &applied, said, out);
                let Some(entry) = self.entries.get_mut(&id) else {
                    return;
                };
                if !entry.order.misses_fills() {
                    entry.looks = 0;
                }
                entry.missed_late = false;
                // The venue has no reason for what its self-trade prevention ends, but a status.
                let in_match = report.status == VenueStatus::ExpiredInMatch;
                let reason = report
                    .reason
                    .or_else(|| in_match.then(|| IN_MATCH.to_owned()));
                entry.tell(&applied, reason, &mut self.positions, now, out);
                if report.status == VenueStatus::Canceled
                    && let Some(left) = applied.left
                {
                    self.was_canceled(id, left, was_pending, now, out);
                }
                let Some(entry) = self.entries.get_mut(&id) else {
                    return;
                };
                if applied.left.is_some() || report.source == ReportSource::Query {
                    entry.cancel_if_shown(now, out);
                }
                self.want_fills(id, report.source, out);
                self.resolved(id, now, out);
            }
            Err(error) => self.contradiction(id, &error, now, out),
        }
    }

    /// An order that the desk does not know. Ours from an earlier run, of a strategy that is here, or of any
    /// while there is no journal to tell of it: taken over. Ours otherwise, such as of an engine that started
    /// later: a fault. Anybody else's: reported. `true` when it is now known.
    fn adopt(&mut self, report: &OrderReport, now: Timestamp, out: &mut Vec<Effect>) -> bool {
        let Some(origin) = report.id.origin() else {
            self.foreign_shown(report, now, out);
            return false;
        };
        let seat = self.seats.get(&origin.strategy);
        if origin.run == self.run && seat.is_some_and(|seat| seat.used.has(&origin)) {
            return false; // Settled and forgotten: a very late duplicate.
        }
        if self.past.is_known(&report.id) {
            return false; // An earlier run has told all of it.
        }
        let is_expected = origin.run < self.run && (seat.is_some() || self.lost.is_looking);
        match report.terms {
            Some(terms) if is_expected => {
                let mut order = Order::new(report.id, origin.strategy, terms, now);
                let learnt = order.learn(Learnt::HandedOver, now);
                debug_assert!(learnt.is_ok(), "a created order can always be handed over");
                self.insert(order, now);
                self.taken_over(report.id);
                true
            }
            _ => {
                let detail = format!(
                    "{} at the venue ({}, {} executed) bears this engine's mark and is not known",
                    report.id, report.status, report.executed
                );
                out.push(self.account_fault(FaultKind::UnknownOrder, detail, now));
                false
            }
        }
    }

    /// Takes the answer to [`Effect::Query`].
    pub fn query_answered(
        &mut self,
        id: ClientOrderId,
        answer: Result<OrderReport, VenueError>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.answered(out);
        let mut soon = Duration::MAX;
        match answer {
            Ok(report) => return self.report(report, now, out),
            Err(VenueError::UnknownOrder { .. }) => {
                let late = now.saturating_since(entry.handed_over) > self.settle_time;
                let given_up = planted::is(Planted::UnknownOrderIsFinal)
                    || (planted::is(Planted::GivenUpAfterLooks) && entry.looks > 3);
                let is_final = (late && entry.missed_late) || given_up;
                if is_final && entry.order.state == OrderState::Uncertain {
                    out.push(resolved(id, Ending::NeverArrived));
                    let text = "the venue does not know the order".into();
                    let kind = OrderEventKind::Rejected { code: -2013, text };
                    self.learn(id, Learnt::NeverArrived, Some(kind), now, out);
                    return self.resolved(id, now, out);
                }
                entry.missed_late = late;
                // The two looks that count come as soon as they can.
                let waited = now.saturating_since(entry.handed_over);
                soon = match late {
                    true => SECOND_LOOK,
                    false => self.settle_time + Duration::from_millis(1) - waited,
                };
            }
            Err(_) => {}
        }
        if entry.order.state.is_terminal() && !entry.order.misses_fills() {
            return self.resolved(id, now, out);
        }
        entry.look_within(soon, out);
        self.tell_unresolved(id, now, out);
    }

    /// Tells a person, once, of an order that the venue does not clear up.
    pub(super) fn tell_unresolved(
        &mut self,
        id: ClientOrderId,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if entry.looks > LOOKS_BEFORE_ALARM && !entry.unresolved_reported {
            entry.unresolved_reported = true;
            let strategy = entry.order.strategy;
            let detail = format!(
                "{id} is {:?}, {} of {} executed are accounted for, and the venue does not tell more",
                entry.order.state,
                entry.order.filled(),
                entry.order.executed()
            );
            out.push(Effect::Raise(fault(
                FaultKind::OrderUnresolved,
                Scope::Strategy(strategy),
                detail,
                now,
            )));
        }
    }

    pub(super) fn learn(
        &mut self,
        id: ClientOrderId,
        learnt: Learnt,
        kind: Option<OrderEventKind>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        match entry.order.learn(learnt, now) {
            Ok(applied) => {
                if let (Some(_), Some(kind)) = (applied.left, kind) {
                    out.push(entry.happened(kind, now));
                }
                self.resolved(id, now, out);
            }
            Err(error) => self.contradiction(id, &error, now, out),
        }
    }

    pub(super) fn contradiction(
        &mut self,
        id: ClientOrderId,
        error: &OrderFault,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        out.push(self.account_fault(FaultKind::OrderContradiction, error.to_string(), now));
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.look(out);
        }
    }

    pub(super) fn raise(
        &self,
        id: ClientOrderId,
        error: &VenueError,
        doing: &str,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.entries.get(&id) else {
            return;
        };
        // A limit, a ban, a refused key or a refused clock concerns every strategy of the account.
        let scope = match error {
            VenueError::UnknownOutcome(_)
            | VenueError::Timeout(_)
            | VenueError::InvalidRequest { .. } => Scope::Strategy(entry.order.strategy),
            _ => Scope::Account(self.account),
        };
        out.push(Effect::Raise(fault(
            error.fault_kind(),
            scope,
            format!("{doing} {id}: {error}"),
            now,
        )));
    }
}
