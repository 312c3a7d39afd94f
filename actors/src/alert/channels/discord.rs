//! A Discord webhook (discord.com/developers, "execute webhook"), asked to wait for the message: success is
//! a body with the message's id. Nobody is mentioned, whatever stands in the text.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Number, json};
use tripline_engine::messages::alert::Severity;
use tripline_engine::time::Timestamp;

use super::line::{Ask, Line, Reply};
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, MINUTE, Rate, Rendered, SecretSource, Window, cut,
};

/// Below the webhook's 5 in two seconds and 30 a minute.
const RATE: Rate = Rate::of(&[
    Window::new(4, Duration::from_secs(2)),
    Window::new(25, MINUTE),
]);

/// An embed's description takes 4096 characters, its title 256; bytes are never fewer.
const TEXT_LIMIT: usize = 4_000;
const TITLE_LIMIT: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The webhook's address, which is a secret.
    pub url: SecretSource,
    /// Another origin (scheme, host and port) than that of `url`.
    #[serde(default)]
    pub base_url: Option<Origin>,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<Discord, ConfigError> {
        let url = make.address("url", &self.url, self.base_url.as_ref())?;
        if url.expose_secret().contains('?') {
            return Err(make.invalid("url", "remove what stands behind its '?'"));
        }
        Ok(Discord {
            name: make.name.to_owned(),
            url: format!("{}?wait=true", url.expose_secret()).into(),
            line: Line::new(make.http, []),
        })
    }
}

/// One webhook.
#[derive(Debug)]
pub struct Discord {
    name: String,
    url: SecretString,
    line: Line,
}

impl Discord {
    async fn send_once(&self, message: &Rendered) -> Result<(), ChannelError> {
        let colour = match message.severity {
            Severity::Critical => 0xE7_4C_3C,
            Severity::Warning => 0xF1_C4_0F,
            Severity::Info => 0x34_98_DB,
        };
        let body = json!({
            "embeds": [{
                "title": cut(&message.headline, TITLE_LIMIT),
                "description": message.text(TEXT_LIMIT),
                "color": colour,
            }],
            "allowed_mentions": { "parse": [] },
        });
        let ask = Ask::json(self.url.clone(), body.to_string());
        judge(&self.line.ask(ask).await?)
    }
}

fn judge(reply: &Reply) -> Result<(), ChannelError> {
    #[derive(Deserialize)]
    struct Answer {
        id: Option<String>,
        code: Option<i64>,
        /// Seconds, with a fraction.
        retry_after: Option<Number>,
    }
    if reply.status == 204 {
        return Ok(());
    }
    let answer: Answer = reply.json()?;
    let wait = answer.retry_after.as_ref().map(whole_seconds);
    match (reply.status, wait, answer.id) {
        (429, Some(wait), _) => Err(reply.refused(429, Some(wait))),
        (200..=299, None, Some(_)) => Ok(()),
        _ => Err(reply.by_status().err().unwrap_or_else(|| match answer.code {
            Some(code) => reply.refused(code, None),
            None => reply.not_understood(),
        })),
    }
}

/// Rounded up.
fn whole_seconds(seconds: &Number) -> Duration {
    let text = seconds.to_string();
    let whole = text.split('.').next().and_then(|whole| whole.parse::<u64>().ok());
    Duration::from_secs(whole.unwrap_or_default().saturating_add(1))
}

impl Channel for Discord {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(
        &'a self,
        message: &'a Rendered,
        _now: Timestamp,
    ) -> LocalBoxFuture<'a, Result<(), ChannelError>> {
        Box::pin(self.send_once(message))
    }

    fn rate(&self) -> Rate {
        RATE
    }

    fn text_limit(&self) -> usize {
        TEXT_LIMIT
    }
}
