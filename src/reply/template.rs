//! The words of the bot: templates from files, filled with values that cannot act as Chatwork tags.
//!
//! Never: reads a file, a clock or the configuration; lets a value of others through unescaped.
//!
//! ## Why not a template engine (2026-11)
//! A placeholder is a variant of [`Slot`], and every value passes [`inert`] on its way in: there is no unescaped form to
//! forget, and no loops or conditions to get wrong. Engines escape for HTML, which Chatwork does not know.

mod alerts;
mod answer_lists;
mod answers;
mod cases;
mod fault;
mod lint;
mod readings;
mod slot;
#[cfg(test)]
mod tests;
mod text;
mod texts;
mod troubles;
mod watch;

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::chatwork::notation;
use crate::domain::{AccountId, CaseId, MessageId, RoomId, hex};

pub use alerts::Alert;
pub use answers::{Answer, CaseLine, ClientLine, ItemLine, MonthLine, Running, Sums};
pub use cases::{CaseNote, FollowUpContext, OwnReminder, ReminderForm};
pub use fault::Fault;
pub use readings::{reading_en, reading_ja};
use slot::Slot;
use text::Text;
use texts::TextId;
pub use troubles::TroubleNote;
pub use watch::{Crowd, Unread, WatchNote};

/// The compiled-in texts: file name and content.
const BUILTIN: [(&str, &str); 4] = [
    ("reminder.toml", include_str!("../../config/templates/reminder.toml")),
    ("notes.toml", include_str!("../../config/templates/notes.toml")),
    ("cases.toml", include_str!("../../config/templates/cases.toml")),
    ("watch.toml", include_str!("../../config/templates/watch.toml")),
];

/// Longest quotation in a note, in characters.
const MAX_QUOTE_CHARS: usize = 120;

/// Longest name of a person or room, in characters.
const MAX_NAME_CHARS: usize = 40;

/// Longest draft in a note, in characters; above what the lint lets a reminder have.
const MAX_DRAFT_CHARS: usize = 2000;

/// One thing that is wrong with a template file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    /// File as it was named, and key: `reminder.toml: reminder.text`.
    pub place: String,
    pub what: Fault,
}

/// Everything that is wrong with the template files; displayed one problem a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    pub problems: Vec<TemplateProblem>,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, TemplateProblem { place, what }) in self.problems.iter().enumerate() {
            write!(f, "{}{place}: {what}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for TemplateError {}

/// All texts, checked.
#[derive(Clone, Debug)]
pub struct Templates {
    texts: BTreeMap<TextId, Text>,
    version: String,
}

/// What a reminder depends on.
#[derive(Clone, Copy)]
pub struct ReminderContext<'a> {
    pub room: RoomId,
    /// The request that is answered, and who wrote it.
    pub message: &'a MessageId,
    pub account: AccountId,
    pub sender_name: Option<&'a str>,
    /// `reply.automatic_line`.
    pub automatic_line: bool,
    /// The request also proposes to begin before escrow.
    pub start_before_escrow: bool,
    pub form: ReminderForm,
}

/// The message that a note is about.
#[derive(Clone, Copy)]
pub struct NoteSubject<'a> {
    pub room: RoomId,
    pub room_name: Option<&'a str>,
    pub message: &'a MessageId,
    pub sender_name: Option<&'a str>,
    /// The sender's own words; shortened and defused here.
    pub quote: &'a str,
}

/// Why a draft goes to the owner and not into the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftReason {
    Observe,
    Suggest,
    Approve,
    Unsure,
    OwnerActive,
    OwnerAnswered,
    RoomBudget,
    DayBudget,
    QuietHours,
    UnlistedRoom,
    TooOld,
    Settling,
    Paused,
    /// Somebody asked who is neither the client nor the owner.
    NotClient,
    /// A call to everybody in a group.
    CallsEverybody,
    /// A reply after the reminder, and `reply.follow_ups` is off.
    FollowUp,
    /// A contract in escrow may cover it.
    UnderContract,
    Monthly,
    OptedOut,
    DryRun,
    /// What was to be answered is no longer what it was.
    Changed,
    AlreadyReminded,
}

/// What may be proposed to be done outside CrowdWorks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffPlatform {
    Payment,
    Contact,
    Delivery,
}

/// What a note says.
#[derive(Clone, Copy)]
pub enum NoteKind<'a> {
    /// A request was seen and nothing was posted.
    Draft {
        reason: DraftReason,
        /// The whole post as [`Templates::render_reminder`] gave it; absent when there is none.
        draft: Option<&'a str>,
        /// The case, where the owner's word may send the draft.
        approve: Option<CaseId>,
    },
    OffPlatform(OffPlatform),
    /// The other side proposes to begin before escrow.
    StartBeforeEscrow,
    /// The owner is about to begin, and escrow is not confirmed.
    OwnerStart {
        case: Option<CaseId>,
    },
    ContractPosted,
    EscrowClaimed {
        case: Option<CaseId>,
    },
    /// `reply.uncertain`.
    ReplyUncertain,
    /// Chatwork answered a post with an error that repeating does not mend.
    PostRefused {
        status: u16,
    },
}

impl Templates {
    /// The texts that are compiled in.
    pub fn builtin() -> Result<Self, TemplateError> {
        Self::from_files(&[])
    }

    /// The compiled-in texts with those of `files` (name, content) in their place, the later file winning. A file holds
    /// only what it changes. Everything is checked; all problems come at once.
    pub fn from_files(files: &[(String, String)]) -> Result<Self, TemplateError> {
        let mut problems = Vec::new();
        let mut texts = BTreeMap::new();
        let own = files.iter().map(|(name, content)| (name.as_str(), content.as_str()));
        for (name, content) in BUILTIN.into_iter().chain(own) {
            text::read_file(name, content, &mut texts, &mut problems);
        }
        for id in TextId::ALL.iter().filter(|id| !texts.contains_key(*id)) {
            // A refused text leaves the one before it in place, so this is about the built-in files alone.
            problems.push(TemplateProblem { place: id.key().to_owned(), what: Fault::Missing });
        }
        if problems.is_empty() {
            Ok(Self { version: version_of(&texts), texts })
        } else {
            Err(TemplateError { problems })
        }
    }

    /// 16 hexadecimal digits that change with any text: recorded with each decision.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The one post in a client's room. Holds nothing of the request but the sender's name.
    pub fn render_reminder(&self, ctx: &ReminderContext<'_>) -> String {
        let mut post = cases::head(ctx.room, ctx.message, ctx.account, ctx.sender_name);
        let body = cases::reminder_text(ctx.form, ctx.start_before_escrow);
        let closing =
            if ctx.automatic_line { TextId::ReminderClosingAutomatic } else { TextId::ReminderClosingPlain };
        post.push_str(&self.fill(body, &[]));
        post.push_str("\n\n");
        post.push_str(&self.fill(closing, &[]));
        post
    }

    /// A note for the control room.
    pub fn render_note(&self, subject: &NoteSubject<'_>, kind: NoteKind<'_>) -> String {
        let mut values = self.subject_values(subject);
        let mut parts = Vec::new();
        let (title, body) = self.note_parts(kind, &mut values, &mut parts);
        self.assemble(title, body, parts, &values)
    }

    /// Title and body of a note; adds the values that they need and the parts that follow.
    fn note_parts(
        &self,
        kind: NoteKind<'_>,
        values: &mut Vec<(Slot, String)>,
        parts: &mut Vec<TextId>,
    ) -> (TextId, TextId) {
        match kind {
            NoteKind::Draft { reason, draft, approve } => {
                values.push((Slot::Reason, self.fill(reason_text(reason), &[])));
                if let Some(draft) = draft {
                    values.push((Slot::Draft, inert_text(without_head(draft), MAX_DRAFT_CHARS)));
                    parts.push(TextId::DraftText);
                }
                parts.extend(case_part(values, approve.filter(|_| draft.is_some()), TextId::DraftApprove));
                (TextId::DraftTitle, TextId::DraftBody)
            }
            NoteKind::OffPlatform(what) => {
                let (title, body, suggestion) = match what {
                    OffPlatform::Payment => {
                        (TextId::PaymentTitle, TextId::PaymentBody, TextId::PaymentSuggestion)
                    }
                    OffPlatform::Contact => {
                        (TextId::ContactTitle, TextId::ContactBody, TextId::ContactSuggestion)
                    }
                    OffPlatform::Delivery => {
                        (TextId::DeliveryTitle, TextId::DeliveryBody, TextId::DeliverySuggestion)
                    }
                };
                parts.extend([TextId::SuggestionLead, suggestion]);
                (title, body)
            }
            NoteKind::StartBeforeEscrow => (TextId::StartTitle, TextId::StartBody),
            NoteKind::OwnerStart { case } => {
                parts.extend(case_part(values, case, TextId::ConfirmText));
                (TextId::OwnerStartTitle, TextId::OwnerStartBody)
            }
            NoteKind::ContractPosted => (TextId::ContractTitle, TextId::ContractBody),
            NoteKind::EscrowClaimed { case } => {
                parts.extend(case_part(values, case, TextId::ConfirmText));
                (TextId::EscrowTitle, TextId::EscrowBody)
            }
            NoteKind::ReplyUncertain => (TextId::UncertainTitle, TextId::UncertainBody),
            NoteKind::PostRefused { status } => {
                values.push((Slot::Status, status.to_string()));
                parts.push(if status == 403 { TextId::RefusedForbidden } else { TextId::RefusedOther });
                (TextId::RefusedTitle, TextId::RefusedBody)
            }
        }
    }

    fn assemble(&self, title: TextId, body: TextId, parts: Vec<TextId>, values: &[(Slot, String)]) -> String {
        let mut note =
            format!("[info][title]karibarai {}[/title]{}", self.fill(title, &[]), self.fill(body, values));
        for part in parts {
            // A suggestion stands right under its lead; everything else after an empty line.
            let gap = if part.is_room_text() { "\n" } else { "\n\n" };
            note.push_str(gap);
            note.push_str(&self.fill(part, values));
        }
        note.push_str("[/info]");
        note
    }

    fn subject_values(&self, subject: &NoteSubject<'_>) -> Vec<(Slot, String)> {
        let (room, message) = (subject.room, subject.message);
        let line =
            |text: Option<&str>| text.map(|it| inert_line(it, MAX_NAME_CHARS)).filter(|it| !it.is_empty());
        vec![
            (
                Slot::Room,
                line(subject.room_name).map_or(format!("ルーム{room}"), |name| format!("「{name}」")),
            ),
            (Slot::Link, format!("https://www.chatwork.com/#!rid{room}-{message}")),
            (
                Slot::Sender,
                line(subject.sender_name)
                    .map_or_else(|| self.fill(TextId::UnknownSender, &[]), |name| format!("{name}さん")),
            ),
            (Slot::Quote, inert_line(subject.quote, MAX_QUOTE_CHARS)),
        ]
    }

    fn fill(&self, id: TextId, values: &[(Slot, String)]) -> String {
        self.texts.get(&id).map(|text| text.fill(values)).unwrap_or_default()
    }
}

/// The part that names a case, where there is one.
fn case_part(values: &mut Vec<(Slot, String)>, case: Option<CaseId>, part: TextId) -> Option<TextId> {
    values.push((Slot::Case, case?.to_string()));
    Some(part)
}

fn reason_text(reason: DraftReason) -> TextId {
    match reason {
        DraftReason::Observe => TextId::ReasonObserve,
        DraftReason::Suggest => TextId::ReasonSuggest,
        DraftReason::NotClient => TextId::ReasonNotClient,
        DraftReason::CallsEverybody => TextId::ReasonCallsEverybody,
        DraftReason::Approve => TextId::ReasonApprove,
        DraftReason::Unsure => TextId::ReasonUnsure,
        DraftReason::OwnerActive => TextId::ReasonOwnerActive,
        DraftReason::OwnerAnswered => TextId::ReasonOwnerAnswered,
        DraftReason::RoomBudget => TextId::ReasonRoomBudget,
        DraftReason::DayBudget => TextId::ReasonDayBudget,
        DraftReason::QuietHours => TextId::ReasonQuietHours,
        DraftReason::UnlistedRoom => TextId::ReasonUnlistedRoom,
        DraftReason::TooOld => TextId::ReasonTooOld,
        DraftReason::Settling => TextId::ReasonSettling,
        DraftReason::Paused => TextId::ReasonPaused,
        DraftReason::FollowUp => TextId::ReasonFollowUp,
        DraftReason::UnderContract => TextId::ReasonUnderContract,
        DraftReason::Monthly => TextId::ReasonMonthly,
        DraftReason::OptedOut => TextId::ReasonOptedOut,
        DraftReason::DryRun => TextId::ReasonDryRun,
        DraftReason::Changed => TextId::ReasonChanged,
        DraftReason::AlreadyReminded => TextId::ReasonAlreadyReminded,
    }
}

/// The draft without the line that makes it an answer, which is of no use to a reader.
fn without_head(draft: &str) -> &str {
    match draft.split_once('\n') {
        Some((head, rest)) if head.starts_with("[rp ") => rest,
        _ => draft,
    }
}

fn version_of(texts: &BTreeMap<TextId, Text>) -> String {
    let mut hash = Sha256::new();
    for id in TextId::ALL {
        let source = texts.get(id).map(Text::source).unwrap_or_default();
        for part in [id.key(), source] {
            // Lengths keep two texts from being read as one.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    hex(&hash.finalize())[..16].to_owned()
}

/// Foreign text on one line, without tags.
fn inert_line(text: &str, max_chars: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    inert_text(&words.join(" "), max_chars)
}

/// Foreign text without tags, calls to everybody, or characters that reorder or hide what stands around them.
fn inert_text(text: &str, max_chars: usize) -> String {
    let hidden = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let text: String = text.chars().filter(|c| !hidden(c)).collect();
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(max_chars).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    notation::defuse(&short)
}
