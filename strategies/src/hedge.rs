//! [`Hedger`]: turns executed quantity into market orders on the other side, each unit once.

use rust_decimal::Decimal;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::HaltLevel;
use tripline_engine::ids::{ClientOrderId, Symbol};
use tripline_engine::instrument::Instrument;
use tripline_engine::messages::alert::Severity;
use tripline_engine::messages::order::{OrderEvent, OrderEventKind};
use tripline_engine::money::{MoneyError, Price, Quantity, Rounding};
use tripline_engine::order::{NewOrder, Order, Side};
use tripline_engine::risk::DenialReason;
use tripline_engine::strategy::Context;

use crate::outcome::{Trouble, is_too_small, passes};

/// Hedges by market orders, one at a time: what comes due meanwhile goes into the next. At every
/// moment `executed × ratio = ordered and not given back + owed`.
#[derive(Debug)]
pub(crate) struct Hedger {
    symbol: Symbol,
    side: Side,
    ratio: Decimal,
    /// Due and not ordered, base asset of the hedge symbol: dust, or what could not be sent yet.
    owed: Quantity,
    live: Option<ClientOrderId>,
    trouble: Trouble,
}

impl Hedger {
    pub(crate) fn new(symbol: Symbol, side: Side, ratio: Decimal) -> Self {
        Self {
            symbol,
            side,
            ratio,
            owed: Quantity::ZERO,
            live: None,
            trouble: Trouble::default(),
        }
    }

    pub(crate) fn live(&self) -> Option<ClientOrderId> {
        self.live
    }

    #[cfg(test)]
    pub(crate) fn owed(&self) -> Quantity {
        self.owed
    }

    /// Takes an executed quantity that is to be hedged.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`]; nothing was taken.
    pub(crate) fn owe(&mut self, executed: Quantity) -> Result<(), MoneyError> {
        let due = executed
            .value()
            .checked_mul(self.ratio)
            .ok_or_else(|| MoneyError::Overflow {
                what: "hedge",
                operation: "*",
                left: executed.value(),
                right: self.ratio,
            })?;
        self.owed = self.owed.checked_add(Quantity::new(due)?)?;
        Ok(())
    }

    /// The engine has taken this much out of the position on this side: so much less is owed.
    pub(crate) fn taken_out(&mut self, symbol: Symbol, side: Side, quantity: Quantity) {
        if (symbol, side) == (self.symbol, self.side) {
            self.owed = self.owed.saturating_sub(quantity);
        }
    }

    /// Orders what is owed, as far as the venue takes it. `price` stands for the hedge symbol's price;
    /// without one the smallest notional is left to the engine's check.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`]; nothing was ordered.
    pub(crate) fn hedge(
        &mut self,
        ctx: &mut Context<'_>,
        price: Option<Price>,
    ) -> Result<(), MoneyError> {
        if self.live.is_some() || self.owed.is_zero() {
            return Ok(());
        }
        let Some(instrument) = ctx.instrument(self.symbol) else {
            self.fail(ctx, "its instrument is not known");
            return Ok(());
        };
        let quantity = market_quantity(instrument, self.owed, price)?;
        if quantity.is_zero() {
            return Ok(());
        }
        let rest = self.owed.checked_sub(quantity)?;
        match ctx.place(NewOrder::market(self.symbol, self.side, quantity)) {
            Ok(id) => {
                self.live = Some(id);
                self.owed = rest;
            }
            Err(reason) => self.denied(ctx, &reason),
        }
        Ok(())
    }

    /// Takes news of the live hedge; what it did not execute is owed again. `true` when the hedge ended
    /// as it should and the next may follow.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(crate) fn on_order(
        &mut self,
        ctx: &mut Context<'_>,
        event: &OrderEvent,
    ) -> Result<bool, MoneyError> {
        let ended = self.take_back(&event.order)?;
        let good = match &event.kind {
            OrderEventKind::Denied { reason } => {
                self.denied(ctx, reason);
                false
            }
            OrderEventKind::Rejected { code, text } => {
                self.fail(ctx, &format!("the venue rejected it ({code}): {text}"));
                false
            }
            OrderEventKind::Expired { reason } => {
                let reason = reason.as_deref().unwrap_or("no reason given");
                self.fail(ctx, &format!("it expired: {reason}"));
                false
            }
            OrderEventKind::Canceled => {
                self.fail(ctx, "it was cancelled");
                false
            }
            OrderEventKind::Filled => {
                self.trouble.over();
                true
            }
            _ => true,
        };
        Ok(ended && good)
    }

    /// After a halt: believes what the engine says of the live hedge.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub(crate) fn reconcile(&mut self, ctx: &Context<'_>) -> Result<(), MoneyError> {
        if let Some(order) = self.live.and_then(|id| ctx.order(&id)) {
            let order = order.clone();
            self.take_back(&order)?;
        }
        self.trouble.over();
        Ok(())
    }

    /// Tells a person what is left when the strategy stops.
    pub(crate) fn on_stop(&self, ctx: &mut Context<'_>) {
        if !self.owed.is_zero() {
            let Self {
                owed, side, symbol, ..
            } = self;
            ctx.alert(
                Severity::Warning,
                format!("stopping with {owed} not hedged ({side} {symbol})"),
            );
        }
    }

    fn take_back(&mut self, order: &Order) -> Result<bool, MoneyError> {
        if self.live != Some(order.id) || !order.is_settled() {
            return Ok(false);
        }
        let unexecuted = order.terms.quantity.saturating_sub(order.executed());
        self.owed = self.owed.checked_add(unexecuted)?;
        self.live = None;
        Ok(true)
    }

    fn denied(&mut self, ctx: &mut Context<'_>, reason: &DenialReason) {
        let text = format!("{}: {reason}; it is tried again", self.what());
        if is_too_small(reason) {
            self.trouble.tell(ctx, Severity::Info, text);
        } else if passes(reason) {
            let severity = match ctx.level() {
                HaltLevel::Active => Severity::Warning,
                HaltLevel::ReduceOnly | HaltLevel::Halted => Severity::Critical,
            };
            self.trouble.tell(ctx, severity, text);
        } else {
            self.fail(ctx, &reason.to_string());
        }
    }

    fn fail(&self, ctx: &mut Context<'_>, why: &str) {
        ctx.fault(
            FaultKind::OrderFailed,
            format!("{} failed: {why}", self.what()),
        );
    }

    fn what(&self) -> String {
        let Self {
            owed, side, symbol, ..
        } = self;
        format!("hedge on {symbol} ({side}, {owed} not hedged)")
    }
}

/// The largest quantity up to `owed` that the venue takes as one market order; zero while `owed` is
/// dust (Binance Spot filters, LOT_SIZE, MARKET_LOT_SIZE, NOTIONAL and MIN_NOTIONAL).
fn market_quantity(
    instrument: &Instrument,
    owed: Quantity,
    price: Option<Price>,
) -> Result<Quantity, MoneyError> {
    let filters = &instrument.filters;
    let lots = [filters.lot_size, filters.market_lot_size];
    let mut quantity = owed;
    for most in lots.iter().flatten().map(|lot| lot.max) {
        if !most.is_zero() {
            quantity = quantity.min(most);
        }
    }
    // Where both filters have a step, the coarser is a multiple of the finer, and is taken last.
    let mut steps: Vec<_> = lots.iter().flatten().map(|lot| lot.step).collect();
    steps.sort_unstable();
    for step in steps {
        quantity = quantity.round_to(step, Rounding::Down)?;
    }
    if lots.iter().flatten().any(|lot| quantity < lot.min) {
        return Ok(Quantity::ZERO);
    }
    if let Some(price) = price {
        let notional = price.notional(quantity)?;
        let ranges = [filters.min_notional, filters.notional];
        let dust = ranges
            .iter()
            .flatten()
            .any(|range| range.apply_min_to_market && notional < range.min);
        if dust {
            return Ok(Quantity::ZERO);
        }
    }
    Ok(quantity)
}
