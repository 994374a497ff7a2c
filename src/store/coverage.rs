//! What the store keeps of when rooms were looked at: the contract and its rows.

use std::future::Future;
use std::time::Duration;

use crate::domain::{EntryIndex, MessageId, RoomId, UtcMillis};

use super::StoreResult;

/// What is known of the reads of one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRead {
    pub room: RoomId,
    /// First complete read; `None` where there was none yet.
    pub first_at: Option<UtcMillis>,
    /// When the newest complete read was asked for: all that stood in the room then has been seen.
    pub read_at: Option<UtcMillis>,
    /// The newest message that it showed.
    pub reached: Option<MessageId>,
    /// Chatwork hid part of it because of the plan of the token's account.
    pub limited: bool,
    /// The room cannot be read since then.
    pub lost_at: Option<UtcMillis>,
    pub deep: DeepState,
}

impl RoomRead {
    /// A room that was never read.
    pub fn none(room: RoomId) -> Self {
        Self {
            room,
            first_at: None,
            read_at: None,
            reached: None,
            limited: false,
            lost_at: None,
            deep: DeepState::default(),
        }
    }
}

/// Where the rota over a room's older messages stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeepState {
    /// The message that was asked for last; older ones are next. `None`: a new lap begins.
    pub at: Option<(UtcMillis, MessageId)>,
    pub began: Option<UtcMillis>,
    /// How long the last whole lap took.
    pub lap: Option<Duration>,
}

/// A complete read, to be kept.
#[derive(Clone, Debug)]
pub struct NewRead {
    pub room: RoomId,
    pub asked_at: UtcMillis,
    pub reached: Option<MessageId>,
    pub limited: bool,
    /// Time since the read before, where that is no hole.
    pub exposure: Option<Exposure>,
}

/// The longest time between two complete reads of a room on one day in Japan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    pub room: RoomId,
    /// `2026-11-23`
    pub day: String,
    pub longest: Duration,
    pub began: UtcMillis,
}

/// A recorded hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapRow {
    pub n: EntryIndex,
    pub room: RoomId,
    pub kind: String,
    /// `None`: from before the room was watched.
    pub from: Option<UtcMillis>,
    pub to: UtcMillis,
}

/// A message of the archive that should still be in its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMessage {
    pub message: MessageId,
    pub send_time: UtcMillis,
    pub first_seen: UtcMillis,
}

/// When rooms were read, and what was not seen.
pub trait CoverageStore {
    fn room_reads(&self) -> impl Future<Output = StoreResult<Vec<RoomRead>>> + Send;
    fn put_read(&self, read: NewRead) -> impl Future<Output = StoreResult<()>> + Send;
    /// `Some`: the room cannot be read since then; `None`: it can again.
    fn put_lost(&self, room: RoomId, at: Option<UtcMillis>) -> impl Future<Output = StoreResult<()>> + Send;
    /// How far the entries have been watched for alarms.
    fn put_watched(&self, next: EntryIndex) -> impl Future<Output = StoreResult<()>> + Send;
    fn put_deep(&self, room: RoomId, state: DeepState) -> impl Future<Output = StoreResult<()>> + Send;
    /// Holes that end after `since`, by entry; of one room, or of all.
    fn gaps(
        &self,
        room: Option<RoomId>,
        since: UtcMillis,
    ) -> impl Future<Output = StoreResult<Vec<GapRow>>> + Send;
    /// By room and day, from the day `since` on.
    fn exposures(
        &self,
        room: Option<RoomId>,
        since: String,
    ) -> impl Future<Output = StoreResult<Vec<Exposure>>> + Send;
    /// The newest `limit` messages sent at or after `since` that are neither deleted nor missing.
    fn known_since(
        &self,
        room: RoomId,
        since: UtcMillis,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<KnownMessage>>> + Send;
    /// The newest `limit` of those that come before a place (in time, then id).
    fn known_before(
        &self,
        room: RoomId,
        before: (UtcMillis, MessageId),
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<KnownMessage>>> + Send;
    /// Messages of a room that stand as missing, each with the entry that said so.
    fn missing(&self, room: RoomId)
    -> impl Future<Output = StoreResult<Vec<(MessageId, EntryIndex)>>> + Send;
}
