//! A running engine: look at it, halt it, resume it, stop it.

use std::rc::Rc;
use std::time::Duration;

use actix::Addr;
use actix_rt::task::JoinHandle;
use tokio::signal::unix::{SignalKind, signal};
use tripline_actors::alert::{AlertActor, AlertStats, ChannelStats, Flush, ReadOwed};
use tripline_actors::clock::Clock;
use tripline_actors::control::{Doorkeeper, Life};
use tripline_actors::delivery::Sender;
use tripline_actors::ending::End;
use tripline_actors::faults::Faults;
use tripline_actors::gateway::{
    DeskSnapshot, NotReconciled, OrderGateway, ReadDesk, Reconcile, StopOrders, StopReport,
};
use tripline_actors::journal::Journal;
use tripline_actors::journaling::Journaling;
use tripline_actors::market_data::MarketData;
use tripline_actors::safety::{ReadSafety, ResumeOrdered, Safety, SafetyStats};
use tripline_actors::strategy::StrategyActor;
use tripline_actors::user_data::UserData;
use tripline_actors::venue::Connection;
use tripline_actors::watchdog::Watchdog;
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{
    HaltBoard, HaltLevel, Incident, Reaction, ResumeRefused, Scope, Standing,
};
use tripline_engine::ids::{RunId, StrategyId};
use tripline_engine::journal::{Reconciled, RunEnded};
use tripline_engine::messages::control::{RestingOrders, Resume, Stop};
use tripline_engine::ports::MarketPort;

use crate::settings::EngineSettings;
use crate::wiring::{Cold, Seat};

/// What an engine knows, at one moment.
#[derive(Debug, Clone)]
pub struct EngineSnapshot {
    pub desk: DeskSnapshot,
    pub safety: SafetyStats,
    /// One for each channel.
    pub alerts: Vec<ChannelStats>,
}

/// How an engine ended.
#[derive(Debug, Clone)]
pub struct ExitReport {
    pub stop: StopReport,
    /// `None` when the gateway did not answer any more.
    pub snapshot: Option<EngineSnapshot>,
    /// Scopes that are still halted.
    pub halted: Vec<(Scope, Standing)>,
    /// Alerts that have reached nobody.
    pub unheard: usize,
}

impl ExitReport {
    /// 0: stopped in order. 3: stopped with a standing halt. 4: orders may be open at the venue. 6: an alert
    /// has reached nobody.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match () {
            () if !self.stop.swept && self.stop.open > 0 => 4,
            () if self.unheard > 0 => 6,
            () if !self.halted.is_empty() => 3,
            () => 0,
        }
    }
}

/// A running engine. Dropping it without [`Running::stop`] leaves resting orders where they are.
pub struct Running {
    pub(crate) settings: EngineSettings,
    pub(crate) run: RunId,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) cold: Cold,
    pub(crate) journal: Journaling,
    pub(crate) kept: Option<Journal>,
    pub(crate) life: Life,
    /// Absent where everything lives on one arbiter.
    pub(crate) watchdog: Option<Watchdog>,
    pub(crate) gateway: Addr<OrderGateway>,
    pub(crate) safety: Addr<Safety>,
    pub(crate) alerts: Addr<AlertActor>,
    pub(crate) door: Option<Addr<Doorkeeper>>,
    pub(crate) user: Addr<UserData>,
    pub(crate) market: Addr<MarketData>,
    pub(crate) port: Rc<dyn MarketPort>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) earlier_halts: Vec<(Scope, Standing)>,
    pub(crate) connections: Vec<Rc<dyn Connection>>,
    /// Tasks that end with the engine.
    pub(crate) watches: Vec<JoinHandle<()>>,
}

impl Running {
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run
    }

    #[must_use]
    pub fn board(&self) -> &HaltBoard {
        self.faults.board()
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The way of a fault, for tests and tools that raise some.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The actors, for tests and tools that talk to them directly.
    #[must_use]
    pub fn gateway(&self) -> &Addr<OrderGateway> {
        &self.gateway
    }

    #[must_use]
    pub fn safety(&self) -> &Addr<Safety> {
        &self.safety
    }

    #[must_use]
    pub fn alerts(&self) -> &Addr<AlertActor> {
        &self.alerts
    }

    #[must_use]
    pub fn user_data(&self) -> &Addr<UserData> {
        &self.user
    }

    #[must_use]
    pub fn market_data(&self) -> &Addr<MarketData> {
        &self.market
    }

    /// The actor of a hosted strategy.
    #[must_use]
    pub fn strategy(&self, id: StrategyId) -> Option<&Addr<StrategyActor>> {
        self.seats
            .iter()
            .find(|seat| seat.membership.strategy == id)?
            .hosted
            .as_ref()
    }

    /// What the engine knows; `None` when an actor of it is gone.
    pub async fn snapshot(&self) -> Option<EngineSnapshot> {
        let desk = self.gateway.send(ReadDesk).await.ok()?;
        let safety = self.safety.send(ReadSafety).await.ok()?;
        let alerts = self.alerts.send(AlertStats).await.ok()?;
        Some(EngineSnapshot {
            desk,
            safety,
            alerts,
        })
    }

    /// Halts a scope, as a person does.
    pub fn halt(&self, scope: Scope, reason: impl Into<String>) -> Incident {
        self.faults.raise(self.ordered(scope, reason.into()))
    }

    /// Halts a scope, cancels its orders and takes its strategies out of their positions, as a person does.
    pub fn flatten(&self, scope: Scope, reason: impl Into<String>) -> Incident {
        let reaction = Reaction::new(HaltLevel::Halted, RestingOrders::Flatten);
        self.halt_as(scope, reaction, reason)
    }

    /// Halts a scope as a person does, to this level and with this done about its resting orders.
    pub fn halt_as(&self, scope: Scope, reaction: Reaction, reason: impl Into<String>) -> Incident {
        let fault = self.ordered(scope, reason.into());
        self.faults.raise_as(fault, reaction)
    }

    fn ordered(&self, scope: Scope, detail: String) -> Fault {
        Fault {
            kind: FaultKind::Manual,
            scope,
            actor: "operator".into(),
            detail,
            at: self.clock.now(),
        }
    }

    /// Lifts a halt, once orders and fills were reconciled with the venue and everything is in order: data
    /// arrives, books and private stream are live, the clock is good, the journal takes records, no halt file is
    /// there and no flatten under way.
    ///
    /// # Errors
    /// [`ResumeRefused`], and the halt stays; a dead safety actor refuses too.
    pub async fn resume(&self, resume: Resume) -> Result<(), ResumeRefused> {
        let scope = resume.scope;
        let answer = self.safety.send(ResumeOrdered(resume)).await;
        answer.unwrap_or(Err(ResumeRefused::NoAnswer { scope }))
    }

    /// Holds orders, fills and balances against the venue's, now. What differs is settled by the venue's word,
    /// except balances: those are a fault when they go on differing.
    ///
    /// # Errors
    /// [`NotReconciled`] with both sides of what differs; a dead gateway has ended.
    pub async fn reconcile(&self) -> Result<Reconciled, NotReconciled> {
        let answer = self.gateway.send(Reconcile::OnDemand).await;
        answer.unwrap_or(Err(NotReconciled::Ended))
    }

    /// Watches SIGINT and SIGTERM from this call on; over when one of them has come.
    pub fn until_signal() -> impl Future<Output = ()> {
        let terminated = watch("SIGTERM", SignalKind::terminate());
        let interrupted = watch("SIGINT", SignalKind::interrupt());
        async move {
            tokio::select! { () = terminated => {} () = interrupted => {} }
        }
    }

    /// Stops in order: no new orders, resting orders as the settings say, cancels confirmed, alerts
    /// flushed, connections closed.
    pub async fn stop(mut self) -> ExitReport {
        self.life.stop();
        let resting_orders = self.settings.resting_orders;
        let sender = Sender {
            actor: "engine",
            scope: Scope::Global,
            faults: self.faults.clone(),
            clock: self.clock.clone(),
        };
        for seat in &self.seats {
            let name = format!("strategy {}", seat.membership.strategy);
            sender
                .outlet(name, seat.address.stop.clone())
                .send(Stop { resting_orders });
        }
        let open = self
            .snapshot()
            .await
            .map_or(1, |snapshot| open_in(&snapshot.desk));
        let stop = self.stop_orders(resting_orders, open).await;
        let snapshot = self.snapshot().await;
        if tokio::time::timeout(self.settings.stop_within, self.alerts.send(Flush))
            .await
            .is_err()
        {
            log::error!(actor = "engine"; "alerts are still on their way after {:?}", self.settings.stop_within);
        }
        let snapshot = match self.snapshot().await {
            Some(flushed) => Some(flushed),
            None => snapshot,
        };
        let unheard = self.alerts.send(ReadOwed).await.unwrap_or_default();
        self.write_end(&stop);
        let halted = self.board().restricted();
        self.faults.close();
        drop(self.watchdog.take());
        for connection in &self.connections {
            connection.close();
        }
        self.watches.iter().for_each(JoinHandle::abort);
        self.end_actors().await;
        if let Some(Err(error)) = self.kept.take().map(Journal::close) {
            log::error!(actor = "journal"; "not closed in order: {error}");
        }
        ExitReport {
            stop,
            snapshot,
            halted,
            unheard,
        }
    }

    /// Writes down that the run has ended in order. That it cannot be written down is a halt that stands at
    /// the end.
    fn write_end(&self, stop: &StopReport) {
        let ended = RunEnded {
            run: self.run,
            open_orders: stop.open as u64,
            halted: !self.board().restricted().is_empty(),
        };
        let at = self.clock.now();
        if let Err(error) = self.journal.append(&[ended.into()], at) {
            self.faults.raise(Fault {
                kind: FaultKind::JournalFailed,
                scope: Scope::Global,
                actor: "engine".into(),
                detail: format!("the end of the run is not written down: {error}"),
                at,
            });
        }
    }

    /// Ends every actor, upstream first, so that none sends to one that is gone. A program that goes on
    /// after the stop is not troubled by their timers.
    async fn end_actors(&self) {
        let mut ended = Vec::new();
        for strategy in self.seats.iter().filter_map(|seat| seat.hosted.as_ref()) {
            ended.push(("strategy", strategy.send(End).await));
        }
        ended.push(("market_data", self.market.send(End).await));
        ended.push(("user_data", self.user.send(End).await));
        ended.push(("gateway", self.gateway.send(End).await));
        if let Some(door) = &self.door {
            ended.push(("control", door.send(End).await));
        }
        for (actor, answer) in ended {
            if let Err(error) = answer {
                log::warn!(actor; "had ended before the engine: {error}");
            }
        }
        self.cold.stop();
    }

    async fn stop_orders(&self, resting_orders: RestingOrders, open: usize) -> StopReport {
        let within: Duration = self.settings.stop_within;
        match tokio::time::timeout(within, self.gateway.send(StopOrders { resting_orders })).await {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => {
                log::error!(actor = "engine"; "the gateway is gone: {error}; orders may be open at the venue");
                StopReport { swept: false, open }
            }
            Err(_) => {
                log::error!(actor = "engine"; "cancels are not confirmed after {within:?}; orders may be open at the venue");
                let open = self
                    .snapshot()
                    .await
                    .map_or(open, |snapshot| open_in(&snapshot.desk));
                StopReport {
                    swept: false,
                    open: open.max(1),
                }
            }
        }
    }
}

fn watch(name: &'static str, kind: SignalKind) -> impl Future<Output = ()> {
    let watched = signal(kind);
    async move {
        match watched {
            Ok(mut stream) => {
                stream.recv().await;
                log::warn!(actor = "signals"; "{name}: stopping in order");
            }
            Err(error) => {
                log::error!(actor = "signals"; "{name} cannot be watched: {error}");
                std::future::pending::<()>().await;
            }
        }
    }
}

fn open_in(desk: &DeskSnapshot) -> usize {
    desk.orders
        .iter()
        .filter(|order| order.state.may_be_open())
        .count()
}
