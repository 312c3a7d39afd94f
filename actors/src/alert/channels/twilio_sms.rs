//! A text message by Twilio (twilio.com/docs, "Messages"). It counts as sent when Twilio says that the
//! carrier took it.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use tripline_engine::time::Timestamp;

use super::twilio::{Account, Ended, default_base};
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, DAY, MINUTE, Rate, Reach, Rendered, SecretSource, Window,
};

/// A phone that rings without end is switched off, and each message costs money.
const RATE: Rate = Rate::of(&[Window::new(4, MINUTE), Window::new(100, DAY)]);

/// Twilio takes 1600 characters; bytes are never fewer.
const TEXT_LIMIT: usize = 1_200;

/// How long a message may be on its way.
const PATIENCE: Duration = Duration::from_secs(45);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The account's SID, `AC…`.
    pub account: String,
    pub token: SecretSource,
    /// The number that it comes from, or a messaging service's SID (`MG…`).
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
    pub fn build(&self, make: &Make<'_>) -> Result<TwilioSms, ConfigError> {
        make.phone_numbers("to", std::slice::from_ref(&self.to))?;
        Ok(TwilioSms {
            name: make.name.to_owned(),
            account: Account::new(make, &self.account, &self.token, &self.base_url)?,
            from: self.from.clone(),
            to: self.to.clone(),
        })
    }
}

/// One phone.
#[derive(Debug)]
pub struct TwilioSms {
    name: String,
    account: Account,
    from: String,
    to: String,
}

impl TwilioSms {
    async fn send_once(&self, message: &Rendered) -> Result<(), ChannelError> {
        let text = message.text(TEXT_LIMIT);
        let from = if self.from.starts_with("MG") {
            "MessagingServiceSid"
        } else {
            "From"
        };
        let form = [("To", self.to.as_str()), (from, &self.from), ("Body", &text)];
        let sid = self.account.create("Messages", &form).await?;
        self.account.follow("Messages", &sid, PATIENCE, judge).await
    }
}

fn judge(status: &str) -> Option<Ended> {
    match status {
        "sent" | "delivered" | "read" => Some(Ended::Reached),
        "failed" | "undelivered" | "canceled" => Some(Ended::Missed(None)),
        _ => None,
    }
}

impl Channel for TwilioSms {
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
        Reach::Text
    }
}
