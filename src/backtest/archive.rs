//! What happened in the rooms, as the ledger has it.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::domain::{AccountId, EntryIndex, EntryKind, MessageId, RoomId, UtcMillis};
use crate::follow::capture;
use crate::store::{ArchiveStore as _, LedgerStore, Record, RoomRow, Store, StoreResult};

use super::play::{Change, Said};

/// Entries read at a time.
const BATCH: usize = 2048;
/// Before the span itself so much is read: a request joins a case that moved within 14 days.
const RUN_UP: Duration = Duration::from_secs(15 * 86_400);

/// Messages, edits and disappearances that were written since `since`, with what is needed from before; in the order in
/// which they came to be known, and within a room in the order in which they were written.
pub async fn from_archive(store: &Store, room: Option<RoomId>, since: UtcMillis) -> StoreResult<Vec<Said>> {
    let from = UtcMillis(since.0.saturating_sub(i64::try_from(RUN_UP.as_millis()).unwrap_or(0)));
    let mut said: Vec<Said> = Vec::new();
    let mut posted: HashSet<MessageId> = HashSet::new();
    let mut next = EntryIndex(0);
    loop {
        let records = store.records(next, BATCH).await?;
        let Some(last) = records.last() else { break };
        next = EntryIndex(last.n.0 + 1);
        for record in &records {
            match what(record) {
                Some(What::Posted(message)) => _ = posted.insert(message),
                Some(What::Said(it)) if it.at >= from && room.is_none_or(|room| room == it.room) => {
                    said.push(it)
                }
                Some(What::Said(_)) | None => {}
            }
        }
    }
    // The bot's own posts, made with its owner's account, are not the owner's words.
    said.retain(|it| !posted.contains(&it.message));
    // What was read late stands in its place.
    said.sort_by_key(|it| (it.at, it.n));
    Ok(said)
}

/// What the owner is called in each of the rooms now.
pub async fn names(
    store: &Store,
    rooms: &[RoomRow],
    owners: &[AccountId],
) -> StoreResult<BTreeMap<RoomId, Vec<String>>> {
    let mut names = BTreeMap::new();
    for RoomRow { room, .. } in rooms {
        let members = store.members(*room).await?;
        let own = members.into_iter().filter(|it| owners.contains(&it.account));
        names.insert(*room, own.map(|it| it.name).collect());
    }
    Ok(names)
}

/// What an entry tells of a room.
enum What {
    Said(Said),
    /// The bot's own post.
    Posted(MessageId),
}

fn what(record: &Record) -> Option<What> {
    let entry = record.entry().ok()?;
    match entry.kind {
        EntryKind::ReplySent => Some(What::Posted(entry.message?)),
        EntryKind::MessageDeletedReported | EntryKind::MessageMissingAtRecheck => Some(What::Said(Said {
            n: Some(entry.n),
            room: entry.room?,
            message: entry.message?,
            // Who wrote it does not matter for what is gone.
            account: AccountId(0),
            at: entry.observed_at,
            change: Change::Gone,
        })),
        EntryKind::MessageCreated | EntryKind::MessageUpdated => {
            let seen = capture(&entry, record)?;
            Some(What::Said(Said {
                n: Some(entry.n),
                room: seen.room,
                message: seen.message,
                account: seen.account,
                at: seen.update_time.unwrap_or(seen.send_time),
                change: Change::Text(seen.body),
            }))
        }
        _ => None,
    }
}
