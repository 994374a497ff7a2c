//! Files each version of each message, tombstones, rooms, members and holes.

use std::collections::HashSet;

use serde::Deserialize;

use crate::domain::{AccountId, Entry, EntryIndex, EntryKind, RoomType, Source, UtcMillis};
use crate::ledger::{Erasure, Ledger};
use crate::store::{ArchiveRow, FollowStore, Record, Store};

use super::capture::capture;
use super::{BATCH, FollowError, Progress};

/// Derives messages, versions, rooms and members.
pub struct Archive {
    ledger: Ledger,
    store: Store,
    until: Option<EntryIndex>,
}

/// The room object of Chatwork's API, as far as the archive needs it.
#[derive(Deserialize)]
struct RoomContent {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct MemberContent {
    account_id: AccountId,
    name: String,
}

/// Content of `gap.found`, as far as the archive needs it.
#[derive(Deserialize)]
struct GapContent {
    kind: String,
    from: Option<String>,
    to: String,
}

impl Archive {
    pub const NAME: &'static str = "archive";

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
        let mut rows: Vec<ArchiveRow> = records.iter().flat_map(rows).collect();
        // Once a batch is enough to say that a room was seen.
        let mut told = HashSet::new();
        rows.retain(|row| match row {
            ArchiveRow::Room { room, room_type: None, name: None, .. } => told.insert(*room),
            _ => true,
        });
        self.store.put_archive(next, rows).await?;
        Ok(Progress::Moved)
    }
}

/// An entry that cannot be read is passed over: `verify` reports it, and one bad entry must not stop a room.
fn rows(record: &Record) -> Vec<ArchiveRow> {
    if let Some(erasure) = Erasure::of(record) {
        return vec![ArchiveRow::Erased { entries: erasure.entries }];
    }
    let Ok(entry) = record.entry() else { return Vec::new() };
    let Some(room) = entry.room.filter(|_| entry.kind.in_room_chain()) else { return Vec::new() };
    let (n, observed_at) = (entry.n, entry.observed_at);
    let seen = ArchiveRow::Room { n, room, room_type: None, name: None, observed_at };
    match entry.kind {
        EntryKind::MessageCreated | EntryKind::MessageUpdated | EntryKind::MessageDeletedReported => {
            version(&entry, record).into_iter().chain(present(&entry)).chain([seen]).collect()
        }
        EntryKind::MessageSeen => present(&entry).into_iter().chain([seen]).collect(),
        EntryKind::MessageMissingAtRecheck => {
            let missing = entry.message.map(|message| ArchiveRow::Missing { n: entry.n, room, message });
            missing.into_iter().chain([seen]).collect()
        }
        EntryKind::GapFound => gap(&entry, record).into_iter().chain([seen]).collect(),
        EntryKind::RoomFound | EntryKind::RoomChanged => {
            let content: Option<RoomContent> = parse(record);
            let (room_type, name) = match content {
                Some(it) => (it.kind.as_deref().map(room_type), it.name),
                None => (None, None),
            };
            vec![ArchiveRow::Room { n, room, room_type, name, observed_at }]
        }
        EntryKind::MemberJoined | EntryKind::MemberRenamed | EntryKind::MemberLeft => parse(record)
            .map(|member: MemberContent| ArchiveRow::Member {
                n: entry.n,
                room,
                account: member.account_id,
                name: member.name,
                present: entry.kind != EntryKind::MemberLeft,
            })
            .into_iter()
            .chain([seen])
            .collect(),
        _ => vec![seen],
    }
}

/// A message that was read in its room is not missing; a webhook may be an old one that comes late.
fn present(entry: &Entry) -> Option<ArchiveRow> {
    let message = entry.message.filter(|_| entry.source == Source::Poll)?;
    Some(ArchiveRow::Present { n: entry.n, room: entry.room?, message })
}

fn gap(entry: &Entry, record: &Record) -> Option<ArchiveRow> {
    let it: GapContent = parse(record)?;
    let from = it.from.as_deref().and_then(UtcMillis::parse);
    Some(ArchiveRow::Gap {
        n: entry.n,
        room: entry.room?,
        kind: it.kind,
        from,
        to: UtcMillis::parse(&it.to)?,
    })
}

fn version(entry: &Entry, record: &Record) -> Option<ArchiveRow> {
    let it = capture(entry, record)?;
    Some(ArchiveRow::Version {
        n: entry.n,
        kind: entry.kind,
        room: it.room,
        message: it.message,
        version: entry.version.unwrap_or(1),
        account: it.account,
        send_time: it.send_time,
        update_time: it.update_time,
        observed_at: entry.observed_at,
        body: it.body,
    })
}

fn parse<T: serde::de::DeserializeOwned>(record: &Record) -> Option<T> {
    serde_json::from_slice(record.content_bytes()?).ok()
}

/// My Chat counts as direct: one person alone.
fn room_type(name: &str) -> RoomType {
    if name == "group" { RoomType::Group } else { RoomType::Direct }
}
