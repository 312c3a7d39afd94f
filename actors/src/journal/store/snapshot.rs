//! What the records add up to, stored so that a start need not read them all.

use rusqlite::{OptionalExtension, params};
use tripline_engine::journal::{Damage, JournalError, JournalState, STATE_VERSION, Sequence};

use super::super::chain::{Hash, Link, digest};
use super::{Store, integer, unreadable};

/// A state as it is stored.
pub(in super::super) struct Snapshot {
    /// The last record that is in it.
    pub covers: Sequence,
    version: u16,
    /// JSON.
    text: String,
    hash: Vec<u8>,
}

impl Snapshot {
    /// The state; `None` when it is of another engine, whose fold may differ.
    ///
    /// # Errors
    /// [`Damage::Snapshot`] when it is not what was stored with the record that has this hash.
    pub fn state(&self, chain: &Hash) -> Result<Option<JournalState>, Damage> {
        let wrong = |reason| Damage::Snapshot {
            covers: self.covers,
            reason,
        };
        if digest(&[chain, self.text.as_bytes()])[..] != self.hash {
            return Err(wrong("it does not match its hash".into()));
        }
        if self.version != STATE_VERSION {
            return Ok(None);
        }
        let state = serde_json::from_str(&self.text);
        state.map(Some).map_err(|error| wrong(error.to_string()))
    }
}

impl Store {
    /// # Errors
    /// [`Damage::Database`].
    pub fn snapshot(&self) -> Result<Option<Snapshot>, Damage> {
        let sql = "SELECT covers, version, state, hash FROM snapshot ORDER BY covers DESC LIMIT 1";
        let found = self.connection.query_row(sql, [], |row| {
            let covers: i64 = row.get(0)?;
            Ok(Snapshot {
                covers: Sequence(u64::try_from(covers).unwrap_or(0)),
                version: row.get(1)?,
                text: row.get(2)?,
                hash: row.get(3)?,
            })
        });
        found.optional().map_err(unreadable)
    }

    /// Stores what the records up to `end` add up to, in the place of an earlier snapshot.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn keep(&self, end: &Link, state: &JournalState) -> Result<(), JournalError> {
        let text = serde_json::to_string(state).map_err(|error| JournalError::Unwritable {
            reason: error.to_string(),
        })?;
        let hash = digest(&[&end.hash, text.as_bytes()]);
        let store = || {
            let transaction = self.connection.unchecked_transaction()?;
            transaction.execute("DELETE FROM snapshot", [])?;
            transaction.execute(
                "INSERT INTO snapshot (covers, version, state, hash) VALUES (?1, ?2, ?3, ?4)",
                params![integer(end.sequence), STATE_VERSION, text, &hash[..]],
            )?;
            transaction.commit()
        };
        store().map_err(|error| self.failed("storing a snapshot in", &error))
    }
}
