//! The alert actor over channels in memory, in virtual time.

mod chain;
mod flood;

use super::super::deliver::Retries;
use super::super::testing::{Sent, alert};
use super::super::{
    Channel, ChannelConfig, ChannelError, Http, MINUTE, Rate, Reach, Rendered, Route, Window,
};
use super::*;
use actix::Addr;
use futures_util::future::LocalBoxFuture;
use std::cell::RefCell;
use tripline_engine::fault::FaultKind;
use tripline_engine::messages::alert::Severity;
use tripline_engine::time::Timestamp;

/// A channel in memory whose answers the test decides, for virtual time, where sockets do not work.
struct Memory {
    name: &'static str,
    sent: Sent,
    rate: Rate,
    reach: Reach,
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

    fn reach(&self) -> Reach {
        self.reach
    }
}

fn memory(name: &'static str, answer: fn(&Rendered) -> Result<(), ChannelError>) -> (Memory, Sent) {
    let sent = Sent::default();
    (
        Memory {
            name,
            sent: sent.clone(),
            rate: Rate::UNLIMITED,
            reach: Reach::Chat,
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
