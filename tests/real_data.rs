//! Recorded exchange data: books are rebuilt from it and held against what was computed independently.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod captures;

use std::collections::BTreeMap;
use std::path::PathBuf;

use captures::{captures, gunzip};
use serde_json::Value;
use tripline::inspect;
use tripline_actors::venue::binance::wire::frame::{Frame, decode_recorded};
use tripline_actors::venue::binance::wire::market::decode_depth_snapshot;
use tripline_engine::book::{Book, BookState, ChainRule, ChangeOutcome, SnapshotOutcome};
use tripline_engine::ids::{Symbol, TradeId};
use tripline_engine::kline::KlineBuilder;
use tripline_engine::messages::market::{
    BestBidAsk, BookChange, DepthSnapshot, Level, MarketEvent, Trade,
};
use tripline_engine::time::Timestamp;

const NOW: Timestamp = Timestamp::EPOCH;

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

/// Everything that was expected must be found, at the same place and with the same text.
fn assert_same(path: &str, expected: &Value, found: &Value) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                let found = found
                    .get(key)
                    .unwrap_or_else(|| panic!("{path}.{key} is missing"));
                assert_same(&format!("{path}.{key}"), value, found);
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "length of {path}");
            for (n, (expected, found)) in expected.iter().zip(found).enumerate() {
                assert_same(&format!("{path}[{n}]"), expected, found);
            }
        }
        _ => assert_eq!(expected, found, "{path}"),
    }
}

fn assert_recording_as_expected(expected: &str, files: &[&str]) {
    let folder = captures();
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|file| folder.join("binance-raw-hftbacktest").join(file))
        .collect();
    let text = std::fs::read_to_string(folder.join("expected").join(expected)).unwrap();
    let mut expected: Value = serde_json::from_str(&text).unwrap();
    let mut out = vec![];
    inspect::run(&paths, true, &mut out).unwrap();
    let found: Value = serde_json::from_slice(&out).unwrap();
    // The expectation names the files as they are called where they come from.
    let origins = expected.as_object_mut().unwrap().remove("files").unwrap();
    for (origin, file) in origins.as_array().unwrap().iter().zip(files) {
        assert!(
            file.ends_with(origin.as_str().unwrap()),
            "{origin} is not {file}"
        );
    }
    assert_same("", &expected, &found);
    assert_eq!(found["bad_lines"], 0);
    assert_eq!(found["book"]["state"], "live");
}

#[test]
#[cfg_attr(
    not(captures),
    ignore = "needs recorded market data: set TRIPLINE_CAPTURES"
)]
fn a_spot_recording_gives_exactly_the_independently_computed_book_trades_and_klines() {
    assert_recording_as_expected("spot_btcusdt_20240808.json", &["spot_btcusdt_20240808.gz"]);
}

#[test]
#[cfg_attr(
    not(captures),
    ignore = "needs recorded market data: set TRIPLINE_CAPTURES"
)]
fn a_futures_recording_over_midnight_gives_exactly_the_independently_computed_results() {
    let files = ["usdm_btcusdt_20240718.gz", "usdm_btcusdt_20240719.gz"];
    assert_recording_as_expected("usdm_btcusdt_20240718-19.json", &files);
}

/// Rows of a CSV file as column name to text, without the remarks before its header.
fn csv(file: &str) -> Vec<BTreeMap<String, String>> {
    let content =
        String::from_utf8(gunzip(&captures().join("lasota-positive").join(file))).unwrap();
    let mut lines = content
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells = line.split(',').map(str::to_owned);
        header
            .iter()
            .map(|name| (*name).to_owned())
            .zip(cells)
            .collect()
    };
    lines.map(row).collect()
}

type Row = BTreeMap<String, String>;

fn number(row: &Row, column: &str) -> i64 {
    row[column]
        .parse()
        .unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

fn level(row: &Row) -> Level {
    Level {
        price: row["Price"].parse().unwrap(),
        quantity: row["Quantity"].parse().unwrap(),
    }
}

/// Splits levels into bids and asks.
fn sides(rows: &[&Row]) -> (Vec<Level>, Vec<Level>) {
    let side = |is_ask: &str| {
        rows.iter()
            .filter(|row| row["IsAsk"] == is_ask)
            .map(|row| level(row))
            .collect()
    };
    (side("0"), side("1"))
}

/// One diff for each run of rows with the same update ids.
fn diffs<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<BookChange> {
    let rows: Vec<&Row> = rows.collect();
    let ids = |row: &Row| (row["FirstUpdateId"].clone(), row["FinalUpdateId"].clone());
    let change = |rows: &[&Row]| {
        let (bids, asks) = sides(rows);
        BookChange {
            symbol: symbol(&rows[0]["Symbol"]),
            first_update_id: rows[0]["FirstUpdateId"].parse().unwrap(),
            last_update_id: rows[0]["FinalUpdateId"].parse().unwrap(),
            previous_update_id: rows[0]
                .get("FinalUpdateIdInLastStream")
                .map(|text| text.parse().unwrap()),
            bids,
            asks,
            venue_time: Timestamp::from_micros(number(rows[0], "EventTime")),
            received: NOW,
        }
    };
    rows.chunk_by(|a, b| ids(a) == ids(b)).map(change).collect()
}

#[test]
#[cfg_attr(
    not(captures),
    ignore = "needs recorded market data: set TRIPLINE_CAPTURES"
)]
fn recorded_diff_streams_of_three_markets_have_no_gap() {
    for (market, rule) in [
        ("spot_trxusdt", ChainRule::UpdateIds),
        ("usd_m_futures_trxusdt", ChainRule::PreviousId),
        ("coin_m_futures_trxusd_perp", ChainRule::PreviousId),
    ] {
        let rows = csv(&format!(
            "test_positive_binance_difference_depth_stream_{market}_04-03-2025.csv.gz"
        ));
        let changes = diffs(rows.iter());
        let mut book = Book::new(changes[0].symbol, rule);
        // From an empty snapshot the whole chain must apply.
        let start = rule_base(rule, &changes[0]);
        book.snapshot(&snapshot(changes[0].symbol, start, vec![], vec![]))
            .unwrap();
        for change in &changes {
            assert!(
                matches!(book.change(change), Ok(ChangeOutcome::Applied { .. })),
                "{market}: {change:?}"
            );
        }
        assert!(
            changes.len() > 500,
            "{market}: only {} diffs",
            changes.len()
        );
        println!(
            "{market}: {} diffs of {} rows, 0 gaps",
            changes.len(),
            rows.len()
        );
    }
}

fn rule_base(rule: ChainRule, change: &BookChange) -> u64 {
    match rule {
        ChainRule::UpdateIds => change.first_update_id - 1,
        ChainRule::PreviousId => change.previous_update_id.unwrap(),
    }
}

fn snapshot(
    symbol: Symbol,
    last_update_id: u64,
    bids: Vec<Level>,
    asks: Vec<Level>,
) -> DepthSnapshot {
    DepthSnapshot {
        symbol,
        last_update_id,
        bids,
        asks,
        venue_time: None,
        received: NOW,
    }
}

#[test]
#[cfg_attr(
    not(captures),
    ignore = "needs recorded market data: set TRIPLINE_CAPTURES"
)]
fn a_snapshot_that_ends_with_a_diff_goes_on_with_the_next_one() {
    let rows = csv(
        "merged_depth_snapshot_difference_depth_stream_trade_stream_usd_m_futures_trxusdt_14-04-2025_positive.csv.gz",
    );
    let of = |kind: &str| {
        rows.iter()
            .filter(|row| row["StreamType"] == kind)
            .collect::<Vec<_>>()
    };
    let (rest, changes) = (
        of("DEPTH_SNAPSHOT"),
        diffs(of("DIFFERENCE_DEPTH_STREAM").into_iter()),
    );
    let snapshot_id = rest[0]["LastUpdateId"].parse().unwrap();
    assert_eq!(changes[0].last_update_id, snapshot_id);
    let mut book = Book::new(changes[0].symbol, ChainRule::PreviousId);
    book.change(&changes[0]).unwrap();
    let (bids, asks) = sides(&rest);
    assert_eq!((bids.len(), asks.len()), (1_000, 1_000));
    let outcome = book.snapshot(&snapshot(changes[0].symbol, snapshot_id, bids, asks));
    assert_eq!(
        outcome,
        Ok(SnapshotOutcome::Live {
            stale: 1,
            applied: 0
        })
    );
    for change in &changes[1..] {
        assert_eq!(
            book.change(change),
            Ok(ChangeOutcome::Applied { crossed: None })
        );
    }
    println!(
        "merged: {} diffs applied on a snapshot of 1000 levels a side",
        changes.len() - 1
    );
}

#[test]
#[cfg_attr(
    not(captures),
    ignore = "needs recorded market data: set TRIPLINE_CAPTURES"
)]
fn recorded_trades_of_three_markets_have_consecutive_ids_and_make_klines() {
    for market in [
        "spot_trxusdt",
        "usd_m_futures_trxusdt",
        "coin_m_futures_trxusd_perp",
    ] {
        let rows = csv(&format!(
            "test_positive_binance_trade_stream_{market}_04-03-2025.csv.gz"
        ));
        let mut klines = KlineBuilder::one_minute(symbol(&rows[0]["Symbol"]));
        let (mut closed, mut last) = (0, None);
        for row in &rows {
            let id: u64 = row["TradeId"].parse().unwrap();
            assert_eq!(last.unwrap_or(id - 1) + 1, id, "{market}");
            last = Some(id);
            let stamp = number(row, "TransactionTime");
            let is_spot = market.starts_with("spot");
            let trade = Trade {
                symbol: symbol(&row["Symbol"]),
                id: TradeId(id),
                price: row["Price"].parse().unwrap(),
                quantity: row["Quantity"].parse().unwrap(),
                venue_time: if is_spot {
                    Timestamp::from_micros(stamp)
                } else {
                    Timestamp::from_millis(stamp)
                },
                buyer_is_maker: row["IsBuyerMarketMaker"] == "1",
                kind: None,
                received: NOW,
            };
            closed += u64::from(klines.add(&trade).unwrap().is_some());
        }
        assert!(closed > 0, "{market}");
        println!("{market}: {} trades, {closed} closed klines", rows.len());
    }
}

/// One session of several symbols, replayed in the order of its time stamps.
#[derive(Default)]
struct Session {
    books: BTreeMap<Symbol, Book>,
    touches: BTreeMap<(Symbol, u64), BestBidAsk>,
    compared: u64,
}

impl Session {
    fn replay(&mut self, record: &Value, rule: ChainRule) {
        let data = record["data"].as_str().unwrap_or_default();
        if let Some((_, rest)) = record["url"]
            .as_str()
            .unwrap_or_default()
            .split_once("depth?symbol=")
        {
            let symbol = symbol(rest.split('&').next().unwrap());
            let snapshot = decode_depth_snapshot(symbol, data, NOW).unwrap();
            self.books
                .entry(symbol)
                .or_insert_with(|| Book::new(symbol, rule))
                .snapshot(&snapshot)
                .unwrap();
        } else if record["t"] == "recv" {
            match decode_recorded(data, NOW).unwrap() {
                Frame::Event(MarketEvent::BookChange(change)) => self.change(&change, rule),
                Frame::Event(MarketEvent::BestBidAsk(touch)) => {
                    self.touches.insert((touch.symbol, touch.update_id), touch);
                }
                _ => {}
            }
        }
    }

    fn change(&mut self, change: &BookChange, rule: ChainRule) {
        let book = self
            .books
            .entry(change.symbol)
            .or_insert_with(|| Book::new(change.symbol, rule));
        let outcome = book.change(change).unwrap();
        let touch = self.touches.get(&(change.symbol, change.last_update_id));
        if let (ChangeOutcome::Applied { .. }, Some(touch)) = (outcome, touch) {
            let depth = book.live().unwrap();
            assert_eq!(
                (depth.best_bid(), depth.best_ask()),
                (Some(touch.bid), Some(touch.ask)),
                "{change:?}"
            );
            self.compared += 1;
        }
    }
}

#[test]
#[cfg_attr(
    not(captures),
    ignore = "needs recorded market data: set TRIPLINE_CAPTURES"
)]
fn sessions_of_several_symbols_rebuild_every_book_without_a_gap() {
    for (file, rule) in [
        ("BINANCE", ChainRule::UpdateIds),
        ("BINANCE_US", ChainRule::UpdateIds),
        ("BINANCE_FUTURES", ChainRule::PreviousId),
    ] {
        let path = captures()
            .join("cryptofeed-v3")
            .join(format!("{file}.jsonl.zst"));
        let content = zstd::decode_all(std::fs::File::open(&path).unwrap()).unwrap();
        let lines = std::str::from_utf8(&content).unwrap().lines();
        let mut records: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        records.sort_by(|a, b| {
            a["ts"]
                .as_f64()
                .unwrap_or(0.0)
                .total_cmp(&b["ts"].as_f64().unwrap_or(0.0))
        });
        let mut session = Session::default();
        for record in &records {
            session.replay(record, rule);
        }
        assert_eq!(session.books.len(), 4, "{file}");
        for book in session.books.values() {
            assert_eq!(book.state(), BookState::Live, "{file} {}", book.symbol());
            assert_eq!((book.counters().breaks, book.counters().crossed), (0, 0));
            println!("{file} {}: {:?}", book.symbol(), book.counters());
        }
        println!("{file}: {} touches compared, all equal", session.compared);
    }
}
