use super::*;

#[test]
fn a_cancel_reports_under_its_own_id_and_names_the_orders() {
    let mut bench = Bench::new();
    let mut order = NewOrder::limit(eth(), Side::Buy, price("900"), quantity("1"));
    order.client_order_id = Some(client("mine"));
    bench.place("alice", &order).unwrap();
    bench.story();
    let cancel = CancelOrder {
        order: OrderRef::client(client("mine")),
        new_client_order_id: Some(client("bye")),
        restriction: None,
    };
    let canceled = bench
        .exchange
        .cancel(account("alice"), eth(), &cancel, bench.now)
        .unwrap();
    assert_eq!(canceled.cancel_client_order_id, client("bye"));
    assert_eq!(canceled.order.client_order_id, client("mine"));
    let events = bench.exchange.drain_events();
    let Event::Execution(report) = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!(report.client_order_id, client("bye"));
    assert_eq!(report.orig_client_order_id, Some(client("mine")));
    assert_eq!(
        (report.execution, report.order.status),
        (ExecutionType::Canceled, OrderStatus::Canceled)
    );
    assert!(!report.on_book);
    assert_eq!(
        bench.balance("alice", "USDT"),
        (decimal("100000"), decimal("0"))
    );
    assert!(bench.exchange.depth(eth(), 1).unwrap().bids.is_empty());
}

#[test]
fn unknown_finished_and_foreign_orders_cannot_be_canceled() {
    let mut bench = Bench::new();
    let id = bench.limit("alice", Side::Buy, "900", "1").order.order_id;
    let unknown = Refusal::fixed(-2011, "Unknown order sent.");
    assert_eq!(
        bench.cancel("bob", OrderRef::number(id)),
        Err(unknown.clone())
    );
    let other = OrderRef {
        order_id: Some(id),
        client_order_id: Some(client("wrong")),
    };
    assert_eq!(
        bench.cancel("alice", other).unwrap_err().message,
        "Cancel order is invalid. Check origClOrdId and orderId."
    );
    let refusal = bench.cancel("alice", OrderRef::default()).unwrap_err();
    let text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!";
    assert_eq!((refusal.code, &*refusal.message), (-1102, text));
    bench.cancel("alice", OrderRef::number(id)).unwrap();
    assert_eq!(bench.cancel("alice", OrderRef::number(id)), Err(unknown));
}

#[test]
fn cancel_restrictions_look_at_the_state() {
    let mut bench = Bench::new();
    let id = bench.limit("alice", Side::Buy, "900", "1").order.order_id;
    let mut cancel = CancelOrder {
        order: OrderRef::number(id),
        new_client_order_id: None,
        restriction: Some(CancelRestriction::OnlyPartiallyFilled),
    };
    let refusal = bench
        .exchange
        .cancel(account("alice"), eth(), &cancel, bench.now)
        .unwrap_err();
    let text = "Order was not canceled due to cancel restrictions.";
    assert_eq!((refusal.code, &*refusal.message), (-2011, text));
    bench.limit("bob", Side::Sell, "900", "0.1");
    cancel.restriction = Some(CancelRestriction::OnlyNew);
    assert!(
        bench
            .exchange
            .cancel(account("alice"), eth(), &cancel, bench.now)
            .is_err()
    );
    cancel.restriction = Some(CancelRestriction::OnlyPartiallyFilled);
    assert!(
        bench
            .exchange
            .cancel(account("alice"), eth(), &cancel, bench.now)
            .is_ok()
    );
}

#[test]
fn cancel_all_takes_every_order_of_the_symbol_and_account() {
    let mut bench = Bench::new();
    bench.limit("alice", Side::Buy, "900", "1");
    bench
        .place(
            "alice",
            &stop(OrderType::StopLoss, Side::Sell, "800", "", "1"),
        )
        .unwrap();
    bench.limit("bob", Side::Buy, "901", "1");
    let canceled = bench
        .exchange
        .cancel_all(account("alice"), eth(), bench.now)
        .unwrap();
    assert_eq!(canceled.len(), 2);
    assert!(
        bench
            .exchange
            .open_orders(account("alice"), None)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        bench
            .exchange
            .open_orders(account("bob"), Some(eth()))
            .unwrap()
            .len(),
        1
    );
    let refusal = bench
        .exchange
        .cancel_all(account("alice"), eth(), bench.now)
        .unwrap_err();
    assert_eq!(refusal, Refusal::UNKNOWN_ORDER);
}

#[test]
fn a_halted_symbol_takes_cancels_and_a_closed_one_takes_nothing() {
    for (status, takes_cancels) in [
        (SymbolStatus::Halt, true),
        (SymbolStatus::CancelOnly, true),
        (SymbolStatus::Break, false),
        (SymbolStatus::EndOfDay, false),
    ] {
        let mut bench = Bench::new();
        let id = bench.limit("alice", Side::Buy, "900", "1").order.order_id;
        bench.exchange.set_status(eth(), status, bench.now).unwrap();
        let order = NewOrder::limit(eth(), Side::Buy, price("900"), quantity("1"));
        let refusal = bench.place("alice", &order).unwrap_err();
        assert_eq!(
            (refusal.code, &*refusal.message),
            (-1013, "Market is closed.")
        );
        assert_eq!(
            bench.cancel("alice", OrderRef::number(id)).is_ok(),
            takes_cancels,
            "{status}"
        );
    }
}

/// A resting order to cancel and the request to replace it by a better one.
fn replacing(mode: CancelReplaceMode) -> (Bench, CancelReplace) {
    let mut bench = Bench::new();
    let id = bench.limit("alice", Side::Buy, "900", "1").order.order_id;
    let request = CancelReplace {
        mode,
        cancel: CancelOrder {
            order: OrderRef::number(id),
            ..CancelOrder::default()
        },
        new_order: NewOrder::limit(eth(), Side::Buy, price("950"), quantity("1")),
        over_limit: None,
    };
    (bench, request)
}

/// (cancel, new order, code) of a cancel-replace.
fn outcome(
    bench: &mut Bench,
    request: &CancelReplace,
) -> (&'static str, &'static str, Option<i32>) {
    let done = bench
        .exchange
        .cancel_replace(account("alice"), request, bench.now)
        .unwrap();
    (
        done.cancel.as_str(),
        done.new_order.as_str(),
        done.error().map(|error| error.code),
    )
}

#[test]
fn every_row_of_the_cancel_replace_table_ends_as_the_venue_says() {
    use CancelReplaceMode::{AllowFailure, StopOnFailure};
    let over = Refusal::fixed(
        -1015,
        "Too many new orders; current limit is 50 orders per 10 SECOND.",
    );
    let unknown = OrderRef::client(client("unknown"));
    for (mode, cancel_fails, new_fails, over_limit, expected) in [
        (
            StopOnFailure,
            false,
            false,
            false,
            ("SUCCESS", "SUCCESS", None),
        ),
        (
            AllowFailure,
            false,
            false,
            false,
            ("SUCCESS", "SUCCESS", None),
        ),
        (
            StopOnFailure,
            true,
            false,
            false,
            ("FAILURE", "NOT_ATTEMPTED", Some(-2022)),
        ),
        (
            StopOnFailure,
            false,
            true,
            false,
            ("SUCCESS", "FAILURE", Some(-2021)),
        ),
        (
            AllowFailure,
            false,
            true,
            false,
            ("SUCCESS", "FAILURE", Some(-2021)),
        ),
        (
            AllowFailure,
            true,
            true,
            false,
            ("FAILURE", "FAILURE", Some(-2022)),
        ),
        (
            AllowFailure,
            true,
            false,
            false,
            ("FAILURE", "SUCCESS", Some(-2021)),
        ),
        (
            StopOnFailure,
            false,
            false,
            true,
            ("SUCCESS", "FAILURE", Some(-2021)),
        ),
        (
            StopOnFailure,
            true,
            false,
            true,
            ("FAILURE", "NOT_ATTEMPTED", Some(-2022)),
        ),
        (
            AllowFailure,
            false,
            false,
            true,
            ("SUCCESS", "FAILURE", Some(-2021)),
        ),
        (
            AllowFailure,
            true,
            false,
            true,
            ("FAILURE", "FAILURE", Some(-2022)),
        ),
    ] {
        let (mut bench, mut request) = replacing(mode);
        if cancel_fails {
            request.cancel.order = unknown;
        }
        if new_fails {
            request.new_order.quantity = Some(quantity("1000"));
        }
        request.over_limit = over_limit.then(|| over.clone());
        let found = outcome(&mut bench, &request);
        assert_eq!(
            found, expected,
            "{mode} {cancel_fails} {new_fails} {over_limit}"
        );
        let open = bench
            .exchange
            .open_orders(account("alice"), None)
            .unwrap()
            .len();
        let placed = usize::from(expected.1 == "SUCCESS");
        assert_eq!(open, usize::from(cancel_fails) + placed);
    }
}

#[test]
fn a_replacement_that_fails_a_filter_leaves_the_old_order_in_place() {
    let (mut bench, mut request) = replacing(CancelReplaceMode::AllowFailure);
    request.new_order.price = Some(price("950.001"));
    bench.story();
    let refusal = bench
        .exchange
        .cancel_replace(account("alice"), &request, bench.now)
        .unwrap_err();
    assert_eq!(refusal, Refusal::filter("PRICE_FILTER"));
    assert!(bench.story().is_empty());
    assert_eq!(
        bench
            .exchange
            .open_orders(account("alice"), None)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_replacement_may_spend_what_the_cancel_frees() {
    let (mut bench, mut request) = replacing(CancelReplaceMode::StopOnFailure);
    request.new_order.quantity = Some(quantity("105.2631"));
    bench.story();
    assert_eq!(outcome(&mut bench, &request), ("SUCCESS", "SUCCESS", None));
    assert_eq!(
        bench.user_story(),
        [
            "alice CANCELED CANCELED",
            "alice position USDT",
            "alice NEW NEW",
            "alice position USDT"
        ]
    );
}

#[test]
fn a_replacement_needs_to_name_the_order_that_it_replaces() {
    let (mut bench, mut request) = replacing(CancelReplaceMode::StopOnFailure);
    request.cancel.order = OrderRef::default();
    let refusal = bench
        .exchange
        .cancel_replace(account("alice"), &request, bench.now)
        .unwrap_err();
    let text = "Param 'cancelOrigClientOrderId' or 'cancelOrderId' must be sent, but both were empty/null!";
    assert_eq!((refusal.code, &*refusal.message), (-1102, text));
}
