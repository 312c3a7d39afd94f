//! The market data actor: follows the venue's streams, keeps the books, and says when data is stale.

mod changes;
mod health;
mod newest;
mod reader;
mod symbol;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::fut::WrapFuture;
use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;
use tripline_engine::ids::{StrategyId, Symbol, VenueId};
use tripline_engine::messages::market::MarketEvent;
use tripline_engine::messages::view::ReferenceChanged;
use tripline_engine::ports::{MarketPort, VenueError};
use tripline_engine::strategy::Subscription;

use crate::addresses::StrategyAddress;
use crate::delivery::{MAILBOX, Outlet, Sender};
use crate::feed::FeedEvent;
use crate::panics::{Guard, Shield};
use crate::venue::{FeedSink, MarketConnection, Venue};

pub use changes::{Subscribe, SubscribeError, Unsubscribe};
pub use health::{BookHealth, ReadMarket, SymbolHealth};
use reader::Reader;
use symbol::{Needs, SymbolData};

/// How often freshness is judged.
const WATCH: Duration = Duration::from_millis(250);

/// Snapshots that did not bring a book to life before that is a fault.
const SNAPSHOTS_BEFORE_FAULT: u32 = 5;

/// What the actor needs to start.
pub struct MarketDataSettings {
    pub venue: VenueId,
    pub sender: Sender,
    pub port: Rc<dyn MarketPort>,
    pub gateway: Outlet<ReferenceChanged>,
    /// Without data for this long, nothing is placed on the instrument.
    pub stale_after: Duration,
    /// Without data for this long, the instrument is halted and a person is told.
    pub fault_after: Duration,
    /// Levels a side that are asked for when a book is built, at most 5000.
    pub snapshot_levels: u16,
}

/// Follows the symbols that strategies subscribe to.
pub struct MarketData {
    settings: MarketDataSettings,
    shield: Shield,
    symbols: BTreeMap<Symbol, SymbolData>,
    feed: Rc<dyn MarketConnection>,
    _guard: Guard,
}

impl MarketData {
    /// Follows what the strategies want, each with its name and address.
    #[must_use]
    pub fn start<'a>(
        settings: MarketDataSettings,
        venue: &dyn Venue,
        strategies: impl Iterator<Item = (StrategyId, &'a [Subscription], &'a StrategyAddress)>,
    ) -> (Addr<Self>, Rc<dyn MarketConnection>) {
        let now = settings.sender.clock.now();
        let mut symbols: BTreeMap<Symbol, SymbolData> = BTreeMap::new();
        for (strategy, subscriptions, address) in strategies {
            for subscription in subscriptions {
                let symbol = subscription.symbol();
                let reader = Reader::new(strategy, *subscription, address, &settings.sender);
                let data = symbols.entry(symbol);
                let data = data.or_insert_with(|| SymbolData::new(symbol));
                data.subscribe(reader);
                data.begin(now);
            }
        }
        let wanted: Vec<_> = symbols.values().flat_map(SymbolData::wanted).collect();
        let mut feed = None;
        let addr = Self::create(|ctx| {
            let news = settings.sender.outlet_to("market_data", &ctx.address());
            let sink: FeedSink = Rc::new(move |event| news.send(event));
            let connection = venue.follow_market(&wanted, sink);
            feed = Some(connection.clone());
            Self::new(settings, symbols, connection)
        });
        (addr, feed.expect("the closure of `create` has run"))
    }

    fn new(
        settings: MarketDataSettings,
        symbols: BTreeMap<Symbol, SymbolData>,
        feed: Rc<dyn MarketConnection>,
    ) -> Self {
        let Sender { faults, clock, .. } = settings.sender.clone();
        let scope = Scope::Venue(settings.venue);
        let shield = Shield {
            actor: "market_data",
            scope,
            faults,
            clock,
        };
        Self {
            settings,
            _guard: shield.guard(),
            shield,
            symbols,
            feed,
        }
    }

    fn raise(&self, kind: FaultKind, symbol: Option<Symbol>, detail: String) {
        let Sender { faults, clock, .. } = &self.settings.sender;
        let scope = symbol.map_or(Scope::Venue(self.settings.venue), Scope::Instrument);
        faults.raise(Fault {
            kind,
            scope,
            actor: "market_data".into(),
            detail,
            at: clock.now(),
        });
    }

    fn take(&mut self, event: FeedEvent, ctx: &mut Context<Self>) {
        match event {
            FeedEvent::Event(event) => self.take_event(event, ctx),
            FeedEvent::Up => {
                log::info!(actor = "market_data"; "market data connected");
                let symbols: Vec<_> = self.symbols.keys().copied().collect();
                for symbol in symbols {
                    self.rebuild(symbol, "connected", ctx);
                }
            }
            FeedEvent::Lost { symbol, what } => {
                log::warn!(actor = "market_data"; "a message was lost: {what}");
                let symbols: Vec<_> = self.symbols.keys().copied().collect();
                for symbol in symbols
                    .into_iter()
                    .filter(|known| symbol.is_none_or(|lost| lost == *known))
                {
                    self.rebuild(symbol, "a message was lost", ctx);
                }
            }
            FeedEvent::Malformed { symbol, error } => {
                self.raise(error.fault_kind(), symbol, error.to_string());
                for symbol in symbol.into_iter().collect::<Vec<_>>() {
                    self.rebuild(symbol, "a message could not be read", ctx);
                }
            }
            FeedEvent::Down { reason } => {
                log::warn!(actor = "market_data"; "market data connection down: {reason}");
                self.interrupt();
            }
            FeedEvent::Closed => {
                log::info!(actor = "market_data"; "market data connection closed by this side");
                self.interrupt();
            }
            FeedEvent::Refused(error) => {
                self.raise(
                    error.fault_kind(),
                    None,
                    format!("market data refused: {error}"),
                );
            }
        }
    }

    /// There is no connection: no book is to be used until it was built anew.
    fn interrupt(&mut self) {
        for data in self.symbols.values_mut() {
            data.interrupt(&self.settings.gateway);
        }
    }

    fn take_event(&mut self, event: MarketEvent, ctx: &mut Context<Self>) {
        let symbol = event.symbol();
        let Some(data) = self.symbols.get_mut(&symbol) else {
            return; // Unsubscribed a moment ago.
        };
        match data.take(event, &self.settings.gateway) {
            Needs::Nothing => {}
            Needs::Snapshot(why) => self.rebuild(symbol, &why, ctx),
        }
    }

    /// Asks for the snapshot that a book needs to come to life again.
    fn rebuild(&mut self, symbol: Symbol, why: &str, ctx: &mut Context<Self>) {
        let Some(data) = self.symbols.get_mut(&symbol) else {
            return;
        };
        let Some(attempt) = data.start_rebuild() else {
            return;
        };
        log::info!(actor = "market_data"; "book of {symbol}: {why}; snapshot {attempt}");
        if attempt == SNAPSHOTS_BEFORE_FAULT {
            self.raise(
                FaultKind::BookBroken,
                Some(symbol),
                format!("the book of {symbol} does not come to life: {why}"),
            );
        }
        let (port, levels) = (self.settings.port.clone(), self.settings.snapshot_levels);
        let pause = Duration::from_millis(250) * 2u32.pow(attempt.saturating_sub(1).min(5));
        let answer = async move {
            tokio::time::sleep(pause).await;
            port.depth(symbol, levels).await
        };
        let returned = answer.into_actor(self).map(move |answer, actor, ctx| {
            let Some(data) = actor.symbols.get_mut(&symbol) else {
                return;
            };
            let outcome = match answer {
                Ok(snapshot) => data.take_snapshot(&snapshot),
                Err(error) => {
                    data.snapshot_failed();
                    if !matches!(error, VenueError::Network(_) | VenueError::Timeout(_)) {
                        actor.raise(
                            error.fault_kind(),
                            Some(symbol),
                            format!("snapshot of {symbol}: {error}"),
                        );
                    }
                    Needs::Snapshot(error.to_string())
                }
            };
            if let Needs::Snapshot(why) = outcome {
                actor.rebuild(symbol, &why, ctx);
            }
        });
        ctx.spawn(returned);
    }

    /// Judges freshness: by data, not by pings.
    fn watch(&mut self) {
        let now = self.settings.sender.clock.now();
        let mut stale = Vec::new();
        for (symbol, data) in &mut self.symbols {
            let silent = data.silent_for(now);
            if silent > self.settings.stale_after {
                data.set_stale(&self.settings.gateway);
            }
            if silent > self.settings.fault_after && data.report_stale() {
                stale.push((*symbol, silent));
            }
            data.deliver_waiting();
        }
        for (symbol, silent) in stale {
            let detail = format!("no market data of {symbol} for {} ms", silent.as_millis());
            self.raise(FaultKind::StaleData, Some(symbol), detail);
        }
    }
}

impl Actor for MarketData {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(WATCH, |actor, _| actor.watch());
    }
}

impl Handler<FeedEvent> for MarketData {
    type Result = ();
    fn handle(&mut self, event: FeedEvent, ctx: &mut Context<Self>) {
        let shield = self.shield.clone();
        shield.run(|| self.take(event, ctx));
    }
}
