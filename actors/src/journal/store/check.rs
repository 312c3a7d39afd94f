//! Checks of the database itself.

use rusqlite::{Connection, Transaction};
use tripline_engine::journal::Damage;

use super::{SCHEMA, Store, unreadable};

impl Store {
    /// Checks that tables and triggers are exactly the journal's.
    ///
    /// # Errors
    /// [`Damage::Schema`] or [`Damage::Database`].
    pub fn check_schema(&self) -> Result<(), Damage> {
        let objects = |connection: &Connection| {
            let mut statement = connection.prepare(
                "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY name",
            )?;
            let rows = statement.query_map([], |row| {
                Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
            })?;
            rows.collect::<Result<Vec<[String; 4]>, _>>()
        };
        let wanted = Connection::open_in_memory().and_then(|memory| {
            memory.execute_batch(SCHEMA)?;
            objects(&memory)
        });
        let (found, wanted) = (
            objects(&self.connection).map_err(unreadable)?,
            wanted.map_err(unreadable)?,
        );
        let differs = found.iter().find(|object| !wanted.contains(object));
        let missing = wanted.iter().find(|object| !found.contains(object));
        match (differs, missing) {
            (Some([kind, name, ..]), _) => Err(Damage::Schema(format!("{kind} {name} differs"))),
            (None, Some([kind, name, ..])) => {
                Err(Damage::Schema(format!("{kind} {name} is missing")))
            }
            (None, None) => Ok(()),
        }
    }

    /// SQLite's own check of pages, indexes and column types. Gives what it found.
    ///
    /// # Errors
    /// [`Damage::Database`].
    pub fn check_integrity(&self) -> Result<Vec<String>, Damage> {
        let mut statement = self
            .connection
            .prepare("PRAGMA integrity_check")
            .map_err(unreadable)?;
        let found = statement
            .query_map([], |row| row.get::<_, String>(0))
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(unreadable)?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Begins to read one state of the database, whatever is written meanwhile, until it is dropped.
    ///
    /// # Errors
    /// [`Damage::Database`].
    pub fn hold(&self) -> Result<Transaction<'_>, Damage> {
        let held = self
            .connection
            .unchecked_transaction()
            .map_err(unreadable)?;
        // The state is chosen by the first read.
        self.last_sequence()?;
        Ok(held)
    }

    /// How many entries an index has.
    ///
    /// # Errors
    /// [`Damage::Database`].
    pub fn count(&self, table: &'static str) -> Result<u64, Damage> {
        let count =
            self.connection
                .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                    row.get(0)
                });
        count
            .map(|count: i64| count.unsigned_abs())
            .map_err(unreadable)
    }
}

#[cfg(test)]
impl Store {
    /// As if the disk had no room for more pages.
    pub fn limit_pages(&self, pages: u32) {
        self.connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
    }
}
