//! The life of a connection: connect, open, read; reconnect with back-off and jitter; hand over to a new
//! connection before the venue ends the old one. What the connection is for is its [`Role`]'s matter.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tripline_engine::ports::VenueError;

use super::super::settings::Bounds;
use super::link::{self, Incoming, Link};

/// What a message asks of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    /// Make a new connection while this one lives on.
    HandOver,
    Reconnect(String),
}

/// What a connection is for.
pub(super) trait Role: 'static {
    fn name(&self) -> &'static str;
    fn url(&self) -> String;
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
    /// The connection is over. With a successor already `up` nothing else is to be done than to give
    /// up what waits for it.
    fn down(&self, link: &Link, reason: &str, replaced: bool);
    /// Connecting failed.
    fn failed(&self, error: &VenueError);
}

/// Commands from outside.
#[derive(Debug, Default)]
pub(super) struct Control {
    closed: Cell<bool>,
    reconnect: RefCell<Option<String>>,
    changed: Notify,
}

impl Control {
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    pub(super) fn reconnect(&self, reason: String) {
        *self.reconnect.borrow_mut() = Some(reason);
        self.changed.notify_one();
    }
}

/// A connection that is being made.
type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Link, VenueError>> + 'a>>;

/// Why reading a connection ended.
enum Ending {
    Closed,
    Broken(String),
    /// The new connection is open.
    Replaced(Link),
}

/// One role's connections.
pub(super) struct Life<R: Role> {
    pub(super) role: Rc<R>,
    pub(super) client: awc::Client,
    pub(super) bounds: Bounds,
    pub(super) control: Rc<Control>,
    /// Draws the jitter of the back-off; a seed makes it repeatable.
    pub(super) seed: u64,
}

impl<R: Role> Life<R> {
    /// Lives until closed.
    pub(super) async fn run(self) {
        let mut jitter = StdRng::seed_from_u64(self.seed);
        let (mut attempts, mut number) = (0u32, 0u64);
        let mut current: Option<Link> = None;
        while !self.control.closed.get() {
            let link = match current.take() {
                Some(link) => link,
                None => match self.connect(&mut number).await {
                    Ok(link) => link,
                    Err(error) => {
                        if self.control.closed.get() {
                            break;
                        }
                        self.role.failed(&error);
                        self.pause(attempts, &error, &mut jitter).await;
                        attempts = attempts.saturating_add(1);
                        continue;
                    }
                },
            };
            let born = Instant::now();
            match self.read(&link, &mut number).await {
                Ending::Closed => {
                    self.role.down(&link, "closed by this side", false);
                    link.close();
                    break;
                }
                Ending::Broken(reason) => {
                    self.role.down(&link, &reason, false);
                    link.close();
                    // A connection that lasted is no failed attempt.
                    attempts = if born.elapsed() > Duration::from_secs(10) {
                        0
                    } else {
                        attempts + 1
                    };
                    self.pause(
                        attempts.saturating_sub(1),
                        &VenueError::Network(reason),
                        &mut jitter,
                    )
                    .await;
                }
                Ending::Replaced(next) => {
                    attempts = 0;
                    actix_rt::spawn(drain(
                        self.role.clone(),
                        link,
                        self.bounds.request_timeout(),
                    ));
                    current = Some(next);
                }
            }
        }
    }

    /// Connects and opens; on success the role uses the connection.
    async fn connect(&self, number: &mut u64) -> Result<Link, VenueError> {
        *number += 1;
        let url = self.role.url();
        let limit = usize::try_from(self.bounds.message_limit_bytes).unwrap_or(usize::MAX);
        let within = self.bounds.connect_timeout() * 2;
        let opening = async {
            let link = link::open(&self.client, &url, limit, *number).await?;
            let mut ready = self.role.open(link.clone());
            loop {
                tokio::select! {
                    biased;
                    opened = &mut ready => {
                        opened?;
                        return Ok(link);
                    }
                    incoming = link.next() => match incoming {
                        Incoming::Text(text) => drop(self.role.message(&link, &text)),
                        Incoming::Lost(what) => drop(self.role.lost(what)),
                        Incoming::Closed(reason) => {
                            self.role.down(&link, &reason, true);
                            return Err(VenueError::Network(reason));
                        }
                    }
                }
            }
        };
        let opened = tokio::select! {
            opened = timeout(within, opening) => opened,
            () = self.until_closed() => return Err(VenueError::Network("closed by this side".into())),
        };
        let link = opened
            .unwrap_or_else(|_| Err(VenueError::Network(format!("not open within {within:?}"))))?;
        self.role.up(&link);
        Ok(link)
    }

    async fn until_closed(&self) {
        while !self.control.closed.get() {
            self.control.changed.notified().await;
        }
    }

    async fn read(&self, link: &Link, number: &mut u64) -> Ending {
        let silence = self.role.silence();
        let mut hand_over_at = Instant::now() + Duration::from_millis(self.bounds.hand_over_age_ms);
        let mut probed = false;
        let mut successor: Option<Connecting<'_>> = None;
        loop {
            if self.control.closed.get() {
                return Ending::Closed;
            }
            if let Some(reason) = self.control.reconnect.borrow_mut().take() {
                return Ending::Broken(reason);
            }
            let (half, dead) = (link.last_data() + silence / 2, link.last_data() + silence);
            let now = Instant::now();
            if now < half {
                probed = false;
            }
            let handing_over = successor.is_some();
            let incoming = tokio::select! {
                biased;
                incoming = link.next() => incoming,
                next = async { match &mut successor { Some(next) => next.await, None => std::future::pending().await } } => {
                    successor = None;
                    match next {
                        Ok(next) => return Ending::Replaced(next),
                        Err(error) => {
                            // The old connection still serves; the venue may end it, and then it is made anew.
                            log::warn!(actor = "binance"; "{}: hand-over failed: {error}", self.role.name());
                            hand_over_at = Instant::now() + Duration::from_secs(30);
                            continue;
                        }
                    }
                }
                () = sleep_until(half), if !probed => {
                    probed = true;
                    self.role.probe(link);
                    continue;
                }
                () = sleep_until(dead) => {
                    return Ending::Broken(format!("no message for {silence:?}"));
                }
                () = sleep_until(hand_over_at), if !handing_over => {
                    *number += 1;
                    successor = Some(Box::pin(self.connect_as(*number)));
                    continue;
                }
                () = self.control.changed.notified() => continue,
            };
            let then = match incoming {
                Incoming::Text(text) => self.role.message(link, &text),
                Incoming::Lost(what) => self.role.lost(what),
                Incoming::Closed(reason) => return Ending::Broken(reason),
            };
            match then {
                Then::GoOn => {}
                Then::HandOver => hand_over_at = Instant::now(),
                Then::Reconnect(reason) => return Ending::Broken(reason),
            }
        }
    }

    async fn connect_as(&self, number: u64) -> Result<Link, VenueError> {
        let mut number = number;
        self.connect(&mut number).await
    }

    /// Waits before the next attempt: doubling, plus or minus half, never less than the venue asks.
    async fn pause(&self, attempts: u32, error: &VenueError, jitter: &mut StdRng) {
        let (first, longest) = (
            self.bounds.reconnect_first_ms,
            self.bounds.reconnect_longest_ms,
        );
        let doubled = first.saturating_mul(1 << attempts.min(16)).min(longest);
        let drawn = jitter.random_range(doubled / 2..=doubled + doubled / 2);
        let asked = match error {
            VenueError::RateLimited { retry_after, .. } => {
                retry_after.unwrap_or(Duration::from_secs(60))
            }
            VenueError::Banned { retry_after, .. } => {
                retry_after.unwrap_or(Duration::from_secs(120))
            }
            _ => Duration::ZERO,
        };
        tokio::select! {
            () = sleep(Duration::from_millis(drawn).max(asked)) => {}
            () = self.until_closed() => {}
        }
    }
}

/// Reads a replaced connection until what waits for answers on it has them.
async fn drain<R: Role>(role: Rc<R>, link: Link, within: Duration) {
    let reading = async {
        loop {
            match link.next().await {
                Incoming::Text(text) => drop(role.message(&link, &text)),
                Incoming::Lost(what) => drop(role.lost(what)),
                Incoming::Closed(reason) => return reason,
            }
        }
    };
    let reason = timeout(within, reading)
        .await
        .unwrap_or_else(|_| "replaced".into());
    role.down(&link, &reason, true);
    link.close();
}
