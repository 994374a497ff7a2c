//! Which stretch of a room is asked for, and which head of the ledger it is shown under.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use crate::domain::{CaseId, Entry, EntryIndex, EntryKind, MessageId, RoomId, UtcMillis};
use crate::proof::bundle::{Chain, Filter, Withhold};
use crate::store::{Record, Store, TreeStore as _};

use super::ExportError;
use super::dossier::Audience;

/// Entries read at a time.
pub(super) const BATCH: usize = 2048;
/// Entries of the room before a case's request that are shown with it.
const CONTEXT: u64 = 20;
/// Messages before and after each hit of a search that are shown with it.
pub(super) const AROUND: usize = 2;

/// What a search found in the room.
#[derive(Clone, Debug)]
pub struct Found {
    pub query: String,
    pub messages: BTreeSet<MessageId>,
}

/// What the caller wants in the package.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The id of a ledger that the present one continues; without, the present one.
    pub ledger: Option<String>,
    pub room: Option<RoomId>,
    /// Days in Japan, both included.
    pub from: Option<String>,
    pub to: Option<String>,
    pub case: Option<CaseId>,
    /// Of the span only what was found is shown, with what stands around it; the rest is withheld.
    pub found: Option<Found>,
    pub withhold: Vec<Withhold>,
    pub released: Vec<MessageId>,
    /// With a case: papers for these readers beside the record.
    pub audience: Option<Audience>,
    /// Signed notes that the package must be comparable with.
    pub known: Vec<String>,
}

impl Request {
    pub(super) fn filter(&self) -> Filter {
        let mut withhold = self.withhold.clone();
        withhold.extend(self.found.as_ref().map(|_| Withhold::Unfound));
        withhold.sort_unstable();
        withhold.dedup();
        let mut released = self.released.clone();
        released.sort_unstable();
        released.dedup();
        Filter {
            from: self.from.clone(),
            to: self.to.clone(),
            case: self.case,
            search: self.found.as_ref().map(|it| it.query.clone()),
            withhold,
            released,
        }
    }

    /// From the first instant of the first day to before the first instant after the last.
    pub fn times(&self) -> Result<(Option<UtcMillis>, Option<UtcMillis>), ExportError> {
        let midnight =
            |day: &str| UtcMillis::japan_midnight(day).ok_or_else(|| ExportError::Day(day.to_owned()));
        let from = self.from.as_deref().map(midnight).transpose()?;
        let to = self.to.as_deref().map(midnight).transpose()?;
        let until = to.map(|it| it.plus(std::time::Duration::from_secs(24 * 3600)));
        Ok((from, until))
    }

    pub(super) fn span(&self) -> Result<Span, ExportError> {
        let (from, until) = self.times()?;
        Ok(Span { from, until })
    }
}

/// Half open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    from: Option<UtcMillis>,
    until: Option<UtcMillis>,
}

impl Span {
    fn contains(&self, at: UtcMillis) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Sent, edited or seen in the span.
    fn touches(&self, entry: &Entry) -> bool {
        self.contains(entry.observed_at) || entry.source_time.is_some_and(|at| self.contains(at))
    }
}

/// An unbroken stretch of the room's chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) first: EntryIndex,
    pub(super) last: EntryIndex,
    pub(super) chain: Chain,
}

/// All entries of a room's chain, in order, without their contents.
pub(super) struct ChainReader<'a> {
    store: &'a Store,
    room: RoomId,
    next: EntryIndex,
    until: EntryIndex,
    contents: bool,
}

impl<'a> ChainReader<'a> {
    pub(super) fn new(store: &'a Store, room: RoomId, from: EntryIndex, until: EntryIndex) -> Self {
        Self { store, room, next: from, until, contents: false }
    }

    pub(super) fn with_contents(mut self) -> Self {
        self.contents = true;
        self
    }

    /// The next batch; empty at the end.
    pub(super) async fn next(&mut self) -> Result<Vec<(Entry, Record)>, ExportError> {
        // Canonical bytes have one spelling of the room; the rest of the test is on the entry itself.
        let part = format!(r#""room":{},"#, self.room);
        loop {
            let found =
                self.store.matching(part.clone(), self.next, self.until, self.contents, BATCH).await?;
            let Some(last) = found.last() else { return Ok(Vec::new()) };
            self.next = EntryIndex(last.n.0 + 1);
            let mut batch = Vec::with_capacity(found.len());
            for record in found {
                let entry = record.entry().map_err(|_| ExportError::Entry(record.n.0))?;
                if entry.room == Some(self.room) && entry.kind.in_room_chain() {
                    batch.push((entry, record));
                }
            }
            if !batch.is_empty() {
                return Ok(batch);
            }
        }
    }
}

/// The smallest unbroken stretch that holds everything of the room that was sent or seen in the span.
pub(super) async fn stretch(
    store: &Store,
    room: RoomId,
    span: Span,
    rows: Range<u64>,
) -> Result<Stretch, ExportError> {
    let mut reader = ChainReader::new(store, room, EntryIndex(rows.start), EntryIndex(rows.end));
    let mut found: Option<Stretch> = None;
    loop {
        let batch = reader.next().await?;
        if batch.is_empty() {
            return found.ok_or(ExportError::Nothing(room.0));
        }
        for (entry, record) in batch.iter().filter(|(entry, _)| span.touches(entry)) {
            widen(&mut found, entry, record)?;
        }
    }
}

/// From a little before the first of these messages to a little after the last, and all messages that are shown.
pub(super) async fn stretch_of_found(
    store: &Store,
    room: RoomId,
    found: &BTreeSet<MessageId>,
    rows: Range<u64>,
) -> Result<(Stretch, BTreeSet<MessageId>), ExportError> {
    let mut reader = ChainReader::new(store, room, EntryIndex(rows.start), EntryIndex(rows.end));
    let mut stretch: Option<Stretch> = None;
    let mut shown = found.clone();
    // What may yet be needed before a hit, and how many messages follow the last one.
    let mut before: VecDeque<(Entry, Record)> = VecDeque::new();
    let mut after = 0;
    loop {
        let batch = reader.next().await?;
        if batch.is_empty() {
            let stretch = stretch.ok_or(ExportError::NothingFound)?;
            return Ok((stretch, shown));
        }
        for (entry, record) in batch {
            let first_sight = entry.kind.is_message_version() && entry.version.unwrap_or(1) == 1;
            let message = entry.message;
            // Another sight of the same text needs not be in; what happened to the message later does.
            let hit =
                message.as_ref().is_some_and(|it| found.contains(it)) && entry.kind != EntryKind::MessageSeen;
            if hit && first_sight {
                for (entry, record) in before.drain(..) {
                    shown.extend(entry.message);
                    widen(&mut stretch, &entry, &record)?;
                }
                after = AROUND;
            }
            if hit || after > 0 {
                widen(&mut stretch, &entry, &record)?;
            }
            if first_sight && !hit && after > 0 {
                shown.extend(message);
                after -= 1;
            } else if first_sight && !hit {
                if before.len() == AROUND {
                    before.pop_front();
                }
                before.push_back((entry, record));
            }
        }
    }
}

/// From a little before the case's request to its end, or to the present.
pub(super) async fn stretch_of_case(
    store: &Store,
    room: RoomId,
    request: &MessageId,
    end: Option<UtcMillis>,
    rows: Range<u64>,
) -> Result<Stretch, ExportError> {
    let mut reader = ChainReader::new(store, room, EntryIndex(rows.start), EntryIndex(rows.end));
    let mut before: VecDeque<(Entry, Record)> = VecDeque::new();
    let mut found: Option<Stretch> = None;
    loop {
        let batch = reader.next().await?;
        if batch.is_empty() {
            return found.ok_or(ExportError::Nothing(room.0));
        }
        for (entry, record) in batch {
            if found.is_none() {
                let begins = entry.message.as_ref() == Some(request);
                before.push_back((entry, record));
                if before.len() as u64 > CONTEXT + 1 {
                    before.pop_front();
                }
                if begins {
                    for (entry, record) in before.drain(..) {
                        widen(&mut found, &entry, &record)?;
                    }
                }
            } else if end.is_none_or(|end| entry.observed_at <= end) {
                widen(&mut found, &entry, &record)?;
            }
        }
    }
}

fn widen(found: &mut Option<Stretch>, entry: &Entry, record: &Record) -> Result<(), ExportError> {
    let room_n = entry.room_n.ok_or(ExportError::Entry(record.n.0))?;
    let stretch = found.get_or_insert(Stretch {
        first: record.n,
        last: record.n,
        chain: Chain { first: room_n, last: room_n },
    });
    stretch.last = record.n;
    stretch.chain.last = room_n;
    Ok(())
}
