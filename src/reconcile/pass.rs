//! One pass over the rooms: what moved, what is due, what the budget allows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::chatwork::api::{Api, Error as ApiError, Read};
use crate::chatwork::wire::Room;
use crate::config::{Config, MirrorRooms};
use crate::domain::{Clock, RoomId, UtcMillis};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::store::{CoverageStore as _, RoomRead, Store};

use super::gaps::{Cause, Pace};
use super::memory::{self, Memory};
use super::read::{Outcome, Target};
use super::rota::{self, Candidate};
use super::{ReconcileError, deep};

/// The wall clock moving on by so much without the machine is a sleep (or a clock that was set).
const JUMP: Duration = Duration::from_secs(10);
/// The first read of a room in a run takes its members too.
const FIRST_COST: u64 = 2;

/// Reads listed rooms and appends what is new.
pub struct Reconciler {
    pub(super) api: Api,
    pub(super) ledger: Ledger,
    pub(super) store: Store,
    pub(super) config: Arc<Config>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Metrics,
    pub(super) memory: Mutex<Memory>,
}

/// How a pass went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Rooms that were read.
    pub read: usize,
    /// Rooms that ought to have been read and were not: no budget, no access, no usable answer.
    pub left: usize,
    /// When the next pass should begin.
    pub wait: Duration,
    /// The machine slept before this pass.
    pub slept: bool,
}

impl Reconciler {
    pub fn new(
        api: Api,
        ledger: Ledger,
        store: Store,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        Self { api, ledger, store, config, clock, metrics, memory: Mutex::default() }
    }

    /// To be called where no other process is at work: from the last read of each room to the next one nobody looks.
    pub fn begins_watch(&self) {
        self.note_all(Cause::Downtime);
    }

    /// One pass: `GET /rooms` tells which listed rooms moved; those are read, and of the others as many as the budget
    /// allows, the longest unread first. Rooms in `asked` are read in any case.
    pub async fn pass(&self, asked: &BTreeSet<RoomId>) -> Result<Passed, ReconcileError> {
        let slept = self.jump() > JUMP;
        if slept {
            self.note_all(Cause::Sleep);
        }
        let result = self.look(asked).await;
        if let Err(ReconcileError::Api(error)) = &result {
            self.metrics.api_failed(error.kind());
            match error {
                ApiError::RateLimited { .. } => self.note_all(Cause::RateLimited),
                _ => self.note_all(Cause::Unreachable),
            }
        }
        if let Some(limits) = self.api.limits() {
            self.metrics.api_remaining(limits.remaining);
        }
        self.compare_clocks().await?;
        self.measure().await?;
        match result {
            Ok(passed) => Ok(Passed { slept, ..passed }),
            // Not an error of ours or theirs: come back when it says.
            Err(ReconcileError::Api(ApiError::RateLimited { until })) => {
                let wait = until.since(self.clock.now()).max(self.config.reconcile.interval);
                Ok(Passed { wait, slept, left: 1, ..Passed::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// Reads one room, or all that are watched as far as the budget goes, now.
    pub async fn sync(&self, room: Option<RoomId>) -> Result<Passed, ReconcileError> {
        let Some(room) = room else {
            self.memory().all = true;
            let passed = self.pass(&BTreeSet::new()).await;
            self.memory().all = false;
            return passed;
        };
        let listed = self.listed().await?;
        let reads = self.reads().await?;
        let watched = self.watched(&listed, &reads);
        let target = self.target(room, &listed, &reads, self.pace(watched.len()));
        let read = self.read(&target).await? == Outcome::Read;
        Ok(Passed { read: usize::from(read), left: usize::from(!read), ..Passed::default() })
    }

    /// A room that this installation reads.
    pub fn reads_room(&self, room: RoomId) -> bool {
        self.config.mirror.rooms == MirrorRooms::All || self.config.room(room).is_some()
    }

    /// The declared window: a version that was visible for longer is in the record, or the hole that hid it is. Edits of
    /// messages older than the newest 100 apart.
    pub fn declared_window(&self) -> Duration {
        let rooms = self.config.rooms.len();
        self.pace(rooms).declared()
    }

    async fn look(&self, asked: &BTreeSet<RoomId>) -> Result<Passed, ReconcileError> {
        let now = self.clock.now();
        let interval = self.config.reconcile.interval;
        self.memory().fastest = None;
        let budget = rota::budget(self.api.limits(), now, interval);
        if budget.usable == 0 {
            self.note_all(Cause::RateLimited);
            let wait = rota::wait(self.api.limits(), now, interval, 1, None);
            return Ok(Passed { wait, left: 1, ..Passed::default() });
        }
        let listed = self.listed().await?;
        let reads = self.reads().await?;
        let watched = self.watched(&listed, &reads);
        let pace = self.pace(watched.len());
        let candidates: Vec<Candidate> =
            watched.iter().filter_map(|room| self.candidate(*room, &listed, &reads, asked, now)).collect();
        let wanted = candidates.iter().filter(|it| it.asked || it.moved || it.stale >= pace.window).count();
        // The list has been paid for by now.
        let budget = rota::budget(self.api.limits(), now, interval);
        let early = self.memory().early;
        let order = rota::plan(candidates, budget, interval, pace.window, early);
        if wanted > order.len() {
            self.note_all(Cause::RateLimited);
        }
        let mut passed = Passed { left: wanted.saturating_sub(order.len()), ..Passed::default() };
        let mut seen = BTreeSet::new();
        for room in &order {
            match self.read(&self.target(*room, &listed, &reads, pace)).await? {
                Outcome::Read => {
                    passed.read += 1;
                    seen.insert(*room);
                }
                Outcome::NoAccess | Outcome::Failed => {
                    passed.left += 1;
                    self.remember_failure(*room);
                }
            }
        }
        let spare = budget.calm.saturating_sub(order.len() as u64).min(deep::PER_PASS);
        let rooms: Vec<RoomRead> = reads.into_values().filter(|it| watched.contains(&it.room)).collect();
        let rechecked = self.deep(&rooms, &seen, spare).await?;
        let cost = 1 + order.len() as u64 + rechecked;
        let fastest = self.memory().fastest;
        passed.wait = rota::wait(self.api.limits(), self.clock.now(), interval, cost, fastest);
        self.memory().early = passed.wait < interval;
        Ok(passed)
    }

    /// The rooms of the account by number. A list that cannot be read stops nothing: rooms are then read in turn.
    async fn listed(&self) -> Result<BTreeMap<RoomId, Read<Room>>, ReconcileError> {
        match self.api.rooms().await {
            Ok(list) => {
                if list.unreadable > 0 {
                    // What the list does not tell of a room is found by reading the room in turn.
                    self.metrics.api_failed("room_shape");
                }
                Ok(list.rooms.into_iter().map(|it| (it.value.room_id, it)).collect())
            }
            Err(error) if super::ends_the_pass(&error) => Err(error.into()),
            Err(error) => {
                self.metrics.api_failed(error.kind());
                tracing::warn!(
                    kind = error.kind(),
                    "the list of rooms could not be read; rooms are read in turn"
                );
                Ok(BTreeMap::new())
            }
        }
    }

    async fn reads(&self) -> Result<BTreeMap<RoomId, RoomRead>, ReconcileError> {
        Ok(self.store.room_reads().await?.into_iter().map(|it| (it.room, it)).collect())
    }

    /// Listed in the configuration; or all of the account, and those that were read before and vanished from it.
    fn watched(
        &self,
        listed: &BTreeMap<RoomId, Read<Room>>,
        reads: &BTreeMap<RoomId, RoomRead>,
    ) -> BTreeSet<RoomId> {
        match self.config.mirror.rooms {
            MirrorRooms::Listed => self.config.rooms.iter().map(|it| it.id).collect(),
            MirrorRooms::All => listed.keys().chain(reads.keys()).copied().collect(),
        }
    }

    fn pace(&self, rooms: usize) -> Pace {
        let interval = self.config.reconcile.interval;
        Pace { interval, window: rota::planned_window(rooms, interval) }
    }

    fn target<'a>(
        &self,
        room: RoomId,
        listed: &'a BTreeMap<RoomId, Read<Room>>,
        reads: &BTreeMap<RoomId, RoomRead>,
        pace: Pace,
    ) -> Target<'a> {
        Target {
            state: reads.get(&room).cloned().unwrap_or_else(|| RoomRead::none(room)),
            listed: listed.get(&room).map(|it| (it.raw.as_str(), memory::mark(&it.value))),
            pace,
        }
    }

    /// `None`: not worth a request in this pass.
    fn candidate(
        &self,
        room: RoomId,
        listed: &BTreeMap<RoomId, Read<Room>>,
        reads: &BTreeMap<RoomId, RoomRead>,
        asked: &BTreeSet<RoomId>,
        now: UtcMillis,
    ) -> Option<Candidate> {
        let interval = self.config.reconcile.interval;
        let asked = asked.contains(&room) || self.memory().all;
        let state = reads.get(&room);
        if !asked && let Some((since, pause)) = self.backoff(room, interval) {
            let lost = state.is_some_and(|it| it.lost_at.is_some());
            let again =
                since >= pause || (lost && rota::try_again(since, listed.contains_key(&room), interval));
            if !again {
                return None;
            }
        }
        let mark = listed.get(&room).map(|it| memory::mark(&it.value));
        let known = self.mark(room);
        let read_at = state.and_then(|it| it.read_at);
        Some(Candidate {
            room,
            asked,
            moved: read_at.is_none() || (mark.is_some() && mark != known),
            stale: read_at.map_or(Duration::MAX, |at| now.since(at)),
            cost: if known.is_none() { FIRST_COST } else { 1 },
        })
    }

    async fn measure(&self) -> Result<(), ReconcileError> {
        let now = self.clock.now();
        let rooms = self.store.room_reads().await?;
        let pace = self.pace(rooms.len().max(self.config.rooms.len()));
        let open = rooms.iter().filter(|it| it.lost_at.is_none());
        let unread = open.filter_map(|it| it.read_at).map(|at| now.since(at)).max().unwrap_or_default();
        let day = self.store.exposures(None, now.japan_day()).await?;
        let today = day.iter().map(|it| it.longest).max().unwrap_or_default();
        let lost = rooms.iter().filter(|it| it.lost_at.is_some()).count();
        self.metrics.coverage(rooms.len(), lost, unread, today, pace.declared());
        Ok(())
    }
}
