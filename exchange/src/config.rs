//! The practice exchange's configuration, as TOML. Everything has a default: an account called
//! `practice` with the key pair of the venue's own documentation, and five real-like symbols.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rust_decimal::Decimal;
use serde::Deserialize;
use thiserror::Error;
use tripline_engine::ids::{AccountId, Asset, Symbol};
use tripline_engine::money::{Notional, Price, Quantity};

use crate::config_check::ConfigFaults;
use crate::faults::FaultSpec;
use crate::limits::LimitConfig;
use crate::market::MarketConfig;
use crate::model;
use crate::wire::signature::{PublicKeyError, Verifier};

/// The example API key of the venue's documentation; everybody knows its secret.
pub const EXAMPLE_API_KEY: &str =
    "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
/// The secret to [`EXAMPLE_API_KEY`].
pub const EXAMPLE_SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

/// What a practice exchange is made of.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExchangeConfig {
    pub accounts: Vec<AccountConfig>,
    pub instruments: Vec<InstrumentConfig>,
    pub market: MarketConfig,
    pub limits: LimitConfig,
    /// Faults in force from the start.
    pub faults: Vec<FaultSpec>,
    /// Seeds everything random; the same seed and the same requests give the same exchange.
    pub seed: u64,
    /// The folder in which the exchange writes down what it does, and from which it goes on; without one it
    /// forgets at its end. Not part of the file.
    #[serde(skip)]
    pub state: Option<PathBuf>,
}

/// One account and the API keys to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    pub id: AccountId,
    #[serde(default = "default_uid")]
    pub uid: u64,
    /// Free amounts at the start and after a monthly reset.
    pub balances: BTreeMap<Asset, Decimal>,
    /// Fraction of the received amount, such as "0.001".
    #[serde(default = "default_commission")]
    pub maker_commission: Decimal,
    #[serde(default = "default_commission")]
    pub taker_commission: Decimal,
    /// Factor on the commission when it is paid in BNB, such as "0.75"; absent: not paid in BNB.
    #[serde(default)]
    pub bnb_discount: Option<Decimal>,
    #[serde(default = "yes")]
    pub can_trade: bool,
    #[serde(default)]
    pub keys: Vec<KeyConfig>,
}

/// One API key: HMAC when it has a `secret`, Ed25519 when it has a `public_key`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    pub api_key: String,
    #[serde(default)]
    pub secret: Option<String>,
    /// PEM, or the base64 of it, or the base64 of the 32 bytes.
    #[serde(default)]
    pub public_key: Option<String>,
    /// Whether the key may place and cancel orders.
    #[serde(default = "yes")]
    pub trading: bool,
}

/// One symbol; what is left out is as usual at the live venue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentConfig {
    pub base: Asset,
    pub quote: Asset,
    /// Base and quote joined, unless given.
    #[serde(default)]
    pub symbol: Option<Symbol>,
    pub tick: Price,
    pub step: Quantity,
    pub max_price: Price,
    pub max_quantity: Quantity,
    pub max_market_quantity: Quantity,
    pub min_notional: Notional,
    #[serde(default)]
    pub max_notional: Option<Notional>,
    /// Where the price starts.
    pub last_price: Price,
}

/// What is wrong with a configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("the exchange's configuration does not parse: {0}")]
    Syntax(#[from] toml::de::Error),
    #[error(transparent)]
    Faults(#[from] ConfigFaults),
    #[error(transparent)]
    Symbol(#[from] SymbolError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Market(#[from] crate::market::MarketError),
}

/// Why an instrument has no name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{base} and {quote} make no symbol: {reason}; give `symbol`")]
pub struct SymbolError {
    pub base: Asset,
    pub quote: Asset,
    pub reason: String,
}

/// Why an API key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    #[error("key '{api_key}': {source}")]
    PublicKey {
        api_key: String,
        source: PublicKeyError,
    },
    #[error("key '{api_key}' needs either `secret` (HMAC) or `public_key` (Ed25519)")]
    Kind { api_key: String },
}

fn default_uid() -> u64 {
    354_937_868
}

fn default_commission() -> Decimal {
    Decimal::new(1, 3)
}

fn yes() -> bool {
    true
}

/// The documentation's key pair, one of every asset in plenty.
fn default_accounts() -> Vec<AccountConfig> {
    let amounts = [
        ("BTC", 100),
        ("ETH", 2_000),
        ("BNB", 5_000),
        ("EOS", 100_000),
        ("USDT", 10_000_000),
    ];
    let named = |(name, amount): (&str, i64)| Some((Asset::new(name).ok()?, Decimal::from(amount)));
    let id = AccountId::new("practice").expect("a valid literal");
    let key = KeyConfig {
        api_key: EXAMPLE_API_KEY.into(),
        secret: Some(EXAMPLE_SECRET.into()),
        public_key: None,
        trading: true,
    };
    vec![AccountConfig {
        id,
        uid: default_uid(),
        balances: amounts.into_iter().filter_map(named).collect(),
        maker_commission: default_commission(),
        taker_commission: default_commission(),
        bnb_discount: None,
        can_trade: true,
        keys: vec![key],
    }]
}

/// Base, quote, tick, step, largest quantity, smallest notional and starting price of the built-in symbols.
const SYMBOLS: [[&str; 7]; 5] = [
    ["BTC", "USDT", "0.01", "0.00001", "9000", "5", "60000"],
    ["ETH", "USDT", "0.01", "0.0001", "9000", "5", "3000"],
    [
        "ETH", "BTC", "0.00001", "0.0001", "100000", "0.0001", "0.05",
    ],
    ["BNB", "USDT", "0.01", "0.001", "900000", "5", "600"],
    ["EOS", "USDT", "0.0001", "0.1", "900000", "5", "0.7"],
];

fn default_instruments() -> Vec<InstrumentConfig> {
    let read = |[base, quote, tick, step, most, notional, last]: [&str; 7]| {
        let most: Quantity = most.parse().ok()?;
        Some(InstrumentConfig {
            base: base.parse().ok()?,
            quote: quote.parse().ok()?,
            symbol: None,
            tick: tick.parse().ok()?,
            step: step.parse().ok()?,
            max_price: "1000000".parse().ok()?,
            max_quantity: most,
            max_market_quantity: Quantity::new(most.value() / Decimal::from(50)).ok()?,
            min_notional: notional.parse().ok()?,
            max_notional: None,
            last_price: last.parse().ok()?,
        })
    };
    SYMBOLS.into_iter().filter_map(read).collect()
}

impl Default for ExchangeConfig {
    fn default() -> Self {
        Self {
            accounts: default_accounts(),
            instruments: default_instruments(),
            market: MarketConfig::default(),
            limits: LimitConfig::default(),
            faults: Vec::new(),
            seed: 1,
            state: None,
        }
    }
}

impl ExchangeConfig {
    /// Reads TOML.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] for unknown keys and wrong types.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Ok(toml::from_str(text)?)
    }

    /// What the matching model starts from.
    ///
    /// # Errors
    /// [`ConfigError::Faults`].
    pub fn settings(&self) -> Result<model::Settings, ConfigError> {
        self.check()?;
        let instruments: Result<_, _> = self
            .instruments
            .iter()
            .map(InstrumentConfig::settings)
            .collect();
        Ok(model::Settings {
            instruments: instruments?,
            accounts: self.accounts.iter().map(AccountConfig::settings).collect(),
            exchange_filters: model::ExchangeFilters::default(),
            seed: self.seed,
        })
    }
}

impl AccountConfig {
    fn settings(&self) -> model::AccountSettings {
        model::AccountSettings {
            account: self.id,
            uid: self.uid,
            balances: self
                .balances
                .iter()
                .map(|(asset, amount)| (*asset, *amount))
                .collect(),
            commission: model::Commission {
                maker: self.maker_commission,
                taker: self.taker_commission,
            },
            can_trade: self.can_trade,
            bnb_discount: self
                .bnb_discount
                .map(|factor| model::BnbDiscount { factor }),
        }
    }
}

impl KeyConfig {
    /// # Errors
    /// [`KeyError`].
    pub(crate) fn verifier(&self) -> Result<Verifier, KeyError> {
        let api_key = self.api_key.clone();
        match (&self.secret, &self.public_key) {
            (Some(secret), None) => Ok(Verifier::hmac(secret)),
            (None, Some(text)) => {
                Verifier::ed25519(text).map_err(|source| KeyError::PublicKey { api_key, source })
            }
            _ => Err(KeyError::Kind { api_key }),
        }
    }
}

impl InstrumentConfig {
    /// # Errors
    /// [`SymbolError`]: base and quote make none, and none is given.
    pub fn symbol(&self) -> Result<Symbol, SymbolError> {
        let joined = Symbol::new(&format!("{}{}", self.base, self.quote));
        self.symbol.map_or(joined, Ok).map_err(|error| SymbolError {
            base: self.base,
            quote: self.quote,
            reason: error.to_string(),
        })
    }

    pub(crate) fn max_notional(&self) -> Notional {
        self.max_notional.unwrap_or_else(most_notional)
    }

    fn settings(&self) -> Result<model::InstrumentSettings, ConfigError> {
        let symbol = self.symbol()?;
        let grid = model::Grid {
            tick: self.tick,
            max_price: self.max_price,
            step: self.step,
            max_quantity: self.max_quantity,
            max_market_quantity: self.max_market_quantity,
            min_notional: self.min_notional,
            max_notional: self.max_notional(),
        };
        let mut settings = model::InstrumentSettings::usual(self.base, self.quote, symbol, &grid);
        settings.last_price = Some(self.last_price);
        Ok(settings)
    }
}

fn most_notional() -> Notional {
    Notional::new(Decimal::from(9_000_000)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_has_the_documentations_key_and_five_symbols() {
        let config = ExchangeConfig::from_toml("").unwrap();
        assert_eq!(config.accounts[0].keys[0].api_key, EXAMPLE_API_KEY);
        assert_eq!(config.accounts[0].balances.len(), 5);
        let settings = config.settings().unwrap();
        let names: Vec<_> = settings
            .instruments
            .iter()
            .map(|one| one.symbol.to_string())
            .collect();
        assert_eq!(
            names,
            ["BTCUSDT", "ETHUSDT", "ETHBTC", "BNBUSDT", "EOSUSDT"]
        );
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_name() {
        let error = ExchangeConfig::from_toml("[limits]\nwieght_per_minute = 5").unwrap_err();
        assert!(error.to_string().contains("wieght_per_minute"), "{error}");
    }

    #[test]
    fn a_whole_exchange_can_be_written_down() {
        let text = r#"
            seed = 7
            [[accounts]]
            id = "main"
            balances = { BTC = "1.5", USDT = "100000" }
            maker_commission = "0.0002"
            bnb_discount = "0.75"
            keys = [
                { api_key = "hmac", secret = "s" },
                { api_key = "ed", public_key = "MCowBQYDK2VwAyEAgmDRTtj2FA+wzJUIlAL9ly1eovjLBu7uXUFR+jFULmg=", trading = false },
            ]
            [[instruments]]
            base = "BTC"
            quote = "USDT"
            tick = "0.01"
            step = "0.00001"
            max_price = "1000000"
            max_quantity = "9000"
            max_market_quantity = "100"
            min_notional = "5"
            last_price = "60000"
            [market.synthetic]
            updates_per_second = 50.0
            [limits]
            orders_per_10_seconds = 10
            [[faults]]
            kind = "timeout"
            operation = "order.place"
            ms = 500
        "#;
        let config = ExchangeConfig::from_toml(text).unwrap();
        let settings = config.settings().unwrap();
        assert_eq!(
            settings.accounts[0].bnb_discount.map(|one| one.factor),
            Some(Decimal::new(75, 2))
        );
        assert!(
            config.accounts[0]
                .keys
                .iter()
                .all(|key| key.verifier().is_ok())
        );
        assert_eq!(
            (config.faults.len(), config.limits.orders_per_10_seconds),
            (1, 10)
        );
    }
}
