//! `tripline limits` against the running program, and what of it a restart and the journal keep.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "cli/program.rs"]
mod program;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use program::{Exchange, Folder, ends, text};
use serde_json::Value;

/// The program, trading; killed at the end if it still runs.
struct Engine(Child);

impl Engine {
    fn start(folder: &Folder) -> Self {
        let mut command = folder.tripline(&["run"]);
        let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
        let engine = Self(silent.spawn().unwrap());
        for _ in 0..1_500 {
            if folder.run(&["limits", "show"]).status.success() {
                return engine;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{}", text(&folder.run(&["limits", "show"])));
    }

    fn stop(mut self) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            let ended = self.0.kill().and_then(|()| self.0.wait());
            assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
        }
    }
}

#[test]
fn a_person_sees_limits_tightens_one_and_loosens_it_only_with_a_reason() {
    let folder = Folder::new("limits");
    let exchange = Exchange::start(&folder, &[]);
    exchange.config(&folder);
    ends(&folder.run(&["limits", "show"]), 1, &["no engine answers"]);
    let engine = Engine::start(&folder);
    let shown = [
        "collar_percent",
        "refuse_self_trade",
        "used:",
        "strategy:quote",
    ];
    ends(&folder.run(&["limits", "show"]), 0, &shown);
    let json = folder.run(&["limits", "show", "--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["usage"]["value_in"], "USDT");

    let set = |value: &str, more: &[&str]| {
        let args = [
            "limits",
            "set",
            "max_quantity",
            value,
            "--scope",
            "strategy:quote",
        ];
        folder.run(&[&args[..], &["--who", "ann"], more].concat())
    };
    ends(
        &set("0.5", &[]),
        0,
        &["max_quantity of strategy:quote is 0.5, and was none"],
    );
    ends(&set("0.5", &[]), 0, &["was so already"]);
    ends(
        &set("0.9", &[]),
        7,
        &["would be looser, 0.9 instead of 0.5: that needs a reason"],
    );
    ends(&set("none", &[]), 7, &["needs a reason"]);
    ends(&set("much", &["--reason", "x"]), 7, &["max_quantity: "]);
    ends(
        &set("0.9", &["--reason", "the desk agreed"]),
        0,
        &["is 0.9, and was 0.5"],
    );
    let nobody = [
        "limits",
        "set",
        "max_quantity",
        "1",
        "--scope",
        "strategy:nobody",
    ];
    ends(&folder.run(&nobody), 7, &["there is no strategy"]);
    ends(
        &folder.run(&["limits", "set", "max_quantity", "1", "--scope", "world"]),
        2,
        &["is no scope"],
    );
    engine.stop();

    let records = folder.run(&["journal", "export", "tripline.journal", "--format", "json"]);
    let records = text(&records);
    let records = records
        .lines()
        .filter(|line| line.contains("\"limit_set\""));
    let set: Vec<Value> = records
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(set.len(), 2, "{set:?}");
    assert_eq!(set[1]["payload"]["reason"], "the desk agreed");
    assert_eq!(set[1]["payload"]["is_looser"], true);

    let engine = Engine::start(&folder);
    let kept = folder.run(&["limits", "show"]);
    let kept = text(&kept);
    let line = kept
        .lines()
        .find(|line| line.contains("max_quantity"))
        .unwrap();
    assert!(
        line.starts_with("strategy:quote") && line.ends_with("0.9"),
        "{line}"
    );
    engine.stop();
}
