//! A connection in memory: bytes take their time, a direction can stall, the whole can be cut at any byte.
//!
//! Like a socket of the kernel: what was written before the cut may still arrive, what is written later
//! is lost, and the writer learns of it only when it looks again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_rt::net::{ActixStream, Ready};
use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::network::Tapping;
use super::tap::Tap;

/// Bytes that are on their way in one direction before a writer has to wait.
const CAPACITY: usize = 256 * 1024;

/// Who holds an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// How a direction ended, for its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The writer closed in order.
    Closed,
    /// The connection was cut.
    Cut,
}

/// What one side writes and the other reads.
#[derive(Debug, Default)]
struct Direction {
    /// With the moment at which each piece arrives, ascending.
    on_the_way: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    ended: Option<(Instant, Ended)>,
    /// Nothing arrives before this.
    stalled_until: Option<Instant>,
    /// After so many further bytes the connection is cut.
    cut_after: Option<usize>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Direction {
    fn arrives(&self, at: Instant) -> Instant {
        self.stalled_until.map_or(at, |until| at.max(until))
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }

    fn end(&mut self, at: Instant, how: Ended) {
        self.ended.get_or_insert((at, how));
        self.wake();
    }

    /// Loses what has not arrived.
    fn lose(&mut self, now: Instant) {
        while self.on_the_way.back().is_some_and(|(at, _)| *at > now) {
            self.on_the_way.pop_back();
        }
    }
}

#[derive(Debug)]
struct Wires {
    /// By the side that writes.
    directions: [Direction; 2],
    latency: Duration,
    /// The client's process has ended: its writes go nowhere.
    orphaned: bool,
}

impl Wires {
    fn from(&mut self, side: Side) -> &mut Direction {
        let [client, server] = &mut self.directions;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn cut(&mut self, now: Instant) {
        let at = now + self.latency;
        for direction in &mut self.directions {
            direction.end(at, Ended::Cut);
        }
    }
}

/// A connection, for whoever breaks it. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Wire(Rc<RefCell<Wires>>);

impl Wire {
    /// Both ends, and the hold on what is between them.
    pub(super) fn new(latency: Duration) -> (Self, End, End) {
        let wires = Wires {
            directions: [Direction::default(), Direction::default()],
            latency,
            orphaned: false,
        };
        let wire = Self(Rc::new(RefCell::new(wires)));
        let end = |side| End {
            wire: wire.clone(),
            side,
            timer: None,
            tap: None,
        };
        let (client, server) = (end(Side::Client), end(Side::Server));
        (wire, client, server)
    }

    /// Cuts the connection: what is on its way arrives, nothing that is written later.
    pub(super) fn cut(&self) {
        self.0.borrow_mut().cut(Instant::now());
    }

    /// Cuts it, and loses what has not arrived.
    pub(super) fn tear(&self) {
        let now = Instant::now();
        let mut wires = self.0.borrow_mut();
        for direction in &mut wires.directions {
            direction.lose(now);
        }
        wires.cut(now);
    }

    /// Cuts it when `side` has written so many further bytes.
    pub(super) fn cut_after(&self, side: Side, bytes: usize) {
        self.0.borrow_mut().from(side).cut_after = Some(bytes);
    }

    /// Lets nothing of what `side` writes arrive for as long.
    pub(super) fn stall(&self, side: Side, lasts: Duration) {
        let mut wires = self.0.borrow_mut();
        let direction = wires.from(side);
        direction.stalled_until = Some(Instant::now() + lasts);
        direction.wake();
    }

    /// From now on nothing breaks it any more.
    pub(super) fn heal(&self) {
        for direction in &mut self.0.borrow_mut().directions {
            direction.cut_after = None;
            direction.stalled_until = None;
            direction.wake();
        }
    }

    /// The client's process ends: what it has written arrives, then the end; nothing is written any more.
    pub(super) fn orphan(&self) {
        let mut wires = self.0.borrow_mut();
        let at = Instant::now() + wires.latency;
        wires.orphaned = true;
        wires.from(Side::Client).end(at, Ended::Closed);
        wires.from(Side::Server).end(at, Ended::Cut);
    }

    /// Whether nothing that its server writes arrives for now.
    pub(super) fn is_silent(&self) -> bool {
        let mut wires = self.0.borrow_mut();
        let stalled = wires.from(Side::Server).stalled_until;
        stalled.is_some_and(|until| until > Instant::now())
    }

    /// Whether its client can see that it is over.
    pub(super) fn is_seen_to_be_over(&self) -> bool {
        let mut wires = self.0.borrow_mut();
        let direction = wires.from(Side::Server);
        let seen = direction.ended.map(|(at, _)| direction.arrives(at));
        seen.is_some_and(|at| at <= Instant::now())
    }

    pub(super) fn is_over(&self) -> bool {
        let wires = self.0.borrow();
        wires.directions.iter().any(|one| one.ended.is_some())
    }
}

/// One end. Dropping it closes the connection.
pub(super) struct End {
    wire: Wire,
    side: Side,
    timer: Option<Pin<Box<Sleep>>>,
    tap: Option<(Tap, Tapping)>,
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "End({:?})", self.side)
    }
}

impl End {
    /// Follows what is done with this end.
    pub(super) fn tapped(mut self, tapping: Tapping) -> Self {
        self.tap = Some((Tap::default(), tapping));
        self
    }

    /// Waits until `at`, for the reader.
    fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }

    /// When there is something to read; `None` as long as nothing is on its way.
    fn next_arrival(&self) -> Option<Instant> {
        let mut wires = self.wire.0.borrow_mut();
        let direction = wires.from(self.side.other());
        let first = direction.on_the_way.front().map(|(at, _)| *at);
        let at = first.or_else(|| direction.ended.map(|(at, _)| at))?;
        Some(direction.arrives(at))
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let arrival = self.next_arrival();
            if arrival.is_some_and(|at| at <= Instant::now()) {
                break;
            }
            let side = self.side.other();
            self.wire.0.borrow_mut().from(side).reader = Some(cx.waker().clone());
            match arrival {
                Some(at) => ready!(self.poll_until(at, cx)),
                None => return Poll::Pending,
            }
        }
        if let Some((_, tapping)) = &self.tap {
            (tapping.on_read)();
        }
        let now = Instant::now();
        let mut wires = self.wire.0.borrow_mut();
        let direction = wires.from(self.side.other());
        let before = buf.filled().len();
        while let Some((at, piece)) = direction.on_the_way.front_mut() {
            let length = piece.len().min(buf.remaining());
            if *at > now || length == 0 {
                break;
            }
            buf.put_slice(&piece.split_to(length));
            direction.bytes -= length;
            if !piece.has_remaining() {
                direction.on_the_way.pop_front();
            }
        }
        if buf.filled().len() > before {
            if let Some(writer) = direction.writer.take() {
                writer.wake();
            }
            return Poll::Ready(Ok(()));
        }
        match direction.ended {
            Some((_, Ended::Cut)) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl End {
    fn write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let now = Instant::now();
        let mut wires = self.wire.0.borrow_mut();
        if wires.orphaned && self.side == Side::Client {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let latency = wires.latency;
        let direction = wires.from(self.side);
        if let Some((at, _)) = direction.ended {
            // Before the news of the cut is here, the socket takes what will be lost.
            return Poll::Ready(if at > now {
                Ok(buf.len())
            } else {
                Err(io::ErrorKind::BrokenPipe.into())
            });
        }
        let length = buf.len().min(CAPACITY.saturating_sub(direction.bytes));
        if length == 0 && !buf.is_empty() {
            direction.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let arriving = direction.cut_after.map_or(length, |left| left.min(length));
        if arriving > 0 {
            let piece = Bytes::copy_from_slice(buf.get(..arriving).unwrap_or_default());
            direction.on_the_way.push_back((now + latency, piece));
            direction.bytes += arriving;
        }
        if let Some(left) = &mut direction.cut_after {
            *left -= arriving;
        }
        if let Some(reader) = direction.reader.take() {
            reader.wake();
        }
        if direction.cut_after == Some(0) {
            wires.cut(now);
        }
        Poll::Ready(Ok(length))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.write(cx, buf);
        if let (Poll::Ready(Ok(length)), Some((tap, tapping))) = (&written, &mut self.tap) {
            let placed = tap.wrote(buf.get(..*length).unwrap_or_default());
            placed.into_iter().for_each(|id| (tapping.on_placement)(id));
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wires = self.wire.0.borrow_mut();
        let at = Instant::now() + wires.latency;
        wires.from(self.side).end(at, Ended::Closed);
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut wires = self.wire.0.borrow_mut();
        let at = Instant::now() + wires.latency;
        wires.from(self.side).end(at, Ended::Closed);
        wires.from(self.side.other()).end(at, Ended::Cut);
    }
}

impl ActixStream for End {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    const LATENCY: Duration = Duration::from_millis(10);

    async fn read(end: &mut End) -> Result<Vec<u8>, io::ErrorKind> {
        let mut all = Vec::new();
        match end.read_to_end(&mut all).await {
            Ok(_) => Ok(all),
            Err(error) => Err(error.kind()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_take_their_time_and_the_end_comes_after_them() {
        let (_, mut client, mut server) = Wire::new(LATENCY);
        let began = Instant::now();
        client.write_all(b"abc").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(read(&mut server).await.unwrap(), b"abc");
        assert_eq!(began.elapsed(), LATENCY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_in_writing_lets_exactly_so_many_bytes_arrive() {
        let (wire, mut client, mut server) = Wire::new(LATENCY);
        wire.cut_after(Side::Client, 4);
        client.write_all(b"abc").await.unwrap();
        client.write_all(b"def").await.unwrap();
        let mut arrived = [0; 4];
        server.read_exact(&mut arrived).await.unwrap();
        assert_eq!(&arrived, b"abcd");
        assert_eq!(read(&mut server).await, Err(io::ErrorKind::ConnectionReset));
        assert!(client.write_all(b"ghi").await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_torn_connection_had_on_its_way_is_lost() {
        for (torn, expected) in [(true, &b""[..]), (false, b"abc")] {
            let (wire, mut client, mut server) = Wire::new(LATENCY);
            client.write_all(b"abc").await.unwrap();
            if torn {
                wire.tear();
            } else {
                wire.cut();
            }
            let mut arrived = Vec::new();
            assert!(server.read_to_end(&mut arrived).await.is_err());
            assert_eq!(arrived, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_side_is_silent_and_then_all_of_it_arrives() {
        let (wire, mut client, mut server) = Wire::new(LATENCY);
        wire.stall(Side::Client, Duration::from_secs(60));
        client.write_all(b"abc").await.unwrap();
        let mut arrived = [0; 3];
        let silence = timeout(Duration::from_secs(59), server.read_exact(&mut arrived)).await;
        assert!(silence.is_err());
        server.read_exact(&mut arrived).await.unwrap();
        assert_eq!(&arrived, b"abc");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_process_lets_arrive_what_it_had_written_and_nothing_later() {
        let (wire, mut client, mut server) = Wire::new(LATENCY);
        client.write_all(b"abc").await.unwrap();
        wire.orphan();
        assert!(client.write_all(b"def").await.is_err());
        assert_eq!(read(&mut server).await.unwrap(), b"abc");
    }
}
