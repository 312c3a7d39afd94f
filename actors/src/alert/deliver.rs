//! Brings one message over one channel: a few attempts, each logged.

use std::time::Duration;

use super::{Channel, ChannelError, Rendered};
use crate::clock::Clock;

/// How often and when a message is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// All attempts, the first included.
    pub attempts: u32,
    /// The pause after the first attempt; each later one is four times as long.
    pub first_pause: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 3,
            first_pause: Duration::from_secs(1),
        }
    }
}

/// What became of a message on one channel.
#[derive(Debug)]
pub struct Delivery {
    pub channel: String,
    /// How often it was sent, at least 1.
    pub attempts: u32,
    pub result: Result<(), ChannelError>,
}

/// Sends until the other side takes the message, refuses it for good, or the attempts are used up.
pub async fn deliver(
    channel: &dyn Channel,
    message: &Rendered,
    clock: &Clock,
    retries: Retries,
) -> Delivery {
    let name = channel.name();
    let reference = message.reference.as_str();
    let mut pause = retries.first_pause;
    let mut attempts = 0;
    loop {
        attempts += 1;
        // Each attempt is signed anew: a signature carries its time.
        let result = channel.send(message, clock.now()).await;
        let error = match result {
            Ok(()) => {
                log::info!(channel = name, attempt = attempts; "alert {reference} delivered");
                return Delivery {
                    channel: name.to_owned(),
                    attempts,
                    result: Ok(()),
                };
            }
            Err(error) => error,
        };
        log::warn!(channel = name, attempt = attempts; "alert {reference} not delivered: {error}");
        let wait = error.retry().filter(|_| attempts < retries.attempts);
        let Some(wait) = wait else {
            return Delivery {
                channel: name.to_owned(),
                attempts,
                result: Err(error),
            };
        };
        tokio::time::sleep(wait.max(pause)).await;
        pause = pause.saturating_mul(4);
    }
}
