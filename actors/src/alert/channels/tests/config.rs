//! The configuration of channels.

use super::*;

fn configs(text: &str) -> Result<Vec<ChannelConfig>, serde_json::Error> {
    serde_json::from_str(text)
}

#[test]
fn a_channel_is_configured_by_kind_and_an_unknown_kind_or_field_is_refused() {
    let good = r#"[{"kind":"log"},{"kind":"log","name":"second"},
        {"kind":"dingtalk","token":{"env":"T"},"sign_key":{"file":"/k"},"mobiles":["1"]},
        {"kind":"webhook","url":{"env":"U"},"key":{"env":"K"},"after":"2m","severity":"critical"}]"#;
    let names: Vec<_> = configs(good)
        .unwrap()
        .iter()
        .map(|config| config.name().to_owned())
        .collect();
    assert_eq!(names, ["log", "second", "dingtalk", "webhook"]);
    for bad in [
        r#"[{"kind":"pigeon"}]"#,
        r#"[{"kind":"log","token":"x"}]"#,
        r#"[{"kind":"log","severity":"loud"}]"#,
        r#"[{"kind":"log","after":"soon"}]"#,
        r#"[{"kind":"log","faults":["no_such_fault"]}]"#,
        r#"[{"kind":"dingtalk","token":"in-the-open"}]"#,
        r#"[{"kind":"dingtalk","token":{"env":"T","file":"F"}}]"#,
    ] {
        assert!(configs(bad).is_err(), "{bad}");
    }
}

#[actix_rt::test]
async fn every_wrong_channel_is_reported_at_once() {
    let configs = configs(
        r#"[{"kind":"log"},{"kind":"log"},{"kind":"webhook","url":{"env":"TRIPLINE_NONE"},"key":{"env":"X"}}]"#,
    );
    let errors = build_channels(&configs.unwrap(), &Http::new(None).unwrap())
        .err()
        .unwrap();
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(
        texts[0].contains("two alert channels are called 'log'"),
        "{texts:?}"
    );
    assert!(texts[1].contains("TRIPLINE_NONE"), "{texts:?}");
}
