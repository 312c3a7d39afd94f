//! One of the two files of the intake. Its size never changes and what was not written is zero, so that
//! a removed end and an altered byte are seen. It begins with a header that tells what it is used for.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tripline_engine::journal::{JournalError, Sequence};

use super::super::chain::{Link, digest};
use super::super::files::{beside, failed};

const MAGIC: &[u8; 16] = b"tripline-intake\n";
/// The format of the intake.
const FORMAT: u32 = 1;
/// Records begin here.
pub(in super::super) const HEADER: usize = 128;
/// What the check covers: magic, format, use, sequence, hash and size.
const CHECKED: usize = 16 + 4 + 4 + 8 + 32 + 8;

/// What a segment is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Use {
    /// Nothing; zeros follow.
    Empty,
    /// Records follow; the first is the one after this.
    After(Link),
    /// Its records are in the database; it is being emptied, and what follows means nothing.
    Stored,
}

impl Use {
    /// The header of a segment of this size.
    pub fn header(self, size: usize) -> [u8; HEADER] {
        let (word, link) = match self {
            Self::Empty => (0u32, Link::START),
            Self::After(link) => (1, link),
            Self::Stored => (2, Link::START),
        };
        let mut bytes = [0; HEADER];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&FORMAT.to_be_bytes());
        bytes[20..24].copy_from_slice(&word.to_be_bytes());
        bytes[24..32].copy_from_slice(&link.sequence.0.to_be_bytes());
        bytes[32..64].copy_from_slice(&link.hash);
        bytes[64..72].copy_from_slice(&(size as u64).to_be_bytes());
        let check = digest(&[&bytes[..CHECKED]]);
        bytes[CHECKED..CHECKED + 32].copy_from_slice(&check);
        bytes
    }

    /// What the header of a whole segment says; `None` when it is not one that this engine writes for a
    /// segment of this size.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Self::of(bytes, bytes.len())
    }

    fn of(bytes: &[u8], size: usize) -> Option<Self> {
        let mut link = Link::START;
        link.sequence = Sequence(u64::from_be_bytes(bytes.get(24..32)?.try_into().ok()?));
        link.hash.copy_from_slice(bytes.get(32..64)?);
        let uses = [Self::Empty, Self::After(link), Self::Stored];
        let header = bytes.get(..HEADER)?;
        uses.into_iter().find(|used| used.header(size) == header)
    }
}

/// A segment that is open for writing.
#[derive(Debug)]
pub(in super::super) struct Segment {
    pub file: File,
    pub path: PathBuf,
    pub size: usize,
}

impl Segment {
    /// Makes an empty one, in the place of one that may be there.
    ///
    /// # Errors
    /// [`JournalError::Io`] or [`JournalError::Full`].
    pub fn create(path: &Path, size: usize) -> Result<Self, JournalError> {
        let new = beside(path, "-new");
        let file = File::create(&new).and_then(|file| {
            file.write_all_at(&Use::Empty.header(size), 0)?;
            file.set_len(size as u64)?;
            Ok(file)
        });
        let file = file.map_err(|error| failed("creating", &new, &error))?;
        let segment = Self {
            file,
            path: path.to_owned(),
            size,
        };
        segment.zero()?;
        segment.sync()?;
        fs::rename(&new, path).map_err(|error| failed("creating", path, &error))?;
        Self::open(path)
    }

    /// # Errors
    /// [`JournalError::Io`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let opened = File::options().read(true).write(true).open(path);
        let opened = opened.and_then(|file| {
            let size = usize::try_from(file.metadata()?.len()).map_err(std::io::Error::other)?;
            Ok(Self {
                file,
                path: path.to_owned(),
                size,
            })
        });
        opened.map_err(|error| failed("opening", path, &error))
    }

    /// The same file, to be read from another thread.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn share(&self) -> Result<Self, JournalError> {
        match self.file.try_clone() {
            Ok(file) => Ok(Self {
                file,
                path: self.path.clone(),
                size: self.size,
            }),
            Err(error) => Err(failed("opening", &self.path, &error)),
        }
    }

    /// Writes with one call.
    ///
    /// # Errors
    /// [`JournalError::Io`] or [`JournalError::Full`].
    pub fn write(&self, bytes: &[u8], at: usize) -> Result<(), JournalError> {
        let reason = match self.file.write_at(bytes, at as u64) {
            Ok(written) if written == bytes.len() => return Ok(()),
            Ok(written) => std::io::Error::other(format!(
                "only {written} of {} bytes were taken",
                bytes.len()
            )),
            Err(error) => error,
        };
        Err(failed("writing", &self.path, &reason))
    }

    /// # Errors
    /// [`JournalError::Io`].
    pub fn read(&self, bytes: &mut [u8], at: usize) -> Result<(), JournalError> {
        self.file
            .read_exact_at(bytes, at as u64)
            .map_err(|error| failed("reading", &self.path, &error))
    }

    /// Brings what was written to the disk.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn sync(&self) -> Result<(), JournalError> {
        self.file
            .sync_data()
            .map_err(|error| failed("syncing", &self.path, &error))
    }

    /// Empties it for its next use. Its records are in the database. Each step is synced before the next,
    /// so that a power failure leaves one of the three uses and never a mixture.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn empty(&self) -> Result<(), JournalError> {
        self.write(&Use::Stored.header(self.size), 0)?;
        self.sync()?;
        self.zero()?;
        self.sync()?;
        self.write(&Use::Empty.header(self.size), 0)
    }

    /// Makes everything behind the header zero. Page by page: larger writes have the system keep the file
    /// in large pieces, and each small write into one of those takes three times as long.
    fn zero(&self) -> Result<(), JournalError> {
        const PAGE: &[u8] = &[0; 4096];
        let mut at = HEADER;
        while at < self.size {
            let length = (PAGE.len() - at % PAGE.len()).min(self.size - at);
            self.write(&PAGE[..length], at)?;
            at += length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_any_altered_byte_makes_it_unreadable() {
        let link = Link::START.with(b"x");
        for used in [Use::Empty, Use::After(link), Use::Stored] {
            let header = used.header(4096);
            assert_eq!(Use::of(&header, 4096), Some(used));
            assert_eq!(Use::of(&header, 4095), None);
            for at in 0..HEADER {
                let mut bytes = header;
                bytes[at] ^= 0x10;
                assert_eq!(Use::of(&bytes, 4096), None, "byte {at}");
            }
        }
    }
}
