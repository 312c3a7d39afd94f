//! The database: SQLite in WAL mode, written by one connection only. Each commit is synced, so that what
//! is committed survives a power failure; it happens off the way of orders.

mod check;
mod index;
mod rows;
mod snapshot;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tripline_engine::journal::{Damage, JournalError, Sequence};

use super::files::{beside, failed, sync_folder};

/// "Trip" in the header of the database.
const APPLICATION: i32 = 0x5472_6970;
/// The version of the schema.
pub(super) const FORMAT: i32 = 1;

const SCHEMA: &str = include_str!("schema.sql");

/// How long a lock of another program is waited for.
const BUSY: Duration = Duration::from_secs(1);

pub(super) use snapshot::Snapshot;

/// When a commit is brought to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Synchronous {
    /// Before it returns.
    Full,
    /// When the system does: for simulations.
    Normal,
}

pub(super) struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Makes an empty database under a name of its own, and gives it its place when it is whole.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn create(path: &Path) -> Result<(), JournalError> {
        let new = beside(path, "-new");
        for suffix in ["", "-wal", "-shm"] {
            let stale = beside(&new, suffix);
            match fs::remove_file(&stale) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed("removing", &stale, &error));
                }
                _ => {}
            }
        }
        let make = || {
            let connection = Connection::open(&new)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "application_id", APPLICATION)?;
            connection.pragma_update(None, "user_version", FORMAT)?;
            connection.execute_batch(&format!("BEGIN;\n{SCHEMA}COMMIT;"))?;
            connection.close().map_err(|(_, error)| error)
        };
        make().map_err(|error| sqlite_error("creating", path, &error))?;
        fs::File::open(&new)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&new, path))
            .map_err(|error| failed("creating", path, &error))?;
        sync_folder(path)
    }

    /// Opens a database that is there, to write to it.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(path: &Path, synchronous: Synchronous) -> Result<Self, JournalError> {
        let store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let mode = store
            .connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        let mode = mode.map_err(|error| store.failed("opening", &error))?;
        if mode != "wal" {
            let found = format!("it keeps its changes by '{mode}', not in a WAL");
            return Err(store.damaged(Damage::Database(found)));
        }
        let synchronous = match synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        };
        let synced = store
            .connection
            .pragma_update(None, "synchronous", synchronous);
        synced.map_err(|error| store.failed("opening", &error))?;
        store
            .check_schema()
            .map_err(|damage| store.damaged(damage))?;
        Ok(store)
    }

    /// Opens a database that is there, without changing anything, also while an engine writes to it.
    ///
    /// # Errors
    /// [`JournalError`]. The schema is not looked at.
    pub fn open_to_read(path: &Path) -> Result<Self, JournalError> {
        Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, JournalError> {
        let open = || {
            let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY)?;
            // A hostile file is not to run anything.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.pragma_update(None, "cell_size_check", true)?;
            let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
            let (application, format) = (number("application_id")?, number("user_version")?);
            Ok((connection, application, format))
        };
        let (connection, application, format): (_, i64, i64) =
            open().map_err(|error| sqlite_error("opening", path, &error))?;
        let name = path.display().to_string();
        if application != i64::from(APPLICATION) {
            return Err(JournalError::Foreign {
                path: name,
                reason: format!("its application id is {application:#x}, not {APPLICATION:#x}"),
            });
        }
        if format > i64::from(FORMAT) {
            return Err(JournalError::Newer {
                path: name,
                found: format,
                known: i64::from(FORMAT),
            });
        }
        if format < i64::from(FORMAT) {
            return Err(JournalError::Foreign {
                path: name,
                reason: format!("its format is {format}, which no engine has written"),
            });
        }
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// Moves everything from the WAL into the database and closes it.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn close(self) -> Result<(), JournalError> {
        let path = self.path;
        let closed = self.connection.close();
        closed.map_err(|(_, error)| sqlite_error("closing", &path, &error))
    }

    fn failed(&self, doing: &'static str, error: &rusqlite::Error) -> JournalError {
        sqlite_error(doing, &self.path, error)
    }

    fn damaged(&self, damage: Damage) -> JournalError {
        JournalError::Damaged {
            path: self.path.display().to_string(),
            damage,
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn unreadable(error: rusqlite::Error) -> Damage {
    Damage::Database(error.to_string())
}

/// What SQLite says, as the journal's error.
fn sqlite_error(doing: &'static str, path: &Path, error: &rusqlite::Error) -> JournalError {
    use rusqlite::ErrorCode as Code;
    let path = path.display().to_string();
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(Code::DiskFull) => JournalError::Full { doing, path },
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => JournalError::Locked { path, reason },
        Some(Code::NotADatabase) => JournalError::Foreign { path, reason },
        Some(Code::DatabaseCorrupt) => JournalError::Damaged {
            path,
            damage: Damage::Database(reason),
        },
        _ => JournalError::Io {
            doing,
            path,
            reason,
        },
    }
}

/// SQLite's integers are signed; a journal never has 2^63 records.
pub(super) fn integer(sequence: Sequence) -> i64 {
    i64::try_from(sequence.0).unwrap_or(i64::MAX)
}
