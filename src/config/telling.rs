//! How a person is told and answers: signs of life, the ping, the door for commands.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Time;

use super::raw::{RawAlerting, RawControl, RawWatch};
use super::resolve::Check;
use super::{Keys, WatchConfig};
use crate::alerting::{Alerting, ControlConfig, PingConfig};

/// When the daily sign of life comes, unless the file says otherwise.
const DAILY: Time = Time::constant(9, 0, 0, 0);

/// The system takes no longer path for a socket.
const LONGEST_SOCKET: usize = 100;

/// `journal` with something added to its name.
fn beside(journal: &Path, end: &str) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push(end);
    name.into()
}

pub(super) fn alerting(check: &mut Check<'_>, raw: RawAlerting, journal: &Path) -> Alerting {
    let daily = match raw.daily.as_deref() {
        None => Some(DAILY),
        Some("off") => None,
        Some(text) => {
            let time = text.parse::<Time>().ok();
            if time.is_none() {
                let advice = "give a time of this machine's day such as \"09:00\", or \"off\"";
                check.fault("alerting.daily", format!("'{text}' is no time"), advice);
            }
            time
        }
    };
    let ping = raw.ping.and_then(|ping| {
        let advice = "write url = { env = \"NAME\" }";
        let url = check.need(ping.url, "alerting.ping.url", advice)?;
        let every = ping.every.map_or(Duration::from_secs(60), |every| every.0);
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
        if !(least..=most).contains(&every) {
            let advice = format!("give at least {least:?} and at most {most:?}");
            check.fault("alerting.ping.every", format!("is {every:?}"), advice);
        }
        Some(PingConfig { url, every })
    });
    Alerting {
        language: raw.language,
        test_at_start: raw.test_at_start.unwrap_or(true),
        daily,
        ping,
        undelivered_file: Some(beside(journal, ".undelivered")),
    }
}

pub(super) fn control(check: &mut Check<'_>, raw: RawControl, journal: &Path) -> ControlConfig {
    let http = match (raw.address, raw.token) {
        (None, None) => None,
        (Some(address), token) => {
            if !address.ip().is_loopback() {
                let problem = format!("{address} is not an address of this machine alone");
                check.fault(
                    "control.address",
                    problem,
                    "give such as \"127.0.0.1:18081\"",
                );
            }
            let advice = "write token = { env = \"NAME\" }: who has it may command the engine";
            check
                .need(token, "control.token", advice)
                .map(|token| (address, token))
        }
        (None, Some(_)) => {
            let advice = "give address = \"127.0.0.1:18081\" too, or remove it";
            check.fault("control.token", "is given without an address", advice);
            None
        }
    };
    let default = Some(beside(journal, ".sock"));
    let default = default.filter(|path| path.as_os_str().len() <= LONGEST_SOCKET);
    ControlConfig {
        socket: raw.socket.or(default),
        http,
        halt_file: Some(raw.halt_file.unwrap_or_else(|| beside(journal, ".halt"))),
        halt_signal: true,
    }
}

/// What `tripline watch` goes by. Its key may be another of the same account, which both parts belong to.
pub(super) fn watch(check: &mut Check<'_>, raw: RawWatch) -> WatchConfig {
    let silent_after = raw
        .silent_after
        .map_or(WatchConfig::default().silent_after, |given| given.0);
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(3600));
    if !(least..=most).contains(&silent_after) {
        let advice = format!("give at least {least:?} and at most {most:?}");
        check.fault("watch.silent_after", format!("is {silent_after:?}"), advice);
    }
    let keys = match (raw.api_key, raw.secret) {
        (Some(api_key), Some(secret)) => Some(Keys::Given { api_key, secret }),
        (None, None) => None,
        (Some(_), None) => {
            let advice = "write secret = { env = \"NAME\" }, or remove api_key";
            check.need(None::<()>, "watch.secret", advice);
            None
        }
        (None, Some(_)) => {
            let advice = "write api_key = { env = \"NAME\" }, or remove secret";
            check.need(None::<()>, "watch.api_key", advice);
            None
        }
    };
    if raw.key_kind.is_some() && keys.is_none() {
        let problem = "is given without a key of its own";
        check.fault(
            "watch.key_kind",
            problem,
            "give api_key and secret too, or remove it",
        );
    }
    WatchConfig {
        silent_after,
        key_kind: raw.key_kind,
        keys,
    }
}
