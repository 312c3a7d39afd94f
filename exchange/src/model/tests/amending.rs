use super::*;
use tripline_engine::ids::VenueOrderId;

fn amend(bench: &mut Bench, id: VenueOrderId, to: &str) -> Result<Amended, Refusal> {
    let (order, to) = (OrderRef::number(id), quantity(to));
    bench
        .exchange
        .amend_keep_priority(account("alice"), eth(), order, None, to, bench.now)
}

#[test]
fn an_amend_keeps_number_and_place_and_frees_the_funds() {
    let mut bench = Bench::new();
    let placed = bench.limit("alice", Side::Buy, "900", "2").order;
    let behind = bench.limit("bob", Side::Buy, "900", "2").order.order_id;
    bench.story();
    let amended = amend(&mut bench, placed.order_id, "1").unwrap();
    assert_eq!(amended.order.order_id, placed.order_id);
    assert_ne!(amended.order.client_order_id, placed.client_order_id);
    assert_eq!(
        (amended.order.status, amended.order.quantity),
        (OrderStatus::New, quantity("1"))
    );
    assert_eq!(
        bench.balance("alice", "USDT"),
        (decimal("99100"), decimal("900"))
    );
    let events = bench.exchange.drain_events();
    let Event::Execution(report) = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!(report.execution, ExecutionType::Replaced);
    assert_eq!(report.orig_client_order_id, Some(placed.client_order_id));
    assert_eq!(report.execution_id, amended.amendment.execution_id);
    bench.market_level(Side::Sell, "900", "1");
    assert_eq!(
        bench.order("alice", placed.order_id).status,
        OrderStatus::Filled
    );
    assert_eq!(bench.order("bob", behind).executed_qty, Quantity::ZERO);
    let old = bench.exchange.order(
        account("alice"),
        eth(),
        OrderRef::client(placed.client_order_id),
    );
    assert_eq!(old.unwrap_err(), Refusal::NO_SUCH_ORDER);
}

#[test]
fn an_amend_can_only_lower_the_quantity() {
    let mut bench = Bench::new();
    let id = bench.limit("alice", Side::Buy, "900", "2").order.order_id;
    for (to, code, text) in [
        (
            "2.0001",
            -2038,
            "Order amend (quantity increase) is not supported.",
        ),
        (
            "2",
            -2038,
            "The requested action would change no state; rejecting",
        ),
        ("0", -1013, "Filter failure: LOT_SIZE"),
        ("1.00005", -1013, "Filter failure: LOT_SIZE"),
        ("0.005", -1013, "Filter failure: NOTIONAL"),
    ] {
        let refusal = amend(&mut bench, id, to).unwrap_err();
        assert_eq!((refusal.code, &*refusal.message), (code, text), "to {to}");
    }
    let unknown = amend(&mut bench, VenueOrderId(99), "1").unwrap_err();
    assert_eq!(unknown.code, -2038);
}

#[test]
fn an_amend_to_what_is_filled_already_ends_the_order() {
    let mut bench = Bench::new();
    let id = bench.limit("alice", Side::Buy, "900", "2").order.order_id;
    bench.limit("bob", Side::Sell, "900", "1.5");
    bench.story();
    let amended = amend(&mut bench, id, "1").unwrap();
    assert_eq!(
        (amended.order.status, amended.order.quantity),
        (OrderStatus::Expired, quantity("1.5"))
    );
    assert_eq!(bench.balance("alice", "USDT").1, Decimal::ZERO);
    assert!(bench.exchange.depth(eth(), 1).unwrap().bids.is_empty());
    assert_eq!(
        bench.user_story(),
        [
            "alice REPLACED PARTIALLY_FILLED",
            "alice EXPIRED EXPIRED",
            "alice position USDT"
        ]
    );
}

#[test]
fn an_amend_below_what_was_prevented_ends_the_order_with_that() {
    let mut bench = Bench::new();
    let id = bench.limit("alice", Side::Buy, "900", "2").order.order_id;
    let mut own = NewOrder::limit(eth(), Side::Sell, price("900"), quantity("1.5"));
    own.self_trade_prevention = Some(SelfTradePrevention::Decrement);
    bench.place("alice", &own).unwrap();
    let ended = amend(&mut bench, id, "1").unwrap().order;
    assert_eq!(ended.status, OrderStatus::Expired);
    assert_eq!(
        (ended.quantity, ended.prevented_qty),
        (quantity("1.5"), quantity("1.5"))
    );
    assert_eq!(
        bench.balance("alice", "USDT"),
        (decimal("100000"), decimal("0"))
    );
}

#[test]
fn the_amends_of_an_order_are_counted_and_remembered() {
    let mut bench = Bench::filtered(|filters| filters.max_num_order_amends = Some(2));
    let id = bench.limit("alice", Side::Buy, "900", "2").order.order_id;
    for to in ["1.9", "1.8"] {
        amend(&mut bench, id, to).unwrap();
    }
    let refusal = amend(&mut bench, id, "1.7").unwrap_err();
    assert_eq!(
        (refusal.code, &*refusal.message),
        (-2038, "Filter failure: MAX_NUM_ORDER_AMENDS")
    );
    let rows = bench
        .exchange
        .amendments(account("alice"), eth(), id, None, 10)
        .unwrap();
    let amounts: Vec<_> = rows
        .iter()
        .map(|row| (row.orig_qty.to_string(), row.new_qty.to_string()))
        .collect();
    assert_eq!(
        amounts,
        [("2".into(), "1.9".into()), ("1.9".into(), "1.8".into())]
    );
}

#[test]
fn an_amend_may_keep_its_client_id_but_not_take_another_open_orders() {
    let mut bench = Bench::new();
    let placed = bench.limit("alice", Side::Buy, "900", "2").order;
    let other = bench.limit("alice", Side::Buy, "901", "2").order;
    let mut amend = |client, to| {
        let order = OrderRef::number(placed.order_id);
        let to = quantity(to);
        bench.exchange.amend_keep_priority(
            account("alice"),
            eth(),
            order,
            Some(client),
            to,
            bench.now,
        )
    };
    assert_eq!(
        amend(other.client_order_id, "1").unwrap_err(),
        Refusal::AMEND_DUPLICATE
    );
    let kept = amend(placed.client_order_id, "1").unwrap().order;
    assert_eq!(kept.client_order_id, placed.client_order_id);
}
