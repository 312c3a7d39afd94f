//! Watches from a thread outside the runtime whether the arbiters run. Whatever holds one up (a callback that
//! does not return, a disk, a lock) holds up everything that could tell of it there, but not this.
//!
//! Each arbiter ticks. When the trading arbiter has not for too long, everything on the account is halted and the
//! safety actor, which lives on the other one, is told. When that one has not, the gateway is told to sweep, and
//! if it lasts, or both are stuck, the process ends: nobody in it could tell a person of anything.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{Incident, Scope};
use tripline_engine::ids::AccountId;

use crate::clock::Clock;
use crate::faults::{Faults, UNSEEN_FAULT_FILE};

/// The process ends with this code when what tells a person, or everything, is stuck.
pub const EXIT_STUCK: i32 = 71;

/// So many times as long as an arbiter may be silent before it is stuck, the cold one may be before the process
/// ends; and both.
const COLD_UNTIL: u32 = 5;
const BOTH_UNTIL: u32 = 2;

/// The last words may take this long: standard error and the disk may be what is stuck.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// When an arbiter last ran. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Pulse {
    began: Instant,
    /// Milliseconds after `began`.
    last: Arc<AtomicU64>,
}

impl Pulse {
    /// Both arbiters' pulses count from the same moment, at which they are taken to run.
    fn pair() -> [Self; 2] {
        let began = now();
        [(); 2].map(|()| Self {
            began,
            last: Arc::default(),
        })
    }

    fn beat(&self) {
        let millis = self.began.elapsed().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        self.last.store(millis, Ordering::Relaxed);
    }

    fn last(&self) -> Duration {
        Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// How long ago the arbiter last ran.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.began.elapsed().saturating_sub(self.last())
    }

    /// Ticks on the arbiter of the caller, for ever.
    pub async fn keep(self, stuck_after: Duration) {
        loop {
            self.beat();
            tokio::time::sleep(step(stuck_after)).await;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it watches real threads in real time"
)]
fn now() -> Instant {
    Instant::now()
}

/// How often is ticked and looked.
fn step(stuck_after: Duration) -> Duration {
    (stuck_after / 8).clamp(Duration::from_millis(10), Duration::from_millis(250))
}

/// The pulses of the two arbiters.
#[derive(Debug, Clone)]
pub struct Pulses {
    /// Of market data, strategies, gateway and private stream.
    pub trading: Pulse,
    /// Of safety, alerts and the door for commands.
    pub cold: Pulse,
}

impl Default for Pulses {
    fn default() -> Self {
        let [trading, cold] = Pulse::pair();
        Self { trading, cold }
    }
}

/// What is done when somebody has to know and nobody can be told; with `true` the process is to end.
pub type OnStuck = Arc<dyn Fn(&str, bool) + Send + Sync>;

/// What a watchdog needs to start.
pub struct WatchdogSettings {
    /// An arbiter that has not ticked for so long is stuck.
    pub stuck_after: Duration,
    pub account: AccountId,
    pub pulses: Pulses,
    pub faults: Faults,
    pub clock: Clock,
    /// Hands an incident to the gateway, for when the safety actor cannot.
    pub sweep: Box<dyn Fn(Incident) + Send>,
    pub on_stuck: OnStuck,
}

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watchdog(#[expect(dead_code, reason = "its drop ends the thread")] Sender<()>);

impl Watchdog {
    /// # Errors
    /// The system gives no thread.
    pub fn start(settings: WatchdogSettings) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("watchdog".into());
        thread.spawn(move || watch(&settings, &stopped))?;
        Ok(Self(stop))
    }
}

fn watch(settings: &WatchdogSettings, stopped: &Receiver<()>) {
    let Pulses { trading, cold } = &settings.pulses;
    let mut judge = Judge::new(settings.stuck_after, trading.began.elapsed());
    let step = step(settings.stuck_after);
    while stopped.recv_timeout(step) == Err(RecvTimeoutError::Timeout) {
        let now = trading.began.elapsed();
        for verdict in judge.look(now, trading.last(), cold.last()) {
            act(settings, verdict);
        }
    }
}

fn act(settings: &WatchdogSettings, verdict: Verdict) {
    let (arbiter, scope) = match verdict {
        Verdict::TradingStuck => ("trading arbiter", Scope::Account(settings.account)),
        Verdict::ColdStuck => ("arbiter of safety and alerts", Scope::Global),
        Verdict::TradingRuns | Verdict::ColdRuns => {
            log::warn!(actor = "watchdog"; "{verdict:?}: it goes on; what was halted stays halted");
            return;
        }
        Verdict::StoodStill(gap) => {
            log::warn!(actor = "watchdog"; "this process stood still for {gap:?}: no arbiter is judged by that");
            return;
        }
        Verdict::Hopeless(who) => {
            let text = format!("{who} stuck, nobody here can tell a person: the process ends");
            return (settings.on_stuck)(&text, true);
        }
    };
    let fault = Fault {
        kind: FaultKind::ArbiterStuck,
        scope,
        actor: "watchdog".into(),
        detail: format!(
            "the {arbiter} has not run for {} ms",
            settings.stuck_after.as_millis()
        ),
        at: settings.clock.now(),
    };
    let incident = settings.faults.raise_from_outside(fault);
    if verdict == Verdict::ColdStuck {
        (settings.sweep)(incident.clone());
        (settings.on_stuck)(&incident.fault.to_string(), false);
    }
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    TradingStuck,
    TradingRuns,
    ColdStuck,
    ColdRuns,
    /// The watchdog itself did not run, so the others need not have been stuck.
    StoodStill(Duration),
    Hopeless(&'static str),
}

/// Judges by times since the beginning.
#[derive(Debug)]
struct Judge {
    stuck_after: Duration,
    looked: Duration,
    /// From when on silence counts.
    since: Duration,
    trading_stuck: bool,
    cold_stuck: bool,
    hopeless: bool,
}

impl Judge {
    fn new(stuck_after: Duration, now: Duration) -> Self {
        Self {
            stuck_after,
            looked: now,
            since: now,
            trading_stuck: false,
            cold_stuck: false,
            hopeless: false,
        }
    }

    fn look(&mut self, now: Duration, trading: Duration, cold: Duration) -> Vec<Verdict> {
        let gap = now.saturating_sub(std::mem::replace(&mut self.looked, now));
        if gap > self.stuck_after / 2 {
            self.since = now;
            return vec![Verdict::StoodStill(gap)];
        }
        let silent = |last: Duration| now.saturating_sub(last.max(self.since));
        let (trading, cold) = (silent(trading), silent(cold));
        let mut verdicts = Vec::new();
        let is_stuck = trading >= self.stuck_after;
        if is_stuck != std::mem::replace(&mut self.trading_stuck, is_stuck) {
            verdicts.push(match is_stuck {
                true => Verdict::TradingStuck,
                false => Verdict::TradingRuns,
            });
        }
        let is_stuck = cold >= self.stuck_after;
        if is_stuck != std::mem::replace(&mut self.cold_stuck, is_stuck) {
            verdicts.push(match is_stuck {
                true => Verdict::ColdStuck,
                false => Verdict::ColdRuns,
            });
        }
        let both = trading.min(cold) >= self.stuck_after * BOTH_UNTIL;
        let hopeless = match () {
            () if both => Some("both arbiters are"),
            () if cold >= self.stuck_after * COLD_UNTIL => Some("safety and alerts are"),
            () => None,
        };
        if let Some(who) = hopeless.filter(|_| !self.hopeless) {
            self.hopeless = true;
            verdicts.push(Verdict::Hopeless(who));
        }
        verdicts
    }
}

/// Says it on standard error and in a file in the working directory, and with `end` ends the process with
/// [`EXIT_STUCK`], whether or not that could be said.
pub fn last_words(text: &str, end: bool) {
    let line = format!("tripline: {text}\n");
    let (said, heard) = channel::<()>();
    let saying = std::thread::Builder::new().spawn(move || {
        if let Err(error) = std::fs::write(Path::new(UNSEEN_FAULT_FILE), &line) {
            eprintln!("tripline: {UNSEEN_FAULT_FILE} cannot be written: {error}");
        }
        eprint!("{line}");
        // Its drop is heard.
        drop(said);
    });
    if let Err(error) = saying {
        log::error!(actor = "watchdog"; "{text} (and there is no thread to say it: {error})");
    }
    if end {
        // Over when it is said, or has taken too long.
        let _: Result<(), RecvTimeoutError> = heard.recv_timeout(LAST_WORDS);
        std::process::exit(EXIT_STUCK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Looks ten times a second, with arbiters that last ticked when the functions say.
    fn run(
        judge: &mut Judge,
        from: u32,
        until: u32,
        trading: impl Fn(Duration) -> Duration,
        cold: impl Fn(Duration) -> Duration,
    ) -> Vec<(u32, Verdict)> {
        let mut found = Vec::new();
        for tenth in from..until {
            let now = SECOND / 10 * tenth;
            let verdicts = judge.look(now, trading(now), cold(now));
            found.extend(verdicts.into_iter().map(|verdict| (tenth, verdict)));
        }
        found
    }

    #[test]
    fn a_trading_arbiter_that_does_not_tick_is_stuck_once_and_its_going_on_is_told() {
        let mut judge = Judge::new(SECOND, Duration::ZERO);
        let found = run(&mut judge, 1, 50, |now| now.min(SECOND), |now| now);
        assert_eq!(found, [(20, Verdict::TradingStuck)]);
        let found = run(&mut judge, 50, 60, |now| now, |now| now);
        assert_eq!(found, [(50, Verdict::TradingRuns)]);
    }

    #[test]
    fn a_cold_arbiter_that_stays_stuck_and_both_together_are_hopeless() {
        let mut judge = Judge::new(SECOND, Duration::ZERO);
        let found = run(&mut judge, 1, 90, |now| now, |now| now.min(SECOND));
        let hopeless = Verdict::Hopeless("safety and alerts are");
        assert_eq!(found, [(20, Verdict::ColdStuck), (60, hopeless)]);
        let mut judge = Judge::new(SECOND, Duration::ZERO);
        let found = run(
            &mut judge,
            1,
            90,
            |now| now.min(SECOND),
            |now| now.min(SECOND),
        );
        let hopeless = Verdict::Hopeless("both arbiters are");
        let stuck = [(20, Verdict::TradingStuck), (20, Verdict::ColdStuck)];
        assert_eq!(found, [stuck[0], stuck[1], (30, hopeless)]);
    }

    #[test]
    fn when_the_whole_process_stood_still_no_arbiter_is_stuck_until_it_stays_silent_afterwards() {
        let mut judge = Judge::new(SECOND, Duration::ZERO);
        assert_eq!(run(&mut judge, 1, 10, |now| now, |now| now), []);
        // Stopped for 30 seconds; the arbiters tick again a little later than the watchdog.
        let late = |now: Duration| if now < SECOND * 31 { SECOND } else { now };
        let found = run(&mut judge, 309, 330, late, late);
        assert_eq!(found, [(309, Verdict::StoodStill(SECOND * 30))]);
        let found = run(&mut judge, 330, 350, |_| SECOND * 33, |now| now);
        assert_eq!(found, [(340, Verdict::TradingStuck)]);
    }
}
