//! What happened, in words, in the order in which it happened. Lines hold decoded events, never raw
//! bytes: keys and masks of WebSockets are random even in a simulation.

use std::fmt::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// The lines of one run. They are only written when somebody wants them.
#[derive(Debug)]
pub(super) struct Trace {
    began: Instant,
    lines: Option<Mutex<String>>,
    /// Names that differ from run to run.
    hidden: Mutex<Vec<String>>,
}

impl Trace {
    /// To be made inside the runtime whose time it shows.
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            began: Instant::now(),
            lines: wanted.then(Mutex::default),
            hidden: Mutex::default(),
        }
    }

    /// Notes what happened to whom, or who did it.
    pub(super) fn say(&self, who: &str, what: impl FnOnce() -> String) {
        let Some(lines) = &self.lines else { return };
        let micros = self.began.elapsed().as_micros();
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let what = self.without_hidden(what());
        let written = writeln!(lock(lines), "{seconds:>5}.{rest:06} {who:<9} {what}");
        debug_assert!(written.is_ok(), "text takes everything");
    }

    /// Everything so far; empty when it was not wanted.
    pub(super) fn text(&self) -> String {
        let lines = self.lines.as_ref();
        lines.map_or_else(String::new, |lines| lock(lines).clone())
    }

    /// From now on this folder is not shown: its name is drawn by the system.
    pub(super) fn hide(&self, folder: &Path) {
        lock(&self.hidden).push(folder.display().to_string());
    }

    /// The text with every hidden name left out.
    pub(super) fn without_hidden(&self, mut text: String) -> String {
        for name in &*lock(&self.hidden) {
            if text.contains(name.as_str()) {
                text = text.replace(name.as_str(), "(folder)");
            }
        }
        text
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock means that a thread panicked while it held plain text: the text is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
