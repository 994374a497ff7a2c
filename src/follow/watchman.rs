//! Looks at what the record says of itself: many deletions or edits in a short time, a text blanked and then deleted, and
//! once a week how long nobody looked; a room that cannot be read any more, a clock that is off. Tells the owner, and holds
//! nothing up.

mod week;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::chatwork::notation;
use crate::domain::{AccountId, Clock, Entry, EntryIndex, EntryKind, RoomId, UtcMillis};
use crate::ledger::{Ledger, Observation};
use crate::reply::outbox::Me;
use crate::reply::record::{self, Decision};
use crate::reply::template::{Crowd, NoteSubject, Templates, Unread, WatchNote};
use crate::store::{
    ArchiveStore as _, CoverageStore as _, FollowStore as _, Purpose, Record, Store, VersionRow,
};

use super::archive::Archive;
use super::capture::capture;
use super::{BATCH, FollowError, Progress};

use self::week::Week;

/// Changes of one room within this time are counted together.
const WITHIN: Duration = Duration::from_secs(600);
const MANY_DELETIONS: usize = 5;
const MANY_EDITS: usize = 10;
/// After an alarm the room's next one of the kind is not before so long.
const QUIET: Duration = Duration::from_secs(3600);
/// Blanked and deleted within this time is one manoeuvre.
const MANOEUVRE: Duration = Duration::from_secs(24 * 3600);
/// Of what was found later than this after it happened the owner is not told any more; it stands in the log.
const NEWS: Duration = Duration::from_secs(24 * 3600);
/// Entries before the cursor that are read again at the start, so that a count goes on over a restart.
const WARM: u64 = 1024;
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// On Monday in Japan, so long after midnight, the past week is summed up.
const MORNING: Duration = Duration::from_secs(9 * 3600);
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Deletion,
    Edit,
}

/// Derives alarms.
pub struct Watchman {
    ledger: Ledger,
    store: Store,
    templates: Arc<Templates>,
    clock: Arc<dyn Clock>,
    me: Me,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    warm: bool,
    recent: BTreeMap<(RoomId, Change), VecDeque<(UtcMillis, EntryIndex)>>,
    alarmed: BTreeMap<(RoomId, Change), UtcMillis>,
    weekly_at: Option<UtcMillis>,
}

/// Content of `clock.compared`.
#[derive(Deserialize)]
struct Compared {
    ahead_ms: i64,
    off: bool,
}

/// A room in which too much changed.
struct Many {
    change: Change,
    entries: Vec<EntryIndex>,
}

impl Watchman {
    pub const NAME: &'static str = "watchman";

    pub fn new(
        ledger: Ledger,
        store: Store,
        templates: Arc<Templates>,
        clock: Arc<dyn Clock>,
        me: Me,
    ) -> Self {
        Self { ledger, store, templates, clock, me, memory: Mutex::default() }
    }

    /// Handles one batch, never beyond what the archive has filed.
    pub async fn tick(&self) -> Result<Progress, FollowError> {
        self.weekly().await?;
        let from = self.store.cursor(Self::NAME).await?;
        let end = self.store.cursor(Archive::NAME).await?;
        self.warm_up(from).await?;
        let limit = usize::try_from(end.0.saturating_sub(from.0)).unwrap_or(BATCH).min(BATCH);
        if limit == 0 {
            return Ok(Progress::Idle);
        }
        let records = self.ledger.records(from, limit).await?;
        let Some(last) = records.last() else { return Ok(Progress::Idle) };
        let next = EntryIndex(last.n.0 + 1);
        for record in &records {
            let alarms = self.look(record).await?;
            self.ledger.append(alarms).await?;
        }
        self.store.put_watched(next).await?;
        Ok(Progress::Moved)
    }

    async fn warm_up(&self, from: EntryIndex) -> Result<(), FollowError> {
        if std::mem::replace(&mut self.memory().warm, true) {
            return Ok(());
        }
        let start = EntryIndex(from.0.saturating_sub(WARM));
        let records = self.ledger.records(start, usize::try_from(from.0 - start.0).unwrap_or(0)).await?;
        for record in &records {
            if let Ok(entry) = record.entry()
                && let Some((room, change)) = self.change(&entry, record).await?
            {
                self.count(&entry, room, change);
            }
        }
        Ok(())
    }

    /// An entry that cannot be read is passed over.
    async fn look(&self, record: &Record) -> Result<Vec<Observation>, FollowError> {
        let Ok(entry) = record.entry() else { return Ok(Vec::new()) };
        if let Some((text, why)) = self.state(&entry, record).await? {
            let fresh = self.clock.now().since(entry.observed_at) <= NEWS;
            let note = self.note(text, why).filter(|_| fresh);
            return Ok(note.map(|it| it.once(format!("{why}:{}:note", entry.n))).into_iter().collect());
        }
        let Some((room, change)) = self.change(&entry, record).await? else { return Ok(Vec::new()) };
        let mut alarms = Vec::new();
        if let Some(many) = self.count(&entry, room, change) {
            alarms.extend(self.many(&entry, room, &many).await?);
        }
        if change == Change::Deletion {
            alarms.extend(self.blanked(&entry, room).await?);
        }
        Ok(alarms)
    }

    /// What the entry says of the record itself, where that is for the owner to know.
    async fn state(
        &self,
        entry: &Entry,
        record: &Record,
    ) -> Result<Option<(String, &'static str)>, FollowError> {
        Ok(match (entry.kind, entry.room) {
            (EntryKind::RoomAccessLost, Some(room)) => {
                let name = self.room_name(room).await?;
                let note = WatchNote::RoomLost { room, room_name: name.as_deref() };
                Some((self.templates.render_watch(note), "room_lost"))
            }
            (EntryKind::ClockCompared, _) => {
                let content = record.content_bytes().unwrap_or_default();
                let told: Option<Compared> = serde_json::from_slice(content).ok();
                let off = told.filter(|it| it.off).map(|it| it.ahead_ms);
                off.map(|ahead| (self.templates.render_watch(WatchNote::ClockOff { ahead }), "clock_off"))
            }
            _ => None,
        })
    }

    /// What others did to a message that was known before; the owner's own changes are no news to him.
    async fn change(&self, entry: &Entry, record: &Record) -> Result<Option<(RoomId, Change)>, FollowError> {
        let change = match entry.kind {
            EntryKind::MessageMissingAtRecheck => Change::Deletion,
            EntryKind::MessageDeletedReported if entry.version.is_some_and(|it| it > 1) => Change::Deletion,
            EntryKind::MessageUpdated => Change::Edit,
            _ => return Ok(None),
        };
        let (Some(room), Some(message)) = (entry.room, &entry.message) else { return Ok(None) };
        let account: Option<AccountId> = match capture(entry, record) {
            Some(seen) => Some(seen.account),
            None => self.store.message(room, message).await?.map(|it| it.account),
        };
        let others = account.is_some_and(|it| !self.me.owners.contains(&it) && it != self.me.account);
        Ok(others.then_some((room, change)))
    }

    /// Counts it in; `Some` when that makes too many.
    fn count(&self, entry: &Entry, room: RoomId, change: Change) -> Option<Many> {
        let now = entry.observed_at;
        let mut memory = self.memory();
        let recent = memory.recent.entry((room, change)).or_default();
        recent.push_back((now, entry.n));
        while recent.front().is_some_and(|(at, _)| now.since(*at) > WITHIN) {
            recent.pop_front();
        }
        let bound = match change {
            Change::Deletion => MANY_DELETIONS,
            Change::Edit => MANY_EDITS,
        };
        if recent.len() < bound {
            return None;
        }
        let entries = recent.iter().map(|(_, n)| *n).collect();
        let last = memory.alarmed.get(&(room, change)).copied();
        if last.is_some_and(|at| now.since(at) < QUIET) {
            return None;
        }
        memory.alarmed.insert((room, change), now);
        Some(Many { change, entries })
    }

    async fn many(&self, entry: &Entry, room: RoomId, many: &Many) -> Result<Vec<Observation>, FollowError> {
        let name = self.room_name(room).await?;
        let count = many.entries.len();
        let crowd = Crowd { room, room_name: name.as_deref(), count, within: WITHIN };
        let (kind, note) = match many.change {
            Change::Deletion => ("many_deletions", WatchNote::ManyDeletions(crowd)),
            Change::Edit => ("many_edits", WatchNote::ManyEdits(crowd)),
        };
        let content = json!({ "kind": kind, "entries": many.entries, "within_seconds": WITHIN.as_secs() });
        let key = format!("alarm:{kind}:{}", entry.n);
        let raised = Observation::system(EntryKind::AlarmRaised, &content).about(room, None);
        let text = self.templates.render_watch(note);
        Ok(self.tell(raised, text, kind, &key, entry.observed_at))
    }

    /// The text was made blank, and then the message was deleted: one manoeuvre.
    async fn blanked(&self, entry: &Entry, room: RoomId) -> Result<Vec<Observation>, FollowError> {
        let Some(message) = &entry.message else { return Ok(Vec::new()) };
        let versions = self.store.versions(room, message).await?;
        let Some((words, blank)) = manoeuvre(&versions, entry) else { return Ok(Vec::new()) };
        let name = self.room_name(room).await?;
        let sender = self.store.name_at(room, words.account, entry.n).await?;
        let said = notation::parse(&words.body);
        let subject = NoteSubject {
            room,
            room_name: name.as_deref(),
            message,
            sender_name: sender.as_deref(),
            quote: &said.plain_text(),
        };
        let kind = "blanked_then_deleted";
        let content = json!({ "kind": kind, "entries": [words.n, blank.n, entry.n] });
        let raised = Observation::system(EntryKind::AlarmRaised, &content).about(room, Some(*message));
        let text = self.templates.render_watch(WatchNote::Blanked(subject));
        Ok(self.tell(raised, text, kind, &format!("alarm:{kind}:{}", entry.n), entry.observed_at))
    }

    /// The alarm, and, where it is news and there is somebody to tell, the note.
    fn tell(
        &self,
        raised: Observation,
        text: String,
        why: &str,
        key: &str,
        seen: UtcMillis,
    ) -> Vec<Observation> {
        let fresh = self.clock.now().since(seen) <= NEWS;
        let note = self.note(text, why).filter(|_| fresh);
        let note = note.map(|it| it.once(format!("{key}:note")));
        std::iter::once(raised.once(key.to_owned())).chain(note).collect()
    }

    fn note(&self, text: String, why: &str) -> Option<Observation> {
        let decision = Decision {
            purpose: Purpose::Note.as_str().to_owned(),
            post_room: Some(self.me.control_room?),
            why: why.to_owned(),
            templates: self.templates.version().to_owned(),
            text: Some(text),
            due_at: Some(self.clock.now().0),
            ..Decision::default()
        };
        Some(record::decision(EntryKind::ReplyDecided, &decision))
    }

    /// On Monday morning: how long in the past week nobody looked.
    async fn weekly(&self) -> Result<(), FollowError> {
        let now = self.clock.now();
        if self.memory().weekly_at.is_some_and(|at| now < at) {
            return Ok(());
        }
        self.memory().weekly_at = Some(now.plus(LOOK_EVERY));
        let end = week::start_of_week(now);
        if now.since(end) < MORNING {
            return Ok(());
        }
        let start = UtcMillis(end.0.saturating_sub(i64::try_from(WEEK.as_millis()).unwrap_or(0)));
        let gaps = self.store.gaps(None, start).await?;
        let watched: Vec<RoomId> = self.store.room_reads().await?.into_iter().map(|it| it.room).collect();
        let Some(week) = Week::of(&gaps, &watched, start, end) else { return Ok(()) };
        let names = self.store.rooms().await?;
        let name = |room| names.iter().find(|it| it.room == room).and_then(|it| it.name.as_deref());
        let rooms: Vec<Unread<'_>> = week
            .rooms
            .iter()
            .map(|(room, span)| Unread { room: *room, room_name: name(*room), span: *span })
            .collect();
        let note = WatchNote::Week { stopped: week.stopped, unread: week.unread, rooms: &rooms };
        let text = self.templates.render_watch(note);
        if let Some(note) = self.note(text, "week") {
            self.ledger.append_one(note.once(format!("week:{}", end.japan_day()))).await?;
        }
        Ok(())
    }

    async fn room_name(&self, room: RoomId) -> Result<Option<String>, FollowError> {
        let rooms = self.store.rooms().await?;
        Ok(rooms.into_iter().find(|it| it.room == room).and_then(|it| it.name))
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last version with words, and the blank one after it, where they stand before a deletion as a manoeuvre does.
fn manoeuvre<'a>(versions: &'a [VersionRow], deletion: &Entry) -> Option<(&'a VersionRow, &'a VersionRow)> {
    let before = |it: &&VersionRow| it.n < deletion.n && it.kind != EntryKind::MessageDeletedReported;
    let mut earlier = versions.iter().filter(before).rev();
    let blank = earlier.next().filter(|it| is_blank(&it.body))?;
    let words = earlier.find(|it| !is_blank(&it.body))?;
    (deletion.observed_at.since(blank.observed_at) <= MANOEUVRE).then_some((words, blank))
}

/// Nothing that says anything: dots, dashes, spaces.
fn is_blank(body: &str) -> bool {
    body.chars().filter(|it| it.is_alphanumeric()).count() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_is_what_says_nothing() {
        for blank in [".", "　", "…", "- -", "。"] {
            assert!(is_blank(blank), "{blank}");
        }
        assert!(!is_blank("了解") && !is_blank("3"));
    }
}
