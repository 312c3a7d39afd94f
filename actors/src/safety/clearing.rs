//! Carries out what [`Emergency`](super::emergency::Emergency) decides, over the safety actor's own connection.
//! Needs nothing of the rest of the engine: no gateway, no positions, no journal.

use std::rc::Rc;
use std::time::Duration;

use actix::fut::WrapFuture;
use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message};
use futures_util::{StreamExt, stream};
use tripline_engine::fault::{FaultKind, IncidentId};
use tripline_engine::halt::{Incident, Scope};
use tripline_engine::ids::{AccountId, StrategyId, Symbol, VenueId};
use tripline_engine::messages::alert::{Alert, Severity};
use tripline_engine::messages::control::{ForeignOrders, RestingOrders};
use tripline_engine::messages::order::OrderReport;
use tripline_engine::ports::{CancelPort, OrderRef, VenueError};
use tripline_engine::time::Timestamp;

use super::Safety;
use super::emergency::{Clearing, Emergency};

/// A request that takes longer is given up: its order is listed again, and cancelled again.
const PATIENCE: Duration = Duration::from_secs(3);

/// Cancels that are under way at once.
const AT_ONCE: usize = 8;

/// The gateway has nothing more to sweep in the scope, up to this incident's sweep.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct SweepConfirmed {
    pub scope: Scope,
    pub through: IncidentId,
}

/// Which orders of the account the safety actor may cancel.
#[derive(Debug, Clone, Copy)]
pub struct Ours {
    pub account: AccountId,
    pub venue: VenueId,
    pub foreign_orders: ForeignOrders,
}

/// The safety actor's own way to the venue.
pub(super) struct OwnWay {
    port: Rc<dyn CancelPort>,
    ours: Ours,
    emergency: Emergency,
    is_under_way: bool,
    last_error: Option<VenueError>,
    timer: Option<(Timestamp, actix::SpawnHandle)>,
}

impl OwnWay {
    pub(super) fn new(port: Rc<dyn CancelPort>, ours: Ours) -> Self {
        Self {
            emergency: Emergency::new(port.settle_time()),
            port,
            ours,
            is_under_way: false,
            last_error: None,
            timer: None,
        }
    }

    /// A person has lifted the halt.
    pub(super) fn lifted(&mut self, scope: Scope) {
        self.emergency.lifted(scope);
    }
}

impl Safety {
    /// The gateway was told of the incident; what it does not do in time is done here.
    pub(super) fn see_to_sweep(&mut self, incident: &Incident, ctx: &mut Context<Self>) {
        let now = self.clock.venue_now();
        if incident.reaction.resting_orders != RestingOrders::Keep {
            self.own.emergency.wanted(incident, now);
        }
        let is_stuck = incident.fault.kind == FaultKind::ArbiterStuck;
        let dead = match incident.fault.scope {
            // Of everything it is the safety actor's own arbiter that was stuck.
            Scope::Account(_) if is_stuck => Some("the arbiter of the order gateway is stuck"),
            _ if self.gateway.is_closed() => Some("the order gateway is gone"),
            _ => None,
        };
        if let Some(why) = dead {
            self.own.emergency.gateway_is_dead(why, now);
        }
        self.arm_clearing(ctx);
    }

    fn arm_clearing(&mut self, ctx: &mut Context<Self>) {
        if self.own.is_under_way {
            return; // Its end looks again.
        }
        let due = self.own.emergency.next();
        if self.own.timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, handle)) = self.own.timer.take() {
            ctx.cancel_future(handle);
        }
        if let Some(at) = due {
            let wait = at.saturating_since(self.clock.venue_now());
            let handle = ctx.run_later(wait, |safety, ctx| {
                safety.own.timer = None;
                safety.clear(ctx);
            });
            self.own.timer = Some((at, handle));
        }
    }

    /// Asks the venue what is open, and cancels what has to go.
    fn clear(&mut self, ctx: &mut Context<Self>) {
        let asked = self.clock.venue_now();
        if self.own.emergency.due().is_none_or(|due| due > asked) {
            return self.end_round(ctx); // There may be an alarm.
        }
        for (scope, clearing) in self.own.emergency.begin(asked) {
            let Clearing { incident, why, .. } = clearing;
            log::warn!(actor = "safety"; "incident {incident}: {why}: {scope} is cleared over the safety actor's own connection");
        }
        self.own.is_under_way = true;
        let port = self.own.port.clone();
        let shield = self.shield.clone();
        // A panic in it costs this list, not the safety actor.
        let asking = async move { shield.run_to_end(within(port.open_orders())).await };
        let listed = asking.into_actor(self).map(move |answer, safety, ctx| {
            safety.take_list(answer.unwrap_or_else(panicked), asked, ctx);
        });
        ctx.spawn(listed);
    }

    fn take_list(
        &mut self,
        answer: Result<Vec<OrderReport>, VenueError>,
        asked: Timestamp,
        ctx: &mut Context<Self>,
    ) {
        let now = self.clock.venue_now();
        let open = match answer {
            Ok(open) => open,
            Err(error) => {
                log::warn!(actor = "safety"; "open orders cannot be listed over the own connection: {error}");
                self.own.emergency.failed(&error, now);
                self.own.last_error = Some(error);
                return self.end_round(ctx);
            }
        };
        let (wards, ours) = (&self.wards, self.own.ours);
        let is_in = |scope: &Scope, order: &OrderReport| match order.id.origin() {
            Some(origin) => match wards.get(&origin.strategy) {
                Some(ward) => ward.membership.is_in(scope),
                None => covers(&ours, scope, Some(origin.strategy), order.symbol),
            },
            None => {
                let adopts = ours.foreign_orders == ForeignOrders::Adopt;
                adopts && covers(&ours, scope, None, order.symbol)
            }
        };
        let next = self.own.emergency.listed(&open, asked, now, is_in);
        for (scope, clearing) in next.cleared {
            self.tell_cleared(scope, &clearing);
        }
        if next.cancel.is_empty() {
            return self.end_round(ctx);
        }
        let (port, shield) = (self.own.port.clone(), self.shield.clone());
        let cancelling = async move { shield.run_to_end(cancel_each(port, next.cancel)).await };
        let cancelled = cancelling.into_actor(self).map(|error, safety, ctx| {
            safety.own.last_error = error.flatten();
            safety.end_round(ctx);
        });
        ctx.spawn(cancelled);
    }

    fn end_round(&mut self, ctx: &mut Context<Self>) {
        self.own.is_under_way = false;
        for (scope, clearing) in self.own.emergency.alarms(self.clock.venue_now()) {
            let title = format!(
                "incident {}: orders of {scope} may still be at the venue: cancel them there",
                clearing.incident
            );
            let error = self.own.last_error.as_ref().map(ToString::to_string);
            let text = format!(
                "The safety actor cannot cancel and confirm them over its own connection, and goes on trying{}.",
                error.map_or(String::new(), |error| format!(": {error}"))
            );
            log::error!(actor = "safety"; "{title} {text}");
            self.tell_of_clearing(Severity::Critical, scope, title, text);
        }
        self.arm_clearing(ctx);
    }

    fn tell_cleared(&mut self, scope: Scope, clearing: &Clearing) {
        let Clearing {
            incident,
            why,
            cancelled,
            ..
        } = clearing;
        let orders = cancelled.len();
        let title = format!(
            "incident {incident}: {orders} orders of {scope} cancelled by the safety actor itself; the venue shows none"
        );
        log::warn!(actor = "safety"; "{title}");
        if orders == 0 && !self.own.emergency.is_gateway_dead() {
            return; // The gateway was only late, and has cancelled what there was.
        }
        let text = format!("It used its own connection because {why}.");
        self.tell_of_clearing(Severity::Warning, scope, title, text);
    }

    fn tell_of_clearing(&mut self, severity: Severity, scope: Scope, title: String, text: String) {
        if let Some(alert) = self.alert_of(severity, title, text, None) {
            let strategy = match scope {
                Scope::Strategy(strategy) => Some(strategy),
                _ => None,
            };
            let scope = Some(scope);
            self.send(Alert {
                scope,
                strategy,
                ..alert
            });
        }
    }
}

impl Handler<SweepConfirmed> for Safety {
    type Result = ();
    fn handle(
        &mut self,
        SweepConfirmed { scope, through }: SweepConfirmed,
        ctx: &mut Context<Self>,
    ) {
        log::debug!(actor = "safety"; "incident {through}: the gateway has confirmed the sweep of {scope}");
        if let Some(clearing) = self.own.emergency.confirmed(scope, through) {
            let orders = clearing.cancelled.len();
            log::info!(actor = "safety"; "incident {through}: {orders} orders of {scope} were also cancelled over the safety actor's own connection");
        }
        self.arm_clearing(ctx);
    }
}

/// Whether the scope includes an order of no strategy that is here.
fn covers(ours: &Ours, scope: &Scope, strategy: Option<StrategyId>, symbol: Symbol) -> bool {
    match scope {
        Scope::Strategy(id) => strategy == Some(*id),
        Scope::Instrument(of) => symbol == *of,
        Scope::Account(id) => *id == ours.account,
        Scope::Venue(id) => *id == ours.venue,
        Scope::Global => true,
    }
}

/// Cancels, some at once; gives the last error that is not the venue's word that the order is gone.
async fn cancel_each(port: Rc<dyn CancelPort>, orders: Vec<OrderRef>) -> Option<VenueError> {
    let cancels = stream::iter(orders).map(|order| within(port.cancel(order)));
    let mut answers = cancels.buffer_unordered(AT_ONCE);
    let mut last = None;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(_) | Err(VenueError::Rejected { .. } | VenueError::UnknownOrder { .. }) => {}
            Err(error) => {
                log::warn!(actor = "safety"; "cancelling over the own connection: {error}");
                last = Some(error);
            }
        }
    }
    last
}

async fn within<T>(asking: impl Future<Output = Result<T, VenueError>>) -> Result<T, VenueError> {
    let answer = tokio::time::timeout(PATIENCE, asking).await;
    answer.unwrap_or(Err(VenueError::Timeout(PATIENCE)))
}

fn panicked<T>() -> Result<T, VenueError> {
    Err(VenueError::UnknownOutcome("the adapter panicked".into()))
}
