//! Placing, cancelling and amending while every answer arrives.

use super::*;
use crate::position::Position;

#[test]
fn an_order_goes_out_and_its_life_is_told_in_order() {
    let mut bench = Bench::new();
    let id = bench.place();
    assert_eq!(bench.did(), ["place", "submitted"]);
    bench.acknowledge(id);
    assert_eq!(bench.did(), ["accepted"]);
    bench.event(id, VenueStatus::PartiallyFilled, "1", &[fill(1, "1")]);
    assert_eq!(bench.did(), ["fill 1", "partially filled"]);
    bench.event(id, VenueStatus::Filled, "2", &[fill(2, "1")]);
    assert_eq!(bench.did(), ["fill 2", "filled"]);
    assert_eq!(bench.desk.open_orders().count(), 0);
}

#[test]
fn a_fill_that_arrives_before_the_ack_is_delivered_once() {
    let mut bench = Bench::new();
    let id = bench.place();
    bench.out.clear();
    bench.event(id, VenueStatus::Filled, "2", &[fill(1, "2")]);
    assert_eq!(bench.did(), ["fill 1", "filled"]);
    bench.acknowledge(id);
    bench.event(id, VenueStatus::New, "0", &[]);
    bench.event(id, VenueStatus::Filled, "2", &[fill(1, "2")]);
    assert_eq!(bench.did(), [""; 0]);
    assert_eq!(bench.state(id), OrderState::Filled);
}

#[test]
fn late_events_do_not_bring_an_ended_order_back() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.cancel(id);
    bench.out.clear();
    bench.event(id, VenueStatus::Canceled, "1", &[fill(1, "1")]);
    assert_eq!(bench.did(), ["fill 1", "canceled"]);
    bench.event(id, VenueStatus::PartiallyFilled, "1", &[fill(1, "1")]);
    bench.event(id, VenueStatus::New, "0", &[]);
    assert_eq!(bench.did(), [""; 0]);
    assert_eq!(bench.desk.open_orders().count(), 0);
}

#[test]
fn an_order_whose_first_sight_is_its_cancel_keeps_its_own_id() {
    let mut bench = Bench::new();
    let id = bench.place();
    bench.out.clear();
    bench.event(id, VenueStatus::Canceled, "0", &[]);
    let elsewhere = "fault canceled_elsewhere of strategy a";
    assert_eq!(bench.did(), ["canceled", elsewhere]);
    bench.acknowledge(id);
    assert_eq!(bench.did(), [""; 0]);
    assert_eq!(bench.state(id), OrderState::Canceled);
}

#[test]
fn after_a_standstill_nothing_is_placed_until_everything_has_come_again() {
    let mut bench = Bench::new();
    bench.desk.stood_still(&mut bench.out);
    let steps: [fn(&mut Bench); 3] = [
        |bench| bench.desk.set_clock_good(true),
        |bench| {
            let price = Some("10".parse().unwrap());
            bench.desk.set_reference(symbol("BTCUSDT"), price);
        },
        Bench::stream_up,
    ];
    for step in steps {
        bench.out.clear();
        bench.place();
        assert!(bench.did()[0].starts_with("denied"));
        step(&mut bench);
    }
    bench.out.clear();
    bench.place();
    assert_eq!(bench.did(), ["place", "submitted"]);
}

#[test]
fn each_precondition_denies_by_its_own_name() {
    type Break = fn(&mut Bench);
    let cases: [(Break, &str); 7] = [
        (
            |bench| {
                bench.halt(Scope::Global);
            },
            "denied: halted: halted",
        ),
        (
            |bench| {
                let reaction = Reaction::new(HaltLevel::ReduceOnly, RestingOrders::Keep);
                bench.trip(Scope::Account(AccountId::new("main").unwrap()), reaction);
            },
            "denied: halted: reduce-only",
        ),
        (|bench| bench.desk.stop(), "denied: the engine is stopping"),
        (
            |bench| bench.stream_down(),
            "denied: the private stream is down",
        ),
        (
            |bench| bench.desk.set_clock_good(false),
            "denied: the clock offset is out of bounds or not known",
        ),
        (
            |bench| bench.desk.set_reference(symbol("BTCUSDT"), None),
            "denied: market data of the instrument is not fresh",
        ),
        (
            |bench| {
                bench.uncertain();
            },
            "denied: an order on this instrument is uncertain",
        ),
    ];
    for (fail, expected) in cases {
        let mut bench = Bench::new();
        fail(&mut bench);
        bench.out.clear();
        let id = bench.place();
        assert_eq!(bench.did(), [expected]);
        assert!(
            bench
                .desk
                .order(&id)
                .is_none_or(|order| !order.state.may_be_open())
        );
    }
}

#[test]
fn terms_filters_and_unknown_instruments_are_denied() {
    let mut bench = Bench::new();
    let mut command = bench.command("a", "BTCUSDT");
    command.terms.price = None;
    bench.send(command);
    assert_eq!(bench.did(), ["denied: a LIMIT order needs a price"]);
    let mut command = bench.command("a", "BTCUSDT");
    command.terms.quantity = quantity("0.0005");
    bench.send(command);
    assert!(bench.did()[0].starts_with("denied: LOT_SIZE"));
    let command = bench.command("a", "XRPUSDT");
    bench.send(command);
    assert_eq!(
        bench.did(),
        ["denied: instrument XRPUSDT is not configured"]
    );
}

#[test]
fn an_uncertain_order_freezes_its_own_instrument_only() {
    let mut bench = Bench::new();
    bench.uncertain();
    let command = bench.command("b", "ETHUSDT");
    bench.send(command);
    assert_eq!(bench.did(), ["place", "submitted"]);
}

#[test]
fn an_id_is_used_once_and_only_by_its_own_strategy() {
    let mut bench = Bench::new();
    let duplicate = "denied: the client order id was used before";
    let command = bench.command("a", "BTCUSDT");
    bench.send(command);
    bench.out.clear();
    bench.send(command);
    assert_eq!(bench.did(), [duplicate], "the same command again");
    let mut later = bench.command("a", "BTCUSDT");
    later.strategy = strategy("b");
    bench.send(later);
    assert_eq!(bench.did(), [duplicate], "an id of another strategy");
    later.strategy = strategy("a");
    later.id = of_run(1, "a", 9);
    bench.send(later);
    assert_eq!(bench.did(), [duplicate], "an id of another run");
    later.id = ClientOrderId::new("by_hand").unwrap();
    bench.send(later);
    assert_eq!(bench.did(), [duplicate], "no id of ours");
    assert_eq!(bench.desk.open_orders().count(), 1);
}

#[test]
fn an_id_that_was_denied_is_not_used_again() {
    let mut bench = Bench::new();
    bench.desk.set_clock_good(false);
    let command = bench.command("a", "BTCUSDT");
    bench.send(command);
    bench.desk.set_clock_good(true);
    bench.out.clear();
    bench.send(command);
    assert_eq!(bench.did(), ["denied: the client order id was used before"]);
}

#[test]
fn what_the_gate_held_or_no_connection_took_was_never_sent() {
    let cases = [
        (
            PlaceOutcome::Held(HaltLevel::Halted),
            "denied: halted: halted",
        ),
        (
            PlaceOutcome::NotSent(VenueError::Network("refused".into())),
            "denied: no connection to the venue: not connected: refused",
        ),
        (
            PlaceOutcome::NotSent(VenueError::RateLimited {
                retry_after: None,
                text: "wait".into(),
            }),
            "denied: the venue's limit is reached: wait",
        ),
    ];
    for (outcome, expected) in cases {
        let mut bench = Bench::new();
        let id = bench.place();
        assert_eq!(bench.desk.orders_sent, 1);
        bench.out.clear();
        bench.desk.placed(id, outcome, bench.now, &mut bench.out);
        assert_eq!(bench.did(), [expected]);
        assert_eq!(
            (bench.desk.orders_sent, bench.state(id)),
            (0, OrderState::Denied)
        );
    }
}

#[test]
fn a_venue_rejection_is_an_outcome_and_no_fault() {
    let mut bench = Bench::new();
    let id = bench.place();
    bench.out.clear();
    bench.answer(id, Err(rejected(-2010)));
    assert_eq!(bench.did(), ["rejected -2010"]);
}

#[test]
fn a_429_ends_the_order_and_is_a_fault_of_the_account() {
    let mut bench = Bench::new();
    let id = bench.place();
    bench.out.clear();
    let error = VenueError::RateLimited {
        retry_after: Some(Duration::from_secs(3)),
        text: "too many".into(),
    };
    bench.answer(id, Err(error));
    assert_eq!(
        bench.did(),
        ["rejected 0", "fault rate_limited of account main"]
    );
    assert_eq!(bench.state(id), OrderState::Rejected);
}

#[test]
fn a_cancel_is_sent_once_and_is_certain_only_when_the_venue_says_so() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.cancel(id);
    bench.cancel(id);
    assert_eq!(bench.did(), ["cancel", "cancel requested"]);
    assert_eq!(bench.state(id), OrderState::Working);
    let report = bench.shown(id, VenueStatus::Canceled, "0");
    bench.cancel_answered(id, Ok(report));
    assert_eq!(bench.did(), ["canceled"]);
}

#[test]
fn a_cancel_before_the_acknowledgement_waits_for_it() {
    let mut bench = Bench::new();
    let id = bench.place();
    bench.out.clear();
    bench.cancel(id);
    assert_eq!(bench.did(), [""; 0]);
    bench.acknowledge(id);
    assert_eq!(bench.did(), ["accepted", "cancel", "cancel requested"]);
}

#[test]
fn the_cancel_of_a_filled_order_is_refused_and_the_venue_tells_what_it_became() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.cancel(id);
    bench.out.clear();
    bench.cancel_answered(id, Err(rejected(-2011)));
    assert_eq!(bench.did(), ["cancel rejected -2011", "query 0ns"]);
    bench.found(id, VenueStatus::Filled, "2");
    assert_eq!(
        bench.did(),
        ["fetch 0ns"],
        "an end is told after its last fill"
    );
    bench.fills(id, Ok(vec![fill(1, "2")]));
    assert_eq!(bench.did(), ["fill 1", "filled"]);
    bench.event(id, VenueStatus::Filled, "2", &[fill(1, "2")]);
    assert_eq!(bench.did(), [""; 0]);
}

#[test]
fn the_refusal_of_a_cancel_that_comes_after_the_fill_is_nothing() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.cancel(id);
    bench.event(id, VenueStatus::Filled, "2", &[fill(1, "2")]);
    bench.out.clear();
    bench.cancel_answered(id, Err(rejected(-2011)));
    assert_eq!(bench.did(), [""; 0]);
    bench.cancel(id);
    assert_eq!(bench.did(), ["cancel rejected 0"]);
}

#[test]
fn a_cancel_that_is_refused_again_and_again_is_repeated_ever_more_slowly() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.cancel(id);
    let mut waits = Vec::new();
    for _ in 0..5 {
        bench.out.clear();
        bench.cancel_answered(id, Err(rejected(-2011)));
        waits.push(bench.did().pop().unwrap());
        bench.found(id, VenueStatus::New, "0");
        assert_eq!(bench.did(), ["cancel", "cancel requested"]);
    }
    assert_eq!(
        waits,
        [
            "query 0ns",
            "query 250ms",
            "query 500ms",
            "query 1s",
            "query 2s"
        ]
    );
}

#[test]
fn a_cancel_that_fails_while_fills_are_fetched_is_not_forgotten() {
    for error in [rejected(-2011), unknown_outcome()] {
        let mut bench = Bench::new();
        let id = bench.working();
        bench.event(id, VenueStatus::PartiallyFilled, "1", &[]);
        bench.cancel(id);
        bench.cancel_answered(id, Err(error));
        bench.out.clear();
        bench.fills(id, Ok(vec![fill(1, "1")]));
        assert!(bench.did().contains(&"query 0ns".to_owned()));
        bench.found(id, VenueStatus::PartiallyFilled, "1");
        assert_eq!(bench.did(), ["cancel", "cancel requested"]);
    }
}

#[test]
fn a_failing_cancel_is_not_sent_again_before_the_venue_was_asked() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.cancel(id);
    bench.cancel_answered(id, Err(VenueError::Network("down".into())));
    bench.out.clear();
    bench.cancel(id);
    bench.halt(Scope::Global);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.did(), [""; 0]);
    bench.found(id, VenueStatus::New, "0");
    assert_eq!(bench.did(), ["cancel", "cancel requested"]);
}

#[test]
fn a_cancel_whose_outcome_is_lost_is_a_fault_and_is_sent_again_when_the_order_still_stands() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.cancel(id);
    bench.out.clear();
    bench.cancel_answered(id, Err(unknown_outcome()));
    assert_eq!(
        bench.did(),
        ["query 250ms", "fault unknown_outcome of strategy a"]
    );
    bench.found(id, VenueStatus::New, "0");
    assert_eq!(bench.did(), ["cancel", "cancel requested"]);
}

#[test]
fn cancel_all_reaches_the_orders_of_its_own_strategy_only() {
    let mut bench = Bench::new();
    let own = bench.working();
    let command = bench.command("b", "ETHUSDT");
    let other = bench.send(command);
    bench.acknowledge(other);
    bench.out.clear();
    let command = CancelAll {
        strategy: strategy("a"),
        symbol: None,
    };
    bench.desk.cancel_all(command, bench.now, &mut bench.out);
    assert_eq!(bench.did(), ["cancel", "cancel requested"]);
    assert!(bench.desk.order(&own).unwrap().cancel_pending);
    assert!(!bench.desk.order(&other).unwrap().cancel_pending);
}

#[test]
fn a_strategy_that_cancels_anothers_order_is_at_fault() {
    let mut bench = Bench::new();
    let id = bench.working();
    let command = CancelOrder {
        id,
        strategy: strategy("b"),
    };
    bench.desk.cancel(command, bench.now, &mut bench.out);
    assert_eq!(bench.did(), ["fault strategy_error of strategy b"]);
}

#[test]
fn under_a_halt_nothing_but_cancels_goes_out_and_no_amendment() {
    let mut bench = Bench::new();
    let id = bench.working();
    let keep = |level| Reaction::new(level, RestingOrders::Keep);
    let amend = |bench: &mut Bench, size: &str| {
        let command = AmendOrder {
            id,
            strategy: strategy("a"),
            quantity: quantity(size),
        };
        bench.desk.amend(command, bench.now, &mut bench.out);
        bench.did()
    };
    bench.trip(Scope::Global, keep(HaltLevel::ReduceOnly));
    assert_eq!(amend(&mut bench, "1.5"), ["amend 1.5"], "it only reduces");
    bench.trip(Scope::Global, keep(HaltLevel::Halted));
    assert_eq!(amend(&mut bench, "1"), ["amend rejected 0"]);
    bench.cancel(id);
    assert_eq!(bench.did()[0], "cancel");
}

#[test]
fn an_amendment_only_reduces_an_open_order() {
    let mut bench = Bench::new();
    let id = bench.working();
    let amend = |bench: &mut Bench, size: &str| {
        let command = AmendOrder {
            id,
            strategy: strategy("a"),
            quantity: quantity(size),
        };
        bench.desk.amend(command, bench.now, &mut bench.out);
        bench.did()
    };
    assert_eq!(amend(&mut bench, "2"), ["amend rejected 0"]);
    assert_eq!(amend(&mut bench, "1.5"), ["amend 1.5"]);
    let mut report = bench.shown(id, VenueStatus::New, "0");
    report.quantity = quantity("1.5");
    bench
        .desk
        .amend_answered(id, Ok(report), bench.now, &mut bench.out);
    assert_eq!(bench.did(), ["amended 1.5"]);
    bench.event(id, VenueStatus::PartiallyFilled, "1", &[fill(1, "1")]);
    bench.out.clear();
    assert_eq!(amend(&mut bench, "1"), ["amend rejected 0"]);
    bench.event(id, VenueStatus::Filled, "1.5", &[fill(2, "0.5")]);
    bench.out.clear();
    assert_eq!(amend(&mut bench, "1.2"), ["amend rejected 0"]);
}

#[test]
fn news_that_cannot_be_true_is_a_fault_of_the_account() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.event(id, VenueStatus::Filled, "2", &[fill(1, "2")]);
    bench.out.clear();
    bench.event(id, VenueStatus::Canceled, "0", &[]);
    assert_eq!(
        bench.did(),
        ["fault order_contradiction of account main", "query 250ms"]
    );
    assert_eq!(bench.state(id), OrderState::Filled);
}

#[test]
fn a_very_late_duplicate_of_a_forgotten_order_is_nothing() {
    let mut bench = Bench::new();
    let first = bench.working();
    bench.event(first, VenueStatus::Canceled, "0", &[]);
    for _ in 0..SETTLED_KEPT {
        let id = bench.working();
        bench.event(id, VenueStatus::Canceled, "0", &[]);
    }
    assert!(bench.desk.order(&first).is_none(), "it is forgotten");
    bench.out.clear();
    bench.event(first, VenueStatus::Canceled, "0", &[]);
    assert_eq!(bench.did(), [""; 0]);
}

#[test]
fn every_fill_is_in_the_position_of_its_strategy_and_of_the_account() {
    let mut bench = Bench::new();
    let id = bench.working();
    let bought = bench.command("b", "BTCUSDT");
    let other = bench.send(bought);
    bench.event(id, VenueStatus::PartiallyFilled, "1", &[fill(1, "1")]);
    bench.event(id, VenueStatus::PartiallyFilled, "1", &[fill(1, "1")]);
    bench.event(
        other,
        VenueStatus::PartiallyFilled,
        "0.5",
        &[fill(2, "0.5")],
    );
    bench.found(id, VenueStatus::Filled, "2");
    bench.fills(id, Ok(vec![fill(1, "1"), fill(3, "1")]));
    let net = |position: &Position| position.net().to_string();
    let positions = bench.desk.positions();
    let own = positions.positions();
    let own: Vec<_> = own
        .map(|(strategy, position)| (strategy.to_string(), net(position)))
        .collect();
    assert_eq!(own, [("a".into(), "2".into()), ("b".into(), "0.5".into())]);
    let account: Vec<_> = positions.account_positions().map(net).collect();
    assert_eq!(account, ["2.5"]);
}

#[test]
fn a_fill_that_cannot_be_counted_is_a_fault_and_told_all_the_same() {
    let mut bench = Bench::new();
    let (id, other) = (bench.working(), bench.working());
    let strange = Fill {
        fee: Decimal::ONE, // in no asset
        ..fill(1, "1")
    };
    bench.event(id, VenueStatus::PartiallyFilled, "1", &[strange]);
    let told = [
        "fault position_uncertain of strategy a",
        "fill 1",
        "partially filled",
    ];
    assert_eq!(bench.did(), told);
    assert!(bench.desk.positions().positions().next().is_none());
    bench.event(id, VenueStatus::Filled, "2", &[fill(2, "1")]);
    assert_eq!(bench.did(), ["fill 2", "filled"]);
    // The trade of one order cannot be another's too.
    bench.event(other, VenueStatus::PartiallyFilled, "1", &[fill(2, "1")]);
    assert_eq!(
        bench.did()[..2],
        ["fault position_uncertain of strategy a", "fill 2"]
    );
    let position = bench
        .desk
        .positions()
        .position(strategy("a"), symbol("BTCUSDT"));
    assert_eq!(position.map(Position::fills), Some(1));
}
