//! Coming and going: members of a room, and the end of a room.

use super::error::SandboxError;
use super::facts::{Role, RoomKind};
use super::notation;
use super::room::{Member, Room};
use super::state::{Draft, State};

impl State {
    /// An administrator of the room adds a member; the room says so.
    pub(crate) fn add_member(&mut self, room: u64, account: u64, role: Role) -> Result<(), SandboxError> {
        self.account(account)?;
        let limit = self.limits.members_per_room;
        let the_room = self.group_mut(room)?;
        if the_room.members.contains_key(&account) {
            return Err(SandboxError::Invalid("the account is a member already"));
        }
        if the_room.members.len() >= limit {
            return Err(SandboxError::Full("members"));
        }
        // What was said before counts as read; the API shows it nevertheless.
        let read_upto = the_room.newest();
        the_room.members.insert(account, Member { role, read_upto, fetched_upto: 0 });
        let admin = self.some_admin(room).unwrap_or(account);
        self.system_post(admin, room, &notation::member_added(account))
    }

    /// The account leaves, or `by` puts it out; the room says so. Its tasks and files in the room go with it.
    pub(crate) fn remove_member(
        &mut self,
        room: u64,
        account: u64,
        by: Option<u64>,
    ) -> Result<(), SandboxError> {
        let the_room = self.group_mut(room)?;
        if !the_room.members.contains_key(&account) {
            return Err(SandboxError::UnknownAccount);
        }
        if let Some(by) = by
            && the_room.members.get(&by).is_none_or(|it| it.role != Role::Admin)
        {
            return Err(SandboxError::Forbidden);
        }
        // Said while the account is still in, since it is the author when it leaves by itself.
        match by.filter(|by| *by != account) {
            Some(by) => self.system_post(by, room, &notation::member_removed(account))?,
            None => self.system_post(account, room, &notation::member_left(account))?,
        }
        let the_room = self.group_mut(room)?;
        the_room.members.remove(&account);
        the_room.tasks.retain(|_, it| it.assignee != account);
        let mut freed = 0;
        the_room.files.retain(|_, it| {
            let stays = it.account != account;
            freed += if stays { 0 } else { it.content.len() };
            stays
        });
        self.file_bytes -= freed;
        Ok(())
    }

    /// All messages, tasks and files are gone for everybody, without a word. The history stays for tests.
    pub(crate) fn delete_room(&mut self, room: u64) -> Result<(), SandboxError> {
        let the_room = self.rooms.get_mut(&room).filter(|it| !it.deleted).ok_or(SandboxError::UnknownRoom)?;
        if the_room.kind == RoomKind::My {
            return Err(SandboxError::Forbidden);
        }
        the_room.deleted = true;
        the_room.tasks.clear();
        self.file_bytes -= the_room.files.values().map(|it| it.content.len()).sum::<usize>();
        the_room.files.clear();
        Ok(())
    }

    pub(crate) fn group_mut(&mut self, room: u64) -> Result<&mut Room, SandboxError> {
        let room = self.rooms.get_mut(&room).filter(|it| !it.deleted).ok_or(SandboxError::UnknownRoom)?;
        if room.kind != RoomKind::Group {
            return Err(SandboxError::Invalid("only group rooms change their members"));
        }
        Ok(room)
    }

    pub(crate) fn some_admin(&self, room: u64) -> Option<u64> {
        let members = &self.rooms.get(&room)?.members;
        members.iter().find(|(_, it)| it.role == Role::Admin).map(|(id, _)| *id)
    }

    pub(crate) fn system_post(&mut self, account: u64, room: u64, body: &str) -> Result<(), SandboxError> {
        self.post(&Draft { account, room, body, by_api: false, self_unread: false, system: true }).map(|_| ())
    }
}
