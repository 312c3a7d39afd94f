//! The exchange as a server: one function serves one byte stream, wherever the stream comes from.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive};
use actix_web::dev::{Service, ServiceFactory, fn_service};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::io::{Io, Peer, Stream};
use super::{rest, tls, upgrade};
use crate::clock::Clock;
use crate::config::{ConfigError, ExchangeConfig};
use crate::core::Core;
use crate::history::HistoryError;
use crate::streams::StreamHub;
use crate::user::UserHub;

/// Why the exchange does not serve.
#[derive(Debug, Error)]
pub enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "port {port} of {host} cannot be opened: {source}; stop the program that uses it, or choose another port \
         (0 lets the system choose)"
    )]
    Port {
        host: IpAddr,
        port: u16,
        source: std::io::Error,
    },
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error("the exchange's thread or runtime cannot be started: {0}")]
    Thread(std::io::Error),
    #[error("the exchange's thread ended before it served")]
    Ended,
}

type Serve = dyn Fn(Io, Option<SocketAddr>) -> LocalBoxFuture<'static, ()>;

/// A practice exchange on the thread that made it. Needs a Tokio `LocalSet` (an Actix system has one).
/// When it is dropped, its market stands still; connections that are open are still answered.
pub struct PracticeExchange {
    core: Rc<Core>,
    serve: Rc<Serve>,
    background: Vec<JoinHandle<()>>,
}

impl PracticeExchange {
    /// Builds the exchange, or goes on from where `config.state` left it, and starts its market.
    ///
    /// # Errors
    /// [`ServeError::Config`], [`ServeError::History`].
    pub fn new(config: &ExchangeConfig, clock: Clock) -> Result<Self, ServeError> {
        let core = match &config.state {
            Some(folder) => super::again::core(config, clock, folder)?,
            None => Core::new(config, clock)?,
        };
        for fault in &config.faults {
            super::signals::set_fault(&core, fault.clone());
        }
        let background = vec![
            actix_rt::spawn(UserHub::pump(Rc::clone(&core))),
            actix_rt::spawn(StreamHub::tick_for_ever(Rc::clone(&core))),
            actix_rt::spawn(drive_market(Rc::clone(&core))),
        ];
        Ok(Self {
            serve: http_service(&core),
            core,
            background,
        })
    }

    /// The exchange's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }

    /// What `GET /practice/record` answers, without a connection.
    #[must_use]
    pub fn record(&self) -> serde_json::Value {
        crate::record::report(&self.core)
    }

    /// The open orders of every account as the record shows them, without the rest of it.
    #[must_use]
    pub fn open_orders(&self) -> serde_json::Value {
        crate::record::open_orders(&self.core)
    }

    /// How many connections receive an account's user data.
    #[must_use]
    pub fn user_streams(&self) -> usize {
        let accounts = self.core.accounts().into_iter();
        accounts.map(|account| self.core.users.count(account)).sum()
    }

    /// Sets a fault, as `POST /practice/faults` does.
    ///
    /// # Errors
    /// [`crate::faults::FaultError`].
    pub fn set_fault(
        &self,
        fault: crate::faults::FaultSpec,
    ) -> Result<u64, crate::faults::FaultError> {
        self.core.check_fault(&fault)?;
        Ok(super::signals::set_fault(&self.core, fault))
    }

    /// Announces the end to all WebSocket connections, closes them and waits a second at most for that.
    pub async fn farewell(&self) {
        super::signals::farewell(&self.core).await;
    }

    /// What `verb /practice/<path>` answers, without a connection: status and JSON body.
    pub fn practice(&self, verb: &str, path: &str, body: &str) -> (u16, String) {
        let reply = super::practice::handle(&self.core, verb, path, body);
        (reply.status, reply.body)
    }

    /// Accepts connections for ever. An accept that fails (too many open files) is logged and tried again.
    pub async fn serve(&self, listener: TcpListener, tls: Option<tls::Tls>) {
        loop {
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    log::error!("a connection could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            if let Err(error) = stream.set_nodelay(true) {
                log::warn!("TCP_NODELAY cannot be set for {address}: {error}");
            }
            let serve = Rc::clone(&self.serve);
            match tls.clone() {
                None => drop(actix_rt::spawn(serve_io(
                    serve,
                    Box::new(stream),
                    Some(address),
                ))),
                Some(tls) => drop(actix_rt::spawn(async move {
                    match tls.accept(stream).await {
                        Ok(stream) => serve_io(serve, Box::new(stream), Some(address)).await,
                        Err(error) => log::debug!("no TLS with {address}: {error}"),
                    }
                })),
            }
        }
    }

    /// Serves one byte stream, such as a `tokio::io::duplex`, until it ends.
    pub fn serve_stream(
        &self,
        stream: impl Stream + 'static,
    ) -> impl Future<Output = ()> + 'static {
        serve_io(Rc::clone(&self.serve), Box::new(stream), None)
    }
}

impl Drop for PracticeExchange {
    fn drop(&mut self) {
        self.background.iter().for_each(JoinHandle::abort);
    }
}

async fn serve_io(serve: Rc<Serve>, stream: Box<dyn Stream>, address: Option<SocketAddr>) {
    let peer = Peer::new(address.map(|address| address.ip()));
    serve(Io::new(stream, peer), address).await;
}

/// HTTP/1.1 on any stream; requests that ask for an upgrade leave HTTP with their stream.
fn http_service(core: &Rc<Core>) -> Rc<Serve> {
    let (plain, upgraded) = (Rc::clone(core), Rc::clone(core));
    let factory = HttpService::build()
        .keep_alive(KeepAlive::Timeout(Duration::from_secs(600)))
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(Duration::ZERO)
        .on_connect_ext(|io: &Io, data| drop(data.insert(io.peer.clone())))
        .upgrade(fn_service(move |(request, framed)| {
            upgrade::handle(Rc::clone(&upgraded), request, framed)
        }))
        .h1(fn_service(move |request| {
            rest::handle(Rc::clone(&plain), request)
        }));
    let service = factory.new_service(()).now_or_never();
    let service = service
        .and_then(Result::ok)
        .expect("services made of functions are ready at once");
    let service = Rc::new(service);
    Rc::new(move |io, address| {
        let service = Rc::clone(&service);
        Box::pin(async move {
            if let Err(error) = service.call((io, address)).await {
                log::debug!("a connection ended: {error}");
            }
        })
    })
}

/// Lets the market live in its own time, as long as that can be written down where it has to be.
async fn drive_market(core: Rc<Core>) {
    loop {
        let next = core
            .market
            .borrow()
            .next_at()
            .filter(|_| !core.paused.get());
        let Some(next) = next else {
            core.market_changed.notified().await;
            if core.skip_market().is_err() {
                return;
            }
            continue;
        };
        let wait = Duration::from_micros(u64::try_from(next.0 - core.now_us()).unwrap_or(0));
        tokio::select! {
            biased;
            () = core.market_changed.notified() => continue,
            () = tokio::time::sleep(wait) => {}
        }
        if core.advance_market().is_err() {
            return;
        }
        core.users.flush(&core);
    }
}
