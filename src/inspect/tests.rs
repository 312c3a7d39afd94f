use proptest::prelude::*;
use serde_json::Value;
use tripline_actors::recording::{Line, parse_line};

use super::*;

/// A small recording: two diffs, a snapshot between them, touches and trades; one line a frame.
const LINES: &[&str] = &[
    r#"1000000000000000001 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":11,"u":12,"b":[["10.00","1.000"]],"a":[["11.00","0.000"]]}}"#,
    r#"1000000000000000002 {"stream":"btcusdt@bookTicker","data":{"u":15,"s":"BTCUSDT","b":"10.00","B":"2.000","a":"10.50","A":"1.000"}}"#,
    r#"1000000000000000003 {"lastUpdateId":13,"bids":[["10.00","1.000"],["9.00","5.000"]],"asks":[["10.50","1.000"]]}"#,
    r#"1000000000000000004 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":13,"u":15,"b":[["10.00","2.000"]],"a":[]}}"#,
    r#"1000000000000000005 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":7,"p":"10.50","q":"0.500","T":1723161255342,"m":false,"M":true}}"#,
    r#"1000000000000000006 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161315343,"s":"BTCUSDT","t":9,"p":"10.00","q":"0.250","T":1723161315342,"m":true,"M":true}}"#,
    r#"1000000000000000007 {"stream":"btcusdt@ticker","data":{"e":"24hrTicker"}}"#,
    r#"1000000000000000008 {"result":null,"id":1}"#,
    r#"1000000000000000009 {"stream":"btcusdt@trade","data":{"e":"trade"}}"#,
];

fn report_of<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Report {
    let mut inspector = Inspector::new(vec!["made.gz".into()]);
    for (n, line) in lines.into_iter().enumerate() {
        let number = n as u64 + 1;
        match parse_line(line) {
            Ok((received, frame)) => inspector.line(&Line {
                number,
                received,
                frame,
            }),
            Err(reason) => inspector.bad_line(number, reason.to_string()),
        }
    }
    inspector.report()
}

fn json_of(lines: &[&str]) -> Value {
    let report = report_of(lines.iter().map(|line| line.as_bytes()));
    serde_json::to_value(report).unwrap()
}

fn text_of(report: &Report) -> String {
    let mut out = vec![];
    text::write(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_recording_is_told_with_the_venues_own_decimals() {
    let json = json_of(LINES);
    assert_eq!(json["name"], "made");
    assert_eq!(json["lines"], 9);
    assert_eq!(json["bad_lines"], 1);
    assert_eq!(json["messages"]["depth@100ms"], 2);
    assert_eq!(json["messages"]["ticker"], 1);
    assert_eq!(json["messages"]["rest_depth_snapshot"], 1);
    let book = &json["book"];
    assert_eq!(book["state"], "live");
    assert_eq!(book["snapshot"]["line"], 3);
    assert_eq!(
        (&book["stale_dropped"], &book["applied"]),
        (&1.into(), &1.into())
    );
    assert_eq!(book["first_applied"]["U"], 13);
    assert_eq!(
        book["final_bids_top20"],
        serde_json::json!([["10.00", "2.000"], ["9.00", "5.000"]])
    );
    assert_eq!(book["final_sum_qty"], serde_json::json!(["7.000", "1.000"]));
    assert_eq!(
        (
            &book["bbo_oracle"]["checked"],
            &book["bbo_oracle"]["matched"]
        ),
        (&1.into(), &1.into())
    );
    let trades = &json["trades"];
    assert_eq!(
        (&trades["count"], &trades["id_gaps"]),
        (&2.into(), &1.into())
    );
    assert_eq!(trades["sum_quote"], "7.75000");
    assert_eq!(trades["X"]["None"], 2);
    let klines = json["klines_1m_from_trades"].as_array().unwrap();
    assert_eq!(klines.len(), 2);
    assert_eq!(klines[0]["tbv"], "0.500");
}

#[test]
fn a_missing_diff_leaves_the_book_broken_with_the_reason_until_the_next_snapshot() {
    let far = r#"1000000000000000010 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255408,"s":"BTCUSDT","U":20,"u":21,"b":[],"a":[["10.25","3.000"]]}}"#;
    let snapshot = r#"1000000000000000011 {"lastUpdateId":20,"bids":[["10.00","1.000"]],"asks":[["10.50","1.000"]]}"#;
    let broken = json_of(&[&LINES[..4], &[far]].concat());
    assert_eq!(broken["book"]["state"], "broken");
    let reason = broken["book"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("at update id 15, the next diff starts after 19"),
        "{reason}"
    );
    assert_eq!(broken["depth_chain_gaps"], 1);
    assert_eq!(broken["book"]["final_u"], Value::Null);
    let lines = [&LINES[..4], &[far, snapshot]].concat();
    let healed = json_of(&lines);
    assert_eq!(
        (&healed["book"]["state"], &healed["book"]["final_u"]),
        (&"live".into(), &21.into())
    );
    let text = text_of(&report_of(lines.iter().map(|line| line.as_bytes())));
    assert!(text.contains("1 gaps, 1 breaks, 1 resyncs"), "{text}");
    assert!(
        text.contains("book      line 5: gap in the depth diffs"),
        "{text}"
    );
}

#[test]
fn a_snapshot_before_the_first_diff_is_used() {
    let lines = [LINES[2], LINES[0], LINES[3]];
    let json = json_of(&lines);
    assert_eq!(
        (&json["book"]["state"], &json["book"]["snapshot"]["line"]),
        (&"live".into(), &1.into())
    );
    assert_eq!(json["book"]["final_u"], 15);
}

#[test]
fn a_snapshot_that_no_diff_follows_is_told() {
    let text = text_of(&report_of([LINES[2].as_bytes()]));
    assert!(text.contains("line 1: the snapshot was not used"), "{text}");
}

#[test]
fn several_symbols_are_told_apart_and_a_snapshot_of_unknown_symbol_is_not_guessed() {
    let other = LINES[0].replace("BTCUSDT", "ETHUSDT");
    let json = json_of(&[LINES[0], &other, LINES[2]]);
    assert_eq!(json["bad_lines"], 1);
    assert_eq!(json["symbols"]["ETHUSDT"]["book"]["state"], "syncing");
    assert_eq!(json["symbols"]["BTCUSDT"]["book"]["state"], "syncing");
}

#[test]
fn the_report_for_a_person_names_what_was_found() {
    let text = text_of(&report_of(LINES.iter().map(|line| line.as_bytes())));
    for piece in [
        "made: 9 lines of made.gz",
        "BTCUSDT",
        "book      live",
        "1 applied, 1 stale",
        "1 of 1 comparisons",
        "1 gaps in the ids",
        "line 9: cannot decode trade: missing field `s`",
        "2024-08-08T23:54:00Z",
    ] {
        assert!(text.contains(piece), "{piece:?} is not in\n{text}");
    }
}

#[test]
fn a_recording_of_several_days_is_named_by_both_ends() {
    let name = |files: [&str; 2]| {
        Inspector::new(files.map(str::to_owned).to_vec())
            .report()
            .name
    };
    assert_eq!(
        name(["usdm_btcusdt_20240718.gz", "usdm_btcusdt_20240719.gz"]),
        "usdm_btcusdt_20240718-19"
    );
    assert_eq!(name(["a.gz", "a.gz"]), "a");
    assert_eq!(name(["", "这.zst"]), "-这");
}

proptest! {
    #[test]
    fn no_bytes_make_an_inspection_panic(
        order in proptest::collection::vec(0..LINES.len(), 1..20),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0u8..5), 0..20),
    ) {
        let mut lines: Vec<Vec<u8>> = order.iter().map(|n| LINES[*n].as_bytes().to_vec()).collect();
        for (line, at, byte, how) in damage {
            let line = line.get(&lines).clone();
            let at = at.index(line.len().max(1));
            let mut line = line;
            match how {
                0 if at < line.len() => line[at] = byte,
                1 if at < line.len() => { line.remove(at); }
                2 => line.insert(at.min(line.len()), byte),
                3 => line.insert(at.min(line.len()), b'0' + byte % 10),
                _ => line.truncate(at),
            }
            lines.push(line);
        }
        let report = report_of(lines.iter().map(Vec::as_slice));
        prop_assert_eq!(report.lines, lines.len() as u64);
        let _ = text_of(&report);
        prop_assert!(serde_json::to_string(&report).is_ok());
    }
}
