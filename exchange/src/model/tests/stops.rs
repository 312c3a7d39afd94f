use super::*;

/// Moves the last price with a trade of the market with itself.
fn trade_at(bench: &mut Bench, at: &str) {
    let at = price(at);
    bench.now = bench.now.plus(1_000);
    bench
        .exchange
        .operate(eth(), bench.now, |run| {
            run.recorded_trade(at, quantity("0.01"), true)
        })
        .unwrap();
}

#[test]
fn each_stop_waits_on_its_side_of_the_last_price() {
    use OrderType::{StopLoss, StopLossLimit, TakeProfit, TakeProfitLimit};
    for (kind, side, above) in [
        (StopLoss, Side::Buy, true),
        (TakeProfit, Side::Sell, true),
        (StopLoss, Side::Sell, false),
        (TakeProfit, Side::Buy, false),
        (StopLossLimit, Side::Buy, true),
        (TakeProfitLimit, Side::Sell, true),
        (StopLossLimit, Side::Sell, false),
        (TakeProfitLimit, Side::Buy, false),
    ] {
        let limit = if kind.has_price() { "1000" } else { "" };
        let mut bench = Bench::new();
        let (good, bad) = if above {
            ("1000.01", "999.99")
        } else {
            ("999.99", "1000.01")
        };
        for wrong in [bad, "1000"] {
            let refusal = bench
                .place("alice", &stop(kind, side, wrong, limit, "1"))
                .unwrap_err();
            let text = "Order would trigger immediately.";
            assert_eq!(
                (refusal.code, &*refusal.message),
                (-2010, text),
                "{kind} {side} {wrong}"
            );
        }
        bench.story();
        let placed = bench
            .place("alice", &stop(kind, side, good, limit, "1"))
            .unwrap()
            .order;
        assert_eq!(
            (placed.status, placed.working_time),
            (OrderStatus::New, None)
        );
        trade_at(&mut bench, good);
        let order = bench.order("alice", placed.order_id);
        assert_eq!(order.working_time, Some(bench.now), "{kind} {side}");
    }
}

#[test]
fn a_triggered_limit_goes_on_the_book_and_a_triggered_market_order_trades() {
    let mut bench = Bench::new();
    bench.market_level(Side::Buy, "980", "10");
    let limit = stop(OrderType::StopLossLimit, Side::Sell, "990", "985", "1");
    let market = stop(OrderType::StopLoss, Side::Sell, "985", "", "1");
    let (limit, market) = (
        bench.place("alice", &limit).unwrap().order,
        bench.place("alice", &market).unwrap().order,
    );
    bench.story();
    trade_at(&mut bench, "988");
    assert_eq!(
        bench.order("alice", limit.order_id).status,
        OrderStatus::New
    );
    assert_eq!(
        bench.exchange.depth(eth(), 9).unwrap().asks,
        [(price("985"), quantity("1"))]
    );
    assert_eq!(bench.user_story(), ["alice NEW NEW"]);
    trade_at(&mut bench, "984.5");
    assert_eq!(
        bench.user_story(),
        [
            "alice NEW NEW",
            "alice TRADE FILLED 1@980",
            "alice position ETH,USDT"
        ]
    );
    assert_eq!(
        bench.order("alice", market.order_id).status,
        OrderStatus::Filled
    );
}

#[test]
fn one_stop_can_set_off_the_next() {
    let mut bench = Bench::new();
    bench.market_level(Side::Buy, "980", "1");
    bench.market_level(Side::Buy, "960", "1");
    let second = bench
        .place(
            "alice",
            &stop(OrderType::StopLoss, Side::Sell, "981", "", "1"),
        )
        .unwrap();
    let first = bench
        .place(
            "alice",
            &stop(OrderType::StopLoss, Side::Sell, "990", "", "1"),
        )
        .unwrap();
    trade_at(&mut bench, "990");
    let fill = |bench: &Bench, placed: &Placed| {
        bench
            .order("alice", placed.order.order_id)
            .cumulative_quote
            .to_string()
    };
    assert_eq!(
        (fill(&bench, &first), fill(&bench, &second)),
        ("980".into(), "960".into())
    );
}

#[test]
fn a_stop_that_can_no_longer_be_paid_expires_as_rejected() {
    let mut bench = Bench::new();
    bench.market_level(Side::Sell, "1200", "100");
    let placed = bench
        .place(
            "alice",
            &stop(OrderType::StopLoss, Side::Buy, "1010", "", "90"),
        )
        .unwrap();
    assert_eq!(
        bench.balance("alice", "USDT"),
        (decimal("9100"), decimal("90900"))
    );
    bench.story();
    trade_at(&mut bench, "1010");
    let order = bench.order("alice", placed.order.order_id);
    assert_eq!(
        (order.status, order.expiry_reason),
        (OrderStatus::Expired, Some(ExpiryReason::Rejected))
    );
    assert_eq!(
        bench.balance("alice", "USDT"),
        (decimal("100000"), decimal("0"))
    );
}

#[test]
fn a_waiting_stop_can_be_canceled_and_no_longer_fires() {
    let mut bench = Bench::new();
    let order = stop(OrderType::StopLoss, Side::Sell, "990", "", "1");
    let id = bench.place("alice", &order).unwrap().order.order_id;
    bench.cancel("alice", OrderRef::number(id)).unwrap();
    assert_eq!(
        bench.balance("alice", "ETH"),
        (decimal("100"), decimal("0"))
    );
    bench.story();
    trade_at(&mut bench, "900");
    assert!(bench.user_story().is_empty());
}
