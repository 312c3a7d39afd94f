//! A WeCom group robot (developer.work.weixin.qq.com, "group robot"): a POST of text, at most 20 messages
//! a minute. Success is `errcode` 0 in the body, whatever the HTTP status.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tripline_engine::messages::alert::Severity;
use tripline_engine::time::Timestamp;

use super::line::{Ask, Line, Reply, encoded};
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, MINUTE, Rate, Rendered, SecretSource, Window,
};

/// Below WeCom's 20 a minute.
const RATE: Rate = Rate::of(&[Window::new(18, MINUTE)]);

/// Bytes of UTF-8 that a text takes.
const TEXT_LIMIT: usize = 2_048;

/// "API freq out of limit".
const TOO_FAST: i64 = 45_009;

/// "System busy".
const BUSY: i64 = -1;

fn default_base() -> Origin {
    Origin::of("https://qyapi.weixin.qq.com")
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The `key` of the robot's address.
    pub key: SecretSource,
    /// Phone numbers of those who are mentioned from warnings upwards.
    #[serde(default)]
    pub mobiles: Vec<String>,
    /// Whether everybody is mentioned when it is critical.
    #[serde(default)]
    pub mention_all: bool,
    #[serde(default = "default_base")]
    pub base_url: Origin,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<WeCom, ConfigError> {
        make.phone_numbers("mobiles", &self.mobiles)?;
        let key = make.secret("key", &self.key)?;
        Ok(WeCom {
            name: make.name.to_owned(),
            line: Line::new(make.http, [key.clone()]),
            config: self.clone(),
            key,
        })
    }
}

/// One robot.
#[derive(Debug)]
pub struct WeCom {
    name: String,
    config: Config,
    key: SecretString,
    line: Line,
}

impl WeCom {
    fn body(&self, message: &Rendered) -> serde_json::Value {
        let (mut people, mut mobiles): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        if message.severity > Severity::Info {
            mobiles.extend(self.config.mobiles.iter().map(String::as_str));
        }
        if message.severity == Severity::Critical && self.config.mention_all {
            people.push("@all");
        }
        json!({
            "msgtype": "text",
            "text": {
                "content": message.text(TEXT_LIMIT),
                "mentioned_list": people,
                "mentioned_mobile_list": mobiles,
            },
        })
    }

    async fn send_once(&self, message: &Rendered) -> Result<(), ChannelError> {
        let key = encoded(self.key.expose_secret());
        let url = format!("{}/cgi-bin/webhook/send?key={key}", self.config.base_url);
        let ask = Ask::json(url, self.body(message).to_string());
        judge(&self.line.ask(ask).await?)
    }
}

fn judge(reply: &Reply) -> Result<(), ChannelError> {
    #[derive(Deserialize)]
    struct Answer {
        errcode: Option<i64>,
    }
    let Answer { errcode } = reply.json()?;
    reply.by_code(errcode, |code| match code {
        TOO_FAST => Some(Duration::from_secs(60)),
        BUSY => Some(Duration::ZERO),
        _ => None,
    })
}

impl Channel for WeCom {
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
