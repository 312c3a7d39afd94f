//! Alerts: how a person is told. A channel is one file in `channels/`. Rendering, queues, limits and
//! repeats are shared by all of them.

mod acknowledge;
mod actor;
pub mod channels;
mod deliver;
mod incidents;
mod ladder;
mod lane;
mod listening;
mod meanings;
mod memo;
mod messages;
mod owed;
mod ping;
mod pulse;
mod queue;
mod rate;
mod render;
mod route;
mod secret;
mod sending;
#[cfg(test)]
pub(crate) mod testing;
mod voice;

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use thiserror::Error;
use tripline_engine::time::Timestamp;

use crate::http::HttpError;

pub use acknowledge::{Acknowledge, NotAcknowledged, OpenAlert, ReadOpen};
pub use actor::AlertActor;
pub use channels::{ChannelConfig, ChannelKind, Http, Routed, build_channels};
pub use deliver::{Delivery, Retries, deliver};
pub use messages::{AlertStats, ChannelStats, DueAlerts, Flush, OnUndelivered, ReadOwed, Settings};
pub use ping::{Ping, keep_pinging};
pub use pulse::Pulse;
pub use rate::{DAY, HOUR, MINUTE, Rate, Window};
pub use render::{Rendered, cut};
pub use route::Route;
pub use secret::{SecretError, SecretSource};
pub use voice::{Language, Voice};

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

    /// How many messages the other side takes; what exceeds it is summarised.
    fn rate(&self) -> Rate {
        Rate::UNLIMITED
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

    /// Whether a summary names every alert, in several messages when they do not fit into one. Where a
    /// message is dear or short, it names the first and counts the others.
    fn lists_all(&self) -> bool {
        true
    }

    /// Waits a while for what people say there, for a channel that is listened to.
    fn listen(&self) -> Option<LocalBoxFuture<'_, Result<Vec<Heard>, ChannelError>>> {
        None
    }

    /// Whom it disturbs how much.
    fn reach(&self) -> Reach {
        Reach::Chat
    }
}

/// What a person said on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub text: String,
    /// The text that it replies to.
    pub replies_to: Option<String>,
    /// Who said it.
    pub by: String,
}

/// How much a channel disturbs, and so when it is used unless its route says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Gets every alert at once.
    Chat,
    /// A text message to a phone: critical alerts that nobody has acknowledged for two minutes.
    Text,
    /// A voice call: critical alerts that nobody has acknowledged for five minutes.
    Call,
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
        code: String,
        said: String,
        retry: Option<Duration>,
    },
    /// The other side took a request, and did not say what became of it.
    #[error("{host}: not confirmed within {waited:?}")]
    NotConfirmed { host: String, waited: Duration },
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
            Self::Http(_) | Self::NotUnderstood { .. } | Self::NotConfirmed { .. } => {
                Some(Duration::ZERO)
            }
            Self::Status {
                status,
                retry_after,
                ..
            } => {
                let passes = matches!(status, 408 | 425 | 429 | 500..=599);
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

#[cfg(test)]
mod tests {
    use super::*;

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
