//! Questions to the exchange: an account's orders, trades and funds, and market data.

use tripline_engine::ids::{AccountId, Symbol, VenueOrderId};
use tripline_engine::money::Price;

use super::event::{BookTicker, Trade};
use super::exchange::Exchange;
use super::instrument::Instrument;
use super::order::{Amendment, Fill, Order, OrderRef, PreventedMatch};
use super::refusal::Refusal;
use super::settings::{ExchangeFilters, InstrumentSettings};
use super::terms::{Interval, Side, Time};
use super::views::{AccountView, AggregateTrade, Candle, Depth, TradesQuery, Window};

/// The longest span that a query by both times may cover.
const DAY: i64 = 24 * 3_600 * 1_000_000;

fn within_a_day(window: &Window) -> Result<(), Refusal> {
    match (window.start, window.end) {
        (Some(start), Some(end)) if end.0.saturating_sub(start.0) > DAY => {
            Err(Refusal::RANGE_TOO_LONG)
        }
        _ => Ok(()),
    }
}

impl Exchange {
    fn find(&self, symbol: Symbol) -> Result<&Instrument, Refusal> {
        self.instruments.get(&symbol).ok_or(Refusal::INVALID_SYMBOL)
    }

    fn find_for(&self, account: AccountId, symbol: Symbol) -> Result<&Instrument, Refusal> {
        self.ledger.get(account)?;
        self.find(symbol)
    }

    /// `GET order`, open or finished.
    ///
    /// # Errors
    /// -2013 for an unknown order, -2039 when number and client id do not belong together, -1102,
    /// -1121, -2015.
    pub fn order(
        &self,
        account: AccountId,
        symbol: Symbol,
        order: OrderRef,
    ) -> Result<&Order, Refusal> {
        let (unknown, mismatch) = (Refusal::NO_SUCH_ORDER, Refusal::CLIENT_ID_MISMATCH);
        self.find_for(account, symbol)?
            .store
            .find(account, &order, unknown, mismatch)
    }

    /// `GET openOrders` of one symbol or of all, by symbol and number.
    ///
    /// # Errors
    /// -1121, -2015.
    pub fn open_orders(
        &self,
        account: AccountId,
        symbol: Option<Symbol>,
    ) -> Result<Vec<&Order>, Refusal> {
        self.ledger.get(account)?;
        match symbol {
            Some(symbol) => Ok(self.find(symbol)?.store.open(account).collect()),
            None => Ok(self
                .instruments
                .values()
                .flat_map(|each| each.store.open(account))
                .collect()),
        }
    }

    /// `GET allOrders`, by number; times are those of the orders' last change.
    ///
    /// # Errors
    /// -1127 when the times are more than 24 hours apart, -1121, -2015.
    pub fn all_orders(
        &self,
        account: AccountId,
        symbol: Symbol,
        window: Window,
    ) -> Result<Vec<&Order>, Refusal> {
        within_a_day(&window)?;
        let orders = self.find_for(account, symbol)?.store.all(account);
        Ok(window
            .select(orders, |order| (order.order_id.0, order.update_time))
            .collect())
    }

    /// `GET myTrades`, by trade id.
    ///
    /// # Errors
    /// -1127 when the times are more than 24 hours apart, -1128 for an order with times, -1121, -2015.
    pub fn my_trades(
        &self,
        account: AccountId,
        symbol: Symbol,
        query: TradesQuery,
    ) -> Result<Vec<&Fill>, Refusal> {
        let window = query.window;
        within_a_day(&window)?;
        let timed = window.start.is_some() || window.end.is_some();
        if timed && (query.order_id.is_some() || window.from_id.is_some()) {
            return Err(Refusal::BAD_COMBINATION);
        }
        let fills = self.find_for(account, symbol)?.store.fills(account);
        let wanted = fills.filter(|fill| query.order_id.is_none_or(|id| fill.order_id == id));
        Ok(window
            .select(wanted, |fill| (fill.trade_id.0, fill.time))
            .collect())
    }

    /// `GET myPreventedMatches`, by match id or by the order that took or made.
    ///
    /// # Errors
    /// -1121, -2015.
    pub fn prevented_matches(
        &self,
        account: AccountId,
        symbol: Symbol,
        prevented_match_id: Option<u64>,
        order_id: Option<VenueOrderId>,
        window: Window,
    ) -> Result<Vec<&PreventedMatch>, Refusal> {
        let rows = self.find_for(account, symbol)?.store.prevented(account);
        let wanted = rows.filter(|row| {
            prevented_match_id.is_none_or(|id| row.prevented_match_id == id)
                && order_id.is_none_or(|id| row.taker_order_id == id || row.maker_order_id == id)
        });
        Ok(window
            .select(wanted, |row| (row.prevented_match_id, row.time))
            .collect())
    }

    /// `GET order/amendments`, the oldest first.
    ///
    /// # Errors
    /// -2013 when the order is not the account's, -1121, -2015.
    pub fn amendments(
        &self,
        account: AccountId,
        symbol: Symbol,
        order_id: VenueOrderId,
        from_execution_id: Option<u64>,
        limit: usize,
    ) -> Result<Vec<&Amendment>, Refusal> {
        self.order(account, symbol, OrderRef::number(order_id))?;
        let from = from_execution_id.unwrap_or(0);
        let rows = self.find(symbol)?.store.amendments(order_id);
        Ok(rows
            .filter(|row| row.execution_id >= from)
            .take(limit)
            .collect())
    }

    /// `GET account`.
    ///
    /// # Errors
    /// -2015.
    pub fn account(&self, account: AccountId) -> Result<AccountView, Refusal> {
        self.ledger.view(account)
    }

    /// All accounts, in order.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.ledger.accounts()
    }

    /// All symbols, in order.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> + '_ {
        self.instruments.keys().copied()
    }

    /// A symbol's rules, with its status of the moment.
    ///
    /// # Errors
    /// -1121.
    pub fn instrument(&self, symbol: Symbol) -> Result<&InstrumentSettings, Refusal> {
        Ok(&self.find(symbol)?.rules)
    }

    #[must_use]
    pub const fn exchange_filters(&self) -> &ExchangeFilters {
        &self.settings.exchange_filters
    }

    /// `GET depth`: at most `limit` levels of each side.
    ///
    /// # Errors
    /// -1121.
    pub fn depth(&self, symbol: Symbol, limit: usize) -> Result<Depth, Refusal> {
        let found = self.find(symbol)?;
        Ok(Depth {
            symbol,
            last_update_id: found.counters.update,
            bids: found.book.levels(Side::Buy).take(limit).collect(),
            asks: found.book.levels(Side::Sell).take(limit).collect(),
        })
    }

    /// The best prices.
    ///
    /// # Errors
    /// -1121.
    pub fn book_ticker(&self, symbol: Symbol, now: Time) -> Result<BookTicker, Refusal> {
        let found = self.find(symbol)?;
        Ok(BookTicker {
            symbol,
            update_id: found.counters.update,
            bid: found.book.best(Side::Buy),
            ask: found.book.best(Side::Sell),
            time: now,
        })
    }

    /// The price of the last trade, or before the first one that of the settings.
    ///
    /// # Errors
    /// -1121.
    pub fn last_price(&self, symbol: Symbol) -> Result<Option<Price>, Refusal> {
        Ok(self.find(symbol)?.tape.last())
    }

    /// The average over five minutes, as `avgPrice` shows it and the filters use it.
    ///
    /// # Errors
    /// -1121.
    pub fn average_price(&self, symbol: Symbol, now: Time) -> Result<Option<Price>, Refusal> {
        Ok(self.find(symbol)?.tape.average(5, now))
    }

    /// When it last traded; `None` before the first trade.
    ///
    /// # Errors
    /// -1121.
    pub fn last_trade_time(&self, symbol: Symbol) -> Result<Option<Time>, Refusal> {
        Ok(self.find(symbol)?.tape.last_time())
    }

    /// Public trades that are still remembered, oldest first.
    ///
    /// # Errors
    /// -1121.
    pub fn trades(&self, symbol: Symbol, window: Window) -> Result<Vec<Trade>, Refusal> {
        Ok(self.find(symbol)?.tape.trades(&window))
    }

    /// Aggregated trades that are still remembered, oldest first.
    ///
    /// # Errors
    /// -1121.
    pub fn aggregate_trades(
        &self,
        symbol: Symbol,
        window: Window,
    ) -> Result<Vec<AggregateTrade>, Refusal> {
        Ok(self.find(symbol)?.tape.aggregates(&window))
    }

    /// Candles from the first trade on, oldest first; the last one may still be open. Intervals
    /// without a trade are flat.
    ///
    /// # Errors
    /// -1121.
    pub fn klines(
        &self,
        symbol: Symbol,
        interval: Interval,
        window: Window,
        now: Time,
    ) -> Result<Vec<Candle>, Refusal> {
        Ok(self.find(symbol)?.tape.klines(interval, &window, now))
    }

    /// One candle over the `micros` before `now`, to the minute; `None` without a trade in it.
    ///
    /// # Errors
    /// -1121.
    pub fn rolling(
        &self,
        symbol: Symbol,
        micros: i64,
        now: Time,
    ) -> Result<Option<Candle>, Refusal> {
        Ok(self.find(symbol)?.tape.rolling(micros, now))
    }
}
