//! Every channel against a receiver that keeps its provider's contract.

mod config;
mod email;
mod providers;

use std::rc::Rc;

use serde_json::{Value, json};
use tripline_engine::messages::alert::{Alert, Facts, Phase, Severity};
use tripline_engine::time::Timestamp;

use super::*;
use crate::alert::testing::{Received, Receiver, alert, http, rendered, secret};
use crate::alert::{ChannelError, Rendered, SecretSource, Voice};
use crate::http::Limits;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// A provider's contract.
struct Contract {
    kind: &'static str,
    /// The channel's configuration with these secrets.
    config: fn(base: &str, secrets: &[Value]) -> Value,
    /// Right ones; a wrong first one is to be refused.
    secrets: &'static [&'static str],
    /// What the provider answers to a request: checks it as the provider does.
    answer: fn(&Received) -> (u16, String),
    /// Answers that are not to be taken for success, and whether what they tell of passes.
    refusals: &'static [(u16, &'static str, bool)],
}

impl Contract {
    fn build(&self, base: &str, secrets: &[&str], http: &Http) -> Rc<dyn Channel> {
        let pointers: Vec<Value> = secrets
            .iter()
            .map(|text| match secret(text) {
                SecretSource::File(path) => json!({ "file": path }),
                SecretSource::Env(_) => unreachable!("tests keep secrets in files"),
            })
            .collect();
        let mut config = (self.config)(base, &pointers);
        config["kind"] = self.kind.into();
        let config: ChannelConfig = serde_json::from_value(config).unwrap();
        config.build(http).unwrap()
    }

    async fn send(&self, base: &str, secrets: &[&str]) -> Result<(), ChannelError> {
        let mut http = http();
        http.limits = Limits {
            head: std::time::Duration::from_millis(500),
            body: std::time::Duration::from_millis(500),
            ..http.limits
        };
        let channel = self.build(base, secrets, &http);
        channel.send(&critical(), NOW).await
    }
}

/// An alert with everything that could break a format.
fn critical() -> Rendered {
    let alert = Alert {
        text: "<b>&\"quoted\"</b> *star* _line_ 中文".into(),
        kind: Some(tripline_engine::fault::FaultKind::Network),
        facts: Facts {
            phase: Phase::Opened,
            acknowledge: Some("7".into()),
            ..Facts::default()
        },
        ..alert(Severity::Critical, "no <data> & nothing")
    };
    Rendered::of("ref-1".into(), vec![alert.into()], 0, &Voice::default()).unwrap()
}

fn contracts() -> Vec<Contract> {
    providers::all()
}

#[actix_rt::test]
async fn every_provider_takes_the_message_that_its_channel_sends() {
    for contract in contracts() {
        let receiver = Receiver::start(move |request, _| (contract.answer)(request));
        let sent = contract.send(&receiver.url, contract.secrets).await;
        assert!(sent.is_ok(), "{}: {sent:?}", contract.kind);
        assert!(!receiver.received().is_empty());
    }
}

#[actix_rt::test]
async fn a_message_with_a_wrong_secret_is_not_counted_as_sent() {
    for contract in contracts() {
        let receiver = Receiver::start(move |request, _| (contract.answer)(request));
        let mut secrets = contract.secrets.to_vec();
        let last = secrets.len() - 1;
        let wrong = format!("{}Z", &secrets[last][..secrets[last].len() - 1]);
        secrets[last] = &wrong;
        let error = contract.send(&receiver.url, &secrets).await.unwrap_err();
        assert_eq!(error.retry(), None, "{}: {error}", contract.kind);
    }
}

#[actix_rt::test]
async fn no_refusal_is_counted_as_sent_whatever_its_http_status() {
    for contract in contracts() {
        for (status, body, passes) in contract.refusals {
            let receiver = Receiver::start(move |_, _| (*status, (*body).to_owned()));
            let sent = contract.send(&receiver.url, contract.secrets).await;
            let error = sent.err();
            let told = format!("{} {status} {body}: {error:?}", contract.kind);
            let error = error.unwrap_or_else(|| panic!("{told}"));
            assert_eq!(error.retry().is_some(), *passes, "{told}");
        }
    }
}

#[actix_rt::test]
async fn answers_of_something_else_are_not_counted_as_sent() {
    let answers = [
        (200, "<html>welcome</html>"),
        (200, "{}"),
        (200, ""),
        (200, "[1]"),
        (302, ""),
    ];
    for contract in contracts() {
        for (status, body) in answers {
            let receiver = Receiver::start(move |_, _| (status, body.into()));
            let sent = contract.send(&receiver.url, contract.secrets).await;
            // A webhook's receiver says by its status alone whether it took the message.
            let may_be_taken = contract.kind == "webhook" && status == 200;
            assert!(
                sent.is_err() || may_be_taken,
                "{} {status} {body}",
                contract.kind
            );
        }
        let busy = Receiver::start(|_, _| (503, "busy".into()));
        let error = contract
            .send(&busy.url, contract.secrets)
            .await
            .unwrap_err();
        assert!(error.retry().is_some(), "{}: {error}", contract.kind);
    }
}

#[actix_rt::test]
async fn a_silent_and_a_broken_receiver_are_not_counted_as_sent_and_are_tried_again() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for contract in contracts() {
        for answer in [
            None,
            Some("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"co"),
        ] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let base = format!("http://{}", listener.local_addr().unwrap());
            let serving = actix_rt::spawn(async move {
                let mut held = Vec::new();
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut bytes = [0; 65_536];
                    assert_ne!(stream.read(&mut bytes).await.unwrap(), 0);
                    match answer {
                        Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                        None => held.push(stream),
                    }
                }
            });
            let error = contract.send(&base, contract.secrets).await.unwrap_err();
            assert!(error.retry().is_some(), "{}: {error}", contract.kind);
            serving.abort();
        }
    }
}

#[actix_rt::test]
async fn no_secret_is_in_an_error_and_in_no_debug_print() {
    for contract in contracts() {
        let receiver = Receiver::start(move |request, _| {
            let shown = format!("{} {:?} {:?}", request.path, request.query, request.headers);
            (400, format!("{shown} {}", contract.secrets.join(" ")))
        });
        let error = contract
            .send(&receiver.url, contract.secrets)
            .await
            .unwrap_err();
        for text in [error.to_string(), format!("{error:?}")] {
            for secret in contract.secrets {
                // Of a secret address the receiver knows only the path.
                let tail = secret.rsplit('/').next().unwrap();
                assert!(!text.contains(tail), "{}: {text}", contract.kind);
            }
        }
    }
}

#[actix_rt::test]
async fn a_provider_that_asks_to_wait_is_obeyed() {
    let asked: [(&str, u16, &str, u64); 7] = [
        (
            "wecom",
            200,
            r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#,
            60,
        ),
        (
            "feishu",
            200,
            r#"{"code":11232,"msg":"frequency limited"}"#,
            7,
        ),
        (
            "telegram",
            429,
            r#"{"ok":false,"error_code":429,"parameters":{"retry_after":34}}"#,
            34,
        ),
        (
            "discord",
            429,
            r#"{"message":"limited","retry_after":1.5,"global":false}"#,
            2,
        ),
        ("pagerduty", 429, "{}", 120),
        (
            "aliyun_sms",
            200,
            r#"{"Code":"isv.BUSINESS_LIMIT_CONTROL"}"#,
            60,
        ),
        ("slack", 429, "ratelimited", 30),
    ];
    for (kind, status, body, seconds) in asked {
        let all = contracts();
        let contract = all.iter().find(|contract| contract.kind == kind).unwrap();
        let receiver = Receiver::start_with(move |_, _| {
            let status = actix_web::http::StatusCode::from_u16(status).unwrap();
            let mut response = actix_web::HttpResponse::build(status);
            if kind == "slack" {
                response.insert_header(("retry-after", "30"));
            }
            response.body(body)
        });
        let error = contract
            .send(&receiver.url, contract.secrets)
            .await
            .unwrap_err();
        let wait = error.retry().map(|wait| wait.as_secs());
        assert_eq!(wait, Some(seconds), "{kind}: {error}");
    }
}

/// What one channel sent, as its provider saw it.
async fn seen(kind: &str, message: &Rendered) -> Vec<Received> {
    let all = contracts();
    let contract = all
        .into_iter()
        .find(|contract| contract.kind == kind)
        .unwrap();
    let receiver = Receiver::start(move |request, _| (contract.answer)(request));
    let http = http();
    let channel = contract.build(&receiver.url, contract.secrets, &http);
    channel.send(message, NOW).await.unwrap();
    receiver.received()
}

#[actix_rt::test]
async fn markup_in_a_text_is_shown_and_not_obeyed() {
    let slack = seen("slack", &critical()).await[0].json();
    let text = slack["text"].as_str().unwrap();
    assert!(
        text.contains("&lt;b&gt;&amp;\"quoted\"&lt;/b&gt;"),
        "{text}"
    );
    let discord = seen("discord", &critical()).await[0].json();
    assert_eq!(discord["allowed_mentions"]["parse"], json!([]));
    let telegram = seen("telegram", &critical()).await[0].json();
    assert!(telegram.get("parse_mode").is_none());
    let feishu = seen("feishu", &critical()).await[0].json();
    assert!(!feishu["content"]["text"].as_str().unwrap().contains("<b>"));
    let call = seen("twilio_call", &critical()).await[0].form();
    assert!(
        call["Twiml"].contains("no &lt;data&gt; &amp; nothing"),
        "{call:?}"
    );
}

#[actix_rt::test]
async fn people_are_disturbed_by_severity() {
    let info = rendered(Severity::Info, "started");
    let loud = seen("wecom", &critical()).await[0].json()["text"].clone();
    let quiet = seen("wecom", &info).await[0].json()["text"].clone();
    assert_eq!(loud["mentioned_mobile_list"], json!(["13800000000"]));
    assert_eq!(loud["mentioned_list"], json!(["@all"]));
    assert_eq!(
        (&quiet["mentioned_list"], &quiet["mentioned_mobile_list"]),
        (&json!([]), &json!([]))
    );
    let telegram = seen("telegram", &info).await[0].json();
    assert_eq!(telegram["disable_notification"], true);
    assert_eq!(seen("ntfy", &critical()).await[0].json()["priority"], 5);
    assert_eq!(seen("ntfy", &info).await[0].json()["priority"], 3);
}

#[actix_rt::test]
async fn a_long_text_is_cut_to_what_each_provider_takes() {
    let long = Alert {
        text: "长".repeat(20_000),
        ..alert(Severity::Critical, &"title ".repeat(400))
    };
    let long = Rendered::of("ref-1".into(), vec![long.into()], 0, &Voice::default()).unwrap();
    for contract in contracts() {
        let kind = contract.kind;
        // The providers in these tests refuse what is too long.
        let received = seen(kind, &long).await;
        assert!(!received.is_empty(), "{kind}");
    }
}

#[actix_rt::test]
async fn pagerduty_folds_and_resolves_one_trouble_by_its_key() {
    let of = |phase| {
        let alert = Alert {
            kind: Some(tripline_engine::fault::FaultKind::Network),
            facts: Facts {
                phase,
                ..Facts::default()
            },
            ..alert(Severity::Critical, "a")
        };
        Rendered::of("ref-1".into(), vec![alert.into()], 0, &Voice::default()).unwrap()
    };
    let (mut keys, mut actions) = (std::collections::BTreeSet::new(), Vec::new());
    for phase in [
        Phase::Opened,
        Phase::Repeated,
        Phase::Acknowledged,
        Phase::Resolved,
    ] {
        let body = seen("pagerduty", &of(phase)).await[0].json();
        keys.insert(body["dedup_key"].as_str().unwrap().to_owned());
        actions.push(body["event_action"].as_str().unwrap().to_owned());
    }
    assert_eq!(keys.len(), 1);
    assert_eq!(actions, ["trigger", "trigger", "acknowledge", "resolve"]);
}

#[actix_rt::test]
async fn a_telegram_group_that_moved_is_found_again() {
    let all = contracts();
    let contract = all
        .iter()
        .find(|contract| contract.kind == "telegram")
        .unwrap();
    let receiver = Receiver::start(|request, _| match request.json()["chat_id"].as_str() {
        Some("-100") => {
            let moved = r#"{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":-200}}"#;
            (400, moved.into())
        }
        _ => (200, r#"{"ok":true,"result":{"message_id":1}}"#.into()),
    });
    let channel = contract.build(&receiver.url, contract.secrets, &http());
    let error = channel.send(&critical(), NOW).await.unwrap_err();
    assert!(error.retry().is_some());
    channel.send(&critical(), NOW).await.unwrap();
    assert_eq!(receiver.received()[1].json()["chat_id"], "-200");
}

#[actix_rt::test]
async fn what_twilio_only_queued_is_not_sent_and_a_call_that_nobody_takes_is_repeated() {
    let cases = [
        ("twilio_sms", "undelivered", Some(None)),
        ("twilio_sms", "delivered", None),
        ("twilio_call", "no-answer", Some(Some(20))),
        ("twilio_call", "busy", Some(Some(20))),
        ("twilio_call", "failed", Some(None)),
        ("twilio_call", "completed", None),
    ];
    for (kind, end, wanted) in cases {
        let all = contracts();
        let contract = all.iter().find(|contract| contract.kind == kind).unwrap();
        let receiver =
            Receiver::start(
                move |request, before| match (request.method.as_str(), before) {
                    ("POST", _) => (201, r#"{"sid":"SM1","status":"queued"}"#.into()),
                    (_, 0..=2) => (200, r#"{"sid":"SM1","status":"ringing"}"#.into()),
                    _ => (200, format!(r#"{{"sid":"SM1","status":"{end}"}}"#)),
                },
            );
        let sent = contract.send(&receiver.url, contract.secrets).await;
        let retry = sent
            .err()
            .map(|error| error.retry().map(|wait| wait.as_secs()));
        assert_eq!(retry, wanted, "{kind} {end}");
        assert_eq!(receiver.received().len(), 4, "asked until it ended");
    }
}

#[actix_rt::test]
async fn after_a_timeout_aliyuns_receipts_say_whether_the_text_message_was_taken() {
    for (receipt, wanted) in [("ref-1", true), ("ref-2", false)] {
        let all = contracts();
        let contract = all
            .iter()
            .find(|contract| contract.kind == "aliyun_sms")
            .unwrap();
        let receiver = Receiver::start(move |request, _| {
            if request.header("x-acs-action") == "QuerySendDetails" {
                let list = json!({ "SmsSendDetailDTO": [{ "OutId": receipt, "SendStatus": 3 }] });
                return (
                    200,
                    json!({ "Code": "OK", "SmsSendDetailDTOs": list }).to_string(),
                );
            }
            std::thread::sleep(std::time::Duration::from_millis(800));
            (200, r#"{"Code":"OK"}"#.into())
        });
        let sent = contract.send(&receiver.url, contract.secrets).await;
        assert_eq!(sent.is_ok(), wanted, "{sent:?}");
    }
}

#[actix_rt::test]
async fn a_reply_in_the_telegram_chat_acknowledges_and_one_elsewhere_does_not() {
    let all = contracts();
    let contract = all
        .into_iter()
        .find(|contract| contract.kind == "telegram")
        .unwrap();
    let receiver = Receiver::start(move |request, _| {
        if !request.path.ends_with("/getUpdates") {
            return (contract.answer)(request);
        }
        let said = |id: i64, chat: i64, text: &str| {
            json!({ "update_id": id, "message": {
                "chat": { "id": chat }, "from": { "first_name": "Ann", "username": "ann" }, "text": text,
                "reply_to_message": { "text": "[CRIT]\nAct: tripline alerts ack a1\nTime: x" },
            }})
        };
        let first = request.json()["offset"] == 0;
        let result = if first {
            vec![said(5, -999, "ack"), said(6, -100, "ack")]
        } else {
            Vec::new()
        };
        (200, json!({ "ok": true, "result": result }).to_string())
    });
    let SecretSource::File(path) = secret("123456:telegram-token") else {
        unreachable!("tests keep secrets in files")
    };
    let config = json!({
        "kind": "telegram", "base_url": receiver.url, "token": { "file": path }, "chat": "-100", "replies": true,
    });
    let config: ChannelConfig = serde_json::from_value(config).unwrap();
    let channel = config.build(&http()).unwrap();
    let heard = channel.listen().unwrap().await.unwrap();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(
        (heard[0].text.as_str(), heard[0].by.as_str()),
        ("ack", "ann")
    );
    assert!(channel.listen().unwrap().await.unwrap().is_empty());
    let asked: Vec<_> = receiver
        .received()
        .iter()
        .map(|request| request.json()["offset"].clone())
        .collect();
    assert_eq!(asked, [json!(0), json!(7)], "what was read is confirmed");
}
