//! The demo as a user runs it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

use serde_json::Value;

fn demo(arguments: &[&str]) -> (Option<i32>, String, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_tripline"))
        .arg("demo")
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    let summary = serde_json::from_str(last).unwrap_or_else(|error| {
        panic!(
            "{error}\n{text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    });
    (output.status.code(), text, summary)
}

#[test]
fn the_demo_trades_and_its_record_balances_with_the_exchanges() {
    let (code, text, summary) = demo(&["--seconds", "20", "--json"]);
    assert_eq!(
        (code, &summary["balanced"]),
        (Some(0), &Value::Bool(true)),
        "{text}"
    );
    assert_eq!(summary["open_at_exchange"], 0);
    assert_eq!(summary["fills_at_exchange"], summary["fills_in_engine"]);
    assert!(summary["orders_canceled"].as_u64().unwrap() > 0, "{text}");
    assert_eq!(summary["halts"], 0, "nothing goes wrong by itself: {text}");
    let positions = summary["positions"].as_array().unwrap();
    assert!(!positions.is_empty(), "{text}");
    for position in positions {
        for amount in ["net", "held", "realised", "unrealised", "mark"] {
            assert!(position[amount].is_string(), "{amount} of {position}");
        }
        let line = format!(
            "{:<10}{}",
            position["strategy"].as_str().unwrap(),
            position["symbol"].as_str().unwrap()
        );
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    let resident = summary["max_rss_mb"].as_u64().unwrap();
    assert!(
        (1..60).contains(&resident),
        "{resident} MB resident, exchange included"
    );
}

#[test]
fn with_faults_strategies_are_halted_alerts_go_out_and_the_records_still_balance() {
    let (code, text, summary) = demo(&["--seconds", "20", "--faults", "--json"]);
    assert_eq!(
        (code, &summary["balanced"]),
        (Some(0), &Value::Bool(true)),
        "{text}"
    );
    assert!(summary["halts"].as_u64().unwrap() >= 2, "{text}");
    assert!(summary["alerts_delivered"].as_u64().unwrap() >= 2, "{text}");
    assert!(
        text.contains("HALTED   strategy maker") && text.contains("HALTED   instrument BTCUSDT"),
        "{text}"
    );
}
