//! The practice exchange's stream connections: the first line names streams, the others are control
//! messages; after a NUL the rest are the raw bytes of a client.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripline_fuzz::{exchange_bytes, frame, scenario, websocket};

fuzz_target!(|bytes: &[u8]| {
    let (text, raw) = match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[][..]),
    };
    let text = String::from_utf8_lossy(text);
    scenario(|exchange| async move {
        let mut lines = text.lines();
        let names: String = lines
            .next()
            .unwrap_or_default()
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let mut socket = websocket(&exchange, &format!("/stream?streams={names}")).await;
        let mut plain = websocket(&exchange, &format!("/ws/{names}?timeUnit=MICROSECOND")).await;
        for line in lines.take(20) {
            exchange_bytes(&mut socket, &frame(line)).await;
        }
        let trade = r#"{"symbol":"BTCUSDT","mid":"60000","trade":{"price":"61000","quantity":"0.5","side":"BUY"}}"#;
        exchange.practice("POST", "market", trade);
        exchange_bytes(&mut socket, raw).await;
        exchange_bytes(&mut plain, raw).await;
    });
});
