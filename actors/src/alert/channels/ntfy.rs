//! ntfy (docs.ntfy.sh, "publish as JSON"), at ntfy.sh or on one's own machine. Success is a body with the
//! message's id. At ntfy.sh whoever knows the topic can read it, so that it is a secret.

use futures_util::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tripline_engine::messages::alert::Severity;
use tripline_engine::time::Timestamp;

use super::line::{Ask, Line, Reply};
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, DAY, MINUTE, Rate, Rendered, SecretSource, Window, cut,
};

/// Below ntfy.sh's one every five seconds and 250 a day.
const RATE: Rate = Rate::of(&[Window::new(10, MINUTE), Window::new(230, DAY)]);

/// A longer text becomes an attachment.
const TEXT_LIMIT: usize = 3_900;
const TITLE_LIMIT: usize = 250;

fn default_base() -> Origin {
    Origin::of("https://ntfy.sh")
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub topic: SecretSource,
    /// An access token (`tk_…`), if the topic needs one.
    #[serde(default)]
    pub token: Option<SecretSource>,
    #[serde(default = "default_base")]
    pub base_url: Origin,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<Ntfy, ConfigError> {
        let topic = make.secret("topic", &self.topic)?;
        let token = make.optional("token", self.token.as_ref())?;
        let hidden = std::iter::once(topic.clone()).chain(token.clone());
        Ok(Ntfy {
            name: make.name.to_owned(),
            base: self.base_url.clone(),
            line: Line::new(make.http, hidden),
            topic,
            token,
        })
    }
}

/// One topic.
#[derive(Debug)]
pub struct Ntfy {
    name: String,
    base: Origin,
    topic: SecretString,
    token: Option<SecretString>,
    line: Line,
}

impl Ntfy {
    async fn send_once(&self, message: &Rendered) -> Result<(), ChannelError> {
        let (priority, tag) = match message.severity {
            Severity::Critical => (5, "rotating_light"),
            Severity::Warning => (4, "warning"),
            Severity::Info => (3, "information_source"),
        };
        let body = json!({
            "topic": self.topic.expose_secret(),
            "title": cut(&message.headline, TITLE_LIMIT),
            "message": message.text(TEXT_LIMIT),
            "priority": priority,
            "tags": [tag],
        });
        let mut ask = Ask::json(self.base.to_string(), body.to_string());
        if let Some(token) = &self.token {
            ask = ask.header("authorization", format!("Bearer {}", token.expose_secret()));
        }
        judge(&self.line.ask(ask).await?)
    }
}

fn judge(reply: &Reply) -> Result<(), ChannelError> {
    #[derive(Deserialize)]
    struct Answer {
        id: Option<String>,
        code: Option<i64>,
    }
    reply.by_status()?;
    let answer: Answer = reply.json()?;
    match (answer.id, answer.code) {
        (Some(_), None) => Ok(()),
        (_, Some(code)) => Err(reply.refused(code, None)),
        _ => Err(reply.not_understood()),
    }
}

impl Channel for Ntfy {
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
