//! One WebSocket API connection: who is logged on, and what it subscribed to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use serde_json::{Value, json};
use tripline_engine::ids::AccountId;

use crate::core::Core;
use crate::server::socket::Socket;
use crate::wire::ApiError;
use crate::wire::render::TimeUnit;

/// Subscriptions over the life of a connection (error -2042).
const MOST_SUBSCRIPTIONS: u64 = 65_535;

/// A subscription to an account's events.
#[derive(Debug, Clone, Copy)]
pub struct Subscription {
    pub account: AccountId,
    /// Made by the logged-on session: ends with the logout.
    pub by_logon: bool,
}

/// The key that is logged on, and since when.
#[derive(Debug, Clone)]
pub struct Logon {
    pub api_key: String,
    pub account: AccountId,
    pub since_us: i64,
}

/// The connection.
pub struct Session {
    pub socket: Rc<Socket>,
    pub address: Option<IpAddr>,
    pub unit: TimeUnit,
    /// `returnRateLimits` of the URL.
    pub show_limits: bool,
    pub connected_us: i64,
    pub logon: RefCell<Option<Logon>>,
    subscriptions: RefCell<BTreeMap<u64, Subscription>>,
    next: Cell<u64>,
}

impl Session {
    pub fn new(
        socket: Rc<Socket>,
        address: Option<IpAddr>,
        unit: TimeUnit,
        show_limits: bool,
        now_us: i64,
    ) -> Self {
        Self {
            socket,
            address,
            unit,
            show_limits,
            connected_us: now_us,
            logon: RefCell::default(),
            subscriptions: RefCell::default(),
            next: Cell::new(0),
        }
    }

    /// The subscription to an account's events, if there is one.
    pub fn subscription_of(&self, account: AccountId) -> Option<u64> {
        let subscriptions = self.subscriptions.borrow();
        subscriptions
            .iter()
            .find(|(_, one)| one.account == account)
            .map(|(id, _)| *id)
    }

    pub fn has_subscriptions(&self) -> bool {
        !self.subscriptions.borrow().is_empty()
    }

    /// # Errors
    /// -2035 for a second subscription to an account, -2042 when the numbers are used up.
    pub fn subscribe(&self, account: AccountId, by_logon: bool) -> Result<u64, ApiError> {
        if self.subscription_of(account).is_some() {
            return Err(ApiError::new(
                -2035,
                "User Data Stream subscription already active.",
            ));
        }
        let id = self.next.get();
        if id >= MOST_SUBSCRIPTIONS {
            return Err(ApiError::new(
                -2042,
                "User Data Stream subscription ids are exhausted.",
            ));
        }
        self.next.set(id + 1);
        self.subscriptions
            .borrow_mut()
            .insert(id, Subscription { account, by_logon });
        Ok(id)
    }

    /// `[{"subscriptionId":0},…]`.
    pub fn list(&self) -> Value {
        self.subscriptions
            .borrow()
            .keys()
            .map(|id| json!({"subscriptionId": id}))
            .collect()
    }

    /// Whether a subscription of this number is active.
    pub fn is_subscribed(&self, id: u64) -> bool {
        self.subscriptions.borrow().contains_key(&id)
    }

    /// Ends one subscription, or all, with eventStreamTerminated.
    pub fn unsubscribe(&self, core: &Core, id: Option<u64>) {
        let chosen: Vec<u64> = match id {
            Some(id) => vec![id],
            None => self.subscriptions.borrow().keys().copied().collect(),
        };
        for id in chosen {
            self.end(core, id);
        }
    }

    /// Ends the subscriptions that `chosen` picks, with eventStreamTerminated.
    pub fn end_subscriptions(&self, core: &Core, chosen: impl Fn(&Subscription) -> bool) {
        let ended: Vec<u64> = {
            let subscriptions = self.subscriptions.borrow();
            subscriptions
                .iter()
                .filter(|(_, one)| chosen(one))
                .map(|(id, _)| *id)
                .collect()
        };
        for id in ended {
            self.end(core, id);
        }
    }

    fn end(&self, core: &Core, id: u64) {
        if self.subscriptions.borrow_mut().remove(&id).is_none() {
            return;
        }
        let event = json!({"e": "eventStreamTerminated", "E": self.unit.of(core.now_us())});
        self.socket
            .send_text(&json!({"subscriptionId": id, "event": event}).to_string());
    }
}
