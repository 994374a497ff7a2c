//! What the bot tells its owner about a case by itself, and the drafts that go with it.

use crate::cases::{Item, Nudge, Term};
use crate::domain::{CaseId, Terms};

use super::answer_lists::{MAX_WORDS, draft_value, framed};
use super::answers::CaseLine;
use super::slot::Slot;
use super::texts::TextId;
use super::{Templates, inert_line};

/// What the owner is told about a case without having asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    Nudge {
        nudge: Nudge,
        line: CaseLine,
        day: String,
    },
    /// Terms of a message differ from what was there when the owner accepted; with the draft that confirms the old ones.
    TermsChanged {
        line: CaseLine,
        link: String,
        changes: Vec<(Term, Option<String>, Option<String>)>,
        draft: Option<String>,
    },
    /// The owner has accepted; with the draft that restates the terms.
    Agreed {
        line: CaseLine,
        draft: String,
    },
    /// The client said yes to the restated terms.
    Assented {
        line: CaseLine,
        link: String,
    },
    /// The package that the owner asked for is there.
    EvidenceMade {
        case: CaseId,
        /// Path of the file on the bot's machine.
        place: String,
        /// Of the file, hexadecimal.
        sha256: String,
        withheld: u64,
    },
    EvidenceFailed {
        case: CaseId,
    },
}

/// Longest path of a file, in characters.
const MAX_PATH: usize = 300;

impl Templates {
    /// For the control room.
    pub fn render_alert(&self, alert: &Alert) -> String {
        let (title, body) = match alert {
            Alert::Nudge { nudge, line, day } => {
                let mut values = self.line_values(line);
                values.push((Slot::Until, day.clone()));
                let body = match nudge {
                    Nudge::EscrowPending => TextId::NudgeEscrow,
                    Nudge::ClaimPending => TextId::NudgeClaim,
                    Nudge::InspectionWeek => TextId::NudgeInspection,
                    Nudge::Silence => TextId::NudgeSilence,
                    Nudge::DeadlineNear => TextId::NudgeDeadline,
                };
                (TextId::NudgeTitle, self.fill(body, &values))
            }
            Alert::TermsChanged { line, link, changes, draft } => {
                let mut values = self.line_values(line);
                values.push((Slot::Link, link.clone()));
                let lines: Vec<String> = changes
                    .iter()
                    .map(|(term, before, after)| {
                        let words = |text: &Option<String>| {
                            text.as_deref().map_or_else(
                                || self.fill(TextId::TermAbsent, &[]),
                                |it| inert_line(it, MAX_WORDS),
                            )
                        };
                        let values = [
                            (Slot::Term, self.term(*term)),
                            (Slot::Before, words(before)),
                            (Slot::After, words(after)),
                        ];
                        self.fill(TextId::TermChange, &values)
                    })
                    .collect();
                values.push((Slot::Lines, lines.join("\n")));
                let body = self.fill(TextId::TermsChangedBody, &values);
                let body = match draft {
                    Some(draft) => {
                        values.push(draft_value(draft));
                        self.with_draft(body, &values)
                    }
                    None => body,
                };
                (TextId::TermsChangedTitle, body)
            }
            Alert::Agreed { line, draft } => {
                let mut values = self.line_values(line);
                values.push(draft_value(draft));
                let body = self.fill(TextId::AgreedBody, &values);
                (TextId::AgreedTitle, self.with_draft(body, &values))
            }
            Alert::EvidenceMade { case, place, sha256, withheld } => {
                let values = [
                    (Slot::Case, case.to_string()),
                    (Slot::Place, inert_line(place, MAX_PATH)),
                    (Slot::Hash, sha256.clone()),
                    (Slot::Count, withheld.to_string()),
                ];
                (TextId::EvidenceMadeTitle, self.fill(TextId::EvidenceMade, &values))
            }
            Alert::EvidenceFailed { case } => {
                (TextId::EvidenceTitle, self.fill(TextId::EvidenceFailed, &[(Slot::Case, case.to_string())]))
            }
            Alert::Assented { line, link } => {
                let mut values = self.line_values(line);
                values.push((Slot::Link, link.clone()));
                (TextId::AssentedTitle, self.fill(TextId::AssentedBody, &values))
            }
        };
        framed(&self.fill(title, &[]), &body)
    }

    /// The owner's task about a draft.
    pub fn draft_task(&self, case: CaseId) -> String {
        self.fill(TextId::TaskDraft, &[(Slot::Case, case.to_string())])
    }

    /// The owner's task about an escrow that somebody says is paid.
    pub fn claim_task(&self, case: CaseId) -> String {
        self.fill(TextId::TaskClaim, &[(Slot::Case, case.to_string())])
    }

    /// In the client's room: asks for the items that are missing.
    pub fn render_ask(&self, items: &[Item]) -> String {
        let lines: Vec<String> = items.iter().map(|it| format!("・{}", self.item(*it))).collect();
        self.fill(TextId::AskMissing, &[(Slot::Items, lines.join("\n"))])
    }

    /// In the client's room: restates the terms in four lines and asks for a yes.
    pub fn render_restated(&self, terms: &Terms, confirming: bool) -> String {
        let line = |term: Term, text: &Option<String>| {
            let words = text
                .as_deref()
                .map_or_else(|| self.fill(TextId::TermOpen, &[]), |it| inert_line(it, MAX_WORDS));
            self.fill(TextId::TermLine, &[(Slot::Term, self.term(term)), (Slot::After, words)])
        };
        let lines = [
            line(Term::Deliverable, &terms.deliverable),
            line(Term::Quantity, &terms.quantity),
            line(Term::Amount, &terms.amount),
            line(Term::Deadline, &terms.deadline),
        ];
        let text = if confirming { TextId::ConfirmOld } else { TextId::Restate };
        self.fill(text, &[(Slot::Lines, lines.join("\n"))])
    }
}
