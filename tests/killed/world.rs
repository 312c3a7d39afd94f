//! An exchange and an engine as processes, which may be killed, and what is known of them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tripline_engine::ids::Asset;

use super::chronicle::Chronicle;
use super::program::{Folder, ends, http, text};
use super::record::Record;

/// Lively, with every limit out of the way.
const EXCHANGE: &str = "
[market.synthetic]
updates_per_second = 60.0
trades_per_second = 60.0
trade_value = 5000.0
volatility_bps = 10.0
[limits]
weight_per_minute = 10000000
raw_per_5_minutes = 10000000
orders_per_10_seconds = 1000000
orders_per_day = 100000000
connections_per_5_minutes = 1000000
";

/// What a test draws from: an environment variable repeats a run.
pub fn random() -> StdRng {
    let seed =
        number("TRIPLINE_KILL_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("TRIPLINE_KILL_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{variable}={text}: {error}")),
    )
}

pub fn wait(rng: &mut StdRng, most: u64) {
    std::thread::sleep(Duration::from_micros(rng.random_range(0..most * 1_000)));
}

/// A process that is killed when it is dropped.
struct Process(Child);

impl Process {
    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// `kill -9`, and waits until nothing of it is left.
    fn kill(mut self) {
        assert_eq!(self.0.try_wait().unwrap(), None, "it has ended by itself");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Its exit code.
    fn ended(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub struct World {
    pub folder: Folder,
    pub address: String,
    exchange: Option<Process>,
    engine: Option<Process>,
    pub chronicle: Chronicle,
    initial: BTreeMap<Asset, Decimal>,
    engines: usize,
}

impl World {
    pub fn new(name: &str, seed: u64, strategies: &str) -> Self {
        let folder = Folder::new(name);
        folder.write("exchange.toml", &format!("seed = {seed}\n{EXCHANGE}"));
        let mut world = Self {
            folder,
            address: "127.0.0.1:0".into(),
            exchange: None,
            engine: None,
            chronicle: Chronicle::default(),
            initial: BTreeMap::new(),
            engines: 0,
        };
        world.start_exchange();
        let config = CONFIG.replace("ADDRESS", &world.address);
        world
            .folder
            .write("tripline.toml", &format!("{config}{strategies}"));
        world.initial = world.record().balances();
        world
    }

    /// Starts the exchange where it was before, from what it had kept.
    pub fn start_exchange(&mut self) {
        let port = self.address.rsplit(':').next().unwrap();
        let args = [
            "exchange",
            "--config",
            "exchange.toml",
            "--state",
            "exchange",
            "--port",
            port,
        ];
        let mut command = self.folder.tripline(&args);
        let log = self.log("exchange.log");
        let child = command.stdout(Stdio::piped()).stderr(log).spawn();
        let mut process = Process(child.unwrap());
        let mut ready = String::new();
        BufReader::new(process.0.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        let url = ready.split_whitespace().find(|word| word.contains("://"));
        let url = url.unwrap_or_else(|| panic!("{}", self.read("exchange.log")));
        self.address = url.split("://").nth(1).unwrap().to_owned();
        self.exchange = Some(process);
    }

    pub fn kill_exchange(&mut self) {
        self.exchange.take().unwrap().kill();
    }

    fn log(&self, name: &str) -> File {
        let path = self.folder.0.join(name);
        File::options()
            .append(true)
            .create(true)
            .open(path)
            .unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.0.join(name)).unwrap()
    }

    /// Starts an engine from the journal of the last one.
    pub fn start_engine(&mut self, resume: bool) {
        let mut args = vec!["run", "--config", "tripline.toml"];
        if resume {
            args.extend(["--resume", "the test has looked"]);
        }
        let command = self.folder.tripline(&args);
        self.start(command);
    }

    pub fn start(&mut self, mut command: Command) {
        // Every start costs weight, and nothing here is about the venue's limits.
        self.ask("DELETE", "/practice/limits", &Value::Null);
        self.engines += 1;
        let log = self.log(&self.engine_log());
        let out = log.try_clone().unwrap();
        let child = command.stdout(out).stderr(log).spawn();
        self.engine = Some(Process(child.unwrap()));
    }

    pub fn kill_engine(&mut self) {
        self.engine.take().unwrap().kill();
    }

    /// Stops the engine in order; gives its exit code.
    pub fn stop_engine(&mut self) -> Option<i32> {
        let engine = self.engine.take().unwrap();
        engine.signal("TERM");
        engine.ended()
    }

    fn engine_log(&self) -> String {
        format!("engine-{}.log", self.engines)
    }

    fn ask(&self, verb: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = http(&self.address, verb, path, &body);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(body).unwrap()
    }

    pub fn fault(&self, fault: &Value) {
        self.ask("POST", "/practice/faults", fault);
    }

    pub fn clear_faults(&self) {
        self.ask("DELETE", "/practice/faults", &Value::Null);
    }

    pub fn market(&self, lever: &Value) {
        self.ask("POST", "/practice/market", lever);
    }

    /// The exchange's time, and the prices at which orders arrived after `since`; both in Unix microseconds.
    pub fn prices_since(&self, since: i64) -> (i64, Vec<Decimal>) {
        let answer = self.ask("GET", "/practice/record", &Value::Null);
        let arrivals = answer["arrivals"].as_array().unwrap().iter();
        let later = arrivals.filter(|one| one["timeUs"].as_i64().unwrap() > since);
        let prices = later.map(|one| one["price"].as_str().unwrap().parse().unwrap());
        (answer["timeUs"].as_i64().unwrap(), prices.collect())
    }

    pub fn signal_engine(&self, name: &str) {
        self.engine.as_ref().unwrap().signal(name);
    }

    pub fn signal_exchange(&self, name: &str) {
        self.exchange.as_ref().unwrap().signal(name);
    }

    pub fn record(&self) -> Record {
        Record::read(&self.ask("GET", "/practice/record", &Value::Null))
    }

    /// Reads what the journal has got since.
    pub fn read_journal(&mut self) {
        let from = self.chronicle.next().to_string();
        let export = [
            "journal",
            "export",
            "tripline.journal",
            "--format",
            "json",
            "--from",
            &from,
        ];
        let output = self.folder.run(&export);
        if !output.status.success() && self.chronicle.runs.is_empty() {
            return; // The first engine is about to make it.
        }
        assert!(output.status.success(), "{}", text(&output));
        self.chronicle
            .take(&String::from_utf8(output.stdout).unwrap());
    }

    /// Looks for a condition again and again, for half a minute, while the engine lives.
    pub fn until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        for _ in 0..1_500 {
            if condition(self) {
                return;
            }
            let engine = self.engine.as_mut().unwrap();
            assert_eq!(engine.0.try_wait().unwrap(), None, "it has ended by itself");
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("did not come true: {what}");
    }

    /// Lets the engine go on until it has placed an order that was not there before, or is halted, as a busy
    /// machine's time-outs do; which of them it is.
    pub fn trades(&mut self) -> bool {
        let (before, mut looks, mut trades) = (self.record().orders.len(), 0, false);
        self.until("it trades or is halted", |world| {
            trades = world.record().orders.len() > before;
            looks += 1;
            if looks % 25 == 0 {
                world.read_journal();
            }
            trades || !world.chronicle.standing().is_empty()
        });
        trades
    }

    /// Starts it for the first time, until it trades.
    pub fn begin(&mut self) {
        self.start_engine(false);
        if !self.trades() {
            self.stop_engine();
            self.make_it_trade();
        }
    }

    /// As a person does: starts it, with the halts of before lifted, until it trades and nothing is halted.
    pub fn make_it_trade(&mut self) {
        for _ in 0..10 {
            self.start_engine(true);
            for _ in 0..500 {
                self.read_journal();
                if self.chronicle.standing().is_empty() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            if self.chronicle.standing().is_empty() && self.trades() {
                return;
            }
            self.stop_engine();
        }
        panic!("it does not trade");
    }

    /// Stops the engine in order, and holds everything against everything.
    pub fn settle(&mut self) {
        self.market(&json!({"pause": true}));
        let code = self.stop_engine();
        assert!(matches!(code, Some(0 | 3)), "{code:?}");
        self.read_journal();
        ends(
            &self.folder.run(&["journal", "verify", "tripline.journal"]),
            0,
            &["intact"],
        );
        let record = self.record();
        record.equals(&self.chronicle, &self.initial);
        assert!(self.chronicle.state.ended_in_order());
        assert_eq!(self.chronicle.state.alerts.due().count(), 0);
        println!(
            "{} runs, {} orders, {} of them open, {} fills, {} halts told",
            self.chronicle.runs.len(),
            record.orders.len(),
            record.open(),
            self.chronicle.fills.len(),
            self.chronicle.told_halts(),
        );
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.read("exchange.log"));
            println!("{}", self.read(&self.engine_log()));
        }
    }
}

/// Short time-outs; what rests at the end stays, so that there is something to compare.
const CONFIG: &str = r#"
[venue]
environment = "custom"
rest_url = "http://ADDRESS"
ws_api_url = "ws://ADDRESS/ws-api/v3"
streams_url = "ws://ADDRESS"
[venue.bounds]
request_timeout_ms = 2500
engine_timeout_ms = 0
stale_reads_ms = 300
recv_window_ms = 2000
reconnect_first_ms = 50
reconnect_longest_ms = 400
[account]
id = "killed"
[stop]
resting_orders = "keep"
[log]
level = "info"
"#;
