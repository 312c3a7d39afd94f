//! What Twilio's text messages and voice calls share: the account, and following a request until it is
//! known what became of it. "Queued" is not "delivered".

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::line::{Ask, Line, Reply, pairs};
use super::{Make, Origin};
use crate::alert::{ChannelError, ConfigError, SecretSource};

pub(super) fn default_base() -> Origin {
    Origin::of("https://api.twilio.com")
}

/// How often it is asked what became of a request.
#[cfg(not(test))]
const LOOK: Duration = Duration::from_secs(2);
#[cfg(test)]
const LOOK: Duration = Duration::from_millis(20);

/// An account.
#[derive(Debug)]
pub(super) struct Account {
    base: Origin,
    sid: String,
    authorization: SecretString,
    line: Line,
}

impl Account {
    pub(super) fn new(
        make: &Make<'_>,
        sid: &str,
        token: &SecretSource,
        base: &Origin,
    ) -> Result<Self, ConfigError> {
        if sid.is_empty() || !sid.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(make.invalid("account", "not an account SID such as AC…"));
        }
        let token = make.secret("token", token)?;
        let basic = BASE64.encode(format!("{sid}:{}", token.expose_secret()));
        Ok(Self {
            base: base.clone(),
            sid: sid.to_owned(),
            authorization: format!("Basic {basic}").into(),
            line: Line::new(make.http, [token, basic.into()]),
        })
    }

    fn url(&self, what: &str) -> String {
        format!("{}/2010-04-01/Accounts/{}/{what}.json", self.base, self.sid)
    }

    fn signed(&self, ask: Ask) -> Ask {
        ask.header("authorization", self.authorization.expose_secret())
    }

    /// Hands the request over; gives its id.
    pub(super) async fn create(
        &self,
        what: &str,
        form: &[(&str, &str)],
    ) -> Result<String, ChannelError> {
        let ask = Ask::form(self.url(what), pairs(form.iter().copied()));
        let reply = self.line.ask(self.signed(ask)).await?;
        let made: Made = reply.json()?;
        match (reply.status, made.sid) {
            (200..=299, Some(sid)) => Ok(sid),
            // 20429: never processed.
            (429, _) => Err(reply.refused(429, Some(reply.retry_after.unwrap_or_default()))),
            _ => Err(refusal(&reply, made.code)),
        }
    }

    /// Asks until the request has ended, at most for `patience`. `judge` says what a status means: an end,
    /// or `None` while it goes on.
    pub(super) async fn follow(
        &self,
        what: &str,
        sid: &str,
        patience: Duration,
        judge: fn(&str) -> Option<Ended>,
    ) -> Result<(), ChannelError> {
        let started = tokio::time::Instant::now();
        let mut last = None;
        while started.elapsed() < patience {
            tokio::time::sleep(LOOK).await;
            let ask = Ask::get(self.url(&format!("{what}/{sid}")));
            let reply = match self.line.ask(self.signed(ask)).await {
                Ok(reply) => reply,
                // The next look may be answered.
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            let made: Made = match reply.json() {
                Ok(made) => made,
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            let status = made.status.unwrap_or_default();
            match judge(&status) {
                Some(Ended::Reached) => return Ok(()),
                Some(Ended::Missed(retry)) => return Err(reply.refused(status, retry)),
                None => last = Some(reply.refused(status, None)),
            }
        }
        Err(last.unwrap_or(ChannelError::NotConfirmed {
            host: self.base.to_string(),
            waited: patience,
        }))
    }
}

/// How a request ended.
pub(super) enum Ended {
    Reached,
    /// And after how long it may be tried again.
    Missed(Option<Duration>),
}

#[derive(Deserialize)]
struct Made {
    sid: Option<String>,
    /// A word for a request, a number for an error.
    #[serde(default, deserialize_with = "word")]
    status: Option<String>,
    code: Option<i64>,
}

fn word<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(ToOwned::to_owned))
}

fn refusal(reply: &Reply, code: Option<i64>) -> ChannelError {
    match (reply.status, code) {
        (_, Some(20_429)) => reply.refused(20_429, Some(Duration::ZERO)),
        (400..=499, Some(code)) => reply.refused(code, None),
        _ => reply
            .by_status()
            .err()
            .unwrap_or_else(|| reply.not_understood()),
    }
}
