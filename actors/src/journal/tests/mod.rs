//! The journal on real files.

mod failing;
mod hostile;
mod inline;
mod keeping;
mod reading;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, io};

use tripline_engine::fault::{Fault, FaultKind, IncidentId};
use tripline_engine::halt::{Incident, Reaction, Scope};
use tripline_engine::ids::{
    AccountId, ClientOrderId, OrderOrigin, RunId, StrategyId, Symbol, TradeId, VenueId,
};
use tripline_engine::journal::{
    Durability, Filled, Halted, JournalError, JournalPort, JournalRecord, RunStarted, Sent,
    Sequence,
};
use tripline_engine::messages::order::{Fill, PlaceOrder};
use tripline_engine::order::{NewOrder, Side};
use tripline_engine::time::Timestamp;

use super::{Appender, Disturbance, Journal, JournalSettings, Opened, Step};
use crate::clock::Clock;

/// Bytes of a segment in these tests: some forty records.
const SEGMENT: usize = 16 << 10;

/// A folder of its own for each test, removed at the end. In memory where the system has such a place:
/// these tests sync a lot.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = root.join(format!("tripline-journal-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn database(&self) -> PathBuf {
        self.0.join("journal.db")
    }

    pub fn file(&self, suffix: &str) -> PathBuf {
        super::files::beside(&self.database(), suffix)
    }

    /// The same files in a folder of their own, as a crash at this moment would leave them.
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        for entry in fs::read_dir(&self.0).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.0.join(entry.file_name())).unwrap();
        }
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

/// What the journal told as trouble.
#[derive(Clone, Default)]
pub struct Troubles(Arc<Mutex<Vec<JournalError>>>);

impl Troubles {
    pub fn all(&self) -> Vec<JournalError> {
        self.0.lock().unwrap().clone()
    }

    pub fn settings(&self, folder: &Folder) -> JournalSettings {
        let told = self.0.clone();
        JournalSettings {
            on_trouble: Arc::new(move |error| told.lock().unwrap().push(error.clone())),
            ..settings(folder)
        }
    }
}

pub fn settings(folder: &Folder) -> JournalSettings {
    JournalSettings {
        segment: SEGMENT,
        ..JournalSettings::new(folder.database(), Clock::system())
    }
}

pub fn open(folder: &Folder) -> Opened {
    Journal::open(settings(folder)).unwrap()
}

/// Fails a step with this error from its `after`-th time on.
pub struct Failing {
    pub step: Step,
    pub after: u64,
    pub kind: io::ErrorKind,
    pub seen: AtomicU64,
}

impl Failing {
    pub fn new(step: Step, after: u64, kind: io::ErrorKind) -> Arc<Self> {
        Arc::new(Self {
            step,
            after,
            kind,
            seen: AtomicU64::new(0),
        })
    }
}

impl Disturbance for Failing {
    fn before(&self, step: Step) -> io::Result<Duration> {
        let fails = step == self.step && self.seen.fetch_add(1, Ordering::SeqCst) >= self.after;
        if fails {
            Err(self.kind.into())
        } else {
            Ok(Duration::ZERO)
        }
    }
}

/// Waits until something is true, and fails when it does not become so.
pub fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let clock = Clock::system();
    let started = clock.now();
    while !is_true() {
        let waited = clock.now().saturating_since(started);
        assert!(
            waited < Duration::from_secs(60),
            "not within a minute: {what}"
        );
        std::thread::yield_now();
    }
}

/// Holds the writer before its `after`-th commit, as if the process ended there, until it is let go.
pub struct Holding {
    pub after: u64,
    pub seen: AtomicU64,
    pub held: AtomicBool,
    pub let_go: AtomicBool,
}

impl Holding {
    pub fn new(after: u64) -> Arc<Self> {
        Arc::new(Self {
            after,
            seen: AtomicU64::new(0),
            held: AtomicBool::new(false),
            let_go: AtomicBool::new(false),
        })
    }

    /// Waits until the writer is held.
    pub fn wait(&self) {
        until("the writer is held", || self.held.load(Ordering::SeqCst));
    }
}

impl Disturbance for Holding {
    fn before(&self, step: Step) -> io::Result<Duration> {
        if step == Step::Commit && self.seen.fetch_add(1, Ordering::SeqCst) >= self.after {
            self.held.store(true, Ordering::SeqCst);
            while !self.let_go.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }
        Ok(Duration::ZERO)
    }
}

pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub fn run(number: u64) -> RunId {
    RunId::from_millis(1_795_000_000_000 + number)
}

pub fn started(number: u64) -> JournalRecord {
    JournalRecord::RunStarted(RunStarted {
        run: run(number),
        engine: "1.0.0".into(),
        configuration: "00".into(),
        durability: Durability::Process,
        live: false,
    })
}

pub fn id(run_number: u64, sequence: u64) -> ClientOrderId {
    ClientOrderId::of(&OrderOrigin {
        strategy: StrategyId::new("a").unwrap(),
        run: run(run_number),
        sequence,
    })
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

pub fn intent(run_number: u64, sequence: u64) -> JournalRecord {
    let (quantity, price) = ("0.5".parse().unwrap(), "60021.51".parse().unwrap());
    JournalRecord::Intent(PlaceOrder {
        id: id(run_number, sequence),
        strategy: StrategyId::new("a").unwrap(),
        account: AccountId::new("main").unwrap(),
        terms: NewOrder::limit(symbol(), Side::Buy, quantity, price),
        created: at(5),
    })
}

pub fn sent(run_number: u64, sequence: u64) -> JournalRecord {
    JournalRecord::Sent(Sent {
        id: id(run_number, sequence),
    })
}

pub fn filled(run_number: u64, sequence: u64, trade: u64) -> JournalRecord {
    JournalRecord::Filled(Filled {
        id: id(run_number, sequence),
        account: AccountId::new("main").unwrap(),
        venue: VenueId::new("binance").unwrap(),
        symbol: symbol(),
        side: Side::Buy,
        pair: None,
        fill: Fill {
            trade_id: TradeId(trade),
            price: "60021.51".parse().unwrap(),
            quantity: "0.5".parse().unwrap(),
            fee: "0.001".parse().unwrap(),
            fee_asset: None,
            maker: None,
            at: at(9),
            recovered: false,
        },
    })
}

/// An incident whose detail has so many bytes.
pub fn halted(number: u64, bytes: usize) -> JournalRecord {
    let fault = Fault {
        kind: FaultKind::Network,
        scope: Scope::Global,
        actor: "test".into(),
        detail: "ü".repeat(bytes / 2),
        at: at(1),
    };
    JournalRecord::Halted(Halted {
        incident: Incident {
            id: IncidentId(number),
            fault,
            reaction: Reaction::STRICT,
        },
        epoch: number,
    })
}

pub fn append(appender: &Appender, records: &[JournalRecord]) -> Sequence {
    appender.append(records, at(7)).unwrap()
}
