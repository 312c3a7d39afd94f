//! The reference: one thread on blocking sockets, hand-written parsing, an HMAC key prepared once. It
//! reads a tick, signs an order, writes it, and reads the answer before the next tick.

use std::io::Result;
use std::net::SocketAddr;

use ring::hmac;

use crate::wire::{Socket, connect};

const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

/// Trades until the exchange closes.
pub fn run(address: SocketAddr) -> Result<()> {
    let mut streams = connect(address, "/stream?streams=btcusdt@bookTicker")?;
    let mut api = connect(address, "/ws-api/v3")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let mut number = 0u64;
    while let Ok(tick) = streams.text(true) {
        let text = std::str::from_utf8(&tick).map_err(std::io::Error::other)?;
        let bid = text
            .split_once("\"b\":\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map_or("", |(bid, _)| bid);
        number += 1;
        send_order(&mut api, &key, number, bid)?;
        if api.text(true).is_err() {
            break;
        }
    }
    Ok(())
}

fn send_order(api: &mut Socket, key: &hmac::Key, number: u64, price: &str) -> Result<()> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let payload = format!(
        "apiKey={KEY}&newClientOrderId=t-bench-00000000-{number}&newOrderRespType=FULL&price={price}&quantity=0.001\
         &recvWindow=5000&side=BUY&symbol=BTCUSDT&timeInForce=IOC&timestamp={now}&type=LIMIT"
    );
    let tag = hmac::sign(key, payload.as_bytes());
    let mut signature = String::with_capacity(64);
    for byte in tag.as_ref() {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        signature.push(char::from(HEX[usize::from(byte >> 4)]));
        signature.push(char::from(HEX[usize::from(byte & 15)]));
    }
    let request = format!(
        r#"{{"id":{number},"method":"order.place","params":{{"apiKey":"{KEY}","newClientOrderId":"t-bench-00000000-{number}","newOrderRespType":"FULL","price":"{price}","quantity":"0.001","recvWindow":5000,"side":"BUY","symbol":"BTCUSDT","timeInForce":"IOC","timestamp":{now},"type":"LIMIT","signature":"{signature}"}}}}"#
    );
    api.send(1, request.as_bytes(), true)
}
