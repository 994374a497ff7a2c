//! Between our types and PostgreSQL's. Unsigned ids keep their bits: PostgreSQL's integers are signed.

use std::borrow::Cow;

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::domain::{
    AccountId, CaseId, ContractId, Digest, EntryIndex, EntryKind, MessageId, RoomId, RoomType, UtcMillis,
};
use crate::store::values::message_id;
use crate::store::{StoreError, StoreResult};

/// Written before what PostgreSQL's texts cannot hold: it is no character of any writing.
const ESCAPE: char = '\u{10fffe}';

pub(super) fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Indices stand in signed columns; the end of all is the greatest of these.
pub(super) fn bounded(n: EntryIndex) -> i64 {
    i64::try_from(n.0).unwrap_or(i64::MAX)
}

/// A text as it is stored. PostgreSQL's texts hold every character but U+0000, which people may write: it must not stop
/// a room.
pub(super) fn text(value: &str) -> Cow<'_, str> {
    if !value.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len() + 4);
    for c in value.chars() {
        match c {
            '\0' => out.extend([ESCAPE, '0']),
            ESCAPE => out.extend([ESCAPE, ESCAPE]),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

pub(super) fn maybe_text(value: Option<&String>) -> Option<Cow<'_, str>> {
    value.map(|it| text(it))
}

/// The reverse of [`text`].
pub(super) fn untext(value: String) -> String {
    if !value.contains(ESCAPE) {
        return value;
    }
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            ESCAPE => out.push(if chars.next() == Some('0') { '\0' } else { ESCAPE }),
            c => out.push(c),
        }
    }
    out
}

pub(super) fn digest(bytes: &[u8]) -> StoreResult<Digest> {
    bytes.try_into().map_err(|_| StoreError::Corrupt("a hash has not 32 bytes"))
}

/// The columns of a row as our types.
pub(super) trait Columns {
    /// As PostgreSQL gives it.
    fn raw<'a, T: FromSql<'a>>(&'a self, at: usize) -> StoreResult<T>;

    fn number(&self, at: usize) -> StoreResult<u64> {
        Ok(self.raw::<i64>(at)?.cast_unsigned())
    }
    fn maybe_number(&self, at: usize) -> StoreResult<Option<u64>> {
        Ok(self.raw::<Option<i64>>(at)?.map(i64::cast_unsigned))
    }
    fn small(&self, at: usize) -> StoreResult<u32> {
        u32::try_from(self.raw::<i64>(at)?).map_err(|_| StoreError::Corrupt("a number is too large"))
    }
    fn flag(&self, at: usize) -> StoreResult<bool> {
        self.raw(at)
    }
    fn index(&self, at: usize) -> StoreResult<EntryIndex> {
        self.number(at).map(EntryIndex)
    }
    fn room(&self, at: usize) -> StoreResult<RoomId> {
        self.number(at).map(RoomId)
    }
    fn account(&self, at: usize) -> StoreResult<AccountId> {
        self.number(at).map(AccountId)
    }
    fn case(&self, at: usize) -> StoreResult<CaseId> {
        self.number(at).map(CaseId)
    }
    fn contract(&self, at: usize) -> StoreResult<ContractId> {
        self.number(at).map(ContractId)
    }
    fn time(&self, at: usize) -> StoreResult<UtcMillis> {
        self.raw(at).map(UtcMillis)
    }
    fn maybe_time(&self, at: usize) -> StoreResult<Option<UtcMillis>> {
        Ok(self.raw::<Option<i64>>(at)?.map(UtcMillis))
    }
    fn text(&self, at: usize) -> StoreResult<String> {
        self.raw(at).map(untext)
    }
    fn maybe_text(&self, at: usize) -> StoreResult<Option<String>> {
        Ok(self.raw::<Option<String>>(at)?.map(untext))
    }
    fn message(&self, at: usize) -> StoreResult<MessageId> {
        message_id(self.raw(at)?)
    }
    fn maybe_message(&self, at: usize) -> StoreResult<Option<MessageId>> {
        self.raw::<Option<String>>(at)?.map(message_id).transpose()
    }
    fn digest(&self, at: usize) -> StoreResult<Digest> {
        digest(self.raw::<&[u8]>(at)?)
    }
    fn kind(&self, at: usize) -> StoreResult<EntryKind> {
        EntryKind::parse(self.raw(at)?).ok_or(StoreError::Corrupt("a kind of entry"))
    }
    fn room_type(&self, at: usize) -> StoreResult<Option<RoomType>> {
        Ok(match self.raw::<Option<&str>>(at)? {
            Some("direct") => Some(RoomType::Direct),
            Some("group") => Some(RoomType::Group),
            _ => None,
        })
    }
}

impl Columns for Row {
    fn raw<'a, T: FromSql<'a>>(&'a self, at: usize) -> StoreResult<T> {
        self.try_get(at).map_err(|_| StoreError::Corrupt("a column has an unexpected type"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_none_holds_a_zero() {
        for it in ["", "納品", "a\0b", "\0", "\u{10fffe}", "\u{10fffe}0", "\0\u{10fffe}\u{10fffe}\0"] {
            let stored = text(it).into_owned();
            assert!(!stored.contains('\0'), "{it:?}");
            assert_eq!(untext(stored), it);
        }
    }
}
