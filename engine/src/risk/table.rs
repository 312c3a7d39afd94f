//! The limits of every scope: as a configuration says them, with the defaults of practice and what real
//! money needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::limits::{Change, LimitError, Limits};
use super::scope::LimitScope;
use crate::ids::{Asset, StrategyId, Symbol};

/// The limits of every scope.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskLimits {
    /// The asset that amounts of money are in. Where it is not set, it is the quote asset of the instruments, as
    /// long as they have the same; an amount in another asset counts at that asset's price, and where none is known,
    /// what a limit would have to be held against is refused.
    pub value_in: Option<Asset>,
    pub global: Limits,
    pub account: Limits,
    pub strategies: BTreeMap<StrategyId, Limits>,
    pub instruments: BTreeMap<Symbol, Limits>,
}

/// What real money is not traded without.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("strategy {strategy} has no limit for {}", .missing.join(", nor for "))]
pub struct Unlimited {
    pub strategy: StrategyId,
    pub missing: Vec<&'static str>,
}

impl RiskLimits {
    /// What an engine is limited by where nobody says anything: enough against programs that run away, and for no
    /// ordinary strategy in the way.
    ///
    /// # Panics
    /// Never: the values are literals, and a test reads them.
    #[must_use]
    pub fn practice() -> Self {
        let mut global = Limits::default();
        for (key, value) in PRACTICE {
            let set = global.set(key, Some(value));
            assert!(set.is_ok(), "{key} = {value} is a literal");
        }
        Self {
            global,
            ..Self::default()
        }
    }

    /// Takes from the defaults of practice what is not set globally.
    #[must_use]
    pub fn with_defaults(mut self) -> Self {
        self.global.complete(Self::practice().global);
        self
    }

    /// The limits that were set for a scope.
    #[must_use]
    pub fn of(&self, scope: &LimitScope) -> Option<&Limits> {
        match scope {
            LimitScope::Global => Some(&self.global),
            LimitScope::Account => Some(&self.account),
            LimitScope::Strategy(id) => self.strategies.get(id),
            LimitScope::Instrument(symbol) => self.instruments.get(symbol),
        }
    }

    fn entry(&mut self, scope: &LimitScope) -> &mut Limits {
        match scope {
            LimitScope::Global => &mut self.global,
            LimitScope::Account => &mut self.account,
            LimitScope::Strategy(id) => self.strategies.entry(*id).or_default(),
            LimitScope::Instrument(symbol) => self.instruments.entry(*symbol).or_default(),
        }
    }

    /// Every scope that has limits.
    #[must_use]
    pub fn scopes(&self) -> Vec<LimitScope> {
        let strategies = self.strategies.keys().map(|id| LimitScope::Strategy(*id));
        let instruments = self.instruments.keys();
        let instruments = instruments.map(|symbol| LimitScope::Instrument(*symbol));
        let all = [LimitScope::Global, LimitScope::Account].into_iter();
        all.chain(strategies).chain(instruments).collect()
    }

    /// Sets one limit from text, or takes it away, and tells what that did and what it was before.
    ///
    /// # Errors
    /// [`LimitError`]; nothing has changed.
    pub fn set(
        &mut self,
        scope: &LimitScope,
        key: &str,
        text: Option<&str>,
    ) -> Result<(Change, Option<String>), LimitError> {
        let old = self.of(scope).cloned().unwrap_or_default();
        let mut new = old.clone();
        let key = new.set(key, text)?;
        if new.misplaced(scope) == Some(key) {
            let scope = *scope;
            return Err(LimitError::Scope { key, scope });
        }
        let change = old.change(key, &new);
        *self.entry(scope) = new;
        Ok((change, old.get(key)))
    }

    /// Takes each limit of others that is stricter.
    pub fn tighten(&mut self, others: &Self) {
        for scope in others.scopes() {
            if let Some(other) = others.of(&scope) {
                self.entry(&scope).tighten(other);
            }
        }
    }

    /// Every limit that stands where it cannot.
    #[must_use]
    pub fn misplaced(&self) -> Vec<(LimitScope, &'static str)> {
        let scopes = self.scopes().into_iter();
        let misplaced = |scope: LimitScope| Some((scope, self.of(&scope)?.misplaced(&scope)?));
        scopes.filter_map(misplaced).collect()
    }

    /// Whether each of these strategies has what real money needs: a largest order, a largest position or
    /// exposure, and a loss at which it is halted. Each may be set globally, for the account or for the strategy.
    ///
    /// # Errors
    /// [`Unlimited`], for each strategy that lacks something.
    pub fn check_live(
        &self,
        strategies: impl IntoIterator<Item = StrategyId>,
    ) -> Result<(), Vec<Unlimited>> {
        let lacking = strategies.into_iter().filter_map(|strategy| {
            let layers = [
                Some(&self.global),
                Some(&self.account),
                self.strategies.get(&strategy),
            ];
            let has = |wanted: fn(&Limits) -> bool| layers.iter().flatten().any(|one| wanted(one));
            let is_bounded = (has(|one| one.max_long.is_some())
                && has(|one| one.max_short.is_some()))
                || has(|one| one.max_gross_exposure.is_some())
                || has(|one| one.max_net_exposure.is_some());
            let needs = [
                (
                    has(|one| one.max_notional.is_some()),
                    "the notional of an order (max_notional)",
                ),
                (
                    is_bounded,
                    "its position (max_long and max_short) or exposure (max_gross_exposure or max_net_exposure)",
                ),
                (
                    has(|one| one.day_loss_halt.is_some() || one.drawdown_halt.is_some()),
                    "its loss (day_loss_halt or drawdown_halt)",
                ),
            ];
            let missing = needs.into_iter().filter(|(is_set, _)| !is_set);
            let missing: Vec<_> = missing.map(|(_, what)| what).collect();
            (!missing.is_empty()).then_some(Unlimited { strategy, missing })
        });
        let lacking: Vec<_> = lacking.collect();
        match lacking.is_empty() {
            true => Ok(()),
            false => Err(lacking),
        }
    }
}

/// Well above what a strategy does, and well below what a loop without end does in a second.
const PRACTICE: [(&str, &str); 9] = [
    ("collar_percent", "5"),
    ("new_per_second", "50"),
    ("new_per_minute", "1000"),
    ("amends_per_second", "50"),
    ("duplicate_within", "50ms"),
    ("repeated_orders", "200"),
    ("repeated_fills", "200"),
    ("refuse_self_trade", "true"),
    ("min_free_disk_mb", "100"),
];

#[cfg(test)]
mod tests;
