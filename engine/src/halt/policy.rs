//! What each kind of fault does.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{HaltLevel, Scope};
use crate::fault::FaultKind;
use crate::messages::control::RestingOrders;

/// What a fault kind does to its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    pub level: HaltLevel,
    pub resting_orders: RestingOrders,
    /// Whom it concerns instead of the scope that the fault was raised for, where that is narrower: a reaction
    /// never halts less than what has the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The halt is lifted by itself once everything has been in order for so long; `None` for a person's. Of
    /// kinds that tell of the market only ([`FaultKind::is_of_market`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes_after: Option<Duration>,
}

impl Reaction {
    /// The default: every fault halts and cancels.
    pub const STRICT: Self = Self::new(HaltLevel::Halted, RestingOrders::Cancel);

    /// A person is told, and nothing else happens.
    pub const TOLD: Self = Self::new(HaltLevel::Active, RestingOrders::Keep);

    /// What a fault does where the policy does not list it: it halts and cancels, but for those that are the
    /// message of a limit which has acted already, and the first threshold of a loss.
    #[must_use]
    pub const fn by_default(kind: FaultKind) -> Self {
        match kind {
            FaultKind::MessageRate
            | FaultKind::OrderRatio
            | FaultKind::OrderAge
            | FaultKind::VenueStatus => Self::TOLD,
            FaultKind::LossReduce => Self::new(HaltLevel::ReduceOnly, RestingOrders::Cancel),
            _ => Self::STRICT,
        }
    }

    /// Whether it takes strategies out of their positions.
    #[must_use]
    pub fn flattens(&self) -> bool {
        self.resting_orders == RestingOrders::Flatten && self.level == HaltLevel::Halted
    }

    /// A reaction in the scope of the fault, lifted by a person.
    #[must_use]
    pub const fn new(level: HaltLevel, resting_orders: RestingOrders) -> Self {
        Self {
            level,
            resting_orders,
            scope: None,
            resumes_after: None,
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
