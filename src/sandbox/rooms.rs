//! The API of the account itself, its contacts and its rooms: reading only.

use super::api::{Answer, Call};
use super::error::SandboxError;
use super::facts::RoomKind;
use super::room::Room;
use super::state::State;
use super::wire::{ContactJson, Me, MemberJson, RoomJson, StatusJson};

impl State {
    /// A direct chat bears the name of the other one.
    pub(crate) fn room_name<'a>(&'a self, room: &'a Room, account: u64) -> &'a str {
        let other = room.members.keys().find(|it| **it != account);
        match (room.kind, other.and_then(|it| self.accounts.get(it))) {
            (RoomKind::Direct, Some(other)) => &other.name,
            _ => &room.name,
        }
    }
}

/// GET `/me`
pub(crate) fn me(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    Ok(Answer::json(200, &Me::of(state.account(call.account)?)))
}

/// GET `/my/status`
pub(crate) fn status(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let mut sum = StatusJson::default();
    for room in state.rooms_of(call.account) {
        let (unread, n_tasks) = (room.unread(call.account), room.open_tasks(call.account));
        sum.unread_room_num += u64::from(unread.all > 0);
        sum.mention_room_num += u64::from(unread.mentions > 0);
        sum.mytask_room_num += u64::from(n_tasks > 0);
        sum.unread_num += unread.all;
        sum.mention_num += unread.mentions;
        sum.mytask_num += n_tasks;
    }
    Ok(Answer::json(200, &sum))
}

/// GET `/contacts`
pub(crate) fn contacts(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let mut contacts = Vec::new();
    for room in state.rooms_of(call.account).filter(|it| it.kind == RoomKind::Direct) {
        for other in room.members.keys().filter(|it| **it != call.account) {
            contacts.push(ContactJson::of(state.account(*other)?, room.id));
        }
    }
    Ok(Answer::list(&contacts))
}

/// GET `/rooms`
pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let json = |room| RoomJson::of(room, call.account, state.room_name(room, call.account));
    Ok(Answer::list(&state.rooms_of(call.account).map(json).collect::<Vec<_>>()))
}

/// GET `/rooms/{room_id}`
pub(crate) fn one(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let room = state.room_of(call.account, call.ids[0])?;
    let mut json = RoomJson::of(room, call.account, state.room_name(room, call.account));
    json.description = Some(room.description.clone());
    Ok(Answer::json(200, &json))
}

/// GET `/rooms/{room_id}/members`
pub(crate) fn members(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let room = state.room_of(call.account, call.ids[0])?;
    let members = room
        .members
        .iter()
        .map(|(id, member)| Ok(MemberJson::of(state.account(*id)?, member.role)))
        .collect::<Result<Vec<_>, SandboxError>>()?;
    Ok(Answer::list(&members))
}
