//! The head file: the last record that is safe in the database, and its hash. It exposes a tail that was
//! removed from the database. One line of fixed length, written in place: on a power failure it is the
//! old one or the new one, and behind the database either way.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tripline_engine::journal::{Damage, JournalError, Sequence};

use super::chain::{Hash, Link, digest, hex};
use super::files::{create, failed};

const TITLE: &str = "tripline-journal-head 1";

#[derive(Debug)]
pub(super) struct Head {
    file: File,
    path: PathBuf,
}

impl Head {
    /// Makes the file of an empty journal.
    ///
    /// # Errors
    /// [`JournalError::Io`] or [`JournalError::Full`].
    pub fn create(path: &Path) -> Result<(), JournalError> {
        create(path, line(&Link::START).as_bytes())
    }

    /// # Errors
    /// [`JournalError::Io`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        match File::options().write(true).open(path) {
            Ok(file) => Ok(Self {
                file,
                path: path.to_owned(),
            }),
            Err(error) => Err(failed("opening", path, &error)),
        }
    }

    /// # Errors
    /// [`JournalError::Io`] or [`JournalError::Full`].
    pub fn write(&self, link: &Link) -> Result<(), JournalError> {
        self.file
            .write_all_at(line(link).as_bytes(), 0)
            .map_err(|error| failed("writing", &self.path, &error))
    }

    /// What a head file says.
    ///
    /// # Errors
    /// [`Damage::HeadMissing`] or [`Damage::HeadUnreadable`].
    pub fn read(path: &Path) -> Result<Link, Damage> {
        match fs::read(path) {
            Ok(bytes) => parse(&bytes).ok_or_else(|| {
                Damage::HeadUnreadable("its line is not the one that the engine writes".into())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Damage::HeadMissing),
            Err(error) => Err(Damage::HeadUnreadable(error.to_string())),
        }
    }
}

/// `<title> <sequence, 20 digits> <hash> <hash of the line so far>`.
fn line(link: &Link) -> String {
    let start = format!("{TITLE} {:020} {}", link.sequence.0, hex(&link.hash));
    let check = hex(&digest(&[start.as_bytes()]));
    format!("{start} {check}\n")
}

fn parse(bytes: &[u8]) -> Option<Link> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut words = text.strip_prefix(TITLE)?.split_ascii_whitespace();
    let sequence = words.next()?.parse().ok()?;
    let link = Link {
        sequence: Sequence(sequence),
        hash: unhex(words.next()?)?,
    };
    // Only what this engine writes is taken, to the byte.
    (line(&link) == text).then_some(link)
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_any_altered_byte_makes_it_unreadable() {
        let link = Link {
            sequence: Sequence(42),
            hash: digest(&[b"x"]),
        };
        let written = line(&link);
        assert_eq!(parse(written.as_bytes()), Some(link));
        for at in 0..written.len() {
            let mut bytes = written.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(parse(&bytes), None, "byte {at}");
        }
    }
}
