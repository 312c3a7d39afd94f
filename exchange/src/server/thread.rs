//! The exchange that listens: on a thread of its own, or as a whole program.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::serve::{PracticeExchange, ServeError};
use super::tls::Tls;
use crate::clock::Clock;
use crate::config::ExchangeConfig;

/// A running exchange; dropping it stops the exchange.
#[derive(Debug)]
pub struct Handle {
    /// Where it listens, with the port that was really opened.
    pub addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// Stops the exchange and waits until its connections are closed.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the practice exchange's thread panicked");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}

async fn bind(host: IpAddr, port: u16) -> Result<TcpListener, ServeError> {
    TcpListener::bind((host, port))
        .await
        .map_err(|source| ServeError::Port { host, port, source })
}

/// Starts an exchange on the loopback address, on a thread with a runtime of its own. Port 0 lets the
/// system choose.
///
/// # Errors
/// What keeps it from serving: the configuration, the port, the thread.
pub fn spawn_in_thread(config: ExchangeConfig, port: u16) -> Result<Handle, ServeError> {
    spawn_with_tls(config, port, None)
}

/// The same, speaking TLS when it is given: `https` and `wss` for `localhost` and `127.0.0.1`.
///
/// # Errors
/// As [`spawn_in_thread`].
pub fn spawn_with_tls(
    config: ExchangeConfig,
    port: u16,
    tls: Option<Tls>,
) -> Result<Handle, ServeError> {
    let (ready, started) = mpsc::channel::<Result<SocketAddr, ServeError>>();
    let (stop, stopped) = oneshot::channel::<()>();
    let body = move || {
        let serving = async {
            let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let server = match Server::open(&config, host, port, tls).await {
                Ok(server) => server,
                Err(error) => return drop(ready.send(Err(error))),
            };
            if ready.send(Ok(server.addr)).is_err() {
                return;
            }
            let serving = server.exchange.serve(server.listener, server.tls);
            tokio::select! { () = serving => {} _ = stopped => {} }
        };
        actix_rt::System::new().block_on(serving);
    };
    let thread = std::thread::Builder::new()
        .name("practice-exchange".into())
        .spawn(body);
    let thread = thread.map_err(ServeError::Thread)?;
    let addr = started.recv().map_err(|_| ServeError::Ended)??;
    Ok(Handle {
        addr,
        stop: Some(stop),
        thread: Some(thread),
    })
}

/// An exchange that listens: what a whole program serves.
pub struct Server {
    exchange: PracticeExchange,
    listener: TcpListener,
    tls: Option<Tls>,
    /// Where it listens, with the port that was really opened.
    pub addr: SocketAddr,
}

impl Server {
    /// Opens the port and builds the exchange, in the present Actix system.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn open(
        config: &ExchangeConfig,
        host: IpAddr,
        port: u16,
        tls: Option<Tls>,
    ) -> Result<Self, ServeError> {
        let listener = bind(host, port).await?;
        Ok(Self {
            addr: listener.local_addr().map_err(ServeError::Thread)?,
            exchange: PracticeExchange::new(config, Clock::system())?,
            listener,
            tls,
        })
    }

    /// Serves until `stopped` is over; then it takes no more connections, and ends those it has.
    pub async fn serve_until(self, stopped: impl Future<Output = ()>) {
        tokio::select! {
            () = self.exchange.serve(self.listener, self.tls) => {}
            () = stopped => self.exchange.farewell().await,
        }
    }
}
