//! Rows from and for another engine.

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::super::transfer::{Cell, Cells};
use super::super::{IndexRow, StoreResult};
use super::{SqliteStore, search};

impl From<Cell> for Value {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Integer(it) => Self::Integer(it),
            Cell::Text(it) => Self::Text(it),
            Cell::Blob(it) => Self::Blob(it),
        }
    }
}

impl SqliteStore {
    /// Adds rows to a table as they are.
    pub(in super::super) async fn put_rows(&self, table: &'static str, rows: Vec<Cells>) -> StoreResult<()> {
        let Some(columns) = rows.first().map(Vec::len) else {
            return Ok(());
        };
        self.writer()?
            .change(true, move |transaction| {
                let places = vec!["?"; columns].join(", ");
                let mut statement =
                    transaction.prepare_cached(&format!("INSERT INTO {table} VALUES ({places})"))?;
                for row in rows {
                    statement.execute(params_from_iter(row.into_iter().map(Value::from)))?;
                }
                Ok(())
            })
            .await
    }

    /// Adds words to the search index, without moving its follower.
    pub(in super::super) async fn put_words(&self, rows: Vec<IndexRow>) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                for row in &rows {
                    search::put(transaction, row)?;
                }
                Ok(())
            })
            .await
    }
}
