//! Tells the owner of cases that stand still: by the ledger and the clock alone, once for each reason.
//!
//! A nudge is a recorded decision under a key made of case, reason and what made it due, so a restart or a clock that
//! steps repeats none.

use std::sync::Arc;

use crate::cases::{self, Due, State};
use crate::config::Mode;
use crate::desk::Desk;
use crate::domain::{Clock, EntryKind, RoomId};
use crate::reply::record::{self, Decision};
use crate::reply::said;
use crate::reply::template::Alert;
use crate::store::{ArchiveStore, CaseRow, CaseStore, Purpose, StoreError};

/// At one look; the rest comes with the next ones.
const MAX_AT_ONCE: usize = 10;

/// Looks at all open cases by the clock.
pub struct Nudges {
    pub desk: Desk,
    pub clock: Arc<dyn Clock>,
    /// Where the owner is told; without it nobody is.
    pub control_room: Option<RoomId>,
}

impl Nudges {
    /// One look. Returns how many nudges were given.
    pub async fn tick(&self) -> Result<usize, StoreError> {
        let Some(room) = self.control_room else { return Ok(0) };
        let now = self.clock.now();
        let mut given = 0;
        for case in self.desk.store.cases().await? {
            let Some(state) = State::parse(&case.state).filter(|it| !it.closed()) else { continue };
            if given >= MAX_AT_ONCE {
                break;
            }
            for due in cases::due(&self.desk.standing(&case, state).await?, &self.desk.config.patience, now) {
                let key = format!("nudge:{}:{}:{}", case.id, due.nudge.as_str(), due.mark);
                if self.desk.ledger.find_once(&key).await?.is_some() || !self.wanted(&case).await? {
                    continue;
                }
                self.give(room, &case, &due, key).await?;
                given += 1;
            }
        }
        Ok(given)
    }

    /// In a room that is only observed the owner asked for silence everywhere.
    async fn wanted(&self, case: &CaseRow) -> Result<bool, StoreError> {
        let rooms = self.desk.store.rooms().await?;
        let room_type = rooms.into_iter().find(|it| it.room == case.room).and_then(|it| it.room_type);
        let listed = self.desk.config.room(case.room).is_some();
        let said = said::of(&self.desk.store, case.room).await?;
        Ok(!listed || self.desk.config.reply_said(case.room, room_type, said).mode > Mode::Observe)
    }

    async fn give(&self, room: RoomId, case: &CaseRow, due: &Due, key: String) -> Result<(), StoreError> {
        let line = self.desk.line(case).await?;
        let alert = Alert::Nudge { nudge: due.nudge, line, day: due.day.japan_date() };
        let content = Decision {
            purpose: Purpose::Note.as_str().to_owned(),
            case: Some(case.id),
            post_room: Some(room),
            why: due.nudge.as_str().to_owned(),
            templates: self.desk.templates.version().to_owned(),
            text: Some(self.desk.templates.render_alert(&alert)),
            due_at: Some(self.clock.now().0),
            ..Decision::default()
        };
        let observation = record::decision(EntryKind::ReplyDecided, &content).once(key);
        record::append_and_apply(&self.desk.ledger, &self.desk.store, vec![observation], None).await
    }
}
