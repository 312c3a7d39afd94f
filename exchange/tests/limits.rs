//! Rate limits over a real socket: headers, 429, 418, and what costs nothing.

mod support;

use serde_json::json;
use support::Exchange;

#[actix_rt::test]
async fn weights_add_up_in_the_header_and_successful_orders_are_free() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    let used = |answer: &support::Answer| {
        answer
            .header("x-mbx-used-weight-1m")
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    let before = used(&exchange.get("/api/v3/ping").await);
    let after = used(
        &exchange
            .get("/api/v3/depth?symbol=BTCUSDT&limit=1000")
            .await,
    );
    // A new minute may begin between two requests.
    assert!(after == before + 50 || after == 50, "{before} then {after}");
    let rules = "/api/v3/executionRules?symbols=[%22BTCUSDT%22,%22ETHUSDT%22]";
    let rules = used(&exchange.get(rules).await);
    assert!(
        rules == after + 4 || rules == 4,
        "two for each symbol: {after} then {rules}"
    );
    let placed = exchange.place("free", "BUY", "59000").await;
    let refused = exchange.place("free", "BUY", "59000").await;
    let (placed, refused) = (used(&placed), used(&refused));
    assert!(
        refused == placed + 2 || refused <= 2,
        "a time request and a failed order: {placed} then {refused}"
    );
}

#[actix_rt::test]
async fn too_much_weight_is_429_and_going_on_is_418() {
    let exchange = Exchange::with(|config| {
        (config.limits.weight_per_minute, config.limits.ban_after) = (2, 2);
    });
    let mut statuses = Vec::new();
    let mut last = None;
    for _ in 0..8 {
        let answer = exchange.get("/api/v3/ping").await;
        statuses.push(answer.status);
        last = Some(answer);
    }
    statuses.dedup();
    assert!(statuses.ends_with(&[200, 429, 418]), "{statuses:?}");
    let last = last.unwrap();
    assert_eq!(last.code(), -1003);
    let wait: u32 = last.header("retry-after").unwrap().parse().unwrap();
    assert!((110..=120).contains(&wait), "{wait}");
    assert!(
        exchange.try_socket("/ws-api/v3").await.is_err(),
        "a banned address opens no socket"
    );
    exchange.practice("DELETE", "limits", json!(null)).await;
    assert_eq!(exchange.get("/api/v3/ping").await.status, 200);
}

#[actix_rt::test]
async fn too_many_orders_are_refused_until_one_is_filled() {
    let exchange = Exchange::with(|config| config.limits.orders_per_day = 2);
    exchange.fill_book().await;
    assert_eq!(exchange.place("a", "BUY", "59000").await.status, 200);
    assert_eq!(exchange.place("b", "BUY", "58999").await.status, 200);
    let refused = exchange.place("c", "BUY", "58998").await;
    assert_eq!((refused.status, refused.code()), (429, -1015));
    assert_eq!(
        refused.json()["msg"],
        "Too many new orders; current limit is 2 orders per 1 DAY."
    );
    assert!(refused.header("retry-after").is_some());
    let trade = json!({"price": "59000", "quantity": "0.001", "side": "SELL"});
    exchange
        .practice(
            "POST",
            "market",
            json!({"symbol": "BTCUSDT", "clear": true, "trade": trade}),
        )
        .await;
    assert_eq!(
        exchange.place("d", "BUY", "58997").await.status,
        200,
        "a filled order gives its count back"
    );
    let counts = exchange
        .signed("GET", "/api/v3/rateLimit/order", "")
        .await
        .json();
    assert_eq!(
        (&counts[1]["interval"], &counts[1]["count"]),
        (&json!("DAY"), &json!(1))
    );
}

#[actix_rt::test]
async fn over_the_socket_a_limit_says_when_to_come_back() {
    let exchange = Exchange::with(|config| config.limits.weight_per_minute = 3);
    let mut ws = exchange.socket("/ws-api/v3").await;
    let mut answer = json!(null);
    // Ten, because a new minute may begin in between.
    for id in 0..10 {
        answer = ws.call(json!(id), "ping", json!({})).await;
        if answer["status"] != 200 {
            break;
        }
    }
    assert_eq!(
        (&answer["status"], &answer["error"]["code"]),
        (&json!(429), &json!(-1003))
    );
    let data = &answer["error"]["data"];
    assert!(data["retryAfter"].as_i64().unwrap() > data["serverTime"].as_i64().unwrap());
}

#[actix_rt::test]
async fn connections_are_limited_too() {
    let exchange = Exchange::with(|config| config.limits.connections_per_5_minutes = 2);
    let _first = exchange.socket("/ws").await;
    let _second = exchange.socket("/ws").await;
    let refused = exchange.try_socket("/ws").await;
    let error = refused.err().expect("the third is refused");
    assert!(error.contains("429"), "{error}");
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    let answer = exchange.send("GET", "/ws", &upgrade, "").await.unwrap();
    assert_eq!((answer.status, answer.code()), (429, -1003));
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait <= 300, "{wait}");
}
