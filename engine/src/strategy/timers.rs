//! Timers of one strategy: periodic and one-shot, below a second where wanted, never overlapping.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A timer of one strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimerId(u64);

#[derive(Debug, Clone, Copy)]
struct Timer {
    id: TimerId,
    due: Timestamp,
    /// `None` for a one-shot timer.
    every: Option<Duration>,
}

/// The timers that are set, few enough for a list.
#[derive(Debug, Default)]
pub(super) struct Timers {
    list: Vec<Timer>,
    next: u64,
}

impl Timers {
    pub(super) fn set(
        &mut self,
        now: Timestamp,
        delay: Duration,
        every: Option<Duration>,
    ) -> TimerId {
        self.next += 1;
        let id = TimerId(self.next);
        self.list.push(Timer {
            id,
            due: now.checked_add(delay).unwrap_or(now),
            every,
        });
        id
    }

    pub(super) fn cancel(&mut self, id: TimerId) {
        self.list.retain(|timer| timer.id != id);
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.list.iter().map(|timer| timer.due).min()
    }

    /// The due timer that waited longest. A periodic one is set for its next instant after `now`, on
    /// its own grid: runs that were missed are skipped.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<TimerId> {
        let (index, timer) = self
            .list
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, timer)| timer.due <= now)
            .min_by_key(|(_, timer)| timer.due)?;
        match timer.every {
            None => {
                self.list.remove(index);
            }
            Some(every) => {
                let late = now.saturating_since(timer.due).as_nanos();
                let periods = late / every.as_nanos().max(1) + 1;
                let step = every.saturating_mul(u32::try_from(periods).unwrap_or(u32::MAX));
                if let Some(timer) = self.list.get_mut(index) {
                    timer.due = timer.due.checked_add(step).unwrap_or(now);
                }
            }
        }
        Some(timer.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_periodic_timer_keeps_its_grid_and_skips_what_it_missed() {
        let mut timers = Timers::default();
        let period = Duration::from_millis(250);
        let id = timers.set(at(1000), period, Some(period));
        assert_eq!(timers.take_due(at(1249)), None);
        assert_eq!(timers.take_due(at(1250)), Some(id));
        assert_eq!(timers.take_due(at(1499)), None);
        assert_eq!(timers.take_due(at(2010)), Some(id));
        assert_eq!(timers.next_due(), Some(at(2250)));
    }

    #[test]
    fn a_one_shot_timer_fires_once_and_the_earliest_first() {
        let mut timers = Timers::default();
        let late = timers.set(at(0), Duration::from_millis(20), None);
        let early = timers.set(at(0), Duration::from_millis(10), None);
        assert_eq!(timers.take_due(at(30)), Some(early));
        assert_eq!(timers.take_due(at(30)), Some(late));
        assert_eq!(timers.take_due(at(30)), None);
    }
}
