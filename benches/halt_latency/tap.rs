//! The venue, with a look at what is handed to its sockets: when each order leaves is not asked of the engine.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::ws::{OpCode, Parser};
use actix_rt::net::{ActixStream, Ready, TcpStream};
use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Connector};
use awc::http::Uri;
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tripline_actors::venue::binance::Binance;
use tripline_actors::venue::{
    ClockReading, Connection as Link, FeedSink, MarketConnection, OwnWay, PrivateSink, Venue,
};
use tripline_engine::ids::VenueId;
use tripline_engine::ports::{Answer, MarketPort, OrderPort, VenueError};
use tripline_engine::strategy::Subscription;

use crate::marks;

/// A TCP stream that reads along what is written.
#[derive(Debug)]
pub struct Tapped {
    io: TcpStream,
    written: BytesMut,
    is_websocket: bool,
}

impl Tapped {
    /// Notes each order that is complete with these bytes.
    fn wrote(&mut self, bytes: &[u8]) {
        self.written.extend_from_slice(bytes);
        loop {
            if !self.is_websocket {
                let end = self.written.windows(4).position(|four| four == b"\r\n\r\n");
                let Some(end) = end else { return };
                let head = self.written.split_to(end + 4);
                let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
                self.is_websocket = head.contains("upgrade: websocket");
                continue;
            }
            match Parser::parse(&mut self.written, true, 1 << 20) {
                Ok(Some((_, OpCode::Text, Some(text)))) => note(&String::from_utf8_lossy(&text)),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }
}

fn note(text: &str) {
    let placed = text.contains(r#""order.place""#);
    let id = text
        .split_once(r#""newClientOrderId":""#)
        .filter(|_| placed);
    if let Some((id, _)) = id.and_then(|(_, rest)| rest.split_once('"')) {
        marks::handed_over(id.to_owned());
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = &written {
            self.wrote(&buf[..*count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl ActixStream for Tapped {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.io, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.io, cx)
    }
}

/// As the adapter connects by itself, with the tap.
pub fn connector()
-> impl Service<ConnectInfo<Uri>, Response = Connection<Uri, Tapped>, Error = ConnectError>
+ Clone
+ 'static {
    fn_service(async move |info: ConnectInfo<Uri>| {
        let connection = Connector::default().service().call(info).await?;
        let (io, uri): (TcpStream, Uri) = connection.into_parts();
        io.set_nodelay(true).map_err(ConnectError::Io)?;
        let tapped = Tapped {
            io,
            written: BytesMut::new(),
            is_websocket: false,
        };
        Ok(Connection::new(uri, tapped))
    })
}

/// An account whose sockets are tapped, and whose safety actor has its own way as always.
pub struct TappedVenue {
    pub tapped: Binance,
    /// Made as a program makes it; only for the way of the safety actor.
    pub plain: Binance,
}

impl Venue for TappedVenue {
    fn id(&self) -> VenueId {
        self.tapped.id()
    }
    fn market(&self) -> Rc<dyn MarketPort> {
        self.tapped.market()
    }
    fn orders(&self) -> Rc<dyn OrderPort> {
        self.tapped.orders()
    }
    fn follow_market(&self, wanted: &[Subscription], sink: FeedSink) -> Rc<dyn MarketConnection> {
        self.tapped.follow_market(wanted, sink)
    }
    fn follow_account(&self, sink: PrivateSink) -> Box<dyn Link> {
        self.tapped.follow_account(sink)
    }
    fn own_way(&self) -> OwnWay {
        self.plain.own_way()
    }
    fn measure_clock(&self) -> Answer<Result<ClockReading, VenueError>> {
        self.tapped.measure_clock()
    }
}
