use super::*;

/// Alice offers 1 at 1000 twice, the market offers 5 at 1001, and Alice buys 1.5 with this mode.
fn cross(mode: SelfTradePrevention) -> (Bench, Placed, [Order; 2]) {
    let mut bench = Bench::new();
    let first = bench.limit("alice", Side::Sell, "1000", "1").order.order_id;
    let second = bench.limit("alice", Side::Sell, "1000", "1").order.order_id;
    bench.market_level(Side::Sell, "1001", "5");
    bench.story();
    let mut order = NewOrder::limit(eth(), Side::Buy, price("1001"), quantity("1.5"));
    order.self_trade_prevention = Some(mode);
    let placed = bench.place("alice", &order).unwrap();
    let makers = [first, second].map(|id| bench.order("alice", id).clone());
    (bench, placed, makers)
}

fn locks_fit(bench: &Bench) {
    let mut locked = Decimal::ZERO;
    for order in bench.exchange.open_orders(account("alice"), None).unwrap() {
        if order.side == Side::Sell {
            assert_eq!(order.locked, order.remaining().value());
            locked += order.locked;
        }
    }
    assert_eq!(bench.balance("alice", "ETH").1, locked);
    assert_eq!(bench.balance("alice", "USDT").1, Decimal::ZERO);
}

#[test]
fn expire_taker_ends_the_taker_and_leaves_the_maker() {
    let (mut bench, placed, makers) = cross(SelfTradePrevention::ExpireTaker);
    assert_eq!(placed.order.status, OrderStatus::ExpiredInMatch);
    assert_eq!(placed.order.prevented_qty, quantity("1.5"));
    assert!(makers.iter().all(|maker| maker.status == OrderStatus::New));
    assert_eq!(
        bench.user_story(),
        [
            "alice NEW NEW",
            "alice TRADE_PREVENTION EXPIRED_IN_MATCH -1.5",
            "alice position USDT"
        ]
    );
    let row = &placed.prevented[0];
    assert_eq!(
        (row.taker_prevented, row.maker_prevented),
        (Some(quantity("1.5")), None)
    );
    locks_fit(&bench);
}

#[test]
fn expire_maker_ends_the_makers_and_lets_the_taker_go_on() {
    let (bench, placed, makers) = cross(SelfTradePrevention::ExpireMaker);
    assert_eq!(placed.order.status, OrderStatus::Filled);
    assert!(placed.fills.iter().all(|fill| fill.price == price("1001")));
    assert_eq!(placed.prevented.len(), 2);
    for maker in &makers {
        assert_eq!(maker.status, OrderStatus::ExpiredInMatch);
        assert_eq!(maker.prevented_qty, quantity("1"));
        assert!(maker.prevented_match_id.is_some());
    }
    locks_fit(&bench);
}

#[test]
fn expire_both_ends_the_taker_and_the_maker_it_met() {
    let (bench, placed, makers) = cross(SelfTradePrevention::ExpireBoth);
    assert_eq!(placed.order.status, OrderStatus::ExpiredInMatch);
    assert_eq!(makers[0].status, OrderStatus::ExpiredInMatch);
    assert_eq!(makers[1].status, OrderStatus::New);
    assert!(placed.fills.is_empty());
    locks_fit(&bench);
}

#[test]
fn decrement_takes_the_overlap_off_both_and_the_smaller_ends() {
    for mode in [
        SelfTradePrevention::Decrement,
        SelfTradePrevention::Transfer,
    ] {
        let (mut bench, placed, makers) = cross(mode);
        assert_eq!(placed.order.status, OrderStatus::ExpiredInMatch);
        assert_eq!(placed.order.prevented_qty, quantity("1.5"));
        assert_eq!(makers[0].status, OrderStatus::ExpiredInMatch);
        assert_eq!(
            (makers[1].status, makers[1].remaining()),
            (OrderStatus::New, quantity("0.5"))
        );
        assert_eq!(
            bench.user_story(),
            [
                "alice NEW NEW",
                "alice TRADE_PREVENTION NEW -1",
                "alice TRADE_PREVENTION EXPIRED_IN_MATCH -1",
                "alice TRADE_PREVENTION EXPIRED_IN_MATCH -0.5",
                "alice TRADE_PREVENTION NEW -0.5",
                "alice position ETH,USDT",
            ]
        );
        let asks = bench.exchange.depth(eth(), 1).unwrap().asks;
        assert_eq!(asks, [(price("1000"), quantity("0.5"))]);
        locks_fit(&bench);
    }
}

#[test]
fn fill_or_kill_does_not_count_on_own_orders() {
    for (mode, size, expected) in [
        (SelfTradePrevention::ExpireMaker, "2", OrderStatus::Filled),
        (
            SelfTradePrevention::ExpireMaker,
            "2.5",
            OrderStatus::Expired,
        ),
        (SelfTradePrevention::Decrement, "2", OrderStatus::Expired),
        (SelfTradePrevention::ExpireTaker, "2", OrderStatus::Expired),
    ] {
        let mut bench = Bench::new();
        bench.limit("alice", Side::Sell, "1000", "1");
        bench.market_level(Side::Sell, "1001", "2");
        let mut order = timed(Side::Buy, "1001", size, TimeInForce::Fok);
        order.self_trade_prevention = Some(mode);
        let placed = bench.place("alice", &order).unwrap().order;
        assert_eq!(placed.status, expected, "{mode} {size}");
    }
}

#[test]
fn the_symbols_default_mode_applies_and_none_is_refused() {
    let mut bench = Bench::new();
    let mut order = NewOrder::limit(eth(), Side::Buy, price("900"), quantity("1"));
    let mode = bench
        .place("alice", &order)
        .unwrap()
        .order
        .self_trade_prevention;
    assert_eq!(mode, SelfTradePrevention::ExpireMaker);
    order.self_trade_prevention = Some(SelfTradePrevention::None);
    let refusal = bench.place("alice", &order).unwrap_err();
    let text = "This symbol does not allow the specified self-trade prevention mode.";
    assert_eq!((refusal.code, &*refusal.message), (-1013, text));
}

#[test]
fn prevented_matches_can_be_asked_for_by_match_and_by_order() {
    let (bench, placed, makers) = cross(SelfTradePrevention::ExpireMaker);
    let ask = |id, order| {
        let all = Window::newest(500);
        bench
            .exchange
            .prevented_matches(account("alice"), eth(), id, order, all)
            .unwrap()
            .len()
    };
    assert_eq!(ask(Some(1), None), 1);
    assert_eq!(ask(None, Some(placed.order.order_id)), 2);
    assert_eq!(ask(None, Some(makers[0].order_id)), 1);
}
