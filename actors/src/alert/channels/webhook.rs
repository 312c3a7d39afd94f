//! Any HTTP receiver, signed by Standard Webhooks (standardwebhooks.com): the headers `webhook-id`,
//! `webhook-timestamp` in seconds and `webhook-signature`, which is
//! `v1,base64(HMAC-SHA256(key, "{id}.{timestamp}.{body}"))`. Success is 2xx; the id stays the same when a
//! message is repeated.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::future::LocalBoxFuture;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tripline_engine::time::Timestamp;

use super::line::{Ask, Line};
use super::{Make, Origin};
use crate::alert::{Channel, ChannelError, ConfigError, Rendered, SecretSource};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The receiver's address, which may hold a secret.
    pub url: SecretSource,
    /// Another origin (scheme, host and port) than that of `url`.
    #[serde(default)]
    pub base_url: Option<Origin>,
    /// The signing key: `whsec_` and base64 of 24 to 64 bytes.
    pub key: SecretSource,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<Webhook, ConfigError> {
        let url = make.address("url", &self.url, self.base_url.as_ref())?;
        Webhook::new(make, url, make.secret("key", &self.key)?)
    }
}

/// One receiver.
pub struct Webhook {
    name: String,
    url: SecretString,
    key: hmac::Key,
    line: Line,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// A receiver with its secrets resolved.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] when the key is not `whsec_` and base64.
    pub fn new(
        make: &Make<'_>,
        url: SecretString,
        key: SecretString,
    ) -> Result<Self, ConfigError> {
        let encoded = key.expose_secret().strip_prefix("whsec_");
        let bytes = encoded.and_then(|text| BASE64.decode(text).ok());
        let Some(bytes) = bytes.filter(|bytes| (24..=64).contains(&bytes.len())) else {
            return Err(make.invalid("key", "not 'whsec_' followed by base64 of 24 to 64 bytes"));
        };
        Ok(Self {
            name: make.name.to_owned(),
            url,
            key: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            line: Line::new(make.http, [key]),
        })
    }

    async fn send_once(&self, message: &Rendered, now: Timestamp) -> Result<(), ChannelError> {
        let body = body(message, self.text_limit()).to_string();
        let (id, seconds) = (&message.reference, now.as_millis().div_euclid(1_000));
        let signature = signature(&self.key, id, seconds, &body);
        let ask = Ask::json(self.url.clone(), body)
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature);
        self.line.ask(ask).await?.by_status()
    }
}

impl Channel for Webhook {
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
}

fn signature(key: &hmac::Key, id: &str, seconds: i64, body: &str) -> String {
    let signed = hmac::sign(key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(signed))
}

/// The text for people and the alerts as data. One message tells of one alert; of several only when the
/// receiver has a rate.
fn body(message: &Rendered, text_limit: usize) -> serde_json::Value {
    json!({
        "type": "tripline.alert",
        "timestamp": message.at.to_string(),
        "data": {
            "severity": message.severity,
            "phase": message.phase,
            "live": message.live,
            "headline": message.headline,
            "text": message.text(text_limit),
            "withheld": message.withheld,
            "alerts": message.alerts,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing::{Received, Receiver, http, rendered};
    use tripline_engine::messages::alert::Severity;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn webhook(url: &str, key: &str) -> Result<Webhook, ConfigError> {
        let make = Make {
            name: "hook",
            http: &http(),
        };
        Webhook::new(&make, SecretString::from(url), SecretString::from(key))
    }

    /// The receiver's side of Standard Webhooks: fresh, and signed over id, time and raw body.
    fn is_genuine(request: &Received, key: &[u8], now: i64) -> bool {
        let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
        let seconds: i64 = header("webhook-timestamp").parse().unwrap();
        let mut signed = format!("{}.{seconds}.", header("webhook-id")).into_bytes();
        signed.extend(&request.body);
        let signature = header("webhook-signature");
        let signature = BASE64
            .decode(signature.strip_prefix("v1,").unwrap())
            .unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        (now - seconds).abs() <= 300 && hmac::verify(&key, &signed, &signature).is_ok()
    }

    fn receiver() -> Receiver {
        let key = BASE64.decode(KEY.strip_prefix("whsec_").unwrap()).unwrap();
        Receiver::start(move |request, _| {
            if is_genuine(request, &key, 1_795_000_000) {
                (204, String::new())
            } else {
                (401, "bad".into())
            }
        })
    }

    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let key = BASE64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signed = signature(
            &key,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[actix_rt::test]
    async fn a_receiver_that_checks_signatures_takes_the_message_and_finds_the_alert_in_it() {
        let receiver = receiver();
        let message = rendered(Severity::Critical, "halted");
        let hook = webhook(&receiver.url, KEY).unwrap();
        hook.send(&message, Timestamp::from_millis(1_795_000_000_000))
            .await
            .unwrap();
        let received = receiver.received();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].headers["webhook-id"], "ref-1");
        let body = received[0].json();
        assert_eq!(body["data"]["severity"], "critical");
        assert_eq!(body["data"]["alerts"][0]["title"], "halted");
    }

    #[actix_rt::test]
    async fn a_message_with_another_key_or_an_old_time_is_not_counted_as_sent() {
        let receiver = receiver();
        let message = rendered(Severity::Info, "a");
        let other = format!("whsec_{}", BASE64.encode([7; 32]));
        let wrong = webhook(&receiver.url, &other).unwrap();
        let error = wrong
            .send(&message, Timestamp::from_millis(1_795_000_000_000))
            .await
            .unwrap_err();
        assert!(
            matches!(error, ChannelError::Status { status: 401, .. }),
            "{error}"
        );
        assert_eq!(error.retry(), None);
        let old = webhook(&receiver.url, KEY).unwrap();
        assert!(
            old.send(&message, Timestamp::from_millis(1_794_999_000_000))
                .await
                .is_err()
        );
    }

    #[actix_rt::test]
    async fn a_redirect_is_an_error_and_is_not_followed() {
        let target = Receiver::start(|_, _| (200, "ok".into()));
        let location = format!("{}/elsewhere", target.url);
        let receiver = Receiver::start_with(move |_, _| {
            let mut response = actix_web::HttpResponse::TemporaryRedirect();
            response
                .insert_header(("location", location.clone()))
                .finish()
        });
        let hook = webhook(&receiver.url, KEY).unwrap();
        let error = hook
            .send(&rendered(Severity::Info, "a"), Timestamp::EPOCH)
            .await
            .unwrap_err();
        assert!(
            matches!(error, ChannelError::Status { status: 307, .. }),
            "{error}"
        );
        assert!(target.received().is_empty());
    }

    #[actix_rt::test]
    async fn the_secrets_are_in_no_error_and_in_no_debug_print() {
        let secret = "T0PSECRETPATH";
        let receiver =
            Receiver::start(|request, _| (404, format!("no {} with {KEY}", request.path)));
        let hook = webhook(&format!("{}/{secret}", receiver.url), KEY).unwrap();
        let error = hook
            .send(&rendered(Severity::Info, "a"), Timestamp::EPOCH)
            .await
            .unwrap_err();
        for text in [error.to_string(), format!("{error:?}"), format!("{hook:?}")] {
            assert!(!text.contains(secret) && !text.contains(KEY), "{text}");
        }
        assert!(
            error.to_string().contains("HTTP 404: no /*** with ***"),
            "{error}"
        );
    }

    #[test]
    fn a_key_of_another_form_is_refused() {
        for key in [
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_*",
        ] {
            let text = webhook("http://127.0.0.1:1", key).unwrap_err().to_string();
            assert!(
                text.contains("'hook', key") && !text.contains("MfKQ"),
                "{text}"
            );
        }
    }
}
