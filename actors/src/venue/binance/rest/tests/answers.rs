//! What answers mean, whole and broken ones.

use super::*;

#[actix_rt::test]
async fn a_broken_answer_leaves_an_order_unknown_and_a_read_to_be_repeated() {
    let stall_body = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"symbol\"";
    for (act, read_as) in [
        (Act::Stall(stall_body), "Timeout"),
        (Act::Stall(""), "Timeout"),
        (Act::Close, "Network"),
        (
            Act::Say("HTTP/1.1 200 OK\r\ncontent-len".to_owned()),
            "Timeout",
        ),
        (say("504 Gateway Timeout", "", ""), "Maintenance"),
        (
            say(
                "403 Forbidden",
                "content-type: text/html\r\n",
                "<html>no</html>",
            ),
            "NotJson",
        ),
        (
            say(
                "200 OK",
                "content-type: text/html\r\n",
                "<html>hello</html>",
            ),
            "NotJson",
        ),
        (
            say("503 X", "", r#"{"code":-1008,"msg":"Overloaded."}"#),
            "RateLimited",
        ),
        (ok(r#"{"symbol":"BTCUSDT","status":"HALF"}"#), "ChangedData"),
    ] {
        let (base, seen) = server(&[act.clone(), act.clone(), act]).await;
        let client = client(&base);
        let outcome = client.place(&order(), &gate().1).await;
        assert!(
            matches!(
                outcome,
                PlaceOutcome::Answered(Err(VenueError::UnknownOutcome(_)))
            ),
            "{outcome:?}"
        );
        let error = client.cancel(order_ref(None)).await.unwrap_err();
        assert!(matches!(error, VenueError::UnknownOutcome(_)), "{error:?}");
        let error = client.query(order_ref(None)).await.unwrap_err();
        assert!(
            format!("{error:?}").starts_with(read_as),
            "{read_as}: {error:?}"
        );
        assert_eq!(seen.requests.borrow().len(), 3, "nothing was sent twice");
        let shown = format!("{outcome:?} {error:?} {error} {client:?}");
        assert!(
            !shown.contains("signature=") && !shown.contains(KEY),
            "{shown}"
        );
    }
}

#[actix_rt::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, there) = server(&[ok(FULL)]).await;
    let (base, _) = server(&[say(
        "307 Temporary Redirect",
        &format!("location: {elsewhere}/api/v3/order\r\n"),
        "",
    )])
    .await;
    let outcome = client(&base).place(&order(), &gate().1).await;
    assert!(
        matches!(
            outcome,
            PlaceOutcome::Answered(Err(VenueError::UnknownOutcome(_)))
        ),
        "{outcome:?}"
    );
    assert_eq!(*there.connections.borrow(), 0);
}

#[actix_rt::test]
async fn after_a_rate_limit_orders_wait_on_this_side_and_cancels_go_out() {
    for (status, code) in [
        ("429 Too Many Requests", -1015),
        ("429 Too Many Requests", -1003),
        ("418 I'm a teapot", -1003),
    ] {
        let body = format!(r#"{{"code":{code},"msg":"Too much."}}"#);
        let canceled = FULL.replace("\"NEW\"", "\"CANCELED\"");
        let (base, seen) = server(&[say(status, "retry-after: 7\r\n", &body), ok(&canceled)]).await;
        let client = client(&base);
        let outcome = client.place(&order(), &gate().1).await;
        let PlaceOutcome::Answered(Err(error)) = outcome else {
            panic!("{outcome:?}")
        };
        let (VenueError::RateLimited { retry_after, .. } | VenueError::Banned { retry_after, .. }) =
            error
        else {
            panic!("{error:?}");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(7)));
        let again = client.place(&order(), &gate().1).await;
        assert!(matches!(again, PlaceOutcome::NotSent(_)), "{again:?}");
        assert!(client.ready().is_err());
        let report = client.cancel(order_ref(None)).await.unwrap();
        assert_eq!(report.status, VenueStatus::Canceled);
        assert_eq!(seen.requests.borrow().len(), 2);
    }
}

#[actix_rt::test]
async fn the_venues_counts_stop_orders_before_the_venue_does() {
    let counted = |count: u64| {
        say(
            "200 OK",
            &format!("x-mbx-order-count-10s: {count}\r\n"),
            FULL,
        )
    };
    let (base, seen) = server(&[counted(99), counted(100)]).await;
    let client = client(&base);
    for _ in 0..2 {
        let outcome = client.place(&order(), &gate().1).await;
        assert!(
            matches!(outcome, PlaceOutcome::Answered(Ok(_))),
            "{outcome:?}"
        );
    }
    let outcome = client.place(&order(), &gate().1).await;
    assert!(
        matches!(
            outcome,
            PlaceOutcome::NotSent(VenueError::RateLimited { .. })
        ),
        "{outcome:?}"
    );
    assert_eq!(seen.requests.borrow().len(), 2);
}

#[actix_rt::test]
async fn a_query_that_does_not_find_the_id_looks_for_the_number() {
    let unknown = say(
        "400 Bad Request",
        "",
        r#"{"code":-2013,"msg":"Order does not exist."}"#,
    );
    let amended = FULL
        .replace("t-q-00000001-1", "another")
        .replace("transactTime", "updateTime");
    let (base, seen) = server(&[unknown.clone(), ok(&amended), unknown]).await;
    let client = client(&base);
    let report = client.query(order_ref(Some(28))).await.unwrap();
    assert_eq!(report.id, order_ref(None).id);
    assert!(seen.requests.borrow()[1].contains("orderId=28&"));
    let error = client.query(order_ref(None)).await.unwrap_err();
    assert!(
        matches!(error, VenueError::UnknownOrder { code: -2013, .. }),
        "{error:?}"
    );
}

#[actix_rt::test]
async fn a_cancel_replace_tells_both_halves_whatever_its_status() {
    let canceled = FULL.replace("\"NEW\"", "\"CANCELED\"");
    let body = format!(
        r#"{{"code":-2021,"msg":"Order cancel-replace partially failed.","data":{{"cancelResult":"SUCCESS","newOrderResult":"FAILURE","cancelResponse":{canceled},"newOrderResponse":{{"code":-2010,"msg":"no"}}}}}}"#
    );
    let (base, seen) = server(&[say("409 Conflict", "", &body), say("500 X", "", &body)]).await;
    let client = client(&base);
    let outcome = client
        .cancel_replace(order_ref(None), &order(), &gate().1)
        .await;
    let ReplaceOutcome::Answered(Ok(halves)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(matches!(
        halves.new,
        crate::venue::binance::wire::order::Half::Refused { code: -2010, .. }
    ));
    let outcome = client
        .cancel_replace(order_ref(None), &order(), &gate().1)
        .await;
    assert!(
        matches!(
            outcome,
            ReplaceOutcome::Answered(Err(VenueError::UnknownOutcome(_)))
        ),
        "{outcome:?}"
    );
    assert!(
        seen.requests.borrow()[0]
            .contains("cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=t-q-00000001-1&")
    );
}

#[actix_rt::test]
async fn cancelling_all_when_nothing_is_open_is_an_empty_list() {
    let (base, _) = server(&[say(
        "400 Bad Request",
        "",
        r#"{"code":-2011,"msg":"Unknown order sent."}"#,
    )])
    .await;
    assert_eq!(client(&base).cancel_all(symbol()).await, Ok(Vec::new()));
}

#[actix_rt::test]
async fn public_data_needs_no_key_and_orders_without_one_are_not_sent() {
    let (base, seen) = server(&[ok(r#"{"serverTime":1790000000123}"#)]).await;
    let client = RestClient::new(&settings(&base), None, Limits::new(20), clock()).unwrap();
    assert_eq!(
        client.server_time().await,
        Ok(Timestamp::from_millis(1_790_000_000_123))
    );
    let outcome = client.place(&order(), &gate().1).await;
    assert!(
        matches!(
            outcome,
            PlaceOutcome::NotSent(VenueError::Authentication { .. })
        ),
        "{outcome:?}"
    );
    assert_eq!(seen.requests.borrow().len(), 1);
}

#[actix_rt::test]
async fn symbols_outside_ascii_are_encoded_before_they_are_signed() {
    let info = r#"{"symbols":[]}"#;
    let (base, seen) = server(&[ok(info), ok(r#"{"lastUpdateId":1,"bids":[],"asks":[]}"#)]).await;
    let client = client(&base);
    let symbol = Symbol::new("这是测试币456").unwrap();
    let error = client.instruments(&[symbol]).await.unwrap_err();
    assert!(
        error.to_string().contains("这是测试币456 was asked for"),
        "{error}"
    );
    client.depth(symbol, 9_999).await.unwrap();
    let requests = seen.requests.borrow();
    assert!(
        requests[0].contains("?symbols=%5B%22%E8%BF%99"),
        "{requests:?}"
    );
    assert!(requests[1].contains("456&limit=5000 "), "{requests:?}");
}
