//! Recorded and documented messages of the venue: each is read, or refused with a reason.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod captures;

use captures::{captures, gunzip};
use serde_json::Value;
use tripline_actors::venue::binance::wire::decode::{DecodeError, DecodeReason};
use tripline_actors::venue::binance::wire::frame::{Frame, decode_recorded};
use tripline_actors::venue::binance::wire::market::decode_depth_snapshot;
use tripline_engine::ids::Symbol;
use tripline_engine::messages::market::MarketEvent;
use tripline_engine::time::Timestamp;

const NOW: Timestamp = Timestamp::EPOCH;

/// Reads a message as what it is most likely to be.
fn read(message: &str) -> Result<Frame, DecodeError> {
    match decode_recorded(message, NOW) {
        Err(DecodeError {
            reason: DecodeReason::NoSymbol,
            ..
        }) => {
            let named: Value = serde_json::from_str(message).unwrap();
            let symbol = Symbol::new(named["symbol"].as_str().unwrap_or("BTCUSDT")).unwrap();
            let snapshot = decode_depth_snapshot(symbol, message, NOW)?;
            Ok(Frame::Event(MarketEvent::DepthSnapshot(snapshot)))
        }
        other => other,
    }
}

#[test]
#[cfg_attr(
    not(captures),
    ignore = "needs recorded market data: set TRIPLINE_CAPTURES"
)]
fn every_recorded_message_of_binance_is_read_or_refused_by_its_kind() {
    let file = captures()
        .join("protocol-fixtures")
        .join("crypto-msg-parser-raw.jsonl.gz");
    let content = String::from_utf8(gunzip(&file)).unwrap();
    let rows: Vec<Value> = content
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (mut good, mut refused) = (0, vec![]);
    for row in rows.iter().filter(|row| row["exchange"] == "binance") {
        match read(row["raw"].as_str().unwrap()) {
            Ok(_) => good += 1,
            Err(error) => {
                let unsupported = matches!(error.reason, DecodeReason::Unsupported { .. });
                assert!(unsupported, "{} {}: {error}", row["kind"], row["case"]);
                refused.push(format!("{} {}: {}", row["kind"], row["case"], error.reason));
            }
        }
        let wanted = ["l2_event", "l2_topk", "l2_snapshot", "bbo", "candlestick"];
        if wanted.contains(&row["kind"].as_str().unwrap()) {
            assert_eq!(
                read(row["raw"].as_str().unwrap())
                    .map_err(|error| error.to_string())
                    .err(),
                None
            );
        }
    }
    println!(
        "{good} messages read, {} refused:\n{}",
        refused.len(),
        refused.join("\n")
    );
    assert!(good >= 25, "only {good} messages were read");
}

/// The files of a tar archive with plain names: blocks of 512 bytes, the header's size in octal.
fn untar(archive: &[u8]) -> Vec<(String, String)> {
    let mut files = vec![];
    let mut rest = archive;
    while rest.len() > 512 && rest[0] != 0 {
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes)
                .trim_matches(['\0', ' '])
                .to_owned()
        };
        let (name, size) = (text(&rest[..100]), text(&rest[124..135]));
        let size = usize::from_str_radix(&size, 8).unwrap();
        files.push((
            name,
            String::from_utf8_lossy(&rest[512..512 + size]).into_owned(),
        ));
        rest = &rest[(512 + size.next_multiple_of(512)).min(rest.len())..];
    }
    files
}

#[test]
#[cfg_attr(
    not(captures),
    ignore = "needs recorded market data: set TRIPLINE_CAPTURES"
)]
fn every_documented_stream_message_is_read_or_refused_with_a_reason() {
    let file = captures()
        .join("protocol-fixtures")
        .join("jkorf-binance-net-fixtures.tar.gz");
    let (mut good, mut refused) = (0, vec![]);
    for (name, content) in untar(&gunzip(&file)) {
        if !name.contains("/Subscriptions/") || name.contains("/Account/") {
            continue;
        }
        let events = content
            .split("\n=")
            .skip(1)
            .map(|piece| piece.trim_start_matches(|c: char| c.is_ascii_digit()));
        for event in events {
            let event = event.split("\n>").next().unwrap_or(event).trim();
            // The documentation's invented times, 123456789 and the like, are of January 1970.
            let event = event.replace("1234", "12340000");
            match read(&event) {
                Ok(_) => good += 1,
                Err(error) => refused.push(format!("{name}: {}", error.reason)),
            }
        }
    }
    println!(
        "{good} messages read, {} refused:\n{}",
        refused.len(),
        refused.join("\n")
    );
    assert!(good >= 10, "only {good} messages were read");
    for stream in [
        "BookTicker",
        "Trades.",
        "AggTrades",
        "AggregatedTrades",
        "PartialBook",
        "/Book.",
        "/Klines",
    ] {
        assert!(
            !refused.iter().any(|line| line.contains(stream)),
            "{stream} was refused"
        );
    }
}
