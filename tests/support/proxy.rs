//! A TCP proxy on the loopback that can go silent: its connections stay open and carry nothing more, as
//! when a link dies without a word.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Connections that were made before the last silence carry nothing.
pub struct Proxy {
    pub address: SocketAddr,
    era: Rc<Cell<u64>>,
    accepted: Rc<Cell<usize>>,
    /// What clients said, one after the other.
    heard: Rc<RefCell<Vec<u8>>>,
}

impl Proxy {
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (era, accepted) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let proxy = Self {
            address,
            era: era.clone(),
            accepted: accepted.clone(),
            heard: Rc::default(),
        };
        let heard = proxy.heard.clone();
        actix_rt::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                accepted.set(accepted.get() + 1);
                let server = TcpStream::connect(to).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let (now, noted) = (era.get(), Some(heard.clone()));
                actix_rt::spawn(carry(from_client, to_server, era.clone(), now, noted));
                actix_rt::spawn(carry(from_server, to_client, era.clone(), now, None));
            }
        });
        proxy
    }

    /// The connections of now stay open and fall silent.
    pub fn silence(&self) {
        self.era.set(self.era.get() + 1);
    }

    /// How often clients have said the text so far.
    pub fn heard(&self, text: &str) -> usize {
        let heard = self.heard.borrow();
        String::from_utf8_lossy(&heard).matches(text).count()
    }

    /// Connections that were made so far.
    pub fn accepted(&self) -> usize {
        self.accepted.get()
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    era: Rc<Cell<u64>>,
    born: u64,
    noted: Option<Rc<RefCell<Vec<u8>>>>,
) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut chunk).await {
        if era.get() != born {
            std::future::pending::<()>().await; // Both halves are held open.
        }
        if let Some(noted) = &noted {
            noted.borrow_mut().extend_from_slice(&chunk[..read]);
        }
        if read == 0 || to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
