//! Rows from and for another engine.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use sha2::{Digest as _, Sha256};

use crate::domain::Digest;

use super::super::tables::{TABLES, Table};
use super::super::transfer::{Cell, Cells, INDEX_CURSORS, PAGE};
use super::super::{IndexRow, StoreError, StoreResult};
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

    /// The next rows of a table behind `after`, the key columns of the last row that was had.
    pub(in super::super) async fn page(
        &self,
        table: &'static str,
        keys: &'static str,
        after: Option<Cells>,
    ) -> StoreResult<Vec<Cells>> {
        self.read(move |connection| {
            let places = vec!["?"; after.as_ref().map_or(0, Vec::len)].join(", ");
            let behind = after.as_ref().map_or("1".to_owned(), |_| format!("({keys}) > ({places})"));
            let left_out = without_index(table);
            let sql =
                format!("SELECT * FROM {table} WHERE {behind} AND {left_out} ORDER BY {keys} LIMIT {PAGE}");
            let mut statement = connection.prepare_cached(&sql)?;
            let columns = statement.column_count();
            let values = after.into_iter().flatten().map(Value::from);
            let mut rows = statement.query(params_from_iter(values))?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push(cells(row, columns)?);
            }
            Ok(page)
        })
        .await
    }

    /// The digest of each table but the search index, and how many rows all have.
    pub(in super::super) async fn table_digests(&self) -> StoreResult<(Vec<(&'static str, Digest)>, u64)> {
        self.read(|connection| {
            let (mut digests, mut count) = (Vec::new(), 0);
            for Table { name, key, .. } in TABLES {
                let (digest, rows) = table_digest(connection, name, key)?;
                digests.push((*name, digest));
                count += rows;
            }
            Ok((digests, count))
        })
        .await
    }
}

fn without_index(table: &str) -> String {
    if table == "cursors" { format!("name NOT LIKE '{INDEX_CURSORS}'") } else { "1".to_owned() }
}

fn table_digest(connection: &Connection, table: &str, keys: &str) -> StoreResult<(Digest, u64)> {
    let left_out = without_index(table);
    let mut statement =
        connection.prepare(&format!("SELECT * FROM {table} WHERE {left_out} ORDER BY {keys}"))?;
    let columns = statement.column_count();
    let mut rows = statement.query(())?;
    let (mut hash, mut count) = (Sha256::new(), 0);
    while let Some(row) = rows.next()? {
        cells(row, columns)?.iter().for_each(|it| it.digest_into(&mut hash));
        hash.update(b"\n");
        count += 1;
    }
    Ok((hash.finalize().into(), count))
}

fn cells(row: &Row<'_>, columns: usize) -> StoreResult<Cells> {
    let cell = |at| {
        Ok(match row.get::<_, Value>(at)? {
            Value::Null => Cell::Null,
            Value::Integer(it) => Cell::Integer(it),
            Value::Text(it) => Cell::Text(it),
            Value::Blob(it) => Cell::Blob(it),
            Value::Real(_) => return Err(StoreError::Corrupt("a column has an unexpected type")),
        })
    };
    (0..columns).map(cell).collect()
}
