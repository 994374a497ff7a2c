//! What the reconciler remembers between two passes. All of it may be lost: a restart looks at everything anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use crate::chatwork::wire::Room;
use crate::domain::{MessageId, RoomId, UtcMillis};

use super::Reconciler;
use super::compare::Span;
use super::gaps::{Cause, Causes};
use super::read::Target;

/// What moves of a room's object when the room does: any difference calls for a read.
pub(super) type Mark = [i64; 4];

/// An unreadable room is tried again after one interval, two, four … at most so many.
const MAX_BACKOFF: u32 = 32;

/// Of all rooms.
#[derive(Default)]
pub(super) struct Memory {
    rooms: BTreeMap<RoomId, RoomMemory>,
    /// Of all rooms; each has its own beside them.
    causes: Causes,
    /// Older messages that were not found at the last look.
    pub(super) doubts: Vec<(RoomId, MessageId)>,
    /// Where the rota over older messages began in the last pass.
    pub(super) deep_began_at: Option<RoomId>,
    /// Both clocks at the end of the last pass.
    clocks: Option<(UtcMillis, Duration)>,
    /// Messages and their span in the room that moved fastest in this pass.
    pub(super) fastest: Option<(u64, Duration)>,
    /// The next pass comes before its time, for a fast room.
    pub(super) early: bool,
    /// Every room is asked for.
    pub(super) all: bool,
}

/// Of one room.
#[derive(Default)]
struct RoomMemory {
    mark: Option<Mark>,
    read_monotonic: Option<Duration>,
    /// The oldest message of the last read, where there are older ones.
    edge: Option<(UtcMillis, MessageId)>,
    absent: BTreeSet<MessageId>,
    /// Said to be missing, while the archive may not have filed it yet.
    told: BTreeSet<MessageId>,
    causes: Causes,
    failures: u32,
    tried_at: Option<UtcMillis>,
}

impl Reconciler {
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing in it is worth more than going on.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A cause that concerns one room.
    pub(super) fn note(&self, room: RoomId, cause: Cause) {
        let now = self.clock.now();
        self.memory().rooms.entry(room).or_default().causes.note(cause, now);
    }

    /// A cause that concerns all rooms.
    pub(super) fn note_all(&self, cause: Cause) {
        let now = self.clock.now();
        self.memory().causes.note(cause, now);
    }

    pub(super) fn causes(&self, room: RoomId) -> Causes {
        let memory = self.memory();
        let own = memory.rooms.get(&room).map(|it| it.causes.clone()).unwrap_or_default();
        memory.causes.with(&own)
    }

    /// How far the wall clock moved on without the machine since the last call: it slept, or the clock was set.
    pub(super) fn jump(&self) -> Duration {
        let (wall, monotonic) = (self.clock.now(), self.clock.monotonic());
        match self.memory().clocks.replace((wall, monotonic)) {
            Some((wall_then, monotonic_then)) => {
                wall.since(wall_then).saturating_sub(monotonic.saturating_sub(monotonic_then))
            }
            None => Duration::ZERO,
        }
    }

    pub(super) fn mark(&self, room: RoomId) -> Option<Mark> {
        self.memory().rooms.get(&room).and_then(|it| it.mark)
    }

    pub(super) fn edge(&self, room: RoomId) -> Option<(UtcMillis, MessageId)> {
        self.memory().rooms.get(&room).and_then(|it| it.edge)
    }

    pub(super) fn absent(&self, room: RoomId) -> BTreeSet<MessageId> {
        self.memory().rooms.get(&room).map(|it| it.absent.clone()).unwrap_or_default()
    }

    pub(super) fn told(&self, room: RoomId) -> BTreeSet<MessageId> {
        self.memory().rooms.get(&room).map(|it| it.told.clone()).unwrap_or_default()
    }

    pub(super) fn read_before(&self, room: RoomId) -> Option<Duration> {
        self.memory().rooms.get(&room).and_then(|it| it.read_monotonic)
    }

    pub(super) fn remember_read(
        &self,
        target: &Target<'_>,
        span: &Span,
        asked_at: UtcMillis,
        monotonic: Duration,
        absent: BTreeSet<MessageId>,
        missing: Vec<MessageId>,
    ) {
        let mut memory = self.memory();
        if let Some(read_at) = target.state.read_at {
            let elapsed = asked_at.since(read_at);
            let speed = |(n, within): (u64, Duration)| n as f64 / within.as_secs_f64().max(1.0);
            let this = (span.fresh as u64, elapsed);
            if memory.fastest.is_none_or(|fastest| speed(this) > speed(fastest)) {
                memory.fastest = Some(this);
            }
        }
        let it = memory.rooms.entry(target.state.room).or_default();
        if let Some((_, mark)) = target.listed {
            it.mark = Some(mark);
        }
        it.read_monotonic = Some(monotonic);
        it.edge = span.oldest.filter(|_| !span.whole);
        it.told.retain(|told| absent.contains(told));
        it.told.extend(missing);
        it.absent = absent;
        it.causes = Causes::default();
        it.failures = 0;
    }

    pub(super) fn remember_failure(&self, room: RoomId) {
        let now = self.clock.now();
        let mut memory = self.memory();
        let it = memory.rooms.entry(room).or_default();
        it.failures = it.failures.saturating_add(1);
        it.tried_at = Some(now);
    }

    /// Since the last try, and how long to leave the room alone after so many failures.
    pub(super) fn backoff(&self, room: RoomId, interval: Duration) -> Option<(Duration, Duration)> {
        let now = self.clock.now();
        let memory = self.memory();
        let it = memory.rooms.get(&room).filter(|it| it.failures > 0)?;
        let factor = 1_u32.checked_shl(it.failures - 1).unwrap_or(MAX_BACKOFF).min(MAX_BACKOFF);
        Some((it.tried_at.map_or(Duration::MAX, |at| now.since(at)), interval.saturating_mul(factor)))
    }
}

pub(super) fn mark(room: &Room) -> Mark {
    [
        room.last_update_time.0,
        room.message_num.cast_signed(),
        room.file_num.cast_signed(),
        room.task_num.cast_signed(),
    ]
}
