//! Faults on events, streams, connections and the exchange itself, over a real socket.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Exchange, Ws};
use tripline_exchange::faults::kinds;

const SHORT: Duration = Duration::from_millis(200);

/// What the scenarios here and in `faults_on_requests.rs` cover.
const COVERED: [&str; 34] = [
    "timeout",
    "overloaded",
    "server_error",
    "cut_before",
    "cut_after",
    "delay_response",
    "duplicate_response",
    "no_response",
    "event_before_response",
    "late_execution",
    "rate_limited",
    "banned",
    "order_limit",
    "forbidden_html",
    "rejected",
    "bad_response",
    "delay_event",
    "duplicate_event",
    "drop_event",
    "bad_event",
    "bad_message",
    "duplicate_message",
    "drop_message",
    "silence",
    "stale_reads",
    "clock_offset",
    "connection_life",
    "refuse_connections",
    "user_data_down",
    "server_shutdown",
    "disconnect",
    "end_event_stream",
    "monthly_reset",
    "symbol_status",
];

#[test]
fn every_kind_of_fault_has_a_scenario() {
    let known: Vec<_> = kinds::TABLE.iter().map(|row| row.kind.name()).collect();
    assert_eq!(known, COVERED);
}

#[actix_rt::test]
async fn events_may_be_delayed_doubled_dropped_or_spoilt() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    let mut ws = exchange.user_stream().await;
    let kinds = |message: &Value| {
        message["event"]["x"]
            .as_str()
            .unwrap_or("position")
            .to_owned()
    };

    exchange
        .fault(json!({"kind": "delay_event", "event": "NEW", "ms": 300}))
        .await;
    exchange.place("delayed", "BUY", "59000").await;
    assert_eq!(
        [kinds(&ws.next().await), kinds(&ws.next().await)],
        ["position", "NEW"]
    );

    exchange
        .fault(json!({"kind": "duplicate_event", "event": "executionReport"}))
        .await;
    exchange.place("doubled", "BUY", "59000").await;
    let (first, second) = (ws.next().await, ws.next().await);
    assert_eq!(first, second);
    ws.next().await;

    exchange
        .fault(json!({"kind": "drop_event", "event": "TRADE", "symbol": "BTCUSDT"}))
        .await;
    exchange.place("dropped", "BUY", "60001").await;
    assert_eq!(
        [kinds(&ws.next().await), kinds(&ws.next().await)],
        ["NEW", "position"]
    );

    exchange
        .fault(json!({"kind": "bad_event", "event": "NEW", "how": "unknown_status"}))
        .await;
    exchange.place("spoilt", "BUY", "59000").await;
    assert_eq!(ws.next().await["event"]["X"], "HIBERNATING");
}

async fn move_mid(exchange: &Exchange, mid: &str) {
    exchange
        .practice(
            "POST",
            "market",
            json!({"symbol": "BTCUSDT", "mid": mid, "spread": "2"}),
        )
        .await;
}

#[actix_rt::test]
async fn depth_updates_may_be_doubled_missing_or_spoilt() {
    let exchange = Exchange::start();
    move_mid(&exchange, "60000").await;
    let mut ws = exchange.socket("/ws/btcusdt@depth@100ms").await;
    exchange
        .fault(json!({"kind": "duplicate_message", "stream": "btcusdt@depth"}))
        .await;
    move_mid(&exchange, "60010").await;
    let (first, second) = (ws.next().await, ws.next().await);
    assert_eq!(first, second);
    exchange
        .fault(json!({"kind": "drop_message", "stream": "btcusdt@depth"}))
        .await;
    move_mid(&exchange, "60020").await;
    assert!(ws.silent(SHORT).await);
    move_mid(&exchange, "60030").await;
    let after = ws.next().await;
    assert!(
        after["U"].as_u64().unwrap() > first["u"].as_u64().unwrap() + 1,
        "a gap: {first} then {after}"
    );
    exchange
        .fault(json!({"kind": "bad_message", "stream": "btcusdt@depth", "how": "truncated"}))
        .await;
    move_mid(&exchange, "60040").await;
    let text = ws.next_text(Duration::from_secs(2)).await.unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
}

#[actix_rt::test]
async fn streams_may_fall_silent_without_closing() {
    let exchange = Exchange::start();
    let mut ws = exchange.socket("/ws/btcusdt@bookTicker").await;
    exchange
        .fault(json!({"kind": "silence", "stream": "btcusdt"}))
        .await;
    move_mid(&exchange, "60000").await;
    assert!(ws.silent(SHORT).await);
    ws.send(json!({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
        .await;
    assert_eq!(ws.next().await["id"], 1, "the connection itself is well");
    exchange.practice("DELETE", "faults", Value::Null).await;
    move_mid(&exchange, "60010").await;
    assert_eq!(ws.next().await["s"], "BTCUSDT");
}

#[actix_rt::test]
async fn reads_may_lag_behind_a_placement() {
    let exchange = Exchange::start();
    exchange
        .fault(json!({"kind": "stale_reads", "ms": 1000}))
        .await;
    exchange.place("fresh", "BUY", "59000").await;
    let query = "symbol=BTCUSDT&origClientOrderId=fresh";
    assert_eq!(
        exchange.signed("GET", "/api/v3/order", query).await.code(),
        -2013
    );
    assert_eq!(
        exchange
            .signed("GET", "/api/v3/openOrders", "")
            .await
            .json(),
        json!([])
    );
    let found = async {
        while exchange.signed("GET", "/api/v3/order", query).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), found)
        .await
        .unwrap();
}

#[actix_rt::test]
async fn the_clock_may_run_off_and_comes_back() {
    let exchange = Exchange::start();
    let honest = exchange.time().await;
    exchange
        .fault(json!({"kind": "clock_offset", "offset_ms": -20000}))
        .await;
    assert!(exchange.time().await < honest - 15_000);
    let query = format!("timestamp={honest}");
    let path = format!(
        "/api/v3/account?{query}&signature={}",
        support::sign(&query)
    );
    let key = [("X-MBX-APIKEY", tripline_exchange::EXAMPLE_API_KEY)];
    assert_eq!(
        exchange.send("GET", &path, &key, "").await.unwrap().code(),
        -1021
    );
    exchange.practice("DELETE", "faults", Value::Null).await;
    assert!(exchange.time().await >= honest);
}

#[actix_rt::test]
async fn connections_may_have_a_short_life() {
    let exchange = Exchange::start();
    let mut before = exchange.socket("/ws").await;
    let mut api = exchange.socket("/ws-api/v3").await;
    exchange
        .fault(json!({"kind": "connection_life", "ms": 100, "transport": "stream"}))
        .await;
    assert!(before.ends().await);
    assert!(exchange.socket("/ws").await.ends().await);
    assert!(api.call(json!(1), "ping", json!({})).await["status"] == 200);
}

#[actix_rt::test]
async fn new_connections_may_be_refused() {
    let exchange = Exchange::start();
    exchange
        .fault(json!({"kind": "refuse_connections", "status": 502, "transport": "stream"}))
        .await;
    assert!(exchange.try_socket("/ws").await.is_err());
    assert!(exchange.try_socket("/ws-api/v3").await.is_ok());
}

#[actix_rt::test]
async fn user_data_may_be_down_for_a_while() {
    let exchange = Exchange::start();
    let mut ws = exchange.user_stream().await;
    let mut market = exchange.socket("/ws").await;
    exchange
        .fault(json!({"kind": "user_data_down", "ms": 1500}))
        .await;
    assert!(ws.ends().await);
    assert!(exchange.try_socket("/ws-api/v3").await.is_err());
    market
        .send(json!({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
        .await;
    assert_eq!(market.next().await["id"], 1);
    let back = async {
        while exchange.try_socket("/ws-api/v3").await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), back)
        .await
        .unwrap();
}

#[actix_rt::test]
async fn a_shutdown_is_announced_in_each_form_and_may_follow() {
    let exchange = Exchange::start();
    let mut raw = exchange.socket("/ws").await;
    let mut combined = exchange.socket("/stream").await;
    let mut api = exchange.socket("/ws-api/v3").await;
    let running = [&mut raw, &mut combined, &mut api];
    for ws in running {
        alive(ws).await;
    }
    exchange
        .fault(json!({"kind": "server_shutdown", "ms": 100}))
        .await;
    assert_eq!(raw.next().await["e"], "serverShutdown");
    assert_eq!(combined.next().await["stream"], "!serverShutdown");
    assert_eq!(api.next().await["event"]["e"], "serverShutdown");
    assert!(raw.ends().await && combined.ends().await && api.ends().await);
}

/// A round trip, so that the exchange has the connection on its list.
async fn alive(ws: &mut Ws) {
    ws.send(json!({"method": "ping", "id": 0})).await;
    ws.next().await;
}

#[actix_rt::test]
async fn all_sockets_may_be_cut_at_once() {
    let exchange = Exchange::start();
    let (mut market, mut api) = (
        exchange.socket("/ws").await,
        exchange.socket("/ws-api/v3").await,
    );
    alive(&mut market).await;
    alive(&mut api).await;
    exchange.fault(json!({"kind": "disconnect"})).await;
    assert!(market.ends().await && api.ends().await);
}

#[actix_rt::test]
async fn the_event_stream_may_end_with_a_word() {
    let exchange = Exchange::start();
    let mut ws = exchange.user_stream().await;
    exchange.fault(json!({"kind": "end_event_stream"})).await;
    assert_eq!(ws.next().await["event"]["e"], "eventStreamTerminated");
    exchange.place("unheard", "BUY", "59000").await;
    assert!(ws.silent(SHORT).await);
}

#[actix_rt::test]
async fn a_monthly_reset_takes_all_orders_without_a_word() {
    let exchange = Exchange::start();
    let mut ws = exchange.user_stream().await;
    exchange.place("gone", "BUY", "59000").await;
    ws.until(|message| message["event"]["e"] == "outboundAccountPosition")
        .await;
    exchange.fault(json!({"kind": "monthly_reset"})).await;
    assert!(ws.silent(SHORT).await);
    let query = "symbol=BTCUSDT&origClientOrderId=gone";
    assert_eq!(
        exchange.signed("GET", "/api/v3/order", query).await.code(),
        -2013
    );
}

#[actix_rt::test]
async fn a_symbol_may_be_halted() {
    let exchange = Exchange::start();
    exchange
        .fault(json!({"kind": "symbol_status", "symbol": "BTCUSDT", "symbol_status": "HALT"}))
        .await;
    let info = exchange
        .get("/api/v3/exchangeInfo?symbol=BTCUSDT")
        .await
        .json();
    assert_eq!(info["symbols"][0]["status"], "HALT");
    let refused = exchange.place("halted", "BUY", "59000").await;
    assert_eq!(refused.json()["msg"], "Market is closed.");
    let mismatch = exchange
        .get("/api/v3/depth?symbol=BTCUSDT&symbolStatus=TRADING")
        .await;
    assert_eq!(mismatch.code(), -1220);
}
