//! Where Binance Spot is reached and within which bounds. Secrets are never in here.

mod bounds;

use std::fmt;
use std::path::PathBuf;

use awc::http::Uri;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::wire::time::TimeUnit;

pub use bounds::Bounds;

/// Which of Binance's installations is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Real money.
    Production,
    /// The Spot testnet: books of its own, reset monthly without notice.
    Testnet,
    /// Demo mode: prices like production, play money.
    Demo,
    /// The three URLs are given: a practice exchange, or a proxy.
    Custom,
}

/// The base URLs, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Such as `https://api.binance.com`; paths begin with `/api/v3/`.
    pub rest: String,
    /// The whole URL of the WebSocket API, such as `wss://ws-api.binance.com:443/ws-api/v3`.
    pub ws_api: String,
    /// Such as `wss://stream.binance.com:9443`; paths are `/ws` and `/stream`.
    pub streams: String,
}

/// How orders travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderTransport {
    /// Over the WebSocket API: one open connection, no signature for each order with Ed25519.
    #[default]
    WsApi,
    Rest,
}

/// How often the streams of depth are sent, diffs of the book and partial depth alike (Binance "Update
/// Speed").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DepthSpeed {
    #[default]
    #[serde(rename = "100ms")]
    TenASecond,
    /// Fewer messages, and a book that is up to a second old.
    #[serde(rename = "1000ms")]
    EverySecond,
}

impl DepthSpeed {
    /// How the names of streams end.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::TenASecond => "@100ms",
            Self::EverySecond => "",
        }
    }
}

/// The kind of the API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    #[default]
    Hmac,
    /// The kind that Binance recommends, and the only one that takes `session.logon`.
    Ed25519,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hmac => "hmac",
            Self::Ed25519 => "ed25519",
        })
    }
}

/// An API key and its secret. `Debug` shows neither; memory is wiped on drop.
#[derive(Debug, Clone)]
pub struct ApiCredentials {
    pub api_key: SecretString,
    /// HMAC: the secret as Binance shows it. Ed25519: the private key as PKCS#8, PEM or base64 of DER.
    pub secret: SecretString,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    #[error(
        "{field} is missing: environment = \"custom\" needs rest_url, ws_api_url and streams_url"
    )]
    UrlMissing { field: &'static str },
    #[error(
        "{field} is given, but the environment has its own: remove it, or set environment = \"custom\""
    )]
    UrlSurplus { field: &'static str },
    #[error("{field} is '{value}': it must be a URL that begins with {schemes} and has no query")]
    UrlInvalid {
        field: &'static str,
        value: String,
        schemes: &'static str,
    },
    #[error("{field} is {value}: it must lie between {least} and {most}")]
    OutOfRange {
        field: &'static str,
        value: u64,
        least: u64,
        most: u64,
    },
}

/// The settings of one Binance Spot account. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinanceSettings {
    /// `production`, `testnet`, `demo` or `custom`. No default: nobody trades real money by omission.
    pub environment: Environment,
    /// REST base, for `custom` only.
    #[serde(default)]
    pub rest_url: Option<String>,
    /// WebSocket API URL, for `custom` only.
    #[serde(default)]
    pub ws_api_url: Option<String>,
    /// Base of the market streams, for `custom` only.
    #[serde(default)]
    pub streams_url: Option<String>,
    /// A PEM file with certificate authorities to trust beside Mozilla's. Default none.
    #[serde(default)]
    pub extra_ca_file: Option<PathBuf>,
    /// `ws_api` (default) or `rest`.
    #[serde(default)]
    pub order_transport: OrderTransport,
    /// `hmac` (default) or `ed25519`.
    #[serde(default)]
    pub key_kind: KeyKind,
    /// `100ms` (default) or `1000ms`.
    #[serde(default)]
    pub depth_speed: DepthSpeed,
    /// The unit of the venue's time stamps, on every connection: `millisecond` (default) or
    /// `microsecond`. A stamp in the other unit is a fault.
    #[serde(default)]
    pub time_unit: TimeUnit,
    /// Times, sizes and shares; what is not given has its default.
    #[serde(default)]
    pub bounds: Bounds,
}

impl BinanceSettings {
    /// The defaults for one of Binance's own environments.
    #[must_use]
    pub fn of(environment: Environment) -> Self {
        Self {
            environment,
            rest_url: None,
            ws_api_url: None,
            streams_url: None,
            extra_ca_file: None,
            order_transport: OrderTransport::default(),
            key_kind: KeyKind::default(),
            depth_speed: DepthSpeed::default(),
            time_unit: TimeUnit::default(),
            bounds: Bounds::default(),
        }
    }

    /// The defaults for an exchange at other URLs.
    #[must_use]
    pub fn custom(rest: &str, ws_api: &str, streams: &str) -> Self {
        Self {
            rest_url: Some(rest.to_owned()),
            ws_api_url: Some(ws_api.to_owned()),
            streams_url: Some(streams.to_owned()),
            ..Self::of(Environment::Custom)
        }
    }

    /// The URLs in force.
    ///
    /// # Errors
    /// All [`SettingsError`]s at once, those of the numbers included.
    pub fn endpoints(&self) -> Result<Endpoints, Vec<SettingsError>> {
        let mut faults = self.bounds.faults();
        let mut url = |field, given: &Option<String>, preset: Option<&str>, schemes| {
            let url = match (given, preset) {
                (None, Some(preset)) => return preset.to_owned(),
                (Some(given), None) => given.trim_end_matches('/').to_owned(),
                (None, None) => {
                    faults.push(SettingsError::UrlMissing { field });
                    return String::new();
                }
                (Some(_), Some(_)) => {
                    faults.push(SettingsError::UrlSurplus { field });
                    return String::new();
                }
            };
            if !is_base_url(&url, schemes) {
                // Without what could be a password.
                let value = crate::http::host_of(&url);
                faults.push(SettingsError::UrlInvalid {
                    field,
                    value,
                    schemes,
                });
            }
            url
        };
        let [rest, ws_api, streams] = presets(self.environment);
        let endpoints = Endpoints {
            rest: url("rest_url", &self.rest_url, rest, "https:// or http://"),
            ws_api: url("ws_api_url", &self.ws_api_url, ws_api, "wss:// or ws://"),
            streams: url("streams_url", &self.streams_url, streams, "wss:// or ws://"),
        };
        if faults.is_empty() {
            Ok(endpoints)
        } else {
            Err(faults)
        }
    }

    /// Whether real money must be assumed: production, and every custom URL that is neither on this
    /// machine nor one of Binance's own test environments (a proxy may stand before production).
    #[must_use]
    pub fn is_production(&self) -> bool {
        match self.environment {
            Environment::Production => true,
            Environment::Testnet | Environment::Demo => false,
            Environment::Custom => [&self.rest_url, &self.ws_api_url, &self.streams_url]
                .into_iter()
                .flatten()
                .any(|url| !is_practice(url)),
        }
    }
}

/// REST, WebSocket API and streams (Binance Spot, "General API information", testnet and demo pages).
const fn presets(environment: Environment) -> [Option<&'static str>; 3] {
    match environment {
        Environment::Production => [
            Some("https://api.binance.com"),
            Some("wss://ws-api.binance.com:443/ws-api/v3"),
            Some("wss://stream.binance.com:9443"),
        ],
        Environment::Testnet => [
            Some("https://testnet.binance.vision"),
            Some("wss://ws-api.testnet.binance.vision/ws-api/v3"),
            Some("wss://stream.testnet.binance.vision"),
        ],
        Environment::Demo => [
            Some("https://demo-api.binance.com"),
            Some("wss://demo-ws-api.binance.com/ws-api/v3"),
            Some("wss://demo-stream.binance.com"),
        ],
        Environment::Custom => [None, None, None],
    }
}

fn is_base_url(url: &str, schemes: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let scheme = uri
        .scheme_str()
        .is_some_and(|scheme| schemes.contains(&format!("{scheme}://")));
    scheme && uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none()
}

fn is_practice(url: &str) -> bool {
    let Some(host) = url
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned))
    else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    loopback
        || host == "localhost"
        || host == "testnet.binance.vision"
        || host.ends_with(".testnet.binance.vision")
        || (host.starts_with("demo-") && host.ends_with(".binance.com"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_needs_only_the_environment_and_refuses_unknown_keys() {
        let settings: BinanceSettings =
            serde_json::from_str(r#"{"environment":"testnet","bounds":{"recv_window_ms":2000}}"#)
                .unwrap();
        assert_eq!(settings.bounds.recv_window_ms, 2_000);
        assert_eq!(settings.bounds.request_timeout_ms, 11_000);
        assert_eq!(
            settings.endpoints().unwrap().rest,
            "https://testnet.binance.vision"
        );
        assert!(!settings.is_production());
        for text in [
            r#"{"environment":"testnet","bounds":{"recv_windw_ms":1}}"#,
            r#"{"environment":"testnet","rest":"x"}"#,
            "{}",
            r#"{"environment":"prod"}"#,
        ] {
            assert!(
                serde_json::from_str::<BinanceSettings>(text).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let mut settings = BinanceSettings::custom("ftp://x", "wss://a/ws-api/v3", "wss://b");
        settings.ws_api_url = None;
        settings.bounds.recv_window_ms = 70_000;
        let faults = settings.endpoints().unwrap_err();
        let text = faults
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(faults.len(), 3, "{text}");
        for part in [
            "rest_url",
            "ws_api_url is missing",
            "recv_window_ms is 70000",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let mut preset = BinanceSettings::of(Environment::Production);
        preset.rest_url = Some("https://elsewhere".into());
        assert!(preset.endpoints().is_err());
    }

    #[test]
    fn real_money_is_assumed_of_every_place_that_is_not_known_to_be_practice() {
        let at = |rest: &str| {
            BinanceSettings::custom(rest, "ws://127.0.0.1:1/ws-api/v3", "ws://[::1]:1")
        };
        for (rest, production) in [
            ("http://127.0.0.1:18080", false),
            ("http://localhost:18080", false),
            ("https://api1.testnet.binance.vision", false),
            ("https://demo-api.binance.com", false),
            ("https://api.binance.com", true),
            ("https://demo-api.binance.com.evil.example", true),
            ("http://10.0.0.5:8080", true),
            ("not a url", true),
        ] {
            assert_eq!(at(rest).is_production(), production, "{rest}");
        }
        assert!(BinanceSettings::of(Environment::Production).is_production());
    }

    #[test]
    fn credentials_do_not_show_themselves() {
        let credentials = ApiCredentials {
            api_key: "thekey".into(),
            secret: "thesecret".into(),
        };
        let shown = format!("{credentials:?}");
        assert!(
            !shown.contains("thekey") && !shown.contains("thesecret"),
            "{shown}"
        );
    }
}
