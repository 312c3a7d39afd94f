//! A DingTalk custom robot (open.dingtalk.com, "Custom robot access"): a signed POST of markdown, at
//! most 20 messages a minute; over that the robot is muted for ten. Success is `errcode` 0 in the body:
//! a wrong signature or a reached limit also answers HTTP 200.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tripline_engine::messages::alert::Severity;
use tripline_engine::time::Timestamp;

use super::line::{Ask, Line, Reply, encoded};
use super::{Make, Origin};
use crate::alert::render::join;
use crate::alert::{
    Channel, ChannelError, ConfigError, MINUTE, Rate, Rendered, SecretSource, Window, cut,
};

/// Below DingTalk's 20 a minute.
const RATE: Rate = Rate::of(&[Window::new(18, MINUTE)]);

/// A robot that sent too fast is mute for so long.
const MUTE: Duration = Duration::from_secs(600);

/// DingTalk takes 20,000 bytes of message; markup and mentions need some.
const TEXT_LIMIT: usize = 16_000;

/// The title is what a phone shows of the message.
const TITLE_LIMIT: usize = 200;

/// "Send too fast", in the old and the new numbering.
const TOO_FAST: [i64; 2] = [130_101, 660_026];

/// "System busy".
const BUSY: i64 = -1;

fn default_base() -> Origin {
    Origin::of("https://oapi.dingtalk.com")
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
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
    pub base_url: Origin,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<DingTalk, ConfigError> {
        make.phone_numbers("mobiles", &self.mobiles)?;
        let token = make.secret("token", &self.token)?;
        let key = make.optional("sign_key", self.sign_key.as_ref())?;
        Ok(DingTalk::new(make, self, token, key))
    }
}

/// One robot.
#[derive(Debug)]
pub struct DingTalk {
    name: String,
    base: Origin,
    token: SecretString,
    key: Option<SecretString>,
    keyword: Option<String>,
    mobiles: Vec<String>,
    line: Line,
}

impl DingTalk {
    /// A robot with its secrets resolved.
    #[must_use]
    pub fn new(
        make: &Make<'_>,
        config: &Config,
        token: SecretString,
        key: Option<SecretString>,
    ) -> Self {
        let hidden = std::iter::once(token.clone()).chain(key.clone());
        Self {
            name: make.name.to_owned(),
            base: config.base_url.clone(),
            line: Line::new(make.http, hidden),
            token,
            key,
            keyword: config.keyword.clone(),
            mobiles: config.mobiles.clone(),
        }
    }

    fn url(&self, now: Timestamp) -> String {
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
        url
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
        let ask = Ask::json(self.url(now), self.body(message).to_string());
        judge(&self.line.ask(ask).await?)
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

    fn rate(&self) -> Rate {
        RATE
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

/// The robot's answer; a muted robot answers with `status`, `punish` and `wait` instead.
#[derive(Deserialize)]
struct Answer {
    errcode: Option<i64>,
    status: Option<i64>,
    wait: Option<u64>,
}

fn judge(reply: &Reply) -> Result<(), ChannelError> {
    let answer: Answer = reply.json()?;
    reply.by_status()?;
    let wait = answer.wait.map(Duration::from_secs);
    match (answer.errcode, answer.status) {
        (Some(0), None) => Ok(()),
        (Some(code), _) if code != 0 => {
            let is_mute = TOO_FAST.contains(&code);
            let retry = match code {
                _ if is_mute => Some(wait.unwrap_or(MUTE)),
                BUSY => Some(wait.unwrap_or_default()),
                _ => None,
            };
            Err(reply.refused(code, retry))
        }
        (_, Some(code)) => Err(reply.refused(code, Some(wait.unwrap_or(MUTE)))),
        _ => Err(reply.not_understood()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing::{Received, Receiver, http, rendered, secret};

    const TOKEN: &str = "0123456789abcdef+/token";
    const KEY: &str = "SECtest0123";
    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_123);

    fn robot(base_url: &str, key: &str) -> DingTalk {
        let config = Config {
            token: secret(TOKEN),
            sign_key: Some(secret(key)),
            keyword: Some("tripline".into()),
            mobiles: vec!["13800000000".into()],
            base_url: Origin::parse(base_url).unwrap(),
        };
        let http = http();
        let make = Make {
            name: "desk",
            http: &http,
        };
        config.build(&make).unwrap()
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
            matches!(&error, ChannelError::Refused { code, retry: None, .. } if code == "310000"),
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

    #[actix_rt::test]
    async fn only_errcode_zero_is_success() {
        let (now, mute) = (Some(Duration::ZERO), Some(MUTE));
        let cases = [
            (r#"{"errcode":310000,"errmsg":"keywords not in content"}"#, None),
            (r#"{"errcode":300001}"#, None),
            (r#"{"errcode":130101,"errmsg":"send too fast"}"#, mute),
            (
                r#"{"status":1111,"wait":5,"punish":"deny"}"#,
                Some(Duration::from_secs(5)),
            ),
            (r#"{"errcode":0,"status":1111}"#, mute),
            (r#"{"errcode":-1}"#, now),
            (r#"{"errcode":"0"}"#, now),
            ("{}", now),
            ("<html>ok</html>", now),
        ];
        for (body, wanted) in cases {
            let receiver = Receiver::start(move |_, _| (200, body.into()));
            let message = rendered(Severity::Info, "a");
            let error = robot(&receiver.url, KEY).send(&message, NOW).await.unwrap_err();
            assert_eq!(error.retry(), wanted, "{body}: {error}");
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

    #[actix_rt::test]
    async fn a_phone_number_with_letters_and_a_missing_token_are_refused_by_name() {
        let http = http();
        let make = Make {
            name: "desk",
            http: &http,
        };
        let built = |text: &str| serde_json::from_str::<Config>(text).unwrap().build(&make);
        let missing = built(r#"{"token":{"env":"TRIPLINE_NO_SUCH_TOKEN"}}"#).unwrap_err();
        let told = "'desk', token: the environment variable";
        assert!(missing.to_string().contains(told), "{missing}");
        let wrong = built(r#"{"token":{"env":"PATH"},"mobiles":["13x"]}"#).unwrap_err();
        assert!(wrong.to_string().contains("'desk', mobiles: '13x'"), "{wrong}");
    }
}
