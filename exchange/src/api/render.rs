//! Orders as JSON, field by field as documented, `cummulativeQuoteQty` included.

use serde_json::{Map, Value, json};

use crate::model::{Amended, Canceled, Fill, Order, OrderStatus, Placed, PreventedMatch};
use crate::wire::render::{TimeUnit, amount};

/// How much of a new order its response tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Ack,
    Result,
    Full,
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// `workingTime`: -1 while the order waits for its trigger.
fn working_time(order: &Order, unit: TimeUnit) -> i64 {
    order.working_time.map_or(-1, |time| unit.of(time.0))
}

/// The fields that stand in an order only under a condition.
fn conditional(order: &Order, fields: &mut Map<String, Value>) {
    if let Some(id) = order.prevented_match_id {
        fields.insert("preventedMatchId".into(), id.into());
        fields.insert(
            "preventedQuantity".into(),
            amount(order.prevented_qty.value()).into(),
        );
    }
    if let Some(id) = order.strategy_id {
        fields.insert("strategyId".into(), id.into());
    }
    if let Some(kind) = order.strategy_type {
        fields.insert("strategyType".into(), kind.into());
    }
    if let Some(reason) = order.expiry_reason {
        fields.insert("expiryReason".into(), reason.as_str().into());
    }
}

/// The response to a new order.
pub fn placed(placed: &Placed, detail: Detail, unit: TimeUnit) -> Value {
    let order = &placed.order;
    let mut fields = object(json!({
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": unit.of(placed.transact_time.0),
    }));
    if detail == Detail::Ack {
        return Value::Object(fields);
    }
    fields.extend(object(json!({
        "price": amount(order.price.value()),
        "origQty": amount(order.quantity.value()),
        "executedQty": amount(order.executed_qty.value()),
        "origQuoteOrderQty": amount(order.quote_order_qty.value()),
        "cummulativeQuoteQty": amount(order.cumulative_quote.value()),
        "status": order.status.as_str(),
        "timeInForce": order.time_in_force.as_str(),
        "type": order.order_type.as_str(),
        "side": order.side.as_str(),
        "workingTime": working_time(order, unit),
    })));
    if order.order_type.is_stop() {
        fields.insert("stopPrice".into(), amount(order.stop_price.value()).into());
    }
    conditional(order, &mut fields);
    if detail == Detail::Full {
        fields.insert("fills".into(), placed.fills.iter().map(fill).collect());
    }
    if !placed.prevented.is_empty() {
        fields.insert(
            "preventedMatches".into(),
            placed.prevented.iter().map(prevented_part).collect(),
        );
    }
    fields.insert(
        "selfTradePreventionMode".into(),
        order.self_trade_prevention.as_str().into(),
    );
    Value::Object(fields)
}

fn fill(fill: &Fill) -> Value {
    json!({
        "price": amount(fill.price.value()),
        "qty": amount(fill.quantity.value()),
        "commission": amount(fill.commission),
        "commissionAsset": fill.commission_asset,
        "tradeId": fill.trade_id,
    })
}

fn prevented_quantities(one: &PreventedMatch, fields: &mut Map<String, Value>) {
    if let Some(quantity) = one.maker_prevented {
        fields.insert(
            "makerPreventedQuantity".into(),
            amount(quantity.value()).into(),
        );
    }
    if let Some(quantity) = one.taker_prevented {
        fields.insert(
            "takerPreventedQuantity".into(),
            amount(quantity.value()).into(),
        );
    }
}

fn prevented_part(one: &PreventedMatch) -> Value {
    let mut fields = object(json!({
        "preventedMatchId": one.prevented_match_id,
        "makerOrderId": one.maker_order_id,
        "price": amount(one.price.value()),
    }));
    prevented_quantities(one, &mut fields);
    Value::Object(fields)
}

/// A row of `myPreventedMatches`.
pub fn prevented(one: &PreventedMatch, unit: TimeUnit) -> Value {
    let mut fields = object(json!({
        "symbol": one.symbol,
        "preventedMatchId": one.prevented_match_id,
        "takerOrderId": one.taker_order_id,
        "makerSymbol": one.symbol,
        "makerOrderId": one.maker_order_id,
        "tradeGroupId": 1,
        "selfTradePreventionMode": one.mode.as_str(),
        "price": amount(one.price.value()),
    }));
    prevented_quantities(one, &mut fields);
    fields.insert("transactTime".into(), unit.of(one.time.0).into());
    Value::Object(fields)
}

/// An order as `GET order`, `openOrders` and `allOrders` show it.
pub fn order(order: &Order, unit: TimeUnit) -> Value {
    let mut fields = object(json!({
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "price": amount(order.price.value()),
        "origQty": amount(order.quantity.value()),
        "executedQty": amount(order.executed_qty.value()),
        "cummulativeQuoteQty": amount(order.cumulative_quote.value()),
        "status": order.status.as_str(),
        "timeInForce": order.time_in_force.as_str(),
        "type": order.order_type.as_str(),
        "side": order.side.as_str(),
        "stopPrice": amount(order.stop_price.value()),
        "icebergQty": "0.00000000",
        "time": unit.of(order.time.0),
        "updateTime": unit.of(order.update_time.0),
        "isWorking": order.is_working(),
        "workingTime": working_time(order, unit),
        "origQuoteOrderQty": amount(order.quote_order_qty.value()),
        "selfTradePreventionMode": order.self_trade_prevention.as_str(),
    }));
    conditional(order, &mut fields);
    Value::Object(fields)
}

/// The response to a cancel.
pub fn canceled(canceled: &Canceled, unit: TimeUnit) -> Value {
    let order = &canceled.order;
    let mut fields = object(json!({
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": canceled.cancel_client_order_id,
        "transactTime": unit.of(canceled.transact_time.0),
        "price": amount(order.price.value()),
        "origQty": amount(order.quantity.value()),
        "executedQty": amount(order.executed_qty.value()),
        "origQuoteOrderQty": amount(order.quote_order_qty.value()),
        "cummulativeQuoteQty": amount(order.cumulative_quote.value()),
        "status": OrderStatus::Canceled.as_str(),
        "timeInForce": order.time_in_force.as_str(),
        "type": order.order_type.as_str(),
        "side": order.side.as_str(),
        "selfTradePreventionMode": order.self_trade_prevention.as_str(),
    }));
    if order.order_type.is_stop() {
        fields.insert("stopPrice".into(), amount(order.stop_price.value()).into());
    }
    conditional(order, &mut fields);
    Value::Object(fields)
}

/// The response to an amend; its field names differ from all other order JSON.
pub fn amended(amended: &Amended, unit: TimeUnit) -> Value {
    let (order, amendment) = (&amended.order, &amended.amendment);
    json!({
        "transactTime": unit.of(amendment.time.0),
        "executionId": amendment.execution_id,
        "amendedOrder": {
            "symbol": order.symbol,
            "orderId": order.order_id,
            "orderListId": -1,
            "origClientOrderId": amendment.orig_client_order_id,
            "clientOrderId": order.client_order_id,
            "price": amount(order.price.value()),
            "qty": amount(order.quantity.value()),
            "executedQty": amount(order.executed_qty.value()),
            "preventedQty": amount(order.prevented_qty.value()),
            "quoteOrderQty": amount(order.quote_order_qty.value()),
            "cumulativeQuoteQty": amount(order.cumulative_quote.value()),
            "status": order.status.as_str(),
            "timeInForce": order.time_in_force.as_str(),
            "type": order.order_type.as_str(),
            "side": order.side.as_str(),
            "workingTime": working_time(order, unit),
            "selfTradePreventionMode": order.self_trade_prevention.as_str(),
        },
    })
}

/// A row of `myTrades`.
pub fn my_trade(fill: &Fill, unit: TimeUnit) -> Value {
    json!({
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": -1,
        "price": amount(fill.price.value()),
        "qty": amount(fill.quantity.value()),
        "quoteQty": amount(fill.quote.value()),
        "commission": amount(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": unit.of(fill.time.0),
        "isBuyer": fill.side == crate::model::Side::Buy,
        "isMaker": fill.is_maker,
        "isBestMatch": true,
    })
}
