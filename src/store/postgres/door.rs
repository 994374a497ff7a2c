//! Password, one-time link and sessions of the pages.

use crate::domain::{Digest, UtcMillis};
use crate::store::{DoorStore, StoreResult};

use super::PostgresStore;
use super::convert::{Columns as _, text};

impl DoorStore for PostgresStore {
    async fn door_secret(&self, name: &'static str, now: UtcMillis) -> StoreResult<Option<String>> {
        let sql = "SELECT value FROM door_secrets WHERE name = $1 AND (ends IS NULL OR ends > $2)";
        self.row(sql, &[&name, &now.0]).await?.map(|row| row.text(0)).transpose()
    }

    async fn put_door_secret(
        &self,
        name: &'static str,
        value: String,
        ends: Option<UtcMillis>,
    ) -> StoreResult<()> {
        let sql = "INSERT INTO door_secrets (name, value, ends) VALUES ($1, $2, $3)
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value, ends = excluded.ends";
        self.change(true, sql, &[&name, &text(&value), &ends.map(|it| it.0)]).await?;
        Ok(())
    }

    async fn take_door_secret(&self, name: &'static str, value: String, now: UtcMillis) -> StoreResult<bool> {
        let sql = "DELETE FROM door_secrets WHERE name = $1 AND value = $2 AND (ends IS NULL OR ends > $3)";
        Ok(self.change(true, sql, &[&name, &text(&value), &now.0]).await? == 1)
    }

    async fn session(&self, key: Digest) -> StoreResult<Option<String>> {
        let sql = "SELECT record FROM door_sessions WHERE key = $1";
        self.row(sql, &[&(&key[..])]).await?.map(|row| row.text(0)).transpose()
    }

    async fn put_session(
        &self,
        key: Digest,
        record: String,
        ends: UtcMillis,
        now: UtcMillis,
        max: u32,
    ) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, false).await?;
        work.run("DELETE FROM door_sessions WHERE ends <= $1", &[&now.0]).await?;
        let sql = "INSERT INTO door_sessions (key, record, ends) VALUES ($1, $2, $3)
                   ON CONFLICT (key) DO UPDATE SET record = excluded.record, ends = excluded.ends";
        work.run(sql, &[&(&key[..]), &text(&record), &ends.0]).await?;
        let sql = "DELETE FROM door_sessions WHERE key IN
                       (SELECT key FROM door_sessions WHERE key <> $1 ORDER BY ends DESC OFFSET $2)";
        work.run(sql, &[&(&key[..]), &i64::from(max.saturating_sub(1))]).await?;
        work.commit().await
    }

    async fn end_session(&self, key: Digest) -> StoreResult<()> {
        self.change(true, "DELETE FROM door_sessions WHERE key = $1", &[&(&key[..])]).await?;
        Ok(())
    }

    async fn end_sessions(&self) -> StoreResult<()> {
        self.change(true, "DELETE FROM door_sessions", &[]).await?;
        Ok(())
    }
}
