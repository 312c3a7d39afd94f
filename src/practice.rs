//! How an engine, and whoever steers it, reaches a practice exchange on the loopback.

use std::net::SocketAddr;

use awc::http::Method;
use serde_json::Value;
use tripline_actors::http;
use tripline_actors::venue::binance::settings::KeyKind;
use tripline_actors::venue::binance::{ApiCredentials, BinanceSettings};
use tripline_exchange::{EXAMPLE_API_KEY, EXAMPLE_SECRET};

/// Settings and the example key pair for a practice exchange at one address.
#[must_use]
pub fn binance_on(exchange: SocketAddr) -> (BinanceSettings, ApiCredentials) {
    binance_at(exchange, exchange, exchange)
}

/// The same with REST, WebSocket API and streams at addresses of their own.
#[must_use]
pub fn binance_at(
    rest: SocketAddr,
    ws_api: SocketAddr,
    streams: SocketAddr,
) -> (BinanceSettings, ApiCredentials) {
    let settings = BinanceSettings::custom(
        &format!("http://{rest}"),
        &format!("ws://{ws_api}/ws-api/v3"),
        &format!("ws://{streams}"),
    );
    let credentials = ApiCredentials {
        api_key: EXAMPLE_API_KEY.to_owned().into(),
        secret: EXAMPLE_SECRET.to_owned().into(),
    };
    (settings, credentials)
}

/// Configured settings, at another place that knows the example key.
pub(crate) fn moved(configured: BinanceSettings, here: BinanceSettings) -> BinanceSettings {
    BinanceSettings {
        environment: here.environment,
        rest_url: here.rest_url,
        ws_api_url: here.ws_api_url,
        streams_url: here.streams_url,
        extra_ca_file: None,
        key_kind: KeyKind::default(),
        ..configured
    }
}

/// The practice exchange's own pages: its record, and its levers.
pub(crate) struct Pages {
    exchange: SocketAddr,
    client: awc::Client,
    limits: http::Limits,
}

impl Pages {
    pub(crate) fn of(exchange: SocketAddr) -> Result<Self, String> {
        let limits = http::Limits {
            body_bytes: 256 << 20,
            ..http::Limits::default()
        };
        let tls = http::tls_config(None).map_err(|error| error.to_string())?;
        Ok(Self {
            exchange,
            client: http::client(tls, &limits),
            limits,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, String> {
        self.ask(Method::GET, path, String::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.ask(Method::POST, path, body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, String> {
        self.ask(Method::DELETE, path, String::new()).await
    }

    async fn ask(&self, method: Method, path: &str, body: String) -> Result<Value, String> {
        let url = format!("http://{}{path}", self.exchange);
        let sending = self.client.request(method, url).send_body(body);
        let answer = http::exchange("the practice exchange", sending, &self.limits).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if !answer.status.is_success() {
            let text = String::from_utf8_lossy(&answer.body);
            return Err(format!("HTTP {}: {text}", answer.status));
        }
        serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
    }
}
