//! Where a secret stands: in an environment variable or in a file that only its owner can read. It is
//! never written into the configuration itself.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A secret is short; a file longer than this is another file.
const LONGEST: u64 = 64 * 1024;

/// In the configuration `{ env = "NAME" }` or `{ file = "/path" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretSource {
    /// The name of an environment variable.
    Env(String),
    /// A file with mode 0600 or stricter; white space around the secret is not part of it.
    File(PathBuf),
}

/// Why a secret cannot be had. Says where it was sought, never what was found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    #[error("the environment variable {name} is not set")]
    NotSet { name: String },
    #[error("the environment variable {name} is not UTF-8")]
    NotText { name: String },
    #[error("{place} is empty")]
    Empty { place: String },
    #[error("{} cannot be read: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} can be read by others (mode {mode:04o}): chmod 600 it", path.display())]
    TooOpen { path: PathBuf, mode: u32 },
    #[error("{} is not a file of at most {LONGEST} bytes", path.display())]
    NotASecret { path: PathBuf },
}

impl SecretSource {
    /// Reads the secret.
    ///
    /// # Errors
    /// [`SecretError`] when it is missing, empty, or in a file that others can read.
    pub fn resolve(&self) -> Result<SecretString, SecretError> {
        let (text, place) = match self {
            Self::Env(name) => (from_env(name)?, format!("the environment variable {name}")),
            Self::File(path) => (from_file(path)?, path.display().to_string()),
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(SecretError::Empty { place });
        }
        Ok(SecretString::from(text))
    }
}

fn from_env(name: &str) -> Result<String, SecretError> {
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => SecretError::NotSet {
            name: name.to_owned(),
        },
        std::env::VarError::NotUnicode(_) => SecretError::NotText {
            name: name.to_owned(),
        },
    })
}

fn from_file(path: &PathBuf) -> Result<String, SecretError> {
    let failed = |source| SecretError::File {
        path: path.clone(),
        source,
    };
    // The mode is asked of the open file, so that it is that of what is read.
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(SecretError::NotASecret { path: path.clone() });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SecretError::TooOpen {
                path: path.clone(),
                mode,
            });
        }
    }
    let mut text = String::new();
    file.take(LONGEST)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::os::unix::fs::PermissionsExt;

    fn file(name: &str, text: &str, mode: u32) -> SecretSource {
        let path =
            std::env::temp_dir().join(format!("tripline-secret-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        SecretSource::File(path)
    }

    fn remove(source: &SecretSource) {
        if let SecretSource::File(path) = source {
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_secret_comes_from_a_private_file_without_its_line_end() {
        let source = file("private", "SECabc\n", 0o600);
        assert_eq!(source.resolve().unwrap().expose_secret(), "SECabc");
        remove(&source);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_its_mode() {
        for mode in [0o644, 0o640, 0o604] {
            let source = file("open", "SECabc", mode);
            let text = source.resolve().unwrap_err().to_string();
            assert!(
                text.contains(&format!("{mode:04o}")) && text.contains("chmod 600"),
                "{text}"
            );
            assert!(!text.contains("SECabc"));
            remove(&source);
        }
    }

    #[test]
    fn a_missing_or_empty_secret_is_an_error_that_says_where_it_was_sought() {
        let missing = SecretSource::Env("TRIPLINE_NO_SUCH_SECRET".into())
            .resolve()
            .unwrap_err();
        assert!(
            missing
                .to_string()
                .contains("TRIPLINE_NO_SUCH_SECRET is not set")
        );
        let empty = file("empty", " \n", 0o600);
        assert!(matches!(
            empty.resolve().unwrap_err(),
            SecretError::Empty { .. }
        ));
        remove(&empty);
        assert!(matches!(
            empty.resolve().unwrap_err(),
            SecretError::File { .. }
        ));
        assert!(SecretSource::Env("PATH".into()).resolve().is_ok());
    }
}
