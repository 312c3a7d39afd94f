//! One start of the engine, in a [`LocalSet`] of its own: dropping it is the end of the process, without
//! a word to anybody.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tripline_actors::alert::{Channel, ChannelError, Rendered};
use tripline_actors::clock::Clock;
use tripline_actors::journal::{Appender, Journal};
use tripline_actors::venue::binance::{ApiCredentials, Binance, BinanceSettings};
use tripline_engine::halt::{HaltLevel, Scope, Standing};
use tripline_engine::ids::{ClientOrderId, StrategyId};
use tripline_engine::messages::alert::Alert;
use tripline_engine::time::Timestamp;

use super::memory::Disk;
use super::network::{Door, Network, Tapping};
use super::panics::{PanicAt, Panics};
use super::subject::Strategies;
use super::trace::Trace;
use super::witness::{Told, Witnessed};
use crate::builder::{Builder, Placement, StartError, Tripline};
use crate::running::Running;
use crate::settings::EngineSettings;

/// Makes the strategies anew for each start, from its number.
pub(super) type MakeStrategies = dyn Fn(u32) -> Result<Strategies, String>;

/// What every start of the engine has in common.
pub(super) struct Blueprint {
    pub(super) settings: EngineSettings,
    pub(super) venue: BinanceSettings,
    pub(super) credentials: ApiCredentials,
    pub(super) strategies: Box<MakeStrategies>,
    pub(super) network: Network,
    pub(super) disk: Disk,
    /// How long records wait to be stored together.
    pub(super) gather: Duration,
    pub(super) trace: Arc<Trace>,
    pub(super) seed: u64,
}

/// Called whenever an order was handed to a socket.
pub(super) type OnOrder = Rc<dyn Fn()>;

/// An order whose placement was handed to a socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct HandedOver {
    pub(super) id: ClientOrderId,
    /// When, by the engine's time.
    pub(super) at: Timestamp,
    /// What its strategy was allowed at that moment.
    pub(super) level: HaltLevel,
    /// The engine had been without a private stream for longer than it may need to notice.
    pub(super) is_blind: bool,
}

/// The scopes that are halted, with why.
pub(super) type Standings = Vec<(Scope, Standing)>;

/// What one start left behind for the judge.
#[derive(Default)]
pub(super) struct Traces {
    pub(super) told: Rc<Told>,
    pub(super) panics: Panics,
    pub(super) handed_over: Rc<RefCell<Vec<HandedOver>>>,
    pub(super) alerts: Arc<Mutex<Vec<Alert>>>,
    /// What was halted when it began to run; `None` when it never did.
    pub(super) halted_from_start: Rc<RefCell<Option<Standings>>>,
    /// The process has ended: what its remains still do did not happen.
    over: Arc<AtomicBool>,
}

impl Traces {
    pub(super) fn alerts(&self) -> Vec<Alert> {
        self.alerts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The tasks of one start.
type Tasks = Rc<RefCell<Option<LocalSet>>>;

/// What became of one start, so far.
pub(super) enum Stage {
    Starting,
    Running(Rc<Running>),
    Failed(String),
    /// It has ended, or is about to.
    Over,
}

/// One start of the engine.
pub(super) struct Engine {
    pub(super) generation: u32,
    pub(super) traces: Traces,
    stage: Rc<RefCell<Stage>>,
    tasks: Tasks,
    network: Network,
}

/// The engine as the tap sees it, from its start on.
type Levels = Rc<RefCell<Option<Box<dyn Fn(StrategyId) -> HaltLevel>>>>;

impl Engine {
    /// Begins to start the engine; its clock shows `now`. `news` is woken when it runs or has failed to.
    ///
    /// # Errors
    /// [`StartError`]: the journal cannot be opened.
    pub(super) fn start(
        blueprint: &Blueprint,
        generation: u32,
        now: Timestamp,
        news: &Rc<Notify>,
        on_order: &OnOrder,
    ) -> Result<Self, StartError> {
        let traces = Traces::default();
        let levels = Levels::default();
        let clock = Clock::starting_at(now);
        let memory = blueprint.disk.open(clock.clone())?;
        let appender = memory.kept.as_ref().map(Journal::appender);
        let builder = builder(blueprint, generation, &clock, &traces, &levels, on_order)?;
        let builder = builder.clock(clock).memory(memory);
        let stage = Rc::new(RefCell::new(Stage::Starting));
        let tasks = LocalSet::new();
        if let Some(appender) = appender {
            drop(tasks.spawn_local(store(appender, blueprint.gather)));
        }
        let (outcome, news) = (stage.clone(), news.clone());
        let halted_from_start = traces.halted_from_start.clone();
        drop(tasks.spawn_local(async move {
            // A panic here ends the process before anything was placed.
            let started = AssertUnwindSafe(builder.start()).catch_unwind().await;
            *outcome.borrow_mut() = match started {
                Err(_) => Stage::Failed("it panicked".into()),
                Ok(Ok(running)) => {
                    *levels.borrow_mut() = Some(levels_of(&running));
                    *halted_from_start.borrow_mut() = Some(running.board().restricted());
                    Stage::Running(Rc::new(running))
                }
                Ok(Err(error)) => Stage::Failed(error.to_string()),
            };
            news.notify_one();
        }));
        let tasks: Tasks = Rc::new(RefCell::new(Some(tasks)));
        drop(tokio::task::spawn_local(run(tasks.clone())));
        Ok(Self {
            generation,
            traces,
            stage,
            tasks,
            network: blueprint.network.clone(),
        })
    }

    /// Why the start failed, if it has.
    pub(super) fn failure(&self) -> Option<String> {
        match &*self.stage.borrow() {
            Stage::Failed(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    /// The running engine; `None` while it is not.
    pub(super) fn running(&self) -> Option<Rc<Running>> {
        match &*self.stage.borrow() {
            Stage::Running(running) => Some(running.clone()),
            _ => None,
        }
    }

    /// Takes the running engine, to stop it.
    pub(super) fn take_running(&self) -> Option<Running> {
        match self.stage.replace(Stage::Over) {
            Stage::Running(running) => Rc::try_unwrap(running).ok(),
            _ => None,
        }
    }

    /// Ends the process here and now. Nothing that its remains do reaches anybody.
    pub(super) fn kill(&self) {
        self.traces.over.store(true, Ordering::SeqCst);
        self.traces.panics.end();
        self.network.orphan(self.generation);
        let tasks = self.tasks.borrow_mut().take();
        drop(tasks);
        self.stage.replace(Stage::Over);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Lets the journal's writer take its turns.
async fn store(journal: Appender, gather: Duration) {
    loop {
        tokio::time::sleep(gather).await;
        journal.store();
    }
}

/// Runs the tasks for as long as they are there.
async fn run(tasks: Tasks) {
    poll_fn(|cx| match tasks.borrow_mut().as_mut() {
        Some(tasks) => Pin::new(tasks).poll(cx),
        None => Poll::Ready(()),
    })
    .await;
}

fn builder(
    blueprint: &Blueprint,
    generation: u32,
    clock: &Clock,
    traces: &Traces,
    levels: &Levels,
    on_order: &OnOrder,
) -> Result<Builder, StartError> {
    let (handed_over, levels) = (traces.handed_over.clone(), levels.clone());
    let on_order = on_order.clone();
    let trace = blueprint.trace.clone();
    let network = blueprint.network.clone();
    let (panics, now, time) = (traces.panics.clone(), clock.clone(), clock.clone());
    let connector = blueprint.network.connector(
        generation,
        Tapping {
            on_placement: Rc::new(move |id: ClientOrderId| {
                let level = level_of(&levels, id);
                let is_blind = network.is_blind();
                trace.say("socket", || format!("{id} handed over ({level})"));
                let one = HandedOver {
                    id,
                    at: time.now(),
                    level,
                    is_blind,
                };
                handed_over.borrow_mut().push(one);
                on_order();
            }),
            on_read: Rc::new(move || panics.at(PanicAt::Socket, || now.now())),
        },
    );
    let (venue, credentials) = (blueprint.venue.clone(), blueprint.credentials.clone());
    let seed = blueprint.seed.wrapping_add(u64::from(generation));
    let person = Person {
        alerts: traces.alerts.clone(),
        trace: blueprint.trace.clone(),
        over: traces.over.clone(),
        panics: traces.panics.clone(),
    };
    let mut builder = Tripline::builder(blueprint.settings.clone())
        .placement(Placement::Together)
        .alert_channel(move || Rc::new(person))
        .last_resort(Arc::new(|_| {}))
        .venue(move |clock| {
            let venue = Binance::over(connector, seed, venue, &credentials, clock.clone());
            match venue {
                Ok(venue) => Ok(Rc::new(venue)),
                Err(error) => Err(StartError::Venue(error.to_string())),
            }
        });
    let strategies = (blueprint.strategies)(generation);
    let strategies = strategies.map_err(|detail| StartError::Actor {
        actor: "strategy",
        detail,
    })?;
    for (id, strategy) in strategies {
        let witnessed = Witnessed {
            id,
            strategy,
            told: traces.told.clone(),
            panics: traces.panics.clone(),
            clock: clock.clone(),
            over: traces.over.clone(),
            trace: blueprint.trace.clone(),
        };
        builder = builder.hosted(id, Box::new(witnessed));
    }
    Ok(builder)
}

/// What each strategy is allowed, asked anew each time.
fn levels_of(running: &Running) -> Box<dyn Fn(StrategyId) -> HaltLevel> {
    let board = running.board().clone();
    let members: Vec<_> = running
        .seats
        .iter()
        .map(|seat| seat.membership.clone())
        .collect();
    Box::new(move |strategy| {
        let member = members.iter().find(|member| member.strategy == strategy);
        member.map_or(HaltLevel::Halted, |member| board.level(member))
    })
}

fn level_of(levels: &Levels, id: ClientOrderId) -> HaltLevel {
    let origin = id.origin();
    let levels = levels.borrow();
    let level = origin.zip(levels.as_ref());
    level.map_or(HaltLevel::Active, |(origin, level)| level(origin.strategy))
}

/// The person who is alerted.
struct Person {
    alerts: Arc<Mutex<Vec<Alert>>>,
    trace: Arc<Trace>,
    over: Arc<AtomicBool>,
    panics: Panics,
}

impl Channel for Person {
    fn name(&self) -> &str {
        "person"
    }

    fn send<'a>(
        &'a self,
        message: &'a Rendered,
        now: Timestamp,
    ) -> LocalBoxFuture<'a, Result<(), ChannelError>> {
        if self.over.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Ok(())));
        }
        self.panics.at(PanicAt::Channel, || now);
        for alert in &message.alerts {
            self.trace
                .say("person", || format!("[{}] {}", alert.severity, alert.title));
        }
        let told = message.alerts.iter().map(|alert| (**alert).clone());
        self.alerts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(told);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Where the adapter finds the exchange.
pub(super) fn venue() -> BinanceSettings {
    let [rest, api, streams] = [Door::Rest, Door::Api, Door::Streams].map(Door::host);
    BinanceSettings::custom(
        &format!("http://{rest}"),
        &format!("ws://{api}/ws-api/v3"),
        &format!("ws://{streams}"),
    )
}
