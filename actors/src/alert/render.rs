//! What a message says, as plain text; channels add their own markup.

use std::borrow::Cow;
use std::rc::Rc;

use tripline_engine::messages::alert::{Alert, Severity};
use tripline_engine::time::Timestamp;

/// The most bytes that one alert takes in a summary.
pub(super) const SUMMARY_LINE: usize = 300;

/// One message: an alert, or the summary of several that would not have fitted the channel's rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The same on every attempt, different for every message: receivers recognise duplicates by it.
    pub reference: String,
    /// The highest of what it tells of.
    pub severity: Severity,
    /// Whether any of it concerns real money.
    pub live: bool,
    /// `[CRIT][LIVE] what happened`, one line.
    pub headline: String,
    /// Plain text, one line each.
    pub lines: Vec<String>,
    /// What it tells of, in the order in which it happened; for channels that send data.
    pub alerts: Vec<Rc<Alert>>,
    /// Alerts that this channel dropped before this message.
    pub withheld: u64,
    pub at: Timestamp,
}

impl Rendered {
    /// Renders one alert, or summarises several. `None` when there is nothing to tell.
    #[must_use]
    pub fn of(reference: String, alerts: Vec<Rc<Alert>>, withheld: u64) -> Option<Self> {
        let last = alerts.last()?;
        let at = last.at;
        let severity = alerts.iter().map(|alert| alert.severity).max()?;
        let live = alerts.iter().any(|alert| alert.live);
        let (headline, mut lines) = match alerts.as_slice() {
            [alert] => (tagged(severity, live, &alert.title), details(alert)),
            several => summary(several, severity, live),
        };
        if withheld > 0 {
            let plural = if withheld == 1 {
                "alert was"
            } else {
                "alerts were"
            };
            lines.push(format!(
                "{withheld} milder {plural} withheld before this: see the log."
            ));
        }
        lines.push(format!("Time: {at}"));
        lines.push(format!("Reference: {reference}"));
        Some(Self {
            reference,
            severity,
            live,
            headline,
            lines,
            alerts,
            withheld,
            at,
        })
    }

    /// Headline and lines, at most `limit` bytes. What identifies the message stays when text is cut.
    #[must_use]
    pub fn text(&self, limit: usize) -> String {
        join(&self.headline, &self.lines, "\n", limit)
    }
}

/// `[CRIT][LIVE] title`, in one line.
fn tagged(severity: Severity, live: bool, title: &str) -> String {
    let money = if live { "LIVE" } else { "PRACTICE" };
    format!("[{severity}][{money}] {}", one_line(title))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn details(alert: &Alert) -> Vec<String> {
    let mut lines: Vec<String> = alert
        .text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .map(Into::into)
        .collect();
    if let Some(kind) = alert.kind {
        lines.push(format!("Fault: {kind}"));
    }
    if let Some(scope) = alert.scope {
        lines.push(format!("Scope: {scope}"));
    }
    if let Some(strategy) = alert.strategy {
        lines.push(format!("Strategy: {strategy}"));
    }
    if let Some(incident) = alert.incident {
        lines.push(format!("Incident: {incident}"));
    }
    lines
}

/// One line for each alert, the most severe first, so that cutting takes the mildest.
fn summary(alerts: &[Rc<Alert>], severity: Severity, live: bool) -> (String, Vec<String>) {
    let count = |wanted: Severity| {
        alerts
            .iter()
            .filter(|alert| alert.severity == wanted)
            .count()
    };
    let counts = [Severity::Critical, Severity::Warning, Severity::Info]
        .map(|severity| format!("{} {severity}", count(severity)));
    let headline = tagged(
        severity,
        live,
        &format!("{} alerts: {}", alerts.len(), counts.join(", ")),
    );
    let mut sorted: Vec<&Rc<Alert>> = alerts.iter().collect();
    sorted.sort_by_key(|alert| std::cmp::Reverse(alert.severity)); // Stable: time order within.
    let line = |alert: &Rc<Alert>| {
        let mut line = format!("{} ", alert.at);
        if let Some(incident) = alert.incident {
            line += &format!("incident {incident} ");
        }
        line += &tagged(alert.severity, alert.live, &alert.title);
        cut(&line, SUMMARY_LINE).into_owned()
    };
    (headline, sorted.into_iter().map(line).collect())
}

/// Joins within `limit` bytes; when it is too much, lines from the middle go, so that the headline and
/// the last two lines (time and reference) stay.
pub(super) fn join(headline: &str, lines: &[String], separator: &str, limit: usize) -> String {
    let tail_from = lines.len().saturating_sub(2);
    let (middle, tail) = lines.split_at(tail_from);
    let tail = tail
        .iter()
        .map(|line| format!("{separator}{line}"))
        .collect::<String>();
    let room = limit.saturating_sub(tail.len());
    let mut text = headline.to_owned();
    for line in middle {
        text += separator;
        text += line;
    }
    let mut text = cut(&text, room).into_owned();
    text += &tail;
    cut(&text, limit).into_owned()
}

/// At most `limit` bytes of `text`, cut between characters and marked as cut.
#[must_use]
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    const MARK: &str = "… (cut)";
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let room = limit.saturating_sub(MARK.len());
    for character in text.chars() {
        if kept.len() + character.len_utf8() > room {
            break;
        }
        kept.push(character);
    }
    if MARK.len() <= limit {
        kept += MARK;
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::super::testing::alert;
    use super::*;
    use proptest::prelude::*;
    use tripline_engine::fault::{FaultKind, IncidentId};
    use tripline_engine::halt::Scope;

    fn rich() -> Alert {
        Alert {
            kind: Some(FaultKind::StaleData),
            scope: Some(Scope::Strategy("grid".parse().unwrap())),
            strategy: Some("grid".parse().unwrap()),
            incident: Some(IncidentId(7)),
            text: "position 0.5 BTC\nlast price 61000.5".into(),
            live: true,
            ..alert(Severity::Critical, "no data for 5 s")
        }
    }

    #[test]
    fn a_message_says_what_whom_how_much_and_when() {
        let rendered = Rendered::of("r-1".into(), vec![Rc::new(rich())], 2).unwrap();
        let wanted = "[CRIT][LIVE] no data for 5 s\nposition 0.5 BTC\nlast price 61000.5\n\
            Fault: stale_data\nScope: strategy grid\nStrategy: grid\nIncident: #7\n\
            2 milder alerts were withheld before this: see the log.\n\
            Time: 2026-01-01T00:00:00Z\nReference: r-1";
        assert_eq!(rendered.text(10_000), wanted);
        let practice =
            Rendered::of("r".into(), vec![Rc::new(alert(Severity::Info, "a\nb"))], 0).unwrap();
        assert_eq!(practice.headline, "[INFO][PRACTICE] a b");
    }

    #[test]
    fn a_summary_names_every_alert_with_the_most_severe_first() {
        let alerts = [
            (Severity::Info, "first"),
            (Severity::Critical, "second"),
            (Severity::Info, "third"),
        ];
        let alerts = alerts
            .map(|(severity, title)| Rc::new(alert(severity, title)))
            .to_vec();
        let rendered = Rendered::of("r".into(), alerts, 0).unwrap();
        assert_eq!(
            rendered.headline,
            "[CRIT][PRACTICE] 3 alerts: 1 CRIT, 0 WARN, 2 INFO"
        );
        let place = |title: &str| {
            rendered
                .lines
                .iter()
                .position(|line| line.ends_with(title))
                .unwrap()
        };
        assert!(place("second") < place("first") && place("first") < place("third"));
    }

    #[test]
    fn a_message_that_is_too_long_keeps_its_headline_time_and_reference() {
        let long = Alert {
            text: "长".repeat(9_000),
            ..rich()
        };
        let text = Rendered::of("r-9".into(), vec![Rc::new(long)], 0)
            .unwrap()
            .text(500);
        assert!(text.len() <= 500, "{}", text.len());
        assert!(text.starts_with("[CRIT][LIVE] no data") && text.ends_with("Reference: r-9"));
        assert!(text.contains("… (cut)\nTime: 2026-01-01T00:00:00Z"));
    }

    proptest! {
        #[test]
        fn what_is_cut_is_never_longer_than_the_limit(text in "\\PC{0,80}", limit in 0usize..100) {
            prop_assert!(cut(&text, limit).len() <= limit);
        }
    }
}
