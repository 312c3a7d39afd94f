//! The exchange as a whole: commands and operation. Questions are in `queries`.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, Asset, ClientOrderId, Symbol};
use tripline_engine::money::Quantity;

use super::amount::LIMIT;
use super::check::Wanted;
use super::event::{AccountPosition, BalanceUpdate, Event};
use super::instrument::Instrument;
use super::ledger::Ledger;
use super::operation::{BnbPrices, ClientIds, Operation};
use super::order::{
    Amended, CancelOrder, CancelReplace, CancelReplaced, Canceled, Half, NewOrder, OrderRef, Placed,
};
use super::place::{Everywhere, admit};
use super::refusal::Refusal;
use super::settings::Settings;
use super::store::OpenCount;
use super::terms::{CancelReplaceMode, SymbolStatus, Time};
use super::views::AssetTotal;

/// The whole exchange: all symbols, all accounts. Commands answer like the venue's requests and leave
/// what happened to be drained as [`Event`]s.
#[derive(Debug)]
pub struct Exchange {
    pub(super) settings: Settings,
    pub(super) instruments: BTreeMap<Symbol, Instrument>,
    pub(super) ledger: Ledger,
    client_ids: ClientIds,
    events: Vec<Event>,
}

impl Exchange {
    /// An exchange with empty books. The settings should be possible, as those of a checked configuration are.
    #[must_use]
    pub fn new(settings: Settings, now: Time) -> Self {
        let instruments = settings
            .instruments
            .iter()
            .map(|rules| (rules.symbol, Instrument::new(rules.clone())))
            .collect();
        Self {
            instruments,
            ledger: Ledger::new(&settings.accounts, now),
            client_ids: ClientIds::new(settings.seed),
            events: Vec::new(),
            settings,
        }
    }

    /// Everything that happened since the last call, in order.
    pub fn drain_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Runs one operation on a symbol to its end.
    ///
    /// # Errors
    /// -1121 for an unknown symbol; then nothing runs.
    pub(crate) fn operate<T>(
        &mut self,
        symbol: Symbol,
        now: Time,
        run: impl FnOnce(&mut Operation<'_>) -> T,
    ) -> Result<T, Refusal> {
        let bnb_prices = self.bnb_prices(symbol);
        let instrument = self
            .instruments
            .get_mut(&symbol)
            .ok_or(Refusal::INVALID_SYMBOL)?;
        let mut operation = Operation {
            instrument,
            ledger: &mut self.ledger,
            client_ids: &mut self.client_ids,
            events: &mut self.events,
            bnb_prices,
            now,
            traded: None,
            fills: Vec::new(),
            prevented: Vec::new(),
        };
        let answer = run(&mut operation);
        operation.finish();
        Ok(answer)
    }

    /// What one BNB costs in the symbol's two assets, as far as there is a symbol and a price for it.
    fn bnb_prices(&self, symbol: Symbol) -> BnbPrices {
        let mut prices = BnbPrices::new();
        let Some(rules) = self
            .instruments
            .get(&symbol)
            .map(|instrument| &instrument.rules)
        else {
            return prices;
        };
        if self
            .settings
            .accounts
            .iter()
            .all(|account| account.bnb_discount.is_none())
        {
            return prices;
        }
        for other in self
            .instruments
            .values()
            .filter(|other| other.rules.base.as_str() == "BNB")
        {
            let quote = other.rules.quote;
            if let Some(price) = other
                .tape
                .last()
                .filter(|_| quote == rules.base || quote == rules.quote)
            {
                prices.insert(quote, price);
            }
        }
        prices
    }

    /// All checks of a new order before the engine.
    fn admit(&self, account: AccountId, order: &NewOrder, now: Time) -> Result<Wanted, Refusal> {
        let instrument = self
            .instruments
            .get(&order.symbol)
            .ok_or(Refusal::INVALID_SYMBOL)?;
        let counts = self
            .instruments
            .values()
            .map(|each| each.store.open_count(account));
        let open = counts.fold(OpenCount::default(), |sum, each| OpenCount {
            orders: sum.orders + each.orders,
            algo: sum.algo + each.algo,
        });
        let everywhere = Everywhere {
            filters: &self.settings.exchange_filters,
            open,
        };
        admit((instrument, &self.ledger), account, order, everywhere, now)
    }

    /// `POST order`.
    ///
    /// # Errors
    /// The venue's refusal; nothing was placed. If the engine (not a check before it) rejected the
    /// order, there is a REJECTED report too.
    pub fn place(
        &mut self,
        account: AccountId,
        order: &NewOrder,
        now: Time,
    ) -> Result<Placed, Refusal> {
        let wanted = self.admit(account, order, now)?;
        self.operate(order.symbol, now, |run| run.enter(account, order, &wanted))?
    }

    /// `POST order/test`: parameters and filters; no look at balances, no event.
    ///
    /// # Errors
    /// The refusal that placing would meet before the engine.
    pub fn test_order(
        &self,
        account: AccountId,
        order: &NewOrder,
        now: Time,
    ) -> Result<(), Refusal> {
        self.admit(account, order, now).map(|_| ())
    }

    /// `DELETE order`.
    ///
    /// # Errors
    /// -2011 when no such order is open or the restriction forbids it, -1102, -1121, -1013 while the
    /// market is closed.
    pub fn cancel(
        &mut self,
        account: AccountId,
        symbol: Symbol,
        cancel: &CancelOrder,
        now: Time,
    ) -> Result<Canceled, Refusal> {
        self.ledger.get(account)?;
        self.operate(symbol, now, |run| run.cancel(account, cancel))?
    }

    /// `DELETE openOrders`: the oldest first, all under one cancel id.
    ///
    /// # Errors
    /// -2011 when no order is open, -1121, -1013 while the market is closed.
    pub fn cancel_all(
        &mut self,
        account: AccountId,
        symbol: Symbol,
        now: Time,
    ) -> Result<Vec<Canceled>, Refusal> {
        self.ledger.get(account)?;
        self.operate(symbol, now, |run| run.cancel_all(account))?
    }

    /// `POST order/cancelReplace`. The new order's parameters and filters are looked at first.
    ///
    /// # Errors
    /// When neither half was tried. How the halves ended is in the answer: [`CancelReplaced::error`].
    pub fn cancel_replace(
        &mut self,
        account: AccountId,
        request: &CancelReplace,
        now: Time,
    ) -> Result<CancelReplaced, Refusal> {
        let named = request.cancel.order;
        if named == OrderRef::default() {
            return Err(Refusal::no_order_named(
                "cancelOrigClientOrderId",
                "cancelOrderId",
            ));
        }
        let order = &request.new_order;
        let wanted = self.admit(account, order, now)?;
        if !self.instrument(order.symbol)?.cancel_replace_allowed {
            return Err(Refusal::CANCEL_REPLACE);
        }
        self.operate(order.symbol, now, |run| {
            let cancel = run.cancel(account, &request.cancel);
            if cancel.is_err() && request.mode == CancelReplaceMode::StopOnFailure {
                return CancelReplaced {
                    cancel: cancel.into(),
                    new_order: Half::NotAttempted,
                };
            }
            run.publish_positions();
            let new_order = match &request.over_limit {
                Some(refusal) => Err(refusal.clone()),
                None => run.enter(account, order, &wanted),
            };
            CancelReplaced {
                cancel: cancel.into(),
                new_order: new_order.into(),
            }
        })
    }

    /// `PUT order/amend/keepPriority`.
    ///
    /// # Errors
    /// -2038 with the engine's reason, -1013 when the new quantity fails a filter, -1102, -1121, -2039.
    pub fn amend_keep_priority(
        &mut self,
        account: AccountId,
        symbol: Symbol,
        order: OrderRef,
        new_client_order_id: Option<ClientOrderId>,
        new_qty: Quantity,
        now: Time,
    ) -> Result<Amended, Refusal> {
        self.ledger.get(account)?;
        self.operate(symbol, now, |run| {
            run.amend(account, &order, new_client_order_id, new_qty)
        })?
    }

    /// Opens, halts or closes a symbol. Open orders stay.
    ///
    /// # Errors
    /// -1121.
    pub fn set_status(
        &mut self,
        symbol: Symbol,
        status: SymbolStatus,
        now: Time,
    ) -> Result<(), Refusal> {
        let instrument = self
            .instruments
            .get_mut(&symbol)
            .ok_or(Refusal::INVALID_SYMBOL)?;
        instrument.rules.status = status;
        self.events.push(Event::SymbolStatusChanged {
            symbol,
            status,
            time: now,
        });
        Ok(())
    }

    /// Allows or forbids an account new orders.
    ///
    /// # Errors
    /// -2015 for an unknown account.
    pub fn set_can_trade(&mut self, account: AccountId, can_trade: bool) -> Result<(), Refusal> {
        self.ledger.get_mut(account)?.settings.can_trade = can_trade;
        Ok(())
    }

    /// A deposit, or with a negative `delta` a withdrawal, with its `balanceUpdate`.
    ///
    /// # Errors
    /// -2015 for an unknown account, -2010 when too little is free, or the amount is beyond reason.
    pub fn deposit(
        &mut self,
        account: AccountId,
        asset: Asset,
        delta: Decimal,
        now: Time,
    ) -> Result<(), Refusal> {
        let positions = self.add(account, asset, delta, now)?;
        self.events.push(Event::BalanceUpdate(BalanceUpdate {
            account,
            asset,
            delta,
            time: now,
        }));
        self.events
            .extend(positions.into_iter().map(Event::AccountPosition));
        Ok(())
    }

    /// As [`Self::deposit`], and no event tells of it.
    ///
    /// # Errors
    /// As [`Self::deposit`].
    pub fn deposit_untold(
        &mut self,
        account: AccountId,
        asset: Asset,
        delta: Decimal,
        now: Time,
    ) -> Result<(), Refusal> {
        self.add(account, asset, delta, now).map(drop)
    }

    fn add(
        &mut self,
        account: AccountId,
        asset: Asset,
        delta: Decimal,
        now: Time,
    ) -> Result<Vec<AccountPosition>, Refusal> {
        if delta.abs() > LIMIT || !self.ledger.deposit(account, asset, delta)? {
            return Err(Refusal::INSUFFICIENT_BALANCE);
        }
        Ok(self.ledger.take_positions(now))
    }

    /// The monthly reset of a test network: all accounts' orders, trades and order numbers vanish
    /// without any user event, and balances are those of the settings again. Books, public trades and
    /// update ids of the market go on.
    pub fn reset(&mut self, now: Time) {
        self.ledger = Ledger::new(&self.settings.accounts, now);
        let symbols: Vec<Symbol> = self.instruments.keys().copied().collect();
        for symbol in symbols {
            self.operate(symbol, now, |run| run.forget_orders())
                .expect("the symbol was listed a moment ago");
        }
    }

    /// How much there is of an asset, and where.
    #[must_use]
    pub fn total(&self, asset: Asset) -> AssetTotal {
        self.ledger.total(asset)
    }
}

impl<T> From<Result<T, Refusal>> for Half<T> {
    fn from(result: Result<T, Refusal>) -> Self {
        match result {
            Ok(done) => Self::Success(done),
            Err(refusal) => Self::Failure(refusal),
        }
    }
}
