//! The alert actor: takes alerts, gives each channel its own queue and sends over all of them at once.
//! It lives on a cold arbiter: sending may take seconds.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, MessageResult, ResponseFuture,
    WrapFuture,
};
use futures_util::FutureExt as _;
use tokio::sync::oneshot;
use tripline_engine::fault::FaultKind;
use tripline_engine::ids::RunId;
use tripline_engine::journal::{AlertKey, AlertStep, DueAlert};
use tripline_engine::messages::alert::Alert;

use super::deliver::{Delivery, deliver};
use super::memo::{Memo, Outcome};
use super::messages::{AlertStats, ChannelStats, DueAlerts, Flush, OnUndelivered, Settings};
use super::owed::Owed;
use super::queue::{Next, Numbered, Queue};
use super::render::SUMMARY_LINE;
use super::{Channel, ChannelError, Rendered, Routed};
use crate::clock::Clock;
use crate::delivery::MAILBOX;
use crate::journaling::Journaling;
use crate::panics::last_panic;

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
    /// Its name in the journal.
    key: AlertKey,
    lanes: usize,
    /// The channel that delivered it first.
    delivered: Option<String>,
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
    /// What is tried again.
    owed: Owed,
    memo: Memo,
    alerts: u64,
    messages: u64,
    flushes: Vec<oneshot::Sender<Vec<ChannelStats>>>,
}

impl AlertActor {
    #[must_use]
    pub fn new(
        channels: Vec<Routed>,
        clock: Clock,
        settings: Settings,
        on_undelivered: OnUndelivered,
    ) -> Self {
        let judged_by_remote = channels.iter().any(|(channel, _)| channel.is_remote());
        let lanes = channels.into_iter().map(|(channel, _)| {
            // Markup may double the text; the lines of critical alerts must not be cut.
            let summary = match channel.lists_all() {
                true => channel.text_limit() / (2 * SUMMARY_LINE),
                false => usize::MAX,
            };
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
            owed: Owed::default(),
            memo: Memo::default(),
            alerts: 0,
            messages: 0,
            flushes: Vec::new(),
        }
    }

    /// Writes down which alerts are due, so that a crash forgets none.
    #[must_use]
    pub fn journaled(mut self, run: RunId, journal: Journaling) -> Self {
        self.memo = Memo { run, journal };
        self
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
        let voice = &self.settings.voice;
        let Some(message) = Rendered::of(reference, alerts, lane.queue.withheld(), voice) else {
            return;
        };
        lane.busy = true;
        let (channel, clock, retries) = (
            lane.channel.clone(),
            self.clock.clone(),
            self.settings.retries,
        );
        let (said, name) = (message.withheld, lane.stats.channel.clone());
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
        let now = self.clock.now();
        lane.queue
            .repeated(delivery.attempts.saturating_sub(1), now);
        let silence = delivery.result.as_ref().err().and_then(ChannelError::retry);
        if let Some(until) = silence.and_then(|wait| now.checked_add(wait)) {
            lane.queue.mute(until);
        }
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
        let outcome = match failure {
            None if counts => Outcome::Delivered(delivery.channel.clone()),
            None => Outcome::Nothing,
            Some(failure) => Outcome::Failed(failure),
        };
        for item in batch {
            self.settle(item.number, outcome.clone());
        }
    }

    /// Notes what one channel did with an alert. After the last, an alert that some channel failed to
    /// deliver and none delivered is undelivered.
    fn settle(&mut self, number: u64, outcome: Outcome) {
        let Some(pending) = self.pending.get_mut(&number) else {
            return;
        };
        pending.lanes -= 1;
        match outcome {
            Outcome::Delivered(channel) if pending.delivered.is_none() => {
                let step = AlertStep::Delivered {
                    channel: channel.clone(),
                };
                self.memo
                    .note(pending.key, &pending.alert, step, self.clock.now());
                pending.delivered = Some(channel);
                self.owed.delivered(&pending.key);
            }
            Outcome::Delivered(_) | Outcome::Nothing => {}
            Outcome::Failed(failure) => pending.failures.push(failure),
        }
        if pending.lanes == 0
            && let Some(done) = self.pending.remove(&number)
            && done.delivered.is_none()
            && !done.failures.is_empty()
        {
            let reason = done.failures.join("; ");
            let step = AlertStep::Failed {
                reason: reason.clone(),
            };
            self.memo
                .note(done.key, &done.alert, step, self.clock.now());
            if self.owed.failed(done.key, &done.alert) {
                self.undelivered(&done.alert, reason);
            }
        }
    }

    /// Queues an alert on every channel.
    fn queue(&mut self, alert: Rc<Alert>, key: Option<AlertKey>, ctx: &mut Context<Self>) {
        self.alerts += 1;
        let number = self.alerts;
        let key = key.unwrap_or_else(|| {
            let run = self.memo.run;
            let key = AlertKey { run, number };
            let step = AlertStep::Queued((*alert).clone());
            self.memo.note(key, &alert, step, self.clock.now());
            key
        });
        if self.lanes.is_empty() {
            self.undelivered(&alert, "no alert channel is configured".into());
            return;
        }
        let lanes = self.lanes.len();
        let pending = Pending {
            alert: alert.clone(),
            key,
            lanes,
            delivered: None,
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
                // Not a failure: the next message says that alerts were withheld.
                self.settle(dropped.number, Outcome::Nothing);
            }
            self.pump(index, ctx);
        }
    }

    /// Tries again what reached nobody.
    fn send_owed(&mut self, ctx: &mut Context<Self>) {
        for (key, alert) in self.owed.alerts() {
            if !self.pending.values().any(|pending| pending.key == key) {
                self.queue(alert, Some(key), ctx);
            }
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
        let again = self.settings.again;
        ctx.run_interval(again, |actor, ctx| actor.send_owed(ctx));
    }
}

impl Handler<Alert> for AlertActor {
    type Result = ();

    fn handle(&mut self, alert: Alert, ctx: &mut Self::Context) {
        self.queue(Rc::new(alert), None, ctx);
    }
}

impl Handler<DueAlerts> for AlertActor {
    type Result = ();

    fn handle(&mut self, DueAlerts(due): DueAlerts, ctx: &mut Self::Context) {
        for (
            key,
            DueAlert {
                mut alert, queued, ..
            },
        ) in due
        {
            let late = format!("Due since {queued}: the engine ended before it was delivered.");
            alert.text = format!("{late} {}", alert.text);
            self.queue(Rc::new(alert), Some(key), ctx);
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
mod tests {
    use super::super::deliver::Retries;
    use super::super::testing::alert;
    use super::super::{ChannelConfig, Http, MINUTE, Rate, Route, Window};
    use super::*;
    use actix::Addr;
    use futures_util::future::LocalBoxFuture;
    use std::cell::RefCell;
    use tripline_engine::messages::alert::Severity;
    use tripline_engine::time::Timestamp;

    type Sent = Rc<RefCell<Vec<(Timestamp, Rendered)>>>;

    /// A channel in memory whose answers the test decides, for virtual time, where sockets do not work.
    struct Memory {
        name: &'static str,
        sent: Sent,
        rate: Rate,
        takes: Duration,
        answer: fn(&Rendered) -> Result<(), ChannelError>,
    }

    impl Channel for Memory {
        fn name(&self) -> &str {
            self.name
        }

        fn send<'a>(
            &'a self,
            message: &'a Rendered,
            now: Timestamp,
        ) -> LocalBoxFuture<'a, Result<(), ChannelError>> {
            Box::pin(async move {
                tokio::time::sleep(self.takes).await;
                self.sent.borrow_mut().push((now, message.clone()));
                (self.answer)(message)
            })
        }

        fn rate(&self) -> Rate {
            self.rate
        }
    }

    fn memory(
        name: &'static str,
        answer: fn(&Rendered) -> Result<(), ChannelError>,
    ) -> (Memory, Sent) {
        let sent = Sent::default();
        (
            Memory {
                name,
                sent: sent.clone(),
                rate: Rate::UNLIMITED,
                takes: Duration::from_millis(20),
                answer,
            },
            sent,
        )
    }

    fn refuse(_: &Rendered) -> Result<(), ChannelError> {
        Err(ChannelError::Refused {
            host: "h".into(),
            code: "310000".into(),
            said: "no".into(),
            retry: None,
        })
    }

    type Unheard = Rc<RefCell<Vec<(String, String)>>>;

    fn start(channels: Vec<Rc<dyn Channel>>, capacity: usize) -> (Addr<AlertActor>, Unheard) {
        let unheard = Unheard::default();
        let kept = unheard.clone();
        let on_undelivered: OnUndelivered = Rc::new(move |alert: &Alert, reason| {
            kept.borrow_mut().push((alert.title.clone(), reason));
        });
        let clock = Clock::starting_at(Timestamp::from_millis(1_795_000_000_000));
        let settings = Settings {
            capacity,
            ..Settings::default()
        };
        (
            AlertActor::new(everything(channels), clock, settings, on_undelivered).start(),
            unheard,
        )
    }

    fn everything(channels: Vec<Rc<dyn Channel>>) -> Vec<Routed> {
        let channels = channels.into_iter();
        channels
            .map(|channel| (channel, Route::default()))
            .collect()
    }

    fn titles(sent: &Sent) -> Vec<String> {
        let tail = |text: &str| {
            text.rsplit(']')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        sent.borrow()
            .iter()
            .map(|(_, message)| tail(&message.headline))
            .collect()
    }

    fn log_channel() -> Rc<dyn Channel> {
        let config: ChannelConfig = serde_json::from_str(r#"{"kind":"log"}"#).unwrap();
        config.build(&Http::new(None).unwrap()).unwrap()
    }

    async fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
        for _ in 0..5_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("{what} did not happen within five seconds");
    }

    #[actix_rt::test]
    async fn every_channel_gets_every_alert_in_order_and_a_slow_one_holds_up_no_other() {
        tokio::time::pause();
        let (fast, fast_sent) = memory("fast", |_| Ok(()));
        let (slow, slow_sent) = memory("slow", |_| Ok(()));
        let slow = Memory {
            takes: Duration::from_secs(5),
            ..slow
        };
        let (actor, unheard) = start(vec![Rc::new(slow), Rc::new(fast), log_channel()], 10);
        let wanted = ["one", "two", "three"];
        for title in wanted {
            actor.send(alert(Severity::Warning, title)).await.unwrap();
        }
        wait_for("the fast delivery", || fast_sent.borrow().len() == 3).await;
        assert!(slow_sent.borrow().is_empty());
        let stats = actor.send(Flush).await.unwrap();
        assert_eq!(
            (titles(&fast_sent), titles(&slow_sent)),
            (
                wanted.map(Into::into).to_vec(),
                wanted.map(Into::into).to_vec()
            )
        );
        assert!(
            stats
                .iter()
                .all(|stats| stats.delivered == 3 && stats.pending == 0),
            "{stats:?}"
        );
        assert!(unheard.borrow().is_empty());
        assert_eq!(actor.send(AlertStats).await.unwrap(), stats);
    }

    #[actix_rt::test]
    async fn an_alert_that_only_the_log_took_is_undelivered_and_one_channel_is_enough_otherwise() {
        tokio::time::pause();
        let (bad, _) = memory("bad", refuse);
        let (actor, unheard) = start(vec![Rc::new(bad), log_channel()], 10);
        actor
            .send(alert(Severity::Critical, "halted"))
            .await
            .unwrap();
        let stats = actor.send(Flush).await.unwrap();
        assert_eq!(
            (stats[0].failed, stats[0].delivered, stats[1].delivered),
            (1, 0, 1)
        );
        let (title, reason) = unheard.borrow()[0].clone();
        assert_eq!(title, "halted");
        assert!(
            reason.contains("bad: h: refused with code 310000: no (attempts: 1)"),
            "{reason}"
        );

        let ((bad, _), (good, _)) = (memory("bad", refuse), memory("good", |_| Ok(())));
        let (actor, unheard) = start(vec![Rc::new(bad), Rc::new(good)], 10);
        actor
            .send(alert(Severity::Critical, "halted"))
            .await
            .unwrap();
        actor.send(Flush).await.unwrap();
        assert!(unheard.borrow().is_empty());
    }

    /// Refuses everything until it works.
    struct Outage {
        works: Rc<std::cell::Cell<bool>>,
        sent: Sent,
    }

    impl Channel for Outage {
        fn name(&self) -> &str {
            "outage"
        }

        fn send<'a>(
            &'a self,
            message: &'a Rendered,
            now: Timestamp,
        ) -> LocalBoxFuture<'a, Result<(), ChannelError>> {
            let answer = if self.works.get() {
                self.sent.borrow_mut().push((now, message.clone()));
                Ok(())
            } else {
                refuse(message)
            };
            Box::pin(std::future::ready(answer))
        }
    }

    #[actix_rt::test]
    async fn what_reached_nobody_is_sent_again_until_it_does_and_is_one_fault() {
        tokio::time::pause();
        let (works, sent) = (Rc::new(std::cell::Cell::new(false)), Sent::default());
        let channel = Outage {
            works: works.clone(),
            sent: sent.clone(),
        };
        let (actor, unheard) = start(vec![Rc::new(channel)], 10);
        actor.send(alert(Severity::Critical, "a")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert_eq!(unheard.borrow().len(), 1, "told once");
        works.set(true);
        tokio::time::sleep(Settings::default().again).await;
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert_eq!(titles(&sent), ["a"], "delivered once");
    }

    #[actix_rt::test]
    async fn a_flush_tries_what_reached_nobody_once_more() {
        tokio::time::pause();
        let (works, sent) = (Rc::new(std::cell::Cell::new(false)), Sent::default());
        let channel = Outage {
            works: works.clone(),
            sent: sent.clone(),
        };
        let (actor, unheard) = start(vec![Rc::new(channel)], 10);
        actor.send(alert(Severity::Critical, "a")).await.unwrap();
        wait_for("it was given up", || unheard.borrow().len() == 1).await;
        works.set(true);
        actor.send(Flush).await.unwrap();
        assert_eq!(titles(&sent), ["a"]);
    }

    #[actix_rt::test]
    async fn without_a_channel_every_alert_is_undelivered_but_one_about_that_goes_in_no_circle() {
        let (actor, unheard) = start(Vec::new(), 10);
        actor.send(alert(Severity::Info, "a")).await.unwrap();
        let kind = Some(FaultKind::AlertUndelivered);
        actor
            .send(Alert {
                kind,
                ..alert(Severity::Critical, "b")
            })
            .await
            .unwrap();
        assert!(actor.send(Flush).await.unwrap().is_empty());
        assert_eq!(
            *unheard.borrow(),
            [("a".into(), "no alert channel is configured".into())]
        );
    }

    #[actix_rt::test]
    async fn what_a_full_queue_drops_is_counted_said_in_the_next_message_and_never_critical() {
        tokio::time::pause();
        let (slow, sent) = memory("slow", |_| Ok(()));
        let (actor, unheard) = start(vec![Rc::new(slow)], 2);
        for number in 0..5 {
            actor
                .send(alert(Severity::Info, &format!("info {number}")))
                .await
                .unwrap();
        }
        for number in 0..4 {
            actor
                .send(alert(Severity::Critical, &format!("critical {number}")))
                .await
                .unwrap();
        }
        let stats = actor.send(Flush).await.unwrap();
        assert_eq!((stats[0].delivered, stats[0].withheld), (5, 4));
        let wanted = [
            "info 0",
            "critical 0",
            "critical 1",
            "critical 2",
            "critical 3",
        ];
        assert_eq!(titles(&sent), wanted);
        let said: Vec<u64> = sent
            .borrow()
            .iter()
            .map(|(_, message)| message.withheld)
            .collect();
        assert_eq!(said, [0, 4, 0, 0, 0]);
        assert!(
            sent.borrow()[1]
                .1
                .text(10_000)
                .contains("4 milder alerts were withheld")
        );
        assert!(
            unheard.borrow().is_empty(),
            "the next message told that alerts were withheld"
        );
    }

    #[actix_rt::test]
    async fn a_flood_keeps_to_the_rate_and_still_tells_of_every_alert() {
        tokio::time::pause();
        let (limited, sent) = memory("limited", |_| Ok(()));
        let limited = Memory {
            rate: Rate::of(&[Window::new(18, MINUTE)]),
            ..limited
        };
        let (actor, _) = start(vec![Rc::new(limited)], 200);
        for number in 0..100 {
            actor
                .send(alert(Severity::Warning, &format!("number {number};")))
                .await
                .unwrap();
        }
        let stats = actor.send(Flush).await.unwrap();
        assert_eq!((stats[0].delivered, stats[0].withheld), (100, 0));
        let sent = sent.borrow();
        assert!(sent.len() <= 18, "{} messages", sent.len());
        let told: String = sent
            .iter()
            .map(|(_, message)| message.text(100_000))
            .collect();
        for number in 0..100 {
            assert!(
                told.contains(&format!("number {number};")),
                "{number} is missing"
            );
        }
    }

    #[actix_rt::test]
    async fn a_channel_that_panics_has_failed_and_the_next_alert_is_delivered() {
        tokio::time::pause();
        let (shaky, sent) = memory("shaky", |message| {
            assert!(!message.headline.contains("first"), "told to panic");
            Ok(())
        });
        let (actor, unheard) = start(vec![Rc::new(shaky)], 10);
        actor
            .send(alert(Severity::Critical, "first"))
            .await
            .unwrap();
        actor
            .send(alert(Severity::Critical, "second"))
            .await
            .unwrap();
        let stats = actor.send(Flush).await.unwrap();
        assert_eq!((stats[0].failed, stats[0].delivered), (1, 1));
        assert_eq!(titles(&sent), ["first", "second"]);
        assert!(unheard.borrow()[0].1.contains("sending panicked"));
    }

    #[actix_rt::test]
    async fn a_configured_webhook_and_a_silent_one_work_through_real_sockets() {
        use super::super::testing::{Receiver, http, webhook};
        let good = Receiver::start(|_, _| (200, "ok".into()));
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let silent_url = format!("http://{}", silent.local_addr().unwrap());
        let mut impatient = http();
        impatient.limits.head = Duration::from_millis(50);
        let channels: Vec<Rc<dyn Channel>> = vec![
            webhook("silent", &silent_url, &impatient),
            webhook("good", &good.url, &http()),
        ];
        let clock = Clock::starting_at(Timestamp::from_millis(1_795_000_000_000));
        let retries = Retries {
            attempts: 2,
            first_pause: Duration::from_millis(1),
        };
        let settings = Settings {
            retries,
            ..Settings::default()
        };
        let actor = AlertActor::new(
            everything(channels),
            clock,
            settings,
            Rc::new(|_, _| panic!("undelivered")),
        )
        .start();
        actor
            .send(alert(Severity::Critical, "halted"))
            .await
            .unwrap();
        let stats = actor.send(Flush).await.unwrap();
        assert_eq!((stats[0].failed, stats[1].delivered), (1, 1));
        assert_eq!(good.received().len(), 1);
    }
}
