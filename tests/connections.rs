//! The life of connections against the practice exchange: pings, the venue's end of a connection after
//! a day, announced ends, and many streams. Nothing is missed, nothing is told twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use support::hand::{Hand, buy};
use support::memory::InMemory;
use support::proxy::Proxy;
use support::{Exchange, hurry, settings, still, stop, symbol, until};
use tokio::time::{Instant, sleep};
use tripline::running::Running;
use tripline::settings::EngineSettings;
use tripline::{Tripline, binance_at};
use tripline_actors::venue::binance::BinanceSettings;
use tripline_engine::ids::Symbol;
use tripline_engine::messages::market::{AggTrade, BestBidAsk, KlineInterval, Trade};
use tripline_engine::order::OrderState;
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription};

/// What arrived, in order.
#[derive(Default)]
struct Seen {
    ready: Cell<bool>,
    bests: RefCell<Vec<u64>>,
    trades: RefCell<Vec<u64>>,
    aggregates: RefCell<Vec<u64>>,
}

struct Witness {
    seen: Rc<Seen>,
    wanted: Vec<Subscription>,
}

impl Strategy for Witness {
    fn subscriptions(&self) -> Vec<Subscription> {
        self.wanted.clone()
    }
    fn on_ready(&mut self, _: &mut Context<'_>) -> StrategyResult {
        self.seen.ready.set(true);
        Ok(())
    }
    fn on_best(&mut self, _: &mut Context<'_>, best: &BestBidAsk) -> StrategyResult {
        self.seen.bests.borrow_mut().push(best.update_id);
        Ok(())
    }
    fn on_trade(&mut self, _: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        self.seen.trades.borrow_mut().push(trade.id.0);
        Ok(())
    }
    fn on_agg_trade(&mut self, _: &mut Context<'_>, trade: &AggTrade) -> StrategyResult {
        self.seen.aggregates.borrow_mut().push(trade.id);
        Ok(())
    }
}

fn streams() -> Vec<Subscription> {
    let symbol = symbol("BTCUSDT");
    vec![
        Subscription::Best(symbol),
        Subscription::Trades(symbol),
        Subscription::AggTrades(symbol),
        Subscription::Book { symbol, levels: 5 },
    ]
}

/// Whether the numbers go up one by one.
fn whole(ids: &[u64]) -> bool {
    ids.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

#[actix_rt::test]
async fn pings_are_answered_and_connections_replaced_before_the_venue_ends_them() {
    tokio::time::pause();
    let world = InMemory::start(&still());
    let market = |lever| world.practice("market", &lever);
    let mid = json!({"symbol": "BTCUSDT", "mid": "60000.01", "spread": "0.02", "quantity": "500"});
    market(mid);
    // The 24 hours and what comes before them, scaled. An unanswered ping ends a connection after 80 s.
    let life = json!({"kind": "connection_life", "ms": 700_000});
    world.practice("faults", &life);
    let quiet = EngineSettings {
        stale_after: Duration::from_secs(100),
        fault_after: Duration::from_secs(200),
        ready_within: Duration::from_secs(100),
        ..settings()
    };
    let seen = Rc::<Seen>::default();
    let witness = Witness {
        seen: seen.clone(),
        wanted: streams(),
    };
    let builder = world.engine(quiet, |venue| venue.bounds.hand_over_age_ms = 600_000);
    let running = builder
        .strategy("witness", witness)
        .unwrap()
        .start()
        .await
        .unwrap();
    let begun = Instant::now();
    let mut sent = 0;
    while begun.elapsed() < Duration::from_secs(2_700) {
        // A market that is mostly quiet, between two trades longer than a silence may last.
        sleep(Duration::from_secs(47)).await;
        let trade = json!({"price": "60000.02", "quantity": "0.001", "side": "BUY"});
        market(json!({"symbol": "BTCUSDT", "trade": trade}));
        sent += usize::from(seen.ready.get());
        let snapshot = running.snapshot().await.unwrap();
        assert!(snapshot.desk.private_stream_live, "{:?}", begun.elapsed());
    }
    sleep(Duration::from_secs(1)).await;
    let trades = seen.trades.borrow().clone();
    assert!(trades.len() >= sent && sent > 50, "{sent}: {trades:?}");
    assert!(whole(&trades) && whole(&seen.aggregates.borrow()));
    // Four hand-overs in 45 minutes, of one stream connection and of two to the WebSocket API.
    assert_eq!((world.opened("streams"), world.opened("api")), (5, 10));
    assert_eq!(running.board().restricted(), []);
    assert_eq!(running.stop().await.exit_code(), 0);
}

/// An engine whose connections can be counted.
struct Stage {
    exchange: Exchange,
    api: Proxy,
    streams: Proxy,
    running: Running,
    hand: Hand,
    seen: Rc<Seen>,
}

impl Stage {
    async fn start(wanted: Vec<Subscription>, change: impl FnOnce(&mut BinanceSettings)) -> Self {
        let exchange = Exchange::start().await;
        let api = Proxy::start(exchange.addr()).await;
        let streams = Proxy::start(exchange.addr()).await;
        let (mut venue, credentials) = binance_at(exchange.addr(), api.address, streams.address);
        hurry(&mut venue);
        change(&mut venue);
        let (hand, seen) = (Hand::default(), Rc::<Seen>::default());
        let witness = Witness {
            seen: seen.clone(),
            wanted,
        };
        let running = Tripline::builder(settings())
            .binance(venue, credentials)
            .strategy("hand", hand.strategy())
            .unwrap()
            .strategy("witness", witness)
            .unwrap()
            .start()
            .await
            .unwrap();
        hand.is_ready(&exchange).await;
        Self {
            exchange,
            api,
            streams,
            running,
            hand,
            seen,
        }
    }

    /// Trades, ticks and orders go on until the condition holds; how many trades there were.
    async fn busy(&self, what: &str, done: impl Fn(&Self) -> bool) -> usize {
        let trades = Cell::new(0);
        until(what, || async {
            self.exchange
                .trade("BTCUSDT", "BUY", "60000.02", "0.001")
                .await;
            trades.set(trades.get() + 1);
            let id = self
                .hand
                .place(&self.exchange, buy("59000.00", "0.1"))
                .await
                .unwrap();
            self.hand.reaches(id, OrderState::Working).await;
            self.hand
                .act(&self.exchange, move |ctx| ctx.cancel(id))
                .await;
            self.hand.reaches(id, OrderState::Canceled).await;
            let snapshot = self.running.snapshot().await.unwrap();
            assert!(snapshot.desk.private_stream_live);
            done(self)
        })
        .await;
        trades.get()
    }

    /// Everything was told, once and in order, and nothing stands.
    async fn ends_well(self, trades: usize) {
        let seen = &self.seen;
        until("the last trade", || async {
            seen.trades.borrow().len() >= trades
        })
        .await;
        assert_eq!(seen.trades.borrow().len(), trades);
        assert!(whole(&seen.trades.borrow()), "{:?}", seen.trades);
        assert!(whole(&seen.aggregates.borrow()), "{:?}", seen.aggregates);
        let bests = seen.bests.borrow().clone();
        assert!(bests.windows(2).all(|pair| pair[0] < pair[1]), "{bests:?}");
        assert_eq!(self.running.board().restricted(), []);
        assert_eq!(stop(self.running, &self.exchange).await.exit_code(), 0);
    }
}

#[actix_rt::test]
async fn an_announced_shutdown_costs_no_trade_no_order_and_no_halt() {
    let stage = Stage::start(streams(), |_| {}).await;
    let before = (stage.api.accepted(), stage.streams.accepted());
    let mut trades = stage.busy("some trading", |_| true).await;
    let shutdown = json!({"kind": "server_shutdown", "ms": 2_000});
    stage.exchange.fault(shutdown).await;
    let begun = Instant::now();
    trades += stage
        .busy("new connections, and the end of the old", |stage| {
            let now = (stage.api.accepted(), stage.streams.accepted());
            now == (before.0 + 2, before.1 + 1) && begun.elapsed() > Duration::from_secs(3)
        })
        .await;
    stage.ends_well(trades).await;
}

#[actix_rt::test]
async fn a_hand_over_at_an_age_costs_no_trade_no_order_and_no_halt() {
    let stage = Stage::start(streams(), |venue| venue.bounds.hand_over_age_ms = 1_000).await;
    let life = json!({"kind": "connection_life", "ms": 1_800});
    stage.exchange.fault(life).await;
    let before = stage.streams.accepted();
    let trades = stage
        .busy("four hand-overs", |stage| {
            stage.streams.accepted() >= before + 4
        })
        .await;
    stage.ends_well(trades).await;
}

#[actix_rt::test]
async fn many_streams_are_there_again_after_a_reconnect_within_the_limit_of_messages() {
    let symbols = ["BTCUSDT", "ETHUSDT", "ETHBTC", "BNBUSDT", "EOSUSDT"].map(symbol);
    let of_symbol = |symbol: Symbol| {
        let klines = KlineInterval::ALL.iter().map(move |interval| {
            let interval = *interval;
            Subscription::Klines { symbol, interval }
        });
        let depths = [5, 10, 20].map(|levels| Subscription::Depth { symbol, levels });
        let rest = [
            Subscription::Best(symbol),
            Subscription::Trades(symbol),
            Subscription::AggTrades(symbol),
        ];
        klines.chain(depths).chain(rest)
    };
    let wanted: Vec<_> = symbols.into_iter().flat_map(of_symbol).collect();
    assert!(wanted.len() > 100, "more than one request holds");
    let stage = Stage::start(wanted, |_| {}).await;
    let requests = |stage: &Stage| stage.streams.heard(r#""method":"SUBSCRIBE""#);
    for (name, mid, spread) in [
        ("ETHUSDT", "3000.05", "0.02"),
        ("ETHBTC", "0.05", "0.00002"),
        ("BNBUSDT", "600.01", "0.02"),
        ("EOSUSDT", "0.7", "0.0002"),
    ] {
        let lever = json!({"symbol": name, "mid": mid, "spread": spread, "quantity": "5"});
        stage.exchange.market(lever).await;
    }
    until("the witness is ready", || async { stage.seen.ready.get() }).await;
    until("all is subscribed", || async { requests(&stage) == 2 }).await;
    assert_eq!(stage.streams.accepted(), 1);
    stage
        .exchange
        .trade("BTCUSDT", "BUY", "60000.02", "0.001")
        .await;
    until("a trade", || async {
        stage.seen.trades.borrow().len() == 1
    })
    .await;

    let disconnect = json!({"kind": "disconnect", "transport": "stream"});
    stage.exchange.fault(disconnect).await;
    until("subscribed again", || async { requests(&stage) == 4 }).await;
    until("a trade over the new connection", || async {
        stage
            .exchange
            .trade("BTCUSDT", "BUY", "60000.02", "0.001")
            .await;
        stage.seen.trades.borrow().len() > 1
    })
    .await;
    // A sixth message within a second would have ended it.
    assert_eq!(stage.streams.accepted(), 2);
    assert_eq!(stage.running.board().restricted(), []);
    stop(stage.running, &stage.exchange).await;
}

#[actix_rt::test]
async fn a_venue_that_refuses_connections_is_tried_ever_less_often_and_found_again() {
    let stage = Stage::start(streams(), |venue| {
        venue.bounds.reconnect_first_ms = 100;
        venue.bounds.reconnect_longest_ms = 800;
    })
    .await;
    let before = stage.streams.accepted();
    let refuse = json!({"kind": "refuse_connections", "transport": "stream", "ms": 3_000});
    let disconnect = json!({"kind": "disconnect", "transport": "stream"});
    stage.exchange.fault(json!([refuse, disconnect])).await;
    until("it is tried again", || async {
        stage.streams.accepted() > before
    })
    .await;
    stage.seen.bests.borrow_mut().clear();
    until("data again", || async {
        stage
            .exchange
            .market(json!({"symbol": "BTCUSDT", "bids": [["60000.00", "6"]]}))
            .await;
        stage
            .exchange
            .market(json!({"symbol": "BTCUSDT", "bids": [["60000.00", "5"]]}))
            .await;
        !stage.seen.bests.borrow().is_empty()
    })
    .await;
    // Waits of 100, 200, 400 and then 800 ms, each half as long again or shorter by as much.
    let attempts = stage.streams.accepted() - before;
    assert!((4..=11).contains(&attempts), "{attempts} attempts");
    stop(stage.running, &stage.exchange).await;
}
