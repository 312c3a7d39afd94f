//! What waits for one channel: bounded, in order, at the channel's rate. Pure: the time is an argument.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tripline_engine::messages::alert::{Alert, Severity};
use tripline_engine::time::Timestamp;

/// How many messages a receiver takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages a minute in the long run; at least 1.
    pub per_minute: u32,
    /// Messages that may go at once after a quiet time; at least 1.
    pub burst: u32,
}

impl Rate {
    /// The time in which one message is earned, in nanoseconds.
    fn interval(self) -> i64 {
        60_000_000_000 / i64::from(self.per_minute.max(1))
    }

    fn full(self) -> i64 {
        self.interval().saturating_mul(i64::from(self.burst.max(1)))
    }
}

/// A token bucket. Its level is the time earned, in nanoseconds; repeats can drive it below zero.
#[derive(Debug)]
struct Bucket {
    rate: Rate,
    level: i64,
    filled_at: Option<Timestamp>,
}

impl Bucket {
    fn new(rate: Rate) -> Self {
        Self {
            rate,
            level: rate.full(),
            filled_at: None,
        }
    }

    fn fill(&mut self, now: Timestamp) {
        let passed = self
            .filled_at
            .map_or(Duration::ZERO, |at| now.saturating_since(at));
        let passed = i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(passed).min(self.rate.full());
        self.filled_at = Some(now);
    }

    /// Messages that may go now.
    fn available(&self) -> i64 {
        self.level.div_euclid(self.rate.interval()).max(0)
    }

    /// How long until one may go.
    fn wait(&self) -> Duration {
        Duration::from_nanos((self.rate.interval() - self.level).max(0).unsigned_abs())
    }

    fn take(&mut self, messages: u32) {
        self.level -= self.rate.interval().saturating_mul(i64::from(messages));
    }
}

/// An alert with its number, by which the actor finds what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    pub number: u64,
    pub alert: Rc<Alert>,
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
    bucket: Option<Bucket>,
    /// Alerts that fit into one summary.
    summary: usize,
    /// Dropped, and not yet said in a delivered message.
    withheld: u64,
}

impl Queue {
    /// A queue of `capacity` alerts; `summary` of them fit into one message.
    pub fn new(capacity: usize, rate: Option<Rate>, summary: usize) -> Self {
        let bucket = rate.map(Bucket::new);
        Self {
            waiting: VecDeque::new(),
            capacity,
            bucket,
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

    /// Takes what is to be sent now. Alerts go one by one as long as the rate has room for all that
    /// wait; the last message that it allows takes the rest together.
    pub fn next(&mut self, now: Timestamp) -> Next {
        if self.waiting.is_empty() {
            return Next::Nothing;
        }
        let mut count = 1;
        if let Some(bucket) = &mut self.bucket {
            bucket.fill(now);
            match bucket.available() {
                0 => return Next::Wait(bucket.wait()),
                1 => count = self.waiting.len().min(self.summary),
                _ => {}
            }
            bucket.take(1);
        }
        Next::Send(self.waiting.drain(..count).collect())
    }

    /// Repeats count against the rate too: the receiver may have seen each of them.
    pub fn repeated(&mut self, repeats: u32) {
        if let Some(bucket) = &mut self.bucket {
            bucket.take(repeats);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::alert;
    use super::*;

    const DINGTALK: Rate = Rate {
        per_minute: 15,
        burst: 5,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + millis)
    }

    fn numbered(number: u64, severity: Severity) -> Numbered {
        Numbered {
            number,
            alert: Rc::new(alert(severity, "a")),
        }
    }

    fn numbers(items: &[Numbered]) -> Vec<u64> {
        items.iter().map(|item| item.number).collect()
    }

    #[test]
    fn a_full_queue_drops_the_oldest_of_the_mildest_and_never_a_critical() {
        let mut queue = Queue::new(3, None, 10);
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

    #[test]
    fn a_burst_goes_one_by_one_and_its_excess_as_one_summary() {
        let mut queue = Queue::new(100, Some(DINGTALK), 50);
        for number in 0..20 {
            assert_eq!(queue.push(numbered(number, Severity::Warning)), None);
        }
        for number in 0..4 {
            let Next::Send(items) = queue.next(at(0)) else {
                panic!("room for {number}")
            };
            assert_eq!(numbers(&items), [number]);
        }
        let Next::Send(items) = queue.next(at(0)) else {
            panic!("room for the summary")
        };
        assert_eq!(numbers(&items), (4..20).collect::<Vec<_>>());
        assert_eq!(queue.next(at(0)), Next::Nothing);
        queue.push(numbered(20, Severity::Info));
        assert_eq!(queue.next(at(1_000)), Next::Wait(Duration::from_secs(3)));
        assert!(matches!(queue.next(at(4_000)), Next::Send(_)));
    }

    #[test]
    fn no_minute_sees_more_than_twenty_messages_whatever_arrives() {
        let mut queue = Queue::new(1000, Some(DINGTALK), 50);
        let mut sent = Vec::new();
        for (number, millis) in (0..).zip((0..600_000).step_by(500)) {
            queue.push(numbered(number, Severity::Warning));
            while let Next::Send(_) = queue.next(at(millis)) {
                sent.push(millis);
            }
        }
        let busiest = sent.iter().map(|from| {
            sent.iter()
                .filter(|at| (*from..from + 60_000).contains(*at))
                .count()
        });
        assert!(busiest.max() <= Some(20));
        assert!(
            sent.len() >= 150,
            "ten minutes allow 150, and only {} went",
            sent.len()
        );
    }

    #[test]
    fn repeats_use_up_the_rate() {
        let mut queue = Queue::new(10, Some(DINGTALK), 50);
        queue.push(numbered(0, Severity::Info));
        assert!(matches!(queue.next(at(0)), Next::Send(_)));
        queue.repeated(6);
        queue.push(numbered(1, Severity::Critical));
        assert_eq!(queue.next(at(0)), Next::Wait(Duration::from_secs(12)));
    }
}
