//! Positions and balances: what the fills add up to ([`Position`], [`PositionBook`]) and what the account
//! must hold because of them ([`BalanceSheet`]).
//!
//! # Average cost, and the order of fills
//!
//! A fill that enlarges a position adds to its cost; one that reduces it takes away its share of the cost
//! and realises the difference; one that crosses zero does both. So cost, average price and the split of
//! the profit into realised and unrealised depend on the order in which fills are applied: **the order of
//! application** counts, in which a fill that was recovered late comes last, and nothing is computed
//! again because of it. Net quantity, cash flow, fees, what is held, what was traded, and the sum of
//! realised and unrealised profit at any mark do not depend on the order.
//!
//! # What is exact
//!
//! `realised + unrealised(mark) = cash flow + net * mark`, to the last digit and after any fills. The one
//! quotient is the share of the cost that stays after a reduction: it is rounded to 16 decimals, and what
//! the rounding leaves over goes to the realised profit. All else is exact or an error.

mod book;
mod sheet;
mod show;
mod trade;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{Asset, Symbol, TradeId};
use crate::messages::order::Fill;
use crate::money::{MoneyError, Notional, Price, Quantity, exact_product, exact_sum};
use crate::order::Side;
use crate::time::Timestamp;

pub use book::{PositionBook, StrategyPosition};
pub use sheet::{Asked, BalanceSheet, Drift, Judged, Unclear};
pub use show::Valued;
use trade::Moves;
pub use trade::{Pair, PositionError};

/// Decimals of a cost that was divided: twice the venue's eight.
const COST_DECIMALS: u32 = 16;

/// A trade by the venue's number and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TradeMark {
    pub id: TradeId,
    pub at: Timestamp,
}

/// What the fills on one instrument add up to. It begins flat: what the account held before is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    #[serde(flatten)]
    pair: Pair,
    net: Decimal,
    held: Decimal,
    cost: Decimal,
    cash_flow: Decimal,
    realised: Decimal,
    fees: BTreeMap<Asset, Decimal>,
    traded_quantity: Quantity,
    traded_notional: Notional,
    fills: u64,
    newest: Option<TradeMark>,
}

impl Position {
    #[must_use]
    pub fn new(pair: Pair) -> Self {
        Self {
            pair,
            net: Decimal::ZERO,
            held: Decimal::ZERO,
            cost: Decimal::ZERO,
            cash_flow: Decimal::ZERO,
            realised: Decimal::ZERO,
            fees: BTreeMap::new(),
            traded_quantity: Quantity::ZERO,
            traded_notional: Notional::ZERO,
            fills: 0,
            newest: None,
        }
    }

    #[must_use]
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    #[must_use]
    pub fn symbol(&self) -> Symbol {
        self.pair.symbol
    }

    /// Bought less sold, base asset, before fees; below zero for a short position.
    #[must_use]
    pub fn net(&self) -> Decimal {
        self.net
    }

    /// What is there of the base asset: bought less sold less the fees that were taken in it. To sell
    /// `net` after buys with such fees is to sell more than was received, and the venue refuses that.
    #[must_use]
    pub fn held(&self) -> Decimal {
        self.held
    }

    /// What the open position cost, quote asset; below zero for a short position.
    #[must_use]
    pub fn cost(&self) -> Decimal {
        self.cost
    }

    /// Cost over net quantity: the average entry price, before fees and not on the tick grid. `None`
    /// while flat.
    #[must_use]
    pub fn average_price(&self) -> Option<Price> {
        Price::new(self.cost.checked_div(self.net)?).ok()
    }

    /// Received for sales less paid for buys, quote asset, before fees.
    #[must_use]
    pub fn cash_flow(&self) -> Decimal {
        self.cash_flow
    }

    /// Profit of what was closed, quote asset, before fees.
    #[must_use]
    pub fn realised(&self) -> Decimal {
        self.realised
    }

    /// Profit of what is open if it were closed at `mark`, quote asset, before fees.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn unrealised(&self, mark: Price) -> Result<Decimal, MoneyError> {
        let value = exact_product("value", self.net, mark.value())?;
        exact_sum("unrealised profit", value, -self.cost)
    }

    /// Fees paid, in units of each asset; below zero where rebates are more.
    #[must_use]
    pub fn fees(&self) -> &BTreeMap<Asset, Decimal> {
        &self.fees
    }

    /// Bought plus sold, base asset.
    #[must_use]
    pub fn traded_quantity(&self) -> Quantity {
        self.traded_quantity
    }

    /// Paid for buys plus received for sales, quote asset.
    #[must_use]
    pub fn traded_notional(&self) -> Notional {
        self.traded_notional
    }

    /// How many fills were applied.
    #[must_use]
    pub fn fills(&self) -> u64 {
        self.fills
    }

    /// The newest trade by the venue's number, which need not be the one that was applied last.
    #[must_use]
    pub fn newest(&self) -> Option<TradeMark> {
        self.newest
    }

    /// Applies a fill. Whether it was applied before is not looked at here: see [`PositionBook`].
    ///
    /// # Errors
    /// [`PositionError`], and the position stays as it was.
    pub fn apply(&mut self, side: Side, fill: &Fill) -> Result<(), PositionError> {
        let moves = self.pair.moves(side, fill)?;
        let after = self
            .after(&moves, fill)
            .map_err(|source| PositionError::Money {
                symbol: self.pair.symbol,
                trade: fill.trade_id,
                source,
            })?;
        *self = after;
        Ok(())
    }

    fn after(&self, moves: &Moves, fill: &Fill) -> Result<Self, MoneyError> {
        let mut after = self.clone();
        after.net = exact_sum("net quantity", self.net, moves.base)?;
        after.held = exact_sum("held quantity", self.held, moves.base)?;
        if let Some((asset, fee)) = moves.fee {
            let paid = after.fees.entry(asset).or_default();
            *paid = exact_sum("fees", *paid, fee)?;
            if asset == self.pair.base {
                after.held = exact_sum("held quantity", after.held, -fee)?;
            }
        }
        after.cost = self.cost_after(moves, after.net)?;
        after.cash_flow = exact_sum("cash flow", self.cash_flow, moves.quote)?;
        after.realised = exact_sum("realised profit", after.cash_flow, after.cost)?;
        let quantity = exact_sum("traded", self.traded_quantity.value(), moves.base.abs())?;
        let notional = exact_sum("traded", self.traded_notional.value(), moves.quote.abs())?;
        after.traded_quantity = Quantity::new(quantity)?;
        after.traded_notional = Notional::new(notional)?;
        after.fills += 1;
        let (id, at) = (fill.trade_id, fill.at);
        after.newest = self.newest.max(Some(TradeMark { id, at }));
        Ok(after)
    }

    /// The cost of what is open when `net` is.
    fn cost_after(&self, moves: &Moves, net: Decimal) -> Result<Decimal, MoneyError> {
        let same_way = |one: Decimal, other: Decimal| {
            one.is_zero() || other.is_zero() || one.is_sign_negative() == other.is_sign_negative()
        };
        if net.is_zero() {
            Ok(Decimal::ZERO)
        } else if same_way(self.net, moves.base) {
            exact_sum("cost", self.cost, -moves.quote)
        } else if same_way(self.net, net) {
            share(self.cost, self.net, net)
        } else {
            share(-moves.quote, moves.base, net)
        }
    }
}

/// The part of `amount` that falls to `part` of `whole`.
fn share(amount: Decimal, whole: Decimal, part: Decimal) -> Result<Decimal, MoneyError> {
    let each = amount.checked_div(whole);
    let share = each.and_then(|each| each.checked_mul(part));
    let share = share.ok_or(MoneyError::Overflow {
        what: "cost",
        operation: "over",
        left: amount,
        right: whole,
    })?;
    Ok(share.round_dp(COST_DECIMALS).normalize())
}

#[cfg(test)]
mod tests;
