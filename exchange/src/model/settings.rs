//! What an exchange is made of: instruments with their filters, accounts with their balances.

use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, Asset, Symbol};
use tripline_engine::money::{Notional, Price, Quantity};

use super::terms::{SelfTradePrevention, SymbolStatus};

/// Everything that [`super::Exchange::new`] needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub instruments: Vec<InstrumentSettings>,
    pub accounts: Vec<AccountSettings>,
    /// Account-wide limits on open orders.
    pub exchange_filters: ExchangeFilters,
    /// Seeds the automatic client order ids.
    pub seed: u64,
}

/// One symbol and its rules (`exchangeInfo`).
#[derive(Debug, Clone, PartialEq)]
pub struct InstrumentSettings {
    pub symbol: Symbol,
    pub base: Asset,
    pub quote: Asset,
    /// Decimals of amounts of the base asset.
    pub base_precision: u32,
    /// Decimals of amounts of the quote asset.
    pub quote_precision: u32,
    pub status: SymbolStatus,
    pub filters: Filters,
    pub default_self_trade_prevention: SelfTradePrevention,
    pub allowed_self_trade_prevention: Vec<SelfTradePrevention>,
    pub quote_order_qty_market_allowed: bool,
    pub cancel_replace_allowed: bool,
    pub amend_allowed: bool,
    /// The last trade price before the first trade: reference of the percent-price filters and of the
    /// stop orders' triggers. Without one both wait for the first trade.
    pub last_price: Option<Price>,
}

/// One account and what it starts (and restarts, after a monthly reset) with.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountSettings {
    pub account: AccountId,
    /// The venue's own number of the account.
    pub uid: u64,
    pub balances: Vec<(Asset, Decimal)>,
    pub commission: Commission,
    /// Whether orders are taken at all.
    pub can_trade: bool,
    /// Pay commission in BNB, with the discount, while enough of it is free.
    pub bnb_discount: Option<BnbDiscount>,
}

/// Commission as a fraction of the received amount: 0.001 is 10 basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commission {
    pub maker: Decimal,
    pub taker: Decimal,
}

/// Commission in BNB: the factor on the rate (0.75 for a quarter off).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BnbDiscount {
    pub factor: Decimal,
}

/// The filters of a symbol (Binance spot filters). `None` means that the symbol does not have the
/// filter; a zero inside PRICE_FILTER, LOT_SIZE and MARKET_LOT_SIZE switches that one rule off.
#[derive(Debug, Clone, PartialEq)]
pub struct Filters {
    pub price: PriceFilter,
    pub lot_size: LotSize,
    pub market_lot_size: Option<LotSize>,
    pub percent_price: Option<PercentPrice>,
    pub percent_price_by_side: Option<PercentPriceBySide>,
    pub min_notional: Option<MinNotional>,
    pub notional: Option<NotionalRange>,
    pub iceberg_parts: Option<u32>,
    pub max_num_orders: Option<u32>,
    pub max_num_algo_orders: Option<u32>,
    pub max_num_iceberg_orders: Option<u32>,
    pub max_num_order_lists: Option<u32>,
    pub max_num_order_amends: Option<u32>,
    pub max_position: Option<Quantity>,
    pub trailing_delta: Option<TrailingDelta>,
}

/// PRICE_FILTER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceFilter {
    pub min: Price,
    pub max: Price,
    pub tick: Price,
}

/// LOT_SIZE and MARKET_LOT_SIZE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotSize {
    pub min: Quantity,
    pub max: Quantity,
    pub step: Quantity,
}

/// PERCENT_PRICE. `avg_price_mins` of 0 means the last price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentPrice {
    pub up: Decimal,
    pub down: Decimal,
    pub avg_price_mins: u32,
}

/// PERCENT_PRICE_BY_SIDE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentPriceBySide {
    pub bid_up: Decimal,
    pub bid_down: Decimal,
    pub ask_up: Decimal,
    pub ask_down: Decimal,
    pub avg_price_mins: u32,
}

/// MIN_NOTIONAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinNotional {
    pub min: Notional,
    pub apply_to_market: bool,
    pub avg_price_mins: u32,
}

/// NOTIONAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotionalRange {
    pub min: Notional,
    pub apply_min_to_market: bool,
    pub max: Notional,
    pub apply_max_to_market: bool,
    pub avg_price_mins: u32,
}

/// TRAILING_DELTA, in basis points. Trailing stops themselves are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailingDelta {
    pub min_above: u32,
    pub max_above: u32,
    pub min_below: u32,
    pub max_below: u32,
}

/// EXCHANGE_MAX_NUM_ORDERS and EXCHANGE_MAX_NUM_ALGO_ORDERS: open orders of one account on all symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExchangeFilters {
    pub max_num_orders: Option<u32>,
    pub max_num_algo_orders: Option<u32>,
}

impl InstrumentSettings {
    /// A symbol with the live venue's usual set of filters around the given grid: the modes of
    /// self-trade prevention without NONE, 200 open orders, 5 algo orders, 10 amends, prices within a
    /// fifth and five times the five-minute average.
    #[must_use]
    pub fn usual(base: Asset, quote: Asset, symbol: Symbol, grid: &Grid) -> Self {
        use SelfTradePrevention::{Decrement, ExpireBoth, ExpireMaker, ExpireTaker, Transfer};
        Self {
            symbol,
            base,
            quote,
            base_precision: 8,
            quote_precision: 8,
            status: SymbolStatus::Trading,
            filters: Filters::usual(grid),
            default_self_trade_prevention: ExpireMaker,
            allowed_self_trade_prevention: vec![
                ExpireTaker,
                ExpireMaker,
                ExpireBoth,
                Decrement,
                Transfer,
            ],
            quote_order_qty_market_allowed: true,
            cancel_replace_allowed: true,
            amend_allowed: true,
            last_price: None,
        }
    }
}

/// The numbers in which the symbols of one venue differ most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub tick: Price,
    pub max_price: Price,
    pub step: Quantity,
    pub max_quantity: Quantity,
    pub max_market_quantity: Quantity,
    pub min_notional: Notional,
    pub max_notional: Notional,
}

impl Filters {
    fn usual(grid: &Grid) -> Self {
        Self {
            price: PriceFilter {
                min: grid.tick,
                max: grid.max_price,
                tick: grid.tick,
            },
            lot_size: LotSize {
                min: grid.step,
                max: grid.max_quantity,
                step: grid.step,
            },
            market_lot_size: Some(LotSize {
                min: Quantity::ZERO,
                max: grid.max_market_quantity,
                step: Quantity::ZERO,
            }),
            percent_price: None,
            percent_price_by_side: Some(PercentPriceBySide {
                bid_up: Decimal::from(5),
                bid_down: Decimal::new(2, 1),
                ask_up: Decimal::from(5),
                ask_down: Decimal::new(2, 1),
                avg_price_mins: 5,
            }),
            min_notional: None,
            notional: Some(NotionalRange {
                min: grid.min_notional,
                apply_min_to_market: true,
                max: grid.max_notional,
                apply_max_to_market: false,
                avg_price_mins: 5,
            }),
            iceberg_parts: Some(100),
            max_num_orders: Some(200),
            max_num_algo_orders: Some(5),
            max_num_iceberg_orders: None,
            max_num_order_lists: Some(20),
            max_num_order_amends: Some(10),
            max_position: None,
            trailing_delta: Some(TrailingDelta {
                min_above: 10,
                max_above: 2_000,
                min_below: 10,
                max_below: 2_000,
            }),
        }
    }
}
