//! What a flatten has come to.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::fault::IncidentId;
use crate::halt::Scope;
use crate::ids::{AccountId, StrategyId, Symbol};

/// A flatten has ended. One that has not ended when its run does goes on in the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flattened {
    pub account: AccountId,
    pub scope: Scope,
    /// The incidents that ordered it.
    pub incidents: Vec<IncidentId>,
    /// Exits that were sent.
    pub exits: u32,
    /// Positions of the scope that are not closed.
    pub left: Vec<Left>,
}

/// A position that is not closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub strategy: StrategyId,
    pub symbol: Symbol,
    /// Base asset; below zero for a short position.
    pub net: Decimal,
    /// Why it is not closed.
    pub why: String,
}
