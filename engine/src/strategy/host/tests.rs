use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;

use super::*;
use crate::fault::FaultKind;
use crate::halt::{HaltBoard, HaltPolicy, Membership, Reaction};
use crate::ids::{Asset, VenueId};
use crate::instrument::{Filters, TradingStatus};
use crate::messages::account::Balance;
use crate::messages::alert::Severity;
use crate::messages::control::RestingOrders;
use crate::messages::market::Level;
use crate::messages::order::{Fill, OrderEventKind};
use crate::order::state::Learnt;
use crate::order::{NewOrder, OrderState, OrderType, Side, VenueStatus};
use crate::risk::DenialReason;
use crate::strategy::{StrategyError, Subscription, TimerId};

/// What a callback does beside being noted.
type Act = Box<dyn FnMut(&mut Context<'_>, &str) -> StrategyResult>;

/// Notes every callback by its name and does what the test wants.
struct Script {
    called: Rc<RefCell<Vec<String>>>,
    act: Act,
}

impl Script {
    fn note(&mut self, ctx: &mut Context<'_>, name: &str) -> StrategyResult {
        self.called.borrow_mut().push(name.to_owned());
        (self.act)(ctx, name)
    }
}

impl Strategy for Script {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::Best(symbol())]
    }
    fn on_start(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.note(ctx, "start")
    }
    fn on_ready(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.note(ctx, "ready")
    }
    fn on_init_failed(&mut self, ctx: &mut Context<'_>, _: &str) -> StrategyResult {
        self.note(ctx, "init failed")
    }
    fn on_best(&mut self, ctx: &mut Context<'_>, _: &BestBidAsk) -> StrategyResult {
        self.note(ctx, "best")
    }
    fn on_book(&mut self, ctx: &mut Context<'_>, _: &BookView) -> StrategyResult {
        self.note(ctx, "book")
    }
    fn on_depth(&mut self, ctx: &mut Context<'_>, _: &PartialDepth) -> StrategyResult {
        self.note(ctx, "depth")
    }
    fn on_trade(&mut self, ctx: &mut Context<'_>, _: &Trade) -> StrategyResult {
        self.note(ctx, "trade")
    }
    fn on_agg_trade(&mut self, ctx: &mut Context<'_>, _: &AggTrade) -> StrategyResult {
        self.note(ctx, "aggregate trade")
    }
    fn on_order(&mut self, ctx: &mut Context<'_>, _: &OrderEvent) -> StrategyResult {
        self.note(ctx, "order")
    }
    fn on_fill(&mut self, ctx: &mut Context<'_>, _: &Order, _: &Fill) -> StrategyResult {
        self.note(ctx, "fill")
    }
    fn on_balances(&mut self, ctx: &mut Context<'_>, _: &BalancesChanged) -> StrategyResult {
        self.note(ctx, "balances")
    }
    fn on_timer(&mut self, ctx: &mut Context<'_>, _: TimerId) -> StrategyResult {
        self.note(ctx, "timer")
    }
    fn on_fault(&mut self, ctx: &mut Context<'_>, _: &Fault) -> StrategyResult {
        self.note(ctx, "fault")
    }
    fn on_halt(&mut self, ctx: &mut Context<'_>, _: &Halt) -> StrategyResult {
        self.note(ctx, "halt")
    }
    fn on_resume(&mut self, ctx: &mut Context<'_>, _: &Resumed) -> StrategyResult {
        self.note(ctx, "resume")
    }
    fn on_stop(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.note(ctx, "stop")
    }
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000 + millis)
}

fn buy() -> NewOrder {
    let (quantity, price) = ("1".parse().unwrap(), "10".parse().unwrap());
    NewOrder::limit(symbol(), Side::Buy, quantity, price)
}

fn level(price: &str) -> Level {
    Level {
        price: price.parse().unwrap(),
        quantity: "1".parse().unwrap(),
    }
}

fn best() -> Input {
    Input::Best(BestBidAsk {
        symbol: symbol(),
        bid: level("9"),
        ask: level("10"),
        update_id: 1,
        venue_time: None,
        received: at(0),
    })
}

fn book() -> Input {
    Input::Book(BookView {
        symbol: symbol(),
        bids: Arc::from([level("9")]),
        asks: Arc::from([level("10")]),
        update_id: 1,
        received: at(0),
    })
}

fn depth() -> Input {
    Input::Depth(PartialDepth {
        symbol: symbol(),
        stream_levels: Some(5),
        last_update_id: 1,
        bids: Vec::new(),
        asks: Vec::new(),
        venue_time: None,
        received: at(0),
    })
}

fn trade() -> Input {
    Input::Trade(Trade {
        symbol: symbol(),
        id: crate::ids::TradeId(1),
        price: "10".parse().unwrap(),
        quantity: "1".parse().unwrap(),
        venue_time: at(0),
        buyer_is_maker: true,
        kind: None,
        received: at(0),
    })
}

fn agg_trade() -> Input {
    Input::AggTrade(AggTrade {
        symbol: symbol(),
        id: 1,
        first_trade: crate::ids::TradeId(1),
        last_trade: crate::ids::TradeId(2),
        price: "10".parse().unwrap(),
        quantity: "1".parse().unwrap(),
        venue_time: at(0),
        buyer_is_maker: true,
        received: at(0),
    })
}

fn event(order: Order, kind: OrderEventKind) -> Input {
    let at = at(1);
    Input::Order(OrderEvent { order, kind, at })
}

struct Stage {
    host: StrategyHost,
    board: HaltBoard,
    called: Rc<RefCell<Vec<String>>>,
}

impl Stage {
    fn new(act: impl FnMut(&mut Context<'_>, &str) -> StrategyResult + 'static) -> Self {
        let board = HaltBoard::new();
        let called = Rc::default();
        let membership = Membership {
            strategy: StrategyId::new("s").unwrap(),
            account: AccountId::new("main").unwrap(),
            venue: VenueId::new("binance").unwrap(),
            instruments: vec![symbol()].into(),
        };
        let settings = HostSettings {
            strategy: membership.strategy,
            account: membership.account,
            run: RunId::from_millis(1_795_000_000_000),
            gate: Gate::new(board.clone(), Arc::new(membership)),
        };
        let script = Script {
            called: Rc::clone(&called),
            act: Box::new(act),
        };
        let mut host = StrategyHost::new(Box::new(script), settings);
        host.add_instrument(Instrument {
            symbol: symbol(),
            base: Asset::new("BTC").unwrap(),
            quote: Asset::new("USDT").unwrap(),
            status: TradingStatus::Trading,
            base_precision: 8,
            quote_precision: 8,
            order_types: vec![OrderType::Limit],
            default_self_trade_prevention: None,
            self_trade_prevention: Vec::new(),
            amend_allowed: true,
            cancel_replace_allowed: true,
            filters: Filters::default(),
        });
        Self {
            host,
            board,
            called,
        }
    }

    /// Started and ready; only what comes after that is noted and acted upon.
    fn ready(mut act: impl FnMut(&mut Context<'_>, &str) -> StrategyResult + 'static) -> Self {
        let mut stage = Self::new(move |ctx, name| match name {
            "start" | "ready" => Ok(()),
            _ => act(ctx, name),
        });
        stage.host.start(at(0));
        stage.host.handle(Input::Ready, at(0));
        stage.called.borrow_mut().clear();
        stage
    }

    fn handle(&mut self, input: Input) -> Vec<Request> {
        self.host.handle(input, at(0))
    }

    fn called(&self) -> Vec<String> {
        self.called.borrow_mut().drain(..).collect()
    }

    fn fault(&self) -> Fault {
        let detail = "test".to_owned();
        self.host.fault(FaultKind::Manual, detail, at(0))
    }

    fn halt(&self, level: HaltLevel) -> Halt {
        let reaction = Reaction::new(level, RestingOrders::Keep);
        let policy = HaltPolicy::default().with(FaultKind::Manual, reaction);
        let incident = self.board.trip(self.fault(), &policy);
        let scope = incident.fault.scope;
        Halt {
            scope,
            level,
            incident,
        }
    }
}

fn nothing(_: &mut Context<'_>, _: &str) -> StrategyResult {
    Ok(())
}

/// Places a buy in the named callback and notes the answer.
fn placing_in(
    callback: &'static str,
    answers: &Rc<RefCell<Vec<Result<ClientOrderId, DenialReason>>>>,
) -> impl FnMut(&mut Context<'_>, &str) -> StrategyResult + use<> {
    let answers = Rc::clone(answers);
    move |ctx, name| {
        if name == callback {
            answers.borrow_mut().push(ctx.place(buy()));
        }
        Ok(())
    }
}

#[test]
fn a_placed_order_has_its_id_at_once_and_each_id_is_new() {
    let answers = Rc::default();
    let mut stage = Stage::ready(placing_in("best", &answers));
    let one = stage.handle(best());
    let two = stage.handle(best());
    let ids: Vec<_> = answers
        .borrow()
        .iter()
        .map(|answer| *answer.as_ref().unwrap())
        .collect();
    let sequences = ids.iter().map(|id| id.origin().unwrap().sequence);
    assert_eq!(sequences.collect::<Vec<_>>(), [1, 2]);
    for (requests, id) in [(one, ids[0]), (two, ids[1])] {
        assert!(
            matches!(requests[..], [Request::Place(command)] if command.id == id),
            "{requests:?}"
        );
    }
    assert!(
        stage
            .host
            .orders()
            .all(|order| order.state == OrderState::Created)
    );
}

#[test]
fn what_is_asked_for_goes_out_in_order() {
    let mut stage = Stage::ready(|ctx, _| {
        ctx.alert(Severity::Info, "first");
        let id = ctx.place(buy())?;
        ctx.cancel(id);
        ctx.fault(FaultKind::OrderFailed, "last");
        Ok(())
    });
    let requests = stage.handle(best());
    assert!(
        matches!(
            requests[..],
            [
                Request::Alert { .. },
                Request::Place(_),
                Request::Cancel(_),
                Request::Fault { .. }
            ]
        ),
        "{requests:?}"
    );
}

#[test]
fn an_error_of_a_callback_sends_no_order_but_its_cancels_and_raises_a_fault() {
    let mut stage = Stage::ready(|ctx, _| {
        let id = ctx.place(buy())?;
        ctx.amend(id, "0.5".parse()?);
        ctx.cancel(id);
        Err(StrategyError::new("no more"))
    });
    let requests = stage.handle(best());
    let [Request::Cancel(_), Request::Fault { kind, detail }] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!(
        (*kind, detail.as_str()),
        (FaultKind::StrategyError, "no more")
    );
    assert_eq!(stage.host.orders().count(), 0, "the order was never there");
}

#[test]
fn an_id_of_an_order_that_was_withdrawn_is_not_used_again() {
    let mut fail = true;
    let mut stage = Stage::ready(move |ctx, _| {
        ctx.place(buy())?;
        if std::mem::take(&mut fail) {
            return Err(StrategyError::new("once"));
        }
        Ok(())
    });
    stage.handle(best());
    let requests = stage.handle(best());
    let [Request::Place(command)] = requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!(command.id.origin().unwrap().sequence, 2);
}

#[test]
fn orders_are_refused_before_ready_when_halted_and_when_stopping() {
    let answers = Rc::default();
    let mut stage = Stage::new(placing_in("fault", &answers));
    stage.host.start(at(0));
    let fault = stage.fault();
    stage.handle(Input::Fault(fault.clone()));
    stage.handle(Input::Ready);
    stage.handle(Input::Fault(fault.clone()));
    stage.halt(HaltLevel::ReduceOnly);
    stage.handle(Input::Fault(fault.clone()));
    stage.halt(HaltLevel::Halted);
    let requests = stage.handle(Input::Fault(fault));
    assert!(requests.is_empty());
    let answers: Vec<_> = answers
        .borrow()
        .iter()
        .map(|answer| answer.clone().err())
        .collect();
    assert_eq!(
        answers,
        [
            Some(DenialReason::NotReady),
            None,
            Some(DenialReason::Halted(HaltLevel::ReduceOnly)),
            Some(DenialReason::Halted(HaltLevel::Halted)),
        ]
    );

    let answers = Rc::default();
    let mut stage = Stage::ready(placing_in("stop", &answers));
    stage.handle(Input::Stop);
    assert_eq!(answers.borrow()[..], [Err(DenialReason::Stopping)]);
}

#[test]
fn terms_that_cannot_be_sent_are_refused_at_once() {
    let mut stage = Stage::ready(|ctx, _| {
        let elsewhere = NewOrder {
            symbol: Symbol::new("ETHUSDT")?,
            ..buy()
        };
        assert!(matches!(
            ctx.place(elsewhere),
            Err(DenialReason::UnknownInstrument(_))
        ));
        let bare = NewOrder {
            price: None,
            ..buy()
        };
        assert!(matches!(ctx.place(bare), Err(DenialReason::Terms(_))));
        let market = NewOrder::market(symbol(), Side::Buy, "1".parse()?);
        assert!(matches!(ctx.place(market), Err(DenialReason::Filter(_))));
        Ok(())
    });
    assert!(stage.handle(best()).is_empty());
    assert_eq!(stage.called(), ["best"]);
    // A trade and an aggregate of trades have a callback each.
    stage.handle(trade());
    stage.handle(agg_trade());
    assert_eq!(stage.called(), ["trade", "aggregate trade"]);
}

#[test]
fn a_halted_host_delivers_no_market_data_and_no_timers_but_everything_else() {
    let mut stage = Stage::new(|ctx, name| {
        if name == "start" {
            ctx.every(Duration::from_millis(100));
        }
        Ok(())
    });
    stage.host.start(at(0));
    stage.handle(Input::Ready);
    let halt = stage.halt(HaltLevel::Halted);
    stage.called();
    for input in [best(), book(), depth(), trade(), agg_trade()] {
        stage.handle(input);
    }
    stage.host.handle(Input::Tick, at(1_000));
    assert_eq!(stage.called(), [""; 0]);
    assert_eq!(stage.host.next_timer(), None);

    let order = Order::new(
        ClientOrderId::new("x").unwrap(),
        stage.host.id(),
        buy(),
        at(0),
    );
    let fault = stage.fault();
    stage.handle(event(order.clone(), OrderEventKind::Submitted));
    stage.handle(filled(order));
    stage.handle(Input::Fault(fault));
    stage.handle(Input::Halt(halt));
    stage.handle(Input::Stop);
    assert_eq!(stage.called(), ["order", "fill", "fault", "halt", "stop"]);
}

#[test]
fn a_strategy_sees_its_position_with_the_fill_that_is_delivered() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let noted = seen.clone();
    let mut stage = Stage::ready(move |ctx, name| {
        if name == "fill" {
            let position = ctx.position(symbol()).ok_or(StrategyError::new("none"))?;
            noted.borrow_mut().push(position.to_string());
        } else {
            assert!(ctx.position(symbol()).is_none(), "before the first fill");
        }
        Ok(())
    });
    stage.handle(best());
    let id = ClientOrderId::new("x").unwrap();
    let order = Order::new(id, stage.host.id(), buy(), at(0));
    assert!(stage.handle(filled(order.clone())).is_empty());
    assert!(stage.handle(filled(order)).is_empty(), "a duplicate");
    let line = "BTCUSDT +1 @ 10 realised +0.00 USDT";
    assert_eq!(seen.borrow()[..], [line, line]);
}

#[test]
fn a_fill_that_cannot_be_counted_is_delivered_and_a_fault() {
    let mut stage = Stage::ready(|_, _| Ok(()));
    let terms = NewOrder {
        symbol: Symbol::new("ETHUSDT").unwrap(),
        ..buy()
    };
    let id = ClientOrderId::new("x").unwrap();
    let requests = stage.handle(filled(Order::new(id, stage.host.id(), terms, at(0))));
    let [Request::Fault { kind, .. }] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!(*kind, FaultKind::PositionUncertain);
    assert_eq!(stage.called(), ["fill"]);
}

fn filled(order: Order) -> Input {
    let fill = Fill {
        trade_id: crate::ids::TradeId(1),
        price: "10".parse().unwrap(),
        quantity: "1".parse().unwrap(),
        fee: Decimal::ZERO,
        fee_asset: None,
        maker: None,
        at: at(1),
        recovered: false,
    };
    Input::Fill(OrderFilled { order, fill })
}

#[test]
fn reduce_only_still_sees_the_market() {
    let mut stage = Stage::ready(nothing);
    stage.halt(HaltLevel::ReduceOnly);
    stage.handle(best());
    assert_eq!(stage.called(), ["best"]);
}

#[test]
fn after_a_resume_the_strategy_sees_the_newest_data_that_came_while_it_was_halted() {
    let seen = Rc::new(RefCell::new(None));
    let noted = Rc::clone(&seen);
    let mut stage = Stage::ready(move |ctx, name| {
        if name == "resume" {
            *noted.borrow_mut() =
                Some((ctx.best(symbol()).is_some(), ctx.book(symbol()).is_some()));
        }
        Ok(())
    });
    let halt = stage.halt(HaltLevel::Halted);
    stage.handle(best());
    stage.handle(book());
    let resume = crate::messages::control::Resume {
        scope: halt.scope,
        incidents: vec![halt.incident.id],
        epoch: 1,
        reason: "looked".into(),
        who: "ann".into(),
    };
    stage.board.lift(&resume).unwrap();
    stage.handle(Input::Resumed(Resumed {
        scope: halt.scope,
        reason: "looked".into(),
    }));
    assert_eq!(*seen.borrow(), Some((true, true)));
}

#[test]
fn a_book_that_is_lost_is_not_shown_any_more() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&seen);
    let mut stage = Stage::ready(move |ctx, _| {
        noted.borrow_mut().push(ctx.book(symbol()).is_some());
        Ok(())
    });
    stage.handle(book());
    stage.handle(Input::BookLost(symbol()));
    stage.handle(best());
    assert_eq!(seen.borrow()[..], [true, false]);
}

#[test]
fn timers_fire_when_due_and_stop_when_a_run_of_theirs_meets_the_halt() {
    let board = Rc::new(RefCell::new(None::<(HaltBoard, Fault)>));
    let tripping = Rc::clone(&board);
    let mut stage = Stage::new(move |ctx, name| {
        match (name, &*tripping.borrow()) {
            ("start", _) => {
                ctx.every(Duration::from_millis(100));
                ctx.after(Duration::from_millis(150));
            }
            ("timer", Some((board, fault))) => {
                board.trip(fault.clone(), &HaltPolicy::default());
            }
            _ => {}
        }
        Ok(())
    });
    stage.host.start(at(0));
    assert_eq!(
        stage.host.next_timer(),
        None,
        "nothing trades before it is ready"
    );
    stage.host.handle(Input::Ready, at(0));
    stage.called();
    assert_eq!(stage.host.next_timer(), Some(at(100)));
    stage.host.handle(Input::Tick, at(99));
    assert_eq!(stage.called(), [""; 0]);
    stage.host.handle(Input::Tick, at(100));
    assert_eq!(stage.called(), ["timer"]);
    *board.borrow_mut() = Some((stage.board.clone(), stage.fault()));
    stage.host.handle(Input::Tick, at(500));
    assert_eq!(stage.called(), ["timer"], "the second one met the halt");
}

#[test]
fn a_strategy_sees_its_orders_as_the_last_news_left_them() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&seen);
    let mut stage = Stage::ready(move |ctx, name| {
        if name == "order" {
            let states: Vec<_> = ctx.open_orders().map(|order| order.state).collect();
            noted.borrow_mut().push(states);
        }
        Ok(())
    });
    let id = ClientOrderId::new("x").unwrap();
    let mut order = Order::new(id, stage.host.id(), buy(), at(0));
    order.learn(Learnt::HandedOver, at(0)).unwrap();
    stage.handle(event(order.clone(), OrderEventKind::Submitted));
    order
        .learn(Learnt::Shown(VenueStatus::Canceled), at(1))
        .unwrap();
    stage.handle(event(order, OrderEventKind::Canceled));
    assert_eq!(seen.borrow()[..], [vec![OrderState::Sent], vec![]]);
    let known: Vec<_> = stage.host.orders().map(|order| order.state).collect();
    assert_eq!(
        known,
        [OrderState::Canceled],
        "an ended one can be looked up"
    );
}

#[test]
fn only_the_newest_ended_orders_are_kept() {
    let mut stage = Stage::ready(nothing);
    for sequence in 0..ENDED_KEPT + 10 {
        let id = ClientOrderId::new(&format!("x{sequence}")).unwrap();
        let mut order = Order::new(id, stage.host.id(), buy(), at(0));
        order.learn(Learnt::Denied, at(0)).unwrap();
        let kind = OrderEventKind::Denied {
            reason: DenialReason::NotReady,
        };
        stage.handle(event(order.clone(), kind.clone()));
        stage.handle(event(order, kind));
    }
    assert_eq!(stage.host.orders().count(), ENDED_KEPT);
    assert!(stage.host.orders().all(|order| order.id.as_str() != "x9"));
}

#[test]
fn a_complete_list_of_balances_replaces_all_and_a_change_only_its_own() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&seen);
    let mut stage = Stage::ready(move |ctx, _| {
        let list: Vec<_> = ctx
            .balances()
            .map(|balance| format!("{} {}", balance.asset, balance.free))
            .collect();
        noted.borrow_mut().push(list.join(", "));
        Ok(())
    });
    for (list, complete) in [
        (vec![("BTC", 1), ("USDT", 5)], true),
        (vec![("BTC", 2)], false),
        (vec![("BNB", 7)], true),
    ] {
        let balances = list.into_iter().map(|(asset, free)| Balance {
            asset: Asset::new(asset).unwrap(),
            free: Decimal::from(free),
            locked: Decimal::ZERO,
        });
        stage.handle(Input::Balances(BalancesChanged {
            account: AccountId::new("main").unwrap(),
            balances: balances.collect(),
            complete,
            at: at(0),
        }));
    }
    assert_eq!(
        seen.borrow()[..],
        ["BTC 1, USDT 5", "BTC 2, USDT 5", "BNB 7"]
    );
}

#[test]
fn an_error_in_the_first_callback_is_a_fault_too() {
    let mut stage = Stage::new(|_, _| Err(StrategyError::new("bad start")));
    let requests = stage.host.start(at(0));
    assert!(
        matches!(&requests[..], [Request::Fault { kind: FaultKind::StrategyError, detail }] if detail == "bad start"),
        "{requests:?}"
    );
    assert_eq!(stage.called(), ["start"]);
}

#[test]
fn a_failed_start_is_told_to_the_strategy() {
    let mut stage = Stage::new(nothing);
    stage.handle(Input::InitFailed("no balances".into()));
    assert_eq!(stage.called(), ["init failed"]);
    assert!(!stage.host.is_ready());
}

#[test]
fn an_order_that_a_halt_or_the_stop_refuses_is_no_second_incident() {
    let mut stage = Stage::new(|ctx, name| {
        if name != "halt" && name != "stop" {
            ctx.place(buy())?;
        }
        Ok(())
    });
    stage.handle(Input::Ready);
    stage.handle(Input::Stop);
    assert_eq!(stage.handle(best()), []);
}

#[test]
fn what_a_callback_that_panicked_had_asked_for_is_not_sent_with_the_next() {
    let mut stage = Stage::new(|ctx, name| {
        if name == "best" {
            ctx.place(buy())?;
            panic!("halfway");
        }
        Ok(())
    });
    stage.handle(Input::Ready);
    let panicked = std::panic::AssertUnwindSafe(|| stage.handle(best()));
    assert!(std::panic::catch_unwind(panicked).is_err());
    assert_eq!(stage.handle(Input::Tick), []);
    assert_eq!(stage.handle(Input::Stop), []);
    assert_eq!(
        stage.host.orders().count(),
        0,
        "no order is remembered that was never sent"
    );
}

#[test]
fn market_data_before_the_strategy_is_ready_is_kept_and_not_delivered() {
    let mut stage = Stage::new(|_, _| Ok(()));
    stage.host.start(at(0));
    stage.called();
    stage.host.handle(best(), at(1));
    stage.host.handle(Input::Tick, at(1));
    assert_eq!(stage.called(), [""; 0]);
    stage.host.handle(Input::Ready, at(2));
    stage.host.handle(best(), at(3));
    assert_eq!(stage.called(), ["ready", "best"]);
}
