//! `tripline inspect`: rebuilds books, checks trades and makes klines from recordings, and tells what it
//! finds. Lines `<local time in ns> <frame>`, with the REST depth snapshot as one of them; several files
//! are one recording. No content makes it fail: what cannot be read is counted.

mod inspector;
mod oracle;
pub mod report;
mod symbol;
mod text;

use std::io::{self, Write};
use std::path::PathBuf;

use thiserror::Error;
use tripline_actors::recording::{Entry, Recording, RecordingError};

pub use inspector::Inspector;
pub use report::Report;

/// Why an inspection ended early.
#[derive(Debug, Error)]
pub enum InspectError {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error("cannot write the report: {0}")]
    Output(#[from] io::Error),
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Inspects the files as one recording and writes the report, for a person or as one JSON object.
///
/// # Errors
/// [`InspectError`] when a file cannot be opened or `out` fails.
pub fn run(files: &[PathBuf], json: bool, out: &mut dyn Write) -> Result<(), InspectError> {
    let report = inspect(files)?;
    if json {
        serde_json::to_writer_pretty(&mut *out, &report)?;
        writeln!(out)?;
    } else {
        text::write(&report, out)?;
    }
    out.flush()?;
    Ok(())
}

/// Inspects the files as one recording.
///
/// # Errors
/// [`RecordingError`] when a file cannot be opened.
pub fn inspect(files: &[PathBuf]) -> Result<Report, RecordingError> {
    let name = |path: &PathBuf| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let mut inspector = Inspector::new(files.iter().map(name).collect());
    let mut recording = Recording::new(files);
    while let Some(entry) = recording.next_entry()? {
        match entry {
            Entry::Line(line) => inspector.line(&line),
            Entry::Bad(bad) => inspector.bad_line(bad.number, bad.reason.to_string()),
            Entry::Cut(cut) => inspector.damaged(&cut),
        }
    }
    Ok(inspector.report())
}

#[cfg(test)]
mod tests;
