//! When things happened, in Unix microseconds: the logger keeps what the engine says of its own latch and sweeps at
//! the moment in which it says so, the receiver and the tap what reaches them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};
use tripline_actors::clock::Clock;
use tripline_engine::halt::Scope;

/// What is known of one incident.
#[derive(Debug, Clone, Copy, Default)]
pub struct Marks {
    /// The latch was set before this: it is the first thing that is said afterwards.
    pub latch: Option<i64>,
    /// A person was told.
    pub alert: Option<i64>,
}

/// An order whose last byte was handed to a socket.
#[derive(Debug, Clone)]
pub struct HandedOver {
    pub id: String,
    pub at: i64,
}

#[derive(Default)]
struct Kept {
    incidents: BTreeMap<u64, Marks>,
    /// Confirmed sweeps: up to which incident, of which scope, when.
    confirmed: Vec<(u64, String, i64)>,
    handed_over: Vec<HandedOver>,
    clock: Option<Clock>,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept {
    incidents: BTreeMap::new(),
    confirmed: Vec::new(),
    handed_over: Vec::new(),
    clock: None,
});

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unix microseconds.
pub fn now() -> i64 {
    let clock = kept().clock.clone();
    clock.map_or(0, |clock| clock.now().as_micros())
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        target == "tripline_actors::faults" || target == "tripline_actors::safety::clearing"
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let at = now();
        let text = record.args().to_string();
        let number = text.strip_prefix("incident #");
        let number = number.and_then(|rest| rest.split([':', ' ']).next()?.parse().ok());
        let Some(number) = number else { return };
        let mut kept = kept();
        if record.level() == Level::Error {
            let marks = kept.incidents.entry(number).or_default();
            marks.latch = marks.latch.or(Some(at));
        } else if let Some((_, scope)) = text.split_once("the gateway has confirmed the sweep of ")
        {
            kept.confirmed.push((number, scope.to_owned(), at));
        }
    }

    fn flush(&self) {}
}

/// To be called once, inside a runtime.
pub fn install(clock: Clock) -> Result<(), log::SetLoggerError> {
    kept().clock = Some(clock);
    log::set_boxed_logger(Box::new(Logger))?;
    log::set_max_level(LevelFilter::Debug);
    Ok(())
}

pub fn of(incident: u64) -> Marks {
    kept().incidents.get(&incident).copied().unwrap_or_default()
}

pub fn told(incident: u64, at: i64) {
    let mut kept = kept();
    let marks = kept.incidents.entry(incident).or_default();
    marks.alert = marks.alert.or(Some(at));
}

pub fn handed_over(id: String) {
    let at = now();
    kept().handed_over.push(HandedOver { id, at });
}

/// When the sweep of the scope was confirmed that this incident began, or a later one.
pub fn confirmed(incident: u64, scope: &Scope) -> Option<i64> {
    let (kept, scope) = (kept(), scope.to_string());
    let mut confirmed = kept.confirmed.iter();
    confirmed
        .find(|(through, of, _)| *through >= incident && *of == scope)
        .map(|(.., at)| *at)
}

/// How many orders were handed over between two moments.
pub fn handed_over_within(from: i64, until: i64, is_wanted: impl Fn(&str) -> bool) -> u64 {
    let kept = kept();
    let within = kept.handed_over.iter();
    let within = within.filter(|one| one.at > from && one.at < until && is_wanted(&one.id));
    within.count() as u64
}
