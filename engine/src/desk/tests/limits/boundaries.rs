//! Each rule at its boundary and one step beyond.

use super::*;

#[test]
fn a_denial_names_its_code_the_value_the_limit_and_the_scope() {
    let mut bench = Bench::limited(&["strategy:a max_quantity 5"]);
    assert_eq!(told(bench.buy("5", "10")), "passed");
    let denial = bench.buy("5.001", "10").unwrap_err();
    assert_eq!(
        denial.to_string(),
        "code=C03_MAX_QUANTITY value=5.001 limit=5 scope=strategy:a"
    );
    assert_eq!(denial.rule, Rule::MaxQuantity);
    assert_eq!(denial.scope, LimitScope::Strategy(strategy("a")));
    assert_eq!(bench.raised(), [], "a denial is no fault");
}

#[test]
fn of_several_limits_the_strictest_denies_and_is_named() {
    let mut bench = Bench::limited(&[
        "global max_quantity 9",
        "account max_quantity 7",
        "strategy:a max_quantity 5",
        "instrument:BTCUSDT max_quantity 4",
        "strategy:b max_quantity 1",
    ]);
    let scope = |denied: Result<ClientOrderId, Denial>| denied.unwrap_err().scope.to_string();
    assert_eq!(scope(bench.buy("4.5", "10")), "instrument:BTCUSDT");
    let mut eth = |name: &str, size: &str| bench.limit(name, "ETHUSDT", Side::Buy, size, "10");
    assert_eq!(scope(eth("a", "8")), "strategy:a");
    assert_eq!(scope(eth("b", "1.5")), "strategy:b");
    bench
        .desk
        .set_limits(limits(&["global max_quantity 9", "account max_quantity 7"]));
    assert_eq!(scope(bench.buy("10", "10")), "account");
    bench.desk.set_limits(limits(&[
        "global max_quantity 9",
        "account max_quantity 11",
    ]));
    assert_eq!(scope(bench.buy("10", "10")), "global");
}

#[test]
fn c01_a_price_beyond_the_collar_is_denied_on_the_side_that_loses() {
    let mut bench = Bench::limited(&["global collar_percent 5"]);
    assert_eq!(told(bench.buy("1", "10.5")), "passed");
    assert_eq!(
        told(bench.buy("1", "10.6")),
        "code=C01_COLLAR_PERCENT value=6 limit=5 scope=global"
    );
    assert_eq!(told(bench.sell("1", "9.5")), "passed");
    assert_eq!(
        told(bench.sell("1", "9.4")),
        "code=C01_COLLAR_PERCENT value=6 limit=5 scope=global"
    );
    assert_eq!(told(bench.buy("1", "0.1")), "passed");
    assert_eq!(told(bench.sell("1", "99")), "passed");
}

#[test]
fn c01_the_collar_counts_in_ticks_too() {
    let mut bench = Bench::limited(&["instrument:BTCUSDT collar_ticks 3"]);
    assert_eq!(told(bench.buy("1", "10.3")), "passed");
    let beyond = "code=C01_COLLAR_TICKS value=4 limit=3 scope=instrument:BTCUSDT";
    assert_eq!(told(bench.buy("1", "10.4")), beyond);
    assert_eq!(told(bench.sell("1", "9.7")), "passed");
    assert_eq!(told(bench.sell("1", "9.6")), beyond);
}

#[test]
fn c01_a_stop_limit_order_is_held_against_its_stop_price() {
    let mut bench = Bench::limited(&["global collar_percent 5"]);
    let stop = |stop: &str, at: &str| {
        let (stop, at) = (price(stop), Some(price(at)));
        let kind = OrderType::StopLossLimit;
        NewOrder::triggered(symbol("BTCUSDT"), Side::Sell, kind, quantity("1"), stop, at)
    };
    assert_eq!(told(bench.ask("a", stop("8", "7.6"))), "passed");
    assert_eq!(
        told(bench.ask("a", stop("8", "7.5"))),
        "code=C01_COLLAR_PERCENT value=6.25 limit=5 scope=global"
    );
}

#[test]
fn c01_without_a_fresh_reference_there_is_no_order() {
    let mut bench = Bench::limited(&["global collar_percent 5"]);
    bench.desk.set_reference(symbol("BTCUSDT"), None);
    let terms = NewOrder::limit(symbol("BTCUSDT"), Side::Buy, quantity("1"), price("10"));
    let denied = bench.place_terms("a", terms).unwrap_err();
    assert_eq!(denied, DenialReason::StaleData);
    assert_eq!(
        denied.to_string(),
        "code=C16_STALE_DATA market data of the instrument is not fresh"
    );
}

#[test]
fn c02_prices_that_wander_halt_the_strategy() {
    let mut bench = Bench::limited(&[
        "strategy:a price_drift_percent 10",
        "strategy:a price_drift_within 1s",
    ]);
    assert_eq!(told(bench.buy("1", "10")), "passed");
    bench.wait(500);
    assert_eq!(told(bench.buy("1", "11")), "passed");
    assert_eq!(told(bench.sell("1", "20")), "passed", "sides are apart");
    assert_eq!(bench.raised(), []);
    assert_eq!(
        told(bench.buy("1", "11.1")),
        "code=C02_PRICE_DRIFT value=11 limit=10 scope=strategy:a"
    );
    let halted = (FaultKind::PriceDrift, Scope::Strategy(strategy("a")));
    assert_eq!(bench.raised(), [halted]);
    // The first price leaves the window, were it still remembered.
    bench.wait(500);
    assert_eq!(told(bench.buy("1", "11.1")), "passed");
    assert_eq!(
        told(bench.buy("1", "10")),
        "code=C02_PRICE_DRIFT value=11 limit=10 scope=strategy:a"
    );
}

#[test]
fn c03_and_c04_an_order_is_neither_too_small_nor_too_large() {
    let mut bench = Bench::limited(&[
        "account min_quantity 2",
        "account max_quantity 9",
        "account min_notional 25",
        "account max_notional 60",
    ]);
    assert_eq!(
        told(bench.buy("1.999", "20")),
        "code=C03_MIN_QUANTITY value=1.999 limit=2 scope=account"
    );
    assert_eq!(told(bench.buy("2", "12.5")), "passed");
    assert_eq!(
        told(bench.buy("2", "12.4")),
        "code=C04_MIN_NOTIONAL value=24.8 limit=25 scope=account"
    );
    assert_eq!(told(bench.buy("6", "10")), "passed");
    assert_eq!(
        told(bench.buy("6", "10.1")),
        "code=C04_MAX_NOTIONAL value=60.6 limit=60 scope=account"
    );
    assert_eq!(told(bench.buy("9", "5")), "passed");
    assert_eq!(
        told(bench.buy("9.001", "5")),
        "code=C03_MAX_QUANTITY value=9.001 limit=9 scope=account"
    );
}

#[test]
fn c04_an_order_without_a_price_counts_at_the_reference_plus_the_collar() {
    let market = |size: &str| NewOrder::market(symbol("BTCUSDT"), Side::Sell, quantity(size));
    let mut bench = Bench::limited(&["global max_notional 100"]);
    assert_eq!(told(bench.ask("a", market("10"))), "passed");
    bench.desk.set_limits(limits(&[
        "global max_notional 100",
        "global collar_percent 25",
    ]));
    assert_eq!(told(bench.ask("a", market("8"))), "passed");
    assert_eq!(
        told(bench.ask("a", market("8.001"))),
        "code=C04_MAX_NOTIONAL value=100.0125 limit=100 scope=global"
    );
}

#[test]
fn c04_amounts_in_another_asset_count_at_its_price_or_not_at_all() {
    let mut bench = Bench::limited(&["global max_notional 100"]);
    bench.desk.add_instrument(spot("ETHBTC", "ETH", "BTC"));
    bench.desk.set_reference(symbol("ETHBTC"), Some(price("2")));
    let mut place = |size: &str| bench.limit("a", "ETHBTC", Side::Buy, size, "2");
    assert_eq!(
        told(place("1")),
        "code=C09_NOT_PRICED value=BTC limit=a known price scope=global"
    );
    let mut valued = limits(&["global max_notional 100"]);
    valued.value_in = Some("USDT".parse().unwrap());
    bench.desk.set_limits(valued);
    let mut place = |size: &str| bench.limit("a", "ETHBTC", Side::Buy, size, "2");
    assert_eq!(told(place("5")), "passed");
    assert_eq!(
        told(place("5.001")),
        "code=C04_MAX_NOTIONAL value=100.02 limit=100 scope=global"
    );
}

#[test]
fn c05_orders_beyond_the_rate_are_refused_and_a_person_is_told_once() {
    let mut bench = Bench::limited(&["account new_per_second 3", "strategy:b new_per_minute 4"]);
    for _ in 0..3 {
        assert_eq!(told(bench.buy("1", "10")), "passed");
    }
    let refused = "code=C05_NEW_PER_SECOND value=4 limit=3 scope=account";
    assert_eq!(told(bench.buy("1", "10")), refused);
    let told_of = (FaultKind::MessageRate, Scope::Account(bench.desk.account()));
    assert_eq!(bench.raised(), [told_of]);
    bench.wait(999);
    assert_eq!(told(bench.buy("1", "10")), refused);
    assert_eq!(bench.raised(), [], "told once");
    bench.wait(1);
    assert_eq!(told(bench.buy("1", "10")), "passed");
    for _ in 0..4 {
        bench.wait(1_000);
        assert_eq!(
            told(bench.limit("b", "ETHUSDT", Side::Buy, "1", "10")),
            "passed"
        );
    }
    bench.wait(1_000);
    assert_eq!(
        told(bench.limit("b", "ETHUSDT", Side::Buy, "1", "10")),
        "code=C05_NEW_PER_MINUTE value=5 limit=4 scope=strategy:b"
    );
    bench.wait(56_000);
    assert_eq!(
        told(bench.limit("b", "ETHUSDT", Side::Buy, "1", "10")),
        "passed"
    );
}

#[test]
fn c05_cancels_are_never_refused_and_amendments_have_a_rate_of_their_own() {
    let mut bench = Bench::limited(&["global new_per_second 2", "global amends_per_second 1"]);
    let id = bench.buy("3", "10").unwrap();
    bench.acknowledge(id);
    bench.buy("3", "10").unwrap();
    assert!(bench.buy("3", "10").is_err());
    bench.out.clear();
    let amend = |bench: &mut Bench, size: &str| {
        let (strategy, quantity) = (strategy("a"), quantity(size));
        let command = AmendOrder {
            id,
            strategy,
            quantity,
        };
        bench.desk.amend(command, bench.now, &mut bench.out);
        bench.did()
    };
    assert_eq!(amend(&mut bench, "2"), ["amend 2"]);
    assert_eq!(amend(&mut bench, "1"), ["amend rejected 0"]);
    bench.cancel(id);
    assert_eq!(bench.did(), ["cancel", "cancel requested"]);
}

#[test]
fn c07_repeated_orders_halt_the_strategy_and_count_anew_afterwards() {
    let mut bench = Bench::limited(&["global repeated_orders 3", "global repeated_within 5s"]);
    for _ in 0..3 {
        assert_eq!(told(bench.buy("1", "10")), "passed");
        assert_eq!(
            told(bench.sell("1", "20")),
            "passed",
            "the other side counts apart"
        );
    }
    assert_eq!(bench.raised(), []);
    assert_eq!(
        told(bench.buy("1", "10")),
        "code=C07_REPEATED_ORDERS value=4 limit=3 scope=global"
    );
    let halted = (FaultKind::RepeatedExecution, Scope::Strategy(strategy("a")));
    assert_eq!(bench.raised(), [halted]);
    assert_eq!(
        told(bench.buy("1", "10")),
        "passed",
        "a person has resumed it"
    );
    bench.wait(5_000);
    assert_eq!(
        told(bench.sell("1", "20")),
        "passed",
        "the window has gone by"
    );
}

#[test]
fn c07_repeated_fills_halt_the_strategy() {
    let mut bench = Bench::limited(&["global repeated_fills 2", "global repeated_within 5s"]);
    let id = bench.buy("2", "10").unwrap();
    bench.event(
        id,
        VenueStatus::PartiallyFilled,
        "1",
        &[fill(1, "0.5"), fill(2, "0.5")],
    );
    assert_eq!(bench.raised(), []);
    bench.event(
        id,
        VenueStatus::PartiallyFilled,
        "1",
        &[fill(1, "0.5"), fill(2, "0.5")],
    );
    assert_eq!(bench.raised(), [], "a fill that is told twice counts once");
    bench.event(id, VenueStatus::PartiallyFilled, "1.5", &[fill(3, "0.5")]);
    let halted = (FaultKind::RepeatedExecution, Scope::Strategy(strategy("a")));
    assert_eq!(bench.raised(), [halted]);
}

#[test]
fn c07_a_settled_order_that_is_told_again_and_again_is_no_repetition() {
    let mut bench = Bench::limited(&["global repeated_fills 2"]);
    let id = bench.buy("2", "10").unwrap();
    for _ in 0..5 {
        bench.event(id, VenueStatus::Filled, "2", &[fill(1, "2")]);
    }
    assert_eq!(bench.raised(), []);
}

#[test]
fn c08_orders_that_are_on_their_way_uncertain_or_waiting_for_fills_count_as_filled() {
    let mut bench = Bench::limited(&["strategy:a max_long 5", "global max_short 3"]);
    let first = bench.buy("2", "10").unwrap();
    let second = bench.buy("2", "10").unwrap();
    let beyond = "code=C08_MAX_LONG value=6 limit=5 scope=strategy:a";
    assert_eq!(told(bench.buy("2", "10")), beyond, "in flight");
    bench.acknowledge(first);
    bench.event(first, VenueStatus::Filled, "2", &[]);
    assert_eq!(
        told(bench.buy("2", "10")),
        beyond,
        "executed, and its fills are missing"
    );
    bench.event(first, VenueStatus::Filled, "2", &[fill(1, "2")]);
    assert_eq!(told(bench.buy("2", "10")), beyond, "filled");
    assert_eq!(told(bench.buy("1", "10")), "passed");
    assert_eq!(
        told(bench.limit("b", "BTCUSDT", Side::Buy, "9", "10")),
        "passed"
    );
    bench.answer(second, Err(rejected(-2010)));
    assert_eq!(
        told(bench.buy("2", "10")),
        "passed",
        "the venue has refused one"
    );
    // Long 2 of strategy a, and sales of the account: the limit is the account's.
    assert_eq!(told(bench.sell("5", "20")), "passed");
    assert_eq!(
        told(bench.limit("b", "BTCUSDT", Side::Sell, "0.001", "20")),
        "code=C08_MAX_SHORT value=3.001 limit=3 scope=global"
    );
}

#[test]
fn c09_exposure_is_the_sum_of_the_worst_cases() {
    let mut bench = Bench::limited(&["account max_gross_exposure 100"]);
    bench.buy("6", "10").unwrap();
    bench.limit("b", "ETHUSDT", Side::Sell, "4", "10").unwrap();
    assert_eq!(
        told(bench.limit("b", "ETHUSDT", Side::Sell, "0.001", "10")),
        "code=C09_MAX_GROSS_EXPOSURE value=100.01 limit=100 scope=account"
    );
    assert_eq!(
        told(bench.sell("6", "10")),
        "passed",
        "it adds nothing to the worst case"
    );
}

#[test]
fn c09_net_exposure_knows_signs() {
    let mut bench = Bench::limited(&["strategy:a max_net_exposure 60"]);
    bench.buy("6", "10").unwrap();
    assert_eq!(
        told(bench.limit("a", "ETHUSDT", Side::Buy, "0.001", "10")),
        "code=C09_MAX_NET_EXPOSURE value=60.01 limit=60 scope=strategy:a"
    );
    assert_eq!(
        told(bench.limit("a", "ETHUSDT", Side::Sell, "6", "10")),
        "passed"
    );
    assert_eq!(
        told(bench.limit("a", "ETHUSDT", Side::Sell, "0.001", "10")),
        "code=C09_MAX_NET_EXPOSURE value=60.01 limit=60 scope=strategy:a"
    );
}

#[test]
fn c09_a_position_without_a_price_lets_nothing_grow() {
    let mut bench = Bench::limited(&["account max_gross_exposure 1000"]);
    bench.desk.add_instrument(spot("LTCEUR", "LTC", "EUR"));
    bench
        .desk
        .set_reference(symbol("LTCEUR"), Some(price("10")));
    bench.desk.set_limits(RiskLimits::default());
    bench.limit("a", "LTCEUR", Side::Buy, "1", "10").unwrap();
    let mut valued = limits(&["account max_gross_exposure 1000"]);
    valued.value_in = Some("USDT".parse().unwrap());
    bench.desk.set_limits(valued);
    let denied = bench.buy("1", "10").unwrap_err();
    assert_eq!(denied.rule, Rule::NotPriced);
    bench.desk.add_instrument(spot("EURUSDT", "EUR", "USDT"));
    bench
        .desk
        .set_reference(symbol("EURUSDT"), Some(price("1.1")));
    assert_eq!(told(bench.buy("1", "10")), "passed");
}

#[test]
fn c10_the_same_order_is_refused_for_a_while() {
    let mut bench = Bench::limited(&["account duplicate_within 1s"]);
    assert_eq!(told(bench.buy("1", "10")), "passed");
    let again = bench
        .limit("b", "BTCUSDT", Side::Buy, "1.000", "10.0")
        .unwrap_err();
    assert_eq!(
        again.to_string(),
        "code=C10_DUPLICATE_ORDER value=again after 0ms limit=1s scope=account"
    );
    assert_eq!(told(bench.buy("1.001", "10")), "passed");
    assert_eq!(told(bench.buy("1", "10.1")), "passed");
    assert_eq!(told(bench.sell("1", "10")), "passed");
    assert_eq!(
        told(bench.limit("a", "ETHUSDT", Side::Buy, "1", "10")),
        "passed"
    );
    bench.wait(999);
    assert!(bench.buy("1", "10").is_err());
    bench.wait(1);
    assert_eq!(told(bench.buy("1", "10")), "passed");
}

#[test]
fn c10_a_client_order_id_is_used_once() {
    let mut bench = Bench::limited(&[]);
    let command = bench.command("a", "BTCUSDT");
    bench.send(command);
    assert_eq!(bench.did(), ["place", "submitted"]);
    bench.send(command);
    assert_eq!(bench.did(), ["denied: the client order id was used before"]);
}

#[test]
fn c11_an_order_that_crosses_an_own_one_of_any_strategy_is_denied() {
    let mut bench = Bench::limited(&["global refuse_self_trade true"]);
    let resting = bench
        .limit("b", "BTCUSDT", Side::Sell, "1", "10.5")
        .unwrap();
    assert_eq!(told(bench.buy("1", "10.4")), "passed");
    let crossing = "code=C11_SELF_TRADE value=10.5 limit=an own order at 10.5 scope=global";
    assert_eq!(told(bench.buy("1", "10.5")), crossing, "in flight");
    bench.acknowledge(resting);
    assert_eq!(told(bench.buy("1", "10.5")), crossing, "working");
    assert_eq!(
        told(bench.sell("1", "10.4")),
        "code=C11_SELF_TRADE value=10.4 limit=an own order at 10.4 scope=global"
    );
    bench.event(resting, VenueStatus::Canceled, "0", &[]);
    assert_eq!(told(bench.buy("1", "10.5")), "passed", "it is gone");
}

#[test]
fn c11_an_order_without_a_price_is_left_to_the_venue_only_where_that_prevents_self_trades() {
    let market = NewOrder::market(symbol("BTCUSDT"), Side::Buy, quantity("1"));
    let with = |mode| NewOrder {
        self_trade_prevention: Some(mode),
        ..market
    };
    let mut bench = Bench::limited(&["global refuse_self_trade true"]);
    bench.sell("1", "15").unwrap();
    let denied = "code=C11_SELF_TRADE value=any limit=an own order at any scope=global";
    assert_eq!(
        told(bench.ask("b", market)),
        denied,
        "the instrument has no default mode"
    );
    assert_eq!(
        told(bench.ask("b", with(SelfTradePrevention::None))),
        denied
    );
    assert_eq!(
        told(bench.ask("b", with(SelfTradePrevention::ExpireTaker))),
        "passed"
    );
    let kept = Instrument {
        default_self_trade_prevention: Some(SelfTradePrevention::ExpireMaker),
        ..spot("BTCUSDT", "BTC", "USDT")
    };
    bench.desk.add_instrument(kept);
    assert_eq!(told(bench.ask("b", market)), "passed");
    assert_eq!(
        told(bench.ask("b", with(SelfTradePrevention::None))),
        denied
    );
}

#[test]
fn c13_every_order_that_may_be_open_counts() {
    let mut bench = Bench::limited(&["account max_open_orders 3", "strategy:b max_open_orders 1"]);
    let first = bench.buy("1", "10").unwrap();
    bench.acknowledge(first);
    bench.limit("b", "ETHUSDT", Side::Buy, "1", "10").unwrap();
    assert_eq!(
        told(bench.limit("b", "ETHUSDT", Side::Buy, "1", "10")),
        "code=C13_MAX_OPEN_ORDERS value=2 limit=1 scope=strategy:b"
    );
    bench.buy("1", "10").unwrap();
    let beyond = "code=C13_MAX_OPEN_ORDERS value=4 limit=3 scope=account";
    assert_eq!(told(bench.buy("1", "10")), beyond);
    bench.event(first, VenueStatus::Filled, "1", &[]);
    assert_eq!(told(bench.buy("1", "10")), "passed");
}

#[test]
fn c15_too_many_uncertain_orders_stop_the_account() {
    let mut bench = Bench::limited(&["account max_uncertain 0"]);
    let lost = bench.limit("b", "ETHUSDT", Side::Buy, "1", "10").unwrap();
    assert_eq!(told(bench.buy("1", "10")), "passed");
    bench.answer(lost, Err(unknown_outcome()));
    assert_eq!(
        told(bench.buy("1", "10")),
        "code=C15_MAX_UNCERTAIN value=1 limit=0 scope=account"
    );
    bench.found(lost, VenueStatus::New, "0");
    assert_eq!(told(bench.buy("1", "10")), "passed");
}

#[test]
fn c20_what_is_not_allowed_is_denied_by_the_scope_that_forbids_it() {
    let mut bench = Bench::limited(&[
        "global order_types LIMIT,MARKET",
        "strategy:a instruments BTCUSDT",
        "account restricted LTCUSDT",
        "instrument:ETHUSDT sides BUY",
    ]);
    bench.desk.add_instrument(spot("LTCUSDT", "LTC", "USDT"));
    bench
        .desk
        .set_reference(symbol("LTCUSDT"), Some(price("10")));
    assert_eq!(told(bench.buy("1", "10")), "passed");
    assert_eq!(
        told(bench.limit("a", "ETHUSDT", Side::Buy, "1", "10")),
        "code=C20_INSTRUMENT value=ETHUSDT limit=BTCUSDT scope=strategy:a"
    );
    assert_eq!(
        told(bench.limit("b", "LTCUSDT", Side::Buy, "1", "10")),
        "code=C20_INSTRUMENT value=LTCUSDT limit=restricted scope=account"
    );
    assert_eq!(
        told(bench.limit("b", "ETHUSDT", Side::Sell, "1", "10")),
        "code=C20_SIDE value=SELL limit=BUY scope=instrument:ETHUSDT"
    );
    let maker = NewOrder::limit_maker(symbol("BTCUSDT"), Side::Buy, quantity("1"), price("10"));
    assert_eq!(
        told(bench.ask("b", maker)),
        "code=C20_ORDER_TYPE value=LIMIT_MAKER limit=LIMIT,MARKET scope=global"
    );
}

#[test]
fn c21_outside_the_trading_hours_nothing_is_placed() {
    let mut bench = Bench::limited(&["strategy:a trading_hours mon-fri 08:00-16:30"]);
    bench.now = Timestamp::from_millis(1_795_392_000_000 + 8 * 3_600_000 - 1);
    assert_eq!(
        told(bench.buy("1", "10")),
        "code=C21_TRADING_HOURS value=2026-11-23T07:59:59.999Z limit=mon-fri 08:00-16:30 scope=strategy:a"
    );
    assert_eq!(
        told(bench.limit("b", "BTCUSDT", Side::Buy, "1", "10")),
        "passed"
    );
    bench.wait(1);
    assert_eq!(told(bench.buy("1", "10")), "passed");
}
