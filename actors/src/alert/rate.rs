//! How many messages a receiver takes: sliding windows, counted exactly, with a reserve for what is
//! critical. Pure: the time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use tripline_engine::messages::alert::Severity;
use tripline_engine::time::Timestamp;

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// What two clocks and a network may move a message within the receiver's window.
const SLACK: Duration = Duration::from_millis(500);

/// At most `messages` in any `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub messages: u32,
    pub per: Duration,
}

impl Window {
    #[must_use]
    pub const fn new(messages: u32, per: Duration) -> Self {
        Self { messages, per }
    }

    /// What only critical alerts may use: a quarter.
    const fn reserve(self) -> u32 {
        self.messages / 4
    }

    fn room(self, severity: Severity) -> u32 {
        match severity {
            Severity::Critical => self.messages,
            _ => self.messages - self.reserve(),
        }
    }
}

/// How many windows a receiver has at most.
const WINDOWS: usize = 3;

/// How many messages a receiver takes; every window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate([Option<Window>; WINDOWS]);

impl Rate {
    /// As many as there are.
    pub const UNLIMITED: Self = Self([None; WINDOWS]);

    /// # Panics
    /// When compiled with more windows than are kept.
    #[must_use]
    pub const fn of(windows: &[Window]) -> Self {
        assert!(windows.len() <= WINDOWS, "a receiver has few windows");
        let mut all = [None; WINDOWS];
        let mut at = 0;
        while at < windows.len() {
            all[at] = Some(windows[at]);
            at += 1;
        }
        Self(all)
    }

    fn windows(&self) -> impl Iterator<Item = &Window> {
        self.0.iter().flatten()
    }
}

/// When messages went, and which may go.
#[derive(Debug)]
pub struct Meter {
    rate: Rate,
    sent: VecDeque<Timestamp>,
    /// The receiver has asked for silence until then.
    mute_until: Option<Timestamp>,
}

impl Meter {
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            sent: VecDeque::new(),
            mute_until: None,
        }
    }

    /// How long before one may go; zero when it may now.
    #[must_use]
    pub fn wait(&self, severity: Severity, now: Timestamp) -> Duration {
        let mute = self.mute_until.map(|until| until.saturating_since(now));
        let windows = self.rate.windows().map(|window| {
            let room = window.room(severity) as usize;
            let Some(nth) = self.sent.len().checked_sub(room) else {
                return Duration::ZERO;
            };
            // When this one has left the window, there is room.
            let leaving = self.sent.get(nth).copied();
            let free = leaving.and_then(|at| at.checked_add(window.per + SLACK));
            free.map_or(Duration::ZERO, |free| free.saturating_since(now))
        });
        windows.chain(mute).max().unwrap_or_default()
    }

    /// How many may go now, one after the other.
    #[must_use]
    pub fn available(&self, severity: Severity, now: Timestamp) -> usize {
        if self.mute_until.is_some_and(|until| until > now) {
            return 0;
        }
        let free = self.rate.windows().map(|window| {
            let since = now.checked_sub(window.per + SLACK);
            let within = self.sent.iter().rev();
            let within = within.take_while(|at| since.is_none_or(|since| **at > since));
            (window.room(severity) as usize).saturating_sub(within.count())
        });
        free.min().unwrap_or(usize::MAX)
    }

    /// Messages went now: each counts, also one that was refused.
    pub fn sent(&mut self, messages: u32, now: Timestamp) {
        self.sent.extend((0..messages).map(|_| now));
        let most = self.rate.windows().map(|window| window.messages as usize);
        let most = most.max().unwrap_or_default();
        while self.sent.len() > most {
            self.sent.pop_front();
        }
    }

    /// The receiver has asked for silence.
    pub fn mute(&mut self, until: Timestamp) {
        self.mute_until = self.mute_until.max(Some(until));
    }

    #[must_use]
    pub fn is_mute(&self, now: Timestamp) -> bool {
        self.mute_until.is_some_and(|until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + millis)
    }

    #[test]
    fn milder_alerts_leave_a_quarter_to_critical_ones() {
        let mut meter = Meter::new(Rate::of(&[Window::new(8, MINUTE)]));
        assert_eq!(meter.available(Severity::Warning, at(0)), 6);
        meter.sent(6, at(0));
        assert_eq!(meter.available(Severity::Warning, at(0)), 0);
        assert_eq!(meter.wait(Severity::Info, at(0)), MINUTE + SLACK);
        assert_eq!(meter.available(Severity::Critical, at(0)), 2);
        meter.sent(2, at(1));
        assert!(meter.wait(Severity::Critical, at(1)) > Duration::ZERO);
    }

    #[test]
    fn every_window_holds_and_silence_is_kept() {
        let mut meter = Meter::new(Rate::of(&[Window::new(1, MINUTE), Window::new(2, HOUR)]));
        meter.sent(1, at(0));
        assert_eq!(meter.wait(Severity::Critical, at(0)), MINUTE + SLACK);
        meter.sent(1, at(61_000));
        assert!(meter.wait(Severity::Critical, at(130_000)) > 50 * MINUTE);
        meter.mute(at(2 * 3_600_000));
        assert!(meter.is_mute(at(3_700_000)));
        assert!(meter.wait(Severity::Critical, at(3_700_000)) > 30 * MINUTE);
        assert_eq!(
            Meter::new(Rate::UNLIMITED).available(Severity::Info, at(0)),
            usize::MAX
        );
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_it_may(steps in proptest::collection::vec((0i64..30_000, any::<bool>()), 1..200)) {
            let windows = [Window::new(5, MINUTE), Window::new(20, HOUR)];
            let mut meter = Meter::new(Rate::of(&windows));
            let (mut now, mut sent) = (0, Vec::new());
            for (pause, critical) in steps {
                now += pause;
                let severity = if critical { Severity::Critical } else { Severity::Info };
                let may = meter.available(severity, at(now)) > 0;
                prop_assert_eq!(may, meter.wait(severity, at(now)) == Duration::ZERO);
                if may {
                    meter.sent(1, at(now));
                    sent.push(now);
                }
            }
            for Window { messages, per } in windows {
                let per = i64::try_from(per.as_millis()).unwrap();
                for from in &sent {
                    let within = sent.iter().filter(|at| (*from..from + per).contains(at));
                    prop_assert!(within.count() <= messages as usize);
                }
            }
        }
    }
}
