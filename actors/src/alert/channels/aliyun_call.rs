//! A voice call by Aliyun (help.aliyun.com, `SingleCallByTts`), by a template that was approved before. At
//! night it may be refused: it should not be the only channel that wakes somebody.

use std::collections::BTreeMap;

use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use tripline_engine::time::Timestamp;

use super::acs3::{Fact, Service, default_variables, filled, judge};
use super::aliyun_sms::nonce;
use super::{Make, Origin};
use crate::alert::{
    Channel, ChannelError, ConfigError, DAY, HOUR, MINUTE, Rate, Reach, Rendered, SecretSource,
    Window,
};

/// What a called number takes.
const RATE: Rate = Rate::of(&[
    Window::new(1, MINUTE),
    Window::new(5, HOUR),
    Window::new(20, DAY),
]);

const VERSION: &str = "2017-05-25";

/// How often the text is read.
const PLAYED: &str = "3";

fn default_base() -> Origin {
    Origin::of("https://dyvmsapi.aliyuncs.com")
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The id of an access key.
    pub access_key: SecretSource,
    pub access_secret: SecretSource,
    /// The number that is called.
    pub to: String,
    /// The number that is shown, if one was bought.
    #[serde(default)]
    pub shown: Option<String>,
    /// The approved template, such as `TTS_123456`.
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
    pub fn build(&self, make: &Make<'_>) -> Result<AliyunCall, ConfigError> {
        make.phone_numbers("to", std::slice::from_ref(&self.to))?;
        let (key, secret) = (&self.access_key, &self.access_secret);
        Ok(AliyunCall {
            name: make.name.to_owned(),
            service: Service::new(make, key, secret, &self.base_url, VERSION)?,
            config: self.clone(),
        })
    }
}

/// One phone.
#[derive(Debug)]
pub struct AliyunCall {
    name: String,
    service: Service,
    config: Config,
}

impl AliyunCall {
    async fn send_once(&self, message: &Rendered, now: Timestamp) -> Result<(), ChannelError> {
        let variables = filled(&self.config.variables, message);
        let mut parameters = vec![
            ("CalledNumber", self.config.to.as_str()),
            ("TtsCode", &self.config.template),
            ("TtsParam", &variables),
            ("PlayTimes", PLAYED),
            ("OutId", &message.reference),
        ];
        if let Some(shown) = &self.config.shown {
            parameters.push(("CalledShowNumber", shown));
        }
        let nonce = nonce(message, now);
        let called = self
            .service
            .call("SingleCallByTts", &parameters, &nonce, now)
            .await?;
        judge(&called)
    }
}

impl Channel for AliyunCall {
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
        Reach::Call
    }
}
