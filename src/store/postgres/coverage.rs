//! When rooms were read, and the holes between.

use tokio_postgres::Row;

use crate::domain::{EntryIndex, MessageId, RoomId, UtcMillis};
use crate::store::values::{duration, integer, span};
use crate::store::{
    CoverageStore, DeepState, Exposure, GapRow, KnownMessage, NewRead, RoomRead, StoreResult,
};

use super::convert::{Columns as _, count, text};
use super::{PostgresStore, derived};

impl CoverageStore for PostgresStore {
    async fn room_reads(&self) -> StoreResult<Vec<RoomRead>> {
        let sql = "SELECT room, first_at, read_at, reached, limited, lost_at, deep_time, deep_message, deep_began, deep_lap
                   FROM room_reads ORDER BY room";
        self.rows(sql, &[]).await?.iter().map(room_read).collect()
    }

    async fn put_read(&self, read: NewRead) -> StoreResult<()> {
        // Not waited for at the disk: what a crash takes back makes a hole look longer, never shorter.
        let mut client = self.client().await?;
        let work = self.begin(&mut client, false).await?;
        let sql = "INSERT INTO room_reads AS r (room, first_at, read_at, reached, limited)
                   VALUES ($1, $2, $2, $3, $4)
                   ON CONFLICT (room) DO UPDATE SET
                       first_at = coalesce(r.first_at, excluded.first_at), read_at = excluded.read_at,
                       reached = coalesce(excluded.reached, r.reached), limited = excluded.limited";
        let reached = read.reached.as_ref().map(MessageId::as_str);
        work.run(sql, &[&integer(read.room.0), &read.asked_at.0, &reached, &read.limited]).await?;
        if let Some(it) = &read.exposure {
            let sql = "INSERT INTO exposures AS e (room, day, longest, began) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (room, day) DO UPDATE SET longest = excluded.longest, began = excluded.began
                       WHERE excluded.longest > e.longest";
            work.run(sql, &[&integer(it.room.0), &text(&it.day), &span(it.longest), &it.began.0]).await?;
        }
        work.commit().await
    }

    async fn put_lost(&self, room: RoomId, at: Option<UtcMillis>) -> StoreResult<()> {
        let sql = "INSERT INTO room_reads (room, lost_at) VALUES ($1, $2)
                   ON CONFLICT (room) DO UPDATE SET lost_at = excluded.lost_at";
        self.change(true, sql, &[&integer(room.0), &at.map(|it| it.0)]).await?;
        Ok(())
    }

    async fn put_watched(&self, next: EntryIndex) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, false).await?;
        derived::move_cursor(&work, "watchman", next).await?;
        work.commit().await
    }

    async fn put_deep(&self, room: RoomId, state: DeepState) -> StoreResult<()> {
        let sql = "UPDATE room_reads SET deep_time = $2, deep_message = $3, deep_began = $4, deep_lap = $5
                   WHERE room = $1";
        let at = state.at.as_ref().map(|(at, _)| at.0);
        let message = state.at.as_ref().map(|(_, message)| message.as_str());
        let (began, lap) = (state.began.map(|it| it.0), state.lap.map(span));
        self.change(false, sql, &[&integer(room.0), &at, &message, &began, &lap]).await?;
        Ok(())
    }

    async fn gaps(&self, room: Option<RoomId>, since: UtcMillis) -> StoreResult<Vec<GapRow>> {
        let sql = "SELECT n, room, kind, from_at, to_at FROM gaps
                   WHERE ($1::bigint IS NULL OR room = $1) AND to_at > $2 ORDER BY n";
        let rows = self.rows(sql, &[&room.map(|it| integer(it.0)), &since.0]).await?;
        let found = rows.iter().map(|row| {
            Ok(GapRow {
                n: row.index(0)?,
                room: row.room(1)?,
                kind: row.text(2)?,
                from: row.maybe_time(3)?,
                to: row.time(4)?,
            })
        });
        found.collect()
    }

    async fn exposures(&self, room: Option<RoomId>, since: String) -> StoreResult<Vec<Exposure>> {
        let sql = "SELECT room, day, longest, began FROM exposures
                   WHERE ($1::bigint IS NULL OR room = $1) AND day >= $2 ORDER BY room, day";
        let rows = self.rows(sql, &[&room.map(|it| integer(it.0)), &since]).await?;
        let found = rows.iter().map(|row| {
            Ok(Exposure {
                room: row.room(0)?,
                day: row.text(1)?,
                longest: duration(row.raw(2)?),
                began: row.time(3)?,
            })
        });
        found.collect()
    }

    async fn known_since(
        &self,
        room: RoomId,
        since: UtcMillis,
        limit: usize,
    ) -> StoreResult<Vec<KnownMessage>> {
        let sql = "SELECT message, send_time, first_seen FROM messages
                   WHERE room = $1 AND send_time >= $2 AND NOT deleted AND missing_n IS NULL
                   ORDER BY send_time DESC, message DESC LIMIT $3";
        let rows = self.rows(sql, &[&integer(room.0), &since.0, &count(limit)]).await?;
        rows.iter().map(known).collect()
    }

    async fn known_before(
        &self,
        room: RoomId,
        before: (UtcMillis, MessageId),
        limit: usize,
    ) -> StoreResult<Vec<KnownMessage>> {
        let sql = "SELECT message, send_time, first_seen FROM messages
                   WHERE room = $1 AND (send_time, message) < ($2, $3) AND NOT deleted AND missing_n IS NULL
                   ORDER BY send_time DESC, message DESC LIMIT $4";
        let (at, message) = (before.0.0, before.1.as_str());
        let rows = self.rows(sql, &[&integer(room.0), &at, &message, &count(limit)]).await?;
        rows.iter().map(known).collect()
    }

    async fn missing(&self, room: RoomId) -> StoreResult<Vec<(MessageId, EntryIndex)>> {
        let sql = "SELECT message, missing_n FROM messages WHERE room = $1 AND missing_n IS NOT NULL
                   ORDER BY message";
        let rows = self.rows(sql, &[&integer(room.0)]).await?;
        rows.iter().map(|row| Ok((row.message(0)?, row.index(1)?))).collect()
    }
}

fn room_read(row: &Row) -> StoreResult<RoomRead> {
    Ok(RoomRead {
        room: row.room(0)?,
        first_at: row.maybe_time(1)?,
        read_at: row.maybe_time(2)?,
        reached: row.maybe_message(3)?,
        limited: row.flag(4)?,
        lost_at: row.maybe_time(5)?,
        deep: DeepState {
            at: row.maybe_time(6)?.zip(row.maybe_message(7)?),
            began: row.maybe_time(8)?,
            lap: row.raw::<Option<i64>>(9)?.map(duration),
        },
    })
}

fn known(row: &Row) -> StoreResult<KnownMessage> {
    Ok(KnownMessage { message: row.message(0)?, send_time: row.time(1)?, first_seen: row.time(2)? })
}
