//! A Feishu or Lark custom bot (open.feishu.cn, "custom bot guide"): time and signature stand in the body,
//! and the signature is `base64(HMAC-SHA256(key = "{seconds}\n{secret}", ""))`. Success is `code` 0.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::future::LocalBoxFuture;
use ring::hmac;
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

/// Below the bot's 100 a minute and 5 a second.
const RATE: Rate = Rate::of(&[
    Window::new(4, Duration::from_secs(1)),
    Window::new(80, MINUTE),
]);

/// The whole body may have 20 KB; its JSON escapes need some.
const TEXT_LIMIT: usize = 12_000;

/// "Frequency limited": at full and half hours it is busy.
const TOO_FAST: i64 = 11_232;

fn default_base() -> Origin {
    Origin::of("https://open.feishu.cn")
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The last part of the bot's address.
    pub token: SecretSource,
    /// The key of the bot's security setting "signature verification", if it has one.
    #[serde(default)]
    pub sign_key: Option<SecretSource>,
    /// A word of the bot's security setting "custom keywords", if it has one.
    #[serde(default)]
    pub keyword: Option<String>,
    /// Whether everybody is mentioned when it is critical.
    #[serde(default)]
    pub mention_all: bool,
    /// `https://open.larksuite.com` for Lark.
    #[serde(default = "default_base")]
    pub base_url: Origin,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<Feishu, ConfigError> {
        let token = make.secret("token", &self.token)?;
        let key = make.optional("sign_key", self.sign_key.as_ref())?;
        let hidden = std::iter::once(token.clone()).chain(key.clone());
        Ok(Feishu {
            name: make.name.to_owned(),
            line: Line::new(make.http, hidden),
            config: self.clone(),
            token,
            key,
        })
    }
}

/// One bot.
#[derive(Debug)]
pub struct Feishu {
    name: String,
    config: Config,
    token: SecretString,
    key: Option<SecretString>,
    line: Line,
}

impl Feishu {
    fn body(&self, message: &Rendered, now: Timestamp) -> serde_json::Value {
        let mut text = message.text(TEXT_LIMIT);
        if let Some(word) = &self.config.keyword
            && !text.contains(word.as_str())
        {
            text += &format!("\n{word}");
        }
        // Tags are the only markup of a text.
        text = text.replace('<', "＜");
        if self.config.mention_all && message.severity == Severity::Critical {
            text += "\n<at user_id=\"all\">all</at>";
        }
        let mut body = json!({ "msg_type": "text", "content": { "text": text } });
        if let Some(key) = &self.key {
            let seconds = now.as_millis().div_euclid(1_000);
            body["timestamp"] = seconds.to_string().into();
            body["sign"] = signature(key, seconds).into();
        }
        body
    }

    async fn send_once(&self, message: &Rendered, now: Timestamp) -> Result<(), ChannelError> {
        let token = encoded(self.token.expose_secret());
        let url = format!("{}/open-apis/bot/v2/hook/{token}", self.config.base_url);
        let ask = Ask::json(url, self.body(message, now).to_string());
        judge(&self.line.ask(ask).await?)
    }
}

fn signature(key: &SecretString, seconds: i64) -> String {
    let key = format!("{seconds}\n{}", key.expose_secret());
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    BASE64.encode(hmac::sign(&key, b""))
}

fn judge(reply: &Reply) -> Result<(), ChannelError> {
    /// Older bots say `StatusCode`.
    #[derive(Deserialize)]
    struct Answer {
        code: Option<i64>,
        #[serde(rename = "StatusCode")]
        status_code: Option<i64>,
    }
    let answer: Answer = reply.json()?;
    let code = answer.code.or(answer.status_code);
    reply.by_code(code, |code| {
        (code == TOO_FAST).then_some(Duration::from_secs(7))
    })
}

impl Channel for Feishu {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(
        &'a self,
        message: &'a Rendered,
        now: Timestamp,
    ) -> LocalBoxFuture<'a, Result<(), ChannelError>> {
        Box::pin(self.send_once(message, now))
    }

    fn rate(&self) -> Rate {
        RATE
    }

    fn text_limit(&self) -> usize {
        TEXT_LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_an_independent_computation() {
        // python: base64(hmac.new(b"1700000000\nSECtest0123", b"", sha256))
        let sign = signature(&SecretString::from("SECtest0123"), 1_700_000_000);
        assert_eq!(sign, "6sc1nPIAM2VWQoRV91dLw9Y09rRuB5QhZkOP6DzVYT8=");
    }
}
