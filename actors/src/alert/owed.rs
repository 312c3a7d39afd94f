//! Alerts that every channel gave up: a channel that works again brings them all the same.

use std::collections::BTreeMap;
use std::rc::Rc;

use tripline_engine::journal::AlertKey;
use tripline_engine::messages::alert::Alert;

/// Alerts that are kept for another try; of more, the mildest are left to the journal.
const KEPT: usize = 256;

/// Alerts that reached nobody yet.
#[derive(Debug, Default)]
pub(super) struct Owed(BTreeMap<AlertKey, Rc<Alert>>);

impl Owed {
    /// Every channel gave it up. `true` when that is news.
    pub(super) fn failed(&mut self, key: AlertKey, alert: &Rc<Alert>) -> bool {
        let is_news = self.0.insert(key, alert.clone()).is_none();
        if self.0.len() > KEPT {
            let mildest = self.0.iter().min_by_key(|(_, alert)| alert.severity);
            if let Some(key) = mildest.map(|(key, _)| *key) {
                self.0.remove(&key);
            }
        }
        is_news
    }

    /// `true` when it was owed.
    pub(super) fn delivered(&mut self, key: &AlertKey) -> bool {
        self.0.remove(key).is_some()
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Those to be tried again, the oldest first.
    pub(super) fn alerts(&self) -> Vec<(AlertKey, Rc<Alert>)> {
        let owed = self.0.iter();
        owed.map(|(key, alert)| (*key, alert.clone())).collect()
    }
}
