//! Answers from the test data of other clients, read by our decoders: each is read, or refused for a
//! reason that is written down here.

use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;
use tripline_engine::ids::Symbol;
use tripline_engine::messages::market::KlineInterval;
use tripline_engine::messages::order::ReportSource;
use tripline_engine::order::{NewOrder, Side};
use tripline_engine::time::Timestamp;

use super::decode::DecodeError;
use super::time::TimeUnit;
use super::{account, exchange_info, klines, market, order};

/// The files of a tar archive: 512-byte headers with the name at 0 and the size in octal at 124.
fn archive(name: &str) -> Vec<(String, String)> {
    let folder = std::env::var_os("TRIPLINE_CAPTURES")
        .expect("TRIPLINE_CAPTURES names the folder of recordings");
    let file =
        std::fs::File::open(PathBuf::from(folder).join("protocol-fixtures").join(name)).unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    let text = |field: &[u8]| {
        String::from_utf8_lossy(field)
            .trim_matches(['\0', ' '])
            .to_owned()
    };
    let (mut files, mut at) = (Vec::new(), 0);
    while at + 512 <= bytes.len() && bytes[at] != 0 {
        let size = usize::from_str_radix(&text(&bytes[at + 124..at + 136]), 8).unwrap();
        let content = String::from_utf8_lossy(&bytes[at + 512..at + 512 + size]);
        files.push((text(&bytes[at..at + 100]), content.into_owned()));
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

pub(super) type Outcome = Result<usize, DecodeError>;

/// What each decoder makes of a text, as the number of things read.
pub(super) fn read(decoder: &str, text: &str) -> Outcome {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let terms = NewOrder::market(symbol, Side::Buy, "1".parse().unwrap());
    let (now, unit) = (Timestamp::EPOCH, TimeUnit::Millisecond);
    match decoder {
        "placed" => order::placed(text, &terms, unit).map(|_| 1),
        "order" => order::order(text, ReportSource::Query, unit).map(|_| 1),
        "amended" => order::amended(text, unit).map(|_| 1),
        "orders" => order::orders(text, unit).map(|orders| orders.len()),
        "canceled_all" => order::canceled_all(text, unit).map(|orders| orders.len()),
        "cancel_replaced" => order::cancel_replaced(text, &terms, unit).map(|_| 1),
        "account" => account::account(text, unit).map(|account| account.balances.len()),
        "trades" => account::trades(text, unit).map(|trades| trades.len()),
        "exchange_info" => exchange_info::exchange_info(text).map(|info| info.instruments.len()),
        "klines" => klines::klines(text, symbol, KlineInterval::OneMinute, now, now, unit)
            .map(|rows| rows.len()),
        "depth" => market::decode_depth_snapshot(symbol, text, now).map(|depth| depth.bids.len()),
        other => panic!("no decoder {other}"),
    }
}

/// Which decoder an answer is for, by the name of its file.
fn decoder(file: &str) -> Option<&'static str> {
    let name = file.rsplit('/').next()?.split('.').next()?;
    Some(match name {
        "limit_buy"
        | "limit_sell"
        | "market_buy"
        | "market_sell"
        | "stop_limit_buy"
        | "stop_limit_sell"
        | "market_buy_using_quote_quantity"
        | "market_sell_using_quote_quantity"
        | "PlaceOrder" => "placed",
        "order_status" | "GetOrder" | "cancel_order" | "CancelOrder" => "order",
        "AmendOrder" => "amended",
        "get_open_orders" | "GetOpenOrders" | "GetOrders" => "orders",
        "cancel_all_open_orders" | "CancelAllOrders" => "canceled_all",
        "ReplaceOrder" => "cancel_replaced",
        "get_account" | "GetAccountInfo" => "account",
        "trade_history" | "GetUserTrades" => "trades",
        "exchange_info" | "GetExchangeInfo" => "exchange_info",
        "get_klines" | "GetKlines" | "GetUIKlines" | "GetUiKlines" => "klines",
        "get_depth" | "GetOrderBook" => "depth",
        _ => return None,
    })
}

/// Answers that the venue does not give (any more), by the end of the file's name, with the reason.
const REFUSED: &[(&str, &str)] = &[
    // Of the years before answers to cancels carried a time.
    ("mocks/account/cancel_order.json", "none of 'transactTime'"),
    (
        "mocks/account/cancel_all_open_orders.json",
        "none of 'transactTime'",
    ),
    // Wrapped in `data` without the error that it belongs to.
    (
        "Endpoints/Spot/Trading/ReplaceOrder.txt",
        "missing field `cancelResult`",
    ),
    // With an empty object for a rate limit, as older documentation printed it.
    (
        "Endpoints/Spot/ExchangeData/GetExchangeInfo.txt",
        "missing field `rateLimitType`",
    ),
];

fn check(file: &str, text: &str, seen: &mut Vec<String>) {
    let Some(decoder) = decoder(file) else { return };
    let refusal = REFUSED
        .iter()
        .find(|(end, _)| file.ends_with(end))
        .map(|(_, reason)| *reason);
    match (read(decoder, text), refusal) {
        (Ok(things), None) => assert!(things > 0 || decoder == "account", "{file}: nothing read"),
        (Err(error), Some(reason)) => {
            assert!(error.to_string().contains(reason), "{file}: {error}")
        }
        (Ok(_), Some(reason)) => panic!("{file} was read, although: {reason}"),
        (Err(error), None) => panic!("{file}: {error}"),
    }
    seen.push(file.to_owned());
}

#[test]
#[ignore = "needs recorded market data: set TRIPLINE_CAPTURES"]
fn the_answers_that_other_clients_recorded_are_read_or_refused_for_a_known_reason() {
    let mut seen = Vec::new();
    for (file, text) in archive("binance-rs-mocks.tar.gz") {
        if !file.contains("/futures/") {
            check(&file, &text, &mut seen);
        }
    }
    for (file, text) in archive("jkorf-binance-net-fixtures.tar.gz") {
        if file.contains("/Endpoints/Spot/") {
            // Method, path and whether it is signed come first.
            let json = text.splitn(4, '\n').nth(3).unwrap_or_default();
            check(&file, json, &mut seen);
        } else if file.contains("/Socket/Spot/") {
            #[derive(Deserialize)]
            struct Answered<'a> {
                #[serde(borrow)]
                result: &'a RawValue,
            }
            let json = text.split_once("\n=").map_or("", |(_, answer)| answer);
            if let Ok(answered) = serde_json::from_str::<Answered<'_>>(json) {
                check(&file, answered.result.get(), &mut seen);
            }
        }
    }
    assert!(seen.len() >= 30, "only {} answers: {seen:#?}", seen.len());
}
