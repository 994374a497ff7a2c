//! The desk's questions.

use crate::domain::{AccountId, EntryIndex, RoomId, UtcMillis};
use crate::store::values::integer;
use crate::store::{DeskStore, StoreResult};

use super::PostgresStore;
use super::convert::Columns as _;
use super::derived::move_cursor;

impl DeskStore for PostgresStore {
    async fn first_written(
        &self,
        room: RoomId,
        accounts: Vec<AccountId>,
        since: UtcMillis,
    ) -> StoreResult<Option<UtcMillis>> {
        let sql = "SELECT min(m.send_time) FROM messages m
                   WHERE m.room = $1 AND m.account = ANY($2) AND m.send_time > $3
                   AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.posted_message = m.message)";
        let accounts: Vec<i64> = accounts.iter().map(|it| integer(it.0)).collect();
        let row = self.row(sql, &[&integer(room.0), &accounts, &since.0]).await?;
        Ok(row.map(|row| row.maybe_time(0)).transpose()?.flatten())
    }

    async fn last_written(&self, room: RoomId) -> StoreResult<Option<UtcMillis>> {
        let sql = "SELECT max(send_time) FROM messages WHERE room = $1";
        let row = self.row(sql, &[&integer(room.0)]).await?;
        Ok(row.map(|row| row.maybe_time(0)).transpose()?.flatten())
    }

    async fn put_cursor(&self, name: &'static str, next: EntryIndex) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, false).await?;
        move_cursor(&work, name, next).await?;
        work.commit().await
    }
}
