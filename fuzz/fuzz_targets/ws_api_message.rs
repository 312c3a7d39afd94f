//! Messages of the WebSocket API as a session of the engine takes them: answers, errors, events.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripline_actors::venue::binance::wire::time::TimeUnit;
use tripline_actors::venue::binance::ws::offline::Offline;
use tripline_engine::order::{NewOrder, Side};

fuzz_target!(|text: &str| {
    let (Ok(symbol), Ok(quantity), Ok(price)) =
        ("BTCUSDT".parse(), "0.002".parse(), "50000".parse())
    else {
        return;
    };
    let terms = NewOrder::limit(symbol, Side::Buy, quantity, price);
    let session = Offline::new(TimeUnit::Millisecond);
    for line in text.lines() {
        session.take(line, &terms);
    }
});
