//! What stands beside the messages: files, tasks, the names of rooms, imports.

use std::future::Future;

use crate::domain::{AccountId, Digest, EntryIndex, MessageId, RoomId, UtcMillis};

use super::StoreResult;

/// One change that an entry makes.
#[derive(Clone, Debug)]
pub enum AnnexChange {
    /// A message shows a file.
    Shown(FileRow),
    Stored {
        file: FileRow,
        n: EntryIndex,
        stored: StoredFile,
    },
    Lost {
        file: FileRow,
        n: EntryIndex,
        reason: String,
        /// It is not tried again.
        last: bool,
    },
    Task(TaskRow),
    Room(RoomState),
    Role {
        room: RoomId,
        account: AccountId,
        n: EntryIndex,
        role: String,
    },
    /// Something tells that a part of the room changed.
    News {
        room: RoomId,
        part: RoomPart,
        n: EntryIndex,
    },
    ImportedMessage(ImportedMessage),
    ImportedFile {
        n: EntryIndex,
        room: Option<RoomId>,
        name: String,
        stored: StoredFile,
    },
    /// Contents of these entries are gone, and with them what was derived from them. `messages`: whose they were.
    Erased {
        entries: Vec<EntryIndex>,
        messages: Vec<(RoomId, MessageId)>,
    },
}

/// A file as a message shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    pub room: RoomId,
    pub file: u64,
    pub message: MessageId,
    /// The entry that showed it first.
    pub shown_n: EntryIndex,
    /// As its sender named it: not a safe path.
    pub name: String,
}

/// Bytes that were stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    pub media_type: String,
}

/// Where a file stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Not tried, or not yet found out.
    Wanted,
    Stored(StoredFile),
    /// It could not be fetched; `last`: and is not tried again.
    Lost {
        reason: String,
        last: bool,
    },
}

/// A file that is to be fetched.
#[derive(Clone, Debug)]
pub struct FileWork {
    pub file: FileRow,
    /// Attempts so far.
    pub attempts: u32,
}

/// A task as it stood from an entry on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    pub room: RoomId,
    pub task: u64,
    pub n: EntryIndex,
    pub message: MessageId,
    /// Who has to do it.
    pub account: AccountId,
    pub assigned_by: AccountId,
    pub body: String,
    pub limit: Option<UtcMillis>,
    pub limit_type: String,
    pub status: String,
}

/// A message as an imported copy shows it: no capture, and no version of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedMessage {
    pub n: EntryIndex,
    pub room: Option<RoomId>,
    pub message: Option<MessageId>,
    pub account: Option<AccountId>,
    pub name: Option<String>,
    pub sent_at: Option<UtcMillis>,
    pub body: String,
    /// The copy shows it as deleted.
    pub deleted: bool,
}

/// What a room was called from an entry on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomState {
    pub room: RoomId,
    pub n: EntryIndex,
    pub name: String,
    /// Only the reading of a single room tells it.
    pub description: Option<String>,
}

/// A part of a room that is read by a call of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomPart {
    Members,
    Tasks,
    /// Name and description.
    Room,
    Files,
}

impl RoomPart {
    pub const ALL: [Self; 4] = [Self::Members, Self::Tasks, Self::Room, Self::Files];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Tasks => "tasks",
            Self::Room => "room",
            Self::Files => "files",
        }
    }
}

/// A part of a room that is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub room: RoomId,
    pub part: RoomPart,
    /// The newest entry that tells of a change, if any does.
    pub news: Option<EntryIndex>,
    /// It changed, or was never read; otherwise it is only its turn.
    pub pressing: bool,
    /// It was never read.
    pub first: bool,
}

/// The annex: what one follower derives, and what fetching keeps of its attempts.
pub trait AnnexStore {
    fn put_annex(
        &self,
        next: EntryIndex,
        changes: Vec<AnnexChange>,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    /// Files to be fetched by now, those shown last first.
    fn files_due(
        &self,
        now: UtcMillis,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<FileWork>>> + Send;
    /// When the next file is due; `None` where nothing waits.
    fn next_file(&self) -> impl Future<Output = StoreResult<Option<UtcMillis>>> + Send;
    /// Durable: so often tried, and not again before then.
    fn file_tried(
        &self,
        room: RoomId,
        file: u64,
        attempts: u32,
        not_before: UtcMillis,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    /// Bytes that all stored files take, each hash counted once.
    fn stored_bytes(&self) -> impl Future<Output = StoreResult<u64>> + Send;
    /// The files that a message shows, by id.
    fn files_of(
        &self,
        room: RoomId,
        message: &MessageId,
    ) -> impl Future<Output = StoreResult<Vec<(FileRow, FileState)>>> + Send;
    /// Those of these files of a room that are known.
    fn files_known(
        &self,
        room: RoomId,
        files: Vec<u64>,
    ) -> impl Future<Output = StoreResult<Vec<u64>>> + Send;
    /// Whether entries other than these still need the bytes with this hash.
    fn bytes_needed(
        &self,
        sha256: Digest,
        besides: Vec<EntryIndex>,
    ) -> impl Future<Output = StoreResult<bool>> + Send;
    /// The tasks of a room as they stand, by id.
    fn tasks(&self, room: RoomId) -> impl Future<Output = StoreResult<Vec<TaskRow>>> + Send;
    /// Parts of rooms to be read by now, those that changed first.
    fn looks_due(&self, now: UtcMillis, limit: usize) -> impl Future<Output = StoreResult<Vec<Look>>> + Send;
    /// The part was read with what `news` told in view, and is next due then.
    fn looked(&self, look: Look, next: UtcMillis) -> impl Future<Output = StoreResult<()>> + Send;
    /// The newest known role of each account in a room, with the entry that said so.
    fn roles(
        &self,
        room: RoomId,
    ) -> impl Future<Output = StoreResult<Vec<(AccountId, EntryIndex, String)>>> + Send;
    /// The newest state of a room, and the newest that has a description.
    fn room_state(
        &self,
        room: RoomId,
    ) -> impl Future<Output = StoreResult<(Option<RoomState>, Option<RoomState>)>> + Send;
}
