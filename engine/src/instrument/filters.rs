//! Binance Spot filters, each with its documented rule (reference: "Filters").

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

use crate::money::{Notional, Price, Quantity};
use crate::order::{NewOrder, OrderType, Side};

/// The rule that an order breaks: a venue filter by its own name, or a property of the symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FilterName {
    PriceFilter,
    PercentPrice,
    PercentPriceBySide,
    LotSize,
    MarketLotSize,
    MinNotional,
    Notional,
    MaxNumOrders,
    MaxNumAlgoOrders,
    MaxPosition,
    /// The symbol's status does not allow new orders.
    Status,
    /// The symbol does not take this order type.
    OrderType,
    /// The symbol does not allow this self-trade-prevention mode.
    SelfTradePrevention,
    /// More decimals than the asset has.
    Precision,
    /// The value cannot be computed in 96 bits.
    Range,
}

impl FilterName {
    /// The name as Binance prints it in `Filter failure: …`; ours where the venue has no filter of that name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PriceFilter => "PRICE_FILTER",
            Self::PercentPrice => "PERCENT_PRICE",
            Self::PercentPriceBySide => "PERCENT_PRICE_BY_SIDE",
            Self::LotSize => "LOT_SIZE",
            Self::MarketLotSize => "MARKET_LOT_SIZE",
            Self::MinNotional => "MIN_NOTIONAL",
            Self::Notional => "NOTIONAL",
            Self::MaxNumOrders => "MAX_NUM_ORDERS",
            Self::MaxNumAlgoOrders => "MAX_NUM_ALGO_ORDERS",
            Self::MaxPosition => "MAX_POSITION",
            Self::Status => "symbol status",
            Self::OrderType => "order type",
            Self::SelfTradePrevention => "self-trade prevention",
            Self::Precision => "precision",
            Self::Range => "range",
        }
    }
}

impl fmt::Display for FilterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An order that the venue would refuse, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{filter}: {detail}")]
pub struct FilterViolation {
    pub filter: FilterName,
    pub detail: String,
}

/// PRICE_FILTER: price and stop price within bounds and on the tick. A zero switches its part off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceFilter {
    pub min: Price,
    pub max: Price,
    pub tick: Price,
}

/// LOT_SIZE and MARKET_LOT_SIZE: quantity within bounds and on the step. A zero switches its part off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotSize {
    pub min: Quantity,
    pub max: Quantity,
    pub step: Quantity,
}

/// PERCENT_PRICE(_BY_SIDE): the price within multiples of the reference price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PercentPrice {
    pub up: Decimal,
    pub down: Decimal,
}

/// NOTIONAL and MIN_NOTIONAL: price times quantity within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotionalRange {
    pub min: Notional,
    pub apply_min_to_market: bool,
    pub max: Option<Notional>,
    pub apply_max_to_market: bool,
}

/// What is open on the symbol beside the order that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenCounts {
    /// All open orders on the symbol, stop orders included.
    pub orders: u32,
    /// Open stop and take-profit orders on the symbol.
    pub algo_orders: u32,
    /// Base asset held, free and locked, plus the quantity of open buy orders, where known.
    pub position: Option<Quantity>,
}

/// The filters of one symbol. A filter that the venue does not list is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filters {
    pub price: Option<PriceFilter>,
    pub percent_price: Option<PercentPrice>,
    pub percent_price_bid: Option<PercentPrice>,
    pub percent_price_ask: Option<PercentPrice>,
    pub lot_size: Option<LotSize>,
    pub market_lot_size: Option<LotSize>,
    pub min_notional: Option<NotionalRange>,
    pub notional: Option<NotionalRange>,
    pub max_num_orders: Option<u32>,
    pub max_num_algo_orders: Option<u32>,
    pub max_position: Option<Quantity>,
    pub max_num_order_amends: Option<u32>,
    /// Filters that concern what this engine does not send (iceberg, trailing, lists) or that it does
    /// not know: kept by name, left to the venue.
    pub left_to_venue: Vec<String>,
}

fn violation(filter: FilterName, detail: String) -> FilterViolation {
    FilterViolation { filter, detail }
}

impl PriceFilter {
    fn check(&self, what: &str, price: Price) -> Result<(), FilterViolation> {
        let fail = |detail| Err(violation(FilterName::PriceFilter, detail));
        if !self.min.is_zero() && price < self.min {
            return fail(format!("{what} {price} is below {}", self.min));
        }
        if !self.max.is_zero() && price > self.max {
            return fail(format!("{what} {price} is above {}", self.max));
        }
        if !price.is_multiple_of(self.tick) {
            return fail(format!(
                "{what} {price} is not a multiple of the tick {}",
                self.tick
            ));
        }
        Ok(())
    }
}

impl LotSize {
    fn check(&self, filter: FilterName, quantity: Quantity) -> Result<(), FilterViolation> {
        let fail = |detail| Err(violation(filter, detail));
        if !self.min.is_zero() && quantity < self.min {
            return fail(format!("quantity {quantity} is below {}", self.min));
        }
        if !self.max.is_zero() && quantity > self.max {
            return fail(format!("quantity {quantity} is above {}", self.max));
        }
        if !quantity.is_multiple_of(self.step) {
            return fail(format!(
                "quantity {quantity} is not a multiple of the step {}",
                self.step
            ));
        }
        Ok(())
    }
}

impl PercentPrice {
    fn check(
        &self,
        filter: FilterName,
        price: Price,
        reference: Price,
    ) -> Result<(), FilterViolation> {
        let bound = |factor: Decimal| {
            reference.value().checked_mul(factor).ok_or_else(|| {
                violation(
                    FilterName::Range,
                    format!("{reference} times {factor} does not fit"),
                )
            })
        };
        let (low, high) = (bound(self.down)?, bound(self.up)?);
        if price.value() < low || price.value() > high {
            let detail = format!("price {price} is outside {low} to {high} around {reference}");
            return Err(violation(filter, detail));
        }
        Ok(())
    }
}

impl NotionalRange {
    fn check(
        &self,
        filter: FilterName,
        notional: Notional,
        market: bool,
    ) -> Result<(), FilterViolation> {
        if (!market || self.apply_min_to_market) && notional < self.min {
            return Err(violation(
                filter,
                format!("notional {notional} is below {}", self.min),
            ));
        }
        match self.max {
            Some(max) if (!market || self.apply_max_to_market) && notional > max => Err(violation(
                filter,
                format!("notional {notional} is above {max}"),
            )),
            _ => Ok(()),
        }
    }
}

impl Filters {
    /// # Errors
    /// The first violation in the order in which the venue lists its filters.
    pub(super) fn check(
        &self,
        order: &NewOrder,
        reference: Option<Price>,
        open: OpenCounts,
    ) -> Result<(), FilterViolation> {
        self.check_prices(order, reference)?;
        let market = order.price.is_none();
        if let Some(filter) = &self.lot_size {
            filter.check(FilterName::LotSize, order.quantity)?;
        }
        if let Some(filter) = self
            .market_lot_size
            .as_ref()
            .filter(|_| order.order_type == OrderType::Market)
        {
            filter.check(FilterName::MarketLotSize, order.quantity)?;
        }
        if let Some(price) = order.price.or(reference) {
            let notional = price
                .notional(order.quantity)
                .map_err(|error| violation(FilterName::Range, error.to_string()))?;
            for (filter, range) in [
                (FilterName::MinNotional, &self.min_notional),
                (FilterName::Notional, &self.notional),
            ] {
                if let Some(range) = range {
                    range.check(filter, notional, market)?;
                }
            }
        }
        self.check_counts(order, open)
    }

    fn check_prices(
        &self,
        order: &NewOrder,
        reference: Option<Price>,
    ) -> Result<(), FilterViolation> {
        if let Some(filter) = &self.price {
            for (what, price) in [("price", order.price), ("stop price", order.stop_price)] {
                if let Some(price) = price {
                    filter.check(what, price)?;
                }
            }
        }
        let (Some(price), Some(reference)) = (order.price, reference) else {
            return Ok(());
        };
        if let Some(filter) = &self.percent_price {
            filter.check(FilterName::PercentPrice, price, reference)?;
        }
        let by_side = match order.side {
            Side::Buy => &self.percent_price_bid,
            Side::Sell => &self.percent_price_ask,
        };
        match by_side {
            Some(filter) => filter.check(FilterName::PercentPriceBySide, price, reference),
            None => Ok(()),
        }
    }

    fn check_counts(&self, order: &NewOrder, open: OpenCounts) -> Result<(), FilterViolation> {
        if let Some(most) = self.max_num_orders.filter(|most| open.orders >= *most) {
            return Err(violation(
                FilterName::MaxNumOrders,
                format!("{} orders are open, {most} allowed", open.orders),
            ));
        }
        let algo = order.order_type.needs_stop_price();
        if let Some(most) = self
            .max_num_algo_orders
            .filter(|most| algo && open.algo_orders >= *most)
        {
            let detail = format!("{} stop orders are open, {most} allowed", open.algo_orders);
            return Err(violation(FilterName::MaxNumAlgoOrders, detail));
        }
        let (Some(most), Some(held), Side::Buy) = (self.max_position, open.position, order.side)
        else {
            return Ok(());
        };
        match held.checked_add(order.quantity) {
            Ok(after) if after <= most => Ok(()),
            _ => Err(violation(
                FilterName::MaxPosition,
                format!("{held} held plus {} is above {most}", order.quantity),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Symbol;

    fn filters() -> Filters {
        let lot = |min: &str, max: &str, step: &str| LotSize {
            min: min.parse().unwrap(),
            max: max.parse().unwrap(),
            step: step.parse().unwrap(),
        };
        let percent = PercentPrice {
            up: Decimal::from(5),
            down: Decimal::new(2, 1),
        };
        Filters {
            price: Some(PriceFilter {
                min: "0.01".parse().unwrap(),
                max: "1000000".parse().unwrap(),
                tick: "0.01".parse().unwrap(),
            }),
            percent_price_bid: Some(percent),
            percent_price_ask: Some(percent),
            lot_size: Some(lot("0.00001", "9000", "0.00001")),
            market_lot_size: Some(lot("0", "100", "0")),
            notional: Some(NotionalRange {
                min: "5".parse().unwrap(),
                apply_min_to_market: true,
                max: Some("9000000".parse().unwrap()),
                apply_max_to_market: false,
            }),
            max_num_orders: Some(200),
            max_num_algo_orders: Some(5),
            max_position: Some("10".parse().unwrap()),
            ..Filters::default()
        }
    }

    fn limit(side: Side, quantity: &str, price: &str) -> NewOrder {
        NewOrder::limit(
            Symbol::new("BTCUSDT").unwrap(),
            side,
            quantity.parse().unwrap(),
            price.parse().unwrap(),
        )
    }

    fn broken(order: &NewOrder, open: OpenCounts) -> Option<FilterName> {
        filters()
            .check(order, Some("60000".parse().unwrap()), open)
            .err()
            .map(|violation| violation.filter)
    }

    #[test]
    fn each_filter_holds_at_its_bound_and_refuses_one_step_beyond() {
        let none = OpenCounts::default();
        let market = |quantity: &str| {
            NewOrder::market(
                Symbol::new("BTCUSDT").unwrap(),
                Side::Sell,
                quantity.parse().unwrap(),
            )
        };
        let cases = [
            (limit(Side::Buy, "1", "60000.01"), None),
            (
                limit(Side::Buy, "1", "60000.001"),
                Some(FilterName::PriceFilter),
            ),
            (limit(Side::Sell, "1", "300000"), None),
            (
                limit(Side::Sell, "1", "300000.01"),
                Some(FilterName::PercentPriceBySide),
            ),
            (limit(Side::Buy, "1", "12000"), None),
            (
                limit(Side::Buy, "1", "11999.99"),
                Some(FilterName::PercentPriceBySide),
            ),
            (limit(Side::Buy, "0.00010", "50000"), None),
            (
                limit(Side::Buy, "0.00009", "50000"),
                Some(FilterName::Notional),
            ),
            (limit(Side::Sell, "150", "60000"), None),
            (
                limit(Side::Sell, "150.00001", "60000"),
                Some(FilterName::Notional),
            ),
            (
                limit(Side::Buy, "0.000001", "60000"),
                Some(FilterName::LotSize),
            ),
            (
                limit(Side::Sell, "9000.00001", "12000"),
                Some(FilterName::LotSize),
            ),
            (market("100"), None),
            (market("100.00001"), Some(FilterName::MarketLotSize)),
            (market("0.00001"), Some(FilterName::Notional)),
        ];
        for (order, expected) in cases {
            assert_eq!(broken(&order, none), expected, "{order:?}");
        }
    }

    #[test]
    fn open_orders_and_position_count() {
        let order = limit(Side::Buy, "1", "60000");
        let open = |orders, algo_orders, position: &str| OpenCounts {
            orders,
            algo_orders,
            position: Some(position.parse().unwrap()),
        };
        assert_eq!(broken(&order, open(199, 5, "9")), None);
        assert_eq!(
            broken(&order, open(200, 0, "0")),
            Some(FilterName::MaxNumOrders)
        );
        assert_eq!(
            broken(&order, open(0, 0, "9.00001")),
            Some(FilterName::MaxPosition)
        );
        let stop = NewOrder::triggered(
            order.symbol,
            Side::Sell,
            OrderType::StopLossLimit,
            order.quantity,
            "50000".parse().unwrap(),
            Some("50000".parse().unwrap()),
        );
        assert_eq!(broken(&stop, open(0, 4, "0")), None);
        assert_eq!(
            broken(&stop, open(0, 5, "0")),
            Some(FilterName::MaxNumAlgoOrders)
        );
    }
}
