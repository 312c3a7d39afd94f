//! The symbol's filters (Binance spot filters), in the order in which the venue lists them.

use rust_decimal::Decimal;
use tripline_engine::money::{Price, Quantity};

use super::check::{Amount, Wanted};
use super::refusal::Refusal;
use super::settings::{ExchangeFilters, Filters, LotSize, PriceFilter};
use super::store::OpenCount;
use super::tape::Tape;
use super::terms::{OrderType, Side, Time};

/// What the filters look at besides the order.
pub(super) struct Facts<'a> {
    pub tape: &'a Tape,
    pub now: Time,
    /// Open orders of the account on this symbol.
    pub open: OpenCount,
    /// Open orders of the account on all symbols.
    pub open_everywhere: OpenCount,
    /// Base asset free and locked, and what the open BUY orders can still buy.
    pub position: Decimal,
}

fn failed(name: &str, fails: bool) -> Result<(), Refusal> {
    if fails {
        Err(Refusal::filter(name))
    } else {
        Ok(())
    }
}

fn off_grid(value: Decimal, step: Decimal) -> bool {
    !step.is_zero() && value.checked_rem(step).is_none_or(|rest| !rest.is_zero())
}

/// PRICE_FILTER for a price or stop price.
fn price_filter(rule: &PriceFilter, price: Price) -> Result<(), Refusal> {
    let fails = (!rule.min.is_zero() && price < rule.min)
        || (!rule.max.is_zero() && price > rule.max)
        || off_grid(price.value(), rule.tick.value())
        || price.is_zero();
    failed("PRICE_FILTER", fails)
}

/// LOT_SIZE and MARKET_LOT_SIZE. A zero in the rule switches that part off.
fn lot_size(name: &str, rule: &LotSize, quantity: Quantity) -> Result<(), Refusal> {
    let fails = quantity < rule.min
        || (!rule.max.is_zero() && quantity > rule.max)
        || off_grid(quantity.value(), rule.step.value())
        || quantity.is_zero();
    failed(name, fails)
}

/// The quantity of a MARKET order (also one derived from `quoteOrderQty`) or of an amend.
pub(super) fn quantity(
    filters: &Filters,
    order_type: OrderType,
    quantity: Quantity,
) -> Result<(), Refusal> {
    lot_size("LOT_SIZE", &filters.lot_size, quantity)?;
    match filters
        .market_lot_size
        .filter(|_| order_type == OrderType::Market)
    {
        Some(rule) => lot_size("MARKET_LOT_SIZE", &rule, quantity),
        None => Ok(()),
    }
}

fn percent_prices(
    filters: &Filters,
    side: Side,
    price: Price,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let outside = |minutes: u32, down: Decimal, up: Decimal| {
        facts
            .tape
            .average(minutes, facts.now)
            .is_some_and(|reference| {
                let reference = reference.value();
                price.value() < reference * down || price.value() > reference * up
            })
    };
    if let Some(rule) = &filters.percent_price {
        failed(
            "PERCENT_PRICE",
            outside(rule.avg_price_mins, rule.down, rule.up),
        )?;
    }
    if let Some(rule) = &filters.percent_price_by_side {
        let (down, up) = match side {
            Side::Buy => (rule.bid_down, rule.bid_up),
            Side::Sell => (rule.ask_down, rule.ask_up),
        };
        failed(
            "PERCENT_PRICE_BY_SIDE",
            outside(rule.avg_price_mins, down, up),
        )?;
    }
    Ok(())
}

/// MIN_NOTIONAL and NOTIONAL. An order without a price counts at the reference price; without one (no
/// trade yet) the filters pass.
pub(super) fn notionals(
    filters: &Filters,
    wanted: &Wanted,
    tape: &Tape,
    now: Time,
) -> Result<(), Refusal> {
    let by_reference = wanted.price.is_zero();
    let value = |minutes: u32| match wanted.amount {
        Amount::Quote(quote) => Some(quote.value()),
        Amount::Base(quantity) => {
            let price = if by_reference {
                tape.average(minutes, now)
            } else {
                Some(wanted.price)
            };
            price.map(|price| price.value() * quantity.value())
        }
    };
    if let Some(rule) = &filters.min_notional {
        let applies = !by_reference || rule.apply_to_market;
        let low = value(rule.avg_price_mins).is_some_and(|value| value < rule.min.value());
        failed("MIN_NOTIONAL", applies && low)?;
    }
    if let Some(rule) = &filters.notional {
        let value = value(rule.avg_price_mins);
        let low = value.is_some_and(|value| value < rule.min.value());
        let high = value.is_some_and(|value| value > rule.max.value());
        let min_applies = !by_reference || rule.apply_min_to_market;
        let max_applies = !by_reference || rule.apply_max_to_market;
        failed("NOTIONAL", (min_applies && low) || (max_applies && high))?;
    }
    Ok(())
}

fn counts(
    filters: &Filters,
    exchange: &ExchangeFilters,
    is_algo: bool,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let full = |open: usize, most: Option<u32>| most.is_some_and(|most| open >= most as usize);
    failed(
        "MAX_NUM_ORDERS",
        full(facts.open.orders, filters.max_num_orders),
    )?;
    let algo = is_algo && full(facts.open.algo, filters.max_num_algo_orders);
    failed("MAX_NUM_ALGO_ORDERS", algo)?;
    let everywhere = &facts.open_everywhere;
    failed(
        "EXCHANGE_MAX_NUM_ORDERS",
        full(everywhere.orders, exchange.max_num_orders),
    )?;
    let algo = is_algo && full(everywhere.algo, exchange.max_num_algo_orders);
    failed("EXCHANGE_MAX_NUM_ALGO_ORDERS", algo)
}

/// All filters that a new order meets.
pub(super) fn new_order(
    filters: &Filters,
    exchange: &ExchangeFilters,
    (order_type, side): (OrderType, Side),
    wanted: &Wanted,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    if order_type.has_price() {
        price_filter(&filters.price, wanted.price)?;
    }
    if order_type.is_stop() {
        price_filter(&filters.price, wanted.stop_price)?;
    }
    if order_type.has_price() {
        percent_prices(filters, side, wanted.price, facts)?;
    }
    if let Amount::Base(base) = wanted.amount {
        quantity(filters, order_type, base)?;
    }
    notionals(filters, wanted, facts.tape, facts.now)?;
    let too_much = filters
        .max_position
        .is_some_and(|most| facts.position > most.value());
    failed("MAX_POSITION", side == Side::Buy && too_much)?;
    counts(filters, exchange, order_type.is_stop(), facts)
}
