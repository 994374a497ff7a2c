//! What an entry changes in the annex.

use rusqlite::Transaction;

use crate::domain::{EntryIndex, MessageId, RoomId};

use super::super::super::values::integer;
use super::super::super::{AnnexChange, FileRow, ImportedMessage, StoreResult, TaskRow};

pub(super) fn put(transaction: &Transaction<'_>, change: &AnnexChange) -> StoreResult<()> {
    match change {
        AnnexChange::Shown(file) => put_file(transaction, file),
        AnnexChange::Stored { file, n, stored } => {
            put_file(transaction, file)?;
            transaction
                .prepare_cached(
                    "UPDATE files SET state = 'stored', name = ?3, stored_n = ?4, sha256 = ?5, size = ?6,
                         media_type = ?7, lost_n = NULL, reason = NULL
                     WHERE room = ?1 AND file = ?2",
                )?
                .execute((
                    integer(file.room.0),
                    integer(file.file),
                    &file.name,
                    integer(n.0),
                    &stored.sha256,
                    integer(stored.size),
                    &stored.media_type,
                ))?;
            Ok(())
        }
        AnnexChange::Lost { file, n, reason, last } => {
            put_file(transaction, file)?;
            transaction
                .prepare_cached(
                    "UPDATE files SET state = CASE WHEN ?5 THEN 'given_up' ELSE 'lost' END, lost_n = ?3, reason = ?4
                     WHERE room = ?1 AND file = ?2 AND state <> 'stored'",
                )?
                .execute((integer(file.room.0), integer(file.file), integer(n.0), reason, last))?;
            Ok(())
        }
        AnnexChange::Task(task) => put_task(transaction, task),
        AnnexChange::Room(state) => {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO room_states (room, n, name, description) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((integer(state.room.0), integer(state.n.0), &state.name, &state.description))?;
            Ok(())
        }
        AnnexChange::Role { room, account, n, role } => {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO member_roles (room, account, n, role) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((integer(room.0), integer(account.0), integer(n.0), role))?;
            Ok(())
        }
        AnnexChange::News { room, part, n } => {
            transaction
                .prepare_cached(
                    "INSERT INTO room_news (room, part, n) VALUES (?1, ?2, ?3)
                     ON CONFLICT (room, part) DO UPDATE SET n = max(n, excluded.n)",
                )?
                .execute((integer(room.0), part.as_str(), integer(n.0)))?;
            Ok(())
        }
        AnnexChange::ImportedMessage(message) => put_imported_message(transaction, message),
        AnnexChange::ImportedFile { n, room, name, stored } => {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO imported_files (n, room, name, sha256, size, media_type)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    integer(n.0),
                    room.map(|it| integer(it.0)),
                    name,
                    &stored.sha256,
                    integer(stored.size),
                    &stored.media_type,
                ))?;
            Ok(())
        }
        AnnexChange::Erased { entries, messages } => erase(transaction, entries, messages),
    }
}

fn put_file(transaction: &Transaction<'_>, file: &FileRow) -> StoreResult<()> {
    transaction
        .prepare_cached(
            "INSERT INTO files (room, file, message, shown_n, name, state) VALUES (?1, ?2, ?3, ?4, ?5, 'wanted')
             ON CONFLICT (room, file) DO NOTHING",
        )?
        .execute((
            integer(file.room.0),
            integer(file.file),
            file.message.as_str(),
            integer(file.shown_n.0),
            &file.name,
        ))?;
    Ok(())
}

fn put_task(transaction: &Transaction<'_>, task: &TaskRow) -> StoreResult<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO tasks
                 (room, task, n, message, account, assigned_by, body, limit_time, limit_type, status)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            integer(task.room.0),
            integer(task.task),
            integer(task.n.0),
            task.message.as_str(),
            integer(task.account.0),
            integer(task.assigned_by.0),
            &task.body,
            task.limit.map(|it| it.0),
            &task.limit_type,
            &task.status,
        ))?;
    Ok(())
}

fn put_imported_message(transaction: &Transaction<'_>, it: &ImportedMessage) -> StoreResult<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO imported_messages (n, room, message, account, name, sent_at, body, deleted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            integer(it.n.0),
            it.room.map(|room| integer(room.0)),
            it.message.as_ref().map(MessageId::as_str),
            it.account.map(|account| integer(account.0)),
            &it.name,
            it.sent_at.map(|at| at.0),
            &it.body,
            it.deleted,
        ))?;
    Ok(())
}

/// As if the contents had never been: a replay, which cannot read them any more, comes to the same rows.
fn erase(
    transaction: &Transaction<'_>,
    entries: &[EntryIndex],
    messages: &[(RoomId, MessageId)],
) -> StoreResult<()> {
    for n in entries {
        for table in ["tasks", "room_states", "member_roles", "imported_messages", "imported_files"] {
            transaction
                .prepare_cached(&format!("DELETE FROM {table} WHERE n = ?1"))?
                .execute((integer(n.0),))?;
        }
        transaction.prepare_cached("DELETE FROM files WHERE stored_n = ?1")?.execute((integer(n.0),))?;
    }
    for (room, message) in messages {
        // What is not stored by now is not fetched after an erasure.
        transaction
            .prepare_cached("DELETE FROM files WHERE room = ?1 AND message = ?2 AND stored_n IS NULL")?
            .execute((integer(room.0), message.as_str()))?;
    }
    Ok(())
}
