//! A Telegram bot (core.telegram.org/bots/api, `sendMessage`). Success is `"ok":true`. The text is sent
//! without a parse mode: a stray `<` would lose the alert.

use std::cell::{Cell, RefCell};
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
    Channel, ChannelError, ConfigError, Heard, MINUTE, Rate, Rendered, SecretSource, Window,
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
    /// Whether replies are read: `ack` as a reply acknowledges the alert. The bot must have no other reader.
    #[serde(default)]
    pub replies: bool,
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
            reads: self.replies,
            read: Cell::new(0),
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
    reads: bool,
    /// The next update that was not read yet.
    read: Cell<i64>,
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

    /// Waits for messages. Those of other chats are read and forgotten.
    async fn hear(&self) -> Result<Vec<Heard>, ChannelError> {
        let body = json!({
            "offset": self.read.get(),
            "timeout": POLL_SECONDS,
            "allowed_updates": ["message"],
        });
        let reply = self.line.ask(self.ask("getUpdates", &body)).await?;
        let answer: Answer = reply.json()?;
        judge(&reply, &answer)?;
        let Updates { result } = reply.json()?;
        let mut heard = Vec::new();
        for update in result {
            self.read.set(self.read.get().max(update.update_id + 1));
            let message = update.message.filter(|message| self.is_here(&message.chat));
            heard.extend(message.and_then(|message| {
                Some(Heard {
                    text: message.text?,
                    replies_to: message.reply_to_message.and_then(|replied| replied.text),
                    by: message.from.map(|from| from.username.unwrap_or(from.first_name))?,
                })
            }));
        }
        Ok(heard)
    }

    fn is_here(&self, chat: &Chat) -> bool {
        let here = self.chat.borrow();
        let name = here.strip_prefix('@');
        chat.id.to_string() == *here || (name.is_some() && chat.username.as_deref() == name)
    }
}

/// How long Telegram holds the question open; shorter than the client's patience.
const POLL_SECONDS: u64 = 5;

#[derive(Deserialize)]
struct Updates {
    result: Vec<Update>,
}

#[derive(Deserialize)]
struct Update {
    update_id: i64,
    message: Option<Said>,
}

#[derive(Deserialize)]
struct Said {
    chat: Chat,
    from: Option<From>,
    text: Option<String>,
    reply_to_message: Option<Replied>,
}

#[derive(Deserialize)]
struct Chat {
    id: i64,
    username: Option<String>,
}

#[derive(Deserialize)]
struct From {
    first_name: String,
    username: Option<String>,
}

#[derive(Deserialize)]
struct Replied {
    text: Option<String>,
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

    fn listen(&self) -> Option<LocalBoxFuture<'_, Result<Vec<Heard>, ChannelError>>> {
        self.reads
            .then(|| -> LocalBoxFuture<'_, _> { Box::pin(self.hear()) })
    }

    fn rate(&self) -> Rate {
        RATE
    }

    fn text_limit(&self) -> usize {
        TEXT_LIMIT
    }
}
