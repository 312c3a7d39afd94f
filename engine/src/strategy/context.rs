//! What a strategy may see and do inside a callback.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fault::FaultKind;
use crate::halt::{Gate, HaltLevel, Purpose, reduces};
use crate::ids::{AccountId, Asset, ClientOrderId, OrderOrigin, RunId, StrategyId, Symbol};
use crate::instrument::Instrument;
use crate::messages::account::Balance;
use crate::messages::alert::Severity;
use crate::messages::market::BestBidAsk;
use crate::messages::order::{AmendOrder, CancelAll, CancelOrder, PlaceOrder};
use crate::messages::view::BookView;
use crate::money::Quantity;
use crate::order::{NewOrder, Order};
use crate::position::{Position, PositionBook};
use crate::risk::DenialReason;
use crate::strategy::TimerId;
use crate::strategy::timers::Timers;
use crate::time::Timestamp;

/// What a callback asked for; sent on, in order, when the callback has returned `Ok`.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    Place(PlaceOrder),
    Cancel(CancelOrder),
    Amend(AmendOrder),
    CancelAll(CancelAll),
    /// Tell a person.
    Alert {
        severity: Severity,
        text: String,
    },
    /// Raise a fault of the strategy, which by default halts it.
    Fault {
        kind: FaultKind,
        detail: String,
    },
}

/// Everything that one strategy can see. Kept by its host between callbacks.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) strategy: StrategyId,
    pub(super) account: AccountId,
    pub(super) run: RunId,
    pub(super) gate: Gate,
    pub(super) sequence: u64,
    pub(super) ready: bool,
    pub(super) stopping: bool,
    pub(super) orders: BTreeMap<ClientOrderId, Order>,
    pub(super) balances: BTreeMap<Asset, Balance>,
    pub(super) positions: PositionBook,
    pub(super) instruments: BTreeMap<Symbol, Instrument>,
    pub(super) bests: BTreeMap<Symbol, BestBidAsk>,
    pub(super) books: BTreeMap<Symbol, BookView>,
    pub(super) timers: Timers,
    pub(super) requests: Vec<Request>,
}

/// Handed to every callback. It cannot be kept, and there is no way round the halt: placing looks at
/// the latch here, and the gateway looks again when the first byte is handed to the socket.
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) desk: &'a mut Desk,
    pub(super) now: Timestamp,
}

impl Context<'_> {
    /// UTC, corrected to the venue's clock; virtual in a simulation.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    #[must_use]
    pub fn strategy(&self) -> StrategyId {
        self.desk.strategy
    }

    /// What is allowed at this moment.
    #[must_use]
    pub fn level(&self) -> HaltLevel {
        self.desk.gate.level()
    }

    /// Places an order and returns its id at once; what becomes of it arrives in `on_order`. While the level is
    /// reduce-only, what provably reduces this strategy's position goes out: with all that the strategy has
    /// under way on that side it is at most as large as the position.
    ///
    /// # Errors
    /// [`DenialReason`] when it is clear already that the order will not be sent: halted, not ready,
    /// unknown instrument, or terms or filters that the order breaks. Nothing was sent, and no event
    /// follows.
    pub fn place(&mut self, terms: NewOrder) -> Result<ClientOrderId, DenialReason> {
        let level = self.level();
        if !level.lets(self.purpose(&terms, level), false) {
            return Err(DenialReason::Halted(level));
        }
        if self.desk.stopping {
            return Err(DenialReason::Stopping);
        }
        if !self.desk.ready {
            return Err(DenialReason::NotReady);
        }
        let instrument = self.desk.instruments.get(&terms.symbol);
        let instrument =
            instrument.ok_or_else(|| DenialReason::UnknownInstrument(terms.symbol.to_string()))?;
        terms.check_terms()?;
        instrument.check(&terms, None, crate::instrument::OpenCounts::default())?;
        self.desk.sequence += 1;
        let Desk {
            strategy,
            account,
            run,
            sequence,
            ..
        } = *self.desk;
        let id = ClientOrderId::of(&OrderOrigin {
            strategy,
            run,
            sequence,
        });
        let created = self.now;
        self.desk
            .orders
            .insert(id, Order::new(id, strategy, terms, created));
        self.desk.requests.push(Request::Place(PlaceOrder {
            id,
            strategy,
            account,
            terms,
            created,
        }));
        Ok(id)
    }

    fn purpose(&self, terms: &NewOrder, level: HaltLevel) -> Purpose {
        let own = self.desk.orders.values();
        let own = own.filter(|order| !order.is_settled() && order.terms.symbol == terms.symbol);
        let net = self.position(terms.symbol).map(Position::net);
        match level == HaltLevel::ReduceOnly && reduces(terms, net.unwrap_or_default(), own) {
            true => Purpose::Reduce,
            false => Purpose::Entry,
        }
    }

    /// Cancels an order of this strategy. The order may still fill until `Canceled` arrives in `on_order`.
    pub fn cancel(&mut self, id: ClientOrderId) {
        let strategy = self.desk.strategy;
        self.desk
            .requests
            .push(Request::Cancel(CancelOrder { id, strategy }));
    }

    /// Reduces the quantity of an order in place, keeping its priority.
    pub fn amend(&mut self, id: ClientOrderId, quantity: Quantity) {
        let strategy = self.desk.strategy;
        self.desk.requests.push(Request::Amend(AmendOrder {
            id,
            strategy,
            quantity,
        }));
    }

    /// Cancels every open order of this strategy, on one symbol or on all.
    pub fn cancel_all(&mut self, symbol: Option<Symbol>) {
        let strategy = self.desk.strategy;
        self.desk
            .requests
            .push(Request::CancelAll(CancelAll { strategy, symbol }));
    }

    /// The orders of this strategy that have not ended, or of which fills are still to be delivered,
    /// oldest id first.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.desk
            .orders
            .values()
            .filter(|order| !order.is_settled())
    }

    /// An order of this strategy, as long as it is open or among the recently ended.
    #[must_use]
    pub fn order(&self, id: &ClientOrderId) -> Option<&Order> {
        self.desk.orders.get(id)
    }

    #[must_use]
    pub fn balance(&self, asset: Asset) -> Option<Balance> {
        self.desk.balances.get(&asset).copied()
    }

    pub fn balances(&self) -> impl Iterator<Item = &Balance> {
        self.desk.balances.values()
    }

    /// What the fills of this strategy on the instrument add up to in this run, the one that is being
    /// delivered included; `None` before the first. It is what the strategy traded, not what the account
    /// holds: other strategies have their own. What earlier runs of the strategy traded is in it as far as
    /// the engine's journal tells.
    ///
    /// To sell what was bought, sell [`Position::held`] and not [`Position::net`]: a fee that was taken
    /// in the base asset is not there to be sold.
    #[must_use]
    pub fn position(&self, symbol: Symbol) -> Option<&Position> {
        self.desk.positions.position(self.desk.strategy, symbol)
    }

    #[must_use]
    pub fn instrument(&self, symbol: Symbol) -> Option<&Instrument> {
        self.desk.instruments.get(&symbol)
    }

    /// The latest touch of a subscribed symbol.
    #[must_use]
    pub fn best(&self, symbol: Symbol) -> Option<&BestBidAsk> {
        self.desk.bests.get(&symbol)
    }

    /// The latest view of a subscribed book; absent while the book is not live.
    #[must_use]
    pub fn book(&self, symbol: Symbol) -> Option<&BookView> {
        self.desk.books.get(&symbol)
    }

    /// Calls `on_timer` every `period`, first after one period. Runs never overlap.
    pub fn every(&mut self, period: Duration) -> TimerId {
        let period = period.max(Duration::from_millis(1));
        self.desk.timers.set(self.now, period, Some(period))
    }

    /// Calls `on_timer` once, after `delay`.
    pub fn after(&mut self, delay: Duration) -> TimerId {
        self.desk.timers.set(self.now, delay, None)
    }

    pub fn cancel_timer(&mut self, timer: TimerId) {
        self.desk.timers.cancel(timer);
    }

    /// Tells a person something, without halting.
    pub fn alert(&mut self, severity: Severity, text: impl Into<String>) {
        self.desk.requests.push(Request::Alert {
            severity,
            text: text.into(),
        });
    }

    /// Raises a fault of this strategy that is no error of a callback, such as a failed order. By
    /// default it halts the strategy.
    pub fn fault(&mut self, kind: FaultKind, detail: impl Into<String>) {
        self.desk.requests.push(Request::Fault {
            kind,
            detail: detail.into(),
        });
    }
}
