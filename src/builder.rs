//! [`Tripline::builder`]: compose an engine of your own strategies, without forking.

use std::rc::Rc;

use thiserror::Error;
use tripline_actors::addresses::{GatewayAddress, StrategyAddress};
use tripline_actors::alert::{Channel, ChannelConfig};
use tripline_actors::clock::Clock;
use tripline_actors::faults::{Faults, LastResort, end_process};
use tripline_actors::venue::Venue;
use tripline_actors::venue::binance::{ApiCredentials, Binance, BinanceSettings};
use tripline_actors::watchdog::OnStuck;
use tripline_engine::halt::Gate;
use tripline_engine::ids::{AccountId, IdError, OrderIds, StrategyId, Symbol};
use tripline_engine::journal::JournalError;
use tripline_engine::ports::VenueError;
use tripline_engine::risk::Unlimited;
use tripline_engine::strategy::{Strategy, Subscription};

use crate::alerting::{Alerting, ControlConfig};
use crate::memory::Memory;
use crate::running::{ExitReport, Running};
use crate::settings::EngineSettings;
use crate::wiring;

/// Why an engine did not start. Nothing was placed.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("no strategy was given: add one with .strategy(id, …)")]
    NoStrategy,
    #[error("strategy id '{0}' is given twice: each strategy needs its own")]
    StrategyTwice(StrategyId),
    #[error(transparent)]
    Id(#[from] IdError),
    /// Real money is not traded without limits.
    #[error("live trading needs limits: {}", told(.0))]
    Unlimited(Vec<Unlimited>),
    #[error("the venue cannot be reached as configured: {0}")]
    Venue(String),
    #[error("{what}: {error}")]
    Asking {
        what: &'static str,
        error: VenueError,
    },
    #[error("instrument {0} is not known to the venue")]
    UnknownInstrument(Symbol),
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    #[error("alert channels: {0}")]
    Alerts(String),
    #[error("control: {0}")]
    Control(String),
    #[error("{actor} did not start: {detail}")]
    Actor { actor: &'static str, detail: String },
    #[error("the runtime cannot be started: {0}")]
    Runtime(#[from] std::io::Error),
}

fn told(lacking: &[Unlimited]) -> String {
    let lacking: Vec<_> = lacking.iter().map(ToString::to_string).collect();
    lacking.join("; ")
}

/// What a bare actor gets to trade with.
pub struct BareWiring {
    pub strategy: StrategyId,
    pub account: AccountId,
    /// Where its commands go.
    pub gateway: GatewayAddress,
    /// Makes its client order ids; the gateway takes each once.
    pub ids: OrderIds,
    /// What it may do at this moment. The gateway looks at it too, whatever the actor does.
    pub gate: Gate,
    pub faults: Faults,
    pub clock: Clock,
}

pub(crate) type StartBare = Box<dyn FnOnce(BareWiring) -> StrategyAddress>;

pub(crate) enum Trader {
    Hosted(Box<dyn Strategy>),
    Bare {
        subscriptions: Vec<Subscription>,
        start: StartBare,
    },
}

pub(crate) type MakeVenue = Box<dyn FnOnce(&Clock) -> Result<Rc<dyn Venue>, StartError>>;

/// Makes a channel on the arbiter on which it is to live.
pub(crate) type MakeChannel = Box<dyn FnOnce() -> Rc<dyn Channel> + Send>;

/// Where the actors live that may be slow: safety and alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// On an arbiter of their own, so that nothing slow stands between a tick and its order.
    #[default]
    Apart,
    /// On the caller's arbiter with all others: a simulation's virtual time is one arbiter's.
    Together,
}

/// The entry point for teams.
#[derive(Debug, Clone, Copy)]
pub struct Tripline;

impl Tripline {
    #[must_use]
    pub fn builder(settings: EngineSettings) -> Builder {
        Builder {
            settings,
            venue: None,
            channels: Vec::new(),
            own_channels: Vec::new(),
            alerting: Alerting::default(),
            control: ControlConfig::default(),
            traders: Vec::new(),
            last_resort: None,
            on_stuck: None,
            placement: Placement::default(),
            clock: None,
            memory: Memory::default(),
        }
    }
}

/// An engine in the making.
pub struct Builder {
    pub(crate) settings: EngineSettings,
    pub(crate) venue: Option<MakeVenue>,
    pub(crate) channels: Vec<ChannelConfig>,
    pub(crate) own_channels: Vec<MakeChannel>,
    pub(crate) alerting: Alerting,
    pub(crate) control: ControlConfig,
    pub(crate) traders: Vec<(StrategyId, Trader)>,
    pub(crate) last_resort: Option<LastResort>,
    pub(crate) on_stuck: Option<OnStuck>,
    pub(crate) placement: Placement,
    pub(crate) clock: Option<Clock>,
    pub(crate) memory: Memory,
}

impl Builder {
    /// Trades on Binance Spot, or on what speaks its protocol.
    #[must_use]
    pub fn binance(self, settings: BinanceSettings, credentials: ApiCredentials) -> Self {
        self.venue(
            move |clock| match Binance::new(settings, &credentials, clock.clone()) {
                Ok(venue) => Ok(Rc::new(venue)),
                Err(error) => Err(StartError::Venue(error.to_string())),
            },
        )
    }

    /// Trades on a venue of your own.
    #[must_use]
    pub fn venue(
        mut self,
        make: impl FnOnce(&Clock) -> Result<Rc<dyn Venue>, StartError> + 'static,
    ) -> Self {
        self.venue = Some(Box::new(make));
        self
    }

    /// Adds a strategy. The id goes into every client order id.
    ///
    /// # Errors
    /// [`IdError`] for an id that does not fit.
    pub fn strategy(self, id: &str, strategy: impl Strategy + 'static) -> Result<Self, IdError> {
        self.boxed_strategy(id, Box::new(strategy))
    }

    /// Adds a strategy that is already boxed, as the registry makes them.
    ///
    /// # Errors
    /// [`IdError`] for an id that does not fit.
    pub fn boxed_strategy(self, id: &str, strategy: Box<dyn Strategy>) -> Result<Self, IdError> {
        Ok(self.hosted(StrategyId::new(id)?, strategy))
    }

    pub(crate) fn hosted(mut self, id: StrategyId, strategy: Box<dyn Strategy>) -> Self {
        self.traders.push((id, Trader::Hosted(strategy)));
        self
    }

    /// Adds a bare Actix actor. `start` starts it on the trading arbiter and tells which messages it
    /// takes; it receives the market data that it subscribes to and the events of its own orders.
    ///
    /// # Errors
    /// [`IdError`] for an id that does not fit.
    pub fn strategy_actor(
        mut self,
        id: &str,
        subscriptions: Vec<Subscription>,
        start: impl FnOnce(BareWiring) -> StrategyAddress + 'static,
    ) -> Result<Self, IdError> {
        let trader = Trader::Bare {
            subscriptions,
            start: Box::new(start),
        };
        self.traders.push((StrategyId::new(id)?, trader));
        Ok(self)
    }

    /// Adds an alert channel. Without any, alerts go to the log.
    #[must_use]
    pub fn alert(mut self, channel: ChannelConfig) -> Self {
        self.channels.push(channel);
        self
    }

    /// Adds an alert channel of your own. It is made where it will live, on the arbiter of the alerts.
    #[must_use]
    pub fn alert_channel(
        mut self,
        make: impl FnOnce() -> Rc<dyn Channel> + Send + 'static,
    ) -> Self {
        self.own_channels.push(Box::new(make));
        self
    }

    /// The language of alerts, signs of life and the ping. Without it nothing is told without a cause.
    #[must_use]
    pub fn alerting(mut self, alerting: Alerting) -> Self {
        self.alerting = alerting;
        self
    }

    /// Where the running engine takes commands; without it, nowhere.
    #[must_use]
    pub fn control(mut self, control: ControlConfig) -> Self {
        self.control = control;
        self
    }

    /// Where safety and alerts live.
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// The clock, instead of the system's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Remembers in a journal, and goes on from what earlier runs have left in it.
    #[must_use]
    pub fn memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// What to do with a fault that reaches nobody, instead of ending the process.
    #[must_use]
    pub fn last_resort(mut self, last_resort: LastResort) -> Self {
        self.last_resort = Some(last_resort);
        self
    }

    /// What to do when what tells a person is stuck, or everything, instead of saying so and, where it is hopeless,
    /// ending the process.
    #[must_use]
    pub fn on_stuck(mut self, on_stuck: OnStuck) -> Self {
        self.on_stuck = Some(on_stuck);
        self
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        if self.traders.is_empty() {
            return Err(StartError::NoStrategy);
        }
        let mut ids: Vec<_> = self.traders.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => return Err(StartError::StrategyTwice(pair[0])),
            None if !self.settings.live => return Ok(()),
            None => {}
        }
        let limited = self.settings.risk.check_live(ids);
        limited.map_err(StartError::Unlimited)
    }

    pub(crate) fn take_last_resort(&mut self) -> LastResort {
        self.last_resort
            .take()
            .unwrap_or_else(|| std::sync::Arc::new(end_process))
    }

    /// Starts the engine on the arbiter of the caller, which becomes its trading arbiter.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(self) -> Result<Running, StartError> {
        wiring::start(self).await
    }

    /// Runs the engine until SIGINT or SIGTERM, then stops it in order.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn run(self) -> Result<ExitReport, StartError> {
        actix_rt::System::new().block_on(async move {
            let running = self.start().await?;
            Running::until_signal().await;
            Ok(running.stop().await)
        })
    }
}
