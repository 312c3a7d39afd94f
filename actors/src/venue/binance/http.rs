//! How a request reaches the socket, and the last look at the halt gate on its way.
//!
//! awc gives no hold on the moment of writing, so two of its seams are used:
//!
//! 1. A request that changes orders has a body of unknown length that turns out to be empty. awc asks
//!    such a body for its first piece when it **has** its connection (from the pool, or new and through
//!    its TLS handshake) and is about to write the head. That marks where sending begins: whatever
//!    fails earlier is certainly not sent, time-outs while connecting included.
//! 2. The stream under awc, and under TLS, looks at the gate in each attempt to write from there on,
//!    until the socket takes the first byte. A closed gate fails the write and ends the connection.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_codec::{AsyncRead, AsyncWrite, ReadBuf};
use actix_http::body::{BodySize, MessageBody};
use actix_rt::net::{ActixStream, Ready};
use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::header::{HeaderName, HeaderValue};
use awc::http::{Method, Uri};
use bytes::Bytes;
use thiserror::Error;
use tripline_engine::halt::{Gate, HaltLevel};
use tripline_engine::planted::{self, Planted};

use super::settings::Bounds;
use super::sign::Query;
use super::wire::time::TimeUnit;
use crate::http::{Answer, HttpError, Limits, client_over, exchange, host_of};

const API_KEY: HeaderName = HeaderName::from_static("x-mbx-apikey");
const TIME_UNIT: HeaderName = HeaderName::from_static("x-mbx-time-unit");

/// The way of one request to the socket.
#[derive(Debug)]
struct Handover {
    gate: Option<Gate>,
    /// awc has a connection and begins to write.
    begun: Cell<bool>,
    /// The socket took a first byte.
    taken: Cell<bool>,
    held: Cell<Option<HaltLevel>>,
}

impl Handover {
    /// Looks at the gate, unless the request has begun to leave.
    fn is_held(&self) -> bool {
        let held = self.gate.as_ref().and_then(Gate::held);
        let late = self.taken.get() || planted::is(Planted::LatchAskedEarly);
        if held.is_some() && !late {
            self.held.set(held);
        }
        self.held.get().is_some()
    }
}

/// The request whose future is being polled, if any: a connection writes only within that poll.
#[derive(Debug, Clone, Default)]
struct Slot(Rc<RefCell<Option<Rc<Handover>>>>);

impl Slot {
    /// The handover that the present write belongs to, when it belongs to a request that has begun.
    fn begun(&self) -> Option<Rc<Handover>> {
        self.0
            .borrow()
            .clone()
            .filter(|handover| handover.begun.get())
    }
}

/// Polls the exchange with its handover in the slot.
struct Guarded {
    slot: Slot,
    handover: Rc<Handover>,
    exchange: Pin<Box<dyn Future<Output = Result<Answer, HttpError>>>>,
}

impl Future for Guarded {
    type Output = Result<Answer, HttpError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let before = self.slot.0.replace(Some(Rc::clone(&self.handover)));
        let polled = self.exchange.as_mut().poll(cx);
        self.slot.0.replace(before);
        polled
    }
}

/// The write's failure behind a closed gate.
#[derive(Debug, Error)]
#[error("held back by a halt")]
struct Held;

/// An empty body that marks the begin of writing.
struct MarkingBody(Rc<Handover>);

impl MessageBody for MarkingBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        // "Unknown" is what makes awc ask before it writes; it then sends `content-length: 0`.
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.0.begun.set(true);
        Poll::Ready(None)
    }
}

/// A connection that looks at the gate before the first byte of a request.
#[derive(Debug)]
struct GatedStream<Io> {
    io: Io,
    slot: Slot,
    /// A request was held back in the middle of a write: what is above (TLS) may still have it, so
    /// nothing more leaves through this connection.
    dead: bool,
}

impl<Io> GatedStream<Io> {
    /// The handover to report to when the write goes through.
    fn look(&mut self) -> io::Result<Option<Rc<Handover>>> {
        let handover = self.slot.begun();
        self.dead |= handover.as_ref().is_some_and(|handover| handover.is_held());
        if self.dead {
            Err(io::Error::other(Held))
        } else {
            Ok(handover)
        }
    }
}

fn note(handover: Option<&Rc<Handover>>, written: &Poll<io::Result<usize>>) {
    if let (Some(handover), Poll::Ready(Ok(1..))) = (handover, written) {
        handover.taken.set(true);
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for GatedStream<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for GatedStream<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let handover = self.look()?;
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        note(handover.as_ref(), &written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let handover = self.look()?;
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        note(handover.as_ref(), &written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<Io: ActixStream> ActixStream for GatedStream<Io> {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.io.poll_read_ready(cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.io.poll_write_ready(cx)
    }
}

/// One request, ready to be sent.
#[derive(Debug)]
pub struct Request {
    pub method: Method,
    /// Such as `/api/v3/order`.
    pub path: &'static str,
    pub query: Query,
    /// Marked as sensitive, so that it never shows in `Debug`.
    pub api_key: Option<HeaderValue>,
    /// Of the answer's time stamps.
    pub time_unit: TimeUnit,
}

/// What became of a request.
#[derive(Debug)]
pub enum Sent {
    /// The gate was closed; nothing was written.
    Held(HaltLevel),
    /// It failed before a byte of it was written.
    NotSent(HttpError),
    /// It failed later: the venue may have it.
    Failed(HttpError),
    Answered(Answer),
}

/// A pool of connections to one base URL. Cloning shares it; it belongs to one thread.
#[derive(Clone)]
pub struct Http {
    client: awc::Client,
    slot: Slot,
    base: Rc<str>,
    host: Rc<str>,
    limits: Limits,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http({})", self.host)
    }
}

impl Http {
    /// Over connections that `connector` opens: TCP, or in-memory pipes in a simulation.
    #[must_use]
    pub fn over<S, Io>(
        connector: S,
        base: &str,
        tls: Arc<rustls::ClientConfig>,
        bounds: &Bounds,
    ) -> Self
    where
        Io: ActixStream + AsyncRead + AsyncWrite + fmt::Debug + 'static,
        S: Service<ConnectInfo<Uri>, Response = Connection<Uri, Io>, Error = ConnectError>
            + Clone
            + 'static,
    {
        let slot = Slot::default();
        let for_streams = slot.clone();
        let gated = fn_service(move |info: ConnectInfo<Uri>| {
            let (connecting, slot) = (connector.call(info), for_streams.clone());
            async move {
                let (io, uri) = connecting.await?.into_parts();
                Ok(Connection::new(
                    uri,
                    GatedStream {
                        io,
                        slot,
                        dead: false,
                    },
                ))
            }
        });
        let limits = limits(bounds);
        Self {
            client: client_over(gated, tls, &limits),
            slot,
            base: base.trim_end_matches('/').into(),
            host: host_of(base).into(),
            limits,
        }
    }

    /// Sends a request that changes nothing.
    pub async fn read(&self, request: Request) -> Sent {
        let is_get = request.method == Method::GET;
        let prepared = self.prepare(request);
        // An empty body announces its length, which servers want of a POST.
        let sending = if is_get {
            prepared.send()
        } else {
            prepared.send_body("")
        };
        match exchange(&self.host, sending, &self.limits).await {
            Ok(answer) => Sent::Answered(answer),
            Err(error) if error.is_not_sent() => Sent::NotSent(error),
            Err(error) => Sent::Failed(error),
        }
    }

    /// Sends a request that changes orders; `gate`, if given, is looked at in the poll in which its
    /// first byte is handed to the socket.
    pub async fn change(&self, request: Request, gate: Option<Gate>) -> Sent {
        let no = || Cell::new(false);
        let handover = Rc::new(Handover {
            gate,
            begun: no(),
            taken: no(),
            held: Cell::new(None),
        });
        if handover.is_held() {
            // No connection is opened for it.
            return Sent::Held(handover.held.get().unwrap_or(HaltLevel::Halted));
        }
        let sending = self
            .prepare(request)
            .send_body(MarkingBody(Rc::clone(&handover)));
        let (host, limits) = (Rc::clone(&self.host), self.limits);
        let exchange = Box::pin(async move { exchange(&host, sending, &limits).await });
        let sent = Guarded {
            slot: self.slot.clone(),
            handover: Rc::clone(&handover),
            exchange,
        }
        .await;
        match (sent, handover.held.get()) {
            (Ok(answer), _) => Sent::Answered(answer),
            (Err(_), Some(level)) => Sent::Held(level),
            (Err(error), None) if error.is_not_sent() || !handover.begun.get() => {
                Sent::NotSent(error)
            }
            (Err(error), None) => Sent::Failed(error),
        }
    }

    fn prepare(&self, request: Request) -> awc::ClientRequest {
        let Request {
            method,
            path,
            query,
            api_key,
            time_unit,
        } = request;
        let (base, query) = (&self.base, query.as_str());
        let url = if query.is_empty() {
            format!("{base}{path}")
        } else {
            format!("{base}{path}?{query}")
        };
        let mut prepared = self.client.request(method, url).no_decompress();
        if time_unit == TimeUnit::Microsecond {
            let micros = HeaderValue::from_static("MICROSECOND");
            prepared = prepared.insert_header((TIME_UNIT, micros));
        }
        match api_key {
            Some(key) => prepared.insert_header((API_KEY, key)),
            None => prepared,
        }
    }
}

fn limits(bounds: &Bounds) -> Limits {
    let millis = std::time::Duration::from_millis;
    Limits {
        connect: bounds.connect_timeout(),
        head: bounds.request_timeout(),
        body: millis(bounds.body_timeout_ms),
        body_bytes: usize::try_from(bounds.body_limit_bytes).unwrap_or(usize::MAX),
        keep_alive: millis(bounds.keep_alive_ms),
    }
}
