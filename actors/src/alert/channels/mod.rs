//! The channels, one a file: a `Config` that builds it, and one line in [`channels!`] below.

mod acs3;
mod line;
mod make;
#[cfg(test)]
mod tests;
mod twilio;

use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::route::Route;
use super::{Channel, ConfigError};

pub use line::Http;
pub use make::{Make, Origin};

macro_rules! channels {
    ($($(#[$doc:meta])+ $variant:ident = $word:literal in $module:ident),+ $(,)?) => {
        $(pub mod $module;)+

        /// What kind of channel it is, with what that kind needs. Unknown fields are refused.
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(tag = "kind")]
        pub enum ChannelKind {
            $($(#[$doc])+ #[serde(rename = $word)] $variant($module::Config)),+
        }

        impl ChannelKind {
            /// The word of every kind.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The stable word of the kind.
            #[must_use]
            pub const fn word(&self) -> &'static str {
                match self { $(Self::$variant(_) => $word),+ }
            }

            fn build(&self, make: &Make<'_>) -> Result<Rc<dyn Channel>, ConfigError> {
                Ok(match self { $(Self::$variant(config) => Rc::new(config.build(make)?)),+ })
            }
        }

        $(impl From<$module::Config> for ChannelConfig {
            fn from(config: $module::Config) -> Self {
                Self {
                    name: None,
                    route: Route::default(),
                    kind: ChannelKind::$variant(config),
                }
            }
        })+
    };
}

channels! {
    /// The program's own log.
    Log = "log" in log,
    /// A DingTalk custom robot.
    DingTalk = "dingtalk" in dingtalk,
    /// A WeCom group robot.
    WeCom = "wecom" in wecom,
    /// A Feishu or Lark custom bot.
    Feishu = "feishu" in feishu,
    /// A Telegram bot.
    Telegram = "telegram" in telegram,
    /// A Slack incoming webhook.
    Slack = "slack" in slack,
    /// A Discord webhook.
    Discord = "discord" in discord,
    /// PagerDuty, Events API v2.
    PagerDuty = "pagerduty" in pagerduty,
    /// A text message by Twilio.
    TwilioSms = "twilio_sms" in twilio_sms,
    /// A voice call by Twilio.
    TwilioCall = "twilio_call" in twilio_call,
    /// A text message by Aliyun.
    AliyunSms = "aliyun_sms" in aliyun_sms,
    /// A voice call by Aliyun.
    AliyunCall = "aliyun_call" in aliyun_call,
    /// E-mail over SMTP.
    Email = "email" in email,
    /// ntfy, at ntfy.sh or one's own.
    Ntfy = "ntfy" in ntfy,
    /// Server酱.
    ServerChan = "serverchan" in serverchan,
    /// Any HTTP receiver, signed by Standard Webhooks.
    Webhook = "webhook" in webhook,
}

/// A channel as it is configured: `kind`, what that kind needs, and what every channel may have: a `name`
/// and its [`Route`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelConfig {
    /// What it is called in logs, counters and commands; the kind's word by default.
    pub name: Option<String>,
    pub route: Route,
    pub kind: ChannelKind,
}

impl ChannelConfig {
    /// The configured name, or the kind's word.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.kind.word())
    }

    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, http: &Http) -> Result<Rc<dyn Channel>, ConfigError> {
        let name = self.name();
        self.kind.build(&Make { name, http })
    }
}

impl<'de> Deserialize<'de> for ChannelConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Parts)
    }
}

/// Reads a channel in parts, because serde cannot flatten and refuse unknown fields at once; as a visitor,
/// so that an error knows its place.
struct Parts;

impl<'de> Visitor<'de> for Parts {
    type Value = ChannelConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with the kind of an alert channel")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ChannelConfig, A::Error> {
        #[derive(Default, Deserialize)]
        struct Named {
            name: Option<String>,
        }
        let mut own = Map::new();
        while let Some((key, value)) = map.next_entry()? {
            own.insert(key, value);
        }
        let mut common = |keys: &[&str]| {
            let taken = keys.iter().filter_map(|key| own.remove_entry(*key));
            Value::Object(taken.collect())
        };
        let named: Named = serde_json::from_value(common(&["name"])).map_err(Error::custom)?;
        let route = serde_json::from_value(common(Route::KEYS)).map_err(Error::custom)?;
        let kind = serde_json::from_value(Value::Object(own)).map_err(Error::custom)?;
        Ok(ChannelConfig {
            name: named.name,
            route,
            kind,
        })
    }
}

/// A channel and which alerts it gets.
pub type Routed = (Rc<dyn Channel>, Route);

/// Makes every channel.
///
/// # Errors
/// All that is wrong at once.
pub fn build_channels(
    configs: &[ChannelConfig],
    http: &Http,
) -> Result<Vec<Routed>, Vec<ConfigError>> {
    let (mut channels, mut errors, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for config in configs {
        if !names.insert(config.name()) {
            errors.push(ConfigError::SameName {
                channel: config.name().to_owned(),
            });
        }
        match config.build(http) {
            Ok(channel) => channels.push((channel, config.route.clone())),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(channels)
    } else {
        Err(errors)
    }
}
