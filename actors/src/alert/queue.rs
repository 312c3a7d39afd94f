//! What waits for one channel: bounded, critical alerts first, at the channel's rate. Pure: the time is an
//! argument.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tripline_engine::journal::AlertKey;
use tripline_engine::messages::alert::{Alert, Severity};
use tripline_engine::time::Timestamp;

use super::rate::{Meter, Rate};

/// An alert with its number, by which the actor finds what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    pub number: u64,
    pub key: AlertKey,
    pub alert: Rc<Alert>,
    /// It was reported as failed, because the receiver has asked for silence; it waits all the same.
    pub is_given_up: bool,
}

/// What to do next for the channel.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Nothing,
    /// The rate allows nothing before this much time has passed.
    Wait(Duration),
    /// Send these in one message; more than one is a summary.
    Send(Vec<Numbered>),
}

/// The queue of one channel.
#[derive(Debug)]
pub struct Queue {
    waiting: VecDeque<Numbered>,
    capacity: usize,
    meter: Meter,
    /// Alerts that fit into one summary.
    summary: usize,
    /// Dropped, and not yet said in a delivered message.
    withheld: u64,
}

impl Queue {
    /// A queue of `capacity` alerts; `summary` of them fit into one message.
    pub fn new(capacity: usize, rate: Rate, summary: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            capacity,
            meter: Meter::new(rate),
            summary: summary.max(1),
            withheld: 0,
        }
    }

    /// Alerts that were dropped since the last message that said so was delivered.
    pub fn withheld(&self) -> u64 {
        self.withheld
    }

    /// A delivered message has said that `count` alerts were dropped.
    pub fn said_withheld(&mut self, count: u64) {
        self.withheld = self.withheld.saturating_sub(count);
    }

    /// Queues. When it is full, the oldest of the mildest is dropped and returned; a critical alert
    /// never is: for those the queue grows.
    pub fn push(&mut self, new: Numbered) -> Option<Numbered> {
        self.waiting.push_back(new);
        if self.waiting.len() <= self.capacity {
            return None;
        }
        let mildest = self
            .waiting
            .iter()
            .enumerate()
            .min_by_key(|(_, item)| item.alert.severity);
        let (place, item) = mildest?;
        if item.alert.severity == Severity::Critical {
            return None;
        }
        self.withheld += 1;
        self.waiting.remove(place)
    }

    /// Takes what is to be sent now, critical alerts first. They go one by one as long as the rate has
    /// room for all that wait; when more wait, each message tells of several.
    pub fn next(&mut self, now: Timestamp) -> Next {
        let mut wait: Option<Duration> = None;
        for severity in [Severity::Critical, Severity::Info] {
            let is_of_class =
                |item: &Numbered| is_critical(item) == (severity == Severity::Critical);
            let waiting = self.waiting.iter().filter(|item| is_of_class(item)).count();
            if waiting == 0 {
                continue;
            }
            let available = self.meter.available(severity, now);
            if available == 0 {
                let free = self.meter.wait(severity, now);
                wait = Some(wait.map_or(free, |wait| wait.min(free)));
                continue;
            }
            self.meter.sent(1, now);
            let count = waiting.div_ceil(available).min(self.summary);
            return Next::Send(self.take(count, is_of_class));
        }
        wait.map_or(Next::Nothing, Next::Wait)
    }

    /// The first so many of those that are wanted.
    fn take(&mut self, count: usize, wanted: impl Fn(&Numbered) -> bool) -> Vec<Numbered> {
        let (mut taken, mut kept) = (Vec::new(), VecDeque::new());
        for item in self.waiting.drain(..) {
            if taken.len() < count && wanted(&item) {
                taken.push(item);
            } else {
                kept.push_back(item);
            }
        }
        self.waiting = kept;
        taken
    }

    /// Repeats count against the rate too: the receiver may have seen each of them.
    pub fn repeated(&mut self, repeats: u32, now: Timestamp) {
        self.meter.sent(repeats, now);
    }

    /// The receiver has asked for silence. Those that wait are given up for now: other channels must do.
    pub fn mute(&mut self, until: Timestamp) -> Vec<u64> {
        self.meter.mute(until);
        self.give_up()
    }

    #[must_use]
    pub fn is_mute(&self, now: Timestamp) -> bool {
        self.meter.is_mute(now)
    }

    /// Marks those that wait as given up; the numbers of those that were not before.
    pub fn give_up(&mut self) -> Vec<u64> {
        let waiting = self.waiting.iter_mut().filter(|item| !item.is_given_up);
        let given_up = waiting.map(|item| {
            item.is_given_up = true;
            item.number
        });
        given_up.collect()
    }

    /// Whether the alert waits already, to be told when the receiver may be spoken to again.
    #[must_use]
    pub fn holds(&self, key: &AlertKey) -> bool {
        self.waiting.iter().any(|item| item.key == *key)
    }
}

fn is_critical(item: &Numbered) -> bool {
    item.alert.severity == Severity::Critical
}

#[cfg(test)]
mod tests {
    use super::super::rate::{MINUTE, Window};
    use super::super::testing::alert;
    use super::*;
    use tripline_engine::ids::RunId;

    const DINGTALK: Rate = Rate::of(&[Window::new(18, MINUTE)]);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + millis)
    }

    fn numbered(number: u64, severity: Severity) -> Numbered {
        Numbered {
            number,
            key: AlertKey {
                run: RunId::from_millis(0),
                number,
            },
            alert: Rc::new(alert(severity, "a")),
            is_given_up: false,
        }
    }

    fn numbers(items: &[Numbered]) -> Vec<u64> {
        items.iter().map(|item| item.number).collect()
    }

    #[test]
    fn a_full_queue_drops_the_oldest_of_the_mildest_and_never_a_critical() {
        let mut queue = Queue::new(3, Rate::UNLIMITED, 10);
        let severities = [
            Severity::Critical,
            Severity::Info,
            Severity::Warning,
            Severity::Info,
        ];
        let mut dropped = Vec::new();
        for (number, severity) in (0..).zip(severities) {
            dropped.extend(queue.push(numbered(number, severity)));
        }
        dropped.extend(queue.push(numbered(4, Severity::Critical)));
        dropped.extend(queue.push(numbered(5, Severity::Critical)));
        dropped.extend(queue.push(numbered(6, Severity::Critical)));
        assert_eq!(numbers(&dropped), [1, 3, 2]);
        assert_eq!((queue.waiting.len(), queue.withheld()), (4, 3));
        queue.said_withheld(2);
        assert_eq!(queue.withheld(), 1);
    }

    fn sent(queue: &mut Queue, millis: i64) -> Vec<Vec<u64>> {
        let next = || match queue.next(at(millis)) {
            Next::Send(items) => Some(numbers(&items)),
            Next::Nothing | Next::Wait(_) => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_burst_within_the_rate_goes_one_by_one_and_a_greater_one_in_summaries() {
        let mut queue = Queue::new(100, DINGTALK, 50);
        for number in 0..10 {
            assert_eq!(queue.push(numbered(number, Severity::Warning)), None);
        }
        let one_by_one: Vec<Vec<u64>> = (0..10).map(|number| vec![number]).collect();
        assert_eq!(sent(&mut queue, 0), one_by_one);
        for number in 10..30 {
            queue.push(numbered(number, Severity::Warning));
        }
        let summaries = sent(&mut queue, 0);
        assert_eq!(
            summaries.len(),
            4,
            "the quarter for critical alerts is left"
        );
        assert_eq!(summaries.concat(), (10..30).collect::<Vec<_>>());
        queue.push(numbered(30, Severity::Info));
        assert!(matches!(queue.next(at(1_000)), Next::Wait(_)));
        queue.push(numbered(31, Severity::Critical));
        assert_eq!(
            sent(&mut queue, 1_000),
            [[31]],
            "critical alerts have a reserve"
        );
        assert_eq!(sent(&mut queue, 61_000), [[30]]);
    }

    #[test]
    fn no_minute_sees_more_than_twenty_messages_and_none_of_a_flood_is_lost() {
        let mut queue = Queue::new(200, DINGTALK, 26);
        let (mut told, mut withheld, mut busy) = (Vec::new(), 0, Vec::new());
        for number in 0..10_000 {
            let millis = i64::try_from(number).unwrap() * 6;
            let critical = number % 100 == 0;
            let severity = if critical {
                Severity::Critical
            } else {
                Severity::Info
            };
            withheld += u64::from(queue.push(numbered(number, severity)).is_some());
            for batch in sent(&mut queue, millis) {
                busy.push(millis);
                told.extend(batch);
            }
        }
        let mut millis = 60_000;
        while !queue.waiting.is_empty() {
            millis += 500;
            for batch in sent(&mut queue, millis) {
                busy.push(millis);
                told.extend(batch);
            }
        }
        assert_eq!(told.len() as u64 + withheld, 10_000, "the counts add up");
        let critical = told.iter().filter(|number| *number % 100 == 0).count();
        assert_eq!(critical, 100, "every critical one is told");
        let within = |from: &i64| {
            busy.iter()
                .filter(|at| (*from..from + 60_000).contains(at))
                .count()
        };
        assert!(busy.iter().map(within).max() <= Some(18));
    }

    #[test]
    fn repeats_use_up_the_rate() {
        let mut queue = Queue::new(10, DINGTALK, 50);
        queue.push(numbered(0, Severity::Info));
        assert_eq!(sent(&mut queue, 0), [[0]]);
        queue.repeated(17, at(0));
        queue.push(numbered(1, Severity::Critical));
        assert_eq!(queue.next(at(0)), Next::Wait(Duration::from_millis(60_500)));
    }
}
