//! Orders of others on the account.

use super::*;
use crate::messages::control::ForeignOrders;

fn web(number: u64) -> ClientOrderId {
    ClientOrderId::new(&format!("web_{number}")).unwrap()
}

fn shown(bench: &Bench, number: u64, status: VenueStatus) -> OrderReport {
    OrderReport {
        venue_id: VenueOrderId(1000 + number),
        source: ReportSource::Event,
        ..bench.shown(web(number), status, "0")
    }
}

fn event(bench: &mut Bench, number: u64, status: VenueStatus) {
    let report = shown(bench, number, status);
    bench.desk.report(report, bench.now, &mut bench.out);
}

fn bench(policy: ForeignOrders) -> Bench {
    let mut bench = Bench::new();
    bench.desk.foreign_policy(policy);
    bench.out.clear();
    bench
}

/// A desk that knows one open order of somebody else, and has told it.
fn with_one(policy: ForeignOrders) -> Bench {
    let mut bench = bench(policy);
    event(&mut bench, 1, VenueStatus::New);
    bench.out.clear();
    bench
}

#[test]
fn an_order_of_others_is_told_once_however_often_it_is_shown() {
    let mut bench = bench(ForeignOrders::Ignore);
    event(&mut bench, 1, VenueStatus::New);
    let written = bench.out.iter().filter(
        |effect| matches!(effect, Effect::Record(record) if record.kind() == "foreign_seen"),
    );
    assert_eq!(written.count(), 1);
    assert_eq!(bench.did(), ["foreign"]);
    for status in [VenueStatus::New, VenueStatus::PartiallyFilled] {
        event(&mut bench, 1, status);
        let open = shown(&bench, 1, status);
        bench.listed(Ok(vec![open]));
    }
    event(&mut bench, 1, VenueStatus::Canceled);
    event(&mut bench, 2, VenueStatus::Filled);
    assert_eq!(bench.did(), ["foreign"], "the other one");
    let ended = OrderReport {
        source: ReportSource::Query,
        ..shown(&bench, 3, VenueStatus::Filled)
    };
    bench.desk.report(ended, bench.now, &mut bench.out);
    assert_eq!(bench.did(), [""; 0], "what had ended before is history");
}

#[test]
fn it_is_known_until_it_ends_or_the_venue_lists_it_no_longer() {
    let mut bench = with_one(ForeignOrders::Ignore);
    event(&mut bench, 2, VenueStatus::New);
    event(&mut bench, 1, VenueStatus::Canceled);
    let open: Vec<_> = bench.desk.foreign().map(|report| report.id).collect();
    assert_eq!(open, [web(2)]);
    bench.pass(Duration::from_secs(1));
    let now = bench.now;
    let occasion = crate::journal::Occasion::Periodic;
    bench.desk.reconcile(occasion, now, &mut bench.out);
    bench.agree();
    assert_eq!(bench.desk.foreign().count(), 0);
}

#[test]
fn ignored_orders_are_left_alone_by_every_sweep() {
    let mut bench = with_one(ForeignOrders::Ignore);
    bench.halt(Scope::Global);
    assert_eq!(bench.did(), ["list 0ns"]);
    let open = shown(&bench, 1, VenueStatus::New);
    bench.listed(Ok(vec![open]));
    assert_eq!(bench.did(), ["swept 0"]);
}

#[test]
fn adopted_orders_are_cancelled_by_the_halts_that_they_are_in_the_scope_of() {
    let account = AccountId::new("main").unwrap();
    let venue = VenueId::new("binance").unwrap();
    for (scope, is_in) in [
        (Scope::Account(account), true),
        (Scope::Venue(venue), true),
        (Scope::Global, true),
        (Scope::Instrument(symbol("BTCUSDT")), true),
        (Scope::Instrument(symbol("ETHUSDT")), false),
        (Scope::Strategy(strategy("a")), false),
        (Scope::Account(AccountId::new("other").unwrap()), false),
    ] {
        let mut bench = with_one(ForeignOrders::Adopt);
        bench.halt(scope);
        let expected = if is_in { ["cancel"] } else { ["list 0ns"] };
        assert_eq!(bench.did(), expected, "{scope}");
    }
}

#[test]
fn a_sweep_of_adopted_orders_ends_only_when_the_venue_lists_none() {
    let mut bench = with_one(ForeignOrders::Adopt);
    bench.halt(Scope::Global);
    assert_eq!(bench.did(), ["cancel"]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.did(), [""; 0], "its answer is on the way");
    bench.cancel_answered(web(1), Err(unknown_outcome()));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.did(), ["cancel"], "again");
    bench.cancel_answered(web(1), Err(rejected(-2011)));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.did(), ["list 0ns"]);
    let open = shown(&bench, 1, VenueStatus::New);
    bench.listed(Ok(vec![open]));
    assert_eq!(bench.did(), ["cancel"]);
    event(&mut bench, 1, VenueStatus::Canceled);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.did(), ["list 0ns"]);
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["swept 1"]);
}

#[test]
fn what_a_person_places_while_it_is_halted_is_left_alone_and_so_is_everything_at_the_stop() {
    let mut bench = with_one(ForeignOrders::Adopt);
    bench.desk.stop();
    bench
        .desk
        .sweep(Scope::Global, None, bench.now, &mut bench.out);
    assert_eq!(bench.did(), ["list 0ns"]);
    let open = shown(&bench, 1, VenueStatus::New);
    bench.listed(Ok(vec![open]));
    assert_eq!(bench.did(), ["swept 0"]);

    let mut bench = super::foreign::bench(ForeignOrders::Adopt);
    bench.halt(Scope::Global);
    bench.out.clear();
    bench.pass(Duration::from_secs(1));
    event(&mut bench, 2, VenueStatus::New);
    let open = shown(&bench, 2, VenueStatus::New);
    bench.listed(Ok(vec![open]));
    assert_eq!(bench.did(), ["foreign", "swept 0"]);
}

#[test]
fn a_refused_order_is_a_fault_of_the_account_once() {
    let mut bench = bench(ForeignOrders::Refuse);
    event(&mut bench, 1, VenueStatus::New);
    assert_eq!(bench.did(), ["fault foreign_order of account main"]);
    event(&mut bench, 1, VenueStatus::PartiallyFilled);
    assert_eq!(bench.did(), [""; 0]);
}

#[test]
fn an_order_of_a_strategy_that_is_not_here_is_cancelled_by_a_halt_of_the_account() {
    use crate::journal::{Answered, JournalRecord, JournalState, PlacementAnswer};
    let mut bench = Bench::new();
    let id = of_run(1_700_000_000_000, "gone", 1);
    let mut command = bench.command("a", "BTCUSDT");
    command.id = id;
    command.strategy = strategy("gone");
    let account = command.account;
    let taken = PlacementAnswer::Taken(OrderReport {
        id,
        ..bench.shown(id, VenueStatus::New, "0")
    });
    let answered = Answered {
        id,
        account,
        answer: taken,
    };
    let records = [JournalRecord::Intent(command), answered.into()];
    let state = JournalState::fold(records.iter().map(|record| (bench.now, record)));
    bench.desk.restore(state, bench.now, &mut bench.out);
    bench.out.clear();
    bench.halt(Scope::Account(account));
    assert_eq!(bench.did(), ["cancel", "cancel requested"]);
}

#[test]
fn an_order_of_ours_that_others_cancel_halts_its_strategy_once() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.out.clear();
    bench.event(id, VenueStatus::Canceled, "0", &[]);
    let elsewhere = "fault canceled_elsewhere of strategy a";
    assert_eq!(bench.did(), ["canceled", elsewhere]);
    bench.event(id, VenueStatus::Canceled, "0", &[]);
    assert_eq!(bench.did(), [""; 0]);
}

#[test]
fn an_order_that_this_engine_cancels_is_no_fault_and_one_that_others_had_cancelled_before_is() {
    let elsewhere = "fault canceled_elsewhere of strategy a";
    let mut bench = Bench::new();
    let asked = bench.working();
    bench.cancel(asked);
    bench.out.clear();
    bench.event(asked, VenueStatus::Canceled, "0", &[]);
    assert_eq!(bench.did(), ["canceled"]);
    let answer = bench.shown(asked, VenueStatus::Canceled, "0");
    bench.cancel_answered(asked, Ok(answer));
    assert_eq!(bench.did(), [""; 0]);

    // The venue refuses to cancel it again: after the event, and before the query that finds it.
    let early = bench.working();
    bench.cancel(early);
    bench.event(early, VenueStatus::Canceled, "0", &[]);
    bench.out.clear();
    bench.cancel_answered(early, Err(rejected(-2011)));
    assert_eq!(bench.did(), [elsewhere]);
    let late = bench.working();
    bench.cancel(late);
    bench.cancel_answered(late, Err(rejected(-2011)));
    bench.out.clear();
    bench.found(late, VenueStatus::Canceled, "0");
    assert_eq!(bench.did(), ["canceled", elsewhere]);

    // One whose own cancel may have arrived.
    let lost = bench.working();
    bench.cancel(lost);
    bench.cancel_answered(lost, Err(unknown_outcome()));
    bench.out.clear();
    bench.found(lost, VenueStatus::Canceled, "0");
    assert_eq!(bench.did(), ["canceled"]);
}

#[test]
fn while_a_strategy_is_halted_whoever_clears_up_is_no_fault() {
    let mut bench = Bench::new();
    let swept = bench.working();
    let keep = Reaction::new(HaltLevel::Halted, RestingOrders::Keep);
    bench.trip(Scope::Global, keep);
    bench.out.clear();
    bench.event(swept, VenueStatus::Canceled, "0", &[]);
    assert_eq!(bench.did(), ["canceled"]);
}

#[test]
fn what_an_earlier_run_may_have_cancelled_itself_is_no_news() {
    let mut bench = Bench::unasked();
    let id = of_run(1_700_000_000_000, "a", 1);
    let open = OrderReport {
        terms: Some(bench.command("a", "BTCUSDT").terms),
        ..bench.shown(id, VenueStatus::New, "0")
    };
    bench.listed(Ok(vec![open]));
    bench.out.clear();
    bench.event(id, VenueStatus::Canceled, "0", &[]);
    assert_eq!(bench.did(), ["canceled"]);
}
