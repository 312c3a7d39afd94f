//! What the alert actor does with its channels: queues, sends, and notes what became of it.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use futures_util::FutureExt as _;
use tripline_engine::fault::FaultKind;
use tripline_engine::journal::{AlertKey, AlertStep};
use tripline_engine::messages::alert::Alert;

use super::actor::{AlertActor, Pending};
use super::deliver::{Delivery, deliver};
use super::memo::Outcome;
use super::queue::{Next, Numbered};
use super::{ChannelError, Rendered};
use crate::panics::last_panic;

/// The longest that a channel's wish for silence is kept: it may be a mistake.
const LONGEST_SILENCE: Duration = Duration::from_secs(900);

impl AlertActor {
    /// Queues an alert on channels, by their places.
    pub(super) fn queue(
        &mut self,
        alert: &Rc<Alert>,
        key: AlertKey,
        places: &[usize],
        ctx: &mut Context<Self>,
    ) {
        if self.lanes.0.is_empty() {
            self.undelivered(alert, "no alert channel is configured".into());
            return;
        }
        self.queued += 1;
        let number = self.queued;
        let pending = Pending {
            alert: alert.clone(),
            key,
            lanes: places.len(),
            is_delivered: false,
            failures: Vec::new(),
        };
        self.pending.insert(number, pending);
        for place in places {
            let item = Numbered {
                number,
                key,
                alert: alert.clone(),
                is_given_up: false,
            };
            self.push(*place, item, ctx);
        }
    }

    fn push(&mut self, place: usize, item: Numbered, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let Some(lane) = self.lanes.0.get_mut(place) else {
            return;
        };
        let (number, is_mute) = (item.number, lane.queue.is_mute(now));
        let mut given_up = Vec::new();
        let mut dropped = None;
        if is_mute && lane.queue.holds(&item.key) {
            given_up.push(number); // It waits there from an earlier attempt.
        } else {
            lane.stats.pending += 1;
            dropped = lane.queue.push(item);
            if is_mute {
                given_up = lane.queue.give_up();
            }
        }
        if let Some(dropped) = &dropped {
            lane.stats.pending -= 1;
            lane.stats.withheld += 1;
            let name = lane.stats.channel.clone();
            log::warn!(channel = name.as_str(); "alert withheld, the queue is full: {}", dropped.alert.title);
        }
        self.give_up(place, given_up, ctx);
        if let Some(dropped) = dropped.filter(|dropped| !dropped.is_given_up) {
            // Not a failure: the next message says that alerts were withheld.
            self.settle(dropped.number, Outcome::Nothing, ctx);
        }
        self.pump(place, ctx);
    }

    /// The channel keeps silent for a while: other channels must tell of these.
    fn give_up(&mut self, place: usize, numbers: Vec<u64>, ctx: &mut Context<Self>) {
        let Some(lane) = self.lanes.0.get(place) else {
            return;
        };
        let failure = format!("{}: has asked for silence", lane.stats.channel);
        for number in numbers {
            self.settle(number, Outcome::Failed(failure.clone()), ctx);
        }
    }

    /// Sends what may be sent on the lane now.
    pub(super) fn pump(&mut self, place: usize, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let lane = self.lanes.0.get_mut(place);
        let Some(lane) = lane.filter(|lane| !lane.busy) else {
            return;
        };
        match lane.queue.next(now) {
            Next::Nothing => {}
            Next::Wait(wait) => {
                let wait = wait.max(Duration::from_millis(1));
                // Something more urgent may come before: it is looked at then.
                if lane
                    .wakes
                    .is_none_or(|at| at > now.checked_add(wait).unwrap_or(at))
                {
                    lane.wakes = now.checked_add(wait);
                    ctx.run_later(wait, move |actor, ctx| {
                        if let Some(lane) = actor.lanes.0.get_mut(place) {
                            lane.wakes = None;
                        }
                        actor.pump(place, ctx);
                    });
                }
            }
            Next::Send(batch) => self.send(place, batch, ctx),
        }
    }

    fn send(&mut self, place: usize, batch: Vec<Numbered>, ctx: &mut Context<Self>) {
        let Some(lane) = self.lanes.0.get_mut(place) else {
            return;
        };
        self.messages += 1;
        let reference = format!("{}-{}", self.clock.now().as_millis(), self.messages);
        let alerts = batch.iter().map(|item| item.alert.clone()).collect();
        let (withheld, voice) = (lane.queue.withheld(), &self.settings.voice);
        let Some(message) = Rendered::of(reference, alerts, withheld, voice) else {
            return;
        };
        lane.busy = true;
        let (channel, clock, retries) = (
            lane.channel.clone(),
            self.clock.clone(),
            self.settings.retries,
        );
        let name = lane.stats.channel.clone();
        // A channel that panics does not take the actor with it.
        let sending = async move {
            let delivery = deliver(&*channel, &message, &clock, retries);
            let delivery = AssertUnwindSafe(delivery).catch_unwind().await;
            delivery.map_err(|_| last_panic())
        };
        let sent = sending.into_actor(self).map(move |delivery, actor, ctx| {
            let delivery = delivery.unwrap_or_else(|panic| {
                log::error!(channel = name.as_str(); "sending an alert: {panic}");
                Delivery {
                    channel: name,
                    attempts: 1,
                    result: Err(ChannelError::Panicked),
                }
            });
            actor.sent(place, &batch, withheld, &delivery, ctx);
            if let Some(lane) = actor.lanes.0.get_mut(place) {
                lane.busy = false;
            }
            actor.pump(place, ctx);
            actor.arm(ctx);
            actor.answer_flushes();
        });
        ctx.spawn(sent);
    }

    fn sent(
        &mut self,
        place: usize,
        batch: &[Numbered],
        said_withheld: u64,
        delivery: &Delivery,
        ctx: &mut Context<Self>,
    ) {
        let now = self.clock.now();
        let Some(lane) = self.lanes.0.get_mut(place) else {
            return;
        };
        let count = batch.len() as u64;
        lane.stats.pending -= count;
        let repeats = delivery.attempts.saturating_sub(1);
        lane.queue.repeated(repeats, now);
        let counts = lane.channel.is_remote() || !self.judged_by_remote;
        let mut given_up = Vec::new();
        let outcome = match &delivery.result {
            Ok(()) => {
                lane.stats.delivered += count;
                lane.stats.messages += 1;
                lane.queue.said_withheld(said_withheld);
                match counts {
                    true => Outcome::Delivered(delivery.channel.clone()),
                    false => Outcome::Nothing,
                }
            }
            Err(error) => {
                lane.stats.failed += count;
                let silence = error.retry().filter(|wait| *wait > Duration::ZERO);
                let silence = silence.map(|wait| wait.min(LONGEST_SILENCE));
                if let Some(until) = silence.and_then(|wait| now.checked_add(wait)) {
                    given_up = lane.queue.mute(until);
                }
                let (channel, attempts) = (&delivery.channel, delivery.attempts);
                Outcome::Failed(format!("{channel}: {error} (attempts: {attempts})"))
            }
        };
        self.give_up(place, given_up, ctx);
        for item in batch {
            match &outcome {
                Outcome::Delivered(channel) => self.delivered(item, channel),
                Outcome::Nothing | Outcome::Failed(_) => {}
            }
            if !item.is_given_up {
                self.settle(item.number, outcome.clone(), ctx);
            }
        }
    }

    /// A channel that counts has taken it. The journal knows of the first; of one that waits to be
    /// acknowledged, of each.
    fn delivered(&mut self, item: &Numbered, channel: &str) {
        let is_climbing = self.ladder.delivered(&item.key);
        let was_owed = self.owed.delivered(&item.key);
        let pending = self.pending.get(&item.number);
        let is_first = pending.is_some_and(|pending| !pending.is_delivered);
        if is_first || was_owed || is_climbing {
            let channel = channel.to_owned();
            let step = AlertStep::Delivered { channel };
            let now = self.clock.now();
            self.memo.note(item.key, &item.alert, step, now);
        }
    }

    /// Notes what one channel did with an alert. After the last, an alert that some channel failed to
    /// deliver and none delivered goes to the next of its chain; at the chain's end it is undelivered.
    pub(super) fn settle(&mut self, number: u64, outcome: Outcome, ctx: &mut Context<Self>) {
        let Some(pending) = self.pending.get_mut(&number) else {
            return;
        };
        pending.lanes -= 1;
        match outcome {
            Outcome::Delivered(_) => pending.is_delivered = true,
            Outcome::Nothing => {}
            Outcome::Failed(failure) => pending.failures.push(failure),
        }
        if pending.lanes > 0 {
            return;
        }
        let Some(done) = self.pending.remove(&number) else {
            return;
        };
        if done.is_delivered || done.failures.is_empty() {
            return;
        }
        let reason = done.failures.join("; ");
        let now = self.clock.now();
        let goes_on = self.ladder.hurry(&done.key, now);
        let climbing = self.ladder.get(&done.key);
        if goes_on || climbing.is_some_and(|climbing| climbing.is_delivered) {
            log::warn!(actor = "alert"; "'{}' was not delivered: {reason}", done.alert.title);
            self.arm(ctx);
            return;
        }
        if self.owed.failed(done.key, &done.alert) {
            let step = AlertStep::Failed {
                reason: reason.clone(),
            };
            self.memo.note(done.key, &done.alert, step, now);
            self.undelivered(&done.alert, reason);
        }
    }

    /// Tries again what reached nobody, on every channel of its chain.
    pub(super) fn send_owed(&mut self, ctx: &mut Context<Self>) {
        for (key, alert) in self.owed.alerts() {
            if self.pending.values().any(|pending| pending.key == key) {
                continue;
            }
            let mut places = self.lanes.first(&alert);
            let later = self.lanes.later(&alert).into_iter();
            places.extend(later.map(|(place, _)| place));
            self.queue(&alert, key, &places, ctx);
        }
    }

    pub(super) fn undelivered(&self, alert: &Alert, reason: String) {
        log::error!(
            "an alert reached nobody: [{}] {}: {reason}",
            alert.severity,
            alert.title
        );
        if alert.kind != Some(FaultKind::AlertUndelivered) {
            (self.on_undelivered)(alert, reason);
        }
    }

    pub(super) fn answer_flushes(&mut self) {
        if !self.pending.is_empty() {
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
