//! Claim → send → record. Chatwork knows no idempotency key, so each post is looked for before it is made, and after an
//! unknown outcome only what is provably absent is sent again.

mod guards;
mod retries;
mod slot;
mod task;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::chatwork::api::{Api, Error as ApiError};
use crate::chatwork::notation;
use crate::chatwork::wire::ApiMessage;
use crate::config::{Config, Mode};
use crate::domain::{AccountId, Clock, MessageId, RoomId, UtcMillis};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::store::{
    ArchiveStore, CaseStore, LedgerStore, MessageRow, OutboxRow, OutboxState, Purpose, RequestRef, Store,
    StoreError,
};

pub use retries::{Flow, Retries};

use super::record;
use super::room_check::{self, Found};
use super::template::Templates;

/// Outlives the request that it covers, whose time-out is 3 s.
const LEASE: Duration = Duration::from_secs(10);
/// Sendings of one row, the first included.
const MAX_ATTEMPTS: u32 = 3;
/// Notes to the owner in 24 hours; beyond it they are recorded and not posted.
pub const NOTES_PER_DAY: u32 = 60;

/// Everything that appears in a client's room counts against the budgets.
pub const IN_ROOM: [Purpose; 4] = [Purpose::Reminder, Purpose::FollowUp, Purpose::Notice, Purpose::Witness];

/// How long a post in a client's room waits where the bot is only tried out; the next start sends it.
const REHEARSAL: Duration = Duration::from_secs(3600);

/// Who the bot is on the platform.
#[derive(Clone, Debug)]
pub struct Me {
    /// Whose token it is.
    pub account: AccountId,
    pub owners: Vec<AccountId>,
    /// Where the bot talks with its owner alone; `None` where that room has other members.
    pub control_room: Option<RoomId>,
}

/// The sender. One row at a time, oldest due first.
pub struct Outbox {
    pub store: Store,
    pub ledger: Ledger,
    pub api: Api,
    pub config: Arc<Config>,
    pub templates: Arc<Templates>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
    pub me: Me,
    /// Nothing is posted in a client's room before this time (`reply.settle`).
    pub settled_at: Mutex<Settled>,
    /// Nothing at all is posted in a client's room: `setup` tries the bot out.
    pub rehearsal: bool,
    pub retries: Retries,
}

/// Since when the bot is awake.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    pub at: UtcMillis,
    /// When the outbox was last looked at: a long time without means that the machine slept.
    pub looked: UtcMillis,
}

/// How a row goes on.
enum Step {
    End {
        state: OutboxState,
        why: &'static str,
        posted: Option<MessageId>,
    },
    /// Chatwork's answer: repeating would not mend it.
    Refused {
        status: u16,
    },
    /// Nothing was sent; look again at this time.
    Later(UtcMillis),
}

impl Outbox {
    /// Handles what is due. Returns when the next row is due, if any waits.
    pub async fn tick(&self) -> Result<Option<UtcMillis>, StoreError> {
        self.wake(self.clock.now());
        let rows = self.store.open_outbox().await?;
        self.metrics.outbox_waiting(rows.len());
        let mut next = None;
        for row in rows {
            let now = self.clock.now();
            let due = self.retries.at(row.decided_n).map_or(row.due_at, |at| at.max(row.due_at));
            let later = if due > now {
                Some(due)
            } else {
                match self.handle(&row, now).await? {
                    Step::End { state, why, posted } => {
                        self.end(&row, state, why, posted, 0).await?;
                        None
                    }
                    Step::Refused { status } => {
                        self.end(&row, OutboxState::Suppressed, "refused_by_chatwork", None, status).await?;
                        None
                    }
                    Step::Later(at) => {
                        self.retries.put_off(row.decided_n, at);
                        Some(at)
                    }
                }
            };
            next = match (next, later) {
                (Some(a), Some(b)) => Some(std::cmp::min::<UtcMillis>(a, b)),
                (a, b) => a.or(b),
            };
        }
        self.retries.looked();
        Ok(next)
    }

    async fn handle(&self, row: &OutboxRow, now: UtcMillis) -> Result<Step, StoreError> {
        let suppressed = |why| Ok(Step::End { state: OutboxState::Suppressed, why, posted: None });
        if self.rehearsal && (IN_ROOM.contains(&row.purpose) || row.purpose == Purpose::Amend) {
            return Ok(Step::Later(now.plus(REHEARSAL)));
        }
        let attempts = self.store.attempts(row.decided_n).await?;
        if attempts == 0 && now.since(row.due_at) > self.config.reply.max_age {
            return suppressed("too_late");
        }
        if row.purpose == Purpose::Task {
            return self.hand_out(row, attempts, now).await;
        }
        if task::owner_budget(row.purpose).is_none()
            && attempts == 0
            && let Some(step) = self.still_wanted(row, now).await?
        {
            return Ok(step);
        }
        if let Some((purposes, budget)) = task::owner_budget(row.purpose).filter(|_| attempts == 0) {
            let since = now.plus(Duration::ZERO).0 - 24 * 3600 * 1000;
            if self.store.posts_since(purposes, None, UtcMillis(since)).await? >= budget {
                return suppressed("note_budget");
            }
        }
        if row.purpose == Purpose::Amend {
            return self.amend(row, now).await;
        }
        match self.look(row, attempts, now).await? {
            Look::Go => {}
            Look::Step(step) => return Ok(step),
        }
        // Looked at first, so that a row that is not to be posted ends without waiting for its turn.
        if let Some(at) = self.turn(row, now).await? {
            return Ok(Step::Later(at));
        }
        let until = now.plus(LEASE);
        if !self.store.claim(row.decided_n, now, until).await? {
            // Another process has it, or our own request is not yet waited out.
            return Ok(Step::Later(until));
        }
        if let Some(step) = self.overslept(until) {
            return Ok(step);
        }
        match self.api.post_message(row.room, &row.text).await {
            Ok(id) => Ok(Step::End { state: OutboxState::Sent, why: "posted", posted: Some(id) }),
            Err(error) => self.after_failure(row, error, now).await,
        }
    }

    /// Reads the message and the room again.
    async fn look(&self, row: &OutboxRow, attempts: u32, now: UtcMillis) -> Result<Look, StoreError> {
        let suppressed =
            |why| Ok(Look::Step(Step::End { state: OutboxState::Suppressed, why, posted: None }));
        // A running claim is waited out before the room is asked: the post may still be on its way.
        if attempts > 0 && !self.store.claim_over(row.decided_n, now).await? {
            return Ok(Look::Step(Step::Later(now.plus(Duration::from_secs(1)))));
        }
        if let Some(request) = &row.request {
            match self.api.message(request.room, &request.message).await {
                Ok(read) if read.value.account.account_id != request.account => {
                    return suppressed("author_differs");
                }
                Ok(read) if self.read_as(request).await?.as_deref() != Some(read.value.body.as_str()) => {
                    if attempts == 0 {
                        return suppressed("text_differs");
                    }
                }
                Ok(_) => {}
                Err(ApiError::NoAccess { .. }) if attempts == 0 => return suppressed("message_gone"),
                Err(ApiError::NoAccess { .. }) => {}
                Err(error) => return Ok(Look::Step(self.later(row, &error, now))),
            }
        }
        if task::owner_budget(row.purpose).is_some() && attempts == 0 {
            return Ok(Look::Go);
        }
        let page = match self.api.messages(row.room).await {
            Ok(page) => page,
            Err(ApiError::NoAccess { .. }) => return suppressed("room_gone"),
            Err(error) => return Ok(Look::Step(self.later(row, &error, now))),
        };
        let messages: Vec<&ApiMessage> = page.messages.iter().map(|it| &it.value).collect();
        let found = match (&row.request, row.purpose) {
            (Some(request), Purpose::Reminder) => {
                let ours = self.own_posts(row).await?;
                let look = room_check::Look { owners: &self.me.owners, ours: &ours, approved: row.approved };
                room_check::look(&messages, page.limited, request, &row.text, &look)
            }
            (Some(request), Purpose::FollowUp) => {
                room_check::look_after(&messages, page.limited, request, &row.text)
            }
            _ => room_check::look_for_text(&messages, page.limited, &row.text),
        };
        Ok(match found {
            Found::Ours(id) => {
                Look::Step(Step::End { state: OutboxState::Sent, why: "found_in_room", posted: Some(id) })
            }
            Found::AnotherReminder => return suppressed("already_reminded"),
            Found::OwnerWrote if attempts == 0 => return suppressed("owner_answered"),
            Found::Absent if attempts < MAX_ATTEMPTS => Look::Go,
            Found::Unknown if attempts == 0 => return suppressed("room_moved_on"),
            Found::OwnerWrote | Found::Absent | Found::Unknown => {
                Look::Step(Step::End { state: OutboxState::Uncertain, why: "not_provable", posted: None })
            }
        })
    }

    /// The text on which the decision was taken.
    async fn read_as(&self, request: &RequestRef) -> Result<Option<String>, StoreError> {
        let versions = self.store.versions(request.room, &request.message).await?;
        Ok(versions.into_iter().find(|it| it.n == request.n).map(|it| it.body))
    }

    async fn own_posts(&self, row: &OutboxRow) -> Result<Vec<MessageId>, StoreError> {
        let rows = self.store.outbox_of_room(row.room).await?;
        Ok(rows.into_iter().filter(|it| it.room == row.room).filter_map(|it| it.posted).collect())
    }

    /// Edits or deletes the bot's own post, if it still is what the bot posted. Doing it twice is doing it once.
    async fn amend(&self, row: &OutboxRow, now: UtcMillis) -> Result<Step, StoreError> {
        let suppressed = |why| Ok(Step::End { state: OutboxState::Suppressed, why, posted: None });
        let Some(target) = &row.target else { return suppressed("no_target") };
        let ours = self.store.outbox_of_room(row.room).await?;
        let posted = ours.into_iter().find(|it| it.posted.as_ref() == Some(target));
        let done = || Step::End { state: OutboxState::Sent, why: "amended", posted: Some(*target) };
        match self.api.message(row.room, target).await {
            Ok(read) if notation::is_deleted(&read.value.body) || read.value.body == row.text => {
                return Ok(done());
            }
            Ok(read) => {
                let own = read.value.account.account_id == self.me.account;
                let untouched = posted.is_some_and(|it| room_check::same_text(&it.text, &read.value.body));
                if !own || !untouched {
                    return suppressed("changed_by_owner");
                }
            }
            Err(ApiError::NoAccess { .. }) => return suppressed("message_gone"),
            Err(error) => return Ok(self.later(row, &error, now)),
        }
        let until = now.plus(LEASE);
        if !self.store.claim(row.decided_n, now, until).await? {
            return Ok(Step::Later(until));
        }
        if let Some(step) = self.overslept(until) {
            return Ok(step);
        }
        let outcome = if row.text.is_empty() {
            self.api.delete_message(row.room, target).await
        } else {
            self.api.edit_message(row.room, target, &row.text).await
        };
        match outcome {
            Ok(()) => Ok(done()),
            Err(error) => self.after_failure(row, error, now).await,
        }
    }

    async fn after_failure(
        &self,
        row: &OutboxRow,
        error: ApiError,
        now: UtcMillis,
    ) -> Result<Step, StoreError> {
        self.metrics.api_failed(error.kind());
        tracing::warn!(decided_n = row.decided_n.0, kind = error.kind(), "a post was not accepted");
        match error {
            // Not provably unsent: the claim stays, and when it has run out the room is read.
            ApiError::MaybeSent(_) | ApiError::Answer(_) => {
                self.retries.failed(row.decided_n, now);
                Ok(Step::Later(now.plus(LEASE)))
            }
            ApiError::Rejected { status } | ApiError::NoAccess { status, .. } => Ok(Step::Refused { status }),
            ApiError::RateLimited { .. } | ApiError::Unauthorized | ApiError::Unreachable(_) => {
                let step = self.later(row, &error, now);
                if let Step::Later(at) = &step {
                    self.store.release(row.decided_n, *at).await?;
                }
                Ok(step)
            }
        }
    }

    /// When to look again after a call that did nothing.
    fn later(&self, row: &OutboxRow, error: &ApiError, now: UtcMillis) -> Step {
        self.metrics.api_failed(error.kind());
        self.retries.failed(row.decided_n, now);
        if let ApiError::RateLimited { until } = error {
            return Step::Later((*until).max(now.plus(Duration::from_secs(1))));
        }
        Step::Later(now.plus(self.retries.pause(row.decided_n)))
    }

    /// Records the end, the step of the case that follows from it, and, where the owner has to know, a note.
    async fn end(
        &self,
        row: &OutboxRow,
        state: OutboxState,
        why: &'static str,
        posted: Option<MessageId>,
        status: u16,
    ) -> Result<(), StoreError> {
        let case = match row.case {
            Some(id) => self.store.case(id).await?,
            None => None,
        };
        let (said, name) = match &row.request {
            Some(request) => (
                self.read_as(request).await?.unwrap_or_default(),
                self.store.name_at(request.room, request.account, request.n).await?,
            ),
            None => (String::new(), None),
        };
        let account = self.me.account;
        let sendable = self.config.room(row.room).is_some() && self.mode(row).await? >= Mode::Approve;
        let ending = record::Ending { row, state, why, posted, account, case, said, name, status, sendable };
        let observations = ending.observations(&self.templates, self.me.control_room, self.clock.now());
        record::append_and_apply(&self.ledger, &self.store, observations, None).await?;
        self.retries.ended(row.decided_n);
        self.metrics.reply_ended(row.purpose.as_str(), state.as_str());
        tracing::info!(decided_n = row.decided_n.0, outcome = state.as_str(), why, "a reply ended");
        Ok(())
    }
}

enum Look {
    Go,
    Step(Step),
}

/// Midnight in Japan: budgets count calendar days there.
pub fn start_of_day(now: UtcMillis) -> UtcMillis {
    const DAY: i64 = 24 * 3600 * 1000;
    const JAPAN: i64 = 9 * 3600 * 1000;
    UtcMillis((now.0 + JAPAN).div_euclid(DAY) * DAY - JAPAN)
}

/// The owner has written in the room after the request. What the bot posted with the owner's account does not count.
pub async fn owner_wrote_after(
    store: &Store,
    request: &RequestRef,
    owners: &[AccountId],
) -> Result<bool, StoreError> {
    let Some(asked) = store.message(request.room, &request.message).await? else { return Ok(false) };
    let written = owner_messages(store, request.room, owners, asked.send_time).await?;
    Ok(written.into_iter().any(|it| it.message > request.message))
}

/// The owner's own messages in a room since a time, without the bot's posts.
pub async fn owner_messages(
    store: &Store,
    room: RoomId,
    owners: &[AccountId],
    since: UtcMillis,
) -> Result<Vec<MessageRow>, StoreError> {
    let written = store.written_since(room, owners.to_vec(), since).await?;
    let posts = store.outbox_of_room(room).await?;
    let continued = LedgerStore::head(store).await?.is_some_and(|it| it.base > 0);
    Ok(written
        .into_iter()
        .filter(|it| !(continued && room_check::reads_as_reminder(&it.current.body)))
        .filter(|it| {
            !posts
                .iter()
                .any(|post| post.posted.as_ref() == Some(&it.message) || post.text == it.current.body)
        })
        .collect())
}
