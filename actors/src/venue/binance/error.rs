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

/// No key and no signature is shorter, and few words are as long.
const SHORTEST_SECRET: usize = 16;

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
        if hidden && (is_of_value(character) || "\"' ".contains(character)) {
            continue;
        }
        shown.push(if character.is_control() {
            ' '
        } else {
            character
        });
        count += 1;
        let (before, after) = text.split_at(at + character.len_utf8());
        hidden = names_secret(before) && has_value(after);
        if hidden {
            shown.push_str("[hidden]");
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

fn is_of_value(character: char) -> bool {
    character.is_ascii_alphanumeric() || "%+/=_-:".contains(character)
}

/// Whether a value follows the name, and not the next word of a sentence.
fn has_value(after: &str) -> bool {
    let after = after.trim_start_matches(['"', '\'', ' ']);
    let word = after.find(|c| !is_of_value(c)).unwrap_or(after.len());
    after.starts_with(['=', ':', '%']) || word >= SHORTEST_SECRET
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
pub(super) mod tests {
    use super::*;
    use RequestKind::{OrderChanging, Read};

    fn name(error: &VenueError) -> String {
        format!("{error:?}")
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect()
    }

    /// A refusal with a code, and what it means.
    struct Row {
        status: u16,
        code: i64,
        message: &'static str,
        for_order: &'static str,
        for_read: &'static str,
    }

    /// The same for an order and for a read.
    const fn both(status: u16, code: i64, message: &'static str, means: &'static str) -> Row {
        either(status, code, message, means, means)
    }

    const fn either(
        status: u16,
        code: i64,
        message: &'static str,
        for_order: &'static str,
        for_read: &'static str,
    ) -> Row {
        Row {
            status,
            code,
            message,
            for_order,
            for_read,
        }
    }

    /// Every code of Binance Spot's list ("Error codes", July 2026) that REST or the WebSocket API can
    /// give, and the words that make a difference.
    #[rustfmt::skip]
    const CODES: &[Row] = &[
        // Not known whether it was carried out.
        either(400, -1000, "An unknown error occurred while processing the request.", "UnknownOutcome", "Maintenance"),
        either(400, -1001, "Internal error; unable to process your request.", "UnknownOutcome", "Maintenance"),
        either(400, -1006, "An unexpected response was received from the message bus.", "UnknownOutcome", "Maintenance"),
        either(504, -1007, "Timeout waiting for response from backend server.", "UnknownOutcome", "Timeout"),
        either(408, -1007, "Timeout waiting for response from backend server.", "UnknownOutcome", "Timeout"),
        either(503, -1008, "Server is currently overloaded with other requests.", "UnknownOutcome", "RateLimited"),
        either(500, -2010, "Odd.", "UnknownOutcome", "Rejected"),
        either(500, -1121, "Odd.", "UnknownOutcome", "Maintenance"),
        // Not carried out: later.
        both(429, -1003, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE.", "RateLimited"),
        both(418, -1003, "Way too much request weight used; IP banned until 1790000000000.", "Banned"),
        both(429, -1008, "Server is currently overloaded with other requests.", "RateLimited"),
        both(429, -1015, "Too many new orders; current limit is 50 orders per 10 SECOND.", "RateLimited"),
        both(429, -1034, "Too many connections.", "RateLimited"),
        either(503, -1034, "Too many connections.", "UnknownOutcome", "RateLimited"),
        both(403, -1016, "This service is no longer available.", "Maintenance"),
        both(400, -1021, "Timestamp for this request is outside of the recvWindow.", "Clock"),
        both(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.", "Clock"),
        // The key.
        both(401, -1002, "You are not authorized to execute this request.", "Authentication"),
        both(400, -1022, "Signature for this request is not valid.", "Authentication"),
        both(401, -2014, "API-key format invalid.", "Authentication"),
        both(401, -2015, "Invalid API-key, IP, or permissions for action.", "Authentication"),
        both(400, -2010, "This action is disabled on this account.", "Authentication"),
        both(400, -2010, "This account may not place or cancel orders.", "Authentication"),
        both(400, -2010, "Rest API trading is not enabled.", "Authentication"),
        both(400, -2011, "WebSocket API trading is not enabled.", "Authentication"),
        // The business.
        both(400, -1010, "Market is closed.", "Rejected"),
        both(400, -1013, "Filter failure: LOT_SIZE", "Rejected"),
        both(400, -1112, "No orders on book for symbol.", "Rejected"),
        both(400, -1220, "The symbol's status does not match the requested symbolStatus.", "Rejected"),
        both(400, -2010, "Account has insufficient balance for requested action.", "Rejected"),
        both(400, -2010, "Duplicate order sent.", "Rejected"),
        both(400, -2010, "Order would immediately match and take.", "Rejected"),
        both(400, -2011, "Order was not canceled due to cancel restrictions.", "Rejected"),
        both(400, -2016, "No trading window could be found for the symbol.", "Rejected"),
        both(409, -2021, "Order cancel-replace partially failed.", "Rejected"),
        both(400, -2022, "Order cancel-replace failed.", "Rejected"),
        both(400, -2026, "Order was canceled or expired with no executed qty over 90 days ago.", "Rejected"),
        both(400, -2038, "Order amend (quantity increase) is not supported.", "Rejected"),
        both(400, -2043, "This symbol doesn't have a reference price.", "Rejected"),
        both(400, -2013, "Order does not exist.", "UnknownOrder"),
        both(400, -2010, "Unknown order sent.", "UnknownOrder"),
        both(400, -2011, "Unknown order sent.", "UnknownOrder"),
        both(400, -2038, "Unknown order sent.", "UnknownOrder"),
        // A code of tomorrow, by its status.
        both(400, -9999, "A code of tomorrow.", "InvalidRequest"),
        both(401, -9999, "A code of tomorrow.", "Authentication"),
        both(418, -9999, "A code of tomorrow.", "Banned"),
        both(429, -9999, "A code of tomorrow.", "RateLimited"),
        either(500, -9999, "A code of tomorrow.", "UnknownOutcome", "Maintenance"),
    ];

    /// Mistakes of this side, whatever they are called: request, session, order lists, SBE, pegs.
    #[rustfmt::skip]
    const MISTAKES: &[i64] = &[
        -1014, -1020, -1033, -1035, -1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108, -1111, -1114, -1115, -1116,
        -1117, -1118, -1119, -1120, -1121, -1122, -1125, -1127, -1128, -1130, -1131, -1134, -1135, -1139, -1145, -1151,
        -1152, -1153, -1155, -1158, -1160, -1161, -1165, -1166, -1168, -1169, -1191, -1194, -1196, -1197, -1198, -1199,
        -1210, -1211, -1221, -1222, -1223, -1224, -1225, -2035, -2036, -2039, -2042,
    ];

    /// Every row over either way: the answer's status, code and message, and what the refusal is to be
    /// called for an order and for a read.
    pub(in crate::venue::binance) fn each_refusal(
        meets: impl Fn(u16, i64, &str) -> [VenueError; 2],
    ) {
        let mistakes = MISTAKES.iter();
        let mistakes = mistakes.map(|code| both(400, *code, "A mistake.", "InvalidRequest"));
        let mistakes: Vec<_> = mistakes.collect();
        for row in CODES.iter().chain(&mistakes) {
            let Row {
                status,
                code,
                message,
                ..
            } = *row;
            let expected = [row.for_order, row.for_read];
            let errors = meets(status, code, message);
            let names = errors.each_ref().map(name);
            assert_eq!(names, expected, "{status} {code} {message}");
            // The venue's own words arrive.
            for error in &errors {
                let told =
                    error.to_string().contains(message) || matches!(error, VenueError::Timeout(_));
                assert!(told, "{status} {code} {message}: {error}");
            }
        }
    }

    #[test]
    fn codes_decide_and_the_kind_of_request_decides_what_an_unclear_one_means() {
        each_refusal(|status, code, message| {
            let body = format!(r#"{{"code":{code},"msg":"{message}","more":1}}"#);
            [OrderChanging, Read].map(|kind| classify_body(kind, status, body.as_bytes(), None))
        });
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
        let bare = "signature c8db56825ae71d6d, 'apiKey' = 'vmPUZE6'.";
        assert_eq!(fragment(bare), "signature[hidden], 'apiKey[hidden].");
        let sentence = "Signature for this request is not valid.";
        assert_eq!(fragment(sentence), sentence);
        assert_eq!(
            fragment(&"这".repeat(5_000)).chars().count(),
            FRAGMENT_CHARS + 1
        );
    }
}
