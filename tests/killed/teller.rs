//! A strategy that takes and rests at every tick and writes down what it is told, as an engine in a process
//! of its own; and what must be true of what it was told, across all its runs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tripline::Tripline;
use tripline::config;
use tripline::memory::Memory;
use tripline::running::Running;
use tripline_actors::clock::Clock;
use tripline_actors::venue::binance::ApiCredentials;
use tripline_engine::halt::ResumeRefused;
use tripline_engine::ids::{Symbol, TradeId};
use tripline_engine::journal::Filled;
use tripline_engine::messages::market::BestBidAsk;
use tripline_engine::messages::order::Fill;
use tripline_engine::order::{NewOrder, Order, Side, TimeInForce};
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription};
use tripline_engine::time::Timestamp;
use tripline_exchange::{EXAMPLE_API_KEY, EXAMPLE_SECRET};

use super::world::World;

/// Names the file in which the strategy writes; set, this program is an engine.
const TOLD: &str = "TRIPLINE_TOLD";

const PAUSE: Duration = Duration::from_millis(5);

fn btcusdt() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

/// One thing that the strategy was told, with its position as it was then.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    /// `None`: that it is ready.
    fill: Option<(TradeId, Side, Decimal)>,
    net: Decimal,
}

struct Teller {
    told: File,
    ticks: usize,
    acted: Timestamp,
}

impl Teller {
    fn write(&mut self, ctx: &Context<'_>, fill: Option<(TradeId, Side, Decimal)>) {
        let position = ctx.position(btcusdt());
        let net = position.map_or(Decimal::ZERO, |position| position.net());
        let line = serde_json::to_string(&Told { fill, net }).unwrap();
        self.told.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

impl Strategy for Teller {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![Subscription::Best(btcusdt())]
    }

    fn on_ready(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        self.write(ctx, None);
        Ok(())
    }

    /// Takes at ticks, buying and selling in turn, and keeps one bid at the touch.
    fn on_best(&mut self, ctx: &mut Context<'_>, best: &BestBidAsk) -> StrategyResult {
        // Its own orders make ticks, which must not make orders without end.
        if ctx.now().saturating_since(self.acted) < PAUSE {
            return Ok(());
        }
        self.acted = ctx.now();
        self.ticks += 1;
        let quantity = "0.001".parse()?;
        let (side, price) = match self.ticks % 2 {
            0 => (Side::Buy, best.ask.price),
            _ => (Side::Sell, best.bid.price),
        };
        let taking = NewOrder::limit(btcusdt(), side, quantity, price);
        // A refusal is no matter here: the next tick tries again.
        drop(ctx.place(taking.with_time_in_force(TimeInForce::Ioc)));
        if ctx.open_orders().next().is_none() {
            drop(ctx.place(NewOrder::limit(
                btcusdt(),
                Side::Buy,
                quantity,
                best.bid.price,
            )));
        }
        Ok(())
    }

    fn on_fill(&mut self, ctx: &mut Context<'_>, order: &Order, fill: &Fill) -> StrategyResult {
        let quantity = fill.quantity.value();
        self.write(ctx, Some((fill.trade_id, order.terms.side, quantity)));
        Ok(())
    }
}

/// Is the engine, if this process was started to be one.
pub fn be_the_engine() {
    let Ok(told) = std::env::var(TOLD) else {
        return;
    };
    let config = config::load(Path::new("tripline.toml")).unwrap();
    tripline::logging::init(config.log_level.into());
    let (clock, journal) = (Clock::system(), config.journal);
    let memory = Memory::open(&journal.file, journal.durability, config.hash, &clock).unwrap();
    let told = File::options()
        .append(true)
        .create(true)
        .open(told)
        .unwrap();
    let credentials = ApiCredentials {
        api_key: EXAMPLE_API_KEY.to_owned().into(),
        secret: EXAMPLE_SECRET.to_owned().into(),
    };
    let (ticks, acted) = (0, Timestamp::EPOCH);
    let teller = Teller { told, ticks, acted };
    let builder = Tripline::builder(config.engine)
        .clock(clock)
        .memory(memory)
        .binance(config.venue, credentials)
        .strategy("teller", teller)
        .unwrap();
    let report = actix_rt::System::new().block_on(async {
        let stopped = Running::until_signal();
        let running = builder.start().await.unwrap();
        let looking = async {
            resume_what_stands(&running).await;
            std::future::pending::<()>().await;
        };
        tokio::select! { () = stopped => {} () = looking => {} }
        running.stop().await
    });
    std::process::exit(report.exit_code());
}

/// As a person does who has looked: lifts what an earlier run has left halted, once it is reconciled.
async fn resume_what_stands(running: &Running) {
    for (scope, standing) in running.board().restricted() {
        let resume = standing.resume(scope, "the test has looked", "the test");
        while let Err(ResumeRefused::NotReconciled { .. } | ResumeRefused::NotInOrder { .. }) =
            running.resume(resume.clone()).await
        {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The program that is this engine; `run` counts them from 0.
pub fn engine(world: &World, run: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "the_engine_of_the_test_about_fills",
            "--nocapture",
        ])
        .current_dir(&world.folder.0)
        .env(TOLD, format!("told-{run}.jsonl"));
    command
}

/// What the strategy must know, over all its runs.
#[derive(Default)]
pub struct Account {
    position: Decimal,
    /// Fills of the journal that were looked at.
    looked_at: usize,
    told: BTreeSet<(TradeId, Side)>,
    /// Fills that a kill has kept between their record and their delivery.
    pub kept_back: usize,
}

impl Account {
    /// Takes a run that has ended: what was told is what was written down, in that order and each once, up to
    /// the kill; the position always counts all of it, and goes on where the last run was.
    pub fn take(&mut self, world: &World, run: usize) {
        let mut written = world.chronicle.fills[self.looked_at..].iter();
        self.looked_at = world.chronicle.fills.len();
        for told in told(world, run) {
            if let Some(fill) = told.fill {
                let (_, filled) = written
                    .next()
                    .expect("it is written down before it is told");
                let (trade, side) = (filled.fill.trade_id, filled.side);
                assert_eq!(fill, (trade, side, filled.fill.quantity.value()));
                assert!(self.told.insert((trade, side)), "{trade} was told twice");
                self.count(filled);
            }
            assert_eq!(told.net, self.position, "run {run}: {told:?}");
        }
        for (_, filled) in written {
            self.kept_back += 1;
            self.count(filled);
        }
    }

    fn count(&mut self, filled: &Filled) {
        let quantity = filled.fill.quantity.value();
        self.position += if filled.side == Side::Buy {
            quantity
        } else {
            -quantity
        };
    }
}

fn told(world: &World, run: usize) -> Vec<Told> {
    // One that was killed early had no strategy yet.
    let path = world.folder.0.join(format!("told-{run}.jsonl"));
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    whole
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
