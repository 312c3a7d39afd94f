//! What only the practice exchange has: the record for judges, the market's levers, faults from the start.

mod support;

use serde_json::{Value, json};
use support::Exchange;
use tripline_exchange::faults::{FaultSpec, Kind};

#[actix_rt::test]
async fn the_record_tells_every_arrival_with_what_became_of_it() {
    let exchange = Exchange::start();
    let mut ticks = exchange.socket("/ws/btcusdt@bookTicker").await;
    exchange.fill_book().await;
    ticks.next().await;
    exchange.place("rests", "BUY", "59000").await;
    exchange.place("fills", "SELL", "59999").await;
    exchange.place("refused", "BUY", "1").await;
    exchange
        .fault(json!({"kind": "overloaded", "operation": "order.place"}))
        .await;
    exchange.place("never", "BUY", "59000").await;

    let record = exchange.practice("GET", "record", Value::Null).await;
    assert_eq!(record["orderRequests"], 4);
    let arrivals = record["arrivals"].as_array().unwrap();
    let seen: Vec<_> = arrivals
        .iter()
        .map(|one| (one["clientOrderId"].as_str().unwrap(), &one["status"]))
        .collect();
    let (new, filled) = (json!("NEW"), json!("FILLED"));
    assert_eq!(
        seen,
        [
            ("rests", &new),
            ("fills", &filled),
            ("refused", &Value::Null),
            ("never", &Value::Null)
        ]
    );
    let times: Vec<_> = arrivals
        .iter()
        .map(|one| one["timeUs"].as_i64().unwrap())
        .collect();
    assert!(
        times.is_sorted() && times[0] > 1_000_000_000_000_000,
        "microseconds in order: {times:?}"
    );
    assert!(arrivals[0]["sinceTickUs"].as_i64().unwrap() > 0);

    let account = &record["accounts"][0];
    let fill = &account["orders"][1]["fills"][0];
    assert_eq!(
        (&fill["price"], &fill["commissionAsset"]),
        (&json!("59999.00000000"), &json!("USDT"))
    );
    let open = account["openOrders"].as_array().unwrap();
    assert_eq!(
        open.iter()
            .map(|one| &one["clientOrderId"])
            .collect::<Vec<_>>(),
        [&json!("rests")]
    );
    let balances = account["balances"].as_array().unwrap();
    assert!(
        balances.contains(&json!({"asset": "BTC", "free": "99.99900000", "locked": "0.00000000"})),
        "{balances:?}"
    );
}

#[actix_rt::test]
async fn the_market_can_be_set_and_traded_by_hand() {
    let exchange = Exchange::start();
    let levels = json!({"symbol": "BTCUSDT", "bids": [["100.00", "2"], ["99.50", "3"]], "asks": [["101.00", "1"]]});
    exchange.practice("POST", "market", levels).await;
    let depth = exchange.get("/api/v3/depth?symbol=BTCUSDT").await.json();
    assert_eq!(
        depth["bids"],
        json!([
            ["100.00000000", "2.00000000"],
            ["99.50000000", "3.00000000"]
        ])
    );
    let trade = json!({"price": "99.00", "quantity": "2.5", "side": "SELL"});
    let moved = exchange
        .practice(
            "POST",
            "market",
            json!({"symbol": "BTCUSDT", "trade": trade}),
        )
        .await;
    assert_eq!(moved["taken"], "2.5");
    let depth = exchange.get("/api/v3/depth?symbol=BTCUSDT").await.json();
    assert_eq!(depth["bids"], json!([["99.50000000", "2.50000000"]]));
    let last = exchange
        .get("/api/v3/ticker/price?symbol=BTCUSDT")
        .await
        .json();
    assert_eq!(last["price"], "99.50000000");
}

#[actix_rt::test]
async fn amounts_with_which_no_book_can_calculate_are_refused() {
    let exchange = Exchange::start();
    for order in [
        json!({"symbol": "BTCUSDT", "asks": [["70000000000000000000000000000", "1"]]}),
        json!({"symbol": "BTCUSDT", "bids": [["1", "100000000001"]]}),
        json!({"symbol": "BTCUSDT", "mid": "100000000001"}),
        json!({"symbol": "BTCUSDT", "trade": {"price": "1", "quantity": "100000000001", "side": "BUY"}}),
    ] {
        let answer = exchange
            .send("POST", "/practice/market", &[], &order.to_string())
            .await
            .unwrap();
        assert_eq!(answer.code(), -1130, "{order}: {}", answer.text);
    }
    let far = "/api/v3/klines?symbol=BTCUSDT&interval=1M&startTime=9223372036854775807";
    assert_eq!(exchange.get(far).await.json(), json!([]));
}

#[actix_rt::test]
async fn a_deposit_is_told_on_the_user_stream() {
    let exchange = Exchange::start();
    let mut ws = exchange.user_stream().await;
    let deposit = json!({"account": "practice", "asset": "BTC", "amount": "-1.5"});
    exchange
        .practice("POST", "market", json!({"deposit": deposit}))
        .await;
    let update = ws
        .until(|message| message["event"]["e"] == "balanceUpdate")
        .await;
    assert_eq!(
        (&update["event"]["a"], &update["event"]["d"]),
        (&json!("BTC"), &json!("-1.50000000"))
    );
}

#[actix_rt::test]
async fn faults_of_the_configuration_are_in_force_from_the_start() {
    let exchange = Exchange::with(|config| {
        let offset = FaultSpec {
            offset_ms: Some(3_600_000),
            ..FaultSpec::new(Kind::ClockOffset)
        };
        let refusal = FaultSpec {
            operation: Some("ping".into()),
            ..FaultSpec::new(Kind::Overloaded)
        };
        config.faults = vec![offset, refusal];
    });
    assert_eq!(exchange.get("/api/v3/ping").await.status, 503);
    assert_eq!(exchange.get("/api/v3/ping").await.status, 200);
    let ahead = exchange.time().await;
    let listed = exchange.practice("GET", "faults", Value::Null).await;
    assert_eq!(listed["active"][0]["fault"]["kind"], "clock_offset");
    exchange.practice("DELETE", "faults/1", Value::Null).await;
    assert!(
        exchange.time().await < ahead - 3_000_000,
        "the clock is right again"
    );
}
