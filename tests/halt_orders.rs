//! The ways to order a halt of the running program: by command, over HTTP, by signal, by a file; and the way back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "cli/program.rs"]
mod program;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use program::{Exchange, Folder, ends};
use serde_json::Value;

/// How often it is looked whether something has happened, and how many times.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: usize = 1_500;

/// The program, trading; killed at the end if it still runs.
struct Engine<'f> {
    folder: &'f Folder,
    child: Option<Child>,
}

impl<'f> Engine<'f> {
    fn start(folder: &'f Folder) -> Self {
        let mut command = folder.tripline(&["run"]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            folder,
            child: Some(child),
        }
    }

    /// Waits until the status is as wanted.
    fn stands(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = String::new();
        for _ in 0..PATIENCE {
            let output = self.folder.run(&["status", "--json"]);
            match serde_json::from_slice::<Value>(&output.stdout) {
                Ok(status) if wanted(&status) => return status,
                Ok(status) => last = status.to_string(),
                Err(_) => last = program::text(&output),
            }
            std::thread::sleep(LOOK);
        }
        panic!("{what}: {last}");
    }

    fn works(&self) -> Value {
        self.stands("the strategy works", |status| status["works"][0] == "quote")
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Ends it by SIGTERM; gives exit code and output.
    fn stop(mut self) -> (Option<i32>, String) {
        self.signal("TERM");
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        (output.status.code(), program::text(&output))
    }
}

impl Drop for Engine<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let ended = child.kill().and_then(|()| child.wait());
            assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
        }
    }
}

fn is_swept(status: &Value) -> bool {
    let mut strategies = status["strategies"].as_array().unwrap().iter();
    let is_idle = |one: &Value| one["open_orders"] == 0 && one["activity"].is_null();
    status["answers"] == true && strategies.all(is_idle)
}

#[test]
fn a_person_halts_a_strategy_looks_and_resumes_it_by_command() {
    let folder = Folder::new("halt-command");
    let exchange = Exchange::start(&folder, &[]);
    exchange.config(&folder);
    ends(&folder.run(&["status"]), 1, &["no engine answers"]);
    let engine = Engine::start(&folder);
    let status = engine.works();
    assert_eq!(
        (&status["version"], &status["level"]),
        (&1.into(), &"active".into())
    );
    ends(
        &folder.run(&["status"]),
        0,
        &[
            "strategy quote: active",
            "able to place orders: quote",
            "BTCUSDT: data fresh",
        ],
    );

    let halt = [
        "halt",
        "strategy:quote",
        "--reason",
        "drill",
        "--who",
        "ann",
        "--command-id",
        "c-1",
    ];
    ends(
        &folder.run(&halt),
        0,
        &["strategy:quote is halted by incident #1"],
    );
    ends(
        &folder.run(&halt),
        0,
        &["strategy:quote is halted by incident #1"],
    );
    let status = engine.stands("swept", is_swept);
    let scope = &status["scopes"][0];
    assert_eq!(
        (&scope["scope"], &scope["epoch"]),
        (&"strategy:quote".into(), &1.into())
    );
    let incident = &scope["incidents"][0];
    assert_eq!(
        (&incident["kind"], &incident["actor"]),
        (&"manual".into(), &"operator ann".into())
    );
    ends(
        &folder.run(&["status"]),
        3,
        &[
            "strategy:quote is halted (epoch 1)",
            "#1",
            "by operator ann: drill",
            "no strategy can",
        ],
    );

    let refused = [
        (
            &["halt", "strategy:quoet", "--reason", "typo"][..],
            7,
            "there are: quote",
        ),
        (
            &["halt", "everything", "--reason", "typo"][..],
            2,
            "strategy:ID",
        ),
        (&["halt", "all"][..], 2, "--reason"),
        (
            &["resume", "all", "--reason", "looked", "--yes"][..],
            7,
            "all is not halted; halted: strategy:quote",
        ),
        (
            &["resume", "strategy:quote", "--reason", "looked"][..],
            7,
            "nothing is resumed",
        ),
        (
            &[
                "resume",
                "strategy:quote",
                "--reason",
                "looked",
                "--incident",
                "9",
            ][..],
            7,
            "incident #1",
        ),
        (
            &[
                "resume",
                "strategy:quote",
                "--reason",
                "looked",
                "--incident",
                "1",
                "--epoch",
                "7",
            ][..],
            7,
            "epoch",
        ),
    ];
    for (args, code, part) in refused {
        ends(&folder.run(args), code, &[part]);
    }
    let resume = [
        "resume",
        "strategy:quote",
        "--reason",
        "looked",
        "--incident",
        "1",
        "--json",
    ];
    ends(
        &folder.run(&resume),
        0,
        &["\"resumed\":{\"scope\":\"strategy:quote\"}"],
    );
    engine.works();
    let (code, output) = engine.stop();
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn a_signal_halts_everything_and_a_restart_does_not_lift_that() {
    let folder = Folder::new("halt-signal");
    let exchange = Exchange::start(&folder, &[]);
    exchange.config(&folder);
    let engine = Engine::start(&folder);
    engine.works();
    engine.signal("USR2");
    let status = engine.stands("halted", |status| {
        status["level"] == "halted" && is_swept(status)
    });
    assert_eq!(status["scopes"][0]["scope"], "all");
    assert_eq!(status["scopes"][0]["incidents"][0]["actor"], "signals");
    let (code, output) = engine.stop();
    assert_eq!(code, Some(3), "{output}");
    let engine = Engine::start(&folder);
    let status = engine.stands("started", |status| status["strategies"][0]["ready"] == true);
    assert_eq!(
        (&status["level"], &status["scopes"][0]["epoch"]),
        (&"halted".into(), &1.into())
    );
    ends(
        &folder.run(&["resume", "all", "--reason", "looked", "--yes"]),
        0,
        &["all is resumed"],
    );
    engine.works();
    assert_eq!(engine.stop().0, Some(0));
}

#[test]
fn a_file_halts_everything_and_as_long_as_it_is_there_nothing_is_resumed() {
    let folder = Folder::new("halt-file");
    let exchange = Exchange::start(&folder, &[]);
    exchange.config(&folder);
    let file = folder.write("tripline.journal.halt", "the feed looks wrong\n");
    let engine = Engine::start(&folder);
    let status = engine.stands("started", |status| status["strategies"][0]["ready"] == true);
    assert_eq!(status["level"], "halted", "it was there at the start");
    let detail = status["scopes"][0]["incidents"][0]["detail"]
        .as_str()
        .unwrap();
    assert!(detail.starts_with("the feed looks wrong ("), "{detail}");
    let resume = ["resume", "all", "--reason", "looked", "--yes"];
    ends(
        &folder.run(&resume),
        7,
        &["tripline.journal.halt is there: remove the file"],
    );
    fs::remove_file(&file).unwrap();
    ends(&folder.run(&resume), 0, &["all is resumed"]);
    engine.works();
    fs::write(&file, "").unwrap();
    engine.stands("halted again", |status| {
        status["level"] == "halted" && is_swept(status)
    });
    let (code, output) = engine.stop();
    assert_eq!(code, Some(3), "{output}");
}

#[test]
fn over_http_a_halt_needs_the_token() {
    let folder = Folder::new("halt-http");
    let exchange = Exchange::start(&folder, &[]);
    let path = exchange.config(&folder);
    let token = folder.write("token", "the-token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut config = fs::read_to_string(&path).unwrap();
    let control = format!(
        "[control]\naddress = \"{address}\"\ntoken = {{ file = \"{}\" }}\n",
        token.display()
    );
    config.push_str(&control);
    fs::write(&path, config).unwrap();
    let engine = Engine::start(&folder);
    engine.works();
    let post = |token: &str| {
        let body = r#"{"scope":"all","reason":"drill","who":"a script"}"#;
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "POST /v1/halt HTTP/1.1\r\nHost: here\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = post("wrong");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!(engine.works()["level"], "active");
    let answer = post("the-token");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"scope\":\"all\""),
        "{answer}"
    );
    let status = engine.stands("halted", |status| {
        status["level"] == "halted" && is_swept(status)
    });
    assert_eq!(
        status["scopes"][0]["incidents"][0]["actor"],
        "operator a script"
    );
    assert_eq!(engine.stop().0, Some(3));
}

#[test]
fn a_flatten_shows_its_plan_and_does_it_when_that_is_confirmed() {
    let folder = Folder::new("halt-flatten");
    let exchange = Exchange::start(&folder, &[]);
    exchange.config(&folder);
    let engine = Engine::start(&folder);
    engine.works();
    let flatten = ["flatten", "strategy:quote", "--reason", "drill"];
    let plan = [
        "it would:",
        "halt strategy quote and cancel its",
        "nothing is done",
    ];
    ends(&folder.run(&flatten), 7, &plan);
    assert_eq!(engine.works()["level"], "active");
    let done = folder.run(&[&flatten[..], &["--yes"]].concat());
    ends(&done, 0, &["then its positions closed"]);
    let status = engine.stands("flat", |status| {
        let flatten = &status["scopes"][0]["flatten"];
        flatten["under_way"] == false && is_swept(status)
    });
    let scope = &status["scopes"][0];
    assert_eq!(
        scope["incidents"][0]["resting_orders"], "flatten",
        "{scope}"
    );
    let resume = ["resume", "strategy:quote", "--reason", "looked", "--yes"];
    ends(&folder.run(&resume), 0, &["is resumed"]);
    engine.works();
    assert_eq!(engine.stop().0, Some(0));
}
