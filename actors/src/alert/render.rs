//! What a message says, as plain text; channels add their own markup.

use std::borrow::Cow;
use std::rc::Rc;

use tripline_engine::halt::{HaltLevel, ScopeName};
use tripline_engine::messages::alert::{Alert, Phase, Severity};
use tripline_engine::messages::control::RestingOrders;
use tripline_engine::time::Timestamp;

use super::voice::{Language, Voice};

/// The most bytes that one alert takes in a summary.
pub(super) const SUMMARY_LINE: usize = 300;

/// Lines at the end that stay when text is cut: what to do, in two lines, time and reference.
const TAIL: usize = 4;

/// One message: an alert, or the summary of several that would not have fitted the channel's rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The same on every attempt, different for every message: receivers recognise duplicates by it.
    pub reference: String,
    /// The same for every message about one trouble.
    pub thread: String,
    pub phase: Phase,
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
    pub language: Language,
    /// The machine that speaks.
    pub host: String,
}

impl Rendered {
    /// Renders one alert, or summarises several. `None` when there is nothing to tell.
    #[must_use]
    pub fn of(
        reference: String,
        alerts: Vec<Rc<Alert>>,
        withheld: u64,
        voice: &Voice,
    ) -> Option<Self> {
        let last = alerts.last()?;
        let at = last.at;
        let severity = alerts.iter().map(|alert| alert.severity).max()?;
        let live = alerts.iter().any(|alert| alert.live);
        let (headline, mut lines, phase, thread) = match alerts.as_slice() {
            [alert] => {
                let phase = alert.facts.phase;
                let thread = thread(alert).unwrap_or_else(|| reference.clone());
                (headline(alert, voice), details(alert, voice), phase, thread)
            }
            several => {
                let (headline, lines) = summary(several, severity, live, voice);
                (headline, lines, Phase::Opened, reference.clone())
            }
        };
        if withheld > 0 {
            lines.push(said_withheld(withheld, voice));
        }
        lines.extend(what_to_do(&alerts, voice));
        lines.push(format!(
            "{}: {}",
            voice.pick("Time", "时间"),
            voice.time(at)
        ));
        lines.push(format!("{}: {reference}", voice.pick("Reference", "编号")));
        Some(Self {
            reference,
            thread,
            phase,
            severity,
            live,
            headline,
            lines,
            alerts,
            withheld,
            at,
            language: voice.language,
            host: voice.host.clone(),
        })
    }

    /// Headline and lines, at most `limit` bytes. What identifies the message stays when text is cut.
    #[must_use]
    pub fn text(&self, limit: usize) -> String {
        join(&self.headline, &self.lines, "\n", limit)
    }
}

/// What folds the messages about one trouble.
fn thread(alert: &Alert) -> Option<String> {
    let kind = alert.kind?;
    let scope = alert
        .scope
        .map_or_else(String::new, |scope| scope.to_string());
    Some(format!("tripline {kind} {scope}"))
}

/// `[CRIT][LIVE] title ×3`, in one line.
fn headline(alert: &Alert, voice: &Voice) -> String {
    let tags = voice.tags(alert.severity, alert.live, alert.facts.phase);
    let count = match alert.facts.count {
        0 | 1 => String::new(),
        count => format!(" ×{count}"),
    };
    format!("{tags} {}{count}", one_line(&alert.title))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where there is somebody to act: the exact commands.
fn what_to_do(alerts: &[Rc<Alert>], voice: &Voice) -> Vec<String> {
    let resume = match alerts {
        [alert] => how_to_resume(alert, voice),
        _ => None,
    };
    resume
        .into_iter()
        .chain(how_to_acknowledge(alerts, voice))
        .collect()
}

fn how_to_resume(alert: &Alert, voice: &Voice) -> Option<String> {
    let is_halted = alert.facts.level > Some(HaltLevel::Active);
    let (scope, incident) = alert.scope.zip(alert.incident)?;
    let stands = is_halted && alert.facts.phase != Phase::Resolved;
    stands.then(|| {
        format!(
            "{}: tripline resume {} --incident {} --reason \"{}\"",
            voice.pick("Resume", "恢复"),
            ScopeName::from(scope),
            incident.0,
            voice.pick("what you found", "您查到的原因"),
        )
    })
}

fn how_to_acknowledge(alerts: &[Rc<Alert>], voice: &Voice) -> Option<String> {
    let ids: Vec<&str> = alerts
        .iter()
        .filter_map(|alert| alert.facts.acknowledge.as_deref())
        .collect();
    let act = voice.pick("Act", "处理");
    match ids.as_slice() {
        [] => None,
        [id] => Some(format!("{act}: tripline alerts ack {id}")),
        _ => Some(format!(
            "{act}: tripline alerts list; tripline alerts ack ID …"
        )),
    }
}

fn said_withheld(withheld: u64, voice: &Voice) -> String {
    match (voice.language, withheld) {
        (Language::English, 1) => "1 milder alert was withheld before this: see the log.".into(),
        (Language::English, _) => {
            format!("{withheld} milder alerts were withheld before this: see the log.")
        }
        (Language::Chinese, _) => format!("此前有 {withheld} 条较轻的告警未发送，请查看日志。"),
    }
}

fn details(alert: &Alert, voice: &Voice) -> Vec<String> {
    let mut lines: Vec<String> = alert
        .kind
        .map(|kind| voice.meaning(kind).to_owned())
        .into_iter()
        .collect();
    let text = alert.text.lines().map(str::trim_end);
    lines.extend(text.filter(|line| !line.is_empty()).map(Into::into));
    lines.extend(effects(alert, voice));
    let facts = &alert.facts;
    for figure in &facts.figures {
        lines.push(format!("{}: {}", voice.figure(figure.name), figure.value));
    }
    let mut line = |english, chinese, value: Option<String>| {
        lines.extend(value.map(|value| format!("{}: {value}", voice.pick(english, chinese))));
    };
    line("Venue code", "交易所代码", facts.venue_code.clone());
    line("Fault", "故障", alert.kind.map(|kind| kind.to_string()));
    line("Scope", "范围", alert.scope.map(|scope| scope.to_string()));
    line(
        "Strategy",
        "策略",
        alert.strategy.map(|strategy| strategy.to_string()),
    );
    line(
        "Instrument",
        "合约",
        facts.instrument.map(|symbol| symbol.to_string()),
    );
    line(
        "Incident",
        "事件",
        alert.incident.map(|incident| incident.to_string()),
    );
    line(
        "Host",
        "主机",
        Some(voice.host.clone()).filter(|host| !host.is_empty()),
    );
    lines
}

/// What was halted, what becomes of resting orders and what still works.
fn effects(alert: &Alert, voice: &Voice) -> Vec<String> {
    let facts = &alert.facts;
    let list = |ids: &[tripline_engine::ids::StrategyId]| {
        let ids = ids.iter().map(ToString::to_string);
        ids.collect::<Vec<_>>().join(", ")
    };
    let mut lines = Vec::new();
    let Some(level) = facts.level else {
        return lines;
    };
    let (halted, working) = (list(&facts.halted), list(&facts.working));
    lines.push(match (level, halted.as_str()) {
        (HaltLevel::Active, _) => voice
            .pick(
                "Nothing was halted, as the policy says.",
                "按策略表没有停机。",
            )
            .to_owned(),
        (_, "") => voice
            .pick("No strategy is in the scope.", "范围内没有策略。")
            .to_owned(),
        (HaltLevel::ReduceOnly, halted) => {
            format!("{}: {halted}", voice.pick("Reduce-only", "只减仓"))
        }
        (HaltLevel::Halted, halted) => {
            format!(
                "{}: {halted}",
                voice.pick("Halted (cancels only)", "已停机（只可撤单）")
            )
        }
    });
    if level > HaltLevel::Active && !halted.is_empty() {
        let resting = facts.resting_orders.map(|resting| match resting {
            RestingOrders::Cancel => voice.pick(
                "Their resting orders are being cancelled.",
                "其挂单正在撤销。",
            ),
            RestingOrders::Flatten => voice.pick(
                "Their resting orders are being cancelled, then their positions closed.",
                "其挂单正在撤销，随后平仓。",
            ),
            RestingOrders::Keep => voice.pick(
                "Their resting orders stay, as the policy says.",
                "按策略表其挂单保留。",
            ),
        });
        lines.extend(resting.map(ToOwned::to_owned));
        lines.push(match (facts.resumes_after, voice.language) {
            (None, Language::English) => "A person must look and resume.".to_owned(),
            (None, Language::Chinese) => "需要人工检查并恢复。".to_owned(),
            (Some(after), Language::English) => {
                format!("Lifted by itself once everything has been in order for {after:?}.")
            }
            (Some(after), Language::Chinese) => format!("一切恢复正常 {after:?} 后自动解除。"),
        });
    }
    if !working.is_empty() {
        lines.push(format!(
            "{}: {working}",
            voice.pick("Still working", "仍在运行")
        ));
    }
    lines
}

/// One line for each alert, the most severe first, so that cutting takes the mildest.
fn summary(
    alerts: &[Rc<Alert>],
    severity: Severity,
    live: bool,
    voice: &Voice,
) -> (String, Vec<String>) {
    let count = |wanted: Severity| {
        alerts
            .iter()
            .filter(|alert| alert.severity == wanted)
            .count()
    };
    let counts = [Severity::Critical, Severity::Warning, Severity::Info]
        .map(|severity| format!("{} {severity}", count(severity)));
    let (tags, many) = (voice.tags(severity, live, Phase::Opened), alerts.len());
    let alerts_word = voice.pick("alerts", "条告警");
    let headline = format!("{tags} {many} {alerts_word}: {}", counts.join(", "));
    let mut sorted: Vec<&Rc<Alert>> = alerts.iter().collect();
    sorted.sort_by_key(|alert| std::cmp::Reverse(alert.severity)); // Stable: time order within.
    let line = |alert: &Rc<Alert>| {
        let mut line = format!("{} ", alert.at);
        if let Some(incident) = alert.incident {
            line += &format!("{} {incident} ", voice.pick("incident", "事件"));
        }
        line += &self::headline(alert, voice);
        cut(&line, SUMMARY_LINE).into_owned()
    };
    (headline, sorted.into_iter().map(line).collect())
}

/// Joins within `limit` bytes; when it is too much, lines from the middle go, so that the headline and
/// the last lines (what to do, time and reference) stay.
pub(super) fn join(headline: &str, lines: &[String], separator: &str, limit: usize) -> String {
    let tail_from = lines.len().saturating_sub(TAIL);
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
    use tripline_engine::messages::alert::{Facts, Figure, Figured};

    fn rich() -> Alert {
        Alert {
            kind: Some(FaultKind::StaleData),
            scope: Some(Scope::Strategy("grid".parse().unwrap())),
            strategy: Some("grid".parse().unwrap()),
            incident: Some(IncidentId(7)),
            text: "last price 61000.5".into(),
            live: true,
            facts: Facts {
                count: 3,
                phase: Phase::Repeated,
                level: Some(HaltLevel::Halted),
                halted: vec!["grid".parse().unwrap()],
                working: vec!["ping".parse().unwrap()],
                resting_orders: Some(RestingOrders::Cancel),
                resumes_after: None,
                figures: vec![Figure {
                    name: Figured::Position,
                    value: "0.5 BTCUSDT".into(),
                }],
                venue_code: Some("-2010".into()),
                acknowledge: Some("7".into()),
                instrument: Some("BTCUSDT".parse().unwrap()),
            },
            ..alert(Severity::Critical, "no data for 5 s")
        }
    }

    fn voice(language: Language) -> Voice {
        Voice {
            language,
            host: "desk-1".into(),
            zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(8)),
        }
    }

    fn of(alerts: Vec<Rc<Alert>>, withheld: u64, language: Language) -> Rendered {
        Rendered::of("r-1".into(), alerts, withheld, &voice(language)).unwrap()
    }

    #[test]
    fn a_message_says_what_whom_how_much_when_and_what_to_do() {
        let rendered = of(vec![Rc::new(rich())], 2, Language::English);
        let wanted = "[CRIT][LIVE][AGAIN] no data for 5 s ×3\nMarket data stopped arriving.\n\
            last price 61000.5\nHalted (cancels only): grid\n\
            Their resting orders are being cancelled.\nA person must look and resume.\n\
            Still working: ping\nPosition: 0.5 BTCUSDT\nVenue code: -2010\n\
            Fault: stale_data\nScope: strategy grid\nStrategy: grid\nInstrument: BTCUSDT\n\
            Incident: #7\nHost: desk-1\n2 milder alerts were withheld before this: see the log.\n\
            Resume: tripline resume strategy:grid --incident 7 --reason \"what you found\"\n\
            Act: tripline alerts ack 7\n\
            Time: 2026-01-01T00:00:00Z (2026-01-01 08:00:00 +08:00)\nReference: r-1";
        assert_eq!(rendered.text(10_000), wanted);
        assert_eq!(rendered.thread, "tripline stale_data strategy grid");
        let practice = of(
            vec![Rc::new(alert(Severity::Info, "a\nb"))],
            0,
            Language::English,
        );
        assert_eq!(practice.headline, "[INFO][PRACTICE] a b");
        assert_eq!(practice.thread, "r-1");
    }

    #[test]
    fn a_message_in_chinese_says_the_same() {
        let wanted = "[严重][实盘][重复] no data for 5 s ×3\n行情停止到达。\nlast price 61000.5\n\
            已停机（只可撤单）: grid\n其挂单正在撤销。\n需要人工检查并恢复。\n仍在运行: ping\n\
            持仓: 0.5 BTCUSDT\n交易所代码: -2010\n故障: stale_data\n范围: strategy grid\n策略: grid\n\
            合约: BTCUSDT\n事件: #7\n主机: desk-1\n此前有 2 条较轻的告警未发送，请查看日志。\n\
            恢复: tripline resume strategy:grid --incident 7 --reason \"您查到的原因\"\n\
            处理: tripline alerts ack 7\n\
            时间: 2026-01-01T00:00:00Z (2026-01-01 08:00:00 +08:00)\n编号: r-1";
        assert_eq!(
            of(vec![Rc::new(rich())], 2, Language::Chinese).text(10_000),
            wanted
        );
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
        let rendered = of(alerts, 0, Language::English);
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
    fn a_message_that_is_too_long_keeps_its_headline_command_time_and_reference() {
        let long = Alert {
            text: "长".repeat(9_000),
            ..rich()
        };
        let text = of(vec![Rc::new(long)], 0, Language::English).text(500);
        assert!(text.len() <= 500, "{}", text.len());
        assert!(
            text.starts_with("[CRIT][LIVE][AGAIN] no data") && text.ends_with("Reference: r-1")
        );
        let commands = "Resume: tripline resume strategy:grid --incident 7 --reason \"what you found\"\n\
            Act: tripline alerts ack 7";
        let tail = format!("… (cut)\n{commands}\nTime: 2026-01-01T00:00:00Z");
        assert!(text.contains(&tail), "{text}");
    }

    proptest! {
        #[test]
        fn what_is_cut_is_never_longer_than_the_limit(text in "\\PC{0,80}", limit in 0usize..100) {
            prop_assert!(cut(&text, limit).len() <= limit);
        }
    }
}
