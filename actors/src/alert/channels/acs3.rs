//! What Aliyun's text messages and voice calls share: its RPC style over HTTP, signed by ACS3-HMAC-SHA256
//! (help.aliyun.com, "V3 request body and signature"), and templates with parameters.

use std::collections::BTreeMap;
use std::time::Duration;

use ring::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tripline_engine::time::Timestamp;

use super::line::{Ask, Line, Reply, encoded};
use super::{Make, Origin};
use crate::alert::{ChannelError, ConfigError, Rendered, SecretSource, cut};
use crate::http::host_of;

/// A template's variable takes 35 characters at most.
const VARIABLE_LIMIT: usize = 35;

/// What a template's variable is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    Severity,
    /// The kind of fault, or the first words of what happened.
    Fault,
    Strategy,
    Incident,
    /// How many alerts there are in the message.
    Count,
    Time,
    Money,
}

impl Fact {
    fn of(self, message: &Rendered) -> String {
        let alert = message.alerts.first();
        let text = match self {
            Self::Severity => message.severity.to_string(),
            Self::Fault => match alert.and_then(|alert| alert.kind) {
                Some(kind) => kind.to_string(),
                None => alert.map(|alert| alert.title.clone()).unwrap_or_default(),
            },
            Self::Strategy => match alert.and_then(|alert| alert.strategy) {
                Some(strategy) => strategy.to_string(),
                None => "all".into(),
            },
            Self::Incident => match alert.and_then(|alert| alert.incident) {
                Some(incident) => incident.0.to_string(),
                None => message.reference.clone(),
            },
            Self::Count => message.alerts.len().to_string(),
            Self::Time => message.at.to_string(),
            Self::Money => if message.live { "LIVE" } else { "PRACTICE" }.into(),
        };
        text.chars().take(VARIABLE_LIMIT).collect()
    }
}

/// The template's variables, filled, as the JSON text that Aliyun wants.
pub(super) fn filled(variables: &BTreeMap<String, Fact>, message: &Rendered) -> String {
    let filled = variables.iter();
    let filled = filled.map(|(name, fact)| (name.clone(), fact.of(message).into()));
    serde_json::Value::Object(filled.collect()).to_string()
}

pub(super) fn default_variables() -> BTreeMap<String, Fact> {
    let variables = [("s", Fact::Strategy), ("c", Fact::Fault)];
    let variables = variables.map(|(name, fact)| (name.to_owned(), fact));
    variables.into()
}

/// An access key at one service.
#[derive(Debug)]
pub(super) struct Service {
    base: Origin,
    id: SecretString,
    secret: SecretString,
    version: &'static str,
    line: Line,
}

impl Service {
    pub(super) fn new(
        make: &Make<'_>,
        access_key: &SecretSource,
        access_secret: &SecretSource,
        base: &Origin,
        version: &'static str,
    ) -> Result<Self, ConfigError> {
        let id = make.secret("access_key", access_key)?;
        let secret = make.secret("access_secret", access_secret)?;
        Ok(Self {
            base: base.clone(),
            line: Line::new(make.http, [id.clone(), secret.clone()]),
            id,
            secret,
            version,
        })
    }

    /// Calls an action. `nonce` is new for each attempt.
    pub(super) async fn call(
        &self,
        action: &str,
        parameters: &[(&str, &str)],
        nonce: &str,
        now: Timestamp,
    ) -> Result<Reply, ChannelError> {
        let call = Call {
            host: host_of(&self.base.to_string()),
            action,
            version: self.version,
            date: date(now),
            nonce,
            query: query(parameters),
        };
        let authorization = call.authorization(&self.id, &self.secret);
        let ask = Ask::form(format!("{}/?{}", self.base, call.query), String::new())
            .header("x-acs-action", action)
            .header("x-acs-version", self.version)
            .header("x-acs-date", &call.date)
            .header("x-acs-signature-nonce", nonce)
            .header("x-acs-content-sha256", EMPTY)
            .header("authorization", authorization);
        self.line.ask(ask).await
    }
}

/// SHA-256 of the empty body.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const SIGNED: &str =
    "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";

struct Call<'c> {
    host: String,
    action: &'c str,
    version: &'c str,
    date: String,
    nonce: &'c str,
    query: String,
}

impl Call<'_> {
    fn authorization(&self, id: &SecretString, secret: &SecretString) -> String {
        let Self {
            host,
            action,
            version,
            date,
            nonce,
            query,
        } = self;
        let canonical = format!(
            "POST\n/\n{query}\nhost:{host}\nx-acs-action:{action}\nx-acs-content-sha256:{EMPTY}\n\
             x-acs-date:{date}\nx-acs-signature-nonce:{nonce}\nx-acs-version:{version}\n\n{SIGNED}\n{EMPTY}"
        );
        let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let signed = hmac::sign(&key, format!("ACS3-HMAC-SHA256\n{hash}").as_bytes());
        let (id, signature) = (id.expose_secret(), hex(signed.as_ref()));
        format!("ACS3-HMAC-SHA256 Credential={id},SignedHeaders={SIGNED},Signature={signature}")
    }
}

/// Sorted by name, encoded.
fn query(parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let pairs = sorted.iter();
    let pairs = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// ISO 8601 in whole seconds.
fn date(now: Timestamp) -> String {
    let seconds = now.as_millis().div_euclid(1_000);
    Timestamp::from_millis(seconds * 1_000).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `Code` is `OK`, or says why not.
pub(super) fn judge(reply: &Reply) -> Result<(), ChannelError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "Code")]
        code: String,
    }
    let Answer { code } = reply.json()?;
    match code.as_str() {
        "OK" => reply.by_status(),
        "isv.BUSINESS_LIMIT_CONTROL" => Err(reply.refused(code, Some(Duration::from_secs(60)))),
        passing
            if passing.starts_with("Throttling") || passing.starts_with("ServiceUnavailable") =>
        {
            Err(reply.refused(code, Some(Duration::from_secs(5))))
        }
        _ => Err(reply.refused(cut(&code, 80), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_aliyuns_published_example() {
        let parameters = [
            (
                "ImageId",
                "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
            ),
            ("RegionId", "cn-shanghai"),
        ];
        let call = Call {
            host: "ecs.cn-shanghai.aliyuncs.com".into(),
            action: "RunInstances",
            version: "2014-05-26",
            date: "2023-10-26T10:22:32Z".into(),
            nonce: "3156853299f313e23d1673dc12e1703d",
            query: query(&parameters),
        };
        let authorization = call.authorization(
            &SecretString::from("YourAccessKeyId"),
            &SecretString::from("YourAccessKeySecret"),
        );
        assert_eq!(
            authorization,
            "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;\
             x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,\
             Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
        );
    }

    #[test]
    fn a_date_is_in_whole_seconds() {
        let now = Timestamp::from_millis(1_767_225_600_123);
        assert_eq!(date(now), "2026-01-01T00:00:00Z");
    }
}
