//! What reaches a strategy, written down before it gets it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rust_decimal::Decimal;
use tripline_actors::clock::Clock;
use tripline_engine::fault::Fault;
use tripline_engine::ids::{ClientOrderId, StrategyId, TradeId};
use tripline_engine::messages::account::BalancesChanged;
use tripline_engine::messages::control::{Halt, Resumed};
use tripline_engine::messages::market::{AggTrade, BestBidAsk, Kline, PartialDepth, Trade};
use tripline_engine::messages::order::{Fill, OrderEvent, OrderEventKind};
use tripline_engine::messages::view::BookView;
use tripline_engine::order::{NewOrder, Order};
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription, TimerId};

use super::panics::{PanicAt, Panics};
use super::trace::Trace;

/// A trade that was delivered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FillTold {
    pub(super) times: u32,
    quantity: Decimal,
}

/// What the strategies of one start of the engine were told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Each trade of each order that was delivered.
    pub(super) fills: RefCell<BTreeMap<(ClientOrderId, TradeId), FillTold>>,
    /// Orders that this start of the engine placed.
    placed: RefCell<BTreeSet<ClientOrderId>>,
    /// Orders that were uncertain at some time.
    pub(super) uncertain: RefCell<BTreeSet<ClientOrderId>>,
    /// Strategies that were told that they are ready.
    pub(super) ready: Cell<u32>,
    /// What the order of the news was wrong about, in words.
    pub(super) wrong: RefCell<Vec<String>>,
}

impl Told {
    /// The end of an order is told when all its fills have been. What a start before this one was told of its
    /// orders is not known here.
    fn check_end(&self, event: &OrderEvent) {
        let order = &event.order;
        if matches!(event.kind, OrderEventKind::Submitted) {
            self.placed.borrow_mut().insert(order.id);
        }
        if !self.placed.borrow().contains(&order.id) {
            return;
        }
        let fills = self.fills.borrow();
        let told = fills
            .range((order.id, TradeId(0))..=(order.id, TradeId(u64::MAX)))
            .fold(Decimal::ZERO, |sum, (_, fill)| sum + fill.quantity);
        let executed = order.executed().value();
        if ends(&event.kind) && told != executed {
            let text = format!(
                "{} is told to be {:?} with {executed} executed, of which {told} was delivered",
                order.id, order.state
            );
            self.wrong.borrow_mut().push(text);
        }
    }
}

/// A strategy with its witness.
pub(super) struct Witnessed {
    pub(super) id: StrategyId,
    pub(super) strategy: Box<dyn Strategy>,
    pub(super) told: Rc<Told>,
    pub(super) panics: Panics,
    pub(super) clock: Clock,
    pub(super) trace: Arc<Trace>,
    /// The process has ended: what its remains still do did not happen.
    pub(super) over: Arc<AtomicBool>,
}

impl Witnessed {
    fn say(&self, what: impl FnOnce() -> String) {
        if !self.is_over() {
            self.trace.say(self.id.as_str(), what);
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn panic_if_wanted(&self, place: PanicAt) {
        self.panics.at(place, || self.clock.now());
    }
}

fn terms(order: &Order) -> String {
    let NewOrder {
        symbol,
        side,
        order_type,
        quantity,
        price,
        ..
    } = order.terms;
    let price = price.map_or_else(String::new, |price| format!(" at {price}"));
    format!("{side} {order_type} {quantity} {symbol}{price}")
}

const fn ends(kind: &OrderEventKind) -> bool {
    matches!(
        kind,
        OrderEventKind::Filled | OrderEventKind::Canceled | OrderEventKind::Expired { .. }
    )
}

fn event_text(event: &OrderEvent) -> String {
    let OrderEvent { order, kind, .. } = event;
    let name = match kind {
        OrderEventKind::Submitted => {
            return format!("{} submitted: {}", order.id, terms(order));
        }
        other => format!("{other:?}"),
    };
    format!("{} {name} ({} executed)", order.id, order.executed())
}

impl Strategy for Witnessed {
    fn subscriptions(&self) -> Vec<Subscription> {
        self.strategy.subscriptions()
    }

    fn on_start(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.strategy.on_start(ctx)
    }

    fn on_ready(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.told.ready.set(self.told.ready.get() + 1);
        self.say(|| "ready".into());
        self.strategy.on_ready(ctx)
    }

    fn on_init_failed(&mut self, ctx: &mut Context<'_>, reason: &str) -> StrategyResult {
        self.say(|| format!("start failed: {reason}"));
        self.strategy.on_init_failed(ctx, reason)
    }

    fn on_best(&mut self, ctx: &mut Context<'_>, best: &BestBidAsk) -> StrategyResult {
        self.panic_if_wanted(PanicAt::Market);
        self.strategy.on_best(ctx, best)
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, book: &BookView) -> StrategyResult {
        self.panic_if_wanted(PanicAt::Market);
        self.strategy.on_book(ctx, book)
    }

    fn on_depth(&mut self, ctx: &mut Context<'_>, depth: &PartialDepth) -> StrategyResult {
        self.strategy.on_depth(ctx, depth)
    }

    fn on_trade(&mut self, ctx: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        self.strategy.on_trade(ctx, trade)
    }

    fn on_agg_trade(&mut self, ctx: &mut Context<'_>, trade: &AggTrade) -> StrategyResult {
        self.strategy.on_agg_trade(ctx, trade)
    }

    fn on_kline(&mut self, ctx: &mut Context<'_>, kline: &Kline) -> StrategyResult {
        self.strategy.on_kline(ctx, kline)
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        if matches!(event.kind, OrderEventKind::Uncertain { .. }) {
            self.told.uncertain.borrow_mut().insert(event.order.id);
        }
        self.say(|| event_text(event));
        if !self.is_over() {
            self.told.check_end(event);
        }
        self.panic_if_wanted(PanicAt::Order);
        self.strategy.on_order(ctx, event)
    }

    fn on_fill(&mut self, ctx: &mut Context<'_>, order: &Order, fill: &Fill) -> StrategyResult {
        if !self.is_over() {
            let mut fills = self.told.fills.borrow_mut();
            let told = fills.entry((order.id, fill.trade_id)).or_default();
            told.times += 1;
            told.quantity = fill.quantity.value();
        }
        self.say(|| {
            let Fill {
                trade_id,
                price,
                quantity,
                ..
            } = fill;
            format!("{} fill {trade_id}: {quantity} at {price}", order.id)
        });
        self.panic_if_wanted(PanicAt::Fill);
        self.strategy.on_fill(ctx, order, fill)
    }

    fn on_balances(&mut self, ctx: &mut Context<'_>, changed: &BalancesChanged) -> StrategyResult {
        self.strategy.on_balances(ctx, changed)
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: TimerId) -> StrategyResult {
        self.strategy.on_timer(ctx, timer)
    }

    fn on_fault(&mut self, ctx: &mut Context<'_>, fault: &Fault) -> StrategyResult {
        self.strategy.on_fault(ctx, fault)
    }

    fn on_halt(&mut self, ctx: &mut Context<'_>, halt: &Halt) -> StrategyResult {
        self.say(|| format!("halted by {}: {}", halt.incident.id, halt.incident.fault));
        self.strategy.on_halt(ctx, halt)
    }

    fn on_resume(&mut self, ctx: &mut Context<'_>, resumed: &Resumed) -> StrategyResult {
        self.say(|| format!("{} resumed", resumed.scope));
        self.strategy.on_resume(ctx, resumed)
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.say(|| "stopping".into());
        self.strategy.on_stop(ctx)
    }
}

#[cfg(test)]
mod tests {
    /// The trait has defaults, so the compiler does not miss a callback that is not passed on.
    #[test]
    fn every_callback_reaches_the_strategy() {
        let callbacks = include_str!("../../engine/src/strategy/mod.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("    fn on_")?.split_once('('))
            .map(|(name, _)| name);
        for callback in callbacks.collect::<Vec<_>>() {
            let passed_on = format!("self.strategy.on_{callback}(");
            assert!(
                include_str!("witness.rs").contains(&passed_on),
                "{callback}"
            );
        }
    }
}
