//! A strategy that does what a test tells it, one act at a tick, and keeps what it saw.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use serde_json::json;
use tripline_engine::ids::ClientOrderId;
use tripline_engine::messages::market::BestBidAsk;
use tripline_engine::messages::order::{Fill, OrderEvent, OrderEventKind};
use tripline_engine::order::{NewOrder, Order, OrderState, Side};
use tripline_engine::risk::DenialReason;
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription};

use super::{Exchange, symbol, until};

type Act = Box<dyn FnOnce(&mut Context<'_>)>;

/// The test's end.
#[derive(Clone, Default)]
pub struct Hand(Rc<Seen>);

#[derive(Default)]
struct Seen {
    acts: RefCell<VecDeque<Act>>,
    ready: Cell<u32>,
    ticks: Cell<u32>,
    events: RefCell<Vec<OrderEvent>>,
    fills: RefCell<Vec<(ClientOrderId, Fill)>>,
}

/// The engine's end.
pub struct Handled(Hand);

/// A limit buy on BTCUSDT.
pub fn buy(price: &str, quantity: &str) -> NewOrder {
    NewOrder::limit(
        symbol("BTCUSDT"),
        Side::Buy,
        quantity.parse().unwrap(),
        price.parse().unwrap(),
    )
}

/// A limit sell on BTCUSDT.
pub fn sell(price: &str, quantity: &str) -> NewOrder {
    NewOrder::limit(
        symbol("BTCUSDT"),
        Side::Sell,
        quantity.parse().unwrap(),
        price.parse().unwrap(),
    )
}

impl Hand {
    pub fn strategy(&self) -> Handled {
        Handled(self.clone())
    }

    /// How often the strategy was told that it is ready.
    pub fn ready(&self) -> u32 {
        self.0.ready.get()
    }

    /// Waits until the strategy is ready. Ready needs data, and data needs a market that moves.
    pub async fn is_ready(&self, exchange: &Exchange) {
        until("the strategy is ready", || async {
            self.tick(exchange).await;
            self.ready() > 0
        })
        .await;
    }

    async fn tick(&self, exchange: &Exchange) {
        let ticks = &self.0.ticks;
        ticks.set(ticks.get() + 1);
        let quantity = format!("{}", 5 + ticks.get() % 3);
        exchange
            .market(
                json!({"symbol": "BTCUSDT", "bids": [["59990.00", "5"], ["60000.00", quantity]]}),
            )
            .await;
    }

    /// Lets the strategy act at the next tick.
    pub async fn act<T: 'static>(
        &self,
        exchange: &Exchange,
        act: impl FnOnce(&mut Context<'_>) -> T + 'static,
    ) -> T {
        let answer = Rc::new(RefCell::new(None));
        let done = answer.clone();
        self.0
            .acts
            .borrow_mut()
            .push_back(Box::new(move |ctx| *done.borrow_mut() = Some(act(ctx))));
        until("the strategy acts", || async {
            self.tick(exchange).await;
            answer.borrow().is_some()
        })
        .await;
        answer.take().unwrap()
    }

    pub async fn place(
        &self,
        exchange: &Exchange,
        order: NewOrder,
    ) -> Result<ClientOrderId, DenialReason> {
        self.act(exchange, move |ctx| ctx.place(order)).await
    }

    pub fn events(&self, id: ClientOrderId) -> Vec<OrderEvent> {
        self.0
            .events
            .borrow()
            .iter()
            .filter(|event| event.order.id == id)
            .cloned()
            .collect()
    }

    /// The names of the order's events, in the order in which they came.
    pub fn kinds(&self, id: ClientOrderId) -> Vec<&'static str> {
        self.events(id)
            .iter()
            .map(|event| name(&event.kind))
            .collect()
    }

    pub fn fills(&self, id: ClientOrderId) -> Vec<Fill> {
        self.0
            .fills
            .borrow()
            .iter()
            .filter(|(order, _)| *order == id)
            .map(|(_, fill)| fill.clone())
            .collect()
    }

    pub fn all_fills(&self) -> usize {
        self.0.fills.borrow().len()
    }

    pub async fn reaches(&self, id: ClientOrderId, state: OrderState) {
        until(&format!("the order is {state:?}"), || async {
            self.events(id)
                .last()
                .is_some_and(|event| event.order.state == state)
        })
        .await;
    }
}

fn name(kind: &OrderEventKind) -> &'static str {
    match kind {
        OrderEventKind::Submitted => "Submitted",
        OrderEventKind::Denied { .. } => "Denied",
        OrderEventKind::Accepted => "Accepted",
        OrderEventKind::Rejected { .. } => "Rejected",
        OrderEventKind::Uncertain { .. } => "Uncertain",
        OrderEventKind::PartiallyFilled => "PartiallyFilled",
        OrderEventKind::Filled => "Filled",
        OrderEventKind::CancelRequested => "CancelRequested",
        OrderEventKind::Canceled => "Canceled",
        OrderEventKind::CancelRejected { .. } => "CancelRejected",
        OrderEventKind::Expired { .. } => "Expired",
        OrderEventKind::Amended { .. } => "Amended",
        OrderEventKind::AmendRejected { .. } => "AmendRejected",
    }
}

impl Strategy for Handled {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![
            Subscription::Best(symbol("BTCUSDT")),
            Subscription::Book {
                symbol: symbol("BTCUSDT"),
                levels: 5,
            },
        ]
    }

    fn on_ready(&mut self, _: &mut Context<'_>) -> StrategyResult {
        let seen = &self.0.0;
        seen.ready.set(seen.ready.get() + 1);
        Ok(())
    }

    fn on_best(&mut self, ctx: &mut Context<'_>, _: &BestBidAsk) -> StrategyResult {
        let act = if self.0.ready() > 0 {
            self.0.0.acts.borrow_mut().pop_front()
        } else {
            None
        };
        if let Some(act) = act {
            act(ctx);
        }
        Ok(())
    }

    fn on_order(&mut self, _: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        self.0.0.events.borrow_mut().push(event.clone());
        Ok(())
    }

    fn on_fill(&mut self, _: &mut Context<'_>, order: &Order, fill: &Fill) -> StrategyResult {
        self.0.0.fills.borrow_mut().push((order.id, fill.clone()));
        Ok(())
    }
}
