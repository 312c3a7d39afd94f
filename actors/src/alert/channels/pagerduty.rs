//! PagerDuty, Events API v2 (developer.pagerduty.com): an incident there for each of ours, folded, seen and
//! resolved by its `dedup_key`. Success is 202 and `"status":"success"`.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tripline_engine::messages::alert::{Phase, Severity};
use tripline_engine::time::Timestamp;

use super::line::{Ask, Line, Reply};
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, MINUTE, Rate, Rendered, SecretSource, Window, cut,
};

/// Below PagerDuty's 120 a minute and key.
const RATE: Rate = Rate::of(&[Window::new(60, MINUTE)]);

const SUMMARY_LIMIT: usize = 1_024;
const KEY_LIMIT: usize = 255;

fn default_base() -> Origin {
    Origin::of("https://events.pagerduty.com")
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The integration key of the service.
    pub routing_key: SecretSource,
    #[serde(default = "default_base")]
    pub base_url: Origin,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<PagerDuty, ConfigError> {
        let key = make.secret("routing_key", &self.routing_key)?;
        Ok(PagerDuty {
            name: make.name.to_owned(),
            base: self.base_url.clone(),
            line: Line::new(make.http, [key.clone()]),
            key,
        })
    }
}

/// One service.
#[derive(Debug)]
pub struct PagerDuty {
    name: String,
    base: Origin,
    key: SecretString,
    line: Line,
}

impl PagerDuty {
    fn body(&self, message: &Rendered) -> serde_json::Value {
        let action = match message.phase {
            Phase::Acknowledged => "acknowledge",
            Phase::Resolved => "resolve",
            Phase::Opened | Phase::Repeated | Phase::Worse => "trigger",
        };
        let severity = match message.severity {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        json!({
            "routing_key": self.key.expose_secret(),
            "event_action": action,
            "dedup_key": cut(&message.thread, KEY_LIMIT),
            "payload": {
                "summary": cut(&message.headline, SUMMARY_LIMIT),
                "source": message.host,
                "severity": severity,
                "timestamp": message.at.to_string(),
                "component": "tripline",
                "custom_details": {
                    "text": message.text(self.text_limit()),
                    "alerts": message.alerts,
                },
            },
        })
    }

    async fn send_once(&self, message: &Rendered) -> Result<(), ChannelError> {
        let url = format!("{}/v2/enqueue", self.base);
        let ask = Ask::json(url, self.body(message).to_string());
        judge(&self.line.ask(ask).await?)
    }
}

fn judge(reply: &Reply) -> Result<(), ChannelError> {
    #[derive(Deserialize)]
    struct Answer {
        status: String,
    }
    if reply.status == 429 {
        // Its limit moves; minutes are what it asks for.
        let wait = reply.retry_after.unwrap_or(Duration::from_secs(120));
        return Err(reply.refused(429, Some(wait)));
    }
    reply.by_status()?;
    let Answer { status } = reply.json()?;
    match status.as_str() {
        "success" => Ok(()),
        _ => Err(reply.refused(status, None)),
    }
}

impl Channel for PagerDuty {
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
}
