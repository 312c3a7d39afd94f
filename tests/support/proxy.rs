//! A TCP proxy on the loopback that can go silent: its connections stay open and carry nothing more, as
//! when a link dies without a word.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What clients said, by connection.
type Heard = Rc<RefCell<Vec<Vec<u8>>>>;

/// Connections that were made before the last silence carry nothing.
pub struct Proxy {
    pub address: SocketAddr,
    era: Rc<Cell<u64>>,
    accepted: Rc<Cell<usize>>,
    heard: Heard,
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
                heard.borrow_mut().push(Vec::new());
                let (now, noted) = (era.get(), Some((heard.clone(), accepted.get() - 1)));
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

    /// What clients have said so far, one connection after the other.
    pub fn said(&self) -> String {
        let heard = self.heard.borrow();
        heard.iter().map(|bytes| unmasked(bytes)).collect()
    }

    /// How often clients have said the text so far.
    pub fn heard(&self, text: &str) -> usize {
        self.said().matches(text).count()
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
    noted: Option<(Heard, usize)>,
) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut chunk).await {
        if era.get() != born {
            std::future::pending::<()>().await; // Both halves are held open.
        }
        if let Some((noted, connection)) = &noted {
            noted.borrow_mut()[*connection].extend_from_slice(&chunk[..read]);
        }
        if read == 0 || to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

/// What a client said; the frames of a WebSocket without their masks (RFC 6455, 5.2).
fn unmasked(bytes: &[u8]) -> String {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, mut rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 4));
    let mut text = String::from_utf8_lossy(head).into_owned();
    if !text.to_lowercase().contains("upgrade: websocket") {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    while let [_, length, ..] = rest {
        let (length, at) = match length & 0x7f {
            126 if rest.len() >= 4 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
            126 | 127 => break,
            short => (usize::from(short), 2),
        };
        if rest.len() < at + 4 + length {
            break;
        }
        let (mask, payload) = rest[at..at + 4 + length].split_at(4);
        let plain = payload.iter().zip(mask.iter().cycle());
        let plain: Vec<u8> = plain.map(|(byte, mask)| byte ^ mask).collect();
        text.push_str(&String::from_utf8_lossy(&plain));
        rest = &rest[at + 4 + length..];
    }
    text
}
