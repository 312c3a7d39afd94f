//! The strategies by the name of their kind.

use thiserror::Error;
use toml::Table;
use tripline_engine::strategy::Strategy;

use crate::config::{self, ConfigFault, Configuration};
use crate::dynamic_quote::{self, DynamicQuote};
use crate::spread_maker::{self, SpreadMaker};

/// One line per strategy.
const STRATEGIES: [Entry; 2] = [
    Entry::new::<dynamic_quote::Config>("dynamic_quote", |table| {
        make(table, |config| Box::new(DynamicQuote::new(config)))
    }),
    Entry::new::<spread_maker::Config>("spread_maker", |table| {
        make(table, |config| Box::new(SpreadMaker::new(config)))
    }),
];

static KINDS: [&str; STRATEGIES.len()] = {
    let mut kinds = [""; STRATEGIES.len()];
    let mut at = 0;
    while at < STRATEGIES.len() {
        kinds[at] = STRATEGIES[at].kind;
        at += 1;
    }
    kinds
};

type Made = Result<Box<dyn Strategy>, Vec<ConfigFault>>;

struct Entry {
    kind: &'static str,
    example: &'static str,
    make: fn(Table) -> Made,
}

impl Entry {
    const fn new<C: Configuration>(kind: &'static str, make: fn(Table) -> Made) -> Self {
        Self {
            kind,
            example: C::EXAMPLE,
            make,
        }
    }
}

fn make<C: Configuration>(table: Table, new: fn(C) -> Box<dyn Strategy>) -> Made {
    config::read(table).map(new)
}

/// Why no strategy could be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegistryError {
    #[error("there is no strategy '{kind}'; there are: {}", kinds().join(", "))]
    UnknownKind { kind: String },
    /// Everything that is wrong with the configuration.
    #[error("configuration of {kind}: {}", listed(faults))]
    Config {
        kind: String,
        faults: Vec<ConfigFault>,
    },
}

impl RegistryError {
    /// The error of a configuration that is no TOML at all.
    #[must_use]
    pub fn from_toml(kind: &str, error: &toml::de::Error) -> Self {
        Self::Config {
            kind: kind.to_owned(),
            faults: vec![ConfigFault::new("", error.message())],
        }
    }
}

fn listed(faults: &[ConfigFault]) -> String {
    let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

fn entry(kind: &str) -> Option<&'static Entry> {
    const ENTRIES: &[Entry] = &STRATEGIES;
    ENTRIES.iter().find(|entry| entry.kind == kind)
}

/// The kinds there are, as configurations name them.
#[must_use]
pub fn kinds() -> &'static [&'static str] {
    &KINDS
}

/// A configuration of the kind to begin with, as TOML; `None` for a kind that there is not.
#[must_use]
pub fn example(kind: &str) -> Option<&'static str> {
    entry(kind).map(|entry| entry.example)
}

/// Makes a strategy from its configuration.
///
/// # Errors
/// [`RegistryError`]: an unknown kind, or everything that is wrong with the configuration.
pub fn build(kind: &str, config: Table) -> Result<Box<dyn Strategy>, RegistryError> {
    let entry = entry(kind).ok_or_else(|| RegistryError::UnknownKind {
        kind: kind.to_owned(),
    })?;
    (entry.make)(config).map_err(|faults| RegistryError::Config {
        kind: kind.to_owned(),
        faults,
    })
}
