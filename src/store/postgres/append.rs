//! The append itself: indices, versions and room numbers are given here, under the lock on the head.

use std::collections::{HashMap, HashSet};

use crate::domain::{self, Digest, Entry, EntryIndex, EntryKind, MessageId, RoomId};
use crate::proof::tree::{self, Frontier};
use crate::store::values::integer;
use crate::store::{Appended, Head, NewEntry, StoreError, StoreResult, VersionKey};

use super::Work;
use super::convert::Columns as _;

type Message = (RoomId, MessageId);

/// What an observation turned out to be.
enum Verdict {
    Known(EntryIndex),
    New { kind: EntryKind, version: Option<u64> },
}

/// A version that the ledger has.
#[derive(Clone, Copy)]
struct Version {
    number: u64,
    key: VersionKey,
    n: EntryIndex,
    /// Its content is gone.
    erased: bool,
}

/// All that the entries of a batch ask of the tables, read in a few statements, and what the batch itself adds.
struct Batch {
    head: Head,
    once: HashMap<Digest, EntryIndex>,
    versions: HashMap<Message, Vec<Version>>,
    ways: HashMap<(Message, u64, Digest), EntryIndex>,
    chains: HashMap<RoomId, (u64, Digest)>,
    moved: HashSet<RoomId>,
    rows: Rows,
}

/// Columns of the rows to be inserted.
#[derive(Default)]
struct Rows {
    entries: (Vec<i64>, Vec<Vec<u8>>, Vec<Vec<u8>>),
    contents: (Vec<i64>, Vec<Vec<u8>>, Vec<Vec<u8>>),
    once: (Vec<Vec<u8>>, Vec<i64>),
    versions: VersionColumns,
    ways: VersionColumns,
}

#[derive(Default)]
struct VersionColumns {
    room: Vec<i64>,
    message: Vec<String>,
    version: Vec<i64>,
    digest: Vec<Vec<u8>>,
    way: Vec<Vec<u8>>,
    n: Vec<i64>,
}

impl VersionColumns {
    fn push(&mut self, (room, message): &Message, version: u64, key: &VersionKey, n: EntryIndex) {
        self.room.push(integer(room.0));
        self.message.push(message.as_str().to_owned());
        self.version.push(integer(version));
        self.digest.push(key.digest.to_vec());
        self.way.push(key.way.to_vec());
        self.n.push(integer(n.0));
    }
}

/// Appends in order; what is known is dropped before numbering. One answer for each entry.
pub(super) async fn append(work: &Work<'_>, entries: Vec<NewEntry>) -> StoreResult<Vec<Appended>> {
    // The lock comes first: what is read after it cannot be changed by another replica before the commit.
    let sql = "SELECT ledger_id, base, size, frontier FROM head WHERE id = 1 FOR UPDATE";
    let head = work.row(sql, &[]).await?.ok_or(StoreError::Corrupt("no ledger was founded"))?;
    let mut batch = Batch::read(work, head_row(&head)?, &entries).await?;
    let answers = entries.into_iter().map(|it| batch.add(it)).collect();
    batch.write(work).await?;
    Ok(answers)
}

pub(super) fn head_row(row: &tokio_postgres::Row) -> StoreResult<Head> {
    let frontier = Frontier::from_bytes(row.number(2)?, row.raw(3)?)
        .ok_or(StoreError::Corrupt("the head of the ledger"))?;
    Ok(Head { ledger_id: row.text(0)?, base: row.number(1)?, frontier })
}

/// The message whose version an observation shows.
fn shows(new: &NewEntry) -> Option<(Message, VersionKey)> {
    Some(((new.room?, new.message?), new.version?))
}

impl Batch {
    async fn read(work: &Work<'_>, head: Head, entries: &[NewEntry]) -> StoreResult<Self> {
        let mut batch = Self {
            head,
            once: HashMap::new(),
            versions: HashMap::new(),
            ways: HashMap::new(),
            chains: HashMap::new(),
            moved: HashSet::new(),
            rows: Rows::default(),
        };
        let keys: Vec<&[u8]> = entries.iter().filter_map(|it| it.once.as_ref()).map(|it| &it[..]).collect();
        if !keys.is_empty() {
            for row in work.rows("SELECT key, n FROM once WHERE key = ANY($1)", &[&keys]).await? {
                batch.once.insert(row.digest(0)?, row.index(1)?);
            }
        }
        let shown: HashSet<Message> = entries.iter().filter_map(|it| Some(shows(it)?.0)).collect();
        if !shown.is_empty() {
            batch.read_versions(work, &shown).await?;
        }
        let rooms: HashSet<i64> = entries.iter().filter_map(|it| Some(integer(it.room?.0))).collect();
        if !rooms.is_empty() {
            let rooms: Vec<i64> = rooms.into_iter().collect();
            let sql = "SELECT room, room_n, leaf FROM room_chains WHERE room = ANY($1)";
            for row in work.rows(sql, &[&rooms]).await? {
                batch.chains.insert(row.room(0)?, (row.number(1)?, row.digest(2)?));
            }
        }
        Ok(batch)
    }

    async fn read_versions(&mut self, work: &Work<'_>, shown: &HashSet<Message>) -> StoreResult<()> {
        let (rooms, messages): (Vec<i64>, Vec<&str>) =
            shown.iter().map(|(room, message)| (integer(room.0), message.as_str())).unzip();
        let sql = "SELECT v.room, v.message, v.version, v.digest, v.way, v.n,
                       NOT EXISTS (SELECT 1 FROM contents c WHERE c.n = v.n)
                   FROM unnest($1::bigint[], $2::text[]) AS asked(room, message)
                   JOIN message_versions v ON v.room = asked.room AND v.message = asked.message";
        for row in work.rows(sql, &[&rooms, &messages]).await? {
            let version = Version {
                number: row.number(2)?,
                key: VersionKey { digest: row.digest(3)?, way: row.digest(4)? },
                n: row.index(5)?,
                erased: row.flag(6)?,
            };
            self.versions.entry((row.room(0)?, row.message(1)?)).or_default().push(version);
        }
        // The newest is asked first.
        self.versions.values_mut().for_each(|it| it.sort_by_key(|it| it.number));
        let sql = "SELECT w.room, w.message, w.version, w.way, w.n
                   FROM unnest($1::bigint[], $2::text[]) AS asked(room, message)
                   JOIN message_ways w ON w.room = asked.room AND w.message = asked.message";
        for row in work.rows(sql, &[&rooms, &messages]).await? {
            let message = (row.room(0)?, row.message(1)?);
            self.ways.insert((message, row.number(2)?, row.digest(3)?), row.index(4)?);
        }
        Ok(())
    }

    fn add(&mut self, new: NewEntry) -> Appended {
        if let Some(n) = new.once.as_ref().and_then(|key| self.once.get(key)) {
            return Appended::Known(*n);
        }
        let shown = shows(&new);
        let (kind, version) = match self.judge(new.kind, shown.as_ref()) {
            Verdict::Known(n) => return Appended::Known(n),
            Verdict::New { kind, version } => (kind, version),
        };
        let (n, row) = (EntryIndex(self.head.frontier.size()), EntryIndex(self.head.end()));
        let chained = new.room.filter(|_| kind.in_room_chain());
        let link = chained.map(|room| self.chains.get(&room).copied());
        let entry = Entry {
            n,
            kind,
            source: new.source,
            source_time: new.source_time,
            observed_at: new.observed_at,
            room: new.room,
            message: new.message,
            version,
            content: new.content.as_deref().map(|it| domain::commitment(&new.salt, it)),
            room_n: link.map(|link| link.map_or(1, |(n, _)| n + 1)),
            room_prev: link.and_then(|link| link.map(|(_, leaf)| leaf)),
        };
        let bytes = entry.to_bytes();
        let leaf = tree::leaf_hash(&bytes);
        let erased = new.content.is_none();
        let at = integer(row.0);
        push3(&mut self.rows.entries, at, bytes, leaf.to_vec());
        if let Some(content) = new.content {
            push3(&mut self.rows.contents, at, new.salt.to_vec(), content);
        }
        if let Some((message, key)) = shown {
            self.remember_version(message, &entry, row, key, erased);
        }
        if let Some(key) = new.once {
            self.once.insert(key, row);
            self.rows.once.0.push(key.to_vec());
            self.rows.once.1.push(at);
        }
        if let (Some(room), Some(room_n)) = (chained, entry.room_n) {
            self.chains.insert(room, (room_n, leaf));
            self.moved.insert(room);
        }
        self.head.frontier.push(leaf);
        Appended::New(row)
    }

    /// Created, updated, seen or known, by what the ledger has of this message.
    fn judge(&self, kind: EntryKind, shown: Option<&(Message, VersionKey)>) -> Verdict {
        let Some((message, key)) = shown else {
            return Verdict::New { kind, version: None };
        };
        let versions = self.versions.get(message).map_or(&[][..], Vec::as_slice);
        if let Some(it) = versions.iter().rev().find(|it| it.key.digest == key.digest) {
            // What was erased does not come back by another way of seeing it.
            if it.key.way == key.way || it.erased {
                return Verdict::Known(it.n);
            }
            return match self.ways.get(&(*message, it.number, key.way)) {
                Some(n) => Verdict::Known(*n),
                None => Verdict::New { kind: EntryKind::MessageSeen, version: Some(it.number) },
            };
        }
        let newest = versions.last().map_or(0, |it| it.number);
        let kind = match (kind, newest) {
            (EntryKind::MessageDeletedReported, _) => EntryKind::MessageDeletedReported,
            (_, 0) => EntryKind::MessageCreated,
            (..) => EntryKind::MessageUpdated,
        };
        Verdict::New { kind, version: Some(newest + 1) }
    }

    fn remember_version(
        &mut self,
        message: Message,
        entry: &Entry,
        row: EntryIndex,
        key: VersionKey,
        erased: bool,
    ) {
        let number = entry.version.unwrap_or(1);
        if entry.kind == EntryKind::MessageSeen {
            self.rows.ways.push(&message, number, &key, row);
            self.ways.insert((message, number, key.way), row);
            return;
        }
        self.rows.versions.push(&message, number, &key, row);
        self.versions.entry(message).or_default().push(Version { number, key, n: row, erased });
    }

    /// Writes the rows, and the head back.
    async fn write(self, work: &Work<'_>) -> StoreResult<()> {
        let rows = self.rows;
        if rows.entries.0.is_empty() {
            return Ok(());
        }
        let (n, entry, leaf) = &rows.entries;
        let sql = "INSERT INTO entries (n, entry, leaf)
                   SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])";
        work.run(sql, &[n, entry, leaf]).await?;
        let (n, salt, content) = &rows.contents;
        if !n.is_empty() {
            let sql = "INSERT INTO contents (n, salt, content)
                       SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])";
            work.run(sql, &[n, salt, content]).await?;
        }
        let VersionColumns { room, message, version, digest, way, n } = &rows.versions;
        if !n.is_empty() {
            let sql = "INSERT INTO message_versions (room, message, version, digest, way, n)
                       SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bigint[])";
            work.run(sql, &[room, message, version, digest, way, n]).await?;
        }
        let VersionColumns { room, message, version, way, n, .. } = &rows.ways;
        if !n.is_empty() {
            let sql = "INSERT INTO message_ways (room, message, version, way, n)
                       SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[], $5::bigint[])";
            work.run(sql, &[room, message, version, way, n]).await?;
        }
        let (key, n) = &rows.once;
        if !n.is_empty() {
            let sql = "INSERT INTO once (key, n) SELECT * FROM unnest($1::bytea[], $2::bigint[])";
            work.run(sql, &[key, n]).await?;
        }
        let (mut room, mut room_n, mut leaf) = (Vec::new(), Vec::new(), Vec::new());
        for (of, (n, hash)) in self.chains.iter().filter(|(of, _)| self.moved.contains(of)) {
            room.push(integer(of.0));
            room_n.push(integer(*n));
            leaf.push(&hash[..]);
        }
        if !room.is_empty() {
            let sql = "INSERT INTO room_chains (room, room_n, leaf)
                       SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])
                       ON CONFLICT (room) DO UPDATE SET room_n = excluded.room_n, leaf = excluded.leaf";
            work.run(sql, &[&room, &room_n, &leaf]).await?;
        }
        let (size, frontier) = (integer(self.head.frontier.size()), self.head.frontier.to_bytes());
        work.run("UPDATE head SET size = $1, frontier = $2 WHERE id = 1", &[&size, &frontier]).await?;
        Ok(())
    }
}

fn push3(columns: &mut (Vec<i64>, Vec<Vec<u8>>, Vec<Vec<u8>>), n: i64, second: Vec<u8>, third: Vec<u8>) {
    columns.0.push(n);
    columns.1.push(second);
    columns.2.push(third);
}
