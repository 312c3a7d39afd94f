//! The exchange's own time: Unix microseconds that follow Tokio's clock, so that virtual time moves
//! them, with a skew that the clock-offset fault sets.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A clock that all parts of one exchange share; a clone shows the same time and the same skew.
#[derive(Debug, Clone)]
pub struct Clock {
    base_us: i64,
    started: Instant,
    skew_us: Rc<Cell<i64>>,
    held: Rc<Cell<Option<i64>>>,
}

/// Until it is dropped, the clock stands.
#[must_use]
pub struct Held {
    clock: Clock,
    before: Option<i64>,
}

impl Clock {
    /// A clock that starts at the machine's time and from then on follows Tokio's clock.
    #[must_use]
    pub fn system() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where the exchange learns the date"
        )]
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self::starting_at(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    /// A clock that shows `unix_us` (Unix microseconds) now: for simulations and replays.
    #[must_use]
    pub fn starting_at(unix_us: i64) -> Self {
        Self {
            base_us: unix_us,
            started: Instant::now(),
            skew_us: Rc::default(),
            held: Rc::default(),
        }
    }

    /// The exchange's time in Unix microseconds, skew included.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        let running = || self.steady_us() + self.skew_us.get();
        self.held.get().unwrap_or_else(running)
    }

    /// Lets the clock stand at `at_us`, so that all that one operation does happens at one time.
    pub(crate) fn hold(&self, at_us: i64) -> Held {
        Held {
            before: self.held.replace(Some(at_us)),
            clock: self.clone(),
        }
    }

    /// The time without the skew: what durations are measured with.
    #[must_use]
    pub fn steady_us(&self) -> i64 {
        let elapsed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.base_us.saturating_add(elapsed)
    }

    /// Lets the exchange's time run this many microseconds ahead (negative: behind).
    pub fn set_skew_us(&self, skew_us: i64) {
        self.skew_us.set(skew_us);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clock.held.set(self.before);
    }
}
