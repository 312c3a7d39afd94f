//! A strategy that does anything: places, cancels and amends at random, by its seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use rust_decimal::Decimal;
use tripline_engine::ids::{ClientOrderId, Symbol};
use tripline_engine::instrument::Instrument;
use tripline_engine::messages::market::BestBidAsk;
use tripline_engine::money::{MoneyError, Price, Quantity, Rounding};
use tripline_engine::order::{NewOrder, OrderState, Side, TimeInForce};
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription, TimerId};

/// The most orders that it leaves open.
const MOST_OPEN: usize = 6;

pub(super) struct Hand {
    symbol: Symbol,
    random: StdRng,
    /// Between two acts.
    every: Duration,
}

impl Hand {
    pub(super) fn new(symbol: Symbol, every: Duration, seed: u64) -> Self {
        Self {
            symbol,
            random: StdRng::seed_from_u64(seed),
            every,
        }
    }

    fn act(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        let open: Vec<_> = ctx.open_orders().cloned().collect();
        let chosen = open.iter().choose(&mut self.random);
        match (self.random.random_range(0..10), chosen) {
            (0..=2, Some(order)) => ctx.cancel(order.id),
            (3, Some(order))
                if matches!(
                    order.state,
                    OrderState::Working | OrderState::PartiallyFilled
                ) =>
            {
                let left = order.terms.quantity.saturating_sub(order.executed());
                self.amend(ctx, order.id, left, order.executed())?;
            }
            (4, _) if self.random.random_range(0..8) == 0 => ctx.cancel_all(None),
            _ if open.len() < MOST_OPEN => self.place(ctx)?,
            _ => {}
        }
        Ok(())
    }

    fn amend(
        &mut self,
        ctx: &mut Context<'_>,
        id: ClientOrderId,
        left: Quantity,
        executed: Quantity,
    ) -> StrategyResult {
        let Some(instrument) = ctx.instrument(self.symbol) else {
            return Ok(());
        };
        let half = Quantity::new(left.value() / Decimal::TWO)?;
        let half = instrument.round_quantity(half, Rounding::Down)?;
        ctx.amend(id, executed.checked_add(half)?);
        Ok(())
    }

    fn place(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        let (Some(best), Some(instrument)) = (ctx.best(self.symbol), ctx.instrument(self.symbol))
        else {
            return Ok(());
        };
        let terms = self.terms(best, instrument)?;
        // What is refused here is this hand's own doing.
        drop(ctx.place(terms));
        Ok(())
    }

    fn terms(
        &mut self,
        best: &BestBidAsk,
        instrument: &Instrument,
    ) -> Result<NewOrder, MoneyError> {
        let random = &mut self.random;
        let side = if random.random() {
            Side::Buy
        } else {
            Side::Sell
        };
        let touch = match side {
            Side::Buy => best.bid.price,
            Side::Sell => best.ask.price,
        };
        // From 0.2 per mille through the touch to 0.8 per mille away from it.
        let away = Decimal::new(random.random_range(-20..80), 5);
        let factor = match side {
            Side::Buy => Decimal::ONE - away,
            Side::Sell => Decimal::ONE + away,
        };
        let price = Price::new(touch.value() * factor)?;
        let price = instrument.round_price(price, Rounding::Down)?;
        let value = Decimal::from(random.random_range(20..4_000));
        let quantity = Quantity::new(value / price.value())?;
        let quantity = instrument.round_quantity(quantity, Rounding::Down)?;
        let limit = NewOrder::limit(self.symbol, side, quantity, price);
        Ok(match random.random_range(0..12) {
            0 => NewOrder::market(self.symbol, side, quantity),
            1 => limit.with_time_in_force(TimeInForce::Ioc),
            2 => limit.with_time_in_force(TimeInForce::Fok),
            3 | 4 => NewOrder::limit_maker(self.symbol, side, quantity, price),
            _ => limit,
        })
    }
}

impl Strategy for Hand {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::Best(self.symbol)]
    }

    fn on_start(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        ctx.every(self.every);
        Ok(())
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, _: TimerId) -> StrategyResult {
        self.act(ctx)
    }
}
