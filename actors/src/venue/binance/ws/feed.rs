//! The market feed: combined streams on one connection, subscribed and unsubscribed while it lives.

use std::cell::{Cell, RefCell};
use std::collections::btree_set::Difference;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytestring::ByteString;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use tripline_engine::ids::Symbol;
use tripline_engine::ports::{Answer, VenueError};
use tripline_engine::strategy::Subscription;

use crate::feed::FeedEvent;
use crate::venue::{Connection, FeedSink, MarketConnection};

use super::super::wire::frame::{
    ControlError, Frame, RequestId, decode, stream_name, stream_symbol,
};
use super::life::{Control, Life, Means};
use super::link::Link;
use super::role::{Gone, Role, Then};
use super::streams::FeedSettings;

/// Names in one SUBSCRIBE.
const BATCH: usize = 100;

/// Binance takes five messages a second on a connection, pongs included: requests keep this distance,
/// whoever makes them.
const REQUEST_EVERY: Duration = Duration::from_millis(250);

/// A request that is not answered yet.
struct Waiting {
    /// The number of the connection it went over.
    link: u64,
    answer: oneshot::Sender<Result<(), VenueError>>,
}

struct State {
    settings: FeedSettings,
    sink: FeedSink,
    /// What is to be subscribed on every connection.
    streams: RefCell<BTreeSet<String>>,
    current: RefCell<Option<Link>>,
    waiting: RefCell<BTreeMap<i64, Waiting>>,
    last_id: Cell<i64>,
    /// When the next request may go out.
    next_request: Cell<Instant>,
}

/// The market data connection's handle. Dropping it closes the connection.
pub struct MarketFeed {
    state: Rc<State>,
    control: Rc<Control>,
}

struct FeedRole(Rc<State>);

impl MarketFeed {
    /// Starts connecting.
    #[must_use]
    pub fn start(settings: FeedSettings, subscriptions: &[Subscription], sink: FeedSink) -> Self {
        let means = Means {
            client: settings.client.clone(),
            bounds: settings.bounds,
            limits: settings.limits.clone(),
            clock: settings.clock.clone(),
            seed: settings.seed,
        };
        let state = Rc::new(State {
            streams: RefCell::new(settings.streams_of(subscriptions)),
            settings,
            sink,
            current: RefCell::default(),
            waiting: RefCell::default(),
            last_id: Cell::new(0),
            next_request: Cell::new(Instant::now()),
        });
        let role = Rc::new(FeedRole(state.clone()));
        let control = Life::start(role, means);
        Self { state, control }
    }
}

impl MarketConnection for MarketFeed {
    fn follow(&self, wanted: &[Subscription]) -> Answer<Result<(), VenueError>> {
        let state = self.state.clone();
        let wanted = state.settings.streams_of(wanted);
        let before = state.streams.replace(wanted.clone());
        let names = |names: Difference<'_, String>| names.cloned().collect::<Vec<_>>();
        let missing = names(wanted.difference(&before));
        let surplus = names(before.difference(&wanted));
        Box::pin(async move {
            if missing.is_empty() && state.current.borrow().is_none() {
                return Ok(()); // The next connection begins without it.
            }
            state.request_current("SUBSCRIBE", &missing).await?;
            state.request_current("UNSUBSCRIBE", &surplus).await
        })
    }
}

impl Connection for MarketFeed {
    fn close(&self) {
        self.control.close();
    }

    fn reconnect(&self, reason: &str) {
        self.control.reconnect(reason.to_owned());
    }
}

impl Drop for MarketFeed {
    fn drop(&mut self) {
        self.control.close();
    }
}

impl State {
    /// Sends the requests that the names need, one after the other, and waits for each answer.
    async fn request(&self, link: &Link, method: &str, names: &[String]) -> Result<(), VenueError> {
        let within = self.settings.bounds.request_timeout();
        for batch in names.chunks(BATCH) {
            sleep_until(self.reserve()).await;
            let (answer, answered) = oneshot::channel();
            let (id, number) = (self.new_id(), link.number());
            let waiting = Waiting {
                link: number,
                answer,
            };
            self.waiting.borrow_mut().insert(id, waiting);
            let params: Vec<_> = batch.iter().map(|name| format!("\"{name}\"")).collect();
            let text = format!(
                r#"{{"method":"{method}","params":[{}],"id":{id}}}"#,
                params.join(",")
            );
            let sent = link.send(ByteString::from(text));
            let outcome = match sent {
                Ok(()) => timeout(within, answered).await,
                Err(error) => Ok(Ok(Err(VenueError::Network(format!("{method}: {error:?}"))))),
            };
            self.waiting.borrow_mut().remove(&id);
            match outcome {
                Ok(Ok(answer)) => answer?,
                Ok(Err(_)) => {
                    let text = format!("the connection ended before {method} was answered");
                    return Err(VenueError::Network(text));
                }
                Err(_) => return Err(VenueError::Timeout(within)),
            }
        }
        Ok(())
    }

    /// Brings a new connection to what is wanted now, changes meanwhile included.
    async fn open(&self, link: &Link) -> Result<(), VenueError> {
        let mut asked = BTreeSet::new();
        loop {
            let (missing, surplus): (Vec<_>, Vec<_>) = {
                let wanted = self.streams.borrow();
                (
                    wanted.difference(&asked).cloned().collect(),
                    asked.difference(&wanted).cloned().collect(),
                )
            };
            if missing.is_empty() && surplus.is_empty() {
                return Ok(());
            }
            self.request(link, "SUBSCRIBE", &missing).await?;
            self.request(link, "UNSUBSCRIBE", &surplus).await?;
            asked.extend(missing);
            asked.retain(|name| !surplus.contains(name));
        }
    }

    /// Requests on the connection in use. When another one has taken its place meanwhile, it was brought
    /// to what is wanted before.
    async fn request_current(&self, method: &str, names: &[String]) -> Result<(), VenueError> {
        if names.is_empty() {
            return Ok(());
        }
        let link = self.current.borrow().clone();
        let link =
            link.ok_or_else(|| VenueError::Network("market data is not connected".into()))?;
        let outcome = self.request(&link, method, names).await;
        let current = self.current.borrow();
        let replaced = current
            .as_ref()
            .is_some_and(|current| current.number() > link.number());
        match outcome {
            Err(VenueError::Network(_)) if replaced => Ok(()),
            outcome => outcome,
        }
    }

    /// When this request may go out; the next one may later.
    fn reserve(&self) -> Instant {
        let at = self.next_request.get().max(Instant::now());
        self.next_request.set(at + REQUEST_EVERY);
        at
    }

    fn new_id(&self) -> i64 {
        self.last_id.set(self.last_id.get() + 1);
        self.last_id.get()
    }

    fn answered(&self, id: Option<&RequestId>, answer: Result<(), VenueError>) {
        let waiting = match id {
            Some(RequestId::Number(id)) => self.waiting.borrow_mut().remove(id),
            _ => None,
        };
        match (waiting, answer) {
            (Some(waiting), answer) => {
                if waiting.answer.send(answer).is_err() {
                    log::debug!(actor = "binance"; "nobody waits for request {id:?} any more");
                }
            }
            // A refusal of none of the requests that wait: of a probe, or of one that was given up.
            (None, Err(error)) => {
                log::warn!(actor = "binance"; "market data: request {id:?} was refused: {error}");
            }
            (None, Ok(())) => {}
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
        self.0.settings.url()
    }

    fn weight(&self) -> u64 {
        0
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(self.0.settings.bounds.market_silence_ms)
    }

    fn open(&self, link: Link) -> Pin<Box<dyn Future<Output = Result<(), VenueError>>>> {
        let state = self.0.clone();
        Box::pin(async move { state.open(&link).await })
    }

    fn message(&self, link: &Link, text: &str) -> Then {
        let FeedSettings {
            time_unit, clock, ..
        } = &self.0.settings;
        match decode(text, *time_unit, clock.now()) {
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
        self.0.reserve();
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

    fn down(&self, link: &Link, reason: &str, gone: Gone) {
        // Dropping an answer's sender tells whoever waits. What went over another connection goes on.
        let number = link.number();
        self.0
            .waiting
            .borrow_mut()
            .retain(|_, waiting| waiting.link != number);
        if gone == Gone::Replaced {
            return;
        }
        let was_current = self
            .0
            .current
            .borrow_mut()
            .take_if(|current| current.number() == number)
            .is_some();
        if was_current {
            (self.0.sink)(match gone {
                Gone::Closed => FeedEvent::Closed,
                _ => FeedEvent::Down {
                    reason: reason.to_owned(),
                },
            });
        }
    }

    fn linger(&self) -> Duration {
        Duration::ZERO
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
