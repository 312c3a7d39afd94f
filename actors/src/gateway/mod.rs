//! The order gateway: the only way to the venue's orders. A shell around
//! [`OrderDesk`](tripline_engine::desk::OrderDesk): it carries out the desk's effects and brings back
//! the answers.

mod effects;
mod handlers;
mod health;
mod limits;
mod readiness;
mod reconcile;
mod standstill;
mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Recipient};
use tripline_engine::desk::{Effect, FlattenSettings, OrderDesk, Sweep};
use tripline_engine::fault::{Fault, FaultKind, IncidentId};
use tripline_engine::halt::{Membership, Scope};
use tripline_engine::ids::{AccountId, Asset, RunId, StrategyId, VenueId};
use tripline_engine::instrument::Instrument;
use tripline_engine::journal::JournalState;
use tripline_engine::messages::account::BalancesChanged;
use tripline_engine::messages::alert::Alert;
use tripline_engine::messages::control::{ForeignOrders, InitFailed, Ready, RestingOrders};
use tripline_engine::messages::order::{OrderEvent, OrderFilled};
use tripline_engine::ports::{MarketPort, OrderPort, VenueError};
use tripline_engine::risk::RiskLimits;
use tripline_engine::time::Timestamp;

use crate::addresses::StrategyAddress;
use crate::clock::Clock;
use crate::delivery::{MAILBOX, Outlet, Sender};
use crate::faults::Faults;
use crate::journaling::Journaling;
use crate::panics::{Guard, Shield};

pub use handlers::{
    AddInstrument, ClockJudged, DeskSnapshot, HaltOrdered, Mark, ReadDesk, StopOrders, StopReport,
};
pub use health::{GatewayHealth, ReadGateway};
pub use limits::{DiskMeasured, LimitsShown, ReadLimits, SetLimit};
use readiness::Readiness;
pub use reconcile::{NotReconciled, Reconcile};
pub use standstill::OnStandstill;

/// How often the desk is asked whether something has lasted too long.
const TICK: Duration = Duration::from_millis(500);

/// Told about every sweep that has ended, and every order that is not ours.
pub type OnSwept = Rc<dyn Fn(&Sweep)>;

/// Told when nothing is to be swept in a scope any more, with the newest incident for which that is so.
pub type OnConfirmed = Rc<dyn Fn(Scope, IncidentId)>;

/// What a gateway needs to start.
pub struct GatewaySettings {
    pub venue: VenueId,
    pub account: AccountId,
    pub run: RunId,
    /// A strategy is told that its start failed when it is not ready after this long.
    pub ready_within: Duration,
    /// How often orders and fills are held against the venue's.
    pub reconcile_every: Duration,
    /// How long orders may be impossible to hand over before that is a fault. They are denied at once.
    pub grace: Duration,
    /// How old data may be that is traded on, and so how long this process may have stood still.
    pub stale_after: Duration,
    pub on_standstill: OnStandstill,
    pub instruments: Vec<Instrument>,
    pub clock: Clock,
    pub faults: Faults,
    pub port: Rc<dyn OrderPort>,
    /// Tells what an instrument is that no strategy trades.
    pub market: Rc<dyn MarketPort>,
    pub on_swept: OnSwept,
    pub on_confirmed: OnConfirmed,
    pub journal: Journaling,
    /// What earlier runs have left.
    pub earlier: JournalState,
    /// What becomes of orders that earlier runs have left open.
    pub earlier_orders: RestingOrders,
    /// How far back the venue is asked for this engine's orders where no journal tells of them.
    pub look_back: Duration,
    /// What is done about orders that this engine has not placed.
    pub foreign_orders: ForeignOrders,
    /// What every order is held against.
    pub limits: RiskLimits,
    /// Assets whose balance is not held against anything.
    pub unwatched_assets: BTreeSet<Asset>,
    /// How positions are closed.
    pub flatten: FlattenSettings,
    pub alerts: Recipient<Alert>,
    /// Whether real money is traded; alerts say so.
    pub live: bool,
}

/// A desk to which nothing has happened yet.
fn desk(settings: &GatewaySettings) -> OrderDesk {
    let (board, settle_time) = (settings.faults.board(), settings.port.settle_time());
    let (venue, account, run) = (settings.venue, settings.account, settings.run);
    let mut desk = OrderDesk::new(venue, account, run, settle_time, board.clone());
    for instrument in &settings.instruments {
        desk.add_instrument(instrument.clone());
    }
    desk.set_clock_good(true);
    desk.reconcile_every(settings.reconcile_every);
    desk.foreign_policy(settings.foreign_orders);
    desk.look_back(settings.look_back);
    desk.set_limits(settings.limits.clone());
    desk.flatten_by(settings.flatten.clone());
    desk.unwatched(settings.unwatched_assets.clone());
    desk
}

/// For deliveries whose failure concerns the scope.
fn sender(scope: Scope, faults: &Faults, clock: &Clock) -> Sender {
    Sender {
        actor: "gateway",
        scope,
        faults: faults.clone(),
        clock: clock.clone(),
    }
}

/// A strategy's outlets.
struct Seat {
    order: Outlet<OrderEvent>,
    fill: Outlet<OrderFilled>,
    balances: Option<Outlet<BalancesChanged>>,
    ready: Outlet<Ready>,
    init_failed: Outlet<InitFailed>,
    readiness: Readiness,
}

/// The gateway of one account.
pub struct OrderGateway {
    desk: OrderDesk,
    port: Rc<dyn OrderPort>,
    market: Rc<dyn MarketPort>,
    clock: Clock,
    faults: Faults,
    shield: Shield,
    ready_within: Duration,
    grace: Duration,
    stale_after: Duration,
    on_standstill: OnStandstill,
    /// When this actor last ran as it does every half second.
    looked_up: Timestamp,
    /// What was received before does not count.
    awake_since: Timestamp,
    /// Since when orders cannot be handed over, and whether that was told.
    unconnected: Option<(Timestamp, bool)>,
    on_swept: OnSwept,
    on_confirmed: OnConfirmed,
    /// The newest incident for which each scope is being swept.
    sweeping: BTreeMap<Scope, IncidentId>,
    journal: Journaling,
    /// That the journal has failed was told.
    journal_told: bool,
    /// Taken over when the actor starts.
    earlier: Option<JournalState>,
    earlier_orders: RestingOrders,
    alerts: Outlet<Alert>,
    live: bool,
    seats: BTreeMap<StrategyId, Seat>,
    /// The effects of the command that is being handled; kept to reuse its memory.
    effects: Vec<Effect>,
    open_listed: bool,
    balances_known: bool,
    /// Answered when the next reconciliation has ended.
    reconciling: Vec<reconcile::Waiting>,
    /// Answered when the sweep of the engine's stop has ended.
    stopping: Vec<tokio::sync::oneshot::Sender<StopReport>>,
    /// Answered when nothing more is to be learnt about orders that the stop keeps.
    keeping: Vec<tokio::sync::oneshot::Sender<StopReport>>,
    _guard: Guard,
}

impl OrderGateway {
    #[must_use]
    pub fn new(settings: GatewaySettings) -> Self {
        let desk = desk(&settings);
        let GatewaySettings {
            account,
            ready_within,
            grace,
            stale_after,
            on_standstill,
            clock,
            faults,
            port,
            market,
            on_swept,
            on_confirmed,
            journal,
            earlier,
            earlier_orders,
            alerts,
            live,
            ..
        } = settings;
        let scope = Scope::Account(account);
        let shield = Shield {
            actor: "gateway",
            scope,
            faults: faults.clone(),
            clock: clock.clone(),
        };
        let now = clock.now();
        let sender = sender(scope, &faults, &clock);
        Self {
            desk,
            port,
            market,
            clock,
            faults,
            ready_within,
            grace,
            on_swept,
            on_confirmed,
            sweeping: BTreeMap::new(),
            journal,
            journal_told: false,
            earlier: Some(earlier),
            earlier_orders,
            alerts: sender.outlet("alert", alerts),
            live,
            _guard: shield.guard(),
            shield,
            stale_after,
            on_standstill,
            looked_up: now,
            awake_since: Timestamp::EPOCH,
            unconnected: None,
            seats: BTreeMap::new(),
            effects: Vec::new(),
            open_listed: false,
            balances_known: false,
            reconciling: Vec::new(),
            stopping: Vec::new(),
            keeping: Vec::new(),
        }
    }

    /// Gives a strategy its place. To be called before the start.
    pub fn seat(&mut self, membership: &Membership, address: &StrategyAddress) {
        let strategy = membership.strategy;
        let sender = sender(Scope::Strategy(strategy), &self.faults, &self.clock);
        let name = format!("strategy {strategy}");
        let seat = Seat {
            order: sender.outlet(&name, address.order.clone()),
            fill: sender.outlet(&name, address.fill.clone()),
            balances: address.balances.clone().map(|to| sender.outlet(&name, to)),
            ready: sender.outlet(&name, address.ready.clone()),
            init_failed: sender.outlet(&name, address.init_failed.clone()),
            readiness: Readiness::new(membership.instruments.list()),
        };
        self.desk.seat(membership.clone());
        self.seats.insert(strategy, seat);
    }

    fn raise(&self, kind: FaultKind, scope: Scope, detail: String) {
        self.faults.raise(Fault {
            kind,
            scope,
            actor: "gateway".into(),
            detail,
            at: self.clock.now(),
        });
    }
}

impl OrderGateway {
    /// A connection for orders that does not come back within the grace is a fault.
    fn check_connection(&mut self) {
        let Err(VenueError::Network(reason)) = self.port.ready() else {
            self.unconnected = None;
            return;
        };
        let now = self.clock.now();
        let (since, told) = *self.unconnected.get_or_insert((now, false));
        if !told && now.saturating_since(since) >= self.grace {
            self.unconnected = Some((since, true));
            let detail = format!(
                "orders cannot be handed over for {:?}: {reason}",
                self.grace
            );
            self.raise(
                FaultKind::Network,
                Scope::Account(self.desk.account()),
                detail,
            );
        }
    }
}

impl Actor for OrderGateway {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        if let Some(earlier) = self.earlier.take() {
            self.work(ctx, |desk, now, out| desk.restore(earlier, now, out));
        }
        self.work(ctx, |desk, _, out| desk.list_open(out));
        self.looked_up = self.clock.now();
        ctx.run_interval(TICK, |gateway, ctx| {
            gateway.look_up(ctx);
            let cancel = gateway.earlier_orders == RestingOrders::Cancel && gateway.is_waiting();
            gateway.work(ctx, |desk, now, out| {
                if cancel {
                    desk.cancel_earlier(now, out);
                }
                desk.tick(now, out);
            });
            if let Err(error) = gateway.journal.health() {
                gateway.journal_failed(&error);
            }
            gateway.check_ready();
            gateway.check_connection();
        });
        self.keep_looking_at_instruments(ctx);
        let within = self.ready_within;
        ctx.run_later(within, |gateway, _| gateway.give_up_waiting());
    }
}
