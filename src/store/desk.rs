//! What the desk and its followers ask beside what others ask too.

use std::future::Future;

use crate::domain::{AccountId, EntryIndex, RoomId, UtcMillis};

use super::StoreResult;

/// Questions about the owner's own words, and a cursor that a rebuild keeps.
pub trait DeskStore {
    /// When one of these accounts first wrote in a room after `since`, the bot's own posts left out.
    fn first_written(
        &self,
        room: RoomId,
        accounts: Vec<AccountId>,
        since: UtcMillis,
    ) -> impl Future<Output = StoreResult<Option<UtcMillis>>> + Send;
    /// When anybody last wrote in a room.
    fn last_written(&self, room: RoomId) -> impl Future<Output = StoreResult<Option<UtcMillis>>> + Send;
    /// Moves a follower's cursor forward, without rows.
    fn put_cursor(
        &self,
        name: &'static str,
        next: EntryIndex,
    ) -> impl Future<Output = StoreResult<()>> + Send;
}
