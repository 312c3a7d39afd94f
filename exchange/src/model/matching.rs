//! Matching in price-time priority, trades with their commission, and self-trade prevention.

use rust_decimal::{Decimal, RoundingStrategy};
use tripline_engine::ids::{AccountId, Asset, TradeId, VenueOrderId};
use tripline_engine::money::{Price, Quantity};

use super::amount::{add, add_quote, commission, notional};
use super::book::{Owner, Resting, crosses};
use super::event::{Event, Execution, Prevention, Trade};
use super::operation::{Operation, Report};
use super::order::{Fill, Order, PreventedMatch};
use super::terms::{ExecutionType, OrderStatus, SelfTradePrevention, Side};

/// One trade, before it is booked.
struct Match {
    trade_id: TradeId,
    price: Price,
    quantity: Quantity,
    quote: Decimal,
}

impl Operation<'_> {
    /// Trades an order against the other side of the book as far as its limit and quantity go.
    pub(super) fn take(&mut self, id: VenueOrderId) {
        loop {
            let order = self.instrument.store.known(id);
            let (side, account, left) = (order.side, order.account, order.remaining());
            let limit = order.order_type.has_price().then_some(order.price);
            if !order.status.is_open() || left.is_zero() {
                return;
            }
            let Some((price, place)) = self.instrument.book.first(side.opposite()) else {
                return;
            };
            if limit.is_some_and(|limit| !crosses(side, limit, price)) {
                return;
            }
            match place.owner {
                Owner::Order(maker) if self.instrument.store.known(maker).account == account => {
                    self.prevent(id, maker, price);
                }
                _ => {
                    let quantity = left.min(place.quantity);
                    self.trade(Owner::Order(id), side, price, quantity, place);
                }
            }
        }
    }

    /// Books one trade of `taker` with the first place of the opposite side.
    pub(super) fn trade(
        &mut self,
        taker: Owner,
        taker_side: Side,
        price: Price,
        quantity: Quantity,
        maker: Resting,
    ) {
        let maker_side = taker_side.opposite();
        self.instrument.book.take_first(maker_side, price, quantity);
        let trade = Match {
            trade_id: self.instrument.counters.next_trade(),
            price,
            quantity,
            quote: self.instrument.cost(price, quantity),
        };
        self.book_side(taker, taker_side, &trade, false, maker.owner);
        self.book_side(maker.owner, maker_side, &trade, true, taker);
        self.print(&trade, maker_side == Side::Buy);
    }

    fn book_side(&mut self, owner: Owner, side: Side, trade: &Match, is_maker: bool, other: Owner) {
        match (owner, other) {
            (Owner::Order(id), _) => self.fill(id, trade, is_maker),
            (Owner::Market, Owner::Order(_)) => {
                let sign = if side == Side::Buy {
                    Decimal::ONE
                } else {
                    -Decimal::ONE
                };
                let (base, quote) = (self.instrument.rules.base, self.instrument.rules.quote);
                self.ledger
                    .market_gained(base, sign * trade.quantity.value());
                self.ledger.market_gained(quote, -sign * trade.quote);
            }
            (Owner::Market, Owner::Market) => {}
        }
    }

    /// Publishes a trade of the market with itself that the book does not show.
    pub(super) fn print_market_trade(
        &mut self,
        price: Price,
        quantity: Quantity,
        buyer_is_maker: bool,
    ) {
        let trade = Match {
            trade_id: self.instrument.counters.next_trade(),
            price,
            quantity,
            quote: self.instrument.cost(price, quantity),
        };
        self.print(&trade, buyer_is_maker);
    }

    fn print(&mut self, trade: &Match, buyer_is_maker: bool) {
        let trade = Trade {
            symbol: self.instrument.rules.symbol,
            trade_id: trade.trade_id,
            price: trade.price,
            quantity: trade.quantity,
            quote: notional(trade.quote),
            buyer_is_maker,
            time: self.now,
        };
        let (low, high) = self.traded.unwrap_or((trade.price, trade.price));
        self.traded = Some((low.min(trade.price), high.max(trade.price)));
        self.instrument.tape.record(&trade);
        self.events.push(Event::Trade(trade));
    }

    /// Books one order's side of a trade: quantities, funds, commission, report.
    fn fill(&mut self, id: VenueOrderId, trade: &Match, is_maker: bool) {
        let now = self.now;
        let order = self.instrument.store.known_mut(id);
        order.executed_qty = add(order.executed_qty, trade.quantity);
        order.cumulative_quote = add_quote(order.cumulative_quote, notional(trade.quote));
        order.update_time = now;
        let done = order.remaining().is_zero();
        order.status = if done {
            OrderStatus::Filled
        } else {
            OrderStatus::PartiallyFilled
        };
        let (account, side) = (order.account, order.side);
        let (paid, received) = match side {
            Side::Buy => (trade.quote, trade.quantity.value()),
            Side::Sell => (trade.quantity.value(), trade.quote),
        };
        order.locked -= paid;
        let (paid_asset, received_asset) =
            (self.paid_asset(side), self.paid_asset(side.opposite()));
        self.ledger.pay(account, paid_asset, paid);
        self.ledger.receive(account, received_asset, received);
        let (commission_asset, commission) =
            self.charge_commission(account, received_asset, received, is_maker);
        self.adjust_lock(id);
        if done {
            self.instrument.store.finish(id);
        }
        let execution = Execution {
            trade_id: trade.trade_id,
            price: trade.price,
            quantity: trade.quantity,
            quote: notional(trade.quote),
            commission,
            commission_asset,
            is_maker,
        };
        self.remember_fill(id, account, side, &execution);
        self.report(
            id,
            ExecutionType::Trade,
            Report {
                trade: Some(execution),
                ..Report::default()
            },
        );
    }

    fn remember_fill(
        &mut self,
        id: VenueOrderId,
        account: AccountId,
        side: Side,
        execution: &Execution,
    ) {
        let fill = Fill {
            symbol: self.instrument.rules.symbol,
            trade_id: execution.trade_id,
            order_id: id,
            side,
            price: execution.price,
            quantity: execution.quantity,
            quote: execution.quote,
            commission: execution.commission,
            commission_asset: execution.commission_asset,
            is_maker: execution.is_maker,
            time: self.now,
        };
        if !fill.is_maker {
            self.fills.push(fill.clone());
        }
        self.instrument.store.add_fill(account, fill);
    }

    /// Commission from the received amount, or in BNB with the discount while enough of it is free.
    fn charge_commission(
        &mut self,
        account: AccountId,
        asset: Asset,
        received: Decimal,
        is_maker: bool,
    ) -> (Asset, Decimal) {
        let Ok(owner) = self.ledger.get(account) else {
            return (asset, Decimal::ZERO);
        };
        let rates = owner.settings.commission;
        let rate = if is_maker { rates.maker } else { rates.taker };
        let discount = owner.settings.bnb_discount;
        if let Some(discount) = discount
            && let Some((bnb, fee)) = self.bnb_fee(asset, received * rate * discount.factor)
            && self.ledger.balance(account, bnb).free >= fee
        {
            self.ledger.charge(account, bnb, fee);
            return (bnb, fee);
        }
        let fee = commission(received, rate);
        self.ledger.charge(account, asset, fee);
        (asset, fee)
    }

    fn bnb_fee(&self, asset: Asset, fee: Decimal) -> Option<(Asset, Decimal)> {
        let bnb = Asset::new("BNB").ok()?;
        let fee = if asset == bnb {
            fee
        } else {
            fee.checked_div(self.bnb_prices.get(&asset)?.value())?
        };
        Some((bnb, fee.round_dp_with_strategy(8, RoundingStrategy::ToZero)))
    }

    /// Self-trade prevention: `taker` would trade with `maker` of the same account. The taker's mode
    /// decides. EXPIRE modes take all that is left off the order, DECREMENT (and, in one account,
    /// TRANSFER) takes the overlap off both.
    fn prevent(&mut self, taker: VenueOrderId, maker: VenueOrderId, price: Price) {
        use SelfTradePrevention::{ExpireBoth, ExpireMaker, ExpireTaker};
        let taking = self.instrument.store.known(taker);
        let mode = taking.self_trade_prevention;
        let account = taking.account;
        let taker_left = taking.remaining();
        let maker_left = self.instrument.store.known(maker).remaining();
        let overlap = taker_left.min(maker_left);
        let (from_taker, from_maker) = match mode {
            ExpireTaker => (Some(taker_left), None),
            ExpireMaker => (None, Some(maker_left)),
            ExpireBoth => (Some(taker_left), Some(maker_left)),
            _ => (Some(overlap), Some(overlap)),
        };
        let row = PreventedMatch {
            symbol: self.instrument.rules.symbol,
            prevented_match_id: self.instrument.counters.next_prevented(),
            taker_order_id: taker,
            maker_order_id: maker,
            mode,
            price,
            maker_prevented: from_maker,
            taker_prevented: from_taker,
            time: self.now,
        };
        self.prevented.push(row.clone());
        let prevented_match_id = row.prevented_match_id;
        self.instrument.store.add_prevented(account, row);
        for (id, counter, quantity) in [(taker, maker, from_taker), (maker, taker, from_maker)] {
            let Some(quantity) = quantity else { continue };
            let prevention = Prevention {
                prevented_match_id,
                quantity,
                counter_order_id: counter,
                price,
                quote: notional(self.instrument.cost(price, quantity)),
            };
            self.take_off(id, prevention);
        }
    }

    /// Takes a prevented quantity off one order, which ends when nothing is left of it.
    fn take_off(&mut self, id: VenueOrderId, prevention: Prevention) {
        let now = self.now;
        let order = self.instrument.store.known_mut(id);
        let (side, price, quantity) = (order.side, order.price, prevention.quantity);
        self.instrument.book.reduce_order(side, price, id, quantity);
        order.prevented_qty = add(order.prevented_qty, quantity);
        order.prevented_match_id = Some(prevention.prevented_match_id);
        order.update_time = now;
        if order.remaining().is_zero() {
            self.end(id, OrderStatus::ExpiredInMatch, None);
        } else {
            self.adjust_lock(id);
        }
        let report = Report {
            prevention: Some(prevention),
            ..Report::default()
        };
        self.report(id, ExecutionType::TradePrevention, report);
    }

    /// Whether a FOK order can be filled at once and whole. Own orders stand in the way as the order's
    /// self-trade prevention would make them.
    pub(super) fn can_fill(&self, order: &Order) -> bool {
        let mut left = order.remaining();
        for (price, place) in self.instrument.book.places(order.side.opposite()) {
            let beyond = order.order_type.has_price() && !crosses(order.side, order.price, price);
            if left.is_zero() || beyond {
                break;
            }
            if self.is_own(order.account, place.owner) {
                if order.self_trade_prevention == SelfTradePrevention::ExpireMaker {
                    continue;
                }
                return false;
            }
            left = left.saturating_sub(place.quantity);
        }
        left.is_zero()
    }

    /// Whether a place in the book is the account's own.
    pub(super) fn is_own(&self, account: AccountId, owner: Owner) -> bool {
        match owner {
            Owner::Order(id) => self.instrument.store.known(id).account == account,
            Owner::Market => false,
        }
    }
}
