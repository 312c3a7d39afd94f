//! Reading and storing records.

use rusqlite::params;
use tripline_engine::journal::{Damage, JournalError, JournalRecord, Sequence};
use tripline_engine::time::Timestamp;

use super::super::chain::Row;
use super::{Store, index, integer, unreadable};

impl Store {
    /// The highest sequence; zero without records.
    ///
    /// # Errors
    /// [`Damage::Database`].
    pub fn last_sequence(&self) -> Result<Sequence, Damage> {
        let last = self
            .connection
            .query_row("SELECT max(sequence) FROM record", [], |row| {
                row.get::<_, Option<i64>>(0)
            });
        let last = last.map_err(unreadable)?.unwrap_or(0);
        // A negative sequence is found, and told, when the records are read.
        Ok(Sequence(u64::try_from(last).unwrap_or(0)))
    }

    /// Reads the records from `from` to `to`, in their order.
    ///
    /// # Errors
    /// [`Damage`], or what `take` returned.
    pub fn each<E: From<Damage>>(
        &self,
        from: Sequence,
        to: Sequence,
        mut take: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let damaged = |error| E::from(unreadable(error));
        let mut statement = self
            .connection
            .prepare(
                "SELECT sequence, at, version, kind, payload, hash FROM record \
                 WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence",
            )
            .map_err(damaged)?;
        let mut rows = statement
            .query(params![integer(from), integer(to)])
            .map_err(damaged)?;
        while let Some(row) = rows.next().map_err(damaged)? {
            take(read_row(row)?)?;
        }
        Ok(())
    }

    /// One record.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn row(&self, sequence: Sequence) -> Result<Option<Row>, Damage> {
        let mut found = None;
        self.each(sequence, sequence, |row| {
            found = Some(row);
            Ok::<_, Damage>(())
        })?;
        Ok(found)
    }

    /// Stores records and what they are found by, all or none. Gives the first intent whose client order
    /// id was there before.
    ///
    /// # Errors
    /// [`JournalError`]; nothing is tried again.
    pub fn insert(
        &self,
        records: &[(Row, JournalRecord)],
    ) -> Result<Option<JournalError>, JournalError> {
        let insert = || {
            let transaction = self.connection.unchecked_transaction()?;
            let mut twice = None;
            {
                let mut record = transaction.prepare(
                    "INSERT INTO record (sequence, at, version, kind, payload, hash) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?;
                for (row, content) in records {
                    let sequence = integer(row.sequence);
                    record.execute(params![
                        sequence,
                        row.at.as_nanos(),
                        row.version,
                        row.kind,
                        row.payload,
                        &row.hash[..]
                    ])?;
                    twice = twice.or(index::enter(&transaction, sequence, content)?);
                }
            }
            transaction.commit()?;
            Ok(twice)
        };
        insert().map_err(|error| self.failed("storing records in", &error))
    }
}

fn read_row(row: &rusqlite::Row<'_>) -> Result<Row, Damage> {
    let sequence: i64 = row.get(0).map_err(unreadable)?;
    let broken = |reason: String| Damage::Unreadable {
        sequence: Sequence(u64::try_from(sequence).unwrap_or(0)),
        reason,
    };
    let read = || {
        let hash: Vec<u8> = row.get(5)?;
        Ok((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, hash))
    };
    let (at, version, kind, payload, hash) =
        read().map_err(|error: rusqlite::Error| broken(error.to_string()))?;
    Ok(Row {
        sequence: u64::try_from(sequence)
            .map(Sequence)
            .map_err(|_| broken(format!("its sequence is {sequence}")))?,
        at: Timestamp::from_nanos(at),
        version,
        kind,
        payload,
        hash: hash
            .try_into()
            .map_err(|_| broken("its hash has not 32 bytes".into()))?,
    })
}
