//! Files, tasks, names of rooms and imports.

mod put;

use rusqlite::{OptionalExtension, Row};

use crate::domain::{AccountId, Digest, EntryIndex, MessageId, RoomId, UtcMillis};

use super::super::tables::FILE;
use super::super::values::{integer, message_id};
use super::super::{
    AnnexChange, AnnexStore, FileRow, FileState, FileWork, ImportedMessage, Look, RoomPart, RoomState,
    StoreError, StoreResult, StoredFile, TaskRow,
};
use super::SqliteStore;
use super::convert::{digest, index, millis};
use super::derived::move_cursor;

impl AnnexStore for SqliteStore {
    async fn put_annex(&self, next: EntryIndex, changes: Vec<AnnexChange>) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| {
                for change in &changes {
                    put::put(transaction, change)?;
                }
                move_cursor(transaction, "annex", next)
            })
            .await
    }

    async fn files_due(&self, now: UtcMillis, limit: usize) -> StoreResult<Vec<FileWork>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {FILE}, coalesce(a.attempts, 0) FROM files f LEFT JOIN file_attempts a USING (room, file)
                 WHERE f.state IN ('wanted', 'lost') AND coalesce(a.not_before, 0) <= ?1
                 ORDER BY f.shown_n DESC, f.file LIMIT ?2"
            ))?;
            let rows = statement.query_map((now.0, integer(limit as u64)), |row| {
                Ok(file_row(row).and_then(|file| Ok(FileWork { file, attempts: row.get(5)? })))
            })?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn next_file(&self) -> StoreResult<Option<UtcMillis>> {
        self.read(|connection| {
            let next: Option<i64> = connection
                .prepare_cached(
                    "SELECT min(coalesce(a.not_before, 0)) FROM files f LEFT JOIN file_attempts a USING (room, file)
                     WHERE f.state IN ('wanted', 'lost')",
                )?
                .query_row((), |row| row.get(0))?;
            Ok(millis(next))
        })
        .await
    }

    async fn file_tried(
        &self,
        room: RoomId,
        file: u64,
        attempts: u32,
        not_before: UtcMillis,
    ) -> StoreResult<()> {
        self.writer()?
            .change(true, move |transaction| {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO file_attempts (room, file, attempts, not_before)
                         VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute((integer(room.0), integer(file), attempts, not_before.0))?;
                Ok(())
            })
            .await
    }

    async fn stored_bytes(&self) -> StoreResult<u64> {
        self.read(|connection| {
            let sum: i64 = connection
                .prepare_cached(
                    "SELECT coalesce(sum(size), 0) FROM (
                         SELECT sha256, size FROM files WHERE sha256 IS NOT NULL
                         UNION SELECT sha256, size FROM imported_files)",
                )?
                .query_row((), |row| row.get(0))?;
            Ok(sum.cast_unsigned())
        })
        .await
    }

    async fn files_of(&self, room: RoomId, message: &MessageId) -> StoreResult<Vec<(FileRow, FileState)>> {
        let message = *message;
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {FILE}, f.state, f.sha256, f.size, f.media_type, f.reason FROM files f
                 WHERE f.room = ?1 AND f.message = ?2 ORDER BY f.file"
            ))?;
            let rows = statement.query_map((integer(room.0), message.as_str()), |row| {
                Ok(file_row(row).and_then(|file| Ok((file, file_state(row)?))))
            })?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn files_known(&self, room: RoomId, files: Vec<u64>) -> StoreResult<Vec<u64>> {
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT 1 FROM files WHERE room = ?1 AND file = ?2")?;
            let mut known = Vec::new();
            for file in files {
                if statement.exists((integer(room.0), integer(file)))? {
                    known.push(file);
                }
            }
            Ok(known)
        })
        .await
    }

    async fn bytes_needed(&self, sha256: Digest, besides: Vec<EntryIndex>) -> StoreResult<bool> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT stored_n FROM files WHERE sha256 = ?1 UNION SELECT n FROM imported_files WHERE sha256 = ?1",
            )?;
            let mut rows = statement.query((&sha256,))?;
            while let Some(row) = rows.next()? {
                if !besides.contains(&index(row.get(0)?)) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }

    async fn tasks(&self, room: RoomId) -> StoreResult<Vec<TaskRow>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT task, max(n), message, account, assigned_by, body, limit_time, limit_type, status
                 FROM tasks WHERE room = ?1 GROUP BY task ORDER BY task",
            )?;
            let rows = statement.query_map((integer(room.0),), |row| Ok(task_row(room, row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    async fn looks_due(&self, now: UtcMillis, limit: usize) -> StoreResult<Vec<Look>> {
        self.read(move |connection| {
            let mut due = Vec::new();
            for part in RoomPart::ALL {
                let mut statement = connection.prepare_cached(
                    "SELECT r.room, w.n, l.room IS NULL OR coalesce(w.n, -1) > coalesce(l.n, -1) AS pressing, l.room IS NULL
                     FROM rooms r LEFT JOIN room_news w ON w.room = r.room AND w.part = ?1
                         LEFT JOIN room_looks l ON l.room = r.room AND l.part = ?1
                     WHERE pressing OR l.next <= ?2 ORDER BY pressing DESC, l.next LIMIT ?3",
                )?;
                let rows = statement.query_map((part.as_str(), now.0, integer(limit as u64)), |row| {
                    Ok(Look {
                        room: RoomId(row.get::<_, i64>(0)?.cast_unsigned()),
                        part,
                        news: row.get::<_, Option<i64>>(1)?.map(index),
                        pressing: row.get(2)?,
                        first: row.get(3)?,
                    })
                })?;
                due.extend(rows.collect::<Result<Vec<_>, _>>()?);
            }
            due.sort_by_key(|it| !it.pressing);
            due.truncate(limit);
            Ok(due)
        })
        .await
    }

    async fn looked(&self, look: Look, next: UtcMillis) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO room_looks (room, part, n, next) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute((
                        integer(look.room.0),
                        look.part.as_str(),
                        look.news.map(|it| integer(it.0)),
                        next.0,
                    ))?;
                Ok(())
            })
            .await
    }

    async fn roles(&self, room: RoomId) -> StoreResult<Vec<(AccountId, EntryIndex, String)>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT account, max(n), role FROM member_roles WHERE room = ?1 GROUP BY account",
            )?;
            let rows = statement.query_map((integer(room.0),), |row| {
                Ok((AccountId(row.get::<_, i64>(0)?.cast_unsigned()), index(row.get(1)?), row.get(2)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn room_state(&self, room: RoomId) -> StoreResult<(Option<RoomState>, Option<RoomState>)> {
        self.read(move |connection| {
            let newest = |condition: &str| -> StoreResult<Option<RoomState>> {
                let state = connection
                    .prepare_cached(&format!(
                        "SELECT n, name, description FROM room_states WHERE room = ?1 {condition}
                         ORDER BY n DESC LIMIT 1"
                    ))?
                    .query_row((integer(room.0),), |row| {
                        Ok(RoomState {
                            room,
                            n: index(row.get(0)?),
                            name: row.get(1)?,
                            description: row.get(2)?,
                        })
                    })
                    .optional()?;
                Ok(state)
            };
            Ok((newest("")?, newest("AND description IS NOT NULL")?))
        })
        .await
    }
}

pub(super) fn imported_row(row: &Row<'_>) -> StoreResult<ImportedMessage> {
    Ok(ImportedMessage {
        n: index(row.get(0)?),
        room: row.get::<_, Option<i64>>(1)?.map(|it| RoomId(it.cast_unsigned())),
        message: row.get::<_, Option<String>>(2)?.map(message_id).transpose()?,
        account: row.get::<_, Option<i64>>(3)?.map(|it| AccountId(it.cast_unsigned())),
        name: row.get(4)?,
        sent_at: row.get::<_, Option<i64>>(5)?.map(UtcMillis),
        body: row.get(6)?,
        deleted: row.get(7)?,
    })
}

fn file_row(row: &Row<'_>) -> StoreResult<FileRow> {
    Ok(FileRow {
        room: RoomId(row.get::<_, i64>(0)?.cast_unsigned()),
        file: row.get::<_, i64>(1)?.cast_unsigned(),
        message: message_id(row.get(2)?)?,
        shown_n: index(row.get(3)?),
        name: row.get(4)?,
    })
}

fn file_state(row: &Row<'_>) -> StoreResult<FileState> {
    let state: String = row.get(5)?;
    Ok(match state.as_str() {
        "wanted" => FileState::Wanted,
        "stored" => FileState::Stored(StoredFile {
            sha256: digest(&row.get::<_, Vec<u8>>(6)?)?,
            size: row.get::<_, i64>(7)?.cast_unsigned(),
            media_type: row.get(8)?,
        }),
        "lost" => FileState::Lost { reason: row.get(9)?, last: false },
        "given_up" => FileState::Lost { reason: row.get(9)?, last: true },
        _ => return Err(StoreError::Corrupt("the state of a file")),
    })
}

fn task_row(room: RoomId, row: &Row<'_>) -> StoreResult<TaskRow> {
    Ok(TaskRow {
        room,
        task: row.get::<_, i64>(0)?.cast_unsigned(),
        n: index(row.get(1)?),
        message: message_id(row.get(2)?)?,
        account: AccountId(row.get::<_, i64>(3)?.cast_unsigned()),
        assigned_by: AccountId(row.get::<_, i64>(4)?.cast_unsigned()),
        body: row.get(5)?,
        limit: millis(row.get(6)?),
        limit_type: row.get(7)?,
        status: row.get(8)?,
    })
}
