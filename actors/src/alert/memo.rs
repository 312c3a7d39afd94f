//! What the journal is told of alerts.

use tripline_engine::ids::RunId;
use tripline_engine::journal::{AlertKey, AlertStep, Alerted};
use tripline_engine::messages::alert::Alert;
use tripline_engine::time::Timestamp;

use crate::journaling::Journaling;

/// What one channel did with an alert.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// It reached a person, by this channel.
    Delivered(String),
    /// Nothing that counts: withheld, or taken by a channel that nobody reads from afar.
    Nothing,
    Failed(String),
}

/// Writes down what becomes of alerts.
#[derive(Debug)]
pub(super) struct Memo {
    pub(super) run: RunId,
    pub(super) journal: Journaling,
}

impl Default for Memo {
    fn default() -> Self {
        Self {
            run: RunId::from_millis(0),
            journal: Journaling::none(),
        }
    }
}

impl Memo {
    /// A journal that fails is told by the gateway, which looks at its health: an alert about it here
    /// would have to be written down first.
    pub(super) fn note(&self, key: AlertKey, alert: &Alert, step: AlertStep, at: Timestamp) {
        let (severity, title) = (alert.severity, alert.title.clone());
        let record = Alerted {
            key,
            severity,
            title,
            step,
        };
        if let Err(error) = self.journal.append(&[record.into()], at) {
            log::error!(actor = "alert"; "what became of '{}' is not written down: {error}", alert.title);
        }
    }
}
