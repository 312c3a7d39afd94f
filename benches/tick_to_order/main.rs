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
use tripline_exchange::{ExchangeConfig, spawn_in_thread};

/// Rounds of each client, by turns, so that drift of the machine hits both.
const ROUNDS: usize = 6;

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
    let mut engines: Vec<Latencies> = Vec::new();
    for round in 1..=ROUNDS {
        floors.push(floor_round()?);
        engines.push(engine_round(exchange.addr)?);
        let p50 = |rounds: &[Latencies]| rounds.last().map_or(0.0, |round| micros(round, 0.5));
        println!(
            "round {round}: floor p50 {:.1} µs, engine p50 {:.1} µs",
            p50(&floors),
            p50(&engines)
        );
    }
    let figures =
        |rounds: &[Latencies]| [0.5, 0.99, 0.999].map(|quantile| median(rounds, quantile));
    let (floor, engine) = (figures(&floors), figures(&engines));
    println!(
        "medians of {ROUNDS} rounds of {} ticks; p50, p99, p99.9 in µs:",
        PACE.ticks
    );
    println!(
        "  floor   {:8.1} {:8.1} {:8.1}",
        floor[0], floor[1], floor[2]
    );
    println!(
        "  engine  {:8.1} {:8.1} {:8.1}",
        engine[0], engine[1], engine[2]
    );
    println!(
        "tick_to_order engine_p50_us={:.1} engine_p99_us={:.1} floor_p50_us={:.1} floor_p99_us={:.1} ratio_p50={:.2} ratio_p99={:.2}",
        engine[0],
        engine[1],
        floor[0],
        floor[1],
        engine[0] / floor[0],
        engine[1] / floor[1]
    );
    Ok(())
}

fn floor_round() -> Result<Latencies, Box<dyn std::error::Error>> {
    let (listener, address) = listen()?;
    let client = std::thread::spawn(move || floor::run(address));
    let latencies = measure(&listener, 2, PACE, &Arc::new(AtomicBool::new(true)))?;
    client.join().map_err(|_| "the bare client panicked")??;
    Ok(latencies)
}

fn engine_round(rest: SocketAddr) -> Result<Latencies, Box<dyn std::error::Error>> {
    let (listener, address) = listen()?;
    let engine = engine::Engine::start(address, rest);
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
