//! User-data events as JSON (Binance Spot API docs, `user-data-stream.md`).

use serde_json::{Map, Value, json};

use crate::model::{AccountPosition, BalanceUpdate, Event, ExecutionReport};
use crate::wire::render::{TimeUnit, amount};

/// `e`, and for an execution report `x`: what the scope of a fault may name.
pub fn kinds(event: &Event) -> [&'static str; 2] {
    match event {
        Event::Execution(report) => ["executionReport", report.execution.as_str()],
        Event::AccountPosition(_) => ["outboundAccountPosition", ""],
        Event::BalanceUpdate(_) => ["balanceUpdate", ""],
        _ => ["", ""],
    }
}

/// The event object. `now_us` is the event time of events that carry no other.
pub fn render(event: &Event, unit: TimeUnit, now_us: i64) -> String {
    match event {
        Event::Execution(report) => execution_report(report, unit).to_string(),
        Event::AccountPosition(position) => account_position(position, unit).to_string(),
        Event::BalanceUpdate(update) => balance_update(update, unit).to_string(),
        _ => json!({"E": unit.of(now_us)}).to_string(),
    }
}

fn account_position(position: &AccountPosition, unit: TimeUnit) -> Value {
    let balance = |one: &crate::model::Balance| json!({"a": one.asset, "f": amount(one.free), "l": amount(one.locked)});
    json!({
        "e": "outboundAccountPosition",
        "E": unit.of(position.time.0),
        "u": unit.of(position.time.0),
        "B": position.balances.iter().map(balance).collect::<Value>(),
    })
}

fn balance_update(update: &BalanceUpdate, unit: TimeUnit) -> Value {
    json!({
        "e": "balanceUpdate",
        "E": unit.of(update.time.0),
        "a": update.asset,
        "d": amount(update.delta),
        "T": unit.of(update.time.0),
    })
}

fn execution_report(report: &ExecutionReport, unit: TimeUnit) -> Value {
    let order = &report.order;
    let trade = report.trade.as_ref();
    let or_zero = |value: Option<rust_decimal::Decimal>| amount(value.unwrap_or_default());
    let trade_id = trade
        .and_then(|trade| i64::try_from(trade.trade_id.0).ok())
        .unwrap_or(-1);
    let commission = trade.map_or_else(|| "0".to_owned(), |trade| amount(trade.commission));
    let head = json!({
        "e": "executionReport",
        "E": unit.of(report.time.0),
        "s": order.symbol,
        "c": report.client_order_id,
        "S": order.side.as_str(),
        "o": order.order_type.as_str(),
        "f": order.time_in_force.as_str(),
        "q": amount(order.quantity.value()),
        "p": amount(order.price.value()),
        "P": amount(order.stop_price.value()),
        "F": "0.00000000",
        "g": -1,
        "C": report.orig_client_order_id.as_ref().map_or("", |id| id.as_str()),
        "x": report.execution.as_str(),
        "X": order.status.as_str(),
        "r": report.reject_reason.as_str(),
        "i": order.order_id,
        "l": or_zero(trade.map(|trade| trade.quantity.value())),
        "z": amount(order.executed_qty.value()),
        "L": or_zero(trade.map(|trade| trade.price.value())),
        "n": commission,
        "N": trade.map(|trade| trade.commission_asset),
        "T": unit.of(report.time.0),
        "t": trade_id,
    });
    let tail = json!({
        "I": report.execution_id,
        "w": report.on_book,
        "m": trade.is_some_and(|trade| trade.is_maker),
        "M": trade.is_some(),
        "O": unit.of(order.time.0),
        "Z": amount(order.cumulative_quote.value()),
        "Y": or_zero(trade.map(|trade| trade.quote.value())),
        "Q": amount(order.quote_order_qty.value()),
        "V": order.self_trade_prevention.as_str(),
    });
    let mut fields = Map::new();
    for part in [head, prevention(report), tail, conditional(report, unit)] {
        if let Value::Object(part) = part {
            fields.extend(part);
        }
    }
    Value::Object(fields)
}

fn prevention(report: &ExecutionReport) -> Value {
    let Some(prevention) = &report.prevention else {
        return Value::Null;
    };
    json!({
        "v": prevention.prevented_match_id,
        "A": amount(report.order.prevented_qty.value()),
        "B": amount(prevention.quantity.value()),
        "u": 1,
        "U": prevention.counter_order_id,
        "Cs": report.order.symbol,
        "pl": amount(prevention.quantity.value()),
        "pL": amount(prevention.price.value()),
        "pY": amount(prevention.quote.value()),
    })
}

fn conditional(report: &ExecutionReport, unit: TimeUnit) -> Value {
    let order = &report.order;
    let mut fields = Map::new();
    if let Some(time) = order.working_time {
        fields.insert("W".into(), unit.of(time.0).into());
    }
    if let Some(id) = order.strategy_id {
        fields.insert("j".into(), id.into());
    }
    if let Some(kind) = order.strategy_type {
        fields.insert("J".into(), kind.into());
    }
    if let Some(reason) = order.expiry_reason {
        fields.insert("eR".into(), reason.as_str().into());
    }
    Value::Object(fields)
}
