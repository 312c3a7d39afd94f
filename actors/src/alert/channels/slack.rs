//! A Slack incoming webhook (api.slack.com, "incoming webhooks"). Success is the body `ok`; a refusal is a
//! word such as `invalid_payload`.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tripline_engine::time::Timestamp;

use super::line::{Ask, Line, Reply};
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, MINUTE, Rate, Rendered, SecretSource, Window,
};

/// Below Slack's one a second with short bursts.
const RATE: Rate = Rate::of(&[
    Window::new(4, Duration::from_secs(4)),
    Window::new(45, MINUTE),
]);

/// Slack cuts at 40,000 characters; escaping makes some longer.
const TEXT_LIMIT: usize = 8_000;

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
    pub fn build(&self, make: &Make<'_>) -> Result<Slack, ConfigError> {
        Ok(Slack {
            name: make.name.to_owned(),
            url: make.address("url", &self.url, self.base_url.as_ref())?,
            line: Line::new(make.http, []),
        })
    }
}

/// One webhook.
#[derive(Debug)]
pub struct Slack {
    name: String,
    url: SecretString,
    line: Line,
}

impl Slack {
    async fn send_once(&self, message: &Rendered) -> Result<(), ChannelError> {
        // These three are all that Slack's markup takes amiss.
        let text = message.text(TEXT_LIMIT).replace('&', "&amp;");
        let text = text.replace('<', "&lt;").replace('>', "&gt;");
        let ask = Ask::json(self.url.clone(), json!({ "text": text }).to_string());
        judge(&self.line.ask(ask).await?)
    }
}

fn judge(reply: &Reply) -> Result<(), ChannelError> {
    reply.by_status()?;
    match reply.body.trim_ascii() {
        b"ok" => Ok(()),
        _ => Err(reply.refused("not ok", None)),
    }
}

impl Channel for Slack {
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
