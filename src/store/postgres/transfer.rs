//! A copy of everything in a new SQLite file, out of one snapshot.

use std::path::Path;

use futures_util::{TryStreamExt as _, pin_mut};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::domain::EntryIndex;
use crate::store::tables::{TABLES, Table};
use crate::store::transfer::{Cell, Cells, PAGE};
use crate::store::{IndexRow, SqliteStore, StoreError, StoreResult};

use super::convert::Columns as _;
use super::{PostgresStore, Work};

impl PostgresStore {
    /// A complete, consistent copy in a new SQLite file.
    pub async fn copy_to(&self, path: &Path) -> StoreResult<()> {
        let target = SqliteStore::open(path).await?;
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        work.0
            .batch_execute(
                "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
            )
            .await?;
        for Table { name, key, .. } in TABLES {
            copy_table(&work, name, key, &target).await?;
        }
        copy_index(&work, &target).await
    }
}

async fn copy_table(
    work: &Work<'_>,
    table: &'static str,
    order: &str,
    target: &SqliteStore,
) -> StoreResult<()> {
    let sql = format!("SELECT * FROM {table} ORDER BY {order}");
    let rows = work.0.query_raw(&sql, Vec::<i64>::new()).await?;
    pin_mut!(rows);
    let mut page: Vec<Cells> = Vec::new();
    while let Some(row) = rows.try_next().await? {
        page.push((0..row.len()).map(|at| cell(&row, at)).collect::<StoreResult<_>>()?);
        if page.len() == PAGE {
            target.put_rows(table, std::mem::take(&mut page)).await?;
        }
    }
    target.put_rows(table, page).await
}

/// The words go over as they are. A text that stands without words here has so many that only an import can hold it.
async fn copy_index(work: &Work<'_>, target: &SqliteStore) -> StoreResult<()> {
    let sql = "SELECT n, tsvector_to_array(words) FROM search_index WHERE words IS NOT NULL ORDER BY n";
    let rows = work.0.query_raw(sql, Vec::<i64>::new()).await?;
    pin_mut!(rows);
    let mut page = Vec::new();
    while let Some(row) = rows.try_next().await? {
        let words = row.raw::<Vec<String>>(1)?.join(" ");
        page.push(IndexRow::Version { n: EntryIndex(row.number(0)?), words: super::convert::untext(words) });
        if page.len() == PAGE {
            target.put_words(std::mem::take(&mut page)).await?;
        }
    }
    target.put_words(page).await
}

/// A value, whatever its type.
pub(super) fn cell(row: &Row, at: usize) -> StoreResult<Cell> {
    let of = row.columns().get(at).map(tokio_postgres::Column::type_);
    let value = match of {
        Some(&Type::INT8) => row.raw::<Option<i64>>(at)?.map(Cell::Integer),
        Some(&Type::BOOL) => row.raw::<Option<bool>>(at)?.map(|it| Cell::Integer(i64::from(it))),
        Some(&Type::TEXT) => row.maybe_text(at)?.map(Cell::Text),
        Some(&Type::BYTEA) => row.raw::<Option<Vec<u8>>>(at)?.map(Cell::Blob),
        _ => return Err(StoreError::Corrupt("a column has an unexpected type")),
    };
    Ok(value.unwrap_or(Cell::Null))
}
