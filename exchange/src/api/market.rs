//! depth, trades, aggTrades, klines.

use serde_json::{Value, json};
use tripline_engine::ids::Symbol;
use tripline_engine::money::{Price, Quantity};

use super::Call;
use super::general::wanted_status;
use crate::core::Core;
use crate::model::{AggregateTrade, Candle, Interval, Time, Trade, Window};
use crate::wire::ApiError;
use crate::wire::render::{TimeUnit, amount};

/// The listed symbol that the call names, in the status that it wants, if it wants one.
///
/// # Errors
/// -1102, -1100, -1121, -1122, -1220.
pub fn listed_symbol(core: &Core, call: &Call<'_>) -> Result<Symbol, ApiError> {
    let symbol = call.params.symbol()?;
    let status = core.model.borrow().instrument(symbol)?.status;
    if wanted_status(call)?.is_some_and(|wanted| wanted != status) {
        return Err(ApiError::new(
            -1220,
            "The symbol's status does not match the requested symbolStatus.",
        ));
    }
    Ok(symbol)
}

/// `fromId`, `startTime`, `endTime` and `limit` as the model takes them.
///
/// # Errors
/// -1100, -1130.
pub fn window(call: &Call<'_>, id: &str, default: usize, most: usize) -> Result<Window, ApiError> {
    Ok(Window {
        from_id: if id.is_empty() {
            None
        } else {
            call.params.integer(id)?
        },
        start: call.params.time_us("startTime")?.map(Time),
        end: call.params.time_us("endTime")?.map(Time),
        limit: call.params.limit(default, most)?,
    })
}

/// Price and quantity pairs as the book streams and `depth` write them.
pub fn levels(levels: &[(Price, Quantity)]) -> Value {
    levels
        .iter()
        .map(|(price, quantity)| json!([amount(price.value()), amount(quantity.value())]))
        .collect()
}

pub fn depth(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = listed_symbol(core, call)?;
    let limit = call.params.limit(100, 5_000)?;
    let depth = core.model.borrow().depth(symbol, limit)?;
    let body = json!({
        "lastUpdateId": depth.last_update_id,
        "bids": levels(&depth.bids),
        "asks": levels(&depth.asks),
    });
    Ok(body.to_string())
}

fn trade_row(trade: &Trade, unit: TimeUnit) -> Value {
    json!({
        "id": trade.trade_id,
        "price": amount(trade.price.value()),
        "qty": amount(trade.quantity.value()),
        "quoteQty": amount(trade.quote.value()),
        "time": unit.of(trade.time.0),
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": true,
    })
}

/// `trades`, and with `fromId` `historicalTrades`.
pub fn trades(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = listed_symbol(core, call)?;
    let mut wanted = Window::newest(call.params.limit(500, 1_000)?);
    wanted.from_id = call.params.integer("fromId")?;
    let trades = core.model.borrow().trades(symbol, wanted)?;
    Ok(trades
        .iter()
        .map(|trade| trade_row(trade, call.unit))
        .collect::<Value>()
        .to_string())
}

fn aggregate_row(trade: &AggregateTrade, unit: TimeUnit) -> Value {
    json!({
        "a": trade.id,
        "p": amount(trade.price.value()),
        "q": amount(trade.quantity.value()),
        "f": trade.first_trade,
        "l": trade.last_trade,
        "T": unit.of(trade.time.0),
        "m": trade.buyer_is_maker,
        "M": true,
    })
}

pub fn aggregate_trades(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = listed_symbol(core, call)?;
    let wanted = window(call, "fromId", 500, 1_000)?;
    let trades = core.model.borrow().aggregate_trades(symbol, wanted)?;
    Ok(trades
        .iter()
        .map(|trade| aggregate_row(trade, call.unit))
        .collect::<Value>()
        .to_string())
}

fn kline_row(candle: &Candle, unit: TimeUnit) -> Value {
    json!([
        unit.of(candle.open_time.0),
        amount(candle.open.value()),
        amount(candle.high.value()),
        amount(candle.low.value()),
        amount(candle.close.value()),
        amount(candle.volume.value()),
        unit.of(candle.close_time.0),
        amount(candle.quote_volume.value()),
        candle.trades,
        amount(candle.taker_buy_volume.value()),
        amount(candle.taker_buy_quote.value()),
        "0",
    ])
}

/// `klines` and `uiKlines`. Time zones other than UTC are not offered.
pub fn klines(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = listed_symbol(core, call)?;
    let interval = call.params.required("interval")?;
    let interval =
        Interval::parse(interval).ok_or_else(|| ApiError::new(-1120, "Invalid interval."))?;
    if call.params.get("timeZone").is_some_and(|zone| zone != "0") {
        return Err(ApiError::unsupported("timeZone other than 0"));
    }
    let wanted = window(call, "", 500, 1_000)?;
    let candles = core
        .model
        .borrow()
        .klines(symbol, interval, wanted, Time(call.now_us))?;
    Ok(candles
        .iter()
        .map(|candle| kline_row(candle, call.unit))
        .collect::<Value>()
        .to_string())
}
