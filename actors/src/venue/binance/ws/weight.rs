//! Request weights (Binance Spot, WebSocket API).

pub(super) const QUERY: u64 = 4;
pub(super) const AMEND: u64 = 4;
pub(super) const OPEN_ONE: u64 = 6;
pub(super) const OPEN_ALL: u64 = 80;
pub(super) const FILLS_OF_ORDER: u64 = 5;
pub(super) const ACCOUNT: u64 = 20;
/// Executions or orders of a symbol.
pub(super) const LIST: u64 = 20;
