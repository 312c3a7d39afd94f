//! What strategies ask for: place, cancel, amend.

use crate::desk::entry::order_ref;
use crate::desk::{Effect, OrderDesk, fault};
use crate::fault::FaultKind;
use crate::halt::{HaltLevel, Purpose, Scope, reduces};
use crate::ids::ClientOrderId;
use crate::messages::order::{
    AmendOrder, CancelAll, CancelOrder, OrderEvent, OrderEventKind, PlaceOrder,
};
use crate::order::state::Learnt;
use crate::order::{Order, OrderState};
use crate::position::Position;
use crate::risk::{self, Approved, DenialReason, Preconditions, Situation};
use crate::time::Timestamp;

impl OrderDesk {
    /// Places an order: a [`Effect::Place`] when everything allows it, else the event of its denial.
    pub fn place(&mut self, command: PlaceOrder, now: Timestamp, out: &mut Vec<Effect>) {
        if let Err(reason) = self.claim(&command) {
            return self.deny(&command, reason, now, out);
        }
        match self.approve(command, now) {
            Ok(approved) => {
                self.count_sent(&command, now, out);
                self.submit(approved, now, out);
            }
            Err(reason) => self.deny(&command, reason, now, out),
        }
    }

    /// An order that passed the check is handed over.
    pub(super) fn submit(
        &mut self,
        approved: Approved<PlaceOrder>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let command = approved.get();
        let mut order = Order::new(command.id, command.strategy, command.terms, command.created);
        let learnt = order.learn(Learnt::HandedOver, now);
        debug_assert!(learnt.is_ok(), "a created order can always be handed over");
        self.orders_sent += 1;
        self.insert(order.clone(), now);
        out.push(Effect::Place(approved));
        out.push(Effect::Happened(OrderEvent {
            order,
            kind: OrderEventKind::Submitted,
            at: now,
        }));
    }

    /// Takes the id out of circulation: each is used once, and only by its own strategy.
    fn claim(&mut self, command: &PlaceOrder) -> Result<(), DenialReason> {
        let seat = self
            .seats
            .get_mut(&command.strategy)
            .ok_or(DenialReason::NotReady)?;
        let origin = command.id.origin().filter(|origin| {
            origin.strategy == command.strategy && origin.run == self.run && !origin.is_exit()
        });
        let origin = origin.ok_or(DenialReason::DuplicateId)?;
        match seat.used.take(&origin) {
            true => Ok(()),
            false => Err(DenialReason::DuplicateId),
        }
    }

    fn approve(
        &mut self,
        command: PlaceOrder,
        now: Timestamp,
    ) -> Result<Approved<PlaceOrder>, DenialReason> {
        if let Some(why) = &self.journal_failed {
            return Err(DenialReason::NotJournaled(why.clone()));
        }
        let symbol = command.terms.symbol;
        let instrument = self.instruments.get(&symbol);
        let instrument =
            instrument.ok_or_else(|| DenialReason::UnknownInstrument(symbol.to_string()))?;
        let seat = self
            .seats
            .get(&command.strategy)
            .ok_or(DenialReason::NotReady)?;
        let reference = self.references.get(&symbol).copied().flatten();
        self.risk.prepare(command.strategy, symbol);
        let (mut open, frozen) = self.risk.open_on(symbol);
        self.count_foreign(symbol, &mut open);
        let level = seat.gate.level();
        let preconditions = Preconditions {
            level,
            purpose: self.purpose(&command, level),
            private_stream_live: self.is_private_stream_live(),
            clock_good: self.clock_good,
            instrument_frozen: frozen,
            stopping: self.stopping,
        };
        let situation = Situation {
            instrument,
            reference,
            open,
            preconditions,
            risk: &self.risk,
            now,
        };
        risk::approve(command, situation)
    }

    /// What an order is for. That it reduces is looked at where only that is let through: what is approved while
    /// all is active may follow another entry to the socket.
    fn purpose(&self, command: &PlaceOrder, level: HaltLevel) -> Purpose {
        if level != HaltLevel::ReduceOnly {
            return Purpose::Entry;
        }
        let (strategy, symbol) = (command.strategy, command.terms.symbol);
        let net = self.positions.position(strategy, symbol);
        let net = net.map(Position::net).unwrap_or_default();
        let own = self.unsettled.iter().filter_map(|id| self.order(id));
        let own = own.filter(|order| order.strategy == strategy && order.terms.symbol == symbol);
        match reduces(&command.terms, net, own) {
            true => Purpose::Reduce,
            false => Purpose::Entry,
        }
    }

    /// Cancels one order of the strategy.
    pub fn cancel(&mut self, command: CancelOrder, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get_mut(&command.id) else {
            return; // Denied before it was known to the desk: the strategy has its event.
        };
        if entry.order.strategy != command.strategy {
            let detail = format!(
                "cancel of {} which is of strategy {}",
                command.id, entry.order.strategy
            );
            let scope = Scope::Strategy(command.strategy);
            return out.push(Effect::Raise(fault(
                FaultKind::StrategyError,
                scope,
                detail,
                now,
            )));
        }
        if entry.order.state.is_terminal() {
            let kind = OrderEventKind::CancelRejected {
                code: 0,
                text: "the order has ended".into(),
            };
            return out.push(entry.happened(kind, now));
        }
        self.cancel_asked(command.id, now, out);
    }

    /// Cancels an order because its strategy asked for it, which counts: once, however often it asks.
    fn cancel_asked(&mut self, id: ClientOrderId, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let (strategy, symbol) = (entry.order.strategy, entry.order.terms.symbol);
        let was_wanted = entry.cancel_wanted;
        entry.cancel(now, out);
        if !was_wanted && entry.cancel_wanted {
            self.count_cancel(strategy, symbol, now, out);
        }
    }

    /// Cancels the open orders of the strategy, on one symbol or on all.
    pub fn cancel_all(&mut self, command: CancelAll, now: Timestamp, out: &mut Vec<Effect>) {
        let CancelAll { strategy, symbol } = command;
        let is_meant = |order: &Order| {
            order.strategy == strategy && symbol.is_none_or(|symbol| order.terms.symbol == symbol)
        };
        for id in self.unsettled_where(|_, order| is_meant(order)) {
            self.cancel_asked(id, now, out);
        }
    }

    /// In order of their ids.
    fn unsettled_where(&self, wanted: impl Fn(&Self, &Order) -> bool) -> Vec<ClientOrderId> {
        let unsettled = self.unsettled.iter().filter_map(|id| self.order(id));
        let wanted = unsettled.filter(|order| wanted(self, order));
        let mut ids: Vec<_> = wanted.map(|order| order.id).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn cancel_where(
        &mut self,
        now: Timestamp,
        out: &mut Vec<Effect>,
        wanted: impl Fn(&Self, &Order) -> bool,
    ) {
        for id in self.unsettled_where(wanted) {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.cancel(now, out);
            }
        }
    }

    /// Reduces an order's quantity.
    pub fn amend(&mut self, command: AmendOrder, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get(&command.id) else {
            return;
        };
        let order = &entry.order;
        let (reference, symbol) = (order_ref(order), order.terms.symbol);
        let refusal = self.refuse_amend(order, &command).map(str::to_owned);
        let refusal = refusal.or_else(|| self.throttle_amend(command.strategy, symbol, now, out));
        match (refusal, self.entries.get(&command.id)) {
            (None, _) => out.push(Effect::Amend(reference, command.quantity)),
            (Some(text), Some(entry)) => {
                let kind = OrderEventKind::AmendRejected { code: 0, text };
                out.push(entry.happened(kind, now));
            }
            (Some(_), None) => {}
        }
    }

    fn refuse_amend(&self, order: &Order, command: &AmendOrder) -> Option<&'static str> {
        let open = matches!(
            order.state,
            OrderState::Working | OrderState::PartiallyFilled
        );
        let instrument = self.instruments.get(&order.terms.symbol);
        let allowed = instrument.is_some_and(|known| known.amend_allowed);
        let reducing =
            command.quantity < order.terms.quantity && command.quantity > order.executed();
        let seat = self.seats.get(&command.strategy);
        let level = seat.map(|seat| seat.gate.level()).unwrap_or_default();
        match () {
            () if order.strategy != command.strategy => Some("the order is of another strategy"),
            () if level == HaltLevel::Halted => Some("halted: nothing but cancels goes out"),
            () if !open || order.cancel_pending => Some("the order is not open at the venue"),
            () if !allowed => Some("the instrument does not allow amendments"),
            () if !reducing => {
                Some("the new quantity must be below the old and above what is executed")
            }
            () => None,
        }
    }
}
