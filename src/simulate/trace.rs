//! What happened, in words, in the order in which it happened. Lines hold decoded events, never raw
//! bytes: keys and masks of WebSockets are random even in a simulation.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// The lines of one run. They are only written when somebody wants them.
#[derive(Debug)]
pub(super) struct Trace {
    began: Instant,
    lines: Option<Mutex<String>>,
}

impl Trace {
    /// To be made inside the runtime whose time it shows.
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            began: Instant::now(),
            lines: wanted.then(Mutex::default),
        }
    }

    /// Notes what happened to whom, or who did it.
    pub(super) fn say(&self, who: &str, what: impl FnOnce() -> String) {
        let Some(lines) = &self.lines else { return };
        let micros = self.began.elapsed().as_micros();
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let written = writeln!(lines, "{seconds:>5}.{rest:06} {who:<9} {}", what());
        debug_assert!(written.is_ok(), "text takes everything");
    }

    /// Everything so far; empty when it was not wanted.
    pub(super) fn text(&self) -> String {
        let lines = self.lines.as_ref();
        lines.map_or_else(String::new, |lines| {
            lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
        })
    }
}
