//! What all decoders of Binance messages share: the typed error and the readers of single values.

use serde::de::DeserializeOwned;
use thiserror::Error;
use tripline_engine::ids::Symbol;

use super::time::TimeUnit;

/// How much of a message an error shows.
const FRAGMENT_CHARS: usize = 96;

/// A message of the venue that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot decode {what}: {reason}, near '{fragment}'")]
pub struct DecodeError {
    /// What was expected, such as `depth diff`.
    pub what: &'static str,
    pub reason: DecodeReason,
    /// A shortened piece of the message around the fault.
    pub fragment: String,
}

/// Why a message cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeReason {
    /// Not JSON, a missing field, a changed type, a value out of its range.
    #[error("{0}")]
    Json(String),
    #[error("the bytes from {valid_up_to} on are not UTF-8")]
    NotUtf8 { valid_up_to: usize },
    /// A message that exists and that nobody here reads.
    #[error("messages of kind '{kind}' are not read here")]
    Unsupported { kind: String },
    /// The message does not say its symbol and neither does its stream's name.
    #[error("the message does not say its symbol; use a combined stream")]
    NoSymbol,
    #[error("the stream carries '{expected}', but the message is a '{found}'")]
    OtherEvent {
        expected: &'static str,
        found: String,
    },
    #[error("asked for {expected}, got {found}")]
    OtherSymbol { expected: Symbol, found: Symbol },
    #[error("field '{field}' is out of range: {value}")]
    OutOfRange { field: &'static str, value: i64 },
    #[error(
        "field '{field}' is {stamp}, which is no time in {unit:?}s, the unit that was asked for"
    )]
    NoTime {
        field: &'static str,
        stamp: i64,
        unit: TimeUnit,
    },
}

/// The first `limit` characters of a text.
#[must_use]
pub fn shortened(text: &str, limit: usize) -> String {
    text.chars().take(limit).collect()
}

impl DecodeError {
    #[must_use]
    pub fn new(what: &'static str, reason: DecodeReason, message: &str) -> Self {
        Self {
            what,
            reason,
            fragment: shortened(message, FRAGMENT_CHARS),
        }
    }

    /// Shows the message's piece before the place where the JSON reader stopped.
    pub(super) fn json(what: &'static str, error: &serde_json::Error, message: &str) -> Self {
        // Columns count bytes of the line; a frame is one line, and of others the start is shown.
        let stopped = if error.line() == 1 { error.column() } else { 0 };
        let mut start = stopped.saturating_sub(FRAGMENT_CHARS / 2);
        while start > 0 && !message.is_char_boundary(start) {
            start -= 1;
        }
        let piece = message.get(start..).unwrap_or(message);
        Self::new(
            what,
            DecodeReason::Json(shortened(&error.to_string(), 200)),
            piece,
        )
    }
}

/// Reads a JSON text into a type that borrows nothing.
///
/// # Errors
/// [`DecodeError`] with [`DecodeReason::Json`].
pub fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| DecodeError::json(what, &error, text))
}

/// The text of received bytes.
///
/// # Errors
/// [`DecodeError`] with [`DecodeReason::NotUtf8`].
pub fn text_of<'a>(what: &'static str, bytes: &'a [u8]) -> Result<&'a str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let reason = DecodeReason::NotUtf8 {
            valid_up_to: error.valid_up_to(),
        };
        DecodeError::new(what, reason, &String::from_utf8_lossy(bytes))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_where_in_a_long_message_it_is() {
        let message = format!("[{}x]", "\"这是测试\",".repeat(100));
        let error = from_json::<Vec<String>>("list", &message).unwrap_err();
        assert!(error.fragment.contains("x]"), "{error}");
        assert!(error.fragment.chars().count() <= FRAGMENT_CHARS);
        assert!(
            error
                .to_string()
                .starts_with("cannot decode list: expected value"),
            "{error}"
        );
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused_with_the_place() {
        let error = text_of("frame", b"{\"s\":\"\xff\"}").unwrap_err();
        assert_eq!(error.reason, DecodeReason::NotUtf8 { valid_up_to: 6 });
    }
}
