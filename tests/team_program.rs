//! A program outside the workspace composes its own strategies: built, tested and run as its team would.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::Command;

fn cargo(arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--manifest-path", "tests/team/Cargo.toml", "--locked"])
        .env("CARGO_TARGET_DIR", root.join("target/team"))
        .env_remove("TRIPLINE_CAPTURES")
        .current_dir(root)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "cargo {arguments:?}\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[test]
fn a_team_tests_and_runs_its_strategies_without_forking() {
    let tested = cargo(&["test"]);
    assert!(tested.contains("2 passed"), "{tested}");
    let run = cargo(&["run"]);
    assert!(run.contains("buy Filled 0.01"), "{run}");
}
