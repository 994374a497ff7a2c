//! What stands beside the messages: the files they show and what became of them, tasks, names of rooms, imports.

use serde::Deserialize;

use crate::chatwork::notation;
use crate::chatwork::wire::{File, Room, Task};
use crate::domain::{self, AccountId, Entry, EntryIndex, EntryKind, MessageId, RoomId};
use crate::ledger::Ledger;
use crate::store::{
    AnnexChange, AnnexStore, ArchiveStore, FileRow, FollowStore, ImportedMessage, Record, RoomPart,
    RoomState, Store, StoreResult, StoredFile, TaskRow,
};

use super::capture::{Capture, capture};
use super::{BATCH, FollowError, Progress};

/// Files that one message may have fetched: a person can type any number of tags.
const FILES_PER_MESSAGE: usize = 100;

/// Derives files, tasks, states of rooms and imports.
pub struct Annex {
    ledger: Ledger,
    store: Store,
    until: Option<EntryIndex>,
}

/// Content of `file.stored` and `file.lost` as far as it is read here.
#[derive(Deserialize)]
struct FileContent {
    file_id: u64,
    name: String,
    shown: EntryIndex,
    sha256: Option<String>,
    size: Option<u64>,
    media_type: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    last: bool,
}

/// Content of `member.…` as far as it is read here.
#[derive(Deserialize)]
struct RoleContent {
    account_id: AccountId,
    role: String,
}

/// Content of `message.imported`.
#[derive(Deserialize)]
struct MessageContent {
    account: Option<AccountId>,
    name: Option<String>,
    body: String,
    #[serde(default)]
    deleted: bool,
}

/// Content of `file.imported`.
#[derive(Deserialize)]
struct ImportedFileContent {
    name: String,
    sha256: String,
    size: u64,
    media_type: String,
}

#[derive(Deserialize)]
struct ErasedContent {
    entries: Vec<EntryIndex>,
}

impl Annex {
    pub const NAME: &'static str = "annex";

    pub fn new(ledger: Ledger, store: Store) -> Self {
        Self { ledger, store, until: None }
    }

    /// Never beyond this entry: a comparison stops where the original had come to.
    pub fn until(mut self, until: EntryIndex) -> Self {
        self.until = Some(until);
        self
    }

    /// Handles one batch.
    pub async fn tick(&self) -> Result<Progress, FollowError> {
        let from = self.store.cursor(Self::NAME).await?;
        let left = self.until.map_or(BATCH as u64, |until| until.0.saturating_sub(from.0).min(BATCH as u64));
        let records = self.ledger.records(from, usize::try_from(left).unwrap_or(BATCH)).await?;
        let Some(last) = records.last() else { return Ok(Progress::Idle) };
        let next = EntryIndex(last.n.0 + 1);
        let (mut changes, mut named) = (Vec::new(), Vec::new());
        for record in &records {
            // An entry that cannot be read is passed over: `verify` reports it, and one bad entry must not stop a room.
            let Ok(entry) = record.entry() else { continue };
            match entry.kind {
                EntryKind::ContentErased => changes.extend(self.erased(record).await?),
                EntryKind::MessageCreated | EntryKind::MessageUpdated | EntryKind::MessageSeen => {
                    let Some(seen) = capture(&entry, record) else { continue };
                    changes.extend(shown(&entry, &seen));
                    if let Some(name) = seen.name {
                        named.push((seen.room, seen.account, entry.n, name));
                    }
                }
                _ => changes.extend(derived(&entry, record)),
            }
        }
        changes.extend(self.unfamiliar(named).await?);
        self.store.put_annex(next, changes).await?;
        Ok(Progress::Moved)
    }

    /// Authors who are called otherwise than the members are known tell of a change that nothing else announces.
    async fn unfamiliar(&self, named: Vec<Named>) -> StoreResult<Vec<AnnexChange>> {
        let asked = named.iter().map(|(room, account, n, _)| (*room, *account, *n)).collect();
        let known = self.store.names_at(asked).await?;
        let news = named.into_iter().zip(known).filter(|((.., name), known)| known.as_ref() != Some(name));
        Ok(news.map(|((room, _, n, _), _)| AnnexChange::News { room, part: RoomPart::Members, n }).collect())
    }

    /// Whose contents are gone: the entries themselves still say it.
    async fn erased(&self, record: &Record) -> StoreResult<Option<AnnexChange>> {
        let Some(content) = parse::<ErasedContent>(record) else { return Ok(None) };
        let mut messages: Vec<(RoomId, MessageId)> = Vec::new();
        for n in &content.entries {
            for erased in self.ledger.records(*n, 1).await? {
                let entry = erased.entry().ok().filter(|it| it.n == *n);
                if let Some((room, message)) = entry.and_then(|it| it.room.zip(it.message))
                    && !messages.contains(&(room, message))
                {
                    messages.push((room, message));
                }
            }
        }
        Ok(Some(AnnexChange::Erased { entries: content.entries, messages }))
    }
}

/// An author as a message names him, and the entry of the message.
type Named = (RoomId, AccountId, EntryIndex, String);

fn derived(entry: &Entry, record: &Record) -> Option<AnnexChange> {
    match entry.kind {
        EntryKind::MemberJoined | EntryKind::MemberRenamed | EntryKind::MemberChanged => role(entry, record),
        EntryKind::FileFound => found(entry, record),
        EntryKind::FileStored | EntryKind::FileLost => file(entry, record),
        EntryKind::TaskCreated | EntryKind::TaskUpdated => task(entry, record),
        EntryKind::RoomFound | EntryKind::RoomChanged => room(entry, record),
        EntryKind::MessageImported => imported(entry, record).map(AnnexChange::ImportedMessage),
        EntryKind::FileImported => imported_file(entry, record),
        _ => None,
    }
}

/// What a message says of files and of changes in the room. Few do: the others are not taken apart.
fn shown(entry: &Entry, seen: &Capture) -> Vec<AnnexChange> {
    if !seen.body.contains("[download:") && !seen.body.contains("[dtext:") {
        return Vec::new();
    }
    let parsed = notation::parse(&seen.body);
    let downloads = parsed.downloads();
    // The list of files is asked only where the message does not say which.
    let told = parsed.system_keys().into_iter().filter_map(part);
    let told = told.filter(|it| *it != RoomPart::Files || downloads.is_empty());
    let news = told.map(|part| AnnexChange::News { room: seen.room, part, n: entry.n });
    let downloads = downloads.iter().take(FILES_PER_MESSAGE);
    let files = downloads.map(|it| {
        AnnexChange::Shown(FileRow {
            room: seen.room,
            file: it.file,
            message: seen.message,
            shown_n: entry.n,
            name: it.name.to_owned(),
        })
    });
    news.chain(files).collect()
}

/// The part of the room whose change Chatwork announces with this key.
fn part(key: &str) -> Option<RoomPart> {
    match key {
        "task_added" | "task_edited" | "task_done" | "task_reverted" => Some(RoomPart::Tasks),
        "chatroom_member_is" | "chatroom_chat_joined" | "chatroom_resigned_priv_change_all" => {
            Some(RoomPart::Members)
        }
        "file_uploaded" => Some(RoomPart::Files),
        "chatroom_chatname_is" | "chatroom_description_is" | "chatroom_resigned_priv_change" => {
            Some(RoomPart::Room)
        }
        _ => None,
    }
}

fn role(entry: &Entry, record: &Record) -> Option<AnnexChange> {
    let content: RoleContent = parse(record)?;
    Some(AnnexChange::Role { room: entry.room?, account: content.account_id, n: entry.n, role: content.role })
}

fn found(entry: &Entry, record: &Record) -> Option<AnnexChange> {
    let content: File = parse(record)?;
    Some(AnnexChange::Shown(FileRow {
        room: entry.room?,
        file: content.file_id,
        message: content.message_id,
        shown_n: entry.n,
        name: content.filename,
    }))
}

fn file(entry: &Entry, record: &Record) -> Option<AnnexChange> {
    let content: FileContent = parse(record)?;
    let file = FileRow {
        room: entry.room?,
        file: content.file_id,
        message: entry.message?,
        shown_n: content.shown,
        name: content.name,
    };
    if entry.kind == EntryKind::FileLost {
        return Some(AnnexChange::Lost { file, n: entry.n, reason: content.reason?, last: content.last });
    }
    let stored = stored(&content.sha256?, content.size?, content.media_type?)?;
    Some(AnnexChange::Stored { file, n: entry.n, stored })
}

fn stored(sha256: &str, size: u64, media_type: String) -> Option<StoredFile> {
    Some(StoredFile { sha256: domain::unhex(sha256)?, size, media_type })
}

fn task(entry: &Entry, record: &Record) -> Option<AnnexChange> {
    let content: Task = parse(record)?;
    Some(AnnexChange::Task(TaskRow {
        room: entry.room?,
        task: content.task_id,
        n: entry.n,
        message: content.message_id,
        account: content.account.account_id,
        assigned_by: content.assigned_by_account.account_id,
        body: content.body,
        limit: content.limit_time,
        limit_type: content.limit_type.as_str().to_owned(),
        status: content.status.as_str().to_owned(),
    }))
}

fn room(entry: &Entry, record: &Record) -> Option<AnnexChange> {
    let content: Room = parse(record)?;
    Some(AnnexChange::Room(RoomState {
        room: entry.room?,
        n: entry.n,
        name: content.name,
        description: content.description,
    }))
}

/// A message as an imported copy shows it; `None` for every other entry, and where its content is erased.
pub fn imported(entry: &Entry, record: &Record) -> Option<ImportedMessage> {
    if entry.kind != EntryKind::MessageImported {
        return None;
    }
    let content: MessageContent = parse(record)?;
    Some(ImportedMessage {
        n: entry.n,
        room: entry.room,
        message: entry.message,
        account: content.account,
        name: content.name,
        sent_at: entry.source_time,
        body: content.body,
        deleted: content.deleted,
    })
}

fn imported_file(entry: &Entry, record: &Record) -> Option<AnnexChange> {
    let content: ImportedFileContent = parse(record)?;
    let stored = stored(&content.sha256, content.size, content.media_type)?;
    Some(AnnexChange::ImportedFile { n: entry.n, room: entry.room, name: content.name, stored })
}

fn parse<T: serde::de::DeserializeOwned>(record: &Record) -> Option<T> {
    serde_json::from_slice(record.content_bytes()?).ok()
}
