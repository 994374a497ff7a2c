//! The turn to work.

use std::time::Duration;

use super::super::{StoreResult, Turn, TurnStore};
use super::SqliteStore;

impl TurnStore for SqliteStore {
    async fn take_turn(&self, held: Option<Turn>, _lease: Duration) -> StoreResult<Option<Turn>> {
        Ok(Some(held.unwrap_or(Turn(0))))
    }

    async fn end_turn(&self, _held: Turn) -> StoreResult<()> {
        Ok(())
    }
}
