//! Reading a journal for people and scripts, without changing it, also beside a running engine. The chain
//! is checked along the way.

use std::path::Path;

use tripline_engine::journal::{Damage, JournalError, JournalRecord, Sequence};
use tripline_engine::time::Timestamp;

use super::chain::{Link, Row, decode, hex};
use super::files::Files;
use super::intake::content;
use super::lock::Lock;
use super::recover::check_overlap;
use super::store::Store;

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub sequence: Sequence,
    pub at: Timestamp,
    pub version: u16,
    pub kind: String,
    /// JSON.
    pub payload: String,
    /// SHA-256 in hexadecimal.
    pub hash: String,
}

impl Entry {
    /// What was written down.
    ///
    /// # Errors
    /// [`Damage::Unreadable`], such as for a record of a newer engine.
    pub fn record(&self) -> Result<JournalRecord, Damage> {
        decode(self.sequence, self.version, &self.kind, &self.payload)
    }
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        Self {
            sequence: row.sequence,
            at: row.at,
            version: row.version,
            kind: row.kind,
            payload: row.payload,
            hash: hex(&row.hash),
        }
    }
}

/// An open journal, to be read.
pub struct Reader {
    files: Files,
    store: Store,
}

impl Reader {
    /// # Errors
    /// [`JournalError`]: no file, a file of something else, a newer journal, a damaged one.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let files = Files::of(path);
        let store = Store::open_to_read(path)?;
        store
            .check_schema()
            .map_err(|damage| JournalError::Damaged {
                path: files.name(),
                damage,
            })?;
        Ok(Self { files, store })
    }

    /// The last record that is stored.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn stored(&self) -> Result<Sequence, Damage> {
        self.store.last_sequence()
    }

    /// The last record, whether it is stored or still in the intake.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn last(&self) -> Result<Sequence, Damage> {
        let contents = content::read(&self.files, Lock::is_held(&self.files));
        let waiting = contents.iter().map(|content| content.end().sequence);
        Ok(waiting.fold(self.stored()?, Sequence::max))
    }

    /// Gives the records from `from` to `to` in their order.
    ///
    /// # Errors
    /// [`Damage`] at the first that cannot be trusted, or what `take` returned.
    pub fn each<E: From<Damage>>(
        &self,
        from: Sequence,
        to: Sequence,
        mut take: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        // The intake first: what is stored meanwhile is then in both.
        let contents = content::read(&self.files, Lock::is_held(&self.files));
        let held = self.store.hold()?;
        let from = from.max(Sequence(1));
        let mut end = self.link(Sequence(from.0 - 1))?;
        self.store.each(from, to, |row| {
            row.check(&end)?;
            end = row.link();
            take(row.into())
        })?;
        let mut end = self.link(self.stored()?)?;
        for content in contents {
            check_overlap(&self.store, &content, &end)?;
            for row in content.rows {
                if row.sequence <= end.sequence {
                    continue;
                }
                end = row.link();
                if (from..=to).contains(&row.sequence) {
                    take(row.into())?;
                }
            }
            if let Some(damage) = content.damage {
                return Err(damage.into());
            }
        }
        drop(held);
        Ok(())
    }

    /// The chain's end with a record. What is not there is missed by the one after it.
    fn link(&self, sequence: Sequence) -> Result<Link, Damage> {
        let row = self.store.row(sequence)?;
        Ok(row.map_or(Link::START, |row| row.link()))
    }
}
