//! What is simulated: the shipped strategies, those of a configuration, or those of a program of your own.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use tripline_actors::venue::binance::settings::{BinanceSettings, OrderTransport};
use tripline_engine::ids::{AccountId, StrategyId, Symbol};
use tripline_engine::strategy::{Strategy, Subscription};
use tripline_exchange::{ConfigFaults, ExchangeConfig};
use tripline_strategies::registry;

use super::engine::{MakeStrategies, venue};
use super::hand::Hand;
use super::schedule::Schedule;
use crate::config::{self, Config};
use crate::practice::moved;
use crate::settings::EngineSettings;

/// Strategies with their ids, as one start of the engine gets them.
pub type Strategies = Vec<(StrategyId, Box<dyn Strategy>)>;

type Make = Arc<dyn Fn() -> Result<Strategies, String> + Send + Sync>;

/// Strategies, and the engine and the exchange that they run on.
pub struct Subject {
    pub(super) settings: EngineSettings,
    venue: Option<BinanceSettings>,
    pub(super) exchange: ExchangeConfig,
    make: Make,
    /// A strategy that does anything trades beside them.
    pub(super) with_hand: bool,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Subject {
    /// Strategies of your own: `make` makes them anew for each start of the engine, the same each time.
    ///
    /// ```
    /// use tripline::settings::EngineSettings;
    /// use tripline::simulate::{Subject, simulate};
    /// # use tripline_engine::strategy::{Strategy, Subscription};
    /// # struct Mine;
    /// # impl Strategy for Mine {
    /// #     fn subscriptions(&self) -> Vec<Subscription> {
    /// #         vec![Subscription::Best("BTCUSDT".parse().expect("a symbol"))]
    /// #     }
    /// # }
    ///
    /// let settings = EngineSettings::of("main".parse().expect("an id"));
    /// let subject = Subject::new(settings, || {
    ///     Ok(vec![("mine".parse().expect("an id"), Box::new(Mine))])
    /// });
    /// let outcome = simulate(&subject, 7, false);
    /// assert!(outcome.wrong.is_empty(), "{:?}", outcome.wrong);
    /// ```
    #[must_use]
    pub fn new(
        settings: EngineSettings,
        make: impl Fn() -> Result<Strategies, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            settings,
            venue: None,
            exchange: light_exchange(),
            make: Arc::new(make),
            with_hand: false,
        }
    }

    /// The strategies of the demo, and one that does anything.
    #[must_use]
    pub fn shipped() -> Self {
        let account = AccountId::new("practice").expect("the name keeps the rule of ids");
        let mut subject = Self::new(EngineSettings::of(account), shipped);
        subject.with_hand = true;
        subject
    }

    /// The strategies, settings and bounds of a configuration. Its venue, keys, alert channels and journal are
    /// not used.
    #[must_use]
    pub fn of(config: Config) -> Self {
        let Config {
            mut engine,
            venue,
            strategies,
            ..
        } = config;
        engine.live = false;
        let make = move || {
            strategies
                .iter()
                .map(|one| match config::build(one) {
                    Ok(strategy) => Ok((one.id, strategy)),
                    Err(fault) => Err(fault.to_string()),
                })
                .collect()
        };
        Self {
            venue: Some(venue),
            ..Self::new(engine, make)
        }
    }

    /// The exchange to trade on, with its instruments, market and account. The engine trades on its first
    /// account.
    #[must_use]
    pub fn on(mut self, exchange: ExchangeConfig) -> Self {
        self.exchange = exchange;
        self
    }

    /// Looks for what would keep every seed from running.
    ///
    /// # Errors
    /// A strategy that cannot be made, no strategy, an instrument that the exchange does not list, an exchange
    /// that cannot work.
    pub fn check(&self) -> Result<(), String> {
        let strategies = (self.make)()?;
        if strategies.is_empty() {
            return Err("there is no strategy".into());
        }
        for (id, strategy) in &strategies {
            let subscriptions = strategy.subscriptions();
            let mut symbols = subscriptions.iter().map(Subscription::symbol);
            if let Some(unknown) = symbols.find(|symbol| !self.lists(*symbol)) {
                return Err(format!(
                    "strategy {id} follows {unknown}, which the exchange does not list: add it to the instruments of \
                     an exchange's configuration and give that file with --exchange"
                ));
            }
        }
        if self.exchange.accounts.is_empty() {
            return Err("the exchange has no account".into());
        }
        self.exchange
            .check()
            .map_err(|faults: ConfigFaults| faults.to_string())
    }

    /// What the strategies follow.
    fn symbols(&self) -> BTreeSet<Symbol> {
        let strategies = (self.make)().unwrap_or_default();
        let subscriptions = strategies.iter().map(|(_, one)| one.subscriptions());
        subscriptions
            .flat_map(|all| all.iter().map(Subscription::symbol).collect::<Vec<_>>())
            .collect()
    }

    fn lists(&self, symbol: Symbol) -> bool {
        let mut instruments = self.exchange.instruments.iter();
        instruments.any(|one| one.symbol().is_ok_and(|listed| listed == symbol))
    }

    /// The exchange of one seed, with the example key for its first account.
    pub(super) fn exchange_of(&self, seed: u64) -> ExchangeConfig {
        let mut config = self.exchange.clone();
        config.seed = seed;
        let followed = self.symbols();
        config
            .instruments
            .retain(|one| one.symbol().is_ok_and(|symbol| followed.contains(&symbol)));
        let example = ExchangeConfig::default().accounts.into_iter().next();
        if let (Some(account), Some(example)) = (config.accounts.first_mut(), example) {
            account.keys = example.keys;
        }
        config
    }

    /// The settings of one seed: those that are given, or for the shipped strategies with what the seed has drawn.
    pub(super) fn settings_of(&self, schedule: &Schedule) -> EngineSettings {
        let mut settings = self.settings.clone();
        if self.with_hand {
            settings.policy = schedule.policy.clone();
        }
        settings
    }

    /// How the exchange is reached: as configured, or as the seed has drawn it.
    pub(super) fn venue_of(&self, drawn: OrderTransport) -> BinanceSettings {
        let here = venue();
        match self.venue.clone() {
            None => BinanceSettings {
                order_transport: drawn,
                ..here
            },
            Some(configured) => moved(configured, here),
        }
    }

    /// Makes the strategies for each start of the engine.
    pub(super) fn strategies(&self, schedule: &Schedule) -> Box<MakeStrategies> {
        let (make, with_hand) = (self.make.clone(), self.with_hand);
        let (pace, seed) = (schedule.pace, schedule.seed);
        Box::new(move |generation| {
            let mut made = make()?;
            if with_hand {
                let seed = seed.wrapping_mul(31).wrapping_add(u64::from(generation));
                let symbol = Symbol::new("ETHUSDT").expect("a valid literal");
                let id = StrategyId::new("hand").expect("a valid literal");
                made.push((id, Box::new(Hand::new(symbol, pace, seed))));
            }
            Ok(made)
        })
    }
}

fn shipped() -> Result<Strategies, String> {
    let strategies = crate::demo::STRATEGIES.iter();
    strategies
        .map(|(id, kind, config)| {
            let id = id.parse().expect("the demo's ids keep their rule");
            let config = config.parse().expect("the demo's configuration is TOML");
            match registry::build(kind, config) {
                Ok(strategy) => Ok((id, strategy)),
                Err(error) => Err(error.to_string()),
            }
        })
        .collect()
}

/// A market that moves enough to trade on, and no more: most of a run's cost is the market.
fn light_exchange() -> ExchangeConfig {
    let mut config = ExchangeConfig::default();
    config.market.synthetic.updates_per_second = 2.0;
    config.market.synthetic.trades_per_second = 1.5;
    config.market.synthetic.trade_value = 15_000.0;
    config.market.synthetic.levels = 25;
    config
}
