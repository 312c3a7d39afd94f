//! What the tests of the composed program share: a practice exchange on a loopback port, an engine
//! against it, levers of the exchange, and waiting for conditions.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test program uses its own part, and a helper that fails fails its test"
)]

pub mod bare;
pub mod hand;
pub mod memory;
pub mod orders;
pub mod person;
pub mod proxy;
pub mod quoter;
pub mod receiver;
pub mod trial;
pub mod world;

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tripline::running::Running;
use tripline::settings::EngineSettings;
use tripline::{Builder, Tripline, binance_on};
use tripline_actors::http;
use tripline_actors::venue::binance::BinanceSettings;
use tripline_engine::halt::{ResumeRefused, Scope};
use tripline_engine::ids::Symbol;
use tripline_engine::risk::RiskLimits;
use tripline_exchange::{ExchangeConfig, Handle, spawn_in_thread};

pub fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

/// A practice exchange with a market that stands still until it is told otherwise.
pub struct Exchange {
    handle: Handle,
    client: awc::Client,
}

impl Exchange {
    /// BTCUSDT at 60000.00 / 60000.02, 5 a side, nothing moves.
    pub async fn start() -> Self {
        drop(env_logger::builder().is_test(true).try_init());
        let exchange = Self::with(still());
        exchange
            .market(
                json!({"symbol": "BTCUSDT", "mid": "60000.01", "spread": "0.02", "quantity": "5"}),
            )
            .await;
        exchange
            .market(
                json!({"symbol": "ETHUSDT", "mid": "3000.01", "spread": "0.02", "quantity": "50"}),
            )
            .await;
        exchange
    }

    pub fn with(config: ExchangeConfig) -> Self {
        let handle = spawn_in_thread(config, 0).unwrap();
        let limits = http::Limits::default();
        let client = http::client(http::tls_config(None).unwrap(), &limits);
        Self { handle, client }
    }

    pub fn addr(&self) -> SocketAddr {
        self.handle.addr
    }

    async fn call(&self, verb: awc::http::Method, path: &str, body: String) -> Value {
        let limits = http::Limits {
            body_bytes: 64 << 20,
            ..http::Limits::default()
        };
        let request = self
            .client
            .request(verb, format!("http://{}{path}", self.addr()));
        let answer = http::exchange("practice", request.send_body(body), &limits)
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            answer.status.is_success(),
            "{path}: {} {text}",
            answer.status
        );
        serde_json::from_str(&text).unwrap()
    }

    pub async fn market(&self, lever: Value) -> Value {
        self.call(
            awc::http::Method::POST,
            "/practice/market",
            lever.to_string(),
        )
        .await
    }

    pub async fn fault(&self, fault: Value) -> Value {
        self.call(
            awc::http::Method::POST,
            "/practice/faults",
            fault.to_string(),
        )
        .await
    }

    pub async fn clear_faults(&self) {
        self.call(awc::http::Method::DELETE, "/practice/faults", String::new())
            .await;
    }

    pub async fn record(&self) -> Value {
        self.call(awc::http::Method::GET, "/practice/record", String::new())
            .await
    }

    /// A trade of somebody else's at this price or better.
    pub async fn trade(&self, symbol: &str, side: &str, price: &str, quantity: &str) {
        let trade = json!({"price": price, "quantity": quantity, "side": side});
        self.market(json!({"symbol": symbol, "trade": trade})).await;
    }

    /// A deposit to the account, or below zero a withdrawal, with its events.
    pub async fn deposit(&self, asset: &str, amount: &str) {
        let deposit = json!({"account": "practice", "asset": asset, "amount": amount});
        self.market(json!({"deposit": deposit})).await;
    }

    /// The same, and nobody is told.
    pub async fn deposit_untold(&self, asset: &str, amount: &str) {
        let deposit =
            json!({"account": "practice", "asset": asset, "amount": amount, "untold": true});
        self.market(json!({"deposit": deposit})).await;
    }

    /// What the account holds of an asset, free and locked together.
    pub async fn held(&self, asset: &str) -> rust_decimal::Decimal {
        let record = self.record().await;
        let balances = record["accounts"][0]["balances"].as_array().unwrap();
        let balance = balances.iter().find(|one| one["asset"] == asset).unwrap();
        let of = |name: &str| -> rust_decimal::Decimal {
            balance[name].as_str().unwrap().parse().unwrap()
        };
        of("free") + of("locked")
    }

    /// Moves the best prices a little, so that a tick goes out.
    pub async fn tick(&self, symbol: &str, bid_quantity: &str) {
        self.market(json!({"symbol": symbol, "bids": [["59999.00", bid_quantity]]}))
            .await;
    }

    /// The account's orders as the exchange recorded them.
    pub async fn orders(&self) -> Vec<Value> {
        self.record().await["accounts"][0]["orders"]
            .as_array()
            .unwrap()
            .clone()
    }

    pub async fn open_orders(&self) -> Vec<Value> {
        self.record().await["accounts"][0]["openOrders"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Placements that reached the exchange.
    pub async fn placements(&self) -> Vec<Value> {
        let record = self.record().await;
        let arrivals = record["arrivals"].as_array().unwrap();
        arrivals
            .iter()
            .filter(|arrival| arrival["operation"] == "order.place")
            .cloned()
            .collect()
    }
}

/// A market that stands still, and limits that a test does not reach.
pub fn still() -> ExchangeConfig {
    let mut config = ExchangeConfig::default();
    config.market.synthetic.enabled = false;
    config.limits.weight_per_minute = 1_000_000;
    config.limits.orders_per_10_seconds = 100_000;
    config.limits.connections_per_5_minutes = 100_000;
    config
}

/// Settings with short patience, so that tests need not wait, and without limits: strategies of tests trade at
/// every tick, and tests/limits.rs is about limits.
pub fn settings() -> EngineSettings {
    EngineSettings {
        stale_after: Duration::from_secs(20),
        fault_after: Duration::from_secs(40),
        private_stream_grace: Duration::from_secs(2),
        ready_within: Duration::from_secs(10),
        stop_within: Duration::from_secs(10),
        risk: RiskLimits::default(),
        ..EngineSettings::of("practice".parse().unwrap())
    }
}

/// A builder against the exchange, with short time-outs.
pub fn engine(exchange: &Exchange, settings: EngineSettings) -> Builder {
    engine_with(exchange, settings, |_| {})
}

/// The same, with other settings of the venue.
pub fn engine_with(
    exchange: &Exchange,
    settings: EngineSettings,
    change: impl FnOnce(&mut BinanceSettings),
) -> Builder {
    let (mut venue, credentials) = binance_on(exchange.addr());
    hurry(&mut venue);
    change(&mut venue);
    Tripline::builder(settings).binance(venue, credentials)
}

/// Short time-outs.
pub fn hurry(venue: &mut BinanceSettings) {
    venue.bounds.request_timeout_ms = 1_500;
    venue.bounds.engine_timeout_ms = 0;
    venue.bounds.stale_reads_ms = 1_000;
    venue.bounds.recv_window_ms = 1_000;
    venue.bounds.reconnect_first_ms = 50;
    venue.bounds.reconnect_longest_ms = 400;
}

/// Waits until the condition holds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < deadline, "did not come true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Lifts what stands in a scope as soon as everything is in order. Data must arrive for that, so the market moves.
pub async fn resume(running: &Running, exchange: &Exchange, scope: Scope) {
    let moves = Cell::new(0);
    until(&format!("{scope} is resumed"), || async {
        moves.set(moves.get() % 5 + 1);
        exchange.tick("BTCUSDT", &moves.get().to_string()).await;
        let standing = running.board().standing(&scope).unwrap();
        match running
            .resume(standing.resume(scope, "looked", "ann"))
            .await
        {
            Ok(()) => true,
            Err(ResumeRefused::NotInOrder { .. }) => false,
            Err(refused) => panic!("{refused}"),
        }
    })
    .await;
}

/// Stops the engine and checks that nothing of it is open at the exchange.
pub async fn stop(running: Running, exchange: &Exchange) -> tripline::running::ExitReport {
    let report = running.stop().await;
    assert!(report.stop.swept, "the stop was not confirmed: {report:?}");
    assert_eq!(exchange.open_orders().await, Vec::<Value>::new());
    report
}
