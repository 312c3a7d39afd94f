//! What the venue says: answers to requests, events of the private stream, answers to queries. They
//! arrive in any order; the order's own ledger decides what is news.

use std::time::Duration;

use crate::desk::{Effect, OrderDesk, fault};
use crate::fault::FaultKind;
use crate::halt::Scope;
use crate::ids::ClientOrderId;
use crate::journal::{self, Ending, PlacementAnswer, Reported};
use crate::messages::order::{OrderEventKind, OrderReport, ReportSource};
use crate::order::state::Learnt;
use crate::order::{Applied, Order, OrderFault, OrderState, VenueStatus};
use crate::ports::{PlaceOutcome, VenueError};
use crate::risk::DenialReason;
use crate::time::Timestamp;

/// Looks at the venue without an answer before a person is told.
const LOOKS_BEFORE_ALARM: u32 = 8;

/// The reason of an order that self-trade prevention ended, as [`OrderEventKind::Expired`] tells it.
pub const IN_MATCH: &str = "EXPIRED_IN_MATCH";

impl OrderDesk {
    /// Takes the outcome of [`Effect::Place`].
    pub fn placed(
        &mut self,
        id: ClientOrderId,
        outcome: PlaceOutcome,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let error = match outcome {
            PlaceOutcome::Answered(Ok(report)) => {
                return self.believe(report, Said::ToThePlacement, now, out);
            }
            PlaceOutcome::NotJournaled(text) => {
                return self.not_sent(id, DenialReason::NotJournaled(text), now, out);
            }
            PlaceOutcome::Held(level) => {
                return self.not_sent(id, DenialReason::Halted(level), now, out);
            }
            PlaceOutcome::NotSent(error) => {
                let reason = match &error {
                    VenueError::RateLimited { text, .. } | VenueError::Banned { text, .. } => {
                        DenialReason::RateLimited(text.clone())
                    }
                    VenueError::Clock { .. } => DenialReason::ClockOffset,
                    other => DenialReason::NotConnected(other.to_string()),
                };
                self.not_sent(id, reason, now, out);
                // A connection that is being made again is no fault; one that the venue refuses is.
                if matches!(
                    error,
                    VenueError::Banned { .. } | VenueError::Authentication { .. }
                ) {
                    self.raise(id, &error, "placing", now, out);
                }
                return;
            }
            PlaceOutcome::Answered(Err(VenueError::Network(text))) => {
                return self.not_sent(id, DenialReason::NotConnected(text), now, out);
            }
            PlaceOutcome::Answered(Err(error)) => error,
        };
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let unknown = is_unknown(&error);
        let shown =
            unknown && !matches!(entry.order.state, OrderState::Sent | OrderState::Uncertain);
        if shown {
            // The event was faster than the answer that was lost: the order is known, and that an answer
            // was lost is a fault all the same.
            return self.raise(id, &error, "placing", now, out);
        }
        let learnt = if unknown {
            Learnt::Lost
        } else {
            Learnt::Refused
        };
        let kind = if unknown {
            let cause = error.to_string();
            out.push(Effect::Record(
                journal::Uncertain {
                    id,
                    cause: cause.clone(),
                }
                .into(),
            ));
            OrderEventKind::Uncertain { cause }
        } else {
            let (code, text) = error.code_and_text();
            let answer = PlacementAnswer::Refused {
                code,
                text: text.clone(),
            };
            out.push(self.answered(id, answer));
            OrderEventKind::Rejected { code, text }
        };
        self.learn(id, learnt, Some(kind), now, out);
        if unknown && let Some(entry) = self.entries.get_mut(&id) {
            entry.look(out);
        }
        if !matches!(error, VenueError::Rejected { .. }) {
            self.raise(id, &error, "placing", now, out);
        }
    }

    fn not_sent(
        &mut self,
        id: ClientOrderId,
        reason: DenialReason,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        self.orders_sent = self.orders_sent.saturating_sub(1);
        let ending = Ending::NotSent {
            reason: reason.to_string(),
        };
        out.push(resolved(id, ending));
        self.learn(
            id,
            Learnt::Denied,
            Some(OrderEventKind::Denied { reason }),
            now,
            out,
        );
    }

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
            return;
        };
        if entry.order.state.is_terminal() {
            return; // The event was faster.
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

    fn believe(&mut self, report: OrderReport, said: Said, now: Timestamp, out: &mut Vec<Effect>) {
        let id = report.id;
        if !self.entries.contains_key(&id) && !self.adopt(&report, now, out) {
            return;
        }
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
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
                if applied.left.is_some() || report.source == ReportSource::Query {
                    entry.cancel_if_shown(now, out);
                }
                self.want_fills(id, report.source, out);
                self.resolved(id, now, out);
            }
            Err(error) => self.contradiction(id, &error, now, out),
        }
    }

    /// Has the journal take what was news: before the strategy hears of it.
    fn write_down(
        &self,
        report: &OrderReport,
        applied: &Applied,
        said: Said,
        out: &mut Vec<Effect>,
    ) {
        let id = report.id;
        if said == Said::ToThePlacement {
            out.push(self.answered(id, PlacementAnswer::Taken(report.clone())));
        } else if !applied.is_nothing() {
            let (account, report) = (self.account, report.clone());
            out.push(Effect::Record(Reported { account, report }.into()));
        }
        if applied.left == Some(OrderState::Uncertain) {
            let status = report.status;
            out.push(resolved(id, Ending::Shown { status }));
        }
        self.write_down_fills(id, &applied.fills, out);
    }

    fn answered(&self, id: ClientOrderId, answer: PlacementAnswer) -> Effect {
        let account = self.account;
        Effect::Record(
            journal::Answered {
                id,
                account,
                answer,
            }
            .into(),
        )
    }

    /// An order that the desk does not know. Ours from an earlier run, of a strategy that is here: taken
    /// over. Ours otherwise: a fault. Anybody else's: reported. `true` when it is now known.
    fn adopt(&mut self, report: &OrderReport, now: Timestamp, out: &mut Vec<Effect>) -> bool {
        let Some(origin) = report.id.origin() else {
            out.push(Effect::Foreign(report.clone()));
            return false;
        };
        let seat = self.seats.get(&origin.strategy);
        if origin.run == self.run && seat.is_some_and(|seat| origin.sequence <= seat.sequence) {
            return false; // Settled and forgotten: a very late duplicate.
        }
        if self.past.is_known(&report.id) {
            return false; // An earlier run has told all of it.
        }
        match (seat, report.terms) {
            (Some(_), Some(terms)) if origin.run != self.run => {
                let mut order = Order::new(report.id, origin.strategy, terms, now);
                let learnt = order.learn(Learnt::HandedOver, now);
                debug_assert!(learnt.is_ok(), "a created order can always be handed over");
                self.insert(order, now);
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
        match answer {
            Ok(report) => return self.report(report, now, out),
            Err(VenueError::UnknownOrder { .. }) => {
                let late = now.saturating_since(entry.handed_over) > self.settle_time;
                if late && entry.missed_late && entry.order.state == OrderState::Uncertain {
                    out.push(resolved(id, Ending::NeverArrived));
                    let text = "the venue does not know the order".into();
                    let kind = OrderEventKind::Rejected { code: -2013, text };
                    self.learn(id, Learnt::NeverArrived, Some(kind), now, out);
                    return self.resolved(id, now, out);
                }
                entry.missed_late = late;
            }
            Err(_) => {}
        }
        if entry.order.state.is_terminal() && !entry.order.misses_fills() {
            return self.resolved(id, now, out);
        }
        entry.look(out);
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

    fn learn(
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

    fn raise(
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

/// How the venue came to show an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// As the answer to its placement.
    ToThePlacement,
    Otherwise,
}

fn resolved(id: ClientOrderId, ending: Ending) -> Effect {
    Effect::Record(journal::Resolved { id, ending }.into())
}

/// Whether the venue may have the order in spite of the error.
fn is_unknown(error: &VenueError) -> bool {
    matches!(
        error,
        VenueError::UnknownOutcome(_)
            | VenueError::Timeout(_)
            | VenueError::ChangedData { .. }
            | VenueError::NotJson { .. }
    )
}
