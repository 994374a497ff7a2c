//! Tasks for the owner about what needs his answer: a draft that waits for a word, an escrow that somebody says is paid.
//! When the answer is given, the task is marked as done.

use crate::cases::State;
use crate::chatwork::api::{Api, Error as ApiError};
use crate::config::Mode;
use crate::desk::Desk;
use crate::domain::{CaseId, EntryKind, RoomId};
use crate::ledger::Observation;
use crate::reply::record::{self, Decision};
use crate::reply::said;
use crate::store::{
    ArchiveStore, CaseRow, CaseStore, DraftState, OutboxRow, OutboxState, Purpose, StandingStore, StoreError,
};

/// Hands out and closes tasks.
pub struct Asks {
    pub api: Api,
    pub desk: Desk,
    /// Where the tasks are; without it there are none.
    pub control_room: Option<RoomId>,
}

/// Why a look ended early; the next one begins anew.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("Chatwork did not take a task")]
    Api(#[from] ApiError),
}

impl Asks {
    /// One look. Returns how many tasks were handed out or closed.
    pub async fn tick(&self) -> Result<usize, AskError> {
        let Some(room) = self.control_room else { return Ok(0) };
        let store = &self.desk.store;
        let mut count = 0;
        for draft in store.open_drafts().await? {
            let newest = store.draft(draft.case).await?.is_some_and(|it| it.drafted_n == draft.drafted_n);
            let shown = matches!(draft.shown, Some((OutboxState::Sent, _)));
            if newest && shown {
                count +=
                    self.ask(room, draft.case, "draft", format!("task:draft:{}", draft.drafted_n)).await?;
            }
        }
        for case in store.cases().await? {
            if State::parse(&case.state) == Some(State::EscrowClaimed) && self.watched(&case).await? {
                count += self.ask(room, case.id, "claim", format!("task:claim:{}", case.id)).await?;
            }
        }
        Ok(count + self.close(room).await?)
    }

    async fn watched(&self, case: &CaseRow) -> Result<bool, StoreError> {
        let rooms = self.desk.store.rooms().await?;
        let room_type = rooms.into_iter().find(|it| it.room == case.room).and_then(|it| it.room_type);
        let listed = self.desk.config.room(case.room).is_some();
        let said = said::of(&self.desk.store, case.room).await?;
        Ok(listed && self.desk.config.reply_said(case.room, room_type, said).mode > Mode::Observe)
    }

    async fn ask(
        &self,
        room: RoomId,
        case: CaseId,
        what: &'static str,
        key: String,
    ) -> Result<usize, StoreError> {
        if self.desk.ledger.find_once(&key).await?.is_some() {
            return Ok(0);
        }
        let templates = &self.desk.templates;
        let text = if what == "draft" { templates.draft_task(case) } else { templates.claim_task(case) };
        let content = Decision {
            purpose: Purpose::Task.as_str().to_owned(),
            case: Some(case),
            post_room: Some(room),
            why: what.to_owned(),
            templates: templates.version().to_owned(),
            text: Some(text),
            due_at: Some(self.desk.clock.now().0),
            ..Decision::default()
        };
        let observation = record::decision(EntryKind::ReplyDecided, &content).once(key);
        record::append_and_apply(&self.desk.ledger, &self.desk.store, vec![observation], None).await?;
        Ok(1)
    }

    /// Marks tasks as done whose question is answered.
    async fn close(&self, room: RoomId) -> Result<usize, AskError> {
        let mut count = 0;
        let mut open = None;
        for row in self.desk.store.outbox().await? {
            if row.purpose != Purpose::Task || row.state != OutboxState::Sent {
                continue;
            }
            let key = format!("task:done:{}", row.decided_n);
            if !self.settled(&row).await? || self.desk.ledger.find_once(&key).await?.is_some() {
                continue;
            }
            if open.is_none() {
                open = Some(self.api.tasks(room, false).await?);
            }
            let task = open.iter().flatten().find(|it| it.value.body.trim() == row.text.trim());
            if let Some(task) = task {
                self.api.finish_task(room, task.value.task_id).await?;
            }
            let content = serde_json::json!({
                "decided_n": row.decided_n,
                "task": task.map(|it| it.value.task_id),
            });
            let entry = Observation::system(EntryKind::TaskClosed, &content).about(room, None).once(key);
            self.desk.ledger.append_one(entry).await?;
            count += 1;
        }
        Ok(count)
    }

    /// The question of a task is answered, or no longer there.
    async fn settled(&self, row: &OutboxRow) -> Result<bool, StoreError> {
        let Some(case) = row.case else { return Ok(true) };
        if row.text == self.desk.templates.claim_task(case) {
            let state = self.desk.store.case(case).await?.and_then(|it| State::parse(&it.state));
            return Ok(state != Some(State::EscrowClaimed));
        }
        let draft = self.desk.store.draft(case).await?;
        Ok(draft.is_none_or(|it| it.state != DraftState::Open))
    }
}
