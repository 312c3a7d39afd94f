//! Simulation of the composed program: the same seed is the same run, and what is drawn balances.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::{Command, Output};

use tripline::simulate::{Outcome, Subject};

fn simulate(seed: u64, traced: bool) -> Outcome {
    tripline::simulate::simulate(&Subject::shipped(), seed, traced)
}

fn program(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.arg("simulate").args(args).env_remove("RUST_LOG");
    command.output().unwrap()
}

fn balanced(outcome: &Outcome) {
    let Outcome { seed, wrong, .. } = outcome;
    assert_eq!(wrong, &Vec::<String>::new(), "seed {seed}");
}

#[test]
fn a_seed_gives_the_same_trace_byte_for_byte_in_one_process_and_in_another() {
    // With crashes of the engine, cuts, lost answers, halts and resumes.
    for seed in [3, 14] {
        let first = simulate(seed, true);
        let second = simulate(seed, true);
        assert!(first.trace.lines().count() > 200, "{}", first.trace);
        assert_eq!(first.trace, second.trace, "two runs in one process");
        let seeds = format!("{seed}..{}", seed + 1);
        let other = program(&["--seeds", &seeds, "--trace"]);
        let printed = String::from_utf8(other.stdout).unwrap();
        assert!(
            printed.starts_with(&first.trace),
            "another process differs: {printed}"
        );
    }
}

#[test]
fn another_seed_gives_another_run() {
    assert_ne!(simulate(1, true).trace, simulate(2, true).trace);
}

#[test]
fn a_run_trades_under_faults_and_balances() {
    let outcomes: Vec<_> = (100..106).map(|seed| simulate(seed, false)).collect();
    outcomes.iter().for_each(balanced);
    let sum = |count: fn(&Outcome) -> u64| outcomes.iter().map(count).sum::<u64>();
    assert!(sum(|one| one.fills as u64) > 100);
    assert!(sum(|one| one.faults.values().sum()) > 5);
    assert!(sum(|one| one.halts) > 0 && sum(|one| one.alerts as u64) > 0);
    assert!(outcomes.iter().all(|one| one.trace.is_empty()));
}

#[test]
fn the_command_sums_up_in_one_json_object_on_the_last_line() {
    let output = program(&["--seeds", "1..3", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["seeds"], &last["failed"]),
        (&2.into(), &serde_json::json!([]))
    );
    for count in ["virtual_seconds", "orders", "fills"] {
        assert!(last[count].as_u64().unwrap() > 0, "{count} in {last}");
    }
    for count in ["uncertain_orders", "halts", "alerts"] {
        assert!(last[count].is_u64(), "{count} in {last}");
    }
    assert!(last["faults_injected"].is_object(), "{last}");
}

#[test]
fn seeds_that_are_no_range_are_wrong_usage() {
    for seeds in ["7", "9..9", "a..b"] {
        assert_eq!(
            program(&["--seeds", seeds]).status.code(),
            Some(2),
            "{seeds}"
        );
    }
}

/// A file of this test, in a folder that is removed at the end.
fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

const SOL_EXCHANGE: &str = r#"
[[instruments]]
base = "SOL"
quote = "EUR"
tick = "0.01"
step = "0.001"
max_price = "100000"
max_quantity = "90000"
max_market_quantity = "9000"
min_notional = "0.01"
last_price = "150"

[[accounts]]
id = "main"
balances = { SOL = "100", EUR = "10000" }
"#;

/// What `tripline init` writes, with another symbol for its strategies.
fn configuration(symbol: &str) -> String {
    tripline::config::EXAMPLE.replace("BTCUSDT", symbol)
}

#[test]
fn a_configuration_brings_its_own_strategies_and_an_exchange_its_own_instruments() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(&folder, "tripline.toml", &configuration("BTCUSDT"));
    let output = program(&["--config", &config, "--seeds", "0..4", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let quote = &last["strategies"]["quote"];
    assert!(quote["orders"].as_u64().unwrap() > 0, "{last}");
    assert!(quote["results"]["USDT"]["sum"].is_string(), "{last}");
    assert!(text.contains("  quote "), "{text}");

    // The practice exchange does not list it until it is told to.
    let config = file(&folder, "sol.toml", &configuration("SOLEUR"));
    let unknown = program(&["--config", &config, "--seeds", "0..1"]);
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert_eq!(unknown.status.code(), Some(2), "{said}");
    assert!(
        said.contains("SOLEUR") && said.contains("--exchange"),
        "{said}"
    );
    let exchange = file(&folder, "exchange.toml", SOL_EXCHANGE);
    let known = program(&[
        "--config",
        &config,
        "--exchange",
        &exchange,
        "--seeds",
        "0..2",
    ]);
    let said = String::from_utf8(known.stdout).unwrap();
    assert!(known.status.success(), "{said}");
}

#[test]
fn a_configuration_that_is_wrong_runs_no_seed() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(&folder, "tripline.toml", "live = 3");
    for args in [
        vec!["--config", config.as_str()],
        vec!["--config", "nowhere.toml"],
        vec!["--exchange", config.as_str()],
    ] {
        let output = program(&args);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{output:?}"
        );
    }
}
