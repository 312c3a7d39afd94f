//! What trades under measurement, and goes wrong on demand.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tripline_actors::clock::Clock;
use tripline_actors::faults::Faults;
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;
use tripline_engine::ids::{ClientOrderId, Symbol};
use tripline_engine::messages::market::BestBidAsk;
use tripline_engine::messages::order::OrderEvent;
use tripline_engine::order::{NewOrder, Side};
use tripline_engine::strategy::{Context, Strategy, StrategyError, StrategyResult, Subscription};

use crate::marks;

/// What goes wrong in the next callback, after it has placed an order.
#[derive(Debug, Clone, Copy)]
pub enum Wrong {
    Error,
    Panic,
    /// Raised as any actor raises it.
    Raised(FaultKind, Scope),
}

/// Shared with whoever injects.
#[derive(Default)]
pub struct Script {
    pub wrong: Cell<Option<Wrong>>,
    pub is_wrong: Cell<bool>,
    /// When it went wrong, in Unix microseconds.
    pub at: Cell<i64>,
    pub placed: Cell<u64>,
    pub resting: Cell<bool>,
    pub tools: RefCell<Option<(Faults, Clock)>>,
}

/// Rests one order far below the market, and at every tick replaces a second one.
pub struct Trader {
    pub symbol: Symbol,
    pub prices: [&'static str; 2],
    pub quantity: &'static str,
    pub script: Rc<Script>,
    pub resting: Option<ClientOrderId>,
    pub probe: Option<ClientOrderId>,
}

impl Trader {
    fn buy(&self, ctx: &mut Context<'_>, price: &str) -> Result<ClientOrderId, StrategyError> {
        let (quantity, price) = (self.quantity.parse()?, price.parse()?);
        let order = NewOrder::limit(self.symbol, Side::Buy, quantity, price);
        let id = ctx.place(order)?;
        self.script.placed.set(self.script.placed.get() + 1);
        Ok(id)
    }
}

impl Strategy for Trader {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::Best(self.symbol)]
    }

    fn on_best(&mut self, ctx: &mut Context<'_>, _: &BestBidAsk) -> StrategyResult {
        if let Some(probe) = self.probe.take() {
            ctx.cancel(probe);
        }
        let [rest_at, probe_at] = self.prices;
        // A refusal of the engine is no fault of this strategy, such as while a reconnect is under way.
        self.probe = self.buy(ctx, probe_at).ok();
        if self.resting.is_none() {
            self.resting = self.buy(ctx, rest_at).ok();
        }
        let Some(wrong) = self.script.wrong.take() else {
            return Ok(());
        };
        self.script.is_wrong.set(true);
        self.script.at.set(marks::now());
        match wrong {
            Wrong::Error => Err(StrategyError::new("the injected error")),
            Wrong::Panic => panic!("the injected panic"),
            Wrong::Raised(kind, scope) => {
                if let Some((faults, clock)) = &*self.script.tools.borrow() {
                    faults.raise(Fault {
                        kind,
                        scope,
                        actor: "bench".into(),
                        detail: "injected".into(),
                        at: clock.now(),
                    });
                }
                Ok(())
            }
        }
    }

    fn on_order(&mut self, _: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        let order = &event.order;
        if self.resting == Some(order.id) {
            self.script.resting.set(order.state.may_be_open());
            if order.state.is_terminal() {
                self.resting = None;
            }
        }
        Ok(())
    }
}
