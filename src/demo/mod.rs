//! `tripline demo`: the main job in one process. A practice exchange on a thread of its own, the engine
//! against it over real loopback sockets, two strategies, a view of what happens, and a summary that
//! balances the engine's record with the exchange's.

mod faults;
mod judge;
mod observer;
mod positions;
mod scratch;
mod summary;
mod view;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;
use tokio::time::Instant;
use tripline_actors::clock::Clock;
use tripline_engine::ids::{IdError, RunId, Symbol};
use tripline_engine::journal::{Durability, JournalError};
use tripline_engine::money::MoneyError;
use tripline_exchange::market::ReplayConfig;
use tripline_exchange::{ExchangeConfig, Handle, ServeError, spawn_in_thread};
use tripline_strategies::registry::{self, RegistryError};

use crate::builder::{StartError, Tripline};
use crate::memory::Memory;
use crate::practice::{Pages, binance_on};
use crate::running::{ExitReport, Running};
use crate::settings::EngineSettings;

use observer::{Observer, Seen};
pub use positions::PositionRow;
use scratch::Scratch;
pub use summary::Summary;
use view::View;
pub use view::is_drawn;

/// How often the view looks at the engine.
const LOOK: Duration = Duration::from_millis(100);

/// What the demo is asked to show.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoOptions {
    pub seconds: u64,
    /// Inject faults at the exchange, to watch halts and alerts.
    pub faults: bool,
    /// Recordings that drive BTCUSDT instead of the synthetic market.
    pub replay: Vec<PathBuf>,
    /// How many times faster than recorded.
    pub speed: u32,
    pub seed: u64,
    /// End with one JSON object on the last line.
    pub json: bool,
    /// Plain lines even on a terminal.
    pub plain: bool,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self {
            seconds: 30,
            faults: false,
            replay: Vec::new(),
            speed: 1,
            seed: 7,
            json: false,
            plain: false,
        }
    }
}

/// Why the demo could not run.
#[derive(Debug, Error)]
pub enum DemoError {
    #[error("the practice exchange: {0}")]
    Exchange(#[from] ServeError),
    #[error("the engine: {0}")]
    Engine(#[from] StartError),
    #[error("the demo's strategies: {0}")]
    Strategy(#[from] RegistryError),
    #[error(transparent)]
    Id(#[from] IdError),
    #[error("the exchange's record cannot be read: {0}")]
    Record(String),
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    #[error("output: {0}")]
    Output(#[from] std::io::Error),
}

/// The strategies of the demo: id, kind, configuration.
pub(crate) const STRATEGIES: [(&str, &str, &str); 2] = [
    ("quote", "dynamic_quote", include_str!("dynamic_quote.toml")),
    ("maker", "spread_maker", include_str!("spread_maker.toml")),
];

/// Runs the demo and prints the summary.
///
/// # Errors
/// [`DemoError`]; a summary that does not balance is not an error but the exit code's matter.
pub fn run(options: &DemoOptions) -> Result<Summary, DemoError> {
    let exchange = start_exchange(options)?;
    let summary = actix_rt::System::new().block_on(trade(options, &exchange))?;
    summary.print(options.json)?;
    exchange.stop();
    Ok(summary)
}

fn start_exchange(options: &DemoOptions) -> Result<Handle, DemoError> {
    let mut config = ExchangeConfig {
        seed: options.seed,
        ..ExchangeConfig::default()
    };
    config.market.synthetic.updates_per_second = 30.0;
    config.market.synthetic.trades_per_second = 12.0;
    config.market.synthetic.trade_value = 15_000.0;
    if !options.replay.is_empty() {
        config.market.replay.push(ReplayConfig {
            symbol: Symbol::new("BTCUSDT")?,
            files: options.replay.clone(),
            recorded: None,
            speed: options.speed.into(),
            repeat: true,
        });
    }
    Ok(spawn_in_thread(config, 0)?)
}

async fn trade(options: &DemoOptions, exchange: &Handle) -> Result<Summary, DemoError> {
    let (venue, credentials) = binance_on(exchange.addr);
    let seen = Rc::new(RefCell::new(Seen::default()));
    let (scratch, clock) = (Scratch::new()?, Clock::system());
    let journal = scratch.file("tripline.journal");
    let memory = Memory::open(&journal, Durability::Process, String::new(), &clock)?;
    let mut builder = Tripline::builder(EngineSettings::of("practice".parse()?))
        .clock(clock)
        .memory(memory)
        .binance(venue, credentials);
    for (id, kind, config) in STRATEGIES {
        let config = config
            .parse()
            .map_err(|error| RegistryError::from_toml(kind, &error))?;
        builder = builder.boxed_strategy(id, registry::build(kind, config)?)?;
    }
    let watched = seen.clone();
    let builder = builder.strategy_actor("watch", Observer::subscriptions()?, |_| {
        Observer::start_with(watched)
    })?;
    let before = pages(exchange)?
        .get(RECORD)
        .await
        .map_err(DemoError::Record)?;
    let running = builder.start().await?;

    let mut view = View::new(options, exchange.addr);
    let ending = Instant::now() + Duration::from_secs(options.seconds);
    let mut plan = faults::Plan::new(options, pages(exchange)?);
    let interrupted = Running::until_signal();
    tokio::pin!(interrupted);
    while Instant::now() < ending {
        tokio::select! {
            () = &mut interrupted => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        let left = ending.saturating_duration_since(Instant::now());
        for note in plan.act(left).await? {
            view.note(&note)?;
        }
        if let Some(snapshot) = running.snapshot().await {
            view.show(&seen.borrow(), &snapshot, &running, left)?;
        }
    }
    view.note("stopping: no new orders, resting orders cancelled, cancels confirmed")?;
    let run = running.run_id();
    let report: ExitReport = running.stop().await;
    view.finish(&report)?;
    let record = pages(exchange)?
        .get(RECORD)
        .await
        .map_err(DemoError::Record)?;
    summary(run, &report, &seen.borrow(), &before, &record)
}

fn pages(exchange: &Handle) -> Result<Pages, DemoError> {
    Pages::of(exchange.addr).map_err(DemoError::Record)
}

/// Holds what the engine knew at its end against the exchange's record of before and after.
fn summary(
    run: RunId,
    report: &ExitReport,
    seen: &Seen,
    before: &Value,
    record: &Value,
) -> Result<Summary, DemoError> {
    let desk = report.snapshot.as_ref().map(|snapshot| &snapshot.desk);
    let orders = desk.map_or(&[][..], |desk| &desk.orders);
    let held = desk.map_or(&[][..], |desk| &desk.positions);
    let mut verdict = judge::compare(run, orders, record).map_err(DemoError::Record)?;
    let positions = judge::positions(run, held, record).map_err(DemoError::Record)?;
    let balances = judge::balances(before, orders, held, record).map_err(DemoError::Record)?;
    verdict.differences.extend(positions);
    verdict.differences.extend(balances);
    Ok(Summary::new(report, verdict, positions::rows(held, seen)?))
}

/// The page with the exchange's record of its orders, fills and balances.
const RECORD: &str = "/practice/record";
