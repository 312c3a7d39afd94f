//! Every operation, one row each: its REST and WebSocket API names, who may call it, what it weighs,
//! which parameters it reads, and its handler.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use super::auth::Security::{self, None as Public, Trade, UserData};
use super::{Call, account, general, market, orders, replace, tickers};
use crate::core::Core;
use crate::user::Session;
use crate::user::methods as session;
use crate::wire::{ApiError, Params};

type Handler = fn(&Core, &Call<'_>) -> Result<String, ApiError>;

/// How an operation runs.
#[derive(Clone, Copy)]
pub enum Run {
    Plain(Handler),
    /// Takes `orders` of the account's order limit first.
    Counted(Handler),
    /// Belongs to a WebSocket API connection.
    Session(fn(&Rc<Core>, &Rc<Session>, &Params, i64) -> Result<String, ApiError>),
}

/// One row.
pub struct Operation {
    /// Over the WebSocket API; "" where it has none.
    pub name: &'static str,
    /// Over REST; "" where it has none.
    pub verb: &'static str,
    pub path: &'static str,
    pub security: Security,
    pub weight: fn(&Params) -> u32,
    /// Whether a success costs no weight.
    pub free: bool,
    /// How many new orders it counts as.
    pub orders: u32,
    pub params: &'static [&'static str],
    pub run: Run,
}

const NEW_ORDER: &[&str] = &[
    "symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "newClientOrderId", "strategyId",
    "strategyType", "stopPrice", "trailingDelta", "icebergQty", "newOrderRespType", "selfTradePreventionMode",
    "pegPriceType", "pegOffsetType", "pegOffsetValue", "computeCommissionRates",
];
const REPLACE: &[&str] = &[
    "symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "newClientOrderId", "strategyId",
    "strategyType", "stopPrice", "trailingDelta", "icebergQty", "newOrderRespType", "selfTradePreventionMode",
    "pegPriceType", "pegOffsetType", "pegOffsetValue", "cancelReplaceMode", "cancelOrderId",
    "cancelOrigClientOrderId", "cancelNewClientOrderId", "cancelRestrictions", "orderRateLimitExceededMode",
];
const CANCEL: &[&str] = &["symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions"];
const AMEND: &[&str] = &["symbol", "orderId", "origClientOrderId", "newClientOrderId", "newQty"];
const RANGE: &[&str] = &["symbol", "orderId", "fromId", "startTime", "endTime", "limit"];
const SYMBOLS: &[&str] = &["symbol", "symbols", "symbolStatus", "type", "permissions", "showPermissionSets"];
const KLINES: &[&str] = &["symbol", "interval", "startTime", "endTime", "timeZone", "limit"];
const SYMBOL: &[&str] = &["symbol", "symbolStatus"];

const fn public(
    name: &'static str, path: &'static str, weight: fn(&Params) -> u32, params: &'static [&'static str], run: Handler,
) -> Operation {
    let run = Run::Plain(run);
    Operation { name, verb: "GET", path, security: Public, weight, free: false, orders: 0, params, run }
}

const fn read(
    name: &'static str, path: &'static str, weight: fn(&Params) -> u32, params: &'static [&'static str], run: Handler,
) -> Operation {
    let run = Run::Plain(run);
    Operation { name, verb: "GET", path, security: UserData, weight, free: false, orders: 0, params, run }
}

const fn trade(
    name: &'static str, verb: &'static str, path: &'static str, params: &'static [&'static str], orders: u32, run: Run,
) -> Operation {
    Operation { name, verb, path, security: Trade, weight: |_| 1, free: true, orders, params, run }
}

const fn own(
    name: &'static str, params: &'static [&'static str],
    run: fn(&Rc<Core>, &Rc<Session>, &Params, i64) -> Result<String, ApiError>,
) -> Operation {
    let run = Run::Session(run);
    Operation { name, verb: "", path: "", security: Public, weight: |_| 2, free: false, orders: 0, params, run }
}

fn depth_weight(params: &Params) -> u32 {
    match params.integer("limit") {
        Ok(Some(0..=100) | None) | Err(_) => 5,
        Ok(Some(101..=500)) => 25,
        Ok(Some(501..=1_000)) => 50,
        Ok(Some(_)) => 250,
    }
}

fn day_weight(params: &Params) -> u32 {
    match (params.get("symbol"), params.symbols()) {
        (Some(_), _) => 2,
        (None, Ok(Some(names))) if names.len() <= 20 => 2,
        (None, Ok(Some(names))) if names.len() <= 100 => 40,
        _ => 80,
    }
}

fn one_or_all(params: &Params, one: u32, all: u32) -> u32 {
    if params.get("symbol").is_some() { one } else { all }
}

fn trades_weight(params: &Params) -> u32 {
    if params.get("orderId").is_some() { 5 } else { 20 }
}

fn prevented_weight(params: &Params) -> u32 {
    if params.get("preventedMatchId").is_some() { 2 } else { 20 }
}

fn test_weight(params: &Params) -> u32 {
    if params.boolean("computeCommissionRates") == Ok(Some(true)) { 20 } else { 1 }
}

/// All operations.
pub static OPERATIONS: &[Operation] = &[
    public("ping", "/api/v3/ping", |_| 1, &[], general::ping),
    public("time", "/api/v3/time", |_| 1, &[], general::time),
    public("exchangeInfo", "/api/v3/exchangeInfo", |_| 20, SYMBOLS, general::exchange_info),
    public("depth", "/api/v3/depth", depth_weight, &["symbol", "limit", "symbolStatus"], market::depth),
    public("trades.recent", "/api/v3/trades", |_| 25, &["symbol", "limit"], market::trades),
    public("trades.historical", "/api/v3/historicalTrades", |_| 25, &["symbol", "limit", "fromId"], market::trades),
    public("trades.aggregate", "/api/v3/aggTrades", |_| 4, RANGE, market::aggregate_trades),
    public("klines", "/api/v3/klines", |_| 2, KLINES, market::klines),
    public("uiKlines", "/api/v3/uiKlines", |_| 2, KLINES, market::klines),
    public("avgPrice", "/api/v3/avgPrice", |_| 2, SYMBOL, tickers::average_price),
    public("ticker.24hr", "/api/v3/ticker/24hr", day_weight, SYMBOLS, tickers::day),
    public("ticker.price", "/api/v3/ticker/price", |p| one_or_all(p, 2, 4), SYMBOLS, tickers::price),
    public("ticker.book", "/api/v3/ticker/bookTicker", |p| one_or_all(p, 2, 4), SYMBOLS, tickers::book_ticker),
    trade("order.place", "POST", "/api/v3/order", NEW_ORDER, 1, Run::Counted(orders::place)),
    Operation {
        free: false,
        weight: test_weight,
        ..trade("order.test", "POST", "/api/v3/order/test", NEW_ORDER, 0, Run::Plain(orders::test))
    },
    trade("order.cancel", "DELETE", "/api/v3/order", CANCEL, 0, Run::Plain(orders::cancel)),
    trade("openOrders.cancelAll", "DELETE", "/api/v3/openOrders", &["symbol"], 0, Run::Plain(orders::cancel_all)),
    trade(
        "order.cancelReplace", "POST", "/api/v3/order/cancelReplace", REPLACE, 1, Run::Plain(replace::cancel_replace),
    ),
    Operation {
        free: false,
        weight: |_| 4,
        ..trade(
            "order.amend.keepPriority", "PUT", "/api/v3/order/amend/keepPriority", AMEND, 0, Run::Plain(orders::amend),
        )
    },
    read("order.status", "/api/v3/order", |_| 4, CANCEL, account::order_status),
    read("openOrders.status", "/api/v3/openOrders", |p| one_or_all(p, 6, 80), &["symbol"], account::open_orders),
    read("allOrders", "/api/v3/allOrders", |_| 20, RANGE, account::all_orders),
    read("myTrades", "/api/v3/myTrades", trades_weight, RANGE, account::my_trades),
    read(
        "myPreventedMatches", "/api/v3/myPreventedMatches", prevented_weight,
        &["symbol", "preventedMatchId", "orderId", "fromPreventedMatchId", "limit"], account::prevented_matches,
    ),
    read(
        "order.amendments", "/api/v3/order/amendments", |_| 4, &["symbol", "orderId", "fromExecutionId", "limit"],
        account::amendments,
    ),
    read("account.status", "/api/v3/account", |_| 20, &["omitZeroBalances"], account::account),
    read("account.commission", "/api/v3/account/commission", |_| 20, &["symbol"], account::commission),
    read("account.rateLimits.orders", "/api/v3/rateLimit/order", |_| 40, &[], account::order_limits),
    read("myFilters", "/api/v3/myFilters", |_| 40, &["symbol"], account::my_filters),
    read("", "/sapi/v1/asset/tradeFee", |_| 1, &["symbol"], general::trade_fee),
    read("", "/sapi/v1/account/apiRestrictions", |_| 1, &[], general::api_restrictions),
    read("", "/sapi/v1/capital/config/getall", |_| 10, &[], general::coins),
    own("session.logon", &[], session::log_on),
    own("session.status", &[], session::status),
    own("session.logout", &[], session::log_out),
    own("session.subscriptions", &[], session::subscriptions),
    own("userDataStream.subscribe", &[], session::subscribe),
    own("userDataStream.subscribe.signature", &[], session::subscribe_signed),
    own("userDataStream.unsubscribe", &["subscriptionId"], session::unsubscribe),
];

static BY_NAME: LazyLock<HashMap<&str, &Operation>> = LazyLock::new(|| {
    let named = OPERATIONS.iter().filter(|one| !one.name.is_empty());
    named.map(|one| (one.name, one)).collect()
});

static BY_PATH: LazyLock<HashMap<(&str, &str), &Operation>> = LazyLock::new(|| {
    let with_path = OPERATIONS.iter().filter(|one| !one.path.is_empty());
    with_path.map(|one| ((one.verb, one.path), one)).collect()
});

/// The operation with this WebSocket API name; a `v3/` before it is ignored.
pub fn by_name(name: &str) -> Option<&'static Operation> {
    BY_NAME.get(name.strip_prefix("v3/").unwrap_or(name)).copied()
}

/// The operation at this verb and path.
pub fn by_path(verb: &str, path: &str) -> Option<&'static Operation> {
    BY_PATH.get(&(verb, path)).copied()
}

/// Whether any verb is served at this path.
pub fn is_known_path(path: &str) -> bool {
    OPERATIONS.iter().any(|one| one.path == path)
}

/// What exists at the venue and is refused here with -1020 rather than as unknown.
pub fn is_unsupported(method_or_path: &str) -> bool {
    ["orderList", "openOrderList", "allOrderList", "sor/", "sor.", "myAllocations", "executionRules", "referencePrice",
        "ticker.tradingDay", "ticker/tradingDay", "historicalBlockTrades", "blockTrades"]
        .iter()
        .any(|part| method_or_path.contains(part))
}
