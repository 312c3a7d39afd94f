//! The life of a WebSocket, whatever is spoken on it: pings, the 24 hours, and the market streams.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::ws::CloseCode;
use tokio::time::Sleep;

use super::socket::{Incoming, Socket};
use crate::core::Core;
use crate::faults::{Kind, Transport};
use crate::streams::{StreamConnection, control};
use crate::wire::render::TimeUnit;

const PING_EVERY_US: i64 = 20_000_000;
const PONG_WITHIN_US: i64 = 60_000_000;
const LIFE_US: i64 = 24 * 3_600_000_000;
/// How long a client may take to read the last word.
const FAREWELL_US: i64 = 5_000_000;

/// Receives for one connection and keeps its time.
pub struct Life {
    core: Rc<Core>,
    socket: Rc<Socket>,
    transport: Transport,
    began_us: i64,
    next_ping_us: i64,
    /// When the oldest ping without a pong was sent, and its payload.
    unanswered: Option<(i64, String)>,
    closing_since_us: Option<i64>,
    alarm: Pin<Box<Sleep>>,
}

impl Life {
    pub fn new(core: Rc<Core>, socket: Rc<Socket>, transport: Transport) -> Self {
        let now_us = core.clock.steady_us();
        Self {
            socket,
            transport,
            began_us: now_us,
            next_ping_us: now_us + PING_EVERY_US,
            unanswered: None,
            closing_since_us: None,
            alarm: Box::pin(tokio::time::sleep(Duration::from_secs(20))),
            core,
        }
    }

    /// The next message; `None` at the end of the connection.
    pub async fn next(&mut self) -> Option<Incoming> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        loop {
            self.keep_time();
            if let Poll::Ready(incoming) = self.socket.poll_next(cx) {
                if let Some(Incoming::Pong(payload)) = &incoming {
                    self.answered(payload);
                }
                return Poll::Ready(incoming);
            }
            let wait_us = (self.next_deadline_us() - self.core.clock.steady_us()).max(0);
            let until = tokio::time::Instant::now()
                + Duration::from_micros(u64::try_from(wait_us).unwrap_or(0));
            self.alarm.as_mut().reset(until);
            if self.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn life_us(&self) -> i64 {
        let faults = self.core.faults.borrow();
        let mut shorter = faults
            .standing(Kind::ConnectionLife, self.core.clock.steady_us())
            .filter(|fault| {
                fault
                    .transport
                    .is_none_or(|wanted| wanted == self.transport)
            })
            .filter_map(|fault| i64::try_from(fault.ms?.saturating_mul(1_000)).ok());
        shorter.next().unwrap_or(LIFE_US)
    }

    fn next_deadline_us(&self) -> i64 {
        if let Some(since) = self.closing_since_us {
            return since + FAREWELL_US;
        }
        let pong = self
            .unanswered
            .as_ref()
            .map_or(i64::MAX, |(since, _)| since + PONG_WITHIN_US);
        self.next_ping_us
            .min(pong)
            .min(self.began_us.saturating_add(self.life_us()))
    }

    fn keep_time(&mut self) {
        let now_us = self.core.clock.steady_us();
        if self.socket.is_closing() {
            if now_us >= *self.closing_since_us.get_or_insert(now_us) + FAREWELL_US {
                self.socket.cut();
            }
        } else if now_us >= self.began_us.saturating_add(self.life_us()) {
            self.socket.close(CloseCode::Away, "");
        } else if self
            .unanswered
            .as_ref()
            .is_some_and(|(since, _)| now_us >= since + PONG_WITHIN_US)
        {
            self.socket.close(CloseCode::Policy, "Pong timeout");
        } else if now_us >= self.next_ping_us {
            let payload = self.core.now_us().div_euclid(1_000).to_string();
            self.socket.ping(&payload);
            self.next_ping_us = now_us + PING_EVERY_US;
            self.unanswered.get_or_insert((now_us, payload));
        }
    }

    /// Only a copy of a ping's payload counts; an answer to a later ping answers the earlier ones too.
    fn answered(&mut self, payload: &[u8]) {
        let sent_us = std::str::from_utf8(payload)
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        let oldest = self
            .unanswered
            .as_ref()
            .and_then(|(_, text)| text.parse::<i64>().ok());
        if sent_us
            .zip(oldest)
            .is_some_and(|(sent, oldest)| sent >= oldest)
        {
            self.unanswered = None;
        }
    }
}

/// Serves a stream connection.
pub async fn run(
    core: Rc<Core>,
    socket: Rc<Socket>,
    combined: bool,
    unit: TimeUnit,
    names: &[String],
) {
    let connection = Rc::new(StreamConnection::new(Rc::clone(&socket), combined, unit));
    core.streams.join(&connection);
    let most = core.limits.borrow().config().streams_per_connection;
    if names.len() > most {
        socket.close(CloseCode::Policy, "Too many streams");
    }
    names
        .iter()
        .for_each(|name| core.streams.subscribe(&connection, name));
    let most_messages = core.limits.borrow().config().stream_messages_per_second;
    let mut life = Life::new(Rc::clone(&core), Rc::clone(&socket), Transport::Stream);
    while let Some(incoming) = life.next().await {
        if connection.is_flooding(most_messages, core.clock.steady_us()) {
            socket.close(CloseCode::Policy, "Too many requests");
            continue;
        }
        match incoming {
            Incoming::Text(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => control::handle(&core, &connection, text),
                Err(_) => socket.close(CloseCode::Invalid, "Text must be UTF-8"),
            },
            Incoming::Ping(payload) => socket.pong(payload),
            Incoming::Pong(_) => {}
            Incoming::Binary => {
                socket.close(CloseCode::Unsupported, "Binary messages are not supported")
            }
            Incoming::TooLarge => socket.close(CloseCode::Size, "The message is too large"),
            Incoming::Close => socket.close(CloseCode::Normal, ""),
        }
    }
    core.streams.leave(&connection);
}
