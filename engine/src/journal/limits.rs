//! What the journal tells of limits: what they have refused, what has tripped them, and what was changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault::FaultKind;
use crate::ids::{AccountId, StrategyId, Symbol};
use crate::messages::order::PlaceOrder;
use crate::risk::{LimitScope, LossMark, RiskLimits};

/// An order that this engine has refused. Since version 3, as what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    pub order: PlaceOrder,
    /// The stable code of the reason.
    pub code: String,
    /// The reason in words.
    pub reason: String,
    /// What it would have been, what it may be, and where that is set; `None` where the reason is no limit.
    pub value: Option<String>,
    pub limit: Option<String>,
    pub scope: Option<LimitScope>,
    /// Further orders of the strategy that were refused for the same reason since the last such record.
    #[serde(default)]
    pub repeats: u64,
}

/// A limit was reached by what has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tripped {
    pub account: AccountId,
    pub code: String,
    pub kind: FaultKind,
    pub strategy: Option<StrategyId>,
    pub symbol: Option<Symbol>,
    pub value: String,
    pub limit: String,
    pub scope: LimitScope,
}

/// A person has changed a limit of the running engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitSet {
    pub account: AccountId,
    pub scope: LimitScope,
    pub key: String,
    /// `None` for a limit that was not set.
    pub old: Option<String>,
    /// `None` for a limit that was taken away.
    pub new: Option<String>,
    pub who: String,
    pub reason: Option<String>,
    pub is_looser: bool,
}

/// From when on the loss of a scope counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossMarked {
    pub account: AccountId,
    pub scope: LimitScope,
    pub mark: LossMark,
}

/// What is remembered of limits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LimitsMemory {
    accounts: BTreeMap<AccountId, AccountLimits>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct AccountLimits {
    set: BTreeMap<LimitScope, BTreeMap<String, Option<String>>>,
    marks: BTreeMap<LimitScope, LossMark>,
}

impl LimitsMemory {
    /// The configured limits as a restart begins with them: what was set while an engine ran holds on as far as it is
    /// stricter. So a tightening survives until the configuration is as strict or a person loosens it; a loosening
    /// of what is configured ends with the run.
    #[must_use]
    pub fn on(&self, account: AccountId, mut configured: RiskLimits) -> RiskLimits {
        let known = self.accounts.get(&account);
        let mut set = RiskLimits::default();
        for (scope, keys) in known.iter().flat_map(|known| &known.set) {
            for (key, value) in keys {
                // A key that this engine does not know any more limits nothing here.
                drop(set.set(scope, key, value.as_deref()));
            }
        }
        configured.tighten(&set);
        configured
    }

    /// The marks of an account's losses.
    pub fn marks(&self, account: AccountId) -> impl Iterator<Item = (&LimitScope, LossMark)> {
        let known = self.accounts.get(&account).into_iter();
        known.flat_map(|known| known.marks.iter().map(|(scope, mark)| (scope, *mark)))
    }

    pub(super) fn set(&mut self, set: &LimitSet) {
        let account = self.accounts.entry(set.account).or_default();
        let keys = account.set.entry(set.scope).or_default();
        keys.insert(set.key.clone(), set.new.clone());
    }

    pub(super) fn marked(&mut self, marked: &LossMarked) {
        let account = self.accounts.entry(marked.account).or_default();
        account.marks.insert(marked.scope, marked.mark);
    }
}
