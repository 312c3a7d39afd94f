//! Handing over: what leaves, when, and what is held back.

use super::*;

#[actix_rt::test]
async fn an_order_is_signed_complete_and_its_answer_a_report() {
    let (base, seen) = server(&[ok(FULL)]).await;
    let outcome = client(&base).place(&order(), &gate().1).await;
    let PlaceOutcome::Answered(Ok(report)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (report.venue_id, report.status),
        (VenueOrderId(28), VenueStatus::New)
    );
    let request = seen.requests.borrow()[0].to_lowercase();
    let text = seen.requests.borrow()[0].clone();
    let query = text.split(['?', ' ']).nth(2).unwrap();
    let unsigned = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.00200000&price=50000.00\
                    &newClientOrderId=t-q-00000001-1&newOrderRespType=FULL&recvWindow=5000&timestamp=17900000000";
    assert!(query.starts_with(unsigned), "{query}");
    let (payload, signature) = query.split_once("&signature=").unwrap();
    let signer = Signer::new(KeyKind::Hmac, &SECRET.into()).unwrap();
    assert_eq!(signer.sign(payload.as_bytes()), signature);
    assert!(text.starts_with("POST /api/v3/order?"), "{text}");
    assert!(
        request.contains(&format!("x-mbx-apikey: {}\r\n", KEY.to_lowercase())),
        "{request}"
    );
    assert!(
        request.contains("content-length: 0\r\n") && !request.contains("chunked"),
        "{request}"
    );
}

#[actix_rt::test]
async fn an_order_is_on_the_wire_before_placing_returns() {
    let (base, seen) = server(&[ok("{}"), ok(FULL)]).await;
    let client = client(&base);
    client.ping().await.unwrap();
    let answer = client.place(&order(), &gate().1);
    // The answer is not polled; only the server runs.
    for _ in 0..1_000 {
        if seen.requests.borrow().len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(seen.requests.borrow().len(), 2);
    assert!(matches!(answer.await, PlaceOutcome::Answered(Ok(_))));
    assert_eq!(
        *seen.connections.borrow(),
        1,
        "the connection was used again"
    );
}

#[actix_rt::test]
async fn what_never_had_a_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = client(&base);
    let silent = actix_service::fn_service(|_: ConnectInfo<Uri>| {
        std::future::pending::<Result<Connection<Uri, TcpStream>, ConnectError>>()
    });
    let mut short = settings("http://127.0.0.1:9");
    short.bounds.connect_timeout_ms = 60_000;
    let silent = RestClient::over(
        silent,
        &short,
        Some(&credentials()),
        Limits::new(20),
        clock(),
    )
    .unwrap();
    for client in [refused, silent] {
        let outcome = client.place(&order(), &gate().1).await;
        assert!(
            matches!(outcome, PlaceOutcome::NotSent(VenueError::Network(_))),
            "{outcome:?}"
        );
        let error = client.cancel(order_ref(None)).await.unwrap_err();
        assert!(matches!(error, VenueError::Network(_)), "{error:?}");
    }
}

#[actix_rt::test]
async fn behind_a_closed_gate_no_connection_is_opened() {
    let (base, seen) = server(&[ok(FULL)]).await;
    let (board, gate) = gate();
    halt(&board);
    assert_eq!(
        client(&base).place(&order(), &gate).await,
        PlaceOutcome::Held(HaltLevel::Halted)
    );
    assert_eq!(*seen.connections.borrow(), 0);
}

#[actix_rt::test]
async fn a_halt_while_the_connection_is_made_holds_the_order_back_and_lets_the_cancel_pass() {
    let canceled = FULL.replace("\"NEW\"", "\"CANCELED\"");
    let (base, seen) = server(&[ok(&canceled)]).await;
    let (board, gate) = gate();
    let tripped = board.clone();
    let connector = actix_service::fn_service(move |info: ConnectInfo<Uri>| {
        let board = tripped.clone();
        async move {
            let uri = info.request().clone();
            let address = (uri.host().unwrap().to_owned(), uri.port_u16().unwrap());
            let stream = TcpStream::connect(address)
                .await
                .map_err(ConnectError::Io)?;
            halt(&board);
            Ok(Connection::new(uri, stream))
        }
    });
    let client = RestClient::over(
        connector,
        &settings(&base),
        Some(&credentials()),
        Limits::new(20),
        clock(),
    )
    .unwrap();
    assert_eq!(
        client.place(&order(), &gate).await,
        PlaceOutcome::Held(HaltLevel::Halted)
    );
    assert!(client.cancel(order_ref(None)).await.is_ok());
    let requests = seen.requests.borrow();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("DELETE"), "{requests:?}");
}
