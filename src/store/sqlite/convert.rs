//! Between our types and SQLite's. Unsigned ids keep their bits: SQLite's integers are signed.

use crate::domain::{Digest, EntryIndex, EntryKind, RoomType, UtcMillis};

use super::super::{StoreError, StoreResult};

pub(super) fn index(value: i64) -> EntryIndex {
    EntryIndex(value.cast_unsigned())
}

pub(super) fn digest(bytes: &[u8]) -> StoreResult<Digest> {
    bytes.try_into().map_err(|_| StoreError::Corrupt("a hash has not 32 bytes"))
}

pub(super) fn kind(text: &str) -> StoreResult<EntryKind> {
    EntryKind::parse(text).ok_or(StoreError::Corrupt("a kind of entry"))
}

pub(super) fn millis(value: Option<i64>) -> Option<UtcMillis> {
    value.map(UtcMillis)
}

pub(super) fn room_type(text: Option<String>) -> Option<RoomType> {
    match text.as_deref() {
        Some("direct") => Some(RoomType::Direct),
        Some("group") => Some(RoomType::Group),
        _ => None,
    }
}
