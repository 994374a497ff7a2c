//! The lists in answers, what states and terms are called, and the frame around it all.

use std::time::Duration;

use crate::cases::{Item, State, Term};
use crate::domain::CaseId;

use super::answers::{CaseLine, ClientLine, ItemLine, MonthLine};
use super::readings::reading_ja;
use super::slot::Slot;
use super::texts::TextId;
use super::{MAX_DRAFT_CHARS, MAX_NAME_CHARS, Templates, inert_line, inert_text, without_head};

/// Lines of a list that is posted; the rest is counted.
pub(super) const MAX_LINES: usize = 30;
/// Longest excerpt of somebody's words in a line, in characters.
pub(super) const MAX_WORDS: usize = 40;
/// Months that are shown.
const MAX_MONTHS: usize = 6;

impl Templates {
    /// What a state is called.
    pub fn state(&self, state: State) -> String {
        let text = match state {
            State::Requested => TextId::StateRequested,
            State::Reminded => TextId::StateReminded,
            State::Posted => TextId::StatePosted,
            State::EscrowClaimed => TextId::StateEscrowClaimed,
            State::EscrowConfirmed => TextId::StateEscrowConfirmed,
            State::Working => TextId::StateWorking,
            State::Delivered => TextId::StateDelivered,
            State::Accepted => TextId::StateAccepted,
            State::Paid => TextId::StatePaid,
            State::Dismissed => TextId::StateDismissed,
            State::Withdrawn => TextId::StateWithdrawn,
        };
        self.fill(text, &[])
    }

    /// What an item of Article 3 is called.
    pub fn item(&self, item: Item) -> String {
        let text = match item {
            Item::ClientName => TextId::ItemClientName,
            Item::ClientAddress => TextId::ItemClientAddress,
            Item::CommissionDay => TextId::ItemCommissionDay,
            Item::Deliverable => TextId::ItemDeliverable,
            Item::DueDay => TextId::ItemDueDay,
            Item::Place => TextId::ItemPlace,
            Item::InspectionDay => TextId::ItemInspectionDay,
            Item::Reward => TextId::ItemReward,
            Item::PaymentDay => TextId::ItemPaymentDay,
            Item::PaymentWay => TextId::ItemPaymentWay,
        };
        self.fill(text, &[])
    }

    pub(super) fn term(&self, term: Term) -> String {
        let text = match term {
            Term::Deliverable => TextId::TermDeliverable,
            Term::Quantity => TextId::TermQuantity,
            Term::Amount => TextId::TermAmount,
            Term::Deadline => TextId::TermDeadline,
        };
        self.fill(text, &[])
    }

    pub(super) fn list(&self, lines: &[CaseLine], closed: usize) -> String {
        let mut out: Vec<String> = lines
            .iter()
            .take(MAX_LINES)
            .map(|it| self.fill(TextId::ListLine, &self.line_values(it)).trim_end().to_owned())
            .collect();
        if lines.is_empty() {
            out.push(self.fill(TextId::ListEmpty, &[]));
        }
        let count = |n: usize| [(Slot::Count, n.to_string())];
        if lines.len() > MAX_LINES {
            out.push(self.fill(TextId::ListMore, &count(lines.len() - MAX_LINES)));
        }
        if closed > 0 {
            out.push(self.fill(TextId::ListClosed, &count(closed)));
        }
        out.join("\n")
    }

    pub(super) fn figures(
        &self,
        clients: &[ClientLine],
        months: &[MonthLine],
        answer_time: Option<Duration>,
    ) -> String {
        let mut out = vec![self.fill(TextId::FiguresClients, &[])];
        for it in clients.iter().take(MAX_LINES) {
            let values = [
                (Slot::Sender, format!("{}さん", inert_line(&it.client, MAX_NAME_CHARS))),
                (Slot::Open, it.open.to_string()),
                (Slot::Yen, yen(it.without_escrow_yen)),
                (Slot::Work, yen(it.in_work_yen)),
            ];
            out.push(self.fill(TextId::FiguresClient, &values));
        }
        if clients.is_empty() {
            out.push(self.fill(TextId::ListEmpty, &[]));
        }
        out.push(String::new());
        out.push(self.fill(TextId::FiguresMonths, &[]));
        for it in months.iter().rev().take(MAX_MONTHS) {
            let values = [
                (Slot::Until, it.month.clone()),
                (Slot::Count, it.requests.to_string()),
                (Slot::Open, it.confirmed.to_string()),
                (Slot::Yen, yen(it.yen)),
            ];
            out.push(self.fill(TextId::FiguresMonth, &values));
        }
        if let Some(time) = answer_time {
            out.push(String::new());
            out.push(self.fill(TextId::FiguresAnswer, &[(Slot::Until, span(time))]));
        }
        out.join("\n")
    }

    pub(super) fn conditions(
        &self,
        case: CaseId,
        items: &[ItemLine],
        draft: Option<&str>,
    ) -> (String, String) {
        let lines: Vec<String> = items
            .iter()
            .map(|it| {
                let mut values = vec![(Slot::Term, self.item(it.item))];
                match &it.found {
                    Some((_, words)) if words.is_empty() => self.fill(TextId::ConditionFoundBare, &values),
                    Some((_, words)) => {
                        values.push((Slot::Quote, inert_line(words, MAX_WORDS)));
                        let text = match &it.reading {
                            Some(reading) => {
                                values.push((Slot::Reading, reading_ja(reading)));
                                TextId::ConditionRead
                            }
                            None => TextId::ConditionFound,
                        };
                        self.fill(text, &values)
                    }
                    None => self.fill(TextId::ConditionMissing, &values),
                }
            })
            .collect();
        let missing = items.iter().filter(|it| it.found.is_none()).count();
        let mut values = vec![
            (Slot::Case, case.to_string()),
            (Slot::Lines, lines.join("\n")),
            (Slot::Count, missing.to_string()),
        ];
        let body = self.fill(TextId::ConditionsBody, &values);
        let title = self.fill(TextId::ConditionsTitle, &values);
        match draft {
            Some(draft) => {
                values.push(draft_value(draft));
                (title, self.with_draft(body, &values))
            }
            None => (title, body),
        }
    }

    /// A draft with the words that send it.
    pub(super) fn with_draft(&self, lead: String, values: &[(Slot, String)]) -> String {
        [lead, self.fill(TextId::DraftText, values), self.fill(TextId::DraftApprove, values)].join("\n\n")
    }

    pub(super) fn line_values(&self, line: &CaseLine) -> Vec<(Slot, String)> {
        let named = |text: &Option<String>| {
            text.as_deref().map(|it| inert_line(it, MAX_NAME_CHARS)).filter(|it| !it.is_empty())
        };
        vec![
            (Slot::Case, line.case.to_string()),
            (Slot::State, self.state(line.state)),
            (
                Slot::Room,
                named(&line.room_name)
                    .map_or_else(|| format!("ルーム{}", line.room), |it| format!("「{it}」")),
            ),
            (
                Slot::Sender,
                named(&line.client)
                    .map_or_else(|| self.fill(TextId::UnknownSender, &[]), |it| format!("{it}さん")),
            ),
            (Slot::Terms, inert_line(&line.terms, MAX_WORDS * 2)),
        ]
    }
}

pub(super) fn framed(title: &str, body: &str) -> String {
    format!("[info][title]karibarai {title}[/title]{body}[/info]")
}

pub(super) fn draft_value(draft: &str) -> (Slot, String) {
    (Slot::Draft, inert_text(without_head(draft), MAX_DRAFT_CHARS))
}

/// `12,000円`
pub(super) fn yen(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push('円');
    out
}

/// `2時間5分`, `35分`, `3日`.
fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}分"),
        (hours, _) if hours >= 48 => format!("{}日", hours / 24),
        (hours, 0) => format!("{hours}時間"),
        (hours, minutes) => format!("{hours}時間{minutes}分"),
    }
}
