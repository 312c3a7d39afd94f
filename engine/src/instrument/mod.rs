//! Instruments and the venue's filters, checked here before an order is sent.

mod filters;

use serde::{Deserialize, Serialize};

pub use filters::{
    FilterName, FilterViolation, Filters, LotSize, NotionalRange, OpenCounts, PercentPrice,
    PriceFilter,
};

use crate::ids::{Asset, Symbol};
use crate::money::{MoneyError, Price, Quantity, Rounding};
use crate::order::{NewOrder, OrderType, SelfTradePrevention};

/// Whether the venue trades an instrument (Binance Spot, "Symbol status").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TradingStatus {
    Trading,
    /// Orders can be cancelled, not placed.
    CancelOnly,
    /// Halted, in a break, past its end, or a status that is not known: nothing is placed.
    Closed,
}

/// An instrument as the venue describes it (Binance Spot `exchangeInfo`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    pub symbol: Symbol,
    pub base: Asset,
    pub quote: Asset,
    pub status: TradingStatus,
    /// Decimals that the venue takes for base and quote amounts.
    pub base_precision: u32,
    pub quote_precision: u32,
    pub order_types: Vec<OrderType>,
    pub default_self_trade_prevention: Option<SelfTradePrevention>,
    pub self_trade_prevention: Vec<SelfTradePrevention>,
    pub amend_allowed: bool,
    pub cancel_replace_allowed: bool,
    pub filters: Filters,
}

impl Instrument {
    /// The price grid; zero when the venue has none.
    #[must_use]
    pub fn tick(&self) -> Price {
        self.filters.price.map_or(Price::ZERO, |filter| filter.tick)
    }

    /// The quantity grid; zero when the venue has none.
    #[must_use]
    pub fn lot(&self) -> Quantity {
        self.filters
            .lot_size
            .map_or(Quantity::ZERO, |filter| filter.step)
    }

    /// The tick next to `price` in the named direction.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn round_price(&self, price: Price, direction: Rounding) -> Result<Price, MoneyError> {
        price.round_to(self.tick(), direction)
    }

    /// The lot next to `quantity` in the named direction.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn round_quantity(
        &self,
        quantity: Quantity,
        direction: Rounding,
    ) -> Result<Quantity, MoneyError> {
        quantity.round_to(self.lot(), direction)
    }

    /// Checks the order against everything the venue would check before its matching engine.
    ///
    /// `reference` stands for the venue's reference price (or average price), which percent filters and
    /// the notional of market orders are held against; without one these are left to the venue.
    ///
    /// # Errors
    /// The first [`FilterViolation`], with the filter's name, the value and the bound.
    pub fn check(
        &self,
        order: &NewOrder,
        reference: Option<Price>,
        open: OpenCounts,
    ) -> Result<(), FilterViolation> {
        let not = |filter, detail: String| Err(FilterViolation { filter, detail });
        if self.status != TradingStatus::Trading {
            return not(
                FilterName::Status,
                format!("{} is {:?}", self.symbol, self.status),
            );
        }
        if !self.order_types.contains(&order.order_type) {
            return not(
                FilterName::OrderType,
                format!("{} takes no {} orders", self.symbol, order.order_type),
            );
        }
        if let Some(mode) = order.self_trade_prevention
            && !self.self_trade_prevention.contains(&mode)
        {
            return not(
                FilterName::SelfTradePrevention,
                format!("{} does not allow {mode}", self.symbol),
            );
        }
        if order.quantity.value().normalize().scale() > self.base_precision {
            let detail = format!(
                "quantity {} has more than {} decimals",
                order.quantity, self.base_precision
            );
            return not(FilterName::Precision, detail);
        }
        for price in [order.price, order.stop_price].into_iter().flatten() {
            if price.value().normalize().scale() > self.quote_precision {
                let detail = format!(
                    "price {price} has more than {} decimals",
                    self.quote_precision
                );
                return not(FilterName::Precision, detail);
            }
        }
        self.filters.check(order, reference, open)
    }
}
