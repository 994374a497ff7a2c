//! Reads of the archive: messages, versions, rooms, members, signals.

use tokio_postgres::Row;

use crate::domain::{AccountId, EntryIndex, MessageId, RoomId, UtcMillis};
use crate::store::tables::MESSAGE;
use crate::store::values::integer;
use crate::store::{
    ArchiveStore, MemberRow, MessageRow, RoomRow, RoomTypeRow, SignalRow, StoreError, StoreResult, VersionRow,
};

use super::PostgresStore;
use super::convert::{Columns as _, bounded, count};

pub(super) const VERSION: &str =
    "v.n, v.room, v.message, v.version, v.account, v.update_time, v.observed_at, v.kind, v.body";

/// Of each place that was asked the versions of that moment.
const CONTEXTS: &str = "SELECT v.n, v.room, v.message, v.version, v.account, v.update_time, v.observed_at, v.kind, v.body,
        asked.place
    FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS asked(room, before, place)
    CROSS JOIN LATERAL (
        SELECT w.*, m.first_n FROM messages m CROSS JOIN LATERAL (
            SELECT x.* FROM versions x WHERE x.room = m.room AND x.message = m.message AND x.n < asked.before
            ORDER BY (x.kind = 'message.deleted_reported') DESC, coalesce(x.update_time, 0) DESC, x.n DESC LIMIT 1) w
        WHERE m.room = asked.room AND m.first_n < asked.before AND w.kind <> 'message.deleted_reported'
        ORDER BY m.first_n DESC LIMIT $3) v
    ORDER BY asked.place, v.first_n";

impl ArchiveStore for PostgresStore {
    async fn message(&self, room: RoomId, message: &MessageId) -> StoreResult<Option<MessageRow>> {
        let sql = format!(
            "SELECT {VERSION}, {MESSAGE} FROM messages m JOIN versions v ON v.n = m.current
             WHERE m.room = $1 AND m.message = $2"
        );
        let row = self.row(&sql, &[&integer(room.0), &message.as_str()]).await?;
        row.as_ref().map(message_row).transpose()
    }

    async fn versions(&self, room: RoomId, message: &MessageId) -> StoreResult<Vec<VersionRow>> {
        let sql = format!("SELECT {VERSION} FROM versions v WHERE room = $1 AND message = $2 ORDER BY n");
        let rows = self.rows(&sql, &[&integer(room.0), &message.as_str()]).await?;
        rows.iter().map(version_row).collect()
    }

    async fn contexts(
        &self,
        places: Vec<(RoomId, EntryIndex)>,
        limit: usize,
    ) -> StoreResult<Vec<Vec<VersionRow>>> {
        let mut contexts = vec![Vec::new(); places.len()];
        let (rooms, before): (Vec<i64>, Vec<i64>) =
            places.iter().map(|(room, before)| (integer(room.0), bounded(*before))).unzip();
        for row in self.rows(CONTEXTS, &[&rooms, &before, &count(limit)]).await? {
            // Counted from 1.
            let place = usize::try_from(row.number(9)?).unwrap_or(usize::MAX).wrapping_sub(1);
            let context = contexts.get_mut(place).ok_or(StoreError::Corrupt("a place of a context"))?;
            context.push(version_row(&row)?);
        }
        Ok(contexts)
    }

    async fn room_messages(
        &self,
        room: RoomId,
        before: Option<EntryIndex>,
        limit: usize,
    ) -> StoreResult<Vec<MessageRow>> {
        let before = before.map_or(i64::MAX, bounded);
        let sql = format!(
            "SELECT {VERSION}, {MESSAGE} FROM messages m JOIN versions v ON v.n = m.current
             WHERE m.room = $1 AND m.first_n < $2 ORDER BY m.first_n DESC LIMIT $3"
        );
        let rows = self.rows(&sql, &[&integer(room.0), &before, &count(limit)]).await?;
        rows.iter().map(message_row).collect()
    }

    async fn rooms(&self) -> StoreResult<Vec<RoomRow>> {
        let sql = "SELECT room, room_type, name, watched_since FROM rooms ORDER BY room";
        let rows = self.rows(sql, &[]).await?;
        let found = rows.iter().map(|row| {
            Ok(RoomRow {
                room: row.room(0)?,
                room_type: row.room_type(1)?,
                name: row.maybe_text(2)?,
                watched_since: row.time(3)?,
            })
        });
        found.collect()
    }

    async fn room_types(&self) -> StoreResult<Vec<RoomTypeRow>> {
        let rows = self.rows("SELECT room, n, room_type FROM room_types ORDER BY room, n", &[]).await?;
        let found = rows.iter().map(|row| {
            let room_type = row.room_type(2)?.ok_or(StoreError::Corrupt("a type of a room"))?;
            Ok(RoomTypeRow { room: row.room(0)?, n: row.index(1)?, room_type })
        });
        found.collect()
    }

    async fn members(&self, room: RoomId) -> StoreResult<Vec<MemberRow>> {
        let sql = "SELECT DISTINCT ON (account) account, name, present, n FROM members
                   WHERE room = $1 ORDER BY account, n DESC";
        let rows = self.rows(sql, &[&integer(room.0)]).await?;
        let found = rows.iter().map(|row| {
            Ok(MemberRow {
                account: row.account(0)?,
                name: row.text(1)?,
                present: row.flag(2)?,
                n: row.index(3)?,
            })
        });
        found.collect()
    }

    async fn name_at(&self, room: RoomId, account: AccountId, n: EntryIndex) -> StoreResult<Option<String>> {
        Ok(self.names_at(vec![(room, account, n)]).await?.pop().flatten())
    }

    async fn names_at(&self, who: Vec<(RoomId, AccountId, EntryIndex)>) -> StoreResult<Vec<Option<String>>> {
        let sql = "SELECT known.name
                   FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS asked(room, account, n, place)
                   LEFT JOIN LATERAL (SELECT name FROM members m WHERE m.room = asked.room
                                      AND m.account = asked.account AND m.n <= asked.n
                                      ORDER BY m.n DESC LIMIT 1) known ON TRUE
                   ORDER BY asked.place";
        let rooms: Vec<i64> = who.iter().map(|(room, ..)| integer(room.0)).collect();
        let accounts: Vec<i64> = who.iter().map(|(_, account, _)| integer(account.0)).collect();
        let until: Vec<i64> = who.iter().map(|(.., n)| bounded(*n)).collect();
        let rows = self.rows(sql, &[&rooms, &accounts, &until]).await?;
        rows.iter().map(|row| row.maybe_text(0)).collect()
    }

    async fn written_since(
        &self,
        room: RoomId,
        accounts: Vec<AccountId>,
        since: UtcMillis,
    ) -> StoreResult<Vec<MessageRow>> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        let sql = format!(
            "SELECT {VERSION}, {MESSAGE} FROM messages m JOIN versions v ON v.n = m.current
             WHERE m.room = $1 AND m.account = $2 AND m.send_time >= $3 ORDER BY m.first_n DESC LIMIT 64"
        );
        let mut found = Vec::new();
        for account in accounts {
            let rows = work.rows(&sql, &[&integer(room.0), &integer(account.0), &since.0]).await?;
            for row in &rows {
                found.push(message_row(row)?);
            }
        }
        Ok(found)
    }

    async fn signals(&self, from: EntryIndex, to: EntryIndex) -> StoreResult<Vec<SignalRow>> {
        let sql = "SELECT n, rules, signal FROM signals WHERE n >= $1 AND n < $2 ORDER BY n";
        let rows = self.rows(sql, &[&bounded(from), &bounded(to)]).await?;
        let found = rows.iter().map(|row| {
            let signal = serde_json::from_str(&row.text(2)?).map_err(|_| StoreError::Corrupt("a signal"))?;
            Ok(SignalRow { n: row.index(0)?, rules: row.text(1)?, signal })
        });
        found.collect()
    }
}

/// From the columns of [`VERSION`].
pub(super) fn version_row(row: &Row) -> StoreResult<VersionRow> {
    Ok(VersionRow {
        n: row.index(0)?,
        room: row.room(1)?,
        message: row.message(2)?,
        version: row.number(3)?,
        account: row.account(4)?,
        update_time: row.maybe_time(5)?,
        observed_at: row.time(6)?,
        kind: row.kind(7)?,
        body: row.text(8)?,
    })
}

/// From the columns of [`VERSION`] and [`MESSAGE`].
pub(super) fn message_row(row: &Row) -> StoreResult<MessageRow> {
    let current = version_row(row)?;
    Ok(MessageRow {
        room: current.room,
        message: current.message,
        account: current.account,
        send_time: row.time(9)?,
        first_n: row.index(10)?,
        first_seen: row.time(11)?,
        deleted: row.flag(12)?,
        missing: row.flag(13)?,
        current,
    })
}
