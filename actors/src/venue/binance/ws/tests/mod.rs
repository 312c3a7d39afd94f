//! The connections against a scripted venue, over pipes in memory and in virtual time.

mod any_bytes;
mod connection;
mod feed;
mod orders;
mod private;

use std::cell::RefCell;
use std::fmt::Debug;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_codec::{AsyncRead, AsyncWrite, Framed, ReadBuf};
use actix_http::ws::{Codec, Frame, Message, hash_key};
use actix_rt::net::{ActixStream, Ready};
use actix_service::fn_service;
use actix_tls::connect::{ConnectInfo, Connection as Connected};
use awc::http::Uri;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, timeout};
use tripline_engine::ids::Symbol;
use tripline_engine::strategy::Subscription;
use tripline_engine::time::Timestamp;

use super::super::limits::Limits;
use super::super::settings::{Bounds, DepthSpeed};
use super::super::wire::time::TimeUnit;
use super::FeedSettings;
use crate::clock::Clock;
use crate::http::{Limits as Timeouts, client_over, tls_config};

/// Longer than anything takes that is waited for. Virtual, so it costs nothing.
const PATIENCE: Duration = Duration::from_secs(4 * 3_600);

/// A pipe as the stream of a connection.
#[derive(Debug)]
struct Pipe(DuplexStream);

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
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

impl ActixStream for Pipe {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }
    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

/// The venue's end of the network: connections arrive in the order in which they are made.
struct Network(UnboundedReceiver<DuplexStream>);

/// A network whose pipes hold `capacity` bytes each way, and a client on it. Makes time virtual.
fn network(capacity: usize) -> (awc::Client, Network) {
    tokio::time::pause();
    one_more_network(capacity)
}

/// The same where time is virtual already.
fn one_more_network(capacity: usize) -> (awc::Client, Network) {
    network_with(capacity, tls_config(None).unwrap())
}

fn network_with(capacity: usize, tls: Arc<rustls::ClientConfig>) -> (awc::Client, Network) {
    let (arrive, arriving) = unbounded_channel();
    let connector = fn_service(move |info: ConnectInfo<Uri>| {
        let (near, far) = tokio::io::duplex(capacity);
        arrive.send(far).unwrap();
        let uri = info.request().clone();
        async move { Ok(Connected::new(uri, Pipe(near))) }
    });
    let client = client_over(connector, tls, &Timeouts::default());
    (client, Network(arriving))
}

impl Network {
    async fn connection(&mut self) -> DuplexStream {
        let arrived = timeout(PATIENCE, self.0.recv()).await;
        arrived.expect("somebody connects").unwrap()
    }

    /// The next connection, upgraded.
    async fn accept(&mut self) -> Peer {
        Peer::upgrade(self.connection().await).await
    }

    /// The next connection, refused.
    async fn refuse(&mut self, status: &str) {
        let mut stream = self.connection().await;
        head(&mut stream).await;
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// Whether nobody connects for as long.
    async fn is_quiet(&mut self, within: Duration) -> bool {
        timeout(within, self.0.recv()).await.is_err()
    }
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// The venue's end of one connection.
struct Peer<Io = DuplexStream> {
    socket: Framed<Io, Codec>,
    path: String,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Peer<Io> {
    async fn upgrade(mut stream: Io) -> Self {
        let head = head(&mut stream).await;
        let key = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
            .unwrap()
            .1;
        let accept = String::from_utf8(hash_key(key.as_bytes()).to_vec()).unwrap();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let codec = Codec::new().max_size(1 << 20);
        Self {
            socket: Framed::new(stream, codec),
            path,
        }
    }

    /// The next frame; `None` at the end of the connection.
    async fn frame(&mut self) -> Option<Frame> {
        let next = timeout(PATIENCE, self.socket.next()).await;
        next.expect("a frame or the end").map(Result::unwrap)
    }

    /// The next request.
    async fn request(&mut self) -> Value {
        match self.frame().await {
            Some(Frame::Text(text)) => serde_json::from_slice(&text).unwrap(),
            other => panic!("not a request: {other:?}"),
        }
    }

    /// The next request, answered with a result that is `null`.
    async fn agree(&mut self) -> Value {
        let request = self.request().await;
        self.answer(&request, Value::Null).await;
        request
    }

    /// Answers in the form of the streams, which the WebSocket API's answers contain.
    async fn answer(&mut self, request: &Value, result: Value) {
        let answer = json!({"id": request["id"], "status": 200, "result": result});
        self.say(&answer.to_string()).await;
    }

    async fn say(&mut self, text: &str) {
        self.put(Message::Text(text.to_owned().into())).await;
    }

    async fn put(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Whether nothing comes for as long.
    async fn is_quiet(&mut self, within: Duration) -> bool {
        timeout(within, self.socket.next()).await.is_err()
    }
}

/// What a sink was told.
#[derive(Debug)]
struct Told<T>(Rc<RefCell<Vec<T>>>);

impl<T: Clone + Debug + 'static> Told<T> {
    fn sink() -> (Self, Rc<dyn Fn(T)>) {
        let events = Rc::new(RefCell::new(Vec::new()));
        let told = events.clone();
        (
            Self(events),
            Rc::new(move |event| told.borrow_mut().push(event)),
        )
    }

    /// Waits until something of the kind was told, and takes it and all before it.
    async fn until(&self, what: &str, wanted: impl Fn(&T) -> bool) -> T {
        let started = Instant::now();
        loop {
            let at = self.0.borrow().iter().position(&wanted);
            if let Some(at) = at {
                return self.0.borrow_mut().drain(..=at).next_back().unwrap();
            }
            assert!(started.elapsed() < PATIENCE, "no {what}: {self:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn all(&self) -> Vec<T> {
        self.0.borrow().clone()
    }
}

fn clock() -> Clock {
    Clock::starting_at(Timestamp::from_millis(1_790_000_000_000))
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn best() -> Subscription {
    Subscription::Best(symbol())
}

fn ticker(update: u64) -> String {
    format!(
        r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{update},"s":"BTCUSDT","b":"50000.00","B":"1.0","a":"50000.01","A":"2.0"}}}}"#
    )
}

/// A feed of these bounds on this network.
fn feed_settings(client: &awc::Client, bounds: Bounds) -> FeedSettings {
    FeedSettings {
        base: "ws://venue.test".into(),
        depth_speed: DepthSpeed::default(),
        time_unit: TimeUnit::default(),
        bounds,
        limits: Limits::new(20),
        clock: clock(),
        client: client.clone(),
        seed: 7,
    }
}

fn bounds() -> Bounds {
    Bounds::default()
}
