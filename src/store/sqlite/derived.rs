//! What followers write: derived rows and the cursor, in one transaction.

use rusqlite::{OptionalExtension, Transaction};
use sha2::{Digest as _, Sha256};

use crate::domain::{Digest, EntryIndex, EntryKind};

use super::super::tables::{Table, derived_tables};
use super::super::values::{integer, room_type_text};
use super::super::{ArchiveRow, BookChange, FollowStore, SignalRow, StoreError, StoreResult};
use super::convert::index;
use super::{SqliteStore, erase, search, standing};

impl FollowStore for SqliteStore {
    async fn cursor(&self, name: &'static str) -> StoreResult<EntryIndex> {
        self.read(move |connection| {
            let next = connection
                .prepare_cached("SELECT next FROM cursors WHERE name = ?1")?
                .query_row((name,), |row| row.get(0))
                .optional()?;
            Ok(next.map_or(EntryIndex(0), index))
        })
        .await
    }

    async fn put_archive(&self, next: EntryIndex, rows: Vec<ArchiveRow>) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| {
                for row in &rows {
                    put_archive_row(transaction, row)?;
                }
                move_cursor(transaction, "archive", next)
            })
            .await
    }

    async fn put_signals(&self, next: EntryIndex, rows: Vec<SignalRow>) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| {
                for row in &rows {
                    let signal =
                        serde_json::to_string(&row.signal).map_err(|_| StoreError::Corrupt("a signal"))?;
                    let tier =
                        serde_json::to_string(&row.signal.tier).map_err(|_| StoreError::Corrupt("a tier"))?;
                    transaction
                        .prepare_cached(
                            "INSERT OR REPLACE INTO signals (n, rules, tier, signal) VALUES (?1, ?2, ?3, ?4)",
                        )?
                        .execute((integer(row.n.0), &row.rules, tier.trim_matches('"'), signal))?;
                }
                move_cursor(transaction, "detector", next)
            })
            .await
    }

    async fn put_casebook(&self, next: Option<EntryIndex>, changes: Vec<BookChange>) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| {
                for change in &changes {
                    standing::put(transaction, change)?;
                }
                match next {
                    Some(next) => move_cursor(transaction, "casebook", next),
                    None => Ok(()),
                }
            })
            .await
    }

    async fn put_mirror(&self, next: EntryIndex, files: Vec<(String, u64)>) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                for (path, bytes) in &files {
                    transaction
                        .prepare_cached("INSERT OR REPLACE INTO mirror_files (path, bytes) VALUES (?1, ?2)")?
                        .execute((path, integer(*bytes)))?;
                }
                move_cursor(transaction, "mirror", next)
            })
            .await
    }

    async fn mirror_files(&self) -> StoreResult<Vec<(String, u64)>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT path, bytes FROM mirror_files ORDER BY path")?;
            let rows =
                statement.query_map((), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn forget_derived(&self) -> StoreResult<()> {
        self.writer()?
            .change(true, |transaction| {
                for Table { name, .. } in derived_tables() {
                    transaction.execute(&format!("DELETE FROM {name}"), ())?;
                }
                search::forget(transaction)?;
                transaction.execute("DELETE FROM cursors", ())?;
                Ok(())
            })
            .await
    }

    async fn derived_digests(&self) -> StoreResult<Vec<(String, Digest)>> {
        self.read(|connection| {
            let mut digests = Vec::new();
            for Table { name, key, .. } in derived_tables() {
                let mut statement = connection.prepare(&format!("SELECT * FROM {name} ORDER BY {key}"))?;
                let columns = statement.column_count();
                let mut rows = statement.query(())?;
                let mut hash = Sha256::new();
                while let Some(row) = rows.next()? {
                    for column in 0..columns {
                        // The debug form names the type as well as the value: 1 and "1" differ.
                        hash.update(format!("{:?}\u{1f}", row.get::<_, rusqlite::types::Value>(column)?));
                    }
                    hash.update(b"\n");
                }
                digests.push(((*name).to_owned(), hash.finalize().into()));
            }
            let mut hash = Sha256::new();
            search::words(connection, |word, n| {
                hash.update(word.as_bytes());
                hash.update(n.0.to_be_bytes());
            })?;
            digests.push(("search_index".to_owned(), hash.finalize().into()));
            Ok(digests)
        })
        .await
    }
}

pub(super) fn move_cursor(transaction: &Transaction<'_>, name: &str, next: EntryIndex) -> StoreResult<()> {
    transaction
        .prepare_cached(
            "INSERT INTO cursors (name, next) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET next = max(next, excluded.next)",
        )?
        .execute((name, integer(next.0)))?;
    Ok(())
}

fn put_archive_row(transaction: &Transaction<'_>, row: &ArchiveRow) -> StoreResult<()> {
    match row {
        ArchiveRow::Version {
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
        } => {
            let deleted = *kind == EntryKind::MessageDeletedReported;
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO versions
                         (n, room, message, version, account, update_time, observed_at, kind, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute((
                    integer(n.0),
                    integer(room.0),
                    message.as_str(),
                    integer(*version),
                    integer(account.0),
                    update_time.map(|it| it.0),
                    observed_at.0,
                    kind.as_str(),
                    body,
                ))?;
            // The current version is the one with the greatest update_time, then the latest seen: webhooks may
            // arrive out of order. A tombstone is never undone by an older text that comes late.
            transaction
                .prepare_cached(
                    "INSERT INTO messages (room, message, account, send_time, first_n, first_seen, current, deleted)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5, ?7)
                     ON CONFLICT (room, message) DO UPDATE SET
                         deleted = max(deleted, excluded.deleted),
                         current = (SELECT n FROM versions WHERE room = ?1 AND message = ?2
                                    ORDER BY kind = 'message.deleted_reported' DESC,
                                             coalesce(update_time, 0) DESC, n DESC LIMIT 1)",
                )?
                .execute((
                    integer(room.0),
                    message.as_str(),
                    integer(account.0),
                    send_time.0,
                    integer(n.0),
                    observed_at.0,
                    deleted,
                ))?;
        }
        ArchiveRow::Erased { entries } => erase::forget_versions(transaction, entries)?,
        ArchiveRow::Room { n, room, room_type, name, observed_at } => {
            transaction
                .prepare_cached(
                    "INSERT INTO rooms (room, room_type, name, watched_since) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (room) DO UPDATE SET
                         room_type = coalesce(excluded.room_type, room_type), name = coalesce(excluded.name, name)",
                )?
                .execute((integer(room.0), room_type.map(room_type_text), name, observed_at.0))?;
            if let Some(room_type) = room_type {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO room_types (room, n, room_type) SELECT ?1, ?2, ?3 WHERE ?3 IS NOT
                             (SELECT room_type FROM room_types WHERE room = ?1 AND n < ?2 ORDER BY n DESC LIMIT 1)",
                    )?
                    .execute((integer(room.0), integer(n.0), room_type_text(*room_type)))?;
            }
        }
        ArchiveRow::Member { n, room, account, name, present } => {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO members (room, account, n, name, present) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((integer(room.0), integer(account.0), integer(n.0), name, present))?;
        }
        ArchiveRow::Missing { n, room, message } => {
            transaction
                .prepare_cached("UPDATE messages SET missing_n = ?3 WHERE room = ?1 AND message = ?2")?
                .execute((integer(room.0), message.as_str(), integer(n.0)))?;
        }
        ArchiveRow::Present { n, room, message } => {
            transaction
                .prepare_cached(
                    "UPDATE messages SET missing_n = NULL WHERE room = ?1 AND message = ?2 AND missing_n < ?3",
                )?
                .execute((integer(room.0), message.as_str(), integer(n.0)))?;
        }
        ArchiveRow::Gap { n, room, kind, from, to } => {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO gaps (n, room, kind, from_at, to_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((integer(n.0), integer(room.0), kind, from.map(|it| it.0), to.0))?;
        }
    }
    Ok(())
}
