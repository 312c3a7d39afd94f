//! The exchange on a thread of its own, and as a whole program.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
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
            let built = async {
                let listener = bind(IpAddr::V4(Ipv4Addr::LOCALHOST), port).await?;
                let address = listener.local_addr().map_err(ServeError::Thread)?;
                Ok::<_, ServeError>((
                    PracticeExchange::new(&config, Clock::system())?,
                    listener,
                    address,
                ))
            };
            let (exchange, listener, address) = match built.await {
                Ok(built) => built,
                Err(error) => return drop(ready.send(Err(error))),
            };
            if ready.send(Ok(address)).is_err() {
                return;
            }
            tokio::select! { () = exchange.serve(listener, tls) => {} _ = stopped => {} }
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

/// Runs an exchange in the present Actix system until the process ends, and prints one line when it is
/// ready. With `ca_file` it speaks TLS and writes its CA's certificate there.
///
/// # Errors
/// [`ServeError`].
pub async fn run(
    config: &ExchangeConfig,
    host: IpAddr,
    port: u16,
    ca_file: Option<PathBuf>,
) -> Result<(), ServeError> {
    let listener = bind(host, port).await?;
    let address = listener.local_addr().map_err(ServeError::Thread)?;
    let exchange = PracticeExchange::new(config, Clock::system())?;
    let tls = ca_file.as_ref().map(|path| {
        let tls = Tls::generate()?;
        tls.write_ca(path)?;
        Ok::<_, ServeError>(tls)
    });
    let tls = tls.transpose()?;
    let (http, ws) = if tls.is_some() {
        ("https", "wss")
    } else {
        ("http", "ws")
    };
    println!(
        "practice exchange ready: {http}://{address} (REST /api/v3, {ws} /ws, /stream, /ws-api/v3)"
    );
    exchange.serve(listener, tls).await;
    Ok(())
}
