use super::*;

use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Reaction;
use tripline_engine::messages::control::RestingOrders;
use tripline_engine::messages::order::ReportSource;
use tripline_engine::money::Quantity;
use tripline_engine::order::VenueStatus;

const SETTLE: Duration = Duration::from_secs(6);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn scope() -> Scope {
    Scope::Strategy("a".parse().unwrap())
}

fn incident(id: u64, level: HaltLevel) -> Incident {
    Incident {
        id: IncidentId(id),
        fault: Fault {
            kind: FaultKind::StrategyError,
            scope: scope(),
            actor: "test".into(),
            detail: "made".into(),
            at: at(0),
        },
        reaction: Reaction::new(level, RestingOrders::Cancel),
    }
}

fn order(number: u64, made: i64) -> OrderReport {
    OrderReport {
        id: format!("t-a-00000001-{number}").parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
        venue_id: VenueOrderId(number),
        side: None,
        terms: None,
        status: VenueStatus::New,
        quantity: "1".parse().unwrap(),
        executed: Quantity::ZERO,
        executed_notional: None,
        reason: None,
        fills: Vec::new(),
        source: ReportSource::Query,
        at: at(made),
    }
}

fn wanted() -> Emergency {
    let mut emergency = Emergency::new(SETTLE);
    emergency.wanted(&incident(1, HaltLevel::Halted), at(0));
    emergency
}

/// One that has begun at second 1.
fn begun() -> Emergency {
    let mut emergency = wanted();
    assert_eq!(emergency.begin(at(1_000)).len(), 1);
    emergency
}

fn all(_: &Scope, _: &OrderReport) -> bool {
    true
}

#[test]
fn a_sweep_that_the_gateway_confirms_in_time_is_left_to_it() {
    let mut emergency = wanted();
    assert_eq!(emergency.due(), Some(at(1_000)));
    assert_eq!(emergency.begin(at(999)), []);
    assert_eq!(emergency.confirmed(scope(), IncidentId(1)), None);
    assert_eq!(emergency.due(), None);
}

#[test]
fn a_sweep_that_is_not_confirmed_is_done_here_until_no_order_is_there_or_on_its_way() {
    let mut emergency = begun();
    let (first, second) = (order(1, -5_000), order(2, 300));
    let next = emergency.listed(&[first, second], at(1_000), at(1_010), all);
    assert_eq!(next.cancel.len(), 2);
    assert_eq!(next.cleared, []);
    assert_eq!(emergency.due(), Some(at(1_260)), "and looked at again");
    // One that was handed over before the latch and came late.
    let next = emergency.listed(&[order(3, 2_000)], at(1_260), at(1_300), all);
    assert_eq!(next.cancel.len(), 1);
    // None is shown, and one may still be on its way.
    let mut now = 1_550;
    for pause in [1_000, 2_000] {
        let next = emergency.listed(&[], at(now), at(now), all);
        assert_eq!(next, Next::default());
        now += pause;
        assert_eq!(emergency.due(), Some(at(now)));
    }
    let next = emergency.listed(&[], at(now), at(now), all);
    assert_eq!(next, Next::default());
    assert_eq!(emergency.due(), Some(at(6_000)), "the settle time is over");
    let next = emergency.listed(&[], at(6_000), at(6_020), all);
    let (cleared, clearing) = &next.cleared[0];
    assert_eq!((*cleared, clearing.cancelled.len()), (scope(), 3));
    assert_eq!(emergency.due(), None);
}

#[test]
fn a_gateway_that_is_known_to_be_dead_is_not_waited_for() {
    let mut emergency = wanted();
    emergency.gateway_is_dead("it is stuck", at(10));
    let begun = emergency.begin(at(10));
    assert_eq!(begun[0].1.why, "it is stuck");
    // Nor for what comes later, until it shows that it lives.
    emergency.lifted(scope());
    emergency.wanted(&incident(2, HaltLevel::Halted), at(20));
    assert_eq!(emergency.due(), Some(at(20)));
    emergency.confirmed(scope(), IncidentId(2));
    emergency.wanted(&incident(3, HaltLevel::Halted), at(30));
    assert_eq!(emergency.due(), Some(at(1_030)));
}

#[test]
fn a_flood_of_incidents_postpones_nothing_and_only_the_newest_confirmation_counts() {
    let mut emergency = wanted();
    for id in 2..500 {
        emergency.wanted(&incident(id, HaltLevel::Halted), at(900));
    }
    assert_eq!(emergency.due(), Some(at(1_000)));
    assert_eq!(emergency.confirmed(scope(), IncidentId(498)), None);
    assert_eq!(emergency.due(), Some(at(1_000)), "one is left");
    assert_eq!(emergency.confirmed(scope(), IncidentId(499)), None);
    assert_eq!(emergency.due(), None);
}

#[test]
fn what_the_gateway_confirms_after_this_has_begun_is_told_with_what_was_done_here() {
    let mut emergency = begun();
    emergency.listed(&[order(1, 0)], at(1_000), at(1_010), all);
    let clearing = emergency.confirmed(scope(), IncidentId(1)).unwrap();
    assert_eq!(clearing.cancelled.len(), 1);
    assert_eq!(emergency.due(), None);
}

#[test]
fn a_failed_question_is_never_read_as_none_and_is_asked_again_as_the_venue_says() {
    let mut emergency = begun();
    let network = VenueError::Network("down".into());
    for due in [7_250, 7_500, 8_000, 9_000, 11_000, 15_000, 15_000] {
        emergency.failed(&network, at(7_000));
        assert_eq!(emergency.due(), Some(at(due)));
    }
    let banned = VenueError::Banned {
        retry_after: Some(Duration::from_secs(120)),
        text: "418".into(),
    };
    emergency.failed(&banned, at(7_000));
    assert_eq!(emergency.due(), Some(at(127_000)));
}

#[test]
fn a_lifted_halt_cancels_nothing_more() {
    let mut emergency = begun();
    emergency.lifted(scope());
    let next = emergency.listed(&[order(1, 0)], at(1_000), at(1_010), all);
    assert_eq!(next, Next::default());
    assert_eq!(emergency.due(), None);
}

#[test]
fn orders_of_another_scope_stay() {
    let mut emergency = begun();
    let next = emergency.listed(&[order(1, 0)], at(7_000), at(7_010), |_, _| false);
    assert_eq!(next.cancel, []);
    assert_eq!(next.cleared.len(), 1);
}

#[test]
fn under_reduce_only_what_was_placed_after_the_latch_stays_until_it_is_a_halt() {
    let mut emergency = Emergency::new(SETTLE);
    emergency.wanted(&incident(1, HaltLevel::ReduceOnly), at(0));
    emergency.begin(at(1_000));
    let open = [order(1, -1), order(2, 500)];
    let next = emergency.listed(&open, at(1_000), at(1_010), all);
    assert_eq!(next.cancel.len(), 1);
    emergency.wanted(&incident(2, HaltLevel::Halted), at(1_100));
    let next = emergency.listed(&open, at(1_200), at(1_210), all);
    assert_eq!(next.cancel.len(), 2);
}

#[test]
fn what_is_not_cleared_for_half_a_minute_is_told_once() {
    let mut emergency = begun();
    emergency.failed(&VenueError::Network("down".into()), at(1_010));
    assert_eq!(emergency.alarms(at(31_000)), []);
    assert_eq!(emergency.alarms(at(31_001)).len(), 1);
    assert_eq!(emergency.alarms(at(60_000)), []);
    assert!(emergency.due().is_some(), "and it goes on");
}

#[test]
fn a_venue_that_asks_for_silence_does_not_put_the_alarm_off() {
    let mut emergency = begun();
    assert_eq!(emergency.next(), Some(at(1_000)));
    let banned = VenueError::Banned {
        retry_after: Some(Duration::from_secs(7_200)),
        text: "418".into(),
    };
    emergency.failed(&banned, at(1_100));
    assert_eq!(emergency.next(), Some(at(31_001)), "for the alarm");
    assert_eq!(emergency.alarms(at(31_001)).len(), 1);
    assert_eq!(emergency.next(), Some(at(7_201_100)), "and then as told");
}
