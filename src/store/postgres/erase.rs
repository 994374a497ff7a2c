//! Erasing: rows of the named entries, everywhere; then the files that held them.

use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;

use crate::domain::{CaseId, EntryIndex, RoomId, Terms};
use crate::store::values::integer;
use crate::store::{EraseStore, NewEntry, StoreError, StoreResult, VersionRow};

use super::archive::{VERSION, version_row};
use super::convert::{Columns as _, bounded, count};
use super::{PostgresStore, Work};

/// Rows that are gone with the content of the entries.
const ROWS: &[&str] = &[
    "DELETE FROM contents WHERE n = ANY($1)",
    "DELETE FROM signals WHERE n = ANY($1)",
    "DELETE FROM outbox WHERE decided_n = ANY($1)",
    "DELETE FROM drafts WHERE drafted_n = ANY($1)",
    // A post of the bot's own; the messages of a case itself stay named, by number.
    "DELETE FROM case_messages c WHERE c.n = ANY($1) AND EXISTS
         (SELECT 1 FROM entries e WHERE e.n = c.n AND position('\"kind\":\"reply.sent\"'::bytea IN e.entry) > 0)",
    "DELETE FROM search_index WHERE n = ANY($1)",
    "DELETE FROM imported_messages WHERE n = ANY($1)",
];

/// Tables whose files are written anew after an erasure: a deleted row's bytes lie in them until then.
const SCRUBBED: &[&str] = &[
    "contents",
    "versions",
    "search_index",
    "signals",
    "outbox",
    "drafts",
    "cases",
    "case_messages",
    "imported_messages",
    "imported_files",
    "files",
    "tasks",
    "room_states",
    "member_roles",
];

impl EraseStore for PostgresStore {
    async fn erase(&self, declaration: NewEntry, entries: Vec<EntryIndex>) -> StoreResult<EntryIndex> {
        self.writer()?.erase(declaration, entries).await
    }

    async fn forget_signals(&self, entries: Vec<EntryIndex>) -> StoreResult<()> {
        let gone = numbers(&entries);
        self.change(false, "DELETE FROM signals WHERE n = ANY($1)", &[&gone]).await?;
        Ok(())
    }

    async fn read_against(
        &self,
        room: RoomId,
        after: EntryIndex,
        until: EntryIndex,
        messages: usize,
    ) -> StoreResult<Vec<VersionRow>> {
        let sql = format!(
            "SELECT {VERSION} FROM versions v WHERE v.room = $1 AND v.n > $2 AND v.n <= (
                 SELECT coalesce(max(first_n), $3) FROM
                     (SELECT first_n FROM messages WHERE room = $1 AND first_n > $3 ORDER BY first_n LIMIT $4) AS further)
             AND v.kind <> 'message.deleted_reported' ORDER BY v.n"
        );
        let parameters = (integer(room.0), bounded(after), bounded(until), count(messages));
        let rows = self.rows(&sql, &[&parameters.0, &parameters.1, &parameters.2, &parameters.3]).await?;
        rows.iter().map(version_row).collect()
    }

    async fn scrub(&self) -> StoreResult<bool> {
        if self.inner.writer.is_none() {
            return Err(StoreError::Closed);
        }
        // Taken out of the pool: its settings are of no use for anything else.
        let client = Object::take(self.client().await?);
        client.batch_execute("SET statement_timeout = 0").await?;
        let mut done = true;
        for table in SCRUBBED {
            match client.batch_execute(&format!("VACUUM FULL {table}")).await {
                Ok(()) => {}
                // Others read it for longer than we wait.
                Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => done = false,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }
}

fn numbers(entries: &[EntryIndex]) -> Vec<i64> {
    entries.iter().map(|it| integer(it.0)).collect()
}

/// Everything that stands under these entries is removed. A second time changes nothing.
pub(super) async fn forget(work: &Work<'_>, entries: &[EntryIndex]) -> StoreResult<()> {
    forget_versions(work, entries).await?;
    let gone = numbers(entries);
    for sql in ROWS {
        work.run(sql, &[&gone]).await?;
    }
    Ok(())
}

/// A message whose last version goes is gone; of one that keeps some, the rest says what it is.
pub(super) async fn forget_versions(work: &Work<'_>, entries: &[EntryIndex]) -> StoreResult<()> {
    let rows = work
        .rows("DELETE FROM versions WHERE n = ANY($1) RETURNING room, message", &[&numbers(entries)])
        .await?;
    let mut touched = rows
        .iter()
        .map(|row| Ok((row.raw::<i64>(0)?, row.raw::<String>(1)?)))
        .collect::<StoreResult<Vec<(i64, String)>>>()?;
    touched.sort();
    touched.dedup();
    for (room, message) in touched {
        let sql = "UPDATE messages m SET
                       first_n = v.n, first_seen = v.observed_at, account = v.account,
                       deleted = EXISTS (SELECT 1 FROM versions WHERE room = $1 AND message = $2
                                         AND kind = 'message.deleted_reported'),
                       current = (SELECT n FROM versions WHERE room = $1 AND message = $2
                                  ORDER BY (kind = 'message.deleted_reported') DESC, coalesce(update_time, 0) DESC,
                                           n DESC LIMIT 1)
                   FROM (SELECT n, observed_at, account FROM versions WHERE room = $1 AND message = $2
                         ORDER BY n LIMIT 1) v
                   WHERE m.room = $1 AND m.message = $2";
        work.run(sql, &[&room, &message]).await?;
        let sql = "DELETE FROM messages m WHERE m.room = $1 AND m.message = $2 AND NOT EXISTS
                       (SELECT 1 FROM versions v WHERE v.room = $1 AND v.message = $2)";
        work.run(sql, &[&room, &message]).await?;
    }
    Ok(())
}

/// Terms of these cases are words of the erased messages.
pub(super) async fn forget_terms(work: &Work<'_>, cases: &[CaseId]) -> StoreResult<()> {
    let none =
        serde_json::to_string(&Terms::default()).map_err(|_| StoreError::Corrupt("terms of a case"))?;
    let cases: Vec<i64> = cases.iter().map(|it| integer(it.0)).collect();
    work.run("UPDATE cases SET terms = $2 WHERE id = ANY($1)", &[&cases, &none]).await?;
    Ok(())
}
