//! One WebSocket connection: frames out at once, messages in, whole.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use actix_codec::Framed;
use actix_http::ws::{Codec, Frame, Item, Message, ProtocolError};
use awc::BoxedSocket;
use awc::error::WsClientError;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::{Sink, Stream};
use tokio::time::Instant;
use tripline_engine::ports::VenueError;

use super::super::error::fragment;

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    Text(ByteString),
    /// A message that cannot be used: too large, not UTF-8, binary. The connection goes on.
    Lost(String),
    /// The connection is over.
    Closed(String),
}

/// What became of a frame that was to be sent.
#[derive(Debug)]
pub(super) enum NotSent {
    /// Nothing of it was handed to the socket.
    Nothing(String),
    /// It may be on its way.
    Perhaps(String),
}

struct Inner {
    framed: Framed<BoxedSocket, Codec>,
    /// A fragmented message under way, and whether it is text.
    fragments: Option<(BytesMut, bool)>,
    message_limit: usize,
    /// Bytes are waiting here, or in TLS above the socket, until the socket takes more.
    unflushed: bool,
    /// The task that reads. It flushes what is left over, so it is the one to wake for that.
    reader: Waker,
    /// Why nothing is written any more, once that is so.
    given_up: Option<String>,
}

impl Inner {
    fn write(&mut self, message: Message) -> Result<(), NotSent> {
        if let Some(reason) = &self.given_up {
            return Err(NotSent::Nothing(reason.clone()));
        }
        Pin::new(&mut self.framed)
            .start_send(message)
            .map_err(|error| NotSent::Nothing(error.to_string()))?;
        let reader = self.reader.clone();
        self.flush(&mut Context::from_waker(&reader))
            .map_err(|error| NotSent::Perhaps(error.to_string()))
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), ProtocolError> {
        let flushed = Pin::new(&mut self.framed).poll_flush(cx);
        self.unflushed = flushed.is_pending();
        match flushed {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }
}

/// Cloning shares the connection.
#[derive(Clone)]
pub(super) struct Link {
    inner: Rc<RefCell<Inner>>,
    last_data: Rc<Cell<Instant>>,
    number: u64,
}

/// Connects, within the time limits of the client.
///
/// # Errors
/// [`VenueError::RateLimited`] and [`VenueError::Banned`] for a handshake refused with 429 or 418, else
/// [`VenueError::Network`] or [`VenueError::Maintenance`].
pub(super) async fn open(
    client: &awc::Client,
    url: &str,
    message_limit: usize,
    number: u64,
) -> Result<Link, VenueError> {
    let connecting = client.ws(url).max_frame_size(message_limit).connect();
    let (_, framed) = connecting.await.map_err(refused)?;
    let inner = Inner {
        framed,
        fragments: None,
        message_limit,
        unflushed: false,
        reader: Waker::noop().clone(),
        given_up: None,
    };
    let last_data = Rc::new(Cell::new(Instant::now()));
    Ok(Link {
        inner: Rc::new(RefCell::new(inner)),
        last_data,
        number,
    })
}

fn refused(error: WsClientError) -> VenueError {
    let WsClientError::InvalidResponseStatus(status) = &error else {
        let text = fragment(&error.to_string());
        let advice = match () {
            () if text.contains("UnknownIssuer") => {
                "; the certificate's authority is unknown: for a private one set extra_ca_file"
            }
            () if text.contains("NotValidForName") => {
                "; the certificate is for another host name: check the URL"
            }
            () => "",
        };
        return VenueError::Network(text + advice);
    };
    let text = format!("the WebSocket handshake was refused with HTTP {status}");
    match status.as_u16() {
        429 => VenueError::RateLimited {
            retry_after: None,
            text,
        },
        418 | 403 => VenueError::Banned {
            retry_after: None,
            text,
        },
        500..=599 => VenueError::Maintenance(text),
        _ => VenueError::InvalidRequest {
            code: i64::from(status.as_u16()),
            text,
        },
    }
}

impl Link {
    /// Tells connections of one role apart.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// When the last message with content came in; pings are none.
    pub(super) fn last_data(&self) -> Instant {
        self.last_data.get()
    }

    /// Hands a text frame to the socket within this call; what the socket does not take at once follows
    /// when it can.
    ///
    /// # Errors
    /// [`NotSent`].
    pub(super) fn send(&self, text: ByteString) -> Result<(), NotSent> {
        self.write(Message::Text(text))
    }

    /// Hands a text frame to the socket whole and within this call, or not at all. When the socket takes
    /// only a part, the connection is given up: a frame without its end is no message, and its end never
    /// leaves later.
    ///
    /// # Errors
    /// [`NotSent`].
    pub(super) fn send_now(&self, text: ByteString) -> Result<(), NotSent> {
        let mut inner = self.inner.borrow_mut();
        if inner.unflushed {
            let text = "the socket does not take what was sent before";
            return Err(NotSent::Nothing(text.into()));
        }
        inner.write(Message::Text(text))?;
        if !inner.unflushed {
            return Ok(());
        }
        let reason =
            "the socket is full, and the connection was given up with what it did not take";
        inner.given_up = Some(reason.into());
        inner.reader.wake_by_ref();
        Err(NotSent::Nothing(reason.into()))
    }

    pub(super) fn close(&self) {
        if let Err(error) = self.write(Message::Close(None)) {
            log::debug!(actor = "binance"; "closing a WebSocket: {error:?}");
        }
    }

    fn write(&self, message: Message) -> Result<(), NotSent> {
        self.inner.borrow_mut().write(message)
    }

    /// The next message. Answers pings on the way.
    pub(super) async fn next(&self) -> Incoming {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            let frame = {
                let mut inner = self.inner.borrow_mut();
                if !inner.reader.will_wake(cx.waker()) {
                    inner.reader = cx.waker().clone();
                }
                if let Some(reason) = &inner.given_up {
                    return Poll::Ready(Incoming::Closed(reason.clone()));
                }
                if inner.unflushed
                    && let Err(error) = inner.flush(cx)
                {
                    return Poll::Ready(Incoming::Closed(error.to_string()));
                }
                std::task::ready!(Pin::new(&mut inner.framed).poll_next(cx))
            };
            if let Some(incoming) = self.take(frame) {
                return Poll::Ready(incoming);
            }
        }
    }

    /// `None` when the frame was one for the protocol only.
    fn take(&self, frame: Option<Result<Frame, ProtocolError>>) -> Option<Incoming> {
        match frame {
            None => Some(Incoming::Closed(
                "the other side ended the connection".into(),
            )),
            Some(Err(ProtocolError::Overflow)) => {
                let mut inner = self.inner.borrow_mut();
                // A message that misses a piece is lost as a whole.
                inner.fragments = None;
                let limit = inner.message_limit;
                let what = format!("a frame of more than {limit} bytes");
                Some(Incoming::Lost(what))
            }
            Some(Err(error)) => Some(Incoming::Closed(error.to_string())),
            Some(Ok(Frame::Ping(payload))) => match self.write(Message::Pong(payload)) {
                Ok(()) => None,
                Err(error) => Some(Incoming::Closed(format!("answering a ping: {error:?}"))),
            },
            Some(Ok(Frame::Pong(_))) => None,
            Some(Ok(Frame::Close(reason))) => {
                self.close();
                let reason = reason.map_or_else(String::new, |reason| {
                    format!(
                        ": {:?} {}",
                        reason.code,
                        reason.description.unwrap_or_default()
                    )
                });
                Some(Incoming::Closed(format!(
                    "the other side closed the connection{reason}"
                )))
            }
            Some(Ok(Frame::Text(bytes))) => Some(self.text(bytes)),
            Some(Ok(Frame::Binary(bytes))) => Some(Incoming::Lost(format!(
                "a binary frame of {} bytes",
                bytes.len()
            ))),
            Some(Ok(Frame::Continuation(item))) => self.fragment(item),
        }
    }

    fn text(&self, bytes: Bytes) -> Incoming {
        self.last_data.set(Instant::now());
        match ByteString::try_from(bytes) {
            Ok(text) => Incoming::Text(text),
            Err(error) => Incoming::Lost(format!("a text frame that is not UTF-8: {error}")),
        }
    }

    fn fragment(&self, item: Item) -> Option<Incoming> {
        let mut inner = self.inner.borrow_mut();
        let (bytes, last) = match item {
            Item::FirstText(bytes) => {
                inner.fragments = Some((BytesMut::from(bytes.as_ref()), true));
                return None;
            }
            Item::FirstBinary(bytes) => {
                inner.fragments = Some((BytesMut::from(bytes.as_ref()), false));
                return None;
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        let limit = inner.message_limit;
        // `None`: its loss was told with an earlier piece.
        let (whole, is_text) = inner.fragments.as_mut()?;
        if whole.len() + bytes.len() > limit {
            inner.fragments = None;
            let what = format!("a message of more than {limit} bytes");
            return Some(Incoming::Lost(what));
        }
        whole.extend_from_slice(&bytes);
        if !last {
            return None;
        }
        let (whole, is_text) = (std::mem::take(whole), *is_text);
        inner.fragments = None;
        drop(inner);
        if is_text {
            Some(self.text(whole.freeze()))
        } else {
            Some(Incoming::Lost("a binary message".into()))
        }
    }
}
