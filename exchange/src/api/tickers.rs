//! avgPrice and the tickers.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tripline_engine::ids::Symbol;
use tripline_engine::money::{Price, Quantity};

use super::Call;
use super::general::{named_symbols, wanted_status};
use super::market::listed_symbol;
use crate::core::Core;
use crate::model::{BookTicker, Candle, Exchange, Time, Window};
use crate::wire::render::{TimeUnit, amount};
use crate::wire::{ApiError, Params};

const DAY_US: i64 = 86_400_000_000;

pub fn average_price(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = listed_symbol(core, call)?;
    let now = Time(call.now_us);
    let model = core.model.borrow();
    let price = model.average_price(symbol, now)?.unwrap_or_default();
    let traded = model.last_trade_time(symbol)?.unwrap_or(now);
    let body =
        json!({"mins": 5, "price": amount(price.value()), "closeTime": call.unit.of(traded.0)});
    Ok(body.to_string())
}

/// One object for `symbol`, an array for `symbols` or none.
fn each(
    core: &Core,
    call: &Call<'_>,
    row: impl Fn(&Exchange, Symbol) -> Result<Value, ApiError>,
) -> Result<String, ApiError> {
    let named = named_symbols(core, call)?;
    let status = wanted_status(call)?;
    let model = core.model.borrow();
    if call.params.get("symbol").is_some() {
        let symbol = listed_symbol(core, call)?;
        return Ok(row(&model, symbol)?.to_string());
    }
    let symbols = named.unwrap_or_else(|| model.symbols().collect());
    let mut rows = Vec::with_capacity(symbols.len());
    for symbol in symbols {
        if status.is_none_or(|wanted| {
            model
                .instrument(symbol)
                .is_ok_and(|one| one.status == wanted)
        }) {
            rows.push(row(&model, symbol)?);
        }
    }
    Ok(Value::from(rows).to_string())
}

pub fn price(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    each(core, call, |model, symbol| {
        let price = model.last_price(symbol)?.unwrap_or_default();
        Ok(json!({"symbol": symbol, "price": amount(price.value())}))
    })
}

/// Price and quantity of one side as text, zeros when the side is empty.
pub fn best(side: Option<(Price, Quantity)>) -> (String, String) {
    let (price, quantity) = side.unwrap_or_default();
    (amount(price.value()), amount(quantity.value()))
}

pub fn book_ticker(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    each(core, call, |model, symbol| {
        let ticker = model.book_ticker(symbol, Time(call.now_us))?;
        let ((bid, bid_qty), (ask, ask_qty)) = (best(ticker.bid), best(ticker.ask));
        Ok(
            json!({"symbol": symbol, "bidPrice": bid, "bidQty": bid_qty, "askPrice": ask, "askQty": ask_qty}),
        )
    })
}

/// What a ticker over a span of time says.
pub struct Statistics {
    pub candle: Candle,
    pub last_quantity: Quantity,
    pub book: BookTicker,
    pub change: Decimal,
    pub change_percent: Decimal,
    pub average: Decimal,
}

/// The statistics of the `span_us` before `now_us`; flat at the last price without a trade in it.
///
/// # Errors
/// -1121.
pub fn statistics(
    model: &Exchange,
    symbol: Symbol,
    span_us: i64,
    now_us: i64,
) -> Result<Statistics, ApiError> {
    let now = Time(now_us);
    let last = model.last_price(symbol)?.unwrap_or_default();
    let flat = || Candle {
        open_time: now.plus(-span_us),
        close_time: now,
        open: last,
        high: last,
        low: last,
        close: last,
        volume: Quantity::ZERO,
        quote_volume: tripline_engine::money::Notional::ZERO,
        trades: 0,
        taker_buy_volume: Quantity::ZERO,
        taker_buy_quote: tripline_engine::money::Notional::ZERO,
        first_trade: None,
        last_trade: None,
    };
    let candle = model.rolling(symbol, span_us, now)?.unwrap_or_else(flat);
    let newest = model.trades(symbol, Window::newest(1))?;
    let change = candle.close.value() - candle.open.value();
    let percent = (change * Decimal::ONE_HUNDRED)
        .checked_div(candle.open.value())
        .unwrap_or_default();
    let average = candle
        .quote_volume
        .average_price(candle.volume)
        .unwrap_or(candle.close);
    Ok(Statistics {
        last_quantity: newest
            .last()
            .map(|trade| trade.quantity)
            .unwrap_or_default(),
        book: model.book_ticker(symbol, now)?,
        change,
        change_percent: percent.round_dp(3),
        average: average.value(),
        candle,
    })
}

/// The fields of `ticker` and `ticker/tradingDay`, and a part of those of `ticker/24hr`.
fn span(symbol: Symbol, found: &Statistics, unit: TimeUnit) -> Value {
    let candle = &found.candle;
    json!({
        "symbol": symbol,
        "priceChange": amount(found.change),
        "priceChangePercent": format!("{:.3}", found.change_percent),
        "weightedAvgPrice": amount(found.average),
        "openPrice": amount(candle.open.value()),
        "highPrice": amount(candle.high.value()),
        "lowPrice": amount(candle.low.value()),
        "lastPrice": amount(candle.close.value()),
        "volume": amount(candle.volume.value()),
        "quoteVolume": amount(candle.quote_volume.value()),
        "openTime": unit.of(candle.open_time.0),
        "closeTime": unit.of(candle.close_time.0),
        "firstId": trade_id(candle.first_trade),
        "lastId": trade_id(candle.last_trade),
        "count": candle.trades,
    })
}

fn full(symbol: Symbol, found: &Statistics, unit: TimeUnit) -> Value {
    let mut row = span(symbol, found, unit);
    let ((bid, bid_qty), (ask, ask_qty)) = (best(found.book.bid), best(found.book.ask));
    let more = json!({
        "prevClosePrice": amount(found.candle.open.value()),
        "lastQty": amount(found.last_quantity.value()),
        "bidPrice": bid,
        "bidQty": bid_qty,
        "askPrice": ask,
        "askQty": ask_qty,
    });
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    row
}

fn mini(symbol: Symbol, found: &Statistics, unit: TimeUnit) -> Value {
    let candle = &found.candle;
    json!({
        "symbol": symbol,
        "openPrice": amount(candle.open.value()),
        "highPrice": amount(candle.high.value()),
        "lowPrice": amount(candle.low.value()),
        "lastPrice": amount(candle.close.value()),
        "volume": amount(candle.volume.value()),
        "quoteVolume": amount(candle.quote_volume.value()),
        "openTime": unit.of(candle.open_time.0),
        "closeTime": unit.of(candle.close_time.0),
        "firstId": trade_id(candle.first_trade),
        "lastId": trade_id(candle.last_trade),
        "count": candle.trades,
    })
}

/// A trade's number, -1 when there was no trade.
pub fn trade_id(id: Option<tripline_engine::ids::TradeId>) -> i64 {
    id.and_then(|id| i64::try_from(id.0).ok()).unwrap_or(-1)
}

fn is_mini(params: &Params) -> Result<bool, ApiError> {
    match params.get("type") {
        None | Some("FULL") => Ok(false),
        Some("MINI") => Ok(true),
        Some(_) => Err(ApiError::new(-1139, "Invalid ticker type.")),
    }
}

pub fn day(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let is_mini = is_mini(call.params)?;
    each(core, call, |model, symbol| {
        let found = statistics(model, symbol, DAY_US, call.now_us)?;
        Ok(if is_mini {
            mini(symbol, &found, call.unit)
        } else {
            full(symbol, &found, call.unit)
        })
    })
}

/// The statistics of the symbols over a span that ends now.
fn over(core: &Core, call: &Call<'_>, span_us: i64) -> Result<String, ApiError> {
    let is_mini = is_mini(call.params)?;
    if call.params.get("symbol").is_none() && call.params.symbols()?.is_none() {
        return Err(ApiError::mandatory("symbol"));
    }
    each(core, call, |model, symbol| {
        let found = statistics(model, symbol, span_us, call.now_us)?;
        let row = if is_mini { mini } else { span };
        Ok(row(symbol, &found, call.unit))
    })
}

/// `ticker`: a window of minutes, hours or days.
pub fn rolling(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let refused = || ApiError::illegal("windowSize", "1m-59m, 1h-23h, 1d-7d");
    let text = call.params.get("windowSize").unwrap_or("1d");
    let (minutes, most) = match text.chars().last() {
        Some('m') => (1, 59),
        Some('h') => (60, 23),
        Some('d') => (1_440, 7),
        _ => return Err(refused()),
    };
    let count: i64 = text
        .trim_end_matches(['m', 'h', 'd'])
        .parse()
        .map_err(|_| refused())?;
    if !(1..=most).contains(&count) {
        return Err(refused());
    }
    over(core, call, count * minutes * 60_000_000)
}

/// `ticker/tradingDay`: since midnight UTC.
pub fn trading_day(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    if call.params.get("timeZone").is_some_and(|zone| zone != "0") {
        return Err(ApiError::unsupported("timeZone other than 0"));
    }
    over(core, call, call.now_us.rem_euclid(DAY_US).max(1))
}
