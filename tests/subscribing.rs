//! More and less market data while the engine runs, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use support::hand::{Hand, buy};
use support::proxy::Proxy;
use support::{Exchange, hurry, resume, settings, still, stop, symbol, until};
use tripline::running::Running;
use tripline::settings::EngineSettings;
use tripline::{SubscribeError, Tripline, binance_at};
use tripline_actors::market_data;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::Scope;
use tripline_engine::ids::StrategyId;
use tripline_engine::messages::market::{BestBidAsk, KlineInterval, Trade};
use tripline_engine::messages::view::BookView;
use tripline_engine::order::{NewOrder, OrderState, Side};
use tripline_engine::ports::VenueError;
use tripline_engine::risk::DenialReason;
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription};

/// What arrived of a symbol.
#[derive(Default)]
struct Seen {
    bests: Cell<u32>,
    books: RefCell<Vec<BookView>>,
    trades: Cell<u32>,
    orders: RefCell<Vec<OrderState>>,
    halts: Cell<u32>,
    place_eth: Cell<bool>,
    denied: RefCell<Option<DenialReason>>,
}

/// Begins with BTCUSDT, and trades ETHUSDT when it is told to.
struct Follower(Rc<Seen>);

impl Strategy for Follower {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::Best(symbol("BTCUSDT"))]
    }
    fn on_best(&mut self, ctx: &mut Context<'_>, best: &BestBidAsk) -> StrategyResult {
        if best.symbol == symbol("ETHUSDT") {
            self.0.bests.set(self.0.bests.get() + 1);
        }
        if self.0.place_eth.take() {
            let (quantity, price) = ("0.1".parse()?, "2500".parse()?);
            let order = NewOrder::limit(symbol("ETHUSDT"), Side::Buy, quantity, price);
            if let Err(reason) = ctx.place(order) {
                *self.0.denied.borrow_mut() = Some(reason);
            }
        }
        Ok(())
    }
    fn on_book(&mut self, _: &mut Context<'_>, book: &BookView) -> StrategyResult {
        self.0.books.borrow_mut().push(book.clone());
        Ok(())
    }
    fn on_trade(&mut self, _: &mut Context<'_>, _: &Trade) -> StrategyResult {
        self.0.trades.set(self.0.trades.get() + 1);
        Ok(())
    }
    fn on_order(
        &mut self,
        _: &mut Context<'_>,
        event: &tripline_engine::messages::order::OrderEvent,
    ) -> StrategyResult {
        self.0.orders.borrow_mut().push(event.order.state);
        Ok(())
    }
    fn on_halt(
        &mut self,
        _: &mut Context<'_>,
        _: &tripline_engine::messages::control::Halt,
    ) -> StrategyResult {
        self.0.halts.set(self.0.halts.get() + 1);
        Ok(())
    }
}

fn eth() -> [Subscription; 3] {
    let symbol = symbol("ETHUSDT");
    [
        Subscription::Best(symbol),
        Subscription::Book { symbol, levels: 5 },
        Subscription::Trades(symbol),
    ]
}

fn follower() -> StrategyId {
    "follow".parse().unwrap()
}

struct Stage {
    exchange: Exchange,
    streams: Proxy,
    running: Running,
    seen: Rc<Seen>,
}

impl Stage {
    async fn start() -> Self {
        Self::with(Exchange::start().await, settings()).await
    }

    async fn with(exchange: Exchange, settings: EngineSettings) -> Self {
        let streams = Proxy::start(exchange.addr()).await;
        let (mut venue, credentials) =
            binance_at(exchange.addr(), exchange.addr(), streams.address);
        hurry(&mut venue);
        let seen = Rc::<Seen>::default();
        let builder = Tripline::builder(settings).binance(venue, credentials);
        let running = builder
            .strategy("follow", Follower(seen.clone()))
            .unwrap()
            .start()
            .await
            .unwrap();
        let stage = Self {
            exchange,
            streams,
            running,
            seen,
        };
        until("the engine is ready", || async {
            stage.moves().await;
            let snapshot = stage.running.snapshot().await.unwrap();
            snapshot.desk.private_stream_live && stage.streams.heard("SUBSCRIBE") > 0
        })
        .await;
        stage
    }

    async fn more(&self, more: &[Subscription]) -> Result<(), SubscribeError> {
        self.running.subscribe(follower(), more).await
    }

    /// Both markets move.
    async fn moves(&self) {
        for (name, price) in [("BTCUSDT", "60000.00"), ("ETHUSDT", "3000.00")] {
            for quantity in ["6", "5"] {
                let bids = json!([[price, quantity]]);
                let lever = json!({"symbol": name, "bids": bids});
                self.exchange.market(lever).await;
            }
        }
    }

    async fn moving(&self, what: &str, seen: impl Fn(&Seen) -> bool) {
        until(what, || async {
            self.moves().await;
            seen(&self.seen)
        })
        .await;
    }

    async fn trade(&self) {
        self.exchange
            .trade("ETHUSDT", "BUY", "3000.02", "0.1")
            .await;
    }

    async fn follows_eth(&self) {
        self.moving("best prices and a book", |seen| {
            seen.bests.get() > 0 && !seen.books.borrow().is_empty()
        })
        .await;
        let before = self.seen.trades.get();
        until("a trade", || async {
            self.trade().await;
            self.seen.trades.get() > before
        })
        .await;
    }
}

#[actix_rt::test]
async fn a_symbol_that_is_added_at_run_time_is_followed_and_traded_until_it_is_left() {
    let stage = Stage::start().await;
    stage.more(&eth()).await.unwrap();
    stage.follows_eth().await;
    // It has it: nothing is asked for, and nothing arrives twice.
    let asked = stage.streams.heard("SUBSCRIBE");
    stage.more(&eth()).await.unwrap();
    assert_eq!(stage.streams.heard("SUBSCRIBE"), asked);

    stage.seen.place_eth.set(true);
    stage
        .moving("the order works", |seen| {
            seen.orders.borrow().contains(&OrderState::Working)
        })
        .await;
    assert_eq!(stage.exchange.open_orders().await[0]["symbol"], "ETHUSDT");

    stage.running.unsubscribe(follower(), &eth()).await.unwrap();
    assert!(
        stage.streams.heard("ethusdt@bookTicker") == 2,
        "left as well"
    );
    let (bests, trades) = (stage.seen.bests.get(), stage.seen.trades.get());
    stage.trade().await;
    stage.seen.place_eth.set(true);
    stage
        .moving("an order without fresh data is denied", |seen| {
            seen.orders.borrow().contains(&OrderState::Denied)
        })
        .await;
    assert_eq!(
        (stage.seen.bests.get(), stage.seen.trades.get()),
        (bests, trades)
    );
    assert_eq!(stage.streams.accepted(), 1, "all over one connection");
    assert_eq!(stage.running.board().restricted(), []);
    // What is not followed any more does not keep a halt for ever.
    let scope = Scope::Strategy(follower());
    stage.running.halt(scope, "drill");
    let resumed = resume(&stage.running, &stage.exchange, scope);
    let resumed = tokio::time::timeout(Duration::from_secs(10), resumed).await;
    assert!(resumed.is_ok(), "nothing is amiss");
    stop(stage.running, &stage.exchange).await;
}

#[actix_rt::test]
async fn what_was_added_is_followed_over_the_next_connection_too() {
    let stage = Stage::start().await;
    stage.more(&eth()).await.unwrap();
    stage.follows_eth().await;
    let fault = json!({"kind": "disconnect", "transport": "stream"});
    stage.exchange.fault(fault).await;
    until("connected again", || async {
        stage.streams.accepted() == 2
    })
    .await;
    stage.seen.bests.set(0);
    stage.seen.books.borrow_mut().clear();
    stage.follows_eth().await;
    stop(stage.running, &stage.exchange).await;
}

#[actix_rt::test]
async fn many_changes_at_once_keep_the_limit_of_messages() {
    let stage = Stage::start().await;
    let klines = KlineInterval::ALL.iter().map(|interval| {
        let interval = *interval;
        let symbol = symbol("BNBUSDT");
        [Subscription::Klines { symbol, interval }]
    });
    let wanted: Vec<_> = klines.collect();
    let all = wanted.iter().map(|wanted| stage.more(wanted));
    for outcome in futures_util::future::join_all(all).await {
        outcome.unwrap();
    }
    // The exchange ends connections that say more than it allows.
    assert_eq!(stage.streams.accepted(), 1);
    assert_eq!(
        stage.streams.heard("bnbusdt@kline_"),
        KlineInterval::ALL.len()
    );
    stop(stage.running, &stage.exchange).await;
}

#[actix_rt::test]
async fn what_the_venue_refuses_is_an_error_and_nothing_of_it_is_followed() {
    let mut config = still();
    config.limits.streams_per_connection = 2;
    let stage = Stage::with(Exchange::with(config), settings()).await;
    for (name, mid) in [("BTCUSDT", "60000.01"), ("ETHUSDT", "3000.01")] {
        let lever = json!({"symbol": name, "mid": mid, "spread": "0.02", "quantity": "50"});
        stage.exchange.market(lever).await;
    }
    let refused = stage.more(&eth()).await.unwrap_err();
    let SubscribeError::NotFollowed(market_data::SubscribeError::Venue(error)) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        matches!(error, VenueError::InvalidRequest { code: 2, .. }),
        "{error:?}"
    );
    // The next connection begins without it, and one more fits.
    let fault = json!({"kind": "disconnect", "transport": "stream"});
    stage.exchange.fault(fault).await;
    until("connected again", || async {
        stage.streams.accepted() == 2
    })
    .await;
    until("one more is followed", || async {
        stage.more(&eth()[..1]).await.is_ok()
    })
    .await;
    stage.moving("its data", |seen| seen.bests.get() > 0).await;
    assert!(stage.seen.books.borrow().is_empty());

    let unknown = [Subscription::Best(symbol("NOSUCH"))];
    assert!(matches!(
        stage.more(&unknown).await,
        Err(SubscribeError::Instruments(VenueError::InvalidRequest {
            code: -1121,
            ..
        }))
    ));
    let wanted = eth();
    let nobody = stage.running.subscribe("nobody".parse().unwrap(), &wanted);
    assert!(matches!(nobody.await, Err(SubscribeError::NoStrategy(_))));
    assert_eq!(stage.running.board().restricted(), []);
    stop(stage.running, &stage.exchange).await;
}

#[actix_rt::test]
async fn silence_of_an_added_symbol_halts_the_strategy_and_that_of_one_it_left_does_not() {
    let mut watchful = settings();
    watchful.stale_after = Duration::from_millis(600);
    watchful.fault_after = Duration::from_millis(1_200);
    for leaves in [true, false] {
        let stage = Stage::with(Exchange::start().await, watchful.clone()).await;
        stage.more(&eth()).await.unwrap();
        stage.follows_eth().await;
        if leaves {
            let unwanted = eth();
            let left = stage.running.unsubscribe(follower(), &unwanted);
            left.await.unwrap();
        }
        let silence = json!({"kind": "silence", "symbol": "ETHUSDT"});
        stage.exchange.fault(silence).await;
        let begun = tokio::time::Instant::now();
        stage
            .moving("a halt, or the time for one", |seen| {
                seen.halts.get() > 0 || begun.elapsed() > 2 * watchful.fault_after
            })
            .await;
        let eth = Scope::Instrument(symbol("ETHUSDT"));
        let standing = stage.running.board().standing(&eth);
        match standing {
            None => assert!(leaves, "the silence was not seen"),
            Some(standing) => {
                assert!(!leaves, "{standing:?}");
                assert_eq!(standing.incidents[0].fault.kind, FaultKind::StaleData);
                assert_eq!(stage.seen.halts.get(), 1);
            }
        }
        drop(stage.running.stop().await);
    }
}

#[actix_rt::test]
async fn a_book_that_another_strategy_has_already_is_shown_at_once() {
    let (exchange, hand, seen) = (
        Exchange::start().await,
        Hand::default(),
        Rc::<Seen>::default(),
    );
    let running = support::engine(&exchange, settings())
        .strategy("hand", hand.strategy())
        .unwrap()
        .strategy("follow", Follower(seen.clone()))
        .unwrap()
        .start()
        .await
        .unwrap();
    hand.is_ready(&exchange).await;
    let id = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
    hand.reaches(id, OrderState::Working).await;
    until("the book lives", || async {
        let book = hand.act(&exchange, |ctx| ctx.book(symbol("BTCUSDT")).is_some());
        book.await
    })
    .await;
    let symbol = symbol("BTCUSDT");
    let more = [Subscription::Book { symbol, levels: 2 }];
    running.subscribe(follower(), &more).await.unwrap();
    // Nothing moves.
    until("the book is shown", || async {
        !seen.books.borrow().is_empty()
    })
    .await;
    assert_eq!(seen.books.borrow()[0].asks.len(), 1);
    stop(running, &exchange).await;
}
