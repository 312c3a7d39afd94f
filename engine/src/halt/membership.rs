//! Which scopes concern a strategy.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::Scope;
use crate::ids::{AccountId, StrategyId, Symbol, VenueId};

/// The instruments that one strategy trades or follows. Cloning shares them: one that is added while the
/// engine runs counts in the gate, at the desk and in the safety actor at once.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Symbol>", into = "Vec<Symbol>")]
pub struct Instruments(Arc<RwLock<BTreeSet<Symbol>>>);

impl Instruments {
    #[must_use]
    pub fn contains(&self, symbol: &Symbol) -> bool {
        let symbols = self.0.read().unwrap_or_else(PoisonError::into_inner);
        symbols.contains(symbol)
    }

    pub fn add(&self, symbol: Symbol) {
        let mut symbols = self.0.write().unwrap_or_else(PoisonError::into_inner);
        symbols.insert(symbol);
    }

    #[must_use]
    pub fn list(&self) -> Vec<Symbol> {
        let symbols = self.0.read().unwrap_or_else(PoisonError::into_inner);
        symbols.iter().copied().collect()
    }
}

impl PartialEq for Instruments {
    fn eq(&self, other: &Self) -> bool {
        self.list() == other.list()
    }
}

impl Eq for Instruments {}

impl FromIterator<Symbol> for Instruments {
    fn from_iter<T: IntoIterator<Item = Symbol>>(symbols: T) -> Self {
        Self(Arc::new(RwLock::new(symbols.into_iter().collect())))
    }
}

impl From<Vec<Symbol>> for Instruments {
    fn from(symbols: Vec<Symbol>) -> Self {
        symbols.into_iter().collect()
    }
}

impl From<Instruments> for Vec<Symbol> {
    fn from(instruments: Instruments) -> Self {
        instruments.list()
    }
}

/// The scopes that concern one strategy: its own, its account and venue, everything, and each
/// instrument it trades or follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub strategy: StrategyId,
    pub account: AccountId,
    pub venue: VenueId,
    pub instruments: Instruments,
}

impl Membership {
    /// Whether a halt of `scope` concerns this strategy.
    #[must_use]
    pub fn is_in(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Strategy(id) => *id == self.strategy,
            Scope::Instrument(symbol) => self.instruments.contains(symbol),
            Scope::Account(id) => *id == self.account,
            Scope::Venue(id) => *id == self.venue,
            Scope::Global => true,
        }
    }
}
