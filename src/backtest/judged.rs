//! What the owner said of the requests that detection saw, as the ledger has it.

use std::collections::HashMap;

use serde::Deserialize;

use crate::cases::State;
use crate::domain::{EntryIndex, EntryKind, MessageId, RoomId};
use crate::reply::record::{By, ChangedCase, Decision};
use crate::store::{LedgerStore, Record, Store, StoreResult};

/// Entries read at a time.
const BATCH: usize = 2048;

/// Of each judged message whether it was a request.
pub type Judged = HashMap<(RoomId, MessageId), bool>;

/// A mark of `正解` or `誤り`.
#[derive(Deserialize)]
struct Marked {
    request: Request,
    right: bool,
}

#[derive(Deserialize)]
struct Request {
    room: RoomId,
    message: MessageId,
}

/// A judgement, and whether it was said in so many words; a case that was dismissed may have been a request all the same.
struct Judgement {
    of: (RoomId, MessageId),
    right: bool,
    plain: bool,
}

/// All judgements of the owner; plain ones before those that follow from what he did, later ones before earlier.
pub async fn judged(store: &Store) -> StoreResult<Judged> {
    let mut found: HashMap<(RoomId, MessageId), (bool, bool)> = HashMap::new();
    let mut next = EntryIndex(0);
    loop {
        let records = store.records(next, BATCH).await?;
        let Some(last) = records.last() else { break };
        next = EntryIndex(last.n.0 + 1);
        for it in records.iter().filter_map(judgement) {
            let known = found.entry(it.of).or_insert((it.right, it.plain));
            if it.plain || !known.1 {
                *known = (it.right, it.plain);
            }
        }
    }
    Ok(found.into_iter().map(|(of, (right, _))| (of, right)).collect())
}

fn judgement(record: &Record) -> Option<Judgement> {
    let kind = record.entry().ok()?.kind;
    let content = record.content_bytes()?;
    match kind {
        EntryKind::DetectionMarked => {
            let it: Marked = serde_json::from_slice(content).ok()?;
            Some(Judgement { of: (it.request.room, it.request.message), right: it.right, plain: true })
        }
        EntryKind::CaseChanged => {
            let it: ChangedCase = serde_json::from_slice(content).ok()?;
            // What another request put aside was none the less one.
            let owners =
                it.why != "superseded" && matches!(it.by, Some(By::ControlRoom(_) | By::Page | By::Command));
            let state = State::parse(&it.state).filter(|_| owners)?;
            let right = match state {
                State::Dismissed => false,
                state if state.in_escrow() || state == State::Paid => true,
                _ => return None,
            };
            Some(Judgement { of: (it.room, it.request_message), right, plain: false })
        }
        EntryKind::ReplySuppressed | EntryKind::ReplyDecided => {
            let it: Decision = serde_json::from_slice(content).ok()?;
            let right = match it.why.as_str() {
                "approved" => true,
                "rejected" => false,
                _ => return None,
            };
            let request = it.request.filter(|_| it.purpose == "reminder" && it.by.is_some())?;
            Some(Judgement { of: (request.room, request.message), right, plain: false })
        }
        _ => None,
    }
}
