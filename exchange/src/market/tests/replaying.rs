use std::path::PathBuf;

use super::*;
use crate::model::{Event, OrderStatus};

/// A recording in a file of its own, taken away at the end.
struct Tape(PathBuf);

impl Tape {
    fn new(name: &str, lines: &[(i64, &str)]) -> Self {
        let path =
            std::env::temp_dir().join(format!("tripline-replay-{}-{name}", std::process::id()));
        let text: String = lines
            .iter()
            .map(|(millis, json)| format!("{} {json}\n", 1_000_000_000 + millis * 1_000_000))
            .collect();
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn config(&self) -> ReplayConfig {
        ReplayConfig {
            symbol: symbol("BTCUSDT"),
            files: vec![self.0.clone()],
            recorded: None,
            speed: 1.0,
            repeat: false,
        }
    }

    fn play(&self, change: impl FnOnce(&mut ReplayConfig)) -> (Exchange, Market) {
        let mut config = self.config();
        change(&mut config);
        play(config)
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

pub fn play(replay: ReplayConfig) -> (Exchange, Market) {
    let mut exchange = exchange();
    let synthetic = SyntheticConfig {
        enabled: false,
        ..SyntheticConfig::default()
    };
    let config = MarketConfig {
        synthetic,
        replay: vec![replay],
    };
    let market = Market::new(&config, &mut exchange, 1, start()).unwrap();
    (exchange, market)
}

const SNAPSHOT: &str =
    r#"{"lastUpdateId":10,"bids":[["100","1"],["99","5"]],"asks":[["101","2"],["102","5"]]}"#;

fn diff(first: u64, last: u64, bids: &str, asks: &str) -> String {
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":{first},"u":{last},"b":{bids},"a":{asks}}}}}"#
    )
}

fn trade(at: &str, size: &str, maker_buys: bool) -> String {
    format!(
        r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"{at}","q":"{size}","T":1,"m":{maker_buys},"M":true}}}}"#
    )
}

fn ticker(id: u64, bid: &str, ask: &str) -> String {
    format!(
        r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{id},"s":"BTCUSDT","b":"{bid}","B":"0.5","a":"{ask}","A":"0.5"}}}}"#
    )
}

fn levels(exchange: &Exchange, side: Side) -> String {
    let depth = exchange.depth(symbol("BTCUSDT"), 10).unwrap();
    let rows = if side == Side::Buy {
        depth.bids
    } else {
        depth.asks
    };
    rows.iter()
        .map(|(at, size)| format!("{}@{at}", size.value().normalize()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn millis(count: i64) -> Time {
    start().plus(count * 1_000)
}

#[test]
fn the_book_is_the_snapshot_with_the_newer_changes_whatever_came_first() {
    let (old, new) = (
        diff(5, 9, r#"[["98","7"]]"#, "[]"),
        diff(9, 12, r#"[["100","0"]]"#, r#"[["101","3"]]"#),
    );
    let tape = Tape::new("order", &[(0, &old), (1, &new), (2, SNAPSHOT)]);
    let (mut exchange, mut market) = tape.play(|_| {});
    market.advance(&mut exchange, millis(10));
    assert_eq!(levels(&exchange, Side::Buy), "5@99");
    assert_eq!(levels(&exchange, Side::Sell), "3@101 5@102");
    let (_, progress) = market.replays().next().unwrap();
    assert!(progress.finished);
    assert_eq!(
        (progress.lines, progress.bad_lines, progress.gaps),
        (3, 0, 0)
    );
}

#[test]
fn frames_come_at_their_own_pace_or_faster() {
    let later = diff(11, 12, r#"[["100","4"]]"#, "[]");
    let tape = Tape::new("pace", &[(0, SNAPSHOT), (1_000, &later)]);
    for (speed, due) in [(1.0, 1_000), (10.0, 100), (0.5, 2_000)] {
        let (mut exchange, mut market) = tape.play(|config| config.speed = speed);
        market.advance(&mut exchange, millis(due - 1));
        assert_eq!(levels(&exchange, Side::Buy), "1@100 5@99");
        assert_eq!(market.next_at(), Some(millis(due)));
        market.advance(&mut exchange, millis(due));
        assert_eq!(levels(&exchange, Side::Buy), "4@100 5@99");
    }
}

#[test]
fn what_a_user_takes_stays_gone_until_the_recording_changes_the_level() {
    let (other, same) = (
        diff(11, 12, r#"[["99","6"]]"#, "[]"),
        diff(13, 14, "[]", r#"[["101","2"]]"#),
    );
    let tape = Tape::new("take", &[(0, SNAPSHOT), (10, &other), (20, &same)]);
    let (mut exchange, mut market) = tape.play(|_| {});
    market.advance(&mut exchange, millis(0));
    let order = place(
        &mut exchange,
        "BTCUSDT",
        Side::Buy,
        price("101"),
        "1.5",
        millis(1),
    );
    assert_eq!(order.status, OrderStatus::Filled);
    market.advance(&mut exchange, millis(10));
    assert_eq!(levels(&exchange, Side::Sell), "0.5@101 5@102");
    market.advance(&mut exchange, millis(20));
    assert_eq!(levels(&exchange, Side::Sell), "2@101 5@102");
}

#[test]
fn a_resting_order_trades_after_the_recorded_quantity_before_it_has_traded() {
    let parts = [
        trade("100", "0.6", true),
        trade("100", "0.6", true),
        trade("100", "1", true),
    ];
    let tape = Tape::new(
        "queue",
        &[
            (0, SNAPSHOT),
            (10, &parts[0]),
            (20, &parts[1]),
            (30, &parts[2]),
        ],
    );
    let (mut exchange, mut market) = tape.play(|_| {});
    market.advance(&mut exchange, millis(0));
    let order = place(
        &mut exchange,
        "BTCUSDT",
        Side::Buy,
        price("100"),
        "0.5",
        millis(1),
    );
    exchange.drain_events();
    for (at, executed) in [(10, "0"), (20, "0.2"), (30, "0.5")] {
        market.advance(&mut exchange, millis(at));
        assert_eq!(
            current(&exchange, &order).executed_qty,
            quantity(executed),
            "at {at} ms"
        );
    }
    let printed: Decimal = exchange
        .drain_events()
        .iter()
        .map(|event| {
            if let Event::Trade(trade) = event {
                trade.quantity.value()
            } else {
                Decimal::ZERO
            }
        })
        .sum();
    assert_eq!(
        printed,
        Decimal::new(22, 1),
        "the recorded volume, the user's part of it included"
    );
}

#[test]
fn a_resting_order_trades_when_the_recording_goes_through_its_price() {
    let through = trade("99", "0.3", true);
    let crossing = diff(11, 12, r#"[["100","0"],["99","0"]]"#, r#"[["99","0.1"]]"#);
    let tape = Tape::new("through", &[(0, SNAPSHOT), (10, &through), (20, &crossing)]);
    let (mut exchange, mut market) = tape.play(|_| {});
    market.advance(&mut exchange, millis(0));
    let order = place(
        &mut exchange,
        "BTCUSDT",
        Side::Buy,
        price("100"),
        "0.5",
        millis(1),
    );
    market.advance(&mut exchange, millis(10));
    let after = current(&exchange, &order);
    assert_eq!(
        (after.executed_qty, after.cumulative_quote.to_string()),
        (quantity("0.3"), "30.0".into())
    );
    market.advance(&mut exchange, millis(20));
    assert_eq!(current(&exchange, &order).executed_qty, quantity("0.4"));
    let depth = exchange.depth(symbol("BTCUSDT"), 1).unwrap();
    assert!(depth.bids[0].0 < depth.asks[0].0);
}

#[test]
fn the_best_prices_are_those_of_the_newest_ticker_until_the_depth_catches_up() {
    let (ahead, behind) = (
        ticker(20, "100.5", "100.6"),
        diff(11, 15, r#"[["100","3"]]"#, r#"[["100.3","1"]]"#),
    );
    let caught_up = diff(
        16,
        21,
        r#"[["100.5","0"]]"#,
        r#"[["100.6","0"],["100.7","4"]]"#,
    );
    let tape = Tape::new(
        "ticker",
        &[(0, SNAPSHOT), (10, &ahead), (20, &behind), (30, &caught_up)],
    );
    let (mut exchange, mut market) = tape.play(|_| {});
    for at in [10, 20] {
        market.advance(&mut exchange, millis(at));
        assert_eq!(best(&exchange, "BTCUSDT"), (price("100.5"), price("100.6")));
    }
    market.advance(&mut exchange, millis(30));
    assert_eq!(best(&exchange, "BTCUSDT"), (price("100"), price("100.7")));
}

#[test]
fn bad_lines_are_counted_and_survived_and_gaps_noted() {
    let gap = diff(20, 21, r#"[["99","8"]]"#, "[]");
    let wrong = r#"{"stream":"btcusdt@trade","data":{"p":1}}"#;
    let tape = Tape::new("bad", &[(0, SNAPSHOT), (1, "{"), (2, wrong), (3, &gap)]);
    let (mut exchange, mut market) = tape.play(|_| {});
    market.advance(&mut exchange, millis(9));
    assert_eq!(levels(&exchange, Side::Buy), "1@100 8@99");
    let (_, progress) = market.replays().next().unwrap();
    assert_eq!(
        (progress.lines, progress.bad_lines, progress.gaps),
        (4, 2, 1)
    );
}

#[test]
fn a_recording_starts_again_after_a_pause_when_told_to() {
    let later = diff(11, 12, r#"[["100","4"],["98","1"]]"#, "[]");
    let tape = Tape::new("again", &[(0, SNAPSHOT), (10, &later)]);
    let (mut exchange, mut market) = tape.play(|config| config.repeat = true);
    market.advance(&mut exchange, millis(109));
    assert_eq!(levels(&exchange, Side::Buy), "4@100 5@99 1@98");
    market.advance(&mut exchange, millis(110));
    assert_eq!(levels(&exchange, Side::Buy), "1@100 5@99");
}

#[test]
fn a_recording_without_duration_does_not_repeat_at_one_moment_for_ever() {
    let tape = Tape::new("moment", &[(0, SNAPSHOT)]);
    let (mut exchange, mut market) = tape.play(|config| config.repeat = true);
    market.advance(&mut exchange, millis(1_000));
    let (_, progress) = market.replays().next().unwrap();
    assert!((10..=12).contains(&progress.lines), "{progress:?}");
}

#[test]
fn wrong_replays_are_refused_with_what_to_do() {
    let tape = Tape::new("wrong", &[(0, SNAPSHOT)]);
    let refused = |change: fn(&mut ReplayConfig)| {
        let mut replay = tape.config();
        change(&mut replay);
        let config = MarketConfig {
            replay: vec![replay],
            ..MarketConfig::default()
        };
        Market::new(&config, &mut exchange(), 1, start())
            .unwrap_err()
            .to_string()
    };
    assert!(refused(|c| c.symbol = symbol("XRPUSDT")).contains("add it to `instruments`"));
    assert!(refused(|c| c.speed = 0.0).contains("above 0"));
    assert!(refused(|c| c.files.clear()).contains("names no file"));
    assert!(refused(|c| c.files[0].push("missing")).contains("missing"));
}
