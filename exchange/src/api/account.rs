//! What an account can read of itself.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tripline_engine::ids::VenueOrderId;

use super::Call;
use super::general::filter_rows;
use super::market::window;
use super::orders::order_ref;
use super::render;
use crate::core::Core;
use crate::model::{AccountView, Order, Refusal, TradesQuery};
use crate::wire::ApiError;
use crate::wire::render::amount;

/// Whether a read that lags behind would not show the order yet (fault `stale_reads`).
fn is_stale(core: &Core, call: &Call<'_>, order: &Order) -> bool {
    let faults = core.faults.borrow();
    if faults.is_empty() {
        return false;
    }
    let stale_us = faults.stale_us(order.symbol, order.account, core.clock.steady_us());
    call.now_us < order.time.0.saturating_add(stale_us)
}

pub fn order_status(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call.params.symbol()?;
    let wanted = order_ref(call.params, "orderId", "origClientOrderId")?;
    let model = core.model.borrow();
    let order = model.order(call.account()?, symbol, wanted)?;
    if is_stale(core, call, order) {
        return Err(Refusal::NO_SUCH_ORDER.into());
    }
    Ok(render::order(order, call.unit).to_string())
}

fn rows(core: &Core, call: &Call<'_>, orders: &[&Order]) -> String {
    let fresh = orders.iter().filter(|order| !is_stale(core, call, order));
    fresh
        .map(|order| render::order(order, call.unit))
        .collect::<Value>()
        .to_string()
}

pub fn open_orders(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call
        .params
        .get("symbol")
        .map(|_| call.params.symbol())
        .transpose()?;
    let model = core.model.borrow();
    let orders = model.open_orders(call.account()?, symbol)?;
    Ok(rows(core, call, &orders))
}

pub fn all_orders(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call.params.symbol()?;
    let wanted = window(call, "orderId", 500, 1_000)?;
    let model = core.model.borrow();
    let orders = model.all_orders(call.account()?, symbol, wanted)?;
    Ok(rows(core, call, &orders))
}

pub fn my_trades(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call.params.symbol()?;
    let order_id = call.params.integer("orderId")?.map(VenueOrderId);
    let query = TradesQuery {
        order_id,
        window: window(call, "fromId", 500, 1_000)?,
    };
    let model = core.model.borrow();
    let trades = model.my_trades(call.account()?, symbol, query)?;
    Ok(trades
        .iter()
        .map(|fill| render::my_trade(fill, call.unit))
        .collect::<Value>()
        .to_string())
}

pub fn prevented_matches(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call.params.symbol()?;
    let id = call.params.integer("preventedMatchId")?;
    let order_id = call.params.integer("orderId")?.map(VenueOrderId);
    let wanted = window(call, "fromPreventedMatchId", 500, 1_000)?;
    let model = core.model.borrow();
    let found = model.prevented_matches(call.account()?, symbol, id, order_id, wanted)?;
    Ok(found
        .iter()
        .map(|one| render::prevented(one, call.unit))
        .collect::<Value>()
        .to_string())
}

pub fn amendments(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call.params.symbol()?;
    let order_id = call
        .params
        .integer("orderId")?
        .ok_or_else(|| ApiError::mandatory("orderId"))?;
    let from = call.params.integer("fromExecutionId")?;
    let limit = call.params.limit(500, 1_000)?;
    let model = core.model.borrow();
    let found = model.amendments(call.account()?, symbol, VenueOrderId(order_id), from, limit)?;
    let row = |one: &&crate::model::Amendment| {
        json!({
            "symbol": one.symbol,
            "orderId": one.order_id,
            "executionId": one.execution_id,
            "origClientOrderId": one.orig_client_order_id,
            "newClientOrderId": one.new_client_order_id,
            "origQty": amount(one.orig_qty.value()),
            "newQty": amount(one.new_qty.value()),
            "time": call.unit.of(one.time.0),
        })
    };
    Ok(found.iter().map(row).collect::<Value>().to_string())
}

/// The discount object of an account.
pub fn discount(view: &AccountView) -> Value {
    let factor = view
        .bnb_discount
        .map_or(Decimal::new(75, 2), |one| one.factor);
    json!({
        "enabledForAccount": view.bnb_discount.is_some(),
        "enabledForSymbol": true,
        "discountAsset": "BNB",
        "discount": amount(factor),
    })
}

pub fn account(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let omit = call.params.boolean("omitZeroBalances")?.unwrap_or(false);
    let view = core.model.borrow().account(call.account()?)?;
    let shown = view
        .balances
        .iter()
        .filter(|one| !omit || !(one.free + one.locked).is_zero());
    let balances: Value = shown
        .map(|one| json!({"asset": one.asset, "free": amount(one.free), "locked": amount(one.locked)}))
        .collect();
    let bips = |rate: Decimal| {
        (rate * Decimal::from(10_000))
            .trunc()
            .to_string()
            .parse()
            .unwrap_or(0_i64)
    };
    let body = json!({
        "makerCommission": bips(view.commission.maker),
        "takerCommission": bips(view.commission.taker),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": amount(view.commission.maker),
            "taker": amount(view.commission.taker),
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": view.can_trade,
        "canWithdraw": false,
        "canDeposit": false,
        "brokered": false,
        "requireSelfTradePrevention": false,
        "preventSor": false,
        "updateTime": call.unit.of(view.update_time.0),
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": view.uid,
    });
    Ok(body.to_string())
}

pub fn commission(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call.params.symbol()?;
    let model = core.model.borrow();
    model.instrument(symbol)?;
    let view = model.account(call.account()?)?;
    let rates = view.commission;
    let none = json!({"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"});
    let body = json!({
        "symbol": symbol,
        "standardCommission": {
            "maker": amount(rates.maker), "taker": amount(rates.taker), "buyer": "0.00000000", "seller": "0.00000000",
        },
        "specialCommission": none,
        "taxCommission": none,
        "discount": discount(&view),
    });
    Ok(body.to_string())
}

pub fn order_limits(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let rows = core
        .limits
        .borrow_mut()
        .order_rows(call.account()?, call.now_us);
    Ok(Value::from(rows.to_vec()).to_string())
}

pub fn my_filters(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let symbol = call.params.symbol()?;
    let model = core.model.borrow();
    let filters = filter_rows(&model.instrument(symbol)?.filters);
    Ok(json!({"exchangeFilters": [], "symbolFilters": filters, "assetFilters": []}).to_string())
}
