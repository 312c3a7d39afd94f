//! What an exchange has done, in a file, so that a later process goes on from it: every request, lever and
//! move of the market is written down before it acts. The model is deterministic, so the same deeds at the
//! same times make the same exchange.
//!
//! A line is in the page cache when its deed acts: it survives `kill -9`, a power failure only by luck.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use ring::digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tripline_engine::ids::AccountId;

use crate::config::ExchangeConfig;
use crate::faults::{FaultSpec, Transport};

/// The file in the folder.
const FILE: &str = "history.jsonl";

/// Something that changes the exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub(crate) enum Deed {
    /// An operation that changes orders, as it came to the engine.
    Request {
        operation: String,
        account: Option<AccountId>,
        transport: Transport,
        /// Without the signature.
        params: Vec<(String, String)>,
    },
    /// A request to `/practice/…`.
    Lever {
        verb: String,
        rest: String,
        body: String,
    },
    /// A fault that acts on the model once.
    Fault { fault: Box<FaultSpec> },
    /// The market did what was due.
    Market,
    /// The market goes on from here.
    Skip,
}

/// A deed, when it was done, and how much had happened before it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Unix microseconds.
    pub at: i64,
    /// Events of the model since its beginning.
    pub events: u64,
    #[serde(flatten)]
    pub deed: Deed,
}

/// The first line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// When the exchange began, in Unix microseconds.
    began: i64,
    /// Of the program, because another one may do something else for the same deeds.
    version: String,
    /// SHA-256 of what the exchange is made of, in hexadecimal.
    configuration: String,
}

/// Why an exchange cannot go on from its history, or add to it.
#[derive(Debug, Error)]
pub enum HistoryError {
    #[error("{doing} {path} failed: {source}; look at the disk and at who may write there")]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{0} is in use by another practice exchange: stop it, or choose another folder")]
    InUse(PathBuf),
    #[error(
        "{path}, line {line}, is no deed of a practice exchange: {reason}; choose another folder"
    )]
    Line {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    #[error(
        "{0} was made by another version, or with other settings: choose another folder, or remove it to begin anew"
    )]
    Other(PathBuf),
    #[error(
        "{path}, line {line}: what was done before does not lead here; a replayed recording has changed, or the file"
    )]
    Diverged { path: PathBuf, line: usize },
    #[error("what happens can no longer be written down; the first failure stands in the log")]
    Failed,
}

/// A history that is open for more.
#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    file: File,
    /// After a failure nothing is added, so that no deed stands behind a torn line.
    failed: bool,
}

/// A history and what stands in it.
pub(crate) struct Opened {
    pub history: History,
    /// When the exchange began, in Unix microseconds.
    pub began: i64,
    pub lines: Vec<Line>,
}

impl History {
    /// Opens the history in a folder, or begins one at `now_us` (Unix microseconds). A torn last line was
    /// never acted upon, and is cut off.
    ///
    /// # Errors
    /// [`HistoryError`]; then nothing is changed.
    pub fn open(
        folder: &Path,
        config: &ExchangeConfig,
        now_us: i64,
    ) -> Result<Opened, HistoryError> {
        let path = folder.join(FILE);
        let failed = |doing| {
            let path = path.clone();
            move |source| HistoryError::Io {
                doing,
                path,
                source,
            }
        };
        fs::create_dir_all(folder).map_err(failed("making the folder of"))?;
        let mut file = open(&path).map_err(failed("opening"))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => HistoryError::InUse(path.clone()),
            TryLockError::Error(source) => failed("locking")(source),
        })?;
        let (texts, whole) = read(&mut file).map_err(failed("reading"))?;
        let head = Head {
            began: now_us,
            version: env!("CARGO_PKG_VERSION").into(),
            configuration: fingerprint(config),
        };
        let (began, lines) = parsed(&path, &texts, &head)?;
        file.set_len(whole).map_err(failed("cutting"))?;
        let mut history = Self {
            path,
            file,
            failed: false,
        };
        if texts.is_empty() {
            history.write(&head)?;
        }
        Ok(Opened {
            history,
            began,
            lines,
        })
    }

    /// Writes a deed down; when this returns it survives the process.
    ///
    /// # Errors
    /// [`HistoryError`]: it must not act.
    pub fn append(&mut self, line: &Line) -> Result<(), HistoryError> {
        if self.failed {
            return Err(HistoryError::Failed);
        }
        self.write(line).inspect_err(|error| {
            self.failed = true;
            log::error!("the exchange takes nothing more: {error}");
        })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), HistoryError> {
        let text = serde_json::to_string(line).map_err(io::Error::from);
        let written = text.and_then(|text| self.file.write_all(format!("{text}\n").as_bytes()));
        written.map_err(|source| HistoryError::Io {
            doing: "writing to",
            path: self.path.clone(),
            source,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The whole lines, and how many bytes they take.
fn read(file: &mut File) -> io::Result<(Vec<String>, u64)> {
    file.rewind()?;
    let (mut reader, mut lines, mut whole) = (BufReader::new(file), Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        let bytes = reader.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Ok((lines, whole));
        }
        whole += bytes as u64;
        lines.push(String::from_utf8_lossy(&line).into_owned());
    }
}

/// When the exchange began, and its deeds; `new` is the head that it would get now.
fn parsed(path: &Path, texts: &[String], new: &Head) -> Result<(i64, Vec<Line>), HistoryError> {
    let wrong = |index: usize, error: &serde_json::Error| HistoryError::Line {
        path: path.to_owned(),
        line: index + 1,
        reason: error.to_string(),
    };
    let Some((first, rest)) = texts.split_first() else {
        return Ok((new.began, Vec::new()));
    };
    let head: Head = serde_json::from_str(first).map_err(|error| wrong(0, &error))?;
    if (&head.version, &head.configuration) != (&new.version, &new.configuration) {
        return Err(HistoryError::Other(path.to_owned()));
    }
    let lines = rest
        .iter()
        .enumerate()
        .map(|(index, text)| serde_json::from_str(text).map_err(|error| wrong(index + 1, &error)));
    Ok((head.began, lines.collect::<Result<_, _>>()?))
}

/// What decides what the deeds lead to; faults do not, since what they did is a deed.
fn fingerprint(config: &ExchangeConfig) -> String {
    let ExchangeConfig {
        accounts,
        instruments,
        market,
        limits,
        seed,
        faults: _,
        state: _,
    } = config;
    let text = format!("{accounts:?}{instruments:?}{market:?}{limits:?}{seed}");
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests;
