//! The errors that Binance documents, with their codes, texts and HTTP statuses
//! (Binance Spot API docs, `errors.md`; statuses as seen in practice where the docs are silent).

use std::borrow::Cow;

use serde_json::{Value, json};

/// An answer that is not a success: what REST sends as `{"code","msg"}` under `status`, and the
/// WebSocket API as `{"status","error":{…}}`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code} {msg} (status {status})")]
pub struct ApiError {
    pub status: u16,
    pub code: i32,
    pub msg: Cow<'static, str>,
    /// The four fields of a failed cancel-replace.
    pub data: Option<Value>,
    /// Unix microseconds at which a rate-limited or banned client may come again.
    pub retry_at_us: Option<i64>,
}

impl ApiError {
    /// An error with HTTP status 400, which is what almost all codes have.
    pub fn new(code: i32, msg: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: 400,
            code,
            msg: msg.into(),
            data: None,
            retry_at_us: None,
        }
    }

    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// -1102: a mandatory parameter is missing or empty.
    pub fn mandatory(name: &str) -> Self {
        let msg =
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
        Self::new(-1102, msg)
    }

    /// -1100: a value outside the legal range of its parameter.
    pub fn illegal(name: &str, range: &str) -> Self {
        Self::new(
            -1100,
            format!("Illegal characters found in parameter '{name}'; legal range is '{range}'."),
        )
    }

    /// -1121.
    pub fn invalid_symbol() -> Self {
        Self::new(-1121, "Invalid symbol.")
    }

    /// -1021: the request's timestamp lies outside its window.
    pub fn outside_window() -> Self {
        Self::new(
            -1021,
            "Timestamp for this request is outside of the recvWindow.",
        )
    }

    /// -1021: the request comes from the future.
    pub fn ahead_of_time() -> Self {
        Self::new(
            -1021,
            "Timestamp for this request was 1000ms ahead of the server's time.",
        )
    }

    /// -1022.
    pub fn bad_signature() -> Self {
        Self::new(-1022, "Signature for this request is not valid.")
    }

    /// -2014: no key, or one that cannot be a key.
    pub fn key_format() -> Self {
        Self::new(-2014, "API-key format invalid.").with_status(401)
    }

    /// -2015: a key that is unknown or may not do this.
    pub fn key_refused() -> Self {
        Self::new(-2015, "Invalid API-key, IP, or permissions for action.").with_status(401)
    }

    /// -1020: an operation that exists at the venue but not here.
    pub fn unsupported(what: &str) -> Self {
        Self::new(-1020, format!("This operation is not supported: {what}."))
    }

    /// -1003 with status 429, or 418 for a banned address.
    pub fn too_many_requests(status: u16, msg: String, retry_at_us: i64) -> Self {
        Self {
            status,
            code: -1003,
            msg: msg.into(),
            data: None,
            retry_at_us: Some(retry_at_us),
        }
    }

    /// -1007: the matching engine did not answer; the order may live.
    pub fn timeout() -> Self {
        let msg = "Timeout waiting for response from backend server. Send status unknown; execution status unknown.";
        Self::new(-1007, msg).with_status(504)
    }

    /// -1008: overloaded, nothing was done.
    pub fn overloaded() -> Self {
        let msg = "Server is currently overloaded with other requests. Please try again in a few minutes.";
        Self::new(-1008, msg).with_status(503)
    }

    /// -1194.
    pub fn time_unit() -> Self {
        let msg = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.";
        Self::new(-1194, msg)
    }

    /// `Retry-After`: the whole seconds until the client may come again.
    pub fn retry_after_s(&self, now_us: i64) -> Option<i64> {
        let wait_us = self.retry_at_us?.saturating_sub(now_us).max(0);
        Some(wait_us.saturating_add(999_999) / 1_000_000)
    }

    /// `{"code","msg"[,"data"]}`, the body of a REST error and the `error` of the WebSocket API.
    pub fn body(&self) -> Value {
        let mut body = json!({"code": self.code, "msg": self.msg});
        if let Some(data) = &self.data {
            body["data"] = data.clone();
        }
        body
    }
}
