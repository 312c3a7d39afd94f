//! What a connection is for.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tripline_engine::ports::VenueError;

use super::link::Link;

/// The reason of an end that a panic made.
pub(super) const PANICKED: &str = "whoever read it panicked";

/// What a message asks of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    /// Make a new connection while this one lives on.
    HandOver,
    Reconnect(String),
}

/// Why a connection is not used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// It broke off, and another one is made.
    Lost,
    /// Another one serves already, or it never came up.
    Replaced,
    /// This side closed it, and makes no other.
    Closed,
}

/// What a connection is for.
pub(super) trait Role: 'static {
    fn name(&self) -> &'static str;
    fn url(&self) -> String;
    /// The request weight of an attempt to connect.
    fn weight(&self) -> u64;
    /// Without a message for this long, the connection is dead.
    fn silence(&self) -> Duration;
    /// Subscribes or logs on; messages are read meanwhile.
    fn open(&self, link: Link) -> Pin<Box<dyn Future<Output = Result<(), VenueError>>>>;
    fn message(&self, link: &Link, text: &str) -> Then;
    fn lost(&self, what: String) -> Then;
    /// Sends something cheap whose answer is a message, so that silence means death.
    fn probe(&self, link: &Link);
    /// The connection is open, and the one to use from now on.
    fn up(&self, link: &Link);
    /// The connection is over: what waits for it is given up, and unless it was replaced its user is told.
    fn down(&self, link: &Link, reason: &str, gone: Gone);
    /// How long a replaced connection is still read, for the answers that are under way on it.
    fn linger(&self) -> Duration;
    /// Connecting failed.
    fn failed(&self, error: &VenueError);
}

/// Gives a connection up when a panic ends its use.
pub(super) struct GivenUp<R: Role> {
    role: Rc<R>,
    link: Link,
    gone: Gone,
}

impl<R: Role> GivenUp<R> {
    pub(super) fn by_a_panic(role: &Rc<R>, link: &Link, gone: Gone) -> Self {
        let (role, link) = (role.clone(), link.clone());
        Self { role, link, gone }
    }
}

impl<R: Role> Drop for GivenUp<R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.role.down(&self.link, PANICKED, self.gone);
            self.link.close();
        }
    }
}
