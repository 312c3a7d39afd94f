//! Handing over: what leaves, when, and what is held back.

use super::*;

use std::cell::Cell;
use std::io;
use std::pin::Pin;

use actix_codec::ReadBuf;
use actix_rt::net::Ready;
use tokio::io::DuplexStream;

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

/// A socket that does not take the first write, and during whose wait a halt comes.
#[derive(Debug)]
struct Stuck {
    io: TcpStream,
    board: Option<HaltBoard>,
}

impl AsyncRead for Stuck {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stuck {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(board) = self.board.take() {
            halt(&board);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl ActixStream for Stuck {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.io, cx)
    }
    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.io, cx)
    }
}

#[actix_rt::test]
async fn a_halt_while_the_socket_is_full_holds_the_order_back() {
    let (base, seen) = server(&[ok(FULL)]).await;
    let (board, gate) = gate();
    let connector = actix_service::fn_service(move |info: ConnectInfo<Uri>| {
        let board = Some(board.clone());
        async move {
            let uri = info.request().clone();
            let address = (uri.host().unwrap().to_owned(), uri.port_u16().unwrap());
            let io = TcpStream::connect(address)
                .await
                .map_err(ConnectError::Io)?;
            Ok(Connection::new(uri, Stuck { io, board }))
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
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(seen.requests.borrow().is_empty(), "{:?}", seen.requests);
}

/// An in-memory connection.
#[derive(Debug)]
struct Pipe(DuplexStream);

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl ActixStream for Pipe {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }
    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

/// The pings that keep a connection open say whether orders can be handed over. One that panics must not be the last.
#[tokio::test(start_paused = true)]
async fn pings_go_on_after_a_panic_and_orders_can_be_handed_over_again() {
    let acts = Rc::new(RefCell::new(VecDeque::from([ok("{}")])));
    let (seen, attempts) = (Seen::default(), Rc::new(Cell::new(0)));
    let counted = attempts.clone();
    let connector = actix_service::fn_service(move |info: ConnectInfo<Uri>| {
        counted.set(counted.get() + 1);
        let attempt = counted.get();
        let (ours, theirs) = tokio::io::duplex(65_536);
        if attempt == 3 {
            actix_rt::spawn(serve(theirs, Rc::clone(&acts), seen.clone()));
        }
        async move {
            match attempt {
                1 => Err(ConnectError::Io(io::ErrorKind::ConnectionRefused.into())),
                2 => panic!("on purpose"),
                _ => Ok(Connection::new(info.request().clone(), Pipe(ours))),
            }
        }
    });
    let settings = settings("http://exchange.test");
    let (key, limits) = (Some(&credentials()), Limits::new(20));
    let client = RestClient::over(connector, &settings, key, limits, clock()).unwrap();
    tokio::task::LocalSet::new()
        .run_until(async {
            let _warmth = client.keep_warm();
            while attempts.get() < 2 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert!(client.ready().is_err());
            for _ in 0..50 {
                if client.ready().is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("after {} attempts: {:?}", attempts.get(), client.ready());
        })
        .await;
}

#[actix_rt::test]
async fn time_outs_follow_virtual_time_over_an_in_memory_connection() {
    tokio::time::pause();
    let stall = Act::Stall("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"symbol\"");
    let acts = Rc::new(RefCell::new(VecDeque::from([
        ok(FULL),
        stall,
        Act::Stall(""),
    ])));
    let seen = Seen::default();
    let connector = actix_service::fn_service(move |info: ConnectInfo<Uri>| {
        let (ours, theirs) = tokio::io::duplex(65_536);
        actix_rt::spawn(serve(theirs, Rc::clone(&acts), seen.clone()));
        async move { Ok(Connection::new(info.request().clone(), Pipe(ours))) }
    });
    let mut settings = settings("http://exchange.test");
    settings.bounds = crate::venue::binance::settings::Bounds::default();
    let clock = clock();
    let client = RestClient::over(
        connector,
        &settings,
        Some(&credentials()),
        Limits::new(20),
        clock.clone(),
    )
    .unwrap();
    for (expected, seconds) in [
        ("Ok", 0),
        ("Err(UnknownOutcome", 10),
        ("Err(UnknownOutcome", 11),
    ] {
        let before = clock.now();
        let PlaceOutcome::Answered(outcome) = client.place(&order(), &gate().1).await else {
            panic!("not answered");
        };
        assert!(format!("{outcome:?}").starts_with(expected), "{outcome:?}");
        assert_eq!(
            clock.now().saturating_since(before).as_secs(),
            seconds,
            "{outcome:?}"
        );
    }
}
