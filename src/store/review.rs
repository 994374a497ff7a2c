//! What the pages ask beside what others ask too.

use std::future::Future;

use crate::domain::{EntryIndex, EntryKind, MessageId, RoomId};

use super::{ImportedMessage, MessageRow, StoreResult, VersionRow};

/// A message with all its versions, oldest first.
#[derive(Clone, Debug)]
pub struct Told {
    pub message: MessageRow,
    pub versions: Vec<VersionRow>,
}

/// Reads of the pages.
pub trait ReviewStore {
    /// Messages of a room by first sight, oldest first: the last `limit` from before entry `before` on.
    fn told_before(
        &self,
        room: RoomId,
        before: EntryIndex,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<Told>>> + Send;
    /// The first `limit` from entry `from` on.
    fn told_from(
        &self,
        room: RoomId,
        from: EntryIndex,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<Told>>> + Send;
    /// Edits and deletions from before entry `before` on, newest first, each with the version before it.
    fn changes(
        &self,
        room: Option<RoomId>,
        before: EntryIndex,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<(VersionRow, Option<VersionRow>)>>> + Send;
    /// What imports show, in the order in which it was brought: the last `limit` from before entry `before` on.
    fn imports_before(
        &self,
        room: Option<RoomId>,
        before: EntryIndex,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<ImportedMessage>>> + Send;
    /// The first `limit` from entry `from` on.
    fn imports_from(
        &self,
        room: Option<RoomId>,
        from: EntryIndex,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<ImportedMessage>>> + Send;
    /// How many versions of each kind were recorded from entry `from` on; `most` are counted.
    fn counts_since(
        &self,
        from: EntryIndex,
        most: usize,
    ) -> impl Future<Output = StoreResult<Vec<(EntryKind, u64)>>> + Send;
    /// The newest message of each room.
    fn newest(&self) -> impl Future<Output = StoreResult<Vec<MessageRow>>> + Send;
    /// Everybody who was ever seen in a room, with the last name; by name, at most `limit`.
    fn people(
        &self,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<(crate::domain::AccountId, String)>>> + Send;
    /// The messages of a room that belong to cases, with the part they have in them.
    fn parts(
        &self,
        room: RoomId,
    ) -> impl Future<Output = StoreResult<Vec<(MessageId, crate::domain::CaseId, String)>>> + Send;
}
