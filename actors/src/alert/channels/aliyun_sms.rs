//! A text message by Aliyun (help.aliyun.com, `SendSms`), by a template that was approved before. It may be
//! sent twice when it is asked twice, so that after a timeout the receipts are looked at first.

use std::collections::BTreeMap;

use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use tripline_engine::time::Timestamp;

use super::acs3::{Fact, Service, default_variables, filled, judge};
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, DAY, MINUTE, Rate, Reach, Rendered, SecretSource, Window,
};

/// Below the 50 a day of a number and template.
const RATE: Rate = Rate::of(&[Window::new(2, MINUTE), Window::new(45, DAY)]);

const VERSION: &str = "2017-05-25";

fn default_base() -> Origin {
    Origin::of("https://dysmsapi.aliyuncs.com")
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The id of an access key.
    pub access_key: SecretSource,
    pub access_secret: SecretSource,
    /// The number that it goes to.
    pub to: String,
    /// The approved signature.
    pub sign_name: String,
    /// The approved template, such as `SMS_123456`.
    pub template: String,
    /// The template's variables and what each is filled with; `s` by the strategy and `c` by the kind of
    /// fault unless it says otherwise.
    #[serde(default = "default_variables")]
    pub variables: BTreeMap<String, Fact>,
    #[serde(default = "default_base")]
    pub base_url: Origin,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<AliyunSms, ConfigError> {
        make.phone_numbers("to", std::slice::from_ref(&self.to))?;
        let (key, secret) = (&self.access_key, &self.access_secret);
        Ok(AliyunSms {
            name: make.name.to_owned(),
            service: Service::new(make, key, secret, &self.base_url, VERSION)?,
            config: self.clone(),
        })
    }
}

/// One phone.
#[derive(Debug)]
pub struct AliyunSms {
    name: String,
    service: Service,
    config: Config,
}

impl AliyunSms {
    async fn send_once(&self, message: &Rendered, now: Timestamp) -> Result<(), ChannelError> {
        let variables = filled(&self.config.variables, message);
        let parameters = [
            ("PhoneNumbers", self.config.to.as_str()),
            ("SignName", &self.config.sign_name),
            ("TemplateCode", &self.config.template),
            ("TemplateParam", &variables),
            ("OutId", &message.reference),
        ];
        let nonce = nonce(message, now);
        match self.service.call("SendSms", &parameters, &nonce, now).await {
            Ok(reply) => judge(&reply),
            Err(ChannelError::Http(error)) if !error.is_not_sent() => {
                match self.was_taken(message, now).await {
                    Ok(true) => Ok(()),
                    Ok(false) | Err(_) => Err(ChannelError::Http(error)),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the receipts of today show the message.
    async fn was_taken(&self, message: &Rendered, now: Timestamp) -> Result<bool, ChannelError> {
        // Days are those of China, which has no daylight saving.
        let there = Timestamp::from_millis(now.as_millis() + 8 * 3_600_000).to_string();
        let day: String = there.chars().filter(char::is_ascii_digit).take(8).collect();
        let parameters = [
            ("PhoneNumber", self.config.to.as_str()),
            ("SendDate", &day),
            ("PageSize", "50"),
            ("CurrentPage", "1"),
        ];
        let nonce = nonce(message, now) + "-receipts";
        let reply = self
            .service
            .call("QuerySendDetails", &parameters, &nonce, now)
            .await?;
        judge(&reply)?;
        let receipts: Receipts = reply.json()?;
        let mut all = receipts.list.all.into_iter();
        Ok(all.any(|receipt| receipt.out_id.as_deref() == Some(&message.reference)))
    }
}

/// Different for each attempt.
pub(super) fn nonce(message: &Rendered, now: Timestamp) -> String {
    format!("{}-{}", message.reference, now.as_nanos())
}

#[derive(Deserialize)]
struct Receipts {
    #[serde(rename = "SmsSendDetailDTOs")]
    list: ReceiptList,
}

#[derive(Deserialize)]
struct ReceiptList {
    #[serde(rename = "SmsSendDetailDTO", default)]
    all: Vec<Receipt>,
}

#[derive(Deserialize)]
struct Receipt {
    #[serde(rename = "OutId")]
    out_id: Option<String>,
}

impl Channel for AliyunSms {
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

    fn lists_all(&self) -> bool {
        false
    }

    fn reach(&self) -> Reach {
        Reach::Text
    }
}
