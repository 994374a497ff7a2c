//! One pass over the rooms: which are read, in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::chatwork::api::Api;
use crate::chatwork::wire::Room;
use crate::config::{Config, MirrorRooms};
use crate::domain::RoomId;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::store::Store;

use super::{ReconcileError, compare};

/// Reads listed rooms and appends what is new.
pub struct Reconciler {
    pub(super) api: Api,
    pub(super) ledger: Ledger,
    pub(super) store: Store,
    pub(super) config: Arc<Config>,
    pub(super) metrics: Metrics,
    /// What `GET /rooms` said of each room when it was last read: any difference means that the room moved.
    marks: Mutex<BTreeMap<RoomId, String>>,
    /// Last room of the slow sweep: an edit or a deletion need not move the numbers of `GET /rooms`.
    swept: Mutex<Option<RoomId>>,
}

impl Reconciler {
    pub fn new(api: Api, ledger: Ledger, store: Store, config: Arc<Config>, metrics: Metrics) -> Self {
        Self { api, ledger, store, config, metrics, marks: Mutex::default(), swept: Mutex::default() }
    }

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

    /// The newest 100 messages of one room; those that are known make no entry.
    async fn read(&self, room: RoomId) -> Result<(), ReconcileError> {
        let page = self.api.messages(room).await?;
        let observations = page.messages.iter().map(|it| compare::observation(room, it)).collect();
        self.ledger.append(observations).await?;
        Ok(())
    }
}

/// Everything of the room object that moves when the room does.
fn mark(room: &Room) -> String {
    format!("{}:{}:{}:{}", room.last_update_time.0, room.message_num, room.file_num, room.task_num)
}
