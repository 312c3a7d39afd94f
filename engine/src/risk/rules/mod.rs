//! The rules, one function each. A rule looks at the [`View`] of one order and denies it or lets it pass.

mod own;
mod permits;
mod price;
mod repeats;
mod size;
mod sums;

use std::fmt::Display;

use rust_decimal::Decimal;

use super::account::{AccountSums, InstrumentSums, Own, StrategySums};
use super::scope::Level;
use super::table::RiskLimits;
use super::{Denial, LimitScope, Rule};
use crate::ids::{StrategyId, Symbol};
use crate::instrument::Instrument;
use crate::money::Price;
use crate::order::NewOrder;
use crate::time::Timestamp;

pub(super) use repeats::{amends, repeated_fills};

/// What a rule gets to see.
pub(super) struct View<'a> {
    pub(super) strategy: StrategyId,
    pub(super) terms: &'a NewOrder,
    pub(super) instrument: &'a Instrument,
    /// A fresh one.
    pub(super) reference: Price,
    pub(super) now: Timestamp,
    pub(super) limits: &'a RiskLimits,
    pub(super) sums: &'a StrategySums,
    pub(super) own: &'a Own,
    pub(super) on: &'a InstrumentSums,
    pub(super) account: &'a AccountSums,
}

pub(super) type Verdict = Result<(), Box<Denial>>;

/// Every rule that an order is held against, the cheapest and the plainest first.
pub(super) const ALL: &[fn(&View<'_>) -> Verdict] = &[
    permits::instrument,
    permits::side,
    permits::order_type,
    permits::hours,
    size::min_quantity,
    size::max_quantity,
    price::collar,
    size::notional,
    sums::open_orders,
    sums::uncertain,
    sums::position,
    sums::exposure,
    own::self_trade,
    own::duplicate,
    repeats::messages,
    price::drift,
    repeats::orders,
];

impl View<'_> {
    fn deny(
        &self,
        rule: Rule,
        value: impl Display,
        limit: impl Display,
        level: Level,
    ) -> Box<Denial> {
        denial(
            rule,
            value,
            limit,
            level.scope(self.strategy, self.terms.symbol),
        )
    }

    /// A value that the decimals cannot hold is above every limit.
    fn range(&self) -> Box<Denial> {
        let limit = "96 bits";
        self.deny(Rule::Range, "a product of its terms", limit, Level::Global)
    }

    /// The worst price that the order is meant to trade at: its own, and for one that has none the reference, or
    /// the price at which it is triggered, with the collar on top.
    fn worst_price(&self) -> Result<Decimal, Box<Denial>> {
        if let Some(price) = self.terms.price {
            return Ok(price.value());
        }
        let base = self.terms.stop_price.unwrap_or(self.reference).value();
        let Some(collar) = &self.own.bounds.collar_percent else {
            return Ok(base);
        };
        let factor = collar.value.above_one();
        factor
            .and_then(|factor| base.checked_mul(factor))
            .ok_or_else(|| self.range())
    }
}

fn denial(rule: Rule, value: impl Display, limit: impl Display, scope: LimitScope) -> Box<Denial> {
    Box::new(Denial {
        rule,
        value: value.to_string(),
        limit: limit.to_string(),
        scope,
    })
}

/// An order of a strategy and instrument that the state was not prepared for.
pub(super) fn unprepared(strategy: StrategyId, symbol: Symbol) -> Box<Denial> {
    let scope = LimitScope::Strategy(strategy);
    denial(Rule::Instrument, symbol, "those that are known", scope)
}
