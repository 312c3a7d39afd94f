//! REST over a real socket: signatures, parameters, orders, headers, what is not there.

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::KeyPair as _;
use serde_json::{Value, json};
use support::{Exchange, ed25519, sign};
use tripline_exchange::EXAMPLE_API_KEY;

#[actix_rt::test]
async fn public_endpoints_answer_without_a_key() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    assert_eq!(exchange.get("/api/v3/ping").await.json(), json!({}));
    assert!(exchange.get("/api/v3/time?").await.json()["serverTime"].is_i64());
    let depth = exchange
        .get("/api/v3/depth?symbol=BTCUSDT&limit=5")
        .await
        .json();
    assert_eq!(depth["bids"], json!([["59999.00000000", "1.00000000"]]));
    let book = exchange
        .get("/api/v3/ticker/bookTicker?symbols=%5B%22BTCUSDT%22%5D")
        .await
        .json();
    assert_eq!(
        book[0]["askPrice"], "60001.00000000",
        "a list of one is still a list"
    );
    for path in [
        "trades",
        "aggTrades",
        "klines?interval=1m",
        "uiKlines?interval=1d",
        "avgPrice",
        "ticker/24hr",
        "ticker/price",
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let answer = exchange
            .get(&format!("/api/v3/{path}{joint}symbol=BTCUSDT"))
            .await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
}

#[actix_rt::test]
async fn exchange_info_lists_the_filters_in_the_live_order() {
    let exchange = Exchange::start();
    let info = exchange
        .get("/api/v3/exchangeInfo?symbol=BTCUSDT")
        .await
        .json();
    let filters = info["symbols"][0]["filters"].as_array().unwrap();
    let names: Vec<_> = filters
        .iter()
        .map(|one| one["filterType"].as_str().unwrap())
        .collect();
    let wanted = [
        "PRICE_FILTER",
        "LOT_SIZE",
        "ICEBERG_PARTS",
        "MARKET_LOT_SIZE",
        "TRAILING_DELTA",
        "PERCENT_PRICE_BY_SIDE",
        "NOTIONAL",
        "MAX_NUM_ORDERS",
        "MAX_NUM_ORDER_LISTS",
        "MAX_NUM_ALGO_ORDERS",
        "MAX_NUM_ORDER_AMENDS",
    ];
    assert_eq!(names, wanted);
    assert_eq!(filters[0]["tickSize"], "0.01000000");
    assert_eq!(
        exchange
            .get("/api/v3/exchangeInfo?symbol=NOSUCH")
            .await
            .code(),
        -1121
    );
    assert_eq!(
        exchange.get("/api/v3/exchangeInfo").await.json()["symbols"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

#[actix_rt::test]
async fn tickers_cover_the_wanted_span_and_what_never_exists_is_empty() {
    let exchange = Exchange::start();
    exchange.fill_book().await;
    exchange.place("taker", "BUY", "60001").await;
    for path in [
        "ticker?windowSize=5m",
        "ticker?windowSize=7d",
        "ticker/tradingDay?type=FULL",
    ] {
        let row = exchange
            .get(&format!("/api/v3/{path}&symbol=BTCUSDT"))
            .await
            .json();
        assert_eq!(
            (&row["count"], &row["lastPrice"]),
            (&json!(1), &json!("60001.00000000")),
            "{path}: {row}"
        );
        assert!(row.get("bidPrice").is_none(), "{row}");
    }
    assert_eq!(
        exchange
            .get("/api/v3/ticker?windowSize=8d&symbol=BTCUSDT")
            .await
            .code(),
        -1100
    );
    assert_eq!(exchange.get("/api/v3/ticker").await.code(), -1102);
    assert_eq!(
        exchange
            .get("/api/v3/referencePrice?symbol=BTCUSDT")
            .await
            .code(),
        -2043
    );
    assert_eq!(
        exchange
            .signed("GET", "/api/v3/openOrderList", "")
            .await
            .json(),
        json!([])
    );
    assert_eq!(
        exchange
            .signed("GET", "/api/v3/myAllocations", "symbol=BTCUSDT")
            .await
            .json(),
        json!([])
    );
}

#[actix_rt::test]
async fn what_the_exchange_says_of_itself_is_what_it_does() {
    let exchange = Exchange::with(|config| {
        config.accounts[0].bnb_discount = Some("0.6".parse().unwrap());
    });
    let info = exchange.get("/api/v3/exchangeInfo?symbol=BTCUSDT").await;
    let symbol = &info.json()["symbols"][0];
    let refused = [
        ("icebergAllowed", "icebergQty=0.001"),
        ("allowTrailingStop", "trailingDelta=100"),
        ("pegInstructionsAllowed", "pegPriceType=PRIMARY_PEG"),
    ];
    for (field, parameter) in refused {
        assert_eq!(symbol[field], false, "{field}");
        let order = format!("{}&{parameter}", Exchange::limit("x", "BUY", "59000"));
        let answer = exchange.signed("POST", "/api/v3/order", &order).await;
        assert_eq!(answer.code(), -2010, "{}", answer.text);
    }
    assert_eq!(symbol["permissionSets"], json!([["SPOT"]]));
    let path = "/api/v3/exchangeInfo?permissions=[%22MARGIN%22]&showPermissionSets=false";
    assert_eq!(exchange.get(path).await.json()["symbols"], json!([]));

    let commission = exchange
        .signed("GET", "/api/v3/account/commission", "symbol=BTCUSDT")
        .await;
    let discount = &commission.json()["discount"];
    assert_eq!(discount["enabledForAccount"], true);
    assert_eq!(discount["discount"], "0.60000000");
}

#[actix_rt::test]
async fn unknown_paths_are_404_and_listen_keys_are_gone() {
    let exchange = Exchange::start();
    assert_eq!(exchange.get("/api/v1/time").await.status, 404);
    assert_eq!(
        exchange
            .send("POST", "/api/v3/userDataStream", &[], "")
            .await
            .unwrap()
            .status,
        410
    );
    assert_eq!(
        exchange
            .send("POST", "/api/v3/time", &[], "")
            .await
            .unwrap()
            .status,
        405
    );
    let list = exchange
        .signed("POST", "/api/v3/orderList/oco", "symbol=BTCUSDT")
        .await;
    assert_eq!(list.code(), -1020);
}

#[actix_rt::test]
async fn a_signature_may_cover_query_and_body_in_any_split() {
    let exchange = Exchange::start();
    let params = Exchange::limit("split", "BUY", "59000");
    let time = exchange.time().await;
    let key = ("X-MBX-APIKEY", EXAMPLE_API_KEY);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let (head, tail) = params.split_once("&type").unwrap();
    let tail = format!("type{tail}&timestamp={time}");
    let signature = sign(&format!("{head}{tail}"));
    let body = format!("{tail}&signature={signature}");
    let answer = exchange
        .send(
            "POST",
            &format!("/api/v3/order/test?{head}"),
            &[key, form],
            &body,
        )
        .await
        .unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));

    let whole = format!("{params}&timestamp={time}");
    let body = format!("{whole}&signature={}", sign(&whole).to_uppercase());
    let answer = exchange
        .send("POST", "/api/v3/order/test", &[key, form], &body)
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);

    let path = format!("/api/v3/order/test?{whole}&signature={}", sign(&whole));
    let json = ("Content-Type", "application/json");
    let answer = exchange
        .send("POST", &path, &[key, json], "")
        .await
        .unwrap();
    assert_eq!(
        answer.status, 200,
        "an empty body may be called JSON: {}",
        answer.text
    );
    let changed = path.replace("BUY", "SELL");
    assert_eq!(
        exchange
            .send("POST", &changed, &[key], "")
            .await
            .unwrap()
            .code(),
        -1022
    );
}

#[actix_rt::test]
async fn an_ed25519_key_signs_rest_requests() {
    let exchange = Exchange::start();
    let pair = ed25519();
    let api_key = "E".repeat(64);
    let public = STANDARD.encode(pair.public_key().as_ref());
    let body = json!({"account": "practice", "api_key": api_key, "public_key": public});
    exchange.practice("POST", "keys", body).await;
    let query = format!("timestamp={}", exchange.time().await);
    let signature = STANDARD.encode(pair.sign(query.as_bytes()).as_ref());
    let encoded = signature
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let path = format!("/api/v3/account?{query}&signature={encoded}");
    let answer = exchange
        .send("GET", &path, &[("X-MBX-APIKEY", api_key.as_str())], "")
        .await
        .unwrap();
    assert_eq!(answer.json()["accountType"], "SPOT", "{}", answer.text);
    exchange
        .practice("DELETE", &format!("keys/{api_key}"), Value::Null)
        .await;
    let answer = exchange
        .send("GET", &path, &[("X-MBX-APIKEY", api_key.as_str())], "")
        .await
        .unwrap();
    assert_eq!((answer.status, answer.code()), (401, -2015));
}

#[actix_rt::test]
async fn each_fault_of_a_request_has_its_documented_code() {
    let exchange = Exchange::start();
    let time = exchange.time().await;
    let key = [("X-MBX-APIKEY", EXAMPLE_API_KEY)];
    let unsigned = exchange
        .send("GET", "/api/v3/account", &[], "")
        .await
        .unwrap();
    assert_eq!((unsigned.status, unsigned.code()), (401, -2014));
    let unknown = exchange
        .send(
            "GET",
            "/api/v3/account",
            &[("X-MBX-APIKEY", "A".repeat(64).as_str())],
            "",
        )
        .await
        .unwrap();
    assert_eq!((unknown.status, unknown.code()), (401, -2015));
    assert_eq!(
        exchange
            .send("GET", "/api/v3/account", &key, "")
            .await
            .unwrap()
            .code(),
        -1102
    );
    let path = format!("/api/v3/account?timestamp={time}");
    let missing = exchange.send("GET", &path, &key, "").await.unwrap().json();
    assert_eq!(
        missing["msg"],
        "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."
    );
    for (late, message) in [
        (-6_000, "outside of the recvWindow"),
        (2_000, "1000ms ahead of the server's time"),
    ] {
        let query = format!("timestamp={}", time + late);
        let path = format!("/api/v3/account?{query}&signature={}", sign(&query));
        let answer = exchange.send("GET", &path, &key, "").await.unwrap();
        assert_eq!((answer.status, answer.code()), (400, -1021));
        assert!(answer.text.contains(message), "{}", answer.text);
    }
    for (params, code) in [
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1e-3&price=1",
            -1100,
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1",
            -1102,
        ),
        (
            "symbol=BTCUSDT&side=buy&type=LIMIT&timeInForce=GTC&quantity=1&price=1",
            -1117,
        ),
        ("symbol=BTCUSDT&side=BUY&type=LIMITED&quantity=1", -1116),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTX&quantity=1&price=1",
            -1115,
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=MARKET&timeInForce=GTC&quantity=1",
            -1106,
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=60000.001",
            -1013,
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.123456789&price=60000",
            -1111,
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&postOnly=true",
            -1104,
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&quantity=2",
            -1101,
        ),
        ("symbol=BTCEUR&side=BUY&type=MARKET&quantity=1", -1121),
    ] {
        let answer = exchange.signed("POST", "/api/v3/order", params).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, code),
            "{params}: {}",
            answer.text
        );
    }
}

#[actix_rt::test]
async fn times_come_in_microseconds_when_asked_for() {
    let exchange = Exchange::start();
    let answer = exchange
        .send(
            "GET",
            "/api/v3/time",
            &[("X-MBX-TIME-UNIT", "MICROSECOND")],
            "",
        )
        .await
        .unwrap();
    assert!(answer.json()["serverTime"].as_i64().unwrap() > 1_000_000_000_000_000);
    let refused = exchange
        .send("GET", "/api/v3/time", &[("X-MBX-TIME-UNIT", "SECOND")], "")
        .await
        .unwrap();
    assert_eq!(refused.code(), -1194);
}

#[actix_rt::test]
async fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let exchange = Exchange::start();
    let port = exchange.handle.addr.port();
    let error = tripline_exchange::spawn_in_thread(Default::default(), port)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&port.to_string()) && error.contains("choose another port"),
        "{error}"
    );
}
