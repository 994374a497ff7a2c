//! The append itself: indices, versions and room numbers are given here, inside the transaction.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Transaction};

use crate::domain::{self, Digest, Entry, EntryIndex, EntryKind, MessageId, RoomId};
use crate::proof::tree::{self, Frontier};

use super::super::values::integer;
use super::super::{Appended, Head, NewEntry, StoreError, StoreResult, VersionKey};
use super::convert::{digest, index};
use super::schema;

/// The appends of one transaction: the head is read once and written once.
#[derive(Default)]
pub(super) struct Batch {
    head: Option<Head>,
    chains: HashMap<RoomId, (u64, Digest)>,
}

/// What an observation turned out to be.
enum Verdict {
    Known(EntryIndex),
    New { kind: EntryKind, version: Option<u64> },
}

impl Batch {
    /// Appends in order; what is known is dropped before numbering.
    pub(super) fn add(
        &mut self,
        transaction: &Transaction<'_>,
        entries: Vec<NewEntry>,
    ) -> StoreResult<Vec<Appended>> {
        entries.into_iter().map(|entry| self.add_one(transaction, entry)).collect()
    }

    fn add_one(&mut self, transaction: &Transaction<'_>, new: NewEntry) -> StoreResult<Appended> {
        if let Some(key) = &new.once
            && let Some(n) = once(transaction, key)?
        {
            return Ok(Appended::Known(n));
        }
        let (kind, version) = match judge(transaction, &new)? {
            Verdict::Known(n) => return Ok(Appended::Known(n)),
            Verdict::New { kind, version } => (kind, version),
        };
        let head = match &mut self.head {
            Some(head) => head,
            empty => {
                empty.insert(read_head(transaction)?.ok_or(StoreError::Corrupt("no ledger was founded"))?)
            }
        };
        let (n, row) = (EntryIndex(head.frontier.size()), EntryIndex(head.end()));
        let link = match new.room.filter(|_| kind.in_room_chain()) {
            Some(room) => Some((room, self.chain(transaction, room)?)),
            None => None,
        };
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
            room_n: link.map(|(_, link)| link.map_or(1, |(n, _)| n + 1)),
            room_prev: link.and_then(|(_, link)| link.map(|(_, leaf)| leaf)),
        };
        let bytes = entry.to_bytes();
        let leaf = tree::leaf_hash(&bytes);
        transaction.prepare_cached("INSERT INTO entries (n, entry, leaf) VALUES (?1, ?2, ?3)")?.execute((
            integer(row.0),
            &bytes,
            &leaf,
        ))?;
        if let Some(content) = &new.content {
            transaction
                .prepare_cached("INSERT INTO contents (n, salt, content) VALUES (?1, ?2, ?3)")?
                .execute((integer(row.0), &new.salt, content))?;
        }
        if let (Some(room), Some(message), Some(key)) = (entry.room, &entry.message, &new.version) {
            remember_version(transaction, room, message, &entry, row, key)?;
        }
        if let Some(key) = &new.once {
            remember_once(transaction, key, row)?;
        }
        if let (Some((room, _)), Some(room_n)) = (link, entry.room_n) {
            self.chains.insert(room, (room_n, leaf));
        }
        if let Some(head) = &mut self.head {
            head.frontier.push(leaf);
        }
        Ok(Appended::New(row))
    }

    fn chain(&mut self, transaction: &Transaction<'_>, room: RoomId) -> StoreResult<Option<(u64, Digest)>> {
        if let Some(link) = self.chains.get(&room) {
            return Ok(Some(*link));
        }
        let row = transaction
            .prepare_cached("SELECT room_n, leaf FROM room_chains WHERE room = ?1")?
            .query_row((integer(room.0),), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .optional()?;
        row.map(|(n, leaf)| Ok((n.cast_unsigned(), digest(&leaf)?))).transpose()
    }

    /// Writes the head back.
    pub(super) fn finish(self, transaction: &Transaction<'_>) -> StoreResult<()> {
        let Some(Head { frontier, .. }) = self.head else { return Ok(()) };
        transaction
            .prepare_cached("UPDATE head SET size = ?1, frontier = ?2 WHERE id = 1")?
            .execute((integer(frontier.size()), frontier.to_bytes()))?;
        for (room, (room_n, leaf)) in self.chains {
            transaction
                .prepare_cached(
                    "INSERT INTO room_chains (room, room_n, leaf) VALUES (?1, ?2, ?3)
                     ON CONFLICT (room) DO UPDATE SET room_n = excluded.room_n, leaf = excluded.leaf",
                )?
                .execute((integer(room.0), integer(room_n), &leaf))?;
        }
        Ok(())
    }
}

/// Created, updated, seen or known, by what the ledger has of this message.
fn judge(transaction: &Transaction<'_>, new: &NewEntry) -> StoreResult<Verdict> {
    let (Some(room), Some(message), Some(key)) = (new.room, &new.message, &new.version) else {
        return Ok(Verdict::New { kind: new.kind, version: None });
    };
    let mut statement = transaction.prepare_cached(
        "SELECT version, digest, way, n FROM message_versions WHERE room = ?1 AND message = ?2
         ORDER BY version DESC",
    )?;
    let mut rows = statement.query((integer(room.0), message.as_str()))?;
    let mut newest = 0;
    while let Some(row) = rows.next()? {
        let version = row.get::<_, i64>(0)?.cast_unsigned();
        newest = newest.max(version);
        if digest(&row.get::<_, Vec<u8>>(1)?)? != key.digest {
            continue;
        }
        let n = row.get::<_, i64>(3)?;
        if digest(&row.get::<_, Vec<u8>>(2)?)? == key.way || erased(transaction, n)? {
            return Ok(Verdict::Known(index(n)));
        }
        let known = transaction
            .prepare_cached(
                "SELECT n FROM message_ways WHERE room = ?1 AND message = ?2 AND version = ?3 AND way = ?4",
            )?
            .query_row((integer(room.0), message.as_str(), integer(version), &key.way), |row| row.get(0))
            .optional()?;
        return Ok(match known {
            Some(n) => Verdict::Known(index(n)),
            None => Verdict::New { kind: EntryKind::MessageSeen, version: Some(version) },
        });
    }
    let kind = match (new.kind, newest) {
        (EntryKind::MessageDeletedReported, _) => EntryKind::MessageDeletedReported,
        (_, 0) => EntryKind::MessageCreated,
        (..) => EntryKind::MessageUpdated,
    };
    Ok(Verdict::New { kind, version: Some(newest + 1) })
}

/// What was erased does not come back by another way of seeing it.
fn erased(transaction: &Transaction<'_>, n: i64) -> StoreResult<bool> {
    let mut statement = transaction.prepare_cached("SELECT 1 FROM contents WHERE n = ?1")?;
    Ok(!statement.exists((n,))?)
}

fn remember_version(
    transaction: &Transaction<'_>,
    room: RoomId,
    message: &MessageId,
    entry: &Entry,
    row: EntryIndex,
    key: &VersionKey,
) -> StoreResult<()> {
    let version = integer(entry.version.unwrap_or(1));
    if entry.kind == EntryKind::MessageSeen {
        transaction
            .prepare_cached(
                "INSERT INTO message_ways (room, message, version, way, n) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((integer(room.0), message.as_str(), version, &key.way, integer(row.0)))?;
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT INTO message_versions (room, message, version, digest, way, n)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((integer(room.0), message.as_str(), version, &key.digest, &key.way, integer(row.0)))?;
    Ok(())
}

pub(super) fn once(connection: &rusqlite::Connection, key: &Digest) -> StoreResult<Option<EntryIndex>> {
    let n = connection
        .prepare_cached("SELECT n FROM once WHERE key = ?1")?
        .query_row((key,), |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(n.map(index))
}

fn remember_once(transaction: &Transaction<'_>, key: &Digest, n: EntryIndex) -> StoreResult<()> {
    transaction
        .prepare_cached("INSERT OR IGNORE INTO once (key, n) VALUES (?1, ?2)")?
        .execute((key, integer(n.0)))?;
    Ok(())
}

pub(super) fn read_head(connection: &rusqlite::Connection) -> StoreResult<Option<Head>> {
    let sql = match schema::knows_predecessors(connection)? {
        true => "SELECT ledger_id, base, size, frontier FROM head WHERE id = 1",
        false => "SELECT ledger_id, 0, size, frontier FROM head WHERE id = 1",
    };
    let row = connection
        .prepare_cached(sql)?
        .query_row((), |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, Vec<u8>>(3)?))
        })
        .optional()?;
    row.map(|(ledger_id, base, size, bytes)| {
        let frontier = Frontier::from_bytes(size.cast_unsigned(), &bytes)
            .ok_or(StoreError::Corrupt("the head of the ledger"))?;
        Ok(Head { ledger_id, base: base.cast_unsigned(), frontier })
    })
    .transpose()
}
