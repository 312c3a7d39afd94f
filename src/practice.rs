//! How an engine reaches a practice exchange on the loopback.

use std::net::SocketAddr;

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
