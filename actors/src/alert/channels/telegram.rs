//! A Telegram bot (core.telegram.org/bots/api, `sendMessage`). Success is `"ok":true`. The text is sent
//! without a parse mode: a stray `<` would lose the alert.

use std::cell::RefCell;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tripline_engine::messages::alert::Severity;
use tripline_engine::time::Timestamp;

use super::line::{Ask, Line, Reply};
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, MINUTE, Rate, Rendered, SecretSource, Window,
};

/// Below one a second and chat, and 20 a minute and group.
const RATE: Rate = Rate::of(&[
    Window::new(2, Duration::from_secs(2)),
    Window::new(18, MINUTE),
]);

/// Telegram takes 4096 UTF-16 units; bytes are never fewer.
const TEXT_LIMIT: usize = 4_000;

fn default_base() -> Origin {
    Origin::of("https://api.telegram.org")
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The bot's token, `123456:ABC…`.
    pub token: SecretSource,
    /// The chat's number, negative for a group, or `@name`.
    pub chat: String,
    /// The topic of a group, if it has some.
    #[serde(default)]
    pub thread: Option<i64>,
    #[serde(default = "default_base")]
    pub base_url: Origin,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<Telegram, ConfigError> {
        let token = make.secret("token", &self.token)?;
        let is_token = |c: char| c.is_ascii_alphanumeric() || ":_-".contains(c);
        if !token.expose_secret().chars().all(is_token) {
            return Err(make.invalid("token", "not of the form 123456:ABC…"));
        }
        let is_number = self.chat.parse::<i64>().is_ok();
        if !is_number && !self.chat.starts_with('@') {
            return Err(make.invalid("chat", "neither a number nor a name that begins with '@'"));
        }
        Ok(Telegram {
            name: make.name.to_owned(),
            chat: RefCell::new(self.chat.clone()),
            thread: self.thread,
            base: self.base_url.clone(),
            line: Line::new(make.http, [token.clone()]),
            token,
        })
    }
}

/// One chat.
#[derive(Debug)]
pub struct Telegram {
    name: String,
    /// It changes when a group becomes a supergroup.
    chat: RefCell<String>,
    thread: Option<i64>,
    base: Origin,
    token: SecretString,
    line: Line,
}

impl Telegram {
    fn ask(&self, method: &str, body: &serde_json::Value) -> Ask {
        let token = self.token.expose_secret();
        Ask::json(format!("{}/bot{token}/{method}", self.base), body.to_string())
    }

    async fn send_once(&self, message: &Rendered) -> Result<(), ChannelError> {
        let mut body = json!({
            "chat_id": *self.chat.borrow(),
            "text": message.text(TEXT_LIMIT),
            "disable_notification": message.severity == Severity::Info,
        });
        if let Some(thread) = self.thread {
            body["message_thread_id"] = thread.into();
        }
        let reply = self.line.ask(self.ask("sendMessage", &body)).await?;
        let answer: Answer = reply.json()?;
        if let Some(moved) = answer.parameters.migrate_to_chat_id {
            *self.chat.borrow_mut() = moved.to_string();
            return Err(reply.refused("the chat has moved", Some(Duration::ZERO)));
        }
        judge(&reply, &answer)
    }
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error_code: Option<i64>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

fn judge(reply: &Reply, answer: &Answer) -> Result<(), ChannelError> {
    if answer.ok {
        return reply.by_status();
    }
    let code = answer.error_code.unwrap_or(i64::from(reply.status));
    let wait = answer.parameters.retry_after.map(Duration::from_secs);
    let passes = matches!(code, 429 | 500..=599);
    Err(reply.refused(code, passes.then(|| wait.unwrap_or_default())))
}

impl Channel for Telegram {
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
