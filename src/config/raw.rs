//! The configuration file as it is written. What can be left out has its default; what cannot is an
//! `Option`, so that every missing key is reported and not the first.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use rust_decimal::Decimal;
use serde::Deserialize;
use tripline_actors::alert::{ChannelConfig, Language, SecretSource};
use tripline_actors::venue::binance::settings::{BinanceSettings, KeyKind};
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::HaltLevel;
use tripline_engine::ids::{AccountId, Asset, StrategyId};
use tripline_engine::journal::Durability;
use tripline_engine::messages::control::{ForeignOrders, RestingOrders};
use tripline_engine::risk::RiskTable;
use tripline_strategies::config::Period;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) live: bool,
    pub(super) venue: Option<BinanceSettings>,
    pub(super) account: RawAccount,
    pub(super) halt: BTreeMap<FaultKind, RawReaction>,
    pub(super) risk: RiskTable,
    pub(super) flatten: RawFlatten,
    pub(super) timeouts: RawTimeouts,
    pub(super) market_data: RawMarketData,
    pub(super) restart: RawRestart,
    pub(super) stop: RawStop,
    pub(super) journal: JournalConfig,
    pub(super) strategy: Vec<RawStrategy>,
    pub(super) alert: Vec<ChannelConfig>,
    pub(super) alerting: RawAlerting,
    pub(super) control: RawControl,
    pub(super) watch: RawWatch,
    pub(super) log: RawLog,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAccount {
    pub(super) id: Option<AccountId>,
    pub(super) key_kind: KeyKind,
    pub(super) api_key: Option<SecretSource>,
    pub(super) secret: Option<SecretSource>,
    pub(super) foreign_orders: Option<ForeignOrders>,
    pub(super) unwatched_assets: BTreeSet<Asset>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawReaction {
    pub(super) level: Option<HaltLevel>,
    pub(super) resting_orders: Option<RestingOrders>,
    pub(super) scope: Option<RawScope>,
    pub(super) resume: Option<RawResume>,
    pub(super) after: Option<Period>,
}

/// Whom a fault concerns beyond the scope that it is raised for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawScope {
    Account,
    All,
}

/// Who lifts a halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawResume {
    Person,
    Auto,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawFlatten {
    pub(super) collar_percent: Option<Decimal>,
    pub(super) attempts: Option<u32>,
    pub(super) within: Option<Period>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTimeouts {
    pub(super) stale_after: Option<Period>,
    pub(super) fault_after: Option<Period>,
    pub(super) private_stream_grace: Option<Period>,
    pub(super) reconcile_every: Option<Period>,
    pub(super) ready_within: Option<Period>,
    pub(super) clock_every: Option<Period>,
    pub(super) stuck_after: Option<Period>,
    pub(super) stop_within: Option<Period>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMarketData {
    pub(super) snapshot_levels: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRestart {
    pub(super) open_orders: Option<RestingOrders>,
    pub(super) look_back: Option<Period>,
}

/// Where the engine remembers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// The SQLite database; further files beside it bear its name with something added.
    pub file: PathBuf,
    /// What a record that was written survives.
    pub durability: Durability,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            file: "tripline.journal".into(),
            durability: Durability::default(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStop {
    pub(super) resting_orders: Option<RestingOrders>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStrategy {
    pub(super) id: Option<StrategyId>,
    pub(super) kind: Option<String>,
    pub(super) config: toml::Table,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAlerting {
    pub(super) language: Language,
    pub(super) test_at_start: Option<bool>,
    pub(super) daily: Option<String>,
    pub(super) ping: Option<RawPing>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPing {
    pub(super) url: Option<SecretSource>,
    pub(super) every: Option<Period>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawControl {
    pub(super) socket: Option<PathBuf>,
    pub(super) address: Option<SocketAddr>,
    pub(super) token: Option<SecretSource>,
    pub(super) halt_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWatch {
    pub(super) silent_after: Option<Period>,
    pub(super) key_kind: Option<KeyKind>,
    pub(super) api_key: Option<SecretSource>,
    pub(super) secret: Option<SecretSource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    pub(super) level: Option<LogLevel>,
}

/// How much is logged; `RUST_LOG` says it in more detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl From<LogLevel> for log::LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => Self::Off,
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}
