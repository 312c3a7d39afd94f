use super::*;

/// What the exchange says to a limit buy.
fn ask(bench: &mut Bench, side: Side, at: &str, size: &str) -> Result<(), String> {
    let order = NewOrder::limit(eth(), side, price(at), quantity(size));
    bench
        .exchange
        .test_order(account("alice"), &order, bench.now)
        .map_err(|refusal| {
            assert_eq!(refusal.code, -1013);
            refusal.message.into_owned()
        })
}

fn fails(name: &str) -> Result<(), String> {
    Err(format!("Filter failure: {name}"))
}

#[test]
fn prices_keep_to_the_tick_and_the_range() {
    let mut bench = Bench::filtered(|filters| {
        filters.price = PriceFilter {
            min: price("900"),
            max: price("1100"),
            tick: price("0.05"),
        };
    });
    for good in ["900", "1100", "1000.05"] {
        assert_eq!(ask(&mut bench, Side::Buy, good, "1"), Ok(()), "{good}");
    }
    for bad in ["899.95", "1100.05", "1000.01", "1000.051", "0"] {
        assert_eq!(
            ask(&mut bench, Side::Buy, bad, "1"),
            fails("PRICE_FILTER"),
            "{bad}"
        );
    }
    let late = stop(OrderType::StopLossLimit, Side::Sell, "899.95", "950", "1");
    let refusal = bench
        .exchange
        .test_order(account("alice"), &late, bench.now)
        .unwrap_err();
    assert_eq!(refusal, Refusal::filter("PRICE_FILTER"));
}

#[test]
fn a_zero_in_the_price_filter_switches_that_rule_off() {
    let mut bench = Bench::filtered(|filters| {
        filters.price = PriceFilter {
            min: Price::ZERO,
            max: Price::ZERO,
            tick: Price::ZERO,
        };
    });
    assert_eq!(ask(&mut bench, Side::Buy, "999.12345", "1"), Ok(()));
}

#[test]
fn quantities_keep_to_the_lot_and_the_range() {
    let mut bench = Bench::filtered(|filters| {
        filters.lot_size = LotSize {
            min: quantity("0.5"),
            max: quantity("20"),
            step: quantity("0.1"),
        };
    });
    for good in ["0.5", "20", "0.6"] {
        assert_eq!(ask(&mut bench, Side::Buy, "1000", good), Ok(()), "{good}");
    }
    for bad in ["0.4", "20.1", "0.55", "0"] {
        assert_eq!(
            ask(&mut bench, Side::Buy, "1000", bad),
            fails("LOT_SIZE"),
            "{bad}"
        );
    }
}

#[test]
fn market_quantities_keep_to_their_own_range_too() {
    let mut bench = Bench::filtered(|filters| {
        filters.market_lot_size = Some(LotSize {
            min: quantity("1"),
            max: quantity("10"),
            step: Quantity::ZERO,
        });
    });
    let market = |size: &str| {
        let order = NewOrder::market(eth(), Side::Buy, quantity(size));
        bench
            .exchange
            .test_order(account("alice"), &order, bench.now)
    };
    assert_eq!(market("1"), Ok(()));
    assert_eq!(market("10"), Ok(()));
    assert_eq!(market("0.9999"), Err(Refusal::filter("MARKET_LOT_SIZE")));
    assert_eq!(market("10.0001"), Err(Refusal::filter("MARKET_LOT_SIZE")));
    assert_eq!(market("1.00005"), Err(Refusal::filter("LOT_SIZE")));
    assert_eq!(ask(&mut bench, Side::Buy, "1000", "0.5"), Ok(()));
}

#[test]
fn prices_stay_within_percent_of_the_average() {
    let mut bench = Bench::filtered(|filters| {
        let (up, down) = (decimal("1.1"), decimal("0.9"));
        filters.percent_price_by_side = None;
        filters.percent_price = Some(PercentPrice {
            up,
            down,
            avg_price_mins: 5,
        });
    });
    for side in [Side::Buy, Side::Sell] {
        assert_eq!(ask(&mut bench, side, "1100", "1"), Ok(()));
        assert_eq!(ask(&mut bench, side, "900", "1"), Ok(()));
        assert_eq!(
            ask(&mut bench, side, "1100.01", "1"),
            fails("PERCENT_PRICE")
        );
        assert_eq!(ask(&mut bench, side, "899.99", "1"), fails("PERCENT_PRICE"));
    }
}

#[test]
fn each_side_has_its_own_percents() {
    let mut bench = Bench::filtered(|filters| {
        filters.percent_price_by_side = Some(PercentPriceBySide {
            bid_up: decimal("1.2"),
            bid_down: decimal("0.8"),
            ask_up: decimal("2"),
            ask_down: decimal("0.5"),
            avg_price_mins: 5,
        });
    });
    for (side, good, bad) in [
        (Side::Buy, ["1200", "800"], ["1200.01", "799.99"]),
        (Side::Sell, ["2000", "500"], ["2000.01", "499.99"]),
    ] {
        for at in good {
            assert_eq!(ask(&mut bench, side, at, "1"), Ok(()), "{side} {at}");
        }
        for at in bad {
            assert_eq!(
                ask(&mut bench, side, at, "1"),
                fails("PERCENT_PRICE_BY_SIDE"),
                "{side} {at}"
            );
        }
    }
}

#[test]
fn the_percents_follow_the_average_of_the_trades() {
    let mut bench = Bench::new();
    assert_eq!(
        ask(&mut bench, Side::Sell, "5000.01", "1"),
        fails("PERCENT_PRICE_BY_SIDE")
    );
    bench.market_level(Side::Sell, "2000", "1");
    bench.market("alice", Side::Buy, "1");
    assert_eq!(ask(&mut bench, Side::Sell, "10000", "1"), Ok(()));
    assert_eq!(
        ask(&mut bench, Side::Sell, "10000.01", "1"),
        fails("PERCENT_PRICE_BY_SIDE")
    );
}

#[test]
fn notionals_have_a_least_and_a_most() {
    let mut bench = Bench::filtered(|filters| {
        let rule = filters.notional.as_mut().unwrap();
        (rule.min, rule.max) = ("100".parse().unwrap(), "2000".parse().unwrap());
    });
    assert_eq!(ask(&mut bench, Side::Buy, "1000", "0.1"), Ok(()));
    assert_eq!(
        ask(&mut bench, Side::Buy, "999.99", "0.1"),
        fails("NOTIONAL")
    );
    assert_eq!(ask(&mut bench, Side::Buy, "1000", "2"), Ok(()));
    assert_eq!(
        ask(&mut bench, Side::Buy, "1000", "2.0001"),
        fails("NOTIONAL")
    );
    // A MARKET order counts at the average price, and only the least applies to it.
    let market = |size: &str| {
        let order = NewOrder::market(eth(), Side::Buy, quantity(size));
        bench
            .exchange
            .test_order(account("alice"), &order, bench.now)
    };
    assert_eq!(market("0.1"), Ok(()));
    assert_eq!(market("0.0999"), Err(Refusal::filter("NOTIONAL")));
    assert_eq!(market("50"), Ok(()));
}

#[test]
fn the_old_notional_filter_can_spare_market_orders() {
    let mut bench = Bench::filtered(|filters| {
        filters.notional = None;
        let min = "100".parse().unwrap();
        filters.min_notional = Some(MinNotional {
            min,
            apply_to_market: false,
            avg_price_mins: 5,
        });
    });
    assert_eq!(ask(&mut bench, Side::Buy, "1000", "0.1"), Ok(()));
    assert_eq!(
        ask(&mut bench, Side::Buy, "1000", "0.0999"),
        fails("MIN_NOTIONAL")
    );
    let small = NewOrder::market(eth(), Side::Buy, quantity("0.01"));
    assert_eq!(
        bench
            .exchange
            .test_order(account("alice"), &small, bench.now),
        Ok(())
    );
}

#[test]
fn open_orders_are_limited_per_symbol() {
    let mut bench = Bench::filtered(|filters| {
        filters.max_num_orders = Some(3);
        filters.max_num_algo_orders = Some(1);
    });
    let waiting = stop(OrderType::StopLoss, Side::Sell, "900", "", "1");
    bench.place("alice", &waiting).unwrap();
    assert_eq!(
        bench.place("alice", &waiting).unwrap_err(),
        Refusal::filter("MAX_NUM_ALGO_ORDERS")
    );
    let first = bench.limit("alice", Side::Buy, "900", "1").order.order_id;
    bench.limit("alice", Side::Buy, "900", "1");
    assert_eq!(
        ask(&mut bench, Side::Buy, "900", "1"),
        fails("MAX_NUM_ORDERS")
    );
    assert!(
        bench.place("bob", &waiting).is_ok(),
        "the limits are an account's"
    );
    bench.cancel("alice", OrderRef::number(first)).unwrap();
    assert_eq!(ask(&mut bench, Side::Buy, "900", "1"), Ok(()));
}

#[test]
fn open_orders_are_limited_on_the_whole_exchange() {
    let mut settings = settings();
    settings.exchange_filters = ExchangeFilters {
        max_num_orders: Some(2),
        max_num_algo_orders: Some(1),
    };
    let mut bench = Bench::with(settings);
    let waiting = stop(OrderType::StopLoss, Side::Sell, "900", "", "1");
    bench.place("alice", &waiting).unwrap();
    let mut elsewhere = waiting.clone();
    elsewhere.symbol = symbol("BTCUSDT");
    elsewhere.stop_price = Some(price("40000"));
    let refusal = bench.place("alice", &elsewhere).unwrap_err();
    assert_eq!(refusal, Refusal::filter("EXCHANGE_MAX_NUM_ALGO_ORDERS"));
    bench.limit("alice", Side::Buy, "900", "1");
    assert_eq!(
        ask(&mut bench, Side::Buy, "900", "1"),
        fails("EXCHANGE_MAX_NUM_ORDERS")
    );
}

#[test]
fn a_position_beyond_the_most_takes_no_more_buys() {
    let mut bench = Bench::filtered(|filters| filters.max_position = Some(quantity("101")));
    bench.limit("alice", Side::Buy, "900", "1");
    assert_eq!(ask(&mut bench, Side::Buy, "900", "1"), Ok(()));
    bench.limit("alice", Side::Buy, "900", "0.01");
    assert_eq!(
        ask(&mut bench, Side::Buy, "900", "1"),
        fails("MAX_POSITION")
    );
    assert_eq!(ask(&mut bench, Side::Sell, "1100", "1"), Ok(()));
}

#[test]
fn more_decimals_than_an_asset_has_are_refused_before_the_filters() {
    let bench = Bench::new();
    let mut order = NewOrder::limit(eth(), Side::Buy, price("1000.123456789"), quantity("1"));
    let test = |order: &NewOrder| {
        bench
            .exchange
            .test_order(account("alice"), order, bench.now)
    };
    let refusal = test(&order).unwrap_err();
    let text = "Parameter 'price' has too much precision.";
    assert_eq!((refusal.code, &*refusal.message), (-1111, text));
    order.price = Some(price("1000.100000000"));
    assert_eq!(test(&order), Ok(()), "zeros at the end are no precision");
}

#[test]
fn each_type_asks_for_its_parameters_and_refuses_others() {
    let bench = Bench::new();
    let test = |order: &NewOrder| {
        let refusal = bench
            .exchange
            .test_order(account("alice"), order, bench.now)
            .unwrap_err();
        (refusal.code, refusal.message.into_owned())
    };
    let missing = |name: &str| {
        (
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    };
    let surplus = |name: &str| (-1106, format!("Parameter '{name}' sent when not required."));
    let limit = NewOrder::limit(eth(), Side::Buy, price("1000"), quantity("1"));
    let market = NewOrder::market(eth(), Side::Buy, quantity("1"));
    let waiting = stop(OrderType::StopLoss, Side::Sell, "900", "", "1");
    let with = |order: &NewOrder, change: fn(&mut NewOrder)| {
        let mut order = order.clone();
        change(&mut order);
        order
    };
    assert_eq!(
        test(&with(&limit, |o| o.time_in_force = None)),
        missing("timeInForce")
    );
    assert_eq!(test(&with(&limit, |o| o.price = None)), missing("price"));
    assert_eq!(
        test(&with(&limit, |o| o.quantity = None)),
        missing("quantity")
    );
    assert_eq!(
        test(&with(&limit, |o| o.stop_price = o.price)),
        surplus("stopPrice")
    );
    assert_eq!(
        test(&with(&market, |o| o.time_in_force = Some(TimeInForce::Gtc))),
        surplus("timeInForce")
    );
    assert_eq!(
        test(&with(&market, |o| o.price = Some(price("1")))),
        surplus("price")
    );
    assert_eq!(test(&with(&market, |o| o.quantity = None)).0, -1102);
    assert_eq!(
        test(&with(&waiting, |o| o.stop_price = None)),
        missing("stopPrice")
    );
    assert_eq!(
        test(&with(&waiting, |o| o.price = o.stop_price)),
        surplus("price")
    );
    assert_eq!(
        test(&with(&limit, |o| o.strategy_type = Some(999_999))).0,
        -1134
    );
    let iceberg = test(&with(&limit, |o| o.iceberg_qty = o.quantity));
    assert_eq!(
        iceberg.1,
        "Iceberg orders are not supported for this symbol."
    );
    let trailing = test(&with(&waiting, |o| o.trailing_delta = Some(100)));
    assert_eq!(
        trailing.1,
        "Trailing stop orders are not supported for this symbol."
    );
    let unknown = test(&with(&limit, |o| o.symbol = symbol("NOSUCH")));
    assert_eq!(unknown, (-1121, "Invalid symbol.".into()));
}

#[test]
fn an_account_that_may_not_trade_is_told_so() {
    let mut bench = Bench::new();
    bench
        .exchange
        .set_can_trade(account("alice"), false)
        .unwrap();
    let order = NewOrder::limit(eth(), Side::Buy, price("1000"), quantity("1"));
    assert_eq!(
        bench.place("alice", &order).unwrap_err(),
        Refusal::ACCOUNT_DISABLED
    );
    assert!(bench.place("bob", &order).is_ok());
}
