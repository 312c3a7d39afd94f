//! Orders over the WebSocket API: what leaves when, and what is known of it afterwards.

use super::*;

use actix_http::ws::ProtocolError;
use base64::prelude::{BASE64_STANDARD, Engine};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{Gate, HaltBoard, HaltLevel, HaltPolicy, Membership, Purpose, Scope};
use tripline_engine::ids::{AccountId, Asset, ClientOrderId, StrategyId, VenueId, VenueOrderId};
use tripline_engine::instrument::{Filters, Instrument, OpenCounts, TradingStatus};
use tripline_engine::messages::order::PlaceOrder;
use tripline_engine::order::{NewOrder, OrderType, Side, VenueStatus};
use tripline_engine::ports::{OrderPort, OrderRef, PlaceOutcome, VenueError};
use tripline_engine::risk::{Approved, Preconditions, RiskState, Situation, approve};

use crate::venue::binance::limits::Limits;
use crate::venue::binance::settings::KeyKind;
use crate::venue::binance::sign::Signer;
use crate::venue::binance::ws::{ApiAccount, ApiOrders};

const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

pub(super) fn account_with(client: &awc::Client, signer: Signer) -> ApiAccount {
    ApiAccount {
        url: "ws://venue.test/ws-api/v3".into(),
        signer: Rc::new(signer),
        api_key: KEY.into(),
        clock: clock(),
        limits: Limits::new(20),
        bounds: bounds(),
        time_unit: TimeUnit::Millisecond,
        client: client.clone(),
    }
}

pub(super) fn hmac(client: &awc::Client) -> ApiAccount {
    account_with(client, Signer::new(KeyKind::Hmac, &SECRET.into()).unwrap())
}

/// An account with an Ed25519 key, and the key's public half.
pub(super) fn ed25519(client: &awc::Client) -> (ApiAccount, Vec<u8>) {
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let public = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
    let secret = BASE64_STANDARD.encode(der.as_ref());
    let signer = Signer::new(KeyKind::Ed25519, &secret.into()).unwrap();
    (
        account_with(client, signer),
        public.public_key().as_ref().to_vec(),
    )
}

/// The text that a request's signature is over: its parameters, sorted, as they are.
pub(super) fn payload(request: &Value) -> String {
    let params = request["params"].as_object().unwrap();
    let mut pairs: Vec<_> = params
        .iter()
        .filter(|(name, _)| *name != "signature")
        .map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}={text}"),
            None => format!("{name}={value}"),
        })
        .collect();
    pairs.sort();
    pairs.join("&")
}

pub(super) fn is_signed_by(public: &[u8], request: &Value) -> bool {
    let signature = request["params"]["signature"].as_str().unwrap();
    let signature = BASE64_STANDARD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ring::signature::ED25519, public)
        .verify(payload(request).as_bytes(), &signature)
        .is_ok()
}

fn id(number: u32) -> ClientOrderId {
    ClientOrderId::new(&format!("t-q-00000001-{number}")).unwrap()
}

fn order_ref(number: u32, venue_id: Option<u64>) -> OrderRef {
    OrderRef {
        symbol: symbol(),
        id: id(number),
        venue_id: venue_id.map(VenueOrderId),
    }
}

fn order(number: u32) -> Approved<PlaceOrder> {
    let terms = NewOrder::limit(
        symbol(),
        Side::Buy,
        "0.00200000".parse().unwrap(),
        "50000.00".parse().unwrap(),
    );
    let place = PlaceOrder {
        id: id(number),
        strategy: StrategyId::new("q").unwrap(),
        account: AccountId::new("main").unwrap(),
        terms,
        created: Timestamp::EPOCH,
    };
    let instrument = Instrument {
        symbol: symbol(),
        base: Asset::new("BTC").unwrap(),
        quote: Asset::new("USDT").unwrap(),
        status: TradingStatus::Trading,
        base_precision: 8,
        quote_precision: 8,
        order_types: vec![OrderType::Limit],
        default_self_trade_prevention: None,
        self_trade_prevention: Vec::new(),
        amend_allowed: true,
        cancel_replace_allowed: true,
        filters: Filters::default(),
    };
    let preconditions = Preconditions {
        level: HaltLevel::Active,
        purpose: Purpose::Entry,
        private_stream_live: true,
        clock_good: true,
        instrument_frozen: false,
        stopping: false,
    };
    let mut risk = RiskState::default();
    risk.add_instrument(&instrument);
    risk.prepare(place.strategy, place.terms.symbol);
    let situation = Situation {
        instrument: &instrument,
        reference: place.terms.price,
        open: OpenCounts::default(),
        preconditions,
        risk: &risk,
        now: Timestamp::EPOCH,
    };
    approve(place, situation).unwrap()
}

fn gate() -> (HaltBoard, Gate) {
    let membership = Membership {
        strategy: StrategyId::new("q").unwrap(),
        account: AccountId::new("main").unwrap(),
        venue: VenueId::new("binance").unwrap(),
        instruments: vec![symbol()].into(),
    };
    let board = HaltBoard::new();
    (board.clone(), Gate::new(board, membership.into()))
}

fn open_gate() -> Gate {
    gate().1
}

/// An order as the venue shows it.
fn shown(number: u32, status: &str) -> Value {
    json!({
        "symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": id(number).as_str(),
        "transactTime": 1_790_000_000_000_i64, "price": "50000.00000000", "origQty": "0.00200000",
        "executedQty": "0.00000000", "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000", "status": status, "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", "workingTime": 1_790_000_000_000_i64, "fills": [], "time": 1_790_000_000_000_i64,
        "updateTime": 1_790_000_000_000_i64, "isWorking": true, "stopPrice": "0.00000000",
        "icebergQty": "0.00000000", "selfTradePreventionMode": "EXPIRE_MAKER"
    })
}

async fn until_ready(orders: &ApiOrders) {
    let started = Instant::now();
    while let Err(error) = orders.ready() {
        assert!(started.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A session that is connected.
async fn connected(capacity: usize) -> (ApiOrders, Peer, Network) {
    let (client, mut network) = network(capacity);
    let orders = hmac(&client).orders(7);
    let peer = network.accept().await;
    assert_eq!(peer.path, "/ws-api/v3");
    until_ready(&orders).await;
    (orders, peer, network)
}

/// The answer of the next request, refused.
async fn refuse(peer: &mut Peer, status: u16, code: i64, msg: &str) {
    let request = peer.request().await;
    let error = json!({"code": code, "msg": msg});
    peer.say(&json!({"id": request["id"], "status": status, "error": error}).to_string())
        .await;
}

#[actix_rt::test]
async fn an_order_is_on_the_wire_before_placing_returns_and_answers_come_in_any_order() {
    let (orders, mut peer, _network) = connected(65_536).await;
    let first = orders.place(&order(1), &open_gate());
    let second = orders.place(&order(2), &open_gate());
    let cancel = orders.cancel(order_ref(3, None));
    // None of the answers was polled yet.
    let requests = [
        peer.request().await,
        peer.request().await,
        peer.request().await,
    ];
    let [one, two, three] = &requests;
    assert_eq!(
        (&one["method"], &two["method"], &three["method"]),
        (
            &json!("order.place"),
            &json!("order.place"),
            &json!("order.cancel")
        )
    );
    let params = &one["params"];
    for (name, value) in [
        ("symbol", "BTCUSDT"),
        ("side", "BUY"),
        ("type", "LIMIT"),
        ("timeInForce", "GTC"),
        ("quantity", "0.00200000"),
        ("price", "50000.00"),
        ("newClientOrderId", id(1).as_str()),
        ("newOrderRespType", "FULL"),
        ("apiKey", KEY),
    ] {
        assert_eq!(params[name], value, "{name}");
    }
    let signer = Signer::new(KeyKind::Hmac, &SECRET.into()).unwrap();
    assert_eq!(params["signature"], signer.sign(payload(one).as_bytes()));
    let mut canceled = shown(3, "CANCELED");
    canceled["origClientOrderId"] = canceled["clientOrderId"].clone();
    canceled["clientOrderId"] = json!("of-the-cancel");
    peer.answer(three, canceled).await;
    peer.answer(two, shown(2, "NEW")).await;
    peer.answer(one, shown(1, "NEW")).await;
    let outcome = first.await;
    let PlaceOutcome::Answered(Ok(report)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((report.id, report.status), (id(1), VenueStatus::New));
    assert!(matches!(second.await, PlaceOutcome::Answered(Ok(report)) if report.id == id(2)));
    assert_eq!(cancel.await.unwrap().status, VenueStatus::Canceled);
}

#[actix_rt::test]
async fn behind_a_closed_gate_an_order_is_held_and_a_cancel_passes() {
    let (orders, mut peer, _network) = connected(65_536).await;
    let (board, gate) = gate();
    let fault = Fault {
        kind: FaultKind::Network,
        scope: Scope::Global,
        actor: "test".into(),
        detail: "made".into(),
        at: Timestamp::EPOCH,
    };
    board.trip(fault, &HaltPolicy::default());
    assert_eq!(
        orders.place(&order(1), &gate).await,
        PlaceOutcome::Held(HaltLevel::Halted)
    );
    let _cancel = orders.cancel(order_ref(1, None));
    assert_eq!(peer.request().await["method"], "order.cancel");
}

/// Reads the requests that still come, until the connection ends.
async fn rest<Io: AsyncRead + AsyncWrite + Unpin>(peer: &mut Peer<Io>) -> Vec<Value> {
    let mut requests = Vec::new();
    loop {
        match timeout(PATIENCE, peer.socket.next()).await.unwrap() {
            Some(Ok(Frame::Text(text))) => requests.push(serde_json::from_slice(&text).unwrap()),
            // Within a frame, or after one.
            Some(Err(ProtocolError::Io(_))) | None => return requests,
            Some(other) => panic!("{other:?}"),
        }
    }
}

#[actix_rt::test]
async fn an_order_that_the_socket_does_not_take_at_once_never_leaves() {
    // The pipe holds less than an order.
    let (orders, mut peer, mut network) = connected(256).await;
    let under_way = orders.query(order_ref(9, None));
    // The query is a request that follows when the socket can; behind it, no order is handed over.
    let outcome = orders.place(&order(1), &open_gate()).await;
    assert!(
        matches!(outcome, PlaceOutcome::NotSent(VenueError::Network(_))),
        "{outcome:?}"
    );
    let query = peer.request().await;
    assert_eq!(query["method"], "order.status");
    peer.answer(&query, shown(9, "NEW")).await;
    under_way.await.unwrap();
    // Nothing is left over, but the order does not fit.
    let outcome = orders.place(&order(2), &open_gate()).await;
    assert!(
        matches!(outcome, PlaceOutcome::NotSent(VenueError::Network(_))),
        "{outcome:?}"
    );
    let cancel = orders.cancel(order_ref(5, None)).await.unwrap_err();
    assert!(matches!(cancel, VenueError::Network(_)), "{cancel:?}");
    assert_eq!(rest(&mut peer).await, Vec::<Value>::new());
    // The session goes on over another connection.
    network.accept().await;
}

#[actix_rt::test]
async fn over_tls_too_an_order_that_the_socket_does_not_take_never_leaves() {
    tokio::time::pause();
    let made = rcgen::generate_simple_self_signed(["venue.test".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (client, mut network) = network_with(256, Arc::new(client));
    let mut account = hmac(&client);
    account.url = "wss://venue.test/ws-api/v3".into();
    let orders = account.orders(7);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let stream = acceptor.accept(network.connection().await).await.unwrap();
    let mut peer = Peer::upgrade(stream).await;
    until_ready(&orders).await;
    // TLS takes the whole query, the socket does not: behind it, no order is handed over.
    let query = actix_rt::spawn(orders.query(order_ref(9, None)));
    let outcome = orders.place(&order(1), &open_gate()).await;
    assert!(
        matches!(outcome, PlaceOutcome::NotSent(VenueError::Network(_))),
        "{outcome:?}"
    );
    // What TLS kept back follows by itself.
    let request = peer.request().await;
    assert_eq!(request["method"], "order.status");
    peer.answer(&request, shown(9, "NEW")).await;
    query.await.unwrap().unwrap();
    let outcome = orders.place(&order(2), &open_gate()).await;
    assert!(
        matches!(outcome, PlaceOutcome::NotSent(VenueError::Network(_))),
        "{outcome:?}"
    );
    assert_eq!(rest(&mut peer).await, Vec::<Value>::new());
}

#[actix_rt::test]
async fn what_the_socket_did_not_take_of_a_cancel_follows_without_waiting_for_anything() {
    let (orders, mut peer, _network) = connected(64).await;
    let before = Instant::now();
    let cancel = orders.cancel(order_ref(1, None));
    let second = orders.cancel(order_ref(2, None));
    assert_eq!(
        peer.request().await["params"]["origClientOrderId"],
        id(1).as_str()
    );
    assert_eq!(
        peer.request().await["params"]["origClientOrderId"],
        id(2).as_str()
    );
    assert_eq!(before.elapsed(), Duration::ZERO);
    drop((cancel, second));
}

#[actix_rt::test]
async fn without_a_connection_nothing_is_sent_and_after_a_cut_the_outcome_is_unknown() {
    let (client, mut network) = network(65_536);
    let orders = hmac(&client).orders(7);
    assert!(matches!(orders.ready(), Err(VenueError::Network(_))));
    let outcome = orders.place(&order(1), &open_gate()).await;
    assert!(
        matches!(outcome, PlaceOutcome::NotSent(VenueError::Network(_))),
        "{outcome:?}"
    );
    let error = orders.cancel(order_ref(1, None)).await.unwrap_err();
    assert!(matches!(error, VenueError::Network(_)), "{error:?}");
    let mut peer = network.accept().await;
    until_ready(&orders).await;
    let placed = orders.place(&order(2), &open_gate());
    let cancel = orders.cancel(order_ref(2, None));
    let amended = orders.amend(order_ref(2, None), "0.001".parse().unwrap());
    let query = orders.query(order_ref(2, None));
    for _ in 0..4 {
        peer.request().await;
    }
    drop(peer);
    let outcome = placed.await;
    assert!(
        matches!(
            outcome,
            PlaceOutcome::Answered(Err(VenueError::UnknownOutcome(_)))
        ),
        "{outcome:?}"
    );
    assert!(matches!(cancel.await, Err(VenueError::UnknownOutcome(_))));
    assert!(matches!(amended.await, Err(VenueError::UnknownOutcome(_))));
    assert!(matches!(query.await, Err(VenueError::Network(_))));
    assert!(matches!(orders.ready(), Err(VenueError::Network(_))));
}

#[actix_rt::test]
async fn a_late_answer_is_no_others_answer() {
    let (orders, mut peer, _network) = connected(65_536).await;
    let before = Instant::now();
    let placed = orders.place(&order(1), &open_gate());
    let late = peer.request().await;
    let outcome = placed.await;
    assert!(
        matches!(
            outcome,
            PlaceOutcome::Answered(Err(VenueError::UnknownOutcome(_)))
        ),
        "{outcome:?}"
    );
    assert_eq!(before.elapsed().as_secs(), 11);
    let read = orders.balances();
    peer.answer(&late, shown(1, "NEW")).await;
    let request = peer.request().await;
    assert_eq!(request["method"], "account.status");
    assert_eq!(request["params"]["omitZeroBalances"], true);
    peer.answer(
        &request,
        json!({"canTrade": true, "balances": [{"asset": "BTC", "free": "1.0", "locked": "0.0"}]}),
    )
    .await;
    assert_eq!(read.await.unwrap().balances.len(), 1);
    // A read that is not answered says so, and no more.
    let error = orders.open_orders(None).await.unwrap_err();
    assert!(matches!(error, VenueError::Timeout(_)), "{error:?}");
}

#[actix_rt::test]
async fn an_answer_that_cannot_be_trusted_leaves_the_outcome_unknown() {
    let (orders, mut peer, _network) = connected(65_536).await;
    for answer in [
        shown(7, "NEW"),
        shown(1, "HALF_NEW"),
        json!({"symbol": "BTCUSDT"}),
        Value::Null,
    ] {
        let placed = orders.place(&order(1), &open_gate());
        let request = peer.request().await;
        peer.answer(&request, answer.clone()).await;
        let outcome = placed.await;
        assert!(
            matches!(
                outcome,
                PlaceOutcome::Answered(Err(VenueError::UnknownOutcome(_)))
            ),
            "{answer}: {outcome:?}"
        );
    }
    // What is no answer at all ends the connection, for it may have been any order's.
    let placed = orders.place(&order(1), &open_gate());
    peer.request().await;
    peer.say("<html>").await;
    assert!(matches!(
        placed.await,
        PlaceOutcome::Answered(Err(VenueError::UnknownOutcome(_)))
    ));
}

#[actix_rt::test]
async fn refusals_are_sorted_by_their_code() {
    let (orders, mut peer, _network) = connected(65_536).await;
    let placed = orders.place(&order(1), &open_gate());
    refuse(
        &mut peer,
        400,
        -2010,
        "Account has insufficient balance for requested action.",
    )
    .await;
    let outcome = placed.await;
    assert!(
        matches!(
            outcome,
            PlaceOutcome::Answered(Err(VenueError::Rejected { code: -2010, .. }))
        ),
        "{outcome:?}"
    );
    let placed = orders.place(&order(2), &open_gate());
    refuse(
        &mut peer,
        408,
        -1007,
        "Timeout waiting for response from backend server.",
    )
    .await;
    assert!(matches!(
        placed.await,
        PlaceOutcome::Answered(Err(VenueError::UnknownOutcome(_)))
    ));
    let cancel = orders.cancel(order_ref(1, None));
    refuse(&mut peer, 400, -2011, "Unknown order sent.").await;
    assert!(matches!(cancel.await, Err(VenueError::UnknownOrder { .. })));
    let all = orders.cancel_open_orders(symbol());
    refuse(&mut peer, 400, -2011, "Unknown order sent.").await;
    assert!(all.await.unwrap().is_empty());
    // Too many orders: the next one is not handed over.
    let placed = orders.place(&order(3), &open_gate());
    refuse(
        &mut peer,
        429,
        -1015,
        "Too many new orders; current limit is 50 orders per 10 SECOND.",
    )
    .await;
    assert!(matches!(
        placed.await,
        PlaceOutcome::Answered(Err(VenueError::RateLimited { .. }))
    ));
    assert!(matches!(
        orders.ready(),
        Err(VenueError::RateLimited { .. })
    ));
    let outcome = orders.place(&order(4), &open_gate()).await;
    assert!(
        matches!(
            outcome,
            PlaceOutcome::NotSent(VenueError::RateLimited { .. })
        ),
        "{outcome:?}"
    );
}

#[actix_rt::test]
async fn an_order_unknown_by_its_id_is_asked_for_by_the_venues_number() {
    let (orders, mut peer, _network) = connected(65_536).await;
    let asked = actix_rt::spawn(orders.query(order_ref(1, Some(28))));
    refuse(&mut peer, 400, -2013, "Order does not exist.").await;
    let second = peer.request().await;
    assert_eq!(second["params"]["orderId"], 28);
    assert!(second["params"].get("origClientOrderId").is_none());
    peer.answer(&second, shown(8, "CANCELED")).await;
    let report = asked.await.unwrap().unwrap();
    assert_eq!((report.id, report.status), (id(1), VenueStatus::Canceled));
}

#[actix_rt::test]
async fn the_executions_of_an_order_are_read_to_the_last_page() {
    let (orders, mut peer, _network) = connected(1 << 20).await;
    let trade = |number: u64| {
        json!({"symbol": "BTCUSDT", "id": number, "orderId": 28, "orderListId": -1, "price": "1.0",
            "qty": "1.0", "quoteQty": "1.0", "commission": "0.0", "commissionAsset": "BNB",
            "time": 1_790_000_000_000_i64, "isBuyer": true, "isMaker": false, "isBestMatch": true})
    };
    let asked = actix_rt::spawn(orders.fills(symbol(), VenueOrderId(28)));
    let first = peer.request().await;
    peer.answer(&first, (1..=1_000).map(trade).collect()).await;
    let second = peer.request().await;
    assert_eq!(second["params"]["fromId"], 1_001);
    peer.answer(&second, (1_001..=1_003).map(trade).collect())
        .await;
    assert_eq!(asked.await.unwrap().unwrap().len(), 1_003);
}

#[actix_rt::test]
async fn with_ed25519_the_session_logs_on_and_orders_carry_no_signature() {
    let (client, mut network) = network(65_536);
    let (account, public) = ed25519(&client);
    let orders = account.orders(7);
    let mut peer = network.accept().await;
    let log_on = peer.request().await;
    assert_eq!(log_on["method"], "session.logon");
    assert!(is_signed_by(&public, &log_on), "{log_on}");
    assert!(orders.ready().is_err(), "before the log-on is answered");
    peer.answer(&log_on, json!({"apiKey": KEY})).await;
    until_ready(&orders).await;
    let placed = orders.place(&order(1), &open_gate());
    let request = peer.request().await;
    assert!(request["params"].get("signature").is_none(), "{request}");
    assert!(request["params"].get("apiKey").is_none(), "{request}");
    assert!(request["params"]["timestamp"].is_i64());
    peer.answer(&request, shown(1, "NEW")).await;
    assert!(matches!(placed.await, PlaceOutcome::Answered(Ok(_))));
    // The key is revoked: a new connection, a new log-on, and the refusal is what `ready` says.
    peer.say(r#"{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}}"#)
        .await;
    let mut peer = network.accept().await;
    refuse(
        &mut peer,
        401,
        -2015,
        "Invalid API-key, IP, or permissions for action.",
    )
    .await;
    let started = Instant::now();
    while !matches!(
        orders.ready(),
        Err(VenueError::Authentication { code: -2015, .. })
    ) {
        assert!(started.elapsed() < PATIENCE, "{:?}", orders.ready());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[actix_rt::test]
async fn through_a_hand_over_answers_under_way_arrive_and_orders_take_the_new_connection() {
    let (orders, mut old, mut network) = connected(65_536).await;
    let under_way = orders.place(&order(1), &open_gate());
    let request = old.request().await;
    old.say(r#"{"event":{"e":"serverShutdown","E":1790000000000}}"#)
        .await;
    let mut new = network.accept().await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let placed = orders.place(&order(2), &open_gate());
    let second = new.request().await;
    old.answer(&request, shown(1, "NEW")).await;
    new.answer(&second, shown(2, "NEW")).await;
    assert!(matches!(under_way.await, PlaceOutcome::Answered(Ok(report)) if report.id == id(1)));
    assert!(matches!(placed.await, PlaceOutcome::Answered(Ok(report)) if report.id == id(2)));
}

#[actix_rt::test]
async fn a_quiet_session_is_kept_by_pings_that_are_answered() {
    let (orders, mut peer, _network) = connected(65_536).await;
    for _ in 0..5 {
        let ping = peer.request().await;
        assert_eq!(ping["method"], "ping");
        assert!(ping.get("params").is_none());
        peer.answer(&ping, json!({})).await;
    }
    orders.ready().unwrap();
    // Unanswered, the next one is the last.
    assert_eq!(peer.request().await["method"], "ping");
    assert!(matches!(peer.frame().await, Some(Frame::Close(_)) | None));
    assert!(orders.ready().is_err());
}
