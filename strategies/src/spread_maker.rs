//! `spread_maker`: a bid and an ask around the middle of the book, both shifted against the inventory.
//!
//! Each side has at most one live order, a limit order that the venue refuses if it would take. An
//! order is replaced when the wanted price has moved by more than `requote_ticks`, and only after its
//! cancel is certain. A side whose fill would bring the inventory over its limit is not quoted.

mod config;

use rust_decimal::Decimal;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::HaltLevel;
use tripline_engine::ids::ClientOrderId;
use tripline_engine::messages::alert::Severity;
use tripline_engine::messages::control::Resumed;
use tripline_engine::messages::order::{Fill, OrderEvent, OrderEventKind};
use tripline_engine::messages::view::BookView;
use tripline_engine::money::{Price, Quantity, Rounding};
use tripline_engine::order::{NewOrder, Order, Side};
use tripline_engine::strategy::{
    Context, Strategy, StrategyError, StrategyResult, Subscription, TimerId,
};
use tripline_engine::time::Timestamp;

use crate::config::Period;
use crate::earlier::Earlier;
use crate::outcome::Trouble;
use crate::slot::Slot;

pub use config::Config;

/// One side of the quotes.
#[derive(Debug, Default)]
struct Quote {
    slot: Slot,
    placed: Option<Timestamp>,
}

/// See the [module](self).
#[derive(Debug)]
pub struct SpreadMaker {
    config: Config,
    bid: Quote,
    ask: Quote,
    earlier: Earlier,
    started: Timestamp,
    ready: bool,
    /// Bought less sold in this run, base asset.
    inventory: Decimal,
    blind: Trouble,
    denied: Trouble,
}

impl SpreadMaker {
    /// `config` as [`crate::config::read`] lets it pass.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            bid: Quote::default(),
            ask: Quote::default(),
            earlier: Earlier::default(),
            started: Timestamp::EPOCH,
            ready: false,
            inventory: Decimal::ZERO,
            blind: Trouble::default(),
            denied: Trouble::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn inventory(&self) -> Decimal {
        self.inventory
    }

    fn ours(&self) -> Vec<ClientOrderId> {
        [&self.bid, &self.ask]
            .into_iter()
            .filter_map(|quote| quote.slot.id())
            .collect()
    }

    fn quote(&mut self, side: Side) -> &mut Quote {
        match side {
            Side::Buy => &mut self.bid,
            Side::Sell => &mut self.ask,
        }
    }

    /// Bid and ask that are wanted now; `None` while they cannot be told, a side `None` where no price
    /// is possible.
    fn wanted(&self, ctx: &Context<'_>) -> Result<Option<[Option<Price>; 2]>, StrategyError> {
        let symbol = self.config.symbol;
        let (Some(instrument), Some(book)) = (ctx.instrument(symbol), ctx.book(symbol)) else {
            return Ok(None);
        };
        let (Some(bid), Some(ask)) = (book.bid(1), book.ask(1)) else {
            return Ok(None);
        };
        let tick = instrument.tick().value();
        let mid = bid.price.mean(ask.price)?.value();
        let prices = self.prices(mid, tick).and_then(|(low, high)| {
            // A price that would take is refused by the venue: stay a tick short of the other side.
            let below_ask = ask.price.value().checked_sub(tick)?;
            let above_bid = bid.price.value().checked_add(tick)?;
            Some((low.min(below_ask), high.max(above_bid)))
        });
        let (low, high) = prices.ok_or_else(|| {
            StrategyError::new(format!("prices of {symbol} around {mid} overflow"))
        })?;
        let on_grid = |price: Decimal, direction| match Price::new(price) {
            Ok(price) => instrument.round_price(price, direction).map(Some),
            Err(_) => Ok(None), // Below zero: no price on this side.
        };
        let possible = |price: Option<Price>| price.filter(|price| !price.is_zero());
        Ok(Some([
            possible(on_grid(low, Rounding::Down)?),
            possible(on_grid(high, Rounding::Up)?),
        ]))
    }

    /// Bid and ask before they are held against the touch; `None` when they do not fit a decimal.
    fn prices(&self, mid: Decimal, tick: Decimal) -> Option<(Decimal, Decimal)> {
        let spread = match (self.config.spread_ticks, self.config.spread_bips) {
            (Some(ticks), _) => tick.checked_mul(ticks.into())?,
            (None, bips) => mid.checked_mul(bips.unwrap_or_default())? / Decimal::from(10_000),
        };
        let share = self
            .inventory
            .checked_div(self.config.max_inventory.value())?;
        let skew = tick.checked_mul(self.config.skew_ticks.into())?;
        let middle = mid.checked_sub(skew.checked_mul(share)?)?;
        let half = spread / Decimal::TWO;
        Some((middle.checked_sub(half)?, middle.checked_add(half)?))
    }

    /// Whether the inventory leaves room for an order of this quantity on the side.
    fn has_room(&self, side: Side, quantity: Quantity) -> bool {
        let limit = self.config.max_inventory.value();
        let held = match side {
            Side::Buy => self.inventory,
            Side::Sell => -self.inventory,
        };
        held.checked_add(quantity.value())
            .is_some_and(|after| after <= limit)
    }

    fn look(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        if !self.ready || ctx.level() > HaltLevel::Active {
            return Ok(());
        }
        if !self.earlier.is_over() {
            let ours = self.ours();
            self.earlier.cancel(ctx, &ours);
        }
        let Some([bid, ask]) = self.wanted(ctx)? else {
            self.bid.slot.cancel(ctx);
            self.ask.slot.cancel(ctx);
            let text = format!(
                "instrument or book of {} is missing: not quoting",
                self.config.symbol
            );
            self.blind.tell(ctx, Severity::Warning, text);
            return Ok(());
        };
        self.blind.over();
        self.look_at(ctx, Side::Buy, bid);
        self.look_at(ctx, Side::Sell, ask);
        Ok(())
    }

    fn look_at(&mut self, ctx: &mut Context<'_>, side: Side, wanted: Option<Price>) {
        let live = self.quote(side).slot.id();
        let remaining = live
            .and_then(|id| ctx.order(&id))
            .map_or(self.config.quantity, Order::remaining);
        let wanted = wanted.filter(|_| self.has_room(side, remaining));
        let standing = self.quote(side).slot.standing_price();
        match (standing, wanted) {
            (Some(standing), Some(wanted)) if !self.is_away(ctx, standing, wanted) => {}
            (Some(_), _) => self.quote(side).slot.cancel(ctx),
            (None, Some(price)) => self.place(ctx, side, price),
            (None, None) => {}
        }
    }

    /// Whether the wanted price has moved so far that the order is replaced.
    fn is_away(&self, ctx: &Context<'_>, standing: Price, wanted: Price) -> bool {
        let instrument = ctx.instrument(self.config.symbol);
        let tick = instrument.map_or(Decimal::ZERO, |known| known.tick().value());
        let threshold = tick.checked_mul(self.config.requote_ticks.into());
        let away = standing.max(wanted).saturating_sub(standing.min(wanted));
        threshold.is_some_and(|threshold| away.value() > threshold)
    }

    fn place(&mut self, ctx: &mut Context<'_>, side: Side, price: Price) {
        let Config {
            symbol,
            quantity,
            pause: Period(pause),
            ..
        } = self.config;
        let (now, may_place) = (ctx.now(), self.earlier.is_over());
        let quote = self.quote(side);
        let rested = quote
            .placed
            .is_none_or(|placed| now.saturating_since(placed) >= pause);
        if !quote.slot.is_free() || !may_place || !rested {
            return;
        }
        quote.placed = Some(now);
        let terms = NewOrder::limit_maker(symbol, side, quantity, price);
        if let Err(reason) = quote.slot.place(ctx, terms) {
            self.denied.denied(ctx, "a quote", &reason);
        }
        let id = self.quote(side).slot.id();
        self.earlier.placed(id);
    }

    fn on_quote(&mut self, ctx: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        let (id, side) = (event.order.id, event.order.terms.side);
        let asked = self.quote(side).slot.is_canceling();
        let mut fail = |why: String| {
            ctx.fault(
                FaultKind::OrderFailed,
                format!("{side} quote {id} failed: {why}"),
            );
        };
        match &event.kind {
            // The touch was faster: the next look quotes again.
            OrderEventKind::Rejected { text, .. } if would_take(text) => {}
            OrderEventKind::Rejected { code, text } => {
                fail(format!("the venue rejected it ({code}): {text}"));
            }
            OrderEventKind::Expired { reason } => {
                let reason = reason.as_deref().unwrap_or("no reason given");
                fail(format!("it expired: {reason}"));
            }
            OrderEventKind::Denied { reason } => self.denied.denied(ctx, "a quote", reason),
            OrderEventKind::Accepted => self.denied.over(),
            OrderEventKind::CancelRequested => self.quote(side).slot.cancel_requested(),
            OrderEventKind::CancelRejected { .. } => self.quote(side).slot.cancel_rejected(),
            OrderEventKind::Canceled if !asked && ctx.level() == HaltLevel::Active => {
                let text =
                    format!("quote {id} was cancelled, and not by this strategy; it quotes again");
                ctx.alert(Severity::Warning, text);
            }
            _ => {}
        }
        if self.quote(side).slot.release(&event.order) {
            return self.look(ctx);
        }
        Ok(())
    }
}

/// Whether the venue refused a maker order because it would take (Binance Spot, -2010).
fn would_take(text: &str) -> bool {
    text.contains("immediately match") || text == "WOULD_MATCH_IMMEDIATELY"
}

impl Strategy for SpreadMaker {
    fn subscriptions(&self) -> Vec<Subscription> {
        let symbol = self.config.symbol;
        vec![Subscription::Book { symbol, levels: 5 }]
    }

    fn on_start(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.started = ctx.now();
        ctx.every(self.config.pause.0);
        Ok(())
    }

    fn on_ready(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.ready = true;
        let ours = self.ours();
        self.earlier.cancel(ctx, &ours);
        self.look(ctx)
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, _book: &BookView) -> StrategyResult {
        self.look(ctx)
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, _timer: TimerId) -> StrategyResult {
        self.look(ctx)
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        let order = &event.order;
        if self.quote(order.terms.side).slot.is(order.id) {
            return self.on_quote(ctx, event);
        }
        if self.ready && self.earlier.on_order(ctx, order) {
            return self.look(ctx);
        }
        Ok(())
    }

    fn on_fill(&mut self, ctx: &mut Context<'_>, order: &Order, fill: &Fill) -> StrategyResult {
        if self.earlier.owns(order.id) && fill.at < self.started {
            return Ok(());
        }
        let quantity = fill.quantity.value();
        let change = match order.terms.side {
            Side::Buy => quantity,
            Side::Sell => -quantity,
        };
        let inventory = self.inventory.checked_add(change);
        self.inventory = inventory
            .ok_or_else(|| StrategyError::new(format!("inventory overflows by {change}")))?;
        self.look(ctx)
    }

    fn on_resume(&mut self, ctx: &mut Context<'_>, _resumed: &Resumed) -> StrategyResult {
        self.bid.slot.reconcile(ctx);
        self.ask.slot.reconcile(ctx);
        self.denied.over();
        let ours = self.ours();
        self.earlier.cancel(ctx, &ours);
        self.look(ctx)
    }
}
