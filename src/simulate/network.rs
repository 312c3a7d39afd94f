//! The network between engine and exchange: every connection is a [`Wire`] that can be broken.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tripline_engine::ids::ClientOrderId;

use super::pipe::{End, Wire};

/// Which of the exchange's doors a connection goes to; each has a host name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Door {
    Rest,
    Api,
    Streams,
}

impl Door {
    pub(super) const ALL: [Self; 3] = [Self::Rest, Self::Api, Self::Streams];

    pub(super) const fn host(self) -> &'static str {
        match self {
            Self::Rest => "rest.practice",
            Self::Api => "api.practice",
            Self::Streams => "streams.practice",
        }
    }

    fn of(uri: &Uri) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|door| uri.host() == Some(door.host()))
    }
}

/// After so long an engine has noticed that its private stream was cut.
const NOTICED: Duration = Duration::from_secs(3);

/// Who follows what one start of the engine does with its sockets.
#[derive(Clone)]
pub(super) struct Tapping {
    /// Told of each order whose placement was handed to a socket.
    pub(super) on_placement: Rc<dyn Fn(ClientOrderId)>,
    /// Called before something is read.
    pub(super) on_read: Rc<dyn Fn()>,
}

/// A connection that was made.
struct Made {
    /// Of which start of the engine.
    generation: u32,
    door: Door,
    wire: Wire,
}

struct State {
    made: RefCell<Vec<Made>>,
    latency: Duration,
    /// Until when new connections are refused.
    refused_until: Cell<Option<Instant>>,
    /// Since when there has been no private stream, when that was last looked at.
    blind_since: Cell<Option<Instant>>,
    heard: RefCell<Option<Box<dyn Fn() -> bool>>>,
    /// Where the exchange takes its ends.
    accept: mpsc::UnboundedSender<End>,
}

/// Cloning shares it.
#[derive(Clone)]
pub(super) struct Network(Rc<State>);

impl Network {
    /// A network whose bytes take `latency` each way, and the exchange's end of it.
    pub(super) fn new(latency: Duration) -> (Self, mpsc::UnboundedReceiver<End>) {
        let (accept, accepted) = mpsc::unbounded_channel();
        let state = State {
            made: RefCell::default(),
            latency,
            refused_until: Cell::new(None),
            blind_since: Cell::new(None),
            heard: RefCell::default(),
            accept,
        };
        (Self(Rc::new(state)), accepted)
    }

    /// What one start of the engine connects through.
    pub(super) fn connector(
        &self,
        generation: u32,
        tapping: Tapping,
    ) -> impl Service<ConnectInfo<Uri>, Response = Connection<Uri, End>, Error = ConnectError>
    + Clone
    + 'static {
        let network = self.clone();
        fn_service(move |info: ConnectInfo<Uri>| {
            let uri = info.request().clone();
            let (network, tapping) = (network.clone(), tapping.clone());
            async move {
                let end = network.connect(generation, &uri, tapping).await?;
                Ok(Connection::new(uri, end))
            }
        })
    }

    async fn connect(
        &self,
        generation: u32,
        uri: &Uri,
        tapping: Tapping,
    ) -> Result<End, ConnectError> {
        let door = Door::of(uri).ok_or(ConnectError::NoRecords)?;
        // There and back.
        sleep(self.0.latency * 2).await;
        if self.is_refusing() {
            return Err(ConnectError::Io(io::ErrorKind::ConnectionRefused.into()));
        }
        let (wire, near, far) = Wire::new(self.0.latency);
        let mut made = self.0.made.borrow_mut();
        made.retain(|one| !one.wire.is_seen_to_be_over());
        made.push(Made {
            generation,
            door,
            wire,
        });
        let accepted = self.0.accept.send(far);
        accepted.map_err(|_| ConnectError::Io(io::ErrorKind::ConnectionRefused.into()))?;
        Ok(near.tapped(tapping))
    }

    fn is_refusing(&self) -> bool {
        let until = self.0.refused_until.get();
        until.is_some_and(|until| Instant::now() < until)
    }

    /// From now on `heard` tells whether the exchange sends the account's events to anybody.
    pub(super) fn listen(&self, heard: impl Fn() -> bool + 'static) {
        *self.0.heard.borrow_mut() = Some(Box::new(heard));
    }

    /// Whether there has been no private stream for longer than the engine may need to notice.
    pub(super) fn is_blind(&self) -> bool {
        let since = self.0.blind_since.get();
        !self.has_private_stream() && since.is_some_and(|since| since.elapsed() > NOTICED)
    }

    /// Notes whether there is a private stream.
    pub(super) fn watch_private_stream(&self) {
        let since = self.0.blind_since.get();
        let since = (!self.has_private_stream()).then(|| since.unwrap_or_else(Instant::now));
        self.0.blind_since.set(since);
    }

    /// Whether the exchange sends the account's events to somebody; or the engine cannot know that it does not,
    /// because a connection is silent.
    fn has_private_stream(&self) -> bool {
        let heard = self.0.heard.borrow();
        let made = self.0.made.borrow();
        let mut private = made.iter().filter(|one| one.door == Door::Api);
        let is_heard = heard.as_ref().is_none_or(|heard| heard());
        private.any(|one| {
            let wire = &one.wire;
            wire.is_silent() || (is_heard && !wire.is_seen_to_be_over())
        })
    }

    /// Refuses new connections for as long.
    pub(super) fn refuse(&self, lasts: Duration) {
        self.0.refused_until.set(Some(Instant::now() + lasts));
    }

    /// The open connections to a door, oldest first.
    pub(super) fn open(&self, door: Door) -> Vec<Wire> {
        let made = self.0.made.borrow();
        let open = made
            .iter()
            .filter(|one| one.door == door && !one.wire.is_over());
        open.map(|one| one.wire.clone()).collect()
    }

    /// Every open connection.
    pub(super) fn all_open(&self) -> Vec<Wire> {
        Door::ALL
            .into_iter()
            .flat_map(|door| self.open(door))
            .collect()
    }

    /// Every connection that was made and whose client may still wait for something, cut ones among them.
    pub(super) fn all(&self) -> Vec<Wire> {
        let made = self.0.made.borrow();
        made.iter().map(|one| one.wire.clone()).collect()
    }

    /// The process of this start of the engine ends.
    pub(super) fn orphan(&self, generation: u32) {
        let made = self.0.made.borrow();
        let own = made.iter().filter(|one| one.generation == generation);
        own.for_each(|one| one.wire.orphan());
    }
}
