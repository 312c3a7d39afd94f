//! What each kind of fault does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::HaltLevel;
use crate::fault::FaultKind;
use crate::messages::control::RestingOrders;

/// What a fault kind does to its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    pub level: HaltLevel,
    pub resting_orders: RestingOrders,
}

impl Reaction {
    /// The default: every fault halts and cancels.
    pub const STRICT: Self = Self {
        level: HaltLevel::Halted,
        resting_orders: RestingOrders::Cancel,
    };
}

/// Which reaction each fault kind has; what is not listed is strict.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HaltPolicy(BTreeMap<FaultKind, Reaction>);

impl HaltPolicy {
    #[must_use]
    pub fn with(mut self, kind: FaultKind, reaction: Reaction) -> Self {
        self.0.insert(kind, reaction);
        self
    }

    #[must_use]
    pub fn reaction(&self, kind: FaultKind) -> Reaction {
        self.0.get(&kind).copied().unwrap_or(Reaction::STRICT)
    }
}
