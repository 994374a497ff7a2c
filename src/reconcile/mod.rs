//! The other half of the mirror: reads rooms by the API and appends what no webhook brought.
//!
//! Never: reads an unlisted room, marks anything as read, uses the server-side read cursor (`force=0`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::chatwork::api::{Api, Error as ApiError};
use crate::chatwork::notation;
use crate::chatwork::wire::Room;
use crate::config::{Config, MirrorRooms};
use crate::domain::{EntryKind, RoomId, Source};
use crate::ledger::{Identity, Ledger, Observation};
use crate::metrics::Metrics;
use crate::store::{ArchiveStore, Store, StoreError};

/// Reads listed rooms and appends what is new.
pub struct Reconciler {
    pub api: Api,
    pub ledger: Ledger,
    pub store: Store,
    pub config: Arc<Config>,
    pub metrics: Metrics,
    /// What `GET /rooms` said of each room when it was last read: any difference means that the room moved.
    pub marks: Mutex<BTreeMap<RoomId, String>>,
    /// Last room of the slow sweep: an edit or a deletion need not move the numbers of `GET /rooms`.
    pub swept: Mutex<Option<RoomId>>,
}

/// Why a pass ended early; the next one begins anew.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("Chatwork could not be read")]
    Api(#[from] ApiError),
}

impl Reconciler {
    /// One pass: `GET /rooms` tells which listed rooms moved, and those are read. Rooms in `again` are read in any case.
    pub async fn pass(&self, again: &BTreeSet<RoomId>) -> Result<(), ReconcileError> {
        let rooms = self.api.rooms().await.inspect_err(|error| self.metrics.api_failed(error.kind()))?;
        if let Some(limits) = self.api.limits() {
            self.metrics.api_remaining(limits.remaining);
        }
        let watched: Vec<_> = rooms.iter().filter(|it| self.watched(it.value.room_id)).collect();
        let sweep = self.next_to_sweep(watched.iter().map(|it| it.value.room_id));
        for room in watched {
            let id = room.value.room_id;
            let mark = mark(&room.value);
            let known = self.marks.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
            if known.as_ref() == Some(&mark) && !again.contains(&id) && sweep != Some(id) {
                continue;
            }
            if known.is_none() {
                self.describe(id, room.raw.as_bytes()).await?;
            }
            self.read(id).await?;
            self.marks.lock().unwrap_or_else(PoisonError::into_inner).insert(id, mark);
        }
        Ok(())
    }

    /// One room a pass is read though nothing tells that it moved, in turn.
    fn next_to_sweep(&self, rooms: impl Iterator<Item = RoomId>) -> Option<RoomId> {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let rooms: BTreeSet<RoomId> = rooms.collect();
        let next =
            swept.and_then(|last| rooms.range(last..).find(|it| **it != last)).or(rooms.first()).copied();
        *swept = next;
        next
    }

    fn watched(&self, room: RoomId) -> bool {
        self.config.mirror.rooms == MirrorRooms::All || self.config.room(room).is_some()
    }

    /// Room and members at first contact; names are needed to address people.
    async fn describe(&self, room: RoomId, raw: &[u8]) -> Result<(), ReconcileError> {
        let known = self.store.members(room).await?;
        let mut observations = vec![read(EntryKind::RoomFound, room, raw).once(format!("room.found:{room}"))];
        for member in self.api.members(room).await? {
            let before = known.iter().find(|it| it.account == member.value.account_id);
            let kind = match before {
                None => EntryKind::MemberJoined,
                Some(it) if it.name != member.value.name => EntryKind::MemberRenamed,
                Some(_) => continue,
            };
            observations.push(read(kind, room, member.raw.as_bytes()));
        }
        self.ledger.append(observations).await?;
        Ok(())
    }

    /// The newest 100 messages of one room; those that are known make no entry.
    pub async fn read(&self, room: RoomId) -> Result<usize, ReconcileError> {
        let page = self.api.messages(room).await?;
        let observations: Vec<Observation> = page
            .messages
            .iter()
            .map(|it| {
                let message = &it.value;
                let deleted = notation::is_deleted(&message.body);
                let kind =
                    if deleted { EntryKind::MessageDeletedReported } else { EntryKind::MessageCreated };
                Observation {
                    message: Some(message.message_id.clone()),
                    source_time: Some(message.update_time.unwrap_or(message.send_time)),
                    identity: Some(Identity {
                        update_time: message.update_time,
                        body: message.body.clone(),
                        channel: "poll".to_owned(),
                    }),
                    ..read(kind, room, it.raw.as_bytes())
                }
            })
            .collect();
        let count = observations.len();
        self.ledger.append(observations).await?;
        Ok(count)
    }
}

/// An object as the API gave it.
fn read(kind: EntryKind, room: RoomId, raw: &[u8]) -> Observation {
    Observation {
        kind,
        source: Source::Poll,
        source_time: None,
        room: Some(room),
        message: None,
        content: Some(raw.to_vec()),
        identity: None,
        once: None,
    }
}

/// Everything of the room object that moves when the room does.
fn mark(room: &Room) -> String {
    format!("{}:{}:{}:{}", room.last_update_time.0, room.message_num, room.file_num, room.task_num)
}
