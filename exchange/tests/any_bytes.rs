//! Whatever bytes come in, the exchange does not panic: over REST, the WebSocket API, the streams, and
//! from a recording. The fuzz targets ask the same for longer.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of tests fails where it goes wrong"
)]

mod support;

use std::cell::Cell;
use std::sync::Once;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::LocalSet;
use tripline_exchange::market::{Market, MarketConfig, ReplayConfig};
use tripline_exchange::model::{Exchange, Time};
use tripline_exchange::{Clock, EXAMPLE_API_KEY, ExchangeConfig, PracticeExchange};

const START_US: i64 = 1_790_000_000_000_000;

thread_local! {
    /// A panic in a task of the exchange ends that task only: all of a thread's are counted.
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            before(info);
        }));
    });
}

/// What stands where another value was expected.
const WORDS: [&str; 12] = [
    "",
    "0",
    "-1",
    "1e400",
    "18446744073709551615",
    "9223372036854775807",
    "79228162514264337593543950335",
    "0.00000001",
    "99999999999999999999.99999999999999999999",
    "null",
    "[]",
    "ETHBTC",
];

const REQUESTS: [&str; 10] = [
    "POST /api/v3/order symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=60001&newClientOrderId=a",
    "POST /api/v3/order symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.5&newOrderRespType=FULL&selfTradePreventionMode=DECREMENT",
    "POST /api/v3/order symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=1000",
    "POST /api/v3/order symbol=BTCUSDT&side=BUY&type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=1&price=60100&stopPrice=60001",
    "POST /api/v3/order/cancelReplace symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=59000&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=1",
    "PUT /api/v3/order/amend/keepPriority symbol=BTCUSDT&orderId=1&newQty=0.1",
    "DELETE /api/v3/order symbol=BTCUSDT&orderId=1&newClientOrderId=c&cancelRestrictions=ONLY_NEW",
    "GET /api/v3/klines symbol=BTCUSDT&interval=1M&startTime=1790000000000&endTime=1790000100000&limit=10",
    "GET /api/v3/myTrades symbol=BTCUSDT&startTime=1790000000000&endTime=1790000100000&limit=10",
    "GET /api/v3/ticker symbols=[\"BTCUSDT\",\"ETHUSDT\"]&windowSize=59m&type=MINI",
];

const MESSAGES: [&str; 6] = [
    r#"{"id":1,"method":"order.place","params":{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.5","price":"60001"}}"#,
    r#"{"id":"x","method":"order.cancelReplace","params":{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.5","price":"59000","cancelReplaceMode":"STOP_ON_FAILURE","cancelOrderId":1}}"#,
    r#"{"id":null,"method":"userDataStream.unsubscribe","params":{"subscriptionId":0}}"#,
    r#"{"id":5,"method":"klines","params":{"symbol":"BTCUSDT","interval":"1s","limit":1000,"endTime":1790000100000}}"#,
    r#"{"method":"SUBSCRIBE","params":["btcusdt@depth20@100ms","btcusdt@kline_1m"],"id":1}"#,
    r#"{"method":"SET_PROPERTY","params":["combined",true],"id":"abc"}"#,
];

const LEVERS: [(&str, &str, &str); 3] = [
    (
        "POST",
        "market",
        r#"{"symbol":"BTCUSDT","mid":"60000","spread":"2","quantity":"5","bids":[["59000","1"]],"asks":[["62000","1"]],"trade":{"price":"61000","quantity":"1.5","side":"BUY"}}"#,
    ),
    (
        "POST",
        "faults",
        r#"[{"kind":"timeout","operation":"order.place","ms":5},{"kind":"disconnect","after_ms":100},{"kind":"clock_offset","offset_ms":5000}]"#,
    ),
    (
        "POST",
        "market",
        r#"{"deposit":{"account":"practice","asset":"BTC","amount":"1.5"}}"#,
    ),
];

/// Replaces what stands after the `at`-th of these marks, up to the next end of a value.
fn with_word(text: &str, marks: &[char], ends: &[char], at: usize, word: &str) -> String {
    let places: Vec<usize> = text.match_indices(marks).map(|(at, _)| at + 1).collect();
    let Some(from) = places.get(at % places.len().max(1)) else {
        return text.to_owned();
    };
    let rest = &text[*from..];
    let length = rest.find(ends).unwrap_or(rest.len());
    format!("{}{word}{}", &text[..*from], &rest[length..])
}

/// A text of the list, with some values replaced and some bytes changed.
fn spoilt(
    texts: &'static [&'static str],
    marks: &'static [char],
    ends: &'static [char],
) -> impl Strategy<Value = String> {
    let words = proptest::collection::vec((0usize..40, 0..WORDS.len()), 0..4);
    let bytes = proptest::collection::vec((0usize..400, any::<u8>()), 0..2);
    (0..texts.len(), words, bytes).prop_map(move |(index, words, bytes)| {
        let mut text = texts[index].to_owned();
        for (at, word) in words {
            text = with_word(&text, marks, ends, at, WORDS[word]);
        }
        let mut raw = text.into_bytes();
        for (at, byte) in bytes {
            let at = at % raw.len();
            raw[at] = byte;
        }
        String::from_utf8_lossy(&raw).into_owned()
    })
}

fn run<F: Future<Output = ()>>(scenario: impl FnOnce(PracticeExchange) -> F) {
    let mut config = ExchangeConfig::default();
    config.market.synthetic.enabled = false;
    run_with(&config, |exchange| {
        let market = json!({"symbol": "BTCUSDT", "bids": [["59999", "1"], ["59000", "2"]], "asks": [["60001", "1"], ["61000", "2"]]});
        exchange.practice("POST", "market", &market.to_string());
        scenario(exchange)
    });
}

/// Runs a scenario on an exchange of this configuration, if it is one.
fn run_with<F: Future<Output = ()>>(
    config: &ExchangeConfig,
    scenario: impl FnOnce(PracticeExchange) -> F,
) {
    count_panics();
    let before = PANICS.get();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let clock = Clock::starting_at(START_US);
        match PracticeExchange::new(config, clock) {
            Ok(exchange) => scenario(exchange).await,
            Err(error) => assert!(config.check().is_err(), "{error}"),
        }
    });
    let panics = PANICS.get() - before;
    assert_eq!(panics, 0, "the exchange panicked");
}

/// Sends bytes and reads until the exchange says nothing more for a second of its time.
async fn talk(stream: &mut DuplexStream, bytes: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    let talk = async {
        if stream.write_all(bytes).await.is_ok() {
            let mut part = [0; 4_096];
            while let Ok(read @ 1..) = stream.read(&mut part).await {
                heard.extend_from_slice(&part[..read]);
            }
        }
    };
    drop(tokio::time::timeout(Duration::from_secs(1), talk).await);
    heard
}

fn connect(exchange: &PracticeExchange) -> DuplexStream {
    let (client, server) = tokio::io::duplex(1 << 20);
    drop(tokio::task::spawn_local(exchange.serve_stream(server)));
    client
}

fn percent(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'=' | b'&' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
        other if other.is_ascii_alphanumeric() => char::from(other).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encoded).collect()
}

async fn rest(exchange: &PracticeExchange, line: &str) -> Vec<u8> {
    let mut parts = line.splitn(3, ' ');
    let mut part = || parts.next().unwrap_or_default();
    let (verb, path, query) = (part(), part(), percent(part()));
    let query = format!("{query}&timestamp={}", exchange.clock().now_us() / 1_000);
    let signature = support::sign(&query);
    let request = format!(
        "{verb} {path}?{query}&signature={signature} HTTP/1.1\r\nHost: practice\r\nX-MBX-APIKEY: {EXAMPLE_API_KEY}\r\n\r\n"
    );
    talk(&mut connect(exchange), request.as_bytes()).await
}

async fn websocket(exchange: &PracticeExchange, path: &str) -> DuplexStream {
    let mut stream = connect(exchange);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: practice\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let answer = talk(&mut stream, request.as_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    stream
}

/// A text frame of a client, under a mask of zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    [
        &[0x81, 0x80 | 126],
        length.as_slice(),
        &[0; 4],
        text.as_bytes(),
    ]
    .concat()
}

fn signed(exchange: &PracticeExchange, text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(mut request) if request["params"].is_object() => {
            let params = request["params"].take();
            request["params"] = support::signed_params(exchange.clock().now_us() / 1_000, params);
            request.to_string()
        }
        _ => text.to_owned(),
    }
}

#[test]
fn what_is_spoilt_here_is_good_before() {
    run(|exchange| async move {
        for line in REQUESTS {
            let answer = String::from_utf8(rest(&exchange, line).await).unwrap();
            let is_read = !answer.contains("-11") && !answer.contains("-1022");
            assert!(is_read, "{line}\n{answer}");
        }
        let mut socket = websocket(&exchange, "/ws-api/v3").await;
        for message in &MESSAGES[..4] {
            let answer = talk(&mut socket, &frame(&signed(&exchange, message))).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(
                !answer.contains("-10") && !answer.contains("-11"),
                "{message}\n{answer}"
            );
        }
        for (verb, path, body) in LEVERS {
            assert_eq!(exchange.practice(verb, path, body).0, 200, "{body}");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_rest_request_panics(
        lines in proptest::collection::vec(spoilt(&REQUESTS, &['=', '/'], &['&', ' ', '/']), 1..6),
        raw in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        run(|exchange| async move {
            for line in &lines {
                rest(&exchange, line).await;
            }
            talk(&mut connect(&exchange), &raw).await;
            drop(exchange.record());
        });
    }

    #[test]
    fn no_message_on_a_socket_panics(
        lines in proptest::collection::vec(spoilt(&MESSAGES, &[':', '['], &[',', '}', ']']), 1..6),
        raw in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        run(|exchange| async move {
            for path in ["/ws-api/v3", "/ws/btcusdt@trade", "/stream?streams=btcusdt@depth"] {
                let mut socket = websocket(&exchange, path).await;
                for line in &lines {
                    talk(&mut socket, &[frame(line), frame(&signed(&exchange, line))].concat()).await;
                }
                talk(&mut socket, &raw).await;
            }
            drop(exchange.record());
        });
    }

    #[test]
    fn no_lever_panics(
        index in 0..LEVERS.len(),
        words in proptest::collection::vec((0usize..40, 0..WORDS.len()), 0..4),
        then in spoilt(&REQUESTS, &['='], &['&']),
    ) {
        run(|exchange| async move {
            let (verb, path, body) = LEVERS[index];
            let mut body = body.to_owned();
            for (at, word) in words {
                let word = format!("\"{}\"", WORDS[word]);
                body = with_word(&body, &[':', '['], &[',', '}', ']'], at, &word);
            }
            exchange.practice(verb, path, &body);
            for line in [then.as_str(), REQUESTS[1], REQUESTS[2]] {
                rest(&exchange, line).await;
            }
            drop(exchange.record());
        });
    }

    #[test]
    fn no_configuration_panics_and_one_that_passes_makes_an_exchange(
        words in proptest::collection::vec((0usize..80, 0..WORDS.len()), 0..3),
        bytes in proptest::collection::vec((0usize..1_200, any::<u8>()), 0..2),
    ) {
        const TEXT: &str = r#"seed = 7
faults = [{ kind = "clock_offset", offset_ms = 5000 }, { kind = "timeout", operation = "order.place", ms = 500 }]
accounts = [{ id = "main", balances = { BTC = "1.5", USDT = "100000" }, maker_commission = "0.0002", bnb_discount = "0.75", keys = [{ api_key = "k", secret = "s" }] }]
instruments = [{ base = "BTC", quote = "USDT", tick = "0.01", step = "0.00001", max_price = "1000000", max_quantity = "9000", max_market_quantity = "100", min_notional = "5", last_price = "60000" }]
market = { synthetic = { updates_per_second = 50.0, trades_per_second = 4.0, volatility_bps = 5.0, spread_ticks = 2, levels = 60, level_value = 20000.0, trade_value = 1000.0 } }
limits = { weight_per_minute = 6000, orders_per_10_seconds = 10, ban_seconds = 120 }
"#;
        let mut text = TEXT.to_owned();
        for (at, word) in words {
            let quote = if at % 2 == 0 { "'" } else { "" };
            let word = format!(" {quote}{}{quote}", WORDS[word]);
            text = with_word(&text, &['='], &[',', '}', ']', '\n'], at, &word);
        }
        let mut raw = text.into_bytes();
        for (at, byte) in bytes {
            let at = at % raw.len();
            raw[at] = byte;
        }
        if let Ok(config) = ExchangeConfig::from_toml(&String::from_utf8_lossy(&raw)) {
            run_with(&config, |_| async {
                tokio::time::sleep(Duration::from_secs(1)).await;
            });
        }
    }

    #[test]
    fn no_recording_panics(
        words in proptest::collection::vec((0usize..60, 0..WORDS.len()), 0..4),
        bytes in proptest::collection::vec((0usize..900, any::<u8>()), 0..3),
    ) {
        const LINES: &str = concat!(
            r#"1000000000 {"lastUpdateId":10,"bids":[["100","1"],["99","5"]],"asks":[["101","2"],["102","5"]]}"#, "\n",
            r#"1001000000 {"stream":"btcusdt@depth@100ms","data":{"U":11,"u":12,"b":[["100","4"],["98","1"]],"a":[]}}"#, "\n",
            r#"1002000000 {"stream":"btcusdt@trade","data":{"t":7,"p":"100","q":"0.5","m":true}}"#, "\n",
            r#"1003000000 {"stream":"btcusdt@bookTicker","data":{"u":13,"b":"100","B":"2","a":"101","A":"1"}}"#, "\n",
        );
        let mut text = LINES.to_owned();
        for (at, word) in words {
            text = with_word(&text, &[':', '['], &[',', '}', ']'], at, &format!("\"{}\"", WORDS[word]));
        }
        let mut raw = text.into_bytes();
        for (at, byte) in bytes {
            let at = at % raw.len();
            raw[at] = byte;
        }
        let name = format!("tripline-any-bytes-{}-{:?}", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, &raw).unwrap();
        let start = Time(START_US);
        let mut exchange = Exchange::new(ExchangeConfig::default().settings().unwrap(), start);
        let replay = ReplayConfig {
            symbol: "BTCUSDT".parse().unwrap(),
            files: vec![path.clone()],
            recorded: None,
            speed: 1.0,
            repeat: true,
        };
        let mut config = MarketConfig { replay: vec![replay], ..MarketConfig::default() };
        config.synthetic.enabled = false;
        let mut market = Market::new(&config, &mut exchange, 1, start).unwrap();
        market.advance(&mut exchange, start.plus(500_000));
        std::fs::remove_file(&path).unwrap();
    }
}
