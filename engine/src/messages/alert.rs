//! What a person is told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::{FaultKind, IncidentId};
use crate::halt::{HaltLevel, Scope};
use crate::ids::{StrategyId, Symbol};
use crate::time::Timestamp;

use super::control::RestingOrders;
use super::message;

/// How urgent an alert is, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Info => "INFO",
            Self::Warning => "WARN",
            Self::Critical => "CRIT",
        })
    }
}

message! {
    /// A message to a person. Holds no secret: text that may contain one is cleaned where it is made.
    #[derive(PartialEq, Eq)]
    pub struct Alert {
        pub severity: Severity,
        /// One line: what happened.
        pub title: String,
        /// What was halted, what still works, numbers, what to do.
        pub text: String,
        pub kind: Option<FaultKind>,
        pub scope: Option<Scope>,
        pub strategy: Option<StrategyId>,
        pub incident: Option<IncidentId>,
        pub at: Timestamp,
        /// Whether real money is traded.
        pub live: bool,
        /// What is known beside.
        #[serde(default, skip_serializing_if = "Facts::is_empty")]
        pub facts: Facts,
    }
}

/// Where a trouble stands that an alert tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It is new.
    #[default]
    Opened,
    /// It goes on.
    Repeated,
    /// It is more severe than it was.
    Worse,
    /// A person has seen it.
    Acknowledged,
    /// It is over.
    Resolved,
}

/// A number that matters, such as a position, as text with its unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    pub name: Figured,
    pub value: String,
}

/// What a [`Figure`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figured {
    OpenOrders,
    UncertainOrders,
    /// What open orders are worth, by quote asset.
    OpenNotional,
    /// With its realised and unrealised profit.
    Position,
    ClockOffset,
}

/// What an alert tells beside its text; what is not known is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub phase: Phase,
    /// How often it has happened so far; 0 for what is not counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instrument: Option<Symbol>,
    /// What may still be done by those in `halted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<HaltLevel>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub halted: Vec<StrategyId>,
    /// Strategies that go on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub working: Vec<StrategyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resting_orders: Option<RestingOrders>,
    /// The halt is lifted by itself after so long of good order; `None` for a person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumes_after: Option<Duration>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    /// The venue's own code, such as `-2010`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue_code: Option<String>,
    /// The id by which somebody must acknowledge it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<String>,
}

impl Facts {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Alert {
    /// An alert of one line, about everything.
    #[must_use]
    pub fn new(severity: Severity, title: impl Into<String>, at: Timestamp) -> Self {
        Self {
            severity,
            title: title.into(),
            text: String::new(),
            kind: None,
            scope: None,
            strategy: None,
            incident: None,
            at,
            live: false,
            facts: Facts::default(),
        }
    }
}
