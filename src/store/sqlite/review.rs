//! Reads of the pages: timelines, what changed, who is there.

use rusqlite::Connection;

use crate::domain::{AccountId, CaseId, EntryIndex, EntryKind, MessageId, RoomId};

use super::super::tables::{IMPORTED, MESSAGE};
use super::super::values::{integer, message_id};
use super::super::{ImportedMessage, MessageRow, ReviewStore, StoreResult, Told, VersionRow};
use super::SqliteStore;
use super::annex::imported_row;
use super::archive::{VERSION, message_row, version_row};
use super::convert::kind;

impl ReviewStore for SqliteStore {
    async fn told_before(&self, room: RoomId, before: EntryIndex, limit: usize) -> StoreResult<Vec<Told>> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {VERSION}, {MESSAGE} FROM messages m JOIN versions v ON v.n = m.current
                 WHERE m.room = ?1 AND m.first_n < ?2 ORDER BY m.first_n DESC LIMIT ?3"
            );
            let mut told = told(connection, &sql, room, bounded(before), limit)?;
            told.reverse();
            Ok(told)
        })
        .await
    }

    async fn told_from(&self, room: RoomId, from: EntryIndex, limit: usize) -> StoreResult<Vec<Told>> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {VERSION}, {MESSAGE} FROM messages m JOIN versions v ON v.n = m.current
                 WHERE m.room = ?1 AND m.first_n >= ?2 ORDER BY m.first_n LIMIT ?3"
            );
            told(connection, &sql, room, bounded(from), limit)
        })
        .await
    }

    async fn changes(
        &self,
        room: Option<RoomId>,
        before: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<(VersionRow, Option<VersionRow>)>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {VERSION} FROM versions v INDEXED BY versions_changed
                 WHERE v.kind <> 'message.created' AND v.n < ?1 AND (?2 IS NULL OR v.room = ?2)
                 ORDER BY v.n DESC LIMIT ?3"
            ))?;
            let mut earlier = connection.prepare_cached(&format!(
                "SELECT {VERSION} FROM versions v
                 WHERE v.room = ?1 AND v.message = ?2 AND v.n < ?3 ORDER BY v.n DESC LIMIT 1"
            ))?;
            let parameters = (bounded(before), room.map(|it| integer(it.0)), integer(limit as u64));
            let rows = statement.query_map(parameters, |row| Ok(version_row(row)))?;
            let mut changes = Vec::new();
            for row in rows {
                let row = row??;
                let parameters = (integer(row.room.0), row.message.as_str(), integer(row.n.0));
                let before = earlier.query_map(parameters, |row| Ok(version_row(row)))?.next();
                let before = before.transpose()?.transpose()?;
                changes.push((row, before));
            }
            Ok(changes)
        })
        .await
    }

    async fn imports_before(
        &self,
        room: Option<RoomId>,
        before: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<ImportedMessage>> {
        self.read(move |connection| {
            let mut rows = imports(connection, "p.n < ?2 ORDER BY p.n DESC", room, before, limit)?;
            rows.reverse();
            Ok(rows)
        })
        .await
    }

    async fn imports_from(
        &self,
        room: Option<RoomId>,
        from: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<ImportedMessage>> {
        self.read(move |connection| imports(connection, "p.n >= ?2 ORDER BY p.n", room, from, limit)).await
    }

    async fn counts_since(&self, from: EntryIndex, most: usize) -> StoreResult<Vec<(EntryKind, u64)>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT kind, count(*) FROM (SELECT kind FROM versions WHERE n >= ?1 LIMIT ?2) GROUP BY kind",
            )?;
            let rows = statement.query_map((bounded(from), integer(most as u64)), |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
            })?;
            rows.map(|row| row.map_err(Into::into).and_then(|(name, count)| Ok((kind(&name)?, count))))
                .collect()
        })
        .await
    }

    async fn newest(&self) -> StoreResult<Vec<MessageRow>> {
        self.read(|connection| {
            // In this order: SQLite would walk through all messages and ask of each whether it is its room's newest.
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {VERSION}, {MESSAGE} FROM rooms r
                 CROSS JOIN messages m INDEXED BY messages_by_room_n ON m.room = r.room AND m.first_n =
                     (SELECT max(first_n) FROM messages WHERE room = r.room)
                 CROSS JOIN versions v ON v.n = m.current"
            ))?;
            let rows = statement.query_map((), |row| Ok(message_row(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn people(&self, limit: usize) -> StoreResult<Vec<(AccountId, String)>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT account, name FROM (SELECT account, name, max(n) FROM members GROUP BY account)
                 ORDER BY name, account LIMIT ?1",
            )?;
            let rows = statement.query_map((integer(limit as u64),), |row| {
                Ok((AccountId(row.get::<_, i64>(0)?.cast_unsigned()), row.get(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn parts(&self, room: RoomId) -> StoreResult<Vec<(MessageId, CaseId, String)>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT message, case_id, part FROM cases JOIN case_messages ON case_id = id
                 WHERE cases.room = ?1 AND case_messages.room = ?1",
            )?;
            let rows = statement.query_map((integer(room.0),), |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get(2)?))
            })?;
            rows.map(|row| {
                let (message, case, part) = row?;
                Ok((message_id(message)?, CaseId(case.cast_unsigned()), part))
            })
            .collect()
        })
        .await
    }
}

/// Indices stand in signed columns; the end of all is the greatest of these.
fn bounded(n: EntryIndex) -> i64 {
    i64::try_from(n.0).unwrap_or(i64::MAX)
}

fn imports(
    connection: &Connection,
    part: &str,
    room: Option<RoomId>,
    bound: EntryIndex,
    limit: usize,
) -> StoreResult<Vec<ImportedMessage>> {
    let sql = format!(
        "SELECT {IMPORTED} FROM imported_messages p WHERE (?1 IS NULL OR p.room = ?1) AND {part} LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let parameters = (room.map(|it| integer(it.0)), bounded(bound), integer(limit as u64));
    let rows = statement.query_map(parameters, |row| Ok(imported_row(row)))?;
    rows.map(|row| row?).collect()
}

fn told(
    connection: &Connection,
    sql: &str,
    room: RoomId,
    place: i64,
    limit: usize,
) -> StoreResult<Vec<Told>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement
        .query_map((integer(room.0), place, integer(limit as u64)), |row| Ok(message_row(row)))?
        .map(|row| row?)
        .collect::<StoreResult<Vec<MessageRow>>>()?;
    let mut of = connection.prepare_cached(&format!(
        "SELECT {VERSION} FROM versions v WHERE v.room = ?1 AND v.message = ?2 ORDER BY v.n"
    ))?;
    let mut told = Vec::with_capacity(rows.len());
    for message in rows {
        let versions = of
            .query_map((integer(room.0), message.message.as_str()), |row| Ok(version_row(row)))?
            .map(|row| row?)
            .collect::<StoreResult<_>>()?;
        told.push(Told { message, versions });
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn a_page_of_any_length_of_room_reads_its_own_rows_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        for (sql, expected) in [
            (
                "SELECT * FROM messages m JOIN versions v ON v.n = m.current
                 WHERE m.room = ?1 AND m.first_n < ?2 ORDER BY m.first_n DESC LIMIT ?3",
                "SEARCH m USING INDEX messages_by_room_n (room=? AND first_n<?)",
            ),
            (
                "SELECT * FROM versions v INDEXED BY versions_changed
                 WHERE v.kind <> 'message.created' AND v.n < ?1 ORDER BY v.n DESC LIMIT ?3",
                "SEARCH v USING INDEX versions_changed (n<?)",
            ),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut rows = statement.raw_query();
            let mut plan = String::new();
            while let Some(row) = rows.next().unwrap() {
                plan.push_str(&row.get::<_, String>(3).unwrap());
                plan.push('\n');
            }
            assert!(plan.starts_with(expected) && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
