//! What an inspection finds, and its form as JSON. Amounts are texts with the venue's decimals, times
//! are milliseconds since the Unix epoch, except local ones (nanoseconds).

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use tripline_engine::book::{BookCounters, BookState};
use tripline_engine::ids::Symbol;
use tripline_engine::messages::market::{Kline, Level};
use tripline_engine::money::{Notional, Quantity};

/// Counts by name, in the order of first appearance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(Vec<(String, u64)>);

impl Tally {
    pub fn count(&mut self, name: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += 1,
            None => self.0.push((name.to_owned(), 1)),
        }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map_or(0, |(_, count)| *count)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (name.as_str(), *count))
    }
}

impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, count) in &self.0 {
            map.serialize_entry(name, count)?;
        }
        map.end()
    }
}

/// A level as JSON: `["price", "quantity"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair(pub Level);

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0.price, self.0.quantity).serialize(serializer)
    }
}

/// The snapshot from which the book was last rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SnapshotReport {
    pub line: u64,
    #[serde(rename = "lastUpdateId")]
    pub last_update_id: u64,
    pub bids: usize,
    pub asks: usize,
}

/// The update ids of a diff, named as Binance names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DiffIds {
    #[serde(rename = "U")]
    pub first: u64,
    #[serde(rename = "u")]
    pub last: u64,
    pub pu: Option<u64>,
}

/// How often the rebuilt book's touch was compared with the venue's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BboOracle {
    pub checked: u64,
    pub matched: u64,
    pub how: &'static str,
}

impl Default for BboOracle {
    fn default() -> Self {
        let how = "bookTicker.u == depthUpdate.u => best bid/ask price and qty must be equal";
        Self {
            checked: 0,
            matched: 0,
            how,
        }
    }
}

/// The book after every 500th applied diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sample {
    pub applied: u64,
    pub u: u64,
    #[serde(rename = "E")]
    pub event_time: i64,
    pub bid: Option<Pair>,
    pub ask: Option<Pair>,
    /// Bids, asks.
    pub levels: [usize; 2],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BookReport {
    pub snapshot: Option<SnapshotReport>,
    pub stale_dropped: u64,
    pub first_applied: Option<DiffIds>,
    pub applied: u64,
    pub final_u: Option<u64>,
    pub crossed: u64,
    pub bbo_oracle: BboOracle,
    pub final_bids_top20: Vec<Pair>,
    pub final_asks_top20: Vec<Pair>,
    /// Bids, asks.
    pub final_levels: [usize; 2],
    /// Bids, asks; `null` when the sum overflows.
    pub final_sum_qty: [Option<Quantity>; 2],
    pub samples: Vec<Sample>,
    #[serde(serialize_with = "state_name")]
    pub state: BookState,
    /// Why the book is broken.
    pub reason: Option<String>,
    #[serde(skip)]
    pub counters: BookCounters,
}

fn state_name<S: Serializer>(state: &BookState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.name())
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TradesReport {
    pub count: u64,
    pub first_t: Option<u64>,
    pub last_t: Option<u64>,
    pub id_gaps: u64,
    pub sum_qty: Quantity,
    pub sum_quote: Notional,
    pub buyer_maker: u64,
    /// By the trade's kind (Binance futures `X`), `None` where it has none.
    #[serde(rename = "X")]
    pub kinds: Tally,
    /// Trades too late for the klines.
    #[serde(skip)]
    pub late: u64,
}

/// A one-minute kline, named as Binance's stream names it; `tbv` is its `V`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KlineReport(pub Kline);

impl Serialize for KlineReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kline = &self.0;
        let mut map = serializer.serialize_map(Some(9))?;
        map.serialize_entry("t", &kline.open_time.as_millis())?;
        map.serialize_entry("o", &kline.open)?;
        map.serialize_entry("h", &kline.high)?;
        map.serialize_entry("l", &kline.low)?;
        map.serialize_entry("c", &kline.close)?;
        map.serialize_entry("v", &kline.volume)?;
        map.serialize_entry("q", &kline.quote_volume)?;
        map.serialize_entry("n", &kline.trades)?;
        map.serialize_entry("tbv", &kline.taker_buy_volume)?;
        map.end()
    }
}

/// What was found of one symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SymbolReport {
    #[serde(skip)]
    pub symbol: Symbol,
    pub depth_chain_gaps: u64,
    pub book: BookReport,
    pub trades: TradesReport,
    pub klines_1m_from_trades: Vec<KlineReport>,
}

/// Something worth telling, and the line that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Counted from 1 through all files.
    pub line: u64,
    pub reason: String,
}

/// What an inspection found. As JSON, the findings of a single symbol stand beside the counts; those of
/// several stand under `symbols`, by symbol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub name: String,
    pub files: Vec<String>,
    pub lines: u64,
    /// Nanoseconds since the Unix epoch.
    pub first_local: Option<i64>,
    pub last_local: Option<i64>,
    pub messages: Tally,
    pub bad_lines: u64,
    /// The first of them.
    pub bad_line_reasons: Vec<Finding>,
    /// The first breaks of books.
    pub breaks: Vec<Finding>,
    /// Files that end in the middle.
    pub damaged: Vec<String>,
    pub symbols: Vec<SymbolReport>,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("files", &self.files)?;
        map.serialize_entry("lines", &self.lines)?;
        map.serialize_entry("local_ts_unit", "ns")?;
        map.serialize_entry("first_local", &self.first_local)?;
        map.serialize_entry("last_local", &self.last_local)?;
        map.serialize_entry("messages", &self.messages)?;
        map.serialize_entry("bad_lines", &self.bad_lines)?;
        if !self.damaged.is_empty() {
            map.serialize_entry("damaged_files", &self.damaged)?;
        }
        if let [only] = self.symbols.as_slice() {
            map.serialize_entry("depth_chain_gaps", &only.depth_chain_gaps)?;
            map.serialize_entry("book", &only.book)?;
            map.serialize_entry("trades", &only.trades)?;
            map.serialize_entry("klines_1m_from_trades", &only.klines_1m_from_trades)?;
        } else {
            map.serialize_entry("symbols", &BySymbol(&self.symbols))?;
        }
        map.end()
    }
}

struct BySymbol<'a>(&'a [SymbolReport]);

impl Serialize for BySymbol<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|report| (report.symbol, report)))
    }
}
