//! What the journal tells of alerts: those that were due and reached nobody, and those that nobody has
//! acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::pairs;
use super::record::{AlertKey, AlertStep, Alerted};
use crate::fault::IncidentId;
use crate::ids::RunId;
use crate::messages::alert::Alert;
use crate::messages::control::Resume;
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
    /// It waits to be acknowledged.
    #[serde(default)]
    pub escalating: bool,
    /// Channels that took it.
    #[serde(default)]
    pub delivered: BTreeSet<String>,
}

/// All that is remembered of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlertsMemory {
    #[serde(with = "pairs")]
    due: BTreeMap<AlertKey, DueAlert>,
    /// The highest number in each run.
    last: BTreeMap<RunId, u64>,
    dropped: u64,
    /// Incidents that somebody has seen and that still stand.
    #[serde(default)]
    acknowledged: BTreeSet<IncidentId>,
}

impl AlertsMemory {
    /// Alerts that were due and not delivered, the oldest first.
    pub fn due(&self) -> impl Iterator<Item = (&AlertKey, &DueAlert)> {
        self.due.iter().filter(|(_, due)| due.delivered.is_empty())
    }

    /// The same with those that were delivered and wait to be acknowledged.
    pub fn open(&self) -> impl Iterator<Item = (&AlertKey, &DueAlert)> {
        self.due.iter()
    }

    /// Incidents that somebody has seen and that still stand.
    #[must_use]
    pub fn acknowledged(&self) -> &BTreeSet<IncidentId> {
        &self.acknowledged
    }

    pub(super) fn resumed(&mut self, resume: &Resume) {
        let is_over = |due: &DueAlert| {
            due.escalating && due.alert.kind.is_some() && due.alert.scope == Some(resume.scope)
        };
        self.due.retain(|_, due| !is_over(due));
        for incident in &resume.incidents {
            self.acknowledged.remove(incident);
        }
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
                    escalating: false,
                    delivered: BTreeSet::new(),
                };
                self.due.insert(key, due);
                self.bound();
            }
            AlertStep::Delivered { channel } => match self.due.get_mut(&key) {
                Some(due) if due.escalating => {
                    due.delivered.insert(channel.clone());
                }
                _ => drop(self.due.remove(&key)),
            },
            AlertStep::Escalating => {
                if let Some(due) = self.due.get_mut(&key) {
                    due.escalating = true;
                }
            }
            AlertStep::Acknowledged { .. } => {
                let due = self.due.remove(&key);
                let incident = due.and_then(|due| due.alert.incident);
                self.acknowledged.extend(incident);
                while self.acknowledged.len() > DUE_KEPT {
                    self.acknowledged.pop_first();
                }
            }
            AlertStep::Closed => drop(self.due.remove(&key)),
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
        // Who was told and has only not said so makes room for who was not told.
        let mildest = self.due.iter().min_by_key(|(_, due)| {
            let is_owed = due.delivered.is_empty();
            (is_owed, due.alert.severity)
        });
        if let Some(key) = mildest.map(|(key, _)| *key) {
            self.due.remove(&key);
            self.dropped += 1;
        }
    }
}
