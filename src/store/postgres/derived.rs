//! What followers write: derived rows and the cursor, in one transaction.

use futures_util::{TryStreamExt as _, pin_mut};
use sha2::{Digest as _, Sha256};

use crate::domain::{Digest, EntryIndex, EntryKind};
use crate::store::tables::{Table, derived_tables};
use crate::store::values::{integer, room_type_text};
use crate::store::{ArchiveRow, BookChange, FollowStore, SignalRow, StoreError, StoreResult};

use super::convert::{Columns as _, maybe_text, text};
use super::transfer::cell;
use super::{PostgresStore, Work, erase, search, standing};

impl FollowStore for PostgresStore {
    async fn cursor(&self, name: &'static str) -> StoreResult<EntryIndex> {
        let row = self.row("SELECT next FROM cursors WHERE name = $1", &[&name]).await?;
        Ok(row.map(|row| row.index(0)).transpose()?.unwrap_or(EntryIndex(0)))
    }

    async fn put_archive(&self, next: EntryIndex, rows: Vec<ArchiveRow>) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, false).await?;
        for row in &rows {
            put_archive_row(&work, row).await?;
        }
        move_cursor(&work, "archive", next).await?;
        work.commit().await
    }

    async fn put_signals(&self, next: EntryIndex, rows: Vec<SignalRow>) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, false).await?;
        let sql = "INSERT INTO signals (n, rules, tier, signal) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (n) DO UPDATE SET
                       rules = excluded.rules, tier = excluded.tier, signal = excluded.signal";
        for row in &rows {
            let signal = serde_json::to_string(&row.signal).map_err(|_| StoreError::Corrupt("a signal"))?;
            let tier = serde_json::to_string(&row.signal.tier).map_err(|_| StoreError::Corrupt("a tier"))?;
            let n = integer(row.n.0);
            work.run(sql, &[&n, &text(&row.rules), &tier.trim_matches('"'), &text(&signal)]).await?;
        }
        move_cursor(&work, "detector", next).await?;
        work.commit().await
    }

    async fn put_casebook(&self, next: Option<EntryIndex>, changes: Vec<BookChange>) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, false).await?;
        for change in &changes {
            standing::put(&work, change).await?;
        }
        if let Some(next) = next {
            move_cursor(&work, "casebook", next).await?;
        }
        work.commit().await
    }

    async fn put_mirror(&self, next: EntryIndex, files: Vec<(String, u64)>) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, true).await?;
        let sql = "INSERT INTO mirror_files (path, bytes) VALUES ($1, $2)
                   ON CONFLICT (path) DO UPDATE SET bytes = excluded.bytes";
        for (path, bytes) in &files {
            work.run(sql, &[&text(path), &integer(*bytes)]).await?;
        }
        move_cursor(&work, "mirror", next).await?;
        work.commit().await
    }

    async fn mirror_files(&self) -> StoreResult<Vec<(String, u64)>> {
        let rows = self.rows("SELECT path, bytes FROM mirror_files ORDER BY path", &[]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.number(1)?))).collect()
    }

    async fn forget_derived(&self) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, true).await?;
        work.0.batch_execute("SET LOCAL statement_timeout = 0").await?;
        for Table { name, .. } in derived_tables() {
            work.0.batch_execute(&format!("DELETE FROM {name}")).await?;
        }
        work.0.batch_execute("DELETE FROM search_index; DELETE FROM cursors").await?;
        work.commit().await
    }

    async fn derived_digests(&self) -> StoreResult<Vec<(String, Digest)>> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        work.0.batch_execute("SET LOCAL statement_timeout = 0").await?;
        let mut digests = Vec::new();
        for Table { name, key, .. } in derived_tables() {
            let mut hash = Sha256::new();
            let rows =
                work.0.query_raw(&format!("SELECT * FROM {name} ORDER BY {key}"), Vec::<i64>::new()).await?;
            pin_mut!(rows);
            while let Some(row) = rows.try_next().await? {
                for column in 0..row.len() {
                    // The debug form names the type as well as the value, as the other engine's does: equal rows have
                    // equal digests on both.
                    cell(&row, column)?.digest_into(&mut hash);
                }
                hash.update(b"\n");
            }
            digests.push(((*name).to_owned(), hash.finalize().into()));
        }
        digests.push(("search_index".to_owned(), search::digest(&work).await?));
        Ok(digests)
    }
}

pub(super) async fn move_cursor(work: &Work<'_>, name: &str, next: EntryIndex) -> StoreResult<()> {
    let sql = "INSERT INTO cursors (name, next) VALUES ($1, $2)
               ON CONFLICT (name) DO UPDATE SET next = greatest(cursors.next, excluded.next)";
    work.run(sql, &[&name, &integer(next.0)]).await?;
    Ok(())
}

async fn put_archive_row(work: &Work<'_>, row: &ArchiveRow) -> StoreResult<()> {
    match row {
        ArchiveRow::Version { .. } => put_version(work, row).await?,
        ArchiveRow::Erased { entries } => erase::forget_versions(work, entries).await?,
        ArchiveRow::Room { n, room, room_type, name, observed_at } => {
            let sql = "INSERT INTO rooms (room, room_type, name, watched_since) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (room) DO UPDATE SET
                           room_type = coalesce(excluded.room_type, rooms.room_type),
                           name = coalesce(excluded.name, rooms.name)";
            let (of, name) = (room_type.map(room_type_text), maybe_text(name.as_ref()));
            work.run(sql, &[&integer(room.0), &of, &name, &observed_at.0]).await?;
            if of.is_some() {
                let sql = "INSERT INTO room_types (room, n, room_type)
                           SELECT $1::bigint, $2::bigint, $3::text WHERE $3 IS DISTINCT FROM
                               (SELECT room_type FROM room_types WHERE room = $1 AND n < $2 ORDER BY n DESC LIMIT 1)
                           ON CONFLICT (room, n) DO UPDATE SET room_type = excluded.room_type";
                work.run(sql, &[&integer(room.0), &integer(n.0), &of]).await?;
            }
        }
        ArchiveRow::Member { n, room, account, name, present } => {
            let sql = "INSERT INTO members (room, account, n, name, present) VALUES ($1, $2, $3, $4, $5)
                       ON CONFLICT (room, account, n) DO UPDATE SET
                           name = excluded.name, present = excluded.present";
            let (room, account, n) = (integer(room.0), integer(account.0), integer(n.0));
            work.run(sql, &[&room, &account, &n, &text(name), present]).await?;
        }
        ArchiveRow::Missing { n, room, message } => {
            let sql = "UPDATE messages SET missing_n = $3 WHERE room = $1 AND message = $2";
            work.run(sql, &[&integer(room.0), &message.as_str(), &integer(n.0)]).await?;
        }
        ArchiveRow::Present { n, room, message } => {
            let sql =
                "UPDATE messages SET missing_n = NULL WHERE room = $1 AND message = $2 AND missing_n < $3";
            work.run(sql, &[&integer(room.0), &message.as_str(), &integer(n.0)]).await?;
        }
        ArchiveRow::Gap { n, room, kind, from, to } => {
            let sql = "INSERT INTO gaps (n, room, kind, from_at, to_at) VALUES ($1, $2, $3, $4, $5)
                       ON CONFLICT (n) DO UPDATE SET room = excluded.room, kind = excluded.kind,
                           from_at = excluded.from_at, to_at = excluded.to_at";
            let from = from.map(|it| it.0);
            work.run(sql, &[&integer(n.0), &integer(room.0), &text(kind), &from, &to.0]).await?;
        }
    }
    Ok(())
}

async fn put_version(work: &Work<'_>, row: &ArchiveRow) -> StoreResult<()> {
    let ArchiveRow::Version {
        n,
        kind,
        room,
        message,
        version,
        account,
        send_time,
        update_time,
        observed_at,
        body,
    } = row
    else {
        return Ok(());
    };
    let (n, room, message, account) = (integer(n.0), integer(room.0), message.as_str(), integer(account.0));
    let (version, update_time, seen) = (integer(*version), update_time.map(|it| it.0), observed_at.0);
    // One row for each version of a message, as for each entry.
    let sql = "DELETE FROM versions WHERE room = $1 AND message = $2 AND version = $3 AND n <> $4";
    work.run(sql, &[&room, &message, &version, &n]).await?;
    let sql =
        "INSERT INTO versions (n, room, message, version, account, update_time, observed_at, kind, body)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               ON CONFLICT (n) DO UPDATE SET room = excluded.room, message = excluded.message,
                   version = excluded.version, account = excluded.account, update_time = excluded.update_time,
                   observed_at = excluded.observed_at, kind = excluded.kind, body = excluded.body";
    let (name, body) = (kind.as_str(), text(body));
    work.run(sql, &[&n, &room, &message, &version, &account, &update_time, &seen, &name, &body]).await?;
    // The current version is the one with the greatest update_time, then the latest seen: webhooks may arrive out of
    // order. A tombstone is never undone by an older text that comes late.
    let sql = "INSERT INTO messages AS m (room, message, account, send_time, first_n, first_seen, current, deleted)
               VALUES ($1, $2, $3, $4, $5, $6, $5, $7)
               ON CONFLICT (room, message) DO UPDATE SET
                   deleted = m.deleted OR excluded.deleted,
                   current = (SELECT v.n FROM versions v WHERE v.room = excluded.room AND v.message = excluded.message
                              ORDER BY (v.kind = 'message.deleted_reported') DESC,
                                       coalesce(v.update_time, 0) DESC, v.n DESC LIMIT 1)";
    let deleted = *kind == EntryKind::MessageDeletedReported;
    work.run(sql, &[&room, &message, &account, &send_time.0, &n, &seen, &deleted]).await?;
    Ok(())
}
