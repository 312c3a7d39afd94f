//! Frames of the market streams, combined and raw.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripline_actors::venue::binance::wire::frame::{decode_bytes, decode_raw, stream_name, stream_symbol};
use tripline_actors::venue::binance::wire::time::TimeUnit;
use tripline_engine::time::Timestamp;

fuzz_target!(|bytes: &[u8]| {
    let now = Timestamp::from_millis(1_795_000_000_000);
    for unit in [TimeUnit::Millisecond, TimeUnit::Microsecond] {
        drop(decode_bytes(bytes, unit, now));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        for stream in ["btcusdt@depth20", "btcusdt@trade", "btcusdt@depth@100ms", "btcusdt@kline_1m"] {
            drop(decode_raw(stream, text, TimeUnit::Millisecond, now));
        }
        stream_name(text).and_then(stream_symbol);
    }
});
