//! Account state.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, Asset};
use crate::time::Timestamp;

use super::message;

/// One asset of an account, in units of the asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    pub asset: Asset,
    pub free: Decimal,
    /// Held by open orders.
    pub locked: Decimal,
}

message! {
    /// Balances as the venue shows them. An event of the private stream lists only what may have
    /// changed; a query lists all (`complete`).
    #[derive(PartialEq, Eq)]
    pub struct BalancesChanged {
        pub account: AccountId,
        pub balances: Vec<Balance>,
        pub complete: bool,
        /// The venue's time of the last change that is in them.
        pub at: Timestamp,
    }
}

message! {
    /// A movement from outside, in units of the asset: a deposit, a transfer, below zero a withdrawal. Zero
    /// where funds were only locked or released from outside.
    #[derive(Copy, PartialEq, Eq)]
    pub struct BalanceMoved {
        pub account: AccountId,
        pub asset: Asset,
        pub change: Decimal,
        /// The venue's time of the movement.
        pub at: Timestamp,
    }
}

/// Every balance of an account, as a query shows them; an asset that is not listed is zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountBalances {
    pub balances: Vec<Balance>,
    /// The venue's time of the last change that is in them, where the answer tells it.
    pub updated: Option<Timestamp>,
}

message! {
    /// Whether the private stream delivers. While it does not, no order is placed.
    #[derive(PartialEq, Eq)]
    pub struct PrivateStreamChanged {
        pub account: AccountId,
        pub live: bool,
        pub reason: String,
    }
}
