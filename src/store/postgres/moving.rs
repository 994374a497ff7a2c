//! A whole store moved from SQLite into an empty schema: in pages that stay, so that a move which was cut off goes on
//! where it was; then every row of both is read again and compared.

use futures_util::{TryStreamExt as _, pin_mut};
use sha2::{Digest as _, Sha256};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use crate::domain::Digest;
use crate::store::tables::{TABLES, Table};
use crate::store::transfer::{Cell, Cells, INDEX_CURSORS, PAGE};
use crate::store::{LedgerStore as _, SqliteStore, StoreError, StoreResult};

use super::convert::{Columns as _, text};
use super::schema::MOVING;
use super::transfer::cell;
use super::{PostgresPlace, PostgresStore, Work};

/// How a move ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Rows of all tables.
    pub rows: u64,
    /// Tables that do not read the same on both sides. Empty: the move is done.
    pub different: Vec<&'static str>,
}

impl PostgresStore {
    /// Moves everything but the search index, which is made anew by its follower. Refuses a schema that has a ledger of
    /// its own. Nobody may write to either meanwhile; what did is found by the comparison, and the next try begins anew.
    pub async fn move_from(
        place: &PostgresPlace,
        source: &SqliteStore,
        told: impl Fn(&'static str),
    ) -> StoreResult<(Self, Moved)> {
        let target = Self::open_as(place, true).await?;
        let head = source.head().await?.ok_or(StoreError::Corrupt("there is no ledger to move"))?;
        let identity =
            format!("{} {} {}", head.ledger_id, head.end(), crate::domain::hex(&head.frontier.root()));
        target.begin_move(&identity).await?;
        for Table { name, key, .. } in TABLES {
            told(name);
            target.move_table(name, key, source).await?;
        }
        told("");
        let (there, rows) = source.table_digests().await?;
        let here = target.table_digests().await?;
        let pairs = there.into_iter().zip(here);
        let different: Vec<_> = pairs.filter(|(a, b)| a.1 != b.1).map(|(it, _)| it.0).collect();
        // Done, or to be begun anew: what was copied before something changed cannot be told apart.
        let end = if different.is_empty() {
            format!("DROP TABLE {MOVING}")
        } else {
            format!("UPDATE {MOVING} SET source = ''")
        };
        let client = target.client().await?;
        client.batch_execute(&end).await?;
        // Until the server gets to it by itself, it would plan by no knowledge at all.
        for Table { name, .. } in TABLES {
            client.batch_execute(&format!("ANALYZE {name}")).await?;
        }
        Ok((target, Moved { rows, different }))
    }

    async fn begin_move(&self, identity: &str) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, true).await?;
        let marked = work.row("SELECT to_regclass($1::text) IS NOT NULL", &[&MOVING]).await?;
        if marked.map(|row| row.flag(0)).transpose()? == Some(true) {
            let row = work.row(&format!("SELECT source FROM {MOVING}"), &[]).await?;
            if row.map(|row| row.text(0)).transpose()?.as_deref() == Some(identity) {
                return Ok(());
            }
            work.0.batch_execute(&format!("DROP TABLE {MOVING}")).await?;
        } else if work.row("SELECT 1 FROM head", &[]).await?.is_some() {
            return Err(StoreError::Unavailable("PostgreSQL: this schema has a ledger already".to_owned()));
        }
        for Table { name, .. } in TABLES {
            work.0.batch_execute(&format!("TRUNCATE {name}")).await?;
        }
        work.0
            .batch_execute(&format!("TRUNCATE search_index; CREATE TABLE {MOVING} (source TEXT NOT NULL)"))
            .await?;
        work.run(&format!("INSERT INTO {MOVING} (source) VALUES ($1)"), &[&identity]).await?;
        work.commit().await
    }

    async fn move_table(
        &self,
        table: &'static str,
        keys: &'static str,
        source: &SqliteStore,
    ) -> StoreResult<()> {
        let mut client = self.client().await?;
        let columns = client.prepare(&format!("SELECT * FROM {table}")).await?;
        let types: Vec<Type> = columns.columns().iter().map(|it| it.type_().clone()).collect();
        let backward = keys.split(", ").map(|it| format!("{it} DESC")).collect::<Vec<_>>().join(", ");
        let last = format!("SELECT {keys} FROM {table} ORDER BY {backward} LIMIT 1");
        loop {
            let row = client.query_opt(&last, &[]).await?;
            let after = row
                .map(|row| (0..row.len()).map(|at| cell(&row, at)).collect::<StoreResult<Cells>>())
                .transpose()?;
            let page = source.page(table, keys, after).await?;
            let count = page.len();
            let work = Work(client.transaction().await?);
            copy_in(&work, table, &types, page).await?;
            work.commit().await?;
            if count < PAGE {
                return Ok(());
            }
        }
    }

    async fn table_digests(&self) -> StoreResult<Vec<(&'static str, Digest)>> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        work.0
            .batch_execute(
                "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
            )
            .await?;
        let mut digests = Vec::new();
        for Table { name, key, .. } in TABLES {
            let left_out = if *name == "cursors" {
                format!("WHERE name NOT LIKE '{INDEX_CURSORS}'")
            } else {
                String::new()
            };
            let sql = format!("SELECT * FROM {name} {left_out} ORDER BY {key}");
            let rows = work.0.query_raw(&sql, Vec::<i64>::new()).await?;
            pin_mut!(rows);
            let mut hash = Sha256::new();
            while let Some(row) = rows.try_next().await? {
                for at in 0..row.len() {
                    cell(&row, at)?.digest_into(&mut hash);
                }
                hash.update(b"\n");
            }
            digests.push((*name, hash.finalize().into()));
        }
        Ok(digests)
    }
}

async fn copy_in(work: &Work<'_>, table: &str, types: &[Type], rows: Vec<Cells>) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let sink = work.0.copy_in(&format!("COPY {table} FROM STDIN BINARY")).await?;
    let writer = BinaryCopyInWriter::new(sink, types);
    pin_mut!(writer);
    for row in rows {
        if row.len() != types.len() {
            return Err(StoreError::Corrupt("a table has other columns"));
        }
        let values = row
            .into_iter()
            .zip(types)
            .map(|(value, of)| parameter(value, of))
            .collect::<StoreResult<Vec<Box<dyn ToSql + Sync + Send>>>>()?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|it| &**it as &(dyn ToSql + Sync)).collect();
        writer.as_mut().write(&values).await?;
    }
    writer.finish().await?;
    Ok(())
}

fn parameter(value: Cell, of: &Type) -> StoreResult<Box<dyn ToSql + Sync + Send>> {
    Ok(match (value, of) {
        (Cell::Null, &Type::INT8) => Box::new(None::<i64>),
        (Cell::Null, &Type::TEXT) => Box::new(None::<String>),
        (Cell::Null, &Type::BYTEA) => Box::new(None::<Vec<u8>>),
        (Cell::Integer(it), &Type::INT8) => Box::new(it),
        (Cell::Integer(it @ (0 | 1)), &Type::BOOL) => Box::new(it == 1),
        (Cell::Text(it), &Type::TEXT) => Box::new(text(&it).into_owned()),
        (Cell::Blob(it), &Type::BYTEA) => Box::new(it),
        _ => return Err(StoreError::Corrupt("a column has an unexpected type")),
    })
}
