//! An engine and a practice exchange that meet in memory and in virtual time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_rt::net::{ActixStream, Ready};
use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tripline::settings::EngineSettings;
use tripline::{Builder, Placement, StartError, Tripline};
use tripline_actors::clock::Clock;
use tripline_actors::venue::binance::{ApiCredentials, Binance, BinanceSettings};
use tripline_engine::time::Timestamp;
use tripline_exchange::{
    Clock as ExchangeClock, EXAMPLE_API_KEY, EXAMPLE_SECRET, ExchangeConfig, PracticeExchange,
};

const BEGIN: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// One end of a connection.
#[derive(Debug)]
struct End(DuplexStream);

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for End {
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

impl ActixStream for End {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }
    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

/// The exchange, and how often each of its doors was opened.
pub struct InMemory {
    exchange: Rc<PracticeExchange>,
    opened: Rc<RefCell<BTreeMap<String, u32>>>,
}

impl InMemory {
    /// For a test whose time is virtual: `tokio::time::pause`.
    pub fn start(config: &ExchangeConfig) -> Self {
        let clock = ExchangeClock::starting_at(BEGIN.as_micros());
        Self {
            exchange: Rc::new(PracticeExchange::new(config, clock).unwrap()),
            opened: Rc::default(),
        }
    }

    pub fn practice(&self, path: &str, body: &Value) {
        let (status, answer) = self.exchange.practice("POST", path, &body.to_string());
        assert_eq!(status, 200, "{answer}");
    }

    /// Requests about orders that reached the exchange with this operation.
    pub fn arrivals(&self, operation: &str) -> usize {
        let record = self.exchange.record();
        let arrivals = record["arrivals"].as_array().unwrap().iter();
        arrivals
            .filter(|arrival| arrival["operation"] == operation)
            .count()
    }

    /// How often a connection was made to `rest`, `api` or `streams`.
    pub fn opened(&self, door: &str) -> u32 {
        self.opened.borrow().get(door).copied().unwrap_or_default()
    }

    fn connector(
        &self,
    ) -> impl Service<ConnectInfo<Uri>, Response = Connection<Uri, End>, Error = ConnectError>
    + Clone
    + 'static {
        let (exchange, opened) = (self.exchange.clone(), self.opened.clone());
        fn_service(move |info: ConnectInfo<Uri>| {
            let uri = info.request().clone();
            let door = uri.host().unwrap_or_default().to_owned();
            *opened.borrow_mut().entry(door).or_default() += 1;
            let (near, far) = tokio::io::duplex(1 << 20);
            actix_rt::spawn(exchange.serve_stream(far));
            async move { Ok(Connection::new(uri, End(near))) }
        })
    }

    /// The account at the exchange, without an engine.
    pub fn venue(&self, change: impl FnOnce(&mut BinanceSettings)) -> Binance {
        let clock = Clock::starting_at(BEGIN);
        Binance::over(self.connector(), 7, venue(change), &credentials(), clock).unwrap()
    }

    /// A builder whose engine lives on this arbiter alone.
    pub fn engine(
        &self,
        settings: EngineSettings,
        change: impl FnOnce(&mut BinanceSettings),
    ) -> Builder {
        let (connector, venue) = (self.connector(), venue(change));
        Tripline::builder(settings)
            .clock(Clock::starting_at(BEGIN))
            .placement(Placement::Together)
            .last_resort(std::sync::Arc::new(|_| {}))
            .venue(move |clock| {
                match Binance::over(connector, 7, venue, &credentials(), clock.clone()) {
                    Ok(venue) => Ok(Rc::new(venue)),
                    Err(error) => Err(StartError::Venue(error.to_string())),
                }
            })
    }
}

fn venue(change: impl FnOnce(&mut BinanceSettings)) -> BinanceSettings {
    let mut venue = BinanceSettings::custom("http://rest", "ws://api/ws-api/v3", "ws://streams");
    change(&mut venue);
    venue
}

fn credentials() -> ApiCredentials {
    ApiCredentials {
        api_key: EXAMPLE_API_KEY.to_owned().into(),
        secret: EXAMPLE_SECRET.to_owned().into(),
    }
}
