//! Takes the words of messages out of everything that holds them, and leaves every proof as it was.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use serde_json::Value;

use crate::cases::State;
use crate::domain::{
    self, CaseId, Digest, Entry, EntryIndex, EntryKind, MessageId, RoomId, Source, Terms, UtcMillis,
};
use crate::files::Shelf;
use crate::follow::{Annex, FollowError, Mirror, capture};
use crate::ledger::{Erasure, Kept, Ledger, LedgerError, MAX_ENTRIES, Reason};
use crate::objects;
use crate::reply::record::{self, ChangedCase, Decision};
use crate::store::{
    CaseStore as _, EraseStore as _, FollowStore as _, LedgerStore as _, Purpose, Record, StandingStore as _,
    Store, StoreError,
};

use super::erasures;

/// Entries read at a time.
const BATCH: usize = 1024;
/// A line of a message that has so many characters is looked for in the bot's own notes, by so many of its first ones.
const TELLING: usize = 12;
const TELLING_MAX: usize = 24;
const MAX_NEEDLES: usize = 20_000;
/// How long a running bot gets to rewrite its mirror files.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All versions of one message; without a room, wherever it stands.
    Message(MessageId, Option<RoomId>),
    /// Everything that was written in the room before this time.
    Room(RoomId, UtcMillis),
}

/// What an erasure would take away.
#[derive(Default)]
pub struct Plan {
    /// Messages with content, by room.
    pub messages: BTreeSet<(u64, String)>,
    pub entries: BTreeSet<EntryIndex>,
    /// Cases that rest on one of the messages and are not at their end.
    pub open_cases: Vec<CaseId>,
    /// The target is in the ledger, even if nothing of it is left.
    pub known: bool,
    kept: HashMap<EntryIndex, Kept>,
    cases: HashSet<CaseId>,
    needles: BTreeSet<String>,
    own_posts: HashSet<(u64, String)>,
    /// Hashes of stored files: of the target, and all that were met.
    files: HashSet<Digest>,
    all_files: HashMap<EntryIndex, Digest>,
}

/// What was done.
#[derive(Debug)]
pub struct Erased {
    /// Contents that are gone.
    pub contents: usize,
    /// Where the erasures stand.
    pub declared: Vec<EntryIndex>,
    /// The running bot has not yet rewritten its mirror files.
    pub mirror_pending: bool,
    /// Others kept reading: the write-ahead log could not be emptied.
    pub log_pending: bool,
}

/// Why nothing, or not everything, was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Follow(#[from] FollowError),
    #[error("a stored file cannot be removed")]
    File(#[from] std::io::Error),
}

/// Reads the ledger until nothing more is found that holds words of the target.
pub async fn plan(ledger: &Ledger, store: &Store, target: &Target) -> Result<Plan, EraseError> {
    let mut plan = Plan::default();
    let mut found = usize::MAX;
    // Notes are found by what the messages say, and captures of notes by the notes: two passes, rarely three.
    while found != plan.entries.len() {
        found = plan.entries.len();
        let search = AhoCorasick::new(plan.needles.iter().take(MAX_NEEDLES)).ok();
        let mut from = EntryIndex(0);
        loop {
            let records = ledger.records(from, BATCH).await?;
            let Some(last) = records.last() else { break };
            from = EntryIndex(last.n.0 + 1);
            for record in &records {
                plan.look(record, target, search.as_ref().filter(|_| !plan.needles.is_empty()));
            }
        }
    }
    for case in store.cases().await? {
        let mut touches = plan.messages.contains(&(case.room.0, case.request_message.as_str().to_owned()));
        for row in store.case_messages(case.id).await? {
            touches |= plan.messages.contains(&(row.room.0, row.message.as_str().to_owned()));
        }
        let ended = State::parse(&case.state)
            .is_some_and(|it| matches!(it, State::Paid | State::Dismissed | State::Withdrawn));
        if touches && !ended {
            plan.open_cases.push(case.id);
        }
    }
    Ok(plan)
}

impl Plan {
    fn look(&mut self, record: &Record, target: &Target, search: Option<&AhoCorasick>) {
        let Ok(entry) = record.entry() else { return };
        let aimed = self.aimed(&entry, target);
        self.known |= aimed;
        let Some(content) = record.content_bytes() else { return };
        let file = stored_file(entry.kind, content);
        if let Some(sha256) = file {
            self.all_files.insert(entry.n, sha256);
        }
        match entry.source {
            Source::Webhook | Source::Poll | Source::Import => {
                let own = key(&entry).is_some_and(|it| self.own_posts.contains(&it));
                if (aimed || own) && shows_words(entry.kind) {
                    self.entries.insert(entry.n);
                    self.files.extend(file);
                    if aimed {
                        self.messages.extend(key(&entry));
                        self.remember(&entry, record);
                    }
                }
            }
            Source::Sent | Source::System => self.look_at_own(&entry, content, search),
        }
    }

    fn aimed(&self, entry: &Entry, target: &Target) -> bool {
        match target {
            Target::Message(message, room) => {
                entry.message.as_ref() == Some(message) && room.is_none_or(|it| entry.room == Some(it))
            }
            Target::Room(room, until) => {
                entry.room == Some(*room)
                    && (entry.source_time.unwrap_or(entry.observed_at) < *until
                        || key(entry).is_some_and(|it| self.messages.contains(&it)))
            }
        }
    }

    /// Lines that are long enough to be nobody else's.
    fn remember(&mut self, entry: &Entry, record: &Record) {
        let Some(seen) = capture(entry, record) else { return };
        for line in seen.body.lines().map(str::trim) {
            if line.chars().count() >= TELLING && self.needles.len() < MAX_NEEDLES {
                self.needles.insert(line.chars().take(TELLING_MAX).collect());
            }
        }
    }

    /// The bot's own entries: notes and drafts with the message's words, terms of cases.
    fn look_at_own(&mut self, entry: &Entry, content: &[u8], search: Option<&AhoCorasick>) {
        if entry.kind == EntryKind::CaseChanged {
            return self.look_at_case(entry, content);
        }
        if !entry.kind.as_str().starts_with("reply.") || self.entries.contains(&entry.n) {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(content) else { return };
        let about = key(entry).is_some_and(|it| self.messages.contains(&it));
        let end_of = value.get("decided_n").and_then(Value::as_u64).map(EntryIndex);
        let quotes = search.is_some_and(|it| says(&value, it));
        let gone = match end_of {
            Some(decided) => self.entries.contains(&decided) || quotes,
            None => {
                let decision = serde_json::from_value::<Decision>(value).ok();
                let note = decision.as_ref().is_some_and(|it| {
                    let in_room = Purpose::parse(&it.purpose).is_some_and(Purpose::in_client_room);
                    let of_case = it.case.is_some_and(|case| self.cases.contains(&case));
                    !in_room && (it.text.is_some() || it.draft.is_some()) && (about || of_case)
                });
                note || quotes
            }
        };
        if gone {
            self.entries.insert(entry.n);
            if entry.kind == EntryKind::ReplySent {
                self.own_posts.extend(key(entry));
            }
        }
    }

    fn look_at_case(&mut self, entry: &Entry, content: &[u8]) {
        let Ok(mut case) = serde_json::from_slice::<ChangedCase>(content) else { return };
        let named = |message: &MessageId| self.messages.contains(&(case.room.0, message.as_str().to_owned()));
        if named(&case.request_message) || case.messages.iter().any(|part| named(&part.message)) {
            self.cases.insert(case.case);
        }
        if !self.cases.contains(&case.case) || case.terms == Terms::default() {
            return;
        }
        case.terms = Terms::default();
        let Ok(content) = serde_json::to_value(&case) else { return };
        self.entries.insert(entry.n);
        self.kept.insert(entry.n, Kept { n: entry.n, observed_at: entry.observed_at.0, content });
    }
}

/// The hash of the file that an entry says was stored.
fn stored_file(kind: EntryKind, content: &[u8]) -> Option<Digest> {
    if !matches!(kind, EntryKind::FileStored | EntryKind::FileImported) {
        return None;
    }
    domain::unhex(serde_json::from_slice::<Value>(content).ok()?.get("sha256")?.as_str()?)
}

fn key(entry: &Entry) -> Option<(u64, String)> {
    Some((entry.room?.0, entry.message.as_ref()?.as_str().to_owned()))
}

/// Kinds whose content is what somebody wrote or gave; who was in the room, and what it was called, stays.
fn shows_words(kind: EntryKind) -> bool {
    kind.is_message_version()
        || matches!(
            kind,
            EntryKind::MessageSeen
                | EntryKind::MessageMissingAtRecheck
                | EntryKind::FileFound
                | EntryKind::FileStored
                | EntryKind::MessageImported
                | EntryKind::FileImported
                | EntryKind::FileLost
                | EntryKind::TaskCreated
                | EntryKind::TaskUpdated
                | EntryKind::UnknownEvent
        )
}

fn says(value: &Value, search: &AhoCorasick) -> bool {
    match value {
        Value::String(text) => search.is_match(text),
        Value::Array(items) => items.iter().any(|it| says(it, search)),
        Value::Object(members) => members.values().any(|it| says(it, search)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Erases what is planned, and what was written about it meanwhile.
///
/// `at_work` runs the followers where no bot does it, so that mirror files and tables are rid of it too.
pub async fn erase<F, W>(
    ledger: &Ledger,
    store: &Store,
    data_dir: &Path,
    target: &Target,
    mut plan: Plan,
    reason: &Reason,
    at_work: F,
) -> Result<Erased, EraseError>
where
    F: Fn(EntryIndex) -> W,
    W: Future<Output = Result<(), EraseError>>,
{
    let (room, message) = match target {
        Target::Room(room, _) => (*room, None),
        Target::Message(message, room) => {
            let found = plan.messages.first().map(|(room, _)| RoomId(*room));
            (room.or(found).unwrap_or(RoomId(0)), Some(*message))
        }
    };
    // Before the first word goes: a restore of an older copy must know of it whatever happens now.
    let listed = match target {
        Target::Message(message, _) => Target::Message(*message, Some(room)),
        Target::Room(..) => target.clone(),
    };
    erasures::note(data_dir, &listed, reason, ledger.now())?;
    let mut erased = Erased { contents: 0, declared: Vec::new(), mirror_pending: false, log_pending: false };
    // A decision that was under way may have written the words once more: a second look, never more than a few.
    let mut files = erasures::pending(data_dir)?;
    for _ in 0..3 {
        files.extend(plan.files.drain());
        if plan.entries.is_empty() {
            break;
        }
        // Their entries will not tell any more which files were theirs.
        erasures::put_pending(data_dir, &files)?;
        let entries: Vec<EntryIndex> = plan.entries.iter().copied().collect();
        let mut last = EntryIndex(0);
        for part in entries.chunks(MAX_ENTRIES) {
            let kept = part.iter().filter_map(|n| plan.kept.get(n).cloned()).collect();
            let erasure = Erasure { entries: part.to_vec(), reason: reason.clone(), kept };
            last = ledger.erase(&erasure, room, message).await?;
            record::apply_at(ledger, store, vec![last], None).await?;
            erased.declared.push(last);
            erased.contents += part.len();
        }
        at_work(last).await?;
        erased.mirror_pending = !mirrored(store, last).await?;
        plan = self::plan(ledger, store, target).await?;
    }
    if erased.declared.is_empty() {
        // An earlier attempt may have been cut off behind its entry.
        let last = EntryIndex(store.head().await?.map_or(0, |it| it.end()).saturating_sub(1));
        at_work(last).await?;
        erased.mirror_pending = !mirrored(store, last).await?;
    }
    // A file that another message shows too stays for it.
    let shelf = Shelf::new(data_dir);
    let needed: HashSet<Digest> = plan.all_files.into_values().collect();
    for sha256 in files.difference(&needed) {
        shelf.remove(sha256)?;
    }
    erasures::put_pending(data_dir, &HashSet::new())?;
    erased.log_pending = !store.scrub().await?;
    ledger.checkpoint().await?;
    Ok(erased)
}

/// Whether the copy in the object storage is rid of what that entry erases; a running bot gets time for it.
pub async fn copied(store: &Store, at: EntryIndex) -> Result<bool, StoreError> {
    let looks = PATIENCE.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        // Where nothing was ever copied, nothing is to be deleted.
        if objects::shipped(store).await?.is_none_or(|it| it > at) {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(false)
}

async fn mirrored(store: &Store, at: EntryIndex) -> Result<bool, StoreError> {
    let looks = PATIENCE.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        if store.cursor(Mirror::NAME).await? > at && store.cursor(Annex::NAME).await? > at {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(false)
}
