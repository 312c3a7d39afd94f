//! What the journal tells of alerts: those that were due and reached nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::pairs;
use super::record::{AlertKey, AlertStep, Alerted};
use crate::ids::RunId;
use crate::messages::alert::Alert;
use crate::time::Timestamp;

/// Alerts that are remembered; of more, the oldest of the mildest are dropped.
const DUE_KEPT: usize = 256;

/// An alert that is still owed to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueAlert {
    pub alert: Alert,
    pub queued: Timestamp,
    /// Why every channel gave it up, when they first did.
    pub failed: Option<String>,
}

/// All that is remembered of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlertsMemory {
    #[serde(with = "pairs")]
    due: BTreeMap<AlertKey, DueAlert>,
    /// The highest number in each run.
    last: BTreeMap<RunId, u64>,
    dropped: u64,
}

impl AlertsMemory {
    /// Alerts that were due and not delivered, the oldest first.
    pub fn due(&self) -> impl Iterator<Item = (&AlertKey, &DueAlert)> {
        self.due.iter()
    }

    /// Alerts that were due and are not remembered, because there were too many.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn alerted(&mut self, alerted: &Alerted, at: Timestamp) {
        let key = alerted.key;
        match &alerted.step {
            AlertStep::Queued(alert) => {
                let last = self.last.entry(key.run).or_default();
                if key.number <= *last {
                    return;
                }
                *last = key.number;
                let due = DueAlert {
                    alert: alert.clone(),
                    queued: at,
                    failed: None,
                };
                self.due.insert(key, due);
                self.bound();
            }
            AlertStep::Delivered { .. } => {
                self.due.remove(&key);
            }
            AlertStep::Failed { reason } => {
                if let Some(due) = self.due.get_mut(&key) {
                    due.failed.get_or_insert_with(|| reason.clone());
                }
            }
        }
    }

    fn bound(&mut self) {
        if self.due.len() <= DUE_KEPT {
            return;
        }
        let mildest = self.due.iter().min_by_key(|(_, due)| due.alert.severity);
        if let Some(key) = mildest.map(|(key, _)| *key) {
            self.due.remove(&key);
            self.dropped += 1;
        }
    }
}
