//! Requests of the WebSocket API: how they are written and signed, and how their answers are read.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt::Write;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tripline_engine::ports::VenueError;
use tripline_engine::time::Timestamp;

use super::super::error::{Refusal, RequestKind, classify, fragment, unreadable};
use super::super::limits::RateLimit;
use super::super::sign::Signer;
use super::super::wire::time::TimeUnit;

/// The parameters of one request: in JSON as they are sent, and for the signature as they are signed.
#[derive(Debug, Default)]
pub(super) struct Params {
    /// Sorted by name when the request is written.
    list: Vec<(&'static str, String, bool)>,
}

impl Params {
    /// A decimal, word or id: a JSON string. None of them holds a quote or a backslash.
    pub(super) fn text(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.list.push((name, value.to_string(), true));
        self
    }

    /// An integer: a JSON number.
    pub(super) fn number(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.list.push((name, value.to_string(), false));
        self
    }
}

/// Who signs, and within which window.
pub(super) struct Signing<'a> {
    pub(super) signer: &'a Signer,
    pub(super) api_key: &'a SecretString,
    pub(super) recv_window_ms: u64,
    pub(super) now: Timestamp,
    /// After `session.logon` only the timestamp is needed.
    pub(super) logged_on: bool,
}

/// Writes one request. `signing` is `None` for those that need none.
pub(super) fn write(
    id: u64,
    method: &str,
    mut params: Params,
    signing: Option<&Signing<'_>>,
) -> String {
    let mut signature = None;
    if let Some(signing) = signing {
        params = params
            .number("timestamp", signing.now.as_millis())
            .number("recvWindow", signing.recv_window_ms);
        if !signing.logged_on {
            params = params.text("apiKey", signing.api_key.expose_secret());
            params.list.sort_unstable_by_key(|(name, ..)| *name);
            let mut payload = String::with_capacity(320);
            for (name, value, _) in &params.list {
                if !payload.is_empty() {
                    payload.push('&');
                }
                payload.push_str(name);
                payload.push('=');
                payload.push_str(value);
            }
            signature = Some(signing.signer.sign(payload.as_bytes()));
        }
    }
    if let Some(signature) = signature {
        params = params.text("signature", signature);
    }
    let mut text = String::with_capacity(640);
    write!(text, r#"{{"id":{id},"method":"{method}""#).expect("writing to a string cannot fail");
    if !params.list.is_empty() {
        text.push_str(r#","params":{"#);
        for (index, (name, value, quoted)) in params.list.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            let quote = if *quoted { "\"" } else { "" };
            write!(text, r#""{name}":{quote}{value}{quote}"#)
                .expect("writing to a string cannot fail");
        }
        text.push('}');
    }
    text.push('}');
    text
}

/// The error object of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorJson {
    pub(super) code: i64,
    pub(super) msg: String,
    data: Option<ErrorData>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorData {
    server_time: Option<i64>,
    /// An absolute time, unlike REST's seconds.
    retry_after: Option<i64>,
}

/// Any message of the WebSocket API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    pub(super) id: Option<u64>,
    pub(super) status: Option<u16>,
    #[serde(borrow)]
    pub(super) result: Option<&'a RawValue>,
    pub(super) error: Option<ErrorJson>,
    #[serde(default)]
    pub(super) rate_limits: Vec<RateLimit>,
    #[serde(borrow)]
    pub(super) event: Option<&'a RawValue>,
}

/// Reads any message.
///
/// # Errors
/// [`VenueError::ChangedData`] or [`VenueError::NotJson`] with a fragment.
pub(super) fn read(text: &str) -> Result<Message<'_>, VenueError> {
    if !text.trim_start().starts_with('{') {
        // A page of what stands before the venue, on a connection whose HTTP ended with the upgrade.
        return Err(VenueError::NotJson {
            status: 101,
            fragment: fragment(text),
        });
    }
    serde_json::from_str(text).map_err(|error| {
        unreadable(
            RequestKind::Read,
            "WebSocket API message",
            &error.to_string(),
            text,
        )
    })
}

impl Message<'_> {
    /// The result's text, or what its absence means.
    ///
    /// # Errors
    /// The refusal, sorted by its code.
    pub(super) fn outcome(&self, kind: RequestKind, text: &str) -> Result<String, VenueError> {
        match (self.status, self.result, &self.error) {
            (Some(200), Some(result), None) => Ok(result.get().to_owned()),
            (Some(200), None, None) => Ok("null".to_owned()),
            (Some(status), _, error) => {
                let retry_after = error
                    .as_ref()
                    .and_then(|error| error.data.as_ref())
                    .and_then(|data| {
                        // Whether they follow the connection's unit is not documented.
                        let [from, to] = [data.server_time?, data.retry_after?]
                            .map(|stamp| stamp.checked_mul(TimeUnit::seen_in(stamp).nanos()));
                        u64::try_from(to?.checked_sub(from?)?)
                            .ok()
                            .map(Duration::from_nanos)
                    });
                let error = error.as_ref().map(|error| (error.code, error.msg.as_str()));
                Err(classify(
                    kind,
                    Refusal {
                        status,
                        error,
                        body: text,
                        retry_after,
                    },
                ))
            }
            (None, ..) => Err(unreadable(
                kind,
                "WebSocket API answer",
                "it has no status",
                text,
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::binance::error::tests::each_refusal;
    use crate::venue::binance::settings::KeyKind;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_signed_over_its_sorted_raw_values() {
        // The official sample of the WebSocket API ("SIGNED request example (HMAC)").
        let secret = SecretString::from(
            "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j".to_owned(),
        );
        let api_key = SecretString::from(
            "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A".to_owned(),
        );
        let signer = Signer::new(KeyKind::Hmac, &secret).unwrap();
        let signing = Signing {
            signer: &signer,
            api_key: &api_key,
            recv_window_ms: 100,
            now: Timestamp::from_millis(1_645_423_376_532),
            logged_on: false,
        };
        let params = Params::default()
            .text("symbol", "BTCUSDT")
            .text("side", "SELL")
            .text("type", "LIMIT")
            .text("timeInForce", "GTC")
            .text("quantity", "0.01000000")
            .text("price", "52000.00");
        let text = write(1, "order.place", params, Some(&signing));
        let signature = "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24";
        assert!(
            text.contains(&format!(r#""signature":"{signature}""#)),
            "{text}"
        );
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["params"]["timestamp"], 1_645_423_376_532_i64);
        assert_eq!(parsed["params"]["price"], "52000.00");
    }

    #[test]
    fn after_the_log_on_only_the_time_is_added() {
        let secret = SecretString::from("secret".to_owned());
        let signer = Signer::new(KeyKind::Hmac, &secret).unwrap();
        let now = Timestamp::from_millis(1);
        let signing = Signing {
            signer: &signer,
            api_key: &secret,
            recv_window_ms: 5000,
            now,
            logged_on: true,
        };
        let text = write(7, "account.status", Params::default(), Some(&signing));
        assert_eq!(
            text,
            r#"{"id":7,"method":"account.status","params":{"timestamp":1,"recvWindow":5000}}"#
        );
    }

    #[test]
    fn every_code_means_over_the_websocket_api_what_it_means_over_rest() {
        each_refusal(|status, code, message| {
            let text = format!(
                r#"{{"id":5,"status":{status},"error":{{"code":{code},"msg":"{message}"}},"rateLimits":[]}}"#
            );
            let outcome = |kind| read(&text).unwrap().outcome(kind, &text).unwrap_err();
            [RequestKind::OrderChanging, RequestKind::Read].map(outcome)
        });
    }

    #[test]
    fn a_refusal_tells_its_code_and_when_to_come_back() {
        // In milliseconds, and where the connection is in microseconds.
        for scale in ["", "000"] {
            let data = format!(
                r#"{{"serverTime":1790000001000{scale},"retryAfter":1790000004000{scale}}}"#
            );
            let text = format!(
                r#"{{"id":5,"status":429,"error":{{"code":-1003,"msg":"Too much request weight used","data":{data}}},"rateLimits":[]}}"#
            );
            let message = read(&text).unwrap();
            let error = message
                .outcome(RequestKind::OrderChanging, &text)
                .unwrap_err();
            assert!(
                matches!(&error, VenueError::RateLimited { retry_after: Some(wait), .. } if *wait == Duration::from_secs(3)),
                "{error:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(at in 0usize..180, byte in any::<u8>(), text in ".{0,60}") {
            const ANSWER: &str = r#"{"id":5,"status":429,"error":{"code":-1003,"msg":"Too much","data":{"serverTime":1000,"retryAfter":4000}},"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50,"count":12}]}"#;
            let mut bytes = ANSWER.as_bytes().to_vec();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            for text in [std::str::from_utf8(&bytes).unwrap_or_default(), &text] {
                if let Ok(message) = read(text) {
                    drop(message.outcome(RequestKind::OrderChanging, text));
                }
            }
        }
    }

    #[test]
    fn a_message_of_another_structure_is_changed_data() {
        assert!(matches!(
            read(r#"{"id":"x"}"#),
            Err(VenueError::ChangedData { .. })
        ));
        assert!(matches!(
            read("<html>"),
            Err(VenueError::NotJson { status: 101, .. })
        ));
    }
}
