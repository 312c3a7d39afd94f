//! One run: exchange, network, engine and operator in one thread and one virtual time.

mod apply;
mod settle;

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tripline_engine::ids::RunId;
use tripline_engine::time::Timestamp;
use tripline_exchange::PracticeExchange;

use super::engine::{Blueprint, Engine, OnOrder, Standings};
use super::judge::{Ended, Journaled};
use super::operator::Operator;
use super::schedule::{Schedule, Step};
use super::trace::Trace;

/// When every run begins: Unix milliseconds.
pub(super) const BEGIN_MS: i64 = 1_790_000_000_000;

/// How often the operator looks.
const LOOK: Duration = Duration::from_secs(1);

/// What is to be done later.
#[derive(Debug)]
enum Later {
    RemoveFault(u64),
    CutApi,
}

/// A crash that waits for its order.
#[derive(Debug, Default)]
struct Trap {
    /// Orders until the crash; 0 when none is set.
    orders: Cell<u32>,
    sprung: Cell<bool>,
    down: Cell<Duration>,
}

impl Trap {
    fn order(&self) {
        let left = self.orders.get();
        self.orders.set(left.saturating_sub(1));
        if left == 1 {
            self.sprung.set(true);
        }
    }

    fn disarm(&self) {
        self.orders.set(0);
        self.sprung.set(false);
    }
}

/// What is asked of an engine before it ends.
#[derive(Default)]
struct End {
    run: Option<RunId>,
    halted: Option<Standings>,
    is_forgetful: bool,
}

impl End {
    fn of(engine: &Engine) -> Self {
        engine.running().map_or_else(Self::default, |running| Self {
            run: Some(running.run_id()),
            halted: Some(running.board().restricted()),
            is_forgetful: running.journal.health().is_err(),
        })
    }
}

pub(super) struct World {
    blueprint: Blueprint,
    exchange: Rc<PracticeExchange>,
    trace: Arc<Trace>,
    began: Instant,
    steps: VecDeque<Step>,
    /// By time, and by their number in it.
    later: BTreeMap<(Instant, usize), Later>,
    numbered: usize,
    /// Wakes the loop.
    news: Rc<Notify>,
    engine: Option<Engine>,
    /// How often the engine was started.
    generation: u32,
    start_at: Option<Instant>,
    trap: Rc<Trap>,
    operator: Operator,
    /// A strategy trades that always finds something to place.
    pub(super) has_to_place: bool,
    pub(super) ended: Vec<Ended>,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) wrong: Vec<String>,
}

impl World {
    pub(super) fn new(
        schedule: Schedule,
        blueprint: Blueprint,
        exchange: Rc<PracticeExchange>,
    ) -> Self {
        let now = Instant::now();
        Self {
            trace: blueprint.trace.clone(),
            blueprint,
            exchange,
            began: now,
            operator: Operator::new(schedule.seed),
            steps: schedule.steps.into(),
            later: BTreeMap::new(),
            numbered: 0,
            news: Rc::default(),
            engine: None,
            generation: 0,
            start_at: Some(now),
            trap: Rc::default(),
            has_to_place: false,
            ended: Vec::new(),
            faults: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Everything that was written down, over all runs.
    ///
    /// # Errors
    /// What is damaged, in words.
    pub(super) fn journal(&self) -> Result<Journaled, String> {
        Journaled::read(&self.blueprint.disk.records()?)
    }

    pub(super) fn halts(&self) -> u64 {
        self.operator.halts
    }

    /// Lets everything go on, with what goes wrong in its time, until `end`.
    pub(super) async fn live_until(&mut self, end: Instant) {
        let mut look = Instant::now() + LOOK;
        while Instant::now() < end {
            let step = self.steps.front().map(|step| self.began + step.at);
            let later = self.later.first_key_value().map(|((at, _), _)| *at);
            let due = [step, later, self.start_at].into_iter().flatten();
            let next = due.fold(end.min(look), Instant::min);
            tokio::select! {
                biased;
                () = self.news.notified() => {}
                () = sleep_until(next) => {}
            }
            self.act(Instant::now());
            self.blueprint.network.watch_private_stream();
            if Instant::now() >= look {
                look += LOOK;
                self.look().await;
            }
        }
    }

    /// Does everything that is due.
    fn act(&mut self, now: Instant) {
        if self.trap.sprung.take() {
            self.crash("at an order", self.trap.down.get());
        }
        let failure = self.engine.as_ref().and_then(Engine::failure);
        if let Some(failure) = failure {
            self.trace
                .say("engine", || format!("does not start: {failure}"));
            self.end_engine();
            self.start_at = Some(now + Duration::from_secs(2));
        }
        while self
            .steps
            .front()
            .is_some_and(|step| self.began + step.at <= now)
        {
            if let Some(step) = self.steps.pop_front() {
                self.apply(step.what, now);
            }
        }
        while let Some(entry) = self.later.first_entry().filter(|one| one.key().0 <= now) {
            let later = entry.remove();
            self.apply_later(later);
        }
        if self.start_at.is_some_and(|at| at <= now) {
            self.start_at = None;
            self.start();
        }
    }

    fn start(&mut self) {
        self.generation += 1;
        let now = self.now();
        let (trap, news) = (self.trap.clone(), self.news.clone());
        let on_order: OnOrder = Rc::new(move || {
            trap.order();
            if trap.sprung.get() {
                news.notify_one();
            }
        });
        let generation = self.generation;
        self.trace
            .say("engine", || format!("starts, for the {generation}. time"));
        match Engine::start(&self.blueprint, generation, now, &self.news, &on_order) {
            Ok(engine) => self.engine = Some(engine),
            Err(error) => {
                // Every crash leaves a journal that a start can go on from.
                let text = format!("the {generation}. start: {error}");
                self.trace.say("engine", || text.clone());
                self.wrong.push(text);
                self.start_at = Some(Instant::now() + Duration::from_secs(2));
            }
        }
    }

    /// The engine's time.
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(BEGIN_MS.saturating_add(elapsed))
    }

    /// Ends the engine's process, and keeps what the judge needs of it.
    fn end_engine(&mut self) {
        let Some(engine) = self.engine.take() else {
            return;
        };
        if let Err(error) = self.blueprint.disk.end_process() {
            self.wrong.push(format!("the journal's files: {error}"));
        }
        let end = End::of(&engine);
        engine.kill();
        self.keep(engine, end, None);
    }

    fn keep(&mut self, mut engine: Engine, end: End, report: Option<crate::running::ExitReport>) {
        let traces = std::mem::take(&mut engine.traces);
        self.ended.push(Ended {
            traces,
            run: end.run,
            at: self.now(),
            halted: end.halted,
            is_forgetful: end.is_forgetful,
            report,
        });
    }

    fn crash(&mut self, why: &str, down: Duration) {
        if self.engine.is_none() {
            return;
        }
        self.trap.disarm();
        self.trace
            .say("engine", || format!("crashes {why}, down for {down:?}"));
        self.end_engine();
        self.start_at = Some(Instant::now() + down);
    }

    /// The operator's look.
    async fn look(&mut self) {
        let Some(running) = self.engine.as_ref().and_then(Engine::running) else {
            return;
        };
        if Operator::is_broken(&running) {
            drop(running);
            return self.crash("of a dead actor, by its operator", Duration::from_secs(3));
        }
        if running.journal.health().is_err() {
            drop(running);
            let why = "after its journal has failed, by its operator";
            return self.crash(why, Duration::from_secs(3));
        }
        if self.operator.is_due(&running) {
            self.check_sweeps(&running).await;
            self.operator.resume(&running, &self.trace).await;
        }
    }
}
