//! Tick to order over loopback: from just before the exchange writes a bookTicker frame to just after it
//! has read the order. The complete engine against a bare blocking-socket client, in rounds by turns,
//! in the same run.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

mod engine;
mod exchange;
mod floor;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use exchange::{Latencies, Pace, listen, measure};
use tripline_engine::journal::Durability;
use tripline_exchange::{ExchangeConfig, spawn_in_thread};

/// Rounds of each client, by turns, so that drift of the machine hits both.
const ROUNDS: usize = 6;

/// The engine's journals that are measured, by turns.
const JOURNALS: [(&str, Option<Durability>); 3] = [
    ("without journal", None),
    ("journal", Some(Durability::Process)),
    ("journal, power", Some(Durability::Power)),
];

const PACE: Pace = Pace {
    warm_up: 300,
    ticks: 1500,
    gap: Duration::from_micros(200),
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::init();
    // The engine's REST side, with a market that stands still.
    let mut config = ExchangeConfig::default();
    config.market.synthetic.enabled = false;
    // The engine keeps the venue's limits: they must leave room for an order at every tick.
    config.limits.orders_per_10_seconds = 1_000_000;
    config.limits.orders_per_day = 10_000_000;
    let exchange = spawn_in_thread(config, 0)?;
    let mut floors: Vec<Latencies> = Vec::new();
    let mut engines = JOURNALS.map(|_| Vec::new());
    for round in 1..=ROUNDS {
        floors.push(floor_round()?);
        print!("round {round}: floor {}", shown(&floors));
        for ((name, journal), rounds) in JOURNALS.iter().zip(&mut engines) {
            rounds.push(engine_round(exchange.addr, *journal)?);
            print!(", {name} {}", shown(rounds));
        }
        println!(" (p50 / p99 in µs)");
    }
    let figures =
        |rounds: &[Latencies]| [0.5, 0.99, 0.999].map(|quantile| median(rounds, quantile));
    let floor = figures(&floors);
    println!(
        "medians of {ROUNDS} rounds of {} ticks; p50, p99, p99.9 in µs, and times the floor:",
        PACE.ticks
    );
    let [p50, p99, p999] = floor;
    println!("  {:20} {p50:8.1} {p99:8.1} {p999:8.1}", "floor");
    for ((name, _), rounds) in JOURNALS.iter().zip(&engines) {
        let [p50, p99, p999] = figures(rounds);
        println!(
            "  {name:20} {p50:8.1} {p99:8.1} {p999:8.1}   {:5.2} {:5.2} {:5.2}",
            p50 / floor[0],
            p99 / floor[1],
            p999 / floor[2]
        );
    }
    Ok(())
}

/// The newest round's p50 and p99.
fn shown(rounds: &[Latencies]) -> String {
    let newest = |quantile| rounds.last().map_or(0.0, |round| micros(round, quantile));
    format!("{:.1} / {:.1}", newest(0.5), newest(0.99))
}

fn floor_round() -> Result<Latencies, Box<dyn std::error::Error>> {
    let (listener, address) = listen()?;
    let client = std::thread::spawn(move || floor::run(address));
    let latencies = measure(&listener, 2, PACE, &Arc::new(AtomicBool::new(true)))?;
    client.join().map_err(|_| "the bare client panicked")??;
    Ok(latencies)
}

fn engine_round(
    rest: SocketAddr,
    journal: Option<Durability>,
) -> Result<Latencies, Box<dyn std::error::Error>> {
    let (listener, address) = listen()?;
    let engine = engine::Engine::start(address, rest, journal);
    // Streams, orders, private stream.
    let latencies = measure(&listener, 3, PACE, &engine.ready)?;
    drop(listener);
    engine.join()?;
    Ok(latencies)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds of one run are far below 2^52"
)]
fn micros(latencies: &Latencies, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1000.0
}

fn median(rounds: &[Latencies], quantile: f64) -> f64 {
    let mut figures: Vec<_> = rounds.iter().map(|round| micros(round, quantile)).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
