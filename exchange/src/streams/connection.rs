//! One stream connection and what it subscribed to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::server::socket::Socket;
use crate::wire::render::TimeUnit;

/// The connection.
pub struct StreamConnection {
    pub socket: Rc<Socket>,
    /// Whether messages are wrapped with their stream's name.
    pub combined: Cell<bool>,
    pub unit: TimeUnit,
    names: RefCell<Vec<String>>,
    /// When the last frames of the client came, in microseconds.
    arrivals: RefCell<VecDeque<i64>>,
}

impl StreamConnection {
    pub fn new(socket: Rc<Socket>, combined: bool, unit: TimeUnit) -> Self {
        let combined = Cell::new(combined);
        Self {
            socket,
            combined,
            unit,
            names: RefCell::default(),
            arrivals: RefCell::default(),
        }
    }

    /// Whether the name was new.
    pub fn add(&self, name: &str) -> bool {
        let mut names = self.names.borrow_mut();
        let is_new = !names.iter().any(|known| known == name);
        if is_new {
            names.push(name.to_owned());
        }
        is_new
    }

    /// Whether the name was there.
    pub fn remove(&self, name: &str) -> bool {
        let mut names = self.names.borrow_mut();
        let before = names.len();
        names.retain(|known| known != name);
        names.len() < before
    }

    /// The names in the order in which they were subscribed.
    pub fn names(&self) -> Vec<String> {
        self.names.borrow().clone()
    }

    /// Counts a frame of the client; whether it is more than `most` within a second.
    pub fn is_flooding(&self, most: u32, now_us: i64) -> bool {
        let mut arrivals = self.arrivals.borrow_mut();
        arrivals.push_back(now_us);
        while arrivals
            .front()
            .is_some_and(|first| now_us - first >= 1_000_000)
        {
            arrivals.pop_front();
        }
        arrivals.len() > usize::try_from(most).unwrap_or(usize::MAX)
    }
}
