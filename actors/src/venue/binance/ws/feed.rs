//! The market feed: combined streams on one connection, subscribed and unsubscribed while it lives.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytestring::ByteString;
use tokio::sync::oneshot;
use tripline_engine::ids::Symbol;
use tripline_engine::ports::VenueError;
use tripline_engine::strategy::Subscription;

use crate::clock::Clock;
use crate::feed::FeedEvent;
use crate::venue::{Connection, FeedSink};

use super::super::wire::frame::{
    ControlError, Frame, RequestId, decode, stream_name, stream_symbol,
};
use super::life::{Control, Life, Role, Then};
use super::link::Link;

/// Names in one SUBSCRIBE.
const BATCH: usize = 100;

/// Binance takes five messages a second on a connection, pongs included: requests keep this distance.
const REQUEST_EVERY: Duration = Duration::from_millis(250);

/// The stream of a subscription (Binance Spot, "WebSocket Streams").
#[must_use]
pub fn stream_of(subscription: &Subscription) -> String {
    let symbol = subscription.symbol().as_str().to_lowercase();
    match subscription {
        Subscription::Best(_) => format!("{symbol}@bookTicker"),
        Subscription::Book { .. } => format!("{symbol}@depth@100ms"),
        Subscription::Depth { levels, .. } => {
            let levels = [5, 10, 20]
                .into_iter()
                .find(|offered| levels <= offered)
                .unwrap_or(20);
            format!("{symbol}@depth{levels}@100ms")
        }
        Subscription::Trades(_) => format!("{symbol}@trade"),
        Subscription::Klines { interval, .. } => format!("{symbol}@kline_{interval}"),
    }
}

type Answer = oneshot::Sender<Result<(), VenueError>>;

struct State {
    base: String,
    silence: Duration,
    clock: Clock,
    sink: FeedSink,
    /// What is to be subscribed on every connection.
    streams: RefCell<BTreeSet<String>>,
    current: RefCell<Option<Link>>,
    /// Who waits for the answer to which request, and the number of the connection it went over.
    waiting: RefCell<BTreeMap<i64, (u64, Answer)>>,
    next_id: Cell<i64>,
}

/// The market data connection's handle. Dropping it closes the connection.
pub struct MarketFeed {
    state: Rc<State>,
    control: Rc<Control>,
}

struct FeedRole(Rc<State>);

impl MarketFeed {
    /// Starts connecting. `base` is the streams' base URL.
    #[must_use]
    pub fn start(
        base: &str,
        subscriptions: &[Subscription],
        clock: Clock,
        sink: FeedSink,
        client: awc::Client,
        bounds: super::super::settings::Bounds,
        seed: u64,
    ) -> Self {
        let state = Rc::new(State {
            base: base.to_owned(),
            silence: Duration::from_millis(bounds.market_silence_ms),
            clock,
            sink,
            streams: RefCell::new(subscriptions.iter().map(stream_of).collect()),
            current: RefCell::default(),
            waiting: RefCell::default(),
            next_id: Cell::new(1),
        });
        let control = Rc::new(Control::default());
        let role = Rc::new(FeedRole(state.clone()));
        actix_rt::spawn(
            Life {
                role,
                client,
                bounds,
                control: control.clone(),
                seed,
            }
            .run(),
        );
        Self { state, control }
    }

    /// Adds streams on the live connection, and on every later one.
    ///
    /// # Errors
    /// What the venue says, or [`VenueError::Network`] when it does not answer; it will be asked for
    /// again with the next connection.
    pub async fn subscribe(&self, subscriptions: &[Subscription]) -> Result<(), VenueError> {
        let names: Vec<_> = subscriptions.iter().map(stream_of).collect();
        self.state
            .streams
            .borrow_mut()
            .extend(names.iter().cloned());
        self.state.request_current("SUBSCRIBE", names).await
    }

    /// Takes streams off the live connection and every later one.
    ///
    /// # Errors
    /// As [`MarketFeed::subscribe`].
    pub async fn unsubscribe(&self, subscriptions: &[Subscription]) -> Result<(), VenueError> {
        let names: Vec<_> = subscriptions.iter().map(stream_of).collect();
        self.state
            .streams
            .borrow_mut()
            .retain(|name| !names.contains(name));
        self.state.request_current("UNSUBSCRIBE", names).await
    }

    /// Gives the connection up and makes a new one.
    pub fn reconnect(&self, reason: &str) {
        self.control.reconnect(reason.to_owned());
    }
}

impl Connection for MarketFeed {
    fn close(&self) {
        self.control.close();
    }
}

impl Drop for MarketFeed {
    fn drop(&mut self) {
        self.control.close();
    }
}

impl State {
    /// Sends the requests that the names need, one after the other, and waits for each answer.
    async fn request(
        self: &Rc<Self>,
        link: Link,
        method: &str,
        names: Vec<String>,
    ) -> Result<(), VenueError> {
        for (index, batch) in names.chunks(BATCH).enumerate() {
            if index > 0 {
                tokio::time::sleep(REQUEST_EVERY).await;
            }
            let (answer, answered) = oneshot::channel();
            let id = self.new_id();
            self.waiting
                .borrow_mut()
                .insert(id, (link.number(), answer));
            let params: Vec<_> = batch.iter().map(|name| format!("\"{name}\"")).collect();
            let text = format!(
                r#"{{"method":"{method}","params":[{}],"id":{id}}}"#,
                params.join(",")
            );
            link.send(ByteString::from(text))
                .map_err(|error| VenueError::Network(format!("{error:?}")))?;
            let lost = || VenueError::Network(format!("{method} was not answered"));
            answered.await.map_err(|_| lost())??;
        }
        Ok(())
    }

    async fn request_current(
        self: &Rc<Self>,
        method: &str,
        names: Vec<String>,
    ) -> Result<(), VenueError> {
        let link = self.current.borrow().clone();
        let link =
            link.ok_or_else(|| VenueError::Network("market data is not connected".into()))?;
        self.request(link, method, names).await
    }

    fn new_id(&self) -> i64 {
        self.next_id.set(self.next_id.get() + 1);
        self.next_id.get()
    }

    fn answered(&self, id: Option<&RequestId>, answer: Result<(), VenueError>) {
        let Some(RequestId::Number(id)) = id else {
            return;
        };
        if let Some((_, waiting)) = self.waiting.borrow_mut().remove(id)
            && waiting.send(answer).is_err()
        {
            log::debug!(actor = "binance"; "nobody waits for request {id} any more");
        }
    }

    fn is_current(&self, link: &Link) -> bool {
        self.current
            .borrow()
            .as_ref()
            .is_none_or(|current| current.number() <= link.number())
    }
}

impl Role for FeedRole {
    fn name(&self) -> &'static str {
        "market data"
    }

    fn url(&self) -> String {
        format!("{}/stream?streams=", self.0.base)
    }

    fn silence(&self) -> Duration {
        self.0.silence
    }

    fn open(&self, link: Link) -> Pin<Box<dyn Future<Output = Result<(), VenueError>>>> {
        let state = self.0.clone();
        Box::pin(async move {
            let names: Vec<_> = state.streams.borrow().iter().cloned().collect();
            state.request(link, "SUBSCRIBE", names).await
        })
    }

    fn message(&self, link: &Link, text: &str) -> Then {
        match decode(text, self.0.clock.now()) {
            Ok(Frame::Event(event)) => {
                if self.0.is_current(link) {
                    (self.0.sink)(FeedEvent::Event(event));
                }
            }
            Ok(Frame::Reply(reply)) => self.0.answered(reply.id.as_ref(), Ok(())),
            Ok(Frame::Refused(ControlError { code, msg, id })) => {
                self.0.answered(
                    id.as_ref(),
                    Err(VenueError::InvalidRequest { code, text: msg }),
                );
            }
            Ok(Frame::ServerShutdown) => {
                log::warn!(actor = "binance"; "market data: the server shuts down: handing over");
                return Then::HandOver;
            }
            Err(error) => {
                let symbol = stream_name(text).and_then(stream_symbol);
                (self.0.sink)(FeedEvent::Malformed {
                    symbol,
                    error: error.into(),
                });
            }
        }
        Then::GoOn
    }

    fn lost(&self, what: String) -> Then {
        (self.0.sink)(FeedEvent::Lost {
            symbol: None::<Symbol>,
            what,
        });
        Then::GoOn
    }

    fn probe(&self, link: &Link) {
        let text = format!(
            r#"{{"method":"LIST_SUBSCRIPTIONS","id":{}}}"#,
            self.0.new_id()
        );
        if let Err(error) = link.send(ByteString::from(text)) {
            log::debug!(actor = "binance"; "market data: probing: {error:?}");
        }
    }

    fn up(&self, link: &Link) {
        let replaced = self.0.current.borrow_mut().replace(link.clone()).is_some();
        if replaced {
            log::info!(actor = "binance"; "market data: handed over to a new connection");
        }
        // Diffs of another connection need not follow those of the last: books are built anew.
        (self.0.sink)(FeedEvent::Up);
    }

    fn down(&self, link: &Link, reason: &str, replaced: bool) {
        // Dropping an answer's sender tells whoever waits. What went over another connection goes on.
        let mut waiting = self.0.waiting.borrow_mut();
        waiting.retain(|_, (number, _)| *number != link.number());
        drop(waiting);
        if !replaced {
            let was_current = self
                .0
                .current
                .borrow_mut()
                .take_if(|current| current.number() == link.number())
                .is_some();
            if was_current {
                (self.0.sink)(FeedEvent::Down {
                    reason: reason.to_owned(),
                });
            }
        }
    }

    fn failed(&self, error: &VenueError) {
        match error {
            VenueError::Network(text) | VenueError::Maintenance(text) => {
                log::warn!(actor = "binance"; "market data: {text}");
            }
            _ => (self.0.sink)(FeedEvent::Refused(error.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subscription_has_its_stream() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let cases = [
            (Subscription::Best(symbol), "btcusdt@bookTicker"),
            (
                Subscription::Book { symbol, levels: 20 },
                "btcusdt@depth@100ms",
            ),
            (
                Subscription::Depth { symbol, levels: 7 },
                "btcusdt@depth10@100ms",
            ),
            (
                Subscription::Depth { symbol, levels: 50 },
                "btcusdt@depth20@100ms",
            ),
            (Subscription::Trades(symbol), "btcusdt@trade"),
            (
                Subscription::Klines {
                    symbol,
                    interval: "1M".parse().unwrap(),
                },
                "btcusdt@kline_1M",
            ),
        ];
        for (subscription, stream) in cases {
            assert_eq!(stream_of(&subscription), stream);
        }
    }
}
