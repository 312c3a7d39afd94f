//! Orders as they are asked for, as they stand, and what became of them.

use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, Asset, ClientOrderId, Symbol, TradeId, VenueOrderId};
use tripline_engine::money::{Notional, Price, Quantity};

use super::refusal::Refusal;
use super::terms::{
    CancelReplaceMode, CancelRestriction, ExpiryReason, OrderStatus, OrderType,
    SelfTradePrevention, Side, Time, TimeInForce,
};

/// An order as the client sent it: which parameters the type needs is checked by the exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub symbol: Symbol,
    pub side: Side,
    pub order_type: OrderType,
    pub time_in_force: Option<TimeInForce>,
    pub quantity: Option<Quantity>,
    pub quote_order_qty: Option<Notional>,
    pub price: Option<Price>,
    pub stop_price: Option<Price>,
    pub iceberg_qty: Option<Quantity>,
    /// Basis points. Trailing stops are refused as unsupported by the symbol.
    pub trailing_delta: Option<u32>,
    /// Whether any of the peg parameters was sent. Pegged orders are refused as unsupported.
    pub pegged: bool,
    pub client_order_id: Option<ClientOrderId>,
    pub strategy_id: Option<i64>,
    pub strategy_type: Option<i64>,
    pub self_trade_prevention: Option<SelfTradePrevention>,
}

impl NewOrder {
    /// An order with none of the optional parameters.
    #[must_use]
    pub const fn new(symbol: Symbol, side: Side, order_type: OrderType) -> Self {
        Self {
            symbol,
            side,
            order_type,
            time_in_force: None,
            quantity: None,
            quote_order_qty: None,
            price: None,
            stop_price: None,
            iceberg_qty: None,
            trailing_delta: None,
            pegged: false,
            client_order_id: None,
            strategy_id: None,
            strategy_type: None,
            self_trade_prevention: None,
        }
    }

    /// A LIMIT order, good till cancelled.
    #[must_use]
    pub const fn limit(symbol: Symbol, side: Side, price: Price, quantity: Quantity) -> Self {
        let mut order = Self::new(symbol, side, OrderType::Limit);
        order.time_in_force = Some(TimeInForce::Gtc);
        order.price = Some(price);
        order.quantity = Some(quantity);
        order
    }

    /// A MARKET order by quantity.
    #[must_use]
    pub const fn market(symbol: Symbol, side: Side, quantity: Quantity) -> Self {
        let mut order = Self::new(symbol, side, OrderType::Market);
        order.quantity = Some(quantity);
        order
    }
}

/// An order as the exchange knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub account: AccountId,
    pub symbol: Symbol,
    pub order_id: VenueOrderId,
    pub client_order_id: ClientOrderId,
    pub side: Side,
    pub order_type: OrderType,
    pub time_in_force: TimeInForce,
    /// Zero for orders without a limit price.
    pub price: Price,
    /// Zero for orders that are not stop orders.
    pub stop_price: Price,
    /// `origQty`. An amend lowers it. For a MARKET order by quote quantity it is what was executed.
    pub quantity: Quantity,
    /// `origQuoteOrderQty`, zero unless the order was placed by quote quantity.
    pub quote_order_qty: Notional,
    pub executed_qty: Quantity,
    /// `cummulativeQuoteQty`.
    pub cumulative_quote: Notional,
    /// Quantity that self-trade prevention took off the order.
    pub prevented_qty: Quantity,
    pub prevented_match_id: Option<u64>,
    pub status: OrderStatus,
    pub self_trade_prevention: SelfTradePrevention,
    pub strategy_id: Option<i64>,
    pub strategy_type: Option<i64>,
    /// Creation.
    pub time: Time,
    pub update_time: Time,
    /// When the order became active on the book; `None` for a stop order that waits (`-1` on the wire).
    pub working_time: Option<Time>,
    pub expiry_reason: Option<ExpiryReason>,
    /// How often the quantity was amended.
    pub amends: u32,
    /// Funds of the account that this order holds locked: quote for BUY, base for SELL.
    pub locked: Decimal,
}

impl Order {
    /// What can still trade.
    #[must_use]
    pub fn remaining(&self) -> Quantity {
        self.quantity
            .saturating_sub(self.executed_qty)
            .saturating_sub(self.prevented_qty)
    }

    /// `isWorking`: whether the order is, or was, active on the book.
    #[must_use]
    pub const fn is_working(&self) -> bool {
        self.working_time.is_some()
    }
}

/// How a request names an order: by the venue's number, the client's id, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderRef {
    pub order_id: Option<VenueOrderId>,
    pub client_order_id: Option<ClientOrderId>,
}

impl OrderRef {
    #[must_use]
    pub const fn number(order_id: VenueOrderId) -> Self {
        Self {
            order_id: Some(order_id),
            client_order_id: None,
        }
    }

    #[must_use]
    pub const fn client(client_order_id: ClientOrderId) -> Self {
        Self {
            order_id: None,
            client_order_id: Some(client_order_id),
        }
    }
}

/// One execution of an order: an entry of `fills`, and a row of `myTrades`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    pub symbol: Symbol,
    pub trade_id: TradeId,
    pub order_id: VenueOrderId,
    pub side: Side,
    pub price: Price,
    pub quantity: Quantity,
    pub quote: Notional,
    pub commission: Decimal,
    pub commission_asset: Asset,
    pub is_maker: bool,
    pub time: Time,
}

/// A match that self-trade prevention kept from trading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreventedMatch {
    pub symbol: Symbol,
    pub prevented_match_id: u64,
    pub taker_order_id: VenueOrderId,
    pub maker_order_id: VenueOrderId,
    pub mode: SelfTradePrevention,
    pub price: Price,
    /// `None` where the mode leaves the maker alone.
    pub maker_prevented: Option<Quantity>,
    /// `None` where the mode leaves the taker alone.
    pub taker_prevented: Option<Quantity>,
    pub time: Time,
}

/// The answer to an order that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    pub order: Order,
    pub fills: Vec<Fill>,
    pub prevented: Vec<PreventedMatch>,
    pub transact_time: Time,
}

/// The answer to a cancel.
#[derive(Debug, Clone, PartialEq)]
pub struct Canceled {
    /// The order, CANCELED, with its own client id (`origClientOrderId` in the response).
    pub order: Order,
    /// The client id of the cancel itself.
    pub cancel_client_order_id: ClientOrderId,
    pub transact_time: Time,
}

/// What a cancel asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CancelOrder {
    pub order: OrderRef,
    pub new_client_order_id: Option<ClientOrderId>,
    pub restriction: Option<CancelRestriction>,
}

/// What cancel-replace asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelReplace {
    pub mode: CancelReplaceMode,
    pub cancel: CancelOrder,
    pub new_order: NewOrder,
    /// The server's -1015 when the account is over its order limit and the request said CANCEL_ONLY:
    /// the cancel is tried and the new order fails with this. (With DO_NOTHING the server refuses the
    /// request itself.)
    pub over_limit: Option<Refusal>,
}

/// How one half of a cancel-replace ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Half<T> {
    Success(T),
    Failure(Refusal),
    NotAttempted,
}

impl<T> Half<T> {
    /// `SUCCESS`, `FAILURE` or `NOT_ATTEMPTED`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Success(_) => "SUCCESS",
            Self::Failure(_) => "FAILURE",
            Self::NotAttempted => "NOT_ATTEMPTED",
        }
    }
}

/// The answer to cancel-replace, complete success or not.
#[derive(Debug, Clone, PartialEq)]
pub struct CancelReplaced {
    pub cancel: Half<Canceled>,
    pub new_order: Half<Placed>,
}

impl CancelReplaced {
    /// `None` when both halves succeeded, else -2021 (one half) or -2022 (none) with its text.
    #[must_use]
    pub const fn error(&self) -> Option<Refusal> {
        match (&self.cancel, &self.new_order) {
            (Half::Success(_), Half::Success(_)) => None,
            (Half::Success(_), _) | (_, Half::Success(_)) => Some(Refusal::fixed(
                -2021,
                "Order cancel-replace partially failed.",
            )),
            _ => Some(Refusal::fixed(-2022, "Order cancel-replace failed.")),
        }
    }
}

/// The answer to an amend.
#[derive(Debug, Clone, PartialEq)]
pub struct Amended {
    /// The order after the amend, under its new client id.
    pub order: Order,
    pub amendment: Amendment,
}

/// One amend in an order's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    pub symbol: Symbol,
    pub order_id: VenueOrderId,
    pub execution_id: u64,
    pub orig_client_order_id: ClientOrderId,
    pub new_client_order_id: ClientOrderId,
    pub orig_qty: Quantity,
    pub new_qty: Quantity,
    pub time: Time,
}
