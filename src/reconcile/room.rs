//! The rest of a room: what it is called, who is in it, what has to be done. Pure, but for the first contact.
//!
//! Each observation carries a key of what was known before: however often the same change is seen before it is filed, it
//! is one entry; and a change back is another.

use sha2::{Digest as _, Sha256};

use crate::chatwork::api::Read;
use crate::chatwork::wire::{File, Member, Room, Task};
use crate::domain::{self, AccountId, EntryIndex, EntryKind, RoomId};
use crate::ledger::Observation;
use crate::store::{AnnexStore as _, ArchiveStore as _, MemberRow, RoomState, TaskRow};

use super::{ReconcileError, Reconciler, as_read};

impl Reconciler {
    /// Room and members at first contact; names are needed to address people.
    pub(super) async fn describe(&self, room: RoomId, raw: &[u8]) -> Result<(), ReconcileError> {
        let listed = self.api.members(room).await?;
        let mut observations =
            vec![as_read(EntryKind::RoomFound, room, raw).once(format!("room.found:{room}"))];
        let (known, roles) = (self.store.members(room).await?, self.store.roles(room).await?);
        observations.extend(members(room, &known, &roles, &listed));
        self.ledger.append(observations).await?;
        Ok(())
    }
}

/// Who came, left, is called otherwise or may do otherwise.
pub(super) fn members(
    room: RoomId,
    known: &[MemberRow],
    roles: &[(AccountId, EntryIndex, String)],
    listed: &[Read<Member>],
) -> Vec<Observation> {
    let mut observations = Vec::new();
    for member in listed {
        let it = &member.value;
        let before = known.iter().find(|row| row.account == it.account_id);
        let role = roles.iter().find(|(account, ..)| *account == it.account_id);
        let (kind, prior) = match before {
            None => (EntryKind::MemberJoined, None),
            Some(row) if !row.present => (EntryKind::MemberJoined, Some(row.n)),
            Some(row) if row.name != it.name => (EntryKind::MemberRenamed, Some(row.n)),
            Some(_) => match role {
                Some((_, n, role)) if role != it.role.as_str() => (EntryKind::MemberChanged, Some(*n)),
                _ => continue,
            },
        };
        let key = format!(
            "{}:{room}:{}:{}:{}:{}",
            kind.as_str(),
            it.account_id,
            prior_text(prior),
            it.role.as_str(),
            it.name
        );
        observations.push(as_read(kind, room, member.raw.as_bytes()).once(key));
    }
    // A room without anybody is none that the account could read.
    let left = known.iter().filter(|row| row.present && !listed.is_empty());
    for row in left.filter(|row| listed.iter().all(|it| it.value.account_id != row.account)) {
        let key = format!("member.left:{room}:{}:{}", row.account, row.n);
        let content = serde_json::json!({ "account_id": row.account, "name": row.name });
        observations.push(as_read(EntryKind::MemberLeft, room, content.to_string().as_bytes()).once(key));
    }
    observations
}

/// Tasks that are new or not as they were. One that is in no list is not told of: the lists hold 100 at most.
pub(super) fn tasks(room: RoomId, known: &[TaskRow], listed: &[Read<Task>]) -> Vec<Observation> {
    let changed = listed.iter().filter_map(|task| {
        let it = &task.value;
        let before = known.iter().find(|row| row.task == it.task_id);
        let kind = match before {
            None => EntryKind::TaskCreated,
            Some(row) if is_same(row, it) => return None,
            Some(_) => EntryKind::TaskUpdated,
        };
        let state = format!(
            "{}:{}:{:?}:{}:{}:{}",
            it.account.account_id,
            it.assigned_by_account.account_id,
            it.limit_time,
            it.limit_type.as_str(),
            it.status.as_str(),
            it.body
        );
        let state = domain::hex(&Sha256::digest(state));
        let key = format!("task:{room}:{}:{}:{state}", it.task_id, prior_text(before.map(|row| row.n)));
        let observation = as_read(kind, room, task.raw.as_bytes()).about(room, Some(it.message_id));
        Some(observation.once(key))
    });
    changed.collect()
}

fn is_same(row: &TaskRow, it: &Task) -> bool {
    row.account == it.account.account_id
        && row.assigned_by == it.assigned_by_account.account_id
        && row.body == it.body
        && row.limit == it.limit_time
        && row.limit_type == it.limit_type.as_str()
        && row.status == it.status.as_str()
}

/// Files that no captured message showed: older than what was read of the room, or in a form that is not known.
pub(super) fn files(room: RoomId, known: &[u64], listed: &[Read<File>]) -> Vec<Observation> {
    let unknown = listed.iter().filter(|it| !known.contains(&it.value.file_id));
    let found = unknown.map(|it| {
        let file = &it.value;
        let observation = as_read(EntryKind::FileFound, room, it.raw.as_bytes());
        Observation { source_time: Some(file.upload_time), ..observation }
            .about(room, Some(file.message_id))
            .once(format!("file.found:{room}:{}", file.file_id))
    });
    found.collect()
}

/// Another name or description than before. The list of rooms tells no description.
pub(super) fn changed(
    room: RoomId,
    newest: &RoomState,
    described: Option<&RoomState>,
    told: &Read<Room>,
) -> Option<Observation> {
    let name = &told.value.name;
    let description = told.value.description.as_deref().unwrap_or_default();
    let before = described.and_then(|it| it.description.as_deref()).unwrap_or_default();
    if newest.name == *name && before == description {
        return None;
    }
    let state = domain::hex(&Sha256::digest(format!("{name}\n{description}")));
    let key = format!("room.changed:{room}:{}:{state}", newest.n);
    Some(as_read(EntryKind::RoomChanged, room, told.raw.as_bytes()).once(key))
}

fn prior_text(prior: Option<EntryIndex>) -> String {
    prior.map_or_else(|| "first".to_owned(), |it| it.to_string())
}
