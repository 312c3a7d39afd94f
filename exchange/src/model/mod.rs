//! The heart of the practice exchange: pure and deterministic. No clock, no socket: each operation is
//! told the time, randomness is seeded, and everything that happens comes out of
//! [`Exchange::drain_events`] in order.

mod amount;
mod book;
mod cancel;
mod check;
mod event;
mod exchange;
mod external;
mod filters;
mod instrument;
mod ledger;
mod matching;
mod operation;
mod order;
mod place;
mod queries;
mod refusal;
mod settings;
mod store;
mod tape;
mod terms;
mod views;

pub(crate) use amount::LIMIT;
pub use event::{
    AccountPosition, Balance, BalanceUpdate, BookChanged, BookTicker, Event, Execution,
    ExecutionReport, LevelChange, Prevention, Trade,
};
pub use exchange::Exchange;
pub(crate) use operation::Operation;
pub use order::{
    Amended, Amendment, CancelOrder, CancelReplace, CancelReplaced, Canceled, Fill, Half, NewOrder,
    Order, OrderRef, Placed, PreventedMatch,
};
pub use refusal::Refusal;
pub use settings::{
    AccountSettings, BnbDiscount, Commission, ExchangeFilters, Filters, Grid, InstrumentSettings,
    LotSize, MinNotional, NotionalRange, PercentPrice, PercentPriceBySide, PriceFilter, Settings,
    TrailingDelta,
};
pub use terms::{
    CancelReplaceMode, CancelRestriction, ExecutionType, ExpiryReason, Interval, OrderStatus,
    OrderType, RejectReason, SelfTradePrevention, Side, SymbolStatus, Time, TimeInForce,
};
pub use views::{AccountView, AggregateTrade, AssetTotal, Candle, Depth, TradesQuery, Window};

#[cfg(test)]
mod tests;
