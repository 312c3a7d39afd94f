//! A session of the WebSocket API: requests by id, answers in any order, the log-on, and the private
//! stream's events where it is subscribed.

#[cfg(any(test, fuzzing))]
pub mod offline;
mod role;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytestring::ByteString;
use secrecy::SecretString;
use tokio::sync::oneshot;
use tripline_engine::halt::{Gate, HaltLevel};
use tripline_engine::messages::order::PlaceOrder;
use tripline_engine::planted::{self, Planted};
use tripline_engine::ports::VenueError;

use crate::clock::Clock;
use crate::feed::PrivateEvent;
use crate::venue::PrivateSink;

use super::super::error::RequestKind;
use super::super::invariant;
use super::super::limits::{InFlight, Limits};
use super::super::settings::{Bounds, KeyKind};
use super::super::sign::Signer;
use super::super::wire::time::TimeUnit;
use super::super::wire::user_event::{UserEvent, user_event};
use super::life::Means;
use super::link::{Link, NotSent};
use super::requests::{Message, Params, Signing, read, write};
use super::role::Then;

/// With an older time stamp nothing is handed to the socket: whoever asked for it knew another world.
const SIGNED_FOR: Duration = Duration::from_secs(1);

pub(super) use role::SessionRole;

/// What both sessions of an account share.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) url: String,
    pub(super) signer: Rc<Signer>,
    pub(super) api_key: SecretString,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) bounds: Bounds,
    pub(super) time_unit: TimeUnit,
}

impl Account {
    /// What the connections of its sessions are made with.
    pub(super) fn means(&self, client: awc::Client, seed: u64) -> Means {
        Means {
            client,
            bounds: self.bounds,
            limits: self.limits.clone(),
            clock: self.clock.clone(),
            seed,
        }
    }
}

/// What a request that places an order is held against before it leaves.
pub(super) struct Placing<'a> {
    pub(super) order: &'a PlaceOrder,
    pub(super) gate: &'a Gate,
}

type Answered = Result<String, VenueError>;

struct Waiting {
    kind: RequestKind,
    /// The number of the connection it went over.
    link: u64,
    answer: oneshot::Sender<Answered>,
    /// Of a placement.
    in_flight: Option<InFlight>,
}

/// One session over all its connections.
pub(super) struct Session {
    account: Account,
    /// Where the private stream's events go; `None` for the session that carries orders.
    events: Option<PrivateSink>,
    current: RefCell<Option<Link>>,
    /// The connections that are logged on.
    logged_on: RefCell<Vec<u64>>,
    /// In the order of the requests, so that a lost connection tells them in that order.
    waiting: RefCell<BTreeMap<u64, Waiting>>,
    next_id: Cell<u64>,
    /// Why there is no connection, when the venue said so: a ban, a refused key.
    refused: RefCell<Option<VenueError>>,
}

/// Whether a request was handed to the socket.
pub(super) enum Handed {
    /// The answer is on its way, or will be known to be lost.
    Over(oneshot::Receiver<Answered>, u64),
    Held(HaltLevel),
    NotSent(VenueError),
}

impl Session {
    pub(super) fn new(account: Account, events: Option<PrivateSink>) -> Rc<Self> {
        Rc::new(Self {
            account,
            events,
            current: RefCell::default(),
            logged_on: RefCell::default(),
            waiting: RefCell::default(),
            next_id: Cell::new(0),
            refused: RefCell::default(),
        })
    }

    /// # Errors
    /// Why requests cannot be handed over.
    pub(super) fn ready(&self) -> Result<(), VenueError> {
        match *self.current.borrow() {
            Some(_) => Ok(()),
            None => Err(self.no_connection()),
        }
    }

    fn no_connection(&self) -> VenueError {
        let refused = self.refused.borrow().clone();
        refused.unwrap_or_else(|| VenueError::Network("the WebSocket API is not connected".into()))
    }

    /// Writes a signed request on the connection in use. With a gate, the gate is looked at immediately
    /// before the bytes go to the socket, in this same call.
    pub(super) fn hand_over(
        &self,
        method: &str,
        params: Params,
        kind: RequestKind,
        placing: Option<Placing<'_>>,
    ) -> Handed {
        let current = self.current.borrow();
        let Some(link) = current.as_ref() else {
            return Handed::NotSent(self.no_connection());
        };
        self.hand_over_on(link, method, params, kind, true, placing)
    }

    fn hand_over_on(
        &self,
        link: &Link,
        method: &str,
        params: Params,
        kind: RequestKind,
        signed: bool,
        placing: Option<Placing<'_>>,
    ) -> Handed {
        let id = self.next_id.get() + 1;
        self.next_id.set(id);
        let signing = Signing {
            signer: &self.account.signer,
            api_key: &self.account.api_key,
            recv_window_ms: self.account.bounds.recv_window_ms,
            now: self.account.clock.venue_now(),
            logged_on: self.logged_on.borrow().contains(&link.number()),
        };
        let text = ByteString::from(write(id, method, params, signed.then_some(&signing)));
        if let Some(placing) = &placing
            && let Err(error) = invariant::in_frame(&text, placing.order)
        {
            return Handed::NotSent(error);
        }
        let (answer, answered) = oneshot::channel();
        let gate = placing.map(|placing| placing.gate);
        if let Some(level) = gate.and_then(Gate::held)
            && !planted::is(Planted::LatchAskedEarly)
        {
            return Handed::Held(level);
        }
        let now = signing.now;
        if signed && self.account.clock.venue_now().saturating_since(now) > SIGNED_FOR {
            let text = "this process stood still before it was handed over";
            return Handed::NotSent(VenueError::Network(text.into()));
        }
        // What the gate was asked for leaves now or not at all; the rest may follow when the socket can.
        let sent = match gate {
            Some(_) => link.send_now(text),
            None => link.send(text),
        };
        match sent {
            Ok(()) => {
                let in_flight = gate.map(|_| self.account.limits.order_sent(now));
                self.waiting.borrow_mut().insert(
                    id,
                    Waiting {
                        kind,
                        link: link.number(),
                        answer,
                        in_flight,
                    },
                );
                Handed::Over(answered, id)
            }
            Err(NotSent::Nothing(text)) => Handed::NotSent(VenueError::Network(text)),
            Err(NotSent::Perhaps(text)) => {
                if answer.send(Err(lost(kind, &text))).is_err() {
                    log::debug!(actor = "binance"; "the answer's receiver is gone");
                }
                Handed::Over(answered, id)
            }
        }
    }

    /// Waits for an answer, no longer than a request may take.
    pub(super) async fn answer(self: Rc<Self>, handed: Handed, kind: RequestKind) -> Answered {
        let (answered, id) = match handed {
            Handed::Over(answered, id) => (answered, id),
            Handed::Held(level) => return Err(VenueError::Network(format!("held back: {level}"))),
            Handed::NotSent(error) => return Err(error),
        };
        let within = self.account.bounds.request_timeout();
        match tokio::time::timeout(within, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(lost(kind, "the session ended")),
            Err(_) => {
                self.waiting.borrow_mut().remove(&id);
                match kind {
                    RequestKind::Read => Err(VenueError::Timeout(within)),
                    RequestKind::OrderChanging => {
                        Err(lost(kind, &format!("no answer within {within:?}")))
                    }
                }
            }
        }
    }

    async fn request_on(self: Rc<Self>, link: Link, method: &'static str) -> Answered {
        let kind = RequestKind::Read;
        let signed = method != "userDataStream.subscribe";
        let handed = self.hand_over_on(&link, method, Params::default(), kind, signed, None);
        self.answer(handed, kind).await
    }

    async fn log_on(self: Rc<Self>, link: Link) -> Result<(), VenueError> {
        if self.account.signer.kind() == KeyKind::Ed25519 {
            self.clone()
                .request_on(link.clone(), "session.logon")
                .await?;
            self.logged_on.borrow_mut().push(link.number());
        }
        if self.events.is_some() {
            let method = match self.account.signer.kind() {
                KeyKind::Ed25519 => "userDataStream.subscribe",
                KeyKind::Hmac => "userDataStream.subscribe.signature",
            };
            self.request_on(link, method).await?;
        }
        Ok(())
    }

    fn name(&self) -> &'static str {
        if self.events.is_some() {
            "private stream"
        } else {
            "order session"
        }
    }

    /// Any message of a connection.
    fn message(&self, text: &str) -> Then {
        let message = match read(text) {
            Ok(message) => message,
            Err(error) => {
                // On the order session it may be any order's answer: what is not answered in time is
                // asked for, and a new connection tells the good from the bad.
                log::error!(actor = "binance"; "{}: {error}", self.name());
                self.tell(PrivateEvent::Malformed(error));
                return if self.events.is_some() {
                    Then::GoOn
                } else {
                    Then::Reconnect("a message could not be read".into())
                };
            }
        };
        match message.event {
            Some(event) => self.event(event.get()),
            None => self.take_answer(&message, text),
        }
    }

    fn tell(&self, event: PrivateEvent) {
        if let Some(sink) = &self.events {
            sink(event);
        }
    }

    /// An event of the private stream.
    fn event(&self, text: &str) -> Then {
        match user_event(text, self.account.time_unit) {
            Ok(UserEvent::Order(report)) => self.tell(PrivateEvent::Report(report)),
            Ok(UserEvent::Balances { balances, at }) => {
                self.tell(PrivateEvent::Balances { balances, at })
            }
            Ok(UserEvent::Moved { asset, change, at }) => {
                self.tell(PrivateEvent::Moved { asset, change, at })
            }
            Ok(UserEvent::Terminated) => {
                return Then::Reconnect("the venue ended the event stream".into());
            }
            Ok(UserEvent::ServerShutdown) => return Then::HandOver,
            Ok(UserEvent::Ignored) => {}
            Err(error) => self.tell(PrivateEvent::Malformed(error.into())),
        }
        Then::GoOn
    }

    fn take_answer(&self, message: &Message<'_>, text: &str) -> Then {
        let now = self.account.clock.venue_now();
        let mut waiting = message
            .id
            .and_then(|id| self.waiting.borrow_mut().remove(&id));
        if let Some(waiting) = &mut waiting {
            waiting.in_flight = None; // The counts that came with its answer hold it.
        }
        self.account.limits.learn(&message.rate_limits, now);
        let kind = waiting
            .as_ref()
            .map_or(RequestKind::Read, |waiting| waiting.kind);
        let outcome = message.outcome(kind, text);
        if let Err(error) = &outcome {
            self.account
                .limits
                .refused(error, message.error.as_ref().map(|error| error.code), now);
        }
        match (waiting, outcome) {
            (Some(waiting), outcome) => {
                if waiting.answer.send(outcome).is_err() {
                    log::debug!(actor = "binance"; "an answer came after its request was given up");
                }
            }
            // An error without an id concerns the session, such as a key that was revoked.
            (None, Err(error)) if message.id.is_none() => {
                self.tell(PrivateEvent::Refused(error.clone()));
                return Then::Reconnect(error.to_string());
            }
            (None, _) => {
                log::debug!(actor = "binance"; "an answer to no request: {:?}", message.id)
            }
        }
        Then::GoOn
    }
}

fn lost(kind: RequestKind, text: &str) -> VenueError {
    if planted::is(Planted::LostIsNotSent) {
        return VenueError::Network(text.to_owned());
    }
    match kind {
        RequestKind::Read => VenueError::Network(text.to_owned()),
        RequestKind::OrderChanging => VenueError::UnknownOutcome(text.to_owned()),
    }
}
