//! Market streams and their control protocol over a real socket.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Exchange, Ws};

async fn move_mid(exchange: &Exchange, mid: &str) {
    exchange
        .practice(
            "POST",
            "market",
            json!({"symbol": "BTCUSDT", "mid": mid, "spread": "2"}),
        )
        .await;
}

async fn answer(ws: &mut Ws, message: Value) -> Value {
    let id = message["id"].clone();
    ws.send(message).await;
    ws.until(|one| one.get("id") == Some(&id) || one.get("code").is_some())
        .await
}

#[actix_rt::test]
async fn a_change_of_the_best_price_is_sent_raw_and_combined() {
    let exchange = Exchange::start();
    let mut raw = exchange.socket("/ws/btcusdt@bookTicker").await;
    let mut combined = exchange
        .socket("/stream?streams=btcusdt@bookTicker/ethusdt@trade")
        .await;
    move_mid(&exchange, "60000").await;
    let full =
        |message: &Value| message["b"] == "59999.00000000" && message["a"] == "60001.00000000";
    let ticker = raw.until(full).await;
    let mut names: Vec<_> = ticker.as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["A", "B", "a", "b", "s", "u"], "neither e nor E");
    let wrapped = combined.until(|message| full(&message["data"])).await;
    assert_eq!(wrapped["stream"], "btcusdt@bookTicker");
}

#[actix_rt::test]
async fn depth_updates_follow_each_other_without_a_gap_and_lead_to_the_book() {
    let exchange = Exchange::start();
    move_mid(&exchange, "60000").await;
    let mut ws = exchange.socket("/ws/btcusdt@depth@100ms").await;
    move_mid(&exchange, "60010").await;
    let first = ws.next().await;
    move_mid(&exchange, "60020").await;
    let second = ws.next().await;
    assert_eq!(
        second["U"].as_u64().unwrap(),
        first["u"].as_u64().unwrap() + 1
    );
    let book = exchange.get("/api/v3/depth?symbol=BTCUSDT").await.json();
    assert_eq!(second["u"], book["lastUpdateId"]);
    assert!(
        second["b"]
            .as_array()
            .unwrap()
            .contains(&json!(["60019.00000000", "1.00000000"])),
        "{second}"
    );
    assert!(
        second["b"]
            .as_array()
            .unwrap()
            .contains(&json!(["60009.00000000", "0.00000000"])),
        "{second}"
    );
}

#[actix_rt::test]
async fn trades_tickers_candles_and_partial_depth_have_their_fields() {
    let exchange = Exchange::start();
    move_mid(&exchange, "60000").await;
    let streams = [
        "trade",
        "aggTrade",
        "kline_1s",
        "miniTicker",
        "ticker",
        "avgPrice",
        "depth5@100ms",
    ];
    let names: Vec<_> = streams.iter().map(|one| format!("btcusdt@{one}")).collect();
    let mut ws = exchange
        .socket(&format!("/stream?streams={}", names.join("/")))
        .await;
    let trade = json!({"price": "60001", "quantity": "0.5", "side": "BUY"});
    exchange
        .practice(
            "POST",
            "market",
            json!({"symbol": "BTCUSDT", "trade": trade}),
        )
        .await;
    let mut missing = names;
    while !missing.is_empty() {
        let message = ws.next().await;
        let data = &message["data"];
        let name = message["stream"].as_str().unwrap();
        let fits = match name.split_once('@').unwrap().1 {
            "trade" => data["q"] == "0.50000000" && data["m"] == false,
            "aggTrade" => data["f"] == data["l"] && data["p"] == "60001.00000000",
            "kline_1s" => data["k"]["i"] == "1s",
            "miniTicker" => data["c"] == "60001.00000000",
            "ticker" => data["n"] == 1 && data["Q"] == "0.50000000",
            "avgPrice" => data["w"] == "60001.00000000",
            _ => data["asks"][0][1] == "0.50000000" && data.get("e").is_none(),
        };
        if fits {
            missing.retain(|one| one != name);
        }
    }
}

#[actix_rt::test]
async fn the_control_protocol_answers_word_for_word() {
    let exchange = Exchange::with(|config| config.limits.stream_messages_per_second = 1_000);
    let mut ws = exchange.socket("/ws").await;
    let subscribe =
        json!({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "nosuch@trade", "0"], "id": 1});
    assert_eq!(
        answer(&mut ws, subscribe.clone()).await,
        json!({"result": null, "id": 1})
    );
    assert_eq!(
        answer(&mut ws, subscribe).await["result"],
        Value::Null,
        "twice is once"
    );
    let list = answer(
        &mut ws,
        json!({"method": "LIST_SUBSCRIPTIONS", "id": "abc"}),
    )
    .await;
    assert_eq!(
        list,
        json!({"result": ["btcusdt@trade", "nosuch@trade", "0"], "id": "abc"})
    );
    answer(
        &mut ws,
        json!({"method": "UNSUBSCRIBE", "params": ["nosuch@trade"], "id": 2}),
    )
    .await;
    let get = json!({"method": "GET_PROPERTY", "params": ["combined"], "id": 3});
    assert_eq!(answer(&mut ws, get.clone()).await["result"], false);
    answer(
        &mut ws,
        json!({"method": "SET_PROPERTY", "params": ["combined", true], "id": 4}),
    )
    .await;
    assert_eq!(answer(&mut ws, get).await["result"], true);
    for (message, code, text) in [
        (
            json!({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 5}),
            1,
            "Invalid value type: expected Boolean",
        ),
        (
            json!({"method": "GET_PROPERTY", "params": ["colour"], "id": 5}),
            0,
            "Unknown property",
        ),
        (
            json!({"method": "GET_PROPERTY", "params": [5], "id": 5}),
            2,
            "Invalid request: property name must be a string",
        ),
        (
            json!({"method": "GET_PROPERTY", "params": ["combined", 1], "id": 5}),
            2,
            "Invalid request: too many parameters",
        ),
        (
            json!({"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 5}),
            2,
            "Invalid request: params must be an array of stream names",
        ),
        (
            json!({"method": "SUBSCRIBE", "params": [], "id": 1.5}),
            2,
            "Invalid request: request ID must be an unsigned integer",
        ),
        (
            json!({"params": [], "id": 5}),
            2,
            "Invalid request: missing field `method` at line 1 column",
        ),
        (
            json!({"method": "LISTEN", "id": 5}),
            2,
            "Invalid request: unknown variant `LISTEN`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`",
        ),
    ] {
        let error = answer(&mut ws, message.clone()).await;
        assert_eq!(error["code"], code, "{message}");
        assert!(error["msg"].as_str().unwrap().starts_with(text), "{error}");
    }
    ws.send_text("{\"method\":}").await;
    assert!(
        ws.next().await["msg"]
            .as_str()
            .unwrap()
            .starts_with("Invalid JSON: expected value at line 1 column")
    );
}

#[actix_rt::test]
async fn a_stream_with_two_names_answers_each_listener_under_its_own() {
    let exchange = Exchange::start();
    let names = ["btcusdt@depth", "btcusdt@depth@1000ms"];
    let mut listeners = Vec::new();
    for name in names {
        let path = format!("/stream?streams={name}");
        listeners.push(exchange.socket(&path).await);
    }
    move_mid(&exchange, "60000").await;
    let mut updates = Vec::new();
    for (name, ws) in names.into_iter().zip(&mut listeners) {
        let message = ws.next().await;
        assert_eq!(message["stream"], name);
        updates.push(message["data"].clone());
    }
    assert_eq!(updates[0], updates[1]);
    let unsubscribe = json!({"method": "UNSUBSCRIBE", "params": [names[1]], "id": 1});
    answer(&mut listeners[1], unsubscribe).await;
    move_mid(&exchange, "60010").await;
    assert_eq!(listeners[0].next().await["stream"], names[0]);
    assert!(listeners[1].silent(Duration::from_millis(100)).await);
}

#[actix_rt::test]
async fn an_empty_list_of_streams_is_an_open_connection() {
    let exchange = Exchange::start();
    let mut ws = exchange.socket("/stream?streams=").await;
    let subscribe = json!({"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1});
    answer(&mut ws, subscribe).await;
    move_mid(&exchange, "60000").await;
    assert_eq!(ws.next().await["stream"], "btcusdt@bookTicker");
}

#[actix_rt::test]
async fn more_than_five_messages_a_second_end_the_connection() {
    let exchange = Exchange::start();
    let mut ws = exchange.socket("/ws").await;
    for id in 0..6 {
        ws.send(json!({"method": "LIST_SUBSCRIPTIONS", "id": id}))
            .await;
    }
    for id in 0..5 {
        assert_eq!(ws.next().await["id"], id);
    }
    assert!(ws.ends().await);
}

#[actix_rt::test]
async fn a_connection_holds_a_limited_number_of_streams() {
    let exchange = Exchange::with(|config| config.limits.streams_per_connection = 2);
    let mut ws = exchange.socket("/ws/btcusdt@trade/ethusdt@trade").await;
    let more = answer(
        &mut ws,
        json!({"method": "SUBSCRIBE", "params": ["bnbusdt@trade"], "id": 1}),
    )
    .await;
    assert_eq!(more["code"], 2, "{more}");
    let known = answer(
        &mut ws,
        json!({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 2}),
    )
    .await;
    assert_eq!(known["result"], Value::Null);
}

#[actix_rt::test]
async fn times_on_a_stream_come_in_microseconds_when_the_url_says_so() {
    let exchange = Exchange::start();
    move_mid(&exchange, "60000").await;
    let mut ws = exchange
        .socket("/ws/btcusdt@trade?timeUnit=MICROSECOND")
        .await;
    let mut plain = exchange.socket("/ws/btcusdt@trade").await;
    let trade = json!({"price": "60001", "quantity": "0.5", "side": "BUY"});
    exchange
        .practice(
            "POST",
            "market",
            json!({"symbol": "BTCUSDT", "trade": trade}),
        )
        .await;
    let (micro, milli) = (
        ws.next().await["T"].as_i64().unwrap(),
        plain.next().await["T"].as_i64().unwrap(),
    );
    assert_eq!(micro / 1_000, milli);
    assert!(
        exchange
            .try_socket("/ws/btcusdt@trade?timeUnit=DAY")
            .await
            .is_err()
    );
}

#[actix_rt::test]
async fn the_synthetic_market_moves_by_itself_and_stands_still_when_paused() {
    let exchange = Exchange::with(|config| config.market.synthetic.enabled = true);
    let mut ws = exchange.socket("/ws/btcusdt@bookTicker").await;
    ws.next().await;
    exchange
        .practice("POST", "market", json!({"pause": true}))
        .await;
    while ws.next_text(Duration::from_millis(50)).await.is_some() {}
    assert!(ws.silent(Duration::from_millis(500)).await);
    exchange
        .practice("POST", "market", json!({"pause": false}))
        .await;
    ws.next().await;
}
