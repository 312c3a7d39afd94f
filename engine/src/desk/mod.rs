//! The order desk: every order of one account, and what has to be done about each. The gateway actor
//! is a shell around it: it carries out the [`Effect`]s and brings back the answers.

mod answers;
mod balances;
mod commands;
mod compare;
mod entry;
mod exit;
mod fills;
mod flatten;
mod foreign;
mod guard;
mod health;
mod limits;
mod lost;
mod placed;
mod reconcile;
mod records;
mod restore;
mod shown;
mod sweep;
mod vanished;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::fault::{Fault, FaultKind};
use crate::halt::{Gate, HaltBoard, Membership, Scope};
use crate::ids::{
    AccountId, ClientOrderId, RunId, StrategyId, Symbol, UsedIds, VenueId, VenueOrderId,
};
use crate::instrument::Instrument;
use crate::journal::{Flattened, JournalRecord, OrdersMemory, Reconciled};
use crate::messages::account::BalancesChanged;
use crate::messages::control::ForeignOrders;
use crate::messages::order::{OrderEvent, OrderFilled, PlaceOrder};
use crate::money::{Price, Quantity};
use crate::order::{Order, OrderState};
use crate::ports::OrderRef;
use crate::position::{Pair, PositionBook};
use crate::risk::{Approved, RiskState};
use crate::time::Timestamp;

pub use answers::IN_MATCH;
use balances::Holdings;
use entry::Entry;
pub use flatten::{Flatten, FlattenHealth, FlattenSettings};
use foreign::Foreigners;
use guard::Guard;
pub use health::{DeskHealth, Holding, StrategyHealth};
pub use limits::{LimitOrder, LimitRefused};
use lost::Lost;
use reconcile::Review;
pub use reconcile::{LONGEST_BACK, Question, RoundId, Shown};
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
    /// Ask for what a reconciliation holds against this side's picture, not before this delay.
    Ask {
        round: RoundId,
        question: Question,
        after: Duration,
    },
    /// Ask what an instrument is that no strategy here trades, not before this delay.
    Learn {
        symbol: Symbol,
        after: Duration,
    },
    /// Tell the strategies of balances.
    Balances(BalancesChanged),
    /// A reconciliation has ended.
    Reconciled(Reconciled),
    /// Write this down before the effects that follow are carried out.
    Record(JournalRecord),
    /// Tell the strategy.
    Happened(OrderEvent),
    /// Tell the strategy; always before the event of the state it leads to.
    Filled(OrderFilled),
    Raise(Fault),
    /// Every order of the halted scope is gone from the venue.
    Swept(Sweep),
    /// A flatten has ended: tell a person what it has come to.
    Flattened(Flattened),
    /// Tell a person what was found of earlier runs where no journal tells of them.
    Found {
        title: String,
        text: String,
    },
    /// An order that is not ours, placed by hand or by another program, was seen for the first time.
    Foreign {
        /// The order in words.
        what: String,
        policy: ForeignOrders,
    },
}

/// A strategy's place at the desk.
#[derive(Debug, Clone)]
struct Seat {
    gate: Gate,
    /// What was used in this run.
    used: UsedIds,
}

/// All orders of one account. Pure: time comes in, effects come out.
#[derive(Debug)]
pub struct OrderDesk {
    venue: VenueId,
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
    /// What the fills that were told add up to.
    positions: PositionBook,
    holdings: Holdings,
    foreigners: Foreigners,
    lost: Lost,
    sweeps: Vec<Sweep>,
    flatten_settings: FlattenSettings,
    flattens: Vec<Flatten>,
    /// What the last flatten of a scope in this run has come to.
    flattened: BTreeMap<Scope, Flattened>,
    /// When the last confirmation of a sweep of the scope began.
    listed: BTreeMap<Scope, Timestamp>,
    /// All open orders are being asked for.
    listing: bool,
    private_stream_up: bool,
    /// Whether the private stream was up before in this run.
    was_up: bool,
    /// The reconciliation that is under way.
    review: Option<Review>,
    last_round: u64,
    /// When this side and the venue agreed last, and how often that is looked at.
    reconciled_at: Option<Timestamp>,
    reconcile_every: Option<Duration>,
    /// Up to when everything is known of an instrument; absent where nothing is known of earlier runs.
    known_until: BTreeMap<Symbol, Timestamp>,
    /// What earlier runs have written down.
    past: OrdersMemory,
    clock_good: bool,
    stopping: bool,
    risk: RiskState,
    guard: Guard,
    /// Why the journal takes nothing more.
    journal_failed: Option<String>,
    pub orders_sent: u64,
}

impl OrderDesk {
    /// `settle_time` is [`crate::ports::OrderPort::settle_time`].
    #[must_use]
    pub fn new(
        venue: VenueId,
        account: AccountId,
        run: RunId,
        settle_time: Duration,
        board: HaltBoard,
    ) -> Self {
        Self {
            venue,
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
            positions: PositionBook::default(),
            holdings: Holdings::default(),
            foreigners: Foreigners::default(),
            lost: Lost::default(),
            sweeps: Vec::new(),
            flatten_settings: FlattenSettings::default(),
            flattens: Vec::new(),
            flattened: BTreeMap::new(),
            listed: BTreeMap::new(),
            listing: false,
            private_stream_up: false,
            was_up: false,
            review: None,
            last_round: 0,
            reconciled_at: None,
            reconcile_every: None,
            known_until: BTreeMap::new(),
            past: OrdersMemory::default(),
            clock_good: false,
            stopping: false,
            risk: RiskState::default(),
            guard: Guard::default(),
            journal_failed: None,
            orders_sent: 0,
        }
    }

    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    pub fn add_instrument(&mut self, instrument: Instrument) {
        self.positions.add(Pair::of(&instrument));
        self.risk.add_instrument(&instrument);
        self.instruments.insert(instrument.symbol, instrument);
    }

    /// Every instrument that is known.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> {
        self.instruments.keys().copied()
    }

    /// Orders are held against the venue's again after this long.
    pub fn reconcile_every(&mut self, period: Duration) {
        self.reconcile_every = Some(period);
    }

    /// Gives a strategy its place; only then are its orders taken.
    pub fn seat(&mut self, membership: Membership) {
        let strategy = membership.strategy;
        for symbol in membership.instruments.list() {
            self.risk.prepare(strategy, symbol);
        }
        let gate = Gate::new(self.board.clone(), Arc::new(membership));
        let used = UsedIds::default();
        self.seats.insert(strategy, Seat { gate, used });
    }

    /// The gate of a strategy, to be looked at when its order is handed to the socket.
    #[must_use]
    pub fn gate(&self, strategy: StrategyId) -> Option<&Gate> {
        self.seats.get(&strategy).map(|seat| &seat.gate)
    }

    /// The instrument's data is fresh, with this last price; `None` says that it no longer is.
    pub fn set_reference(&mut self, symbol: Symbol, price: Option<Price>) {
        if let Some(price) = price {
            self.risk.mark(symbol, price);
        }
        self.references.insert(symbol, price);
    }

    /// Every instrument with the last price seen, where its data is fresh.
    pub fn marks(&self) -> impl Iterator<Item = (&Instrument, Option<Price>)> {
        let instruments = self.instruments.values();
        instruments.map(|known| (known, self.references.get(&known.symbol).copied().flatten()))
    }

    /// This process stood still: what is known of the venue is old, and nothing is placed until all of it has
    /// come again.
    pub fn stood_still(&mut self, out: &mut Vec<Effect>) {
        self.references.clear();
        self.clock_good = false;
        self.private_stream_down(out);
    }

    pub fn set_clock_good(&mut self, good: bool) {
        self.clock_good = good;
    }

    /// The journal has failed: from now on no order is placed.
    pub fn journal_failed(&mut self, why: String) {
        self.journal_failed.get_or_insert(why);
    }

    /// From now on no order is placed.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping
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

    /// Whether something is still to be learnt about an order: the answer to its placement or its cancel, or
    /// fills that are on their way.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        let unsettled = self.unsettled.iter().filter_map(|id| self.entries.get(id));
        unsettled.into_iter().any(|entry| {
            let order = &entry.order;
            matches!(order.state, OrderState::Sent | OrderState::Uncertain)
                || order.cancel_pending
                || !entry.is_reconciled()
        })
    }

    /// Every order that the desk still knows.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.entries.values().map(|entry| &entry.order)
    }

    fn insert(&mut self, order: Order, now: Timestamp) {
        self.risk.remember(&order, &self.positions, now);
        self.unsettled.insert(order.id);
        self.entries.insert(order.id, Entry::new(order, now));
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

#[cfg(test)]
mod tests;
