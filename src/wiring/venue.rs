//! What the venue is asked at the start, and the connections that follow it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, Addr};
use actix_rt::task::JoinHandle;
use tokio::sync::Notify;
use tokio::time::Instant;
use tripline_actors::clock::Clock;
use tripline_actors::delivery::Outlet;
use tripline_actors::faults::Faults;
use tripline_actors::gateway::{ClockJudged, OrderGateway};
use tripline_actors::market_data::{MarketData, MarketDataSettings};
use tripline_actors::panics;
use tripline_actors::user_data::{UserData, UserDataSettings};
use tripline_actors::venue::{Connection, MarketConnection, Venue};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;
use tripline_engine::ids::Symbol;
use tripline_engine::instrument::Instrument;
use tripline_engine::ports::VenueError;
use tripline_engine::strategy::Subscription;

use super::ground::Ground;
use super::strategies::{Seat, Seated};
use crate::builder::{MakeVenue, StartError};
use crate::settings::EngineSettings;

/// The venue that the builder was given, and the instruments of all strategies there.
pub(super) async fn open(
    make: Option<MakeVenue>,
    clock: &Clock,
    traders: &[Seated],
) -> Result<(Rc<dyn Venue>, Vec<Instrument>), StartError> {
    let venue = make.ok_or_else(|| StartError::Venue("no venue was given".into()))?(clock)?;
    let instruments = look(venue.as_ref(), traders).await?;
    Ok((venue, instruments))
}

/// How soon the clock is measured again, when it is not known and could not be measured.
const MEASURE_AGAIN: Duration = Duration::from_secs(1);

/// After so long a clock that was off is measured again.
const BAD_CLOCK_AGAIN: Duration = Duration::from_secs(5);

/// How often the account is asked for while its connection is being made.
const LOOKS_AT_ACCOUNT: u32 = 20;

/// The venue's clock, the instruments of all strategies, and whether the key is taken: what is wrong
/// here fails the start, before anything could be placed.
async fn look(venue: &dyn Venue, traders: &[Seated]) -> Result<Vec<Instrument>, StartError> {
    asked("measuring the venue's clock", venue.measure_clock().await)?;
    let instruments = instruments(venue, traders).await?;
    let orders = venue.orders();
    for _ in 0..LOOKS_AT_ACCOUNT {
        match orders.balances().await {
            Err(error @ (VenueError::Authentication { .. } | VenueError::Clock { .. })) => {
                return asked("reading the account", Err(error));
            }
            // Not connected yet. If that lasts, the strategies are told that their start failed.
            Err(VenueError::Network(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => break,
        }
    }
    Ok(instruments)
}

async fn instruments(venue: &dyn Venue, traders: &[Seated]) -> Result<Vec<Instrument>, StartError> {
    let symbols: BTreeSet<Symbol> = traders
        .iter()
        .flat_map(|trader| &trader.subscriptions)
        .map(Subscription::symbol)
        .collect();
    let symbols: Vec<_> = symbols.into_iter().collect();
    let instruments = asked(
        "reading instruments",
        venue.market().instruments(&symbols).await,
    )?;
    match symbols
        .iter()
        .find(|symbol| !instruments.iter().any(|known| known.symbol == **symbol))
    {
        Some(missing) => Err(StartError::UnknownInstrument(*missing)),
        None => Ok(instruments),
    }
}

fn asked<T>(what: &'static str, answer: Result<T, VenueError>) -> Result<T, StartError> {
    answer.map_err(|error| StartError::Asking { what, error })
}

pub(super) fn follow_account(
    ground: &Ground,
    venue: &dyn Venue,
    gateway: &Addr<OrderGateway>,
) -> (Addr<UserData>, Box<dyn Connection>) {
    let sender = ground.sender("user_data", Scope::Account(ground.settings.account));
    let user = UserData::new(UserDataSettings {
        account: ground.settings.account,
        reports: sender.outlet_to("gateway", gateway),
        balances: sender.outlet_to("gateway", gateway),
        moved: sender.outlet_to("gateway", gateway),
        stream: sender.outlet_to("gateway", gateway),
        grace: ground.settings.private_stream_grace,
        sender: sender.clone(),
    });
    let user = user.start();
    let news = sender.outlet_to("user_data", &user);
    let connection = venue.follow_account(Rc::new(move |event| news.send(event)));
    (user, connection)
}

pub(super) fn follow_market(
    ground: &Ground,
    venue: &dyn Venue,
    gateway: &Addr<OrderGateway>,
    seats: &[Seat],
) -> (Addr<MarketData>, Rc<dyn MarketConnection>) {
    let sender = ground.sender("market_data", Scope::Venue(venue.id()));
    let settings = MarketDataSettings {
        venue: venue.id(),
        port: venue.market(),
        gateway: sender.outlet_to("gateway", gateway),
        stale_after: ground.settings.stale_after,
        fault_after: ground.settings.fault_after,
        snapshot_levels: ground.settings.snapshot_levels,
        sender,
    };
    let strategies = seats.iter().map(|seat| {
        let wanted = seat.subscriptions.as_slice();
        (seat.membership.strategy, wanted, &seat.address)
    });
    MarketData::start(settings, venue, strategies)
}

pub(super) fn watch_clock(
    ground: &Ground,
    venue: Rc<dyn Venue>,
    gateway: &Addr<OrderGateway>,
) -> JoinHandle<()> {
    let sender = ground.sender("clock", Scope::Account(ground.settings.account));
    let judged = sender.outlet_to("gateway", gateway);
    let (settings, faults, clock) = (
        ground.settings.clone(),
        ground.faults.clone(),
        ground.clock.clone(),
    );
    let again = ground.standstill.clock.clone();
    let watch = ClockWatch {
        settings,
        venue,
        faults,
        clock,
        judged,
        again,
        failures: 0,
        good: true,
        known: true,
        raised: None,
    };
    actix_rt::spawn(watch.keep_measuring())
}

/// Measures the clock for ever. Out of bounds, or not measurable three times in a row: nothing is placed
/// until it is good again, for which it is looked at more often than a good one; a fault is raised no more
/// often than that. Nor is anything placed after `again`, or after a panic, until it was measured.
struct ClockWatch {
    settings: EngineSettings,
    venue: Rc<dyn Venue>,
    faults: Faults,
    clock: Clock,
    judged: Outlet<ClockJudged>,
    again: Rc<Notify>,
    failures: u32,
    good: bool,
    known: bool,
    raised: Option<Instant>,
}

impl ClockWatch {
    async fn keep_measuring(mut self) {
        while !panics::endured(self.measure_on()).await {
            self.judge(false);
            self.known = false;
        }
    }

    async fn measure_on(&mut self) {
        let every = self.settings.clock_every;
        loop {
            let wait = match (self.known, self.good) {
                (false, _) => MEASURE_AGAIN,
                (true, false) => BAD_CLOCK_AGAIN,
                (true, true) => every,
            };
            tokio::select! {
                () = tokio::time::sleep(wait.min(every)) => {}
                () = self.again.notified() => (self.known, self.good) = (false, false),
            }
            let problem = match self.venue.measure_clock().await {
                Ok(_) => {
                    (self.failures, self.known) = (0, true);
                    None
                }
                Err(error @ VenueError::Clock { .. }) => {
                    self.known = true;
                    Some(error)
                }
                Err(error) => {
                    self.failures += 1;
                    log::warn!(actor = "clock"; "the venue's clock cannot be measured: {error}");
                    (self.failures >= 3).then_some(error)
                }
            };
            self.judge(problem.is_none() && self.known);
            let is_told = self.raised.is_some_and(|at| at.elapsed() < every);
            if let Some(error) = problem.filter(|_| !is_told) {
                self.raise(&error);
            }
        }
    }

    fn judge(&mut self, good: bool) {
        if good != self.good {
            self.good = good;
            self.judged.send(ClockJudged { good });
        }
    }

    fn raise(&mut self, error: &VenueError) {
        self.raised = Some(Instant::now());
        self.faults.raise(Fault {
            kind: FaultKind::ClockOffset,
            scope: Scope::Account(self.settings.account),
            actor: "clock".into(),
            detail: error.to_string(),
            at: self.clock.now(),
        });
    }
}
