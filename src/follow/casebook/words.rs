//! The words of a decision: reminder, follow-up, notes to the owner.

use crate::cases::{FollowUp, State};
use crate::domain::EntryKind;
use crate::domain::{CaseId, RoomId};
use crate::ledger::Observation;
use crate::reply::record::{self, Decision, Drafted};
use crate::reply::template::{
    CaseNote, FollowUpContext, NoteKind, NoteSubject, ReminderContext, ReminderForm,
};
use crate::store::{ArchiveStore, CaseRow, Purpose, RequestRef};

use super::weighed::Weighed;
use super::{Casebook, Decider, FollowError};

/// What a note says.
pub(super) enum Saying<'a> {
    Plain(NoteKind<'a>),
    OfCase(CaseNote<'a>),
    WithDraft { kind: NoteKind<'a>, draft: &'a str, approve: Option<CaseId> },
}

impl Casebook {
    /// A note about a message; nothing where the bot has no room for notes.
    pub(super) async fn note(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        saying: Saying<'_>,
        decision: Decision,
    ) -> Result<Option<Observation>, FollowError> {
        let Some(room) = decider.me.control_room else { return Ok(None) };
        let name = self.store.name_at(it.seen.room, it.seen.account, it.entry.n).await?;
        let own = it.own_words();
        let subject = NoteSubject {
            room: it.seen.room,
            room_name: it.room_name.as_deref(),
            message: &it.seen.message,
            sender_name: name.as_deref(),
            quote: &own,
        };
        let text = say(decider, &subject, saying);
        Ok(Some(note_in(room, it.now, text, decision)))
    }

    pub(super) async fn reminder(
        &self,
        decider: &Decider,
        it: &Weighed<'_>,
        automatic_line: bool,
        form: ReminderForm,
    ) -> Result<String, FollowError> {
        let name = self.store.name_at(it.seen.room, it.seen.account, it.entry.n).await?;
        Ok(decider.templates.render_reminder(&ReminderContext {
            room: it.seen.room,
            message: &it.seen.message,
            account: it.seen.account,
            sender_name: name.as_deref(),
            automatic_line,
            start_before_escrow: it.signal().labels.start_before_escrow,
            form,
        }))
    }

    /// A reply after the reminder to the message of `request`.
    pub(super) async fn follow_up_text(
        &self,
        decider: &Decider,
        kind: FollowUp,
        request: &RequestRef,
        earlier: usize,
        automatic_line: bool,
    ) -> Result<String, FollowError> {
        let name = self.store.name_at(request.room, request.account, request.n).await?;
        Ok(decider.templates.render_follow_up(
            kind,
            &FollowUpContext {
                room: request.room,
                message: &request.message,
                account: request.account,
                sender_name: name.as_deref(),
                automatic_line,
                earlier,
            },
        ))
    }
}

pub(super) fn say(decider: &Decider, subject: &NoteSubject<'_>, saying: Saying<'_>) -> String {
    match saying {
        Saying::Plain(kind) => decider.templates.render_note(subject, kind),
        Saying::OfCase(note) => decider.templates.render_case_note(subject, note),
        Saying::WithDraft { kind, draft, approve } => {
            decider.templates.render_note_with_draft(subject, kind, draft, approve)
        }
    }
}

pub(super) fn note_in(
    room: RoomId,
    now: crate::domain::UtcMillis,
    text: String,
    decision: Decision,
) -> Observation {
    let decision = Decision { post_room: Some(room), text: Some(text), due_at: Some(now.0), ..decision };
    record::decision(EntryKind::ReplyDecided, &decision)
}

/// A draft for the owner's word.
pub(super) fn drafted(purpose: Purpose, request: &RequestRef, text: &str) -> Drafted {
    Drafted {
        purpose: purpose.as_str().to_owned(),
        room: request.room,
        request: request.clone(),
        text: text.to_owned(),
    }
}

/// Cases of the client before this one: the wording takes turns with them.
pub(super) fn earlier(cases: &[CaseRow], case: Option<CaseId>) -> usize {
    cases
        .iter()
        .filter(|it| Some(it.id) != case)
        .filter(|it| State::parse(&it.state).is_some_and(|state| state != State::Dismissed))
        .count()
}
