//! What other frameworks lost, doubled or forgot, one test each, over real sockets: answers that come
//! late or never, streams that drop, fall silent or repeat themselves, starts that fail, nonsense.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use support::hand::{Hand, buy, sell};
use support::proxy::Proxy;
use support::quoter::Quoter;
use support::{Exchange, engine, engine_with, hurry, settings, still, stop, symbol, until};
use tripline::running::Running;
use tripline::settings::EngineSettings;
use tripline::{Tripline, binance_at, binance_on};
use tripline_actors::clock::Clock;
use tripline_actors::venue::Venue;
use tripline_actors::venue::binance::settings::OrderTransport;
use tripline_actors::venue::binance::{ApiCredentials, Binance, BinanceSettings};
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{HaltLevel, HaltPolicy, Reaction, Scope};
use tripline_engine::messages::control::{RestingOrders, Resume};
use tripline_engine::messages::order::OrderEventKind;
use tripline_engine::order::{NewOrder, OrderState, SelfTradePrevention, Side};
use tripline_engine::ports::OrderRef;
use tripline_exchange::{AccountConfig, KeyConfig};

/// Settings under which a lost answer halts nothing, so that what follows can be watched.
fn lenient() -> EngineSettings {
    let watch = Reaction::new(HaltLevel::Active, RestingOrders::Keep);
    let policy = HaltPolicy::default().with(FaultKind::UnknownOutcome, watch);
    EngineSettings {
        policy,
        ..settings()
    }
}

async fn start(exchange: &Exchange, settings: EngineSettings, hand: &Hand) -> Running {
    start_with(exchange, settings, hand, |_| {}).await
}

async fn start_with(
    exchange: &Exchange,
    settings: EngineSettings,
    hand: &Hand,
    change: impl FnOnce(&mut BinanceSettings),
) -> Running {
    let builder = engine_with(exchange, settings, change);
    let running = builder
        .strategy("hand", hand.strategy())
        .unwrap()
        .start()
        .await
        .unwrap();
    hand.is_ready(exchange).await;
    running
}

fn nothing_stands(running: &Running) {
    assert_eq!(running.board().restricted(), []);
}

#[actix_rt::test]
async fn race_a_fill_that_arrives_before_the_answer_is_delivered_once() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, settings(), &hand).await;
    exchange
        .fault(json!({"kind": "event_before_response", "operation": "order.place", "ms": 300}))
        .await;
    let id = hand.place(&exchange, buy("60000.02", "0.1")).await.unwrap();
    hand.reaches(id, OrderState::Filled).await;
    tokio::time::sleep(Duration::from_millis(500)).await; // The answer has come by now.
    assert_eq!(hand.fills(id).len(), 1);
    let kinds = hand.kinds(id);
    assert_eq!(
        (kinds.first(), kinds.last()),
        (Some(&"Submitted"), Some(&"Filled")),
        "{kinds:?}"
    );
    assert_eq!(kinds.iter().filter(|kind| **kind == "Filled").count(), 1);
    nothing_stands(&running);
    assert_eq!(stop(running, &exchange).await.exit_code(), 0);
}

#[actix_rt::test]
async fn seed2_a_requote_while_the_answer_is_late_leaves_no_order_behind() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, settings(), &hand).await;
    exchange
        .fault(json!({"kind": "delay_response", "operation": "order.place", "ms": 400}))
        .await;
    let first = hand.place(&exchange, buy("60000.00", "0.1")).await.unwrap();
    // The order fills before its answer is here, and the strategy quotes anew at the same time.
    exchange
        .market(json!({"symbol": "BTCUSDT", "clear": true}))
        .await;
    exchange.trade("BTCUSDT", "SELL", "60000.00", "0.1").await;
    exchange
        .market(json!({"symbol": "BTCUSDT", "mid": "60000.01", "spread": "0.02", "quantity": "5"}))
        .await;
    let second = hand
        .act(&exchange, move |ctx| {
            ctx.cancel(first);
            ctx.place(buy("59990.00", "0.1"))
        })
        .await
        .unwrap();
    hand.reaches(first, OrderState::Filled).await;
    hand.reaches(second, OrderState::Working).await;
    assert_eq!(hand.fills(first).len(), 1);
    nothing_stands(&running);
    let report = stop(running, &exchange).await;
    assert_eq!(report.exit_code(), 0);
    hand.reaches(second, OrderState::Canceled).await;
}

#[actix_rt::test]
async fn timeout_an_order_whose_answer_never_comes_is_found_by_its_own_id() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, lenient(), &hand).await;
    exchange
        .fault(json!([
            {"kind": "timeout", "operation": "order.place", "ms": 4_000, "live": true},
            {"kind": "drop_event", "event": "NEW"},
        ]))
        .await;
    let id = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
    until("the order is uncertain", || async {
        hand.kinds(id).contains(&"Uncertain")
    })
    .await;
    hand.reaches(id, OrderState::Working).await;
    assert_eq!(hand.kinds(id), ["Submitted", "Uncertain", "Accepted"]);
    tokio::time::sleep(Duration::from_secs(3)).await; // The late -1007 arrives and changes nothing.
    assert_eq!(hand.kinds(id), ["Submitted", "Uncertain", "Accepted"]);
    assert_eq!(exchange.placements().await.len(), 1, "never sent again");
    stop(running, &exchange).await;
    hand.reaches(id, OrderState::Canceled).await;
}

#[actix_rt::test]
async fn timeout_an_order_that_never_arrived_is_rejected_in_the_end_and_frees_its_instrument() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, lenient(), &hand).await;
    exchange
        .fault(json!({"kind": "no_response", "operation": "order.place", "live": false}))
        .await;
    let id = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
    until("the order is uncertain", || async {
        hand.kinds(id).contains(&"Uncertain")
    })
    .await;
    let frozen = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
    hand.reaches(frozen, OrderState::Denied).await;
    hand.reaches(id, OrderState::Rejected).await;
    let next = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
    hand.reaches(next, OrderState::Working).await;
    assert_eq!(exchange.orders().await.len(), 1);
    stop(running, &exchange).await;
}

#[actix_rt::test]
async fn emptyerr_an_empty_504_is_an_unknown_outcome_not_a_success() {
    for live in [true, false] {
        let (exchange, hand) = (Exchange::start().await, Hand::default());
        let running = start_with(&exchange, lenient(), &hand, |venue| {
            venue.order_transport = OrderTransport::Rest
        })
        .await;
        exchange
            .fault(json!([
                {"kind": "server_error", "operation": "order.place", "status": 504, "live": live},
                {"kind": "drop_event", "event": "NEW"},
            ]))
            .await;
        let id = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
        let end = if live {
            OrderState::Working
        } else {
            OrderState::Rejected
        };
        hand.reaches(id, end).await;
        let uncertain = hand
            .events(id)
            .into_iter()
            .find_map(|event| match event.kind {
                OrderEventKind::Uncertain { cause } => Some(cause),
                _ => None,
            });
        assert!(
            uncertain
                .as_ref()
                .is_some_and(|cause| cause.contains("504")),
            "{uncertain:?}"
        );
        exchange.clear_faults().await;
        stop(running, &exchange).await;
    }
}

#[actix_rt::test]
async fn initempty_a_first_subscription_that_fails_is_tried_again() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    exchange.fault(json!({"kind": "server_error", "operation": "userDataStream.subscribe.signature", "status": 502})).await;
    let running = start(&exchange, settings(), &hand).await;
    assert_eq!(hand.ready(), 1);
    stop(running, &exchange).await;
}

#[actix_rt::test]
async fn initfail_a_first_handshake_that_is_refused_is_tried_again() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    exchange
        .fault(json!({"kind": "refuse_connections", "status": 503, "ms": 600}))
        .await;
    let running = start(&exchange, settings(), &hand).await;
    assert_eq!(hand.ready(), 1);
    nothing_stands(&running);
    stop(running, &exchange).await;
}

#[actix_rt::test]
async fn initfail2_a_start_that_failed_is_told_and_can_be_resumed_when_all_is_there() {
    let (exchange, script) = (Exchange::start().await, Rc::default());
    exchange
        .fault(json!({"kind": "refuse_connections", "status": 503}))
        .await;
    let settings = EngineSettings {
        ready_within: Duration::from_millis(700),
        ..settings()
    };
    let running = engine(&exchange, settings)
        .strategy("btc", Quoter::btc(&script))
        .unwrap()
        .start()
        .await
        .unwrap();
    until("the strategy was told", || async {
        script.init_failed.borrow().is_some()
    })
    .await;
    let reason = script.init_failed.borrow().clone().unwrap();
    assert!(reason.contains("private stream"), "{reason}");
    exchange.clear_faults().await;
    let ticks = Cell::new(0u32);
    until("everything is there", || async {
        ticks.set(ticks.get() + 1);
        let bid = json!([["60000.00", format!("{}", 5 + ticks.get() % 3)]]);
        exchange
            .market(json!({"symbol": "BTCUSDT", "bids": bid}))
            .await;
        script.ready.get()
    })
    .await;
    let scope = Scope::Strategy("btc".parse().unwrap());
    for (scope, seen) in running.board().restricted() {
        let incidents = seen.incidents.iter().map(|incident| incident.id).collect();
        running
            .resume(Resume {
                scope,
                incidents,
                epoch: seen.epoch,
                reason: "it is there now".into(),
                who: "ann".into(),
            })
            .await
            .unwrap();
    }
    assert_eq!(
        running.board().standing(&scope).unwrap().level,
        HaltLevel::Active
    );
    until("it trades", || async {
        ticks.set(ticks.get() + 1);
        let bid = json!([["60000.00", format!("{}", 5 + ticks.get() % 3)]]);
        exchange
            .market(json!({"symbol": "BTCUSDT", "bids": bid}))
            .await;
        exchange.placements().await.len() > 2
    })
    .await;
    stop(running, &exchange).await;
}

/// Breaks the private stream, lets the order fill in the gap, and looks at what the strategy was told.
async fn a_fill_in_the_gap(fault: Value) {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, settings(), &hand).await;
    let id = hand.place(&exchange, buy("60000.00", "0.1")).await.unwrap();
    hand.reaches(id, OrderState::Working).await;
    exchange
        .market(json!({"symbol": "BTCUSDT", "clear": true}))
        .await;
    exchange.trade("BTCUSDT", "SELL", "60000.00", "0.04").await;
    hand.reaches(id, OrderState::PartiallyFilled).await;

    exchange.fault(fault).await;
    exchange.trade("BTCUSDT", "SELL", "60000.00", "0.06").await;
    hand.reaches(id, OrderState::Filled).await;
    until("the fill was fetched", || async {
        hand.fills(id).len() > 1
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let fills = hand.fills(id);
    let quantities: Vec<_> = fills.iter().map(|fill| fill.quantity.to_string()).collect();
    assert_eq!(
        quantities,
        ["0.04", "0.06"].map(|text| format!("{text}000000")),
        "each fill once"
    );
    assert_eq!(
        fills.iter().map(|fill| fill.recovered).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(
        hand.kinds(id)
            .iter()
            .filter(|kind| **kind == "Filled")
            .count(),
        1
    );
    assert_eq!(hand.ready(), 1, "ready is told once");
    nothing_stands(&running);
    assert_eq!(stop(running, &exchange).await.exit_code(), 0);
}

#[actix_rt::test]
async fn missfill_a_fill_while_the_private_stream_was_down_is_delivered_once() {
    a_fill_in_the_gap(json!({"kind": "user_data_down", "ms": 500})).await;
}

#[actix_rt::test]
async fn expired_a_stream_that_the_venue_ends_is_subscribed_again_and_nothing_is_missed() {
    a_fill_in_the_gap(json!({"kind": "end_event_stream"})).await;
}

#[actix_rt::test]
async fn reconn_an_order_that_is_still_open_causes_no_event_after_a_reconnect() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, settings(), &hand).await;
    let id = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
    hand.reaches(id, OrderState::Working).await;
    for _ in 0..3 {
        drop_all(&exchange).await;
        back(&running).await;
    }
    assert_eq!(settled(&exchange, &hand).await, OrderState::Working);
    assert_eq!(hand.kinds(id), ["Submitted", "Accepted"]);
    assert_eq!((hand.ready(), hand.all_fills()), (1, 0));
    assert_eq!(hand.events(id).last().unwrap().order.average_price(), None);
    nothing_stands(&running);
    stop(running, &exchange).await;
}

/// Cuts every connection, and lets none be made for so long that nobody can miss it.
async fn drop_all(exchange: &Exchange) {
    let faults = json!([{"kind": "refuse_connections", "ms": 400}, {"kind": "disconnect"}]);
    exchange.fault(faults).await;
}

async fn back(running: &Running) {
    until("the private stream is down", || async {
        !stream_is_live(running).await
    })
    .await;
    until("the private stream is back", || async {
        stream_is_live(running).await
    })
    .await;
}

async fn stream_is_live(running: &Running) -> bool {
    running.snapshot().await.unwrap().desk.private_stream_live
}

#[actix_rt::test]
async fn two_accounts_that_are_dropped_together_both_come_back_at_once() {
    let mut config = still();
    let key = KeyConfig {
        api_key: "second".into(),
        secret: Some("the-second-secret".into()),
        public_key: None,
        trading: true,
    };
    let second = AccountConfig {
        id: "second".parse().unwrap(),
        keys: vec![key],
        ..config.accounts[0].clone()
    };
    config.accounts.push(second);
    let exchange = Exchange::with(config);
    exchange
        .market(json!({"symbol": "BTCUSDT", "mid": "60000.01", "spread": "0.02", "quantity": "5"}))
        .await;
    let (one, two) = (Hand::default(), Hand::default());
    let running_one = start(&exchange, settings(), &one).await;
    let (mut venue, _) = binance_on(exchange.addr());
    hurry(&mut venue);
    let credentials = ApiCredentials {
        api_key: "second".to_owned().into(),
        secret: "the-second-secret".to_owned().into(),
    };
    let account = EngineSettings {
        account: "second".parse().unwrap(),
        ..settings()
    };
    let builder = Tripline::builder(account).binance(venue, credentials);
    let running_two = builder
        .strategy("two", two.strategy())
        .unwrap()
        .start()
        .await
        .unwrap();
    two.is_ready(&exchange).await;

    drop_all(&exchange).await;
    let dropped = tokio::time::Instant::now();
    tokio::join!(back(&running_one), back(&running_two));
    for (hand, running) in [(&one, &running_one), (&two, &running_two)] {
        assert_eq!(settled(&exchange, hand).await, OrderState::Working);
        nothing_stands(running);
    }
    assert!(
        dropped.elapsed() < Duration::from_secs(5),
        "no long wait: {:?}",
        dropped.elapsed()
    );
    running_one.stop().await;
    running_two.stop().await;
    for account in exchange.record().await["accounts"].as_array().unwrap() {
        assert_eq!(account["openOrders"], json!([]));
    }
}

#[actix_rt::test]
async fn silent_connections_that_are_half_open_are_noticed_and_replaced() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let (orders, streams) = (
        Proxy::start(exchange.addr()).await,
        Proxy::start(exchange.addr()).await,
    );
    let (mut venue, credentials) = binance_at(exchange.addr(), orders.address, streams.address);
    hurry(&mut venue);
    venue.bounds.market_silence_ms = 800;
    venue.bounds.private_silence_ms = 800;
    let builder = Tripline::builder(settings()).binance(venue, credentials);
    let running = builder
        .strategy("hand", hand.strategy())
        .unwrap()
        .start()
        .await
        .unwrap();
    hand.is_ready(&exchange).await;
    let id = hand.place(&exchange, buy("60000.00", "0.1")).await.unwrap();
    hand.reaches(id, OrderState::Working).await;
    let before = (orders.accepted(), streams.accepted());
    assert_eq!(before, (2, 1));

    orders.silence();
    streams.silence();
    exchange
        .market(json!({"symbol": "BTCUSDT", "clear": true}))
        .await;
    exchange.trade("BTCUSDT", "SELL", "60000.00", "0.1").await;
    exchange
        .market(json!({"symbol": "BTCUSDT", "mid": "60000.01", "spread": "0.02", "quantity": "5"}))
        .await;
    hand.reaches(id, OrderState::Filled).await;
    // The query tells the state, a second one the fill.
    until("the fill was fetched", || async {
        hand.fills(id).len() == 1
    })
    .await;
    let next = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
    until("the next order is settled one way or the other", || async {
        hand.events(next).len() > 1 || hand.kinds(next) == ["Denied"]
    })
    .await;
    assert!(orders.accepted() > before.0 && streams.accepted() > before.1);
    nothing_stands(&running);
    stop(running, &exchange).await;
}

#[actix_rt::test]
async fn a_book_that_is_being_rebuilt_is_not_shown_to_the_strategy() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, settings(), &hand).await;
    let book = async || {
        hand.act(&exchange, |ctx| ctx.book(symbol("BTCUSDT")).cloned())
            .await
    };
    until("the book lives", || async { book().await.is_some() }).await;
    // The venue asks for a new connection; the snapshot for the new book takes a while.
    exchange
        .fault(json!({"kind": "delay_response", "operation": "depth", "ms": 700}))
        .await;
    exchange
        .fault(json!({"kind": "server_shutdown", "transport": "stream", "ms": 5_000}))
        .await;
    until("the old view is withdrawn", || async {
        book().await.is_none()
    })
    .await;
    until("the book lives again", || async { book().await.is_some() }).await;
    nothing_stands(&running);
    stop(running, &exchange).await;
}

#[actix_rt::test]
async fn cancelcid_an_order_whose_first_sight_is_its_cancel_keeps_its_own_id() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, settings(), &hand).await;
    exchange
        .fault(json!([
            {"kind": "delay_response", "operation": "order.place", "ms": 900},
            {"kind": "drop_event", "event": "NEW"},
        ]))
        .await;
    let id = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
    until("the order is at the exchange", || async {
        exchange.open_orders().await.len() == 1
    })
    .await;
    // Somebody cancels it on the venue's page: the cancel has an id of its own.
    let (mut venue, credentials) = binance_on(exchange.addr());
    venue.order_transport = OrderTransport::Rest;
    let by_hand = Binance::new(venue, &credentials, Clock::system())
        .unwrap()
        .orders();
    by_hand
        .cancel(OrderRef {
            symbol: symbol("BTCUSDT"),
            id,
            venue_id: None,
        })
        .await
        .unwrap();
    hand.reaches(id, OrderState::Canceled).await;
    assert_eq!(hand.kinds(id), ["Submitted", "Canceled"]);
    tokio::time::sleep(Duration::from_millis(1_000)).await; // The late answer says NEW.
    assert_eq!(hand.kinds(id), ["Submitted", "Canceled"]);
    // The strategy counts on its orders: that somebody has cancelled one is a fault.
    let standing = running.board().restricted();
    let kinds = standing
        .iter()
        .flat_map(|(_, standing)| &standing.incidents)
        .map(|incident| incident.fault.kind);
    assert_eq!(kinds.collect::<Vec<_>>(), [FaultKind::CanceledElsewhere]);
    stop(running, &exchange).await;
}

#[actix_rt::test]
async fn cancelcid_two_fills_have_a_true_average_and_a_repeated_execution_counts_once() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, settings(), &hand).await;
    exchange
        .market(json!({"symbol": "BTCUSDT", "asks": [["60000.02", "1"], ["60010.02", "1"]]}))
        .await;
    exchange
        .fault(json!({"kind": "duplicate_event", "event": "TRADE", "count": 0}))
        .await;
    let id = hand.place(&exchange, buy("60010.02", "2")).await.unwrap();
    hand.reaches(id, OrderState::Filled).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(hand.fills(id).len(), 2);
    let order = hand.events(id).pop().unwrap().order;
    assert_eq!(order.average_price(), Some("60005.02".parse().unwrap()));
    assert_eq!(order.filled(), "2".parse().unwrap());
    nothing_stands(&running);
    assert_eq!(stop(running, &exchange).await.exit_code(), 0);
}

#[actix_rt::test]
async fn cancelcid_expired_in_match_is_an_end_like_any_other() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, settings(), &hand).await;
    let resting = hand
        .place(&exchange, sell("60000.01", "0.1"))
        .await
        .unwrap();
    hand.reaches(resting, OrderState::Working).await;
    let taker = buy("60000.01", "0.1").with_self_trade_prevention(SelfTradePrevention::ExpireTaker);
    let taker = hand.place(&exchange, taker).await.unwrap();
    hand.reaches(taker, OrderState::Expired).await;
    assert_eq!(hand.kinds(taker).last(), Some(&"Expired"));
    assert_eq!(hand.all_fills(), 0);
    nothing_stands(&running);
    assert_eq!(stop(running, &exchange).await.exit_code(), 0);
}

#[actix_rt::test]
async fn badargs_are_denied_with_the_filter_named_and_never_sent() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, settings(), &hand).await;
    let cases = [
        (buy("59000.001", "0.1"), "PRICE_FILTER"),
        (buy("2000000", "0.1"), "PRICE_FILTER"),
        (buy("59000.00", "0.1234567"), "LOT_SIZE"),
        (buy("59000.00", "0.00001"), "NOTIONAL"),
        (buy("59000.00", "0"), "above zero"),
        (
            NewOrder {
                price: None,
                ..buy("59000.00", "0.1")
            },
            "needs a price",
        ),
    ];
    for (order, rule) in cases {
        let refusal = hand.place(&exchange, order).await.unwrap_err().to_string();
        assert!(refusal.contains(rule), "{order:?}: {refusal}");
    }
    assert_eq!(exchange.placements().await, Vec::<Value>::new());
    assert!("abc".parse::<tripline_engine::money::Price>().is_err());
    nothing_stands(&running);
    stop(running, &exchange).await;
}

#[actix_rt::test]
async fn mkt_a_market_order_is_sent_as_one_and_a_price_is_not_rounded() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let running = start(&exchange, settings(), &hand).await;
    let order = NewOrder::market(symbol("BTCUSDT"), Side::Buy, "0.10".parse().unwrap());
    let market = hand.place(&exchange, order).await.unwrap();
    hand.reaches(market, OrderState::Filled).await;
    let limit = hand
        .place(&exchange, buy("59000.10", "0.10000"))
        .await
        .unwrap();
    hand.reaches(limit, OrderState::Working).await;
    let orders = exchange.orders().await;
    let (market, limit) = (&orders[0], &orders[1]);
    assert_eq!(
        (&market["type"], &market["executedQty"]),
        (&json!("MARKET"), &json!("0.10000000"))
    );
    assert_eq!(
        (&limit["type"], &limit["price"]),
        (&json!("LIMIT"), &json!("59000.10000000"))
    );
    stop(running, &exchange).await;
}

/// Places an order, again while this side denies it because it is still connecting, and tells what the
/// venue made of it.
async fn settled(exchange: &Exchange, hand: &Hand) -> OrderState {
    let state = Cell::new(OrderState::Denied);
    until("the order is answered", || async {
        let id = hand.place(exchange, buy("59000.00", "0.1")).await.unwrap();
        let on_its_way = [OrderState::Created, OrderState::Sent, OrderState::Uncertain];
        until("the order is no longer on its way", || async {
            state.set(
                hand.events(id)
                    .last()
                    .map_or(OrderState::Sent, |event| event.order.state),
            );
            !on_its_way.contains(&state.get())
        })
        .await;
        state.get() != OrderState::Denied
    })
    .await;
    state.get()
}
