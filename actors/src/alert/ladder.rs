//! The escalation: what nobody has acknowledged goes to the next channel. Pure: the time is an argument.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tripline_engine::journal::AlertKey;
use tripline_engine::messages::alert::Alert;
use tripline_engine::time::Timestamp;

/// A channel that is still to come, by its place among the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: Timestamp,
    pub(super) lane: usize,
}

/// An alert that waits to be acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Climbing {
    pub(super) alert: Rc<Alert>,
    /// By which it is acknowledged.
    pub(super) name: String,
    /// Still to come, the next first.
    steps: Vec<Step>,
    /// Some channel has taken it.
    pub(super) is_delivered: bool,
}

/// So many may wait; of more, the oldest are forgotten here, not in the journal.
const KEPT: usize = 4_096;

/// All alerts that wait to be acknowledged.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    waiting: BTreeMap<AlertKey, Climbing>,
    /// No step's time comes before.
    soonest: Option<Timestamp>,
}

impl Ladder {
    pub(super) fn add(
        &mut self,
        key: AlertKey,
        alert: Rc<Alert>,
        name: String,
        mut steps: Vec<Step>,
    ) {
        steps.sort_by_key(|step| step.at);
        self.expect(steps.first().map(|step| step.at));
        let climbing = Climbing {
            alert,
            name,
            steps,
            is_delivered: false,
        };
        self.waiting.insert(key, climbing);
        while self.waiting.len() > KEPT {
            self.waiting.pop_first();
        }
    }

    /// A channel has taken it. `false` when it does not wait to be acknowledged.
    pub(super) fn delivered(&mut self, key: &AlertKey) -> bool {
        let climbing = self.waiting.get_mut(key);
        climbing.is_some_and(|climbing| {
            climbing.is_delivered = true;
            true
        })
    }

    /// The channels whose time has come.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<(AlertKey, Rc<Alert>, usize)> {
        let mut due = Vec::new();
        for (key, climbing) in &mut self.waiting {
            let count = climbing
                .steps
                .iter()
                .take_while(|step| step.at <= now)
                .count();
            let steps = climbing.steps.drain(..count);
            due.extend(steps.map(|step| (*key, climbing.alert.clone(), step.lane)));
        }
        let waiting = self.waiting.values();
        let next = waiting.filter_map(|climbing| climbing.steps.first());
        self.soonest = next.map(|step| step.at).min();
        due
    }

    /// The channels before have failed: the next ones' time has come. `false` when there is none.
    pub(super) fn hurry(&mut self, key: &AlertKey, now: Timestamp) -> bool {
        let Some(climbing) = self.waiting.get_mut(key) else {
            return false;
        };
        let Some(next) = climbing.steps.first().map(|step| step.at) else {
            return false;
        };
        let steps = climbing.steps.iter_mut();
        for step in steps.take_while(|step| step.at == next) {
            step.at = now.min(next);
        }
        self.expect(Some(now.min(next)));
        true
    }

    pub(super) fn wait(&self, now: Timestamp) -> Option<Duration> {
        self.soonest.map(|at| at.saturating_since(now))
    }

    fn expect(&mut self, next: Option<Timestamp>) {
        self.soonest = self.soonest.into_iter().chain(next).min();
    }

    pub(super) fn get(&self, key: &AlertKey) -> Option<&Climbing> {
        self.waiting.get(key)
    }

    /// Those that wait, the oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Climbing> {
        self.waiting.values()
    }

    /// Takes those out that are called so, or all.
    pub(super) fn take(&mut self, wanted: impl Fn(&Climbing) -> bool) -> Vec<(AlertKey, Climbing)> {
        let keys = self.waiting.iter().filter(|(_, climbing)| wanted(climbing));
        let keys: Vec<AlertKey> = keys.map(|(key, _)| *key).collect();
        let taken = keys.into_iter();
        taken
            .filter_map(|key| self.waiting.remove_entry(&key))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::alert;
    use super::*;
    use tripline_engine::ids::RunId;
    use tripline_engine::messages::alert::Severity;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + seconds * 1_000)
    }

    fn key(number: u64) -> AlertKey {
        AlertKey {
            run: RunId::from_millis(0),
            number,
        }
    }

    fn ladder() -> Ladder {
        let mut ladder = Ladder::default();
        let steps = [(300, 2), (120, 1)].map(|(seconds, lane)| Step {
            at: at(seconds),
            lane,
        });
        let alert = Rc::new(alert(Severity::Critical, "a"));
        ladder.add(key(1), alert, "7".into(), steps.to_vec());
        ladder
    }

    fn lanes(ladder: &mut Ladder, seconds: i64) -> Vec<usize> {
        let due = ladder.due(at(seconds)).into_iter();
        due.map(|(_, _, lane)| lane).collect()
    }

    #[test]
    fn each_channel_comes_at_its_time_and_once() {
        let mut ladder = ladder();
        assert_eq!(ladder.wait(at(0)), Some(Duration::from_secs(120)));
        assert_eq!(lanes(&mut ladder, 119), [0; 0]);
        assert_eq!(lanes(&mut ladder, 120), [1]);
        assert_eq!(ladder.wait(at(120)), Some(Duration::from_secs(180)));
        assert_eq!(lanes(&mut ladder, 400), [2]);
        assert_eq!(ladder.wait(at(400)), None);
        assert!(
            ladder
                .get(&key(1))
                .is_some_and(|climbing| !climbing.is_delivered)
        );
    }

    #[test]
    fn what_is_acknowledged_climbs_no_further() {
        let mut ladder = ladder();
        assert!(ladder.take(|climbing| climbing.name == "8").is_empty());
        assert_eq!(ladder.take(|climbing| climbing.name == "7").len(), 1);
        assert_eq!(lanes(&mut ladder, 1_000), [0; 0]);
    }

    #[test]
    fn when_the_channels_before_have_failed_the_next_does_not_wait() {
        let mut ladder = ladder();
        assert!(ladder.hurry(&key(1), at(3)));
        assert_eq!(lanes(&mut ladder, 3), [1]);
        assert!(ladder.hurry(&key(1), at(4)));
        assert_eq!(lanes(&mut ladder, 4), [2]);
        assert!(!ladder.hurry(&key(1), at(5)) && !ladder.hurry(&key(2), at(5)));
    }
}
