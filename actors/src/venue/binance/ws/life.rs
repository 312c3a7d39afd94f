//! The life of a connection: connect, open, read; reconnect with back-off and jitter; hand over to a new
//! connection before the venue ends the old one. What the connection is for is its [`Role`]'s matter.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tripline_engine::ports::VenueError;

use super::super::limits::Limits;
use super::super::settings::Bounds;
use super::link::{self, Incoming, Link};
use super::role::{GivenUp, Gone, PANICKED, Role, Then};
use crate::clock::Clock;

/// A connection that was up for as long has not failed at once.
const LASTED: Duration = Duration::from_secs(10);

/// After a hand-over that failed, the next is tried this much later.
const HAND_OVER_AGAIN: Duration = Duration::from_secs(30);

/// The reason of an end that this side wanted.
const CLOSED: &str = "closed by this side";

/// Commands from outside. Whoever waits for a change looks before it waits, all on one thread, so that
/// waking those who wait now is enough.
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
    }

    pub(super) fn reconnect(&self, reason: String) {
        *self.reconnect.borrow_mut() = Some(reason);
        self.changed.notify_waiters();
    }

    async fn until_closed(&self) {
        while !self.closed.get() {
            self.changed.notified().await;
        }
    }
}

/// Why reading a connection ended.
enum Ending {
    Closed,
    Broken(String),
    /// The new connection is open.
    Replaced(Link),
}

/// A connection that is being made.
type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Link, VenueError>> + 'a>>;

/// What connections are made with.
pub(super) struct Means {
    pub(super) client: awc::Client,
    pub(super) bounds: Bounds,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    /// Draws the jitter of the back-off: a known one makes it repeatable.
    pub(super) seed: u64,
}

/// One role's connections.
pub(super) struct Life<R: Role> {
    role: Rc<R>,
    means: Means,
    control: Rc<Control>,
    /// The number of the connection that was made last.
    number: Cell<u64>,
    /// When the last hand-over began.
    handed_over: Cell<Option<Instant>>,
}

impl<R: Role> Life<R> {
    /// Starts connecting.
    pub(super) fn start(role: Rc<R>, means: Means) -> Rc<Control> {
        let (control, seed) = (Rc::new(Control::default()), means.seed);
        let life = Self {
            role,
            means,
            control: control.clone(),
            number: Cell::new(0),
            handed_over: Cell::new(None),
        };
        actix_rt::spawn(async move {
            let mut jitter = StdRng::seed_from_u64(seed);
            let mut panics = 0;
            // Whoever watches the arbiter has told of the panic. The connection goes on as after a break.
            while AssertUnwindSafe(life.run(&mut jitter))
                .catch_unwind()
                .await
                .is_err()
            {
                let error = VenueError::Network(PANICKED.into());
                log::error!(actor = "binance"; "{}: {error}", life.role.name());
                life.pause(panics, &error, &mut jitter).await;
                panics = panics.saturating_add(1);
            }
        });
        control
    }

    /// Lives until closed.
    async fn run(&self, jitter: &mut StdRng) {
        let mut attempts = 0u32;
        let mut successor: Option<Connecting<'_>> = None;
        while !self.control.closed.get() {
            let connecting = successor.take().unwrap_or_else(|| Box::pin(self.connect()));
            let link = match connecting.await {
                Ok(link) => link,
                Err(_) if self.control.closed.get() => break,
                Err(error) => {
                    self.role.failed(&error);
                    self.pause(attempts, &error, jitter).await;
                    attempts = attempts.saturating_add(1);
                    continue;
                }
            };
            let born = Instant::now();
            match self.read_all(link, &mut successor).await {
                Ending::Closed => break,
                // A connection that lasted is no failed attempt, and one that is being made is no new one.
                Ending::Broken(_) if successor.is_some() => attempts = 0,
                Ending::Broken(reason) => {
                    if born.elapsed() > LASTED {
                        attempts = 0;
                    }
                    let error = VenueError::Network(reason);
                    self.pause(attempts, &error, jitter).await;
                    attempts = attempts.saturating_add(1);
                }
                Ending::Replaced(_) => {}
            }
        }
    }

    /// Reads a connection and all that take its place, until the last one breaks off or is closed.
    async fn read_all<'a>(
        &'a self,
        mut link: Link,
        successor: &mut Option<Connecting<'a>>,
    ) -> Ending {
        loop {
            let _in_use = GivenUp::by_a_panic(&self.role, &link, Gone::Lost);
            // What was asked while there was no connection, the new one fulfils.
            self.control.reconnect.take();
            let ending = self.read(&link, successor).await;
            match &ending {
                Ending::Closed => self.role.down(&link, CLOSED, Gone::Closed),
                Ending::Broken(reason) => self.role.down(&link, reason, Gone::Lost),
                Ending::Replaced(next) => {
                    let old = std::mem::replace(&mut link, next.clone());
                    actix_rt::spawn(drain(self.role.clone(), old, self.control.clone()));
                    continue;
                }
            }
            link.close();
            return ending;
        }
    }

    /// Connects and opens; on success the role uses the connection.
    async fn connect(&self) -> Result<Link, VenueError> {
        let Means {
            client,
            bounds,
            limits,
            clock,
            ..
        } = &self.means;
        limits.may_connect(clock.venue_now(), self.role.weight())?;
        self.number.set(self.number.get() + 1);
        let url = self.role.url();
        let limit = usize::try_from(bounds.message_limit_bytes).unwrap_or(usize::MAX);
        let within = bounds.connect_timeout() * 2;
        let deadline = Instant::now() + within;
        let late = || VenueError::Network(format!("not open within {within:?}"));
        let closed = || VenueError::Network(CLOSED.into());
        let linking = link::open(client, &url, limit, self.number.get());
        let link = tokio::select! {
            biased;
            link = timeout_at(deadline, linking) => link.unwrap_or_else(|_| Err(late())),
            () = self.control.until_closed() => return Err(closed()),
        };
        let link = link.inspect_err(|error| {
            // A ban is one of the address: requests stop as well.
            if matches!(error, VenueError::Banned { .. }) {
                limits.refused(error, None, clock.venue_now());
            }
        })?;
        let _opening = GivenUp::by_a_panic(&self.role, &link, Gone::Replaced);
        let opened = tokio::select! {
            biased;
            opened = timeout_at(deadline, self.open(&link)) => opened.unwrap_or_else(|_| Err(late())),
            () = self.control.until_closed() => Err(closed()),
        };
        match opened {
            Ok(()) => {
                self.role.up(&link);
                Ok(link)
            }
            Err(error) => {
                self.role.down(&link, &error.to_string(), Gone::Replaced);
                link.close();
                Err(error)
            }
        }
    }

    /// Lets the role subscribe or log on, and reads meanwhile.
    async fn open(&self, link: &Link) -> Result<(), VenueError> {
        let mut ready = self.role.open(link.clone());
        loop {
            let incoming = tokio::select! {
                biased;
                opened = &mut ready => return opened,
                incoming = link.next() => incoming,
            };
            let then = match incoming {
                Incoming::Text(text) => self.role.message(link, &text),
                Incoming::Lost(what) => self.role.lost(what),
                Incoming::Closed(reason) => return Err(VenueError::Network(reason)),
            };
            match then {
                Then::GoOn => {}
                Then::HandOver => {
                    let text = "the venue shuts the new connection down";
                    return Err(VenueError::Network(text.into()));
                }
                Then::Reconnect(reason) => return Err(VenueError::Network(reason)),
            }
        }
    }

    /// Reads one connection. A successor that is not there yet when this one ends is left where it is.
    async fn read<'a>(&'a self, link: &Link, successor: &mut Option<Connecting<'a>>) -> Ending {
        let silence = self.role.silence();
        let mut hand_over_at =
            Instant::now() + Duration::from_millis(self.means.bounds.hand_over_age_ms);
        let mut probed = false;
        loop {
            if self.control.closed.get() {
                return Ending::Closed;
            }
            if let Some(reason) = self.control.reconnect.take() {
                return Ending::Broken(reason);
            }
            let (half, dead) = (link.last_data() + silence / 2, link.last_data() + silence);
            probed &= Instant::now() >= half;
            let handing_over = successor.is_some();
            let incoming = tokio::select! {
                biased;
                incoming = link.next() => incoming,
                next = arrival(successor) => {
                    *successor = None;
                    match next {
                        Ok(next) => return Ending::Replaced(next),
                        Err(error) => {
                            // This one still serves; when the venue ends it, another is made.
                            log::warn!(actor = "binance"; "{}: hand-over failed: {error}", self.role.name());
                            hand_over_at = Instant::now() + HAND_OVER_AGAIN;
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
                    self.handed_over.set(Some(Instant::now()));
                    *successor = Some(Box::pin(self.connect()));
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
                // One after the other, if every new connection is announced to end.
                Then::HandOver => {
                    let now = Instant::now();
                    let last = self.handed_over.get();
                    hand_over_at = last.map_or(now, |last| now.max(last + LASTED));
                }
                Then::Reconnect(reason) => return Ending::Broken(reason),
            }
        }
    }

    /// Waits before the next attempt: doubling, plus or minus half, never less than the venue asks.
    async fn pause(&self, attempts: u32, error: &VenueError, jitter: &mut StdRng) {
        let (first, longest) = (
            self.means.bounds.reconnect_first_ms,
            self.means.bounds.reconnect_longest_ms,
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
            biased;
            () = sleep(Duration::from_millis(drawn).max(asked)) => {}
            () = self.control.until_closed() => {}
        }
    }
}

/// The connection under way, when there is one.
async fn arrival(successor: &mut Option<Connecting<'_>>) -> Result<Link, VenueError> {
    match successor {
        Some(connecting) => connecting.await,
        None => std::future::pending().await,
    }
}

/// Reads a replaced connection for as long as its role wants.
async fn drain<R: Role>(role: Rc<R>, link: Link, control: Rc<Control>) {
    let _in_use = GivenUp::by_a_panic(&role, &link, Gone::Replaced);
    let reading = async {
        loop {
            match link.next().await {
                Incoming::Text(text) => drop(role.message(&link, &text)),
                Incoming::Lost(what) => drop(role.lost(what)),
                Incoming::Closed(reason) => return reason,
            }
        }
    };
    let reason = tokio::select! {
        biased;
        reason = timeout(role.linger(), reading) => reason.unwrap_or_else(|_| "replaced".into()),
        () = control.until_closed() => CLOSED.into(),
    };
    role.down(&link, &reason, Gone::Replaced);
    link.close();
}
