//! A WebSocket connection that anyone on the thread can write to. [`Socket::send`] hands the bytes to
//! the operating system in the caller's own poll when the socket takes them; only what does not fit
//! waits for the connection's task.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use actix_codec::{Decoder, Encoder};
use actix_http::ws::{CloseCode, CloseReason, Codec, Frame, Item, Message};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::io::Io;

/// A client that lets this many bytes pile up is cut off.
const MOST_UNSENT: usize = 32 << 20;
/// The largest message that a client may send.
const MOST_RECEIVED: usize = 1 << 20;

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    Text(Bytes),
    Binary,
    /// A message in pieces that are too large together.
    TooLarge,
    Ping(Bytes),
    Pong(Bytes),
    Close,
}

/// The connection; shared by its own task and by everyone who publishes to it.
pub struct Socket {
    /// `None` once the connection has ended, so that the client learns of it at once.
    io: RefCell<Option<Io>>,
    address: Option<IpAddr>,
    codec: RefCell<Codec>,
    unsent: RefCell<BytesMut>,
    received: RefCell<BytesMut>,
    /// The pieces of a fragmented message.
    fragments: RefCell<Option<BytesMut>>,
    waker: RefCell<Option<Waker>>,
    gone: Cell<bool>,
    closing: Cell<bool>,
}

/// Encodes one unfragmented text frame, to be sent to any number of clients.
pub fn text_frame(text: &str) -> Bytes {
    let mut buffer = BytesMut::with_capacity(text.len() + 10);
    let opcode = actix_http::ws::OpCode::Text;
    actix_http::ws::Parser::write_message(&mut buffer, text, opcode, true, false);
    buffer.freeze()
}

impl Socket {
    /// Takes over a stream after the handshake; `received` is what was read beyond the request.
    pub fn new(io: Io, received: BytesMut) -> Rc<Self> {
        Rc::new(Self {
            address: io.peer.address,
            io: RefCell::new(Some(io)),
            codec: RefCell::new(Codec::new().max_size(MOST_RECEIVED)),
            unsent: RefCell::default(),
            received: RefCell::new(received),
            fragments: RefCell::default(),
            waker: RefCell::default(),
            gone: Cell::new(false),
            closing: Cell::new(false),
        })
    }

    /// The client's address.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Whether the last word has been said, but not yet read.
    pub fn is_closing(&self) -> bool {
        self.closing.get() && !self.gone.get()
    }

    /// Whether the connection has ended; sending does nothing then.
    pub fn is_gone(&self) -> bool {
        self.gone.get()
    }

    pub fn send_text(&self, text: &str) {
        self.send_frame(&text_frame(text));
    }

    /// Writes a frame made by [`text_frame`].
    pub fn send_frame(&self, frame: &[u8]) {
        if self.gone.get() || self.closing.get() {
            return;
        }
        let mut unsent = self.unsent.borrow_mut();
        unsent.extend_from_slice(frame);
        if unsent.len() > MOST_UNSENT {
            log::warn!(
                "a client does not read: cut off with {} bytes unsent",
                unsent.len()
            );
            drop(unsent);
            return self.cut();
        }
        drop(unsent);
        self.write_now();
    }

    pub fn ping(&self, payload: &str) {
        self.encode(Message::Ping(Bytes::copy_from_slice(payload.as_bytes())));
    }

    pub fn pong(&self, payload: Bytes) {
        self.encode(Message::Pong(payload));
    }

    /// Says why, then ends the connection.
    pub fn close(&self, code: CloseCode, reason: &str) {
        let description = (!reason.is_empty()).then(|| reason.to_owned());
        self.encode(Message::Close(Some(CloseReason { code, description })));
        self.closing.set(true);
        self.wake();
    }

    /// Ends the connection without a close frame.
    pub fn cut(&self) {
        self.end();
        self.wake();
    }

    fn encode(&self, message: Message) {
        if self.gone.get() || self.closing.get() {
            return;
        }
        let mut unsent = self.unsent.borrow_mut();
        if let Err(error) = self.codec.borrow_mut().encode(message, &mut unsent) {
            log::error!("a control frame could not be encoded: {error}");
        }
        drop(unsent);
        self.write_now();
    }

    /// Lets the connection's task look again at what it waits for.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    fn write_now(&self) {
        let waker = self
            .waker
            .borrow()
            .clone()
            .unwrap_or_else(|| Waker::noop().clone());
        // An error shows again, and ends the connection, when its own task next polls it.
        if let Poll::Ready(Err(_)) = self.poll_flush(&mut Context::from_waker(&waker)) {
            self.gone.set(true);
            self.wake();
        }
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut unsent = self.unsent.borrow_mut();
        let mut slot = self.io.borrow_mut();
        let Some(io) = slot.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        while !unsent.is_empty() {
            match Pin::new(&mut *io).poll_write(cx, &unsent) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => drop(unsent.split_to(written)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Pin::new(io).poll_flush(cx)
    }

    /// The next message of the client; `None` when the connection has ended. Only the connection's own
    /// task calls this: it is what drives the sending of what did not fit at once.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        self.remember(cx.waker());
        if self.gone.get() {
            return Poll::Ready(None);
        }
        match self.poll_flush(cx) {
            Poll::Ready(Ok(())) if self.closing.get() => {
                return self.poll_shutdown(cx);
            }
            Poll::Ready(Err(_)) => return self.ended(),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        loop {
            match self.decode() {
                Ok(Some(incoming)) => return Poll::Ready(Some(incoming)),
                Ok(None) => {}
                Err(error) => {
                    log::debug!("a client broke the WebSocket protocol: {error}");
                    return self.ended();
                }
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return self.ended(),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn remember(&self, waker: &Waker) {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    fn end(&self) {
        self.gone.set(true);
        drop(self.io.borrow_mut().take());
    }

    fn ended(&self) -> Poll<Option<Incoming>> {
        self.end();
        Poll::Ready(None)
    }

    fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        let shut = self
            .io
            .borrow_mut()
            .as_mut()
            .map(|io| Pin::new(io).poll_shutdown(cx));
        if shut.is_some_and(|shut| shut.is_pending()) {
            Poll::Pending
        } else {
            self.ended()
        }
    }

    fn poll_fill(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = [0_u8; 8 * 1024];
        let mut buf = ReadBuf::new(&mut room);
        let read = match self.io.borrow_mut().as_mut() {
            Some(io) => Pin::new(io).poll_read(cx, &mut buf),
            None => return Poll::Ready(Ok(0)),
        };
        read.map_ok(|()| {
            self.received.borrow_mut().extend_from_slice(buf.filled());
            buf.filled().len()
        })
    }

    fn decode(&self) -> Result<Option<Incoming>, actix_http::ws::ProtocolError> {
        loop {
            let frame = self
                .codec
                .borrow_mut()
                .decode(&mut self.received.borrow_mut())?;
            let incoming = match frame {
                None => return Ok(None),
                Some(Frame::Text(text)) => Incoming::Text(text),
                Some(Frame::Binary(_)) => Incoming::Binary,
                Some(Frame::Ping(payload)) => Incoming::Ping(payload),
                Some(Frame::Pong(payload)) => Incoming::Pong(payload),
                Some(Frame::Close(_)) => Incoming::Close,
                Some(Frame::Continuation(item)) => match self.join(item) {
                    Some(incoming) => incoming,
                    None => continue,
                },
            };
            return Ok(Some(incoming));
        }
    }

    /// The whole of a message that came in pieces, once its last one is there.
    fn join(&self, item: Item) -> Option<Incoming> {
        let mut fragments = self.fragments.borrow_mut();
        let (part, is_last) = match item {
            Item::FirstText(part) => {
                *fragments = Some(BytesMut::from(part.as_ref()));
                return None;
            }
            Item::FirstBinary(_) => {
                *fragments = None;
                return None;
            }
            Item::Continue(part) => (part, false),
            Item::Last(part) => (part, true),
        };
        let Some(whole) = fragments.as_mut() else {
            return is_last.then_some(Incoming::Binary);
        };
        if whole.len() + part.len() > MOST_RECEIVED {
            *fragments = None;
            return Some(Incoming::TooLarge);
        }
        whole.extend_from_slice(&part);
        let whole = is_last.then(|| fragments.take()).flatten()?;
        Some(Incoming::Text(whole.freeze()))
    }
}
