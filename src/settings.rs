//! What an engine is started with, whichever way it was configured.

use std::collections::BTreeSet;
use std::time::Duration;

use tripline_engine::desk::FlattenSettings;
use tripline_engine::halt::HaltPolicy;
use tripline_engine::ids::{AccountId, Asset};
use tripline_engine::messages::control::{ForeignOrders, RestingOrders};
use tripline_engine::risk::RiskLimits;

/// Settings of one engine: one account at one venue, any number of strategies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    pub account: AccountId,
    /// Whether real money is traded; alerts and the summary say so.
    pub live: bool,
    /// What each fault kind does; what is not listed halts and cancels.
    pub policy: HaltPolicy,
    /// Without market data for this long, nothing is placed on the instrument.
    pub stale_after: Duration,
    /// Without market data for this long, the instrument is halted and a person is told.
    pub fault_after: Duration,
    /// The private stream may be down for this long before that is a fault. Orders are refused at once.
    pub private_stream_grace: Duration,
    /// How often orders and fills are held against the venue's.
    pub reconcile_every: Duration,
    /// A strategy that is not ready after this long has failed to start.
    pub ready_within: Duration,
    /// How often the clock is measured against the venue's.
    pub clock_every: Duration,
    /// Levels a side that are asked for when a book is built.
    pub snapshot_levels: u16,
    /// What becomes of orders that earlier runs have left open: kept for their strategies, or cancelled
    /// before any strategy begins.
    pub earlier_orders: RestingOrders,
    /// How far back the venue is asked for this engine's orders when there is no journal to tell of them: after
    /// one was lost. At most 30 days; zero asks for open ones only.
    pub look_back: Duration,
    /// What is done about orders on the account that this engine has not placed.
    pub foreign_orders: ForeignOrders,
    /// Assets that move without word of the venue, such as those of a product that earns interest: their
    /// balances are not held against anything.
    pub unwatched_assets: BTreeSet<Asset>,
    /// What every order is held against. With `live`, a start is refused without a largest order, a largest position
    /// or exposure, and a loss at which each strategy is halted ([`RiskLimits::check_live`]).
    pub risk: RiskLimits,
    /// How positions are closed when a halt flattens.
    pub flatten: FlattenSettings,
    /// What becomes of resting orders when the engine stops.
    pub resting_orders: RestingOrders,
    /// An arbiter that has not run for so long is stuck: what it holds up is halted, and a person told.
    pub stuck_after: Duration,
    /// How long a stop waits for the cancels to be confirmed and the alerts to be delivered. An order whose
    /// placement was lost takes up to 22 seconds to be cleared up.
    pub stop_within: Duration,
}

impl EngineSettings {
    /// The defaults for an account: strict halts, the limits of practice, cancel at the stop.
    #[must_use]
    pub fn of(account: AccountId) -> Self {
        Self {
            account,
            live: false,
            policy: HaltPolicy::default(),
            stale_after: Duration::from_secs(3),
            fault_after: Duration::from_secs(10),
            private_stream_grace: Duration::from_secs(5),
            reconcile_every: Duration::from_secs(60),
            ready_within: Duration::from_secs(30),
            clock_every: Duration::from_secs(60),
            snapshot_levels: 1000,
            earlier_orders: RestingOrders::Keep,
            look_back: Duration::from_secs(7 * 86_400),
            foreign_orders: ForeignOrders::Ignore,
            unwatched_assets: BTreeSet::new(),
            risk: RiskLimits::practice(),
            flatten: FlattenSettings::default(),
            resting_orders: RestingOrders::Cancel,
            stuck_after: Duration::from_secs(2),
            stop_within: Duration::from_secs(30),
        }
    }
}
