//! What the owner says, as it stands in the ledger: notes, contracts, rooms, switches.

use serde::{Deserialize, Serialize};

use crate::cases::{OutsideContact, RoomContract};
use crate::config::Said;
use crate::domain::{
    AccountId, CaseId, ContractId, Entry, EntryIndex, EntryKind, MessageId, RoomId, UtcMillis,
};
use crate::ledger::Observation;
use crate::store::{BookChange, ContractRow, CountRow, Declaration, NoteRow, Record, RequestRef};

use super::{parse, system};
use crate::reply::said::SaidReply;

/// By which door something was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// With this message in the control room.
    ControlRoom(MessageId),
    Page,
    Command,
    /// With this message in the client's room, by the client himself.
    Client(MessageId),
    /// By nobody: the bot notes what it did.
    Bot,
}

/// Content of `case.noted`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct NotedCase {
    case: CaseId,
    text: String,
    by: By,
}

/// Content of `contract.changed`: the contract as it then stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ChangedContract {
    contract: ContractId,
    room: RoomId,
    client: Option<AccountId>,
    form: String,
    quantity: Option<u32>,
    unit: String,
    yen: Option<u64>,
    /// Milliseconds since 1970.
    until: Option<i64>,
    escrowed: bool,
    ended: bool,
    remind: bool,
    link: Option<String>,
    /// Milliseconds since 1970.
    registered_at: i64,
    by: By,
}

/// Content of `contract.counted`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Counted {
    contract: ContractId,
    /// Negative: given back.
    count: i64,
    case: Option<CaseId>,
    request: RequestRef,
}

/// What the owner says of a room; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    pub contract: Option<RoomContract>,
    pub outside_contact: Option<OutsideContact>,
    /// This client wants no automatic messages, or wants them again.
    pub opted_out: Option<(AccountId, bool)>,
    /// How the bot is to speak in the room; takes the place of what was said before.
    pub reply: Option<Said>,
}

/// Content of `room.declared`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct DeclaredContent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contract: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outside_contact: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opted_out: Option<OptedOut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply: Option<SaidReply>,
    by: By,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct OptedOut {
    client: AccountId,
    value: bool,
}

/// For all rooms together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Nothing more is posted in any client's room.
    Stop,
    /// Undoes [`Switch::Stop`] and [`Switch::QuietUntil`].
    Go,
    /// Nothing is posted until this time; what waits is weighed again then.
    QuietUntil(UtcMillis),
}

/// Content of `bot.switched`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Switched {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped: Option<bool>,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quiet_until: Option<i64>,
    by: By,
}

/// `case.noted`.
pub fn noted(case: CaseId, room: RoomId, text: &str, by: &By) -> Observation {
    let content = NotedCase { case, text: text.to_owned(), by: by.clone() };
    system(EntryKind::CaseNoted, &content).about(room, None)
}

/// `contract.changed` for a contract as it shall stand.
pub fn contract_changed(row: &ContractRow, by: &By) -> Observation {
    let content = ChangedContract {
        contract: row.id,
        room: row.room,
        client: row.client,
        form: row.form.clone(),
        quantity: row.quantity,
        unit: row.unit.clone(),
        yen: row.yen,
        until: row.until.map(|it| it.0),
        escrowed: row.escrowed,
        ended: row.ended,
        remind: row.remind,
        link: row.link.clone(),
        registered_at: row.registered_at.0,
        by: by.clone(),
    };
    system(EntryKind::ContractChanged, &content).about(row.room, None)
}

/// `contract.counted`.
pub fn counted(contract: ContractId, count: i64, case: Option<CaseId>, request: &RequestRef) -> Observation {
    let content = Counted { contract, count, case, request: request.clone() };
    system(EntryKind::ContractCounted, &content).about(request.room, Some(request.message))
}

/// `room.declared`.
pub fn declared(room: RoomId, what: &Declared, by: &By) -> Observation {
    let content = DeclaredContent {
        contract: what.contract.map(|it| it.as_str().to_owned()),
        outside_contact: what.outside_contact.map(|it| it.as_str().to_owned()),
        opted_out: what.opted_out.map(|(client, value)| OptedOut { client, value }),
        told: None,
        reply: what.reply.map(SaidReply::from),
        by: by.clone(),
    };
    system(EntryKind::RoomDeclared, &content).about(room, None)
}

/// `room.declared` for what was said about a room and is not said again.
pub fn told(room: RoomId, what: &str) -> Observation {
    let content = DeclaredContent {
        contract: None,
        outside_contact: None,
        opted_out: None,
        told: Some(what.to_owned()),
        reply: None,
        by: By::Bot,
    };
    system(EntryKind::RoomDeclared, &content).about(room, None)
}

/// `bot.switched`.
pub fn switched(switch: Switch, by: &By) -> Observation {
    let (stopped, quiet_until) = match switch {
        Switch::Stop => (Some(true), None),
        Switch::Go => (Some(false), Some(0)),
        Switch::QuietUntil(at) => (None, Some(at.0)),
    };
    system(EntryKind::BotSwitched, &Switched { stopped, quiet_until, by: by.clone() })
}

/// What one of these entries does to the tables.
pub(super) fn apply(entry: &Entry, record: &Record) -> Vec<BookChange> {
    match entry.kind {
        EntryKind::CaseNoted => parse(record)
            .map(|it: NotedCase| {
                BookChange::Note(NoteRow { n: entry.n, case: it.case, at: entry.observed_at, text: it.text })
            })
            .into_iter()
            .collect(),
        EntryKind::ContractChanged => {
            parse(record).map(|it| BookChange::Contract(contract(entry, it))).into_iter().collect()
        }
        EntryKind::ContractCounted => parse(record)
            .map(|it: Counted| {
                BookChange::Count(CountRow {
                    n: entry.n,
                    contract: it.contract,
                    count: it.count,
                    room: it.request.room,
                    message: it.request.message,
                    at: entry.observed_at,
                })
            })
            .into_iter()
            .collect(),
        EntryKind::RoomDeclared => match (entry.room, parse(record)) {
            (Some(room), Some(content)) => declarations(room, entry.n, content),
            _ => Vec::new(),
        },
        EntryKind::BotSwitched => parse(record).map(|it| switches(entry.n, &it)).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn contract(entry: &Entry, it: ChangedContract) -> ContractRow {
    ContractRow {
        id: it.contract,
        room: it.room,
        client: it.client,
        form: it.form,
        quantity: it.quantity,
        unit: it.unit,
        yen: it.yen,
        until: it.until.map(UtcMillis),
        escrowed: it.escrowed,
        ended: it.ended,
        remind: it.remind,
        link: it.link,
        registered_at: UtcMillis(it.registered_at),
        changed_n: entry.n,
    }
}

fn declarations(room: RoomId, n: EntryIndex, it: DeclaredContent) -> Vec<BookChange> {
    let opted_out = it.opted_out.map(|it| (format!("opted_out:{}", it.client), it.value.to_string()));
    let reply = it.reply.and_then(|it| serde_json::to_string(&it).ok());
    [
        it.contract.map(|value| ("contract".to_owned(), value)),
        it.outside_contact.map(|value| ("outside_contact".to_owned(), value)),
        opted_out,
        it.told.map(|what| (format!("told:{what}"), "true".to_owned())),
        reply.map(|value| ("reply".to_owned(), value)),
    ]
    .into_iter()
    .flatten()
    .map(|(what, value)| BookChange::Declared(Declaration { room: Some(room), what, value, n }))
    .collect()
}

fn switches(n: EntryIndex, it: &Switched) -> Vec<BookChange> {
    [
        it.stopped.map(|value| ("stopped", value.to_string())),
        it.quiet_until.map(|value| ("quiet_until", value.to_string())),
    ]
    .into_iter()
    .flatten()
    .map(|(what, value)| BookChange::Declared(Declaration { room: None, what: what.to_owned(), value, n }))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::record::tests::{again, examples};

    #[test]
    fn the_documented_words_of_the_owner_are_read_and_written() {
        let mut seen = [0; 5];
        for line in examples() {
            let (n, written) = match line {
                line if line.contains("\"confidence\"") || line.contains("\"opened_at\"") => continue,
                line if line.contains("\"decided_n\"") => continue,
                line if line.contains("\"registered_at\"") => (0, again::<ChangedContract>(line)),
                line if line.contains("\"count\"") => (1, again::<Counted>(line)),
                line if line.contains("\"text\"") => (2, again::<NotedCase>(line)),
                line if line.contains("\"stopped\"") || line.contains("\"quiet_until\"") => {
                    (3, again::<Switched>(line))
                }
                line => (4, again::<DeclaredContent>(line)),
            };
            seen[n] += 1;
            assert_eq!(written, line);
        }
        assert!(seen.iter().all(|it| *it > 0), "{seen:?}");
    }
}
