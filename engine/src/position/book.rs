//! The positions of one account, by strategy and altogether.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::trade::Counted;
use super::{Pair, Position, PositionError};
use crate::ids::{StrategyId, Symbol};
use crate::messages::order::Fill;
use crate::order::Side;

/// A position with the strategy whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyPosition {
    pub strategy: StrategyId,
    pub position: Position,
}

impl StrategyPosition {
    /// One of [`PositionBook::positions`], to be kept.
    #[must_use]
    pub fn of((strategy, position): (StrategyId, &Position)) -> Self {
        let position = position.clone();
        Self { strategy, position }
    }
}

/// The positions of one account: one for each strategy and instrument, and one for each instrument over
/// all strategies. Each fill counts once, however often it is brought.
///
/// The account's position has an average cost of its own: where one strategy is long and another short,
/// it is flat, and what they realise against each other is realised. Net quantity, held quantity, cash
/// flow, fees and what was traded are the sums over the strategies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionBook {
    pairs: BTreeMap<Symbol, Pair>,
    strategies: BTreeMap<StrategyId, BTreeMap<Symbol, Position>>,
    account: BTreeMap<Symbol, Position>,
    counted: BTreeMap<Symbol, Counted>,
}

impl PositionBook {
    /// Makes an instrument known: fills are counted on known ones only.
    pub fn add(&mut self, pair: Pair) {
        self.pairs.insert(pair.symbol, pair);
    }

    /// Applies a fill to the position of the strategy and to the account's. `false`: it was applied
    /// before, and nothing changed.
    ///
    /// # Errors
    /// [`PositionError`], and every position stays as it was.
    pub fn apply(
        &mut self,
        strategy: StrategyId,
        symbol: Symbol,
        side: Side,
        fill: &Fill,
    ) -> Result<bool, PositionError> {
        let trade = fill.trade_id;
        let known = self.counted.get(&symbol);
        let fresh = known.map(|known| known.is_fresh(symbol, side, trade));
        if !fresh.transpose()?.unwrap_or(true) {
            return Ok(false);
        }
        let pair = self.pairs.get(&symbol);
        let pair = *pair.ok_or(PositionError::UnknownInstrument { symbol, trade })?;
        let of_strategy = self.position(strategy, symbol);
        let mut own = of_strategy.cloned().unwrap_or_else(|| Position::new(pair));
        let of_account = self.account_position(symbol);
        let mut all = of_account.cloned().unwrap_or_else(|| Position::new(pair));
        own.apply(side, fill)?;
        all.apply(side, fill)?;
        let owned = self.strategies.entry(strategy).or_default();
        owned.insert(symbol, own);
        self.account.insert(symbol, all);
        self.counted.entry(symbol).or_default().count(side, trade);
        Ok(true)
    }

    /// The position of a strategy; `None` before its first fill on the instrument.
    #[must_use]
    pub fn position(&self, strategy: StrategyId, symbol: Symbol) -> Option<&Position> {
        self.strategies.get(&strategy)?.get(&symbol)
    }

    /// The position of all strategies together; `None` before the first fill on the instrument.
    #[must_use]
    pub fn account_position(&self, symbol: Symbol) -> Option<&Position> {
        self.account.get(&symbol)
    }

    /// Every strategy's positions, by strategy and symbol.
    pub fn positions(&self) -> impl Iterator<Item = (StrategyId, &Position)> {
        self.strategies
            .iter()
            .flat_map(|(strategy, owned)| owned.values().map(|position| (*strategy, position)))
    }

    /// The positions of all strategies together, by symbol.
    pub fn account_positions(&self) -> impl Iterator<Item = &Position> {
        self.account.values()
    }
}
