//! Alerts of the composed program: a WeCom robot of our own, the running program, and a person at the
//! command line.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "cli/program.rs"]
mod program;
#[path = "cli/robot.rs"]
mod robot;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use program::{Exchange, Folder, ends};
use robot::Robot;

/// How often it is looked whether something has happened, and how many times.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: usize = 3_000;

fn start(folder: &Folder) -> Child {
    let mut command = folder.tripline(&["run"]);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends it by SIGTERM; gives exit code and output.
fn stop(child: Child) -> (Option<i32>, String) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    (output.status.code(), program::text(&output))
}

#[test]
fn a_person_is_told_sees_what_waits_and_acknowledges_it() {
    let (folder, robot) = (Folder::new("alerts-ack"), Robot::start());
    let exchange = Exchange::start(&folder, &[]);
    robot.configure(&folder, &exchange);
    let running = start(&folder);
    robot.told("this is a test of its alert channels");
    ends(&folder.run(&["alerts", "list"]), 0, &["no alert waits"]);
    drop(exchange);
    let text = robot.told("Act: tripline alerts ack ");
    let id = text
        .split("alerts ack ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    for part in [
        "[CRIT][PRACTICE]",
        "Halted (cancels only): quote",
        "Open orders: ",
        "Host: ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = folder.run(&["alerts", "list", "--json"]);
    ends(&json, 0, &[&format!("\"id\":\"{id}\"")]);
    ends(
        &folder.run(&["alerts", "ack", "999999"]),
        7,
        &["no alert waits"],
    );
    ends(
        &folder.run(&["alerts", "ack", id, "--by", "ann"]),
        0,
        &["acknowledged"],
    );
    robot.told(&format!("{id} acknowledged by ann"));
    let (code, output) = stop(running);
    assert!(matches!(code, Some(3 | 4)), "{code:?} {output}");
    assert!(!output.contains("the-key"), "{output}");
    ends(&folder.run(&["alerts", "list"]), 1, &["no engine answers"]);
}

#[test]
fn when_an_alert_reaches_nobody_the_engine_halts_and_exit_code_and_file_say_so() {
    let (folder, robot) = (Folder::new("alerts-unheard"), Robot::start());
    let exchange = Exchange::start(&folder, &[]);
    robot.configure(&folder, &exchange);
    ends(&folder.run(&["alerts", "test"]), 0, &["wecom: delivered"]);
    robot.told("test of the alert channel wecom");
    ends(
        &folder.run(&["alerts", "test", "pigeon"]),
        2,
        &["no alert channel 'pigeon'", "wecom"],
    );
    robot.refuses.store(true, Ordering::SeqCst);
    let failed = folder.run(&["alerts", "test", "wecom"]);
    ends(&failed, 1, &["wecom: FAILED after 1 attempts", "93000"]);
    let running = start(&folder);
    let file = folder.0.join("tripline.journal.undelivered");
    for _ in 0..PATIENCE {
        if file.exists() {
            break;
        }
        std::thread::sleep(LOOK);
    }
    let (code, output) = stop(running);
    assert_eq!(code, Some(6), "{output}");
    assert!(output.contains("alert_undelivered"), "{output}");
    let note = fs::read_to_string(&file).unwrap();
    assert!(
        note.contains("reached nobody: wecom: ") && note.contains("93000"),
        "{note}"
    );
}
