//! The ledger's tables: append, ordered reads, head and checkpoints.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row};

use std::ops::Range;

use crate::domain::{Digest, EntryIndex};
use crate::proof::verify::Part;

use super::super::continued::Bases;
use super::super::values::{integer, live};
use super::super::{Appended, Head, LedgerStore, NewEntry, Record, StoreResult};
use super::continued::bases;
use super::convert::index;
use super::writer::Writer;
use super::{SqliteStore, append};

impl LedgerStore for SqliteStore {
    async fn append(&self, entries: Vec<NewEntry>) -> StoreResult<Vec<Appended>> {
        self.writer()?.append(entries).await
    }

    fn arrived(&self) -> u64 {
        self.writer().map_or(0, Writer::arrived)
    }

    async fn head(&self) -> StoreResult<Option<Head>> {
        self.read(append::read_head).await
    }

    async fn found(&self, ledger_id: String) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                transaction.execute(
                    "INSERT INTO head (id, ledger_id, size, frontier) VALUES (1, ?1, 0, x'')
                     ON CONFLICT (id) DO NOTHING",
                    (ledger_id,),
                )?;
                Ok(())
            })
            .await
    }

    async fn records(&self, from: EntryIndex, limit: usize) -> StoreResult<Vec<Record>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT n, entry, leaf, salt, content FROM entries LEFT JOIN contents USING (n)
                 WHERE n >= ?1 ORDER BY n LIMIT ?2",
            )?;
            let bases = bases(connection)?;
            let mut rows = statement.query((integer(from.0), integer(limit as u64)))?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                records.push(record(row, &bases)?);
            }
            Ok(records)
        })
        .await
    }

    async fn fill(&self, rows: Range<EntryIndex>, base: u64, part: Part) -> StoreResult<Part> {
        // On this thread: what it reads is still near when it is hashed.
        self.inner.read(move |connection| {
            let mut part = part.counted_from(base);
            let mut statement = connection.prepare_cached(
                "SELECT n, entry, leaf, salt, content FROM entries LEFT JOIN contents USING (n)
                 WHERE n >= ?1 AND n < ?2 ORDER BY n",
            )?;
            let mut found = statement.query((integer(rows.start.0), integer(rows.end.0)))?;
            while let Some(row) = found.next()? {
                let entry = row.get_ref(1)?.as_bytes().unwrap_or_default();
                let content = match row.get_ref(3)? {
                    ValueRef::Null => None,
                    salt => Some((lenient_digest(salt), row.get_ref(4)?.as_bytes().unwrap_or_default())),
                };
                part.push(
                    index(row.get(0)?).0,
                    entry,
                    Some(lenient_digest(row.get_ref(2)?)),
                    live(entry, content),
                );
                if part.is_full() {
                    break;
                }
            }
            Ok(part)
        })
    }

    async fn once(&self, key: Digest) -> StoreResult<Option<EntryIndex>> {
        self.read(move |connection| append::once(connection, &key)).await
    }

    async fn fact(&self, name: &'static str) -> StoreResult<Option<u64>> {
        self.read(move |connection| {
            let value = connection
                .prepare_cached("SELECT value FROM facts WHERE name = ?1")?
                .query_row((name,), |row| row.get::<_, i64>(0))
                .optional()?;
            Ok(value.map(i64::cast_unsigned))
        })
        .await
    }

    async fn put_fact(&self, name: &'static str, value: u64) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                transaction.execute(
                    "INSERT INTO facts (name, value) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (name, integer(value)),
                )?;
                Ok(())
            })
            .await
    }

    async fn put_checkpoint(&self, size: u64, note: String) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                transaction.execute(
                    "INSERT INTO checkpoints (size, note) VALUES (?1, ?2) ON CONFLICT (size) DO NOTHING",
                    (integer(size), note),
                )?;
                Ok(())
            })
            .await
    }

    async fn newest_checkpoint(&self) -> StoreResult<Option<(u64, String)>> {
        self.read(|connection| {
            let newest = connection
                .prepare_cached("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")?
                .query_row((), |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)));
            Ok(newest.optional()?)
        })
        .await
    }

    async fn checkpoints(&self) -> StoreResult<Vec<(u64, String)>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT size, note FROM checkpoints ORDER BY size")?;
            let rows =
                statement.query_map((), |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// From the columns n, entry, leaf, salt, content. A value that was meddled with may have become text: read as it is, so
/// that `verify` names the place.
pub(super) fn record(row: &Row<'_>, bases: &Bases) -> StoreResult<Record> {
    let content = match row.get_ref(3)? {
        ValueRef::Null => None,
        salt => Some((lenient_digest(salt), bytes(row.get_ref(4)?))),
    };
    let n = index(row.get(0)?);
    Ok(Record {
        n,
        base: bases.of(n),
        bytes: bytes(row.get_ref(1)?),
        leaf: lenient_digest(row.get_ref(2)?),
        content,
    })
}

/// The bytes of a blob or a text; none of anything else.
fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    value.as_bytes().map(<[u8]>::to_vec).unwrap_or_default()
}

/// A value that is no digest reads as zeros, which fit nothing.
fn lenient_digest(value: ValueRef<'_>) -> Digest {
    value.as_bytes().ok().and_then(|it| it.try_into().ok()).unwrap_or_default()
}
