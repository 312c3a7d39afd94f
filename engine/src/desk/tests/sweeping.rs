//! Sweeps: what a halt does with the orders that stand.

use super::*;

const A: &str = "a";

fn scope() -> Scope {
    Scope::Strategy(strategy(A))
}

fn canceled(bench: &mut Bench, id: ClientOrderId) {
    let report = bench.shown(id, VenueStatus::Canceled, "0");
    bench.cancel_answered(id, Ok(report));
}

#[test]
fn a_sweep_ends_only_when_the_venues_listing_shows_none() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.halt(scope());
    assert_eq!(bench.did(), ["cancel", "cancel requested"]);
    canceled(&mut bench, id);
    assert_eq!(bench.did(), ["canceled", "list 0ns"]);
    // The listing shows the order still: it is stale, or this side's picture is wrong.
    let stale = bench.shown(id, VenueStatus::New, "0");
    bench.listed(Ok(vec![stale]));
    assert_eq!(bench.did(), ["cancel", "list 500ms"]);
    assert_eq!(bench.desk.sweeps().len(), 1);
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["swept 1"]);
    assert!(bench.desk.sweeps().is_empty());
}

#[test]
fn a_failed_listing_is_never_read_as_none() {
    let mut bench = Bench::new();
    bench.halt(scope());
    assert_eq!(bench.did(), ["list 0ns"]);
    for _ in 0..3 {
        bench.listed(Err(VenueError::Timeout(Duration::from_secs(1))));
        assert_eq!(bench.did(), ["list 1s"]);
    }
    assert_eq!(bench.desk.sweeps().len(), 1);
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["swept 0"]);
}

#[test]
fn an_order_acknowledged_after_the_halt_is_cancelled() {
    let mut bench = Bench::new();
    let id = bench.place();
    bench.out.clear();
    bench.halt(scope());
    assert_eq!(bench.did(), [""; 0], "it is in flight, so nothing is swept");
    bench.acknowledge(id);
    assert_eq!(bench.did(), ["accepted", "cancel", "cancel requested"]);
    canceled(&mut bench, id);
    assert_eq!(bench.did(), ["canceled", "list 0ns"]);
}

#[test]
fn an_uncertain_order_keeps_the_sweep_until_the_venue_has_told() {
    let mut bench = Bench::new();
    let id = bench.uncertain();
    bench.halt(scope());
    bench.listed(Ok(Vec::new()));
    assert_eq!(
        bench.did(),
        [""; 0],
        "an empty listing may be older than the order"
    );
    assert_eq!(bench.desk.sweeps().len(), 1);
    bench.found(id, VenueStatus::New, "0");
    assert_eq!(bench.did(), ["accepted", "cancel", "cancel requested"]);
    canceled(&mut bench, id);
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["canceled", "list 0ns", "swept 1"]);
}

#[test]
fn an_uncertain_order_that_never_arrived_ends_the_sweep_too() {
    let mut bench = Bench::new();
    let id = bench.uncertain();
    bench.halt(scope());
    bench.pass(SETTLE * 2);
    bench.not_found(id);
    bench.not_found(id);
    bench.listed(Ok(Vec::new()));
    let did = bench.did();
    assert_eq!(did[did.len() - 1], "swept 1", "{did:?}");
}

#[test]
fn an_order_that_filled_during_the_sweep_is_delivered_and_the_sweep_goes_on() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.halt(scope());
    bench.out.clear();
    bench.event(id, VenueStatus::Filled, "2", &[fill(1, "2")]);
    assert_eq!(bench.did(), ["fill 1", "filled", "list 0ns"]);
    bench.cancel_answered(id, Err(rejected(-2011)));
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["swept 1"]);
}

#[test]
fn a_listing_that_shows_an_order_of_an_earlier_run_has_it_cancelled() {
    let mut bench = Bench::new();
    bench.halt(scope());
    bench.out.clear();
    let id = of_run(1, A, 3);
    let report = bench.shown(id, VenueStatus::New, "0");
    bench.listed(Ok(vec![report]));
    let did = bench.did();
    assert!(did.contains(&"cancel".to_owned()), "{did:?}");
    assert_eq!(bench.desk.sweeps().len(), 1);
    canceled(&mut bench, id);
    bench.listed(Ok(Vec::new()));
    assert!(bench.desk.sweeps().is_empty());
}

#[test]
fn a_sweep_reaches_exactly_the_orders_of_its_scope() {
    let cases = [
        (scope(), [true, false]),
        (Scope::Instrument(symbol("ETHUSDT")), [false, true]),
        (
            Scope::Account(AccountId::new("main").unwrap()),
            [true, true],
        ),
        (Scope::Global, [true, true]),
    ];
    for (scope, expected) in cases {
        let mut bench = Bench::new();
        let one = bench.working();
        let command = bench.command("b", "ETHUSDT");
        let two = bench.send(command);
        bench.acknowledge(two);
        bench.halt(scope);
        let pending = [one, two].map(|id| bench.desk.order(&id).unwrap().cancel_pending);
        assert_eq!(pending, expected, "{scope}");
    }
}

#[test]
fn a_halt_that_keeps_resting_orders_cancels_none() {
    let mut bench = Bench::new();
    bench.working();
    let reaction = Reaction::new(HaltLevel::Halted, RestingOrders::Keep);
    bench.trip(scope(), reaction);
    assert_eq!(bench.did(), [""; 0]);
}

#[test]
fn what_is_placed_after_a_resume_is_none_of_the_sweeps_business() {
    let mut bench = Bench::new();
    let old = bench.working();
    bench.halt(scope());
    bench.resume(scope());
    let new = bench.working();
    assert!(!bench.desk.order(&new).unwrap().cancel_pending);
    canceled(&mut bench, old);
    assert_eq!(bench.did(), ["canceled", "list 0ns"]);
    let report = bench.shown(new, VenueStatus::New, "0");
    bench.listed(Ok(vec![report]));
    assert_eq!(bench.did(), ["swept 1"]);
    assert_eq!(bench.state(new), OrderState::Working);
}

#[test]
fn a_sweep_that_does_not_end_is_told_to_a_person_once() {
    let mut bench = Bench::new();
    bench.working();
    bench.halt(scope());
    bench.out.clear();
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.did(), [""; 0]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.did(), ["fault cancel_unconfirmed of account main"]);
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.did(), [""; 0]);
}

#[test]
fn two_sweeps_end_each_for_itself() {
    let mut bench = Bench::new();
    let one = bench.working();
    let command = bench.command("b", "ETHUSDT");
    let two = bench.send(command);
    bench.acknowledge(two);
    bench.halt(scope());
    bench.halt(Scope::Global);
    canceled(&mut bench, one);
    bench.out.clear();
    let open = bench.shown(two, VenueStatus::New, "0");
    bench.listed(Ok(vec![open]));
    assert!(bench.did().contains(&"swept 1".to_owned()));
    assert_eq!(bench.desk.sweeps().len(), 1);
    canceled(&mut bench, two);
    bench.out.clear();
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["swept 2"]);
}

#[test]
fn a_flood_of_faults_lists_the_open_orders_once() {
    let mut bench = Bench::new();
    bench.halt(scope());
    assert_eq!(bench.did(), ["list 0ns"]);
    for _ in 0..5 {
        bench.halt(scope());
    }
    assert_eq!(bench.did(), [""; 0]);
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["swept 0"]);
    bench.pass(Duration::from_secs(3));
    bench.halt(scope());
    assert_eq!(bench.did(), ["list 0ns"], "that was long ago");
}

#[test]
fn failed_listings_of_a_start_and_of_sweeps_do_not_multiply() {
    let mut bench = Bench::new();
    bench.desk.list_open(&mut bench.out);
    assert_eq!(bench.did(), ["list 0ns"]);
    for scope in [scope(), Scope::Global] {
        bench.halt(scope);
        assert_eq!(bench.did(), [""; 0], "the start's listing is under way");
    }
    for _ in 0..10 {
        bench.listed(Err(VenueError::Timeout(Duration::from_secs(1))));
        assert_eq!(bench.did(), ["list 1s"]);
    }
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["list 0ns"], "it began before the halts");
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["swept 0", "swept 0"]);
}

#[test]
fn a_stop_sweeps_everything_and_places_nothing_more() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.desk.stop();
    bench
        .desk
        .sweep(Scope::Global, None, bench.now, &mut bench.out);
    assert_eq!(bench.did(), ["cancel", "cancel requested"]);
    bench.place();
    assert_eq!(bench.did(), ["denied: the engine is stopping"]);
    canceled(&mut bench, id);
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["canceled", "list 0ns", "swept 1"]);
}

#[test]
fn a_stop_waits_for_fills_that_are_missing() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.desk.stop();
    bench
        .desk
        .sweep(Scope::Global, None, bench.now, &mut bench.out);
    bench.out.clear();
    bench.event(id, VenueStatus::Filled, "2", &[]);
    assert_eq!(bench.did(), ["fetch 1s"], "filled, and by which trades?");
    bench.fills(id, Ok(vec![fill(1, "2")]));
    assert_eq!(bench.did(), ["fill 1", "filled", "list 0ns"]);
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["swept 1"]);
}
