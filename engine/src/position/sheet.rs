//! What the account's balances must be, and whether a reading of them agrees.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::trade::Counted;
use super::{Pair, PositionError};
use crate::ids::{Asset, Symbol};
use crate::messages::account::Balance;
use crate::messages::order::Fill;
use crate::money::{MoneyError, exact_sum};
use crate::order::Side;
use crate::time::Timestamp;

/// The moment at which a reading of the balances is asked for. See [`BalanceSheet::ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    changes: u64,
}

/// An asset whose balance is not what it must be, in units of the asset, free and locked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{asset}: {expected} expected, {found} found, difference {difference}")]
pub struct Drift {
    pub asset: Asset,
    pub expected: Decimal,
    pub found: Decimal,
    /// Found less expected: below zero where something is missing on the account.
    pub difference: Decimal,
}

/// Why a reading proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unclear {
    #[error("no complete reading has been taken as the beginning")]
    NotBegun,
    #[error("{changes} changes of orders or balances came between the question and the answer")]
    Changed { changes: u64 },
    #[error("fills of {orders} orders are known to be missing")]
    Missing { orders: usize },
    #[error("the reading is older than what was heard before")]
    Stale,
}

/// What a reading says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    Equal,
    /// Only the assets that differ, by name.
    Differs(Vec<Drift>),
    Unclear(Unclear),
}

/// What the balances of one account must be: a complete reading, and since then every fill and every
/// movement from outside. Free and locked count together, because an order moves nothing but between the
/// two.
///
/// Readings race with events, so a reading is judged only when nothing happened between its question
/// ([`BalanceSheet::ask`]) and its answer ([`BalanceSheet::judge`]). Events also come later than what
/// they tell of: a difference that a later event explains was no drift. So who finds one reads again,
/// after the time by which events may lag, before acting on it or taking it over with
/// [`BalanceSheet::rebase`].
///
/// What it is told before [`BalanceSheet::begin`] is in the beginning's reading already and moves
/// nothing; told again later, it is known. Nor does a fill move anything that is older than the last
/// reading that was taken over: it is in that reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceSheet {
    expected: Option<BTreeMap<Asset, Decimal>>,
    /// Every fill before this is in the last reading that was taken over.
    since: Option<Timestamp>,
    counted: BTreeMap<Symbol, Counted>,
    /// Counts what may have moved a balance.
    changes: u64,
    drifted: BTreeMap<Asset, Decimal>,
    rebases: u64,
}

impl BalanceSheet {
    /// To be called when a complete reading of the balances is asked for.
    #[must_use]
    pub fn ask(&self) -> Asked {
        let changes = self.changes;
        Asked { changes }
    }

    /// Takes a reading as the beginning: [`Judged::Equal`], or [`Judged::Unclear`] and it is not taken.
    /// `missing` as in [`BalanceSheet::judge`]; every fill before `since` counts as in the reading.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn begin(
        &mut self,
        asked: Asked,
        found: &[Balance],
        missing: usize,
        since: Timestamp,
    ) -> Result<Judged, MoneyError> {
        if let Some(unclear) = self.unclear(asked, missing) {
            return Ok(Judged::Unclear(unclear));
        }
        self.expected = Some(totals(found)?);
        self.since = Some(since);
        Ok(Judged::Equal)
    }

    /// Takes a fill of the account, of an order of ours or of anybody's. `false`: it was taken before, or
    /// is older than the last reading that was taken over, and nothing moved.
    ///
    /// # Errors
    /// [`PositionError`], and nothing changed.
    pub fn fill(&mut self, pair: &Pair, side: Side, fill: &Fill) -> Result<bool, PositionError> {
        let (symbol, trade) = (pair.symbol, fill.trade_id);
        let known = self.counted.get(&symbol);
        let fresh = known.map(|known| known.is_fresh(symbol, side, trade));
        if !fresh.transpose()?.unwrap_or(true) {
            return Ok(false);
        }
        if self.since.is_some_and(|since| fill.at < since) {
            self.counted.entry(symbol).or_default().count(side, trade);
            return Ok(false);
        }
        let moves = pair.moves(side, fill)?;
        let fee = moves.fee.map(|(asset, fee)| (asset, -fee));
        let moved = [(pair.base, moves.base), (pair.quote, moves.quote)];
        self.move_all(moved.into_iter().chain(fee))
            .map_err(|source| PositionError::Money {
                symbol,
                trade,
                source,
            })?;
        self.counted.entry(symbol).or_default().count(side, trade);
        Ok(true)
    }

    /// Whether the fill was taken before.
    #[must_use]
    pub fn knows(&self, pair: &Pair, side: Side, fill: &Fill) -> bool {
        let counted = self.counted.get(&pair.symbol);
        counted
            .is_some_and(|counted| counted.is_fresh(pair.symbol, side, fill.trade_id) == Ok(false))
    }

    /// Takes a movement from outside, such as a deposit or (below zero) a withdrawal: Binance
    /// `balanceUpdate`.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`], and nothing changed.
    pub fn external(&mut self, asset: Asset, change: Decimal) -> Result<(), MoneyError> {
        self.move_all([(asset, change)])
    }

    /// Takes note of what leaves every total as it is, and yet makes a reading that is under way unclear:
    /// an order changed, or funds were locked from outside (Binance `externalLockUpdate`).
    pub fn touched(&mut self) {
        self.changes += 1;
    }

    fn move_all(
        &mut self,
        moved: impl IntoIterator<Item = (Asset, Decimal)>,
    ) -> Result<(), MoneyError> {
        if let Some(expected) = &self.expected {
            let mut after = expected.clone();
            for (asset, change) in moved {
                let total = after.entry(asset).or_default();
                *total = exact_sum("balance", *total, change)?;
            }
            self.expected = Some(after);
        }
        self.changes += 1;
        Ok(())
    }

    /// Holds a complete reading against what must be there. An asset that it does not list counts as
    /// zero. `missing` says of how many orders fills are known to be missing, or may be, because it is
    /// not known what became of the order.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn judge(
        &self,
        asked: Asked,
        found: &[Balance],
        missing: usize,
    ) -> Result<Judged, MoneyError> {
        let Some(expected) = &self.expected else {
            return Ok(Judged::Unclear(Unclear::NotBegun));
        };
        if let Some(unclear) = self.unclear(asked, missing) {
            return Ok(Judged::Unclear(unclear));
        }
        let found = totals(found)?;
        let assets: BTreeSet<Asset> = expected.keys().chain(found.keys()).copied().collect();
        let mut drifts = Vec::new();
        for asset in assets {
            let of =
                |totals: &BTreeMap<Asset, Decimal>| totals.get(&asset).copied().unwrap_or_default();
            let (expected, found) = (of(expected), of(&found));
            let difference = exact_sum("difference", found, -expected)?;
            if !difference.is_zero() {
                drifts.push(Drift {
                    asset,
                    expected,
                    found,
                    difference,
                });
            }
        }
        if drifts.is_empty() {
            return Ok(Judged::Equal);
        }
        Ok(Judged::Differs(drifts))
    }

    fn unclear(&self, asked: Asked, missing: usize) -> Option<Unclear> {
        match self.changes.saturating_sub(asked.changes) {
            0 if missing == 0 => None,
            0 => Some(Unclear::Missing { orders: missing }),
            changes => Some(Unclear::Changed { changes }),
        }
    }

    /// Takes over what a reading has shown to differ: from now on the found figures are right, with what
    /// has happened since the reading. `since` as in [`BalanceSheet::begin`].
    ///
    /// # Errors
    /// [`MoneyError::Overflow`], and nothing changed.
    pub fn rebase(&mut self, drifts: &[Drift], since: Timestamp) -> Result<(), MoneyError> {
        let mut drifted = self.drifted.clone();
        for drift in drifts {
            let total = drifted.entry(drift.asset).or_default();
            *total = exact_sum("drift", *total, drift.difference)?;
        }
        self.move_all(drifts.iter().map(|drift| (drift.asset, drift.difference)))?;
        self.drifted = drifted;
        self.since = Some(since);
        self.rebases += 1;
        Ok(())
    }

    /// What must be there, free and locked together; `None` before the beginning.
    #[must_use]
    pub fn expected(&self) -> Option<&BTreeMap<Asset, Decimal>> {
        self.expected.as_ref()
    }

    /// Everything that was taken over as drift since the beginning, summed.
    #[must_use]
    pub fn drifted(&self) -> &BTreeMap<Asset, Decimal> {
        &self.drifted
    }

    /// How often drift was taken over.
    #[must_use]
    pub fn rebases(&self) -> u64 {
        self.rebases
    }
}

/// Free and locked together, by asset.
fn totals(balances: &[Balance]) -> Result<BTreeMap<Asset, Decimal>, MoneyError> {
    let mut totals = BTreeMap::<Asset, Decimal>::new();
    for balance in balances {
        let total = totals.entry(balance.asset).or_default();
        for amount in [balance.free, balance.locked] {
            *total = exact_sum("balance", *total, amount)?;
        }
    }
    Ok(totals)
}

#[cfg(test)]
mod tests;
