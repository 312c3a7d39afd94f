//! Two strategies of a team: one through the `Strategy` trait, one as a bare Actix actor.

pub mod bare;

use tripline_engine::ids::Symbol;
use tripline_engine::messages::market::BestBidAsk;
use tripline_engine::messages::order::OrderEvent;
use tripline_engine::money::{Quantity, Rounding};
use tripline_engine::order::{NewOrder, Side};
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription};

/// Keeps one bid at the touch, and asks for nothing more once it has filled.
pub struct JoinTheBid {
    pub symbol: Symbol,
    pub quantity: Quantity,
    pub done: bool,
}

impl Strategy for JoinTheBid {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::Best(self.symbol)]
    }

    fn on_best(&mut self, ctx: &mut Context<'_>, best: &BestBidAsk) -> StrategyResult {
        if self.done || ctx.open_orders().next().is_some() {
            return Ok(());
        }
        let Some(instrument) = ctx.instrument(self.symbol) else { return Ok(()) };
        let price = instrument.round_price(best.bid.price, Rounding::Down)?;
        ctx.place(NewOrder::limit(self.symbol, Side::Buy, self.quantity, price))?;
        Ok(())
    }

    fn on_order(&mut self, _: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        self.done |= event.order.is_settled();
        Ok(())
    }
}
