use super::*;

#[test]
fn a_taker_is_new_before_it_trades_and_positions_come_after_all_reports() {
    let mut bench = Bench::new();
    let maker = bench.limit("alice", Side::Sell, "1000", "0.5");
    assert_eq!(
        bench.story(),
        ["alice NEW NEW", "alice position ETH", "book 1..1", "ticker"]
    );
    let taker = bench.limit("bob", Side::Buy, "1010", "2");
    assert_eq!(
        bench.story(),
        [
            "bob NEW NEW",
            "bob TRADE PARTIALLY_FILLED 0.5@1000",
            "alice TRADE FILLED 0.5@1000",
            "print 0.5@1000",
            "alice position ETH,USDT",
            "bob position ETH,USDT",
            "book 2..3",
            "ticker",
        ]
    );
    assert_eq!(
        bench.order("alice", maker.order.order_id).status,
        OrderStatus::Filled
    );
    assert_eq!(taker.order.status, OrderStatus::PartiallyFilled);
    assert_eq!(taker.fills.len(), 1);
}

#[test]
fn a_market_order_without_enough_liquidity_runs_as_the_venue_documents() {
    let mut bench = Bench::new();
    bench.market_level(Side::Sell, "1000", "2");
    bench.market_level(Side::Sell, "1001", "2");
    bench.story();
    let placed = bench.market("alice", Side::Buy, "5");
    let events = bench.exchange.drain_events();
    let reports: Vec<&ExecutionReport> = events
        .iter()
        .filter_map(|event| match event {
            Event::Execution(report) => Some(&**report),
            _ => None,
        })
        .collect();
    let kinds: Vec<_> = reports
        .iter()
        .map(|report| (report.execution, report.order.status))
        .collect();
    use ExecutionType::{Expired, New, Trade};
    assert_eq!(
        kinds,
        [
            (New, OrderStatus::New),
            (Trade, OrderStatus::PartiallyFilled),
            (Trade, OrderStatus::PartiallyFilled),
            (Expired, OrderStatus::Expired),
        ]
    );
    assert_eq!(
        reports
            .iter()
            .map(|report| report.on_book)
            .collect::<Vec<_>>(),
        [true, false, false, false]
    );
    assert!(
        reports
            .windows(2)
            .all(|pair| pair[0].execution_id < pair[1].execution_id)
    );
    assert!(reports.iter().all(|report| report.time == bench.now));
    let last = reports[3];
    assert_eq!(
        last.order.expiry_reason,
        Some(ExpiryReason::InsufficientLiquidity)
    );
    assert_eq!(last.order.executed_qty, quantity("4"));
    assert!(last.trade.is_none());
    assert_eq!(placed.order.price, Price::ZERO);
    assert_eq!(placed.order.time_in_force, TimeInForce::Gtc);
    assert_eq!(
        bench.balance("alice", "USDT"),
        (decimal("95998"), decimal("0"))
    );
}

#[test]
fn better_prices_trade_first_and_at_one_price_the_older_order() {
    let mut bench = Bench::new();
    let late = bench.limit("alice", Side::Sell, "1001", "1").order.order_id;
    let first = bench.limit("alice", Side::Sell, "1000", "1").order.order_id;
    let second = bench.limit("alice", Side::Sell, "1000", "1").order.order_id;
    let taker = bench.limit("bob", Side::Buy, "1001", "1.5");
    let prices: Vec<_> = taker
        .fills
        .iter()
        .map(|fill| fill.price.to_string())
        .collect();
    assert_eq!(prices, ["1000", "1000"]);
    assert_eq!(bench.order("alice", first).status, OrderStatus::Filled);
    assert_eq!(bench.order("alice", second).executed_qty, quantity("0.5"));
    assert_eq!(bench.order("alice", late).status, OrderStatus::New);
}

#[test]
fn a_users_order_at_the_touch_trades_after_the_quantity_that_stood_before_it() {
    let mut bench = Bench::new();
    bench.market_level(Side::Buy, "999", "3");
    let mine = bench.limit("alice", Side::Buy, "999", "1").order.order_id;
    bench.market_level(Side::Buy, "999", "5");
    let sell = |bench: &mut Bench, size: &str| {
        let (at, size) = (price("999"), quantity(size));
        bench
            .exchange
            .operate(eth(), bench.now, |run| {
                run.market_takes(Side::Sell, at, size)
            })
            .unwrap()
    };
    assert_eq!(sell(&mut bench, "3"), quantity("3"));
    assert_eq!(bench.order("alice", mine).executed_qty, quantity("0"));
    assert_eq!(sell(&mut bench, "0.4"), quantity("0.4"));
    assert_eq!(bench.order("alice", mine).executed_qty, quantity("0.4"));
    // Liquidity that leaves leaves from the back, so the order's place does not change.
    bench.market_level(Side::Buy, "999", "0.1");
    assert_eq!(sell(&mut bench, "9"), quantity("0.7"));
    assert_eq!(bench.order("alice", mine).status, OrderStatus::Filled);
}

#[test]
fn liquidity_that_leaves_from_behind_an_order_does_not_move_it_forward() {
    let mut bench = Bench::new();
    bench.market_level(Side::Buy, "999", "3");
    let mine = bench.limit("alice", Side::Buy, "999", "1").order.order_id;
    bench.market_level(Side::Buy, "999", "5");
    bench.market_level(Side::Buy, "999", "3");
    bench.limit("bob", Side::Sell, "999", "3");
    assert_eq!(bench.order("alice", mine).executed_qty, Quantity::ZERO);
    bench.limit("bob", Side::Sell, "999", "1");
    assert_eq!(bench.order("alice", mine).status, OrderStatus::Filled);
}

#[test]
fn immediate_or_cancel_takes_what_there_is_and_expires() {
    let mut bench = Bench::new();
    bench.market_level(Side::Sell, "1000", "1");
    let placed = bench
        .place("alice", &timed(Side::Buy, "1000", "3", TimeInForce::Ioc))
        .unwrap();
    assert_eq!(placed.order.status, OrderStatus::Expired);
    assert_eq!(placed.order.expiry_reason, Some(ExpiryReason::UnfilledIoc));
    assert_eq!(placed.order.executed_qty, quantity("1"));
    assert_eq!(
        bench.balance("alice", "USDT"),
        (decimal("99000"), decimal("0"))
    );
    assert!(bench.exchange.depth(eth(), 5).unwrap().bids.is_empty());
}

#[test]
fn fill_or_kill_takes_all_or_nothing() {
    let mut bench = Bench::new();
    bench.market_level(Side::Sell, "1000", "1");
    bench.market_level(Side::Sell, "1001", "1");
    bench.story();
    let placed = bench
        .place(
            "alice",
            &timed(Side::Buy, "1001", "2.0001", TimeInForce::Fok),
        )
        .unwrap();
    assert_eq!(placed.order.status, OrderStatus::Expired);
    assert_eq!(placed.order.expiry_reason, Some(ExpiryReason::UnfilledFok));
    assert_eq!(
        bench.user_story(),
        [
            "alice NEW NEW",
            "alice EXPIRED EXPIRED UNFILLED_FOK_ORDER_EXPIRED",
            "alice position USDT"
        ]
    );
    let placed = bench
        .place("alice", &timed(Side::Buy, "1001", "2", TimeInForce::Fok))
        .unwrap();
    assert_eq!(placed.order.status, OrderStatus::Filled);
}

#[test]
fn a_limit_maker_rests_or_is_rejected() {
    let mut bench = Bench::new();
    bench.market_level(Side::Sell, "1000", "1");
    bench.story();
    let mut order = NewOrder::new(eth(), Side::Buy, OrderType::LimitMaker);
    order.price = Some(price("1000"));
    order.quantity = Some(quantity("1"));
    let refusal = bench.place("alice", &order).unwrap_err();
    assert_eq!(
        (refusal.code, &*refusal.message),
        (-2010, "Order would immediately match and take.")
    );
    assert_eq!(bench.story(), ["alice REJECTED REJECTED"]);
    order.price = Some(price("999.99"));
    assert_eq!(
        bench.place("alice", &order).unwrap().order.status,
        OrderStatus::New
    );
}

#[test]
fn a_market_order_by_quote_quantity_spends_no_more_than_that() {
    let mut bench = Bench::new();
    bench.market_level(Side::Sell, "1000", "1");
    bench.market_level(Side::Sell, "1001", "10");
    let mut order = NewOrder::new(eth(), Side::Buy, OrderType::Market);
    order.quote_order_qty = Some("1500".parse().unwrap());
    let placed = bench.place("alice", &order).unwrap().order;
    assert_eq!(placed.status, OrderStatus::Filled);
    // 1 at 1000, then 500/1001 = 0.49950..., rounded down to the lot of 0.0001.
    assert_eq!(placed.executed_qty, quantity("1.4995"));
    assert_eq!(placed.cumulative_quote, "1499.9995".parse().unwrap());
    assert_eq!(placed.quote_order_qty, "1500".parse().unwrap());
    assert_eq!(
        bench.balance("alice", "USDT"),
        (decimal("98500.0005"), decimal("0"))
    );
}

#[test]
fn a_quote_quantity_that_buys_less_than_a_lot_is_refused() {
    let mut bench = Bench::new();
    let mut order = NewOrder::new(eth(), Side::Buy, OrderType::Market);
    order.quote_order_qty = Some("100".parse().unwrap());
    let refusal = bench.place("alice", &order).unwrap_err();
    let text = "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.";
    assert_eq!((refusal.code, &*refusal.message), (-2010, text));
}

#[test]
fn a_client_id_can_be_used_again_once_its_order_is_finished() {
    let mut bench = Bench::new();
    let mut order = NewOrder::limit(eth(), Side::Buy, price("900"), quantity("1"));
    order.client_order_id = Some(client("mine"));
    bench.place("alice", &order).unwrap();
    let refusal = bench.place("alice", &order).unwrap_err();
    assert_eq!(
        (refusal.code, &*refusal.message),
        (-2010, "Duplicate order sent.")
    );
    assert!(
        bench.place("bob", &order).is_ok(),
        "another account's id is another id"
    );
    bench
        .cancel("alice", OrderRef::client(client("mine")))
        .unwrap();
    let again = bench.place("alice", &order).unwrap().order.order_id;
    let found = bench
        .exchange
        .order(account("alice"), eth(), OrderRef::client(client("mine")));
    assert_eq!(found.unwrap().order_id, again);
}

#[test]
fn orders_without_a_client_id_get_one_that_the_seed_decides() {
    let ids = |seed| {
        let mut bench = Bench::with(Settings { seed, ..settings() });
        [0, 1].map(|_| {
            bench
                .limit("alice", Side::Buy, "900", "1")
                .order
                .client_order_id
        })
    };
    let made = ids(1);
    assert!(made.iter().all(|id| id.as_str().len() == 22), "{made:?}");
    assert_ne!(made[0], made[1]);
    assert_eq!(made, ids(1));
    assert_ne!(made, ids(2));
}

#[test]
fn update_ids_follow_each_other_without_a_gap_and_levels_are_absolute() {
    let mut bench = Bench::new();
    let mut last = 0;
    let mut asks = std::collections::BTreeMap::new();
    for step in 0..50 {
        let at = format!("{}", 1_000 + step % 7);
        bench.limit("alice", Side::Sell, &at, "0.1");
        if step % 3 == 0 {
            bench.market("bob", Side::Buy, "0.15");
        }
        for event in bench.exchange.drain_events() {
            let Event::BookChanged(book) = event else {
                continue;
            };
            assert_eq!(book.first_update_id, last + 1);
            last = book.last_update_id;
            for level in book.levels {
                if level.quantity.is_zero() {
                    asks.remove(&level.price);
                } else {
                    asks.insert(level.price, level.quantity);
                }
            }
        }
    }
    let depth = bench.exchange.depth(eth(), 100).unwrap();
    assert_eq!(depth.last_update_id, last);
    assert_eq!(depth.asks, asks.into_iter().collect::<Vec<_>>());
}
