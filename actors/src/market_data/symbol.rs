//! The market data of one symbol: its book, its freshness and who wants what of it.

use std::time::Duration;

use tripline_engine::book::{Book, ChainRule, ChangeOutcome, Depth, SnapshotOutcome};
use tripline_engine::ids::{StrategyId, Symbol};
use tripline_engine::messages::market::{BookChange, DepthSnapshot, MarketEvent, PartialDepth};
use tripline_engine::messages::view::{BookLost, BookView, ReferenceChanged};
use tripline_engine::money::Price;
use tripline_engine::strategy::Subscription;
use tripline_engine::time::Timestamp;

use super::health::{BookHealth, SymbolHealth};
use super::newest::News;
use super::reader::{Reader, To};
use crate::delivery::Outlet;

/// The gateway gets a reference price at most this often.
const REFERENCE_EVERY: Duration = Duration::from_secs(1);

/// What has to be done after data was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    Snapshot(String),
}

/// One symbol.
pub(super) struct SymbolData {
    symbol: Symbol,
    /// Present when a strategy wants the book.
    book: Option<Book>,
    /// It lived, and has a gap or was crossed: until it lives again, its instrument has no fresh data.
    book_lost: bool,
    snapshot_under_way: bool,
    snapshots: u32,
    /// `None` while the venue was not asked for it or has not agreed: silence means nothing yet.
    last_data: Option<Timestamp>,
    fresh: bool,
    stale_reported: bool,
    reference_sent: Option<Timestamp>,
    news: News,
    readers: Vec<Reader>,
}

impl SymbolData {
    pub(super) fn new(symbol: Symbol) -> Self {
        Self {
            symbol,
            book: None,
            book_lost: false,
            snapshot_under_way: false,
            snapshots: 0,
            last_data: None,
            fresh: false,
            stale_reported: false,
            reference_sent: None,
            news: News::default(),
            readers: Vec::new(),
        }
    }

    pub(super) fn subscribe(&mut self, reader: Reader) {
        if matches!(reader.subscription, Subscription::Book { .. }) {
            self.book
                .get_or_insert_with(|| Book::new(self.symbol, ChainRule::UpdateIds));
        }
        self.readers.push(reader);
        self.show_book_to_newest();
    }

    pub(super) fn unsubscribe(&mut self, strategy: StrategyId, subscription: &Subscription) {
        self.readers
            .retain(|reader| !reader.is(strategy, subscription));
        let is_book = |reader: &Reader| matches!(reader.to, To::Book { .. });
        if !self.readers.iter().any(is_book) {
            self.book = None;
            self.book_lost = false;
        }
    }

    pub(super) fn has(&self, strategy: StrategyId, subscription: &Subscription) -> bool {
        let mut readers = self.readers.iter();
        readers.any(|reader| reader.is(strategy, subscription))
    }

    pub(super) fn is_wanted(&self) -> bool {
        !self.readers.is_empty()
    }

    pub(super) fn wanted(&self) -> impl Iterator<Item = Subscription> {
        self.readers.iter().map(|reader| reader.subscription)
    }

    /// The venue sends data from now on. `true` when there is a book to be built.
    pub(super) fn begin(&mut self, now: Timestamp) -> bool {
        self.last_data.get_or_insert(now);
        self.book.as_ref().is_some_and(|book| book.live().is_none())
    }

    pub(super) fn take(&mut self, event: MarketEvent, gateway: &Outlet<ReferenceChanged>) -> Needs {
        let received = event.received();
        self.last_data = Some(received);
        self.stale_reported = false;
        if !self.news.is_news(&event) {
            return Needs::Nothing;
        }
        match event {
            MarketEvent::BestBidAsk(best) => {
                self.refer_touch(best.bid.price, best.ask.price, received, gateway);
                for reader in &mut self.readers {
                    if let To::Best(latest) = &mut reader.to {
                        latest.send(best);
                    }
                }
            }
            MarketEvent::BookChange(change) => return self.change(&change, gateway),
            MarketEvent::PartialDepth(depth) => {
                if let (Some(bid), Some(ask)) = (depth.bids.first(), depth.asks.first()) {
                    self.refer_touch(bid.price, ask.price, received, gateway);
                }
                self.show_depth(&depth);
            }
            MarketEvent::Trade(trade) => {
                self.refer(trade.price, trade.price, received, gateway);
                for reader in &self.readers {
                    if let To::Trades(outlet) = &reader.to {
                        outlet.send(trade);
                    }
                }
            }
            MarketEvent::AggTrade(trade) => {
                self.refer(trade.price, trade.price, received, gateway);
                for reader in &self.readers {
                    if let To::AggTrades(outlet) = &reader.to {
                        outlet.send(trade);
                    }
                }
            }
            MarketEvent::Kline(kline) => {
                self.refer(kline.close, kline.close, received, gateway);
                for reader in &self.readers {
                    if let (To::Klines(outlet), Subscription::Klines { interval, .. }) =
                        (&reader.to, reader.subscription)
                        && interval == kline.interval
                    {
                        outlet.send(kline);
                    }
                }
            }
            MarketEvent::DepthSnapshot(_) => {}
        }
        Needs::Nothing
    }

    fn show_depth(&mut self, depth: &PartialDepth) {
        for reader in &mut self.readers {
            if let (To::Depth(latest), Subscription::Depth { levels: wanted, .. }) =
                (&mut reader.to, reader.subscription)
                && depth
                    .stream_levels
                    .is_none_or(|levels| levels == Subscription::levels_offered(wanted))
            {
                latest.send(depth.clone());
            }
        }
    }

    fn change(&mut self, change: &BookChange, gateway: &Outlet<ReferenceChanged>) -> Needs {
        let Some(book) = &mut self.book else {
            return Needs::Nothing;
        };
        match book.change(change) {
            Ok(ChangeOutcome::Applied { crossed: None }) => {
                self.show_book(change.received, gateway);
                Needs::Nothing
            }
            Ok(ChangeOutcome::Applied {
                crossed: Some(crossed),
            }) => {
                self.lose_book(gateway);
                Needs::Snapshot(crossed.to_string())
            }
            Ok(ChangeOutcome::Buffered | ChangeOutcome::Stale) => Needs::Nothing,
            Err(reason) => {
                self.lose_book(gateway);
                Needs::Snapshot(reason.to_string())
            }
        }
    }

    fn show_book(&mut self, received: Timestamp, gateway: &Outlet<ReferenceChanged>) {
        let Some(book) = &self.book else { return };
        let (Some(depth), Some(update_id)) = (book.live(), book.last_update_id()) else {
            return;
        };
        let touch = depth.best_bid().zip(depth.best_ask());
        for reader in &mut self.readers {
            if let (To::Book { view, .. }, Subscription::Book { levels, .. }) =
                (&mut reader.to, reader.subscription)
            {
                let levels = usize::from(levels);
                view.send(view_of(self.symbol, depth, levels, update_id, received));
            }
        }
        if let Some((bid, ask)) = touch {
            self.book_lost = false;
            self.refer_touch(bid.price, ask.price, received, gateway);
        }
    }

    /// A book that lives already need not change before a new reader sees it.
    fn show_book_to_newest(&mut self) {
        let (Some(book), Some(received)) = (&self.book, self.last_data) else {
            return;
        };
        if let (Some(reader), Some(depth), Some(update_id)) =
            (self.readers.last_mut(), book.live(), book.last_update_id())
            && let (To::Book { view, .. }, Subscription::Book { levels, .. }) =
                (&mut reader.to, reader.subscription)
        {
            let levels = usize::from(levels);
            view.send(view_of(self.symbol, depth, levels, update_id, received));
        }
    }

    /// What it showed was wrong, or nobody knows: nothing is placed on its instrument until it lives again.
    fn lose_book(&mut self, gateway: &Outlet<ReferenceChanged>) {
        self.book_lost = true;
        self.unrefer(gateway);
        self.hide_book();
    }

    fn hide_book(&mut self) {
        for reader in &self.readers {
            if let To::Book {
                lost: Some(lost), ..
            } = &reader.to
            {
                lost.send(BookLost {
                    symbol: self.symbol,
                });
            }
        }
    }

    /// The connection is gone: the book is not to be used until it was built anew.
    pub(super) fn interrupt(&mut self, gateway: &Outlet<ReferenceChanged>) {
        if let Some(book) = &mut self.book {
            book.interrupt();
            self.lose_book(gateway);
        }
    }

    /// The number of the attempt, when a snapshot is wanted and none is under way.
    pub(super) fn start_rebuild(&mut self) -> Option<u32> {
        let book = self.book.as_mut()?;
        if self.snapshot_under_way {
            return None;
        }
        if book.live().is_some() {
            book.interrupt();
            self.hide_book();
        }
        self.snapshot_under_way = true;
        self.snapshots += 1;
        Some(self.snapshots)
    }

    pub(super) fn snapshot_failed(&mut self) {
        self.snapshot_under_way = false;
    }

    pub(super) fn take_snapshot(&mut self, snapshot: &DepthSnapshot) -> Needs {
        self.snapshot_under_way = false;
        let Some(book) = &mut self.book else {
            return Needs::Nothing;
        };
        match book.snapshot(snapshot) {
            Ok(SnapshotOutcome::Live { .. } | SnapshotOutcome::NotNeeded) => {
                self.snapshots = 0;
                self.book_lost = false;
                Needs::Nothing
            }
            Ok(SnapshotOutcome::TooOld {
                snapshot,
                first_buffered,
            }) => Needs::Snapshot(format!(
                "snapshot {snapshot} is older than the first diff {first_buffered}"
            )),
            Err(reason) => Needs::Snapshot(reason.to_string()),
        }
    }

    /// A market whose bid is not below its ask is none: no price is taken from it.
    fn refer_touch(
        &mut self,
        bid: Price,
        ask: Price,
        now: Timestamp,
        gateway: &Outlet<ReferenceChanged>,
    ) {
        match bid < ask {
            true => self.refer(bid, ask, now, gateway),
            false => self.set_stale(gateway),
        }
    }

    /// Tells the gateway a reference price: at once when the data was stale, else once a second.
    fn refer(
        &mut self,
        bid: Price,
        ask: Price,
        now: Timestamp,
        gateway: &Outlet<ReferenceChanged>,
    ) {
        let recent = self
            .reference_sent
            .is_some_and(|sent| now.saturating_since(sent) < REFERENCE_EVERY);
        if self.book_lost || (self.fresh && recent) {
            return;
        }
        if let Ok(price) = bid.mean(ask) {
            self.fresh = true;
            self.reference_sent = Some(now);
            gateway.send(ReferenceChanged {
                symbol: self.symbol,
                price: Some(price),
                at: now,
            });
        }
    }

    pub(super) fn silent_for(&self, now: Timestamp) -> Duration {
        self.last_data
            .map_or(Duration::ZERO, |last| now.saturating_since(last))
    }

    pub(super) fn health(&self, now: Timestamp, stale_after: Duration) -> SymbolHealth {
        let age = self.silent_for(now);
        let book = self.book.as_ref().map(|book| book.live().is_some());
        SymbolHealth {
            symbol: self.symbol,
            age,
            fresh: self.fresh && age <= stale_after,
            book: match book {
                None => BookHealth::None,
                Some(false) => BookHealth::Building,
                Some(true) => BookHealth::Live,
            },
        }
    }

    pub(super) fn set_stale(&mut self, gateway: &Outlet<ReferenceChanged>) {
        if self.fresh {
            log::warn!(actor = "market_data"; "data of {} is stale: nothing is placed on it", self.symbol);
            self.unrefer(gateway);
        }
    }

    /// Nothing is placed until a price is told again.
    fn unrefer(&mut self, gateway: &Outlet<ReferenceChanged>) {
        if std::mem::take(&mut self.fresh) {
            gateway.send(ReferenceChanged {
                symbol: self.symbol,
                price: None,
                at: self.last_data.unwrap_or(Timestamp::EPOCH),
            });
        }
    }

    /// `true` once for each silence.
    pub(super) fn report_stale(&mut self) -> bool {
        !std::mem::replace(&mut self.stale_reported, true)
    }

    pub(super) fn deliver_waiting(&mut self) {
        self.readers.iter_mut().for_each(Reader::deliver_waiting);
    }
}

fn view_of(
    symbol: Symbol,
    depth: &Depth,
    levels: usize,
    update_id: u64,
    received: Timestamp,
) -> BookView {
    BookView {
        symbol,
        bids: depth.bids().levels().take(levels).collect(),
        asks: depth.asks().levels().take(levels).collect(),
        update_id,
        received,
    }
}
