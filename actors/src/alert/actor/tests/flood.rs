//! Ten thousand incidents in a minute, against providers that punish.

use tripline_engine::halt::Scope;

use super::super::super::testing::Strict;
use super::super::super::{DAY, HOUR, Window};
use super::*;

const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// Sends 10,000 different incidents within a minute, every hundredth critical; gives the counters, what was
/// told, and how often the provider punished.
async fn flood(
    windows: &'static [(usize, u64)],
    rate: Rate,
    lists_all: bool,
) -> (ChannelStats, Vec<Rendered>, usize) {
    let channel = Strict::new(windows, rate, lists_all);
    let (punished, sent) = (channel.punished.clone(), channel.sent.clone());
    let on_undelivered: OnUndelivered = Rc::new(|alert, why| panic!("{}: {why}", alert.title));
    let channels: Vec<Routed> = vec![(Rc::new(channel), Route::default())];
    let clock = Clock::starting_at(START);
    let actor = AlertActor::new(channels, clock, Settings::default(), on_undelivered).start();
    for number in 0..10_000u64 {
        let severity = if number % 100 == 0 {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let alert = Alert {
            kind: Some(FaultKind::OrderFailed),
            scope: Some(Scope::Instrument(format!("S{number}").parse().unwrap())),
            incident: Some(IncidentId(number + 1)),
            ..alert(severity, &format!("incident {number};"))
        };
        actor.send(alert).await.unwrap();
        tokio::time::sleep(Duration::from_millis(6)).await;
    }
    let stats = actor.send(Flush).await.unwrap().remove(0);
    let told = sent
        .borrow()
        .iter()
        .map(|(_, message)| message.clone())
        .collect();
    (stats, told, punished.get())
}

#[actix_rt::test]
async fn a_flood_keeps_a_chats_rate_loses_nothing_critical_and_its_counts_add_up() {
    tokio::time::pause();
    let rate = Rate::of(&[Window::new(18, MINUTE)]);
    let (stats, told, punished) = flood(&[(20, 60)], rate, true).await;
    assert_eq!(punished, 0);
    assert_eq!(stats.delivered + stats.withheld, 10_000, "{stats:?}");
    assert_eq!((stats.failed, stats.pending), (0, 0));
    let said: u64 = told.iter().map(|message| message.withheld).sum();
    assert_eq!(said, stats.withheld, "what was held back was said");
    let all: String = told.iter().map(|message| message.text(16_000)).collect();
    for number in (0..10_000).step_by(100) {
        assert!(
            all.contains(&format!("incident {number};")),
            "{number} was not told"
        );
    }
}

#[actix_rt::test]
async fn a_flood_keeps_a_calls_rate_and_counts_what_it_cannot_list() {
    tokio::time::pause();
    let rate = Rate::of(&[
        Window::new(1, MINUTE),
        Window::new(5, HOUR),
        Window::new(20, DAY),
    ]);
    let windows = &[(1, 60), (5, 3_600), (20, 86_400)];
    let (stats, told, punished) = flood(windows, rate, false).await;
    assert_eq!(punished, 0);
    assert_eq!(stats.delivered + stats.withheld, 10_000, "{stats:?}");
    let critical = |message: &Rendered| {
        let alerts = message.alerts.iter();
        alerts
            .filter(|alert| alert.severity == Severity::Critical)
            .count()
    };
    assert_eq!(told.iter().map(critical).sum::<usize>(), 100);
    assert!(told.len() <= 20, "{} messages", told.len());
}

#[actix_rt::test]
async fn a_channel_that_asks_for_silence_is_left_alone_and_other_ways_are_taken() {
    tokio::time::pause();
    let strict = Strict::new(&[], Rate::UNLIMITED, true);
    strict.mute_until.set(START.checked_add(MINUTE));
    let (punished, sent) = (strict.punished.clone(), strict.sent.clone());
    let (actor, unheard) = start(vec![Rc::new(strict)], 100);
    for number in 0..5 {
        let title = format!("number {number}");
        actor.send(alert(Severity::Critical, &title)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert_eq!(punished.get(), 1, "it was not asked again");
    assert_eq!(unheard.borrow().len(), 5, "each reached nobody so far");
    tokio::time::sleep(Duration::from_secs(600)).await;
    let all: String = sent
        .borrow()
        .iter()
        .map(|(_, message)| message.text(16_000))
        .collect();
    for number in 0..5 {
        assert!(all.contains(&format!("number {number}")), "{number}");
    }
}
