//! The alert actor: decides which alerts are told and to whom, gives each channel its own queue and sends
//! over all of them at once. It lives on a cold arbiter: sending may take seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, MessageResult, ResponseFuture, SpawnHandle};
use tokio::sync::oneshot;
use tripline_engine::fault::IncidentId;
use tripline_engine::ids::RunId;
use tripline_engine::journal::{AlertKey, AlertStep, DueAlert};
use tripline_engine::messages::alert::{Alert, Phase, Severity};
use tripline_engine::time::Timestamp;

use super::Routed;
use super::incidents::Incidents;
use super::ladder::{Ladder, Step};
use super::lane::Lanes;
use super::memo::Memo;
use super::messages::{
    AlertStats, ChannelStats, DueAlerts, Flush, OnUndelivered, ReadOwed, Settings,
};
use super::owed::Owed;
use crate::clock::Clock;
use crate::delivery::MAILBOX;
use crate::journaling::Journaling;

/// After a restart no telephone rings at once for what an earlier run has left: whoever started the engine
/// may be lifting its halts.
const SETTLING: Duration = Duration::from_secs(30);

/// An alert that some channel still has.
pub(super) struct Pending {
    pub(super) alert: Rc<Alert>,
    /// Its name in the journal.
    pub(super) key: AlertKey,
    pub(super) lanes: usize,
    pub(super) is_delivered: bool,
    pub(super) failures: Vec<String>,
}

/// Sends alerts over every channel.
pub struct AlertActor {
    pub(super) lanes: Lanes,
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) on_undelivered: OnUndelivered,
    /// Whether success is judged by the channels that leave the machine.
    pub(super) judged_by_remote: bool,
    pub(super) incidents: Incidents,
    pub(super) ladder: Ladder,
    /// Incidents that somebody has seen.
    pub(super) acknowledged: BTreeSet<IncidentId>,
    pub(super) pending: BTreeMap<u64, Pending>,
    /// What is tried again.
    pub(super) owed: Owed,
    pub(super) memo: Memo,
    /// Counts the alerts of the run.
    told: u64,
    /// Counts what was queued; an alert that is tried again counts again.
    pub(super) queued: u64,
    pub(super) messages: u64,
    pub(super) flushes: Vec<oneshot::Sender<Vec<ChannelStats>>>,
    /// For the next repeat and the next step of an escalation.
    timer: Option<(Timestamp, SpawnHandle)>,
}

impl AlertActor {
    #[must_use]
    pub fn new(
        channels: Vec<Routed>,
        clock: Clock,
        settings: Settings,
        on_undelivered: OnUndelivered,
    ) -> Self {
        Self {
            judged_by_remote: channels.iter().any(|(channel, _)| channel.is_remote()),
            lanes: Lanes::new(channels, settings.capacity),
            clock,
            settings,
            on_undelivered,
            incidents: Incidents::default(),
            ladder: Ladder::default(),
            acknowledged: BTreeSet::new(),
            pending: BTreeMap::new(),
            owed: Owed::default(),
            memo: Memo::default(),
            told: 0,
            queued: 0,
            messages: 0,
            flushes: Vec::new(),
            timer: None,
        }
    }

    /// Writes down which alerts are due, so that a crash forgets none.
    #[must_use]
    pub fn journaled(mut self, run: RunId, journal: Journaling) -> Self {
        self.memo = Memo { run, journal };
        self
    }

    pub(super) fn stats(&self) -> Vec<ChannelStats> {
        let lanes = self.lanes.0.iter();
        lanes.map(|lane| lane.stats.clone()).collect()
    }

    /// Tells an alert: to the first channels of its chain now, and while nobody acknowledges it to the
    /// later ones.
    pub(super) fn tell(&mut self, mut alert: Alert, ctx: &mut Context<Self>) {
        self.told += 1;
        let key = AlertKey {
            run: self.memo.run,
            number: self.told,
        };
        let name = match alert.incident {
            Some(incident) => incident.0.to_string(),
            None => format!("a{}", self.told),
        };
        let phase = alert.facts.phase;
        let stands = matches!(phase, Phase::Opened | Phase::Repeated | Phase::Worse);
        let is_seen = |incident| self.acknowledged.contains(&incident);
        let is_seen = alert.incident.is_some_and(is_seen);
        let is_urgent = alert.severity == Severity::Critical && stands && !is_seen;
        if is_urgent && self.settings.takes_answers {
            alert.facts.acknowledge = Some(name.clone());
        }
        let alert = Rc::new(alert);
        let now = self.clock.now();
        let step = AlertStep::Queued((*alert).clone());
        self.memo.note(key, &alert, step, now);
        if phase == Phase::Resolved {
            self.close(&alert);
        }
        let is_climbing = |name: &str| self.ladder.waiting().any(|waiting| waiting.name == name);
        if is_urgent && phase != Phase::Repeated && !is_climbing(&name) {
            self.memo.note(key, &alert, AlertStep::Escalating, now);
            self.climb(key, &alert, name, (now, now), &BTreeSet::new());
        }
        let first = self.lanes.first(&alert);
        self.queue(&alert, key, &first, ctx);
        self.arm(ctx);
    }

    /// Plans the later channels, `since` the alert was due; those whose time is past come at `earliest`.
    fn climb(
        &mut self,
        key: AlertKey,
        alert: &Rc<Alert>,
        name: String,
        (since, earliest): (Timestamp, Timestamp),
        delivered: &BTreeSet<String>,
    ) {
        let later = self.lanes.later(alert).into_iter();
        let steps = later.filter_map(|(lane, delay)| {
            let at = since.checked_add(delay)?.max(earliest);
            let channel = &self.lanes.0.get(lane)?.stats.channel;
            (!delivered.contains(channel)).then_some(Step { at, lane })
        });
        let steps = steps.collect();
        self.ladder.add(key, alert.clone(), name, steps);
        if !delivered.is_empty() {
            self.ladder.delivered(&key);
        }
    }

    /// What this tells the end of waits no longer.
    fn close(&mut self, end: &Alert) {
        if end.scope.is_none() {
            return;
        }
        let is_over = |alert: &Alert| alert.kind.is_some() && alert.scope == end.scope;
        let now = self.clock.now();
        for (key, climbing) in self.ladder.take(|climbing| is_over(&climbing.alert)) {
            self.memo.note(key, &climbing.alert, AlertStep::Closed, now);
        }
    }

    /// Sets the timer for what is due next.
    pub(super) fn arm(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let waits = [self.incidents.wait(now), self.ladder.wait(now)];
        let wait = waits.into_iter().flatten().min();
        let at = wait.and_then(|wait| now.checked_add(wait));
        if self.timer.as_ref().map(|(at, _)| *at) == at {
            return;
        }
        if let Some((_, handle)) = self.timer.take() {
            ctx.cancel_future(handle);
        }
        if let Some((at, wait)) = at.zip(wait) {
            let wait = wait.max(Duration::from_millis(1));
            let handle = ctx.run_later(wait, |actor, ctx| {
                actor.timer = None;
                actor.look(ctx);
            });
            self.timer = Some((at, handle));
        }
    }

    /// Tells what is due.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        for alert in self.incidents.due(now) {
            self.tell(alert, ctx);
        }
        for (key, alert, lane) in self.ladder.due(now) {
            log::warn!(actor = "alert"; "nobody has acknowledged '{}': it goes to the next channel", alert.title);
            self.queue(&alert, key, &[lane], ctx);
        }
        self.arm(ctx);
    }

    /// Goes on with an alert of an earlier run.
    fn go_on(&mut self, key: AlertKey, due: DueAlert, ctx: &mut Context<Self>) {
        let DueAlert {
            mut alert,
            queued,
            escalating,
            delivered,
            ..
        } = due;
        let late = format!("Due since {queued}: the engine ended before it was delivered.");
        if delivered.is_empty() {
            alert.text = format!("{late} {}", alert.text);
        }
        let alert = Rc::new(alert);
        if escalating {
            let name = alert.facts.acknowledge.clone();
            let name = name.unwrap_or_else(|| format!("a{}", key.number));
            let now = self.clock.now();
            let earliest = now.checked_add(SETTLING).unwrap_or(now);
            self.climb(key, &alert, name, (queued, earliest), &delivered);
        }
        if delivered.is_empty() {
            let first = self.lanes.first(&alert);
            self.queue(&alert, key, &first, ctx);
        }
    }
}

impl Actor for AlertActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        let again = self.settings.again;
        ctx.run_interval(again, |actor, ctx| actor.send_owed(ctx));
        if self.settings.takes_answers {
            self.listen(ctx);
        }
        self.begin_pulse(ctx);
    }
}

impl Handler<Alert> for AlertActor {
    type Result = ();

    fn handle(&mut self, alert: Alert, ctx: &mut Self::Context) {
        let now = self.clock.now();
        for alert in self.incidents.seen(alert, now) {
            self.tell(alert, ctx);
        }
        self.arm(ctx);
    }
}

impl Handler<DueAlerts> for AlertActor {
    type Result = ();

    fn handle(&mut self, earlier: DueAlerts, ctx: &mut Self::Context) {
        self.acknowledged.extend(earlier.acknowledged);
        for (key, due) in earlier.due {
            self.go_on(key, due, ctx);
        }
        self.arm(ctx);
    }
}

impl Handler<AlertStats> for AlertActor {
    type Result = MessageResult<AlertStats>;

    fn handle(&mut self, _: AlertStats, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stats())
    }
}

impl Handler<ReadOwed> for AlertActor {
    type Result = MessageResult<ReadOwed>;

    fn handle(&mut self, _: ReadOwed, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.owed.count())
    }
}

impl Handler<Flush> for AlertActor {
    type Result = ResponseFuture<Vec<ChannelStats>>;

    fn handle(&mut self, _: Flush, ctx: &mut Self::Context) -> Self::Result {
        self.send_owed(ctx);
        let (sender, receiver) = oneshot::channel();
        self.flushes.push(sender);
        self.answer_flushes();
        // The sender lives in the actor: it is gone only when the actor is.
        Box::pin(async move { receiver.await.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests;
