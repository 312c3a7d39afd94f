//! Whom a limit concerns.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::halt::Scope;
use crate::ids::{AccountId, StrategyId, Symbol};

/// Where a limit is set. An engine has one account: what is set globally and what is set for the account
/// are two limits of the same sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LimitScope {
    Global,
    Account,
    Strategy(StrategyId),
    Instrument(Symbol),
}

impl LimitScope {
    /// Whom a fault of such a limit halts.
    #[must_use]
    pub const fn halts(&self, account: AccountId) -> Scope {
        match self {
            Self::Global => Scope::Global,
            Self::Account => Scope::Account(account),
            Self::Strategy(id) => Scope::Strategy(*id),
            Self::Instrument(symbol) => Scope::Instrument(*symbol),
        }
    }
}

/// `global`, `account`, `strategy:quote`, `instrument:BTCUSDT`.
impl fmt::Display for LimitScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.pad("global"),
            Self::Account => f.pad("account"),
            Self::Strategy(id) => write!(f, "strategy:{id}"),
            Self::Instrument(symbol) => write!(f, "instrument:{symbol}"),
        }
    }
}

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no scope: global, account, strategy:ID or instrument:SYMBOL")]
pub struct NoScope(String);

impl FromStr for LimitScope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        let refused = || NoScope(text.chars().take(80).collect());
        match text.split_once(':') {
            None if text == "global" || text == "all" => Some(Self::Global),
            None if text == "account" => Some(Self::Account),
            Some(("strategy", id)) => StrategyId::new(id).map(Self::Strategy).ok(),
            Some(("instrument", symbol)) => Symbol::new(symbol).map(Self::Instrument).ok(),
            _ => None,
        }
        .ok_or_else(refused)
    }
}

impl TryFrom<String> for LimitScope {
    type Error = NoScope;

    fn try_from(text: String) -> Result<Self, NoScope> {
        text.parse()
    }
}

impl From<LimitScope> for String {
    fn from(scope: LimitScope) -> Self {
        scope.to_string()
    }
}

/// The kind of scope that a limit comes from; the order that is checked tells which of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Global,
    Account,
    Strategy,
    Instrument,
}

impl Level {
    /// The scope of a limit that is set for the account or for everything.
    pub(super) const fn scope_of_account(self) -> LimitScope {
        match self {
            Self::Global => LimitScope::Global,
            _ => LimitScope::Account,
        }
    }

    pub(super) const fn scope(self, strategy: StrategyId, symbol: Symbol) -> LimitScope {
        match self {
            Self::Global => LimitScope::Global,
            Self::Account => LimitScope::Account,
            Self::Strategy => LimitScope::Strategy(strategy),
            Self::Instrument => LimitScope::Instrument(symbol),
        }
    }
}
