//! The forms of recorded decisions: how they stand in the ledger, and what they do to cases and outbox. Reading them back gives the same
//! tables whenever it is done: nothing is decided here.

mod ending;
mod owner;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::cases::State;
use crate::domain::{
    AccountId, CaseId, ContractId, Entry, EntryIndex, EntryKind, MessageId, RoomId, Terms, UtcMillis,
};
use crate::ledger::{Erasure, Ledger, Observation};
use crate::store::{
    BookChange, CaseMessageRow, CaseRow, DraftRow, DraftState, FollowStore, OutboxChange, OutboxRow,
    OutboxState, Purpose, Record, RequestRef, Store, StoreError,
};

pub(crate) use ending::Ending;
pub use owner::{By, Declared, Switch, contract_changed, counted, declared, noted, switched, told};

/// Content of `case.changed`: the case as it then stands, and why it moved. What is younger than the first release is
/// left out where it says nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangedCase {
    pub case: CaseId,
    pub room: RoomId,
    pub client: AccountId,
    pub state: String,
    pub from: Option<String>,
    pub why: String,
    pub request_message: MessageId,
    pub request_n: EntryIndex,
    /// Milliseconds since 1970.
    pub opened_at: i64,
    pub terms: Terms,
    pub reminded: bool,
    /// Milliseconds since 1970; absent: the time of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<ContractId>,
    /// The messages that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Part>,
    /// The owner said it, in this way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
}

/// A message in a case: which entry showed it, and what it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub message: MessageId,
    pub n: EntryIndex,
    /// As in [`CaseMessageRow::part`].
    pub part: String,
}

/// Content of `reply.decided` and `reply.suppressed`: the inputs that were weighed, rule versions, the text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Decision {
    pub purpose: String,
    pub case: Option<CaseId>,
    /// Where the text goes; absent where nothing is posted.
    pub post_room: Option<RoomId>,
    /// The message that was weighed; it is read again before the text is posted.
    pub request: Option<RequestRef>,
    pub why: String,
    pub rules: String,
    pub templates: String,
    pub tier: String,
    pub confidence: f64,
    /// Ids of the rules that fired.
    pub reasons: Vec<String>,
    pub text: Option<String>,
    /// Milliseconds since 1970.
    pub due_at: Option<i64>,
    /// A note shows this draft, which the owner's word may send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<Drafted>,
    /// The owner has spoken of this draft: `reply.decided` sends it, `reply.suppressed` drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_draft: Option<EntryIndex>,
    /// The bot's own post that is edited, or deleted where the text is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
}

/// A text that waits for the owner's word. It belongs to the case of the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drafted {
    pub purpose: String,
    pub room: RoomId,
    pub request: RequestRef,
    pub text: String,
}

/// Content of an entry that ends an outbox row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ended {
    pub decided_n: EntryIndex,
    pub why: String,
    /// The account that posted.
    pub account: AccountId,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// What one entry does to the tables; nothing for most kinds.
pub fn apply(record: &Record) -> Vec<BookChange> {
    let Ok(entry) = record.entry() else { return Vec::new() };
    match entry.kind {
        EntryKind::CaseChanged => {
            parse(record).map(|it| case(entry.n, entry.observed_at, it)).unwrap_or_default()
        }
        EntryKind::ContentErased => Erasure::of(record).map(erased).unwrap_or_default(),
        EntryKind::ReplyDecided => {
            parse(record).map(|it| decided(&entry, it, DraftState::Approved)).unwrap_or_default()
        }
        EntryKind::ReplySent | EntryKind::ReplyAmended => ended(&entry, record, OutboxState::Sent),
        EntryKind::ReplySuppressed => {
            let mut changes = ended(&entry, record, OutboxState::Suppressed);
            changes.extend(
                parse(record)
                    .map(|it: Decision| decided(&entry, Decision { text: None, ..it }, DraftState::Rejected))
                    .unwrap_or_default(),
            );
            changes
        }
        EntryKind::ReplyUncertain => ended(&entry, record, OutboxState::Uncertain),
        EntryKind::CaseNoted
        | EntryKind::ContractChanged
        | EntryKind::ContractCounted
        | EntryKind::RoomDeclared
        | EntryKind::BotSwitched => owner::apply(&entry, record),
        _ => Vec::new(),
    }
}

/// What was read from the erased entries goes; of their cases what is without words is said again.
fn erased(erasure: Erasure) -> Vec<BookChange> {
    let kept: Vec<(EntryIndex, UtcMillis, ChangedCase)> = erasure
        .kept
        .into_iter()
        .filter_map(|it| Some((it.n, UtcMillis(it.observed_at), serde_json::from_value(it.content).ok()?)))
        .collect();
    let cases = kept.iter().map(|(_, _, it)| it.case).collect();
    let gone = BookChange::Erased { entries: erasure.entries, cases };
    std::iter::once(gone).chain(kept.into_iter().flat_map(|(n, at, it)| case(n, at, it))).collect()
}

fn case(n: EntryIndex, observed_at: UtcMillis, it: ChangedCase) -> Vec<BookChange> {
    let messages = it.messages.into_iter().map(|part| {
        BookChange::Message(CaseMessageRow {
            case: it.case,
            room: it.room,
            message: part.message,
            part: part.part,
            n: part.n,
        })
    });
    let mut changes: Vec<BookChange> = messages.collect();
    changes.push(BookChange::Case(CaseRow {
        id: it.case,
        room: it.room,
        client: it.client,
        state: it.state,
        request_message: it.request_message,
        request_n: it.request_n,
        opened_at: UtcMillis(it.opened_at),
        moved_at: it.moved_at.map_or(observed_at, UtcMillis),
        terms: it.terms,
        reminded: it.reminded,
        job_link: it.job_link,
        contract_link: it.contract_link,
        contract: it.contract,
        changed_n: n,
    }));
    changes
}

/// `said` is what the entry makes of a draft that it speaks of.
fn decided(entry: &Entry, it: Decision, said: DraftState) -> Vec<BookChange> {
    let mut changes = Vec::new();
    if let Some(drafted_n) = it.ends_draft {
        changes.push(BookChange::DraftEnded { drafted_n, state: said });
    }
    if let (Some(draft), Some(case)) = (it.draft, it.case)
        && let Some(purpose) = Purpose::parse(&draft.purpose)
    {
        changes.push(BookChange::Draft(DraftRow {
            case,
            drafted_n: entry.n,
            purpose,
            room: draft.room,
            request: draft.request,
            text: draft.text,
            why: it.why,
            state: DraftState::Open,
            shown: None,
        }));
    }
    if let (Some(purpose), Some(room), Some(text), Some(due_at)) =
        (Purpose::parse(&it.purpose), it.post_room, it.text, it.due_at)
    {
        changes.push(BookChange::Outbox(OutboxChange::Decided(OutboxRow {
            decided_n: entry.n,
            purpose,
            case: it.case,
            room,
            request: it.request,
            text,
            due_at: UtcMillis(due_at),
            state: OutboxState::Waiting,
            posted: None,
            approved: it.ends_draft.is_some(),
            target: it.target,
        })));
    }
    changes
}

/// A suppression at decision time ends nothing: its content is a [`Decision`], which has no `decided_n`.
fn ended(entry: &Entry, record: &Record, state: OutboxState) -> Vec<BookChange> {
    let Some(it) = parse::<Ended>(record) else { return Vec::new() };
    let posted = entry.message.filter(|_| state == OutboxState::Sent);
    let mut changes = Vec::new();
    if let (Some(case), Some(part), Some(room), Some(message)) =
        (it.case, it.purpose.filter(|_| entry.kind == EntryKind::ReplySent), entry.room, posted)
    {
        changes.push(BookChange::Message(CaseMessageRow { case, room, message, part, n: entry.n }));
    }
    changes.push(BookChange::Outbox(OutboxChange::Ended {
        decided_n: it.decided_n,
        state,
        by: entry.n,
        at: entry.observed_at,
        posted,
    }));
    changes
}

fn parse<T: serde::de::DeserializeOwned>(record: &Record) -> Option<T> {
    serde_json::from_slice(record.content_bytes()?).ok()
}

/// Appends recorded decisions and applies them to the tables at once, ahead of the follower's turn. What is already in
/// the ledger (a crash came between) is applied as it stands there.
pub async fn append_and_apply(
    ledger: &Ledger,
    store: &Store,
    observations: Vec<Observation>,
    next: Option<EntryIndex>,
) -> Result<(), StoreError> {
    let appended = ledger.append(observations).await?;
    apply_at(ledger, store, appended.into_iter().map(|it| it.index()).collect(), next).await
}

/// Applies the entries at these indices; `next` moves the casebook's cursor in the same transaction.
pub async fn apply_at(
    ledger: &Ledger,
    store: &Store,
    indices: Vec<EntryIndex>,
    next: Option<EntryIndex>,
) -> Result<(), StoreError> {
    let mut changes = Vec::new();
    for n in indices {
        for record in ledger.records(n, 1).await? {
            changes.append(&mut apply(&record));
        }
    }
    store.put_casebook(next, changes).await
}

/// What is said of a case beside how it stands.
#[derive(Clone, Debug, Default)]
pub struct Change<'a> {
    pub from: Option<State>,
    pub why: &'a str,
    pub messages: Vec<Part>,
    pub by: Option<By>,
    /// Nothing moved: a request within 14 days is counted from the move before.
    pub moved_at: Option<UtcMillis>,
}

/// `case.changed` for a case as it shall stand.
pub fn case_changed(case: &CaseRow, change: Change<'_>) -> Observation {
    let content = ChangedCase {
        case: case.id,
        room: case.room,
        client: case.client,
        state: case.state.clone(),
        from: change.from.map(|it| it.as_str().to_owned()),
        why: change.why.to_owned(),
        request_message: case.request_message,
        request_n: case.request_n,
        opened_at: case.opened_at.0,
        terms: case.terms.clone(),
        reminded: case.reminded,
        moved_at: change.moved_at.map(|it| it.0),
        job_link: case.job_link.clone(),
        contract_link: case.contract_link.clone(),
        contract: case.contract,
        messages: change.messages,
        by: change.by,
    };
    system(EntryKind::CaseChanged, &content).about(case.room, Some(case.request_message))
}

/// `reply.decided` or `reply.suppressed` at decision time.
pub fn decision(kind: EntryKind, content: &Decision) -> Observation {
    let observation = system(kind, content);
    match &content.request {
        Some(request) => observation.about(request.room, Some(request.message)),
        None => observation,
    }
}

fn system<T: Serialize>(kind: EntryKind, content: &T) -> Observation {
    // Our own structs of strings and numbers always serialise.
    Observation::system(kind, &serde_json::to_value(content).unwrap_or_default())
}
