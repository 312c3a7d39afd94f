//! New orders: admission (parameters, filters), entry into the engine, and what happens then.

use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, VenueOrderId};
use tripline_engine::money::{Notional, Price, Quantity, Rounding};

use super::amount::{add, quantity as amount_of};
use super::book::{Owner, Resting, crosses};
use super::check::{Amount, Wanted, parameters};
use super::filters::{self, Facts};
use super::instrument::Instrument;
use super::ledger::Ledger;
use super::operation::{Operation, Report};
use super::order::{NewOrder, Order, Placed};
use super::refusal::Refusal;
use super::settings::{ExchangeFilters, LotSize};
use super::store::{OpenCount, Trigger};
use super::terms::{
    ExecutionType, ExpiryReason, OrderStatus, OrderType, SelfTradePrevention, Side, SymbolStatus,
    Time, TimeInForce,
};

/// What the checks before the engine look at beyond the symbol.
#[derive(Debug, Clone, Copy)]
pub(super) struct Everywhere<'a> {
    pub filters: &'a ExchangeFilters,
    /// Open orders of the account on all symbols.
    pub open: OpenCount,
}

/// All checks of a new order before the matching engine: permission, status, parameters, filters.
pub(super) fn admit(
    (instrument, ledger): (&Instrument, &Ledger),
    account: AccountId,
    order: &NewOrder,
    everywhere: Everywhere<'_>,
    now: Time,
) -> Result<Wanted, Refusal> {
    let known = ledger.get(account)?;
    let rules = &instrument.rules;
    let wanted = parameters(order, rules)?;
    if !known.settings.can_trade {
        return Err(Refusal::ACCOUNT_DISABLED);
    }
    if rules.status != SymbolStatus::Trading {
        return Err(Refusal::MARKET_CLOSED);
    }
    let base = ledger.balance(account, rules.base);
    let position = match rules.filters.max_position {
        Some(_) => base.free + base.locked + instrument.store.open_buy_quantity(account).value(),
        None => Decimal::ZERO,
    };
    let facts = Facts {
        tape: &instrument.tape,
        now,
        open: instrument.store.open_count(account),
        open_everywhere: everywhere.open,
        position,
    };
    let kind = (order.order_type, order.side);
    filters::new_order(&rules.filters, everywhere.filters, kind, &wanted, &facts)?;
    Ok(wanted)
}

impl Operation<'_> {
    /// Enters an admitted order into the engine.
    ///
    /// # Errors
    /// The engine's refusals: duplicate id, too little liquidity for a quote quantity, insufficient
    /// balance, a stop that would trigger, a maker that would take.
    pub(super) fn enter(
        &mut self,
        account: AccountId,
        order: &NewOrder,
        wanted: &Wanted,
    ) -> Result<Placed, Refusal> {
        let client = order
            .client_order_id
            .unwrap_or_else(|| self.client_ids.next_id());
        if self
            .instrument
            .store
            .by_client(account, client)
            .is_some_and(|old| old.status.is_open())
        {
            return Err(Refusal::DUPLICATE);
        }
        let mut entered = Order {
            account,
            symbol: self.instrument.rules.symbol,
            order_id: VenueOrderId(0),
            client_order_id: client,
            side: order.side,
            order_type: order.order_type,
            time_in_force: wanted.time_in_force,
            price: wanted.price,
            stop_price: wanted.stop_price,
            quantity: Quantity::ZERO,
            quote_order_qty: Notional::ZERO,
            executed_qty: Quantity::ZERO,
            cumulative_quote: Notional::ZERO,
            prevented_qty: Quantity::ZERO,
            prevented_match_id: None,
            status: OrderStatus::New,
            self_trade_prevention: wanted.self_trade_prevention,
            strategy_id: order.strategy_id,
            strategy_type: order.strategy_type,
            time: self.now,
            update_time: self.now,
            working_time: None,
            expiry_reason: None,
            amends: 0,
            locked: Decimal::ZERO,
        };
        match wanted.amount {
            Amount::Base(quantity) => entered.quantity = quantity,
            Amount::Quote(quote) => {
                entered.quote_order_qty = quote;
                entered.quantity = self.quantity_for_quote(&entered, quote)?;
            }
        }
        entered.order_id = self.instrument.counters.next_order();
        if let Err(refusal) = self.engine_checks(&mut entered) {
            self.report_rejected(entered, refusal.reject_reason);
            return Err(refusal);
        }
        let id = entered.order_id;
        self.instrument.store.insert(entered);
        self.start(id);
        Ok(Placed {
            order: self.instrument.store.known(id).clone(),
            fills: std::mem::take(&mut self.fills),
            prevented: std::mem::take(&mut self.prevented),
            transact_time: self.now,
        })
    }

    /// Trigger and maker rules, and the lock of the funds.
    fn engine_checks(&mut self, order: &mut Order) -> Result<(), Refusal> {
        if order.order_type.is_stop() {
            let trigger = Trigger::of(order.order_type, order.side);
            let last = self.instrument.tape.last();
            if last.is_some_and(|last| trigger.fires(order.stop_price, last)) {
                return Err(Refusal::WOULD_TRIGGER);
            }
        }
        if order.order_type == OrderType::LimitMaker {
            let best = self.instrument.book.best(order.side.opposite());
            if best.is_some_and(|(price, _)| crosses(order.side, order.price, price)) {
                return Err(Refusal::WOULD_MATCH);
            }
        }
        let amount = match (order.order_type, order.side) {
            (OrderType::Market, Side::Buy) => self.market_cost(order),
            (OrderType::StopLoss | OrderType::TakeProfit, Side::Buy) => {
                self.instrument
                    .to_lock(Side::Buy, order.stop_price, order.quantity)
            }
            _ => self
                .instrument
                .to_lock(order.side, order.price, order.quantity),
        };
        self.lock(order, amount)
    }

    fn lock(&mut self, order: &mut Order, amount: Decimal) -> Result<(), Refusal> {
        if !self
            .ledger
            .lock(order.account, self.paid_asset(order.side), amount)
        {
            return Err(Refusal::INSUFFICIENT_BALANCE);
        }
        order.locked += amount;
        Ok(())
    }

    /// Puts a stop order to waiting, any other to work.
    fn start(&mut self, id: VenueOrderId) {
        let order = self.instrument.store.known(id);
        if order.order_type.is_stop() {
            let trigger = Trigger::of(order.order_type, order.side);
            let stop = order.stop_price;
            self.instrument.store.wait(trigger, stop, id);
            self.report(id, ExecutionType::New, Report::default());
        } else {
            self.work(id);
        }
    }

    /// An order becomes active: the NEW report comes before any trade.
    fn work(&mut self, id: VenueOrderId) {
        let now = self.now;
        let order = self.instrument.store.known_mut(id);
        order.working_time = Some(now);
        order.update_time = now;
        self.report(id, ExecutionType::New, Report::default());
        let order = self.instrument.store.known(id);
        if order.time_in_force == TimeInForce::Fok && !self.can_fill(order) {
            self.expire(id, Some(ExpiryReason::UnfilledFok));
            return;
        }
        self.take(id);
        let order = self.instrument.store.known(id);
        if !order.status.is_open() {
            return;
        }
        let (side, price, quantity) = (order.side, order.price, order.remaining());
        match (order.order_type.has_price(), order.time_in_force) {
            (true, TimeInForce::Gtc) => {
                let place = Resting {
                    owner: Owner::Order(id),
                    quantity,
                };
                self.instrument.book.push(side, price, place);
            }
            (true, _) => self.expire(id, Some(ExpiryReason::UnfilledIoc)),
            (false, _) => self.expire(id, Some(ExpiryReason::InsufficientLiquidity)),
        }
    }

    /// A stop order's price was reached. One that becomes a market order locks what it costs now, and
    /// expires if the account cannot pay that.
    pub(super) fn trigger(&mut self, id: VenueOrderId) {
        let order = self.instrument.store.known(id).clone();
        if !order.order_type.has_price() && order.side == Side::Buy {
            let asset = self.paid_asset(order.side);
            self.ledger.unlock(order.account, asset, order.locked);
            let cost = self.market_cost(&order);
            let locked = self.ledger.lock(order.account, asset, cost);
            self.instrument.store.known_mut(id).locked = if locked { cost } else { Decimal::ZERO };
            if !locked {
                self.expire(id, Some(ExpiryReason::Rejected));
                return;
            }
        }
        self.work(id);
    }

    /// The places that a market order would meet. Own orders that would expire are passed over.
    fn places_for<'b>(&'b self, order: &'b Order) -> impl Iterator<Item = (Price, Resting)> + 'b {
        let skip_own = order.self_trade_prevention == SelfTradePrevention::ExpireMaker;
        self.instrument
            .book
            .places(order.side.opposite())
            .filter(move |(_, place)| !(skip_own && self.is_own(order.account, place.owner)))
    }

    /// What a market order costs at most in the book of now.
    fn market_cost(&self, order: &Order) -> Decimal {
        let mut left = order.quantity;
        let mut cost = Decimal::ZERO;
        for (price, place) in self.places_for(order) {
            let part = left.min(place.quantity);
            if part.is_zero() {
                break;
            }
            left = left.saturating_sub(part);
            cost += self.instrument.cost(price, part);
        }
        cost
    }

    /// The quantity that a `quoteOrderQty` buys or sells in the book of now, rounded down to the lot.
    fn quantity_for_quote(&self, order: &Order, quote: Notional) -> Result<Quantity, Refusal> {
        let filters = &self.instrument.rules.filters;
        let step = filters.lot_size.step;
        let mut left = quote.value();
        let mut sum = Quantity::ZERO;
        for (price, place) in self.places_for(order) {
            let cost = self.instrument.cost(price, place.quantity);
            if cost <= left {
                left -= cost;
                sum = add(sum, place.quantity);
                continue;
            }
            let part = left.checked_div(price.value()).unwrap_or_default();
            sum = add(sum, amount_of(part));
            break;
        }
        let rounded = sum.round_to(step, Rounding::Down).unwrap_or(Quantity::ZERO);
        let rounded = match filters.market_lot_size {
            Some(LotSize { step, .. }) => rounded.round_to(step, Rounding::Down).unwrap_or(rounded),
            None => rounded,
        };
        if rounded < filters.lot_size.min || rounded.is_zero() {
            return Err(Refusal::LITTLE_LIQUIDITY);
        }
        if filters
            .market_lot_size
            .is_some_and(|rule| rounded < rule.min)
        {
            return Err(Refusal::LITTLE_MARKET_LIQUIDITY);
        }
        filters::quantity(filters, OrderType::Market, rounded)?;
        Ok(rounded)
    }
}
