//! One place that says what a refusal, a broken answer or a broken connection means.
//!
//! Sorted by Binance's own code first; the HTTP status decides only where there is none (Binance Spot,
//! "HTTP Return Codes" and "Errors"; the WebSocket API uses the same statuses and codes).

use std::time::Duration;

use serde::Deserialize;
use tripline_engine::ports::VenueError;

use super::wire::decode::DecodeError;
use crate::http::HttpError;

/// How much of an answer an error shows.
const FRAGMENT_CHARS: usize = 200;

/// The time after which Binance gives a request up with -1007.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a request does, because that decides what a missing answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Asking again is harmless.
    Read,
    /// Places, cancels or amends: without a definite answer its outcome is unknown.
    OrderChanging,
}

/// An answer that is not a success, as the transport saw it.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// The HTTP status, or `status` of the WebSocket API.
    pub status: u16,
    /// `code` and `msg`, when the answer had the form of an error.
    pub error: Option<(i64, &'a str)>,
    /// The answer as text, for the error's fragment.
    pub body: &'a str,
    pub retry_after: Option<Duration>,
}

#[derive(Deserialize)]
struct ErrorBody {
    code: i64,
    msg: String,
}

/// Sorts the body of an HTTP answer whose status is not 200.
#[must_use]
pub fn classify_body(
    kind: RequestKind,
    status: u16,
    body: &[u8],
    retry_after: Option<Duration>,
) -> VenueError {
    let text = String::from_utf8_lossy(body);
    let parsed = serde_json::from_slice::<ErrorBody>(body).ok();
    let error = parsed
        .as_ref()
        .map(|error| (error.code, error.msg.as_str()));
    classify(
        kind,
        Refusal {
            status,
            error,
            body: &text,
            retry_after,
        },
    )
}

/// The code of an error body, when it has one.
#[must_use]
pub fn code_of(body: &[u8]) -> Option<i64> {
    serde_json::from_slice::<ErrorBody>(body)
        .ok()
        .map(|error| error.code)
}

/// Sorts a refusal into what the caller has to do.
#[must_use]
pub fn classify(kind: RequestKind, refusal: Refusal<'_>) -> VenueError {
    let Refusal {
        status,
        error,
        body,
        retry_after,
    } = refusal;
    let Some((code, message)) = error else {
        return without_code(kind, status, body, retry_after);
    };
    let text = fragment(message);
    let unknown = status >= 500 || matches!(code, -1000 | -1001 | -1006 | -1007);
    if unknown && kind == RequestKind::OrderChanging {
        return VenueError::UnknownOutcome(format!("HTTP {status}, code {code}: {text}"));
    }
    match code {
        -1007 => VenueError::Timeout(ENGINE_TIMEOUT),
        -1000 | -1001 | -1006 | -1016 => VenueError::Maintenance(format!("code {code}: {text}")),
        -1003 if status == 418 || message.contains("banned") => {
            VenueError::Banned { retry_after, text }
        }
        -1003 | -1008 | -1015 | -1034 => VenueError::RateLimited { retry_after, text },
        -1021 => VenueError::Clock { code, text },
        -1002 | -1022 | -2014 | -2015 => VenueError::Authentication { code, text },
        -2013 => VenueError::UnknownOrder { code, text },
        -2010 | -2011 | -2038 if message == "Unknown order sent." => {
            VenueError::UnknownOrder { code, text }
        }
        -1010 | -2010 | -2011 if concerns_account(message) => {
            VenueError::Authentication { code, text }
        }
        -1010 | -1013 | -1112 | -1220 | -2010 | -2011 | -2016 | -2021 | -2022 | -2026 | -2038
        | -2043 => VenueError::Rejected { code, text },
        _ if status == 418 => VenueError::Banned { retry_after, text },
        _ if status == 429 => VenueError::RateLimited { retry_after, text },
        _ if status == 401 => VenueError::Authentication { code, text },
        _ if status >= 500 => {
            VenueError::Maintenance(format!("HTTP {status}, code {code}: {text}"))
        }
        _ => VenueError::InvalidRequest { code, text },
    }
}

/// Refusals that every further order of the account would meet as well.
fn concerns_account(message: &str) -> bool {
    message == "This action is disabled on this account."
        || message == "This account may not place or cancel orders."
        || message.ends_with("API trading is not enabled.")
}

/// An answer that is no error object: of a proxy, a firewall, or a part of the venue that is down.
fn without_code(
    kind: RequestKind,
    status: u16,
    body: &str,
    retry_after: Option<Duration>,
) -> VenueError {
    let text = if body.trim().is_empty() {
        "an empty body".to_owned()
    } else {
        fragment(body)
    };
    match (status, kind) {
        // What the venue documents as not executed.
        (418, _) => VenueError::Banned { retry_after, text },
        (429, _) => VenueError::RateLimited { retry_after, text },
        (404 | 410, _) => {
            let text = format!("HTTP {status}, there is no such address at the venue: {text}");
            VenueError::InvalidRequest { code: 0, text }
        }
        (_, RequestKind::OrderChanging) => {
            VenueError::UnknownOutcome(format!("HTTP {status}: {text}"))
        }
        (500.., RequestKind::Read) => VenueError::Maintenance(format!("HTTP {status}: {text}")),
        (_, RequestKind::Read) => VenueError::NotJson {
            status,
            fragment: text,
        },
    }
}

/// Sorts an exchange that failed after the request was, or may have been, written. `waited` is the time
/// allowed for it, for reads that had no answer.
#[must_use]
pub fn classify_exchange(kind: RequestKind, error: &HttpError, waited: Duration) -> VenueError {
    match (error, kind) {
        _ if error.is_not_sent() => VenueError::Network(not_sent(error)),
        (_, RequestKind::OrderChanging) => VenueError::UnknownOutcome(fragment(&error.to_string())),
        (HttpError::Unknown { reason, .. } | HttpError::Body { reason, .. }, RequestKind::Read)
            if is_late(reason) =>
        {
            VenueError::Timeout(waited)
        }
        _ => VenueError::Network(fragment(&error.to_string())),
    }
}

/// Whether the exchange failed by taking too long: by awc's time-out of the head, or by ours.
fn is_late(reason: &str) -> bool {
    reason.contains(" within ") || reason.starts_with("Timeout")
}

/// The words for a request that was not sent, with what to do about a certificate.
#[must_use]
pub fn not_sent(error: &HttpError) -> String {
    let text = error.to_string();
    let advice = if text.contains("UnknownIssuer") {
        "; the certificate's authority is unknown: for a private one set extra_ca_file"
    } else if text.contains("NotValidForName") || text.contains("not valid for name") {
        "; the certificate is for another host name: check the URL"
    } else {
        ""
    };
    fragment(&text) + advice
}

/// An answer of the agreed status whose content is not as agreed. For a request that changes an order
/// this is an unknown outcome: it was answered, but the answer cannot be read.
#[must_use]
pub fn unreadable(kind: RequestKind, what: &str, reason: &str, body: &str) -> VenueError {
    let (reason, fragment) = (fragment(reason), fragment(body));
    match kind {
        RequestKind::OrderChanging => {
            VenueError::UnknownOutcome(format!("{what}: {reason}: {fragment}"))
        }
        RequestKind::Read => VenueError::ChangedData {
            what: what.to_owned(),
            reason,
            fragment,
        },
    }
}

/// The first characters of a text, on one line and without what could be a key or a signature.
#[must_use]
pub fn fragment(text: &str) -> String {
    let mut shown = String::with_capacity(FRAGMENT_CHARS);
    let mut hidden = false;
    let mut count = 0;
    for (at, character) in text.char_indices() {
        if count == FRAGMENT_CHARS {
            shown.push('…');
            break;
        }
        let value = character.is_ascii_alphanumeric() || "%+/=_-:\" ".contains(character);
        if hidden && value {
            continue;
        }
        hidden = false;
        shown.push(if character.is_control() {
            ' '
        } else {
            character
        });
        count += 1;
        if names_secret(text.get(..at + character.len_utf8()).unwrap_or_default()) {
            shown.push_str("[hidden]");
            hidden = true;
        }
    }
    shown
}

/// Whether the text so far ends with the name of a secret value.
fn names_secret(text: &str) -> bool {
    ["signature", "apikey"].iter().any(|name| {
        let start = text.len().checked_sub(name.len());
        start
            .and_then(|start| text.get(start..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(name))
    })
}

impl From<DecodeError> for VenueError {
    /// For what was read without a request, or by a request that changed nothing.
    fn from(error: DecodeError) -> Self {
        Self::ChangedData {
            what: error.what.into(),
            reason: error.reason.to_string(),
            fragment: fragment(&error.fragment),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RequestKind::{OrderChanging, Read};

    fn name(error: &VenueError) -> String {
        format!("{error:?}")
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect()
    }

    /// Status, code and message; what they mean for an order, and for a read.
    #[rustfmt::skip]
    const CODES: &[(u16, i64, &str, &str, &str)] = &[
        (503, -1008, "Server is currently overloaded.", "UnknownOutcome", "RateLimited"),
        (504, -1007, "Timeout waiting for response.", "UnknownOutcome", "Timeout"),
        (400, -1006, "Unexpected response.", "UnknownOutcome", "Maintenance"),
        (400, -1000, "Unknown error.", "UnknownOutcome", "Maintenance"),
        (400, -1001, "Internal error.", "UnknownOutcome", "Maintenance"),
        (500, -2010, "Odd.", "UnknownOutcome", "Rejected"),
        (400, -1021, "Timestamp for this request is outside of the recvWindow.", "Clock", "Clock"),
        (400, -1022, "Signature for this request is not valid.", "Authentication", "Authentication"),
        (401, -2015, "Invalid API-key, IP, or permissions for action.", "Authentication", "Authentication"),
        (401, -2014, "API-key format invalid.", "Authentication", "Authentication"),
        (401, -1002, "You are not authorized to execute this request.", "Authentication", "Authentication"),
        (429, -1003, "Too much request weight used.", "RateLimited", "RateLimited"),
        (429, -1015, "Too many new orders.", "RateLimited", "RateLimited"),
        (418, -1003, "Way too much request weight used; IP banned until 1.", "Banned", "Banned"),
        (400, -2013, "Order does not exist.", "UnknownOrder", "UnknownOrder"),
        (400, -2011, "Unknown order sent.", "UnknownOrder", "UnknownOrder"),
        (400, -2011, "Order was not canceled due to cancel restrictions.", "Rejected", "Rejected"),
        (400, -2010, "Account has insufficient balance for requested action.", "Rejected", "Rejected"),
        (400, -2010, "This action is disabled on this account.", "Authentication", "Authentication"),
        (400, -1013, "Filter failure: LOT_SIZE", "Rejected", "Rejected"),
        (400, -1121, "Invalid symbol.", "InvalidRequest", "InvalidRequest"),
        (400, -1131, "recvWindow must be less than 60000", "InvalidRequest", "InvalidRequest"),
        (403, -1016, "This service is no longer available.", "Maintenance", "Maintenance"),
        (400, -9999, "A code of tomorrow.", "InvalidRequest", "InvalidRequest"),
    ];

    #[test]
    fn codes_decide_and_the_kind_of_request_decides_what_an_unclear_one_means() {
        for (status, code, message, for_order, for_read) in CODES {
            let body = format!(r#"{{"code":{code},"msg":"{message}","more":1}}"#);
            let sort = |kind| name(&classify_body(kind, *status, body.as_bytes(), None));
            let sorted = (sort(OrderChanging), sort(Read));
            assert_eq!(
                sorted,
                (for_order.to_string(), for_read.to_string()),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn an_answer_without_a_code_leaves_an_order_unknown_unless_its_status_is_definite() {
        for (status, body, for_order, for_read) in [
            (504, "", "UnknownOutcome", "Maintenance"),
            (
                502,
                "<html>Bad Gateway</html>",
                "UnknownOutcome",
                "Maintenance",
            ),
            (403, "<html>Forbidden</html>", "UnknownOutcome", "NotJson"),
            (307, "", "UnknownOutcome", "NotJson"),
            (400, r#"{"code":"text"}"#, "UnknownOutcome", "NotJson"),
            (404, "<html>", "InvalidRequest", "InvalidRequest"),
            (410, "", "InvalidRequest", "InvalidRequest"),
            (429, "", "RateLimited", "RateLimited"),
            (418, "<html>", "Banned", "Banned"),
        ] {
            let sort = |kind| name(&classify_body(kind, status, body.as_bytes(), None));
            assert_eq!(
                (sort(OrderChanging).as_str(), sort(Read).as_str()),
                (for_order, for_read),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn only_what_failed_before_the_request_was_written_is_not_sent() {
        let waited = Duration::from_secs(3);
        let (host, reason) = ("h".to_owned(), "no answer within 3s".to_owned());
        let late = HttpError::Unknown {
            host: host.clone(),
            reason,
        };
        let refused = HttpError::NotSent {
            host: host.clone(),
            reason: "refused".into(),
        };
        let cut = HttpError::Unknown {
            host,
            reason: "disconnected".into(),
        };
        for (error, for_order, for_read) in [
            (late, "UnknownOutcome", "Timeout"),
            (refused, "Network", "Network"),
            (cut, "UnknownOutcome", "Network"),
        ] {
            let sort = |kind| name(&classify_exchange(kind, &error, waited));
            assert_eq!(
                (sort(OrderChanging).as_str(), sort(Read).as_str()),
                (for_order, for_read)
            );
        }
    }

    #[test]
    fn a_fragment_is_short_and_shows_no_key_and_no_signature() {
        let body = format!(
            "<p>GET /api/v3/order?a=1&signature=c8db%2B56 {}</p>\n{{\"apiKey\": \"vmPUZE6\", \"x\":1}} SIGNATURE: abc",
            "z".repeat(20)
        );
        let shown = fragment(&body);
        for secret in ["c8db", "56", "vmPUZE6", "abc"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(
            shown.contains("order?a=1&signature[hidden]") && shown.contains("\"apiKey[hidden]"),
            "{shown}"
        );
        assert_eq!(
            fragment(&"这".repeat(5_000)).chars().count(),
            FRAGMENT_CHARS + 1
        );
    }
}
