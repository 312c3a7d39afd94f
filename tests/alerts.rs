//! Alerts of the composed program: a WeCom robot of our own, the running program, and a person at the
//! command line.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "cli/program.rs"]
mod program;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use program::{Exchange, Folder, ends};
use serde_json::Value;

/// How often it is looked whether something has happened, and how many times.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: usize = 3_000;

/// A robot that keeps what it took; it refuses with HTTP 200, as WeCom does.
struct Robot {
    url: String,
    texts: Arc<Mutex<Vec<String>>>,
    refuses: Arc<AtomicBool>,
}

impl Robot {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let robot = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            texts: Arc::default(),
            refuses: Arc::default(),
        };
        let (texts, refuses) = (robot.texts.clone(), robot.refuses.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (texts, refuses) = (texts.clone(), refuses.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &texts, &refuses));
            }
        });
        robot
    }

    /// The first text that holds this; waits for it.
    fn told(&self, part: &str) -> String {
        for _ in 0..PATIENCE {
            let texts = self.texts.lock().unwrap().clone();
            if let Some(text) = texts.iter().find(|text| text.contains(part)) {
                return text.clone();
            }
            std::thread::sleep(LOOK);
        }
        let texts = self.texts.lock().unwrap();
        panic!("nobody told of '{part}': {texts:#?}");
    }
}

fn serve(mut stream: TcpStream, texts: &Mutex<Vec<String>>, refuses: &AtomicBool) {
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read) = stream.read(&mut chunk) {
        if read == 0 {
            return;
        }
        received.extend_from_slice(&chunk[..read]);
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
        if received.len() < end + 4 + length {
            continue;
        }
        let body: Value = serde_json::from_slice(&received[end + 4..]).unwrap();
        received.clear();
        let is_key = head.starts_with("post /cgi-bin/webhook/send?key=the-key ");
        let answer = if refuses.load(Ordering::SeqCst) || !is_key {
            r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#
        } else {
            let text = body["text"]["content"].as_str().unwrap();
            texts.lock().unwrap().push(text.to_owned());
            r#"{"errcode":0,"errmsg":"ok"}"#
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if stream
            .write_all(format!("{head}{answer}").as_bytes())
            .is_err()
        {
            return;
        }
    }
}

/// The configuration with this robot as the only channel.
fn configure(folder: &Folder, exchange: &Exchange, robot: &Robot) {
    let key = folder.write("key", "the-key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let path = exchange.config(folder);
    let mut config = fs::read_to_string(&path).unwrap();
    config.push_str(&format!(
        "[[alert]]\nkind = \"wecom\"\nkey = {{ file = \"{}\" }}\nbase_url = \"{}\"\n",
        key.display(),
        robot.url
    ));
    fs::write(&path, config).unwrap();
}

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
    configure(&folder, &exchange, &robot);
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
        1,
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
    configure(&folder, &exchange, &robot);
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
