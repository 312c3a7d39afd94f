//! One engine at a time: a lock on a file beside the database. It ends with the process that holds it.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use tripline_engine::journal::JournalError;

use super::files::{Files, failed};

/// Bytes of the file that name the process.
const HOLDER: usize = 64;
/// Bytes of the file that tell how the journal failed. The file is written whole when it is made, so that a
/// failure can be noted on a disk that is full.
const NOTE: usize = 448;

/// Holds the journal for this process until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// # Errors
    /// [`JournalError::InUse`] when another engine holds the journal.
    pub fn take(files: &Files) -> Result<Self, JournalError> {
        let failing = |error| failed("locking", &files.lock, &error);
        let options = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&files.lock);
        let file = options.map_err(failing)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::InUse {
                    path: files.name(),
                    holder: holder(&file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failing(error)),
        }
        let is_whole = file.metadata().map_err(failing)?.len() == (HOLDER + NOTE) as u64;
        if !is_whole {
            write_padded::<{ HOLDER + NOTE }>(&file, "", 0).map_err(failing)?;
        }
        let holder = format!("process {}\n", std::process::id());
        write_padded::<HOLDER>(&file, &holder, 0).map_err(failing)?;
        Ok(Self { _file: file })
    }

    /// Whether an engine holds the journal now.
    pub fn is_held(files: &Files) -> bool {
        File::open(&files.lock)
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

fn holder(file: &File) -> String {
    match read_padded::<HOLDER>(file, 0) {
        Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "an unknown process".to_owned(),
    }
}

/// Keeps, beside a journal that cannot be appended to, how it failed: its halt would be forgotten otherwise.
#[derive(Debug)]
pub(super) struct FailureNote {
    file: File,
    /// Of several failures the first one is the cause.
    is_written: Mutex<bool>,
}

impl FailureNote {
    /// The note of a locked journal, and what an earlier run has left in it.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn open(files: &Files) -> Result<(Self, Option<String>), JournalError> {
        let failing = |error| failed("reading the failure note of", &files.lock, &error);
        let file = File::options().read(true).write(true).open(&files.lock);
        let file = file.map_err(failing)?;
        let text = read_padded::<NOTE>(&file, HOLDER).map_err(failing)?;
        let note = Self {
            file,
            is_written: Mutex::new(!text.is_empty()),
        };
        Ok((note, Some(text).filter(|text| !text.is_empty())))
    }

    pub fn write(&self, failure: &JournalError) {
        let mut is_written = super::appender::lock(&self.is_written);
        if std::mem::replace(&mut *is_written, true) {
            return;
        }
        let text = failure.to_string();
        if let Err(error) = write_padded::<NOTE>(&self.file, &text, HOLDER) {
            log::error!(actor = "journal"; "the failure is not noted for the next start: {error}");
        }
    }

    /// # Errors
    /// [`io::Error`].
    pub fn forget(&self) -> io::Result<()> {
        let mut is_written = super::appender::lock(&self.is_written);
        write_padded::<NOTE>(&self.file, "", HOLDER)?;
        *is_written = false;
        Ok(())
    }
}

/// Writes `SIZE` bytes at once: the text, cut where it is longer, and zeros.
fn write_padded<const SIZE: usize>(file: &File, text: &str, at: usize) -> io::Result<()> {
    let mut bytes = [0; SIZE];
    let fits = |end: &usize| text.is_char_boundary(*end);
    let length = (0..=text.len().min(SIZE)).rfind(fits).unwrap_or_default();
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    file.write_all_at(&bytes, at as u64)
}

fn read_padded<const SIZE: usize>(file: &File, at: usize) -> io::Result<String> {
    let mut bytes = [0; SIZE];
    let length = file.read_at(&mut bytes, at as u64)?;
    let text = bytes[..length].split(|byte| *byte == 0).next();
    Ok(String::from_utf8_lossy(text.unwrap_or_default()).into_owned())
}
