//! A practice exchange in memory and under virtual time, new for each input, so that an input always
//! does the same.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use ring::hmac;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use tripline_exchange::{Clock, EXAMPLE_API_KEY, EXAMPLE_SECRET, ExchangeConfig, PracticeExchange};

const START_US: i64 = 1_790_000_000_000_000;

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without sockets"),
    );
}

/// Runs one scenario on a fresh exchange whose BTCUSDT has two levels on each side.
pub fn scenario<F: Future<Output = ()>>(run: impl FnOnce(PracticeExchange) -> F) {
    let mut config = ExchangeConfig::default();
    config.market.synthetic.enabled = false;
    config.limits.stream_messages_per_second = 1_000;
    scenario_with(&config, |exchange| {
        let market = r#"{"symbol":"BTCUSDT","bids":[["59999","1"],["59000","2"]],"asks":[["60001","1"],["61000","2"]]}"#;
        exchange.practice("POST", "market", market);
        run(exchange)
    });
}

/// Runs one scenario on a fresh exchange of a configuration that passes its check.
pub fn scenario_with<F: Future<Output = ()>>(
    config: &ExchangeConfig,
    run: impl FnOnce(PracticeExchange) -> F,
) {
    RUNTIME.with_borrow_mut(|runtime| {
        let body = async {
            let clock = Clock::starting_at(START_US);
            run(PracticeExchange::new(config, clock).expect("it passed the check")).await;
        };
        LocalSet::new().block_on(runtime, body);
    });
}

/// A client's end of a new connection.
pub fn connect(exchange: &PracticeExchange) -> DuplexStream {
    let (client, server) = tokio::io::duplex(1 << 20);
    drop(tokio::task::spawn_local(exchange.serve_stream(server)));
    client
}

/// Sends bytes and reads until the exchange says nothing more for a second of its time. A panic anywhere
/// ends the process, for the fuzzer's hook aborts.
pub async fn exchange_bytes(stream: &mut DuplexStream, bytes: &[u8]) {
    let talk = async {
        if stream.write_all(bytes).await.is_err() {
            return;
        }
        let mut answer = [0; 4096];
        while let Ok(1..) = stream.read(&mut answer).await {}
    };
    drop(tokio::time::timeout(Duration::from_secs(1), talk).await);
}

/// A WebSocket after its handshake.
pub async fn websocket(exchange: &PracticeExchange, path: &str) -> DuplexStream {
    let mut stream = connect(exchange);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: practice\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    exchange_bytes(&mut stream, request.as_bytes()).await;
    stream
}

/// A text frame of a client, under a mask of zeros.
pub fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(short @ ..126) => frame.push(0x80 | short as u8),
        Ok(long) => {
            frame.push(0x80 | 126);
            frame.extend(long.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

fn sign(payload: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, EXAMPLE_SECRET.as_bytes());
    let tag = hmac::sign(&key, payload.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `VERB PATH QUERY BODY` as a signed HTTP request; what no request line may hold is percent-encoded.
pub fn http_request(line: &str, now_us: i64) -> Vec<u8> {
    let mut parts = line.splitn(4, ' ');
    let mut part = || parts.next().unwrap_or_default();
    let (verb, path, query, body) = (part(), part(), part(), part());
    let verb = match verb {
        "POST" | "PUT" | "DELETE" => verb,
        _ => "GET",
    };
    let safe = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}?#".contains(&byte);
        let encoded = |byte: u8| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(encoded).collect()
    };
    let (path, mut query) = (safe(path.trim_start_matches('/')), safe(query));
    if !path.starts_with("practice") && !query.contains("unsigned") {
        query.push_str(&format!("&timestamp={}", now_us / 1_000));
        let signature = sign(&format!("{query}{body}"));
        query.push_str(&format!("&signature={signature}"));
    }
    let head = format!(
        "{verb} /{path}?{query} HTTP/1.1\r\nHost: practice\r\nX-MBX-APIKEY: {EXAMPLE_API_KEY}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// A request of the WebSocket API with its signature, when it is one that can be signed.
pub fn signed_request(text: &str, now_us: i64) -> Option<String> {
    let mut request: Value = serde_json::from_str(text).ok()?;
    let params = request.as_object_mut()?.entry("params").or_insert_with(|| json!({}));
    let params = params.as_object_mut()?;
    params.insert("apiKey".into(), EXAMPLE_API_KEY.into());
    params.insert("timestamp".into(), (now_us / 1_000).into());
    params.remove("signature");
    let mut pairs: Vec<(String, String)> = params
        .iter()
        .map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            (name.clone(), text)
        })
        .collect();
    pairs.sort();
    let joined: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    params.insert("signature".into(), sign(&joined.join("&")).into());
    Some(request.to_string())
}
