//! A recording as one symbol's market: its book is the liquidity, its trades are the takers.
//!
//! What users take from a recorded level is gone until the recording changes that level. A user's
//! resting order trades when recorded trades go through its price, or at its price once the recorded
//! quantity that stood before it has traded.

use std::collections::VecDeque;

use log::{error, warn};
use tripline_engine::ids::Symbol;
use tripline_engine::money::{Price, Quantity};

use super::config::ReplayConfig;
use super::recording::{DepthDiff, Frame, FrameKind, Recording, Snapshot, Ticker, parse_line};
use super::{MarketError, drive};
use crate::model::{Exchange, Side, Time};

/// How many depth events are kept for the case that a snapshot older than them follows.
const BACKLOG: usize = 1_000;

/// How long a recording that repeats pauses before it starts again, in microseconds: one without any
/// duration must not repeat at a single moment for ever.
const PAUSE_US: i64 = 100_000;

/// How far a replay is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayProgress {
    pub lines: u64,
    /// Lines that could not be read; the first of each file is logged.
    pub bad_lines: u64,
    pub depth_events: u64,
    pub trades: u64,
    /// Places where the recording's own update ids do not follow each other.
    pub gaps: u64,
    /// Whether the recording is at its end (and does not repeat).
    pub finished: bool,
    /// Why a file broke off before its end.
    pub failure: Option<String>,
}

/// One recording that drives one symbol.
#[derive(Debug)]
pub struct Replay {
    config: ReplayConfig,
    recorded: Symbol,
    recording: Recording,
    /// Which of the files is open.
    file: usize,
    next: Option<Frame>,
    /// A moment of the exchange and the recording's time (ns) at it.
    anchor: (Time, i64),
    now: Time,
    backlog: VecDeque<DepthDiff>,
    last_id: Option<u64>,
    /// The newest best prices, which may be ahead of the depth events.
    ticker: Option<Ticker>,
    progress: ReplayProgress,
    /// The first step takes away what the symbol's book held before.
    fresh: bool,
}

impl Replay {
    /// Opens the first file and reads up to its first frame.
    ///
    /// # Errors
    /// [`MarketError::NoFile`], [`MarketError::Speed`], [`MarketError::Recording`].
    pub(super) fn open(config: &ReplayConfig, now: Time) -> Result<Self, MarketError> {
        let symbol = config.symbol;
        if !(config.speed.is_finite() && config.speed > 0.0) {
            return Err(MarketError::Speed {
                symbol,
                speed: config.speed,
            });
        }
        let first = config.files.first().ok_or(MarketError::NoFile(symbol))?;
        let mut replay = Self {
            recorded: config.recorded.unwrap_or(symbol),
            recording: Recording::open(first)?,
            config: config.clone(),
            file: 0,
            next: None,
            anchor: (now, 0),
            now,
            backlog: VecDeque::new(),
            last_id: None,
            ticker: None,
            progress: ReplayProgress::default(),
            fresh: true,
        };
        replay.next = replay.read_frame();
        replay.set_anchor(now);
        Ok(replay)
    }

    #[must_use]
    pub const fn symbol(&self) -> Symbol {
        self.config.symbol
    }

    #[must_use]
    pub const fn progress(&self) -> &ReplayProgress {
        &self.progress
    }

    fn set_anchor(&mut self, now: Time) {
        let at = self.next.as_ref().map_or(0, |frame| frame.local_ns);
        self.anchor = (now, at);
        self.now = now;
    }

    /// Goes on with the next frame at `to`.
    pub(super) fn skip_to(&mut self, to: Time) {
        self.set_anchor(to);
    }

    /// When the next frame is due; never before an earlier one, even if the recorder's clock stepped.
    #[must_use]
    pub fn next_at(&self) -> Option<Time> {
        let frame = self.next.as_ref()?;
        let elapsed = frame.local_ns.saturating_sub(self.anchor.1) as f64 / 1_000.0;
        let due = self.anchor.0.plus((elapsed / self.config.speed) as i64);
        Some(due.max(self.now))
    }

    /// The next frame that matters, from this file or the next ones.
    fn read_frame(&mut self) -> Option<Frame> {
        loop {
            match self.recording.next_line() {
                Ok(Some(line)) => {
                    self.progress.lines += 1;
                    match parse_line(&line, self.recorded) {
                        Ok(Frame {
                            kind: FrameKind::Other,
                            ..
                        }) => {}
                        Ok(frame) => return Some(frame),
                        Err(reason) => self.bad_line(&reason.to_string()),
                    }
                }
                Ok(None) => {
                    if !self.next_file() {
                        return None;
                    }
                }
                Err(failure) => {
                    error!("replay of {} broke off: {failure}", self.config.symbol);
                    self.progress.failure = Some(failure.to_string());
                    if !self.next_file() {
                        return None;
                    }
                }
            }
        }
    }

    fn bad_line(&mut self, reason: &str) {
        self.progress.bad_lines += 1;
        if self.progress.bad_lines == 1 {
            let (symbol, line) = (self.config.symbol, self.progress.lines);
            warn!(
                "replay of {symbol}: line {line} is passed over: {reason}; others are only counted"
            );
        }
    }

    /// Opens the file after the one at its end; `false` when there is none.
    fn next_file(&mut self) -> bool {
        self.file += 1;
        let Some(path) = self.config.files.get(self.file) else {
            return false;
        };
        match Recording::open(path) {
            Ok(recording) => {
                self.recording = recording;
                true
            }
            Err(failure) => {
                error!("replay of {}: {failure}", self.config.symbol);
                self.progress.failure = Some(failure.to_string());
                false
            }
        }
    }

    /// Starts again with the first file, if the configuration says so and the run had any frame.
    fn start_again(&mut self) {
        self.progress.finished = true;
        if !self.config.repeat || self.progress.failure.is_some() {
            return;
        }
        let Some(first) = self.config.files.first() else {
            return;
        };
        match Recording::open(first) {
            Ok(recording) => {
                self.recording = recording;
                self.file = 0;
                self.backlog.clear();
                self.last_id = None;
                self.ticker = None;
                self.fresh = true;
                self.progress.finished = false;
                self.next = self.read_frame();
                self.set_anchor(self.now.plus(PAUSE_US));
            }
            Err(failure) => {
                error!("replay of {}: {failure}", self.config.symbol);
                self.progress.failure = Some(failure.to_string());
            }
        }
    }

    /// Lets the next frame happen at its time.
    pub(super) fn step(&mut self, exchange: &mut Exchange) {
        let (Some(now), Some(frame)) = (self.next_at(), self.next.take()) else {
            return;
        };
        self.now = now;
        if std::mem::take(&mut self.fresh) {
            drive(exchange, self.config.symbol, now, |run| run.clear_market());
        }
        match frame.kind {
            FrameKind::Depth(diff) => self.depth(exchange, diff, now),
            FrameKind::Snapshot(snapshot) => self.snapshot(exchange, &snapshot, now),
            FrameKind::Ticker(ticker) => {
                self.set_levels(exchange, &[], &[], Some(&ticker), now);
                self.ticker = Some(ticker);
            }
            FrameKind::Trade(trade) => {
                self.progress.trades += 1;
                if !trade.price.is_zero() && !trade.quantity.is_zero() {
                    drive(exchange, self.config.symbol, now, |run| {
                        run.recorded_trade(trade.price, trade.quantity, trade.buyer_is_maker);
                    });
                }
            }
            FrameKind::Other => {}
        }
        self.next = self.read_frame();
        if self.next.is_none() {
            self.start_again();
        }
    }

    fn depth(&mut self, exchange: &mut Exchange, diff: DepthDiff, now: Time) {
        self.progress.depth_events += 1;
        if self.last_id.is_some_and(|last| diff.last_id <= last) {
            return;
        }
        if self.last_id.is_some_and(|last| diff.first_id > last + 1) {
            self.progress.gaps += 1;
        }
        self.last_id = Some(diff.last_id);
        let ahead = self
            .ticker
            .clone()
            .filter(|ticker| ticker.update_id > diff.last_id);
        self.set_levels(exchange, &diff.bids, &diff.asks, ahead.as_ref(), now);
        if self.backlog.len() == BACKLOG {
            self.backlog.pop_front();
        }
        self.backlog.push_back(diff);
    }

    /// The book of the snapshot, and then again the depth events that are newer than it.
    fn snapshot(&mut self, exchange: &mut Exchange, snapshot: &Snapshot, now: Time) {
        let newer: Vec<DepthDiff> = self
            .backlog
            .iter()
            .filter(|diff| diff.last_id > snapshot.last_id)
            .cloned()
            .collect();
        let ahead = self
            .ticker
            .clone()
            .filter(|ticker| ticker.update_id > snapshot.last_id);
        drive(exchange, self.config.symbol, now, |run| {
            for side in [Side::Buy, Side::Sell] {
                let rows = if side == Side::Buy {
                    &snapshot.bids
                } else {
                    &snapshot.asks
                };
                let old: Vec<Price> = run.market_levels(side).map(|(price, _)| price).collect();
                for price in old {
                    run.set_market_level(side, price, Quantity::ZERO);
                }
                for (price, quantity) in rows {
                    run.set_market_level(side, *price, *quantity);
                }
            }
            if let Some((price, _)) = snapshot.bids.first() {
                run.set_first_price(*price);
            }
        });
        let applied = newer.last().map_or(snapshot.last_id, |diff| diff.last_id);
        self.last_id = Some(self.last_id.unwrap_or(0).max(applied));
        for diff in &newer {
            self.set_levels(exchange, &diff.bids, &diff.asks, None, now);
        }
        self.set_levels(exchange, &[], &[], ahead.as_ref(), now);
    }

    /// Absolute quantities of levels, those that go first; then the best prices, beyond which nothing
    /// of the recording's stays.
    fn set_levels(
        &self,
        exchange: &mut Exchange,
        bids: &[(Price, Quantity)],
        asks: &[(Price, Quantity)],
        best: Option<&Ticker>,
        now: Time,
    ) {
        drive(exchange, self.config.symbol, now, |run| {
            for gone in [true, false] {
                for (side, rows) in [(Side::Buy, bids), (Side::Sell, asks)] {
                    for (price, quantity) in rows.iter().filter(|row| row.1.is_zero() == gone) {
                        run.set_market_level(side, *price, *quantity);
                    }
                }
            }
            if let Some(best) = best {
                run.set_first_price(best.bid);
                run.clear_market_before(Side::Buy, best.bid);
                run.clear_market_before(Side::Sell, best.ask);
                run.set_market_level(Side::Buy, best.bid, best.bid_quantity);
                run.set_market_level(Side::Sell, best.ask, best.ask_quantity);
            }
        });
    }
}
