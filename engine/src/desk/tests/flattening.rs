//! Flattening: cancel, confirm, and only then exits, never beyond the position, until it is closed or told.

use proptest::prelude::*;

use super::reducing::{Step, Venue, step};
use super::*;
use crate::journal::{Flattened, JournalRecord, JournalState};

const FLATTEN: Reaction = Reaction::new(HaltLevel::Halted, RestingOrders::Flatten);

fn scope() -> Scope {
    Scope::Strategy(strategy("a"))
}

/// A strategy that has bought so many lots.
fn long(lots: i64) -> Venue {
    let mut venue = Venue::new();
    assert!(venue.place(Side::Buy, lots));
    venue.run(&Step::Acknowledge(0));
    venue.run(&Step::Trade(0, lots, true));
    venue.bench.out.clear();
    venue
}

/// The exits that the desk has sent since the last look, with terms.
fn exits(venue: &mut Venue) -> Vec<NewOrder> {
    venue.sent.clear();
    venue.take_orders();
    venue.bench.out.clear();
    for approved in &venue.sent {
        assert_eq!(approved.purpose(), crate::halt::Purpose::Exit);
        assert!(approved.get().id.is_exit());
    }
    venue
        .sent
        .iter()
        .map(|approved| approved.get().terms)
        .collect()
}

fn report(venue: &Venue) -> Option<Flattened> {
    venue.bench.out.iter().find_map(|effect| match effect {
        Effect::Flattened(report) => Some(report.clone()),
        _ => None,
    })
}

fn tick(venue: &mut Venue) {
    venue.bench.pass(Duration::from_millis(500));
}

#[test]
fn exits_go_out_when_the_venue_has_confirmed_the_cancels_and_not_before() {
    let mut venue = long(1_000);
    assert!(venue.place(Side::Sell, 300));
    venue.run(&Step::Acknowledge(1));
    venue.bench.trip(scope(), FLATTEN);
    tick(&mut venue);
    assert_eq!(exits(&mut venue), [], "the cancel is not confirmed");
    venue.run(&Step::End(1));
    tick(&mut venue);
    assert_eq!(exits(&mut venue), [], "the venue's list has not told");
    let gate = venue
        .bench
        .desk
        .gate(strategy("a"))
        .unwrap()
        .to(crate::halt::Purpose::Exit);
    assert_eq!(gate.held(), Some(HaltLevel::Halted));
    venue.bench.listed(Ok(Vec::new()));
    let sent = exits(&mut venue);
    assert_eq!(sent.len(), 1);
    let NewOrder {
        side,
        quantity: size,
        price,
        time_in_force,
        ..
    } = sent[0];
    assert_eq!((side, size), (Side::Sell, quantity("1")));
    assert_eq!(
        price,
        Some("9.9".parse().unwrap()),
        "one percent below the reference"
    );
    assert_eq!(time_in_force, Some(crate::order::TimeInForce::Ioc));
    assert_eq!(gate.held(), None, "exits of a flatten go by it");
    let entries = venue.bench.desk.gate(strategy("a")).unwrap();
    assert_eq!(entries.held(), Some(HaltLevel::Halted));
    tick(&mut venue);
    assert_eq!(exits(&mut venue), [], "one at a time");
    // Part of it is executed, the rest expires: again for what is left.
    venue.run(&Step::Trade(2, 400, true));
    venue.run(&Step::End(2));
    tick(&mut venue);
    assert_eq!(exits(&mut venue)[0].quantity, quantity("0.6"));
    venue.run(&Step::Trade(3, 600, true));
    tick(&mut venue);
    let done = report(&venue).unwrap();
    assert_eq!((done.exits, done.left), (2, Vec::new()));
    assert_eq!(
        gate.held(),
        Some(HaltLevel::Halted),
        "no exit without a flatten"
    );
    assert!(venue.bench.desk.health().flattening.is_empty());
}

#[test]
fn a_short_position_is_bought_back_and_each_instrument_has_its_own_exit() {
    let mut venue = Venue::new();
    assert!(venue.place(Side::Sell, 500));
    venue.run(&Step::Trade(0, 500, true));
    venue
        .bench
        .trip(Scope::Instrument(symbol("ETHUSDT")), FLATTEN);
    venue.bench.listed(Ok(Vec::new()));
    tick(&mut venue);
    assert_eq!(exits(&mut venue), [], "another instrument's flatten");
    venue
        .bench
        .trip(Scope::Instrument(symbol("BTCUSDT")), FLATTEN);
    venue.bench.listed(Ok(Vec::new()));
    let sent = exits(&mut venue);
    assert_eq!(
        (sent[0].side, sent[0].quantity),
        (Side::Buy, quantity("0.5"))
    );
    assert_eq!(sent[0].price, Some("10.1".parse().unwrap()));
    assert_eq!(sent.len(), 1);
}

#[test]
fn what_cannot_be_closed_is_told_with_its_reason() {
    let mut venue = long(1_000);
    venue.bench.desk.flatten_by(FlattenSettings {
        attempts: 2,
        ..FlattenSettings::default()
    });
    venue.bench.trip(scope(), FLATTEN);
    venue.bench.listed(Ok(Vec::new()));
    for at in 1..=2 {
        assert_eq!(exits(&mut venue).len(), 1);
        venue.run(&Step::End(at));
        tick(&mut venue);
    }
    let done = report(&venue).unwrap();
    assert_eq!(done.left[0].net, Decimal::ONE);
    assert_eq!(done.left[0].why, "2 exits have not closed it");

    // Without a fresh price nothing goes out, until the time is over.
    let mut venue = long(1_000);
    venue.bench.desk.set_reference(symbol("BTCUSDT"), None);
    venue.bench.trip(scope(), FLATTEN);
    venue.bench.listed(Ok(Vec::new()));
    tick(&mut venue);
    assert_eq!((exits(&mut venue).len(), report(&venue)), (0, None));
    let waiting = venue.bench.desk.health().flattening[&scope()].clone();
    assert_eq!(waiting.left[0].why, "there is no fresh price of it");
    venue.bench.pass(Duration::from_secs(61));
    let done = report(&venue).unwrap();
    assert_eq!(
        done.left[0].why,
        "not closed within 60s: there is no fresh price of it"
    );

    // Less than the venue takes.
    let done = with_a_fee("0.0003");
    assert_eq!(done.left[0].net, "0.0005".parse().unwrap());
    assert!(
        done.left[0].why.contains("below the venue's minimum"),
        "{}",
        done.left[0].why
    );
}

/// What a flatten reports whose exit has sold 0.9995 of 1 BTC, and paid its fee in BTC.
fn with_a_fee(fee: &str) -> Flattened {
    let mut venue = long(1_000);
    venue.bench.trip(scope(), FLATTEN);
    venue.bench.listed(Ok(Vec::new()));
    let most = Fill {
        fee: fee.parse().unwrap(),
        fee_asset: Some("BTC".parse().unwrap()),
        ..fill(77, "0.9995")
    };
    exits(&mut venue);
    let id = venue.orders[1].id;
    venue
        .bench
        .event(id, VenueStatus::Expired, "0.9995", &[most]);
    tick(&mut venue);
    report(&venue).unwrap()
}

#[test]
fn a_position_of_which_only_the_fees_are_left_is_flat() {
    assert_eq!(with_a_fee("0.0005").left, []);
}

#[test]
fn a_strategy_is_flat_only_when_every_fill_of_its_ended_orders_is_known() {
    // The answer to the cancel shows a part as executed before the event of its fill comes.
    let mut venue = Venue::new();
    assert!(venue.place(Side::Buy, 1_000));
    venue.run(&Step::Acknowledge(0));
    venue.run(&Step::Trade(0, 300, false));
    venue.bench.trip(scope(), FLATTEN);
    venue.run(&Step::End(0));
    venue.bench.listed(Ok(Vec::new()));
    tick(&mut venue);
    assert_eq!(report(&venue), None, "a fill is on its way");
    venue.run(&Step::Fetch(0));
    tick(&mut venue);
    assert_eq!(exits(&mut venue)[0].quantity, quantity("0.3"));
    venue.run(&Step::Trade(1, 300, true));
    tick(&mut venue);
    let done = report(&venue).unwrap();
    assert_eq!((done.exits, done.left), (1, Vec::new()));
}

#[test]
fn what_is_too_small_to_be_closed_is_looked_at_again_when_a_late_fill_has_enlarged_it() {
    let mut venue = Venue::new();
    assert!(venue.place(Side::Buy, 1_000));
    let id = venue.orders[0].id;
    venue.bench.event(
        id,
        VenueStatus::PartiallyFilled,
        "0.0004",
        &[fill(90, "0.0004")],
    );
    venue.bench.trip(scope(), FLATTEN);
    venue.bench.event(id, VenueStatus::Canceled, "0.5004", &[]);
    venue.bench.listed(Ok(Vec::new()));
    tick(&mut venue);
    assert_eq!((exits(&mut venue), report(&venue)), (Vec::new(), None));
    let both = vec![fill(90, "0.0004"), fill(91, "0.5")];
    venue.bench.fills(id, Ok(both));
    tick(&mut venue);
    assert_eq!(exits(&mut venue)[0].quantity, quantity("0.5"));
}

#[test]
fn a_further_fault_does_not_lose_a_flatten_and_no_precondition_is_passed_over() {
    let mut venue = long(1_000);
    venue.bench.trip(scope(), FLATTEN);
    venue.bench.halt(scope());
    venue.bench.listed(Ok(Vec::new()));
    assert_eq!(exits(&mut venue).len(), 1);
    venue.run(&Step::End(1));
    type Change = fn(&mut Bench);
    let steps: [(Change, Change); 3] = [
        (
            |bench| bench.desk.set_clock_good(false),
            |bench| bench.desk.set_clock_good(true),
        ),
        (|bench| bench.stream_down(), |bench| bench.stream_up()),
        (
            |bench| bench.desk.set_reference(symbol("BTCUSDT"), None),
            |bench| {
                bench
                    .desk
                    .set_reference(symbol("BTCUSDT"), Some("10".parse().unwrap()))
            },
        ),
    ];
    for (at, (take, give)) in steps.into_iter().enumerate() {
        take(&mut venue.bench);
        tick(&mut venue);
        assert_eq!(exits(&mut venue), [], "{at}");
        give(&mut venue.bench);
        tick(&mut venue);
        assert_eq!(exits(&mut venue).len(), 1, "{at}");
        venue.run(&Step::End(2 + at));
    }
    venue.bench.desk.stop();
    tick(&mut venue);
    assert_eq!(
        (exits(&mut venue).len(), report(&venue)),
        (0, None),
        "the next run goes on"
    );
}

#[test]
fn an_unfinished_flatten_goes_on_in_the_next_run_once_everything_is_reconciled() {
    let mut first = long(1_000);
    let incident = first.bench.trip(scope(), FLATTEN);
    let filled = crate::journal::Filled {
        id: first.orders[0].id,
        account: AccountId::new("main").unwrap(),
        venue: VenueId::new("binance").unwrap(),
        symbol: symbol("BTCUSDT"),
        side: Side::Buy,
        pair: Some(Pair::of(&instrument("BTCUSDT"))),
        fill: Fill {
            at: first.bench.now,
            ..fill(1, "1")
        },
    };
    let halted = crate::journal::Halted {
        incident: incident.clone(),
        epoch: 1,
    };
    let at = Timestamp::from_millis(1);
    let started = crate::journal::RunStarted {
        run: first.bench.run,
        engine: "test".into(),
        configuration: String::new(),
        durability: crate::journal::Durability::Process,
        live: false,
    };
    let mut records: Vec<JournalRecord> = vec![started.into(), filled.into(), halted.into()];
    let fold =
        |records: &[JournalRecord]| JournalState::fold(records.iter().map(|record| (at, record)));
    let restart = |state: JournalState| {
        let mut venue = Venue::new();
        venue.bench = Bench::restarted(state.halts.scopes(), incident.id);
        let now = venue.bench.now;
        venue.bench.desk.restore(state, now, &mut venue.bench.out);
        venue
    };
    let mut venue = restart(fold(&records));
    assert_eq!(
        venue.bench.did(),
        [
            "found: the flatten of strategy a was not finished in an earlier run",
            "list 0ns"
        ]
    );
    venue.bench.listed(Ok(Vec::new()));
    tick(&mut venue);
    assert_eq!(exits(&mut venue), [], "nothing is reconciled");
    venue.bench.stream_up();
    tick(&mut venue);
    let health = venue.bench.desk.health();
    assert_eq!(exits(&mut venue).len(), 1, "{health:?}");
    venue.run(&Step::Trade(0, 1_000, true));
    tick(&mut venue);
    let done = report(&venue).unwrap();
    assert_eq!(done.left, []);

    records.push(done.into());
    let mut venue = restart(fold(&records));
    assert_eq!(
        venue.bench.did(),
        ["list 0ns"],
        "it has ended: the halt stands and sweeps"
    );
    venue.bench.stream_up();
    venue.bench.listed(Ok(Vec::new()));
    tick(&mut venue);
    assert_eq!(exits(&mut venue), []);
}

/// What the venue lists.
fn open(venue: &Venue) -> Vec<OrderReport> {
    let open = venue.orders.iter().filter(|order| order.open);
    open.map(|order| {
        let executed = Decimal::from(0).to_string();
        venue.bench.shown(order.id, VenueStatus::New, &executed)
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn whatever_happens_to_exits_none_goes_beyond_the_position(
        before in prop::collection::vec(step(), 0..14),
        during in prop::collection::vec(step(), 1..40),
    ) {
        let mut venue = Venue::new();
        before.iter().for_each(|step| venue.run(step));
        venue.bench.trip(scope(), FLATTEN);
        let mut last: Option<Decimal> = None;
        let ends = (0..400).map(|at| match at % 4 {
            0 => Step::Fetch(at / 4),
            1 => Step::End(at / 4),
            2 => Step::Show(at / 4),
            _ => Step::Pass(2_000),
        });
        for step in during.iter().cloned().chain(ends) {
            if let Step::Place(..) = step {
                venue.bench.listed(Ok(open(&venue)));
            } else {
                venue.run(&step);
            }
            let net = venue.net();
            let first = venue.orders.len();
            venue.take_orders();
            for at in first..venue.orders.len() {
                let exit = &venue.orders[at];
                prop_assert!(exit.id.is_exit());
                let others = venue.orders[..at].iter().filter(|order| order.open && !order.id.is_exit());
                prop_assert_eq!(others.count(), 0, "everything else is gone first");
                let side = exit.side;
                let under_way: Decimal = venue.orders.iter().filter(|one| one.side == side).map(|one| one.rest()).sum();
                let reducible = match side { Side::Sell => net, Side::Buy => -net };
                prop_assert!(under_way <= reducible, "{} of {}", under_way, net);
                last = Some(net);
            }
            if let Some(before) = last {
                prop_assert!(net.abs() <= before.abs(), "from {} to {}", before, net);
                prop_assert!(net.is_zero() || net.is_sign_negative() == before.is_sign_negative());
                last = Some(net);
            }
        }
    }
}
