//! The configuration: TOML, typed, without unknown keys. [`parse`] reports every fault at once and never
//! panics, whatever the text; [`Config::outside`] looks at what stands outside the text (environment
//! variables and files).

mod collect;
mod document;
mod fault;
mod halts;
mod limits;
mod raw;
mod registry;
mod resolve;
mod secrets;
mod telling;
#[cfg(test)]
mod tests;

use std::path::Path;

use thiserror::Error;
use toml::de::DeValue;
use tripline_actors::alert::{ChannelConfig, SecretError, SecretSource};
use tripline_actors::venue::binance::settings::{ApiCredentials, BinanceSettings, KeyKind};
use tripline_engine::ids::StrategyId;

use crate::alerting::{Alerting, ControlConfig};
use crate::settings::EngineSettings;
use document::Document;

pub use fault::{ConfigFault, ConfigFaults};
pub use raw::{JournalConfig, LogLevel};
pub use registry::build;

/// The configuration that `tripline init` writes.
pub const EXAMPLE: &str = include_str!("example.toml");

/// Everything that `tripline run` starts from.
#[derive(Debug, Clone)]
pub struct Config {
    pub engine: EngineSettings,
    pub venue: BinanceSettings,
    pub keys: Keys,
    pub strategies: Vec<StrategyConfig>,
    pub alerts: Vec<ChannelConfig>,
    pub alerting: Alerting,
    pub control: ControlConfig,
    pub watch: WatchConfig,
    pub journal: JournalConfig,
    /// SHA-256 of the text, in hexadecimal.
    pub hash: String,
    /// What is logged when `RUST_LOG` says nothing.
    pub log_level: LogLevel,
    pointers: Vec<secrets::Pointer>,
}

/// What `tripline watch` goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchConfig {
    /// Without a sign of life for so long, everything open on the account is cancelled.
    pub silent_after: std::time::Duration,
    /// Of its own key.
    pub key_kind: Option<KeyKind>,
    /// A key of its own; without one it takes the account's.
    pub keys: Option<Keys>,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            silent_after: std::time::Duration::from_secs(10),
            key_kind: None,
            keys: None,
        }
    }
}

/// One strategy as configured; the table was taken by the strategy of that kind.
#[derive(Debug, Clone, PartialEq)]
pub struct StrategyConfig {
    pub id: StrategyId,
    pub kind: String,
    pub config: toml::Table,
}

/// Where the API key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// The practice exchange's example key, which everybody knows; on this machine only.
    Practice,
    Given {
        api_key: SecretSource,
        secret: SecretSource,
    },
}

impl Keys {
    /// Reads the key and its secret.
    ///
    /// # Errors
    /// [`SecretError`] saying where it was sought.
    pub fn read(&self) -> Result<ApiCredentials, SecretError> {
        match self {
            Self::Practice => Ok(ApiCredentials {
                api_key: tripline_exchange::EXAMPLE_API_KEY.into(),
                secret: tripline_exchange::EXAMPLE_SECRET.into(),
            }),
            Self::Given { api_key, secret } => Ok(ApiCredentials {
                api_key: api_key.resolve()?,
                secret: secret.resolve()?,
            }),
        }
    }
}

/// What a configuration needs from outside its text and does not find.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// Environment variables that are not set in this process; the engine cannot start without them.
    pub unset: Vec<ConfigFault>,
    /// Files that are missing, unreadable or open to others, and secrets that are empty.
    pub faults: Vec<ConfigFault>,
}

impl Config {
    /// Looks for every secret and file that the configuration points to.
    #[must_use]
    pub fn outside(&self) -> Outside {
        let mut outside = Outside::default();
        for pointer in &self.pointers {
            match secrets::look(pointer) {
                Ok(()) => {}
                Err((fault, true)) => outside.unset.push(fault),
                Err((fault, false)) => outside.faults.push(fault),
            }
        }
        if let Some(path) = &self.venue.extra_ca_file
            && let Err(error) = std::fs::File::open(path)
        {
            let problem = format!("{} cannot be read: {error}", path.display());
            let fault = ConfigFault::new("venue.extra_ca_file", problem);
            outside
                .faults
                .push(fault.advise("name the PEM file of a certificate authority"));
        }
        outside
    }
}

/// Why a configuration file gives no configuration.
#[derive(Debug, Error)]
pub enum LoadError {
    #[error("{path} cannot be read: {error}; 'tripline init' writes one to begin with")]
    Unreadable { path: String, error: std::io::Error },
    #[error("{path}:\n{faults}")]
    Faults { path: String, faults: ConfigFaults },
}

/// Reads and checks a configuration file.
///
/// # Errors
/// [`LoadError`].
pub fn load(file: &Path) -> Result<Config, LoadError> {
    let path = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| LoadError::Unreadable {
        path: path.clone(),
        error,
    })?;
    parse(&text).map_err(|faults| LoadError::Faults { path, faults })
}

/// Reads and checks a configuration, without a look at anything but the text.
///
/// # Errors
/// [`ConfigFaults`]: all of them, in the order of the text.
pub fn parse(text: &str) -> Result<Config, ConfigFaults> {
    let (document, syntax) = Document::parse(text);
    let (raw, mut found) = collect::collect::<raw::Raw>(&document);
    for fault in &mut found {
        if secrets::may_hold_secret(&fault.key) {
            fault.problem = secrets::redact(&fault.problem);
        }
        if fault
            .advice
            .as_deref()
            .is_some_and(|advice| advice.ends_with("known are env, file"))
        {
            fault.advice = Some(secrets::ADVICE.into());
        }
    }
    let mut faults = secrets::inline(&document);
    faults.extend(secrets::bad_names(&secrets::pointers(&document)));
    faults.extend(floats(&document));
    let config = raw.and_then(|raw| {
        let (config, wrong) = resolve::resolve(raw, &document);
        found.extend(wrong);
        config
    });
    // What is a misplaced secret or a float needs no second complaint, least of all one that shows it.
    found.retain(|later| !faults.iter().any(|first| first.key == later.key));
    faults.extend(found);
    if !syntax.is_empty() {
        // What the parser stumbled over makes other keys look missing.
        faults.retain(|fault| fault.problem != "is missing");
        faults.extend(syntax);
    }
    match config {
        Some(config) if faults.is_empty() => Ok(Config {
            hash: sha256(text),
            ..config
        }),
        _ if faults.is_empty() => Err(ConfigFaults::of(vec![ConfigFault::new(
            "",
            "this is no configuration",
        )])),
        _ => Err(ConfigFaults::of(faults)),
    }
}

fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let bytes = digest.as_ref().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// No setting is a binary fraction: those are never exactly what was written.
fn floats(document: &Document<'_>) -> Vec<ConfigFault> {
    let floats = document
        .values()
        .filter(|(_, value)| matches!(value, DeValue::Float(_)));
    let fault = |(path, value): (&document::Path, &DeValue<'_>)| {
        let key = path.to_string();
        let line = document.line(&key);
        let written = value
            .as_float()
            .map(|float| float.as_str().to_owned())
            .unwrap_or_default();
        ConfigFault::new(
            key,
            format!("{written} is a binary fraction, which is not exactly what was written"),
        )
        .advise(format!("write it in quotes: \"{written}\""))
        .at(line)
    };
    floats.map(fault).collect()
}
