//! What the HTTP channels share: a request to a secret address, and an answer that is clean of secrets.

use std::time::Duration;

use awc::http::Method;
use awc::http::header::RETRY_AFTER;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::super::{ChannelError, cut};
use crate::http::{Limits, exchange, host_of};

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

/// Whether an address is one that can be asked.
pub(crate) fn is_address(url: &str) -> bool {
    let parsed = url.parse::<awc::http::Uri>();
    parsed.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http"))
            && uri.host().is_some_and(|host| !host.is_empty())
    })
}

/// Percent-encodes all but RFC 3986's unreserved characters, as forms and signatures want it.
pub(super) fn encoded(text: &str) -> String {
    const SET: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    utf8_percent_encode(text, SET).to_string()
}

/// `name=value&…`, encoded.
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = pairs.into_iter();
    let pairs = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// One request.
pub(super) struct Ask {
    method: Method,
    url: SecretString,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Ask {
    pub(super) fn get(url: impl Into<SecretString>) -> Self {
        Self {
            method: Method::GET,
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn post(url: impl Into<SecretString>, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: Method::POST,
            url: url.into(),
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
        }
    }

    pub(super) fn json(url: impl Into<SecretString>, body: impl Into<Vec<u8>>) -> Self {
        Self::post(url, "application/json", body)
    }

    pub(super) fn form(url: impl Into<SecretString>, form: String) -> Self {
        Self::post(url, "application/x-www-form-urlencoded", form)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A channel's way to its provider: the client, and what is never to be shown.
#[derive(Debug, Clone)]
pub(super) struct Line {
    http: Http,
    hidden: Vec<SecretString>,
}

impl Line {
    pub(super) fn new(http: &Http, hidden: impl IntoIterator<Item = SecretString>) -> Self {
        Self {
            http: http.clone(),
            hidden: hidden.into_iter().collect(),
        }
    }

    /// Asks, and reads the answer to its end, whatever its status. A redirect is not followed.
    ///
    /// # Errors
    /// [`ChannelError::Http`], which shows of the address only the host.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Reply, ChannelError> {
        let url = ask.url.expose_secret();
        let host = host_of(url);
        let mut request = self.http.client.request(ask.method, url);
        for (name, value) in &ask.headers {
            request = request.insert_header((*name, value.as_str()));
        }
        let answer = exchange(&host, request.send_body(ask.body), &self.http.limits).await?;
        let hidden: Vec<_> = self.hidden.iter().collect();
        let retry_after = answer.headers.get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Ok(Reply {
            host,
            status: answer.status.as_u16(),
            retry_after: retry_after.map(Duration::from_secs),
            said: said(&answer.body, &ask.url, &hidden),
            body: answer.body,
        })
    }
}

/// What the other side answered. Nothing is taken for success before its body was judged.
#[derive(Debug)]
pub(super) struct Reply {
    host: String,
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
    /// The beginning of the body, clean of secrets.
    said: String,
}

impl Reply {
    /// For providers that say by the status whether the message was taken.
    ///
    /// # Errors
    /// [`ChannelError::Status`] for any other than 2xx.
    pub(super) fn by_status(&self) -> Result<(), ChannelError> {
        match self.status {
            200..=299 => Ok(()),
            status => Err(ChannelError::Status {
                host: self.host.clone(),
                status,
                said: self.said.clone(),
                retry_after: self.retry_after,
            }),
        }
    }

    /// The body as JSON; one that is none is judged by the status first: a gateway's error page.
    ///
    /// # Errors
    /// [`ChannelError::Status`] and [`ChannelError::NotUnderstood`].
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ChannelError> {
        match serde_json::from_slice(&self.body) {
            Ok(read) => Ok(read),
            Err(_) => self.by_status().and_then(|()| Err(self.not_understood())),
        }
    }

    /// For providers that answer with a code of their own, of which 0 says that the message was taken; `retry`
    /// says for each other one after how long it may be tried again.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] for a code, otherwise as [`Self::by_status`].
    pub(super) fn by_code(
        &self,
        code: Option<i64>,
        retry: impl FnOnce(i64) -> Option<Duration>,
    ) -> Result<(), ChannelError> {
        match code {
            Some(0) => self.by_status(),
            Some(code) => Err(self.refused(code, retry(code))),
            None => self.by_status().and_then(|()| Err(self.not_understood())),
        }
    }

    /// The provider refused in words of its own; after `retry` at least it may be asked again.
    pub(super) fn refused(&self, code: impl ToString, retry: Option<Duration>) -> ChannelError {
        ChannelError::Refused {
            host: self.host.clone(),
            code: code.to_string(),
            said: self.said.clone(),
            retry,
        }
    }

    pub(super) fn not_understood(&self) -> ChannelError {
        ChannelError::NotUnderstood {
            host: self.host.clone(),
            said: self.said.clone(),
        }
    }
}

/// The beginning of what the other side said, in one line and clean of secrets: a 404 page likes to
/// repeat the address.
fn said(body: &[u8], url: &SecretString, hidden: &[&SecretString]) -> String {
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
    fn an_address_needs_scheme_and_host() {
        for url in ["oapi.dingtalk.com/path", "ftp://host/path", "/path", ""] {
            assert!(!is_address(url), "{url}");
        }
        assert!(is_address("http://127.0.0.1:8080"));
    }

    #[test]
    fn what_is_sent_in_a_form_is_encoded() {
        assert_eq!(
            pairs([("a b", "+1&=中"), ("c", "-_.~")]),
            "a%20b=%2B1%26%3D%E4%B8%AD&c=-_.~"
        );
    }
}
