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

    /// A person is told, and nothing else happens.
    pub const TOLD: Self = Self {
        level: HaltLevel::Active,
        resting_orders: RestingOrders::Keep,
    };

    /// What a fault does where the policy does not list it: it halts and cancels, but for those that are the
    /// message of a limit which has acted already, and the first threshold of a loss.
    #[must_use]
    pub const fn by_default(kind: FaultKind) -> Self {
        match kind {
            FaultKind::MessageRate
            | FaultKind::OrderRatio
            | FaultKind::OrderAge
            | FaultKind::VenueStatus => Self::TOLD,
            FaultKind::LossReduce => Self {
                level: HaltLevel::ReduceOnly,
                ..Self::STRICT
            },
            _ => Self::STRICT,
        }
    }
}

/// Which reaction each fault kind has; what is not listed has its default ([`Reaction::by_default`]).
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
        let listed = self.0.get(&kind).copied();
        listed.unwrap_or_else(|| Reaction::by_default(kind))
    }
}
