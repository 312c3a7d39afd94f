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
        pub at: Timestamp,
    }
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
