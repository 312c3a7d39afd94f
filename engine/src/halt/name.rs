//! Scopes as people and scripts write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::Scope;
use crate::ids::{AccountId, IdError, StrategyId, Symbol, VenueId};

/// A scope by its name: `strategy:ID`, `instrument:SYMBOL`, `account`, `venue` or `all`. One engine trades
/// one account at one venue, so that those two need no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeName {
    Strategy(StrategyId),
    Instrument(Symbol),
    Account,
    Venue,
    All,
}

/// Why a text names no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScopeNameError {
    #[error("'{0}' is no scope: write strategy:ID, instrument:SYMBOL, account, venue or all")]
    Unknown(String),
    #[error(transparent)]
    Id(#[from] IdError),
}

impl ScopeName {
    /// The scope of an engine that trades this account at this venue.
    #[must_use]
    pub const fn scope(self, account: AccountId, venue: VenueId) -> Scope {
        match self {
            Self::Strategy(id) => Scope::Strategy(id),
            Self::Instrument(symbol) => Scope::Instrument(symbol),
            Self::Account => Scope::Account(account),
            Self::Venue => Scope::Venue(venue),
            Self::All => Scope::Global,
        }
    }
}

impl From<Scope> for ScopeName {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Strategy(id) => Self::Strategy(id),
            Scope::Instrument(symbol) => Self::Instrument(symbol),
            Scope::Account(_) => Self::Account,
            Scope::Venue(_) => Self::Venue,
            Scope::Global => Self::All,
        }
    }
}

impl FromStr for ScopeName {
    type Err = ScopeNameError;

    fn from_str(text: &str) -> Result<Self, ScopeNameError> {
        match text.split_once(':') {
            Some(("strategy", id)) => Ok(Self::Strategy(StrategyId::new(id)?)),
            Some(("instrument", symbol)) => Ok(Self::Instrument(Symbol::new(symbol)?)),
            Some(_) => Err(ScopeNameError::Unknown(text.to_owned())),
            None => match text {
                "account" => Ok(Self::Account),
                "venue" => Ok(Self::Venue),
                "all" => Ok(Self::All),
                other => Err(ScopeNameError::Unknown(other.to_owned())),
            },
        }
    }
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strategy(id) => write!(f, "strategy:{id}"),
            Self::Instrument(symbol) => write!(f, "instrument:{symbol}"),
            Self::Account => f.write_str("account"),
            Self::Venue => f.write_str("venue"),
            Self::All => f.write_str("all"),
        }
    }
}

impl Serialize for ScopeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_back_from_its_name() {
        let (account, venue) = (
            AccountId::new("main").unwrap(),
            VenueId::new("binance").unwrap(),
        );
        let scopes = [
            (
                Scope::Strategy(StrategyId::new("quote").unwrap()),
                "strategy:quote",
            ),
            (
                Scope::Instrument(Symbol::new("BTCUSDT").unwrap()),
                "instrument:BTCUSDT",
            ),
            (Scope::Account(account), "account"),
            (Scope::Venue(venue), "venue"),
            (Scope::Global, "all"),
        ];
        for (scope, text) in scopes {
            let name = ScopeName::from(scope);
            assert_eq!(name.to_string(), text);
            assert_eq!(text.parse(), Ok(name));
            assert_eq!(name.scope(account, venue), scope);
        }
        for wrong in [
            "",
            "everything",
            "strategy",
            "strategy:",
            "strategy:A B",
            "venue:x",
            "instrument:btc",
        ] {
            assert!(wrong.parse::<ScopeName>().is_err(), "{wrong}");
        }
    }
}
