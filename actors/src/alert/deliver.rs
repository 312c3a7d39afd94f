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

/// The longest that a message waits here for its next attempt: one that waits longer makes room for the
/// others, and the channel keeps silent as it was asked to.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

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
        let wait = wait.filter(|wait| *wait <= LONGEST_WAIT);
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

#[cfg(test)]
mod tests {
    use super::super::testing::{Receiver, http, rendered, webhook};
    use super::*;
    use tripline_engine::messages::alert::Severity;
    use tripline_engine::time::Timestamp;

    async fn delivered(url: &str) -> Delivery {
        let hook = webhook("hook", url, &http());
        let clock = Clock::starting_at(Timestamp::from_millis(1_795_000_000_000));
        let retries = Retries {
            attempts: 3,
            first_pause: Duration::from_millis(1),
        };
        deliver(&*hook, &rendered(Severity::Critical, "a"), &clock, retries).await
    }

    #[actix_rt::test]
    async fn a_failure_that_passes_is_repeated_under_the_same_reference() {
        let receiver = Receiver::start(|_, before| {
            if before < 2 {
                (503, "busy".into())
            } else {
                (200, "".into())
            }
        });
        let delivery = delivered(&receiver.url).await;
        assert!(
            delivery.result.is_ok() && delivery.attempts == 3,
            "{delivery:?}"
        );
        let received = receiver.received();
        assert_eq!(received.len(), 3);
        assert!(
            received
                .iter()
                .all(|request| request.headers["webhook-id"] == "ref-1")
        );
    }

    #[actix_rt::test]
    async fn attempts_end_after_the_third_and_at_once_when_the_refusal_is_final() {
        for (status, attempts) in [(500, 3), (400, 1), (302, 1)] {
            let receiver = Receiver::start(move |_, _| (status, "no".into()));
            let delivery = delivered(&receiver.url).await;
            assert_eq!(delivery.attempts, attempts, "{delivery:?}");
            assert!(
                matches!(delivery.result, Err(ChannelError::Status { status: said, .. }) if said == status)
            );
            assert_eq!(receiver.received().len(), attempts as usize);
        }
    }

    #[actix_rt::test]
    async fn nobody_at_the_other_end_is_a_failure_after_three_attempts() {
        let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", receiver.local_addr().unwrap());
        drop(receiver);
        let delivery = delivered(&url).await;
        assert_eq!(delivery.attempts, 3);
        assert!(matches!(delivery.result, Err(ChannelError::Http(error)) if error.is_not_sent()));
    }
}
