//! The one clock: UTC from a start reading plus Tokio's monotonic time, so that virtual time moves it
//! and a step of the system's clock does not; and the measured offset to the venue's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::Instant;
use tripline_engine::time::Timestamp;

/// Cloning shares the offset.
#[derive(Debug, Clone)]
pub struct Clock {
    started_at: Timestamp,
    started: Instant,
    venue_offset_nanos: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that shows the system's time now. To be made inside a Tokio runtime.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    pub fn system() -> Self {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = since_epoch.map_or(0, |since| {
            i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
        });
        Self::starting_at(Timestamp::from_nanos(nanos))
    }

    /// A clock that shows `start` now, for simulations and tests.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            started_at: start,
            started: Instant::now(),
            venue_offset_nanos: Arc::default(),
        }
    }

    /// Local UTC.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.started_at
            .checked_add(self.started.elapsed())
            .unwrap_or(self.started_at)
    }

    /// Sets by how much the venue's clock is ahead of this one, in nanoseconds.
    pub fn set_venue_offset(&self, nanos: i64) {
        self.venue_offset_nanos.store(nanos, Ordering::Relaxed);
    }

    /// Nanoseconds by which the venue's clock is ahead of this one, as last measured.
    #[must_use]
    pub fn venue_offset(&self) -> i64 {
        self.venue_offset_nanos.load(Ordering::Relaxed)
    }

    /// What the venue's clock shows now.
    #[must_use]
    pub fn venue_now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now().as_nanos().saturating_add(self.venue_offset()))
    }
}
