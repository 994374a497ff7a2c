//! What an entry changes in the annex.

use crate::domain::{EntryIndex, MessageId, RoomId};
use crate::store::postgres::Work;
use crate::store::postgres::convert::{maybe_text, text};
use crate::store::values::integer;
use crate::store::{AnnexChange, FileRow, ImportedMessage, StoreResult, TaskRow};

pub(super) async fn put(work: &Work<'_>, change: &AnnexChange) -> StoreResult<()> {
    match change {
        AnnexChange::Shown(file) => put_file(work, file).await?,
        AnnexChange::Stored { file, n, stored } => {
            put_file(work, file).await?;
            let sql = "UPDATE files SET state = 'stored', name = $3, stored_n = $4, sha256 = $5, size = $6,
                           media_type = $7, lost_n = NULL, reason = NULL
                       WHERE room = $1 AND file = $2";
            let (room, id, n) = (integer(file.room.0), integer(file.file), integer(n.0));
            let (hash, size) = (&stored.sha256[..], integer(stored.size));
            let (name, media) = (text(&file.name), text(&stored.media_type));
            work.run(sql, &[&room, &id, &name, &n, &hash, &size, &media]).await?;
        }
        AnnexChange::Lost { file, n, reason, last } => {
            put_file(work, file).await?;
            let sql = "UPDATE files SET state = CASE WHEN $5 THEN 'given_up' ELSE 'lost' END, lost_n = $3, reason = $4
                       WHERE room = $1 AND file = $2 AND state <> 'stored'";
            let (room, id, n) = (integer(file.room.0), integer(file.file), integer(n.0));
            work.run(sql, &[&room, &id, &n, &text(reason), last]).await?;
        }
        AnnexChange::Task(task) => put_task(work, task).await?,
        AnnexChange::Room(state) => {
            let sql = "INSERT INTO room_states (room, n, name, description) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (room, n) DO UPDATE SET name = excluded.name, description = excluded.description";
            let described = maybe_text(state.description.as_ref());
            work.run(sql, &[&integer(state.room.0), &integer(state.n.0), &text(&state.name), &described])
                .await?;
        }
        AnnexChange::Role { room, account, n, role } => {
            let sql = "INSERT INTO member_roles (room, account, n, role) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (room, account, n) DO UPDATE SET role = excluded.role";
            work.run(sql, &[&integer(room.0), &integer(account.0), &integer(n.0), &text(role)]).await?;
        }
        AnnexChange::News { room, part, n } => {
            let sql = "INSERT INTO room_news AS w (room, part, n) VALUES ($1, $2, $3)
                       ON CONFLICT (room, part) DO UPDATE SET n = greatest(w.n, excluded.n)";
            work.run(sql, &[&integer(room.0), &part.as_str(), &integer(n.0)]).await?;
        }
        AnnexChange::ImportedMessage(message) => put_imported_message(work, message).await?,
        AnnexChange::ImportedFile { n, room, name, stored } => {
            let sql = "INSERT INTO imported_files (n, room, name, sha256, size, media_type)
                       VALUES ($1, $2, $3, $4, $5, $6)
                       ON CONFLICT (n) DO UPDATE SET room = excluded.room, name = excluded.name,
                           sha256 = excluded.sha256, size = excluded.size, media_type = excluded.media_type";
            let (room, hash) = (room.map(|it| integer(it.0)), &stored.sha256[..]);
            let (size, media) = (integer(stored.size), text(&stored.media_type));
            work.run(sql, &[&integer(n.0), &room, &text(name), &hash, &size, &media]).await?;
        }
        AnnexChange::Erased { entries, messages } => erase(work, entries, messages).await?,
    }
    Ok(())
}

async fn put_file(work: &Work<'_>, file: &FileRow) -> StoreResult<()> {
    let sql = "INSERT INTO files (room, file, message, shown_n, name, state)
               VALUES ($1, $2, $3, $4, $5, 'wanted') ON CONFLICT (room, file) DO NOTHING";
    let (room, id, n) = (integer(file.room.0), integer(file.file), integer(file.shown_n.0));
    work.run(sql, &[&room, &id, &file.message.as_str(), &n, &text(&file.name)]).await?;
    Ok(())
}

async fn put_task(work: &Work<'_>, task: &TaskRow) -> StoreResult<()> {
    let sql = "INSERT INTO tasks
                   (room, task, n, message, account, assigned_by, body, limit_time, limit_type, status)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
               ON CONFLICT (room, task, n) DO UPDATE SET message = excluded.message, account = excluded.account,
                   assigned_by = excluded.assigned_by, body = excluded.body, limit_time = excluded.limit_time,
                   limit_type = excluded.limit_type, status = excluded.status";
    work.run(
        sql,
        &[
            &integer(task.room.0),
            &integer(task.task),
            &integer(task.n.0),
            &task.message.as_str(),
            &integer(task.account.0),
            &integer(task.assigned_by.0),
            &text(&task.body),
            &task.limit.map(|it| it.0),
            &text(&task.limit_type),
            &text(&task.status),
        ],
    )
    .await?;
    Ok(())
}

async fn put_imported_message(work: &Work<'_>, it: &ImportedMessage) -> StoreResult<()> {
    let sql = "INSERT INTO imported_messages (n, room, message, account, name, sent_at, body, deleted)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (n) DO UPDATE SET room = excluded.room, message = excluded.message,
                   account = excluded.account, name = excluded.name, sent_at = excluded.sent_at,
                   body = excluded.body, deleted = excluded.deleted";
    work.run(
        sql,
        &[
            &integer(it.n.0),
            &it.room.map(|room| integer(room.0)),
            &it.message.as_ref().map(MessageId::as_str),
            &it.account.map(|account| integer(account.0)),
            &maybe_text(it.name.as_ref()),
            &it.sent_at.map(|at| at.0),
            &text(&it.body),
            &it.deleted,
        ],
    )
    .await?;
    Ok(())
}

/// As if the contents had never been: a replay, which cannot read them any more, comes to the same rows.
async fn erase(work: &Work<'_>, entries: &[EntryIndex], messages: &[(RoomId, MessageId)]) -> StoreResult<()> {
    let gone: Vec<i64> = entries.iter().map(|it| integer(it.0)).collect();
    for table in ["tasks", "room_states", "member_roles", "imported_messages", "imported_files"] {
        work.run(&format!("DELETE FROM {table} WHERE n = ANY($1)"), &[&gone]).await?;
    }
    work.run("DELETE FROM files WHERE stored_n = ANY($1)", &[&gone]).await?;
    // What is not stored by now is not fetched after an erasure.
    let sql = "DELETE FROM files f USING unnest($1::bigint[], $2::text[]) AS gone(room, message)
               WHERE f.room = gone.room AND f.message = gone.message AND f.stored_n IS NULL";
    let (rooms, names): (Vec<i64>, Vec<&str>) =
        messages.iter().map(|(room, message)| (integer(room.0), message.as_str())).unzip();
    work.run(sql, &[&rooms, &names]).await?;
    Ok(())
}
