//! A DingTalk custom robot (open.dingtalk.com, "Custom robot access"): a signed POST of markdown, at
//! most 20 messages a minute; over that the robot is muted for ten. Success is `errcode` 0 in the body:
//! a wrong signature or a reached limit also answers HTTP 200.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::future::LocalBoxFuture;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tripline_engine::messages::alert::Severity;
use tripline_engine::time::Timestamp;

use super::post::{check_url, post, said};
use super::render::join;
use super::{Channel, ChannelError, ConfigError, Http, Rate, Rendered, SecretSource, cut};
use crate::http::host_of;

/// Below DingTalk's 20 a minute, and with the burst exactly 20 in the first.
const RATE: Rate = Rate {
    per_minute: 15,
    burst: 5,
};

/// DingTalk takes 20,000 bytes of message; markup and mentions need some.
const TEXT_LIMIT: usize = 16_000;

/// The title is what a phone shows of the message.
const TITLE_LIMIT: usize = 200;

/// "Send too fast", in the old and the new numbering, and "system busy".
const PASSING: [i64; 3] = [130_101, 660_026, -1];

fn default_base() -> String {
    "https://oapi.dingtalk.com".into()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the channel is called in logs and counters; `dingtalk` by default.
    #[serde(default)]
    pub name: Option<String>,
    /// The `access_token` of the robot's address.
    pub token: SecretSource,
    /// The key of the robot's security setting "additional signature" (`SEC…`), if it has one.
    #[serde(default)]
    pub sign_key: Option<SecretSource>,
    /// A word of the robot's security setting "custom keywords", if it has one.
    #[serde(default)]
    pub keyword: Option<String>,
    /// Phone numbers of those who are mentioned from warnings upwards.
    #[serde(default)]
    pub mobiles: Vec<String>,
    /// Where the robot is; another address for a receiver of one's own.
    #[serde(default = "default_base")]
    pub base_url: String,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, name: &str, http: &Http) -> Result<DingTalk, ConfigError> {
        let failed = |field| {
            move |source| ConfigError::Secret {
                channel: name.to_owned(),
                field,
                source,
            }
        };
        check_url(&self.base_url, name, "base_url")?;
        let token = self.token.resolve().map_err(failed("token"))?;
        let key = self
            .sign_key
            .as_ref()
            .map(SecretSource::resolve)
            .transpose()
            .map_err(failed("sign_key"))?;
        let digits = |mobile: &String| {
            !mobile.is_empty()
                && mobile
                    .chars()
                    .all(|c| c.is_ascii_digit() || "+-".contains(c))
        };
        if let Some(wrong) = self.mobiles.iter().find(|mobile| !digits(mobile)) {
            let problem = format!("'{wrong}' is not a phone number of digits, '+' and '-'");
            return Err(ConfigError::Invalid {
                channel: name.to_owned(),
                field: "mobiles",
                problem,
            });
        }
        Ok(DingTalk::new(name, self, token, key, http.clone()))
    }
}

/// One robot.
#[derive(Debug)]
pub struct DingTalk {
    name: String,
    base: String,
    token: SecretString,
    key: Option<SecretString>,
    keyword: Option<String>,
    mobiles: Vec<String>,
    http: Http,
}

impl DingTalk {
    /// A robot with its secrets resolved.
    #[must_use]
    pub fn new(
        name: &str,
        config: &Config,
        token: SecretString,
        key: Option<SecretString>,
        http: Http,
    ) -> Self {
        Self {
            name: name.to_owned(),
            base: config.base_url.trim_end_matches('/').to_owned(),
            token,
            key,
            keyword: config.keyword.clone(),
            mobiles: config.mobiles.clone(),
            http,
        }
    }

    fn url(&self, now: Timestamp) -> SecretString {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut url = format!(
            "{}/robot/send?access_token={}",
            self.base,
            encoded(self.token.expose_secret())
        );
        if let Some(key) = &self.key {
            let millis = now.as_millis();
            url += &format!(
                "&timestamp={millis}&sign={}",
                encoded(&signature(key, millis))
            );
        }
        SecretString::from(url)
    }

    fn body(&self, message: &Rendered) -> serde_json::Value {
        let mentioned: &[String] = if message.severity > Severity::Info {
            &self.mobiles
        } else {
            &[]
        };
        let mut headline = format!("### {}", plain(&message.headline));
        if let Some(keyword) = self
            .keyword
            .as_ref()
            .filter(|word| !message.headline.contains(word.as_str()))
        {
            headline += &format!(" ({keyword})");
        }
        let lines: Vec<String> = message.lines.iter().map(|line| plain(line)).collect();
        let mut text = join(&headline, &lines, "\n\n", TEXT_LIMIT);
        if !mentioned.is_empty() {
            // A mention works only when it also stands in the text.
            let mentions = mentioned
                .iter()
                .map(|mobile| format!("@{mobile}"))
                .collect::<Vec<_>>();
            text += &format!("\n\n{}", mentions.join(" "));
        }
        json!({
            "msgtype": "markdown",
            "markdown": { "title": cut(&message.headline, TITLE_LIMIT), "text": text },
            "at": { "atMobiles": mentioned, "atUserIds": [], "isAtAll": false },
        })
    }

    async fn send_once(&self, message: &Rendered, now: Timestamp) -> Result<(), ChannelError> {
        let url = self.url(now);
        let hidden: Vec<&SecretString> = std::iter::once(&self.token).chain(&self.key).collect();
        let body = self.body(message).to_string().into_bytes();
        let answer = post(&self.http, &url, &[], body, &hidden).await?;
        judge(&answer.body).map_err(|verdict| {
            let host = host_of(&self.base);
            let said = said(&answer.body, &url, &hidden);
            match verdict {
                Verdict::Refused { code, retry } => ChannelError::Refused {
                    host,
                    code,
                    said,
                    retry,
                },
                Verdict::NotUnderstood => ChannelError::NotUnderstood { host, said },
            }
        })
    }
}

impl Channel for DingTalk {
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

    fn rate(&self) -> Option<Rate> {
        Some(RATE)
    }

    fn text_limit(&self) -> usize {
        TEXT_LIMIT
    }
}

/// `base64(HMAC-SHA256(key, "{timestamp in ms}\n{key}"))`.
fn signature(key: &SecretString, millis: i64) -> String {
    let key = key.expose_secret();
    let hmac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    BASE64.encode(ring::hmac::sign(
        &hmac,
        format!("{millis}\n{key}").as_bytes(),
    ))
}

/// Text that markdown shows as it is. Underscores stay: DingTalk's markdown gives them no meaning.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    if line.starts_with(['#', '>', '-', '+']) {
        text.push('\\');
    }
    for character in line.chars() {
        if matches!(character, '*' | '[' | ']' | '<' | '`' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Refused { code: i64, retry: Option<Duration> },
    NotUnderstood,
}

/// The robot's answer; a muted robot answers with `status`, `punish` and `wait` instead.
#[derive(Deserialize)]
struct Answer {
    errcode: Option<i64>,
    status: Option<i64>,
    wait: Option<u64>,
}

fn judge(body: &[u8]) -> Result<(), Verdict> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| Verdict::NotUnderstood)?;
    let wait = answer
        .wait
        .map(|seconds| Duration::from_secs(seconds.min(60)));
    match (answer.errcode, answer.status) {
        (Some(0), None) => Ok(()),
        (Some(code), _) if code != 0 => {
            let retry = PASSING.contains(&code).then(|| wait.unwrap_or_default());
            Err(Verdict::Refused { code, retry })
        }
        (_, Some(code)) => Err(Verdict::Refused {
            code,
            retry: Some(wait.unwrap_or_default()),
        }),
        _ => Err(Verdict::NotUnderstood),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Received, Receiver, http, rendered};
    use super::*;

    const TOKEN: &str = "0123456789abcdef+/token";
    const KEY: &str = "SECtest0123";
    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_123);

    fn robot(base_url: &str, key: &str) -> DingTalk {
        let config = Config {
            name: None,
            token: SecretSource::Env("UNUSED".into()),
            sign_key: None,
            keyword: Some("tripline".into()),
            mobiles: vec!["13800000000".into()],
            base_url: base_url.into(),
        };
        DingTalk::new(
            "desk",
            &config,
            SecretString::from(TOKEN),
            Some(SecretString::from(key)),
            http(),
        )
    }

    /// The robot's contract: token, time and signature are checked, and every answer is HTTP 200.
    fn answer(request: &Received) -> &'static str {
        let query = |name: &str| request.query.get(name).cloned().unwrap_or_default();
        let timestamp: i64 = query("timestamp").parse().unwrap_or_default();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, KEY.as_bytes());
        let sign = BASE64.decode(query("sign")).unwrap_or_default();
        if request.path != "/robot/send" || query("access_token") != TOKEN {
            return r#"{"errcode":300001,"errmsg":"token is not exist"}"#;
        }
        let fresh = (timestamp - NOW.as_millis()).abs() <= 3_600_000;
        if !fresh
            || ring::hmac::verify(&key, format!("{timestamp}\n{KEY}").as_bytes(), &sign).is_err()
        {
            return r#"{"errcode":310000,"errmsg":"sign not match"}"#;
        }
        r#"{"errcode":0,"errmsg":"ok"}"#
    }

    fn receiver() -> Receiver {
        Receiver::start(|request, _| (200, answer(request).into()))
    }

    #[test]
    fn the_signature_is_that_of_an_independent_computation() {
        // python: base64(hmac.new(key, f"{ms}\n{key}", sha256))
        let sign = signature(&SecretString::from(KEY), 1_795_000_000_123);
        assert_eq!(sign, "ojWVbMvoBa4+QC7RXlSqFilbY3Jlv2Fu6FQ1Trh6OzA=");
    }

    #[actix_rt::test]
    async fn a_robot_that_checks_signatures_takes_the_message_with_its_mentions() {
        let receiver = receiver();
        let robot = robot(&receiver.url, KEY);
        robot
            .send(&rendered(Severity::Critical, "no data"), NOW)
            .await
            .unwrap();
        robot
            .send(&rendered(Severity::Info, "started"), NOW)
            .await
            .unwrap();
        let bodies: Vec<_> = receiver.received().iter().map(Received::json).collect();
        assert_eq!(bodies[0]["msgtype"], "markdown");
        assert_eq!(bodies[0]["at"]["atMobiles"][0], "13800000000");
        assert_eq!(bodies[0]["markdown"]["title"], "[CRIT][PRACTICE] no data");
        let text = bodies[0]["markdown"]["text"].as_str().unwrap();
        assert!(
            text.starts_with("### ") && text.contains("(tripline)"),
            "{text}"
        );
        assert!(
            text.contains("Reference: ref-1") && text.ends_with("@13800000000"),
            "{text}"
        );
        assert_eq!(
            bodies[1]["at"]["atMobiles"],
            json!([]),
            "an info message calls nobody"
        );
    }

    #[actix_rt::test]
    async fn a_wrong_signature_is_not_counted_as_sent_although_it_is_answered_with_http_200() {
        let receiver = receiver();
        let message = rendered(Severity::Critical, "no data");
        let error = robot(&receiver.url, "SECother")
            .send(&message, NOW)
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                ChannelError::Refused {
                    code: 310_000,
                    retry: None,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("sign not match"), "{error}");
        let stale = NOW.checked_sub(Duration::from_secs(7_200)).unwrap();
        assert!(
            robot(&receiver.url, KEY)
                .send(&message, stale)
                .await
                .is_err()
        );
    }

    #[test]
    fn only_errcode_zero_is_success() {
        let refused = |code, retry| Err(Verdict::Refused { code, retry });
        let cases: [(&str, Result<(), Verdict>); 9] = [
            (r#"{"errcode":0,"errmsg":"ok"}"#, Ok(())),
            (
                r#"{"errcode":310000,"errmsg":"keywords not in content"}"#,
                refused(310_000, None),
            ),
            (r#"{"errcode":300001}"#, refused(300_001, None)),
            (
                r#"{"errcode":130101,"errmsg":"send too fast"}"#,
                refused(130_101, Some(Duration::ZERO)),
            ),
            (
                r#"{"status":1111,"wait":5,"punish":"deny"}"#,
                refused(1_111, Some(Duration::from_secs(5))),
            ),
            (
                r#"{"errcode":0,"status":1111}"#,
                refused(1_111, Some(Duration::ZERO)),
            ),
            (r#"{"errcode":"0"}"#, Err(Verdict::NotUnderstood)),
            ("{}", Err(Verdict::NotUnderstood)),
            ("<html>ok</html>", Err(Verdict::NotUnderstood)),
        ];
        for (body, wanted) in cases {
            assert_eq!(judge(body.as_bytes()), wanted, "{body}");
        }
    }

    #[actix_rt::test]
    async fn the_token_and_the_key_are_in_no_error_and_in_no_debug_print() {
        let receiver = Receiver::start(|_, _| (502, format!("bad gateway for {TOKEN} {KEY}")));
        let robot = robot(&receiver.url, KEY);
        let error = robot
            .send(&rendered(Severity::Info, "a"), NOW)
            .await
            .unwrap_err();
        for text in [
            error.to_string(),
            format!("{error:?}"),
            format!("{robot:?}"),
        ] {
            assert!(!text.contains(TOKEN) && !text.contains(KEY), "{text}");
        }
        assert!(
            error
                .to_string()
                .contains("HTTP 502: bad gateway for *** ***"),
            "{error}"
        );
    }

    #[test]
    fn markup_in_a_message_is_shown_and_not_obeyed() {
        assert_eq!(
            plain("- a *b* [c](d) <e> unknown_order"),
            "\\- a \\*b\\* \\[c\\](d) \\<e> unknown_order"
        );
    }

    #[test]
    fn a_phone_number_with_letters_and_a_missing_token_are_refused_by_name() {
        let config = |text: &str| serde_json::from_str::<Config>(text).unwrap();
        let missing =
            config(r#"{"token":{"env":"TRIPLINE_NO_SUCH_TOKEN"}}"#).build("desk", &http());
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("'desk', token: the environment variable")
        );
        let wrong = config(r#"{"token":{"env":"PATH"},"mobiles":["13x"]}"#).build("desk", &http());
        assert!(
            wrong
                .unwrap_err()
                .to_string()
                .contains("'desk', mobiles: '13x'")
        );
    }
}
