//! What is recorded of a file that was fetched, or that could not be.

use serde::Serialize;

use crate::chatwork::wire::File;
use crate::domain::{self, EntryIndex, EntryKind, RoomId, Source};
use crate::files::Shelved;
use crate::ledger::Observation;
use crate::store::FileWork;

use super::Reason;

/// Content of `file.stored`.
#[derive(Serialize)]
struct StoredContent<'a> {
    file_id: u64,
    name: &'a str,
    size: u64,
    sha256: String,
    media_type: &'a str,
    declared_size: u64,
    account_id: u64,
    uploaded_at: i64,
    message_id: &'a str,
    shown: EntryIndex,
}

/// Content of `file.lost`.
#[derive(Serialize)]
struct LostContent<'a> {
    file_id: u64,
    name: &'a str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    declared_size: Option<u64>,
    attempts: u32,
    last: bool,
    shown: EntryIndex,
}

pub(super) fn stored_key(room: RoomId, file: u64) -> String {
    format!("file.stored:{room}:{file}")
}

pub(super) fn stored(work: &FileWork, told: &File, shelved: &Shelved) -> Observation {
    let content = StoredContent {
        file_id: told.file_id,
        name: &told.filename,
        size: shelved.size,
        sha256: domain::hex(&shelved.sha256),
        media_type: shelved.media_type,
        declared_size: told.filesize,
        account_id: told.account.account_id.0,
        uploaded_at: told.upload_time.0 / 1000,
        message_id: told.message_id.as_str(),
        shown: work.file.shown_n,
    };
    Observation {
        source_time: Some(told.upload_time),
        once: Some(stored_key(work.file.room, work.file.file)),
        ..observation(EntryKind::FileStored, work, &content)
    }
}

/// Each reason is told once, and once more when it is the end: a file that fails for days makes few entries.
pub(super) fn lost(
    work: &FileWork,
    reason: Reason,
    told: Option<&File>,
    attempts: u32,
    last: bool,
) -> Observation {
    let content = LostContent {
        file_id: work.file.file,
        name: told.map_or(work.file.name.as_str(), |it| it.filename.as_str()),
        reason: reason.as_str(),
        declared_size: told.map(|it| it.filesize),
        attempts,
        last,
        shown: work.file.shown_n,
    };
    let (room, file, reason) = (work.file.room, work.file.file, reason.as_str());
    Observation {
        source_time: told.map(|it| it.upload_time),
        once: Some(format!("file.lost:{room}:{file}:{reason}:{last}")),
        ..observation(EntryKind::FileLost, work, &content)
    }
}

fn observation<T: Serialize>(kind: EntryKind, work: &FileWork, content: &T) -> Observation {
    Observation {
        kind,
        source: Source::Poll,
        source_time: None,
        room: Some(work.file.room),
        message: Some(work.file.message),
        // A struct of numbers and texts is always JSON.
        content: serde_json::to_vec(content).ok(),
        identity: None,
        once: None,
    }
}
