//! Placing, testing, cancelling and amending orders.

use serde_json::{Value, json};
use tripline_engine::ids::{ClientOrderId, VenueOrderId};
use tripline_engine::money::{Notional, Price, Quantity};

use super::Call;
use super::render::{self, Detail};
use crate::core::Core;
use crate::model::{
    CancelOrder, CancelRestriction, NewOrder, OrderRef, OrderType, Refusal, SelfTradePrevention,
    Side, Time, TimeInForce,
};
use crate::wire::{ApiError, Params};

fn word<T>(
    params: &Params,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
    error: ApiError,
) -> Result<Option<T>, ApiError> {
    params
        .get(name)
        .map(|text| parse(text).ok_or(error))
        .transpose()
}

fn price(params: &Params, name: &str) -> Result<Option<Price>, ApiError> {
    Ok(params
        .decimal(name)?
        .and_then(|value| Price::new(value).ok()))
}

fn quantity(params: &Params, name: &str) -> Result<Option<Quantity>, ApiError> {
    Ok(params
        .decimal(name)?
        .and_then(|value| Quantity::new(value).ok()))
}

fn signed_integer(params: &Params, name: &str) -> Result<Option<i64>, ApiError> {
    let value = params.integer(name)?;
    value
        .map(|value| i64::try_from(value).map_err(|_| ApiError::illegal(name, "^[0-9]{1,19}$")))
        .transpose()
}

/// A client order id, if sent.
///
/// # Errors
/// -1100.
pub fn client_id(params: &Params, name: &str) -> Result<Option<ClientOrderId>, ApiError> {
    let text = params.client_id(name)?;
    text.map(|text| {
        ClientOrderId::new(text).map_err(|_| ApiError::illegal(name, "^[a-zA-Z0-9-_]{1,36}$"))
    })
    .transpose()
}

fn trailing_delta(params: &Params) -> Result<Option<u32>, ApiError> {
    let value = params.integer("trailingDelta")?;
    Ok(value.map(|value| u32::try_from(value).unwrap_or(u32::MAX)))
}

/// The order that the parameters describe.
///
/// # Errors
/// -1102, -1100, -1115, -1116, -1117.
pub fn new_order(params: &Params) -> Result<NewOrder, ApiError> {
    let symbol = params.symbol()?;
    params.required("side")?;
    let side = word(
        params,
        "side",
        Side::parse,
        ApiError::new(-1117, "Invalid side."),
    )?;
    params.required("type")?;
    let kind = word(
        params,
        "type",
        OrderType::parse,
        ApiError::new(-1116, "Invalid orderType."),
    )?;
    let (Some(side), Some(order_type)) = (side, kind) else {
        return Err(ApiError::mandatory("type"));
    };
    let tif = ApiError::new(-1115, "Invalid timeInForce.");
    let stp = ApiError::illegal(
        "selfTradePreventionMode",
        "NONE,EXPIRE_TAKER,EXPIRE_MAKER,EXPIRE_BOTH,DECREMENT,TRANSFER",
    );
    let mut order = NewOrder::new(symbol, side, order_type);
    order.time_in_force = word(params, "timeInForce", TimeInForce::parse, tif)?;
    order.quantity = quantity(params, "quantity")?;
    order.quote_order_qty = params
        .decimal("quoteOrderQty")?
        .and_then(|value| Notional::new(value).ok());
    order.price = price(params, "price")?;
    order.stop_price = price(params, "stopPrice")?;
    order.iceberg_qty = quantity(params, "icebergQty")?;
    order.trailing_delta = trailing_delta(params)?;
    order.pegged = ["pegPriceType", "pegOffsetType", "pegOffsetValue"]
        .iter()
        .any(|name| params.get(name).is_some());
    order.client_order_id = client_id(params, "newClientOrderId")?;
    order.strategy_id = signed_integer(params, "strategyId")?;
    order.strategy_type = signed_integer(params, "strategyType")?;
    order.self_trade_prevention = word(
        params,
        "selfTradePreventionMode",
        SelfTradePrevention::parse,
        stp,
    )?;
    Ok(order)
}

/// `newOrderRespType`, by default FULL for MARKET and LIMIT and ACK for the rest.
///
/// # Errors
/// -1100.
pub fn detail(params: &Params, kind: OrderType) -> Result<Detail, ApiError> {
    match params.get("newOrderRespType") {
        Some("ACK") => Ok(Detail::Ack),
        Some("RESULT") => Ok(Detail::Result),
        Some("FULL") => Ok(Detail::Full),
        Some(_) => Err(ApiError::illegal("newOrderRespType", "ACK,RESULT,FULL")),
        None if matches!(kind, OrderType::Market | OrderType::Limit) => Ok(Detail::Full),
        None => Ok(Detail::Ack),
    }
}

pub fn place(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let order = new_order(call.params)?;
    let detail = detail(call.params, order.order_type)?;
    let placed = core
        .model
        .borrow_mut()
        .place(call.account()?, &order, Time(call.now_us))?;
    Ok(render::placed(&placed, detail, call.unit).to_string())
}

pub fn test(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let order = new_order(call.params)?;
    let account = call.account()?;
    core.model
        .borrow()
        .test_order(account, &order, Time(call.now_us))?;
    if call.params.boolean("computeCommissionRates")? != Some(true) {
        return Ok("{}".into());
    }
    let view = core.model.borrow().account(account)?;
    let rates = view.commission;
    let row = |maker: String, taker: String| json!({"maker": maker, "taker": taker});
    let none = || row("0.00000000".into(), "0.00000000".into());
    let amount = crate::wire::render::amount;
    let body = json!({
        "standardCommissionForOrder": row(amount(rates.maker), amount(rates.taker)),
        "specialCommissionForOrder": none(),
        "taxCommissionForOrder": none(),
        "discount": super::account::discount(&view),
    });
    Ok(body.to_string())
}

/// The order that `orderId` and the named client id parameter mean.
///
/// # Errors
/// -1102 when neither was sent, -1100.
pub fn order_ref(params: &Params, number: &str, client: &str) -> Result<OrderRef, ApiError> {
    let order_id = params.integer(number)?.map(VenueOrderId);
    let client_order_id = client_id(params, client)?;
    if order_id.is_none() && client_order_id.is_none() {
        return Err(Refusal::no_order_named(client, number).into());
    }
    Ok(OrderRef {
        order_id,
        client_order_id,
    })
}

/// `cancelRestrictions`, if sent.
///
/// # Errors
/// -1145.
pub fn restriction(params: &Params) -> Result<Option<CancelRestriction>, ApiError> {
    word(
        params,
        "cancelRestrictions",
        CancelRestriction::parse,
        ApiError::new(-1145, "Invalid cancelRestrictions"),
    )
}

pub fn cancel(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call.params.symbol()?;
    let cancel = CancelOrder {
        order: order_ref(call.params, "orderId", "origClientOrderId")?,
        new_client_order_id: client_id(call.params, "newClientOrderId")?,
        restriction: restriction(call.params)?,
    };
    let canceled =
        core.model
            .borrow_mut()
            .cancel(call.account()?, symbol, &cancel, Time(call.now_us))?;
    Ok(render::canceled(&canceled, call.unit).to_string())
}

pub fn cancel_all(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call.params.symbol()?;
    let canceled =
        core.model
            .borrow_mut()
            .cancel_all(call.account()?, symbol, Time(call.now_us))?;
    Ok(canceled
        .iter()
        .map(|one| render::canceled(one, call.unit))
        .collect::<Value>()
        .to_string())
}

pub fn amend(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call.params.symbol()?;
    let order = order_ref(call.params, "orderId", "origClientOrderId")?;
    let id = client_id(call.params, "newClientOrderId")?;
    let wanted = quantity(call.params, "newQty")?.ok_or_else(|| ApiError::mandatory("newQty"))?;
    let mut model = core.model.borrow_mut();
    let amended = model.amend_keep_priority(
        call.account()?,
        symbol,
        order,
        id,
        wanted,
        Time(call.now_us),
    )?;
    Ok(render::amended(&amended, call.unit).to_string())
}
