//! Orders that somebody else has cancelled: a person, the watch on this engine, the venue. A strategy counts on its
//! orders, and whoever has cleared them away had a reason that this engine does not know.

use crate::desk::{Effect, OrderDesk, fault};
use crate::fault::FaultKind;
use crate::halt::{HaltLevel, Scope};
use crate::ids::ClientOrderId;
use crate::order::OrderState;
use crate::ports::VenueError;
use crate::time::Timestamp;

impl OrderDesk {
    /// The order is cancelled. It is not known yet by whom while a cancel of this engine is under way, and will not be
    /// where the outcome of one was unknown.
    pub(super) fn was_canceled(
        &mut self,
        id: ClientOrderId,
        left: OrderState,
        was_pending: bool,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        if !self.is_counted_on(id, left) {
            return;
        }
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if was_pending {
            entry.canceled_meanwhile = !entry.cancel_lost;
        } else if !entry.cancel_lost {
            canceled_elsewhere(id, now, out);
        }
    }

    /// The answer to a cancel has come after the end of its order: the venue refuses to cancel what somebody else has
    /// cancelled before.
    pub(super) fn cancel_was_late(
        &mut self,
        id: ClientOrderId,
        error: &VenueError,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let is_refused = matches!(
            error,
            VenueError::Rejected { .. } | VenueError::UnknownOrder { .. }
        );
        if std::mem::take(&mut entry.canceled_meanwhile) && is_refused {
            canceled_elsewhere(id, now, out);
        }
    }

    /// While its strategy is halted somebody clears up, and what an earlier run may have cancelled itself is no news.
    fn is_counted_on(&self, id: ClientOrderId, left: OrderState) -> bool {
        let Some(origin) = id.origin() else {
            return false;
        };
        let seat = self.seats.get(&origin.strategy);
        let is_halted = seat.is_none_or(|seat| seat.gate.level() == HaltLevel::Halted);
        let was_open = matches!(left, OrderState::Working | OrderState::PartiallyFilled);
        let is_known = origin.run == self.run || (was_open && self.reconciled_at.is_some());
        is_known && !is_halted
    }
}

fn canceled_elsewhere(id: ClientOrderId, now: Timestamp, out: &mut Vec<Effect>) {
    let Some(origin) = id.origin() else {
        return;
    };
    let scope = Scope::Strategy(origin.strategy);
    let detail = format!("{id} was cancelled, and not by this engine");
    let kind = FaultKind::CanceledElsewhere;
    out.push(Effect::Raise(fault(kind, scope, detail, now)));
}
