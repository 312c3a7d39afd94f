//! Faults on requests, over a real socket: what the client sees, and whether the order lives.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of tests fails where it goes wrong"
)]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Answer, Exchange};

const PLACE: &str = "POST /api/v3/order";
const SHORT: Duration = Duration::from_millis(200);

/// Sets the fault, places an order over REST under it; what came back, and whether the order lives.
async fn under(exchange: &Exchange, fault: Value) -> (Result<Answer, String>, bool) {
    exchange.fault(fault).await;
    let answer = exchange
        .try_signed(
            "POST",
            "/api/v3/order",
            &Exchange::limit("x", "BUY", "59000"),
        )
        .await;
    let lives = exchange.orders().await.iter().any(|(id, _)| id == "x");
    (answer, lives)
}

fn seen(answer: Result<Answer, String>) -> (u16, i64) {
    let answer = answer.unwrap();
    let code = serde_json::from_str::<Value>(&answer.text)
        .ok()
        .and_then(|body| body["code"].as_i64());
    (answer.status, code.unwrap_or_default())
}

#[actix_rt::test]
async fn refusals_leave_no_order_behind() {
    for (fault, wanted) in [
        (json!({"kind": "overloaded"}), (503, -1008)),
        (json!({"kind": "server_error", "status": 504}), (504, 0)),
        (
            json!({"kind": "timeout", "ms": 20, "live": false}),
            (504, -1007),
        ),
        (json!({"kind": "rate_limited", "ms": 3000}), (429, -1003)),
        (json!({"kind": "order_limit"}), (429, -1015)),
        (json!({"kind": "banned", "ms": 60000}), (418, -1003)),
        (json!({"kind": "forbidden_html"}), (403, 0)),
        (
            json!({"kind": "rejected", "code": -2010, "message": "Market is closed."}),
            (400, -2010),
        ),
    ] {
        let exchange = Exchange::start();
        let mut scoped = fault.clone();
        scoped["operation"] = PLACE.into();
        let (answer, lives) = under(&exchange, scoped).await;
        let headers = answer
            .as_ref()
            .unwrap()
            .header("retry-after")
            .map(str::to_owned);
        assert_eq!(headers.is_some(), matches!(wanted.0, 418 | 429), "{fault}");
        assert_eq!((seen(answer), lives), (wanted, false), "{fault}");
    }
}

#[actix_rt::test]
async fn an_order_may_live_behind_an_answer_that_says_nothing() {
    for (fault, wanted) in [
        (json!({"kind": "server_error", "live": true}), (500, 0)),
        (json!({"kind": "timeout", "ms": 20}), (504, -1007)),
        (json!({"kind": "delay_response", "ms": 20}), (200, 0)),
        (json!({"kind": "late_execution", "ms": 20}), (200, 0)),
    ] {
        let exchange = Exchange::start();
        let mut scoped = fault.clone();
        scoped["operation"] = "order.place".into();
        let (answer, lives) = under(&exchange, scoped).await;
        assert_eq!((seen(answer), lives), (wanted, true), "{fault}");
    }
}

#[actix_rt::test]
async fn connections_are_cut_before_or_after_the_order() {
    for (kind, lives) in [("cut_before", false), ("cut_after", true)] {
        let exchange = Exchange::start();
        let (answer, found) = under(&exchange, json!({"kind": kind, "operation": PLACE})).await;
        assert!(answer.is_err(), "{kind}: {answer:?}");
        assert_eq!(found, lives, "{kind} over REST");

        exchange
            .fault(json!({"kind": kind, "operation": "order.place", "transport": "ws_api"}))
            .await;
        let mut ws = exchange.socket("/ws-api/v3").await;
        ws.send(order(&exchange, "y").await).await;
        assert!(ws.ends().await, "{kind} over the WebSocket API");
        assert_eq!(
            exchange.orders().await.iter().any(|(id, _)| id == "y"),
            lives,
            "{kind}"
        );
    }
}

async fn order(exchange: &Exchange, id: &str) -> Value {
    let params = json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "59000",
        "quantity": "0.001", "newClientOrderId": id,
    });
    json!({"id": id, "method": "order.place", "params": support::signed_params(exchange.time().await, params)})
}

#[actix_rt::test]
async fn an_acknowledgement_may_be_lost_while_the_order_lives() {
    let exchange = Exchange::start();
    exchange
        .fault(json!({"kind": "no_response", "operation": "order.place"}))
        .await;
    let mut ws = exchange.user_stream().await;
    ws.send(order(&exchange, "lost").await).await;
    assert_eq!(
        ws.next().await["event"]["c"],
        "lost",
        "the event comes, the answer does not"
    );
    assert_eq!(ws.next().await["event"]["e"], "outboundAccountPosition");
    assert!(ws.silent(SHORT).await);
}

#[actix_rt::test]
async fn an_answer_may_come_twice_while_there_is_one_order() {
    let exchange = Exchange::start();
    exchange
        .fault(json!({"kind": "duplicate_response", "operation": "order.place"}))
        .await;
    let mut ws = exchange.socket("/ws-api/v3").await;
    ws.send(order(&exchange, "once").await).await;
    let (first, second) = (ws.next().await, ws.next().await);
    assert_eq!(first["result"]["clientOrderId"], "once");
    assert_eq!(first, second);
    assert!(ws.silent(SHORT).await);
    assert_eq!(
        exchange.orders().await,
        [("once".to_owned(), "NEW".to_owned())]
    );
}

#[actix_rt::test]
async fn over_rest_a_lost_acknowledgement_keeps_the_connection_open() {
    let exchange = Exchange::start();
    exchange
        .fault(json!({"kind": "no_response", "operation": PLACE}))
        .await;
    let params = Exchange::limit("lost", "BUY", "59000");
    let placing = exchange.try_signed("POST", "/api/v3/order", &params);
    assert!(
        tokio::time::timeout(Duration::from_millis(500), placing)
            .await
            .is_err(),
        "no answer and no end"
    );
    assert_eq!(
        exchange.orders().await,
        [("lost".to_owned(), "NEW".to_owned())]
    );
}

#[actix_rt::test]
async fn a_request_that_reaches_the_engine_after_its_window_is_refused() {
    let exchange = Exchange::start();
    exchange
        .fault(json!({"kind": "late_execution", "ms": 50, "operation": PLACE}))
        .await;
    let time = exchange.time().await;
    let query = format!(
        "{}&recvWindow=20&timestamp={time}",
        Exchange::limit("late", "BUY", "59000")
    );
    let path = format!("/api/v3/order?{query}&signature={}", support::sign(&query));
    let key = [("X-MBX-APIKEY", tripline_exchange::EXAMPLE_API_KEY)];
    assert_eq!(
        exchange.send("POST", &path, &key, "").await.unwrap().code(),
        -1021
    );
    assert!(exchange.orders().await.is_empty());
}

#[actix_rt::test]
async fn an_event_may_come_before_its_response() {
    let exchange = Exchange::start();
    exchange
        .fault(json!({"kind": "event_before_response", "ms": 20, "operation": "order.place"}))
        .await;
    let mut ws = exchange.user_stream().await;
    ws.send(order(&exchange, "early").await).await;
    assert_eq!(ws.next().await["event"]["x"], "NEW");
    assert_eq!(ws.next().await["event"]["e"], "outboundAccountPosition");
    assert_eq!(ws.next().await["id"], "early");
}

#[actix_rt::test]
async fn answers_may_be_spoilt() {
    for (how, field, broken) in [
        ("truncated", Value::Null, "not json"),
        ("number_for_string", json!("executedQty"), "number"),
        ("string_for_number", json!("orderId"), "string"),
        ("unknown_status", Value::Null, "status"),
        ("missing_field", json!("orderId"), "missing"),
    ] {
        let exchange = Exchange::start();
        let mut fault = json!({"kind": "bad_response", "operation": PLACE, "how": how});
        if field.is_string() {
            fault["field"] = field;
        }
        let (answer, lives) = under(&exchange, fault).await;
        let text = answer.unwrap().text;
        assert!(lives);
        match serde_json::from_str::<Value>(&text) {
            Err(_) => assert_eq!(broken, "not json"),
            Ok(body) => {
                let found = match broken {
                    "number" => body["executedQty"].is_number(),
                    "string" => body["orderId"].is_string(),
                    "status" => body["status"] == "HIBERNATING",
                    _ => body.get("orderId").is_none(),
                };
                assert!(found, "{how}: {text}");
            }
        }
    }
}

#[actix_rt::test]
async fn a_fault_that_does_not_parse_says_why() {
    let exchange = Exchange::start();
    for (fault, word) in [
        (json!({"kind": "cut_befour"}), "cut_befour"),
        (json!({"kind": "cut_before", "ms": 5}), "takes no `ms`"),
        (json!({"kind": "cut_before", "evry": 5}), "evry"),
    ] {
        let answer = exchange
            .send("POST", "/practice/faults", &[], &fault.to_string())
            .await
            .unwrap();
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains(word), "{}", answer.text);
    }
}
