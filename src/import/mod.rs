//! Older copies of a room, brought by its owner: official exports, our own lines, pasted text, saved pages, pictures.
//!
//! What comes from here is told apart for ever: kinds of its own, source `import`, the hash of the file that it stood in.
//!
//! Never: makes a capture or a version of one, changes what was captured, guesses at what a file does not say without
//! saying so.

mod csv;
mod encoding;
mod format;
mod lines;
mod page;
mod paste;
mod run;
mod when;

pub use format::Format;
pub use run::{Import, Options, Report};

use std::path::PathBuf;

use crate::domain::{AccountId, MessageId, RoomId, UtcMillis};
use crate::store::StoreError;

/// A record longer than this is refused, in bytes: a message has 65,535 characters at most.
const MAX_RECORD: usize = 4 << 20;
/// A page or a pasted text is read as a whole; it may have so many bytes.
const MAX_TEXT: u64 = 64 << 20;

/// A message as a file shows it.
#[derive(Clone, Debug)]
struct Parsed {
    /// Position in the file, from 1: its line, or its place among the messages.
    place: u64,
    room: Option<RoomId>,
    message: Option<MessageId>,
    account: Option<AccountId>,
    name: Option<String>,
    sent_at: Option<UtcMillis>,
    /// The year was not in the file; it is the latest that is not in the future.
    year_assumed: bool,
    body: String,
    /// The record as it stands in the file.
    record: serde_json::Value,
}

/// Why a file cannot be imported. Nothing of it was, unless the message says so.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("cannot read {path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a file; import one file at a time")]
    NotAFile { path: PathBuf },
    #[error("{path} is empty")]
    Empty { path: PathBuf },
    #[error("the file is neither UTF-8 nor Shift_JIS text, and no PNG, JPEG or PDF")]
    Encoding,
    #[error(
        "no column of the first line is known as the message's text; name it body, message, 本文 or メッセージ"
    )]
    NoBodyColumn,
    #[error("no message was found: pasted text needs a line with the name, one with the time, then the text")]
    NoMessage,
    #[error("{at} {place} cannot be read: {what}")]
    Record { at: &'static str, place: u64, what: &'static str },
    #[error(
        "the file does not say which room it is of; add --room ID (the number after #!rid in the room's address)"
    )]
    NoRoom,
    #[error("the file has {size} bytes; at most {max} can be imported")]
    TooLarge { size: u64, max: u64 },
    #[error("all stored files together would exceed files_quota_mb in [storage]; raise it, or remove files")]
    Quota,
    #[error("cannot write under the data folder: {0}")]
    Write(#[source] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests;
