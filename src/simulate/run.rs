//! Runs seeds: builds a world for each, lets it live, and has it judged.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::Instant;
use tripline_actors::venue::binance::ApiCredentials;
use tripline_engine::fault::FaultKind;
use tripline_engine::ids::StrategyId;
use tripline_exchange::{
    Clock as ExchangeClock, EXAMPLE_API_KEY, EXAMPLE_SECRET, PracticeExchange,
};

use super::engine::Blueprint;
use super::judge::Record;
use super::memory::Disk;
use super::network::Network;
use super::schedule::Schedule;
use super::subject::Subject;
use super::tally::{self, StrategyTally};
use super::trace::Trace;
use super::world::{BEGIN_MS, World};

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
    /// What raised them, by fault kind, repeats included.
    pub halted_by: BTreeMap<FaultKind, u64>,
    /// Alerts that the person got.
    pub alerts: usize,
    pub strategies: BTreeMap<StrategyId, StrategyTally>,
}

/// Runs one seed.
#[must_use]
pub fn simulate(subject: &Subject, seed: u64, traced: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Ok(runtime) => LocalSet::new().block_on(&runtime, play(subject, seed, traced)),
        Err(error) => Outcome {
            seed,
            wrong: vec![format!("no runtime: {error}")],
            ..Outcome::default()
        },
    }
}

async fn play(subject: &Subject, seed: u64, traced: bool) -> Outcome {
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
    let clock = ExchangeClock::starting_at(BEGIN_MS * 1_000);
    let exchange = match PracticeExchange::new(&subject.exchange_of(seed), clock) {
        Ok(exchange) => Rc::new(exchange),
        Err(error) => {
            outcome.wrong.push(format!("the exchange: {error}"));
            return outcome;
        }
    };
    let disk = match Disk::new(schedule.durability, trace.clone()) {
        Ok(disk) => disk,
        Err(error) => {
            outcome.wrong.push(format!("no folder: {error}"));
            return outcome;
        }
    };
    let network = network(&schedule, &exchange);
    let blueprint = blueprint(subject, &schedule, network, disk, &trace);
    let mut world = World::new(schedule, blueprint, exchange.clone());
    world.has_to_place = subject.with_hand;
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
            self.uncertain += engine.traces.told.uncertain.borrow().len() as u64;
            self.alerts += engine.traces.alerts().len();
        }
        match Record::read(exchange.record()) {
            Ok(record) => {
                self.orders = record.orders();
                self.fills = record.fills();
                self.strategies = tally::tally(&record, &world.ended);
                match world.journal() {
                    Ok(journal) => {
                        self.halted_by = tally::halts(&journal);
                        self.wrong.extend(record.judge(&world.ended, &journal));
                    }
                    Err(problem) => self.wrong.push(problem),
                }
            }
            Err(problem) => self.wrong.push(problem),
        }
    }
}

/// The network, with the exchange at its far end.
fn network(schedule: &Schedule, exchange: &Rc<PracticeExchange>) -> Network {
    let (network, mut accepted) = Network::new(schedule.latency);
    let hearing = exchange.clone();
    network.listen(move || hearing.user_streams() > 0);
    let serving = exchange.clone();
    drop(tokio::task::spawn_local(async move {
        while let Some(end) = accepted.recv().await {
            drop(tokio::task::spawn_local(serving.serve_stream(end)));
        }
    }));
    network
}

fn blueprint(
    subject: &Subject,
    schedule: &Schedule,
    network: Network,
    disk: Disk,
    trace: &Arc<Trace>,
) -> Blueprint {
    Blueprint {
        settings: subject.settings_of(schedule),
        venue: subject.venue_of(schedule.transport),
        credentials: ApiCredentials {
            api_key: EXAMPLE_API_KEY.to_owned().into(),
            secret: EXAMPLE_SECRET.to_owned().into(),
        },
        strategies: subject.strategies(schedule),
        network,
        disk,
        gather: schedule.gather,
        trace: trace.clone(),
        seed: schedule.seed,
    }
}
