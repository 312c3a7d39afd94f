//! REST requests and `/practice`, as bytes over a pipe: each line is `VERB PATH QUERY BODY`, signed here.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripline_fuzz::{connect, exchange_bytes, http_request, scenario};

fuzz_target!(|text: &str| {
    scenario(|exchange| async move {
        for line in text.lines().take(20) {
            let mut stream = connect(&exchange);
            let request = http_request(line, exchange.clock().now_us());
            exchange_bytes(&mut stream, &request).await;
        }
        drop(exchange.record());
    });
});
