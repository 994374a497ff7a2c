//! Erasing: rows of the named entries, everywhere; then the segments, the log and the file that held them.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, Transaction};

use crate::domain::{CaseId, EntryIndex, RoomId, Terms};

use super::super::values::integer;
use super::super::{EraseStore, NewEntry, StoreError, StoreResult, VersionRow};
use super::archive::{VERSION, version_row};
use super::{SqliteStore, blocking, configure};

/// Pages of the search index merged in one step: other writers wait for no more.
const MERGE_PAGES: i64 = 500;
const MERGE_STEPS: usize = 100_000;
/// How often, and with which rest between, the log is tried to be emptied while others read.
const TRUNCATE_TRIES: usize = 100;
const TRUNCATE_REST: Duration = Duration::from_millis(100);

/// Rows that are gone with the content of entry `n`.
const ROWS: &[&str] = &[
    "DELETE FROM contents WHERE n = ?1",
    "DELETE FROM signals WHERE n = ?1",
    "DELETE FROM outbox WHERE decided_n = ?1",
    "DELETE FROM drafts WHERE drafted_n = ?1",
    // A post of the bot's own; the messages of a case itself stay named, by number.
    "DELETE FROM case_messages WHERE n = ?1 AND EXISTS
         (SELECT 1 FROM entries WHERE entries.n = ?1 AND instr(entry, '\"kind\":\"reply.sent\"') > 0)",
    "DELETE FROM search_index WHERE rowid = ?1",
    "DELETE FROM imported_messages WHERE n = ?1",
];

impl EraseStore for SqliteStore {
    async fn erase(&self, declaration: NewEntry, entries: Vec<EntryIndex>) -> StoreResult<EntryIndex> {
        self.writer()?.erase(declaration, entries).await
    }

    async fn forget_signals(&self, entries: Vec<EntryIndex>) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| {
                let mut statement = transaction.prepare_cached("DELETE FROM signals WHERE n = ?1")?;
                for n in entries {
                    statement.execute((integer(n.0),))?;
                }
                Ok(())
            })
            .await
    }

    async fn read_against(
        &self,
        room: RoomId,
        after: EntryIndex,
        until: EntryIndex,
        messages: usize,
    ) -> StoreResult<Vec<VersionRow>> {
        self.read(move |connection| {
            let last: i64 = connection
                .prepare_cached(
                    "SELECT coalesce(max(first_n), ?2) FROM
                         (SELECT first_n FROM messages WHERE room = ?1 AND first_n > ?2 ORDER BY first_n LIMIT ?3)",
                )?
                .query_row((integer(room.0), integer(until.0), integer(messages as u64)), |row| row.get(0))?;
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {VERSION} FROM versions v WHERE v.n > ?2 AND v.n <= ?3 AND v.room = ?1
                 AND v.kind <> 'message.deleted_reported' ORDER BY v.n"
            ))?;
            let rows = statement
                .query_map((integer(room.0), integer(after.0), last), |row| Ok(version_row(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn scrub(&self) -> StoreResult<bool> {
        let path = self.path();
        blocking(move || {
            let connection = open(&path)?;
            merge_index(&connection)?;
            for _ in 0..TRUNCATE_TRIES {
                if truncate_log(&connection)? {
                    return Ok(true);
                }
                thread::sleep(TRUNCATE_REST);
            }
            Ok(false)
        })
        .await
    }
}

/// A connection of its own: what it does cannot stand in a transaction with others.
fn open(path: &Path) -> StoreResult<Connection> {
    let connection = Connection::open(path)?;
    configure(&connection)?;
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// All segments become one, without what was deleted; each step is a transaction of its own.
fn merge_index(connection: &Connection) -> StoreResult<()> {
    let mut statement =
        connection.prepare("INSERT INTO search_index (search_index, rank) VALUES ('merge', ?1)")?;
    let mut pages = -MERGE_PAGES;
    for _ in 0..MERGE_STEPS {
        let before = connection.total_changes();
        statement.execute((pages,))?;
        // As FTS5 specifies: fewer than two changes mean that nothing was left to merge.
        if connection.total_changes().saturating_sub(before) < 2 {
            return Ok(());
        }
        pages = MERGE_PAGES;
    }
    Ok(())
}

fn truncate_log(connection: &Connection) -> StoreResult<bool> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))?;
    Ok(busy == 0)
}

/// Everything that stands under these entries is removed. A second time changes nothing.
pub(super) fn forget(transaction: &Transaction<'_>, entries: &[EntryIndex]) -> StoreResult<()> {
    forget_versions(transaction, entries)?;
    for sql in ROWS {
        let mut statement = transaction.prepare_cached(sql)?;
        for n in entries {
            statement.execute((integer(n.0),))?;
        }
    }
    Ok(())
}

/// A message whose last version goes is gone; of one that keeps some, the rest says what it is.
pub(super) fn forget_versions(transaction: &Transaction<'_>, entries: &[EntryIndex]) -> StoreResult<()> {
    let mut find = transaction.prepare_cached("SELECT room, message FROM versions WHERE n = ?1")?;
    let mut delete = transaction.prepare_cached("DELETE FROM versions WHERE n = ?1")?;
    let mut touched: Vec<(i64, String)> = Vec::new();
    for n in entries {
        let found = find.query_map((integer(n.0),), |row| Ok((row.get(0)?, row.get(1)?)))?;
        touched.extend(found.collect::<Result<Vec<_>, _>>()?);
        delete.execute((integer(n.0),))?;
    }
    touched.sort();
    touched.dedup();
    for (room, message) in touched {
        transaction
            .prepare_cached(
                "UPDATE messages SET
                     first_n = v.n, first_seen = v.observed_at, account = v.account,
                     deleted = EXISTS (SELECT 1 FROM versions WHERE room = ?1 AND message = ?2
                                       AND kind = 'message.deleted_reported'),
                     current = (SELECT n FROM versions WHERE room = ?1 AND message = ?2
                                ORDER BY kind = 'message.deleted_reported' DESC, coalesce(update_time, 0) DESC,
                                         n DESC LIMIT 1)
                 FROM (SELECT n, observed_at, account FROM versions WHERE room = ?1 AND message = ?2
                       ORDER BY n LIMIT 1) v
                 WHERE messages.room = ?1 AND messages.message = ?2",
            )?
            .execute((room, &message))?;
        transaction
            .prepare_cached(
                "DELETE FROM messages WHERE room = ?1 AND message = ?2 AND NOT EXISTS
                     (SELECT 1 FROM versions WHERE versions.room = ?1 AND versions.message = ?2)",
            )?
            .execute((room, &message))?;
    }
    Ok(())
}

/// Terms of these cases are words of the erased messages.
pub(super) fn forget_terms(transaction: &Transaction<'_>, cases: &[CaseId]) -> StoreResult<()> {
    let none =
        serde_json::to_string(&Terms::default()).map_err(|_| StoreError::Corrupt("terms of a case"))?;
    for case in cases {
        transaction
            .prepare_cached("UPDATE cases SET terms = ?2 WHERE id = ?1")?
            .execute((integer(case.0), &none))?;
    }
    Ok(())
}
