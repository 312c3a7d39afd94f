//! Which parameters an order type needs and refuses, and how precise they may be: the checks before
//! the filters.

use rust_decimal::Decimal;
use tripline_engine::money::{Notional, Price, Quantity};

use super::amount::LIMIT;
use super::order::NewOrder;
use super::refusal::Refusal;
use super::settings::InstrumentSettings;
use super::terms::{OrderType, SelfTradePrevention, TimeInForce};

/// How much an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Base(Quantity),
    /// A MARKET order's `quoteOrderQty`.
    Quote(Notional),
}

/// An order with the parameters of its type, complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub amount: Amount,
    /// Zero for orders without a limit price.
    pub price: Price,
    /// Zero for orders that are not stop orders.
    pub stop_price: Price,
    pub time_in_force: TimeInForce,
    pub self_trade_prevention: SelfTradePrevention,
}

fn required<T>(value: Option<T>, parameter: &str) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::mandatory(parameter))
}

fn refused<T>(value: Option<&T>, parameter: &str) -> Result<(), Refusal> {
    value.map_or(Ok(()), |_| Err(Refusal::not_required(parameter)))
}

fn precise(value: Option<Decimal>, decimals: u32, parameter: &str) -> Result<(), Refusal> {
    match value.map(|value| value.normalize().scale()) {
        Some(scale) if scale > decimals => Err(Refusal::precision(parameter)),
        _ => Ok(()),
    }
}

fn amount(order: &NewOrder) -> Result<Amount, Refusal> {
    match (order.order_type, order.quantity, order.quote_order_qty) {
        (OrderType::Market, None, None) => {
            Err(Refusal::no_order_named("quantity", "quoteOrderQty"))
        }
        (OrderType::Market, Some(_), Some(_)) => Err(Refusal::BAD_COMBINATION),
        (OrderType::Market, None, Some(quote)) => Ok(Amount::Quote(quote)),
        (_, quantity, None) => required(quantity, "quantity").map(Amount::Base),
        (_, _, Some(_)) => Err(Refusal::not_required("quoteOrderQty")),
    }
}

fn unsupported(order: &NewOrder) -> Result<(), Refusal> {
    if order.pegged {
        return Err(Refusal::unsupported("Pegged"));
    }
    if order.trailing_delta.is_some() {
        return Err(Refusal::unsupported("Trailing stop"));
    }
    if order
        .iceberg_qty
        .is_some_and(|quantity| !quantity.is_zero())
    {
        return Err(Refusal::unsupported("Iceberg"));
    }
    Ok(())
}

fn precision(order: &NewOrder, rules: &InstrumentSettings) -> Result<(), Refusal> {
    let (base, quote) = (rules.base_precision, rules.quote_precision);
    precise(order.quantity.map(Quantity::value), base, "quantity")?;
    precise(order.iceberg_qty.map(Quantity::value), base, "icebergQty")?;
    precise(order.price.map(Price::value), quote, "price")?;
    precise(order.stop_price.map(Price::value), quote, "stopPrice")?;
    precise(
        order.quote_order_qty.map(Notional::value),
        quote,
        "quoteOrderQty",
    )
}

/// Amounts that no filter lets through but that arithmetic should not meet either.
fn bounded(wanted: &Wanted) -> Result<(), Refusal> {
    if wanted.price.value() > LIMIT || wanted.stop_price.value() > LIMIT {
        return Err(Refusal::filter("PRICE_FILTER"));
    }
    match wanted.amount {
        Amount::Base(quantity) if quantity.value() > LIMIT => Err(Refusal::filter("LOT_SIZE")),
        Amount::Quote(quote) if quote.value() > LIMIT => Err(Refusal::filter("NOTIONAL")),
        _ => Ok(()),
    }
}

/// The parameters of the order's type, or the first that is missing, surplus, too precise or not
/// supported.
pub(super) fn parameters(order: &NewOrder, rules: &InstrumentSettings) -> Result<Wanted, Refusal> {
    let kind = order.order_type;
    let time_in_force = if kind.needs_time_in_force() {
        required(order.time_in_force, "timeInForce")?
    } else {
        refused(order.time_in_force.as_ref(), "timeInForce")?;
        TimeInForce::Gtc
    };
    let amount = amount(order)?;
    let price = if kind.has_price() {
        required(order.price, "price")?
    } else {
        refused(order.price.as_ref(), "price")?;
        Price::ZERO
    };
    let stop_price = if kind.is_stop() {
        if order.trailing_delta.is_some() {
            order.stop_price.unwrap_or_default()
        } else {
            required(order.stop_price, "stopPrice")?
        }
    } else {
        refused(order.stop_price.as_ref(), "stopPrice")?;
        Price::ZERO
    };
    if order.strategy_type.is_some_and(|number| number < 1_000_000) {
        return Err(Refusal::STRATEGY_TYPE);
    }
    precision(order, rules)?;
    let mode = order
        .self_trade_prevention
        .unwrap_or(rules.default_self_trade_prevention);
    if !rules.allowed_self_trade_prevention.contains(&mode) {
        return Err(Refusal::SELF_TRADE_MODE);
    }
    unsupported(order)?;
    if matches!(amount, Amount::Quote(_)) && !rules.quote_order_qty_market_allowed {
        return Err(Refusal::QUOTE_ORDER_QTY);
    }
    let wanted = Wanted {
        amount,
        price,
        stop_price,
        time_in_force,
        self_trade_prevention: mode,
    };
    bounded(&wanted)?;
    Ok(wanted)
}
