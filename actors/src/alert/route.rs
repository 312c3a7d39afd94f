//! Which alerts a channel gets, and when: at once, or as a step of the escalation, while nobody has
//! acknowledged the alert.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use tripline_engine::fault::FaultKind;
use tripline_engine::ids::StrategyId;
use tripline_engine::messages::alert::{Alert, Phase, Severity};

use super::Reach;
use super::rate::MINUTE;

/// What is left out takes the channel's own default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// The mildest alerts that it gets.
    pub severity: Option<Severity>,
    /// Only alerts that nobody has acknowledged for so long; 0 for all of them at once.
    #[serde(deserialize_with = "period")]
    pub after: Option<Duration>,
    /// Only alerts of these strategies, and those that concern no single one.
    pub strategies: Option<BTreeSet<StrategyId>>,
    /// Only alerts of these kinds of fault, and those that are of none.
    pub faults: Option<BTreeSet<FaultKind>>,
}

/// The longest that an escalation waits.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

fn period<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || {
        let expected = &"a duration with its unit in quotes, such as \"2m\", of at most a day";
        de::Error::invalid_value(de::Unexpected::Str(&text), expected)
    };
    let parsed = jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(&text);
    let period = parsed.map_err(|_| wrong())?;
    if period > LONGEST {
        return Err(wrong());
    }
    Ok(Some(period))
}

impl Route {
    /// The keys that stand beside a channel's own.
    pub(super) const KEYS: &'static [&'static str] = &["severity", "after", "strategies", "faults"];

    /// What is configured, and for the rest what suits the channel.
    #[must_use]
    pub(super) fn of(self, reach: Reach) -> Self {
        let (severity, after) = match reach {
            Reach::Chat => (None, Duration::ZERO),
            Reach::Text => (Some(Severity::Critical), 2 * MINUTE),
            Reach::Call => (Some(Severity::Critical), 5 * MINUTE),
        };
        Self {
            severity: self.severity.or(severity),
            after: Some(self.after.unwrap_or(after)),
            ..self
        }
    }

    /// Whether the channel is one for the alert.
    #[must_use]
    pub(super) fn takes(&self, alert: &Alert) -> bool {
        let of_strategy = match (&self.strategies, &alert.strategy) {
            (Some(wanted), Some(strategy)) => wanted.contains(strategy),
            _ => true,
        };
        let of_kind = match (&self.faults, &alert.kind) {
            (Some(wanted), Some(kind)) => wanted.contains(kind),
            _ => true,
        };
        // Who was told of a trouble is told of its end, which is mild.
        let is_end = matches!(alert.facts.phase, Phase::Acknowledged | Phase::Resolved);
        let is_severe = self.severity.is_none_or(|least| alert.severity >= least);
        of_strategy && of_kind && (is_severe || (is_end && alert.kind.is_some()))
    }

    /// How long an alert goes unacknowledged before the channel gets it.
    #[must_use]
    pub(super) fn delay(&self) -> Duration {
        self.after.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::alert;
    use super::*;

    fn route(text: &str) -> Route {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_route_takes_by_severity_strategy_and_kind_and_what_concerns_all_passes() {
        let route = route(r#"{"severity":"warning","strategies":["grid"],"faults":["network"]}"#);
        let base = alert(Severity::Warning, "a");
        assert!(route.takes(&base), "of no strategy and no kind");
        let of = |strategy: &str, kind| Alert {
            strategy: Some(strategy.parse().unwrap()),
            kind: Some(kind),
            ..base.clone()
        };
        assert!(route.takes(&of("grid", FaultKind::Network)));
        assert!(!route.takes(&of("other", FaultKind::Network)));
        assert!(!route.takes(&of("grid", FaultKind::Timeout)));
        assert!(!route.takes(&alert(Severity::Info, "a")));
    }

    #[test]
    fn a_delay_is_a_text_with_its_unit() {
        assert_eq!(route(r#"{"after":"2m"}"#).delay(), Duration::from_secs(120));
        assert_eq!(route(r#"{"after":"0s"}"#).after, Some(Duration::ZERO));
        for wrong in [r#"{"after":5}"#, r#"{"after":"5"}"#, r#"{"after":"2d"}"#] {
            assert!(serde_json::from_str::<Route>(wrong).is_err(), "{wrong}");
        }
    }
}
