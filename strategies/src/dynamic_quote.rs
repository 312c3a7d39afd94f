//! `dynamic_quote`: one limit order between two levels of the book, moved when the book moves, and
//! hedged when it fills.
//!
//! Every `period` it looks: while the order's price lies within the two levels, it stays; otherwise it
//! is cancelled, and only when the cancel is certain is the next one placed. Each fill is hedged by a
//! market order on the other side, rounded down to the lot; the remainder is carried to the next fill.
//! A failed order is a fault, which by default halts the strategy.

mod config;

use tripline_engine::desk::IN_MATCH;
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::HaltLevel;
use tripline_engine::ids::ClientOrderId;
use tripline_engine::instrument::Instrument;
use tripline_engine::messages::alert::Severity;
use tripline_engine::messages::control::Resumed;
use tripline_engine::messages::order::{Fill, OrderEvent, OrderEventKind};
use tripline_engine::messages::view::BookView;
use tripline_engine::money::{MoneyError, Price, Rounding};
use tripline_engine::order::{NewOrder, Order, OrderType, Side};
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription, TimerId};
use tripline_engine::time::Timestamp;

use crate::earlier::Earlier;
use crate::hedge::Hedger;
use crate::outcome::Trouble;
use crate::slot::Slot;

pub use config::{Config, HedgeConfig};

/// The prices between which the order may rest.
#[derive(Debug, Clone, Copy)]
struct Band {
    low: Price,
    high: Price,
}

impl Band {
    fn of(book: &BookView, side: Side, [near, far]: [u16; 2]) -> Option<Self> {
        let level = |n: u16| match side {
            Side::Sell => book.ask(usize::from(n)),
            Side::Buy => book.bid(usize::from(n)),
        };
        let (near, far) = (level(near)?.price, level(far)?.price);
        Some(Self {
            low: near.min(far),
            high: near.max(far),
        })
    }

    fn holds(&self, price: Price) -> bool {
        (self.low..=self.high).contains(&price)
    }

    /// The mean on the tick grid: away from the touch, or towards it where only that lies in the band.
    fn target(&self, instrument: &Instrument, side: Side) -> Result<Option<Price>, MoneyError> {
        let mean = self.low.mean(self.high)?;
        let directions = match side {
            Side::Sell => [Rounding::Up, Rounding::Down],
            Side::Buy => [Rounding::Down, Rounding::Up],
        };
        for direction in directions {
            let price = instrument.round_price(mean, direction)?;
            if self.holds(price) {
                return Ok(Some(price));
            }
        }
        Ok(None)
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct DynamicQuote {
    config: Config,
    quote: Slot,
    earlier: Earlier,
    hedger: Option<Hedger>,
    started: Timestamp,
    ready: bool,
    /// The last price at which the quote was filled.
    last_fill: Option<Price>,
    blind: Trouble,
    denied: Trouble,
}

impl DynamicQuote {
    /// `config` as [`crate::config::read`] lets it pass.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let hedge = &config.hedge;
        let symbol = hedge.symbol.unwrap_or(config.symbol);
        let hedger = hedge
            .enabled
            .then(|| Hedger::new(symbol, config.side.opposite(), hedge.ratio));
        Self {
            quote: Slot::default(),
            earlier: Earlier::default(),
            hedger,
            started: Timestamp::EPOCH,
            ready: false,
            last_fill: None,
            blind: Trouble::default(),
            denied: Trouble::default(),
            config,
        }
    }

    #[cfg(test)]
    pub(crate) fn owed(&self) -> tripline_engine::money::Quantity {
        self.hedger
            .as_ref()
            .map_or(Default::default(), Hedger::owed)
    }

    fn ours(&self) -> Vec<ClientOrderId> {
        let hedge = self.hedger.as_ref().and_then(Hedger::live);
        self.quote.id().into_iter().chain(hedge).collect()
    }

    fn owns_hedge(&self, id: ClientOrderId) -> bool {
        self.hedger.as_ref().and_then(Hedger::live) == Some(id)
    }

    /// A price of the hedge symbol, to tell dust by.
    fn hedge_price(&self, ctx: &Context<'_>) -> Option<Price> {
        match self.config.hedge.symbol {
            Some(symbol) if symbol != self.config.symbol => {
                ctx.best(symbol).map(|best| best.bid.price)
            }
            _ => ctx
                .book(self.config.symbol)
                .and_then(BookView::mid)
                .or(self.last_fill),
        }
    }

    fn hedge(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        let price = self.hedge_price(ctx);
        if let Some(hedger) = &mut self.hedger {
            hedger.hedge(ctx, price)?;
        }
        Ok(())
    }

    /// The whole of it: hedge what is owed, keep or cancel the live order, or place one.
    fn look(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        if !self.ready || ctx.level() > HaltLevel::Active {
            return Ok(());
        }
        self.hedge(ctx)?;
        if !self.earlier.is_over() {
            let ours = self.ours();
            self.earlier.cancel(ctx, &ours);
        }
        let Config {
            symbol,
            side,
            levels,
            ..
        } = self.config;
        let band = ctx
            .book(symbol)
            .and_then(|book| Band::of(book, side, levels));
        let Some(band) = band else {
            // A resting order that nobody can judge is a risk: it goes until the book is back.
            self.quote.cancel(ctx);
            let text = format!(
                "the book of {symbol} is missing or less than {} levels deep: not quoting",
                levels[1]
            );
            self.blind.tell(ctx, Severity::Warning, text);
            return Ok(());
        };
        self.blind.over();
        match self.quote.standing_price() {
            Some(price) if band.holds(price) => Ok(()),
            Some(_) => {
                self.quote.cancel(ctx);
                Ok(())
            }
            None if self.quote.is_free() && self.earlier.is_over() => self.place(ctx, band),
            None => Ok(()),
        }
    }

    fn place(&mut self, ctx: &mut Context<'_>, band: Band) -> StrategyResult {
        let Config {
            symbol,
            side,
            quantity,
            ..
        } = self.config;
        let Some(instrument) = ctx.instrument(symbol) else {
            ctx.fault(
                FaultKind::OrderFailed,
                format!("instrument {symbol} is not known"),
            );
            return Ok(());
        };
        let Some(price) = band.target(instrument, side)? else {
            let text = format!(
                "no tick of {symbol} lies between {} and {}",
                band.low, band.high
            );
            self.blind.tell(ctx, Severity::Warning, text);
            return Ok(());
        };
        let terms = NewOrder::limit(symbol, side, quantity, price);
        if let Err(reason) = self.quote.place(ctx, terms) {
            self.denied.denied(ctx, "the quote", &reason);
        }
        self.earlier.placed(self.quote.id());
        Ok(())
    }

    fn on_quote(&mut self, ctx: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        let id = event.order.id;
        let asked = self.quote.is_canceling();
        let mut fail = |why: String| {
            ctx.fault(FaultKind::OrderFailed, format!("quote {id} failed: {why}"));
        };
        match &event.kind {
            OrderEventKind::Rejected { code, text } => {
                fail(format!("the venue rejected it ({code}): {text}"));
            }
            // Its own hedge met what was left of the quote: there is a new one at the next look.
            OrderEventKind::Expired {
                reason: Some(reason),
            } if reason == IN_MATCH => {}
            OrderEventKind::Expired { reason } => {
                let reason = reason.as_deref().unwrap_or("no reason given");
                fail(format!("it expired: {reason}"));
            }
            OrderEventKind::Denied { reason } => self.denied.denied(ctx, "the quote", reason),
            OrderEventKind::Accepted => self.denied.over(),
            OrderEventKind::CancelRequested => self.quote.cancel_requested(),
            OrderEventKind::CancelRejected { .. } => self.quote.cancel_rejected(),
            OrderEventKind::Canceled if !asked && ctx.level() == HaltLevel::Active => {
                let text =
                    format!("quote {id} was cancelled, and not by this strategy; it quotes again");
                ctx.alert(Severity::Warning, text);
            }
            _ => {}
        }
        if self.quote.release(&event.order) && asked && event.kind == OrderEventKind::Canceled {
            return self.look(ctx);
        }
        Ok(())
    }

    /// Whether a fill is of a quote whose hedge is this run's business.
    fn is_to_hedge(&self, order: &Order, fill: &Fill) -> bool {
        let terms = &order.terms;
        let quoted = terms.order_type == OrderType::Limit
            && terms.symbol == self.config.symbol
            && terms.side == self.config.side;
        // Whether the earlier run hedged what was filled in its time is not known here.
        quoted && (!self.earlier.owns(order.id) || fill.at >= self.started)
    }
}

impl Strategy for DynamicQuote {
    fn subscriptions(&self) -> Vec<Subscription> {
        let Config {
            symbol,
            book_levels: levels,
            ..
        } = self.config;
        let hedge = self.config.hedge.symbol;
        let hedge = hedge.filter(|hedge| self.config.hedge.enabled && *hedge != symbol);
        [Subscription::Book { symbol, levels }]
            .into_iter()
            .chain(hedge.map(Subscription::Best))
            .collect()
    }

    fn on_start(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.started = ctx.now();
        ctx.every(self.config.period.0);
        Ok(())
    }

    fn on_ready(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.ready = true;
        let ours = self.ours();
        self.earlier.cancel(ctx, &ours);
        self.look(ctx)
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, _timer: TimerId) -> StrategyResult {
        self.look(ctx)
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        let order = &event.order;
        if self.owns_hedge(order.id) {
            let next = match &mut self.hedger {
                Some(hedger) => hedger.on_order(ctx, event)?,
                None => false,
            };
            return if next { self.hedge(ctx) } else { Ok(()) };
        }
        if self.quote.is(order.id) {
            return self.on_quote(ctx, event);
        }
        if self.ready && self.earlier.on_order(ctx, order) {
            return self.look(ctx);
        }
        Ok(())
    }

    fn on_fill(&mut self, ctx: &mut Context<'_>, order: &Order, fill: &Fill) -> StrategyResult {
        if order.id.is_exit() {
            // The engine has closed what was not hedged.
            let NewOrder { symbol, side, .. } = order.terms;
            if let Some(hedger) = &mut self.hedger {
                hedger.taken_out(symbol, side, fill.quantity);
            }
            return Ok(());
        }
        let is_hedge = order.terms.order_type == OrderType::Market;
        if is_hedge || self.hedger.is_none() {
            return Ok(());
        }
        if !self.is_to_hedge(order, fill) {
            let text = format!(
                "{} of {}, which is of an earlier run, was filled: not hedged by this one",
                fill.quantity, order.id
            );
            ctx.alert(Severity::Warning, text);
            return Ok(());
        }
        self.last_fill = Some(fill.price);
        if let Some(hedger) = &mut self.hedger {
            hedger.owe(fill.quantity)?;
        }
        self.hedge(ctx)
    }

    fn on_resume(&mut self, ctx: &mut Context<'_>, _resumed: &Resumed) -> StrategyResult {
        self.quote.reconcile(ctx);
        if let Some(hedger) = &mut self.hedger {
            hedger.reconcile(ctx)?;
        }
        self.denied.over();
        let ours = self.ours();
        self.earlier.cancel(ctx, &ours);
        self.look(ctx)
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        if let Some(hedger) = &self.hedger {
            hedger.on_stop(ctx);
        }
        Ok(())
    }
}
