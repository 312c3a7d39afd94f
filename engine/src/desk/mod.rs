//! The order desk: every order of one account, and what has to be done about each. The gateway actor
//! is a shell around it: it carries out the [`Effect`]s and brings back the answers.

mod answers;
mod entry;
mod fills;
mod sweep;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::fault::{Fault, FaultKind};
use crate::halt::{Gate, HaltBoard, Membership, Scope};
use crate::ids::{AccountId, ClientOrderId, RunId, StrategyId, Symbol, VenueOrderId};
use crate::instrument::{Instrument, OpenCounts};
use crate::messages::order::{
    AmendOrder, CancelAll, CancelOrder, OrderEvent, OrderEventKind, OrderFilled, OrderReport,
    PlaceOrder,
};
use crate::money::{Price, Quantity};
use crate::order::state::Learnt;
use crate::order::{Order, OrderState};
use crate::ports::OrderRef;
use crate::risk::{self, Approved, DenialReason, Preconditions};
use crate::time::Timestamp;

pub use answers::IN_MATCH;
use entry::{Entry, order_ref};
pub use sweep::Sweep;

/// Settled orders that are kept, so that a duplicate or late event still finds its order.
const SETTLED_KEPT: usize = 4096;

/// What the gateway has to do next, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Place(Approved<PlaceOrder>),
    Cancel(OrderRef),
    Amend(OrderRef, Quantity),
    /// Ask the venue about the order, not before this delay.
    Query {
        order: OrderRef,
        after: Duration,
    },
    /// Fetch the order's fills, not before this delay.
    FetchFills {
        order: OrderRef,
        venue_id: VenueOrderId,
        after: Duration,
    },
    /// Ask for all open orders of the account, to confirm that a sweep has left none.
    ListOpen {
        after: Duration,
    },
    /// Tell the strategy.
    Happened(OrderEvent),
    /// Tell the strategy; always before the event of the state it leads to.
    Filled(OrderFilled),
    Raise(Fault),
    /// Every order of the halted scope is gone from the venue.
    Swept(Sweep),
    /// An order that is not ours: placed by hand or by another program.
    Foreign(OrderReport),
}

/// A strategy's place at the desk.
#[derive(Debug, Clone)]
struct Seat {
    gate: Gate,
    /// The highest sequence that was used in this run.
    sequence: u64,
}

/// All orders of one account. Pure: time comes in, effects come out.
#[derive(Debug)]
pub struct OrderDesk {
    account: AccountId,
    run: RunId,
    settle_time: Duration,
    board: HaltBoard,
    instruments: BTreeMap<Symbol, Instrument>,
    /// The last price seen, which percent and market-notional filters are held against; `None` while
    /// the instrument's data is not fresh.
    references: HashMap<Symbol, Option<Price>>,
    seats: BTreeMap<StrategyId, Seat>,
    entries: HashMap<ClientOrderId, Entry>,
    /// Orders that are, or may be, open or miss fills.
    unsettled: HashSet<ClientOrderId>,
    settled: VecDeque<ClientOrderId>,
    sweeps: Vec<Sweep>,
    /// When the last confirmation of a sweep of the scope began.
    listed: BTreeMap<Scope, Timestamp>,
    private_stream_up: bool,
    /// Orders that must be asked for before the private stream counts as live.
    reconciling: Option<HashSet<ClientOrderId>>,
    clock_good: bool,
    stopping: bool,
    pub orders_sent: u64,
}

impl OrderDesk {
    /// `settle_time` is [`crate::ports::OrderPort::settle_time`].
    #[must_use]
    pub fn new(account: AccountId, run: RunId, settle_time: Duration, board: HaltBoard) -> Self {
        Self {
            account,
            run,
            settle_time,
            board,
            instruments: BTreeMap::new(),
            references: HashMap::new(),
            seats: BTreeMap::new(),
            entries: HashMap::new(),
            unsettled: HashSet::new(),
            settled: VecDeque::new(),
            sweeps: Vec::new(),
            listed: BTreeMap::new(),
            private_stream_up: false,
            reconciling: None,
            clock_good: false,
            stopping: false,
            orders_sent: 0,
        }
    }

    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    pub fn add_instrument(&mut self, instrument: Instrument) {
        self.instruments.insert(instrument.symbol, instrument);
    }

    /// Gives a strategy its place; only then are its orders taken.
    pub fn seat(&mut self, membership: Membership) {
        let strategy = membership.strategy;
        let gate = Gate::new(self.board.clone(), Arc::new(membership));
        self.seats.insert(strategy, Seat { gate, sequence: 0 });
    }

    /// The gate of a strategy, to be looked at when its order is handed to the socket.
    #[must_use]
    pub fn gate(&self, strategy: StrategyId) -> Option<&Gate> {
        self.seats.get(&strategy).map(|seat| &seat.gate)
    }

    /// The instrument's data is fresh, with this last price; `None` says that it no longer is.
    pub fn set_reference(&mut self, symbol: Symbol, price: Option<Price>) {
        self.references.insert(symbol, price);
    }

    pub fn set_clock_good(&mut self, good: bool) {
        self.clock_good = good;
    }

    /// From now on no order is placed.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    #[must_use]
    pub fn order(&self, id: &ClientOrderId) -> Option<&Order> {
        self.entries.get(id).map(|entry| &entry.order)
    }

    /// Every order that is, or may be, open at the venue.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.orders().filter(|order| order.state.may_be_open())
    }

    /// Whether a state is kept back until the fills that led to it have come.
    #[must_use]
    pub fn owes_news(&self) -> bool {
        let unsettled = self.unsettled.iter().filter_map(|id| self.entries.get(id));
        unsettled.into_iter().any(|entry| entry.untold.is_some())
    }

    /// Every order that the desk still knows.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.entries.values().map(|entry| &entry.order)
    }

    /// Places an order: a [`Effect::Place`] when everything allows it, else the event of its denial.
    pub fn place(&mut self, command: PlaceOrder, now: Timestamp, out: &mut Vec<Effect>) {
        let id = command.id;
        if let Err(reason) = self.claim(&command) {
            let order = Order::new(id, command.strategy, command.terms, command.created);
            return deny(order, reason, now, out);
        }
        let mut order = Order::new(id, command.strategy, command.terms, command.created);
        match self.approve(command) {
            Ok(approved) => {
                let learnt = order.learn(Learnt::HandedOver, now);
                debug_assert!(learnt.is_ok(), "a created order can always be handed over");
                self.orders_sent += 1;
                self.insert(order.clone());
                out.push(Effect::Place(approved));
                out.push(Effect::Happened(OrderEvent {
                    order,
                    kind: OrderEventKind::Submitted,
                    at: now,
                }));
            }
            Err(reason) => deny(order, reason, now, out),
        }
    }

    /// Takes the id out of circulation: each is used once, and only by its own strategy.
    fn claim(&mut self, command: &PlaceOrder) -> Result<(), DenialReason> {
        let seat = self
            .seats
            .get_mut(&command.strategy)
            .ok_or(DenialReason::NotReady)?;
        let origin = command.id.origin().filter(|origin| {
            origin.strategy == command.strategy
                && origin.run == self.run
                && origin.sequence > seat.sequence
        });
        let origin = origin.ok_or(DenialReason::DuplicateId)?;
        seat.sequence = origin.sequence;
        Ok(())
    }

    fn approve(&self, command: PlaceOrder) -> Result<Approved<PlaceOrder>, DenialReason> {
        let symbol = command.terms.symbol;
        let instrument = self.instruments.get(&symbol);
        let instrument =
            instrument.ok_or_else(|| DenialReason::UnknownInstrument(symbol.to_string()))?;
        let seat = self
            .seats
            .get(&command.strategy)
            .ok_or(DenialReason::NotReady)?;
        let reference = self.references.get(&symbol).copied().flatten();
        let mut counts = OpenCounts::default();
        let mut frozen = false;
        for order in self.unsettled.iter().filter_map(|id| self.order(id)) {
            if order.terms.symbol == symbol && order.state.may_be_open() {
                counts.orders += 1;
                counts.algo_orders += u32::from(order.terms.order_type.needs_stop_price());
                frozen |= order.state == OrderState::Uncertain;
            }
        }
        let preconditions = Preconditions {
            level: seat.gate.level(),
            private_stream_live: self.is_private_stream_live(),
            data_fresh: reference.is_some(),
            clock_good: self.clock_good,
            instrument_frozen: frozen,
            stopping: self.stopping,
        };
        risk::approve(command, instrument, reference, counts, preconditions)
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
        entry.cancel(now, out);
    }

    /// Cancels the open orders of the strategy, on one symbol or on all.
    pub fn cancel_all(&mut self, command: CancelAll, now: Timestamp, out: &mut Vec<Effect>) {
        let CancelAll { strategy, symbol } = command;
        self.cancel_where(now, out, |_, order| {
            order.strategy == strategy && symbol.is_none_or(|symbol| order.terms.symbol == symbol)
        });
    }

    fn cancel_where(
        &mut self,
        now: Timestamp,
        out: &mut Vec<Effect>,
        wanted: impl Fn(&Self, &Order) -> bool,
    ) {
        let unsettled = self.unsettled.iter().filter_map(|id| self.order(id));
        let mut ids: Vec<_> = unsettled
            .filter(|order| wanted(self, order))
            .map(|order| order.id)
            .collect();
        ids.sort_unstable();
        for id in ids {
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
        let open = matches!(
            order.state,
            OrderState::Working | OrderState::PartiallyFilled
        );
        let allowed = self
            .instruments
            .get(&order.terms.symbol)
            .is_some_and(|known| known.amend_allowed);
        let reducing =
            command.quantity < order.terms.quantity && command.quantity > order.executed();
        let refusal = match () {
            () if order.strategy != command.strategy => Some("the order is of another strategy"),
            () if !open || entry.order.cancel_pending => Some("the order is not open at the venue"),
            () if !allowed => Some("the instrument does not allow amendments"),
            () if !reducing => {
                Some("the new quantity must be below the old and above what is executed")
            }
            () => None,
        };
        match refusal {
            None => out.push(Effect::Amend(order_ref(order), command.quantity)),
            Some(text) => {
                let kind = OrderEventKind::AmendRejected {
                    code: 0,
                    text: text.into(),
                };
                out.push(entry.happened(kind, now));
            }
        }
    }

    fn insert(&mut self, order: Order) {
        self.unsettled.insert(order.id);
        self.entries.insert(order.id, Entry::new(order));
    }

    /// Moves an order that has settled out of the working set, and forgets the oldest.
    fn settle(&mut self, id: ClientOrderId) {
        let settled = self
            .entries
            .get(&id)
            .is_some_and(|entry| entry.order.is_settled());
        if settled && self.unsettled.remove(&id) {
            self.settled.push_back(id);
            if self.settled.len() > SETTLED_KEPT
                && let Some(oldest) = self.settled.pop_front()
            {
                self.entries.remove(&oldest);
            }
        }
    }

    fn account_fault(&self, kind: FaultKind, detail: String, now: Timestamp) -> Effect {
        Effect::Raise(fault(kind, Scope::Account(self.account), detail, now))
    }
}

fn fault(kind: FaultKind, scope: Scope, detail: String, at: Timestamp) -> Fault {
    Fault {
        kind,
        scope,
        actor: "gateway".into(),
        detail,
        at,
    }
}

fn deny(mut order: Order, reason: DenialReason, now: Timestamp, out: &mut Vec<Effect>) {
    let learnt = order.learn(Learnt::Denied, now);
    debug_assert!(learnt.is_ok(), "a created order can always be denied");
    out.push(Effect::Happened(OrderEvent {
        order,
        kind: OrderEventKind::Denied { reason },
        at: now,
    }));
}

#[cfg(test)]
mod tests;
