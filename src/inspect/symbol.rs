//! Follows one symbol through a recording.

use tripline_engine::book::{
    Book, BookState, BreakReason, ChainRule, ChangeOutcome, Depth, Ladder, SnapshotOutcome,
};
use tripline_engine::ids::Symbol;
use tripline_engine::kline::{KlineBuilder, KlineError};
use tripline_engine::messages::market::{BestBidAsk, BookChange, DepthSnapshot, Trade};
use tripline_engine::money::{MoneyError, Quantity};

use super::oracle::Oracle;
use super::report::{
    BookReport, DiffIds, KlineReport, Pair, Sample, SnapshotReport, SymbolReport, TradesReport,
};

/// After how many applied diffs the book is sampled.
const SAMPLE_EVERY: u64 = 500;

/// What is noted of diffs as they apply.
#[derive(Default)]
struct Notes {
    applied: u64,
    first_applied: Option<DiffIds>,
    samples: Vec<Sample>,
    oracle: Oracle,
}

impl Notes {
    fn applied(&mut self, depth: &Depth, change: &BookChange) {
        self.applied += 1;
        if self.first_applied.is_none() {
            self.first_applied = Some(DiffIds {
                first: change.first_update_id,
                last: change.last_update_id,
                pu: change.previous_update_id,
            });
        }
        self.oracle
            .book(change.last_update_id, (depth.best_bid(), depth.best_ask()));
        if self.applied.is_multiple_of(SAMPLE_EVERY) {
            self.samples.push(Sample {
                applied: self.applied,
                u: change.last_update_id,
                event_time: change.venue_time.as_millis(),
                bid: depth.best_bid().map(Pair),
                ask: depth.best_ask().map(Pair),
                levels: [depth.bids().len(), depth.asks().len()],
            });
        }
    }
}

/// One symbol's book, trades and klines.
pub(super) struct Follower {
    symbol: Symbol,
    /// Made with the first diff, which shows the chain's rule.
    book: Option<Book>,
    /// The end of the newest diff, whether applied or not.
    chain: Option<u64>,
    chain_gaps: u64,
    snapshot: Option<SnapshotReport>,
    notes: Notes,
    trades: TradesReport,
    klines: KlineBuilder,
    closed: Vec<KlineReport>,
}

impl Follower {
    pub fn new(symbol: Symbol) -> Self {
        Self {
            symbol,
            book: None,
            chain: None,
            chain_gaps: 0,
            snapshot: None,
            notes: Notes::default(),
            trades: TradesReport::default(),
            klines: KlineBuilder::one_minute(symbol),
            closed: vec![],
        }
    }

    pub const fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// Whether a snapshot could be for this symbol.
    pub const fn has_diffs(&self) -> bool {
        self.book.is_some()
    }

    pub fn change(&mut self, change: &BookChange) -> Result<(), BreakReason> {
        let rule = if change.previous_update_id.is_some() {
            ChainRule::PreviousId
        } else {
            ChainRule::UpdateIds
        };
        self.count_gap(rule, change);
        let book = self
            .book
            .get_or_insert_with(|| Book::new(self.symbol, rule));
        let outcome = book.change(change)?;
        if let (ChangeOutcome::Applied { .. }, Some(depth)) = (outcome, book.live()) {
            self.notes.applied(depth, change);
        }
        Ok(())
    }

    fn count_gap(&mut self, rule: ChainRule, change: &BookChange) {
        let base = match rule {
            ChainRule::UpdateIds => change.first_update_id.saturating_sub(1),
            ChainRule::PreviousId => change.previous_update_id.unwrap_or_default(),
        };
        if self.chain.is_some_and(|end| base > end) {
            self.chain_gaps += 1;
        }
        self.chain = self.chain.max(Some(change.last_update_id));
    }

    /// Takes a snapshot; one that comes before any diff is lost on the book and must be held back.
    pub fn snapshot(&mut self, line: u64, snapshot: &DepthSnapshot) -> Result<(), BreakReason> {
        let Some(book) = &mut self.book else {
            return Ok(());
        };
        let (first_before, notes) = (self.notes.first_applied.take(), &mut self.notes);
        let outcome = book.snapshot_watched(snapshot, |depth, change| notes.applied(depth, change));
        match outcome? {
            SnapshotOutcome::Live { .. } => {
                self.snapshot = Some(SnapshotReport {
                    line,
                    last_update_id: snapshot.last_update_id,
                    bids: snapshot.bids.len(),
                    asks: snapshot.asks.len(),
                });
            }
            SnapshotOutcome::TooOld { .. } | SnapshotOutcome::NotNeeded => {
                self.notes.first_applied = first_before;
            }
        }
        Ok(())
    }

    pub fn touch(&mut self, touch: &BestBidAsk) {
        self.notes
            .oracle
            .venue(touch.update_id, touch.bid, touch.ask);
    }

    pub fn trade(&mut self, trade: &Trade) -> Result<(), MoneyError> {
        let quote = trade.price.notional(trade.quantity)?;
        let sum_qty = self.trades.sum_qty.checked_add(trade.quantity)?;
        let sum_quote = self.trades.sum_quote.checked_add(quote)?;
        match self.klines.add(trade) {
            Ok(closed) => self.closed.extend(closed.map(KlineReport)),
            Err(KlineError::Money(error)) => return Err(error),
            Err(_) => self.trades.late += 1,
        }
        let trades = &mut self.trades;
        let id = trade.id.0;
        if trades
            .last_t
            .is_some_and(|last| id > last.saturating_add(1))
        {
            trades.id_gaps += 1;
        }
        trades.first_t = trades.first_t.or(Some(id));
        trades.last_t = trades.last_t.max(Some(id));
        (trades.sum_qty, trades.sum_quote) = (sum_qty, sum_quote);
        trades.count += 1;
        trades.buyer_maker += u64::from(trade.buyer_is_maker);
        trades
            .kinds
            .count(trade.kind.as_ref().map_or("None", |kind| kind.as_str()));
        Ok(())
    }

    pub fn report(mut self) -> SymbolReport {
        self.closed
            .extend(self.klines.open().copied().map(KlineReport));
        SymbolReport {
            symbol: self.symbol,
            depth_chain_gaps: self.chain_gaps,
            book: book_report(self.book.as_ref(), self.snapshot, self.notes),
            trades: self.trades,
            klines_1m_from_trades: self.closed,
        }
    }
}

fn book_report(book: Option<&Book>, snapshot: Option<SnapshotReport>, notes: Notes) -> BookReport {
    let counters = book.map(Book::counters).unwrap_or_default();
    let state = book.map_or(BookState::Syncing, Book::state);
    let depth = book.and_then(Book::live);
    let (bids, asks) = (depth.map(Depth::bids), depth.map(Depth::asks));
    let top = |side: Option<&Ladder>| -> Vec<Pair> {
        side.map(|side| side.levels().take(20).map(Pair).collect())
            .unwrap_or_default()
    };
    let len = |side: Option<&Ladder>| side.map_or(0, Ladder::len);
    let sum = |side: Option<&Ladder>| {
        side.map_or(Some(Quantity::ZERO), |side| side.depth(usize::MAX).ok())
    };
    BookReport {
        snapshot,
        stale_dropped: counters.stale,
        first_applied: notes.first_applied,
        applied: notes.applied,
        final_u: book.and_then(Book::last_update_id),
        crossed: counters.crossed,
        bbo_oracle: notes.oracle.score(),
        final_bids_top20: top(bids),
        final_asks_top20: top(asks),
        final_levels: [len(bids), len(asks)],
        final_sum_qty: [sum(bids), sum(asks)],
        samples: notes.samples,
        state,
        reason: match state {
            BookState::Broken(reason) => Some(reason.to_string()),
            BookState::Syncing | BookState::Live => None,
        },
        counters,
    }
}
