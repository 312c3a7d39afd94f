//! The dead-man switch: a process of its own that asks the engine for a sign of life, and when that stays away
//! cancels every open order of the account over its own connection and tells a person.

mod check;
mod judge;
mod left;
mod said;
mod sweep;
mod telling;

use std::cell::Cell;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use actix::Addr;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tripline_actors::alert::AlertActor;
use tripline_actors::clock::Clock;
use tripline_actors::control::{Asked, Client};
use tripline_actors::venue::binance::{ApiCredentials, BinanceSettings};
use tripline_engine::fault::FaultKind;
use tripline_engine::ids::{AccountId, RunId};
use tripline_engine::messages::alert::{Alert, Facts, Phase, Severity};
use tripline_engine::ports::VenueError;

use check::Check;
pub use judge::{Judge, News, Seen};
pub use said::Said;
use sweep::Sweeper;
pub use telling::flush;

/// While the engine is silent, the account is looked at again after so long.
const CLEARED_EVERY: Duration = Duration::from_secs(10);

/// What a watch needs.
pub struct WatchSettings {
    /// Where the engine gives its sign of life.
    pub socket: PathBuf,
    pub silent_after: Duration,
    pub account: AccountId,
    /// Whether an engine that stops in order leaves its orders on purpose.
    pub keeps_orders: bool,
    /// Whether real money is traded; alerts say so.
    pub live: bool,
    pub venue: BinanceSettings,
    pub credentials: ApiCredentials,
}

/// How a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The engine was silent, and the venue had not confirmed that nothing is open.
    pub orders_may_be_open: bool,
    /// Alerts that have reached nobody.
    pub unheard: usize,
}

/// What a task of the watch has come to.
enum Done {
    /// A look at the account, while the engine lives.
    Looked(Result<(), VenueError>),
    /// A pass over the account, and how many orders it found open.
    Cleared(Result<usize, VenueError>),
    /// What the engine that stopped in order has left, and whether it was cancelled.
    Left {
        run: RunId,
        orders: Result<usize, VenueError>,
    },
}

/// What is going on while an engine is silent.
#[derive(Default)]
struct Silence {
    /// Set as long as it lasts; a pass that is under way ends with it.
    lasts: Rc<Cell<bool>>,
    is_under_way: bool,
    next: Option<Instant>,
    /// The venue has listed none in this silence.
    is_clear: bool,
    /// It ends as soon as nothing is open: nobody is there any more who could break it.
    is_last: bool,
    orders: usize,
}

/// A running watch.
pub struct Watch {
    settings: WatchSettings,
    sweeper: Rc<Sweeper>,
    alerts: Addr<AlertActor>,
    clock: Clock,
    said: Said,
    silence: Silence,
    check: Check,
    done: UnboundedSender<Done>,
}

impl Watch {
    /// Watches until `stopped` is over. The alert actor is to be started before.
    ///
    /// # Errors
    /// In words: settings, key or certificate file that cannot be used.
    pub async fn run(
        settings: WatchSettings,
        alerts: Addr<AlertActor>,
        clock: Clock,
        said: Said,
        stopped: impl Future<Output = ()>,
    ) -> Result<Ended, String> {
        let (venue, credentials) = (settings.venue.clone(), &settings.credentials);
        let sweeper = Rc::new(Sweeper::new(venue, credentials, clock.clone())?);
        let (done, news) = unbounded_channel();
        let clock_kept = sweeper.clone();
        let keeping = actix_rt::spawn(async move { clock_kept.keep_clock().await });
        let mut watch = Self {
            settings,
            sweeper,
            alerts,
            clock,
            said,
            silence: Silence::default(),
            check: Check::default(),
            done,
        };
        watch.begin().await;
        watch.watch(news, stopped).await;
        keeping.abort();
        Ok(watch.end().await)
    }

    async fn begin(&self) {
        let WatchSettings {
            socket,
            silent_after,
            ..
        } = &self.settings;
        let place = socket.display().to_string();
        self.said.say(
            "watching",
            &format!("watching the engine at {place}; silent after {silent_after:?}"),
            json!({ "socket": place, "silent_after_ms": silent_after.as_millis() }),
        );
    }

    async fn watch(
        &mut self,
        mut news: UnboundedReceiver<Done>,
        stopped: impl Future<Output = ()>,
    ) {
        let began = Instant::now();
        let mut judge = Judge::new(self.settings.silent_after);
        let mut looks = interval(self.every());
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                Some(done) = news.recv() => self.take(done).await,
                _ = looks.tick() => {
                    let seen = self.look().await;
                    if let Some(news) = judge.look(seen, began.elapsed()) {
                        self.hear(news).await;
                    }
                    if self.silence.lasts.get() && !judge.is_silent() {
                        self.nobody_is_there();
                    }
                    self.clear_if_due();
                    self.check_if_due();
                }
            }
        }
    }

    /// How often is looked.
    fn every(&self) -> Duration {
        (self.settings.silent_after / 3).min(Duration::from_secs(1))
    }

    /// Asks the engine, for no longer than a third of what counts as silence.
    async fn look(&self) -> Seen {
        let socket = &self.settings.socket;
        let is_gone = || {
            let found = std::fs::symlink_metadata(socket);
            found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        if is_gone() {
            return Seen::NoSocket;
        }
        let client = Client::new(socket);
        let patience = self.settings.silent_after / 3;
        let answer = match timeout(patience, client.ask(Asked::Get("/v1/alive"))).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) if is_gone() => return Seen::NoSocket,
            Ok(Err(error)) => return Seen::Silent(error.to_string()),
            Err(_) => return Seen::Silent(format!("no answer within {patience:?}")),
        };
        let run = answer["run"].as_str().and_then(|run| RunId::new(run).ok());
        match run {
            Some(run) => Seen::Alive {
                run,
                stopping: answer["stopping"] == true,
            },
            None => Seen::Silent("what answers is no engine".into()),
        }
    }

    async fn hear(&mut self, news: News) {
        match news {
            News::Found { run } => {
                self.said
                    .say("found", &format!("run {run} lives"), json!({ "run": run }));
                if self.silence.lasts.get() {
                    self.is_back(run, "another run answers").await;
                }
            }
            News::Back { run, silent_for } => {
                let how = format!("it was silent for {} s", silent_for.as_secs());
                self.is_back(run, &how).await;
            }
            News::Replaced { run, before } => {
                let title = format!("run {run} answers; run {before} ended without saying so");
                let fields = json!({ "run": run, "before": before });
                self.said.say("replaced", &title, fields);
                self.tell(Severity::Warning, title, String::new(), None)
                    .await;
            }
            News::Silent { run, why } => self.fell_silent(run, &why).await,
            News::Stopped { run } => {
                let text = format!("run {run} has stopped in order");
                self.said.say("stopped", &text, json!({ "run": run }));
                self.ask_what_is_left(run);
            }
            News::StoodStill(gap) => {
                let text = format!("this watch stood still for {} s itself", gap.as_secs());
                let fields = json!({ "ms": gap.as_millis() });
                self.said.say("stood_still", &text, fields);
            }
        }
    }

    async fn fell_silent(&mut self, run: Option<RunId>, why: &str) {
        let name = run.map_or("the engine".to_owned(), |run| format!("run {run}"));
        let within = self.settings.silent_after;
        let title = format!("{name} gives no sign of life for {within:?}");
        let fields = json!({ "run": run, "why": why });
        self.said.say("silent", &format!("{title}: {why}"), fields);
        self.silence = Silence {
            lasts: Rc::new(Cell::new(true)),
            next: Some(Instant::now()),
            ..Silence::default()
        };
        let text = format!(
            "{why}. Every open order of the account is being cancelled by tripline watch, whoever placed it. \
             Look at the engine; as long as it is silent the account is kept clear."
        );
        let kind = Some(FaultKind::EngineSilent);
        self.tell(Severity::Critical, title, text, kind).await;
    }

    async fn is_back(&mut self, run: RunId, how: &str) {
        let orders = self.end_silence();
        let title = format!("run {run} lives: {how}; {orders} orders were cancelled meanwhile");
        let fields = json!({ "run": run, "cancelled": orders });
        self.said.say("back", &title, fields);
        let text = "It holds its orders against the venue before it trades.";
        let alert = self.alert(Severity::Info, title, text.into(), None);
        let facts = Facts {
            phase: Phase::Resolved,
            ..Facts::default()
        };
        self.send(Alert { facts, ..alert }).await;
    }

    /// Ends the pass that is under way too, so that it does not cancel what the next engine places; gives how many
    /// orders were cancelled.
    fn end_silence(&mut self) -> usize {
        let silence = std::mem::take(&mut self.silence);
        silence.lasts.set(false);
        silence.orders
    }

    /// The socket of the silent engine was taken away. What it has left is cancelled all the same.
    fn nobody_is_there(&mut self) {
        match self.silence.is_clear {
            true => drop(self.end_silence()),
            false => self.silence.is_last = true,
        }
    }

    /// Clears the account again, while nobody else does.
    fn clear_if_due(&mut self) {
        let silence = &mut self.silence;
        let is_due = silence.next.is_some_and(|at| at <= Instant::now());
        if !silence.lasts.get() || silence.is_under_way || !is_due {
            return;
        }
        silence.is_under_way = true;
        let (sweeper, lasts, done) = (
            self.sweeper.clone(),
            silence.lasts.clone(),
            self.done.clone(),
        );
        actix_rt::spawn(async move {
            let cleared = sweeper.clear(&lasts).await;
            // The silence it belonged to may be over, and so may be the watch.
            if lasts.get() && done.send(Done::Cleared(cleared)).is_err() {
                log::debug!(actor = "watch"; "it has ended");
            }
        });
    }

    async fn take(&mut self, done: Done) {
        match done {
            Done::Looked(answer) => self.looked(answer).await,
            Done::Cleared(answer) => self.cleared(answer).await,
            Done::Left { run, orders } => self.left(run, orders).await,
        }
    }

    async fn cleared(&mut self, answer: Result<usize, VenueError>) {
        let silence = &mut self.silence;
        silence.is_under_way = false;
        let is_first = !silence.is_clear;
        silence.is_clear = answer.is_ok();
        silence.next = Some(match &answer {
            Ok(_) => Instant::now() + CLEARED_EVERY,
            Err(_) => Instant::now(),
        });
        match answer {
            Ok(0) if !is_first => {}
            Ok(orders) => {
                silence.orders += orders;
                let title = format!("{orders} orders cancelled; the venue lists none");
                let fields = json!({ "cancelled": orders });
                self.said.say("cleared", &title, fields);
                if silence.is_last {
                    self.end_silence();
                }
                let text = "By tripline watch, because the engine is silent.";
                self.tell(Severity::Warning, title, text.into(), None).await;
            }
            Err(error) => {
                let title = "the engine is silent, and its orders cannot be cancelled for certain";
                let fields = json!({ "error": error.to_string() });
                self.said
                    .say("not_cleared", &format!("{title}: {error}"), fields);
                let text =
                    format!("{error}. tripline watch goes on trying: cancel them at the venue.");
                let kind = Some(FaultKind::CancelUnconfirmed);
                self.tell(Severity::Critical, title.into(), text, kind)
                    .await;
            }
        }
    }

    async fn end(self) -> Ended {
        let is_silent = self.silence.lasts.get();
        let title = match is_silent {
            true => {
                "tripline watch ends while the engine is silent: nobody keeps the account clear"
            }
            false => "tripline watch ends: nobody cancels if the engine falls silent",
        };
        self.said
            .say("ending", title, json!({ "silent": is_silent }));
        self.tell(Severity::Warning, title.into(), String::new(), None)
            .await;
        let unheard = flush(&self.alerts).await;
        Ended {
            orders_may_be_open: is_silent && !self.silence.is_clear,
            unheard,
        }
    }
}
