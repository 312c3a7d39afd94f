//! Stream messages as JSON (Binance Spot API docs, `web-socket-streams.md`).

use serde_json::{Value, json};
use tripline_engine::ids::Symbol;

use crate::api::{Statistics, best, levels, trade_id};
use crate::model::{AggregateTrade, BookTicker, Candle, Depth, Interval, Side, Trade};
use crate::wire::render::{TimeUnit, amount};

use super::depth::Pending;

/// The hot path: no intermediate JSON value. It carries neither `e` nor `E`.
pub fn book_ticker(ticker: &BookTicker) -> String {
    let ((bid, bid_qty), (ask, ask_qty)) = (best(ticker.bid), best(ticker.ask));
    let (id, symbol) = (ticker.update_id, ticker.symbol);
    format!(
        r#"{{"u":{id},"s":"{symbol}","b":"{bid}","B":"{bid_qty}","a":"{ask}","A":"{ask_qty}"}}"#
    )
}

pub fn trade(trade: &Trade, unit: TimeUnit) -> String {
    let body = json!({
        "e": "trade",
        "E": unit.of(trade.time.0),
        "s": trade.symbol,
        "t": trade.trade_id,
        "p": amount(trade.price.value()),
        "q": amount(trade.quantity.value()),
        "T": unit.of(trade.time.0),
        "m": trade.buyer_is_maker,
        "M": true,
    });
    body.to_string()
}

pub fn aggregate_trade(symbol: Symbol, trade: &AggregateTrade, unit: TimeUnit) -> String {
    let body = json!({
        "e": "aggTrade",
        "E": unit.of(trade.time.0),
        "s": symbol,
        "a": trade.id,
        "p": amount(trade.price.value()),
        "q": amount(trade.quantity.value()),
        "f": trade.first_trade,
        "l": trade.last_trade,
        "T": unit.of(trade.time.0),
        "m": trade.buyer_is_maker,
        "M": true,
    });
    body.to_string()
}

pub fn kline(
    symbol: Symbol,
    interval: Interval,
    candle: &Candle,
    closed: bool,
    unit: TimeUnit,
    now_us: i64,
) -> String {
    let body = json!({
        "e": "kline",
        "E": unit.of(now_us),
        "s": symbol,
        "k": {
            "t": unit.of(candle.open_time.0),
            "T": unit.of(candle.close_time.0),
            "s": symbol,
            "i": interval.as_str(),
            "f": trade_id(candle.first_trade),
            "L": trade_id(candle.last_trade),
            "o": amount(candle.open.value()),
            "c": amount(candle.close.value()),
            "h": amount(candle.high.value()),
            "l": amount(candle.low.value()),
            "v": amount(candle.volume.value()),
            "n": candle.trades,
            "x": closed,
            "q": amount(candle.quote_volume.value()),
            "V": amount(candle.taker_buy_volume.value()),
            "Q": amount(candle.taker_buy_quote.value()),
            "B": "0",
        },
    });
    body.to_string()
}

pub fn mini_ticker(symbol: Symbol, found: &Statistics, unit: TimeUnit, now_us: i64) -> Value {
    let candle = &found.candle;
    json!({
        "e": "24hrMiniTicker",
        "E": unit.of(now_us),
        "s": symbol,
        "c": amount(candle.close.value()),
        "o": amount(candle.open.value()),
        "h": amount(candle.high.value()),
        "l": amount(candle.low.value()),
        "v": amount(candle.volume.value()),
        "q": amount(candle.quote_volume.value()),
    })
}

pub fn ticker(symbol: Symbol, found: &Statistics, unit: TimeUnit, now_us: i64) -> String {
    let candle = &found.candle;
    let ((bid, bid_qty), (ask, ask_qty)) = (best(found.book.bid), best(found.book.ask));
    let body = json!({
        "e": "24hrTicker",
        "E": unit.of(now_us),
        "s": symbol,
        "p": amount(found.change),
        "P": format!("{:.3}", found.change_percent),
        "w": amount(found.average),
        "x": amount(candle.open.value()),
        "c": amount(candle.close.value()),
        "Q": amount(found.last_quantity.value()),
        "b": bid,
        "B": bid_qty,
        "a": ask,
        "A": ask_qty,
        "o": amount(candle.open.value()),
        "h": amount(candle.high.value()),
        "l": amount(candle.low.value()),
        "v": amount(candle.volume.value()),
        "q": amount(candle.quote_volume.value()),
        "O": unit.of(candle.open_time.0),
        "C": unit.of(candle.close_time.0),
        "F": trade_id(candle.first_trade),
        "L": trade_id(candle.last_trade),
        "n": candle.trades,
    });
    body.to_string()
}

/// `now` is the event's time, `traded` that of the last trade.
pub fn average_price(
    symbol: Symbol,
    price: rust_decimal::Decimal,
    [now, traded]: [i64; 2],
) -> String {
    json!({"e": "avgPrice", "E": now, "s": symbol, "i": "5m", "w": amount(price), "T": traded})
        .to_string()
}

/// No `e` and no symbol.
pub fn partial_depth(depth: &Depth) -> String {
    let body = json!({
        "lastUpdateId": depth.last_update_id,
        "bids": levels(&depth.bids),
        "asks": levels(&depth.asks),
    });
    body.to_string()
}

pub fn depth_update(symbol: Symbol, pending: &Pending, unit: TimeUnit, now_us: i64) -> String {
    let side = |wanted: Side| -> Value {
        let own = pending
            .levels
            .iter()
            .filter(|((side, _), _)| *side == wanted);
        own.map(|((_, price), quantity)| json!([amount(price.value()), amount(quantity.value())]))
            .collect()
    };
    let body = json!({
        "e": "depthUpdate",
        "E": unit.of(now_us),
        "s": symbol,
        "U": pending.first_update_id,
        "u": pending.last_update_id,
        "b": side(Side::Buy),
        "a": side(Side::Sell),
    });
    body.to_string()
}

pub fn server_shutdown(time: i64) -> String {
    json!({"e": "serverShutdown", "E": time}).to_string()
}
