//! When rooms were read, and the holes between.

use rusqlite::{Connection, Row};

use crate::domain::{EntryIndex, MessageId, RoomId, UtcMillis};

use super::super::values::{duration, integer, message_id, span};
use super::super::{
    CoverageStore, DeepState, Exposure, GapRow, KnownMessage, NewRead, RoomRead, StoreResult,
};
use super::convert::{index, millis};
use super::{SqliteStore, derived};

impl CoverageStore for SqliteStore {
    async fn room_reads(&self) -> StoreResult<Vec<RoomRead>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT room, first_at, read_at, reached, limited, lost_at, deep_time, deep_message, deep_began, deep_lap
                 FROM room_reads ORDER BY room",
            )?;
            let rows = statement.query_map((), |row| Ok(room_read(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn put_read(&self, read: NewRead) -> StoreResult<()> {
        // Not waited for at the disk: what a power cut takes back makes a hole look longer, never shorter.
        self.writer()?
            .change(false, move |transaction| {
                transaction
                    .prepare_cached(
                        "INSERT INTO room_reads (room, first_at, read_at, reached, limited) VALUES (?1, ?2, ?2, ?3, ?4)
                         ON CONFLICT (room) DO UPDATE SET
                             first_at = coalesce(first_at, excluded.first_at), read_at = excluded.read_at,
                             reached = coalesce(excluded.reached, reached), limited = excluded.limited",
                    )?
                    .execute((
                        integer(read.room.0),
                        read.asked_at.0,
                        read.reached.as_ref().map(MessageId::as_str),
                        read.limited,
                    ))?;
                if let Some(it) = &read.exposure {
                    transaction
                        .prepare_cached(
                            "INSERT INTO exposures (room, day, longest, began) VALUES (?1, ?2, ?3, ?4)
                             ON CONFLICT (room, day) DO UPDATE SET longest = excluded.longest, began = excluded.began
                             WHERE excluded.longest > longest",
                        )?
                        .execute((integer(it.room.0), &it.day, span(it.longest), it.began.0))?;
                }
                Ok(())
            })
            .await
    }

    async fn put_lost(&self, room: RoomId, at: Option<UtcMillis>) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                transaction.execute(
                    "INSERT INTO room_reads (room, lost_at) VALUES (?1, ?2)
                     ON CONFLICT (room) DO UPDATE SET lost_at = excluded.lost_at",
                    (integer(room.0), at.map(|it| it.0)),
                )?;
                Ok(())
            })
            .await
    }

    async fn put_watched(&self, next: EntryIndex) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| derived::move_cursor(transaction, "watchman", next))
            .await
    }

    async fn put_deep(&self, room: RoomId, state: DeepState) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| {
                transaction
                    .prepare_cached(
                        "UPDATE room_reads SET deep_time = ?2, deep_message = ?3, deep_began = ?4, deep_lap = ?5
                         WHERE room = ?1",
                    )?
                    .execute((
                        integer(room.0),
                        state.at.as_ref().map(|(at, _)| at.0),
                        state.at.as_ref().map(|(_, message)| message.as_str()),
                        state.began.map(|it| it.0),
                        state.lap.map(span),
                    ))?;
                Ok(())
            })
            .await
    }

    async fn gaps(&self, room: Option<RoomId>, since: UtcMillis) -> StoreResult<Vec<GapRow>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT n, room, kind, from_at, to_at FROM gaps
                 WHERE (?1 IS NULL OR room = ?1) AND to_at > ?2 ORDER BY n",
            )?;
            let rows = statement.query_map((room.map(|it| integer(it.0)), since.0), |row| {
                Ok(GapRow {
                    n: index(row.get(0)?),
                    room: RoomId(row.get::<_, i64>(1)?.cast_unsigned()),
                    kind: row.get(2)?,
                    from: millis(row.get(3)?),
                    to: UtcMillis(row.get(4)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn exposures(&self, room: Option<RoomId>, since: String) -> StoreResult<Vec<Exposure>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT room, day, longest, began FROM exposures
                 WHERE (?1 IS NULL OR room = ?1) AND day >= ?2 ORDER BY room, day",
            )?;
            let rows = statement.query_map((room.map(|it| integer(it.0)), since), |row| {
                Ok(Exposure {
                    room: RoomId(row.get::<_, i64>(0)?.cast_unsigned()),
                    day: row.get(1)?,
                    longest: duration(row.get(2)?),
                    began: UtcMillis(row.get(3)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn known_since(
        &self,
        room: RoomId,
        since: UtcMillis,
        limit: usize,
    ) -> StoreResult<Vec<KnownMessage>> {
        self.read(move |connection| {
            known(
                connection,
                "SELECT message, send_time, first_seen FROM messages
                 WHERE room = ?1 AND send_time >= ?2 AND deleted = 0 AND missing_n IS NULL
                 ORDER BY send_time DESC, message DESC LIMIT ?3",
                (integer(room.0), since.0, integer(limit as u64)),
            )
        })
        .await
    }

    async fn known_before(
        &self,
        room: RoomId,
        before: (UtcMillis, MessageId),
        limit: usize,
    ) -> StoreResult<Vec<KnownMessage>> {
        self.read(move |connection| {
            known(
                connection,
                "SELECT message, send_time, first_seen FROM messages
                 WHERE room = ?1 AND (send_time, message) < (?2, ?3) AND deleted = 0 AND missing_n IS NULL
                 ORDER BY send_time DESC, message DESC LIMIT ?4",
                (integer(room.0), before.0.0, before.1.as_str(), integer(limit as u64)),
            )
        })
        .await
    }

    async fn missing(&self, room: RoomId) -> StoreResult<Vec<(MessageId, EntryIndex)>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT message, missing_n FROM messages INDEXED BY messages_missing
                 WHERE room = ?1 AND missing_n IS NOT NULL",
            )?;
            let rows = statement
                .query_map((integer(room.0),), |row| Ok((row.get::<_, String>(0)?, index(row.get(1)?))))?;
            rows.map(|row| row.map_err(Into::into).and_then(|(id, n)| Ok((message_id(id)?, n)))).collect()
        })
        .await
    }
}

fn room_read(row: &Row<'_>) -> StoreResult<RoomRead> {
    let deep_message = row.get::<_, Option<String>>(7)?.map(message_id).transpose()?;
    Ok(RoomRead {
        room: RoomId(row.get::<_, i64>(0)?.cast_unsigned()),
        first_at: millis(row.get(1)?),
        read_at: millis(row.get(2)?),
        reached: row.get::<_, Option<String>>(3)?.map(message_id).transpose()?,
        limited: row.get(4)?,
        lost_at: millis(row.get(5)?),
        deep: DeepState {
            at: millis(row.get(6)?).zip(deep_message),
            began: millis(row.get(8)?),
            lap: row.get::<_, Option<i64>>(9)?.map(duration),
        },
    })
}

fn known(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> StoreResult<Vec<KnownMessage>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(parameters, |row| {
        Ok((row.get::<_, String>(0)?, UtcMillis(row.get(1)?), UtcMillis(row.get(2)?)))
    })?;
    rows.map(|row| {
        let (message, send_time, first_seen) = row?;
        Ok(KnownMessage { message: message_id(message)?, send_time, first_seen })
    })
    .collect()
}
