//! [`Strategy`]: what an author writes. [`Context`]: what an author may do. [`StrategyHost`]: the engine
//! type that runs one strategy, which the strategy actor is a shell around.

mod context;
mod host;
mod timers;

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use context::{Context, Request};
pub use host::{HostSettings, Input, StrategyHost};
pub use timers::TimerId;

use crate::fault::Fault;
use crate::ids::Symbol;
use crate::messages::account::BalancesChanged;
use crate::messages::control::{Halt, Resumed};
use crate::messages::market::{AggTrade, BestBidAsk, Kline, KlineInterval, PartialDepth, Trade};
use crate::messages::order::{Fill, OrderEvent};
use crate::messages::view::BookView;
use crate::order::Order;
use crate::risk::DenialReason;

/// An error of a strategy. Any error type converts with `?`; a text with [`StrategyError::new`].
#[derive(Debug)]
pub struct StrategyError(Box<dyn Error + Send + Sync>);

impl StrategyError {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// The refusal of this engine that the callback passed on with `?`, if it is one.
    #[must_use]
    pub fn denial(&self) -> Option<&DenialReason> {
        self.0.downcast_ref()
    }
}

impl fmt::Display for StrategyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for StrategyError {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

/// What each callback returns: an error is a fault of the strategy, and by default halts it.
pub type StrategyResult = Result<(), StrategyError>;

/// Market data that a strategy wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subscription {
    /// The touch, at every change (Binance `bookTicker`) → [`Strategy::on_best`].
    Best(Symbol),
    /// The best `levels` of the book that the engine keeps from snapshot and diffs (at most 1000)
    /// → [`Strategy::on_book`].
    Book { symbol: Symbol, levels: u16 },
    /// The venue's own best levels, complete in each message: 5, 10 or 20 of them, the fewest that are
    /// at least `levels` → [`Strategy::on_depth`].
    Depth { symbol: Symbol, levels: u16 },
    /// Every trade by itself (Binance `trade`) → [`Strategy::on_trade`].
    Trades(Symbol),
    /// The trades of one taker order at one price as one (Binance `aggTrade`)
    /// → [`Strategy::on_agg_trade`].
    AggTrades(Symbol),
    /// Open bars too; see [`Kline::closed`] → [`Strategy::on_kline`].
    Klines {
        symbol: Symbol,
        interval: KlineInterval,
    },
}

impl Subscription {
    /// How many levels the venue sends to who wants `levels` of its depth (Binance: 5, 10 or 20).
    #[must_use]
    pub const fn levels_offered(levels: u16) -> u16 {
        match levels {
            ..=5 => 5,
            6..=10 => 10,
            _ => 20,
        }
    }

    #[must_use]
    pub const fn symbol(&self) -> Symbol {
        match self {
            Self::Best(symbol) | Self::Trades(symbol) | Self::AggTrades(symbol) => *symbol,
            Self::Book { symbol, .. }
            | Self::Depth { symbol, .. }
            | Self::Klines { symbol, .. } => *symbol,
        }
    }
}

/// A trading strategy. The engine calls one callback at a time, never two at once; what the callback
/// asks for through the [`Context`] goes out when it returns `Ok`, in order.
///
/// Market data and timers are delivered from [`Strategy::on_ready`] on. While the strategy is halted they
/// are not delivered, and [`Context::place`]
/// refuses; orders, fills, faults, halts and resumes still arrive.
#[allow(
    unused_variables,
    reason = "the default callbacks do nothing with what they are given"
)]
pub trait Strategy {
    /// The market data it needs. Asked once, before the start; the running engine can be told more. Every
    /// instrument that it trades must be among them, because nothing is placed on an instrument without
    /// fresh data.
    fn subscriptions(&self) -> Vec<Subscription>;

    /// The strategy was loaded; nothing is connected yet, and orders are refused until
    /// [`Strategy::on_ready`]. The place to set timers.
    fn on_start(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        Ok(())
    }

    /// Instruments, balances, open orders, clock, private stream and market data are all there: trading
    /// may begin. Open orders of an earlier run are in [`Context::open_orders`].
    fn on_ready(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        Ok(())
    }

    /// The start failed; the strategy is halted and a person is alerted.
    fn on_init_failed(&mut self, ctx: &mut Context<'_>, reason: &str) -> StrategyResult {
        Ok(())
    }

    fn on_best(&mut self, ctx: &mut Context<'_>, best: &BestBidAsk) -> StrategyResult {
        Ok(())
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, book: &BookView) -> StrategyResult {
        Ok(())
    }

    fn on_depth(&mut self, ctx: &mut Context<'_>, depth: &PartialDepth) -> StrategyResult {
        Ok(())
    }

    fn on_trade(&mut self, ctx: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        Ok(())
    }

    /// An aggregate trade. It tells what [`Strategy::on_trade`] tells, in fewer messages: who subscribes
    /// to both sees each trade in both.
    fn on_agg_trade(&mut self, ctx: &mut Context<'_>, trade: &AggTrade) -> StrategyResult {
        Ok(())
    }

    fn on_kline(&mut self, ctx: &mut Context<'_>, kline: &Kline) -> StrategyResult {
        Ok(())
    }

    /// An order of this strategy changed. `event.order` is the order afterwards. The event of an end
    /// (filled, canceled, expired) comes when every fill of the order has been delivered.
    fn on_order(&mut self, ctx: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        Ok(())
    }

    /// An order of this strategy was filled. Each trade is delivered once, before the order event of
    /// the state it leads to.
    fn on_fill(&mut self, ctx: &mut Context<'_>, order: &Order, fill: &Fill) -> StrategyResult {
        Ok(())
    }

    fn on_balances(&mut self, ctx: &mut Context<'_>, changed: &BalancesChanged) -> StrategyResult {
        Ok(())
    }

    /// A timer of [`Context::every`] or [`Context::after`] fired. A run that is late is not made up for.
    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: TimerId) -> StrategyResult {
        Ok(())
    }

    /// A fault that concerns this strategy, its own or another's.
    fn on_fault(&mut self, ctx: &mut Context<'_>, fault: &Fault) -> StrategyResult {
        Ok(())
    }

    /// The strategy was halted: the latch is set and its resting orders are being cancelled.
    fn on_halt(&mut self, ctx: &mut Context<'_>, halt: &Halt) -> StrategyResult {
        Ok(())
    }

    /// The halt was lifted. What the private stream shows goes on arriving; look at [`Context::open_orders`]
    /// before placing anew.
    fn on_resume(&mut self, ctx: &mut Context<'_>, resumed: &Resumed) -> StrategyResult {
        Ok(())
    }

    /// The engine is stopping. Orders are refused from here on.
    fn on_stop(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        Ok(())
    }
}
