//! Password, one-time link and sessions of the pages.

use rusqlite::OptionalExtension as _;

use crate::domain::{Digest, UtcMillis};

use super::super::{DoorStore, StoreResult};
use super::SqliteStore;

impl DoorStore for SqliteStore {
    async fn door_secret(&self, name: &'static str, now: UtcMillis) -> StoreResult<Option<String>> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT value FROM door_secrets WHERE name = ?1 AND (ends IS NULL OR ends > ?2)",
                )?
                .query_row((name, now.0), |row| row.get(0))
                .optional()?)
        })
        .await
    }

    async fn put_door_secret(
        &self,
        name: &'static str,
        value: String,
        ends: Option<UtcMillis>,
    ) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                transaction.execute(
                    "INSERT OR REPLACE INTO door_secrets (name, value, ends) VALUES (?1, ?2, ?3)",
                    (name, value, ends.map(|it| it.0)),
                )?;
                Ok(())
            })
            .await
    }

    async fn take_door_secret(&self, name: &'static str, value: String, now: UtcMillis) -> StoreResult<bool> {
        self.writer()?
            .change(true, move |transaction| {
                let taken = transaction.execute(
                    "DELETE FROM door_secrets WHERE name = ?1 AND value = ?2 AND (ends IS NULL OR ends > ?3)",
                    (name, value, now.0),
                )?;
                Ok(taken == 1)
            })
            .await
    }

    async fn session(&self, key: Digest) -> StoreResult<Option<String>> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached("SELECT record FROM door_sessions WHERE key = ?1")?
                .query_row((&key[..],), |row| row.get(0))
                .optional()?)
        })
        .await
    }

    async fn put_session(
        &self,
        key: Digest,
        record: String,
        ends: UtcMillis,
        now: UtcMillis,
        max: u32,
    ) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| {
                transaction.execute("DELETE FROM door_sessions WHERE ends <= ?1", (now.0,))?;
                transaction.execute(
                    "INSERT OR REPLACE INTO door_sessions (key, record, ends) VALUES (?1, ?2, ?3)",
                    (&key[..], record, ends.0),
                )?;
                transaction.execute(
                    "DELETE FROM door_sessions WHERE key IN
                         (SELECT key FROM door_sessions WHERE key <> ?1 ORDER BY ends DESC LIMIT -1 OFFSET ?2)",
                    (&key[..], max.saturating_sub(1)),
                )?;
                Ok(())
            })
            .await
    }

    async fn end_session(&self, key: Digest) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                transaction.execute("DELETE FROM door_sessions WHERE key = ?1", (&key[..],))?;
                Ok(())
            })
            .await
    }

    async fn end_sessions(&self) -> StoreResult<()> {
        self.writer()?
            .change(true, |transaction| {
                transaction.execute("DELETE FROM door_sessions", ())?;
                Ok(())
            })
            .await
    }
}
