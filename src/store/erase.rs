//! Erasing: content and everything derived from it leave the tables, and then the bytes of the file.

use std::future::Future;

use crate::domain::{EntryIndex, RoomId};

use super::{NewEntry, StoreResult, VersionRow};

/// The only writes that take something away.
pub trait EraseStore {
    /// Durable when it returns: in one transaction `declaration` is appended, and salt and content of `entries` and the
    /// rows derived from them are removed.
    fn erase(
        &self,
        declaration: NewEntry,
        entries: Vec<EntryIndex>,
    ) -> impl Future<Output = StoreResult<EntryIndex>> + Send;
    /// Signals of these entries are removed.
    fn forget_signals(&self, entries: Vec<EntryIndex>) -> impl Future<Output = StoreResult<()>> + Send;
    /// Versions in the room behind entry `after`: those that could have been read against something up to `until`, which
    /// is all until `messages` further ones were first seen behind it.
    fn read_against(
        &self,
        room: RoomId,
        after: EntryIndex,
        until: EntryIndex,
        messages: usize,
    ) -> impl Future<Output = StoreResult<Vec<VersionRow>>> + Send;
    /// Carries what was removed out of the search index's segments and out of the write-ahead log. False when another
    /// connection kept the log from being emptied.
    fn scrub(&self) -> impl Future<Output = StoreResult<bool>> + Send;
}
