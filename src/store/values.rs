//! Values as both engines store them. Unsigned ids keep their bits: the databases' integers are signed.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::domain::{self, Digest, Entry, MessageId, RoomType};
use crate::proof::verify::Content;

use super::{SearchRow, StoreError, StoreResult};

pub(super) fn integer(value: u64) -> i64 {
    value.cast_signed()
}

/// What is stored beside an entry of the live ledger: content is there or erased, and nothing is withheld.
pub(super) fn live<'a>(entry: &[u8], stored: Option<(Digest, &'a [u8])>) -> Content<&'a [u8]> {
    match stored {
        Some((salt, bytes)) => Content::Present { salt, bytes },
        None if Entry::parse(entry).is_ok_and(|it| it.content.is_some()) => Content::Erased,
        None => Content::None,
    }
}

pub(super) fn message_id(text: String) -> StoreResult<MessageId> {
    MessageId::new(text).ok_or(StoreError::Corrupt("a message id"))
}

pub(super) fn room_type_text(value: RoomType) -> &'static str {
    match value {
        RoomType::Direct => "direct",
        RoomType::Group => "group",
    }
}

pub(super) fn span(value: Duration) -> i64 {
    i64::try_from(value.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Rows of both kinds in one order.
pub(super) fn newest(mut rows: Vec<SearchRow>, limit: usize) -> Vec<SearchRow> {
    rows.sort_by_key(|it| std::cmp::Reverse(it.n()));
    rows.truncate(limit);
    rows
}

/// What a migration is known by.
pub(super) fn sum(sql: &str) -> String {
    domain::hex(&Sha256::digest(sql.as_bytes()))
}
