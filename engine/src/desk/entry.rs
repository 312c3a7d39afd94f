//! One order with what the desk has under way about it.

use std::time::Duration;

use crate::desk::Effect;
use crate::messages::order::{OrderEvent, OrderEventKind};
use crate::order::{Order, OrderState};
use crate::ports::OrderRef;
use crate::time::Timestamp;

/// One order with what the desk has under way about it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) order: Order,
    /// When it went to the venue, or was taken over: what it is stamped with is no later.
    pub(super) handed_over: Timestamp,
    /// A cancel is to be sent as soon as the venue shows the order.
    pub(super) cancel_wanted: bool,
    /// Looks at the venue since its state was last known.
    pub(super) looks: u32,
    pub(super) query_under_way: bool,
    /// The venue said that it does not know the order, after the settle time had passed.
    pub(super) missed_late: bool,
    pub(super) unresolved_reported: bool,
    /// The question that is under way was asked before the private stream came up, or before a cancel
    /// failed, so that its answer may be older than what is to be learnt.
    pub(super) asked_too_early: bool,
    /// How often the venue refused to cancel it while it was open, or the cancel failed.
    pub(super) cancels_refused: u32,
    /// The outcome of a cancel was unknown: it may be what has cancelled the order.
    pub(super) cancel_lost: bool,
    /// The order was cancelled while a cancel was under way, whose answer tells whether by it.
    pub(super) canceled_meanwhile: bool,
    /// The last cancel failed: the next one waits until the venue was asked.
    backing_off: bool,
    /// A state that the strategy is told as soon as every fill that led to it has come.
    pub(super) untold: Option<OrderEventKind>,
}

impl Entry {
    pub(super) fn new(order: Order, handed_over: Timestamp) -> Self {
        Self {
            order,
            handed_over,
            cancel_wanted: false,
            looks: 0,
            query_under_way: false,
            missed_late: false,
            unresolved_reported: false,
            asked_too_early: false,
            cancels_refused: 0,
            cancel_lost: false,
            canceled_meanwhile: false,
            backing_off: false,
            untold: None,
        }
    }

    pub(super) fn happened(&self, kind: OrderEventKind, at: Timestamp) -> Effect {
        let order = self.order.clone();
        Effect::Happened(OrderEvent { order, kind, at })
    }

    /// Sends a cancel now if the venue is known to have the order, else as soon as it is.
    pub(super) fn cancel(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if !self.order.state.may_be_open() || self.order.cancel_pending {
            return;
        }
        self.cancel_wanted = true;
        if !self.backing_off {
            self.cancel_if_shown(now, out);
        }
    }

    pub(super) fn cancel_if_shown(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let shown = matches!(
            self.order.state,
            OrderState::Working | OrderState::PartiallyFilled
        );
        if self.cancel_wanted && shown && !self.order.cancel_pending {
            self.order.cancel_pending = true;
            out.push(Effect::Cancel(order_ref(&self.order)));
            out.push(self.happened(OrderEventKind::CancelRequested, now));
        }
    }

    /// Asks the venue, later each time: 0.25 s, doubling up to 8 s.
    pub(super) fn look(&mut self, out: &mut Vec<Effect>) {
        self.look_within(Duration::MAX, out);
    }

    /// The same, and no later than this.
    pub(super) fn look_within(&mut self, soon: Duration, out: &mut Vec<Effect>) {
        self.look_after(delay(self.looks).min(soon), out);
    }

    /// Asks the venue what became of an order that it would not cancel: at once the first time, then
    /// later each time, because a stale read makes the order look open and the cancel be sent again.
    pub(super) fn look_after_refusal(&mut self, out: &mut Vec<Effect>) {
        let after = match self.cancels_refused {
            0 => Duration::ZERO,
            refused => delay(refused - 1),
        };
        self.cancels_refused = self.cancels_refused.saturating_add(1);
        self.asked_too_early = self.query_under_way;
        self.look_after(after, out);
    }

    /// The cancel failed, and may or may not have reached the venue: asks, later each time, and sends the
    /// cancel again with the answer. Until then neither a sweep nor the strategy sends one.
    pub(super) fn look_after_failure(&mut self, out: &mut Vec<Effect>) {
        self.backing_off = true;
        self.cancel_lost = true;
        self.asked_too_early = self.query_under_way;
        self.look_after(delay(self.cancels_refused), out);
        self.cancels_refused = self.cancels_refused.saturating_add(1);
    }

    /// Asks from anew: a question that is under way already is asked again when it is answered.
    pub(super) fn look_again(&mut self, after: Duration, out: &mut Vec<Effect>) {
        self.asked_too_early = self.query_under_way;
        self.look_after(after, out);
    }

    /// Takes note that the question under way was answered.
    pub(super) fn answered(&mut self, out: &mut Vec<Effect>) {
        self.query_under_way = false;
        self.backing_off = false;
        if std::mem::take(&mut self.asked_too_early) {
            self.look_after(Duration::ZERO, out);
        }
    }

    pub(super) fn look_after(&mut self, after: Duration, out: &mut Vec<Effect>) {
        if !self.query_under_way {
            self.query_under_way = true;
            self.looks += 1;
            out.push(Effect::Query {
                order: order_ref(&self.order),
                after,
            });
        }
    }

    /// Whether nothing more is to be learnt about the order before it counts as reconciled.
    pub(super) fn is_reconciled(&self) -> bool {
        !self.query_under_way && !self.order.misses_fills()
    }
}

/// 0.25 s, doubling up to 8 s.
pub(super) fn delay(times: u32) -> Duration {
    Duration::from_millis(250) * 2u32.pow(times.min(5))
}

pub(super) fn order_ref(order: &Order) -> OrderRef {
    OrderRef {
        symbol: order.terms.symbol,
        id: order.id,
        venue_id: order.venue_id,
    }
}
