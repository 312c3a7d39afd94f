//! Answers that are lost, events that are missed, and orders that nobody here placed.

use super::*;

#[test]
fn a_lost_acknowledgement_makes_the_order_uncertain_and_the_query_finds_it() {
    let mut bench = Bench::new();
    let id = bench.place();
    bench.out.clear();
    bench.answer(id, Err(unknown_outcome()));
    assert_eq!(
        bench.did(),
        [
            "uncertain",
            "query 250ms",
            "fault unknown_outcome of strategy a"
        ]
    );
    bench.found(id, VenueStatus::PartiallyFilled, "1");
    assert_eq!(bench.did(), ["fetch 0ns"]);
    bench.fills(id, Ok(vec![fill(1, "1")]));
    assert_eq!(bench.did(), ["fill 1", "partially filled"]);
    assert_eq!(bench.state(id), OrderState::PartiallyFilled);
}

#[test]
fn an_event_that_was_faster_than_the_lost_answer_leaves_nothing_uncertain() {
    let mut bench = Bench::new();
    let id = bench.place();
    bench.event(id, VenueStatus::New, "0", &[]);
    bench.out.clear();
    bench.answer(id, Err(unknown_outcome()));
    assert_eq!(
        bench.did(),
        ["fault unknown_outcome of strategy a"],
        "that an answer is lost is told, the order is known all the same"
    );
    assert_eq!(bench.state(id), OrderState::Working);
}

#[test]
fn answers_that_cannot_be_read_leave_the_outcome_unknown() {
    let errors = [
        VenueError::Timeout(Duration::from_secs(1)),
        VenueError::NotJson {
            status: 502,
            fragment: String::new(),
        },
        VenueError::ChangedData {
            what: "order".into(),
            reason: "missing".into(),
            fragment: "{}".into(),
        },
    ];
    for error in errors {
        let mut bench = Bench::new();
        let id = bench.place();
        bench.answer(id, Err(error.clone()));
        assert_eq!(bench.state(id), OrderState::Uncertain, "{error}");
    }
}

#[test]
fn an_order_is_proved_absent_only_after_the_settle_time_and_a_second_look() {
    let mut bench = Bench::new();
    let id = bench.uncertain();
    for wait in ["500ms", "1s", "2s"] {
        bench.not_found(id);
        assert_eq!(bench.did(), [format!("query {wait}")]);
    }
    bench.pass(SETTLE);
    bench.not_found(id);
    assert_eq!(bench.did(), ["query 1ms"], "exactly at the settle time");
    bench.pass(Duration::from_millis(1));
    bench.not_found(id);
    assert_eq!(bench.did(), ["query 1s"], "the first late look");
    assert_eq!(bench.state(id), OrderState::Uncertain);
    bench.not_found(id);
    assert_eq!(bench.did(), ["rejected -2013"]);
    assert_eq!(bench.state(id), OrderState::Rejected);
    bench.place();
    assert_eq!(
        bench.did(),
        ["place", "submitted"],
        "the instrument is free"
    );
}

#[test]
fn the_settle_time_counts_from_the_hand_over_and_not_from_the_command() {
    let mut bench = Bench::new();
    let command = bench.command("a", "BTCUSDT");
    // It waited in a mailbox.
    bench.pass(SETTLE * 2);
    let id = bench.send(command);
    bench.answer(id, Err(unknown_outcome()));
    for _ in 0..3 {
        bench.not_found(id);
    }
    assert_eq!(bench.state(id), OrderState::Uncertain);
}

#[test]
fn a_failed_query_proves_nothing() {
    let mut bench = Bench::new();
    let id = bench.uncertain();
    bench.pass(SETTLE * 2);
    bench.not_found(id);
    let failed = Err(VenueError::Network("down".into()));
    bench
        .desk
        .query_answered(id, failed, bench.now, &mut bench.out);
    assert_eq!(bench.state(id), OrderState::Uncertain);
}

#[test]
fn an_order_that_stays_unknown_is_told_to_a_person_once() {
    let mut bench = Bench::new();
    let id = bench.uncertain();
    let mut faults = 0;
    for _ in 0..30 {
        let failed = Err(VenueError::Network("down".into()));
        bench
            .desk
            .query_answered(id, failed, bench.now, &mut bench.out);
        let did = bench.did();
        assert!(
            did.contains(&"query 8s".to_owned()) || faults == 0,
            "it goes on asking: {did:?}"
        );
        faults += did
            .iter()
            .filter(|did| *did == "fault order_unresolved of strategy a")
            .count();
    }
    assert_eq!(faults, 1);
}

#[test]
fn an_order_that_was_proved_absent_and_appears_is_a_contradiction() {
    let mut bench = Bench::new();
    let id = bench.uncertain();
    bench.pass(SETTLE * 2);
    bench.not_found(id);
    bench.not_found(id);
    bench.out.clear();
    bench.event(id, VenueStatus::New, "0", &[]);
    assert_eq!(bench.did()[0], "fault order_contradiction of account main");
}

#[test]
fn a_cancel_of_an_uncertain_order_is_sent_when_the_venue_shows_it() {
    let mut bench = Bench::new();
    let id = bench.uncertain();
    bench.cancel(id);
    assert_eq!(bench.did(), [""; 0]);
    bench.found(id, VenueStatus::New, "0");
    assert_eq!(bench.did(), ["accepted", "cancel", "cancel requested"]);
}

#[test]
fn a_missed_fill_is_found_by_reconciliation() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.stream_down();
    bench.stream_up();
    assert_eq!(bench.did(), ["query 0ns"]);
    bench.found(id, VenueStatus::Filled, "2");
    assert_eq!(bench.did(), ["fetch 0ns"]);
    assert!(
        !bench.desk.is_private_stream_live(),
        "its fills are missing"
    );
    bench.fills(id, Ok(vec![fill(1, "0.5"), fill(2, "1.5")]));
    bench.agree();
    assert_eq!(bench.did(), ["fill 1", "fill 2", "filled"]);
    assert!(bench.desk.is_private_stream_live());
    let order = bench.desk.order(&id).unwrap();
    assert!(order.is_settled() && order.fills().iter().all(|fill| fill.recovered));
}

#[test]
fn nothing_is_placed_before_every_order_was_asked_for() {
    let mut bench = Bench::new();
    let (one, two) = (bench.working(), bench.working());
    bench.stream_down();
    bench.stream_up();
    bench.found(one, VenueStatus::New, "0");
    bench.out.clear();
    bench.place();
    assert_eq!(bench.did(), ["denied: the private stream is down"]);
    let failed = Err(VenueError::Network("down".into()));
    bench
        .desk
        .query_answered(two, failed, bench.now, &mut bench.out);
    bench.out.clear();
    bench.place();
    assert_eq!(
        bench.did(),
        ["denied: the private stream is down"],
        "a failed query is no answer"
    );
    bench.found(two, VenueStatus::New, "0");
    bench.agree();
    bench.place();
    assert_eq!(bench.did(), ["place", "submitted"]);
}

#[test]
fn a_stream_that_drops_while_it_reconciles_is_not_live() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.stream_up();
    bench.stream_down();
    bench.found(id, VenueStatus::New, "0");
    assert!(!bench.desk.is_private_stream_live());
}

#[test]
fn a_question_that_was_asked_before_the_stream_came_up_is_asked_again() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.cancel(id);
    bench.cancel_answered(id, Err(rejected(-2011)));
    bench.stream_down();
    bench.out.clear();
    bench.desk.private_stream_up(bench.now, &mut bench.out);
    assert!(
        !bench.did().contains(&"query 0ns".to_owned()),
        "it is under way"
    );
    // The answer is older than the fill that fell into the gap.
    bench.found(id, VenueStatus::New, "0");
    assert!(bench.did().contains(&"query 0ns".to_owned()));
    assert!(!bench.desk.is_private_stream_live());
    bench.found(id, VenueStatus::Filled, "2");
    bench.fills(id, Ok(vec![fill(1, "2")]));
    assert!(
        !bench.desk.is_private_stream_live(),
        "the lists are missing"
    );
    assert_eq!(bench.state(id), OrderState::Filled);
}

#[test]
fn fills_that_lag_behind_the_executed_quantity_are_fetched_after_a_while() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.event(id, VenueStatus::Filled, "2", &[]);
    assert_eq!(bench.did(), ["fetch 1s"]);
    bench.event(id, VenueStatus::PartiallyFilled, "1", &[fill(1, "1")]);
    assert_eq!(bench.did(), ["fill 1"]);
    bench.fills(id, Ok(vec![fill(1, "1"), fill(2, "1")]));
    assert_eq!(bench.did(), ["fill 2", "filled"], "each fill is told once");
}

#[test]
fn fills_that_stay_missing_are_fetched_again_and_told_to_a_person_once() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.event(id, VenueStatus::Filled, "2", &[]);
    let (mut faults, mut waits) = (0, Vec::new());
    for _ in 0..30 {
        bench.out.clear();
        let failed = Err(VenueError::Timeout(Duration::from_secs(1)));
        bench.fills(id, failed);
        let did = bench.did();
        waits.push(did[0].clone());
        faults += did.len() - 1;
    }
    assert_eq!(faults, 1);
    assert_eq!(waits[..4], ["fetch 1s", "fetch 1s", "fetch 2s", "fetch 4s"]);
    assert!(
        waits[4..].iter().all(|wait| wait == "fetch 8s"),
        "{waits:?}"
    );
}

#[test]
fn fills_that_cannot_be_true_are_asked_for_ever_more_slowly() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.event(id, VenueStatus::Filled, "2", &[]);
    let mut waits = Vec::new();
    for _ in 0..8 {
        bench.out.clear();
        bench.fills(id, Ok(vec![fill(1, "3")]));
        waits.extend(
            bench
                .did()
                .into_iter()
                .filter(|did| did.starts_with("query")),
        );
        bench.found(id, VenueStatus::Filled, "2");
    }
    assert_eq!(waits.last().unwrap(), "query 8s", "{waits:?}");
}

#[test]
fn an_order_with_our_mark_that_nobody_knows_is_a_fault() {
    for id in [
        of_run(1_795_000_000_000, "a", 99),
        of_run(1_795_000_000_000, "gone", 1),
        of_run(1, "gone", 1),
    ] {
        let mut bench = Bench::new();
        bench.event(id, VenueStatus::New, "0", &[]);
        assert_eq!(bench.did(), ["fault unknown_order of account main"], "{id}");
        assert!(bench.desk.order(&id).is_none());
    }
}

#[test]
fn an_order_of_an_earlier_run_is_taken_over() {
    let mut bench = Bench::new();
    let id = of_run(1, "a", 5);
    bench.event(id, VenueStatus::PartiallyFilled, "1", &[]);
    assert_eq!(bench.did(), ["fetch 1s"]);
    assert!(bench.desk.owes_news(), "its strategy has not heard of it");
    assert_eq!(bench.desk.order(&id).unwrap().strategy, strategy("a"));
    bench.cancel(id);
    assert_eq!(bench.did(), ["cancel", "cancel requested"]);
    bench.fills(id, Ok(vec![fill(1, "1")]));
    assert_eq!(bench.did(), ["fill 1", "partially filled"]);
    assert!(!bench.desk.owes_news());
}

#[test]
fn an_order_of_an_earlier_run_whose_first_sight_is_its_cancel_ends_at_once() {
    let mut bench = Bench::new();
    let id = of_run(1, "a", 5);
    bench.event(id, VenueStatus::Canceled, "0", &[]);
    assert_eq!(bench.did(), ["canceled"]);
    assert_eq!(bench.desk.open_orders().count(), 0);
}
