//! A strategy that trades at every tick while it may, and what drives it: so that a test sees at the
//! exchange whether a halt holds.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tripline_engine::ids::{ClientOrderId, Symbol};
use tripline_engine::messages::control::{Halt, Resumed};
use tripline_engine::messages::market::BestBidAsk;
use tripline_engine::messages::order::{Fill, OrderEvent};
use tripline_engine::order::{NewOrder, Order, Side};
use tripline_engine::strategy::{Context, Strategy, StrategyError, StrategyResult, Subscription};

use super::{Exchange, symbol};

/// How the next callback goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misbehave {
    Error,
    Panic,
}

/// What a quoter is told, and what it saw.
#[derive(Default)]
pub struct Script {
    pub misbehave: Cell<Option<Misbehave>>,
    pub ready: Cell<bool>,
    pub init_failed: RefCell<Option<String>>,
    pub placed: Cell<usize>,
    pub halts: RefCell<Vec<Halt>>,
    pub resumes: RefCell<Vec<Resumed>>,
    pub events: RefCell<Vec<OrderEvent>>,
    pub fills: RefCell<Vec<Fill>>,
}

/// Rests one order far below the market, and at every tick replaces a second one.
pub struct Quoter {
    symbol: Symbol,
    rest_at: &'static str,
    probe_at: &'static str,
    quantity: &'static str,
    resting: Option<ClientOrderId>,
    probe: Option<ClientOrderId>,
    script: Rc<Script>,
}

impl Quoter {
    pub fn btc(script: &Rc<Script>) -> Self {
        Self::new("BTCUSDT", ["55000", "50000", "0.01"], script)
    }

    pub fn eth(script: &Rc<Script>) -> Self {
        Self::new("ETHUSDT", ["2750", "2500", "0.1"], script)
    }

    fn new(
        name: &str,
        [rest_at, probe_at, quantity]: [&'static str; 3],
        script: &Rc<Script>,
    ) -> Self {
        let script = script.clone();
        Self {
            symbol: symbol(name),
            rest_at,
            probe_at,
            quantity,
            resting: None,
            probe: None,
            script,
        }
    }

    fn buy(&self, ctx: &mut Context<'_>, price: &str) -> Result<ClientOrderId, StrategyError> {
        let order = NewOrder::limit(
            self.symbol,
            Side::Buy,
            self.quantity.parse()?,
            price.parse()?,
        );
        let id = ctx.place(order)?;
        self.script.placed.set(self.script.placed.get() + 1);
        Ok(id)
    }
}

impl Strategy for Quoter {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::Best(self.symbol)]
    }

    fn on_ready(&mut self, _: &mut Context<'_>) -> StrategyResult {
        self.script.ready.set(true);
        Ok(())
    }

    fn on_init_failed(&mut self, _: &mut Context<'_>, reason: &str) -> StrategyResult {
        *self.script.init_failed.borrow_mut() = Some(reason.to_owned());
        Ok(())
    }

    fn on_best(&mut self, ctx: &mut Context<'_>, _: &BestBidAsk) -> StrategyResult {
        if !self.script.ready.get() {
            return Ok(());
        }
        if let Some(probe) = self.probe.take() {
            ctx.cancel(probe);
        }
        self.probe = Some(self.buy(ctx, self.probe_at)?);
        if self.resting.is_none() {
            self.resting = Some(self.buy(ctx, self.rest_at)?);
        }
        match self.script.misbehave.take() {
            Some(Misbehave::Error) => Err(StrategyError::new("the injected error")),
            Some(Misbehave::Panic) => panic!("the injected panic"),
            None => Ok(()),
        }
    }

    fn on_order(&mut self, _: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        if event.order.state.is_terminal() && self.resting == Some(event.order.id) {
            self.resting = None;
        }
        self.script.events.borrow_mut().push(event.clone());
        Ok(())
    }

    fn on_fill(&mut self, _: &mut Context<'_>, _: &Order, fill: &Fill) -> StrategyResult {
        self.script.fills.borrow_mut().push(fill.clone());
        Ok(())
    }

    fn on_halt(&mut self, _: &mut Context<'_>, halt: &Halt) -> StrategyResult {
        self.script.halts.borrow_mut().push(halt.clone());
        Ok(())
    }

    fn on_resume(&mut self, _: &mut Context<'_>, resumed: &Resumed) -> StrategyResult {
        self.script.resumes.borrow_mut().push(resumed.clone());
        Ok(())
    }
}

/// Moves both best bids until it is dropped.
pub struct Ticking(actix_rt::task::JoinHandle<()>);

impl Ticking {
    pub fn start(exchange: &Rc<Exchange>) -> Self {
        let exchange = exchange.clone();
        Self(actix_rt::spawn(async move {
            for count in 0u64.. {
                let quantity = format!("{}", 5 + count % 5);
                exchange
                    .market(json!({"symbol": "BTCUSDT", "bids": [["60000.00", quantity]]}))
                    .await;
                tokio::time::sleep(Duration::from_millis(12)).await;
                exchange
                    .market(json!({"symbol": "ETHUSDT", "bids": [["3000.00", quantity]]}))
                    .await;
                tokio::time::sleep(Duration::from_millis(12)).await;
            }
        }))
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.abort();
    }
}
