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
