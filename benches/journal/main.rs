//! What an order's intent costs the trading thread before the order can be sent: four ways to write it
//! down, in rounds by turns, in the same run. `cargo bench --bench journal [FOLDER]`; the folder says
//! which disk is measured.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

mod ways;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tripline_engine::ids::{AccountId, ClientOrderId, OrderOrigin, RunId, StrategyId, Symbol};
use tripline_engine::journal::Intent;
use tripline_engine::messages::order::PlaceOrder;
use tripline_engine::order::{NewOrder, Side};
use tripline_engine::time::Timestamp;
use ways::{Encoding, HandOver, Inline, Intake, Way};

const ROUNDS: usize = 20;
const INTENTS: usize = 400;
/// Between two intents, so that the machine is as cold as between two orders.
const GAP: Duration = Duration::from_micros(200);

type Failure = Box<dyn std::error::Error>;

pub fn run() -> RunId {
    RunId::from_millis(1_795_000_000_000)
}

fn intent(sequence: u64) -> Result<Intent, Failure> {
    let strategy = StrategyId::new("dynamic_quot")?;
    let terms = NewOrder::limit(
        Symbol::new("BTCUSDT")?,
        Side::Buy,
        "0.00123".parse()?,
        "60021.51".parse()?,
    );
    Ok(PlaceOrder {
        id: ClientOrderId::of(&OrderOrigin {
            strategy,
            run: run(),
            sequence,
        }),
        strategy,
        account: AccountId::new("main")?,
        terms,
        created: Timestamp::from_nanos(1_795_000_000_123_456_789),
    })
}

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let folder = args.next().map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-journal"),
        PathBuf::from,
    );
    std::fs::create_dir_all(&folder)?;
    let mut ways: Vec<(&str, Box<dyn Way>)> = vec![
        (
            "intake, as the engine does it",
            Box::new(Intake::new(&folder, "c", false)?),
        ),
        (
            "SQLite commit inline",
            Box::new(Inline::new(&folder, "a", false)?),
        ),
        (
            "the same, locking_mode=EXCLUSIVE",
            Box::new(Inline::new(&folder, "b", true)?),
        ),
        (
            "hand over to a thread and wait",
            Box::new(HandOver::new(&folder, "d")?),
        ),
        ("JSON and hash alone", Box::new(Encoding::default())),
        (
            "intake, synced (durability = power)",
            Box::new(Intake::new(&folder, "p", true)?),
        ),
    ];
    let mut times = Vec::new();
    for _ in &ways {
        times.push(Histogram::<u64>::new(3)?);
    }
    let mut sequence = 0;
    for _ in 0..ROUNDS {
        for ((_, way), times) in ways.iter_mut().zip(&mut times) {
            for _ in 0..INTENTS {
                sequence += 1;
                let intent = intent(sequence)?;
                let start = Instant::now();
                while start.elapsed() < GAP {
                    std::hint::spin_loop();
                }
                let start = Instant::now();
                way.write(sequence, intent)?;
                times.record(u64::try_from(start.elapsed().as_nanos())?)?;
            }
        }
    }
    let first = times.first().map_or(0.0, |times| micros(times, 0.5));
    println!(
        "{ROUNDS} rounds of {INTENTS} intents; p50, p99, p99.9 in µs, and p50 as a multiple of the first"
    );
    for ((name, _), times) in ways.iter().zip(&times) {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| micros(times, quantile));
        println!(
            "  {name:36} {p50:9.2} {p99:9.2} {p999:9.2} {:7.2}",
            p50 / first
        );
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds of one run are far below 2^52"
)]
fn micros(times: &Histogram<u64>, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1000.0
}
