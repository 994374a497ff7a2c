//! How an outbox row ends: the end itself, the step of the case that follows from it, and what the owner is told.

use crate::cases::{self, Fact, State};
use crate::domain::{AccountId, EntryKind, MessageId, RoomId, Source, UtcMillis};
use crate::ledger::Observation;
use crate::reply::template::{DraftReason, NoteKind, NoteSubject, Templates};
use crate::store::{CaseRow, OutboxRow, OutboxState, Purpose};

use super::{Change, Decision, Drafted, Ended, case_changed, decision, system};

/// The end of an outbox row.
pub(crate) struct Ending<'a> {
    pub(crate) row: &'a OutboxRow,
    pub(crate) state: OutboxState,
    pub(crate) why: &'static str,
    pub(crate) posted: Option<MessageId>,
    pub(crate) account: AccountId,
    pub(crate) case: Option<CaseRow>,
    /// The request's words and its author's name, for a note to the owner.
    pub(crate) said: String,
    pub(crate) name: Option<String>,
    /// Chatwork's answer to a refused post.
    pub(crate) status: u16,
    /// The owner's word may send it in this room.
    pub(crate) sendable: bool,
}

impl Ending<'_> {
    /// The entries to append together: the end, the case's step, a note for the owner where he has to know.
    pub(crate) fn observations(
        &self,
        templates: &Templates,
        control_room: Option<RoomId>,
        now: UtcMillis,
    ) -> Vec<Observation> {
        let key = |part: &str| format!("end:{}:{part}", self.row.decided_n);
        let content = Ended {
            decided_n: self.row.decided_n,
            why: self.why.to_owned(),
            account: self.account,
            text: self.row.text.clone(),
            case: self.row.case,
            purpose: Some(self.row.purpose.as_str().to_owned()),
        };
        let kind = match self.state {
            OutboxState::Sent if self.row.purpose == Purpose::Amend => EntryKind::ReplyAmended,
            OutboxState::Sent => EntryKind::ReplySent,
            OutboxState::Uncertain => EntryKind::ReplyUncertain,
            OutboxState::Suppressed | OutboxState::Waiting => EntryKind::ReplySuppressed,
        };
        let mut end = system(kind, &content).about(self.row.room, self.posted).once(key("end"));
        if self.state == OutboxState::Sent {
            end.source = Source::Sent;
        }
        let mut observations = vec![end];
        if !matches!(self.row.purpose, Purpose::Reminder | Purpose::FollowUp) {
            return observations;
        }
        if let Some(case) = self.case.as_ref().filter(|_| self.row.purpose == Purpose::Reminder)
            && let Some(changed) = self.case_after(case)
        {
            let change = Change { from: State::parse(&case.state), why: self.why, ..Change::default() };
            observations.push(case_changed(&changed, change).once(key("case")));
        }
        if let (Some(room), Some(text)) = (control_room, self.note(templates)) {
            let decision_of_note = Decision {
                purpose: Purpose::Note.as_str().to_owned(),
                case: self.row.case,
                post_room: Some(room),
                why: self.why.to_owned(),
                templates: templates.version().to_owned(),
                text: Some(text),
                due_at: Some(now.0),
                draft: self.draft(),
                ..Decision::default()
            };
            observations.push(decision(EntryKind::ReplyDecided, &decision_of_note).once(key("note")));
        }
        observations
    }

    /// A reminder that is, or may be, in the room counts: the case gets no second one.
    fn case_after(&self, case: &CaseRow) -> Option<CaseRow> {
        let in_room = matches!(self.state, OutboxState::Sent | OutboxState::Uncertain)
            || self.why == "already_reminded";
        if !in_room {
            return None;
        }
        let state = State::parse(&case.state).and_then(|it| cases::step(it, Fact::Reminded));
        Some(CaseRow {
            reminded: true,
            state: state.map_or_else(|| case.state.clone(), |it| it.as_str().to_owned()),
            ..case.clone()
        })
    }

    /// The text as a draft for the owner's word, where it can still be sent.
    fn draft(&self) -> Option<Drafted> {
        let may = self.state == OutboxState::Suppressed
            && matches!(
                self.why,
                "owner_answered"
                    | "room_budget"
                    | "budget"
                    | "too_late"
                    | "room_moved_on"
                    | "stopped"
                    | "opted_out"
                    | "dry_run"
            );
        let request = self.row.request.clone().filter(|_| may)?;
        Some(Drafted {
            purpose: self.row.purpose.as_str().to_owned(),
            room: self.row.room,
            request,
            text: self.row.text.clone(),
        })
    }

    /// What the owner is told of an end that is not the ordinary one.
    fn note(&self, templates: &Templates) -> Option<String> {
        let request = self.row.request.as_ref()?;
        let subject = NoteSubject {
            room: request.room,
            room_name: None,
            message: &request.message,
            sender_name: self.name.as_deref(),
            quote: &self.said,
        };
        let approve = self.row.case.filter(|_| self.sendable && self.draft().is_some());
        let not_posted = |reason| NoteKind::Draft { reason, draft: Some(self.row.text.as_str()), approve };
        let kind = match (self.state, self.why) {
            (OutboxState::Uncertain, _) => NoteKind::ReplyUncertain,
            (OutboxState::Suppressed, "refused_by_chatwork") => NoteKind::PostRefused { status: self.status },
            (OutboxState::Suppressed, "owner_answered") => not_posted(DraftReason::OwnerAnswered),
            (OutboxState::Suppressed, "room_budget") => not_posted(DraftReason::RoomBudget),
            (OutboxState::Suppressed, "budget") => not_posted(DraftReason::DayBudget),
            (OutboxState::Suppressed, "too_late" | "room_moved_on") => not_posted(DraftReason::TooOld),
            (OutboxState::Suppressed, "stopped") => not_posted(DraftReason::Paused),
            (OutboxState::Suppressed, "opted_out") => not_posted(DraftReason::OptedOut),
            (OutboxState::Suppressed, "dry_run") => not_posted(DraftReason::DryRun),
            // What the owner has sent by his word ends with a word to him, too.
            (OutboxState::Suppressed, "text_differs" | "message_gone" | "author_differs")
                if self.row.approved =>
            {
                NoteKind::Draft { reason: DraftReason::Changed, draft: None, approve: None }
            }
            (OutboxState::Suppressed, "already_reminded" | "case_reminded") if self.row.approved => {
                NoteKind::Draft { reason: DraftReason::AlreadyReminded, draft: None, approve: None }
            }
            _ => return None,
        };
        Some(templates.render_note(&subject, kind))
    }
}
