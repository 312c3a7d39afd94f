//! In which language an alert speaks, from which machine, and the words it uses.

use jiff::tz::TimeZone;
use serde::Deserialize;
use tripline_engine::fault::FaultKind;
use tripline_engine::messages::alert::{Figured, Phase, Severity};
use tripline_engine::time::Timestamp;

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
            Figured::Position => self.pick("Position", "持仓"),
            Figured::ClockOffset => self.pick("Clock offset", "时钟偏差"),
        }
    }

    /// What a kind of fault means, in one sentence.
    pub(super) fn meaning(&self, kind: FaultKind) -> &'static str {
        use FaultKind as K;
        let (english, chinese) = match kind {
            K::StrategyError => ("The strategy returned an error.", "策略返回了错误。"),
            K::OrderFailed => ("An order of the strategy failed.", "策略的订单失败。"),
            K::InitFailed => ("The strategy did not start in time.", "策略未能按时启动。"),
            K::ActorPanic => ("A part of the engine panicked.", "引擎的一个部件崩溃。"),
            K::MailboxClosed => ("A part of the engine is gone.", "引擎的一个部件已停止。"),
            K::MailboxFull => (
                "A part of the engine is overloaded.",
                "引擎的一个部件过载。",
            ),
            K::Network => ("The venue cannot be reached.", "无法连接交易所。"),
            K::Timeout => ("The venue did not answer in time.", "交易所未按时应答。"),
            K::UnknownOutcome => (
                "It is not known whether the venue carried out a request.",
                "不知道交易所是否执行了请求。",
            ),
            K::RateLimited => (
                "The venue's request limit is reached.",
                "达到交易所的请求频率上限。",
            ),
            K::Banned => (
                "The venue has banned this address.",
                "交易所封禁了本机地址。",
            ),
            K::Authentication => (
                "The venue refused key, signature or permission.",
                "交易所拒绝了密钥、签名或权限。",
            ),
            K::ClockOffset => (
                "The clock differs from the venue's.",
                "本机时钟与交易所不一致。",
            ),
            K::InvalidRequest => (
                "The venue calls a request malformed.",
                "交易所认为请求格式有误。",
            ),
            K::VenueRejection => ("The venue refused a request.", "交易所拒绝了请求。"),
            K::Maintenance => (
                "The venue is down for maintenance or overloaded.",
                "交易所正在维护或过载。",
            ),
            K::ChangedData => (
                "The venue's data has another form than agreed.",
                "交易所的数据格式与约定不符。",
            ),
            K::NotJson => (
                "The venue sent a page instead of data.",
                "交易所返回了网页而不是数据。",
            ),
            K::StaleData => ("Market data stopped arriving.", "行情停止到达。"),
            K::BookBroken => ("The order book could not be rebuilt.", "订单簿无法重建。"),
            K::PrivateStreamDown => ("The private stream is down.", "私有数据流中断。"),
            K::OrderContradiction => (
                "Two things about an order cannot both be true.",
                "关于一个订单的两个说法相互矛盾。",
            ),
            K::OrderUnresolved => (
                "What became of an order stays unknown.",
                "订单的结果一直不明。",
            ),
            K::PositionUncertain => (
                "What the strategy holds is not known for certain.",
                "策略的持仓无法确定。",
            ),
            K::BalanceDrift => (
                "The account does not hold what it must hold.",
                "账户余额与应有的对不上。",
            ),
            K::UnknownOrder => (
                "There is an order that this engine does not know.",
                "存在引擎不认识的订单。",
            ),
            K::NotReconciled => (
                "This engine and the venue do not agree on orders or fills.",
                "引擎与交易所的订单或成交对不上。",
            ),
            K::CancelUnconfirmed => (
                "A resting order could not be cancelled for certain.",
                "挂单的撤销未得到确认。",
            ),
            K::AlertUndelivered => ("An alert reached nobody.", "有告警没有送达任何人。"),
            K::JournalFailed => ("The journal cannot be written.", "日志无法写入。"),
            K::Manual => ("A person ordered the halt.", "有人下令停机。"),
        };
        self.pick(english, chinese)
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
