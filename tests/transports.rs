//! The same flow over every transport: orders by REST, an Ed25519 key with a session that is logged on,
//! TLS with a certificate authority of one's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::KeyPair;
use serde_json::{Value, json};
use support::hand::{Hand, buy};
use support::proxy::Proxy;
use support::quoter::{Quoter, Script};
use support::{Exchange, engine_with, hurry, settings, still, stop, until};
use tripline::running::Running;
use tripline::{StartError, Tripline, binance_at, binance_on};
use tripline_actors::venue::binance::settings::{KeyKind, OrderTransport};
use tripline_actors::venue::binance::wire::time::TimeUnit;
use tripline_actors::venue::binance::{ApiCredentials, BinanceSettings};
use tripline_engine::order::OrderState;
use tripline_exchange::{Clock, ExchangeConfig, KeyConfig, PracticeExchange, Tls};

fn market() -> [Value; 2] {
    [
        json!({"symbol": "BTCUSDT", "mid": "60000.01", "spread": "0.02", "quantity": "5"}),
        json!({"symbol": "ETHUSDT", "mid": "3000.01", "spread": "0.02", "quantity": "50"}),
    ]
}

/// Orders are placed, replaced, filled in part, and cancelled at the stop.
async fn trades(
    running: Running,
    script: &Script,
    lever: impl AsyncFn(Value),
    record: impl AsyncFn() -> Value,
) {
    let ticks = std::cell::Cell::new(0u32);
    until("orders are replaced", || async {
        ticks.set(ticks.get() + 1);
        lever(json!({"symbol": "BTCUSDT", "bids": [["60000.00", format!("{}", 5 + ticks.get() % 3)]]})).await;
        let record = record().await;
        record["accounts"][0]["orders"].as_array().unwrap().len() >= 4
    })
    .await;
    lever(json!({"symbol": "BTCUSDT", "clear": true})).await;
    let trade = json!({"price": "55000", "quantity": "0.004", "side": "SELL"});
    lever(json!({"symbol": "BTCUSDT", "trade": trade})).await;
    until("the fill has arrived", || async {
        !script.fills.borrow().is_empty()
    })
    .await;
    assert_eq!(script.fills.borrow()[0].quantity, "0.004".parse().unwrap());

    let report = running.stop().await;
    assert_eq!(report.exit_code(), 0, "{report:?}");
    assert_eq!(
        script.fills.borrow().len(),
        1,
        "the fill was delivered once"
    );
    let record = record().await;
    assert_eq!(record["accounts"][0]["openOrders"], json!([]));
    let filled = record["accounts"][0]["orders"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|order| order["executedQty"] == "0.00400000");
    assert_eq!(filled.count(), 1);
}

async fn over_http(exchange: &Exchange, running: Running, script: &Script) {
    let lever = async |lever| drop(exchange.market(lever).await);
    trades(running, script, lever, async || exchange.record().await).await;
}

fn over(record: &Value, transport: &str) -> bool {
    let arrivals = record["arrivals"].as_array().unwrap();
    !arrivals.is_empty()
        && arrivals
            .iter()
            .all(|arrival| arrival["transport"] == transport)
}

#[actix_rt::test]
async fn orders_travel_by_rest() {
    let exchange = Exchange::start().await;
    let script = Rc::<Script>::default();
    let builder = engine_with(&exchange, settings(), |venue| {
        venue.order_transport = OrderTransport::Rest
    });
    let running = builder
        .strategy("btc", Quoter::btc(&script))
        .unwrap()
        .start()
        .await
        .unwrap();
    over_http(&exchange, running, &script).await;
    let record = exchange.record().await;
    assert!(over(&record, "rest"), "{record}");
}

#[actix_rt::test]
async fn everything_travels_in_microseconds() {
    for transport in [OrderTransport::WsApi, OrderTransport::Rest] {
        let exchange = Exchange::start().await;
        let script = Rc::<Script>::default();
        let builder = engine_with(&exchange, settings(), |venue| {
            venue.order_transport = transport;
            venue.time_unit = TimeUnit::Microsecond;
        });
        let running = builder
            .strategy("btc", Quoter::btc(&script))
            .unwrap()
            .start()
            .await
            .unwrap();
        over_http(&exchange, running, &script).await;
        // To the microsecond what the exchange has on record.
        let record = exchange.record().await;
        let orders = record["accounts"][0]["orders"].as_array().unwrap();
        let filled = orders
            .iter()
            .find_map(|order| order["fills"].get(0))
            .unwrap();
        let fill = &script.fills.borrow()[0];
        assert_eq!(filled["time"], json!(fill.at.as_micros()));
    }
}

#[actix_rt::test]
async fn a_quiet_order_connection_is_kept_open_where_orders_go_by_rest_and_that_of_safety_everywhere()
 {
    const IDLE: Duration = Duration::from_millis(900);
    for transport in [OrderTransport::Rest, OrderTransport::WsApi] {
        let (exchange, hand) = (Exchange::start().await, Hand::default());
        let rest = Proxy::start(exchange.addr()).await;
        let (mut venue, credentials) = binance_at(rest.address, exchange.addr(), exchange.addr());
        hurry(&mut venue);
        venue.order_transport = transport;
        venue.bounds.keep_alive_ms = 900;
        let builder = Tripline::builder(settings()).binance(venue, credentials);
        let running = builder
            .strategy("hand", hand.strategy())
            .unwrap()
            .start()
            .await
            .unwrap();
        hand.is_ready(&exchange).await;
        let first = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
        hand.reaches(first, OrderState::Working).await;
        let (connections, pings) = (rest.accepted(), rest.heard("GET /api/v3/ping"));

        tokio::time::sleep(2 * IDLE).await;
        let second = hand.place(&exchange, buy("59000.00", "0.1")).await.unwrap();
        hand.reaches(second, OrderState::Working).await;
        let heard = rest.heard("GET /api/v3/ping") - pings;
        match transport {
            OrderTransport::Rest => {
                assert_eq!(rest.heard("POST /api/v3/order?"), 2);
                assert_eq!(
                    rest.accepted(),
                    connections,
                    "the second order waited for none"
                );
                assert!(
                    (8..=16).contains(&heard),
                    "{heard} pings on two connections"
                );
            }
            OrderTransport::WsApi => {
                assert!((4..=8).contains(&heard), "{heard} pings");
            }
        }
        stop(running, &exchange).await;
    }
}

#[actix_rt::test]
async fn a_rest_host_that_falls_silent_is_a_fault_before_an_order_meets_it() {
    let (exchange, hand) = (Exchange::start().await, Hand::default());
    let mut impatient = settings();
    impatient.private_stream_grace = Duration::from_millis(500);
    let builder = engine_with(&exchange, impatient, |venue| {
        venue.order_transport = OrderTransport::Rest;
        venue.bounds.keep_alive_ms = 900;
        venue.bounds.request_timeout_ms = 300;
    });
    let running = builder
        .strategy("hand", hand.strategy())
        .unwrap()
        .start()
        .await
        .unwrap();
    hand.is_ready(&exchange).await;
    exchange
        .fault(json!({"kind": "no_response", "operation": "ping", "count": 0}))
        .await;
    until("the account is halted", || async {
        let restricted = running.board().restricted();
        restricted.iter().any(|(_, standing)| {
            let mut incidents = standing.incidents.iter();
            incidents.any(|incident| incident.fault.detail.contains("REST does not answer"))
        })
    })
    .await;
    drop(running.stop().await);
}

/// An exchange whose account has an Ed25519 key, and the credentials to it.
fn with_ed25519() -> (ExchangeConfig, ApiCredentials) {
    let random = ring::rand::SystemRandom::new();
    let pkcs8 = ring::signature::Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let pair = ring::signature::Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let mut config = still();
    config.accounts[0].keys = vec![KeyConfig {
        api_key: "the-ed25519-key".into(),
        secret: None,
        public_key: Some(BASE64.encode(pair.public_key().as_ref())),
        trading: true,
    }];
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64.encode(pkcs8.as_ref())
    );
    (
        config,
        ApiCredentials {
            api_key: "the-ed25519-key".to_owned().into(),
            secret: pem.into(),
        },
    )
}

async fn trades_with_ed25519(transport: OrderTransport) {
    let (config, credentials) = with_ed25519();
    let exchange = Exchange::with(config);
    for lever in market() {
        exchange.market(lever).await;
    }
    let (mut venue, _) = binance_on(exchange.addr());
    hurry(&mut venue);
    venue.key_kind = KeyKind::Ed25519;
    venue.order_transport = transport;
    let script = Rc::<Script>::default();
    let builder = Tripline::builder(settings()).binance(venue, credentials);
    let running = builder
        .strategy("btc", Quoter::btc(&script))
        .unwrap()
        .start()
        .await
        .unwrap();
    over_http(&exchange, running, &script).await;
}

#[actix_rt::test]
async fn an_ed25519_key_logs_its_session_on() {
    trades_with_ed25519(OrderTransport::WsApi).await;
}

#[actix_rt::test]
async fn an_ed25519_key_signs_rest_orders() {
    trades_with_ed25519(OrderTransport::Rest).await;
}

/// A practice exchange that speaks TLS, and the file with its certificate authority.
struct Secure {
    exchange: Rc<PracticeExchange>,
    port: u16,
    ca_file: PathBuf,
    server: actix_rt::task::JoinHandle<()>,
}

impl Secure {
    async fn start() -> Self {
        Self::start_on("127.0.0.1").await
    }

    async fn start_on(host: &str) -> Self {
        let exchange = Rc::new(PracticeExchange::new(&still(), Clock::system()).unwrap());
        let listener = tokio::net::TcpListener::bind((host, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = Tls::generate().unwrap();
        let ca_file =
            std::env::temp_dir().join(format!("tripline-ca-{}-{port}.pem", std::process::id()));
        tls.write_ca(&ca_file).unwrap();
        let serving = exchange.clone();
        let server = actix_rt::spawn(async move { serving.serve(listener, Some(tls)).await });
        let this = Self {
            exchange,
            port,
            ca_file,
            server,
        };
        for lever in market() {
            this.practice("POST", "market", &lever);
        }
        this
    }

    fn practice(&self, verb: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.exchange.practice(verb, path, &body.to_string());
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    fn venue(&self, host: &str, ca_file: Option<&Path>) -> BinanceSettings {
        let port = self.port;
        let [rest, streams] = ["https", "wss"].map(|scheme| format!("{scheme}://{host}:{port}"));
        let mut venue = BinanceSettings::custom(&rest, &format!("{streams}/ws-api/v3"), &streams);
        hurry(&mut venue);
        venue.extra_ca_file = ca_file.map(Path::to_owned);
        venue
    }

    async fn start_engine(
        &self,
        venue: BinanceSettings,
        script: &Rc<Script>,
    ) -> Result<Running, StartError> {
        let credentials = binance_on(([127, 0, 0, 1], self.port).into()).1;
        Tripline::builder(settings())
            .binance(venue, credentials)
            .strategy("btc", Quoter::btc(script))
            .unwrap()
            .start()
            .await
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.server.abort();
        drop(std::fs::remove_file(&self.ca_file));
    }
}

#[actix_rt::test]
async fn everything_travels_over_tls() {
    for transport in [OrderTransport::WsApi, OrderTransport::Rest] {
        let secure = Secure::start().await;
        let script = Rc::<Script>::default();
        let venue = BinanceSettings {
            order_transport: transport,
            ..secure.venue("localhost", Some(&secure.ca_file))
        };
        let running = secure.start_engine(venue, &script).await.unwrap();
        let lever = async |lever| drop(secure.practice("POST", "market", &lever));
        trades(running, &script, lever, async || {
            secure.practice("GET", "record", &Value::Null)
        })
        .await;
    }
}

#[actix_rt::test]
async fn an_unknown_authority_and_another_host_name_are_refused_with_advice() {
    // The certificate names localhost, 127.0.0.1 and ::1.
    let secure = Secure::start_on("127.0.0.2").await;
    let script = Rc::<Script>::default();
    let refusal = async |venue| match secure.start_engine(venue, &script).await {
        Ok(_) => panic!("the certificate must be refused"),
        Err(error) => error.to_string(),
    };
    let unknown = refusal(secure.venue("127.0.0.2", None)).await;
    assert!(
        unknown.contains("authority is unknown") && unknown.contains("extra_ca_file"),
        "{unknown}"
    );
    let other = refusal(secure.venue("127.0.0.2", Some(&secure.ca_file))).await;
    assert!(
        other.contains("another host name") && other.contains("check the URL"),
        "{other}"
    );
}

#[actix_rt::test]
async fn a_websocket_to_an_unknown_authority_says_so_and_never_gets_ready() {
    let secure = Secure::start().await;
    let plain = Exchange::start().await;
    let script = Rc::<Script>::default();
    // REST works; the WebSocket API and the streams have a certificate that nobody vouches for.
    let mut venue = secure.venue("localhost", None);
    venue.rest_url = Some(format!("http://{}", plain.addr()));
    let mut patience = settings();
    patience.ready_within = std::time::Duration::from_secs(2);
    patience.private_stream_grace = std::time::Duration::from_millis(500);
    patience.stop_within = std::time::Duration::from_secs(1);
    let credentials = binance_on(plain.addr()).1;
    let builder = Tripline::builder(patience)
        .binance(venue, credentials)
        .strategy("btc", Quoter::btc(&script))
        .unwrap();
    let running = builder.start().await.unwrap();
    until("the start has failed", || async {
        script.init_failed.borrow().is_some()
    })
    .await;
    let incidents: Vec<_> = running
        .board()
        .restricted()
        .into_iter()
        .flat_map(|(_, standing)| standing.incidents)
        .collect();
    let told: Vec<_> = incidents
        .iter()
        .map(|incident| incident.fault.detail.as_str())
        .collect();
    assert!(
        told.iter().any(|detail| detail.contains("extra_ca_file")),
        "{told:?}"
    );
    assert_eq!(plain.placements().await, Vec::<Value>::new());
    drop(running.stop().await);
}
