//! One engine at a time: a lock on a file beside the database. It ends with the process that holds it.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};

use tripline_engine::journal::JournalError;

use super::files::{Files, failed};

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
        let mut file = options.map_err(failing)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::InUse {
                    path: files.name(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failing(error)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "process {}", std::process::id()));
        written.map_err(failing)?;
        Ok(Self { _file: file })
    }

    /// Whether an engine holds the journal now.
    pub fn is_held(files: &Files) -> bool {
        File::open(&files.lock)
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(64).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "an unknown process".to_owned(),
    }
}
