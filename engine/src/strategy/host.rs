//! Runs one strategy: keeps what it sees, calls its callbacks, collects what it asks for.

use std::collections::BTreeMap;

use crate::fault::{Fault, FaultKind};
use crate::halt::{Gate, HaltLevel, Scope};
use crate::ids::{AccountId, ClientOrderId, RunId, StrategyId, Symbol};
use crate::instrument::Instrument;
use crate::messages::account::BalancesChanged;
use crate::messages::control::{Halt, Resumed};
use crate::messages::market::{AggTrade, BestBidAsk, Kline, PartialDepth, Trade};
use crate::messages::order::{OrderEvent, OrderFilled};
use crate::messages::view::BookView;
use crate::order::Order;
use crate::position::{Pair, PositionBook};
use crate::risk::DenialReason;
use crate::strategy::context::Desk;
use crate::strategy::timers::Timers;
use crate::strategy::{Context, Request, Strategy, StrategyResult};
use crate::time::Timestamp;

/// Ended orders that a strategy can still look up.
const ENDED_KEPT: usize = 256;

/// Everything that can reach a strategy.
#[derive(Debug, Clone)]
pub enum Input {
    Best(BestBidAsk),
    Book(BookView),
    Depth(PartialDepth),
    Trade(Trade),
    AggTrade(AggTrade),
    Kline(Kline),
    /// The book is not live any more: its last view must not be used.
    BookLost(Symbol),
    Order(OrderEvent),
    Fill(OrderFilled),
    Balances(BalancesChanged),
    Ready,
    InitFailed(String),
    Fault(Fault),
    Halt(Halt),
    Resumed(Resumed),
    /// Time passed: timers that are due fire.
    Tick,
    Stop,
}

impl Input {
    /// Whether it is market data or time, which make a strategy trade.
    const fn makes_trade(&self) -> bool {
        matches!(
            self,
            Self::Best(_)
                | Self::Book(_)
                | Self::Depth(_)
                | Self::Trade(_)
                | Self::AggTrade(_)
                | Self::Kline(_)
                | Self::Tick
        )
    }
}

/// Who a strategy is.
#[derive(Debug, Clone)]
pub struct HostSettings {
    pub strategy: StrategyId,
    pub account: AccountId,
    pub run: RunId,
    pub gate: Gate,
}

/// One strategy with everything it can see.
pub struct StrategyHost {
    strategy: Box<dyn Strategy>,
    desk: Desk,
    ended: std::collections::VecDeque<ClientOrderId>,
}

impl StrategyHost {
    #[must_use]
    pub fn new(strategy: Box<dyn Strategy>, settings: HostSettings) -> Self {
        let HostSettings {
            strategy: id,
            account,
            run,
            gate,
        } = settings;
        let desk = Desk {
            strategy: id,
            account,
            run,
            gate,
            sequence: 0,
            ready: false,
            stopping: false,
            orders: BTreeMap::new(),
            balances: BTreeMap::new(),
            positions: PositionBook::default(),
            instruments: BTreeMap::new(),
            bests: BTreeMap::new(),
            books: BTreeMap::new(),
            timers: Timers::default(),
            requests: Vec::new(),
        };
        Self {
            strategy,
            desk,
            ended: std::collections::VecDeque::new(),
        }
    }

    #[must_use]
    pub fn id(&self) -> StrategyId {
        self.desk.strategy
    }

    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.desk.ready
    }

    #[must_use]
    pub fn strategy(&self) -> &dyn Strategy {
        self.strategy.as_ref()
    }

    /// Goes on from the positions of earlier runs. To be called before instruments are added.
    pub fn restore_positions(&mut self, positions: PositionBook) {
        self.desk.positions = positions;
    }

    pub fn add_instrument(&mut self, instrument: Instrument) {
        self.desk.positions.add(Pair::of(&instrument));
        self.desk.instruments.insert(instrument.symbol, instrument);
    }

    /// Orders of the strategy as the host sees them.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.desk.orders.values()
    }

    /// When the next timer is due; `None` while timers are withheld.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.desk.timers.next_due().filter(|_| !self.withholds())
    }

    /// Whether market data and timers, which make a strategy trade, are withheld: until it is ready,
    /// and while it is halted.
    fn withholds(&self) -> bool {
        !self.desk.ready || self.desk.gate.level() == HaltLevel::Halted
    }

    /// Calls `on_start`. Returns what it asked for.
    pub fn start(&mut self, now: Timestamp) -> Vec<Request> {
        self.call(now, |strategy, ctx| strategy.on_start(ctx))
    }

    /// Takes one input and calls the callback for it, if the halt allows. Returns what the strategy
    /// asked for, in order; a callback's error becomes a [`Request::Fault`], and what the callback had
    /// asked for before it failed is not sent on.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Request> {
        match &input {
            Input::Best(best) => drop(self.desk.bests.insert(best.symbol, *best)),
            Input::Book(book) => drop(self.desk.books.insert(book.symbol, book.clone())),
            _ => {}
        }
        if input.makes_trade() && self.withholds() {
            return Vec::new();
        }
        match input {
            Input::Best(best) => self.call(now, |strategy, ctx| strategy.on_best(ctx, &best)),
            Input::Book(book) => self.call(now, |strategy, ctx| strategy.on_book(ctx, &book)),
            Input::Depth(depth) => self.call(now, |strategy, ctx| strategy.on_depth(ctx, &depth)),
            Input::Trade(trade) => self.call(now, |strategy, ctx| strategy.on_trade(ctx, &trade)),
            Input::AggTrade(trade) => {
                self.call(now, |strategy, ctx| strategy.on_agg_trade(ctx, &trade))
            }
            Input::Kline(kline) => self.call(now, |strategy, ctx| strategy.on_kline(ctx, &kline)),
            Input::Tick => self.fire_timers(now),
            Input::BookLost(symbol) => {
                self.desk.books.remove(&symbol);
                Vec::new()
            }
            Input::Order(event) => {
                self.keep(event.order.clone());
                self.call(now, |strategy, ctx| strategy.on_order(ctx, &event))
            }
            Input::Fill(filled) => {
                self.keep(filled.order.clone());
                let uncounted = self.count(&filled);
                let asked = self.call(now, |strategy, ctx| {
                    strategy.on_fill(ctx, &filled.order, &filled.fill)
                });
                uncounted.into_iter().chain(asked).collect()
            }
            Input::Balances(changed) => {
                if changed.complete {
                    self.desk.balances.clear();
                }
                self.desk.balances.extend(
                    changed
                        .balances
                        .iter()
                        .map(|balance| (balance.asset, *balance)),
                );
                self.call(now, |strategy, ctx| strategy.on_balances(ctx, &changed))
            }
            Input::Ready => {
                self.desk.ready = true;
                self.call(now, |strategy, ctx| strategy.on_ready(ctx))
            }
            Input::InitFailed(reason) => {
                self.call(now, |strategy, ctx| strategy.on_init_failed(ctx, &reason))
            }
            Input::Fault(fault) => self.call(now, |strategy, ctx| strategy.on_fault(ctx, &fault)),
            Input::Halt(halt) => self.call(now, |strategy, ctx| strategy.on_halt(ctx, &halt)),
            Input::Resumed(resumed) => {
                self.call(now, |strategy, ctx| strategy.on_resume(ctx, &resumed))
            }
            Input::Stop => {
                self.desk.stopping = true;
                self.call(now, |strategy, ctx| strategy.on_stop(ctx))
            }
        }
    }

    fn fire_timers(&mut self, now: Timestamp) -> Vec<Request> {
        let mut requests = Vec::new();
        while let Some(timer) = self.desk.timers.take_due(now) {
            requests.append(&mut self.call(now, |strategy, ctx| strategy.on_timer(ctx, timer)));
            if self.desk.gate.level() == HaltLevel::Halted {
                break;
            }
        }
        requests
    }

    /// Keeps the newest knowledge of an order, and forgets the oldest of the ended ones.
    fn keep(&mut self, order: Order) {
        let id = order.id;
        if order.is_settled() && !self.ended.contains(&id) {
            self.ended.push_back(id);
            if self.ended.len() > ENDED_KEPT
                && let Some(oldest) = self.ended.pop_front()
            {
                self.desk.orders.remove(&oldest);
            }
        }
        self.desk.orders.insert(id, order);
    }

    /// Counts a fill into the position. The fault is the desk's too, but a host may be run without one.
    fn count(&mut self, filled: &OrderFilled) -> Option<Request> {
        let OrderFilled { order, fill } = filled;
        let (symbol, side) = (order.terms.symbol, order.terms.side);
        let counted = self
            .desk
            .positions
            .apply(order.strategy, symbol, side, fill);
        counted.err().map(|error| Request::Fault {
            kind: FaultKind::PositionUncertain,
            detail: error.to_string(),
        })
    }

    fn call(
        &mut self,
        now: Timestamp,
        callback: impl FnOnce(&mut dyn Strategy, &mut Context<'_>) -> StrategyResult,
    ) -> Vec<Request> {
        // A callback that panicked has left what it asked for.
        self.withdraw_orders();
        let result = callback(
            self.strategy.as_mut(),
            &mut Context {
                desk: &mut self.desk,
                now,
            },
        );
        if let Err(error) = result {
            self.withdraw_orders();
            match error.denial() {
                // The halt or the stop was raised by whoever caused it; that nothing may be placed
                // because of it is no second incident.
                Some(DenialReason::Halted(_) | DenialReason::Stopping) => {}
                _ => self.desk.requests.push(Request::Fault {
                    kind: FaultKind::StrategyError,
                    detail: error.to_string(),
                }),
            }
        }
        std::mem::take(&mut self.desk.requests)
    }

    /// Half of what a failed callback wanted is not what it wanted: no order of it goes out, while
    /// cancels and alerts do.
    fn withdraw_orders(&mut self) {
        let orders = &mut self.desk.orders;
        self.desk.requests.retain(|request| match request {
            Request::Place(command) => {
                orders.remove(&command.id);
                false
            }
            Request::Amend(_) => false,
            _ => true,
        });
    }

    /// The fault that a request of this strategy asks for.
    #[must_use]
    pub fn fault(&self, kind: FaultKind, detail: String, at: Timestamp) -> Fault {
        let strategy = self.desk.strategy;
        Fault {
            kind,
            scope: Scope::Strategy(strategy),
            actor: format!("strategy {strategy}"),
            detail,
            at,
        }
    }
}

#[cfg(test)]
mod tests;
