//! What the bot answers to a word of its owner.

use std::time::Duration;

use crate::cases::{Item, Reading, State};
use crate::domain::{CaseId, MessageId, RoomId, UtcMillis};

use super::answer_lists::{MAX_LINES, MAX_WORDS, draft_value, framed, yen};
use super::slot::Slot;
use super::texts::TextId;
use super::{MAX_NAME_CHARS, Templates, inert_line};

/// A case on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseLine {
    pub case: CaseId,
    pub state: State,
    pub room: RoomId,
    pub room_name: Option<String>,
    pub client: Option<String>,
    /// Terms as they were written, joined.
    pub terms: String,
}

/// Money and counts over all cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Not closed.
    pub open: usize,
    /// Of these, before the owner confirmed escrow.
    pub without_escrow: usize,
    pub without_escrow_yen: u64,
    /// In escrow, not yet paid.
    pub in_work_yen: u64,
    /// Drafts that wait for a word.
    pub drafts: usize,
}

/// Exposure of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLine {
    pub client: String,
    pub open: usize,
    pub without_escrow_yen: u64,
    pub in_work_yen: u64,
}

/// A calendar month in Japan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthLine {
    /// `2026-11`
    pub month: String,
    pub requests: usize,
    pub confirmed: usize,
    pub yen: u64,
}

/// An item of Article 3, with the words that state it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemLine {
    pub item: Item,
    pub found: Option<(MessageId, String)>,
    /// What the words of a day or a reward mean.
    pub reading: Option<Reading>,
}

/// Whether the bot posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    On,
    Stopped,
    QuietUntil(UtcMillis),
}

/// An answer to a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Open cases, and how many are closed.
    List {
        lines: Vec<CaseLine>,
        closed: usize,
    },
    Status {
        running: Running,
        sums: Sums,
    },
    Figures {
        clients: Vec<ClientLine>,
        months: Vec<MonthLine>,
        answer_time: Option<Duration>,
    },
    Help,
    Stopped {
        already: bool,
    },
    Resumed {
        already: bool,
    },
    Quiet {
        until: UtcMillis,
    },
    NoSuchCase(CaseId),
    NumberMissing {
        word: &'static str,
    },
    SpanMissing,
    Approved(CaseId),
    Rejected(CaseId),
    /// The bot's own reminder goes from the room.
    Retracted(CaseId),
    NothingToRetract(CaseId),
    AlreadyRetracted(CaseId),
    NoDraft(CaseId),
    /// Spoken of before.
    AlreadySaid(CaseId),
    AlreadyReminded(CaseId),
    NotWhileStopped(CaseId),
    NotInThisRoom(CaseId),
    /// The draft that is to be seen before it is sent.
    ShowAgain {
        case: CaseId,
        draft: String,
    },
    Moved {
        case: CaseId,
        state: State,
    },
    /// It stands there already, or further, or is closed.
    NotMoved {
        case: CaseId,
        state: State,
    },
    Noted(CaseId),
    Marked {
        case: CaseId,
        right: bool,
    },
    /// The package is being made; a note says when it is there.
    EvidenceMaking {
        case: CaseId,
        messages: usize,
    },
    /// How to make the package oneself.
    Evidence {
        case: CaseId,
        room: RoomId,
        messages: usize,
    },
    Show {
        line: CaseLine,
        opened_at: UtcMillis,
        reminded: bool,
        link: String,
        notes: Vec<String>,
    },
    /// With the draft that asks for what is missing, where something is.
    Conditions {
        case: CaseId,
        items: Vec<ItemLine>,
        draft: Option<String>,
    },
    ContractKept {
        room: String,
        terms: String,
    },
    RoomDeclared {
        room: String,
        none: bool,
    },
    RoomUnknown {
        room: String,
    },
    RoomUnclear {
        rooms: Vec<String>,
    },
    ContractUnclear {
        room: String,
    },
    /// The word was written too long ago to be obeyed unasked.
    TooOld {
        word: String,
    },
}

impl Answer {
    /// Nothing was done, and something is expected of the owner first.
    pub fn refuses(&self) -> bool {
        matches!(
            self,
            Self::NoSuchCase(_)
                | Self::NumberMissing { .. }
                | Self::SpanMissing
                | Self::NoDraft(_)
                | Self::NotWhileStopped(_)
                | Self::NotInThisRoom(_)
                | Self::NothingToRetract(_)
                | Self::ShowAgain { .. }
                | Self::ContractUnclear { .. }
                | Self::RoomUnknown { .. }
                | Self::RoomUnclear { .. }
                | Self::TooOld { .. }
        )
    }
}

impl Templates {
    /// For the control room.
    pub fn render_answer(&self, answer: &Answer) -> String {
        let (title, body) = self.answer(answer);
        framed(&title, &body)
    }

    /// Title and body of an answer, without Chatwork's frame.
    pub fn answer(&self, answer: &Answer) -> (String, String) {
        let say = |title: TextId, body: TextId, values: &[(Slot, String)]| {
            (self.fill(title, &[]), self.fill(body, values))
        };
        let of = |case: &CaseId| vec![(Slot::Case, case.to_string())];
        let done = |body: TextId, case: &CaseId| say(TextId::DoneTitle, body, &of(case));
        let not_done = |body: TextId, case: &CaseId| say(TextId::NotDoneTitle, body, &of(case));
        match answer {
            Answer::List { lines, closed } => (self.fill(TextId::ListTitle, &[]), self.list(lines, *closed)),
            Answer::Status { running, sums } => {
                let values = [
                    (Slot::State, self.running(*running)),
                    (Slot::Open, sums.open.to_string()),
                    (Slot::Count, sums.without_escrow.to_string()),
                    (Slot::Yen, yen(sums.without_escrow_yen)),
                    (Slot::Work, yen(sums.in_work_yen)),
                    (Slot::Drafts, sums.drafts.to_string()),
                ];
                say(TextId::StatusTitle, TextId::StatusBody, &values)
            }
            Answer::Figures { clients, months, answer_time } => {
                (self.fill(TextId::FiguresTitle, &[]), self.figures(clients, months, *answer_time))
            }
            Answer::Help => say(TextId::HelpTitle, TextId::HelpBody, &[]),
            Answer::Stopped { already } => {
                say(TextId::StopTitle, if *already { TextId::StopAlready } else { TextId::StopBody }, &[])
            }
            Answer::Resumed { already } => say(
                TextId::ResumeTitle,
                if *already { TextId::ResumeAlready } else { TextId::ResumeBody },
                &[],
            ),
            Answer::Quiet { until } => {
                say(TextId::QuietTitle, TextId::QuietBody, &[(Slot::Until, until.japan_long())])
            }
            Answer::NoSuchCase(case) => not_done(TextId::NoSuchCase, case),
            Answer::NumberMissing { word } => {
                say(TextId::NotDoneTitle, TextId::NumberMissing, &[(Slot::Word, (*word).to_owned())])
            }
            Answer::SpanMissing => say(TextId::NotDoneTitle, TextId::SpanMissing, &[]),
            Answer::Approved(case) => done(TextId::Approved, case),
            Answer::Rejected(case) => done(TextId::Rejected, case),
            Answer::NoDraft(case) => not_done(TextId::NoDraft, case),
            Answer::AlreadySaid(case) => not_done(TextId::AlreadySaid, case),
            Answer::AlreadyReminded(case) => not_done(TextId::AlreadyReminded, case),
            Answer::Retracted(case) => done(TextId::Retracted, case),
            Answer::NothingToRetract(case) => not_done(TextId::NothingToRetract, case),
            Answer::AlreadyRetracted(case) => not_done(TextId::AlreadyRetracted, case),
            Answer::NotWhileStopped(case) => not_done(TextId::NotWhileStopped, case),
            Answer::NotInThisRoom(case) => not_done(TextId::NotInThisRoom, case),
            Answer::ShowAgain { case, draft } => {
                let mut values = of(case);
                values.push(draft_value(draft));
                let lead = self.fill(TextId::ShowAgain, &values);
                (self.fill(TextId::ShowAgainTitle, &[]), self.with_draft(lead, &values))
            }
            Answer::Moved { case, state } => {
                let mut values = of(case);
                values.push((Slot::State, self.state(*state)));
                say(TextId::DoneTitle, TextId::Moved, &values)
            }
            Answer::NotMoved { case, state } => {
                let mut values = of(case);
                values.push((Slot::State, self.state(*state)));
                say(TextId::NotDoneTitle, TextId::NotMoved, &values)
            }
            Answer::Noted(case) => done(TextId::Noted, case),
            Answer::Marked { case, right } => {
                done(if *right { TextId::MarkedRight } else { TextId::MarkedWrong }, case)
            }
            Answer::EvidenceMaking { case, messages } => {
                let mut values = of(case);
                values.push((Slot::Count, messages.to_string()));
                say(TextId::EvidenceTitle, TextId::EvidenceMaking, &values)
            }
            Answer::Evidence { case, room, messages } => {
                let mut values = of(case);
                values.push((Slot::RoomId, room.to_string()));
                values.push((Slot::Count, messages.to_string()));
                say(TextId::EvidenceTitle, TextId::EvidenceBody, &values)
            }
            Answer::Show { line, opened_at, reminded, link, notes } => {
                let mut values = self.line_values(line);
                values.push((Slot::Until, opened_at.japan_long()));
                values.push((Slot::Link, link.clone()));
                let said = if *reminded { TextId::ShowReminded } else { TextId::ShowNotReminded };
                values.push((Slot::Reason, self.fill(said, &[])));
                let mut body = self.fill(TextId::ShowBody, &values);
                for note in notes.iter().take(MAX_LINES) {
                    body.push('\n');
                    let note = [(Slot::Quote, inert_line(note, MAX_WORDS * 3))];
                    body.push_str(&self.fill(TextId::ShowNote, &note));
                }
                (self.fill(TextId::ShowTitle, &values), body)
            }
            Answer::Conditions { case, items, draft } => self.conditions(*case, items, draft.as_deref()),
            Answer::ContractKept { room, terms } => say(
                TextId::ContractKeptTitle,
                TextId::ContractKept,
                &[room_value(room), (Slot::Terms, inert_line(terms, MAX_WORDS * 2))],
            ),
            Answer::RoomDeclared { room, none } => say(
                TextId::ContractKeptTitle,
                if *none { TextId::RoomNone } else { TextId::RoomDeclared },
                &[room_value(room)],
            ),
            Answer::RoomUnknown { room } => {
                say(TextId::NotDoneTitle, TextId::RoomUnknown, &[room_value(room)])
            }
            Answer::RoomUnclear { rooms } => {
                let lines: Vec<String> =
                    rooms.iter().take(MAX_LINES).map(|it| inert_line(it, MAX_NAME_CHARS)).collect();
                say(TextId::NotDoneTitle, TextId::RoomUnclear, &[(Slot::Lines, lines.join("\n"))])
            }
            Answer::ContractUnclear { room } => {
                say(TextId::NotDoneTitle, TextId::ContractUnclear, &[room_value(room)])
            }
            Answer::TooOld { word } => {
                say(TextId::NotDoneTitle, TextId::WordTooOld, &[(Slot::Quote, inert_line(word, MAX_WORDS))])
            }
        }
    }

    /// `10本 30,000円 2026年12月31日（木）23:59 日本時間まで`: the terms of a contract on one line.
    pub fn contract_terms(
        &self,
        (pieces, amount, until): &(Option<String>, Option<u64>, Option<UtcMillis>),
    ) -> String {
        let until = until.map(|it| self.fill(TextId::ContractUntil, &[(Slot::Until, it.japan_date())]));
        [pieces.clone(), amount.map(yen), until].into_iter().flatten().collect::<Vec<_>>().join("　")
    }

    fn running(&self, running: Running) -> String {
        match running {
            Running::On => self.fill(TextId::RunningOn, &[]),
            Running::Stopped => self.fill(TextId::RunningStopped, &[]),
            Running::QuietUntil(at) => self.fill(TextId::RunningQuiet, &[(Slot::Until, at.japan_long())]),
        }
    }
}

fn room_value(room: &str) -> (Slot, String) {
    (Slot::Room, format!("「{}」", inert_line(room, MAX_NAME_CHARS)))
}
