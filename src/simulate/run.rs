//! Runs seeds: builds a world for each, lets it live, and has it judged.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::Instant;
use tripline_actors::venue::binance::ApiCredentials;
use tripline_engine::ids::StrategyId;
use tripline_engine::strategy::Strategy;
use tripline_exchange::{
    Clock as ExchangeClock, EXAMPLE_API_KEY, EXAMPLE_SECRET, ExchangeConfig, PracticeExchange,
};
use tripline_strategies::registry;

use super::engine::{Blueprint, MakeStrategies, venue};
use super::hand::Hand;
use super::judge::Record;
use super::network::Network;
use super::schedule::Schedule;
use super::trace::Trace;
use super::world::{BEGIN_MS, World};
use crate::settings::EngineSettings;

/// How one seed went.
#[derive(Debug, Default)]
pub struct Outcome {
    pub seed: u64,
    /// Everything that was not as it has to be.
    pub wrong: Vec<String>,
    /// What happened, when it was asked for.
    pub trace: String,
    pub virtual_time: Duration,
    /// At the exchange.
    pub orders: usize,
    pub fills: usize,
    /// What went wrong on purpose, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Orders whose outcome was unknown for a while.
    pub uncertain: u64,
    pub halts: u64,
    /// Alerts that the person got.
    pub alerts: usize,
}

/// Runs one seed.
#[must_use]
pub fn simulate(seed: u64, traced: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Ok(runtime) => LocalSet::new().block_on(&runtime, play(seed, traced)),
        Err(error) => Outcome {
            seed,
            wrong: vec![format!("no runtime: {error}")],
            ..Outcome::default()
        },
    }
}

async fn play(seed: u64, traced: bool) -> Outcome {
    let schedule = Schedule::draw(seed);
    let (began, trading) = (Instant::now(), schedule.trading);
    let trace = Arc::new(Trace::new(traced));
    trace.say("seed", || {
        format!(
            "{seed}: {:?} one way, {:?}, a hand every {:?}, {trading:?} of trading",
            schedule.latency, schedule.transport, schedule.pace
        )
    });
    let mut outcome = Outcome {
        seed,
        ..Outcome::default()
    };
    let exchange = match exchange(&schedule) {
        Ok(exchange) => Rc::new(exchange),
        Err(error) => {
            outcome.wrong.push(format!("the exchange: {error}"));
            return outcome;
        }
    };
    let network = network(&schedule, &exchange);
    let blueprint = blueprint(&schedule, network, &trace);
    let mut world = World::new(schedule, blueprint, exchange.clone());
    world.live_until(began + trading).await;
    world.finish().await;
    outcome.virtual_time = began.elapsed();
    outcome.judge(world, &exchange);
    outcome.trace = trace.text();
    outcome
}

impl Outcome {
    fn judge(&mut self, mut world: World, exchange: &PracticeExchange) {
        self.halts = world.halts();
        self.wrong.append(&mut world.wrong);
        self.faults = std::mem::take(&mut world.faults);
        for engine in &world.ended {
            self.uncertain += engine.traces.told.uncertain.get();
            self.alerts += engine.traces.alerts().len();
        }
        match Record::read(exchange.record()) {
            Ok(record) => {
                self.orders = record.orders();
                self.fills = record.fills();
                self.wrong.extend(record.judge(&world.ended));
            }
            Err(problem) => self.wrong.push(problem),
        }
    }
}

/// The network, with the exchange at its far end.
fn network(schedule: &Schedule, exchange: &Rc<PracticeExchange>) -> Network {
    let (network, mut accepted) = Network::new(schedule.latency);
    let serving = exchange.clone();
    drop(tokio::task::spawn_local(async move {
        while let Some(end) = accepted.recv().await {
            drop(tokio::task::spawn_local(serving.serve_stream(end)));
        }
    }));
    network
}

fn exchange(schedule: &Schedule) -> Result<PracticeExchange, tripline_exchange::ServeError> {
    let mut config = ExchangeConfig {
        seed: schedule.seed,
        ..ExchangeConfig::default()
    };
    config
        .instruments
        .retain(|one| one.quote.as_str() == "USDT" && ["BTC", "ETH"].contains(&one.base.as_str()));
    config.market.synthetic.updates_per_second = 4.0;
    config.market.synthetic.trades_per_second = 2.0;
    config.market.synthetic.trade_value = 15_000.0;
    config.market.synthetic.levels = 25;
    PracticeExchange::new(&config, ExchangeClock::starting_at(BEGIN_MS * 1_000))
}

fn blueprint(schedule: &Schedule, network: Network, trace: &Arc<Trace>) -> Blueprint {
    let account = "practice".parse().expect("the name keeps the rule of ids");
    let mut venue = venue();
    venue.order_transport = schedule.transport;
    Blueprint {
        settings: EngineSettings::of(account),
        venue,
        credentials: ApiCredentials {
            api_key: EXAMPLE_API_KEY.to_owned().into(),
            secret: EXAMPLE_SECRET.to_owned().into(),
        },
        strategies: strategies(schedule),
        network,
        trace: trace.clone(),
        seed: schedule.seed,
    }
}

/// The shipped strategies as in the demo, and the hand.
fn strategies(schedule: &Schedule) -> Box<MakeStrategies> {
    let (pace, seed) = (schedule.pace, schedule.seed);
    Box::new(move |generation| {
        let mut made: Vec<(StrategyId, Box<dyn Strategy>)> = Vec::new();
        for (id, kind, config) in crate::demo::STRATEGIES {
            let config = config.parse().expect("the demo's configuration is TOML");
            let strategy =
                registry::build(kind, config).expect("the demo's configuration is valid");
            made.push((
                id.parse().expect("the demo's ids keep their rule"),
                strategy,
            ));
        }
        let symbol = "ETHUSDT".parse().expect("a valid literal");
        let seed = seed.wrapping_mul(31).wrapping_add(u64::from(generation));
        let hand = Hand::new(symbol, pace, seed);
        made.push(("hand".parse().expect("a valid literal"), Box::new(hand)));
        made
    })
}
