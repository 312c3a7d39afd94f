//! What is told and never refused, limits that a person changes, and what the journal keeps of all this.

use super::*;
use crate::desk::{LimitOrder, LimitRefused};
use crate::journal::{Denied, JournalRecord, JournalState, LimitSet};

impl Bench {
    fn set(
        &mut self,
        scope: &str,
        key: &str,
        value: Option<&str>,
        reason: Option<&str>,
    ) -> Result<Option<LimitSet>, LimitRefused> {
        let order = LimitOrder {
            scope: scope.parse().unwrap(),
            key: key.into(),
            value: value.map(Into::into),
            who: "ann".into(),
            reason: reason.map(Into::into),
        };
        self.desk.set_limit(&order, &mut self.out)
    }

    fn denials(&mut self) -> Vec<Denied> {
        let records = self.out.drain(..).filter_map(|effect| match effect {
            Effect::Record(JournalRecord::Denied(denied)) => Some(denied),
            _ => None,
        });
        records.collect()
    }
}

#[test]
fn a_limit_is_tightened_at_once_and_loosened_only_with_a_reason() {
    let mut bench = Bench::limited(&["strategy:a max_quantity 5"]);
    let set = bench
        .set("strategy:a", "max_quantity", Some("2"), None)
        .unwrap()
        .unwrap();
    assert_eq!(
        (set.old.as_deref(), set.new.as_deref()),
        (Some("5"), Some("2"))
    );
    assert!(!set.is_looser);
    assert!(bench.buy("3", "10").is_err());
    bench.out.clear();
    let refused = bench
        .set("strategy:a", "max_quantity", Some("3"), Some("  "))
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "max_quantity of strategy:a would be looser, 3 instead of 2: that needs a reason"
    );
    assert!(bench.set("strategy:a", "max_quantity", None, None).is_err());
    assert_eq!(bench.out, [], "nothing is written down or told");
    assert!(bench.buy("3", "10").is_err());
    bench.out.clear();
    let set = bench
        .set(
            "strategy:a",
            "max_quantity",
            Some("3"),
            Some("the desk agreed"),
        )
        .unwrap();
    let set = set.unwrap();
    assert!(set.is_looser);
    let told = "limit max_quantity of strategy:a was loosened: 3 instead of 2";
    assert!(
        matches!(&bench.out[..], [
        Effect::Record(JournalRecord::LimitSet(written)),
        Effect::Found { title, text },
    ] if *written == set && title == told && text == "By ann. Reason: the desk agreed."),
        "{:?}",
        bench.out
    );
    assert!(bench.buy("3", "10").is_ok());
    assert_eq!(
        bench.set("strategy:a", "max_quantity", Some("3.0"), None),
        Ok(None)
    );
}

#[test]
fn a_limit_that_cannot_be_set_stays_as_it_is() {
    let mut bench = Bench::limited(&[]);
    for (scope, key, value) in [
        ("strategy:nobody", "max_quantity", "1"),
        ("global", "max_quantty", "1"),
        ("global", "max_quantity", "one"),
        ("instrument:BTCUSDT", "max_uncertain", "1"),
    ] {
        assert!(
            bench.set(scope, key, Some(value), Some("x")).is_err(),
            "{key}"
        );
    }
    assert_eq!(*bench.desk.risk().limits(), RiskLimits::default());
}

#[test]
fn a_tightening_survives_a_restart_and_a_loosening_beyond_the_configuration_does_not() {
    let configured = limits(&["strategy:a max_quantity 5", "global max_open_orders 5"]);
    let mut bench = Bench::limited(&[]);
    bench.desk.set_limits(configured.clone());
    let mut records = Vec::new();
    let mut set = |key: &str, scope: &str, value: &str| {
        let set = bench
            .set(scope, key, Some(value), Some("a reason"))
            .unwrap()
            .unwrap();
        records.push((bench.now, JournalRecord::from(set)));
        let state = JournalState::fold(records.iter().map(|(at, record)| (*at, record)));
        let text = serde_json::to_string(&state).unwrap();
        let state: JournalState = serde_json::from_str(&text).unwrap();
        let limits = state.limits.on(bench.desk.account(), configured.clone());
        let scope: LimitScope = scope.parse().unwrap();
        limits
            .of(&scope)
            .and_then(|limits| limits.get(key))
            .unwrap()
    };
    assert_eq!(set("max_quantity", "strategy:a", "2"), "2");
    assert_eq!(
        set("max_quantity", "strategy:a", "3"),
        "3",
        "still stricter than configured"
    );
    assert_eq!(set("max_quantity", "strategy:a", "9"), "5");
    assert_eq!(set("max_open_orders", "global", "1"), "1");
    assert_eq!(set("max_short", "instrument:BTCUSDT", "1"), "1");
}

#[test]
fn every_denial_is_written_down_and_a_flood_of_them_together() {
    let mut bench = Bench::limited(&["global max_quantity 5"]);
    assert!(bench.buy("6", "10").is_err());
    let written = bench.denials();
    let [denied] = written.as_slice() else {
        panic!("{written:?}")
    };
    assert_eq!(denied.code, "C03_MAX_QUANTITY");
    assert_eq!(
        denied.reason,
        "code=C03_MAX_QUANTITY value=6 limit=5 scope=global"
    );
    assert_eq!(
        (denied.value.as_deref(), denied.limit.as_deref()),
        (Some("6"), Some("5"))
    );
    assert_eq!(denied.order.strategy, strategy("a"));
    for _ in 0..20 {
        bench.wait(10);
        assert!(bench.buy("7", "10").is_err());
    }
    assert!(bench.limit("b", "BTCUSDT", Side::Buy, "8", "10").is_err());
    let written: Vec<_> = bench
        .denials()
        .into_iter()
        .map(|one| one.order.strategy)
        .collect();
    assert_eq!(written, [strategy("b")], "another strategy, another record");
    bench.wait(1_000);
    assert!(bench.buy("9", "10").is_err());
    let written = bench.denials();
    assert_eq!((written.len(), written[0].repeats), (1, 20));
    bench.wait(10);
    assert!(bench.buy("9.5", "10").is_err());
    bench.wait(1_000);
    bench.desk.tick(bench.now, &mut bench.out);
    let written = bench.denials();
    let last = written
        .iter()
        .find(|one| one.order.strategy == strategy("a"))
        .unwrap();
    assert_eq!((last.value.as_deref(), last.repeats), (Some("9.5"), 0));
}

#[test]
fn c06_many_cancels_and_orders_without_fills_are_told_once_a_day_and_never_refused() {
    let mut bench = Bench::limited(&["account cancels_per_day 2", "strategy:a orders_per_fill 50"]);
    for _ in 0..4 {
        let id = bench.working();
        bench.cancel(id);
        assert_eq!(bench.did()[0], "cancel", "never refused");
    }
    let ids: Vec<_> = (0..4).map(|_| bench.working()).collect();
    ids.into_iter().for_each(|id| bench.cancel(id));
    assert_eq!(bench.raised(), [], "it was told already");
    for _ in 0..110 {
        bench.buy("1", "10").unwrap();
    }
    let of_strategy = Scope::Strategy(strategy("a"));
    assert_eq!(bench.raised(), [(FaultKind::OrderRatio, of_strategy)]);
    bench.wait(86_400_000);
    (0..3).for_each(|_| {
        let id = bench.working();
        bench.cancel(id);
    });
    let of_account = Scope::Account(bench.desk.account());
    assert_eq!(
        bench.raised(),
        [(FaultKind::OrderRatio, of_account)],
        "a new day"
    );
}

#[test]
fn c14_an_order_that_rests_for_too_long_is_cancelled_and_told() {
    let mut bench = Bench::limited(&["strategy:a max_order_age 5s"]);
    let old = bench.working();
    let of_other = bench.limit("b", "ETHUSDT", Side::Buy, "1", "10").unwrap();
    bench.acknowledge(of_other);
    bench.out.clear();
    bench.pass(Duration::from_millis(5_000));
    assert_eq!(bench.did(), [""; 0]);
    bench.pass(Duration::from_millis(1));
    assert_eq!(
        bench.did(),
        [
            "cancel",
            "cancel requested",
            "fault order_age of strategy a"
        ]
    );
    assert!(bench.desk.order(&old).unwrap().cancel_pending);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.did(), [""; 0], "once");
}

#[test]
fn c18_slow_answers_in_a_row_are_a_fault() {
    let mut bench = Bench::limited(&["account slow_answer 2s", "account slow_answers 3"]);
    let mut answered_after = |millis: u64| {
        let id = bench.buy("1", "10").unwrap();
        bench.wait(millis);
        bench.acknowledge(id);
        bench.raised()
    };
    for millis in [2_001, 2_001, 2_000, 2_001, 2_001] {
        assert_eq!(answered_after(millis), []);
    }
    let slow = answered_after(2_001);
    assert_eq!(slow.len(), 1);
    assert_eq!(slow[0].0, FaultKind::SlowVenue);
}

#[test]
fn c27_a_disk_that_is_nearly_full_halts_everything_and_is_told_once() {
    let mut bench = Bench::limited(&["account min_free_disk_mb 500"]);
    let mut measured = |free| {
        bench.desk.disk_measured(free, bench.now, &mut bench.out);
        bench.raised()
    };
    assert_eq!(measured(500_000_000), []);
    assert_eq!(measured(499_999_999), [(FaultKind::DiskLow, Scope::Global)]);
    assert_eq!(measured(1), []);
    assert_eq!(measured(600_000_000), []);
    assert_eq!(measured(1), [(FaultKind::DiskLow, Scope::Global)]);
}

#[test]
fn a_flood_of_one_strategy_does_not_hide_that_of_another() {
    let mut bench = Bench::limited(&["account new_per_second 1"]);
    let mut told = Vec::new();
    for name in ["a", "a", "a", "b", "b"] {
        drop(bench.limit(name, "BTCUSDT", Side::Buy, "1", "10"));
        told.push(bench.raised().len());
        bench.out.clear();
    }
    assert_eq!(told, [0, 1, 0, 1, 0]);
}

#[test]
fn c19_what_the_venue_does_not_trade_any_more_takes_no_order() {
    let mut bench = Bench::limited(&[]);
    let closed = |status| Instrument {
        status,
        ..spot("BTCUSDT", "BTC", "USDT")
    };
    let show = |bench: &mut Bench, status| {
        let shown = vec![closed(status), spot("NEWUSDT", "NEW", "USDT")];
        bench
            .desk
            .instruments_shown(shown, bench.now, &mut bench.out);
        bench.did()
    };
    assert_eq!(show(&mut bench, TradingStatus::Trading), [""; 0]);
    let told = ["fault venue_status of instrument BTCUSDT"];
    assert_eq!(show(&mut bench, TradingStatus::Closed), told);
    let terms = NewOrder::limit(symbol("BTCUSDT"), Side::Buy, quantity("1"), price("10"));
    let denied = bench.place_terms("a", terms).unwrap_err();
    assert_eq!(denied.code(), "VENUE_FILTER");
    assert!(denied.to_string().contains("BTCUSDT is Closed"), "{denied}");
    bench.out.clear();
    assert_eq!(show(&mut bench, TradingStatus::Trading), told);
    assert!(bench.buy("1", "10").is_ok());
    assert!(!bench.desk.symbols().any(|known| known == symbol("NEWUSDT")));

    bench.out.clear();
    for name in ["BTCUSDT", "BTCUSDT", "NEWUSDT"] {
        bench
            .desk
            .instrument_gone(symbol(name), bench.now, &mut bench.out);
    }
    assert_eq!(bench.did(), told, "told once, and of what is known here");
    let denied = bench.place_terms("a", terms).unwrap_err();
    assert_eq!(denied.code(), "VENUE_FILTER");
}
