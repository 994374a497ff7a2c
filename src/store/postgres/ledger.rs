//! The ledger's tables: append, ordered reads, head and checkpoints.

use std::ops::Range;

use tokio_postgres::Row;

use crate::domain::{Digest, EntryIndex};
use crate::proof::verify::{PART_ROWS, Part};
use crate::store::continued::Bases;
use crate::store::values::{integer, live};
use crate::store::{Appended, Head, LedgerStore, NewEntry, Record, StoreResult};

use super::continued::bases;
use super::convert::{Columns as _, bounded, count};
use super::writer::Writer;
use super::{PostgresStore, append};

/// The columns that [`record`] reads.
pub(super) const RECORD: &str = "n, entry, leaf, salt, content";

impl LedgerStore for PostgresStore {
    async fn append(&self, entries: Vec<NewEntry>) -> StoreResult<Vec<Appended>> {
        self.writer()?.append(entries).await
    }

    fn arrived(&self) -> u64 {
        self.writer().map_or(0, Writer::arrived)
    }

    async fn head(&self) -> StoreResult<Option<Head>> {
        let row = self.row("SELECT ledger_id, base, size, frontier FROM head WHERE id = 1", &[]).await?;
        row.as_ref().map(append::head_row).transpose()
    }

    async fn found(&self, ledger_id: String) -> StoreResult<()> {
        let sql = "INSERT INTO head (id, ledger_id, size, frontier) VALUES (1, $1, 0, '') ON CONFLICT (id) DO NOTHING";
        self.change(true, sql, &[&ledger_id]).await?;
        Ok(())
    }

    async fn records(&self, from: EntryIndex, limit: usize) -> StoreResult<Vec<Record>> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        let bases = bases(&work).await?;
        let sql = format!(
            "SELECT {RECORD} FROM entries LEFT JOIN contents USING (n) WHERE n >= $1 ORDER BY n LIMIT $2"
        );
        let rows = work.rows(&sql, &[&bounded(from), &count(limit)]).await?;
        rows.iter().map(|row| record(row, &bases)).collect()
    }

    async fn fill(&self, rows: Range<EntryIndex>, base: u64, part: Part) -> StoreResult<Part> {
        let mut part = part.counted_from(base);
        let sql = format!(
            "SELECT {RECORD} FROM entries LEFT JOIN contents USING (n) WHERE n >= $1 AND n < $2 ORDER BY n LIMIT $3"
        );
        let limit = usize::try_from(PART_ROWS).unwrap_or(usize::MAX);
        let found = self.rows(&sql, &[&bounded(rows.start), &bounded(rows.end), &count(limit)]).await?;
        for row in &found {
            let entry: &[u8] = row.raw(1)?;
            let salt: Option<&[u8]> = row.raw(3)?;
            let content: Option<&[u8]> = row.raw(4)?;
            let content = salt.map(|it| (it.try_into().unwrap_or_default(), content.unwrap_or_default()));
            let leaf = row.raw::<&[u8]>(2)?.try_into().unwrap_or_default();
            part.push(row.index(0)?.0, entry, Some(leaf), live(entry, content));
        }
        Ok(part)
    }

    async fn once(&self, key: Digest) -> StoreResult<Option<EntryIndex>> {
        let row = self.row("SELECT n FROM once WHERE key = $1", &[&&key[..]]).await?;
        row.map(|row| row.index(0)).transpose()
    }

    async fn fact(&self, name: &'static str) -> StoreResult<Option<u64>> {
        let row = self.row("SELECT value FROM facts WHERE name = $1", &[&name]).await?;
        row.map(|row| row.number(0)).transpose()
    }

    async fn put_fact(&self, name: &'static str, value: u64) -> StoreResult<()> {
        let sql = "INSERT INTO facts (name, value) VALUES ($1, $2)
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.change(true, sql, &[&name, &integer(value)]).await?;
        Ok(())
    }

    async fn put_checkpoint(&self, size: u64, note: String) -> StoreResult<()> {
        let sql = "INSERT INTO checkpoints (size, note) VALUES ($1, $2) ON CONFLICT (size) DO NOTHING";
        self.change(true, sql, &[&integer(size), &note]).await?;
        Ok(())
    }

    async fn newest_checkpoint(&self) -> StoreResult<Option<(u64, String)>> {
        let rows = self.rows("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1", &[]).await?;
        rows.first().map(|row| Ok((row.number(0)?, row.text(1)?))).transpose()
    }

    async fn checkpoints(&self) -> StoreResult<Vec<(u64, String)>> {
        let rows = self.rows("SELECT size, note FROM checkpoints ORDER BY size", &[]).await?;
        rows.iter().map(|row| Ok((row.number(0)?, row.text(1)?))).collect()
    }
}

/// From the columns of [`RECORD`]. A value that was meddled with may have any length: read as it is, so that `verify`
/// names the place.
pub(super) fn record(row: &Row, bases: &Bases) -> StoreResult<Record> {
    let n = row.index(0)?;
    let salt: Option<&[u8]> = row.raw(3)?;
    let content: Option<&[u8]> = row.raw(4)?;
    Ok(Record {
        n,
        base: bases.of(n),
        bytes: row.raw::<&[u8]>(1)?.to_vec(),
        leaf: row.raw::<&[u8]>(2)?.try_into().unwrap_or_default(),
        content: salt.map(|salt| (salt.try_into().unwrap_or_default(), content.unwrap_or_default().to_vec())),
    })
}
