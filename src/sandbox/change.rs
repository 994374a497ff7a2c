//! What people change about themselves and their rooms: names, descriptions, roles, the text of a task.

use super::error::SandboxError;
use super::facts::Role;
use super::notation;
use super::state::{State, check_body, check_name};

impl State {
    /// Without a word in any room.
    pub(crate) fn rename_account(&mut self, account: u64, name: &str) -> Result<(), SandboxError> {
        check_name(name)?;
        self.accounts.get_mut(&account).ok_or(SandboxError::UnknownAccount)?.name = name.to_owned();
        Ok(())
    }

    /// An administrator does it, and the room says so.
    pub(crate) fn rename_room(&mut self, room: u64, name: &str) -> Result<(), SandboxError> {
        check_name(name)?;
        self.group_mut(room)?.name = name.to_owned();
        self.admin_says(room, &notation::room_renamed(name))
    }

    /// An administrator does it, and the room says so.
    pub(crate) fn describe_room(&mut self, room: u64, description: &str) -> Result<(), SandboxError> {
        check_body(description)?;
        self.group_mut(room)?.description = description.to_owned();
        self.admin_says(room, &notation::room_described(description))
    }

    /// An administrator does it, and the room says so.
    pub(crate) fn set_role(&mut self, room: u64, account: u64, role: Role) -> Result<(), SandboxError> {
        let members = &mut self.group_mut(room)?.members;
        members.get_mut(&account).ok_or(SandboxError::UnknownAccount)?.role = role;
        self.admin_says(room, &notation::member_role_changed(account))
    }

    /// Whoever gave the task changes its text, and the room says so.
    pub(crate) fn edit_task(&mut self, by: u64, room: u64, id: u64, body: &str) -> Result<(), SandboxError> {
        check_body(body)?;
        let task = self.room_of_mut(by, room)?.tasks.get_mut(&id).ok_or(SandboxError::UnknownTask)?;
        if task.by != by {
            return Err(SandboxError::Forbidden);
        }
        task.body = body.to_owned();
        let text = notation::task(
            "task_edited",
            task.assignee,
            task.status(),
            task.limit,
            task.limit_type,
            &task.body,
        );
        self.system_post(by, room, &text)
    }

    fn admin_says(&mut self, room: u64, text: &str) -> Result<(), SandboxError> {
        let admin = self.some_admin(room).ok_or(SandboxError::Forbidden)?;
        self.system_post(admin, room, text)
    }
}
