//! What the HTTP channels share: a secret address, and a POST whose errors are clean of it.

use std::time::Duration;

use awc::http::header::RETRY_AFTER;
use secrecy::{ExposeSecret, SecretString};

use super::{ChannelError, ConfigError, cut};
use crate::http::{Answer, Limits, exchange, host_of};

/// The longest that a receiver's `Retry-After` is obeyed: an alert that waits longer is late anyway.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How much of an answer is shown, in bytes.
const SHOWN: usize = 300;

/// Parts of a secret address shorter than this are words such as `hook`, not secrets.
const SHORTEST_SECRET: usize = 8;

/// The client and its limits. Cloning shares the connections.
#[derive(Clone)]
pub struct Http {
    pub client: awc::Client,
    pub limits: Limits,
}

impl Http {
    /// A client for alerts: shorter than an exchange's, because a person waits.
    ///
    /// # Errors
    /// As [`crate::http::tls_config`].
    pub fn new(extra_ca: Option<&std::path::Path>) -> Result<Self, crate::http::HttpError> {
        let limits = Limits {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(8),
            body: Duration::from_secs(5),
            body_bytes: 64 * 1024,
            ..Limits::default()
        };
        let tls = crate::http::tls_config(extra_ca)?;
        Ok(Self {
            client: crate::http::client(tls, &limits),
            limits,
        })
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Checks that a configured address is one that can be posted to.
///
/// # Errors
/// [`ConfigError::Invalid`], without the address: it may be the secret.
pub(super) fn check_url(url: &str, channel: &str, field: &'static str) -> Result<(), ConfigError> {
    let parsed = url.parse::<awc::http::Uri>();
    let valid = parsed.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http"))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    if valid {
        return Ok(());
    }
    let problem = "not an address of the form https://host/path".to_owned();
    Err(ConfigError::Invalid {
        channel: channel.to_owned(),
        field,
        problem,
    })
}

/// Posts JSON and reads the answer. Any status but 2xx is an error; a redirect is not followed.
///
/// # Errors
/// [`ChannelError::Http`] and [`ChannelError::Status`]; neither shows the address beyond its host nor
/// any of `hidden`.
pub(super) async fn post(
    http: &Http,
    url: &SecretString,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
    hidden: &[&SecretString],
) -> Result<Answer, ChannelError> {
    let host = host_of(url.expose_secret());
    let mut request = http
        .client
        .post(url.expose_secret())
        .content_type("application/json");
    for (name, value) in headers {
        request = request.insert_header((*name, value.as_str()));
    }
    let answer = exchange(&host, request.send_body(body), &http.limits).await?;
    if answer.status.is_success() {
        return Ok(answer);
    }
    let retry_after = answer
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let retry_after = retry_after
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    Err(ChannelError::Status {
        host,
        status: answer.status.as_u16(),
        said: said(&answer.body, url, hidden),
        retry_after: retry_after.map(|wait| wait.min(LONGEST_WAIT)),
    })
}

/// The beginning of what the other side said, in one line and clean of secrets: a 404 page likes to
/// repeat the address.
pub(super) fn said(body: &[u8], url: &SecretString, hidden: &[&SecretString]) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for secret in hidden {
        text = text.replace(secret.expose_secret(), "***");
    }
    let url = url.expose_secret();
    let path = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once(['/', '?']))
        .map(|(_, path)| path);
    let parts = path.unwrap_or_default().split(['/', '?', '&', '=']);
    for part in parts.filter(|part| part.len() >= SHORTEST_SECRET) {
        text = text.replace(part, "***");
    }
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let text = text.trim();
    if text.is_empty() {
        "nothing".into()
    } else {
        cut(text, SHOWN).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_repeats_of_the_address_or_a_key_is_not_shown() {
        let url = SecretString::from("https://host/hooks/T0123456789?access_token=abcdefgh1234");
        let key = SecretString::from("SECkey");
        let body = b"Cannot POST /hooks/T0123456789?access_token=abcdefgh1234 with\nSECkey";
        let text = said(body, &url, &[&key]);
        assert_eq!(
            text,
            "Cannot POST /hooks/***?access_token=*** with ***".replace("access_token", "***")
        );
        assert_eq!(said(b"", &url, &[]), "nothing");
        assert!(said(&[b'x'; 9_000], &url, &[]).len() <= SHOWN);
    }

    #[test]
    fn an_address_without_scheme_or_host_is_refused_and_not_shown() {
        for url in [
            "oapi.dingtalk.com/secretpath",
            "ftp://host/secretpath",
            "/secretpath",
            "",
        ] {
            let text = check_url(url, "desk", "base_url").unwrap_err().to_string();
            assert!(
                text.contains("desk") && !text.contains("secretpath"),
                "{text}"
            );
        }
        check_url("http://127.0.0.1:8080", "desk", "base_url").unwrap();
    }
}
