//! Server酱 (sct.ftqq.com and sc3.ft07.com): the key is part of the address and says which of the two it
//! is. Success is `code` 0 in the body.

use futures_util::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tripline_engine::time::Timestamp;

use super::line::{Ask, Line, Reply, pairs};
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, DAY, MINUTE, Rate, Rendered, SecretSource, Window,
};

/// Characters of a title.
const TITLE_LIMIT: usize = 32;

/// The message takes 32 KB.
const TEXT_LIMIT: usize = 16_000;

/// What the free plan takes a day.
const fn default_per_day() -> u32 {
    5
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The send key, `SCT…` or `sctp…t…`.
    pub key: SecretSource,
    /// Messages that the plan takes a day.
    #[serde(default = "default_per_day")]
    pub per_day: u32,
    /// Another origin than the one that the key says.
    #[serde(default)]
    pub base_url: Option<Origin>,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<ServerChan, ConfigError> {
        if !(1..=10_000).contains(&self.per_day) {
            return Err(make.invalid("per_day", format!("{} is not 1 to 10000", self.per_day)));
        }
        let key = make.secret("key", &self.key)?;
        let Some((origin, path)) = place(key.expose_secret()) else {
            return Err(make.invalid("key", "neither 'SCT…' nor 'sctp<number>t…'"));
        };
        let origin = self.base_url.as_ref().map_or(origin, ToString::to_string);
        Ok(ServerChan {
            name: make.name.to_owned(),
            url: format!("{origin}{path}").into(),
            per_day: self.per_day,
            line: Line::new(make.http, [key]),
        })
    }
}

/// Where a key's messages go: origin and path.
fn place(key: &str) -> Option<(String, String)> {
    let is_plain = key.chars().all(|c| c.is_ascii_alphanumeric());
    if let Some(rest) = key.strip_prefix("sctp") {
        let (number, _) = rest.split_once('t')?;
        let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
        let origin = format!("https://{number}.push.ft07.com");
        return (is_number && is_plain).then(|| (origin, format!("/send/{key}.send")));
    }
    let origin = "https://sctapi.ftqq.com".to_owned();
    (key.starts_with("SCT") && is_plain).then(|| (origin, format!("/{key}.send")))
}

/// One key.
#[derive(Debug)]
pub struct ServerChan {
    name: String,
    url: SecretString,
    per_day: u32,
    line: Line,
}

impl ServerChan {
    async fn send_once(&self, message: &Rendered) -> Result<(), ChannelError> {
        let title: String = message.headline.chars().take(TITLE_LIMIT).collect();
        let short: String = message.headline.chars().take(2 * TITLE_LIMIT).collect();
        let text = message.text(TEXT_LIMIT).replace('\n', "\n\n");
        let form = pairs([("title", title.as_str()), ("desp", &text), ("short", &short)]);
        judge(&self.line.ask(Ask::form(self.url.clone(), form)).await?)
    }
}

fn judge(reply: &Reply) -> Result<(), ChannelError> {
    #[derive(Deserialize)]
    struct Answer {
        code: Option<i64>,
    }
    let Answer { code } = reply.json()?;
    reply.by_code(code, |_| None)
}

impl Channel for ServerChan {
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
        Rate::of(&[Window::new(4, MINUTE), Window::new(self.per_day, DAY)])
    }

    fn text_limit(&self) -> usize {
        TEXT_LIMIT
    }

    fn lists_all(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_where_its_messages_go() {
        let (origin, path) = place("SCT123abc").unwrap();
        assert_eq!(origin + &path, "https://sctapi.ftqq.com/SCT123abc.send");
        let (origin, path) = place("sctp42tabc").unwrap();
        assert_eq!(origin + &path, "https://42.push.ft07.com/send/sctp42tabc.send");
        for wrong in ["", "abc", "sctpxtabc", "sctp42", "SCT1/../x", "sctp1t@evil"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
