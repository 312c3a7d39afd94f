//! The program as people and scripts meet it: arguments, output, exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "cli/program.rs"]
mod program;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use program::{Exchange, Folder, ends, http, text};
use serde_json::Value;

#[test]
fn the_help_tells_the_exit_codes_and_a_wrong_argument_ends_with_2() {
    let folder = Folder::new("help");
    ends(
        &folder.run(&["--help"]),
        0,
        &["Exit codes", "orders may be open", "demo", "completions"],
    );
    ends(&folder.run(&["--version"]), 0, &[env!("CARGO_PKG_VERSION")]);
    ends(
        &folder.run(&["run", "--no-such-option"]),
        2,
        &["--no-such-option"],
    );
    ends(&folder.run(&["completions", "bash"]), 0, &["_tripline"]);
}

#[test]
fn init_writes_a_configuration_that_passes_check_and_replaces_none_unasked() {
    let folder = Folder::new("init");
    ends(&folder.run(&["init"]), 0, &["tripline.toml is written"]);
    ends(&folder.run(&["check"]), 0, &["valid"]);
    fs::write(folder.0.join("tripline.toml"), "# mine\n").unwrap();
    ends(
        &folder.run(&["init"]),
        2,
        &["tripline.toml is there already", "--force"],
    );
    assert_eq!(
        fs::read_to_string(folder.0.join("tripline.toml")).unwrap(),
        "# mine\n"
    );
    ends(
        &folder.run(&["init", "--force", "--file", "tripline.toml"]),
        0,
        &[],
    );
    ends(&folder.run(&["check", "--config", "tripline.toml"]), 0, &[]);
    ends(
        &folder.run(&["init", "--file", "no/such/folder.toml"]),
        1,
        &["no/such/folder.toml cannot be written"],
    );
}

const WRONG: &str =
    "liev = true\n[venue]\nenvironment = 'moon'\n[account]\nid = 'main'\nsecret = 'hunter2'\n";

#[test]
fn check_tells_every_wrong_key_at_once_and_run_does_not_start() {
    let folder = Folder::new("check");
    let path = folder.write("wrong.toml", WRONG);
    let file = path.to_str().unwrap();
    let parts = [
        "line 1: liev",
        "live?",
        "line 3: venue.environment",
        "line 6: account.secret",
        "0600",
        "strategy: ",
    ];
    ends(&folder.run(&["check", "--config", file]), 2, &parts);
    let run = folder.run(&["run", "--config", file]);
    ends(&run, 2, &parts);
    assert!(!text(&run).contains("hunter2"));
    let json = folder.run(&["check", "--json", "--config", file]);
    assert_eq!(json.status.code(), Some(2));
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(found["valid"], false);
    assert!(
        found["errors"]
            .as_array()
            .unwrap()
            .iter()
            .any(|error| error["key"] == "liev" && error["line"] == 1)
    );
    ends(
        &folder.run(&["check", "--config", "none.toml"]),
        2,
        &["none.toml cannot be read", "tripline init"],
    );
}

#[test]
fn a_reader_that_has_gone_is_no_failure_and_no_panic() {
    let folder = Folder::new("pipe");
    let mut child = folder
        .tripline(&["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    ends(&output, 0, &[]);
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let folder = Folder::new("port");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    ends(
        &folder.run(&["exchange", "--port", &port]),
        1,
        &[&port, "choose another port"],
    );
    ends(
        &folder.run(&["exchange", "--config", "none.toml"]),
        2,
        &["none.toml cannot be read"],
    );
    let faults = folder.write("faults.toml", "[[faults]]\nkind = 'gremlins'\n");
    ends(
        &folder.run(&["exchange", "--faults", faults.to_str().unwrap()]),
        2,
        &["faults.toml", "gremlins"],
    );
}

#[test]
fn the_exchange_stops_in_order_on_a_signal() {
    let folder = Folder::new("signal");
    for name in ["TERM", "INT"] {
        let exchange = Exchange::start(&folder, &[]);
        let mut socket = websocket(&exchange.address, "/ws/btcusdt@trade");
        exchange.signal(name);
        let mut last_words = Vec::new();
        socket.read_to_end(&mut last_words).unwrap();
        let text = String::from_utf8_lossy(&last_words);
        assert!(text.contains("serverShutdown"), "SIG{name}: {text}");
        assert!(text.ends_with("The practice exchange stops"), "{text}");
        assert_eq!(exchange.ended(), Some(0), "SIG{name}");
    }
}

/// A WebSocket after its handshake.
fn websocket(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream
}

#[test]
fn an_exchange_whose_output_nobody_reads_serves_all_the_same() {
    let folder = Folder::new("unread");
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = folder.tripline(&["exchange", "--port", &free.port().to_string()]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let pause = std::time::Duration::from_millis(20);
    let mut tries = 0;
    while TcpStream::connect(free).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        tries += 1;
        assert!(tries < 1_000, "it does not listen");
        std::thread::sleep(pause);
    }
    let answer = http(&free.to_string(), "GET", "/api/v3/ping", "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn wrong_settings_of_the_exchange_are_told_with_file_key_and_advice() {
    let folder = Folder::new("settings");
    let text =
        "[[accounts]]\nid = 'a'\nbalances = { USDT = '-5' }\n[market.synthetic]\nlevels = 0\n";
    let path = folder.write("exchange.toml", text);
    let config = [
        "exchange",
        "--port",
        "0",
        "--config",
        path.to_str().unwrap(),
    ];
    ends(
        &folder.run(&config),
        2,
        &[
            "exchange.toml",
            "accounts[0].balances.USDT: -5 is not possible: give 0 to 100000000000",
            "market.synthetic.levels: 0 is not possible: give 1 to 5000",
        ],
    );
    let faults = folder.write(
        "faults.toml",
        "[[faults]]\nkind = 'overloaded'\noperation = 'order.plcae'\n",
    );
    ends(
        &folder.run(&[
            "exchange",
            "--port",
            "0",
            "--faults",
            faults.to_str().unwrap(),
        ]),
        2,
        &["faults.toml", "faults[0]", "'order.plcae'", "order.place"],
    );
}

fn testnet(folder: &Folder, extra: &str) -> PathBuf {
    let example = {
        ends(&folder.run(&["init", "--force"]), 0, &[]);
        fs::read_to_string(folder.0.join("tripline.toml")).unwrap()
    };
    let strategies = &example[example.find("[[strategy]]").unwrap()..];
    folder.write("testnet.toml", &format!("{extra}{strategies}"))
}

#[test]
fn real_money_needs_the_switch_in_the_file_and_the_one_on_the_command_line() {
    let folder = Folder::new("live");
    let account = "[account]\nid = 'main'\napi_key = { env = 'NO_SUCH_KEY' }\nsecret = { env = 'NO_SUCH_SECRET' }\n";
    let path = testnet(
        &folder,
        &format!("[venue]\nenvironment = 'production'\n{account}"),
    );
    let file = path.to_str().unwrap();
    ends(
        &folder.run(&["run", "--live", "--config", file]),
        2,
        &["live = true"],
    );
    let path = testnet(
        &folder,
        &format!("live = true\n[venue]\nenvironment = 'production'\n{account}"),
    );
    let file = path.to_str().unwrap();
    for command in [
        &["run", "--live", "--config", file][..],
        &["check", "--config", file],
    ] {
        let told = [
            "live = true, and strategy quote has no limit",
            "max_notional",
            "max_long",
            "day_loss_halt",
        ];
        ends(&folder.run(command), 2, &told);
    }
    let limits = "[risk]\nmax_notional = '100'\nmax_net_exposure = '1000'\nday_loss_halt = '50'\n";
    let path = testnet(
        &folder,
        &format!("live = true\n[venue]\nenvironment = 'production'\n{account}{limits}"),
    );
    let file = path.to_str().unwrap();
    ends(&folder.run(&["run", "--config", file]), 2, &["add --live"]);
    ends(
        &folder.run(&["run", "--live", "--config", file]),
        2,
        &["NO_SUCH_KEY is not set", "NO_SUCH_SECRET"],
    );
    ends(
        &folder.run(&["check", "--config", path.to_str().unwrap()]),
        0,
        &["note: ", "NO_SUCH_KEY is not set"],
    );
    let path = testnet(
        &folder,
        &format!("[venue]\nenvironment = 'testnet'\n{account}"),
    );
    ends(
        &folder.run(&["run", "--live", "--config", path.to_str().unwrap()]),
        2,
        &["trades no real money"],
    );
}

#[test]
fn without_its_exchange_a_run_says_how_to_start_one() {
    let folder = Folder::new("alone");
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    ends(&folder.run(&["init"]), 0, &[]);
    let path = folder.0.join("tripline.toml");
    let config = fs::read_to_string(&path)
        .unwrap()
        .replace("127.0.0.1:18080", &free.to_string());
    fs::write(&path, config).unwrap();
    ends(&folder.run(&["run"]), 1, &["tripline exchange"]);
}

#[test]
fn an_engine_trades_on_the_practice_exchange_until_sigterm_and_ends_in_order() {
    let folder = Folder::new("trade");
    let exchange = Exchange::start(&folder, &["--seed", "3"]);
    exchange.config(&folder);
    ends(
        &folder.run(&["check", "--online"]),
        0,
        &["ok: clock", "ok: instruments", "ok: account", "valid"],
    );
    let mut command = folder.tripline(&["run", "--json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("RUST_LOG", "info")
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    log.read_line(&mut first).unwrap();
    assert!(
        first.contains(" INFO  ") && first.contains("engine  account main"),
        "{first}"
    );
    wait_until_orders_arrive(&exchange.address);
    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}\n{first}{rest}",
        text(&output)
    );
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&summary["exit_code"], &summary["open_orders"]),
        (&Value::from(0), &Value::from(0)),
        "{summary}"
    );
}

#[test]
fn sigusr1_has_a_running_engine_hold_everything_against_the_venue() {
    let folder = Folder::new("usr1");
    let exchange = Exchange::start(&folder, &["--seed", "3"]);
    let config = exchange.config(&folder);
    let bounds =
        "\n[venue.bounds]\nrecv_window_ms = 1000\nengine_timeout_ms = 0\nstale_reads_ms = 1000\n";
    let text_of_it = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text_of_it + bounds).unwrap();
    let mut command = folder.tripline(&["run"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .env("RUST_LOG", "info")
        .spawn()
        .unwrap();
    let id = child.id().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.unwrap().success());
    };
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut until = |said: &str| {
        let found = log.find(|line| line.as_ref().unwrap().contains(said));
        assert!(found.is_some(), "'{said}' was not said");
    };
    until("account main");
    wait_until_orders_arrive(&exchange.address);
    signal("-USR1");
    until("SIGUSR1: holding");
    until("balances equal");
    // What nobody was told of is shown with both sides.
    let untold =
        r#"{"deposit":{"account":"practice","asset":"BNB","amount":"-0.5","untold":true}}"#;
    http(&exchange.address, "POST", "/practice/market", untold);
    signal("-USR1");
    until("not reconciled: BNB: ");
    signal("-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let journal = folder.run(&["journal", "tail", "tripline.journal", "-n", "200", "--json"]);
    let text = text(&journal);
    assert!(
        text.contains("balance_drift") && text.contains("\"demand\""),
        "{text}"
    );
}

/// Asks the exchange for its own record until an order is in it.
fn wait_until_orders_arrive(address: &str) {
    let deadline = std::time::Duration::from_secs(30);
    let pause = std::time::Duration::from_millis(100);
    let tries = deadline.as_millis() / pause.as_millis();
    for _ in 0..tries {
        if http(address, "GET", "/practice/record", "").contains("\"clientOrderId\"") {
            return;
        }
        std::thread::sleep(pause);
    }
    panic!("no order reached the exchange within {deadline:?}");
}

/// The practice configuration with a key of one's own, whose secret stands in a file of this mode.
fn with_key(config: &Path, folder: &Folder, kind: &str, secret: &str, mode: u32) {
    let file = folder.write("secret", secret);
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let keys = format!(
        "key_kind = \"{kind}\"\napi_key = {{ env = \"PRACTICE_KEY\" }}\nsecret = {{ file = \"{}\" }}",
        file.display()
    );
    let text = fs::read_to_string(config).unwrap().replacen(
        "id = \"main\"",
        &format!("id = \"main\"\n{keys}"),
        1,
    );
    fs::write(config, text).unwrap();
}

#[test]
fn a_wrong_key_kind_an_open_file_and_a_refused_key_are_told_apart() {
    let folder = Folder::new("keys");
    let exchange = Exchange::start(&folder, &[]);
    let check = |kind, secret, mode| {
        let config = exchange.config(&folder);
        with_key(&config, &folder, kind, secret, mode);
        folder
            .tripline(&["check", "--online"])
            .env("PRACTICE_KEY", "unknown")
            .output()
            .unwrap()
    };
    ends(
        &check("hmac", "shared", 0o644),
        2,
        &["account.secret", "chmod 600"],
    );
    ends(
        &check("ed25519", "shared", 0o600),
        2,
        &["PKCS#8", "key_kind"],
    );
    ends(
        &check("hmac", "shared", 0o600),
        1,
        &["ok: clock", "error: account", "account.key_kind"],
    );
}

#[test]
fn a_clock_an_hour_off_is_told_with_what_to_do() {
    let folder = Folder::new("clock");
    let exchange = Exchange::start(&folder, &[]);
    let fault = r#"{"kind":"clock_offset","offset_ms":3600000}"#;
    assert!(http(&exchange.address, "POST", "/practice/faults", fault).starts_with("HTTP/1.1 200"));
    exchange.config(&folder);
    ends(
        &folder.run(&["check", "--online"]),
        1,
        &["error: clock", "NTP"],
    );
    ends(&folder.run(&["run"]), 1, &["NTP"]);
}
