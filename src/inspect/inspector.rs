//! Takes a recording line by line and keeps what it finds.

use std::collections::BTreeMap;

use thiserror::Error;
use tripline_actors::recording::{CutFile, Line};
use tripline_actors::venue::binance::wire::decode::{DecodeError, DecodeReason};
use tripline_actors::venue::binance::wire::frame::{Frame, decode_recorded, stream_name};
use tripline_actors::venue::binance::wire::market::decode_depth_snapshot;
use tripline_engine::book::BreakReason;
use tripline_engine::ids::Symbol;
use tripline_engine::messages::market::MarketEvent;
use tripline_engine::money::MoneyError;
use tripline_engine::time::Timestamp;

use super::report::{Finding, Report};
use super::symbol::Follower;

/// How many bad lines and how many breaks are told with their reason; all are counted.
const FINDINGS_TOLD: usize = 20;

/// How errors and reports call the snapshot in a recording.
const SNAPSHOT: &str = "rest_depth_snapshot";

#[derive(Debug, Error)]
enum LineFault {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error("the snapshot could belong to any of {0} symbols")]
    WhoseSnapshot(usize),
}

/// A snapshot that came before the first diff of its symbol.
struct Waiting {
    line: u64,
    received: Timestamp,
    body: String,
}

/// Inspects lines; [`Inspector::report`] tells the findings.
#[derive(Default)]
pub struct Inspector {
    report: Report,
    /// By symbol, so that reports list them in a fixed order.
    symbols: BTreeMap<Symbol, Follower>,
    waiting: Option<Waiting>,
}

impl Inspector {
    /// Starts with the names of the files, for the report only.
    #[must_use]
    pub fn new(files: Vec<String>) -> Self {
        let report = Report {
            name: name_of(&files),
            files,
            ..Report::default()
        };
        Self {
            report,
            ..Self::default()
        }
    }

    /// Takes a well-formed line; a frame that cannot be read counts as a bad line.
    pub fn line(&mut self, line: &Line<'_>) {
        self.report.lines += 1;
        let local = line.received.as_nanos();
        self.report.first_local = self.report.first_local.or(Some(local));
        self.report.last_local = Some(local);
        if let Err(fault) = self.frame(line) {
            self.tell(line.number, fault.to_string());
        }
    }

    /// Takes a line that is none.
    pub fn bad_line(&mut self, number: u64, reason: String) {
        self.report.lines += 1;
        self.tell(number, reason);
    }

    pub fn damaged(&mut self, cut: &CutFile) {
        self.report.damaged.push(cut.to_string());
    }

    fn tell(&mut self, line: u64, reason: String) {
        self.report.bad_lines += 1;
        if self.report.bad_line_reasons.len() < FINDINGS_TOLD {
            self.report.bad_line_reasons.push(Finding { line, reason });
        }
    }

    fn frame(&mut self, line: &Line<'_>) -> Result<(), LineFault> {
        let stream = stream_name(line.frame).map(kind_of_stream);
        let frame = match decode_recorded(line.frame, line.received) {
            Ok(frame) => frame,
            Err(error) => match error.reason {
                DecodeReason::NoSymbol => return self.snapshot_line(line),
                DecodeReason::Unsupported { kind } => {
                    self.report.messages.count(stream.unwrap_or(&kind));
                    return Ok(());
                }
                _ => return Err(error.into()),
            },
        };
        let kind = stream.unwrap_or_else(|| kind_of_frame(&frame));
        if let Frame::Event(event) = &frame {
            self.event(line.number, event)?;
        }
        self.report.messages.count(kind);
        Ok(())
    }

    /// A depth body without a symbol is the answer to a REST request.
    fn snapshot_line(&mut self, line: &Line<'_>) -> Result<(), LineFault> {
        self.snapshot(line.number, line.received, line.frame)?;
        self.report.messages.count(SNAPSHOT);
        Ok(())
    }

    fn event(&mut self, line: u64, event: &MarketEvent) -> Result<(), LineFault> {
        match event {
            MarketEvent::BookChange(change) => {
                let follower = self.follower(change.symbol);
                let is_first = !follower.has_diffs();
                let outcome = follower.change(change);
                self.note(line, outcome);
                if let Some(waiting) = self.waiting.take_if(|_| is_first) {
                    self.snapshot(waiting.line, waiting.received, &waiting.body)?;
                }
            }
            MarketEvent::BestBidAsk(touch) => self.follower(touch.symbol).touch(touch),
            MarketEvent::Trade(trade) => self.follower(trade.symbol).trade(trade)?,
            MarketEvent::DepthSnapshot(_)
            | MarketEvent::PartialDepth(_)
            | MarketEvent::AggTrade(_)
            | MarketEvent::Kline(_) => {}
        }
        Ok(())
    }

    fn follower(&mut self, symbol: Symbol) -> &mut Follower {
        self.symbols
            .entry(symbol)
            .or_insert_with(|| Follower::new(symbol))
    }

    /// Most snapshots do not say their symbol; with diffs of a single one there is no doubt.
    fn snapshot(&mut self, line: u64, received: Timestamp, body: &str) -> Result<(), LineFault> {
        let mut with_diffs = self
            .symbols
            .values_mut()
            .filter(|follower| follower.has_diffs());
        let Some(follower) = with_diffs.next() else {
            self.waiting = Some(Waiting {
                line,
                received,
                body: body.to_owned(),
            });
            return Ok(());
        };
        let others = with_diffs.count();
        if others > 0 {
            return Err(LineFault::WhoseSnapshot(others + 1));
        }
        let snapshot = decode_depth_snapshot(follower.symbol(), body, received)?;
        let outcome = follower.snapshot(line, &snapshot);
        self.note(line, outcome);
        Ok(())
    }

    /// A book that breaks is a finding and not a fault of the line; the book itself counts all.
    fn note(&mut self, line: u64, outcome: Result<(), BreakReason>) {
        if let Err(reason) = outcome
            && self.report.breaks.len() < FINDINGS_TOLD
        {
            self.report.breaks.push(Finding {
                line,
                reason: reason.to_string(),
            });
        }
    }

    #[must_use]
    pub fn report(mut self) -> Report {
        if let Some(Waiting { line, .. }) = self.waiting {
            let reason = "the snapshot was not used: no depth diff came after it".to_owned();
            self.report.breaks.push(Finding { line, reason });
        }
        let symbols = self.symbols.into_values().map(Follower::report).collect();
        Report {
            symbols,
            ..self.report
        }
    }
}

/// `depth@100ms` of `btcusdt@depth@100ms`.
fn kind_of_stream(stream: &str) -> &str {
    stream.split_once('@').map_or(stream, |(_, kind)| kind)
}

const fn kind_of_frame(frame: &Frame) -> &'static str {
    match frame {
        Frame::Event(MarketEvent::BestBidAsk(_)) => "bookTicker",
        Frame::Event(MarketEvent::DepthSnapshot(_)) => SNAPSHOT,
        Frame::Event(MarketEvent::PartialDepth(_)) => "partial_depth",
        Frame::Event(MarketEvent::BookChange(_)) => "depth",
        Frame::Event(MarketEvent::Trade(_)) => "trade",
        Frame::Event(MarketEvent::AggTrade(_)) => "aggTrade",
        Frame::Event(MarketEvent::Kline(_)) => "kline",
        Frame::Reply(_) => "control_reply",
        Frame::Refused(_) => "control_error",
        Frame::ServerShutdown => "serverShutdown",
    }
}

/// `a_20240718-19` for the files `a_20240718.gz` and `a_20240719.gz`.
fn name_of(files: &[String]) -> String {
    let stem = |file: &String| file.split('.').next().unwrap_or(file).to_owned();
    let (Some(first), Some(last)) = (files.first().map(stem), files.last().map(stem)) else {
        return String::new();
    };
    // Numbers are shown whole: what both names share ends before the last group of two digits.
    let same = first
        .bytes()
        .zip(last.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let digits = last.bytes().rev().take_while(u8::is_ascii_digit).count();
    let start = if digits > 1 {
        same.min(last.len().saturating_sub(2))
    } else {
        same
    };
    match last.get(start..) {
        Some(rest) if first != last => format!("{first}-{rest}"),
        _ => first,
    }
}
