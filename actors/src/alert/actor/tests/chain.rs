//! Repeats, routes, the escalation and its end.

use tripline_engine::halt::{HaltLevel, Scope};
use tripline_engine::ids::StrategyId;
use tripline_engine::journal::{JournalState, MemoryJournal};
use tripline_engine::messages::alert::Facts;

use super::super::super::{Acknowledge, Reach, ReadOpen};
use super::*;

const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn fault(number: u64) -> Alert {
    let strategy: StrategyId = "grid".parse().unwrap();
    Alert {
        kind: Some(FaultKind::Network),
        scope: Some(Scope::Strategy(strategy)),
        strategy: Some(strategy),
        incident: Some(IncidentId(number)),
        facts: Facts {
            level: Some(HaltLevel::Halted),
            ..Facts::default()
        },
        ..alert(Severity::Critical, "no connection")
    }
}

struct Desk {
    actor: Addr<AlertActor>,
    unheard: Unheard,
    chat: Sent,
    text: Sent,
    call: Sent,
}

type Answer = fn(&Rendered) -> Result<(), ChannelError>;

/// A chat, a text message and a call, which answer so.
fn desk(answers: [Answer; 3], journal: Journaling, earlier: &JournalState) -> Desk {
    let unheard = Unheard::default();
    let kept = unheard.clone();
    let on_undelivered: OnUndelivered = Rc::new(move |alert: &Alert, reason| {
        kept.borrow_mut().push((alert.title.clone(), reason));
    });
    let (mut channels, mut sent): (Vec<Routed>, Vec<Sent>) = (Vec::new(), Vec::new());
    let kinds = [
        ("chat", Reach::Chat),
        ("text", Reach::Text),
        ("call", Reach::Call),
    ];
    for ((name, reach), answer) in kinds.into_iter().zip(answers) {
        let (channel, taken) = memory(name, answer);
        channels.push((Rc::new(Memory { reach, ..channel }), Route::default()));
        sent.push(taken);
    }
    let clock = Clock::starting_at(START);
    let actor = AlertActor::new(channels, clock, Settings::default(), on_undelivered);
    let run = RunId::from_millis(u64::try_from(START.as_millis()).unwrap());
    let actor = actor.journaled(run, journal);
    let actor = AlertActor::create(|ctx| {
        let due = DueAlerts {
            due: earlier
                .alerts
                .open()
                .map(|(key, due)| (*key, due.clone()))
                .collect(),
            acknowledged: earlier.alerts.acknowledged().clone(),
        };
        let mut actor = actor;
        Handler::<DueAlerts>::handle(&mut actor, due, ctx);
        actor
    });
    let [chat, text, call] = [0, 1, 2].map(|at| sent[at].clone());
    Desk {
        actor,
        unheard,
        chat,
        text,
        call,
    }
}

fn folded(journal: &MemoryJournal) -> JournalState {
    let records = journal.records();
    JournalState::fold(records.iter().map(|(at, record)| (*at, record)))
}

fn takes(_: &Rendered) -> Result<(), ChannelError> {
    Ok(())
}

fn told(sent: &Sent) -> Vec<(u64, Phase)> {
    let sent = sent.borrow();
    let told = sent.iter();
    told.map(|(at, message)| (at.saturating_since(START).as_secs(), message.phase))
        .collect()
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[actix_rt::test]
async fn what_nobody_acknowledges_goes_from_chat_to_text_after_2_minutes_and_call_after_5() {
    tokio::time::pause();
    let desk = desk([takes; 3], Journaling::none(), &JournalState::default());
    desk.actor.send(fault(7)).await.unwrap();
    pass(600).await;
    assert_eq!(told(&desk.chat), [(0, Phase::Opened)]);
    assert_eq!(told(&desk.text), [(120, Phase::Opened)]);
    assert_eq!(told(&desk.call), [(300, Phase::Opened)]);
    let text = desk.text.borrow()[0].1.text(10_000);
    assert!(text.contains("Act: tripline alerts ack 7"), "{text}");
    let open = desk.actor.send(ReadOpen).await.unwrap();
    assert_eq!(
        (open.len(), open[0].id.as_str(), open[0].delivered),
        (1, "7", true)
    );
}

#[actix_rt::test]
async fn an_acknowledgement_ends_the_escalation_and_is_told() {
    tokio::time::pause();
    let desk = desk([takes; 3], Journaling::none(), &JournalState::default());
    desk.actor.send(fault(7)).await.unwrap();
    desk.actor.send(fault(8)).await.unwrap();
    pass(150).await;
    let acknowledge = |id: &str| Acknowledge {
        id: id.into(),
        by: "ann".into(),
    };
    assert!(desk.actor.send(acknowledge("99")).await.unwrap().is_err());
    let seen = desk.actor.send(acknowledge("#8")).await.unwrap().unwrap();
    assert_eq!(seen[0].id, "7", "a repeat is acknowledged with the first");
    pass(3_000).await;
    assert_eq!(told(&desk.text), [(120, Phase::Opened)]);
    assert!(told(&desk.call).is_empty());
    let phases: Vec<_> = told(&desk.chat)
        .into_iter()
        .map(|(_, phase)| phase)
        .collect();
    assert_eq!(
        phases,
        [Phase::Opened, Phase::Repeated, Phase::Acknowledged]
    );
    let last = desk.chat.borrow().last().unwrap().1.clone();
    assert!(
        last.headline
            .contains("7 acknowledged by ann: no connection"),
        "{}",
        last.headline
    );
    assert!(
        desk.actor.send(acknowledge("7")).await.unwrap().is_err(),
        "once is enough"
    );
}

#[actix_rt::test]
async fn the_end_of_the_trouble_ends_the_escalation_too() {
    tokio::time::pause();
    let desk = desk([takes; 3], Journaling::none(), &JournalState::default());
    desk.actor.send(fault(7)).await.unwrap();
    pass(60).await;
    let end = Alert {
        scope: fault(7).scope,
        facts: Facts {
            phase: Phase::Resolved,
            ..Facts::default()
        },
        ..alert(Severity::Info, "strategy grid resumed: looked")
    };
    desk.actor.send(end).await.unwrap();
    pass(1_000).await;
    assert_eq!(
        told(&desk.chat),
        [(0, Phase::Opened), (60, Phase::Resolved)]
    );
    assert!(told(&desk.text).is_empty());
    assert!(desk.actor.send(ReadOpen).await.unwrap().is_empty());
}

#[actix_rt::test]
async fn when_the_chat_fails_the_next_channel_does_not_wait_and_when_all_fail_it_is_a_fault() {
    tokio::time::pause();
    let desk_of = |answers| desk(answers, Journaling::none(), &JournalState::default());
    let desk = desk_of([refuse, takes, takes]);
    desk.actor.send(fault(7)).await.unwrap();
    pass(5).await;
    assert_eq!(told(&desk.text), [(0, Phase::Opened)]);
    assert!(desk.unheard.borrow().is_empty(), "somebody heard of it");
    pass(400).await;
    assert_eq!(told(&desk.call), [(300, Phase::Opened)]);

    let desk = desk_of([refuse; 3]);
    desk.actor.send(fault(7)).await.unwrap();
    pass(5).await;
    let unheard = desk.unheard.borrow().clone();
    assert_eq!(unheard.len(), 1);
    assert_eq!(unheard[0].0, "no connection");
}

#[actix_rt::test]
async fn a_rise_in_severity_is_told_at_once_and_mild_alerts_disturb_no_phone() {
    tokio::time::pause();
    let desk = desk([takes; 3], Journaling::none(), &JournalState::default());
    let mild = Alert {
        severity: Severity::Warning,
        ..fault(6)
    };
    desk.actor.send(mild).await.unwrap();
    pass(30).await;
    desk.actor.send(fault(7)).await.unwrap();
    pass(130).await;
    assert_eq!(told(&desk.chat), [(0, Phase::Opened), (30, Phase::Worse)]);
    assert_eq!(told(&desk.text), [(150, Phase::Worse)]);
}

#[actix_rt::test]
async fn after_a_crash_the_escalation_goes_on_where_it_was_and_what_was_acknowledged_stays_so() {
    tokio::time::pause();
    let journal = std::sync::Arc::new(MemoryJournal::default());
    let before = desk(
        [takes; 3],
        Journaling::to(journal.clone()),
        &JournalState::default(),
    );
    before.actor.send(fault(7)).await.unwrap();
    pass(150).await;
    assert_eq!(told(&before.text).len(), 1);
    let state = folded(&journal);
    assert_eq!(state.alerts.due().count(), 0, "it was delivered");
    let after = desk([takes; 3], Journaling::to(journal.clone()), &state);
    pass(400).await;
    assert!(told(&after.chat).is_empty() && told(&after.text).is_empty());
    assert_eq!(told(&after.call).len(), 1, "the call was still to come");
    let acknowledge = Acknowledge {
        id: "7".into(),
        by: "ann".into(),
    };
    after.actor.send(acknowledge).await.unwrap().unwrap();
    pass(1).await;
    let state = folded(&journal);
    assert_eq!(state.alerts.open().count(), 0);
    let third = desk([takes; 3], Journaling::none(), &state);
    third.actor.send(fault(7)).await.unwrap();
    pass(1_000).await;
    assert!(
        told(&third.text).is_empty(),
        "somebody has seen this incident"
    );
}

#[actix_rt::test]
async fn a_route_chooses_and_no_route_silences_an_alert() {
    tokio::time::pause();
    let routes = [
        r#"{"strategies":["grid"]}"#,
        r#"{"severity":"critical","faults":["network"]}"#,
    ];
    let mut channels: Vec<Routed> = Vec::new();
    let mut sent = Vec::new();
    for (name, route) in ["grid", "network"].into_iter().zip(routes) {
        let (channel, taken) = memory(name, takes);
        channels.push((Rc::new(channel), serde_json::from_str(route).unwrap()));
        sent.push(taken);
    }
    let on_undelivered: OnUndelivered = Rc::new(|_, _| panic!("undelivered"));
    let clock = Clock::starting_at(START);
    let actor = AlertActor::new(channels, clock, Settings::default(), on_undelivered).start();
    let of = |strategy: &str, kind| Alert {
        strategy: Some(strategy.parse().unwrap()),
        kind: Some(kind),
        ..alert(Severity::Critical, strategy)
    };
    actor.send(of("grid", FaultKind::Timeout)).await.unwrap();
    actor.send(of("other", FaultKind::Network)).await.unwrap();
    actor.send(of("nobody", FaultKind::Timeout)).await.unwrap();
    actor.send(Flush).await.unwrap();
    assert_eq!(titles(&sent[0]), ["grid", "nobody"]);
    assert_eq!(titles(&sent[1]), ["other", "nobody"]);
}

#[actix_rt::test]
async fn a_phone_alone_is_called_at_once() {
    tokio::time::pause();
    let (channel, sent) = memory("call", takes);
    let channel = Memory {
        reach: Reach::Call,
        ..channel
    };
    let (actor, _) = start(vec![Rc::new(channel)], 10);
    actor.send(fault(1)).await.unwrap();
    actor.send(Flush).await.unwrap();
    assert_eq!(titles(&sent), ["no connection"]);
}

#[actix_rt::test]
async fn the_channels_are_tested_at_the_start_and_hear_every_day_that_the_engine_lives() {
    use super::super::super::{Pulse, Voice};
    tokio::time::pause();
    let board = tripline_engine::halt::HaltBoard::new();
    let (chat, told) = memory("chat", takes);
    let (call, rung) = memory("call", takes);
    let call = Memory {
        reach: Reach::Call,
        ..call
    };
    let channels: Vec<Routed> = vec![
        (Rc::new(chat), Route::default()),
        (Rc::new(call), Route::default()),
    ];
    let voice = Voice::default();
    let settings = Settings {
        pulse: Some(Pulse {
            at_start: true,
            daily: Some(jiff::civil::time(9, 0, 0, 0)),
            board: board.clone(),
            strategies: 2,
            live: true,
        }),
        voice,
        ..Settings::default()
    };
    let on_undelivered: OnUndelivered = Rc::new(|_, _| panic!("undelivered"));
    // START is 2026-11-18T11:06:40Z.
    let clock = Clock::starting_at(START);
    let actor = AlertActor::new(channels, clock, settings, on_undelivered).start();
    pass(1).await;
    assert_eq!(
        titles(&told),
        ["Tripline has started; this is a test of its alert channels"]
    );
    let fault = tripline_engine::fault::Fault {
        kind: FaultKind::Manual,
        scope: Scope::Global,
        actor: "test".into(),
        detail: "x".into(),
        at: START,
    };
    board.trip(fault, &tripline_engine::halt::HaltPolicy::default());
    pass(3 * 86_400).await;
    let days: Vec<String> = told
        .borrow()
        .iter()
        .skip(1)
        .map(|(at, _)| at.to_string())
        .collect();
    assert_eq!(days.len(), 3, "{days:?}");
    assert!(days.iter().all(|at| at.contains("T09:00:00")), "{days:?}");
    let text = told.borrow()[1].1.text(10_000);
    assert!(
        text.contains("Tripline is alive") && text.contains("halted: everything halted"),
        "{text}"
    );
    assert!(rung.borrow().is_empty(), "no telephone rings for that");
    assert!(actor.connected());
}
