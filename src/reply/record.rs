//! The forms of recorded decisions: how they stand in the ledger, and what they do to cases and outbox. Reading them back gives the same
//! tables whenever it is done: nothing is decided here.

use serde::{Deserialize, Serialize};

use crate::cases::{self, Fact, State};
use crate::domain::{
    AccountId, CaseId, Entry, EntryIndex, EntryKind, MessageId, RoomId, Source, Terms, UtcMillis,
};
use crate::ledger::{Ledger, Observation};
use crate::store::{
    CaseRow, CaseUpdate, FollowStore, OutboxChange, OutboxRow, OutboxState, Purpose, Record, RequestRef,
    Store, StoreError,
};

use super::template::{DraftReason, NoteKind, NoteSubject, Templates};

/// Content of `case.changed`: the case as it then stands, and why it moved.
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
}

/// Content of `reply.decided` and `reply.suppressed`: the inputs that were weighed, rule versions, the text.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
}

/// Content of an entry that ends an outbox row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ended {
    pub decided_n: EntryIndex,
    pub why: String,
    /// The account that posted.
    pub account: AccountId,
    pub text: String,
}

/// What one entry does to the tables; nothing for most kinds.
pub fn apply(record: &Record) -> (Vec<CaseUpdate>, Vec<OutboxChange>) {
    let Ok(entry) = record.entry() else { return (Vec::new(), Vec::new()) };
    match entry.kind {
        EntryKind::CaseChanged => {
            (parse(record).map(|it| case(&entry, it)).into_iter().collect(), Vec::new())
        }
        EntryKind::ReplyDecided => {
            (Vec::new(), parse(record).and_then(|it| decided(&entry, it)).into_iter().collect())
        }
        EntryKind::ReplySent => ended(&entry, record, OutboxState::Sent),
        EntryKind::ReplySuppressed => ended(&entry, record, OutboxState::Suppressed),
        EntryKind::ReplyUncertain => ended(&entry, record, OutboxState::Uncertain),
        _ => (Vec::new(), Vec::new()),
    }
}

fn case(entry: &Entry, it: ChangedCase) -> CaseUpdate {
    CaseUpdate {
        id: it.case,
        room: it.room,
        client: it.client,
        state: it.state,
        request_message: it.request_message,
        request_n: it.request_n,
        opened_at: UtcMillis(it.opened_at),
        moved_at: entry.observed_at,
        terms: it.terms,
        reminded: it.reminded,
        changed_n: entry.n,
    }
}

fn decided(entry: &Entry, it: Decision) -> Option<OutboxChange> {
    Some(OutboxChange::Decided(OutboxRow {
        decided_n: entry.n,
        purpose: Purpose::parse(&it.purpose)?,
        case: it.case,
        room: it.post_room?,
        request: it.request,
        text: it.text?,
        due_at: UtcMillis(it.due_at?),
        state: OutboxState::Waiting,
        posted: None,
    }))
}

/// A suppression at decision time ends nothing: its content is a [`Decision`], which has no `decided_n`.
fn ended(entry: &Entry, record: &Record, state: OutboxState) -> (Vec<CaseUpdate>, Vec<OutboxChange>) {
    let change = parse(record).map(|it: Ended| OutboxChange::Ended {
        decided_n: it.decided_n,
        state,
        by: entry.n,
        at: entry.observed_at,
        posted: entry.message.clone().filter(|_| state == OutboxState::Sent),
    });
    (Vec::new(), change.into_iter().collect())
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
    let (mut all_cases, mut all_outbox) = (Vec::new(), Vec::new());
    for n in indices {
        for record in ledger.records(n, 1).await? {
            let (mut cases, mut outbox) = apply(&record);
            all_cases.append(&mut cases);
            all_outbox.append(&mut outbox);
        }
    }
    store.put_casebook(next, all_cases, all_outbox).await
}

/// `case.changed` for a case as it shall stand.
pub fn case_changed(case: &CaseRow, from: Option<State>, why: &str) -> Observation {
    let content = ChangedCase {
        case: case.id,
        room: case.room,
        client: case.client,
        state: case.state.clone(),
        from: from.map(|it| it.as_str().to_owned()),
        why: why.to_owned(),
        request_message: case.request_message.clone(),
        request_n: case.request_n,
        opened_at: case.opened_at.0,
        terms: case.terms.clone(),
        reminded: case.reminded,
    };
    system(EntryKind::CaseChanged, &content).about(case.room, Some(case.request_message.clone()))
}

/// `reply.decided` or `reply.suppressed` at decision time.
pub fn decision(kind: EntryKind, content: &Decision) -> Observation {
    let observation = system(kind, content);
    match &content.request {
        Some(request) => observation.about(request.room, Some(request.message.clone())),
        None => observation,
    }
}

/// The end of an outbox row.
pub(super) struct Ending<'a> {
    pub(super) row: &'a OutboxRow,
    pub(super) state: OutboxState,
    pub(super) why: &'static str,
    pub(super) posted: Option<MessageId>,
    pub(super) account: AccountId,
    pub(super) case: Option<CaseRow>,
    /// The request's words and its author's name, for a note to the owner.
    pub(super) said: String,
    pub(super) name: Option<String>,
    /// Chatwork's answer to a refused post.
    pub(super) status: u16,
}

impl Ending<'_> {
    /// The entries to append together: the end, the case's step, a note for the owner where he has to know.
    pub(super) fn observations(
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
        };
        let kind = match self.state {
            OutboxState::Sent => EntryKind::ReplySent,
            OutboxState::Uncertain => EntryKind::ReplyUncertain,
            OutboxState::Suppressed | OutboxState::Waiting => EntryKind::ReplySuppressed,
        };
        let mut end = system(kind, &content).about(self.row.room, self.posted.clone()).once(key("end"));
        if self.state == OutboxState::Sent {
            end.source = Source::Sent;
        }
        let mut observations = vec![end];
        if self.row.purpose != Purpose::Reminder {
            return observations;
        }
        if let Some(case) = &self.case
            && let Some(changed) = self.case_after(case)
        {
            observations.push(case_changed(&changed, State::parse(&case.state), self.why).once(key("case")));
        }
        if let (Some(room), Some(text)) = (control_room, self.note(templates)) {
            let decision_of_note = Decision {
                purpose: Purpose::Note.as_str().to_owned(),
                case: self.row.case,
                post_room: Some(room),
                request: None,
                why: self.why.to_owned(),
                rules: String::new(),
                templates: templates.version().to_owned(),
                tier: String::new(),
                confidence: 0.0,
                reasons: Vec::new(),
                text: Some(text),
                due_at: Some(now.0),
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
        let not_posted =
            |reason| NoteKind::Draft { reason, draft: Some(self.row.text.as_str()), approve: None };
        let kind = match (self.state, self.why) {
            (OutboxState::Uncertain, _) => NoteKind::ReplyUncertain,
            (OutboxState::Suppressed, "refused_by_chatwork") => NoteKind::PostRefused { status: self.status },
            (OutboxState::Suppressed, "owner_answered") => not_posted(DraftReason::OwnerAnswered),
            (OutboxState::Suppressed, "room_budget") => not_posted(DraftReason::RoomBudget),
            (OutboxState::Suppressed, "budget") => not_posted(DraftReason::DayBudget),
            (OutboxState::Suppressed, "too_late" | "room_moved_on") => not_posted(DraftReason::TooOld),
            _ => return None,
        };
        Some(templates.render_note(&subject, kind))
    }
}

fn system<T: Serialize>(kind: EntryKind, content: &T) -> Observation {
    // Our own structs of strings and numbers always serialise.
    Observation::system(kind, &serde_json::to_value(content).unwrap_or_default())
}
