//! How the demo ended, in words and as JSON.

use std::io::{self, Write};

use serde::Serialize;
use tripline_engine::order::OrderState;

use super::judge::Verdict;
use super::positions::PositionRow;
use crate::running::ExitReport;

/// The summary, whose JSON form scripts rely on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Orders that were handed to the socket.
    pub orders_sent: u64,
    pub orders_filled: usize,
    pub orders_canceled: usize,
    pub open_at_exchange: usize,
    pub open_in_engine: usize,
    pub fills_at_exchange: usize,
    pub fills_in_engine: usize,
    pub halts: u64,
    pub alerts_delivered: u64,
    /// The largest resident set of the process, exchange included, in mebibytes.
    pub max_rss_mb: u64,
    /// Whether the engine's record equals the exchange's, order by order, position by position and in
    /// every balance, with at least one fill and one cancel.
    pub balanced: bool,
    /// What differs.
    pub differences: Vec<String>,
    /// What each strategy holds, and its profit at the last prices.
    pub positions: Vec<PositionRow>,
}

impl Summary {
    pub(super) fn new(report: &ExitReport, verdict: Verdict, positions: Vec<PositionRow>) -> Self {
        let desk = report.snapshot.as_ref().map(|snapshot| &snapshot.desk);
        let orders = desk.map(|desk| desk.orders.as_slice()).unwrap_or_default();
        let count = |state| orders.iter().filter(|order| order.state == state).count();
        let open_in_engine = orders
            .iter()
            .filter(|order| order.state.may_be_open())
            .count();
        let delivered = |snapshot: &crate::running::EngineSnapshot| {
            snapshot
                .alerts
                .iter()
                .map(|channel| channel.delivered)
                .sum()
        };
        let Verdict {
            filled,
            canceled,
            open_at_exchange,
            fills_at_exchange,
            fills_in_engine,
            ..
        } = verdict;
        let same = filled == count(OrderState::Filled)
            && canceled == count(OrderState::Canceled)
            && open_at_exchange == open_in_engine
            && fills_at_exchange == fills_in_engine;
        Self {
            orders_sent: desk.map_or(0, |desk| desk.orders_sent),
            orders_filled: filled,
            orders_canceled: canceled,
            open_at_exchange,
            open_in_engine,
            fills_at_exchange,
            fills_in_engine,
            halts: report
                .snapshot
                .as_ref()
                .map_or(0, |snapshot| snapshot.safety.halts),
            alerts_delivered: report.snapshot.as_ref().map_or(0, delivered),
            max_rss_mb: max_rss_mb(),
            balanced: same
                && verdict.differences.is_empty()
                && fills_at_exchange > 0
                && canceled > 0,
            differences: verdict.differences,
            positions,
        }
    }

    /// 0 when the records balance, else 1.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        i32::from(!self.balanced)
    }

    /// # Errors
    /// What keeps standard output from being written.
    pub fn print(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out)?;
        writeln!(out, "{:<24}{:>10}{:>10}", "", "engine", "exchange")?;
        writeln!(
            out,
            "{:<24}{:>10}{:>10}",
            "open orders", self.open_in_engine, self.open_at_exchange
        )?;
        writeln!(
            out,
            "{:<24}{:>10}{:>10}",
            "fills", self.fills_in_engine, self.fills_at_exchange
        )?;
        writeln!(
            out,
            "{} orders sent, {} filled, {} cancelled; {} halts, {} alerts delivered; at most {} MB resident",
            self.orders_sent,
            self.orders_filled,
            self.orders_canceled,
            self.halts,
            self.alerts_delivered,
            self.max_rss_mb
        )?;
        for position in &self.positions {
            writeln!(out, "{position}")?;
        }
        for difference in &self.differences {
            writeln!(out, "DIFFERENT  {difference}")?;
        }
        let verdict = if self.balanced {
            "balanced: the engine's record equals the exchange's, in every order, position and balance"
        } else {
            "NOT BALANCED: the records differ, or nothing was filled or cancelled"
        };
        writeln!(out, "{verdict}")?;
        if json {
            writeln!(
                out,
                "{}",
                serde_json::to_string(self).map_err(io::Error::other)?
            )?;
        }
        out.flush()
    }
}

/// `VmHWM` of this process in mebibytes; 0 where the system does not tell.
fn max_rss_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or(0, |kib| kib.div_ceil(1024))
}
