//! What is told without a cause, so that silence means something: a test of the channels at the start, and
//! once a day that the engine lives.

use std::time::Duration;

use actix::{AsyncContext, Context};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use tripline_engine::halt::HaltBoard;
use tripline_engine::messages::alert::{Alert, Severity};
use tripline_engine::time::Timestamp;

use super::actor::AlertActor;
use super::voice::Language;

/// What is told, and what it tells of.
#[derive(Debug, Clone)]
pub struct Pulse {
    /// Whether the channels are tested when the engine starts.
    pub at_start: bool,
    /// The local time of the daily sign of life.
    pub daily: Option<Time>,
    pub board: HaltBoard,
    /// How many strategies there are.
    pub strategies: usize,
    /// Whether real money is traded.
    pub live: bool,
}

/// How long until the clock on the wall shows `time`; `None` past the end of the calendar.
fn until(time: Time, now: Timestamp, zone: &TimeZone) -> Option<Duration> {
    let instant = jiff::Timestamp::from_nanosecond(i128::from(now.as_nanos())).ok()?;
    let here = instant.to_zoned(zone.clone());
    let on = |day: &Zoned| day.with().time(time).build().ok();
    let today = on(&here)?;
    let next = if today > here {
        today
    } else {
        on(&here.checked_add(1.day()).ok()?)?
    };
    Duration::try_from(next.duration_since(&here)).ok()
}

impl AlertActor {
    /// Tests the channels and begins the days.
    pub(super) fn begin_pulse(&mut self, ctx: &mut Context<Self>) {
        let Some(pulse) = self.settings.pulse.clone() else {
            return;
        };
        if pulse.at_start {
            let title = self.settings.voice.pick(
                "Tripline has started; this is a test of its alert channels",
                "Tripline 已启动；这是告警通道测试",
            );
            let alert = Alert {
                live: pulse.live,
                text: self.state(&pulse),
                ..Alert::new(Severity::Info, title, self.clock.now())
            };
            self.tell(alert, ctx);
        }
        self.await_day(ctx);
    }

    fn await_day(&mut self, ctx: &mut Context<Self>) {
        let daily = self.settings.pulse.as_ref().and_then(|pulse| pulse.daily);
        let zone = &self.settings.voice.zone;
        let wait = daily.and_then(|time| until(time, self.clock.now(), zone));
        if let Some(wait) = wait {
            ctx.run_later(wait, |actor, ctx| {
                actor.tell_that_it_lives(ctx);
                actor.await_day(ctx);
            });
        }
    }

    fn tell_that_it_lives(&mut self, ctx: &mut Context<Self>) {
        let Some(pulse) = self.settings.pulse.clone() else {
            return;
        };
        let title = self
            .settings
            .voice
            .pick("Tripline is alive", "Tripline 运行正常");
        let alert = Alert {
            live: pulse.live,
            text: self.state(&pulse),
            ..Alert::new(Severity::Info, title, self.clock.now())
        };
        self.tell(alert, ctx);
    }

    /// What stands, in a few lines.
    fn state(&self, pulse: &Pulse) -> String {
        let halted = pulse.board.restricted();
        let (open, owed) = (self.ladder.waiting().count(), self.owed.count());
        let stats = self.stats();
        let sum = |of: fn(&super::ChannelStats) -> u64| stats.iter().map(of).sum::<u64>();
        let delivered = sum(|channel| channel.delivered);
        let failed = sum(|channel| channel.failed);
        let strategies = pulse.strategies;
        let scopes: Vec<String> = halted
            .iter()
            .map(|(scope, standing)| format!("{scope} {}", standing.level))
            .collect();
        match self.settings.voice.language {
            Language::English => format!(
                "Strategies: {strategies}; halted: {}\nAlerts delivered: {delivered}, failed: \
                 {failed}, not acknowledged: {open}, reached nobody: {owed}",
                listed(&scopes, "nothing")
            ),
            Language::Chinese => format!(
                "策略数: {strategies}；停机: {}\n告警已送达: {delivered}，失败: {failed}，未确认: \
                 {open}，未送达任何人: {owed}",
                listed(&scopes, "无")
            ),
        }
    }
}

fn listed(items: &[String], none: &str) -> String {
    if items.is_empty() {
        none.into()
    } else {
        items.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_day_begins_at_the_clock_on_the_wall() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let now = Timestamp::from_millis(1_767_225_600_000); // 08:00 there
        let hours = |hour, minute| {
            let time = jiff::civil::time(hour, minute, 0, 0);
            until(time, now, &zone).map(|wait| wait.as_secs() / 60)
        };
        assert_eq!(hours(9, 30), Some(90));
        assert_eq!(hours(8, 0), Some(24 * 60));
        assert_eq!(hours(7, 0), Some(23 * 60));
    }
}
