//! The very same server over a pipe in memory, under Tokio's paused clock.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of tests fails where it goes wrong"
)]

mod support;

use std::time::Duration;

use actix_codec::Framed;
use actix_http::ws::{Codec, Frame, Item, Message};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::LocalSet;
use tokio::time::Instant;
use tripline_exchange::faults::{FaultSpec, Kind};
use tripline_exchange::{Clock, ExchangeConfig, PracticeExchange};

const START_US: i64 = 1_790_000_000_000_000;

fn exchange() -> PracticeExchange {
    let mut config = ExchangeConfig::default();
    config.market.synthetic.enabled = false;
    PracticeExchange::new(&config, Clock::starting_at(START_US)).unwrap()
}

fn connect(exchange: &PracticeExchange) -> DuplexStream {
    let (client, server) = tokio::io::duplex(1 << 20);
    drop(tokio::task::spawn_local(exchange.serve_stream(server)));
    client
}

/// Reads one response: its head, and its body by the announced length.
async fn read_response(stream: &mut DuplexStream) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |text| text.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

async fn get(stream: &mut DuplexStream, path: &str) -> Value {
    let request = format!("GET {path} HTTP/1.1\r\nHost: practice\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    serde_json::from_str(&read_response(stream).await.1).unwrap()
}

async fn socket(exchange: &PracticeExchange, path: &str) -> Framed<DuplexStream, Codec> {
    let mut stream = connect(exchange);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: practice\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let (head, _) = read_response(&mut stream).await;
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(
        head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{head}"
    );
    assert!(
        !head.contains("permessage-deflate"),
        "compression is never agreed to: {head}"
    );
    Framed::new(stream, Codec::new().client_mode())
}

#[tokio::test(start_paused = true)]
async fn the_clock_moves_with_virtual_time_only() {
    let scenario = async {
        let exchange = exchange();
        let mut stream = connect(&exchange);
        assert_eq!(
            get(&mut stream, "/api/v3/time").await["serverTime"],
            START_US / 1_000
        );
        tokio::time::sleep(Duration::from_secs(86_400)).await;
        let later = get(&mut connect(&exchange), "/api/v3/time").await;
        assert_eq!(later["serverTime"], START_US / 1_000 + 86_400_000);
    };
    LocalSet::new().run_until(scenario).await;
}

#[tokio::test(start_paused = true)]
async fn pings_come_every_twenty_seconds_and_silence_closes_after_a_minute() {
    let scenario = async {
        let exchange = exchange();
        let mut ws = socket(&exchange, "/ws").await;
        let began = Instant::now();
        let mut pings = Vec::new();
        while let Some(Ok(frame)) = ws.next().await {
            match frame {
                Frame::Ping(_) => pings.push(began.elapsed().as_secs()),
                Frame::Close(_) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(pings, [20, 40, 60]);
        assert_eq!(
            began.elapsed().as_secs(),
            80,
            "a minute after the first ping without a pong"
        );
    };
    LocalSet::new().run_until(scenario).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_answers_lives_for_24_hours() {
    let scenario = async {
        let exchange = exchange();
        let mut ws = socket(&exchange, "/ws-api/v3").await;
        let began = Instant::now();
        while let Some(Ok(frame)) = ws.next().await {
            match frame {
                Frame::Ping(payload) => ws.send(Message::Pong(payload)).await.unwrap(),
                Frame::Close(_) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(began.elapsed().as_secs(), 86_400);
    };
    LocalSet::new().run_until(scenario).await;
}

#[tokio::test(start_paused = true)]
async fn a_pong_with_another_payload_does_not_keep_a_connection_alive() {
    let scenario = async {
        let exchange = exchange();
        let mut ws = socket(&exchange, "/ws").await;
        let began = Instant::now();
        while let Some(Ok(frame)) = ws.next().await {
            match frame {
                Frame::Ping(_) => ws.send(Message::Pong("me".into())).await.unwrap(),
                _ => break,
            }
        }
        assert_eq!(began.elapsed().as_secs(), 80);
    };
    LocalSet::new().run_until(scenario).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_let_go_of() {
    let scenario = async {
        let exchange = exchange();
        let mut ws = socket(&exchange, "/ws-api/v3").await;
        let request = json!({"id": 1, "method": "exchangeInfo"}).to_string();
        for _ in 0..300 {
            ws.send(Message::Text(request.clone().into()))
                .await
                .unwrap();
        }
        tokio::time::sleep(Duration::from_secs(120)).await;
        let mut read = 0;
        while let Some(Ok(_)) = ws.next().await {
            read += 1;
        }
        assert!(
            read < 300,
            "more than the pipe holds was never sent: {read}"
        );
    };
    LocalSet::new().run_until(scenario).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_in_pieces_is_one_message_and_one_that_is_too_large_ends_the_connection() {
    let scenario = async {
        let exchange = exchange();
        let mut ws = socket(&exchange, "/ws-api/v3").await;
        let pieces = [r#"{"id":1,"#, r#""method":"#, r#""ping"}"#]
            .map(|piece| Bytes::from_static(piece.as_bytes()));
        let [first, second, last] = pieces;
        for item in [
            Item::FirstText(first),
            Item::Continue(second),
            Item::Last(last),
        ] {
            ws.send(Message::Continuation(item)).await.unwrap();
        }
        let answer = said(&mut ws).await;
        assert!(
            answer[0].starts_with(r#"{"id":1,"status":200"#),
            "{answer:?}"
        );
        let piece = Bytes::from(vec![b' '; 1 << 19]);
        for item in [
            Item::FirstText(piece.clone()),
            Item::Continue(piece.clone()),
            Item::Last(piece),
        ] {
            ws.send(Message::Continuation(item)).await.unwrap();
        }
        assert_eq!(said(&mut ws).await, ["closed"]);
    };
    LocalSet::new().run_until(scenario).await;
}

#[tokio::test(start_paused = true)]
async fn every_candle_is_closed_once_and_in_order() {
    let scenario = async {
        let exchange = exchange();
        let levels = json!({"symbol": "BTCUSDT", "asks": [["60001", "9"]]}).to_string();
        assert_eq!(exchange.practice("POST", "market", &levels).0, 200);
        let trade = json!({"price": "60001", "quantity": "1", "side": "BUY"});
        let trade = json!({"symbol": "BTCUSDT", "trade": trade}).to_string();
        assert_eq!(exchange.practice("POST", "market", &trade).0, 200);
        let mut ws = socket(&exchange, "/ws/btcusdt@kline_1s").await;
        let mut closed = Vec::new();
        while closed.len() < 60 {
            match ws.next().await.unwrap().unwrap() {
                Frame::Text(text) => {
                    let message: Value = serde_json::from_slice(&text).unwrap();
                    if message["k"]["x"] == true {
                        closed.push(message["k"]["t"].as_i64().unwrap() / 1_000);
                    }
                }
                Frame::Ping(payload) => ws.send(Message::Pong(payload)).await.unwrap(),
                other => panic!("{other:?}"),
            }
        }
        assert!(
            closed.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "{closed:?}"
        );
    };
    LocalSet::new().run_until(scenario).await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_request_takes_its_ten_seconds_of_virtual_time() {
    let scenario = async {
        let exchange = exchange();
        exchange.set_fault(FaultSpec::new(Kind::Timeout)).unwrap();
        let began = Instant::now();
        let answer = get(&mut connect(&exchange), "/api/v3/time").await;
        assert_eq!(
            (answer["code"].as_i64(), began.elapsed().as_secs()),
            (Some(-1007), 10)
        );
    };
    LocalSet::new().run_until(scenario).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_hour_of_market() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let scenario = async {
            let exchange =
                PracticeExchange::new(&ExchangeConfig::default(), Clock::starting_at(START_US))
                    .unwrap();
            let mut ws = socket(&exchange, "/ws/btcusdt@trade").await;
            let mut trades = Vec::new();
            while trades.len() < 200 {
                match ws.next().await.unwrap().unwrap() {
                    Frame::Text(text) => trades.push(String::from_utf8(text.to_vec()).unwrap()),
                    Frame::Ping(payload) => ws.send(Message::Pong(payload)).await.unwrap(),
                    other => panic!("{other:?}"),
                }
            }
            trades
        };
        runs.push(LocalSet::new().run_until(scenario).await);
    }
    assert_eq!(runs[0], runs[1]);
    let first: Value = serde_json::from_str(&runs[0][0]).unwrap();
    assert_eq!(first["e"], json!("trade"));
}

/// Everything that the exchange says on a socket until it ends, or says nothing for a while.
async fn said(ws: &mut Framed<DuplexStream, Codec>) -> Vec<String> {
    let mut texts = Vec::new();
    while let Ok(frame) = tokio::time::timeout(Duration::from_secs(15), ws.next()).await {
        match frame {
            Some(Ok(Frame::Text(text))) => texts.push(String::from_utf8(text.to_vec()).unwrap()),
            Some(Ok(Frame::Close(_))) => {
                texts.push("closed".into());
                break;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => {
                texts.push("cut".into());
                break;
            }
        }
    }
    texts
}

/// What a WebSocket API connection that trades and listens hears in the time of a fault that acts once,
/// ten seconds after the start, and how many orders the exchange knows at the end.
async fn after_ten_seconds(fault: &str) -> (Vec<String>, usize) {
    let text = format!(
        "[market.synthetic]\nenabled = false\n[[faults]]\nafter_ms = 10000\nkind = {fault}"
    );
    let config = ExchangeConfig::from_toml(&text).unwrap();
    let exchange = PracticeExchange::new(&config, Clock::starting_at(START_US)).unwrap();
    let mut ws = socket(&exchange, "/ws-api/v3?returnRateLimits=false").await;
    let order = json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "quantity": "0.001", "price": "59000", "newOrderRespType": "ACK",
    });
    let requests = [
        ("userDataStream.subscribe.signature", json!({})),
        ("order.place", order),
    ];
    for (method, params) in requests {
        let params = support::signed_params(START_US / 1_000, params);
        let request = json!({"id": method, "method": method, "params": params}).to_string();
        ws.send(Message::Text(request.into())).await.unwrap();
    }
    let mut heard = said(&mut ws).await;
    assert!(heard.len() >= 4, "two answers, two events: {heard:?}");
    let record = exchange.record();
    let orders = record["accounts"][0]["orders"].as_array().unwrap().len();
    (heard.split_off(4), orders)
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_acts_once_waits_for_its_time() {
    let scenario = async {
        let word = |heard: &[String], part: &str| heard.len() == 1 && heard[0].contains(part);
        let (heard, orders) = after_ten_seconds("'disconnect'").await;
        assert!(heard == ["cut"] && orders == 1, "{heard:?}");
        let (heard, _) = after_ten_seconds("'end_event_stream'").await;
        assert!(word(&heard, "eventStreamTerminated"), "{heard:?}");
        let (heard, orders) = after_ten_seconds("'monthly_reset'").await;
        assert!(heard.is_empty() && orders == 0, "{heard:?}");
        let (heard, _) = after_ten_seconds("'server_shutdown'\nms = 1000").await;
        assert!(heard[0].contains("serverShutdown"), "{heard:?}");
        assert_eq!(heard[1..], ["closed"]);
    };
    LocalSet::new().run_until(scenario).await;
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_waits_can_be_removed_before_its_time() {
    let scenario = async {
        let exchange = exchange();
        let later = FaultSpec {
            after_ms: Some(5_000),
            ..FaultSpec::new(Kind::Disconnect)
        };
        let id = exchange.set_fault(later).unwrap();
        let mut ws = socket(&exchange, "/ws").await;
        let (status, _) = exchange.practice("DELETE", &format!("faults/{id}"), "");
        assert_eq!(status, 200);
        let first = tokio::time::timeout(Duration::from_secs(19), ws.next()).await;
        assert!(first.is_err(), "nothing happened: {first:?}");
    };
    LocalSet::new().run_until(scenario).await;
}
