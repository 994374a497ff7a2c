//! What the owner's word does: one door for every act, whether it was written in the control room, on a page or as a
//! command. Each act is an entry; an act that changes nothing makes none.

use std::sync::Arc;

use crate::cases::{self, Fact, Links, State};
use crate::config::{Config, Mode};
use crate::domain::{CaseId, ContractId, EntryIndex, EntryKind, MessageId, RoomId, UtcMillis};
use crate::ledger::{Ledger, Observation};
use crate::store::{
    Appended, ArchiveStore, CaseRow, CaseStore, ContractRow, DraftRow, DraftState, OutboxRow, OutboxState,
    Purpose, StandingStore, Store, StoreError,
};

use super::record::{self, By, Change, Decision, Declared, Part, Switch};
use super::said;

/// Longest note of the owner, in characters; the rest is cut.
const MAX_NOTE: usize = 2000;

/// The owner's acts. Cheap to clone.
#[derive(Clone)]
pub struct Acts {
    pub ledger: Ledger,
    pub store: Store,
    pub config: Arc<Config>,
}

/// What became of an act on a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Acted {
    /// The case as it now stands.
    Done(CaseRow),
    /// The case already stood there, or further.
    Unchanged(CaseRow),
    NoSuchCase,
}

/// What of a draft was seen by who speaks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Everything that stood in the control room before this message.
    Before(MessageId),
    /// This very draft, on a page.
    Draft(EntryIndex),
    /// Whatever is newest: for a command whose answer shows it.
    Newest,
}

/// What became of a word about a draft.
#[derive(Clone, Debug, PartialEq)]
pub enum Approval {
    /// It will be sent, if what is read again right before still allows it.
    Queued(DraftRow),
    /// It is dropped.
    Rejected(DraftRow),
    /// It is not the draft that was last shown: to be shown again.
    ShowAgain(DraftRow),
    /// Spoken of before; nothing is done twice.
    AlreadySaid(DraftRow),
    /// The case has its reminder.
    AlreadyReminded,
    /// The bot is stopped.
    Stopped,
    /// The room's mode gives drafts alone, or the room is not listed.
    NotInThisRoom,
    NoDraft,
}

/// What became of a word that takes a reminder back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retraction {
    /// It goes, if it still stands there as the bot wrote it.
    Queued,
    Already,
    /// The bot is stopped.
    Stopped,
    /// The case has no reminder in the room.
    Nothing,
}

impl Acts {
    /// Moves a case by a fact that only the owner can state.
    pub async fn fact(&self, case: CaseId, fact: Fact, by: &By) -> Result<Acted, StoreError> {
        let Some(row) = self.store.case(case).await? else { return Ok(Acted::NoSuchCase) };
        let from = State::parse(&row.state);
        let Some(next) = from.filter(|_| fact.owners()).and_then(|state| cases::step(state, fact)) else {
            return Ok(Acted::Unchanged(row));
        };
        let moved = CaseRow { state: next.as_str().to_owned(), ..row };
        let change = Change { from, why: fact.as_str(), by: Some(by.clone()), ..Change::default() };
        // The same word twice, or two doors at once: one entry.
        let key = format!("fact:{case}:{}", fact.as_str());
        self.append(vec![record::case_changed(&moved, change).once(key)]).await?;
        Ok(self.store.case(case).await?.map_or(Acted::NoSuchCase, Acted::Done))
    }

    /// Keeps a note about a case. False where there is no such case.
    pub async fn note(&self, case: CaseId, text: &str, by: &By) -> Result<bool, StoreError> {
        let Some(row) = self.store.case(case).await? else { return Ok(false) };
        let text: String = text.trim().chars().take(MAX_NOTE).collect();
        self.append(vec![keyed(record::noted(case, row.room, &text, by), by, "note")]).await?;
        Ok(true)
    }

    /// Records addresses on CrowdWorks that the owner gives.
    pub async fn links(&self, case: CaseId, links: Links, by: &By) -> Result<Acted, StoreError> {
        let Some(row) = self.store.case(case).await? else { return Ok(Acted::NoSuchCase) };
        let known = Links { job: row.job_link.clone(), contract: row.contract_link.clone() };
        let links = links.or(known.clone());
        if links == known {
            return Ok(Acted::Unchanged(row));
        }
        let (from, moved_at) = (State::parse(&row.state), Some(row.moved_at));
        let changed = CaseRow { job_link: links.job, contract_link: links.contract, ..row };
        let change = Change { from, why: "link", moved_at, by: Some(by.clone()), ..Change::default() };
        self.append(vec![keyed(record::case_changed(&changed, change), by, "link")]).await?;
        Ok(Acted::Done(changed))
    }

    /// Registers a contract under the next number, or changes the one that has this number. Returns its number.
    pub async fn contract(&self, contract: ContractRow, by: &By) -> Result<ContractId, StoreError> {
        self.append(vec![keyed(record::contract_changed(&contract, by), by, "contract")]).await?;
        Ok(contract.id)
    }

    /// Says how a room stands with CrowdWorks, or that a client wants no automatic messages.
    pub async fn declare(&self, room: RoomId, what: &Declared, by: &By) -> Result<(), StoreError> {
        self.append(vec![keyed(record::declared(room, what, by), by, "declare")]).await
    }

    /// Stops all posts in clients' rooms, lets them go on, or asks for quiet. It holds across restarts.
    pub async fn switch(&self, switch: Switch, by: &By) -> Result<(), StoreError> {
        self.append(vec![keyed(record::switched(switch, by), by, "switch")]).await
    }

    /// Sends the draft of a case that was last shown.
    pub async fn approve(
        &self,
        case: CaseId,
        seen: &Seen,
        by: &By,
        now: UtcMillis,
    ) -> Result<Approval, StoreError> {
        let draft = match self.spoken_of(case, seen).await? {
            Ok(draft) => draft,
            Err(answer) => return Ok(answer),
        };
        if self.store.switches().await?.stopped {
            return Ok(Approval::Stopped);
        }
        if !self.may_post(&draft).await? {
            return Ok(Approval::NotInThisRoom);
        }
        let row = self.store.case(case).await?;
        if draft.purpose == Purpose::Reminder && row.as_ref().is_some_and(|it| it.reminded) {
            return Ok(Approval::AlreadyReminded);
        }
        let mut observations = Vec::new();
        if row.is_none() {
            observations.extend(self.superseded(&draft, by).await?);
            observations.push(self.opened(&draft, by, now).await?);
        }
        let content = Decision {
            post_room: Some(draft.room),
            text: Some(draft.text.clone()),
            due_at: Some(now.0),
            ..said(&draft, "approved", by)
        };
        observations.push(
            record::decision(EntryKind::ReplyDecided, &content).once(format!("draft:{}", draft.drafted_n)),
        );
        self.append(observations).await?;
        Ok(Approval::Queued(draft))
    }

    /// Drops the draft of a case that was last shown.
    pub async fn reject(&self, case: CaseId, seen: &Seen, by: &By) -> Result<Approval, StoreError> {
        let draft = match self.spoken_of(case, seen).await? {
            Ok(draft) => draft,
            Err(answer) => return Ok(answer),
        };
        let content = said(&draft, "rejected", by);
        let entry =
            record::decision(EntryKind::ReplySuppressed, &content).once(format!("draft:{}", draft.drafted_n));
        self.append(vec![entry]).await?;
        Ok(Approval::Rejected(draft))
    }

    /// Takes the bot's own reminder out of the room. The case keeps that it had one: there is no second.
    pub async fn retract(&self, case: CaseId, by: &By, now: UtcMillis) -> Result<Retraction, StoreError> {
        let rows = self.store.outbox().await?;
        let of_case = |row: &&OutboxRow| row.case == Some(case);
        let posted = rows.iter().filter(of_case).rfind(|row| {
            row.purpose == Purpose::Reminder && row.state == OutboxState::Sent && row.posted.is_some()
        });
        let Some(target) = posted.and_then(|row| Some((row.room, row.posted?))) else {
            return Ok(Retraction::Nothing);
        };
        let gone = rows.iter().filter(of_case).any(|row| {
            row.purpose == Purpose::Amend
                && row.target.as_ref() == Some(&target.1)
                && row.text.is_empty()
                && row.state != OutboxState::Suppressed
        });
        if gone {
            return Ok(Retraction::Already);
        }
        if self.store.switches().await?.stopped {
            return Ok(Retraction::Stopped);
        }
        let (room, target) = target;
        let content = Decision {
            purpose: Purpose::Amend.as_str().to_owned(),
            case: Some(case),
            post_room: Some(room),
            why: "retracted".to_owned(),
            text: Some(String::new()),
            due_at: Some(now.0),
            target: Some(target),
            by: Some(by.clone()),
            ..Decision::default()
        };
        self.append(vec![keyed(record::decision(EntryKind::ReplyDecided, &content), by, "retract")]).await?;
        Ok(Retraction::Queued)
    }

    /// The draft that a word is about, or why there is none.
    async fn spoken_of(&self, case: CaseId, seen: &Seen) -> Result<Result<DraftRow, Approval>, StoreError> {
        let Some(draft) = self.store.draft(case).await? else { return Ok(Err(Approval::NoDraft)) };
        if draft.state != DraftState::Open {
            return Ok(Err(Approval::AlreadySaid(draft)));
        }
        let was_seen = match seen {
            Seen::Newest => true,
            Seen::Draft(n) => *n == draft.drafted_n,
            Seen::Before(word) => {
                matches!(&draft.shown, Some((OutboxState::Sent, Some(note))) if note < word)
            }
        };
        Ok(if was_seen { Ok(draft) } else { Err(Approval::ShowAgain(draft)) })
    }

    /// Only a listed room whose mode lets the owner's word be enough is ever posted to.
    async fn may_post(&self, draft: &DraftRow) -> Result<bool, StoreError> {
        let rooms = self.store.rooms().await?;
        let room_type = rooms.into_iter().find(|it| it.room == draft.room).and_then(|it| it.room_type);
        let said = said::of(&self.store, draft.room).await?;
        let mode = self.config.reply_said(draft.room, room_type, said).mode;
        Ok(self.config.room(draft.room).is_some() && mode >= Mode::Approve)
    }

    /// A client has one open case before escrow in a room: the older ones are over when another is opened.
    async fn superseded(&self, draft: &DraftRow, by: &By) -> Result<Vec<Observation>, StoreError> {
        let cases = self.store.client_cases(draft.request.room, draft.request.account).await?;
        let over = cases.into_iter().filter_map(|row| {
            let from = State::parse(&row.state).filter(|state| state.before_escrow())?;
            let next = cases::step(from, Fact::Superseded)?;
            let key = format!("superseded:{}:{}", row.id, draft.case);
            let moved = CaseRow { state: next.as_str().to_owned(), ..row };
            let change =
                Change { from: Some(from), why: "superseded", by: Some(by.clone()), ..Change::default() };
            Some(record::case_changed(&moved, change).once(key))
        });
        Ok(over.collect())
    }

    /// The case of a message that was no certain request until the owner said so.
    async fn opened(&self, draft: &DraftRow, by: &By, now: UtcMillis) -> Result<Observation, StoreError> {
        let n = draft.request.n;
        let signals = self.store.signals(n, EntryIndex(n.0 + 1)).await?;
        let case = CaseRow {
            id: draft.case,
            room: draft.request.room,
            client: draft.request.account,
            state: State::Requested.as_str().to_owned(),
            request_message: draft.request.message,
            request_n: n,
            opened_at: now,
            moved_at: now,
            terms: signals.into_iter().next().map(|it| it.signal.terms).unwrap_or_default(),
            reminded: false,
            job_link: None,
            contract_link: None,
            contract: None,
            changed_n: n,
        };
        let part = Part { message: draft.request.message, n, part: "request".to_owned() };
        let change =
            Change { why: "approved", messages: vec![part], by: Some(by.clone()), ..Change::default() };
        Ok(record::case_changed(&case, change).once(format!("open:{}", draft.case)))
    }

    /// Appends and files at once; the followers meet the entries again in their turn.
    async fn append(&self, observations: Vec<Observation>) -> Result<(), StoreError> {
        let appended = self.ledger.append(observations).await?;
        record::apply_at(&self.ledger, &self.store, appended.into_iter().map(Appended::index).collect(), None)
            .await
    }
}

fn said(draft: &DraftRow, why: &str, by: &By) -> Decision {
    Decision {
        purpose: draft.purpose.as_str().to_owned(),
        case: Some(draft.case),
        request: Some(draft.request.clone()),
        why: why.to_owned(),
        ends_draft: Some(draft.drafted_n),
        by: Some(by.clone()),
        ..Decision::default()
    }
}

/// A word in the control room acts once, however often it is read.
fn keyed(observation: Observation, by: &By, act: &str) -> Observation {
    match by {
        By::ControlRoom(message) | By::Client(message) => observation.once(format!("said:{message}:{act}")),
        By::Page | By::Command | By::Bot => observation,
    }
}
