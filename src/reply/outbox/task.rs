//! What goes to the owner alone: how much of it in a day, and tasks, which are looked for before they are handed out again, as
//! posts are.

use crate::chatwork::api::Error as ApiError;
use crate::domain::UtcMillis;
use crate::store::{CaseStore, OutboxRow, OutboxState, Purpose, StoreError};

use super::{LEASE, MAX_ATTEMPTS, NOTES_PER_DAY, Outbox, Step};

/// Tasks in 24 hours; beyond it the notes alone have to do.
const TASKS_PER_DAY: u32 = 30;

/// Answers to the owner's words in 24 hours: more than a person writes.
const ANSWERS_PER_DAY: u32 = 300;

/// For posts in the control room: how many of them in 24 hours.
pub(super) fn owner_budget(purpose: Purpose) -> Option<(&'static [Purpose], u32)> {
    match purpose {
        Purpose::Note => Some((&[Purpose::Note], NOTES_PER_DAY)),
        Purpose::Answer => Some((&[Purpose::Answer], ANSWERS_PER_DAY)),
        Purpose::Reminder
        | Purpose::FollowUp
        | Purpose::Notice
        | Purpose::Witness
        | Purpose::Amend
        | Purpose::Task => None,
    }
}

impl Outbox {
    pub(super) async fn hand_out(
        &self,
        row: &OutboxRow,
        attempts: u32,
        now: UtcMillis,
    ) -> Result<Step, StoreError> {
        let end = |state, why| Ok(Step::End { state, why, posted: None });
        if attempts == 0 {
            let since = UtcMillis(now.0 - 24 * 3600 * 1000);
            if self.store.posts_since(&[Purpose::Task], None, since).await? >= TASKS_PER_DAY {
                return end(OutboxState::Suppressed, "note_budget");
            }
        } else {
            if !self.store.claim_over(row.decided_n, now).await? {
                return Ok(Step::Later(now.plus(std::time::Duration::from_secs(1))));
            }
            for done in [false, true] {
                let tasks = match self.api.tasks(row.room, done).await {
                    Ok(tasks) => tasks,
                    Err(error) => return Ok(self.later(row, &error, now)),
                };
                if tasks.iter().any(|it| it.value.body.trim() == row.text.trim()) {
                    return end(OutboxState::Sent, "found_in_room");
                }
            }
            if attempts >= MAX_ATTEMPTS {
                return end(OutboxState::Uncertain, "not_provable");
            }
        }
        let until = now.plus(LEASE);
        if !self.store.claim(row.decided_n, now, until).await? {
            return Ok(Step::Later(until));
        }
        if let Some(step) = self.overslept(until) {
            return Ok(step);
        }
        match self.api.post_task(row.room, &row.text, &self.me.owners, None).await {
            Ok(_) => end(OutboxState::Sent, "posted"),
            // An owner who is no member of the room cannot be given a task; the note has to do.
            Err(ApiError::Rejected { .. }) => end(OutboxState::Suppressed, "refused_by_chatwork"),
            Err(error) => self.after_failure(row, error, now).await,
        }
    }
}
