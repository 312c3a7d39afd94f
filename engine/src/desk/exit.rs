//! One exit: an order of the engine's own that reduces a position under a flatten.

use rust_decimal::Decimal;

use crate::desk::{Effect, OrderDesk};
use crate::halt::{Purpose, room_to_reduce};
use crate::ids::{ClientOrderId, OrderOrigin, StrategyId, Symbol};
use crate::instrument::{FilterName, Instrument};
use crate::messages::order::PlaceOrder;
use crate::money::{MoneyError, Price, Quantity, Rounding, exact_product};
use crate::order::{NewOrder, Order, Side, TimeInForce};
use crate::planted::{self, Planted};
use crate::risk::{self, DenialReason, Preconditions, Situation};
use crate::time::Timestamp;

/// Why no exit is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoExit {
    /// Not now.
    Wait(String),
    /// Nor later: what is left is too small for the venue, or its strategy is not here.
    Never(String),
}

fn never(error: MoneyError) -> NoExit {
    NoExit::Never(error.to_string())
}

impl OrderDesk {
    /// Sends an exit for as much of a position of `net` as nothing else of the strategy may reduce: a limit order
    /// within the collar that is executed at once or expires.
    pub(super) fn place_exit(
        &mut self,
        strategy: StrategyId,
        symbol: Symbol,
        net: Decimal,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<ClientOrderId, NoExit> {
        let terms = self.exit_terms(strategy, symbol, net)?;
        let Some(seat) = self.seats.get_mut(&strategy) else {
            return Err(NoExit::Never("its strategy is not here".into()));
        };
        let id = ClientOrderId::of(&OrderOrigin {
            strategy,
            run: self.run,
            sequence: seat.used.next_exit(),
        });
        let command = PlaceOrder {
            id,
            strategy,
            account: self.account,
            terms,
            created: now,
        };
        let approved = self.approve_exit(command, net)?;
        if let Some((seat, origin)) = self.seats.get_mut(&strategy).zip(id.origin()) {
            seat.used.take(&origin);
        }
        self.board.begin_flatten(strategy);
        self.submit(approved, now, out);
        Ok(id)
    }

    /// Orders of the strategy on the instrument of which something may still come.
    pub(super) fn own(&self, strategy: StrategyId, symbol: Symbol) -> impl Iterator<Item = &Order> {
        let own = self.unsettled.iter().filter_map(|id| self.order(id));
        own.filter(move |order| order.strategy == strategy && order.terms.symbol == symbol)
    }

    fn exit_terms(
        &self,
        strategy: StrategyId,
        symbol: Symbol,
        net: Decimal,
    ) -> Result<NewOrder, NoExit> {
        let instrument = self.instruments.get(&symbol);
        let instrument =
            instrument.ok_or_else(|| NoExit::Never(format!("{symbol} is not known here")))?;
        let reference = self.references.get(&symbol).copied().flatten();
        let reference =
            reference.ok_or_else(|| NoExit::Wait("there is no fresh price of it".into()))?;
        let side = match net.is_sign_negative() {
            true => Side::Buy,
            false => Side::Sell,
        };
        let room = room_to_reduce(side, net, self.own(strategy, symbol));
        if room <= Decimal::ZERO {
            return Err(NoExit::Wait("what reduces it is under way already".into()));
        }
        // What was bought less the fees that were taken in it is there to be sold.
        let held = self.positions.position(strategy, symbol);
        let held = held.map(|position| position.held()).unwrap_or_default();
        let quantity = match side {
            Side::Sell => room.min(held.max(Decimal::ZERO)),
            Side::Buy => room,
        };
        let quantity = match planted::is(Planted::ExitsTooLarge) {
            true => quantity * Decimal::TWO,
            false => quantity,
        };
        let quantity = exit_quantity(instrument, quantity)?;
        let price = self.collar(instrument, side, reference)?;
        let terms = NewOrder::limit(symbol, side, quantity, price);
        Ok(terms.with_time_in_force(TimeInForce::Ioc))
    }

    /// The worst price that an exit takes, on the tick that is within the collar.
    fn collar(
        &self,
        instrument: &Instrument,
        side: Side,
        reference: Price,
    ) -> Result<Price, NoExit> {
        let share = self.flatten_settings.collar_percent / Decimal::ONE_HUNDRED;
        let (factor, direction) = match side {
            Side::Sell => (Decimal::ONE - share, Rounding::Up),
            Side::Buy => (Decimal::ONE + share, Rounding::Down),
        };
        let price = exact_product("collar", reference.value(), factor).map_err(never)?;
        let price = Price::new(price).map_err(never)?;
        instrument.round_price(price, direction).map_err(never)
    }

    /// The check before an exit: everything that an order needs, and never more than the position. The limits of
    /// strategies do not hold it back: it is there to undo what they have let through.
    fn approve_exit(
        &mut self,
        command: PlaceOrder,
        net: Decimal,
    ) -> Result<risk::Approved<PlaceOrder>, NoExit> {
        if let Some(why) = &self.journal_failed {
            return Err(NoExit::Wait(format!("it cannot be written down: {why}")));
        }
        let (strategy, symbol) = (command.strategy, command.terms.symbol);
        let instrument = self.instruments.get(&symbol);
        let instrument =
            instrument.ok_or_else(|| NoExit::Never(format!("{symbol} is not known here")))?;
        self.risk.prepare(strategy, symbol);
        let (mut open, frozen) = self.risk.open_on(symbol);
        self.count_foreign(symbol, &mut open);
        let seat = self.seats.get(&strategy);
        let preconditions = Preconditions {
            level: seat.map(|seat| seat.gate.level()).unwrap_or_default(),
            purpose: Purpose::Exit,
            private_stream_live: self.is_private_stream_live(),
            clock_good: self.clock_good,
            instrument_frozen: frozen,
            stopping: self.stopping,
        };
        let situation = Situation {
            instrument,
            reference: self.references.get(&symbol).copied().flatten(),
            open,
            preconditions,
            risk: &self.risk,
            now: command.created,
        };
        let room = match planted::is(Planted::ExitsTooLarge) {
            true => Decimal::MAX,
            false => room_to_reduce(command.terms.side, net, self.own(strategy, symbol)),
        };
        let approved = risk::approve_exit(command, room, situation);
        approved.map_err(|reason| match reason {
            DenialReason::Filter(violation) if is_too_small(violation.filter) => NoExit::Never(
                format!("what is left is below the venue's minimum: {violation}"),
            ),
            reason => NoExit::Wait(reason.to_string()),
        })
    }
}

/// As much as the venue takes in one order.
fn exit_quantity(instrument: &Instrument, quantity: Decimal) -> Result<Quantity, NoExit> {
    let quantity = Quantity::new(quantity).map_err(never)?;
    let lot = instrument.filters.lot_size;
    let most = lot.map(|lot| lot.max).filter(|most| !most.is_zero());
    let quantity = most.map_or(quantity, |most| quantity.min(most));
    let quantity = instrument
        .round_quantity(quantity, Rounding::Down)
        .map_err(never)?;
    if quantity.is_zero() {
        let why = "what is left is below the venue's minimum: less than a lot";
        return Err(NoExit::Never(why.into()));
    }
    Ok(quantity)
}

const fn is_too_small(filter: FilterName) -> bool {
    matches!(
        filter,
        FilterName::LotSize | FilterName::MinNotional | FilterName::Notional
    )
}
