//! What `tripline simulate` does: runs seeds on every core, tells which failed and why, and sums up.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use serde::Serialize;
use tripline_engine::fault::FaultKind;
use tripline_engine::ids::StrategyId;

use super::panics;
use super::run::{Outcome, simulate};
use super::subject::Subject;
use super::tally::StrategyTally;

/// The failed seeds whose traces are printed unasked.
const TRACES_UNASKED: usize = 1;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct SimulateOptions {
    pub seeds: Range<u64>,
    /// End with one JSON object on the last line.
    pub json: bool,
    /// Print what happened, of every seed.
    pub trace: bool,
}

/// The sum over all seeds, whose JSON form scripts rely on.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct SimulationSummary {
    pub seeds: u64,
    /// The seeds that failed.
    pub failed: Vec<u64>,
    pub virtual_seconds: u64,
    /// At the exchange.
    pub orders: usize,
    pub fills: usize,
    /// What went wrong on purpose, by kind.
    pub faults_injected: BTreeMap<&'static str, u64>,
    /// Orders whose outcome was unknown for a while.
    pub uncertain_orders: u64,
    pub halts: u64,
    /// What raised them, by fault kind, repeats included.
    pub halted_by: BTreeMap<FaultKind, u64>,
    pub alerts: usize,
    pub strategies: BTreeMap<StrategyId, StrategyTally>,
}

impl SimulationSummary {
    fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        if !outcome.wrong.is_empty() {
            self.failed.push(outcome.seed);
        }
        self.virtual_seconds += outcome.virtual_time.as_secs();
        self.orders += outcome.orders;
        self.fills += outcome.fills;
        for (kind, times) in &outcome.faults {
            *self.faults_injected.entry(kind).or_default() += times;
        }
        self.uncertain_orders += outcome.uncertain;
        self.halts += outcome.halts;
        self.alerts += outcome.alerts;
        for (kind, times) in &outcome.halted_by {
            *self.halted_by.entry(*kind).or_default() += times;
        }
        for (id, tally) in &outcome.strategies {
            self.strategies.entry(*id).or_default().add(tally);
        }
    }
}

/// Runs the seeds and prints what came of them.
///
/// # Errors
/// What keeps standard output from being written.
pub fn run(subject: &Subject, options: &SimulateOptions) -> io::Result<SimulationSummary> {
    panics::keep_wanted_quiet();
    let mut out = io::stdout().lock();
    let mut summary = SimulationSummary::default();
    let mut traced = 0;
    in_order(subject, options, |outcome| {
        summary.add(&outcome);
        out.write_all(outcome.trace.as_bytes())?;
        if outcome.wrong.is_empty() {
            return Ok(());
        }
        if !options.trace && traced < TRACES_UNASKED {
            traced += 1;
            out.write_all(simulate(subject, outcome.seed, true).trace.as_bytes())?;
        }
        tell_failure(&outcome, &mut out)
    })?;
    tell(&summary, &mut out)?;
    if options.json {
        let line = serde_json::to_string(&summary).map_err(io::Error::other)?;
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(summary)
}

/// Runs the seeds on all cores and hands over what came of them, in order.
fn in_order(
    subject: &Subject,
    options: &SimulateOptions,
    mut take: impl FnMut(Outcome) -> io::Result<()>,
) -> io::Result<()> {
    let Range { start, end } = options.seeds;
    let (next, cores) = (AtomicU64::new(start), thread::available_parallelism());
    let cores = cores.map_or(1, NonZeroUsize::get);
    let (send, outcomes) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..cores {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    // Nobody takes outcomes any more when the output is gone.
                    if seed >= end || send.send(simulate(subject, seed, options.trace)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let (mut due, mut early) = (start, BTreeMap::new());
        for outcome in outcomes {
            early.insert(outcome.seed, outcome);
            while let Some(outcome) = early.remove(&due) {
                take(outcome)?;
                due += 1;
            }
        }
        Ok(())
    })
}

fn tell_failure(outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
    let seed = outcome.seed;
    writeln!(
        out,
        "FAILED  seed {seed}; again with: tripline simulate --seeds {seed}..{} --trace",
        seed + 1
    )?;
    for wrong in &outcome.wrong {
        writeln!(out, "        {wrong}")?;
    }
    Ok(())
}

fn tell(summary: &SimulationSummary, out: &mut impl Write) -> io::Result<()> {
    let faults: u64 = summary.faults_injected.values().sum();
    writeln!(
        out,
        "{} seeds, {} virtual seconds: {} orders, {} fills; {faults} faults, {} orders uncertain for a while, \
         {} halts, {} alerts",
        summary.seeds,
        summary.virtual_seconds,
        summary.orders,
        summary.fills,
        summary.uncertain_orders,
        summary.halts,
        summary.alerts,
    )?;
    tell_strategies(summary, out)?;
    match summary.failed.len() {
        0 => writeln!(
            out,
            "every seed balanced: the engine's record equals the exchange's"
        ),
        failed => writeln!(out, "{failed} seeds FAILED: {:?}", summary.failed),
    }
}

/// One line for each strategy, and what halted them.
fn tell_strategies(summary: &SimulationSummary, out: &mut impl Write) -> io::Result<()> {
    for (id, tally) in &summary.strategies {
        write!(
            out,
            "  {id:<12} {} orders, {} fills, {} uncertain for a while",
            tally.orders, tally.fills, tally.uncertain
        )?;
        for (ending, count) in &tally.endings {
            write!(out, ", {} {count}", ending.to_ascii_lowercase())?;
        }
        for (asset, spread) in &tally.results {
            let [sum, worst, best] =
                [spread.sum, spread.worst, spread.best].map(|value| value.round_dp(2).normalize());
            write!(
                out,
                "; result before fees {sum} {asset} (a seed from {worst} to {best})"
            )?;
        }
        writeln!(out)?;
    }
    let halted: Vec<_> = summary.halted_by.iter().collect();
    if !halted.is_empty() {
        let kinds: Vec<_> = halted
            .iter()
            .map(|(kind, times)| format!("{kind} {times}"))
            .collect();
        writeln!(out, "  faults seen: {}", kinds.join(", "))?;
    }
    Ok(())
}
