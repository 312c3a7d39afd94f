//! Control: halt, resume and stop.

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, IncidentId};
use crate::halt::{HaltLevel, Incident, Scope};

use super::message;

message! {
    /// A scope was halted. The latch was set before this message was sent.
    #[derive(PartialEq, Eq)]
    pub struct Halt {
        pub scope: Scope,
        pub level: HaltLevel,
        pub incident: Incident,
    }
}

message! {
    /// Lift the halt of a scope. Only a person gives this order, naming what they saw: an incident
    /// raised meanwhile keeps the halt.
    #[derive(PartialEq, Eq)]
    pub struct Resume {
        pub scope: Scope,
        pub incidents: Vec<IncidentId>,
        /// The epoch of the scope that the person saw.
        pub epoch: u64,
        pub reason: String,
        /// Who gives the order.
        #[serde(default)]
        pub who: String,
    }
}

message! {
    /// The halt of a scope was lifted.
    #[derive(PartialEq, Eq)]
    pub struct Resumed {
        pub scope: Scope,
        pub reason: String,
    }
}

/// What becomes of resting orders when the engine stops or a scope is halted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RestingOrders {
    /// Cancel them and confirm at the venue that none is left.
    #[default]
    Cancel,
    /// Leave them at the venue.
    Keep,
    /// Cancel them and confirm; then take the strategies out of their positions. Of a halt only.
    Flatten,
}

impl RestingOrders {
    #[must_use]
    pub const fn are_cancelled(self) -> bool {
        match self {
            Self::Cancel | Self::Flatten => true,
            Self::Keep => false,
        }
    }
}

/// What is done about orders on the account that this engine has not placed: those of a person, or of another
/// program. Each is told to a person once in a run, and its fills count to what the account must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForeignOrders {
    /// They are left alone.
    #[default]
    Ignore,
    /// The sweep of a halt whose scope they are in cancels them too.
    Adopt,
    /// That there is one is a fault of the account.
    Refuse,
}

message! {
    /// Stop in order: no new orders, then what the policy says of resting ones.
    #[derive(Copy, PartialEq, Eq)]
    pub struct Stop {
        pub resting_orders: RestingOrders,
    }
}

message! {
    /// Everything that the strategy needs is there: it may trade.
    #[derive(Copy, PartialEq, Eq)]
    pub struct Ready {}
}

message! {
    /// The start of the strategy failed.
    #[derive(PartialEq, Eq)]
    pub struct InitFailed {
        pub reason: String,
    }
}

message! {
    /// A fault that concerns the strategy.
    #[derive(PartialEq, Eq)]
    pub struct FaultSeen {
        pub fault: Fault,
    }
}
