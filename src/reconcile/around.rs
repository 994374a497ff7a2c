//! The rest of a room over time: members and what they are called, tasks, name and description.

use std::sync::Arc;
use std::time::Duration;

use crate::chatwork::api::{Api, Error as ApiError};
use crate::config::{Config, MirrorRooms};
use crate::domain::{Clock, RoomId, UtcMillis};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::store::{AnnexStore as _, ArchiveStore as _, Look, RoomPart, Store};

use super::{ReconcileError, room};

/// Parts of rooms read at a time.
const BATCH: usize = 16;
/// Without any sign of a change a part is read again after so long: names change without a word.
const SWEEP: Duration = Duration::from_secs(6 * 60 * 60);
/// After a failure that is of the moment.
const AGAIN: Duration = Duration::from_secs(60);
/// Calls of the present window that are left to the sender and to the reading of messages: of what changed …
const RESERVE: u64 = 40;
/// … and of what is only due.
const RESERVE_OF_SWEEP: u64 = 150;

/// Reads what is beside the messages.
pub struct Around {
    pub api: Api,
    pub ledger: Ledger,
    pub store: Store,
    pub config: Arc<Config>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
}

impl Around {
    /// Reads what changed or is due; true where something was read.
    pub async fn tick(&self) -> Result<bool, ReconcileError> {
        let mut read = false;
        for look in self.store.looks_due(self.clock.now(), BATCH).await? {
            let now = self.clock.now();
            if !self.watched(look.room) {
                self.store.looked(look, now.plus(SWEEP)).await?;
                continue;
            }
            // What was never read can wait a little: at a first start all rooms want it at once.
            if self.short(look.pressing && !look.first, now) {
                continue;
            }
            let next = match self.look(look).await {
                // What it is to be compared with is not filed yet.
                Ok(false) => continue,
                Ok(true) => {
                    read = true;
                    now.plus(SWEEP)
                }
                Err(ReconcileError::Api(error)) => {
                    self.metrics.api_failed(error.kind());
                    match error {
                        // Of the account, not of this room: all others would fail too.
                        ApiError::RateLimited { .. } => return Ok(read),
                        ApiError::Unauthorized => return Err(ReconcileError::Api(error)),
                        ApiError::NoAccess { .. } | ApiError::Rejected { .. } | ApiError::Answer(_) => {
                            now.plus(SWEEP)
                        }
                        ApiError::Unreachable(_) | ApiError::MaybeSent(_) => now.plus(AGAIN),
                    }
                }
                Err(error) => return Err(error),
            };
            self.store.looked(look, next).await?;
        }
        Ok(read)
    }

    /// False where it is too early to say what changed.
    async fn look(&self, look: Look) -> Result<bool, ReconcileError> {
        let room = look.room;
        let observations = match look.part {
            RoomPart::Members => {
                let listed = self.api.members(room).await?;
                room::members(room, &self.store.members(room).await?, &self.store.roles(room).await?, &listed)
            }
            RoomPart::Tasks => {
                let mut listed = self.api.tasks(room, false).await?;
                listed.extend(self.api.tasks(room, true).await?);
                room::tasks(room, &self.store.tasks(room).await?, &listed)
            }
            RoomPart::Room => {
                let (newest, described) = self.store.room_state(room).await?;
                let Some(newest) = newest else { return Ok(false) };
                let told = self.api.room(room).await?;
                room::changed(room, &newest, described.as_ref(), &told).into_iter().collect()
            }
            RoomPart::Files => {
                let listed = self.api.files(room).await?;
                let ids = listed.iter().map(|it| it.value.file_id).collect();
                room::files(room, &self.store.files_known(room, ids).await?, &listed)
            }
        };
        self.ledger.append(observations).await?;
        Ok(true)
    }

    fn short(&self, pressing: bool, now: UtcMillis) -> bool {
        let reserve = if pressing { RESERVE } else { RESERVE_OF_SWEEP };
        self.api.limits().is_some_and(|it| it.remaining <= reserve && it.reset > now)
    }

    fn watched(&self, room: RoomId) -> bool {
        self.config.mirror.rooms == MirrorRooms::All || self.config.room(room).is_some()
    }
}
