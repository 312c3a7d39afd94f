//! User data: the events of an account on the WebSocket API connections that subscribed to them.

mod events;
pub mod methods;
mod session;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};

use serde_json::json;
use tokio::sync::Notify;
use tripline_engine::ids::{AccountId, Symbol};

use crate::core::Core;
use crate::faults::{Damage, FaultSpec, Kind, damaged};
use crate::model::Event;
use crate::wire::ApiError;
use crate::wire::render::TimeUnit;

pub use session::Session;

/// An event on its way.
#[derive(Debug, Clone)]
struct Queued {
    account: AccountId,
    symbol: Option<Symbol>,
    event: Event,
}

/// All sessions, and the events that wait: for the response that comes first, or for a delay.
#[derive(Default)]
pub struct UserHub {
    sessions: RefCell<Vec<Weak<Session>>>,
    queue: RefCell<VecDeque<Queued>>,
    delayed: RefCell<BTreeMap<(i64, u64), Queued>>,
    sequence: Cell<u64>,
    wake: Notify,
}

impl UserHub {
    pub fn join(&self, session: &Rc<Session>) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.retain(|one| one.strong_count() > 0);
        sessions.push(Rc::downgrade(session));
    }

    /// The sessions that are still open.
    pub fn sessions(&self) -> Vec<Rc<Session>> {
        let sessions = self.sessions.borrow();
        sessions
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|one| !one.socket.is_gone())
            .collect()
    }

    /// Queues an event; nothing is sent before [`UserHub::flush`].
    pub fn push(&self, event: Event) {
        let (account, symbol) = match &event {
            Event::Execution(report) => (report.order.account, Some(report.order.symbol)),
            Event::AccountPosition(position) => (position.account, None),
            Event::BalanceUpdate(update) => (update.account, None),
            _ => return,
        };
        self.queue.borrow_mut().push_back(Queued {
            account,
            symbol,
            event,
        });
    }

    /// Lets the pump flush in its next turn, after whoever is running has written the response.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Sends everything that is queued.
    pub fn flush(&self, core: &Core) {
        while let Some(queued) = self.pop() {
            let fault = self.fault(core, &queued);
            match fault.as_ref().map(|fault| fault.kind) {
                Some(Kind::DropEvent) => {}
                Some(Kind::DuplicateEvent) => {
                    self.send(core, &queued, None);
                    self.send(core, &queued, None);
                }
                Some(Kind::DelayEvent) => {
                    let ms = fault.and_then(|fault| fault.ms).unwrap_or(1_000);
                    let due = core
                        .clock
                        .steady_us()
                        .saturating_add_unsigned(ms.saturating_mul(1_000));
                    self.sequence.set(self.sequence.get() + 1);
                    self.delayed
                        .borrow_mut()
                        .insert((due, self.sequence.get()), queued);
                    self.wake();
                }
                _ => self.send(core, &queued, fault.as_ref()),
            }
        }
    }

    fn pop(&self) -> Option<Queued> {
        self.queue.borrow_mut().pop_front()
    }

    fn fault(&self, core: &Core, queued: &Queued) -> Option<FaultSpec> {
        if core.faults.borrow().is_empty() {
            return None;
        }
        let kinds = events::kinds(&queued.event);
        core.faults
            .borrow_mut()
            .on_event(kinds, queued.symbol, queued.account)
    }

    fn send(&self, core: &Core, queued: &Queued, spoilt: Option<&FaultSpec>) {
        let mut texts: [Option<String>; 2] = [None, None];
        for session in self.sessions() {
            let Some(subscription) = session.subscription_of(queued.account) else {
                continue;
            };
            let at = usize::from(session.unit == TimeUnit::Microsecond);
            let Some(slot) = texts.get_mut(at) else {
                continue;
            };
            let text = slot
                .get_or_insert_with(|| events::render(&queued.event, session.unit, core.now_us()));
            let mut message = format!(r#"{{"subscriptionId":{subscription},"event":{text}}}"#);
            if let Some(fault) = spoilt.filter(|fault| fault.kind == Kind::BadEvent) {
                message = damaged(
                    &message,
                    fault.how.unwrap_or(Damage::Truncated),
                    fault.field.as_deref(),
                );
            }
            session.socket.send_text(&message);
        }
    }

    /// Tells every session of an account (or of all) that its stream is over, and ends the subscriptions.
    pub fn end_streams(&self, core: &Core, account: Option<AccountId>) {
        for session in self.sessions() {
            session.end_subscriptions(core, |subscription| {
                account.is_none_or(|wanted| subscription.account == wanted)
            });
        }
    }

    /// How many connections hear of an account.
    pub fn count(&self, account: AccountId) -> usize {
        self.sessions()
            .iter()
            .filter(|session| session.subscription_of(account).is_some())
            .count()
    }

    /// Logs off the sessions of a key that is no longer valid, and tells them.
    pub fn revoke(&self, core: &Core, api_key: &str) {
        for session in self.sessions() {
            let logged_on = session
                .logon
                .borrow()
                .as_ref()
                .is_some_and(|logon| logon.api_key == api_key);
            if logged_on {
                *session.logon.borrow_mut() = None;
                let error = ApiError::key_refused();
                let message = json!({"id": null, "status": error.status, "error": error.body()});
                session.socket.send_text(&message.to_string());
                session.end_subscriptions(core, |subscription| subscription.by_logon);
            }
        }
    }

    /// `serverShutdown` on every session.
    pub fn announce_shutdown(&self, core: &Core) {
        for session in self.sessions() {
            let time = session.unit.of(core.now_us());
            session
                .socket
                .send_text(&json!({"event": {"e": "serverShutdown", "E": time}}).to_string());
        }
    }

    /// Sends queued and delayed events in their time, for ever.
    pub async fn pump(core: Rc<Core>) {
        loop {
            let hub = &core.users;
            let next = hub
                .delayed
                .borrow()
                .first_key_value()
                .map(|((due, _), _)| *due);
            match next {
                None => hub.wake.notified().await,
                Some(due) => {
                    let wait = u64::try_from(due - core.clock.steady_us()).unwrap_or(0);
                    let sleep = tokio::time::sleep(std::time::Duration::from_micros(wait));
                    tokio::select! { biased; () = hub.wake.notified() => {} () = sleep => {} }
                }
            }
            hub.flush(&core);
            hub.release(&core);
        }
    }

    fn release(&self, core: &Core) {
        loop {
            let mut delayed = self.delayed.borrow_mut();
            let Some(entry) = delayed.first_entry() else {
                return;
            };
            if entry.key().0 > core.clock.steady_us() {
                return;
            }
            let queued = entry.remove();
            drop(delayed);
            self.send(core, &queued, None);
        }
    }
}
