//! Reads of the archive: messages, versions, rooms, members, signals.

use rusqlite::{OptionalExtension, Row};

use crate::domain::{AccountId, EntryIndex, MessageId, RoomId, UtcMillis};

use super::super::tables::MESSAGE;
use super::super::values::{integer, message_id};
use super::super::{
    ArchiveStore, MemberRow, MessageRow, RoomRow, RoomTypeRow, SignalRow, StoreError, StoreResult, VersionRow,
};
use super::SqliteStore;
use super::convert::{index, kind, millis, room_type};

pub(super) const VERSION: &str =
    "v.n, v.room, v.message, v.version, v.account, v.update_time, v.observed_at, v.kind, v.body";

impl ArchiveStore for SqliteStore {
    async fn message(&self, room: RoomId, message: &MessageId) -> StoreResult<Option<MessageRow>> {
        let message = *message;
        self.read(move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {VERSION}, {MESSAGE}
                     FROM messages m JOIN versions v ON v.n = m.current WHERE m.room = ?1 AND m.message = ?2"
                ))?
                .query_row((integer(room.0), message.as_str()), |row| Ok(message_row(row)))
                .optional()?
                .transpose()
        })
        .await
    }

    async fn versions(&self, room: RoomId, message: &MessageId) -> StoreResult<Vec<VersionRow>> {
        let message = *message;
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {VERSION} FROM versions v WHERE room = ?1 AND message = ?2 ORDER BY n"
            ))?;
            let rows =
                statement.query_map((integer(room.0), message.as_str()), |row| Ok(version_row(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn contexts(
        &self,
        places: Vec<(RoomId, EntryIndex)>,
        limit: usize,
    ) -> StoreResult<Vec<Vec<VersionRow>>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {VERSION} FROM messages m JOIN versions v ON v.n = (
                     SELECT n FROM versions WHERE room = m.room AND message = m.message AND n < ?2
                     ORDER BY kind = 'message.deleted_reported' DESC, coalesce(update_time, 0) DESC, n DESC LIMIT 1)
                 WHERE m.room = ?1 AND m.first_n < ?2 AND v.kind <> 'message.deleted_reported'
                 ORDER BY m.first_n DESC LIMIT ?3"
            ))?;
            let mut contexts = Vec::with_capacity(places.len());
            for (room, before) in places {
                let parameters = (integer(room.0), integer(before.0), integer(limit as u64));
                let rows = statement.query_map(parameters, |row| Ok(version_row(row)))?;
                let mut rows: Vec<VersionRow> = rows.map(|row| row?).collect::<StoreResult<_>>()?;
                rows.reverse();
                contexts.push(rows);
            }
            Ok(contexts)
        })
        .await
    }

    async fn room_messages(
        &self,
        room: RoomId,
        before: Option<EntryIndex>,
        limit: usize,
    ) -> StoreResult<Vec<MessageRow>> {
        let before = before.map_or(i64::MAX, |n| integer(n.0));
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {VERSION}, {MESSAGE}
                 FROM messages m JOIN versions v ON v.n = m.current
                 WHERE m.room = ?1 AND m.first_n < ?2 ORDER BY m.first_n DESC LIMIT ?3"
            ))?;
            let parameters = (integer(room.0), before, integer(limit as u64));
            let rows = statement.query_map(parameters, |row| Ok(message_row(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn rooms(&self) -> StoreResult<Vec<RoomRow>> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT room, room_type, name, watched_since FROM rooms ORDER BY room")?;
            let rows = statement.query_map((), |row| {
                Ok(RoomRow {
                    room: RoomId(row.get::<_, i64>(0)?.cast_unsigned()),
                    room_type: room_type(row.get(1)?),
                    name: row.get(2)?,
                    watched_since: UtcMillis(row.get(3)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn room_types(&self) -> StoreResult<Vec<RoomTypeRow>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT room, n, room_type FROM room_types ORDER BY room, n")?;
            let rows = statement.query_map((), |row| {
                let (room, n) = (RoomId(row.get::<_, i64>(0)?.cast_unsigned()), index(row.get(1)?));
                Ok(room_type(row.get(2)?).map(|room_type| RoomTypeRow { room, n, room_type }))
            })?;
            rows.map(|row| row?.ok_or(StoreError::Corrupt("a type of a room"))).collect()
        })
        .await
    }

    async fn members(&self, room: RoomId) -> StoreResult<Vec<MemberRow>> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached(
                    "SELECT account, name, present, max(n) FROM members WHERE room = ?1 GROUP BY account ORDER BY account",
                )?;
            let rows = statement.query_map((integer(room.0),), |row| {
                Ok(MemberRow {
                    account: AccountId(row.get::<_, i64>(0)?.cast_unsigned()),
                    name: row.get(1)?,
                    present: row.get(2)?,
                    n: index(row.get(3)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn name_at(&self, room: RoomId, account: AccountId, n: EntryIndex) -> StoreResult<Option<String>> {
        Ok(self.names_at(vec![(room, account, n)]).await?.pop().flatten())
    }

    async fn names_at(&self, who: Vec<(RoomId, AccountId, EntryIndex)>) -> StoreResult<Vec<Option<String>>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name FROM members WHERE room = ?1 AND account = ?2 AND n <= ?3 ORDER BY n DESC LIMIT 1",
            )?;
            let mut names = Vec::with_capacity(who.len());
            for (room, account, n) in who {
                let parameters = (integer(room.0), integer(account.0), integer(n.0));
                names.push(statement.query_row(parameters, |row| row.get(0)).optional()?);
            }
            Ok(names)
        })
        .await
    }

    async fn written_since(
        &self,
        room: RoomId,
        accounts: Vec<AccountId>,
        since: UtcMillis,
    ) -> StoreResult<Vec<MessageRow>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {VERSION}, {MESSAGE}
                 FROM messages m JOIN versions v ON v.n = m.current
                 WHERE m.room = ?1 AND m.account = ?2 AND m.send_time >= ?3 ORDER BY m.first_n DESC LIMIT 64"
            ))?;
            let mut found = Vec::new();
            for account in accounts {
                let parameters = (integer(room.0), integer(account.0), since.0);
                let rows = statement.query_map(parameters, |row| Ok(message_row(row)))?;
                for row in rows {
                    found.push(row??);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn signals(&self, from: EntryIndex, to: EntryIndex) -> StoreResult<Vec<SignalRow>> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT n, rules, signal FROM signals WHERE n >= ?1 AND n < ?2 ORDER BY n")?;
            let mut rows = statement.query((integer(from.0), integer(to.0)))?;
            let mut signals = Vec::new();
            while let Some(row) = rows.next()? {
                let signal = serde_json::from_str(&row.get::<_, String>(2)?)
                    .map_err(|_| StoreError::Corrupt("a signal"))?;
                signals.push(SignalRow { n: index(row.get(0)?), rules: row.get(1)?, signal });
            }
            Ok(signals)
        })
        .await
    }
}

pub(super) fn version_row(row: &Row<'_>) -> StoreResult<VersionRow> {
    Ok(VersionRow {
        n: index(row.get(0)?),
        room: RoomId(row.get::<_, i64>(1)?.cast_unsigned()),
        message: message_id(row.get(2)?)?,
        version: row.get::<_, i64>(3)?.cast_unsigned(),
        account: AccountId(row.get::<_, i64>(4)?.cast_unsigned()),
        update_time: millis(row.get(5)?),
        observed_at: UtcMillis(row.get(6)?),
        kind: kind(&row.get::<_, String>(7)?)?,
        body: row.get(8)?,
    })
}

pub(super) fn message_row(row: &Row<'_>) -> StoreResult<MessageRow> {
    let current = version_row(row)?;
    Ok(MessageRow {
        room: current.room,
        message: current.message,
        account: current.account,
        send_time: UtcMillis(row.get(9)?),
        first_n: index(row.get(10)?),
        first_seen: UtcMillis(row.get(11)?),
        deleted: row.get(12)?,
        missing: row.get(13)?,
        current,
    })
}
