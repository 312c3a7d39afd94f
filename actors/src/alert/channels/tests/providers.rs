//! What each provider checks and answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{digest, hmac};

use super::*;

fn ok(is_ok: bool, good: &str, bad: (u16, &str)) -> (u16, String) {
    if is_ok {
        (200, good.into())
    } else {
        (bad.0, bad.1.into())
    }
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn wecom(request: &Received) -> (u16, String) {
    let body = request.json();
    let is_key = request.path == "/cgi-bin/webhook/send" && request.query["key"] == "wecom-key-123";
    let content = text(&body, "/text/content");
    if content.len() > 2_048 {
        return (
            200,
            r#"{"errcode":45002,"errmsg":"content size out of limit"}"#.into(),
        );
    }
    let is_ok = is_key && body["msgtype"] == "text" && !content.is_empty();
    let bad = r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#;
    ok(is_ok, r#"{"errcode":0,"errmsg":"ok"}"#, (200, bad))
}

/// The key of the signature is time and secret, its message nothing.
fn feishu(request: &Received) -> (u16, String) {
    let body = request.json();
    let seconds: i64 = text(&body, "/timestamp").parse().unwrap_or_default();
    let key = hmac::Key::new(
        hmac::HMAC_SHA256,
        format!("{seconds}\nfeishu-secret-1").as_bytes(),
    );
    let sign = BASE64.decode(text(&body, "/sign")).unwrap_or_default();
    let is_fresh = (NOW.as_millis() / 1_000 - seconds).abs() <= 3_600;
    let is_signed = is_fresh && hmac::verify(&key, b"", &sign).is_ok();
    if request.body.len() > 20_480 {
        return (200, r#"{"code":19036,"msg":"too large"}"#.into());
    }
    let is_ok = request.path == "/open-apis/bot/v2/hook/feishu-token-1"
        && body["msg_type"] == "text"
        && is_signed;
    let bad = r#"{"code":19021,"msg":"sign match fail or timestamp is not within one hour"}"#;
    ok(
        is_ok,
        r#"{"StatusCode":0,"StatusMessage":"success","code":0,"msg":"success"}"#,
        (200, bad),
    )
}

fn telegram(request: &Received) -> (u16, String) {
    let body = request.json();
    let units = text(&body, "/text").encode_utf16().count();
    if request.path != "/bot123456:telegram-token/sendMessage" {
        return (
            401,
            r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#.into(),
        );
    }
    let is_ok = (1..=4_096).contains(&units) && body["chat_id"] == "-100";
    let bad = r#"{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}"#;
    ok(
        is_ok,
        r#"{"ok":true,"result":{"message_id":5}}"#,
        (400, bad),
    )
}

fn slack(request: &Received) -> (u16, String) {
    if request.path != "/services/T000/B000/slacksecret1" {
        return (404, "no_service".into());
    }
    let body = request.json();
    let text = text(&body, "/text");
    ok(
        (1..=40_000).contains(&text.chars().count()),
        "ok",
        (400, "invalid_payload"),
    )
}

fn discord(request: &Received) -> (u16, String) {
    if request.path != "/api/webhooks/42/discordsecret1" {
        return (
            401,
            r#"{"message":"Invalid Webhook Token","code":50027}"#.into(),
        );
    }
    let body = request.json();
    let count = |path: &str| text(&body, path).chars().count();
    let is_ok = request.query.get("wait").is_some_and(|wait| wait == "true")
        && (1..=256).contains(&count("/embeds/0/title"))
        && (1..=4_096).contains(&count("/embeds/0/description"));
    ok(
        is_ok,
        r#"{"id":"99","type":0}"#,
        (400, r#"{"message":"Invalid Form Body","code":50035}"#),
    )
}

fn pagerduty(request: &Received) -> (u16, String) {
    let body = request.json();
    let is_event = request.path == "/v2/enqueue"
        && body["routing_key"] == "pagerduty-routing-key-1"
        && ["trigger", "acknowledge", "resolve"].contains(&text(&body, "/event_action"))
        && ["critical", "error", "warning", "info"].contains(&text(&body, "/payload/severity"))
        && (1..=1_024).contains(&text(&body, "/payload/summary").chars().count())
        && (1..=255).contains(&text(&body, "/dedup_key").chars().count())
        && request.body.len() <= 512 * 1024;
    if is_event {
        (
            202,
            r#"{"status":"success","message":"Event processed","dedup_key":"k"}"#.into(),
        )
    } else {
        (
            400,
            r#"{"status":"invalid event","message":"Event object is invalid"}"#.into(),
        )
    }
}

/// Basic authentication, a form, and a request that goes on for a while.
fn twilio(request: &Received, what: &str, needed: &[&str]) -> (u16, String) {
    let basic = format!("Basic {}", BASE64.encode("AC00:twilio-token-1"));
    if request.header("authorization") != basic {
        return (
            401,
            r#"{"code":20003,"message":"Authenticate","status":401}"#.into(),
        );
    }
    let list = format!("/2010-04-01/Accounts/AC00/{what}.json");
    if request.method == "GET" {
        let is_known = request.path == format!("/2010-04-01/Accounts/AC00/{what}/SM1.json");
        let gone = (404, r#"{"code":20404,"status":404}"#);
        return ok(is_known, r#"{"sid":"SM1","status":"completed"}"#, gone);
    }
    let form = request.form();
    let has_all = needed
        .iter()
        .all(|name| form.get(*name).is_some_and(|value| !value.is_empty()));
    let is_short = form
        .get("Body")
        .is_none_or(|body| body.chars().count() <= 1_600);
    if request.path == list && has_all && is_short {
        (201, r#"{"sid":"SM1","status":"queued"}"#.into())
    } else {
        (
            400,
            r#"{"code":21604,"message":"'To' is required","status":400}"#.into(),
        )
    }
}

fn twilio_sms(request: &Received) -> (u16, String) {
    let (status, body) = twilio(request, "Messages", &["To", "From", "Body"]);
    (status, body.replace("completed", "delivered"))
}

fn twilio_call(request: &Received) -> (u16, String) {
    twilio(request, "Calls", &["To", "From", "Twiml"])
}

/// ACS3-HMAC-SHA256, computed from what arrived.
fn is_signed(request: &Received, secret: &str) -> bool {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let authorization = request.header("authorization");
    let part = |name: &str| {
        let from = authorization.split_once(name)?.1;
        from.split(',').next().map(ToOwned::to_owned)
    };
    let Some(names) = part("SignedHeaders=") else {
        return false;
    };
    let headers: String = names
        .split(';')
        .map(|name| format!("{name}:{}\n", request.header(name)))
        .collect();
    let encode = |text: &str| {
        let bytes = text.bytes().map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        });
        bytes.collect::<String>()
    };
    let query = request.query.iter();
    let query: Vec<_> = query
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let body = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    let canonical = format!("POST\n/\n{}\n{headers}\n{names}\n{body}", query.join("&"));
    let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let wanted = hex(hmac::sign(&key, format!("ACS3-HMAC-SHA256\n{hash}").as_bytes()).as_ref());
    part("Signature=") == Some(wanted)
        && part("Credential=").as_deref() == Some("aliyun-key-id-1")
        && request.header("x-acs-content-sha256") == body
        && request.header("x-acs-date") == NOW.to_string()
        && names.contains("host")
}

fn aliyun(request: &Received, action: &str, needed: &[&str]) -> (u16, String) {
    if !is_signed(request, "aliyun-secret-1") {
        let bad = r#"{"Code":"SignatureDoesNotMatch","Message":"The signature does not match"}"#;
        return (400, bad.into());
    }
    let is_ok = request.header("x-acs-action") == action
        && request.header("x-acs-version") == "2017-05-25"
        && needed.iter().all(|name| request.query.contains_key(*name));
    let bad = r#"{"Code":"isv.INVALID_PARAMETERS","Message":"bad"}"#;
    ok(
        is_ok,
        r#"{"Code":"OK","Message":"OK","BizId":"1","RequestId":"2"}"#,
        (200, bad),
    )
}

fn has_short_variables(request: &Received, name: &str) -> bool {
    let variables: Value = serde_json::from_str(&request.query[name]).unwrap();
    let mut values = variables.as_object().unwrap().values();
    values.all(|value| value.as_str().unwrap().chars().count() <= 35)
}

fn aliyun_sms(request: &Received) -> (u16, String) {
    let needed = [
        "PhoneNumbers",
        "SignName",
        "TemplateCode",
        "TemplateParam",
        "OutId",
    ];
    assert!(has_short_variables(request, "TemplateParam"));
    aliyun(request, "SendSms", &needed)
}

fn aliyun_call(request: &Received) -> (u16, String) {
    assert!(has_short_variables(request, "TtsParam"));
    aliyun(
        request,
        "SingleCallByTts",
        &["CalledNumber", "TtsCode", "TtsParam", "PlayTimes"],
    )
}

fn ntfy(request: &Received) -> (u16, String) {
    if request.header("authorization") != "Bearer tk_ntfytoken1" {
        return (
            401,
            r#"{"code":40101,"http":401,"error":"unauthorized"}"#.into(),
        );
    }
    let body = request.json();
    let is_ok = body["topic"] == "ntfy-topic-1" && text(&body, "/message").len() <= 4_096;
    ok(
        is_ok,
        r#"{"id":"x","time":1,"event":"message"}"#,
        (400, r#"{"code":40024,"http":400}"#),
    )
}

fn serverchan(request: &Received) -> (u16, String) {
    if request.path != "/SCTserverchankey1.send" {
        return (400, r#"{"code":40001,"message":"[AUTH]bad key"}"#.into());
    }
    let form = request.form();
    let count = |name: &str| form.get(name).map_or(0, |text| text.chars().count());
    let is_ok =
        (1..=32).contains(&count("title")) && form["desp"].len() <= 32_768 && count("short") <= 64;
    ok(
        is_ok,
        r#"{"code":0,"message":"","data":{"pushid":"1"}}"#,
        (200, r#"{"code":20001,"message":"bad"}"#),
    )
}

fn webhook(request: &Received) -> (u16, String) {
    let seconds: i64 = request.header("webhook-timestamp").parse().unwrap();
    let mut signed = format!("{}.{seconds}.", request.header("webhook-id")).into_bytes();
    signed.extend(&request.body);
    let key = BASE64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signature = request
        .header("webhook-signature")
        .trim_start_matches("v1,");
    let signature = BASE64.decode(signature).unwrap_or_default();
    ok(
        hmac::verify(&key, &signed, &signature).is_ok(),
        "ok",
        (401, "bad signature"),
    )
}

/// All that tell by a body whether they took a message.
pub(super) fn all() -> Vec<Contract> {
    let mut all = chats();
    all.extend(phones());
    all
}

fn chats() -> Vec<Contract> {
    vec![
        Contract {
            kind: "wecom",
            config: |base, secrets| json!({ "base_url": base, "key": secrets[0], "mobiles": ["13800000000"], "mention_all": true }),
            secrets: &["wecom-key-123"],
            answer: wecom,
            refusals: &[
                (
                    200,
                    r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#,
                    false,
                ),
                (
                    200,
                    r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#,
                    true,
                ),
                (200, r#"{"errcode":-1,"errmsg":"system busy"}"#, true),
            ],
        },
        Contract {
            kind: "feishu",
            config: |base, secrets| json!({ "base_url": base, "token": secrets[0], "sign_key": secrets[1] }),
            secrets: &["feishu-token-1", "feishu-secret-1"],
            answer: feishu,
            refusals: &[
                (200, r#"{"code":19021,"msg":"sign match fail"}"#, false),
                (200, r#"{"code":19024,"msg":"Key Words Not Found"}"#, false),
                (400, r#"{"code":9499,"msg":"Bad Request"}"#, false),
                (200, r#"{"code":11232,"msg":"frequency limited"}"#, true),
            ],
        },
        Contract {
            kind: "telegram",
            config: |base, secrets| json!({ "base_url": base, "token": secrets[0], "chat": "-100" }),
            secrets: &["123456:telegram-token"],
            answer: telegram,
            refusals: &[
                (
                    200,
                    r#"{"ok":false,"error_code":400,"description":"chat not found"}"#,
                    false,
                ),
                (
                    403,
                    r#"{"ok":false,"error_code":403,"description":"bot was blocked"}"#,
                    false,
                ),
                (
                    429,
                    r#"{"ok":false,"error_code":429,"parameters":{"retry_after":3}}"#,
                    true,
                ),
            ],
        },
        Contract {
            kind: "slack",
            config: |base, secrets| json!({ "base_url": base, "url": secrets[0] }),
            secrets: &["https://hooks.slack.com/services/T000/B000/slacksecret1"],
            answer: slack,
            refusals: &[
                (200, "invalid_payload", false),
                (403, "action_prohibited", false),
                (410, "channel_is_archived", false),
                (500, "rollup_error", true),
            ],
        },
        Contract {
            kind: "discord",
            config: |base, secrets| json!({ "base_url": base, "url": secrets[0] }),
            secrets: &["https://discord.com/api/webhooks/42/discordsecret1"],
            answer: discord,
            refusals: &[
                (200, r#"{"message":"limited","code":40062}"#, false),
                (404, r#"{"message":"Unknown Webhook","code":10015}"#, false),
                (
                    429,
                    r#"{"message":"limited","retry_after":0.4,"global":true}"#,
                    true,
                ),
            ],
        },
        Contract {
            kind: "pagerduty",
            config: |base, secrets| json!({ "base_url": base, "routing_key": secrets[0] }),
            secrets: &["pagerduty-routing-key-1"],
            answer: pagerduty,
            refusals: &[
                (202, r#"{"status":"invalid event"}"#, false),
                (400, r#"{"status":"invalid event"}"#, false),
                (429, "{}", true),
            ],
        },
        Contract {
            kind: "webhook",
            config: |base, secrets| json!({ "base_url": base, "url": secrets[0], "key": secrets[1] }),
            secrets: &[
                "https://example.com/hooks/webhooksecret1",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            ],
            answer: webhook,
            refusals: &[(401, "bad", false), (503, "busy", true)],
        },
    ]
}

fn phones() -> Vec<Contract> {
    vec![
        Contract {
            kind: "ntfy",
            config: |base, secrets| json!({ "base_url": base, "topic": secrets[0], "token": secrets[1] }),
            secrets: &["ntfy-topic-1", "tk_ntfytoken1"],
            answer: ntfy,
            refusals: &[
                (
                    200,
                    r#"{"code":40301,"http":403,"error":"forbidden"}"#,
                    false,
                ),
                (
                    403,
                    r#"{"code":40301,"http":403,"error":"forbidden"}"#,
                    false,
                ),
                (
                    429,
                    r#"{"code":42901,"http":429,"error":"limit reached"}"#,
                    true,
                ),
            ],
        },
        Contract {
            kind: "serverchan",
            config: |base, secrets| json!({ "base_url": base, "key": secrets[0] }),
            secrets: &["SCTserverchankey1"],
            answer: serverchan,
            refusals: &[
                (200, r#"{"code":40001,"message":"[AUTH]bad key"}"#, false),
                (
                    200,
                    r#"{"code":40001,"message":"over the daily limit"}"#,
                    false,
                ),
            ],
        },
        Contract {
            kind: "twilio_sms",
            config: |base, secrets| json!({ "base_url": base, "account": "AC00", "token": secrets[0], "from": "+1555", "to": "+1666" }),
            secrets: &["twilio-token-1"],
            answer: twilio_sms,
            refusals: &[
                (
                    200,
                    r#"{"code":21610,"message":"unsubscribed","status":400}"#,
                    true,
                ),
                (
                    400,
                    r#"{"code":21610,"message":"unsubscribed","status":400}"#,
                    false,
                ),
                (
                    429,
                    r#"{"code":20429,"message":"Too Many Requests","status":429}"#,
                    true,
                ),
            ],
        },
        Contract {
            kind: "twilio_call",
            config: |base, secrets| json!({ "base_url": base, "account": "AC00", "token": secrets[0], "from": "+1555", "to": "+1666" }),
            secrets: &["twilio-token-1"],
            answer: twilio_call,
            refusals: &[(
                400,
                r#"{"code":21219,"message":"not verified","status":400}"#,
                false,
            )],
        },
        Contract {
            kind: "aliyun_sms",
            config: |base, secrets| {
                json!({
                    "base_url": base, "access_key": secrets[0], "access_secret": secrets[1],
                    "to": "13800000000", "sign_name": "策略", "template": "SMS_1",
                })
            },
            secrets: &["aliyun-key-id-1", "aliyun-secret-1"],
            answer: aliyun_sms,
            refusals: &[
                (
                    200,
                    r#"{"Code":"isv.SMS_TEMPLATE_ILLEGAL","Message":"no"}"#,
                    false,
                ),
                (
                    200,
                    r#"{"Code":"isv.BUSINESS_LIMIT_CONTROL","Message":"no"}"#,
                    true,
                ),
                (400, r#"{"Code":"Throttling.User","Message":"no"}"#, true),
            ],
        },
        Contract {
            kind: "aliyun_call",
            config: |base, secrets| {
                json!({
                    "base_url": base, "access_key": secrets[0], "access_secret": secrets[1],
                    "to": "13800000000", "template": "TTS_1", "shown": "05710000",
                    "variables": { "what": "fault", "who": "strategy", "n": "count", "x": "time" },
                })
            },
            secrets: &["aliyun-key-id-1", "aliyun-secret-1"],
            answer: aliyun_call,
            refusals: &[(
                200,
                r#"{"Code":"isv.OUT_OF_SERVICE","Message":"no"}"#,
                false,
            )],
        },
    ]
}
