//! Every operation, one row each: its REST and WebSocket API names, who may call it, what it weighs,
//! which parameters it reads, and its handler.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::operation::{Operation, Run, own, public, read, trade};
use super::{account, general, market, orders, replace, tickers, weights};
use crate::user::methods as session;

const NEW_ORDER: &str = "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId \
    strategyType stopPrice trailingDelta icebergQty newOrderRespType selfTradePreventionMode \
    pegPriceType pegOffsetType pegOffsetValue computeCommissionRates";
const REPLACE: &str = "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId \
    strategyType stopPrice trailingDelta icebergQty newOrderRespType selfTradePreventionMode \
    pegPriceType pegOffsetType pegOffsetValue cancelReplaceMode cancelOrderId \
    cancelOrigClientOrderId cancelNewClientOrderId cancelRestrictions \
    orderRateLimitExceededMode";
const CANCEL: &str = "symbol orderId origClientOrderId newClientOrderId cancelRestrictions";
const AMEND: &str = "symbol orderId origClientOrderId newClientOrderId newQty";
const RANGE: &str = "symbol orderId fromId startTime endTime limit";
const SYMBOLS: &str = "symbol symbols symbolStatus type permissions showPermissionSets";
const TICKER: &str = "symbol symbols symbolStatus type windowSize timeZone";
const KLINES: &str = "symbol interval startTime endTime timeZone limit";
const SYMBOL: &str = "symbol symbolStatus";

/// All operations.
pub static OPERATIONS: &[Operation] = &[
    public("ping", "/api/v3/ping", |_| 1, "", general::ping),
    public("time", "/api/v3/time", |_| 1, "", general::time),
    public(
        "exchangeInfo",
        "/api/v3/exchangeInfo",
        |_| 20,
        SYMBOLS,
        general::exchange_info,
    ),
    public(
        "depth",
        "/api/v3/depth",
        weights::depth,
        "symbol limit symbolStatus",
        market::depth,
    ),
    public(
        "trades.recent",
        "/api/v3/trades",
        |_| 25,
        "symbol limit",
        market::trades,
    ),
    public(
        "trades.historical",
        "/api/v3/historicalTrades",
        |_| 25,
        "symbol limit fromId",
        market::trades,
    ),
    public(
        "trades.aggregate",
        "/api/v3/aggTrades",
        |_| 4,
        RANGE,
        market::aggregate_trades,
    ),
    public("klines", "/api/v3/klines", |_| 2, KLINES, market::klines),
    public(
        "uiKlines",
        "/api/v3/uiKlines",
        |_| 2,
        KLINES,
        market::klines,
    ),
    public(
        "avgPrice",
        "/api/v3/avgPrice",
        |_| 2,
        SYMBOL,
        tickers::average_price,
    ),
    public(
        "ticker.24hr",
        "/api/v3/ticker/24hr",
        weights::day_ticker,
        SYMBOLS,
        tickers::day,
    ),
    public(
        "ticker.price",
        "/api/v3/ticker/price",
        |p| weights::one_or_all(p, 2, 4),
        SYMBOLS,
        tickers::price,
    ),
    public(
        "ticker.book",
        "/api/v3/ticker/bookTicker",
        |p| weights::one_or_all(p, 2, 4),
        SYMBOLS,
        tickers::book_ticker,
    ),
    public(
        "ticker",
        "/api/v3/ticker",
        weights::per_symbol,
        TICKER,
        tickers::rolling,
    ),
    public(
        "ticker.tradingDay",
        "/api/v3/ticker/tradingDay",
        weights::per_symbol,
        TICKER,
        tickers::trading_day,
    ),
    public(
        "executionRules",
        "/api/v3/executionRules",
        weights::execution_rules,
        SYMBOLS,
        general::execution_rules,
    ),
    public(
        "referencePrice",
        "/api/v3/referencePrice",
        |_| 2,
        SYMBOL,
        general::reference_price,
    ),
    public(
        "referencePrice.calculation",
        "/api/v3/referencePrice/calculation",
        |_| 2,
        SYMBOL,
        general::reference_price,
    ),
    public(
        "blockTrades.historical",
        "/api/v3/historicalBlockTrades",
        |_| 25,
        RANGE,
        general::none,
    ),
    trade(
        "order.place",
        "POST",
        "/api/v3/order",
        NEW_ORDER,
        1,
        Run::Counted(orders::place),
    ),
    Operation {
        free: false,
        weight: weights::order_test,
        ..trade(
            "order.test",
            "POST",
            "/api/v3/order/test",
            NEW_ORDER,
            0,
            Run::Plain(orders::test),
        )
    },
    trade(
        "order.cancel",
        "DELETE",
        "/api/v3/order",
        CANCEL,
        0,
        Run::Plain(orders::cancel),
    ),
    trade(
        "openOrders.cancelAll",
        "DELETE",
        "/api/v3/openOrders",
        "symbol",
        0,
        Run::Plain(orders::cancel_all),
    ),
    trade(
        "order.cancelReplace",
        "POST",
        "/api/v3/order/cancelReplace",
        REPLACE,
        1,
        Run::Plain(replace::cancel_replace),
    ),
    Operation {
        free: false,
        weight: |_| 4,
        ..trade(
            "order.amend.keepPriority",
            "PUT",
            "/api/v3/order/amend/keepPriority",
            AMEND,
            0,
            Run::Plain(orders::amend),
        )
    },
    read(
        "order.status",
        "/api/v3/order",
        |_| 4,
        CANCEL,
        account::order_status,
    ),
    read(
        "openOrders.status",
        "/api/v3/openOrders",
        |p| weights::one_or_all(p, 6, 80),
        "symbol",
        account::open_orders,
    ),
    read(
        "allOrders",
        "/api/v3/allOrders",
        |_| 20,
        RANGE,
        account::all_orders,
    ),
    read(
        "myTrades",
        "/api/v3/myTrades",
        weights::my_trades,
        RANGE,
        account::my_trades,
    ),
    read(
        "myPreventedMatches",
        "/api/v3/myPreventedMatches",
        weights::prevented_matches,
        "symbol preventedMatchId orderId fromPreventedMatchId limit",
        account::prevented_matches,
    ),
    read(
        "order.amendments",
        "/api/v3/order/amendments",
        |_| 4,
        "symbol orderId fromExecutionId limit",
        account::amendments,
    ),
    read(
        "account.status",
        "/api/v3/account",
        |_| 20,
        "omitZeroBalances",
        account::account,
    ),
    read(
        "account.commission",
        "/api/v3/account/commission",
        |_| 20,
        "symbol",
        account::commission,
    ),
    read(
        "account.rateLimits.orders",
        "/api/v3/rateLimit/order",
        |_| 40,
        "",
        account::order_limits,
    ),
    read(
        "myFilters",
        "/api/v3/myFilters",
        |_| 40,
        "symbol",
        account::my_filters,
    ),
    read(
        "openOrderLists.status",
        "/api/v3/openOrderList",
        |_| 6,
        "",
        general::none,
    ),
    read(
        "allOrderLists",
        "/api/v3/allOrderList",
        |_| 20,
        RANGE,
        general::none,
    ),
    read(
        "myAllocations",
        "/api/v3/myAllocations",
        |_| 20,
        RANGE,
        general::none,
    ),
    read(
        "",
        "/sapi/v1/asset/tradeFee",
        |_| 1,
        "symbol",
        general::trade_fee,
    ),
    read(
        "",
        "/sapi/v1/account/apiRestrictions",
        |_| 1,
        "",
        general::api_restrictions,
    ),
    read(
        "",
        "/sapi/v1/capital/config/getall",
        |_| 10,
        "",
        general::coins,
    ),
    own("session.logon", "", session::log_on),
    own("session.status", "", session::status),
    own("session.logout", "", session::log_out),
    own("session.subscriptions", "", session::subscriptions),
    own("userDataStream.subscribe", "", session::subscribe),
    own(
        "userDataStream.subscribe.signature",
        "",
        session::subscribe_signed,
    ),
    own(
        "userDataStream.unsubscribe",
        "subscriptionId",
        session::unsubscribe,
    ),
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
    BY_NAME
        .get(name.strip_prefix("v3/").unwrap_or(name))
        .copied()
}

/// The operation at this verb and path.
pub fn by_path(verb: &str, path: &str) -> Option<&'static Operation> {
    BY_PATH.get(&(verb, path)).copied()
}

/// Whether a fault may name it: an operation's name, its path, or verb and path.
pub fn is_known(text: &str) -> bool {
    by_name(text).is_some()
        || is_known_path(text)
        || text
            .split_once(' ')
            .is_some_and(|(verb, path)| by_path(verb, path).is_some())
}

/// Whether any verb is served at this path.
pub fn is_known_path(path: &str) -> bool {
    OPERATIONS.iter().any(|one| one.path == path)
}

/// What exists at the venue and is refused here with -1020 rather than as unknown.
pub fn is_unsupported(method_or_path: &str) -> bool {
    ["orderList", "order/oco", "sor/", "sor."]
        .iter()
        .any(|part| method_or_path.contains(part))
}
