//! In which language an alert speaks, from which machine, and the words it uses.

use jiff::tz::TimeZone;
use serde::Deserialize;
use tripline_engine::fault::FaultKind;
use tripline_engine::messages::alert::{Figured, Phase, Severity};
use tripline_engine::time::Timestamp;

use super::meanings;

/// The language of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "zh")]
    Chinese,
}

impl Language {
    /// As BCP 47 writes it.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en-US",
            Self::Chinese => "zh-CN",
        }
    }

    pub(super) const fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// Who speaks.
#[derive(Debug, Clone)]
pub struct Voice {
    pub language: Language,
    /// The machine's name.
    pub host: String,
    /// For the local time beside UTC.
    pub zone: TimeZone,
}

impl Default for Voice {
    /// English, from a machine without a name, in UTC.
    fn default() -> Self {
        Self {
            language: Language::default(),
            host: String::new(),
            zone: TimeZone::UTC,
        }
    }
}

impl Voice {
    /// This machine's name and time zone.
    #[must_use]
    pub fn here(language: Language) -> Self {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let name = name.or_else(|| std::env::var("HOSTNAME").ok());
        Self {
            language,
            host: name.unwrap_or_default().trim().to_owned(),
            zone: TimeZone::system(),
        }
    }

    pub(super) fn pick(&self, english: &'static str, chinese: &'static str) -> &'static str {
        self.language.pick(english, chinese)
    }

    /// UTC, and the local time where that is another.
    pub(super) fn time(&self, at: Timestamp) -> String {
        let local = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos()));
        let local = local.map(|time| time.to_zoned(self.zone.clone()));
        match local {
            Ok(local) if local.offset().seconds() != 0 => {
                format!("{at} ({})", local.strftime("%Y-%m-%d %H:%M:%S %:z"))
            }
            _ => at.to_string(),
        }
    }

    /// `[CRIT][LIVE]` and, where it is not new, how it stands.
    pub(super) fn tags(&self, severity: Severity, live: bool, phase: Phase) -> String {
        let severity = match severity {
            Severity::Critical => self.pick("CRIT", "严重"),
            Severity::Warning => self.pick("WARN", "警告"),
            Severity::Info => self.pick("INFO", "通知"),
        };
        let money = if live {
            self.pick("LIVE", "实盘")
        } else {
            self.pick("PRACTICE", "模拟")
        };
        let phase = match phase {
            Phase::Opened => "",
            Phase::Repeated => self.pick("[AGAIN]", "[重复]"),
            Phase::Worse => self.pick("[WORSE]", "[升级]"),
            Phase::Acknowledged => self.pick("[ACKNOWLEDGED]", "[已确认]"),
            Phase::Resolved => self.pick("[RESOLVED]", "[已恢复]"),
        };
        format!("[{severity}][{money}]{phase}")
    }

    pub(super) fn figure(&self, name: Figured) -> &'static str {
        match name {
            Figured::OpenOrders => self.pick("Open orders", "未结订单"),
            Figured::UncertainOrders => self.pick("Uncertain orders", "状态不明的订单"),
            Figured::OpenNotional => self.pick("Open notional", "未结订单金额"),
            Figured::Position => self.pick("Position", "持仓"),
            Figured::ClockOffset => self.pick("Clock offset", "时钟偏差"),
        }
    }

    /// What a kind of fault means, in one sentence.
    pub(super) fn meaning(&self, kind: FaultKind) -> &'static str {
        self.pick(meanings::english(kind), meanings::chinese(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_utc_and_where_the_machine_stands() {
        let at = Timestamp::from_millis(1_767_225_600_000);
        assert_eq!(Voice::default().time(at), "2026-01-01T00:00:00Z");
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let there = Voice {
            zone,
            ..Voice::default()
        };
        assert_eq!(
            there.time(at),
            "2026-01-01T00:00:00Z (2026-01-01 08:00:00 +08:00)"
        );
    }

    #[test]
    fn every_kind_of_fault_has_a_meaning_in_both_languages() {
        let (english, chinese) = (
            Voice::default(),
            Voice {
                language: Language::Chinese,
                ..Voice::default()
            },
        );
        for kind in FaultKind::ALL {
            assert!(english.meaning(*kind).is_ascii(), "{kind}");
            assert!(chinese.meaning(*kind).ends_with('。'), "{kind}");
        }
    }
}
