use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, Asset, ClientOrderId, Symbol, VenueOrderId};
use tripline_engine::money::{Price, Quantity};

use super::*;

/// The whole exchange.
#[derive(Debug)]
pub struct Exchange {
    settings: Settings,
    events: Vec<Event>,
}

/// API to build on; the bodies follow.
#[allow(unused_variables, clippy::missing_errors_doc, clippy::unused_self, clippy::needless_pass_by_value)]
impl Exchange {
    pub fn new(settings: Settings, now: Time) -> Self { Self { settings, events: Vec::new() } }
    /// All events since the last call, in order.
    pub fn drain_events(&mut self) -> Vec<Event> { std::mem::take(&mut self.events) }

    // commands
    pub fn place(&mut self, account: AccountId, order: &NewOrder, now: Time) -> Result<Placed, Refusal> { Err(Refusal::MARKET_CLOSED) }
    /// `order/test`: parameters and filters, no balance, no event.
    pub fn test_order(&self, account: AccountId, order: &NewOrder, now: Time) -> Result<(), Refusal> { Err(Refusal::MARKET_CLOSED) }
    pub fn cancel(&mut self, account: AccountId, symbol: Symbol, cancel: &CancelOrder, now: Time) -> Result<Canceled, Refusal> { Err(Refusal::UNKNOWN_ORDER) }
    pub fn cancel_all(&mut self, account: AccountId, symbol: Symbol, now: Time) -> Result<Vec<Canceled>, Refusal> { Err(Refusal::UNKNOWN_ORDER) }
    /// `Err` when neither half was tried (filters, parameters, symbol); else see [`CancelReplaced::error`].
    pub fn cancel_replace(&mut self, account: AccountId, request: &CancelReplace, now: Time) -> Result<CancelReplaced, Refusal> { Err(Refusal::UNKNOWN_ORDER) }
    pub fn amend_keep_priority(&mut self, account: AccountId, symbol: Symbol, order: OrderRef, new_client_order_id: Option<ClientOrderId>, new_qty: Quantity, now: Time) -> Result<Amended, Refusal> { Err(Refusal::AMEND_UNKNOWN) }

    // queries of an account
    pub fn order(&self, account: AccountId, symbol: Symbol, order: OrderRef) -> Result<&Order, Refusal> { Err(Refusal::NO_SUCH_ORDER) }
    pub fn open_orders(&self, account: AccountId, symbol: Option<Symbol>) -> Result<Vec<&Order>, Refusal> { Ok(Vec::new()) }
    pub fn all_orders(&self, account: AccountId, symbol: Symbol, window: Window) -> Result<Vec<&Order>, Refusal> { Ok(Vec::new()) }
    pub fn my_trades(&self, account: AccountId, symbol: Symbol, query: TradesQuery) -> Result<Vec<&Fill>, Refusal> { Ok(Vec::new()) }
    pub fn prevented_matches(&self, account: AccountId, symbol: Symbol, prevented_match_id: Option<u64>, order_id: Option<VenueOrderId>, window: Window) -> Result<Vec<&PreventedMatch>, Refusal> { Ok(Vec::new()) }
    pub fn amendments(&self, account: AccountId, symbol: Symbol, order_id: VenueOrderId, from_execution_id: Option<u64>, limit: usize) -> Result<Vec<&Amendment>, Refusal> { Ok(Vec::new()) }
    pub fn account(&self, account: AccountId) -> Result<AccountView, Refusal> { Err(Refusal::UNAUTHORIZED) }

    // market data
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> + '_ { self.settings.instruments.iter().map(|i| i.symbol) }
    /// Rules with the status of the moment.
    pub fn instrument(&self, symbol: Symbol) -> Result<&InstrumentSettings, Refusal> { Err(Refusal::INVALID_SYMBOL) }
    pub fn exchange_filters(&self) -> &ExchangeFilters { &self.settings.exchange_filters }
    pub fn depth(&self, symbol: Symbol, limit: usize) -> Result<Depth, Refusal> { Err(Refusal::INVALID_SYMBOL) }
    pub fn book_ticker(&self, symbol: Symbol, now: Time) -> Result<BookTicker, Refusal> { Err(Refusal::INVALID_SYMBOL) }
    pub fn last_price(&self, symbol: Symbol) -> Result<Option<Price>, Refusal> { Err(Refusal::INVALID_SYMBOL) }
    /// Average over five minutes, as `avgPrice` and the filters use it.
    pub fn average_price(&self, symbol: Symbol, now: Time) -> Result<Option<Price>, Refusal> { Err(Refusal::INVALID_SYMBOL) }
    pub fn trades(&self, symbol: Symbol, window: Window) -> Result<Vec<Trade>, Refusal> { Err(Refusal::INVALID_SYMBOL) }
    pub fn aggregate_trades(&self, symbol: Symbol, window: Window) -> Result<Vec<AggregateTrade>, Refusal> { Err(Refusal::INVALID_SYMBOL) }
    /// Oldest first; the last one may still be open. Intervals without a trade are flat.
    pub fn klines(&self, symbol: Symbol, interval: Interval, window: Window, now: Time) -> Result<Vec<Candle>, Refusal> { Err(Refusal::INVALID_SYMBOL) }
    /// One candle over the `micros` before `now` (24-hour ticker); `None` without a trade in it.
    pub fn rolling(&self, symbol: Symbol, micros: i64, now: Time) -> Result<Option<Candle>, Refusal> { Err(Refusal::INVALID_SYMBOL) }

    // operation of the exchange
    pub fn set_status(&mut self, symbol: Symbol, status: SymbolStatus, now: Time) -> Result<(), Refusal> { Ok(()) }
    pub fn set_can_trade(&mut self, account: AccountId, can_trade: bool) -> Result<(), Refusal> { Ok(()) }
    pub fn deposit(&mut self, account: AccountId, asset: Asset, delta: Decimal, now: Time) -> Result<(), Refusal> { Ok(()) }
    /// The monthly reset of a test network: all orders, trades and ids vanish without any event,
    /// balances are those of the settings again.
    pub fn reset(&mut self, now: Time) {}
    pub fn total(&self, asset: Asset) -> AssetTotal { AssetTotal { accounts: Decimal::ZERO, fees: Decimal::ZERO, market: Decimal::ZERO } }
}
