//! C12: losses, confirmed by three observations, never undone by themselves, and held against an oracle.

use proptest::prelude::*;

use super::*;
use crate::journal::{JournalRecord, JournalState};

const DAY: u64 = 86_400_000;

impl Bench {
    /// A second later BTCUSDT stands at this price, and the desk looks.
    fn marked(&mut self, at: &str) {
        self.wait(1_000);
        self.desk.set_reference(symbol("BTCUSDT"), Some(price(at)));
        self.desk.tick(self.now, &mut self.out);
    }

    /// Strategy `a` has bought, at this price.
    fn bought(&mut self, size: &str, at: &str) {
        let trade = self.sequence + 100;
        let id = self.buy(size, at).unwrap();
        let fill = Fill {
            price: price(at),
            at: self.now,
            ..fill(trade, size)
        };
        self.event(id, VenueStatus::Filled, size, &[fill]);
    }

    /// What losses were raised since the effects were looked at last; each is given to the board, as the
    /// gateway does.
    fn losses(&mut self) -> Vec<(FaultKind, Scope)> {
        let mut raised = Vec::new();
        for effect in std::mem::take(&mut self.out) {
            if let Effect::Raise(fault) = effect {
                raised.push((fault.kind, fault.scope));
                self.board.trip(fault, &HaltPolicy::default());
            }
        }
        raised
    }

    fn marks(&mut self) -> Vec<(Timestamp, JournalRecord)> {
        let now = self.now;
        let records = self.out.iter().filter_map(|effect| match effect {
            Effect::Record(record @ JournalRecord::LossMarked(_)) => Some((now, record.clone())),
            _ => None,
        });
        records.collect()
    }
}

fn of_strategy() -> Scope {
    Scope::Strategy(strategy("a"))
}

#[test]
fn a_loss_that_three_observations_confirm_halts_the_strategy() {
    let mut bench = Bench::limited(&["strategy:a day_loss_halt 4"]);
    bench.marked("10");
    bench.bought("2", "10");
    bench.marked("8.1");
    bench.marked("8");
    bench.marked("8");
    assert_eq!(bench.losses(), [], "3.8, then twice 4");
    bench.marked("8");
    assert_eq!(bench.losses(), [(FaultKind::LossLimit, of_strategy())]);
}

#[test]
fn a_phantom_price_is_no_loss() {
    let mut bench = Bench::limited(&["strategy:a day_loss_halt 4"]);
    bench.marked("10");
    bench.bought("2", "10");
    for _ in 0..5 {
        bench.marked("1");
        bench.marked("1");
        bench.marked("10");
    }
    // The same price that is looked at more than once in a second is one observation.
    bench.marked("1");
    for _ in 0..10 {
        bench
            .desk
            .set_reference(symbol("BTCUSDT"), Some(price("1")));
        bench.desk.tick(bench.now, &mut bench.out);
    }
    // Nor is a look without a new price.
    for _ in 0..10 {
        bench.pass(Duration::from_secs(1));
    }
    assert_eq!(bench.losses(), []);
}

#[test]
fn the_first_threshold_stops_entries_and_the_second_everything() {
    let mut bench = Bench::limited(&["account drawdown_reduce 4", "global drawdown_halt 8"]);
    bench.marked("10");
    bench.bought("2", "10");
    (0..3).for_each(|_| bench.marked("12"));
    (0..3).for_each(|_| bench.marked("10"));
    let account = Scope::Account(bench.desk.account());
    assert_eq!(
        bench.losses(),
        [(FaultKind::LossReduce, account)],
        "4 below the peak"
    );
    let level = |bench: &Bench, scope| bench.board.standing(&scope).unwrap().level;
    assert_eq!(level(&bench, account), HaltLevel::ReduceOnly);
    (0..3).for_each(|_| bench.marked("8"));
    assert_eq!(bench.losses(), [(FaultKind::LossLimit, Scope::Global)]);
    assert_eq!(level(&bench, Scope::Global), HaltLevel::Halted);
}

#[test]
fn a_loss_halt_stands_when_the_price_comes_back_and_comes_again_after_a_resume_while_it_lasts() {
    let mut bench = Bench::limited(&["strategy:a day_loss_halt 4"]);
    bench.marked("10");
    bench.bought("2", "10");
    let mut told = Vec::new();
    for _ in 0..9 {
        bench.marked("8");
        told.extend(bench.losses());
    }
    assert_eq!(told, [(FaultKind::LossLimit, of_strategy())], "told once");
    (0..9).for_each(|_| bench.marked("10"));
    let denied = bench.place_terms(
        "a",
        NewOrder::limit(symbol("BTCUSDT"), Side::Buy, quantity("1"), price("10")),
    );
    assert_eq!(denied, Err(DenialReason::Halted(HaltLevel::Halted)));
    bench.resume(of_strategy());
    assert!(bench.buy("1", "10").is_ok());
    (0..2).for_each(|_| bench.marked("8"));
    bench.losses();
    bench.marked("8");
    assert_eq!(bench.losses(), [(FaultKind::LossLimit, of_strategy())]);
    bench.resume(of_strategy());
    bench.marked("8");
    assert_eq!(
        bench.losses(),
        [(FaultKind::LossLimit, of_strategy())],
        "it is still lost"
    );
}

#[test]
fn a_phantom_price_is_no_peak() {
    let mut bench = Bench::limited(&["account drawdown_halt 4"]);
    bench.marked("10");
    bench.bought("2", "10");
    bench.marked("10");
    (0..2).for_each(|_| bench.marked("20"));
    (0..9).for_each(|_| bench.marked("10"));
    assert_eq!(
        bench.losses(),
        [],
        "it has not lasted for three observations"
    );
    (0..3).for_each(|_| bench.marked("20"));
    (0..3).for_each(|_| bench.marked("10"));
    let account = Scope::Account(bench.desk.account());
    assert_eq!(bench.losses(), [(FaultKind::LossLimit, account)]);
}

#[test]
fn a_new_day_begins_with_the_middle_one_of_its_first_three_observations() {
    let mut bench = Bench::limited(&["strategy:a day_loss_halt 4"]);
    bench.marked("10");
    bench.bought("2", "10");
    (0..5).for_each(|_| bench.marked("8.5"));
    assert_eq!(bench.losses(), [], "3 on this day");
    bench.wait(DAY);
    for price in ["1", "8.5", "8.5"] {
        bench.marked(price);
    }
    (0..5).for_each(|_| bench.marked("7"));
    assert_eq!(bench.losses(), [], "3 on this day too");
    (0..3).for_each(|_| bench.marked("6.5"));
    assert_eq!(bench.losses(), [(FaultKind::LossLimit, of_strategy())]);
}

#[test]
fn a_loss_that_was_counted_in_another_asset_counts_anew_and_a_person_is_told() {
    let given = ["strategy:a day_loss_halt 4"];
    let mut bench = Bench::limited(&given);
    bench.marked("10");
    let mut marked = bench.marks();
    for (_, record) in &mut marked {
        if let JournalRecord::LossMarked(marked) = record {
            assert_eq!(marked.mark.asset, Some("USDT".parse().unwrap()));
            marked.mark.asset = Some("BTC".parse().unwrap());
            marked.mark.begin = "1000".parse().unwrap();
        }
    }
    let earlier = JournalState::fold(marked.iter().map(|(at, record)| (*at, record)));
    let mut next = Bench::limited(&given);
    let (now, out) = (next.now, &mut next.out);
    next.desk.restore(earlier, now, out);
    let told = next.out.iter().any(
        |effect| matches!(effect, Effect::Found { text, .. } if text.contains("counted in BTC")),
    );
    assert!(told, "{:?}", next.out);
    (0..4).for_each(|_| next.marked("10"));
    assert_eq!(next.losses(), [], "1000 BTC are not 1000 USDT");
}

#[test]
fn a_restart_goes_on_with_the_day_and_the_peak() {
    let given = ["strategy:a day_loss_halt 4", "account drawdown_halt 6"];
    let mut bench = Bench::limited(&given);
    let mut records = Vec::new();
    bench.marked("10");
    records.extend(bench.marks());
    bench.bought("2", "10");
    let filled = bench.out.iter().filter_map(|effect| match effect {
        Effect::Record(record @ JournalRecord::Filled(_)) => Some((bench.now, record.clone())),
        _ => None,
    });
    records.extend(filled.collect::<Vec<_>>());
    bench.out.clear();
    (0..3).for_each(|_| bench.marked("12"));
    records.extend(bench.marks());
    assert_eq!(records.len(), 4, "{records:?}");
    let earlier = JournalState::fold(records.iter().map(|(at, record)| (*at, record)));

    let mut next = Bench::limited(&given);
    next.now = bench.now;
    let (now, out) = (next.now, &mut next.out);
    next.desk.restore(earlier, now, out);
    next.out.clear();
    (0..3).for_each(|_| next.marked("8.5"));
    let account = Scope::Account(next.desk.account());
    assert_eq!(
        next.losses(),
        [(FaultKind::LossLimit, account)],
        "7 below the peak, 3 on the day"
    );
    (0..3).for_each(|_| next.marked("8"));
    assert_eq!(next.losses(), [(FaultKind::LossLimit, of_strategy())]);
}

#[test]
fn a_loss_that_cannot_be_told_for_a_minute_is_a_fault_where_it_has_a_limit() {
    for (given, is_fault) in [
        ("strategy:a day_loss_halt 4", true),
        ("global max_quantity 9", false),
    ] {
        let mut bench = Bench::limited(&[given]);
        let mut limits = bench.desk.risk.limits().clone();
        limits.value_in = Some("EUR".parse().unwrap());
        bench.desk.risk.set_limits(limits);
        bench.marked("10");
        bench.bought("2", "10");
        (0..60).for_each(|_| bench.marked("11"));
        assert_eq!(bench.losses(), [], "not yet");
        (0..5).for_each(|_| bench.marked("11"));
        let raised = bench.losses().first().copied();
        let expected = (FaultKind::LossUnknown, of_strategy());
        assert_eq!(raised, is_fault.then_some(expected));
    }
}

#[test]
fn fees_are_losses() {
    let mut bench = Bench::limited(&["strategy:a day_loss_halt 1"]);
    bench.marked("10");
    let id = bench.buy("2", "10").unwrap();
    let with_fee = Fill {
        fee: "1".parse().unwrap(),
        fee_asset: Some("USDT".parse().unwrap()),
        ..fill(500, "2")
    };
    bench.event(id, VenueStatus::Filled, "2", &[with_fee]);
    (0..3).for_each(|_| bench.marked("10"));
    assert_eq!(bench.losses(), [(FaultKind::LossLimit, of_strategy())]);
}

#[derive(Debug, Clone)]
enum Step {
    /// A fill of strategy `a`, at the price of then: bought or sold.
    Traded(bool, i64),
    /// A second later, at this price.
    Marked(i64),
    NextDay,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<bool>(), 1i64..4).prop_map(|(buys, size)| Step::Traded(buys, size)),
        8 => (6i64..15).prop_map(Step::Marked),
        1 => Just(Step::NextDay),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// What no sequence passes: a loss that three observations in a row have shown, and that is not raised.
    #[test]
    fn no_sequence_passes_the_losses(steps in prop::collection::vec(step(), 1..60)) {
        let mut bench = Bench::limited(&["strategy:a day_loss_halt 10", "account drawdown_halt 14"]);
        let mut at = 10i64;
        bench.marked("10");
        let (mut trades, mut results) = (Vec::<(bool, i64, i64)>::new(), vec![(bench.now, 0i64)]);
        let mut raised = Vec::new();
        for step in steps {
            match step {
                Step::Traded(buys, size) => {
                    let side = if buys { Side::Buy } else { Side::Sell };
                    let trade = bench.sequence + 100;
                    let terms = NewOrder::limit(symbol("BTCUSDT"), side, Quantity::new(size.into()).unwrap(), Price::new(at.into()).unwrap());
                    let Ok(id) = bench.place_terms("a", terms) else { continue };
                    let fill = Fill { price: Price::new(at.into()).unwrap(), at: bench.now, ..fill(trade, &size.to_string()) };
                    bench.event(id, VenueStatus::Filled, &size.to_string(), &[fill]);
                    trades.push((buys, size, at));
                }
                Step::Marked(price) => {
                    at = price;
                    bench.marked(&price.to_string());
                    let result = trades.iter().map(|(buys, size, paid)| {
                        let gain = (at - paid) * size;
                        if *buys { gain } else { -gain }
                    });
                    results.push((bench.now, result.sum()));
                }
                Step::NextDay => bench.wait(DAY),
            }
            raised.extend(bench.losses());
        }
        // The whole history, anew.
        let day = |at: Timestamp| at.as_millis() / DAY as i64;
        let confirmed = |lost: &dyn Fn(usize) -> i64, limit: i64| {
            let beyond: Vec<bool> = (0..results.len()).map(|one| lost(one) >= limit).collect();
            beyond.windows(3).any(|three| three.iter().all(|beyond| *beyond))
        };
        let of_day = |one: usize| {
            let of_its_day = results[..=one].iter().filter(|(at, _)| day(*at) == day(results[one].0));
            let mut first: Vec<i64> = of_its_day.map(|(_, result)| *result).take(3).collect();
            let begin = match first.len() == 3 && day(results[one].0) > day(results[0].0) {
                true => { first.sort_unstable(); first[1] }
                false => first[0],
            };
            begin - results[one].1
        };
        let of_peak = |one: usize| {
            let lasting = results[..=one].windows(3).map(|three| three.iter().map(|(_, result)| *result).min().unwrap());
            lasting.max().unwrap_or(0).max(0) - results[one].1
        };
        let account = Scope::Account(bench.desk.account());
        prop_assert_eq!(raised.contains(&(FaultKind::LossLimit, account)), confirmed(&of_peak, 14), "{:?}", results);
        prop_assert_eq!(raised.contains(&(FaultKind::LossLimit, of_strategy())), confirmed(&of_day, 10), "{:?}", results);
    }
}
