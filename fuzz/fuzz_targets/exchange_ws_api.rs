//! Requests to the practice exchange's WebSocket API: each line as it is, and signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripline_fuzz::{exchange_bytes, frame, scenario, signed_request, websocket};

fuzz_target!(|text: &str| {
    scenario(|exchange| async move {
        let mut socket = websocket(&exchange, "/ws-api/v3").await;
        let subscribe = r#"{"id":0,"method":"userDataStream.subscribe.signature"}"#;
        for line in std::iter::once(subscribe).chain(text.lines()).take(20) {
            let signed = signed_request(line, exchange.clock().now_us());
            let mut bytes = frame(line);
            bytes.extend(signed.map(|signed| frame(&signed)).unwrap_or_default());
            exchange_bytes(&mut socket, &bytes).await;
        }
        drop(exchange.record());
    });
});
