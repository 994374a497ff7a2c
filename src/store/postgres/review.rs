//! Reads of the pages: timelines, what changed, who is there.

use std::collections::HashMap;

use crate::domain::{AccountId, CaseId, EntryIndex, EntryKind, MessageId, RoomId};
use crate::store::tables::{IMPORTED, MESSAGE};
use crate::store::values::integer;
use crate::store::{ImportedMessage, MessageRow, ReviewStore, StoreResult, Told, VersionRow};

use super::annex::imported_row;
use super::archive::{VERSION, message_row, version_row};
use super::convert::{Columns as _, bounded, count};
use super::{PostgresStore, Work};

impl ReviewStore for PostgresStore {
    async fn told_before(&self, room: RoomId, before: EntryIndex, limit: usize) -> StoreResult<Vec<Told>> {
        let mut told = self.told("m.first_n < $2 ORDER BY m.first_n DESC", room, before, limit).await?;
        told.reverse();
        Ok(told)
    }

    async fn told_from(&self, room: RoomId, from: EntryIndex, limit: usize) -> StoreResult<Vec<Told>> {
        self.told("m.first_n >= $2 ORDER BY m.first_n", room, from, limit).await
    }

    async fn changes(
        &self,
        room: Option<RoomId>,
        before: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<(VersionRow, Option<VersionRow>)>> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        let sql = format!(
            "SELECT {VERSION} FROM versions v
             WHERE v.kind <> 'message.created' AND v.n < $1 AND ($2::bigint IS NULL OR v.room = $2)
             ORDER BY v.n DESC LIMIT $3"
        );
        let room = room.map(|it| integer(it.0));
        let rows = work.rows(&sql, &[&bounded(before), &room, &count(limit)]).await?;
        let sql = format!(
            "SELECT {VERSION} FROM versions v
             WHERE v.room = $1 AND v.message = $2 AND v.n < $3 ORDER BY v.n DESC LIMIT 1"
        );
        let mut changes = Vec::with_capacity(rows.len());
        for row in &rows {
            let row = version_row(row)?;
            let (room, n) = (integer(row.room.0), integer(row.n.0));
            let before = work.row(&sql, &[&room, &row.message.as_str(), &n]).await?;
            let before = before.as_ref().map(version_row).transpose()?;
            changes.push((row, before));
        }
        Ok(changes)
    }

    async fn imports_before(
        &self,
        room: Option<RoomId>,
        before: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<ImportedMessage>> {
        let mut rows = self.imports("p.n < $2 ORDER BY p.n DESC", room, before, limit).await?;
        rows.reverse();
        Ok(rows)
    }

    async fn imports_from(
        &self,
        room: Option<RoomId>,
        from: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<ImportedMessage>> {
        self.imports("p.n >= $2 ORDER BY p.n", room, from, limit).await
    }

    async fn counts_since(&self, from: EntryIndex, most: usize) -> StoreResult<Vec<(EntryKind, u64)>> {
        let sql = "SELECT kind, count(*) FROM (SELECT kind FROM versions WHERE n >= $1 ORDER BY n LIMIT $2) AS newest
                   GROUP BY kind ORDER BY kind";
        let rows = self.rows(sql, &[&bounded(from), &count(most)]).await?;
        rows.iter().map(|row| Ok((row.kind(0)?, row.number(1)?))).collect()
    }

    async fn newest(&self) -> StoreResult<Vec<MessageRow>> {
        let sql = format!(
            "SELECT {VERSION}, {MESSAGE} FROM rooms r
             CROSS JOIN LATERAL
                 (SELECT * FROM messages WHERE room = r.room ORDER BY first_n DESC LIMIT 1) m
             JOIN versions v ON v.n = m.current ORDER BY r.room"
        );
        self.rows(&sql, &[]).await?.iter().map(message_row).collect()
    }

    async fn people(&self, limit: usize) -> StoreResult<Vec<(AccountId, String)>> {
        let sql = "SELECT account, name FROM (
                       SELECT DISTINCT ON (account) account, name FROM members ORDER BY account, n DESC) AS people
                   ORDER BY name, account LIMIT $1";
        let rows = self.rows(sql, &[&count(limit)]).await?;
        rows.iter().map(|row| Ok((row.account(0)?, row.text(1)?))).collect()
    }

    async fn parts(&self, room: RoomId) -> StoreResult<Vec<(MessageId, CaseId, String)>> {
        let sql = "SELECT message, case_id, part FROM cases JOIN case_messages ON case_id = id
                   WHERE cases.room = $1 AND case_messages.room = $1 ORDER BY case_id, message, part";
        let rows = self.rows(sql, &[&integer(room.0)]).await?;
        rows.iter().map(|row| Ok((row.message(0)?, row.case(1)?, row.text(2)?))).collect()
    }
}

impl PostgresStore {
    async fn imports(
        &self,
        part: &str,
        room: Option<RoomId>,
        bound: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<ImportedMessage>> {
        let sql = format!(
            "SELECT {IMPORTED} FROM imported_messages p
             WHERE ($1::bigint IS NULL OR p.room = $1) AND {part} LIMIT $3"
        );
        let room = room.map(|it| integer(it.0));
        let rows = self.rows(&sql, &[&room, &bounded(bound), &count(limit)]).await?;
        rows.iter().map(imported_row).collect()
    }

    async fn told(
        &self,
        part: &str,
        room: RoomId,
        place: EntryIndex,
        limit: usize,
    ) -> StoreResult<Vec<Told>> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        let sql = format!(
            "SELECT {VERSION}, {MESSAGE} FROM messages m JOIN versions v ON v.n = m.current
             WHERE m.room = $1 AND {part} LIMIT $3"
        );
        let rows = work.rows(&sql, &[&integer(room.0), &bounded(place), &count(limit)]).await?;
        let messages = rows.iter().map(message_row).collect::<StoreResult<Vec<MessageRow>>>()?;
        let mut versions = all_versions(&work, room, &messages).await?;
        let told = messages.into_iter().map(|message| {
            let versions = versions.remove(&message.message).unwrap_or_default();
            Told { message, versions }
        });
        Ok(told.collect())
    }
}

/// All versions of these messages of a room, oldest first.
async fn all_versions(
    work: &Work<'_>,
    room: RoomId,
    messages: &[MessageRow],
) -> StoreResult<HashMap<MessageId, Vec<VersionRow>>> {
    let sql =
        format!("SELECT {VERSION} FROM versions v WHERE v.room = $1 AND v.message = ANY($2) ORDER BY v.n");
    let names: Vec<&str> = messages.iter().map(|it| it.message.as_str()).collect();
    let mut versions: HashMap<MessageId, Vec<VersionRow>> = HashMap::new();
    for row in &work.rows(&sql, &[&integer(room.0), &names]).await? {
        let version = version_row(row)?;
        versions.entry(version.message).or_default().push(version);
    }
    Ok(versions)
}
