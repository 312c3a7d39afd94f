use super::*;

fn strategy(text: &str) -> StrategyId {
    StrategyId::new(text).unwrap()
}

#[test]
fn the_defaults_of_practice_can_be_read() {
    let limits = RiskLimits::practice();
    for (key, value) in PRACTICE {
        assert_eq!(limits.global.get(key).as_deref(), Some(value));
    }
}

#[test]
fn a_key_is_tighter_in_its_own_direction() {
    let mut limits = RiskLimits::default();
    let mut set =
        |key: &str, value: Option<&str>| limits.set(&LimitScope::Account, key, value).unwrap().0;
    assert_eq!(set("max_quantity", Some("5")), Change::Tighter);
    assert_eq!(set("max_quantity", Some("5.0")), Change::Nothing);
    assert_eq!(set("max_quantity", Some("4")), Change::Tighter);
    assert_eq!(set("max_quantity", Some("6")), Change::Looser);
    assert_eq!(set("max_quantity", None), Change::Looser);
    assert_eq!(set("duplicate_within", Some("1s")), Change::Tighter);
    assert_eq!(set("duplicate_within", Some("2s")), Change::Tighter);
    assert_eq!(set("duplicate_within", Some("1s")), Change::Looser);
    assert_eq!(set("sides", Some("BUY,SELL")), Change::Tighter);
    assert_eq!(set("sides", Some("BUY")), Change::Tighter);
    assert_eq!(set("sides", Some("SELL")), Change::Looser);
    assert_eq!(set("restricted", Some("BTCUSDT")), Change::Tighter);
    assert_eq!(set("restricted", Some("BTCUSDT,ETHUSDT")), Change::Tighter);
    assert_eq!(set("restricted", Some("ETHUSDT")), Change::Looser);
    assert_eq!(set("refuse_self_trade", Some("false")), Change::Tighter);
    assert_eq!(set("refuse_self_trade", Some("true")), Change::Tighter);
}

#[test]
fn what_cannot_be_set_is_refused_and_changes_nothing() {
    let mut limits = RiskLimits::practice();
    let before = limits.clone();
    let instrument: LimitScope = "instrument:BTCUSDT".parse().unwrap();
    for (scope, key, value) in [
        (LimitScope::Global, "max_quantty", "5"),
        (LimitScope::Global, "max_quantity", "-5"),
        (LimitScope::Global, "max_quantity", "1e5"),
        (LimitScope::Global, "sides", "LONG"),
        (LimitScope::Global, "trading_hours", "always"),
        (instrument, "day_loss_halt", "5"),
        (instrument, "max_uncertain", "5"),
    ] {
        let refused = limits.set(&scope, key, Some(value));
        assert!(refused.is_err(), "{scope} {key} {value}");
        assert_eq!(limits, before, "{scope} {key} {value}");
    }
}

#[test]
fn real_money_needs_a_largest_order_a_largest_position_and_a_largest_loss() {
    let mut limits = RiskLimits::practice();
    let lacks = |limits: &RiskLimits| {
        let error = limits.check_live([strategy("a"), strategy("b")]).err();
        let error = error.unwrap_or_default().into_iter();
        error.map(|one| one.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        lacks(&limits)[0],
        "strategy a has no limit for the notional of an order (max_notional), nor for its position (max_long and \
         max_short) or exposure (max_gross_exposure or max_net_exposure), nor for its loss (day_loss_halt or \
         drawdown_halt)"
    );
    let mut set = |scope: &str, key: &str, value: &str| {
        let set = limits.set(&scope.parse().unwrap(), key, Some(value));
        set.unwrap();
        lacks(&limits).len()
    };
    assert_eq!(set("global", "max_notional", "100"), 2);
    assert_eq!(set("account", "drawdown_halt", "100"), 2);
    assert_eq!(set("strategy:a", "max_long", "1"), 2);
    assert_eq!(set("strategy:a", "max_short", "1"), 1);
    assert_eq!(set("strategy:b", "max_gross_exposure", "1"), 0);
}

#[test]
fn of_two_tables_the_stricter_of_each_limit_is_taken() {
    let of = |given: &[(&str, &str, &str)]| {
        let mut limits = RiskLimits::default();
        for (scope, key, value) in given {
            limits
                .set(&scope.parse().unwrap(), key, Some(value))
                .unwrap();
        }
        limits
    };
    let mut limits = of(&[
        ("global", "max_quantity", "5"),
        ("strategy:a", "new_per_second", "7"),
    ]);
    limits.tighten(&of(&[
        ("global", "max_quantity", "6"),
        ("strategy:a", "new_per_second", "3"),
        ("instrument:BTCUSDT", "max_long", "1"),
    ]));
    let expected = of(&[
        ("global", "max_quantity", "5"),
        ("strategy:a", "new_per_second", "3"),
        ("instrument:BTCUSDT", "max_long", "1"),
    ]);
    assert_eq!(limits, expected);
}

#[test]
fn a_span_that_has_a_meaning_where_it_is_not_set_is_loosened_by_less_than_that() {
    for (key, looser, tighter) in [
        ("repeated_within", "1ms", "11s"),
        ("price_drift_within", "1ms", "2m"),
        ("slow_answers", "1000", "4"),
    ] {
        let change = |value| {
            let mut limits = RiskLimits::default();
            limits.set(&LimitScope::Global, key, Some(value)).unwrap().0
        };
        assert_eq!(
            (change(looser), change(tighter)),
            (Change::Looser, Change::Tighter),
            "{key}"
        );
        let mut set = RiskLimits::default();
        set.set(&LimitScope::Global, key, Some(looser)).unwrap();
        let mut restarted = RiskLimits::default();
        restarted.tighten(&set);
        assert_ne!(restarted.global.get(key).as_deref(), Some(looser), "{key}");
    }
}

#[test]
fn of_two_limits_that_are_not_comparable_a_restart_keeps_both() {
    let with = |value| {
        let mut limits = RiskLimits::default();
        limits
            .set(&LimitScope::Global, "restricted", Some(value))
            .unwrap();
        limits
    };
    let mut configured = with("XRPUSDT,DOGEUSDT");
    configured.tighten(&with("XRPUSDT,LUNAUSDT"));
    let all = with("DOGEUSDT,LUNAUSDT,XRPUSDT");
    assert_eq!(configured.global.restricted, all.global.restricted);
}
