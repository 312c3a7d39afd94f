//! ping, time, exchangeInfo, and the few `/sapi` reads that clients make when they start.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tripline_engine::ids::Symbol;

use super::Call;
use crate::core::Core;
use crate::faults::Transport;
use crate::model::{Filters, InstrumentSettings, LotSize, OrderType, SymbolStatus};
use crate::wire::ApiError;
use crate::wire::render::amount;

pub fn ping(_: &Core, _: &Call<'_>) -> Result<String, ApiError> {
    Ok("{}".into())
}

pub fn time(_: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    Ok(json!({"serverTime": call.unit.of(call.now_us)}).to_string())
}

/// What the practice exchange never has any of: order lists, allocations, block trades.
pub fn none(_: &Core, _: &Call<'_>) -> Result<String, ApiError> {
    Ok("[]".into())
}

/// `executionRules`: no symbol has one.
pub fn execution_rules(_: &Core, _: &Call<'_>) -> Result<String, ApiError> {
    Ok(json!({"symbolRules": []}).to_string())
}

/// `referencePrice`: no symbol has one.
pub fn reference_price(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    core.model.borrow().instrument(call.params.symbol()?)?;
    Err(ApiError::new(
        -2043,
        "This symbol doesn't have a reference price.",
    ))
}

/// The symbols that `symbol` or `symbols` names; `None` when neither was sent.
///
/// # Errors
/// -1128 for both, -1121 for a symbol that is not listed.
pub fn named_symbols(core: &Core, call: &Call<'_>) -> Result<Option<Vec<Symbol>>, ApiError> {
    let listed = |name: &str| {
        let symbol = Symbol::new(name).map_err(|_| ApiError::invalid_symbol())?;
        core.model
            .borrow()
            .instrument(symbol)
            .map(|_| symbol)
            .map_err(ApiError::from)
    };
    match (call.params.get("symbol"), call.params.symbols()?) {
        (Some(_), Some(_)) => Err(ApiError::new(
            -1128,
            "Combination of optional parameters invalid.",
        )),
        (Some(_), None) => {
            let symbol = call.params.symbol()?;
            Ok(Some(vec![listed(symbol.as_str())?]))
        }
        (None, Some(names)) => names
            .iter()
            .map(|name| listed(name))
            .collect::<Result<_, _>>()
            .map(Some),
        (None, None) => Ok(None),
    }
}

/// `symbolStatus`, if sent.
///
/// # Errors
/// -1122.
pub fn wanted_status(call: &Call<'_>) -> Result<Option<SymbolStatus>, ApiError> {
    let parse = |text| {
        SymbolStatus::parse(text).ok_or_else(|| ApiError::new(-1122, "Invalid symbolStatus."))
    };
    call.params.get("symbolStatus").map(parse).transpose()
}

pub fn exchange_info(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let named = named_symbols(core, call)?;
    let status = wanted_status(call)?;
    let permission = call.params.get("permissions").unwrap_or("SPOT");
    let spot = permission == "SPOT" || permission.contains("\"SPOT\"");
    let shows_sets = call.params.boolean("showPermissionSets")?.unwrap_or(true);
    let model = core.model.borrow();
    let symbols = named.unwrap_or_else(|| model.symbols().collect());
    let mut rows = Vec::with_capacity(symbols.len());
    for symbol in symbols {
        let instrument = model.instrument(symbol)?;
        if spot && status.is_none_or(|wanted| wanted == instrument.status) {
            rows.push(symbol_row(instrument, shows_sets));
        }
    }
    let websocket = call.transport == Transport::WsApi;
    let body = json!({
        "timezone": "UTC",
        "serverTime": call.unit.of(call.now_us),
        "rateLimits": core.limits.borrow().list(websocket),
        "exchangeFilters": exchange_filters(&model),
        "symbols": rows,
    });
    Ok(body.to_string())
}

fn exchange_filters(model: &crate::model::Exchange) -> Vec<Value> {
    let filters = model.exchange_filters();
    let orders = filters
        .max_num_orders
        .map(|limit| json!({"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": limit}));
    let algo = filters.max_num_algo_orders.map(
        |limit| json!({"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": limit}),
    );
    orders.into_iter().chain(algo).collect()
}

fn symbol_row(instrument: &InstrumentSettings, shows_sets: bool) -> Value {
    let types: Vec<_> = OrderType::ALL.iter().map(|one| one.as_str()).collect();
    let modes: Vec<_> = instrument
        .allowed_self_trade_prevention
        .iter()
        .map(|one| one.as_str())
        .collect();
    json!({
        "symbol": instrument.symbol,
        "status": instrument.status.as_str(),
        "baseAsset": instrument.base,
        "baseAssetPrecision": instrument.base_precision,
        "quoteAsset": instrument.quote,
        "quotePrecision": instrument.quote_precision,
        "quoteAssetPrecision": instrument.quote_precision,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": types,
        "icebergAllowed": false,
        "ocoAllowed": false,
        "otoAllowed": false,
        "opoAllowed": false,
        "quoteOrderQtyMarketAllowed": instrument.quote_order_qty_market_allowed,
        "allowTrailingStop": false,
        "cancelReplaceAllowed": instrument.cancel_replace_allowed,
        "amendAllowed": instrument.amend_allowed,
        "pegInstructionsAllowed": false,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": filter_rows(&instrument.filters),
        "permissions": [],
        "permissionSets": if shows_sets { json!([["SPOT"]]) } else { json!([]) },
        "defaultSelfTradePreventionMode": instrument.default_self_trade_prevention.as_str(),
        "allowedSelfTradePreventionModes": modes,
    })
}

fn lot(name: &str, lot: &LotSize) -> Value {
    json!({
        "filterType": name,
        "minQty": amount(lot.min.value()),
        "maxQty": amount(lot.max.value()),
        "stepSize": amount(lot.step.value()),
    })
}

fn plain(value: Decimal) -> String {
    value.normalize().to_string()
}

/// The filters in the order in which the live venue lists them.
pub fn filter_rows(filters: &Filters) -> Vec<Value> {
    let price = json!({
        "filterType": "PRICE_FILTER",
        "minPrice": amount(filters.price.min.value()),
        "maxPrice": amount(filters.price.max.value()),
        "tickSize": amount(filters.price.tick.value()),
    });
    let count = |name: &str, field: &str, limit: Option<u32>| {
        limit.map(|limit| json!({"filterType": name, field: limit}))
    };
    let rows = [
        Some(price),
        Some(lot("LOT_SIZE", &filters.lot_size)),
        count("ICEBERG_PARTS", "limit", filters.iceberg_parts),
        filters
            .market_lot_size
            .as_ref()
            .map(|size| lot("MARKET_LOT_SIZE", size)),
        trailing_delta(filters),
        percent_price(filters),
        percent_price_by_side(filters),
        min_notional(filters),
        notional(filters),
        count("MAX_NUM_ORDERS", "maxNumOrders", filters.max_num_orders),
        count(
            "MAX_NUM_ORDER_LISTS",
            "maxNumOrderLists",
            filters.max_num_order_lists,
        ),
        count(
            "MAX_NUM_ALGO_ORDERS",
            "maxNumAlgoOrders",
            filters.max_num_algo_orders,
        ),
        count(
            "MAX_NUM_ICEBERG_ORDERS",
            "maxNumIcebergOrders",
            filters.max_num_iceberg_orders,
        ),
        count(
            "MAX_NUM_ORDER_AMENDS",
            "maxNumOrderAmends",
            filters.max_num_order_amends,
        ),
        filters
            .max_position
            .map(|most| json!({"filterType": "MAX_POSITION", "maxPosition": amount(most.value())})),
    ];
    rows.into_iter().flatten().collect()
}

fn trailing_delta(filters: &Filters) -> Option<Value> {
    let delta = filters.trailing_delta?;
    Some(json!({
        "filterType": "TRAILING_DELTA",
        "minTrailingAboveDelta": delta.min_above,
        "maxTrailingAboveDelta": delta.max_above,
        "minTrailingBelowDelta": delta.min_below,
        "maxTrailingBelowDelta": delta.max_below,
    }))
}

fn percent_price(filters: &Filters) -> Option<Value> {
    let percent = filters.percent_price?;
    Some(json!({
        "filterType": "PERCENT_PRICE",
        "multiplierUp": plain(percent.up),
        "multiplierDown": plain(percent.down),
        "avgPriceMins": percent.avg_price_mins,
    }))
}

fn percent_price_by_side(filters: &Filters) -> Option<Value> {
    let percent = filters.percent_price_by_side?;
    Some(json!({
        "filterType": "PERCENT_PRICE_BY_SIDE",
        "bidMultiplierUp": plain(percent.bid_up),
        "bidMultiplierDown": plain(percent.bid_down),
        "askMultiplierUp": plain(percent.ask_up),
        "askMultiplierDown": plain(percent.ask_down),
        "avgPriceMins": percent.avg_price_mins,
    }))
}

fn min_notional(filters: &Filters) -> Option<Value> {
    let notional = filters.min_notional?;
    Some(json!({
        "filterType": "MIN_NOTIONAL",
        "minNotional": amount(notional.min.value()),
        "applyToMarket": notional.apply_to_market,
        "avgPriceMins": notional.avg_price_mins,
    }))
}

fn notional(filters: &Filters) -> Option<Value> {
    let notional = filters.notional?;
    Some(json!({
        "filterType": "NOTIONAL",
        "minNotional": amount(notional.min.value()),
        "applyMinToMarket": notional.apply_min_to_market,
        "maxNotional": amount(notional.max.value()),
        "applyMaxToMarket": notional.apply_max_to_market,
        "avgPriceMins": notional.avg_price_mins,
    }))
}

/// `/sapi/v1/asset/tradeFee`.
pub fn trade_fee(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let named = named_symbols(core, call)?;
    let model = core.model.borrow();
    let commission = model.account(call.account()?)?.commission;
    let symbols = named.unwrap_or_else(|| model.symbols().collect());
    let row = |symbol: &Symbol| json!({"symbol": symbol, "makerCommission": plain(commission.maker), "takerCommission": plain(commission.taker)});
    Ok(symbols.iter().map(row).collect::<Value>().to_string())
}

/// `/sapi/v1/account/apiRestrictions`.
pub fn api_restrictions(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let account = call.account()?;
    let trading = core
        .keys
        .borrow()
        .values()
        .any(|key| key.account == account && key.trading);
    let body = json!({
        "ipRestrict": false,
        "createTime": call.unit.of(call.now_us),
        "enableReading": true,
        "enableSpotAndMarginTrading": trading,
        "enableWithdrawals": false,
        "enableInternalTransfer": false,
        "enableMargin": false,
        "enableFutures": false,
        "permitsUniversalTransfer": false,
        "enableVanillaOptions": false,
        "enableFixApiTrade": false,
        "enableFixReadOnly": false,
        "enablePortfolioMarginTrading": false,
    });
    Ok(body.to_string())
}

/// `/sapi/v1/capital/config/getall`: the assets, none of which can be moved.
pub fn coins(core: &Core, call: &Call<'_>) -> Result<String, ApiError> {
    let view = core.model.borrow().account(call.account()?)?;
    let amount_of = |asset| {
        let found = view.balances.iter().find(|balance| balance.asset == asset);
        found.map_or((Decimal::ZERO, Decimal::ZERO), |balance| {
            (balance.free, balance.locked)
        })
    };
    let row = |asset: &tripline_engine::ids::Asset| {
        let (free, locked) = amount_of(*asset);
        json!({
            "coin": asset, "name": asset, "depositAllEnable": false, "withdrawAllEnable": false,
            "free": amount(free), "locked": amount(locked), "freeze": "0", "withdrawing": "0", "ipoing": "0",
            "ipoable": "0", "storage": "0", "isLegalMoney": false, "trading": true, "networkList": [],
        })
    };
    Ok(core.assets.iter().map(row).collect::<Value>().to_string())
}
