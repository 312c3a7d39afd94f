//! What became of handing an order over.

use crate::desk::records::{Said, resolved};
use crate::desk::{Effect, OrderDesk};
use crate::ids::ClientOrderId;
use crate::journal::{Ending, PlacementAnswer, Uncertain};
use crate::messages::order::OrderEventKind;
use crate::order::OrderState;
use crate::order::state::Learnt;
use crate::planted::{self, Planted};
use crate::ports::{PlaceOutcome, VenueError};
use crate::risk::DenialReason;
use crate::time::Timestamp;

impl OrderDesk {
    /// Takes the outcome of [`Effect::Place`].
    pub fn placed(
        &mut self,
        id: ClientOrderId,
        outcome: PlaceOutcome,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        if matches!(outcome, PlaceOutcome::Answered(_)) {
            self.time_answer(id, now, out);
        }
        match outcome {
            PlaceOutcome::Answered(Ok(report)) => {
                self.believe(report, Said::ToThePlacement, now, out);
            }
            PlaceOutcome::NotJournaled(text) => {
                self.not_sent(id, DenialReason::NotJournaled(text), now, out);
            }
            PlaceOutcome::Held(level) => {
                self.not_sent(id, DenialReason::Halted(level), now, out);
            }
            PlaceOutcome::NotSent(error) => {
                self.not_sent(id, not_sent_for(&error), now, out);
                // A connection that is being made again is no fault; one that the venue refuses is.
                if matches!(
                    error,
                    VenueError::Banned { .. }
                        | VenueError::Authentication { .. }
                        | VenueError::InvalidRequest { .. }
                ) {
                    self.raise(id, &error, "placing", now, out);
                }
            }
            PlaceOutcome::Answered(Err(VenueError::Network(text))) => {
                self.not_sent(id, DenialReason::NotConnected(text), now, out);
            }
            PlaceOutcome::Answered(Err(error))
                if is_unknown(&error) && !planted::is(Planted::UnknownIsRejected) =>
            {
                self.lost(id, &error, now, out);
            }
            PlaceOutcome::Answered(Err(error)) => self.refused(id, &error, now, out),
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
        let kind = OrderEventKind::Denied { reason };
        self.learn(id, Learnt::Denied, Some(kind), now, out);
    }

    /// The venue may or may not have it. That an answer was lost is a fault also where its event was faster
    /// and the order is known.
    fn lost(
        &mut self,
        id: ClientOrderId,
        error: &VenueError,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let state = self.order(&id).map(|order| order.state);
        if matches!(state, Some(OrderState::Sent | OrderState::Uncertain)) {
            let cause = error.to_string();
            let record = Uncertain {
                id,
                cause: cause.clone(),
            };
            out.push(Effect::Record(record.into()));
            let kind = OrderEventKind::Uncertain { cause };
            self.learn(id, Learnt::Lost, Some(kind), now, out);
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.look(out);
            }
        }
        self.raise(id, error, "placing", now, out);
    }

    fn refused(
        &mut self,
        id: ClientOrderId,
        error: &VenueError,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let (code, text) = error.code_and_text();
        let answer = PlacementAnswer::Refused {
            code,
            text: text.clone(),
        };
        out.push(self.answered(id, answer));
        let kind = OrderEventKind::Rejected { code, text };
        self.learn(id, Learnt::Refused, Some(kind), now, out);
        if !matches!(error, VenueError::Rejected { .. }) {
            self.raise(id, error, "placing", now, out);
        }
    }
}

fn not_sent_for(error: &VenueError) -> DenialReason {
    match error {
        VenueError::RateLimited { text, .. } | VenueError::Banned { text, .. } => {
            DenialReason::RateLimited(text.clone())
        }
        VenueError::Clock { .. } => DenialReason::ClockOffset,
        other => DenialReason::NotConnected(other.to_string()),
    }
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
