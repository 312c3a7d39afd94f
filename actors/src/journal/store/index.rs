//! What orders and fills are found by.

use rusqlite::{OptionalExtension, Transaction, params};
use tripline_engine::journal::{Damage, JournalError, JournalRecord, Sequence};

use super::{Store, unreadable};

impl Store {
    /// The record under which an order's intent is found, and the one of a fill.
    ///
    /// # Errors
    /// [`Damage::Database`].
    pub fn indexed(&self, content: &JournalRecord) -> Result<Option<Sequence>, Damage> {
        let find = |sql, keys: &[&dyn rusqlite::ToSql]| {
            let found = self
                .connection
                .query_row(sql, keys, |row| row.get::<_, i64>(0));
            found.optional()
        };
        let found = match content {
            JournalRecord::Intent(intent) => find(
                "SELECT sequence FROM intent WHERE client_order_id = ?1",
                &[&intent.id.as_str()],
            ),
            JournalRecord::Filled(filled) => find(
                "SELECT sequence FROM fill WHERE venue = ?1 AND symbol = ?2 AND trade_id = ?3 AND side = ?4",
                &[
                    &filled.venue.as_str(),
                    &filled.symbol.as_str(),
                    &filled.fill.trade_id.to_string(),
                    &filled.side.as_str(),
                ],
            ),
            _ => return Ok(None),
        };
        let found = found.map_err(unreadable)?;
        Ok(found.map(|sequence| Sequence(u64::try_from(sequence).unwrap_or(0))))
    }
}

/// Enters what a record is found by.
pub(super) fn enter(
    transaction: &Transaction<'_>,
    sequence: i64,
    content: &JournalRecord,
) -> rusqlite::Result<Option<JournalError>> {
    match content {
        JournalRecord::Intent(intent) => {
            let entered = transaction.execute(
                "INSERT INTO intent (client_order_id, sequence) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![intent.id.as_str(), sequence],
            )?;
            Ok((entered == 0).then_some(JournalError::NotNew { id: intent.id }))
        }
        JournalRecord::Filled(filled) => {
            transaction.execute(
                "INSERT INTO fill (venue, symbol, trade_id, side, client_order_id, sequence) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                params![
                    filled.venue.as_str(),
                    filled.symbol.as_str(),
                    filled.fill.trade_id.to_string(),
                    filled.side.as_str(),
                    filled.id.as_str(),
                    sequence
                ],
            )?;
            Ok(None)
        }
        _ => Ok(None),
    }
}
