//! What a person is told.

use serde::{Deserialize, Serialize};

use crate::fault::{FaultKind, IncidentId};
use crate::halt::Scope;
use crate::ids::StrategyId;
use crate::time::Timestamp;

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
    }
}
