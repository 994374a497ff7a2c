//! The desk's questions.

use crate::domain::{AccountId, EntryIndex, RoomId, UtcMillis};

use super::super::values::integer;
use super::super::{DeskStore, StoreResult};
use super::SqliteStore;
use super::derived::move_cursor;

impl DeskStore for SqliteStore {
    async fn first_written(
        &self,
        room: RoomId,
        accounts: Vec<AccountId>,
        since: UtcMillis,
    ) -> StoreResult<Option<UtcMillis>> {
        self.read(move |connection| {
            let mut first: Option<i64> = None;
            for account in accounts {
                let found: Option<i64> = connection
                    .prepare_cached(
                        "SELECT min(send_time) FROM messages
                         WHERE room = ?1 AND account = ?2 AND send_time > ?3 AND NOT EXISTS
                             (SELECT 1 FROM outbox WHERE posted_message = messages.message)",
                    )?
                    .query_row((integer(room.0), integer(account.0), since.0), |row| row.get(0))?;
                first = match (first, found) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
            Ok(first.map(UtcMillis))
        })
        .await
    }

    async fn last_written(&self, room: RoomId) -> StoreResult<Option<UtcMillis>> {
        self.read(move |connection| {
            let last: Option<i64> = connection
                .prepare_cached("SELECT max(send_time) FROM messages WHERE room = ?1")?
                .query_row((integer(room.0),), |row| row.get(0))?;
            Ok(last.map(UtcMillis))
        })
        .await
    }

    async fn put_cursor(&self, name: &'static str, next: EntryIndex) -> StoreResult<()> {
        self.writer()?.change(false, move |transaction| move_cursor(transaction, name, next)).await
    }
}
