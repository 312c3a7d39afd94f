//! A stage for strategies: the engine's own host and order desk, and a venue that is driven by hand.

mod dynamic_quote;
mod properties;
mod registry;
mod spread_maker;
mod venue;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use tripline_engine::desk::{Effect, OrderDesk, Question, Shown};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{Gate, HaltBoard, HaltPolicy, Membership, Scope};
use tripline_engine::ids::{AccountId, ClientOrderId, RunId, StrategyId, Symbol, VenueId};
use tripline_engine::instrument::{
    Filters, Instrument, LotSize, NotionalRange, PriceFilter, TradingStatus,
};
use tripline_engine::messages::account::AccountBalances;
use tripline_engine::messages::alert::Severity;
use tripline_engine::messages::control::{Halt, Resume, Resumed};
use tripline_engine::messages::market::{BestBidAsk, Level};
use tripline_engine::messages::order::{Fill, OrderEvent};
use tripline_engine::messages::view::BookView;
use tripline_engine::order::{Order, OrderState, OrderType, Side};
use tripline_engine::strategy::{
    Context, HostSettings, Input, Request, Strategy, StrategyHost, StrategyResult, Subscription,
    TimerId,
};
use tripline_engine::time::Timestamp;

use crate::config::{self, Configuration};
use venue::{Fate, Mail, Venue};

/// Both of the stage's instruments have a tick of 0.01, a lot of 0.001 and a smallest notional of 5.
pub fn instrument(symbol: Symbol) -> Instrument {
    let lot = LotSize {
        min: "0.001".parse().unwrap(),
        max: "1000".parse().unwrap(),
        step: "0.001".parse().unwrap(),
    };
    Instrument {
        symbol,
        base: "BTC".parse().unwrap(),
        quote: "USDT".parse().unwrap(),
        status: TradingStatus::Trading,
        base_precision: 8,
        quote_precision: 8,
        order_types: vec![OrderType::Limit, OrderType::Market, OrderType::LimitMaker],
        default_self_trade_prevention: None,
        self_trade_prevention: Vec::new(),
        amend_allowed: true,
        cancel_replace_allowed: true,
        filters: Filters {
            price: Some(PriceFilter {
                min: "0.01".parse().unwrap(),
                max: "1000000".parse().unwrap(),
                tick: "0.01".parse().unwrap(),
            }),
            lot_size: Some(lot),
            notional: Some(NotionalRange {
                min: "5".parse().unwrap(),
                apply_min_to_market: true,
                max: None,
                apply_max_to_market: false,
            }),
            ..Filters::default()
        },
    }
}

pub fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub fn configured<C: Configuration>(text: &str) -> C {
    config::read(text.parse().unwrap()).unwrap()
}

/// Lets a test look into the strategy that the host owns, and keep news of orders from it.
struct Watched<S>(Rc<RefCell<S>>, Rc<Cell<bool>>);

impl<S: Strategy> Strategy for Watched<S> {
    fn subscriptions(&self) -> Vec<Subscription> {
        self.0.borrow().subscriptions()
    }
    fn on_start(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.0.borrow_mut().on_start(ctx)
    }
    fn on_ready(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.0.borrow_mut().on_ready(ctx)
    }
    fn on_book(&mut self, ctx: &mut Context<'_>, book: &BookView) -> StrategyResult {
        self.0.borrow_mut().on_book(ctx, book)
    }
    fn on_order(&mut self, ctx: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        if self.1.get() {
            return Ok(());
        }
        self.0.borrow_mut().on_order(ctx, event)
    }
    fn on_fill(&mut self, ctx: &mut Context<'_>, order: &Order, fill: &Fill) -> StrategyResult {
        self.0.borrow_mut().on_fill(ctx, order, fill)
    }
    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: TimerId) -> StrategyResult {
        self.0.borrow_mut().on_timer(ctx, timer)
    }
    fn on_halt(&mut self, ctx: &mut Context<'_>, halt: &Halt) -> StrategyResult {
        self.0.borrow_mut().on_halt(ctx, halt)
    }
    fn on_resume(&mut self, ctx: &mut Context<'_>, resumed: &Resumed) -> StrategyResult {
        self.0.borrow_mut().on_resume(ctx, resumed)
    }
    fn on_stop(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.0.borrow_mut().on_stop(ctx)
    }
}

pub struct Stage<S> {
    pub strategy: Rc<RefCell<S>>,
    /// While set, the strategy hears no order events.
    pub deaf: Rc<Cell<bool>>,
    pub host: StrategyHost,
    pub desk: OrderDesk,
    pub venue: Venue,
    /// Requests on their way to the venue, each with the time from which it is due.
    pub wire: Vec<(Timestamp, Effect)>,
    pub alerts: Vec<(Severity, String)>,
    /// Faults that the strategy raised.
    pub faults: Vec<String>,
    /// Faults that the desk raised.
    pub raised: Vec<Fault>,
    pub now: Timestamp,
    board: HaltBoard,
}

impl<S: Strategy + 'static> Stage<S> {
    /// A strategy that was started and is not ready.
    pub fn new(strategy: S) -> Self {
        let strategy = Rc::new(RefCell::new(strategy));
        let deaf = Rc::new(Cell::new(false));
        let board = HaltBoard::new();
        let subscriptions = strategy.borrow().subscriptions();
        let membership = Membership {
            strategy: StrategyId::new("s").unwrap(),
            account: AccountId::new("main").unwrap(),
            venue: VenueId::new("binance").unwrap(),
            instruments: subscriptions.iter().map(Subscription::symbol).collect(),
        };
        let run = RunId::from_millis(1_795_000_000_000);
        let settle_time = Duration::from_secs(5);
        let mut desk = OrderDesk::new(
            membership.venue,
            membership.account,
            run,
            settle_time,
            board.clone(),
        );
        let settings = HostSettings {
            strategy: membership.strategy,
            account: membership.account,
            run,
            gate: Gate::new(board.clone(), Arc::new(membership.clone())),
        };
        let mut host =
            StrategyHost::new(Box::new(Watched(strategy.clone(), deaf.clone())), settings);
        for symbol in &membership.instruments.list() {
            host.add_instrument(instrument(*symbol));
            desk.add_instrument(instrument(*symbol));
            desk.set_reference(*symbol, Some("100".parse().unwrap()));
        }
        desk.seat(membership);
        desk.set_clock_good(true);
        let (start, mut asked) = (Timestamp::from_millis(0), Vec::new());
        desk.private_stream_up(start, &mut asked);
        while let Some(effect) = asked.pop() {
            if let Effect::Ask {
                round, question, ..
            } = effect
            {
                let nothing = match question {
                    Question::Balances => Shown::Balances(AccountBalances {
                        balances: Vec::new(),
                        updated: None,
                    }),
                    _ => Shown::Orders(Vec::new()),
                };
                desk.told(round, question, Ok(nothing), start, &mut asked);
            }
        }
        let venue = Venue {
            liquidity: 100,
            ..Venue::default()
        };
        let mut stage = Self {
            strategy,
            deaf,
            host,
            desk,
            venue,
            wire: Vec::new(),
            alerts: Vec::new(),
            faults: Vec::new(),
            raised: Vec::new(),
            now: Timestamp::from_millis(1_795_000_000_000),
            board,
        };
        let requests = stage.host.start(stage.now);
        stage.perform(requests);
        stage
    }

    /// A strategy that is ready, with a book around 100.
    pub fn ready(strategy: S) -> Self {
        let mut stage = Self::new(strategy);
        stage.book(10_000);
        stage.input(Input::Ready);
        stage
    }

    pub fn input(&mut self, input: Input) {
        let requests = self.host.handle(input, self.now);
        self.perform(requests);
    }

    /// Asks the desk for what the strategy wants, and the strategy for what the desk tells, to the end.
    fn perform(&mut self, requests: Vec<Request>) {
        let mut requests = VecDeque::from(requests);
        while let Some(request) = requests.pop_front() {
            let mut out = Vec::new();
            match request {
                Request::Place(command) => self.desk.place(command, self.now, &mut out),
                Request::Cancel(command) => self.desk.cancel(command, self.now, &mut out),
                Request::Amend(command) => self.desk.amend(command, self.now, &mut out),
                Request::CancelAll(command) => self.desk.cancel_all(command, self.now, &mut out),
                Request::Alert { severity, text } => self.alerts.push((severity, text)),
                Request::Fault { kind, detail } => {
                    assert_eq!(kind, FaultKind::OrderFailed, "{detail}");
                    self.faults.push(detail);
                }
            }
            for effect in out {
                requests.extend(self.effect(effect));
            }
        }
    }

    fn effect(&mut self, effect: Effect) -> Vec<Request> {
        let after = match &effect {
            Effect::Happened(event) => {
                let input = Input::Order(event.clone());
                return self.host.handle(input, self.now);
            }
            Effect::Filled(filled) => {
                let input = Input::Fill(filled.clone());
                return self.host.handle(input, self.now);
            }
            Effect::Raise(fault) => {
                self.raised.push(fault.clone());
                return Vec::new();
            }
            Effect::Swept(_)
            | Effect::Flattened(_)
            | Effect::Found { .. }
            | Effect::Foreign { .. }
            | Effect::Balances(_)
            | Effect::Reconciled(_)
            | Effect::Record(_) => {
                return Vec::new();
            }
            Effect::Ask { after, .. }
            | Effect::Query { after, .. }
            | Effect::FetchFills { after, .. }
            | Effect::Learn { after, .. }
            | Effect::ListOpen { after } => *after,
            Effect::Place(_) | Effect::Cancel(_) | Effect::Amend(..) => Duration::ZERO,
        };
        let due = self.now.checked_add(after).unwrap();
        self.wire.push((due, effect));
        Vec::new()
    }

    fn desk_does(&mut self, work: impl FnOnce(&mut OrderDesk, Timestamp, &mut Vec<Effect>)) {
        let mut out = Vec::new();
        work(&mut self.desk, self.now, &mut out);
        for effect in out {
            let requests = self.effect(effect);
            self.perform(requests);
        }
    }

    /// Hands one piece of the venue's mail to the desk.
    pub fn deliver(&mut self, mail: Mail) {
        self.desk_does(|desk, now, out| match mail {
            Mail::Placed(id, outcome) => desk.placed(id, outcome, now, out),
            Mail::CancelAnswered(id, answer) => desk.cancel_answered(id, answer, now, out),
            Mail::Event(report) => desk.report(report, now, out),
            Mail::QueryAnswered(id, answer) => desk.query_answered(id, answer, now, out),
            Mail::FillsAnswered(id, answer) => desk.fills_answered(id, answer, now, out),
            Mail::OpenListed(answer) => desk.open_listed(answer, now, out),
        });
    }

    /// Lets the venue take one request that is on the wire.
    pub fn take(&mut self, index: usize, fate: Fate) {
        let (_, effect) = self.wire.remove(index);
        self.venue.take(effect, fate, self.now);
    }

    /// Delivers all mail that there is; new requests stay on the wire.
    pub fn deliver_all(&mut self) {
        while !self.venue.mail.is_empty() {
            let mail = self.venue.mail.remove(0);
            self.deliver(mail);
        }
    }

    /// Takes and answers everything that is due, until nothing is left.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            self.deliver_all();
            let due = self.wire.iter().position(|(due, _)| *due <= self.now);
            match due {
                Some(index) => self.take(index, Fate::Answered),
                None => return,
            }
        }
        panic!("it does not come to rest: {:?}", self.wire);
    }

    pub fn pass(&mut self, millis: u64) {
        self.now = self.now.checked_add(Duration::from_millis(millis)).unwrap();
        self.input(Input::Tick);
    }

    /// A book of 20 levels, one cent apart; the best bid is at `cents` and the best ask one above.
    pub fn book(&mut self, cents: i64) {
        self.deep_book(cents, 20);
    }

    pub fn deep_book(&mut self, cents: i64, levels: i64) {
        let level = |cents: i64| Level {
            price: tripline_engine::money::Price::new(Decimal::new(cents, 2)).unwrap(),
            quantity: "1".parse().unwrap(),
        };
        let view = BookView {
            symbol: symbol("BTCUSDT"),
            bids: (0..levels).map(|n| level(cents - n)).collect(),
            asks: (0..levels).map(|n| level(cents + 1 + n)).collect(),
            update_id: 1,
            received: self.now,
        };
        self.input(Input::Book(view));
    }

    pub fn best(&mut self, name: &str, cents: i64) {
        let level = |cents: i64| Level {
            price: tripline_engine::money::Price::new(Decimal::new(cents, 2)).unwrap(),
            quantity: "1".parse().unwrap(),
        };
        let best = BestBidAsk {
            symbol: symbol(name),
            bid: level(cents),
            ask: level(cents + 1),
            update_id: 1,
            venue_time: None,
            received: self.now,
        };
        self.input(Input::Best(best));
    }

    fn scope(&self) -> Scope {
        Scope::Strategy(self.host.id())
    }

    pub fn halt(&mut self) {
        let fault = Fault {
            kind: FaultKind::Manual,
            scope: self.scope(),
            actor: "test".into(),
            detail: "halt".into(),
            at: self.now,
        };
        let incident = self.board.trip(fault, &HaltPolicy::default());
        self.desk_does(|desk, now, out| desk.halted(&incident, now, out));
        self.input(Input::Halt(Halt {
            scope: self.scope(),
            level: incident.reaction.level,
            incident,
        }));
    }

    pub fn resume(&mut self) {
        let scope = self.scope();
        let standing = self.board.standing(&scope).unwrap();
        let resume = Resume {
            scope,
            incidents: standing.incidents.iter().map(|known| known.id).collect(),
            epoch: standing.epoch,
            reason: "test".into(),
            who: "ann".into(),
        };
        self.board.lift(&resume).unwrap();
        self.input(Input::Resumed(Resumed {
            scope,
            reason: "test".into(),
        }));
    }

    pub fn is_halted(&self) -> bool {
        !self.board.restricted().is_empty()
    }

    /// An open order of an earlier run, which the desk learnt of before the strategy was ready.
    pub fn earlier_order(&mut self, terms: tripline_engine::order::NewOrder) -> ClientOrderId {
        let id = ClientOrderId::new("t-s-00000000-1").unwrap();
        self.venue.insert(id, terms);
        self.list_open();
        id
    }

    /// Asks the venue for all open orders, as the start of a run does.
    pub fn list_open(&mut self) {
        let after = Duration::ZERO;
        self.wire.push((self.now, Effect::ListOpen { after }));
        self.settle();
    }

    /// Orders of the type that are, or may be, open, as the desk knows them.
    pub fn live(&self, order_type: OrderType, side: Option<Side>) -> Vec<Order> {
        let open = self.desk.open_orders().filter(|order| {
            order.terms.order_type == order_type && side.is_none_or(|side| order.terms.side == side)
        });
        open.cloned().collect()
    }

    /// The one live quote.
    pub fn quote(&self) -> Order {
        let live = self.live(OrderType::Limit, None);
        assert_eq!(live.len(), 1, "{live:?}");
        live[0].clone()
    }

    pub fn fill(&mut self, id: ClientOrderId, quantity: &str) {
        let price = self.venue.orders[&id].terms.price.unwrap();
        self.venue
            .fill(id, quantity.parse().unwrap(), price, self.now);
    }

    /// What the market orders have executed, or may still.
    pub fn hedged(&self) -> Decimal {
        let hedges = self
            .desk
            .orders()
            .filter(|order| order.terms.order_type == OrderType::Market);
        hedges
            .map(|order| {
                if order.state == OrderState::Denied {
                    Decimal::ZERO
                } else if order.is_settled() {
                    order.executed().value()
                } else {
                    order.terms.quantity.value()
                }
            })
            .sum()
    }
}

pub fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}
