//! Answers to questions: account, book, candles.

use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, Symbol, TradeId, VenueOrderId};
use tripline_engine::money::{Notional, Price, Quantity};

use super::event::Balance;
use super::settings::{BnbDiscount, Commission};
use super::terms::Time;

/// `account`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    pub account: AccountId,
    pub uid: u64,
    pub can_trade: bool,
    pub commission: Commission,
    pub bnb_discount: Option<BnbDiscount>,
    /// Every asset that the account has or had, by name.
    pub balances: Vec<Balance>,
    pub update_time: Time,
}

/// `depth`: best levels first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    pub symbol: Symbol,
    pub last_update_id: u64,
    pub bids: Vec<(Price, Quantity)>,
    pub asks: Vec<(Price, Quantity)>,
}

/// Which rows of `allOrders`, `myTrades`, `aggTrades` or `klines` are wanted. Without times: the newest
/// `limit`; with a start: the oldest from there; with an end only: the newest up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Only rows with this id or a later one (then the oldest first); times are not looked at.
    pub from_id: Option<u64>,
    pub start: Option<Time>,
    pub end: Option<Time>,
    pub limit: usize,
}

impl Window {
    /// The newest `limit` rows.
    #[must_use]
    pub const fn newest(limit: usize) -> Self {
        Self {
            from_id: None,
            start: None,
            end: None,
            limit,
        }
    }
}

/// Which of an account's trades are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradesQuery {
    pub order_id: Option<VenueOrderId>,
    pub window: Window,
}

/// Prices and volumes of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candle {
    pub open_time: Time,
    /// The last microsecond of the interval.
    pub close_time: Time,
    pub open: Price,
    pub high: Price,
    pub low: Price,
    pub close: Price,
    pub volume: Quantity,
    pub quote_volume: Notional,
    pub trades: u64,
    pub taker_buy_volume: Quantity,
    pub taker_buy_quote: Notional,
    pub first_trade: Option<TradeId>,
    pub last_trade: Option<TradeId>,
}

/// Trades of one taker at one price and moment (`aggTrades`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregateTrade {
    pub id: u64,
    pub price: Price,
    pub quantity: Quantity,
    pub first_trade: TradeId,
    pub last_trade: TradeId,
    pub buyer_is_maker: bool,
    pub time: Time,
}

/// What all of one asset amounts to, to the last digit: never changes by trading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetTotal {
    /// Free and locked, over all accounts.
    pub accounts: Decimal,
    /// Commission that the exchange took.
    pub fees: Decimal,
    /// What the market's own liquidity gained (or, below zero, gave).
    pub market: Decimal,
}

impl AssetTotal {
    #[must_use]
    pub fn sum(&self) -> Decimal {
        self.accounts + self.fees + self.market
    }
}

impl Window {
    /// The rows of this window out of rows in rising order of id and time, in that order.
    pub(super) fn select<'a, T: 'a>(
        &self,
        rows: impl DoubleEndedIterator<Item = &'a T>,
        key: impl Fn(&T) -> (u64, Time),
    ) -> impl Iterator<Item = &'a T> {
        let inside = |row: &&T| {
            let (id, time) = key(row);
            match self.from_id {
                Some(from) => id >= from,
                None => {
                    self.start.is_none_or(|start| time >= start)
                        && self.end.is_none_or(|end| time <= end)
                }
            }
        };
        let oldest = self.from_id.is_some() || self.start.is_some();
        let mut chosen: Vec<&'a T> = if oldest {
            rows.filter(inside).take(self.limit).collect()
        } else {
            rows.rev().filter(inside).take(self.limit).collect()
        };
        if !oldest {
            chosen.reverse();
        }
        chosen.into_iter()
    }
}
