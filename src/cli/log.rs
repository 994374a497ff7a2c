//! `log`: the mirror, oldest first, from the ledger itself.

use std::io::Write as _;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::chatwork::notation;
use crate::domain::{AccountId, Entry, EntryIndex, EntryKind, MessageId, RoomId, Source};
use crate::follow::{Capture, capture, imported};
use crate::store::{ArchiveStore as _, ContinueStore as _, LedgerStore as _, Predecessor, Record, Store};

use super::Exit;
use super::coverage;
use super::start::{self, Place};
use super::terminal::{Terminal, until_closed};

/// Entries read at a time.
const BATCH: usize = 512;
/// A message that was read so long after it was written is marked as seen late.
const LATE: Duration = Duration::from_secs(600);
/// Between two looks of `--follow`.
const FOLLOW: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this room
    #[arg(long, value_name = "ID")]
    room: Option<u64>,
    /// Go on printing what comes, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Not the record itself: since when each room is watched, how closely, and what is missing
    #[arg(long, conflicts_with = "follow")]
    coverage: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// A row of `log --json` and `search --json`.
#[derive(Serialize)]
struct Line<'a> {
    n: EntryIndex,
    /// The ledger that the entry is number `n` of, where it is not the present one.
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<&'a str>,
    kind: &'a str,
    room_id: Option<RoomId>,
    message_id: Option<&'a MessageId>,
    account_id: Option<AccountId>,
    body: Option<&'a str>,
    source: &'a str,
    source_time: Option<String>,
    observed_at: String,
    version: Option<u64>,
    /// First seen long after it was written: read at first contact, or after an outage.
    #[serde(skip_serializing_if = "is_false")]
    late: bool,
    /// Of what is no message of the room: files, tasks, members, imports. The content as it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a RawValue>,
}

impl<'a> Line<'a> {
    /// `ledgers` are those before the present one.
    fn new(base: u64, ledgers: &'a [Predecessor], entry: &'a Entry, seen: Option<&'a Capture>) -> Self {
        Self {
            n: EntryIndex(entry.n.0 - base),
            ledger: ledgers.iter().find(|it| it.base == base).map(|it| it.ledger_id.as_str()),
            kind: entry.kind.as_str(),
            room_id: entry.room,
            message_id: entry.message.as_ref(),
            account_id: seen.map(|it| it.account),
            body: seen.map(|it| it.body.as_str()),
            source: entry.source.as_str(),
            source_time: entry.source_time.map(|it| it.to_string()),
            observed_at: entry.observed_at.to_string(),
            version: entry.version,
            late: late(entry),
            detail: None,
        }
    }
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    if arguments.coverage {
        return coverage::run(arguments.room, arguments.json, place, terminal).await;
    }
    let store = start::reader(&place.config()?).await?;
    let room = arguments.room.map(RoomId);
    let ledgers = store.predecessors().await?;
    let mut out = terminal.data();
    let mut next = EntryIndex(0);
    loop {
        let records = store.records(next, BATCH).await?;
        let Some(last) = records.last() else {
            if !until_closed(out.flush())? || !arguments.follow {
                return Ok(Exit::Done);
            }
            tokio::time::sleep(FOLLOW).await;
            continue;
        };
        next = EntryIndex(last.n.0 + 1);
        for record in &records {
            let Some(line) = line(&store, &ledgers, record, room, arguments.json, terminal).await? else {
                continue;
            };
            if !until_closed(writeln!(out, "{line}"))? {
                return Ok(Exit::Done);
            }
        }
    }
}

async fn line(
    store: &Store,
    ledgers: &[Predecessor],
    record: &Record,
    room: Option<RoomId>,
    json: bool,
    terminal: &Terminal,
) -> anyhow::Result<Option<String>> {
    let Ok(entry) = record.entry() else {
        let damaged = terminal.words(
            "読めない記録です。karibarai verify をお試しください。",
            "unreadable; try `karibarai verify`",
        );
        terminal.talk(&format!("entry {}: {damaged}", record.n));
        return Ok(None);
    };
    if room.is_some() && entry.room != room {
        return Ok(None);
    }
    if json {
        return Ok(Some(json_line(&entry, record, ledgers)?));
    }
    let seen = capture(&entry, record);
    let brought = imported(&entry, record);
    let detail = detail(&entry, record);
    let who = match (&seen, &brought) {
        (Some(it), _) => sender(store, it, entry.n).await?,
        (None, Some(it)) => it.name.clone().unwrap_or_default(),
        (None, None) => String::new(),
    };
    let body = seen.map(|it| it.body).or(brought.map(|it| it.body));
    let text = match (body, detail) {
        (Some(body), _) => notation::parse(&body).plain_text(),
        (None, Some(detail)) => detail.get().to_owned(),
        (None, None) => String::new(),
    };
    let room = entry.room.map(|it| it.to_string()).unwrap_or_default();
    // Control characters of a message must not steer the terminal.
    let text: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    let mark = match entry.source_time {
        Some(at) if late(&entry) => {
            let seen_late = terminal.words("後から読み取り、発言は", "seen late, written");
            format!("[{seen_late} {}]  ", at.japan_text())
        }
        _ => String::new(),
    };
    Ok(Some(format!(
        "{}  {:<26} {room:<10} {who}  {mark}{text}",
        entry.observed_at.japan_text(),
        entry.kind.as_str()
    )))
}

/// The row of `log --json` and `search --json`.
pub(super) fn json_line(
    entry: &Entry,
    record: &Record,
    ledgers: &[Predecessor],
) -> serde_json::Result<String> {
    let seen = capture(entry, record);
    let brought = imported(entry, record);
    let mut line = Line::new(record.base, ledgers, entry, seen.as_ref());
    line.detail = detail(entry, record);
    if let Some(it) = &brought {
        (line.account_id, line.body) = (it.account, Some(it.body.as_str()));
    }
    serde_json::to_string(&line)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(it: &bool) -> bool {
    !it
}

/// Read, and not at once.
fn late(entry: &Entry) -> bool {
    let written = entry.source_time.filter(|_| entry.kind == EntryKind::MessageCreated);
    entry.source == Source::Poll && written.is_some_and(|at| entry.observed_at.since(at) > LATE)
}

/// The content of what is beside the messages, where it is JSON.
fn detail<'a>(entry: &Entry, record: &'a Record) -> Option<&'a RawValue> {
    let beside = matches!(
        entry.kind,
        EntryKind::FileFound
            | EntryKind::FileStored
            | EntryKind::FileLost
            | EntryKind::FileImported
            | EntryKind::TaskCreated
            | EntryKind::TaskUpdated
            | EntryKind::MemberJoined
            | EntryKind::MemberLeft
            | EntryKind::MemberRenamed
            | EntryKind::MemberChanged
            | EntryKind::RoomFound
            | EntryKind::RoomChanged
            | EntryKind::RoomAccessLost
            | EntryKind::GapFound
            | EntryKind::MessageMissingAtRecheck
            | EntryKind::AlarmRaised
            | EntryKind::ClockCompared
            | EntryKind::TroubleChanged
            | EntryKind::MessageImported
            | EntryKind::ImportMade
    );
    serde_json::from_slice(record.content_bytes().filter(|_| beside)?).ok()
}

pub(super) async fn sender(store: &Store, it: &Capture, n: EntryIndex) -> anyhow::Result<String> {
    Ok(match &it.name {
        Some(name) => name.clone(),
        None => store.name_at(it.room, it.account, n).await?.unwrap_or_else(|| it.account.to_string()),
    })
}
