//! What each strategy holds, at the prices that were seen last.

use std::fmt;

use serde::Serialize;
use tripline_engine::ids::{StrategyId, Symbol};
use tripline_engine::money::{MoneyError, Price};
use tripline_engine::position::{StrategyPosition, Valued};

use super::observer::Seen;

/// The position of one strategy on one instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PositionRow {
    pub strategy: StrategyId,
    #[serde(flatten)]
    pub valued: Valued,
}

impl fmt::Display for PositionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10}{}", self.strategy, self.valued)
    }
}

/// The positions at the middle of the touch; without unrealised profit where none was seen.
pub(super) fn rows(
    positions: &[StrategyPosition],
    seen: &Seen,
) -> Result<Vec<PositionRow>, MoneyError> {
    let row = |held: &StrategyPosition| {
        let mark = middle(seen, held.position.symbol())?;
        Ok(PositionRow {
            strategy: held.strategy,
            valued: held.position.valued(mark)?,
        })
    };
    positions.iter().map(row).collect()
}

fn middle(seen: &Seen, symbol: Symbol) -> Result<Option<Price>, MoneyError> {
    let best = seen.best.get(&symbol);
    best.map(|best| best.bid.price.mean(best.ask.price))
        .transpose()
}
