//! `tripline watch` beside an engine, as processes: an engine that is stopped or killed leaves no order behind, and a
//! person is told; one that ends in order is left alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "killed/chronicle.rs"]
mod chronicle;
#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "cli/program.rs"]
mod program;
#[expect(dead_code, reason = "the tests with killed processes use the rest")]
#[path = "killed/record.rs"]
mod record;
#[expect(dead_code, reason = "the tests with killed processes use the rest")]
#[path = "killed/world.rs"]
mod world;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tripline_engine::fault::FaultKind;
use world::World;

/// Without a sign of life for so long, the engine is silent.
const SILENT_AFTER: Duration = Duration::from_secs(2);

/// From then on everything is cancelled and told within this time, on a busy machine.
const BOUND: Duration = Duration::from_secs(6);

const STRATEGIES: &str = r#"
[[strategy]]
id = "maker"
kind = "spread_maker"
config = { symbol = "ETHUSDT", quantity = "0.2", spread_ticks = 40, max_inventory = "20", requote_ticks = 20, pause = "20ms" }
[[strategy]]
id = "other"
kind = "spread_maker"
config = { symbol = "BTCUSDT", quantity = "0.01", spread_ticks = 4000, max_inventory = "20", requote_ticks = 2000, pause = "20ms" }
"#;

/// A person: takes every webhook, and keeps its text.
#[derive(Clone)]
struct Person {
    address: SocketAddr,
    texts: Arc<Mutex<Vec<String>>>,
}

impl Person {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let person = Self {
            address: listener.local_addr().unwrap(),
            texts: Arc::default(),
        };
        let texts = person.texts.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, texts) = (stream.unwrap(), texts.clone());
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while let Some(body) = request(&mut reader) {
                        texts.lock().unwrap().push(body);
                        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                });
            }
        });
        person
    }

    fn was_told(&self, text: &str) -> bool {
        let texts = self.texts.lock().unwrap();
        texts.iter().any(|told| told.contains(text))
    }
}

fn request(reader: &mut impl BufRead) -> Option<String> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(String::from_utf8_lossy(&body).into_owned())
}

/// The watch as a process.
struct Watch {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Watch {
    fn start(world: &World) -> Self {
        let args = ["watch", "--config", "tripline.toml", "--json"];
        let mut command = world.folder.tripline(&args);
        let log = fs::File::create(world.folder.0.join("watch.log")).unwrap();
        let spawned = command.stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = spawned.unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let events = Arc::<Mutex<Vec<Value>>>::default();
        let heard = events.clone();
        std::thread::spawn(move || {
            for line in out.lines() {
                let event = serde_json::from_str(&line.unwrap()).unwrap();
                heard.lock().unwrap().push(event);
            }
        });
        let watch = Self { child, events };
        within(Duration::from_secs(10), "it watches", || {
            watch.said("watching")
        });
        watch
    }

    fn said(&self, event: &str) -> bool {
        let events = self.events.lock().unwrap();
        events.iter().any(|one| one["event"] == event)
    }

    /// Ends it in order; gives the exit code.
    fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{:#?}", self.events.lock().unwrap());
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits for a condition, for no longer than this; gives how long it took.
fn within(longest: Duration, what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "it is about real processes")]
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < longest, "did not come true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    began.elapsed()
}

fn world(name: &str, person: &Person) -> World {
    world_with(name, person, "")
}

/// With more about the watch.
fn world_with(name: &str, person: &Person, about: &str) -> World {
    let more = format!(
        r#"{STRATEGIES}
[risk]
defaults = false
[watch]
silent_after = "{}s"
{about}
[alerting]
test_at_start = false
daily = "off"
[[alert]]
kind = "webhook"
url = {{ file = "webhook.url" }}
key = {{ file = "webhook.key" }}
"#,
        SILENT_AFTER.as_secs()
    );
    let world = World::new(name, 11, &more);
    let url = format!("http://{}/told", person.address);
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let wrong = "a".repeat(64);
    let secrets = [
        ("webhook.url", url.as_str()),
        ("webhook.key", key),
        ("wrong.key", &wrong),
    ];
    for (name, secret) in secrets {
        let path = world.folder.0.join(name);
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .unwrap();
        file.write_all(secret.as_bytes()).unwrap();
    }
    world
}

/// An engine that trades and has orders resting.
fn begin(world: &mut World) {
    world.begin();
    world.until("orders rest", |world| world.record().open() > 1);
}

#[test]
fn an_engine_that_is_stopped_by_a_signal_is_cleared_away_and_holds_everything_against_the_venue_when_it_goes_on()
 {
    let person = Person::new();
    let mut world = world("watched-stopped", &person);
    let watch = Watch::start(&world);
    begin(&mut world);
    within(BOUND, "the engine is found", || watch.said("found"));
    world.signal_engine("STOP");
    let took = within(SILENT_AFTER + BOUND, "no order is open", || {
        world.record().open() == 0
    });
    println!("cleared {took:?} after the signal");
    assert!(took > SILENT_AFTER / 2, "it was given its time");
    within(BOUND, "it is told", || {
        person.was_told("gives no sign of life")
    });
    within(BOUND, "it is confirmed", || watch.said("cleared"));
    world.signal_engine("CONT");
    within(BOUND, "it is back", || watch.said("back"));
    within(BOUND, "that is told", || {
        person.was_told("it was silent for")
    });
    // What it believed to be open was cancelled by somebody else, which it sees and does not pass over.
    world.until("the strategies whose orders are gone are halted", |world| {
        world.read_journal();
        !world.chronicle.standing().is_empty()
    });
    let standing = world.chronicle.state.halts.standing();
    let kinds: Vec<_> = standing
        .flat_map(|(_, standing)| {
            standing
                .incidents
                .iter()
                .map(|one| one.fault.kind)
                .collect::<Vec<_>>()
        })
        .collect();
    println!("{kinds:?}");
    assert!(kinds.contains(&FaultKind::CanceledElsewhere), "{kinds:?}");
    within(BOUND, "it is told", || {
        person.was_told("canceled_elsewhere")
    });
    world.settle();
    assert_eq!(watch.stop(), Some(0));
    assert!(person.was_told("tripline watch ends"));
}

#[test]
fn an_engine_that_is_killed_is_cleared_away_and_the_next_one_is_found() {
    let person = Person::new();
    let mut world = world("watched-killed", &person);
    begin(&mut world);
    let watch = Watch::start(&world);
    within(BOUND, "the engine is found", || watch.said("found"));
    world.kill_engine();
    let took = within(SILENT_AFTER + BOUND, "no order is open", || {
        world.record().open() == 0
    });
    println!("cleared {took:?} after the kill");
    within(BOUND, "it is told", || {
        person.was_told("gives no sign of life")
    });
    within(BOUND, "it is confirmed", || watch.said("cleared"));
    world.make_it_trade();
    within(BOUND, "the next one is found", || watch.said("back"));
    world.settle();
    within(BOUND, "its stop is told", || watch.said("stopped"));
    assert_eq!(watch.stop(), Some(0));
}

#[test]
fn an_engine_that_stops_in_order_is_left_alone_with_what_it_leaves() {
    let person = Person::new();
    let mut world = world("watched-ended", &person);
    let watch = Watch::start(&world);
    begin(&mut world);
    within(BOUND, "the engine is found", || watch.said("found"));
    world.settle(); // Its orders are kept, as configured.
    let open = world.record().open();
    assert!(open > 0);
    within(BOUND, "its stop is seen", || {
        watch.said("stopped") && watch.said("left")
    });
    std::thread::sleep(SILENT_AFTER * 2);
    assert_eq!(world.record().open(), open);
    assert!(!watch.said("silent"));
    assert!(!person.was_told("gives no sign of life"));
    assert_eq!(watch.stop(), Some(0));
}

#[test]
fn an_engine_that_does_not_start_leaves_no_socket_that_looks_like_a_death() {
    let person = Person::new();
    let mut world = world("watched-unstarted", &person);
    world.kill_exchange();
    let output = world.folder.run(&["run", "--config", "tripline.toml"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!world.folder.0.join("tripline.journal.sock").exists());
}

#[test]
fn a_watch_that_cannot_cancel_says_so_again_and_ends_with_a_code_of_its_own() {
    let person = Person::new();
    let mut world = world("watched-alone", &person);
    begin(&mut world);
    let watch = Watch::start(&world);
    within(BOUND, "the engine is found", || watch.said("found"));
    world.kill_exchange();
    world.kill_engine();
    within(SILENT_AFTER + BOUND * 4, "it is told", || {
        watch.said("not_cleared") && person.was_told("cannot be cancelled for certain")
    });
    assert_eq!(watch.stop(), Some(4));
    // The next one finds a socket at which nobody answers, and an exchange.
    world.start_exchange();
    assert!(world.record().open() > 0);
    let watch = Watch::start(&world);
    within(SILENT_AFTER + BOUND, "no order is open", || {
        world.record().open() == 0
    });
    within(BOUND, "it is confirmed", || watch.said("cleared"));
    assert_eq!(watch.stop(), Some(0));
}

#[test]
fn a_watch_that_could_not_cancel_says_so_before_it_has_to() {
    let person = Person::new();
    let key = r#"api_key = { file = "wrong.key" }
secret = { file = "wrong.key" }"#;
    let world = world_with("watched-blind", &person, key);
    let watch = Watch::start(&world);
    within(BOUND, "it is told", || {
        watch.said("account_unseen") && person.was_told("it could cancel nothing")
    });
    assert_eq!(watch.stop(), Some(0));
}

#[test]
fn what_a_dead_engine_has_left_is_cancelled_also_when_somebody_takes_its_socket_away() {
    let person = Person::new();
    let mut world = world("watched-taken", &person);
    begin(&mut world);
    let watch = Watch::start(&world);
    within(BOUND, "the engine is found", || watch.said("found"));
    within(BOUND, "the key is good", || watch.said("account_seen"));
    world.kill_exchange();
    world.kill_engine();
    within(SILENT_AFTER + BOUND * 4, "it cannot cancel", || {
        watch.said("not_cleared")
    });
    fs::remove_file(world.folder.0.join("tripline.journal.sock")).unwrap();
    within(BOUND, "that is seen", || watch.said("stopped"));
    world.start_exchange();
    assert!(world.record().open() > 0);
    within(BOUND * 2, "no order is open", || world.record().open() == 0);
    within(BOUND, "it is confirmed", || watch.said("cleared"));
    assert_eq!(watch.stop(), Some(0));
}
