//! What a session does with its connections.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tripline_engine::ports::VenueError;

use super::super::super::error::RequestKind;
use super::super::super::wire::time::TimeUnit;
use super::super::link::Link;
use super::super::requests::Params;
use super::super::role::{Gone, Role, Then};
use super::{Account, Handed, Session, lost};
use crate::feed::PrivateEvent;

/// The session as what a connection is for.
pub(in super::super) struct SessionRole(pub(in super::super) Rc<Session>);

impl Role for SessionRole {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn url(&self) -> String {
        let Account { url, time_unit, .. } = &self.0.account;
        match time_unit {
            TimeUnit::Millisecond => url.clone(),
            TimeUnit::Microsecond => format!("{url}?timeUnit=MICROSECOND"),
        }
    }

    fn weight(&self) -> u64 {
        2
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(self.0.account.bounds.private_silence_ms)
    }

    fn open(&self, link: Link) -> Pin<Box<dyn Future<Output = Result<(), VenueError>>>> {
        Box::pin(self.0.clone().log_on(link))
    }

    fn message(&self, _: &Link, text: &str) -> Then {
        self.0.message(text)
    }

    fn lost(&self, what: String) -> Then {
        let error = VenueError::ChangedData {
            what: self.name().into(),
            reason: what.clone(),
            fragment: String::new(),
        };
        self.0.tell(PrivateEvent::Malformed(error));
        Then::Reconnect(what)
    }

    fn probe(&self, link: &Link) {
        match self.0.hand_over_on(
            link,
            "ping",
            Params::default(),
            RequestKind::Read,
            false,
            None,
        ) {
            Handed::Over(..) => {}
            Handed::NotSent(error) => {
                log::debug!(actor = "binance"; "{}: probing: {error}", self.name())
            }
            Handed::Held(_) => {}
        }
    }

    fn up(&self, link: &Link) {
        self.0.current.borrow_mut().replace(link.clone());
        self.0.refused.take();
        log::info!(actor = "binance"; "{}: connected", self.name());
        self.0.tell(PrivateEvent::Up);
    }

    fn down(&self, link: &Link, reason: &str, gone: Gone) {
        let number = link.number();
        self.0
            .logged_on
            .borrow_mut()
            .retain(|logged_on| *logged_on != number);
        let was_current = self
            .0
            .current
            .borrow_mut()
            .take_if(|current| current.number() == number)
            .is_some();
        let (lost_here, kept): (BTreeMap<_, _>, _) = self
            .0
            .waiting
            .take()
            .into_iter()
            .partition(|(_, waiting)| waiting.link == number);
        self.0.waiting.replace(kept);
        for waiting in lost_here.into_values() {
            if waiting
                .answer
                .send(Err(lost(waiting.kind, reason)))
                .is_err()
            {
                log::debug!(actor = "binance"; "the answer's receiver is gone");
            }
        }
        match gone {
            Gone::Lost if was_current => {
                log::warn!(actor = "binance"; "{}: down: {reason}", self.name());
                self.0.tell(PrivateEvent::Down {
                    reason: reason.to_owned(),
                });
            }
            Gone::Closed if was_current => {
                log::info!(actor = "binance"; "{}: {reason}", self.name());
                self.0.tell(PrivateEvent::Closed);
            }
            _ => {}
        }
    }

    fn linger(&self) -> Duration {
        self.0.account.bounds.request_timeout()
    }

    fn failed(&self, error: &VenueError) {
        log::warn!(actor = "binance"; "{}: cannot connect: {error}", self.name());
        match error {
            VenueError::Network(text) | VenueError::Maintenance(text) => {
                self.0.tell(PrivateEvent::Down {
                    reason: text.clone(),
                });
            }
            VenueError::Timeout(_) => self.0.tell(PrivateEvent::Down {
                reason: error.to_string(),
            }),
            _ => {
                self.0.refused.replace(Some(error.clone()));
                self.0.tell(PrivateEvent::Refused(error.clone()));
            }
        }
    }
}
