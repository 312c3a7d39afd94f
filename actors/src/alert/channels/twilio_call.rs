//! A voice call by Twilio (twilio.com/docs, "Calls") that reads the headline three times. It counts as sent
//! when somebody, or something, has answered; it is repeated when nobody did.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use tripline_engine::time::Timestamp;

use super::twilio::{Account, Ended, default_base};
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, DAY, HOUR, MINUTE, Rate, Reach, Rendered, SecretSource,
    Window, cut,
};

const RATE: Rate = Rate::of(&[
    Window::new(2, MINUTE),
    Window::new(12, HOUR),
    Window::new(60, DAY),
]);

/// Bytes that are read aloud.
const TEXT_LIMIT: usize = 400;

/// How long it rings, in seconds, and how long it may take to be answered.
const RINGS: &str = "40";
const PATIENCE: Duration = Duration::from_secs(75);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The account's SID, `AC…`.
    pub account: String,
    pub token: SecretSource,
    /// The number that it comes from.
    pub from: String,
    /// The number that it goes to.
    pub to: String,
    #[serde(default = "default_base")]
    pub base_url: Origin,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<TwilioCall, ConfigError> {
        make.phone_numbers("to", std::slice::from_ref(&self.to))?;
        make.phone_numbers("from", std::slice::from_ref(&self.from))?;
        Ok(TwilioCall {
            name: make.name.to_owned(),
            account: Account::new(make, &self.account, &self.token, &self.base_url)?,
            from: self.from.clone(),
            to: self.to.clone(),
        })
    }
}

/// One phone.
#[derive(Debug)]
pub struct TwilioCall {
    name: String,
    account: Account,
    from: String,
    to: String,
}

impl TwilioCall {
    async fn send_once(&self, message: &Rendered) -> Result<(), ChannelError> {
        let spoken = escaped(&cut(&message.headline, TEXT_LIMIT));
        let language = message.language.tag();
        let twiml = format!(
            "<Response><Say loop=\"3\" language=\"{language}\">{spoken}</Say></Response>"
        );
        let form = [
            ("To", self.to.as_str()),
            ("From", &self.from),
            ("Twiml", &twiml),
            ("Timeout", RINGS),
        ];
        let sid = self.account.create("Calls", &form).await?;
        self.account.follow("Calls", &sid, PATIENCE, judge).await
    }
}

fn judge(status: &str) -> Option<Ended> {
    match status {
        "in-progress" | "completed" => Some(Ended::Reached),
        "no-answer" | "busy" => Some(Ended::Missed(Some(Duration::from_secs(20)))),
        "failed" | "canceled" => Some(Ended::Missed(None)),
        _ => None,
    }
}

/// Text within XML.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

impl Channel for TwilioCall {
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

    fn lists_all(&self) -> bool {
        false
    }

    fn reach(&self) -> Reach {
        Reach::Call
    }
}
