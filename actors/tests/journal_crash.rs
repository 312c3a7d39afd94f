//! A process that appends to a journal and is killed at any moment. `TRIPLINE_KILLS` says how often.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use tripline_actors::clock::Clock;
use tripline_actors::journal::{Journal, JournalSettings, Reader, verify};
use tripline_engine::ids::{AccountId, ClientOrderId, OrderOrigin, RunId, StrategyId, Symbol};
use tripline_engine::journal::{
    Damage, Durability, JournalPort, JournalRecord, RunStarted, Sent, Sequence,
};
use tripline_engine::messages::order::PlaceOrder;
use tripline_engine::order::{NewOrder, Side};
use tripline_engine::time::Timestamp;

/// The journal that a child is to append to, and its durability.
const PATH: &str = "TRIPLINE_TEST_JOURNAL";
const POWER: &str = "TRIPLINE_TEST_POWER";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tripline-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

fn settings(path: &Path, power: bool) -> JournalSettings {
    JournalSettings {
        // Small segments, so that it is also killed while one is emptied.
        segment: 64 << 10,
        durability: if power {
            Durability::Power
        } else {
            Durability::Process
        },
        ..JournalSettings::new(path, Clock::system())
    }
}

/// Appends for ever, and tells the place and the client order id of each order as soon as its intent may
/// be relied on.
#[test]
#[ignore = "runs as a child of the other tests, which kill it"]
fn the_child() {
    let Some(path) = std::env::var_os(PATH) else {
        return;
    };
    let power = std::env::var_os(POWER).is_some();
    let opened = Journal::open(settings(Path::new(&path), power)).unwrap();
    assert_eq!(opened.damage, None);
    let appender = opened.journal.appender();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let at = Clock::system().now();
    let run = RunId::from_millis(at.as_millis().unsigned_abs());
    let started = RunStarted {
        run,
        engine: "test".into(),
        configuration: String::new(),
        durability: Durability::Process,
        live: false,
    };
    appender.append(&[started.into()], at).unwrap();
    let mut told = std::io::stdout().lock();
    for sequence in 1.. {
        let intent = intent(run, sequence, at);
        let id = intent.id;
        let through = appender.append(&[intent.into()], at).unwrap();
        if let Some(durable) = appender.durable(through) {
            runtime.block_on(durable).unwrap();
        }
        writeln!(told, "appended {through} {id}").unwrap();
        told.flush().unwrap();
        appender.append(&[Sent { id }.into()], at).unwrap();
        // No faster than a disk stores it.
        while sequence % 64 == 0 && opened.journal.stored() < through {
            std::thread::yield_now();
        }
    }
}

fn intent(run: RunId, sequence: u64, created: Timestamp) -> PlaceOrder {
    let strategy = StrategyId::new("a").unwrap();
    let (quantity, price) = ("0.5".parse().unwrap(), "60021.51".parse().unwrap());
    PlaceOrder {
        id: ClientOrderId::of(&OrderOrigin {
            strategy,
            run,
            sequence,
        }),
        strategy,
        account: AccountId::new("main").unwrap(),
        terms: NewOrder::limit(Symbol::new("BTCUSDT").unwrap(), Side::Buy, quantity, price),
        created,
    }
}

/// Starts a child, kills it so long after its first record, and gives what it told.
fn killed_after(path: &Path, power: bool, delay: Duration) -> Vec<(u64, String)> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "the_child", "--ignored", "--nocapture"])
        .env(PATH, path)
        .stdout(Stdio::piped());
    if power {
        command.env(POWER, "1");
    }
    let mut child = command.spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (first, appended) = mpsc::channel();
    let reading = std::thread::spawn(move || {
        let mut told = Vec::new();
        for line in output.lines() {
            let line = line.unwrap();
            let mut words = line
                .split(' ')
                .skip_while(|word| *word != "appended")
                .skip(1);
            // The last line may be cut.
            if let (Some(sequence), Some(id)) = (words.next(), words.next()) {
                told.push((sequence.parse().unwrap(), id.to_owned()));
                if told.len() == 1 {
                    first.send(()).unwrap();
                }
            }
        }
        told
    });
    let started = appended.recv_timeout(Duration::from_secs(60));
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    started.unwrap();
    reading.join().unwrap()
}

fn kill_again_and_again(name: &str, power: bool) {
    let folder = Folder::new(name);
    let path = folder.0.join("journal.db");
    let kills = std::env::var("TRIPLINE_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let seed = Clock::system().now().as_nanos().unsigned_abs();
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let (mut all, mut waiting) = (0, 0);
    for kill in 0..kills {
        let told = killed_after(
            &path,
            power,
            Duration::from_micros(random.random_range(0..120_000)),
        );
        let (last, _) = told.last().unwrap();
        let verified = verify(&path).unwrap();
        assert_eq!(verified.findings, [], "kill {kill}");
        assert!(
            verified.last >= Sequence(*last),
            "kill {kill}: {verified:?}, {last} was appended"
        );
        let mut ids = told.iter();
        let mut wanted = ids.next();
        let reader = Reader::open(&path).unwrap();
        let read = reader.each(Sequence(told[0].0), Sequence(u64::MAX), |entry| {
            if let Some((sequence, id)) =
                wanted.filter(|(sequence, _)| Sequence(*sequence) == entry.sequence)
            {
                assert!(
                    entry.payload.contains(id.trim()),
                    "record {sequence} is not that of {id}"
                );
                wanted = ids.next();
            }
            Ok::<_, Damage>(())
        });
        read.unwrap();
        assert_eq!(wanted, None, "kill {kill}");
        all += told.len();
        waiting += verified.waiting;
    }
    println!(
        "{kills} kills: {all} intents were appended and all are there; {waiting} records were in the intake only"
    );
    // What the kills have left is what an engine goes on from.
    let opened = Journal::open(settings(&path, power)).unwrap();
    assert!(!opened.state.ended_in_order());
    let unsettled = opened.state.orders.unsettled().count();
    assert!(unsettled >= all, "{unsettled} of {all}");
    let records = [JournalRecord::Sent(Sent {
        id: ClientOrderId::new("x").unwrap(),
    })];
    opened
        .journal
        .appender()
        .append(&records, Timestamp::EPOCH)
        .unwrap();
    opened.journal.close().unwrap();
    assert_eq!(verify(&path).unwrap().findings, []);
}

#[test]
fn what_a_killed_process_has_appended_is_there_and_the_chain_is_whole() {
    kill_again_and_again("process", false);
}

#[test]
fn with_durability_power_too() {
    kill_again_and_again("power", true);
}
