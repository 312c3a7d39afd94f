//! The WebSocket API and user data over a real socket.

mod support;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::KeyPair as _;
use serde_json::{Value, json};
use support::{Exchange, ed25519, sorted};
use tripline_exchange::EXAMPLE_API_KEY;

fn order(id: &str, side: &str, price: &str) -> Value {
    json!({
        "symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "price": price,
        "quantity": "0.001", "newClientOrderId": id,
    })
}

#[actix_rt::test]
async fn ids_come_back_with_their_type() {
    let exchange = Exchange::start();
    let mut ws = exchange.socket("/ws-api/v3").await;
    for id in [json!(7), json!("seven"), Value::Null] {
        let answer = ws.call(id.clone(), "ping", json!({})).await;
        assert_eq!(
            (&answer["id"], &answer["status"], &answer["result"]),
            (&id, &json!(200), &json!({}))
        );
    }
    let answer = ws.call(json!(1), "v3/time", json!({})).await;
    assert!(answer["result"]["serverTime"].is_i64());
    ws.send_text("{nonsense").await;
    assert_eq!(ws.next().await["error"]["code"], -1135);
    assert_eq!(
        ws.call(json!(2), "order.plaice", json!({})).await["status"],
        400
    );
}

#[actix_rt::test]
async fn rate_limits_come_with_each_answer_unless_switched_off() {
    let exchange = Exchange::start();
    let mut ws = exchange.socket("/ws-api/v3").await;
    let answer = ws
        .call(json!(1), "exchangeInfo", json!({"symbols": ["BTCUSDT"]}))
        .await;
    assert_eq!(answer["rateLimits"][0]["rateLimitType"], "REQUEST_WEIGHT");
    // 2 for connecting and 20, unless a new minute began in between.
    assert!(
        [json!(22), json!(20)].contains(&answer["rateLimits"][0]["count"]),
        "{answer}"
    );
    assert_eq!(
        answer["result"]["rateLimits"][3]["rateLimitType"],
        "CONNECTIONS"
    );
    let answer = ws
        .call(json!(2), "ping", json!({"returnRateLimits": false}))
        .await;
    assert!(answer.get("rateLimits").is_none());
    let mut quiet = exchange.socket("/ws-api/v3?returnRateLimits=false").await;
    assert!(
        quiet
            .call(json!(1), "ping", json!({}))
            .await
            .get("rateLimits")
            .is_none()
    );
    let loud = quiet
        .call(json!(2), "ping", json!({"returnRateLimits": true}))
        .await;
    assert!(loud.get("rateLimits").is_some());
}

#[actix_rt::test]
async fn an_order_over_the_socket_answers_first_and_then_its_events() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    let mut ws = exchange.user_stream().await;
    let time = exchange.time().await;
    ws.send(json!({"id": 5, "method": "order.place", "params": support::signed_params(time, order("one", "BUY", "59000"))}))
        .await;
    let answer = ws.next().await;
    assert_eq!(
        (&answer["id"], &answer["result"]["status"]),
        (&json!(5), &json!("NEW"))
    );
    assert_eq!(
        answer["rateLimits"][0]["count"], 1,
        "an order is counted: {answer}"
    );
    let event = ws.next().await;
    assert_eq!(
        (
            &event["subscriptionId"],
            &event["event"]["x"],
            &event["event"]["c"]
        ),
        (&json!(0), &json!("NEW"), &json!("one"))
    );
    let position = ws.next().await;
    assert_eq!(position["event"]["e"], "outboundAccountPosition");
    assert_eq!(
        position["event"]["B"],
        json!([{"a": "USDT", "f": "9999941.00000000", "l": "59.00000000"}])
    );

    let answer = ws
        .signed(
            time,
            "order.cancel",
            json!({"symbol": "BTCUSDT", "origClientOrderId": "one"}),
        )
        .await;
    let event = ws.next().await["event"].clone();
    assert_eq!(
        (&event["x"], &event["C"]),
        (&json!("CANCELED"), &json!("one"))
    );
    assert_eq!(
        event["c"], answer["result"]["clientOrderId"],
        "`c` is the cancel's own id"
    );
}

#[actix_rt::test]
async fn even_a_taker_reports_new_before_its_trades() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    let mut ws = exchange.user_stream().await;
    exchange.place("taker", "BUY", "60001").await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let event = ws.next().await["event"].clone();
        seen.push((
            event["x"].as_str().unwrap_or("position").to_owned(),
            event["w"].clone(),
            event["t"].clone(),
        ));
    }
    assert_eq!(seen[0].0, "NEW");
    assert_eq!(
        (seen[0].1.clone(), seen[0].2.clone()),
        (json!(true), json!(-1))
    );
    assert_eq!((seen[1].0.as_str(), seen[1].2.is_u64()), ("TRADE", true));
    assert_eq!(seen[2].0, "position");
}

#[actix_rt::test]
async fn a_fill_by_somebody_else_reaches_the_maker() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    let mut ws = exchange.user_stream().await;
    exchange.place("maker", "BUY", "60000").await;
    ws.until(|message| message["event"]["e"] == "outboundAccountPosition")
        .await;
    let trade = json!({"price": "60000", "quantity": "0.0004", "side": "SELL"});
    exchange
        .practice(
            "POST",
            "market",
            json!({"symbol": "BTCUSDT", "trade": trade}),
        )
        .await;
    let event = ws.next().await["event"].clone();
    assert_eq!(
        (&event["x"], &event["X"], &event["m"]),
        (&json!("TRADE"), &json!("PARTIALLY_FILLED"), &json!(true))
    );
    assert_eq!(
        (&event["l"], &event["n"], &event["N"]),
        (&json!("0.00040000"), &json!("0.00000040"), &json!("BTC"))
    );
}

#[actix_rt::test]
async fn only_ed25519_logs_a_session_on_and_then_needs_no_signature() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    let mut ws = exchange.socket("/ws-api/v3").await;
    let time = exchange.time().await;
    let refused = ws.signed(time, "session.logon", json!({})).await;
    assert_eq!(refused["status"], 400, "{refused}");
    let early = ws
        .call(json!(1), "userDataStream.subscribe", json!({}))
        .await;
    assert_eq!(early["status"], 401);

    let pair = ed25519();
    let api_key = "E".repeat(64);
    let public = STANDARD.encode(pair.public_key().as_ref());
    exchange
        .practice(
            "POST",
            "keys",
            json!({"account": "practice", "api_key": api_key, "public_key": public}),
        )
        .await;
    let mut params = json!({"apiKey": api_key, "timestamp": time});
    params["signature"] = STANDARD
        .encode(pair.sign(sorted(&params).as_bytes()).as_ref())
        .into();
    let session = ws.call(json!(2), "session.logon", params).await;
    assert_eq!(session["result"]["apiKey"], json!(api_key), "{session}");
    let subscribed = ws
        .call(json!(3), "userDataStream.subscribe", json!({}))
        .await;
    assert_eq!(subscribed["result"]["subscriptionId"], 0);

    let mut unsigned = order("logged-on", "BUY", "59000");
    unsigned["timestamp"] = time.into();
    let placed = ws.call(json!(4), "order.place", unsigned).await;
    assert_eq!(placed["result"]["clientOrderId"], "logged-on", "{placed}");
    ws.until(|message| message["event"]["e"] == "outboundAccountPosition")
        .await;

    let out = ws.call(json!(5), "session.logout", json!({})).await;
    assert_eq!(
        (&out["result"]["apiKey"], &out["result"]["userDataStream"]),
        (&Value::Null, &json!(false))
    );
    let late = ws
        .call(json!(6), "account.status", json!({"timestamp": time}))
        .await;
    assert_eq!(
        late["error"]["code"], -1102,
        "a key is needed again: {late}"
    );
}

#[actix_rt::test]
async fn a_key_that_is_revoked_ends_its_session() {
    let exchange = Exchange::start();
    let pair = ed25519();
    let api_key = "E".repeat(64);
    let public = STANDARD.encode(pair.public_key().as_ref());
    exchange
        .practice(
            "POST",
            "keys",
            json!({"account": "practice", "api_key": api_key, "public_key": public}),
        )
        .await;
    let mut ws = exchange.socket("/ws-api/v3").await;
    let mut params = json!({"apiKey": api_key, "timestamp": exchange.time().await});
    params["signature"] = STANDARD
        .encode(pair.sign(sorted(&params).as_bytes()).as_ref())
        .into();
    ws.call(json!(1), "session.logon", params).await;
    exchange
        .practice("DELETE", &format!("keys/{api_key}"), Value::Null)
        .await;
    let told = ws.next().await;
    assert_eq!(
        (&told["id"], &told["status"], &told["error"]["code"]),
        (&Value::Null, &json!(401), &json!(-2015))
    );
}

#[actix_rt::test]
async fn subscriptions_are_one_per_account_and_end_when_told() {
    let exchange = Exchange::start();
    let mut ws = exchange.user_stream().await;
    let time = exchange.time().await;
    let twice = ws
        .signed(time, "userDataStream.subscribe.signature", json!({}))
        .await;
    assert_eq!(twice["error"]["code"], -2035);
    assert_eq!(
        ws.call(json!(1), "session.subscriptions", json!({})).await["result"],
        json!([{"subscriptionId": 0}])
    );
    let unknown = ws
        .call(
            json!(2),
            "userDataStream.unsubscribe",
            json!({"subscriptionId": 9}),
        )
        .await;
    assert_eq!(unknown["error"]["code"], -2036);
    ws.send(
        json!({"id": 3, "method": "userDataStream.unsubscribe", "params": {"subscriptionId": 0}}),
    )
    .await;
    let ended = ws.until(|message| message.get("event").is_some()).await;
    assert_eq!(ended["event"]["e"], "eventStreamTerminated");
    let again = ws
        .signed(time, "userDataStream.subscribe.signature", json!({}))
        .await;
    assert_eq!(
        again["result"]["subscriptionId"], 1,
        "numbers count up: {again}"
    );
}

#[actix_rt::test]
async fn a_wrong_signature_over_the_socket_is_refused() {
    let exchange = Exchange::start();
    let mut ws = exchange.socket("/ws-api/v3").await;
    let mut params = support::signed_params(exchange.time().await, order("x", "BUY", "59000"));
    params["price"] = "59001".into();
    let answer = ws.call(json!(1), "order.place", params).await;
    assert_eq!(
        (&answer["status"], &answer["error"]["code"]),
        (&json!(400), &json!(-1022))
    );
    let unsigned = json!({"apiKey": EXAMPLE_API_KEY, "timestamp": exchange.time().await});
    assert_eq!(
        ws.call(json!(2), "account.status", unsigned).await["error"]["code"],
        -1102
    );
}

#[actix_rt::test]
async fn a_partial_cancel_replace_carries_its_halves_in_the_error() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    let mut ws = exchange.socket("/ws-api/v3").await;
    let mut params = order("fresh", "BUY", "59000");
    params["cancelReplaceMode"] = "ALLOW_FAILURE".into();
    params["cancelOrigClientOrderId"] = "gone".into();
    let answer = ws
        .signed(exchange.time().await, "order.cancelReplace", params)
        .await;
    assert_eq!(
        (&answer["status"], &answer["error"]["code"]),
        (&json!(409), &json!(-2021))
    );
    assert_eq!(
        answer["error"]["data"]["newOrderResponse"]["clientOrderId"],
        "fresh"
    );
}

#[actix_rt::test]
async fn every_operation_with_a_name_is_answered_over_the_socket() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    let mut ws = exchange.socket("/ws-api/v3").await;
    let time = exchange.time().await;
    for method in [
        "depth",
        "trades.recent",
        "trades.historical",
        "trades.aggregate",
        "avgPrice",
        "ticker.24hr",
        "ticker.price",
        "ticker.book",
    ] {
        let answer = ws
            .call(json!(method), method, json!({"symbol": "BTCUSDT"}))
            .await;
        assert_eq!(answer["status"], 200, "{method}: {answer}");
    }
    for method in ["klines", "uiKlines"] {
        let answer = ws
            .call(
                json!(method),
                method,
                json!({"symbol": "BTCUSDT", "interval": "1m"}),
            )
            .await;
        assert_eq!(answer["status"], 200, "{method}: {answer}");
    }
    for (method, params) in [
        ("openOrders.status", json!({})),
        ("allOrders", json!({"symbol": "BTCUSDT"})),
        ("myTrades", json!({"symbol": "BTCUSDT"})),
        (
            "myPreventedMatches",
            json!({"symbol": "BTCUSDT", "orderId": 1}),
        ),
        ("account.status", json!({"omitZeroBalances": true})),
        ("account.commission", json!({"symbol": "BTCUSDT"})),
        ("account.rateLimits.orders", json!({})),
        ("myFilters", json!({"symbol": "BTCUSDT"})),
        ("order.test", order("test", "BUY", "59000")),
    ] {
        let answer = ws.signed(time, method, params).await;
        assert_eq!(answer["status"], 200, "{method}: {answer}");
    }
    assert_eq!(
        ws.call(json!(0), "orderList.place.oco", json!({})).await["error"]["code"],
        -1020
    );
    assert!(ws.silent(Duration::from_millis(50)).await);
}
