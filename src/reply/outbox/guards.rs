//! The guards of a decision once more, right before the post: what was right then may be wrong now.

use std::sync::PoisonError;
use std::time::Duration;

use crate::cases::State;
use crate::config::Mode;
use crate::domain::{RoomType, UtcMillis};
use crate::store::{ArchiveStore, CaseStore, OutboxRow, OutboxState, Purpose, StandingStore, StoreError};

use crate::reply::said;

use super::{IN_ROOM, Outbox, Step, owner_wrote_after, slot, start_of_day};

/// The outbox is looked at every second; so long without means that the machine slept.
const ASLEEP: Duration = Duration::from_secs(60);

/// A post is not begun when less than this is left of its lease.
const POST_TIME: Duration = Duration::from_secs(4);

impl Outbox {
    /// `None`: still wanted.
    pub(super) async fn still_wanted(
        &self,
        row: &OutboxRow,
        now: UtcMillis,
    ) -> Result<Option<Step>, StoreError> {
        let suppressed = |why| Ok(Some(Step::End { state: OutboxState::Suppressed, why, posted: None }));
        let switches = self.store.switches().await?;
        if switches.stopped {
            return suppressed("stopped");
        }
        // A change of the bot's own post was decided under `auto`, or is the owner's word.
        let by_word = row.approved || row.purpose == Purpose::Amend;
        let needed = if by_word { Mode::Approve } else { Mode::Auto };
        if self.config.room(row.room).is_none() || self.mode(row).await? < needed {
            return suppressed("mode");
        }
        if row.purpose == Purpose::Amend {
            return Ok(None);
        }
        let settled = self.settled_at.lock().unwrap_or_else(PoisonError::into_inner).at;
        if now < settled && !row.approved {
            return Ok(Some(Step::Later(settled)));
        }
        let said = said::of(&self.store, row.room).await?;
        let settings = self.config.reply_said(row.room, self.room_type(row).await?, said);
        if !row.approved {
            if settings.dry_run {
                return suppressed("dry_run");
            }
            if let Some(until) = switches.quiet_until.filter(|until| now < *until) {
                return Ok(Some(Step::Later(until)));
            }
            let open = settings.next_open(now);
            if open > now {
                return Ok(Some(Step::Later(open)));
            }
        }
        if let Some(why) = self.overtaken(row).await? {
            return suppressed(why);
        }
        let day = start_of_day(now);
        if self.store.posts_since(&IN_ROOM, Some(row.room), day).await? >= settings.max_per_room_per_day {
            return suppressed("room_budget");
        }
        if self.store.posts_since(&IN_ROOM, None, day).await? >= self.config.reply.max_per_day {
            return suppressed("budget");
        }
        Ok(None)
    }

    /// What has happened since in the case or in the room.
    async fn overtaken(&self, row: &OutboxRow) -> Result<Option<&'static str>, StoreError> {
        let case = match row.case {
            Some(case) => self.store.case(case).await?,
            None => None,
        };
        let state = case.as_ref().and_then(|it| State::parse(&it.state));
        let Some(request) = &row.request else { return Ok(None) };
        if row.purpose == Purpose::Reminder {
            if case.as_ref().is_some_and(|it| it.reminded) {
                return Ok(Some("case_reminded"));
            }
            match state {
                Some(State::Dismissed | State::Withdrawn) => return Ok(Some("case_closed")),
                Some(state) if state > State::Reminded && !row.approved => return Ok(Some("case_posted")),
                _ => {}
            }
            let declared = self.store.declared_room(row.room).await?;
            let opted_out =
                declared.opted_out.iter().any(|(account, out)| *account == request.account && *out);
            if opted_out && !row.approved {
                return Ok(Some("opted_out"));
            }
        } else if state.is_some_and(|it| matches!(it, State::Dismissed | State::Withdrawn)) {
            return Ok(Some("case_closed"));
        }
        // An answer to the owner's own fact follows words of his; of any other message his own answer is enough.
        let by_fact =
            row.purpose == Purpose::FollowUp && case.is_some_and(|it| it.request_message == request.message);
        let asks_owner =
            !row.approved && !by_fact && !matches!(row.purpose, Purpose::Notice | Purpose::Witness);
        if asks_owner && owner_wrote_after(&self.store, request, &self.me.owners).await? {
            return Ok(Some("owner_answered"));
        }
        Ok(None)
    }

    /// What the bot may do towards whom the row speaks to.
    pub(super) async fn mode(&self, row: &OutboxRow) -> Result<Mode, StoreError> {
        let room_type = self.room_type(row).await?;
        let said = said::of(&self.store, row.room).await?;
        Ok(match &row.request {
            Some(request) => self.config.reply_to_said(row.room, room_type, request.account, said).mode,
            None => self.config.reply_said(row.room, room_type, said).mode,
        })
    }

    async fn room_type(&self, row: &OutboxRow) -> Result<Option<RoomType>, StoreError> {
        let rooms = self.store.rooms().await?;
        Ok(rooms.into_iter().find(|it| it.room == row.room).and_then(|it| it.room_type))
    }

    /// In a group several members may each run a bot: each posts in its own turn, and sees what the others posted. The
    /// clients run none, and whoever sets the delay to nothing asks for no turns.
    pub(super) async fn turn(
        &self,
        row: &OutboxRow,
        now: UtcMillis,
    ) -> Result<Option<UtcMillis>, StoreError> {
        if !row.purpose.in_client_room() || self.room_type(row).await? != Some(RoomType::Group) {
            return Ok(None);
        }
        if self.config.reply_for(row.room, Some(RoomType::Group)).delay.is_zero() {
            return Ok(None);
        }
        let clients = self.config.room(row.room).and_then(|it| it.clients.as_deref()).unwrap_or_default();
        let members = self.store.members(row.room).await?.into_iter().filter(|it| it.present);
        let present = members.map(|it| it.account).filter(|it| !clients.contains(it)).collect();
        Ok(slot::next(present, self.me.account, now))
    }

    /// After a sleep the bot settles anew.
    pub(super) fn wake(&self, now: UtcMillis) {
        let mut settled = self.settled_at.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(settled.looked) > ASLEEP {
            settled.at = settled.at.max(now.plus(self.config.reply.settle));
        }
        settled.looked = now;
    }

    /// The process was halted (a closed lid, a stopped container) while it had the claim: by now another may have it, so
    /// the row is looked at anew.
    pub(super) fn overslept(&self, until: UtcMillis) -> Option<Step> {
        let now = self.clock.now();
        (now.plus(POST_TIME) >= until).then(|| Step::Later(now.max(until)))
    }
}
