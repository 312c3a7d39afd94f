//! One byte stream under everything: TCP, TLS or a pipe in memory, with a switch that cuts it.

use std::cell::Cell;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// Any stream that can be served.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// What the HTTP layer knows of the connection that a request came in on.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    pub address: Option<IpAddr>,
    cut: Rc<Cell<bool>>,
    closed: Rc<Notify>,
}

impl Peer {
    pub fn new(address: Option<IpAddr>) -> Self {
        Self {
            address,
            ..Self::default()
        }
    }

    /// Makes every further read and write fail, so that the connection is dropped without an answer.
    pub fn cut(&self) {
        self.cut.set(true);
    }

    /// Waits until the client closes its side.
    pub async fn closed(&self) {
        self.closed.notified().await;
    }
}

/// A stream whose [`Peer`] can cut it.
pub struct Io {
    stream: Box<dyn Stream>,
    pub peer: Peer,
}

impl Io {
    pub fn new(stream: Box<dyn Stream>, peer: Peer) -> Self {
        Self { stream, peer }
    }

    fn check(&self) -> io::Result<()> {
        if self.peer.cut.get() {
            Err(io::ErrorKind::ConnectionAborted.into())
        } else {
            Ok(())
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let ended = matches!(read, Poll::Ready(Err(_)))
            || (read.is_ready() && buf.filled().len() == before);
        if ended {
            self.peer.closed.notify_one();
        }
        read
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
