use super::*;

#[test]
fn a_buy_locks_quote_at_its_limit_and_gets_the_improvement_back() {
    let mut bench = Bench::new();
    bench.limit("alice", Side::Sell, "1000", "1");
    assert_eq!(bench.balance("alice", "ETH"), (decimal("99"), decimal("1")));
    bench.limit("bob", Side::Buy, "1100", "3");
    // 1 at 1000 is paid, 2 at 1100 stay locked, and 100 came back.
    assert_eq!(
        bench.balance("bob", "USDT"),
        (decimal("96800"), decimal("2200"))
    );
    // Commission is taken from what each received: 0.2 % of 1 ETH, 0.1 % of 1000 USDT.
    assert_eq!(bench.balance("bob", "ETH").0, decimal("100.998"));
    assert_eq!(bench.balance("alice", "USDT").0, decimal("100999"));
    assert_eq!(bench.balance("alice", "ETH"), (decimal("99"), decimal("0")));
}

#[test]
fn the_last_unit_can_be_spent_but_no_more() {
    let mut bench = Bench::new();
    let enough = NewOrder::limit(eth(), Side::Buy, price("1000"), quantity("100"));
    let more = NewOrder::limit(eth(), Side::Buy, price("1000"), quantity("100.0001"));
    let refusal = bench.place("alice", &more).unwrap_err();
    let text = "Account has insufficient balance for requested action.";
    assert_eq!((refusal.code, &*refusal.message), (-2010, text));
    let events = bench.exchange.drain_events();
    let [Event::Execution(report)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(report.reject_reason, RejectReason::InsufficientBalances);
    let gone = bench.exchange.order(
        account("alice"),
        eth(),
        OrderRef::number(report.order.order_id),
    );
    assert_eq!(gone.unwrap_err(), Refusal::NO_SUCH_ORDER);
    bench.place("alice", &enough).unwrap();
    assert_eq!(
        bench.balance("alice", "USDT"),
        (decimal("0"), decimal("100000"))
    );
}

#[test]
fn a_market_buy_that_costs_more_than_is_free_is_rejected_whole() {
    let mut bench = Bench::new();
    bench.market_level(Side::Sell, "1000", "60");
    bench.market_level(Side::Sell, "1010", "60");
    let refusal = bench
        .place(
            "alice",
            &NewOrder::market(eth(), Side::Buy, quantity("100")),
        )
        .unwrap_err();
    assert_eq!(refusal, Refusal::INSUFFICIENT_BALANCE);
    assert_eq!(
        bench.market("alice", Side::Buy, "99").order.status,
        OrderStatus::Filled
    );
}

#[test]
fn commission_goes_in_bnb_with_the_discount_while_enough_is_free() {
    let mut settings = settings();
    settings.accounts[0].bnb_discount = Some(BnbDiscount {
        factor: decimal("0.75"),
    });
    settings.accounts[0].balances[3].1 = decimal("0.005");
    let mut bench = Bench::with(settings);
    bench.market_level(Side::Buy, "1000", "50");
    let first = bench.market("alice", Side::Sell, "1").fills[0].clone();
    // 0.2 % of 1000 USDT, three quarters of it, at 500 USDT per BNB.
    assert_eq!(
        (first.commission_asset, first.commission),
        (asset("BNB"), decimal("0.003"))
    );
    let second = bench.market("alice", Side::Sell, "1").fills[0].clone();
    assert_eq!(
        (second.commission_asset, second.commission),
        (asset("USDT"), decimal("2"))
    );
    assert_eq!(bench.balance("alice", "BNB").0, decimal("0.002"));
}

#[test]
fn deposits_and_withdrawals_show_in_events_and_cannot_overdraw() {
    let mut bench = Bench::new();
    let usdt = asset("USDT");
    bench
        .exchange
        .deposit(account("alice"), usdt, decimal("-100000"), bench.now)
        .unwrap();
    assert_eq!(
        bench.story(),
        ["alice balance -100000", "alice position USDT"]
    );
    assert!(
        bench
            .exchange
            .deposit(account("alice"), usdt, decimal("-0.01"), bench.now)
            .is_err()
    );
    assert!(
        bench
            .exchange
            .deposit(account("alice"), usdt, Decimal::MAX, bench.now)
            .is_err()
    );
    assert!(bench.story().is_empty());
}

#[test]
fn a_monthly_reset_wipes_orders_and_restores_balances_but_not_the_market() {
    let mut bench = Bench::new();
    bench.market_level(Side::Buy, "990", "2");
    let mine = bench.limit("alice", Side::Buy, "995", "1").order;
    bench.limit("bob", Side::Sell, "995", "0.5");
    bench.story();
    bench.exchange.reset(bench.now);
    assert_eq!(bench.story(), ["book 4..4", "ticker"]);
    let named = OrderRef::number(mine.order_id);
    let gone = bench
        .exchange
        .order(account("alice"), eth(), named)
        .unwrap_err();
    assert_eq!(
        (gone.code, &*gone.message),
        (-2013, "Order does not exist.")
    );
    assert_eq!(
        bench.balance("alice", "USDT"),
        (decimal("100000"), decimal("0"))
    );
    assert_eq!(
        bench.exchange.depth(eth(), 9).unwrap().bids,
        [(price("990"), quantity("2"))]
    );
    assert_eq!(
        bench.limit("alice", Side::Buy, "900", "1").order.order_id.0,
        1
    );
}
