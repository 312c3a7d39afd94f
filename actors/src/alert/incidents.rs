//! Which alerts are told: the first of its kind at once, repeats counted and told after one, five, fifteen
//! and sixty minutes, one that is worse at once, and the end. Pure: the time is an argument.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tripline_engine::fault::{FaultKind, IncidentId};
use tripline_engine::halt::{HaltLevel, Scope};
use tripline_engine::ids::{StrategyId, Symbol};
use tripline_engine::messages::alert::{Alert, Facts, Phase, Severity};
use tripline_engine::time::Timestamp;

use super::rate::{HOUR, MINUTE};

/// When repeats are told, after the first.
const AGAIN: [Duration; 4] = [
    MINUTE,
    Duration::from_secs(300),
    Duration::from_secs(900),
    HOUR,
];

/// A trouble that halts nothing is over when it was quiet for so long.
const QUIET: Duration = HOUR;

/// Incidents of one trouble whose numbers are kept, so that each of them can be acknowledged.
const NUMBERS_KEPT: usize = 64;

/// What makes two alerts the same trouble.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Fingerprint {
    Fault(FaultKind, Option<Scope>, Option<StrategyId>, Option<Symbol>),
    /// A strategy's own words.
    Words(StrategyId, String, String),
}

impl Fingerprint {
    /// `None` for what is told each time: it is news.
    fn of(alert: &Alert) -> Option<Self> {
        match (alert.kind, alert.strategy) {
            (Some(kind), strategy) => {
                let instrument = alert.facts.instrument;
                Some(Self::Fault(kind, alert.scope, strategy, instrument))
            }
            (None, Some(strategy)) => Some(Self::Words(
                strategy,
                alert.title.clone(),
                alert.text.clone(),
            )),
            (None, None) => None,
        }
    }
}

#[derive(Debug)]
struct Trouble {
    /// The newest.
    alert: Alert,
    severity: Severity,
    count: u64,
    /// As many as the last message told of.
    told: u64,
    since: Timestamp,
    last: Timestamp,
    /// The next of [`AGAIN`], and after those the hours.
    slot: u32,
    numbers: Vec<IncidentId>,
}

impl Trouble {
    /// When a repeat may be told next.
    fn again(&self) -> Option<Timestamp> {
        self.since.checked_add(slot(self.slot))
    }

    /// When something may be due.
    fn next(&self) -> Option<Timestamp> {
        if self.count > self.told {
            return self.again();
        }
        let quiet = || self.last.checked_add(QUIET);
        (!self.halts()).then(quiet).flatten()
    }

    fn halts(&self) -> bool {
        let level = self.alert.facts.level.unwrap_or_default();
        level > HaltLevel::Active
    }

    fn tell(&mut self, phase: Phase) -> Alert {
        self.told = self.count;
        Alert {
            severity: self.severity,
            facts: Facts {
                phase,
                count: self.count,
                ..self.alert.facts.clone()
            },
            ..self.alert.clone()
        }
    }
}

/// The length of time after the first until the nth repeat is told.
fn slot(n: u32) -> Duration {
    let listed = AGAIN.get(n as usize).copied();
    let hours = || HOUR.saturating_mul(n.saturating_sub(2));
    listed.unwrap_or_else(hours)
}

/// The troubles that go on.
#[derive(Debug, Default)]
pub(super) struct Incidents {
    troubles: BTreeMap<Fingerprint, Trouble>,
    /// Nothing is due before; under a flood nobody looks through all of them for each.
    soonest: Option<Timestamp>,
}

impl Incidents {
    /// An alert has come. What is to be told of it now, if anything: the rest is counted.
    pub(super) fn seen(&mut self, alert: Alert, now: Timestamp) -> Vec<Alert> {
        if alert.facts.phase == Phase::Resolved {
            return self.resolved(alert);
        }
        let Some(print) = Fingerprint::of(&alert) else {
            return vec![alert];
        };
        let times = alert.facts.count.max(1);
        let Some(trouble) = self.troubles.get_mut(&print) else {
            let mut trouble = Trouble {
                severity: alert.severity,
                count: times,
                told: 0,
                since: now,
                last: now,
                slot: 0,
                numbers: alert.incident.into_iter().collect(),
                alert,
            };
            let told = trouble.tell(Phase::Opened);
            self.expect(trouble.next());
            self.troubles.insert(print, trouble);
            return vec![told];
        };
        trouble.count += times;
        trouble.last = now;
        if trouble.numbers.len() < NUMBERS_KEPT {
            trouble.numbers.extend(alert.incident);
        }
        let is_worse =
            alert.severity > trouble.severity || alert.facts.level > trouble.alert.facts.level;
        trouble.severity = trouble.severity.max(alert.severity);
        // The first words stay: its number is what a person was told, and its facts are complete.
        if is_worse {
            trouble.alert = alert;
            return vec![trouble.tell(Phase::Worse)];
        }
        let next = trouble.next();
        self.expect(next);
        Vec::new()
    }

    /// The halt of a scope was lifted: every trouble of it is over.
    fn resolved(&mut self, end: Alert) -> Vec<Alert> {
        let is_over = |print: &Fingerprint, trouble: &Trouble| {
            matches!(print, Fingerprint::Fault(..)) && trouble.alert.scope == end.scope
        };
        let prints = self
            .troubles
            .iter()
            .filter(|(print, trouble)| is_over(print, trouble));
        let prints: Vec<Fingerprint> = prints.map(|(print, _)| print.clone()).collect();
        let over = prints
            .iter()
            .filter_map(|print| self.troubles.remove(print));
        let over: Vec<Trouble> = over.collect();
        if over.is_empty() {
            return vec![end];
        }
        let told = over.into_iter().map(|trouble| Alert {
            kind: trouble.alert.kind,
            incident: trouble.alert.incident,
            facts: Facts {
                phase: Phase::Resolved,
                count: trouble.count,
                instrument: trouble.alert.facts.instrument,
                ..end.facts.clone()
            },
            ..end.clone()
        });
        told.collect()
    }

    /// What is due now: repeats, and the end of what was quiet for long.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Alert> {
        let mut told = Vec::new();
        self.troubles.retain(|_, trouble| {
            let is_due = trouble.again().is_some_and(|at| at <= now);
            if trouble.count > trouble.told && is_due {
                while trouble.again().is_some_and(|at| at <= now) {
                    trouble.slot += 1;
                }
                told.push(trouble.tell(Phase::Repeated));
                return true;
            }
            let is_over = !trouble.halts() && now.saturating_since(trouble.last) >= QUIET;
            if is_over && trouble.count > 1 {
                let mut end = trouble.tell(Phase::Resolved);
                end.severity = Severity::Info;
                told.push(end);
            }
            !is_over
        });
        self.soonest = self.troubles.values().filter_map(Trouble::next).min();
        told
    }

    /// How long until something may be due.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Duration> {
        self.soonest.map(|at| at.saturating_since(now))
    }

    fn expect(&mut self, next: Option<Timestamp>) {
        self.soonest = self.soonest.into_iter().chain(next).min();
    }

    /// A person has seen it: it is told once an hour at most. `None` when there is no such trouble.
    pub(super) fn acknowledge(&mut self, incident: IncidentId) -> Option<Rc<Alert>> {
        let mut troubles = self.troubles.values_mut();
        let trouble = troubles.find(|trouble| trouble.numbers.contains(&incident))?;
        trouble.slot = trouble.slot.max(3);
        Some(Rc::new(trouble.alert.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::alert;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + seconds * 1_000)
    }

    fn fault(severity: Severity, number: u64, level: HaltLevel) -> Alert {
        Alert {
            kind: Some(FaultKind::Network),
            scope: Some(Scope::Strategy("grid".parse().unwrap())),
            incident: Some(IncidentId(number)),
            facts: Facts {
                level: Some(level),
                ..Facts::default()
            },
            ..alert(severity, "no connection")
        }
    }

    fn told(alerts: &[Alert]) -> Vec<(Phase, u64, Severity)> {
        let facts = alerts.iter();
        let facts = facts.map(|alert| (alert.facts.phase, alert.facts.count, alert.severity));
        facts.collect()
    }

    #[test]
    fn the_first_is_told_at_once_and_repeats_after_1_5_15_and_60_minutes_with_their_count() {
        let mut incidents = Incidents::default();
        let (mut seen, mut count) = (Vec::new(), 0);
        for second in 0..3 * 3_600 {
            for _ in 0..2 {
                count += 1;
                let fault = fault(Severity::Critical, count, HaltLevel::Halted);
                let now = incidents.seen(fault, at(second));
                seen.extend(told(&now).into_iter().map(|told| (second, told)));
            }
            let due = incidents.due(at(second));
            seen.extend(told(&due).into_iter().map(|told| (second, told)));
        }
        let critical = |phase, count| (phase, count, Severity::Critical);
        let wanted = [
            (0, critical(Phase::Opened, 1)),
            (60, critical(Phase::Repeated, 122)),
            (300, critical(Phase::Repeated, 602)),
            (900, critical(Phase::Repeated, 1_802)),
            (3_600, critical(Phase::Repeated, 7_202)),
            (7_200, critical(Phase::Repeated, 14_402)),
        ];
        assert_eq!(seen, wanted);
        assert_eq!(incidents.troubles.values().next().unwrap().count, count);
    }

    #[test]
    fn a_stricter_halt_by_the_same_trouble_is_told_at_once() {
        let mut incidents = Incidents::default();
        let mut seen =
            |number, level| incidents.seen(fault(Severity::Critical, number, level), at(0));
        seen(1, HaltLevel::ReduceOnly);
        assert!(seen(2, HaltLevel::ReduceOnly).is_empty());
        let worse = seen(3, HaltLevel::Halted);
        assert_eq!(told(&worse), [(Phase::Worse, 3, Severity::Critical)]);
        assert!(seen(4, HaltLevel::ReduceOnly).is_empty());
    }

    #[test]
    fn a_rise_in_severity_is_told_at_once_and_the_end_with_the_count() {
        let mut incidents = Incidents::default();
        incidents.seen(fault(Severity::Warning, 1, HaltLevel::Active), at(0));
        assert!(
            incidents
                .seen(fault(Severity::Warning, 2, HaltLevel::Active), at(1))
                .is_empty()
        );
        let worse = incidents.seen(fault(Severity::Critical, 3, HaltLevel::Halted), at(2));
        assert_eq!(told(&worse), [(Phase::Worse, 3, Severity::Critical)]);
        let again = incidents.seen(fault(Severity::Critical, 4, HaltLevel::Halted), at(2));
        assert!(again.is_empty());
        let resumed = |scope: Scope| Alert {
            scope: Some(scope),
            facts: Facts {
                phase: Phase::Resolved,
                ..Facts::default()
            },
            ..alert(Severity::Info, "resumed: looked")
        };
        let other = incidents.seen(resumed(Scope::Global), at(3));
        assert_eq!(
            told(&other),
            [(Phase::Resolved, 0, Severity::Info)],
            "of another scope"
        );
        let over = incidents.seen(resumed(Scope::Strategy("grid".parse().unwrap())), at(4));
        assert_eq!(told(&over), [(Phase::Resolved, 4, Severity::Info)]);
        assert_eq!(over[0].kind, Some(FaultKind::Network));
        let again = incidents.seen(fault(Severity::Warning, 4, HaltLevel::Active), at(5));
        assert_eq!(
            told(&again),
            [(Phase::Opened, 1, Severity::Warning)],
            "it is new again"
        );
    }

    #[test]
    fn what_halts_nothing_is_over_after_an_hour_of_silence_and_a_halt_is_not() {
        let mut incidents = Incidents::default();
        incidents.seen(fault(Severity::Warning, 1, HaltLevel::Active), at(0));
        incidents.seen(fault(Severity::Warning, 2, HaltLevel::Active), at(1));
        assert_eq!(incidents.wait(at(1)), Some(Duration::from_secs(59)));
        assert_eq!(
            told(&incidents.due(at(60))),
            [(Phase::Repeated, 2, Severity::Warning)]
        );
        assert_eq!(incidents.wait(at(61)), Some(Duration::from_secs(3_540)));
        assert_eq!(
            told(&incidents.due(at(3_601))),
            [(Phase::Resolved, 2, Severity::Info)]
        );
        assert_eq!(incidents.wait(at(3_601)), None);
        incidents.seen(fault(Severity::Critical, 3, HaltLevel::Halted), at(0));
        assert!(incidents.due(at(100_000)).is_empty() && !incidents.troubles.is_empty());
    }

    #[test]
    fn news_is_told_each_time_and_a_strategys_same_words_once() {
        let mut incidents = Incidents::default();
        let news = alert(Severity::Info, "started");
        let words = Alert {
            strategy: Some("grid".parse().unwrap()),
            ..alert(Severity::Info, "spread is wide")
        };
        for second in 0..3 {
            assert_eq!(incidents.seen(news.clone(), at(second)).len(), 1);
            let wanted = usize::from(second == 0);
            assert_eq!(incidents.seen(words.clone(), at(second)).len(), wanted);
        }
    }

    #[test]
    fn what_was_acknowledged_by_any_of_its_numbers_is_told_once_an_hour() {
        let mut incidents = Incidents::default();
        incidents.seen(fault(Severity::Critical, 1, HaltLevel::Halted), at(0));
        incidents.seen(fault(Severity::Critical, 5, HaltLevel::Halted), at(1));
        assert!(incidents.acknowledge(IncidentId(9)).is_none());
        let acknowledged = incidents.acknowledge(IncidentId(5)).unwrap();
        assert_eq!(acknowledged.incident, Some(IncidentId(1)));
        assert!(incidents.due(at(1_000)).is_empty());
        assert_eq!(incidents.due(at(3_600)).len(), 1);
    }
}
