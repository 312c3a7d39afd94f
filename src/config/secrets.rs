//! Secrets stand in the environment or in a file of mode 0600, never in the configuration.

use toml::de::DeValue;
use tripline_actors::alert::{SecretError, SecretSource};

use super::document::{Document, Path, Step};
use super::fault::ConfigFault;

pub(super) const ADVICE: &str = "a secret never stands in the configuration: write { env = \"NAME\" } or { file = \"/path\" } (mode 0600)";

/// Names of keys whose value is a secret.
const NAMES: [&str; 7] = [
    "secret",
    "token",
    "password",
    "passphrase",
    "api_key",
    "apikey",
    "sign_key",
];

/// A secret that the configuration points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// The path of the key, such as `alert[0].token`.
    pub(crate) key: String,
    pub(crate) line: Option<usize>,
    pub(crate) source: SecretSource,
}

/// What looks like a secret in the text itself. The values are not shown.
pub(super) fn inline(document: &Document<'_>) -> Vec<ConfigFault> {
    let texts = document.values().filter_map(|(path, value)| match value {
        DeValue::String(text) => Some((path, text.as_ref())),
        _ => None,
    });
    let secrets = texts.filter(|(path, text)| is_secret(path, text));
    let fault = |(path, _): (&Path, &str)| {
        let key = path.to_string();
        let line = document.line(&key);
        ConfigFault::new(key, "looks like a secret (not shown here)")
            .advise(ADVICE)
            .at(line)
    };
    secrets.map(fault).collect()
}

fn is_secret(path: &Path, text: &str) -> bool {
    let name = match path.0.last() {
        Some(Step::Key(name)) => name.to_ascii_lowercase(),
        _ => String::new(),
    };
    // A strategy may well call an asset a token.
    let is_strategy = matches!(path.0.first(), Some(Step::Key(first)) if first == "strategy");
    let is_named = !is_strategy && NAMES.iter().any(|known| name.ends_with(known));
    !text.is_empty() && (is_named || looks_secret(text))
}

/// The forms of Binance keys, DingTalk and webhook signing keys, private keys, and URLs that carry one.
fn looks_secret(text: &str) -> bool {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric());
    let mixed = text.contains(|c: char| c.is_ascii_digit())
        && text.contains(|c: char| c.is_ascii_alphabetic());
    let user_info = text.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        authority.contains('@')
    });
    (plain && mixed && text.len() >= 40)
        || text.starts_with("whsec_")
        || text.contains("-----BEGIN")
        || text.contains("access_token=")
        || user_info
}

/// Whether a message about this key could repeat a secret that was written in the wrong place.
pub(super) fn may_hold_secret(key: &str) -> bool {
    let plain = [".id", ".kind", ".key_kind", ".name"]
        .iter()
        .any(|end| key.ends_with(end));
    let places = ["account", "alert", "control", "watch"];
    places.iter().any(|place| key.starts_with(place)) && !plain
}

/// The message without the value that it quotes: `string "…"` and `unknown variant …`.
pub(super) fn redact(message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => {
            format!("cannot be used (the value is not shown): expected {expected}")
        }
        None => "cannot be used (the value is not shown)".into(),
    }
}

/// Every pointer to a secret, whatever section it stands in.
pub(super) fn pointers(document: &Document<'_>) -> Vec<Pointer> {
    let found = document.values().filter_map(|(path, value)| {
        let key = path.to_string();
        let places = ["account.", "alert[", "alerting.", "control.", "watch."];
        if !places.iter().any(|place| key.starts_with(place)) {
            return None;
        }
        let DeValue::Table(table) = value else {
            return None;
        };
        let mut entries = table.iter();
        let (Some((name, place)), None) = (entries.next(), entries.next()) else {
            return None;
        };
        let DeValue::String(place) = place.get_ref() else {
            return None;
        };
        let source = match name.get_ref().as_ref() {
            "env" => SecretSource::Env(place.to_string()),
            "file" => SecretSource::File(place.as_ref().into()),
            _ => return None,
        };
        Some(Pointer {
            line: document.line(&key),
            key,
            source,
        })
    });
    found.collect()
}

/// Names of environment variables that no shell can set.
pub(super) fn bad_names(pointers: &[Pointer]) -> Vec<ConfigFault> {
    let is_name = |name: &str| {
        let first = name
            .chars()
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let bad = pointers.iter().filter(|pointer| match &pointer.source {
        SecretSource::Env(name) => !is_name(name),
        SecretSource::File(path) => path.as_os_str().is_empty(),
    });
    let fault = |pointer: &Pointer| {
        ConfigFault::new(
            &pointer.key,
            "names no environment variable and no file (the value is not shown)",
        )
        .advise(ADVICE)
        .at(pointer.line)
    };
    bad.map(fault).collect()
}

/// Looks whether the secret is there.
///
/// # Errors
/// The fault, and whether the secret is only absent from this process's environment.
pub(super) fn look(pointer: &Pointer) -> Result<(), (ConfigFault, bool)> {
    let Err(error) = pointer.source.resolve() else {
        return Ok(());
    };
    let is_unset = matches!(error, SecretError::NotSet { .. });
    let advice = match &error {
        SecretError::NotSet { name } => Some(format!("export {name}=… before 'tripline run'")),
        SecretError::File { path, .. } => Some(format!(
            "write the secret into {0} and chmod 600 {0}",
            path.display()
        )),
        _ => None,
    };
    let mut fault = ConfigFault::new(&pointer.key, error.to_string()).at(pointer.line);
    fault.advice = advice;
    Err((fault, is_unset))
}
