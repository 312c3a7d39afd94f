//! The alert actor: takes alerts, gives each channel its own queue and sends over all of them at once.
//! It lives on a cold arbiter: sending may take seconds.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, ResponseFuture,
    WrapFuture,
};
use tokio::sync::oneshot;
use tripline_engine::fault::FaultKind;
use tripline_engine::messages::alert::Alert;

use super::deliver::{Delivery, Retries, deliver};
use super::queue::{Next, Numbered, Queue};
use super::render::SUMMARY_LINE;
use super::{Channel, ChannelError, Rendered};
use crate::clock::Clock;
use crate::delivery::MAILBOX;

/// Called with an alert that no channel delivered, and with what each channel said. Not called for an
/// alert about exactly that: it would go in a circle.
pub type OnUndelivered = Rc<dyn Fn(&Alert, String)>;

/// How patient the actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub retries: Retries,
    /// Alerts that may wait per channel; critical ones wait beyond it.
    pub capacity: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retries: Retries::default(),
            capacity: 200,
        }
    }
}

/// Asks for the counters of every channel.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<ChannelStats>")]
pub struct AlertStats;

/// Answers when all that was sent before is delivered or has failed, with the counters.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<ChannelStats>")]
pub struct Flush;

/// What one channel did so far, in alerts; a summary counts for each alert in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct ChannelStats {
    pub channel: String,
    /// Taken by the other side, by its own word.
    pub delivered: u64,
    /// Given up after the last attempt.
    pub failed: u64,
    /// Dropped because the queue was full.
    pub withheld: u64,
    /// Waiting or on its way.
    pub pending: u64,
    /// Messages that the other side took.
    pub messages: u64,
}

struct Lane {
    channel: Rc<dyn Channel>,
    queue: Queue,
    /// A message is on its way, or the rate's timer runs: what comes meanwhile waits, so order holds.
    busy: bool,
    stats: ChannelStats,
}

/// An alert that some channel still has.
struct Pending {
    alert: Rc<Alert>,
    lanes: usize,
    delivered: bool,
    failures: Vec<String>,
}

/// Sends alerts over every channel.
pub struct AlertActor {
    lanes: Vec<Lane>,
    clock: Clock,
    settings: Settings,
    on_undelivered: OnUndelivered,
    /// Whether success is judged by the channels that leave the machine.
    judged_by_remote: bool,
    pending: BTreeMap<u64, Pending>,
    alerts: u64,
    messages: u64,
    flushes: Vec<oneshot::Sender<Vec<ChannelStats>>>,
}

impl AlertActor {
    #[must_use]
    pub fn new(
        channels: Vec<Rc<dyn Channel>>,
        clock: Clock,
        settings: Settings,
        on_undelivered: OnUndelivered,
    ) -> Self {
        let judged_by_remote = channels.iter().any(|channel| channel.is_remote());
        let lanes = channels.into_iter().map(|channel| {
            let summary = channel.text_limit() / SUMMARY_LINE;
            let queue = Queue::new(settings.capacity, channel.rate(), summary);
            let stats = ChannelStats {
                channel: channel.name().to_owned(),
                ..ChannelStats::default()
            };
            Lane {
                channel,
                queue,
                busy: false,
                stats,
            }
        });
        Self {
            lanes: lanes.collect(),
            clock,
            settings,
            on_undelivered,
            judged_by_remote,
            pending: BTreeMap::new(),
            alerts: 0,
            messages: 0,
            flushes: Vec::new(),
        }
    }

    fn stats(&self) -> Vec<ChannelStats> {
        self.lanes.iter().map(|lane| lane.stats.clone()).collect()
    }

    /// Sends what may be sent on the lane now.
    fn pump(&mut self, index: usize, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let Some(lane) = self.lanes.get_mut(index).filter(|lane| !lane.busy) else {
            return;
        };
        match lane.queue.next(now) {
            Next::Nothing => {}
            Next::Wait(wait) => {
                lane.busy = true;
                ctx.run_later(wait.max(Duration::from_millis(1)), move |actor, ctx| {
                    actor.free(index, ctx)
                });
            }
            Next::Send(batch) => self.send(index, batch, ctx),
        }
    }

    fn free(&mut self, index: usize, ctx: &mut Context<Self>) {
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.busy = false;
        }
        self.pump(index, ctx);
    }

    fn send(&mut self, index: usize, batch: Vec<Numbered>, ctx: &mut Context<Self>) {
        let Some(lane) = self.lanes.get_mut(index) else {
            return;
        };
        self.messages += 1;
        let reference = format!("{}-{}", self.clock.now().as_millis(), self.messages);
        let alerts = batch.iter().map(|item| item.alert.clone()).collect();
        let Some(message) = Rendered::of(reference, alerts, lane.queue.withheld()) else {
            return;
        };
        lane.busy = true;
        let (channel, clock, retries) = (
            lane.channel.clone(),
            self.clock.clone(),
            self.settings.retries,
        );
        let (said, name) = (message.withheld, lane.stats.channel.clone());
        // A task of its own: a channel that panics does not take the actor with it.
        let sending =
            actix_rt::spawn(async move { deliver(&*channel, &message, &clock, retries).await });
        let sent = sending.into_actor(self).map(move |delivery, actor, ctx| {
            let delivery = delivery.unwrap_or_else(|error| {
                log::error!(channel = name.as_str(); "sending an alert panicked: {error}");
                Delivery {
                    channel: name,
                    attempts: 1,
                    result: Err(ChannelError::Panicked),
                }
            });
            actor.sent(index, &batch, said, &delivery);
            actor.free(index, ctx);
            actor.answer_flushes();
        });
        ctx.spawn(sent);
    }

    fn sent(&mut self, index: usize, batch: &[Numbered], said_withheld: u64, delivery: &Delivery) {
        let Some(lane) = self.lanes.get_mut(index) else {
            return;
        };
        let count = batch.len() as u64;
        lane.stats.pending -= count;
        lane.queue.repeated(delivery.attempts.saturating_sub(1));
        if delivery.result.is_ok() {
            lane.stats.delivered += count;
            lane.stats.messages += 1;
            lane.queue.said_withheld(said_withheld);
        } else {
            lane.stats.failed += count;
        }
        let counts = lane.channel.is_remote() || !self.judged_by_remote;
        let failure = delivery.result.as_ref().err().map(|error| {
            format!(
                "{}: {error} (attempts: {})",
                delivery.channel, delivery.attempts
            )
        });
        for item in batch {
            self.settle(item.number, counts, failure.clone());
        }
    }

    /// Notes what one channel did with an alert; after the last, whether anybody was told.
    fn settle(&mut self, number: u64, counts: bool, failure: Option<String>) {
        let Some(pending) = self.pending.get_mut(&number) else {
            return;
        };
        pending.lanes -= 1;
        match failure {
            None => pending.delivered |= counts,
            Some(failure) => pending.failures.push(failure),
        }
        if pending.lanes == 0
            && let Some(done) = self.pending.remove(&number)
            && !done.delivered
        {
            self.undelivered(&done.alert, done.failures.join("; "));
        }
    }

    fn undelivered(&self, alert: &Alert, reason: String) {
        log::error!(
            "an alert reached nobody: [{}] {}: {reason}",
            alert.severity,
            alert.title
        );
        if alert.kind != Some(FaultKind::AlertUndelivered) {
            (self.on_undelivered)(alert, reason);
        }
    }

    fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    fn answer_flushes(&mut self) {
        if !self.is_idle() {
            return;
        }
        let stats = self.stats();
        for flush in self.flushes.drain(..) {
            if flush.send(stats.clone()).is_err() {
                log::debug!("nobody waits for the flush of the alerts any more");
            }
        }
    }
}

impl Actor for AlertActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Alert> for AlertActor {
    type Result = ();

    fn handle(&mut self, alert: Alert, ctx: &mut Self::Context) {
        let alert = Rc::new(alert);
        self.alerts += 1;
        let number = self.alerts;
        if self.lanes.is_empty() {
            self.undelivered(&alert, "no alert channel is configured".into());
            return;
        }
        let lanes = self.lanes.len();
        let pending = Pending {
            alert: alert.clone(),
            lanes,
            delivered: false,
            failures: Vec::new(),
        };
        self.pending.insert(number, pending);
        for index in 0..lanes {
            let Some(lane) = self.lanes.get_mut(index) else {
                continue;
            };
            lane.stats.pending += 1;
            let dropped = lane.queue.push(Numbered {
                number,
                alert: alert.clone(),
            });
            if let Some(dropped) = dropped {
                lane.stats.pending -= 1;
                lane.stats.withheld += 1;
                let name = lane.stats.channel.clone();
                log::warn!(channel = name.as_str(); "alert withheld, the queue is full: {}", dropped.alert.title);
                self.settle(
                    dropped.number,
                    true,
                    Some(format!("{name}: withheld, the queue is full")),
                );
            }
            self.pump(index, ctx);
        }
    }
}

impl Handler<AlertStats> for AlertActor {
    type Result = MessageResult<AlertStats>;

    fn handle(&mut self, _: AlertStats, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.stats())
    }
}

impl Handler<Flush> for AlertActor {
    type Result = ResponseFuture<Vec<ChannelStats>>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.flushes.push(sender);
        self.answer_flushes();
        // The sender lives in the actor: it is gone only when the actor is.
        Box::pin(async move { receiver.await.unwrap_or_default() })
    }
}
