//! What the journal tells of positions: each fill counts once, into the position of its strategy.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::record::Filled;
use crate::ids::{AccountId, StrategyId, Symbol};
use crate::position::PositionBook;

/// The positions of every account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PositionsMemory {
    accounts: BTreeMap<AccountId, PositionBook>,
    /// Positions that miss a fill which could not be counted: its instrument or fee asset was not known, or
    /// a sum left the range. Their strategies were halted when it came.
    incomplete: BTreeSet<(AccountId, StrategyId, Symbol)>,
}

impl PositionsMemory {
    /// The positions of an account; empty before its first fill.
    #[must_use]
    pub fn of(&self, account: AccountId) -> PositionBook {
        self.accounts.get(&account).cloned().unwrap_or_default()
    }

    /// Positions that miss a fill.
    pub fn incomplete(&self) -> impl Iterator<Item = &(AccountId, StrategyId, Symbol)> {
        self.incomplete.iter()
    }

    pub(super) fn filled(&mut self, filled: &Filled) {
        let Some(origin) = filled.id.origin() else {
            return;
        };
        let book = self.accounts.entry(filled.account).or_default();
        let counted = filled.pair.is_some_and(|pair| {
            book.add(pair);
            let (strategy, symbol) = (origin.strategy, filled.symbol);
            book.apply(strategy, symbol, filled.side, &filled.fill)
                .is_ok()
        });
        if !counted {
            let position = (filled.account, origin.strategy, filled.symbol);
            self.incomplete.insert(position);
        }
    }
}
