//! Alerts: how a person is told. A channel is one file with a `Config` that builds it, and one line in
//! [`channels!`] below. Rendering, queues and repeats are shared by all of them.

mod actor;
mod deliver;
mod memo;
mod messages;
mod owed;
mod post;
mod queue;
mod render;
mod secret;
#[cfg(test)]
mod testing;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tripline_engine::time::Timestamp;

use crate::http::HttpError;

pub use actor::AlertActor;
pub use deliver::{Delivery, Retries, deliver};
pub use messages::{AlertStats, ChannelStats, DueAlerts, Flush, OnUndelivered, Settings};
pub use post::Http;
pub use queue::Rate;
pub use render::{Rendered, cut};
pub use secret::{SecretError, SecretSource};

/// A way to a person.
pub trait Channel {
    /// Names the channel in logs and counters, such as `dingtalk`.
    fn name(&self) -> &str;

    /// Sends once. `now` is for signatures that carry a time.
    ///
    /// # Errors
    /// [`ChannelError`] unless the other side has said, in its own words, that it took the message.
    fn send<'a>(
        &'a self,
        message: &'a Rendered,
        now: Timestamp,
    ) -> LocalBoxFuture<'a, Result<(), ChannelError>>;

    /// How many messages the other side takes; what exceeds it is summarised into one message.
    fn rate(&self) -> Option<Rate> {
        None
    }

    /// Bytes (UTF-8) of text that fit into one message.
    fn text_limit(&self) -> usize {
        16_000
    }

    /// Whether what is sent leaves the machine. Where such channels are configured, an alert counts as
    /// delivered only when one of them took it: the log alone wakes nobody.
    fn is_remote(&self) -> bool {
        true
    }
}

/// Why a message was not taken. Holds no secret: what the other side said is cleaned of them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// No answer, or a broken one.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Another HTTP status than success; redirects are not followed.
    #[error("{host}: HTTP {status}: {said}")]
    Status {
        host: String,
        status: u16,
        said: String,
        retry_after: Option<Duration>,
    },
    /// The body says that the message was not taken, whatever the HTTP status.
    #[error("{host}: refused with code {code}: {said}")]
    Refused {
        host: String,
        code: i64,
        said: String,
        retry: Option<Duration>,
    },
    /// The body is not what this kind of channel answers.
    #[error("{host}: the answer is not understood: {said}")]
    NotUnderstood { host: String, said: String },
    /// Sending panicked; the channel lives on.
    #[error("sending panicked")]
    Panicked,
}

impl ChannelError {
    /// Whether to try again, and after how long at least. An alert that may have arrived is sent again:
    /// it carries its reference, so that a duplicate is recognised.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        match self {
            Self::Http(HttpError::CaFile { .. } | HttpError::Tls(_)) | Self::Panicked => None,
            Self::Http(_) | Self::NotUnderstood { .. } => Some(Duration::ZERO),
            Self::Status {
                status,
                retry_after,
                ..
            } => {
                let passes = matches!(status, 408 | 429 | 500..=599);
                passes.then(|| retry_after.unwrap_or_default())
            }
            Self::Refused { retry, .. } => *retry,
        }
    }
}

/// Why a configured channel cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error("alert channel '{channel}', {field}: {source}")]
    Secret {
        channel: String,
        field: &'static str,
        source: SecretError,
    },
    #[error("alert channel '{channel}', {field}: {problem}")]
    Invalid {
        channel: String,
        field: &'static str,
        problem: String,
    },
    #[error("two alert channels are called '{channel}': give one of them a name of its own")]
    SameName { channel: String },
}

macro_rules! channels {
    ($($(#[$doc:meta])+ $variant:ident = $word:literal in $module:ident),+ $(,)?) => {
        $(pub mod $module;)+

        /// A channel as it is configured; `kind` says which. Unknown fields are refused.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum ChannelConfig {
            $($(#[$doc])+ #[serde(rename = $word)] $variant($module::Config)),+
        }

        impl ChannelConfig {
            /// The configured name, or the kind's word.
            #[must_use]
            pub fn name(&self) -> &str {
                match self { $(Self::$variant(config) => config.name.as_deref().unwrap_or($word)),+ }
            }

            /// Reads the secrets and makes the channel.
            ///
            /// # Errors
            /// [`ConfigError`] naming the field.
            pub fn build(&self, http: &Http) -> Result<Rc<dyn Channel>, ConfigError> {
                let name = self.name();
                Ok(match self { $(Self::$variant(config) => Rc::new(config.build(name, http)?)),+ })
            }
        }
    };
}

channels! {
    /// The program's own log.
    Log = "log" in log,
    /// A DingTalk custom robot.
    DingTalk = "dingtalk" in dingtalk,
    /// Any HTTP receiver, signed by Standard Webhooks.
    Webhook = "webhook" in webhook,
}

/// Makes every channel.
///
/// # Errors
/// All that is wrong at once.
pub fn build_channels(
    configs: &[ChannelConfig],
    http: &Http,
) -> Result<Vec<Rc<dyn Channel>>, Vec<ConfigError>> {
    let (mut channels, mut errors, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for config in configs {
        if !names.insert(config.name()) {
            errors.push(ConfigError::SameName {
                channel: config.name().to_owned(),
            });
        }
        match config.build(http) {
            Ok(channel) => channels.push(channel),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(channels)
    } else {
        Err(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configs(text: &str) -> Result<Vec<ChannelConfig>, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn a_channel_is_configured_by_kind_and_an_unknown_kind_or_field_is_refused() {
        let good = r#"[{"kind":"log"},{"kind":"log","name":"second"},
            {"kind":"dingtalk","token":{"env":"T"},"sign_key":{"file":"/k"},"mobiles":["1"]},
            {"kind":"webhook","url":{"env":"U"},"key":{"env":"K"}}]"#;
        let names: Vec<_> = configs(good)
            .unwrap()
            .iter()
            .map(|config| config.name().to_owned())
            .collect();
        assert_eq!(names, ["log", "second", "dingtalk", "webhook"]);
        for bad in [
            r#"[{"kind":"pigeon"}]"#,
            r#"[{"kind":"log","token":"x"}]"#,
            r#"[{"kind":"dingtalk","token":"in-the-open"}]"#,
            r#"[{"kind":"dingtalk","token":{"env":"T","file":"F"}}]"#,
        ] {
            assert!(configs(bad).is_err(), "{bad}");
        }
    }

    #[actix_rt::test]
    async fn every_wrong_channel_is_reported_at_once() {
        let configs = configs(
            r#"[{"kind":"log"},{"kind":"log"},{"kind":"webhook","url":{"env":"TRIPLINE_NONE"},"key":{"env":"X"}}]"#,
        );
        let errors = build_channels(&configs.unwrap(), &Http::new(None).unwrap())
            .err()
            .unwrap();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(
            texts[0].contains("two alert channels are called 'log'"),
            "{texts:?}"
        );
        assert!(texts[1].contains("TRIPLINE_NONE"), "{texts:?}");
    }

    #[test]
    fn what_passes_is_tried_again_and_what_stays_is_not() {
        let status = |status| ChannelError::Status {
            host: "h".into(),
            status,
            said: "s".into(),
            retry_after: None,
        };
        for (code, again) in [
            (500, true),
            (503, true),
            (429, true),
            (408, true),
            (400, false),
            (307, false),
            (410, false),
        ] {
            assert_eq!(status(code).retry().is_some(), again, "{code}");
        }
    }
}
