//! The texts about cases beside the reminder: replies after it, and what the owner is told of them.

use crate::cases::FollowUp;
use crate::domain::{AccountId, CaseId, MessageId, RoomId};

use super::slot::Slot;
use super::texts::TextId;
use super::{
    DraftReason, MAX_DRAFT_CHARS, MAX_NAME_CHARS, NoteKind, NoteSubject, Templates, case_part, inert_line,
    inert_text, reason_text, without_head,
};

/// Which reminder fits what is known of the client and his contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReminderForm {
    /// For a new job; `earlier` cases of the client let the wording take turns.
    #[default]
    NewJob,
    Again {
        earlier: usize,
    },
    Milestones,
    ExtraScope,
    MonthlyShort,
}

/// What a reply after the reminder depends on.
#[derive(Clone, Copy)]
pub struct FollowUpContext<'a> {
    pub room: RoomId,
    /// The message that is answered, and who wrote it.
    pub message: &'a MessageId,
    pub account: AccountId,
    pub sender_name: Option<&'a str>,
    /// Says that it was sent automatically.
    pub automatic_line: bool,
    /// Earlier cases of the client: the wording takes turns.
    pub earlier: usize,
}

/// What the owner is told of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseNote<'a> {
    /// A request inside a contract in escrow; `left` with its unit.
    Covered {
        left: &'a str,
    },
    /// The client writes in a room without any contract.
    FirstContact,
    Withdrawn {
        case: CaseId,
        reminder: OwnReminder,
    },
    RequestDeleted {
        case: CaseId,
    },
    OptedOut,
    /// A reply that waits for the owner's word.
    FollowUpDraft {
        case: CaseId,
        reason: DraftReason,
        draft: &'a str,
        approve: bool,
    },
}

/// What becomes of the bot's own reminder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnReminder {
    /// There is none in the room.
    None,
    Left,
    Edited,
    Deleted,
}

const START: [TextId; 3] = [TextId::FollowStart1, TextId::FollowStart2, TextId::FollowStart3];
const CLAIMED: [TextId; 3] = [TextId::FollowClaimed1, TextId::FollowClaimed2, TextId::FollowClaimed3];
const CONFIRMED: [TextId; 3] = [TextId::FollowConfirmed1, TextId::FollowConfirmed2, TextId::FollowConfirmed3];
/// A name of 74 characters, a number, a root of 44.
const MAX_HEAD_CHARS: usize = 160;
const DELIVERED: [TextId; 3] = [TextId::FollowDelivered1, TextId::FollowDelivered2, TextId::FollowDelivered3];
const REMINDERS: [TextId; 3] = [TextId::ReminderText, TextId::ReminderText2, TextId::ReminderText3];

/// The text of a reminder.
pub(super) fn reminder_text(form: ReminderForm, start_before_escrow: bool) -> TextId {
    match form {
        ReminderForm::NewJob | ReminderForm::Again { .. } if start_before_escrow => {
            TextId::ReminderStartBeforeEscrow
        }
        ReminderForm::NewJob => TextId::ReminderText,
        ReminderForm::Again { earlier } => REMINDERS[earlier % REMINDERS.len()],
        ReminderForm::Milestones => TextId::ReminderMilestones,
        ReminderForm::ExtraScope => TextId::ReminderExtraScope,
        ReminderForm::MonthlyShort => TextId::ReminderMonthlyShort,
    }
}

impl Templates {
    /// A reply after the reminder, for the client's room. Holds nothing of what was said but the sender's name.
    pub fn render_follow_up(&self, kind: FollowUp, ctx: &FollowUpContext<'_>) -> String {
        let texts = match kind {
            FollowUp::StartBeforeEscrow => START,
            FollowUp::EscrowClaimed => CLAIMED,
            FollowUp::EscrowConfirmed => CONFIRMED,
            FollowUp::Delivered => DELIVERED,
        };
        let mut post = head(ctx.room, ctx.message, ctx.account, ctx.sender_name);
        post.push_str(&self.fill(texts[ctx.earlier % texts.len()], &[]));
        if ctx.automatic_line {
            post.push_str("\n\n");
            post.push_str(&self.fill(TextId::FollowAutomatic, &[]));
        }
        post
    }

    /// The notice that a room is recorded.
    pub fn render_notice(&self) -> String {
        self.fill(TextId::NoticeText, &[])
    }

    /// A signed head for the others in the room to keep.
    pub fn render_witness(&self, head: &str) -> String {
        self.fill(TextId::WitnessText, &[(Slot::Head, inert_line(head, MAX_HEAD_CHARS))])
    }

    /// What takes the reminder's place when the request was taken back.
    pub fn render_amended(
        &self,
        room: RoomId,
        message: &MessageId,
        account: AccountId,
        name: Option<&str>,
    ) -> String {
        head(room, message, account, name) + &self.fill(TextId::AmendWithdrawn, &[])
    }

    /// A note about a case for the control room.
    pub fn render_case_note(&self, subject: &NoteSubject<'_>, note: CaseNote<'_>) -> String {
        let mut values = self.subject_values(subject);
        let mut parts = Vec::new();
        let (title, body) = match note {
            CaseNote::Covered { left } => {
                values.push((Slot::Left, inert_line(left, MAX_NAME_CHARS)));
                (TextId::CoveredTitle, TextId::CoveredBody)
            }
            CaseNote::FirstContact => {
                parts.extend([TextId::SuggestionLead, TextId::FirstContactSuggestion]);
                (TextId::FirstContactTitle, TextId::FirstContactBody)
            }
            CaseNote::Withdrawn { case, reminder } => {
                values.push((Slot::Case, case.to_string()));
                parts.extend(match reminder {
                    OwnReminder::None => None,
                    OwnReminder::Left => Some(TextId::WithdrawnLeft),
                    OwnReminder::Edited => Some(TextId::WithdrawnEdited),
                    OwnReminder::Deleted => Some(TextId::WithdrawnDeleted),
                });
                (TextId::WithdrawnTitle, TextId::WithdrawnBody)
            }
            CaseNote::RequestDeleted { case } => {
                values.push((Slot::Case, case.to_string()));
                (TextId::RequestDeletedTitle, TextId::RequestDeletedBody)
            }
            CaseNote::OptedOut => (TextId::OptedOutTitle, TextId::OptedOutBody),
            CaseNote::FollowUpDraft { case, reason, draft, approve } => {
                values.push((Slot::Case, case.to_string()));
                values.push((Slot::Reason, self.fill(reason_text(reason), &[])));
                values.push((Slot::Draft, inert_text(without_head(draft), MAX_DRAFT_CHARS)));
                parts.push(TextId::DraftText);
                if approve {
                    parts.push(TextId::DraftApprove);
                }
                (TextId::FollowUpDraftTitle, TextId::FollowUpDraftBody)
            }
        };
        self.assemble(title, body, parts, &values)
    }

    /// A note about a message together with a draft that answers it.
    pub fn render_note_with_draft(
        &self,
        subject: &NoteSubject<'_>,
        kind: NoteKind<'_>,
        draft: &str,
        approve: Option<CaseId>,
    ) -> String {
        let mut values = self.subject_values(subject);
        let mut parts = Vec::new();
        let (title, body) = self.note_parts(kind, &mut values, &mut parts);
        values.push((Slot::Draft, inert_text(without_head(draft), MAX_DRAFT_CHARS)));
        parts.push(TextId::DraftText);
        parts.extend(case_part(&mut values, approve, TextId::DraftApprove));
        self.assemble(title, body, parts, &values)
    }
}

/// The line that makes a post an answer and names whom it answers.
pub(super) fn head(room: RoomId, message: &MessageId, account: AccountId, name: Option<&str>) -> String {
    let mut head = format!("[rp aid={account} to={room}-{message}]");
    if let Some(name) = name.map(|it| inert_line(it, MAX_NAME_CHARS)).filter(|it| !it.is_empty()) {
        head.push_str(&name);
        head.push_str("さん");
    }
    head.push('\n');
    head
}
