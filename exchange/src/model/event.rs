//! What happened, in order: the material of the user streams and the market streams.

use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, Asset, ClientOrderId, Symbol, TradeId, VenueOrderId};
use tripline_engine::money::{Notional, Price, Quantity};

use super::order::Order;
use super::terms::{ExecutionType, RejectReason, Side, SymbolStatus, Time};

/// One thing that happened. Events of one operation share their time.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Execution(Box<ExecutionReport>),
    AccountPosition(AccountPosition),
    BalanceUpdate(BalanceUpdate),
    Trade(Trade),
    BookChanged(BookChanged),
    BookTicker(BookTicker),
    SymbolStatusChanged {
        symbol: Symbol,
        status: SymbolStatus,
        time: Time,
    },
}

/// `executionReport`: the order after the event, and what happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionReport {
    /// The order as it stands after the event (`s`, `S`, `o`, `f`, `q`, `p`, `P`, `X`, `i`, `z`, `Z`, `O`,
    /// `Q`, `W`, `V`, `eR`, `A`).
    pub order: Order,
    /// `x`.
    pub execution: ExecutionType,
    /// `c`: for a cancel the cancel's id, else the order's.
    pub client_order_id: ClientOrderId,
    /// `C`: the order's own (or, for an amend, former) id when `c` is another; `None` is "" on the wire.
    pub orig_client_order_id: Option<ClientOrderId>,
    /// `r`.
    pub reject_reason: RejectReason,
    /// `I`.
    pub execution_id: u64,
    /// `t`, `l`, `L`, `Y`, `n`, `N`, `m`: what was traded.
    pub trade: Option<Execution>,
    /// What self-trade prevention did.
    pub prevention: Option<Prevention>,
    /// `w`.
    pub on_book: bool,
    /// `E` and `T`.
    pub time: Time,
}

/// The trade inside an execution report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub trade_id: TradeId,
    pub price: Price,
    pub quantity: Quantity,
    pub quote: Notional,
    pub commission: Decimal,
    pub commission_asset: Asset,
    pub is_maker: bool,
}

/// The prevented trade inside an execution report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prevention {
    /// `v`.
    pub prevented_match_id: u64,
    /// `B`: how much this event took off this order (`A`, the sum, is `order.prevented_qty`).
    pub quantity: Quantity,
    /// `U`.
    pub counter_order_id: VenueOrderId,
    /// `pL`: the price at which the orders would have traded (`pl` is `quantity`).
    pub price: Price,
    /// `pY`.
    pub quote: Notional,
}

/// `outboundAccountPosition`: the assets that the operation may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPosition {
    pub account: AccountId,
    pub balances: Vec<Balance>,
    pub time: Time,
}

/// One asset of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    pub asset: Asset,
    pub free: Decimal,
    pub locked: Decimal,
}

/// `balanceUpdate`: a deposit (or, below zero, a withdrawal).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceUpdate {
    pub account: AccountId,
    pub asset: Asset,
    pub delta: Decimal,
    pub time: Time,
}

/// A public trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    pub symbol: Symbol,
    pub trade_id: TradeId,
    pub price: Price,
    pub quantity: Quantity,
    pub quote: Notional,
    /// `m`.
    pub buyer_is_maker: bool,
    pub time: Time,
}

/// Levels that one operation changed; the ids follow those of the symbol's last change without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookChanged {
    pub symbol: Symbol,
    /// `U`.
    pub first_update_id: u64,
    /// `u`.
    pub last_update_id: u64,
    /// Absolute quantities; zero means that the level is gone.
    pub levels: Vec<LevelChange>,
    pub time: Time,
}

/// One side's price and its new total quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelChange {
    pub side: Side,
    pub price: Price,
    pub quantity: Quantity,
}

/// The best prices; an empty side is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookTicker {
    pub symbol: Symbol,
    /// `u`.
    pub update_id: u64,
    pub bid: Option<(Price, Quantity)>,
    pub ask: Option<(Price, Quantity)>,
    pub time: Time,
}
