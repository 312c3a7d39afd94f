//! The files of a journal: their names, what is done to all of them, and what they stand on.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tripline_engine::journal::JournalError;

/// The files of one journal, all beside the database. SQLite adds `-wal` and `-shm`.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub database: PathBuf,
    pub head: PathBuf,
    pub lock: PathBuf,
    pub intake: [PathBuf; 2],
}

impl Files {
    pub fn of(database: &Path) -> Self {
        Self {
            database: database.to_owned(),
            head: beside(database, "-head"),
            lock: beside(database, "-lock"),
            intake: [beside(database, "-intake-0"), beside(database, "-intake-1")],
        }
    }

    pub fn wal(&self) -> PathBuf {
        beside(&self.database, "-wal")
    }

    /// How the journal is called in messages.
    pub fn name(&self) -> String {
        self.database.display().to_string()
    }
}

/// The path with something added to its file name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What went wrong with a file, as the journal's error.
pub(super) fn failed(doing: &'static str, path: &Path, error: &io::Error) -> JournalError {
    let path = path.display().to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            JournalError::Full { doing, path }
        }
        _ => JournalError::Io {
            doing,
            path,
            reason: error.to_string(),
        },
    }
}

/// Makes the names in the file's folder durable.
///
/// # Errors
/// [`JournalError::Io`].
pub(super) fn sync_folder(path: &Path) -> Result<(), JournalError> {
    let folder = folder_of(path);
    File::open(&folder)
        .and_then(|file| file.sync_all())
        .map_err(|error| failed("syncing the folder", &folder, &error))
}

/// Writes a new file with this content, durable but for its name.
///
/// # Errors
/// [`JournalError::Io`] or [`JournalError::Full`].
pub(super) fn create(path: &Path, content: &[u8]) -> Result<(), JournalError> {
    File::create(path)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .map_err(|error| failed("creating", path, &error))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Why the file system under the journal is no good place for one, if it is not.
pub(super) fn doubt_about_place(path: &Path) -> Option<String> {
    let folder = fs::canonicalize(folder_of(path)).ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let kind = file_system(&mounts, &folder)?;
    let reason = match kind {
        "tmpfs" | "ramfs" => "it is forgotten when the machine restarts",
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "ceph" | "fuse.sshfs" => {
            "locks and syncs over a network do not keep what a journal needs"
        }
        _ => return None,
    };
    Some(format!("{} is on {kind}: {reason}", path.display()))
}

/// The kind of the file system that holds the folder, by the table of mounts (`proc(5)`, mountinfo).
fn file_system<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        // Blanks in paths are written as \040.
        let place = left.split(' ').nth(4)?.replace("\\040", " ");
        let kind = right.split(' ').next()?;
        folder.starts_with(&place).then_some((place.len(), kind))
    });
    // Of two mounts on one place the later one is seen.
    mounts
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount() {
        let mounts = "\
22 1 0:5 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:9 / /mnt/with\\040blank rw shared:2 master:3 - nfs4 host:/x rw
31 22 0:7 / /dev/shm rw - tmpfs tmpfs rw
";
        let kind = |folder| file_system(mounts, Path::new(folder));
        assert_eq!(kind("/home/me"), Some("ext4"));
        assert_eq!(kind("/dev/shm/a"), Some("tmpfs"));
        assert_eq!(kind("/dev/shmx"), Some("ext4"));
        assert_eq!(kind("/mnt/with blank"), Some("nfs4"));
    }
}
