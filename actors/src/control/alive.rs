//! The sign of life that the door gives: that what trades has run a moment ago, and not only what answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_http::StatusCode;
use serde_json::{Value, json};

use super::server::Desk;
use crate::watchdog::Pulse;

/// What the sign of life is made from. Cloning shares whether the engine is stopping.
#[derive(Debug, Clone)]
pub struct Life {
    /// The trading arbiter; `None` where everything lives on one, which then is the one that answers.
    trading: Option<Pulse>,
    /// After so long without a tick it is stuck.
    stuck_after: Duration,
    stopping: Arc<AtomicBool>,
}

impl Life {
    #[must_use]
    pub fn new(trading: Option<Pulse>, stuck_after: Duration) -> Self {
        Self {
            trading,
            stuck_after,
            stopping: Arc::default(),
        }
    }

    /// From now on the engine says that it stops in order.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }
}

/// 200 while the trading arbiter runs, 503 while it does not.
pub(super) fn alive(desk: &Desk) -> (StatusCode, Value) {
    let life = &desk.life;
    let age = life.trading.as_ref().map(Pulse::age).unwrap_or_default();
    let mut told = json!({
        "run": desk.run,
        "account": desk.account,
        "stopping": life.stopping.load(Ordering::SeqCst),
        "trading_ms": u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
    });
    if age < life.stuck_after {
        return (StatusCode::OK, told);
    }
    let error = format!("the trading arbiter has not run for {} ms", age.as_millis());
    told["error"] = error.into();
    (StatusCode::SERVICE_UNAVAILABLE, told)
}
