//! Answers of REST and of the WebSocket API, and the sorting of errors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripline_actors::venue::binance::error::{RequestKind, classify_body};
use tripline_actors::venue::binance::wire::time::TimeUnit;
use tripline_actors::venue::binance::wire::{account, exchange_info, klines, market, order};
use tripline_engine::ids::Symbol;
use tripline_engine::messages::market::KlineInterval;
use tripline_engine::messages::order::ReportSource;
use tripline_engine::order::{NewOrder, Side};
use tripline_engine::time::Timestamp;

fuzz_target!(|input: (u16, &str)| {
    let (status, text) = input;
    let unit = TimeUnit::Millisecond;
    drop(order::order(text, ReportSource::Query, unit));
    drop(order::orders(text, unit));
    drop(order::amended(text, unit));
    drop(order::canceled_all(text, unit));
    drop(account::account(text, unit));
    drop(account::trades(text, unit));
    drop(exchange_info::exchange_info(text));
    if let (Ok(symbol), Ok(quantity)) = (Symbol::new("BTCUSDT"), "1".parse()) {
        let (now, minute) = (Timestamp::from_millis(0), KlineInterval::OneMinute);
        let terms = NewOrder::market(symbol, Side::Buy, quantity);
        drop(order::placed(text, &terms, unit));
        drop(order::cancel_replaced(text, &terms, unit));
        drop(market::decode_depth_snapshot(symbol, text, now));
        drop(klines::klines(text, symbol, minute, now, now, unit));
    }
    for kind in [RequestKind::Read, RequestKind::OrderChanging] {
        drop(classify_body(kind, status, text.as_bytes(), None));
    }
});
