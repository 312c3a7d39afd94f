//! What the exchange can be asked, the same over REST and the WebSocket API: one table of operations
//! ([`table`]), their checks ([`auth`], [`perform`]) and their handlers.

mod account;
pub mod auth;
mod general;
mod market;
pub mod operation;
mod orders;
mod perform;
pub mod render;
mod replace;
pub mod table;
mod tickers;
mod weights;

use tripline_engine::ids::AccountId;

use crate::faults::Transport;
use crate::model::Refusal;
use crate::wire::render::TimeUnit;
use crate::wire::{ApiError, Params};

pub use market::levels;
pub use perform::{Begun, Performed, Request, begin, execute, recheck, surplus};
pub use tickers::{Statistics, best, statistics, trade_id};

/// One call of an operation, authenticated.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    pub params: &'a Params,
    /// Whose key signed it; `None` for public operations.
    pub account: Option<AccountId>,
    pub transport: Transport,
    pub unit: TimeUnit,
    pub now_us: i64,
}

impl Call<'_> {
    /// The account of a signed call.
    ///
    /// # Errors
    /// -2015 should a public operation ask.
    pub fn account(&self) -> Result<AccountId, ApiError> {
        self.account.ok_or_else(ApiError::key_refused)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let status = if matches!(refusal.code, -2014 | -2015 | -1002) {
            401
        } else {
            400
        };
        Self::new(refusal.code, refusal.message).with_status(status)
    }
}
