//! The slow rota over messages that are older than the newest 100: one request each, as far as the budget goes.

use std::collections::BTreeSet;

use crate::chatwork::api::Error as ApiError;
use crate::domain::{EntryKind, MessageId, RoomId};
use crate::ledger::Observation;
use crate::store::{CoverageStore as _, DeepState, RoomRead};

use super::compare::{self, CHANNEL};
use super::gaps::Cause;
use super::{ReconcileError, Reconciler};

/// Messages asked for in one pass at most.
pub(super) const PER_PASS: u64 = 5;
/// Messages that are asked for a second time at most.
const MAX_DOUBTS: usize = 100;

/// How a message was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    There,
    Gone,
    /// The plan of the account hides it, and all older ones.
    Hidden,
    /// Nothing is known of it.
    Unclear,
}

impl Reconciler {
    /// Looks at up to `count` older messages, first at those that were not found the last time, then in one room after
    /// the other. Only in rooms of `seen`, which were read in this pass: elsewhere a 404 may be about the room. Returns how
    /// many requests it took.
    pub(super) async fn deep(
        &self,
        rooms: &[RoomRead],
        seen: &BTreeSet<RoomId>,
        count: u64,
    ) -> Result<u64, ReconcileError> {
        let mut used = 0;
        for (room, message) in self.take_doubts(seen, count) {
            used += 1;
            if self.look_at(room, &message).await? == Found::Gone {
                self.ledger.append_one(missing(room, &message, "alone")).await?;
            }
        }
        for room in self.deep_order(rooms).into_iter().filter(|it| seen.contains(&it.room)) {
            if used >= count {
                break;
            }
            used += self.deep_in(room, count - used).await?;
        }
        Ok(used)
    }

    async fn deep_in(&self, room: &RoomRead, count: u64) -> Result<u64, ReconcileError> {
        // Without older messages, or before the first read of this run, there is no edge.
        let Some(edge) = self.edge(room.room) else { return Ok(0) };
        let now = self.clock.now();
        let mut state = room.deep.clone();
        let from = state.at.filter(|at| *at < edge).unwrap_or(edge);
        let limit = usize::try_from(count).unwrap_or(usize::MAX);
        let next = self.store.known_before(room.room, from, limit).await?;
        let lap = |state: &DeepState| state.began.map(|began| now.since(began)).or(state.lap);
        let mut over = next.is_empty();
        let mut used = 0;
        let mut end = Ok(());
        for known in next {
            state.began.get_or_insert(now);
            match self.look_at(room.room, &known.message).await {
                Ok(found) => {
                    used += 1;
                    over = found == Found::Hidden;
                    if found == Found::Gone {
                        self.doubt(room.room, known.message);
                    }
                }
                Err(error) => end = Err(error),
            }
            if over || end.is_err() {
                break;
            }
            // Whatever came of it the rota goes on: a message that cannot be read must not hide those behind it.
            state.at = Some((known.send_time, known.message));
        }
        if over {
            state = DeepState { at: None, began: None, lap: lap(&state) };
        }
        if state != room.deep {
            self.store.put_deep(room.room, state).await?;
        }
        end.map(|()| used)
    }

    async fn look_at(&self, room: RoomId, message: &MessageId) -> Result<Found, ReconcileError> {
        match self.api.message(room, message).await {
            Ok(read) if read.value.message_id == *message => {
                self.ledger.append_one(compare::observation(room, &read, CHANNEL.to_owned())).await?;
                Ok(Found::There)
            }
            Ok(_) => Ok(Found::Unclear),
            Err(ApiError::NoAccess { limited: true, .. }) => Ok(Found::Hidden),
            Err(ApiError::NoAccess { status: 404, .. }) => Ok(Found::Gone),
            Err(error) if super::ends_the_pass(&error) => Err(error.into()),
            Err(error) => {
                self.metrics.api_failed(error.kind());
                self.note(room, Cause::Unreadable);
                Ok(Found::Unclear)
            }
        }
    }

    fn doubt(&self, room: RoomId, message: MessageId) {
        let mut memory = self.memory();
        if memory.doubts.len() < MAX_DOUBTS {
            memory.doubts.push((room, message));
        }
    }

    fn take_doubts(&self, seen: &BTreeSet<RoomId>, count: u64) -> Vec<(RoomId, MessageId)> {
        let mut memory = self.memory();
        let (mut taken, mut kept) = (Vec::new(), Vec::new());
        for doubt in std::mem::take(&mut memory.doubts) {
            let now = seen.contains(&doubt.0) && (taken.len() as u64) < count;
            if now { taken.push(doubt) } else { kept.push(doubt) }
        }
        memory.doubts = kept;
        taken
    }

    /// Each room once, beginning after the one where the last pass began.
    fn deep_order<'a>(&self, rooms: &'a [RoomRead]) -> Vec<&'a RoomRead> {
        let mut memory = self.memory();
        let start = match memory.deep_began_at {
            Some(last) => rooms.iter().position(|it| it.room > last).unwrap_or(0),
            None => 0,
        };
        memory.deep_began_at = rooms.get(start).map(|it| it.room);
        rooms[start..].iter().chain(&rooms[..start]).collect()
    }
}

/// `message.missing_at_recheck`; `by` says how it was looked for: in the `list` of the newest, or `alone`.
pub(super) fn missing(room: RoomId, message: &MessageId, by: &str) -> Observation {
    let content = serde_json::json!({ "by": by, "reads": 2 });
    Observation::system(EntryKind::MessageMissingAtRecheck, &content).about(room, Some(*message))
}
