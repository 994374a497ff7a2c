//! Files, tasks, names of rooms and imports.

mod put;

use tokio_postgres::Row;

use crate::domain::{AccountId, Digest, EntryIndex, MessageId, RoomId, UtcMillis};
use crate::store::tables::FILE;
use crate::store::values::{integer, message_id};
use crate::store::{
    AnnexChange, AnnexStore, FileRow, FileState, FileWork, ImportedMessage, Look, RoomPart, RoomState,
    StoreError, StoreResult, StoredFile, TaskRow,
};

use super::PostgresStore;
use super::convert::{Columns as _, count};
use super::derived::move_cursor;

impl AnnexStore for PostgresStore {
    async fn put_annex(&self, next: EntryIndex, changes: Vec<AnnexChange>) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, false).await?;
        for change in &changes {
            put::put(&work, change).await?;
        }
        move_cursor(&work, "annex", next).await?;
        work.commit().await
    }

    async fn files_due(&self, now: UtcMillis, limit: usize) -> StoreResult<Vec<FileWork>> {
        let sql = format!(
            "SELECT {FILE}, coalesce(a.attempts, 0)
             FROM files f LEFT JOIN file_attempts a ON a.room = f.room AND a.file = f.file
             WHERE f.state IN ('wanted', 'lost') AND coalesce(a.not_before, 0) <= $1
             ORDER BY f.shown_n DESC, f.file LIMIT $2"
        );
        let rows = self.rows(&sql, &[&now.0, &count(limit)]).await?;
        rows.iter().map(|row| Ok(FileWork { file: file_row(row)?, attempts: row.small(5)? })).collect()
    }

    async fn next_file(&self) -> StoreResult<Option<UtcMillis>> {
        let sql = "SELECT min(coalesce(a.not_before, 0))
                   FROM files f LEFT JOIN file_attempts a ON a.room = f.room AND a.file = f.file
                   WHERE f.state IN ('wanted', 'lost')";
        Ok(self.row(sql, &[]).await?.map(|row| row.maybe_time(0)).transpose()?.flatten())
    }

    async fn file_tried(
        &self,
        room: RoomId,
        file: u64,
        attempts: u32,
        not_before: UtcMillis,
    ) -> StoreResult<()> {
        let sql = "INSERT INTO file_attempts (room, file, attempts, not_before) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (room, file) DO UPDATE SET
                       attempts = excluded.attempts, not_before = excluded.not_before";
        let attempts = i64::from(attempts);
        self.change(true, sql, &[&integer(room.0), &integer(file), &attempts, &not_before.0]).await?;
        Ok(())
    }

    async fn stored_bytes(&self) -> StoreResult<u64> {
        let sql = "SELECT coalesce(sum(size), 0)::bigint FROM (
                       SELECT sha256, size FROM files WHERE sha256 IS NOT NULL
                       UNION SELECT sha256, size FROM imported_files) AS stored";
        self.row(sql, &[]).await?.map_or(Ok(0), |row| row.number(0))
    }

    async fn files_of(&self, room: RoomId, message: &MessageId) -> StoreResult<Vec<(FileRow, FileState)>> {
        let sql = format!(
            "SELECT {FILE}, f.state, f.sha256, f.size, f.media_type, f.reason FROM files f
             WHERE f.room = $1 AND f.message = $2 ORDER BY f.file"
        );
        let rows = self.rows(&sql, &[&integer(room.0), &message.as_str()]).await?;
        rows.iter().map(|row| Ok((file_row(row)?, file_state(row)?))).collect()
    }

    async fn files_known(&self, room: RoomId, files: Vec<u64>) -> StoreResult<Vec<u64>> {
        let asked: Vec<i64> = files.iter().copied().map(integer).collect();
        let sql = "SELECT file FROM files WHERE room = $1 AND file = ANY($2)";
        let rows = self.rows(sql, &[&integer(room.0), &asked]).await?;
        let known = rows.iter().map(|row| row.number(0)).collect::<StoreResult<Vec<u64>>>()?;
        Ok(files.into_iter().filter(|it| known.contains(it)).collect())
    }

    async fn bytes_needed(&self, sha256: Digest, besides: Vec<EntryIndex>) -> StoreResult<bool> {
        let sql = "SELECT stored_n FROM files WHERE sha256 = $1
                   UNION SELECT n FROM imported_files WHERE sha256 = $1";
        for row in self.rows(sql, &[&(&sha256[..])]).await? {
            let n = row.maybe_number(0)?.map(EntryIndex);
            if n.is_none_or(|it| !besides.contains(&it)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn tasks(&self, room: RoomId) -> StoreResult<Vec<TaskRow>> {
        let sql = "SELECT DISTINCT ON (task) task, n, message, account, assigned_by, body, limit_time, limit_type, status
                   FROM tasks WHERE room = $1 ORDER BY task, n DESC";
        let rows = self.rows(sql, &[&integer(room.0)]).await?;
        rows.iter().map(|row| task_row(room, row)).collect()
    }

    async fn looks_due(&self, now: UtcMillis, limit: usize) -> StoreResult<Vec<Look>> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        let sql = "SELECT * FROM (
                       SELECT r.room, w.n,
                           l.room IS NULL OR coalesce(w.n, -1) > coalesce(l.n, -1) AS pressing,
                           l.room IS NULL AS first, l.next
                       FROM rooms r LEFT JOIN room_news w ON w.room = r.room AND w.part = $1
                           LEFT JOIN room_looks l ON l.room = r.room AND l.part = $1) AS looks
                   WHERE pressing OR next <= $2 ORDER BY pressing DESC, next NULLS FIRST LIMIT $3";
        let mut due = Vec::new();
        for part in RoomPart::ALL {
            for row in work.rows(sql, &[&part.as_str(), &now.0, &count(limit)]).await? {
                due.push(Look {
                    room: row.room(0)?,
                    part,
                    news: row.maybe_number(1)?.map(EntryIndex),
                    pressing: row.flag(2)?,
                    first: row.flag(3)?,
                });
            }
        }
        due.sort_by_key(|it| !it.pressing);
        due.truncate(limit);
        Ok(due)
    }

    async fn looked(&self, look: Look, next: UtcMillis) -> StoreResult<()> {
        let sql = "INSERT INTO room_looks (room, part, n, next) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (room, part) DO UPDATE SET n = excluded.n, next = excluded.next";
        let news = look.news.map(|it| integer(it.0));
        self.change(false, sql, &[&integer(look.room.0), &look.part.as_str(), &news, &next.0]).await?;
        Ok(())
    }

    async fn roles(&self, room: RoomId) -> StoreResult<Vec<(AccountId, EntryIndex, String)>> {
        let sql = "SELECT DISTINCT ON (account) account, n, role FROM member_roles
                   WHERE room = $1 ORDER BY account, n DESC";
        let rows = self.rows(sql, &[&integer(room.0)]).await?;
        rows.iter().map(|row| Ok((row.account(0)?, row.index(1)?, row.text(2)?))).collect()
    }

    async fn room_state(&self, room: RoomId) -> StoreResult<(Option<RoomState>, Option<RoomState>)> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        let mut found = [None, None];
        for (at, condition) in ["", "AND description IS NOT NULL"].into_iter().enumerate() {
            let sql = format!(
                "SELECT n, name, description FROM room_states WHERE room = $1 {condition} ORDER BY n DESC LIMIT 1"
            );
            if let Some(row) = work.row(&sql, &[&integer(room.0)]).await? {
                found[at] = Some(RoomState {
                    room,
                    n: row.index(0)?,
                    name: row.text(1)?,
                    description: row.maybe_text(2)?,
                });
            }
        }
        let [newest, described] = found;
        Ok((newest, described))
    }
}

pub(super) fn imported_row(row: &Row) -> StoreResult<ImportedMessage> {
    Ok(ImportedMessage {
        n: row.index(0)?,
        room: row.maybe_number(1)?.map(RoomId),
        message: row.raw::<Option<String>>(2)?.map(message_id).transpose()?,
        account: row.maybe_number(3)?.map(AccountId),
        name: row.maybe_text(4)?,
        sent_at: row.maybe_time(5)?,
        body: row.text(6)?,
        deleted: row.flag(7)?,
    })
}

fn file_row(row: &Row) -> StoreResult<FileRow> {
    Ok(FileRow {
        room: row.room(0)?,
        file: row.number(1)?,
        message: row.message(2)?,
        shown_n: row.index(3)?,
        name: row.text(4)?,
    })
}

fn file_state(row: &Row) -> StoreResult<FileState> {
    Ok(match row.raw(5)? {
        "wanted" => FileState::Wanted,
        "stored" => FileState::Stored(StoredFile {
            sha256: row.digest(6)?,
            size: row.number(7)?,
            media_type: row.text(8)?,
        }),
        "lost" => FileState::Lost { reason: row.text(9)?, last: false },
        "given_up" => FileState::Lost { reason: row.text(9)?, last: true },
        _ => return Err(StoreError::Corrupt("the state of a file")),
    })
}

fn task_row(room: RoomId, row: &Row) -> StoreResult<TaskRow> {
    Ok(TaskRow {
        room,
        task: row.number(0)?,
        n: row.index(1)?,
        message: row.message(2)?,
        account: row.account(3)?,
        assigned_by: row.account(4)?,
        body: row.text(5)?,
        limit: row.maybe_time(6)?,
        limit_type: row.text(7)?,
        status: row.text(8)?,
    })
}
