//! Tasks: giving, finishing, and their API.

use super::api::{Answer, Call};
use super::error::SandboxError;
use super::facts::Role;
use super::messages::count_post;
use super::notation;
use super::room::Room;
use super::state::{Draft, State, check_body};
use super::wire::{self, Person, RoomRef, TaskJson};

const FIRST_TASK: u64 = 400_000_000;
/// A list is never longer.
const MAX_LISTED: usize = 100;
const LIMIT_TYPES: &[&str] = &["none", "date", "time"];
const STATUSES: &[&str] = &["open", "done"];

pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) assignee: u64,
    pub(crate) by: u64,
    pub(crate) message: u64,
    pub(crate) body: String,
    /// Unix seconds; 0 = none.
    pub(crate) limit: i64,
    pub(crate) limit_type: &'static str,
    pub(crate) done: bool,
}

/// The same task for one or more accounts.
pub(crate) struct NewTask<'a> {
    pub(crate) by: u64,
    pub(crate) room: u64,
    pub(crate) assignees: &'a [u64],
    pub(crate) body: &'a str,
    pub(crate) limit: i64,
    pub(crate) limit_type: &'static str,
}

impl State {
    /// One task and one message of the platform for each assignee.
    pub(crate) fn add_tasks(&mut self, new: &NewTask<'_>) -> Result<Vec<u64>, SandboxError> {
        check_body(new.body)?;
        let room = self.room_of(new.by, new.room)?;
        if room.members.get(&new.by).is_none_or(|it| it.role == Role::Readonly) {
            return Err(SandboxError::Forbidden);
        }
        if new.assignees.is_empty() || new.assignees.iter().any(|it| !room.members.contains_key(it)) {
            return Err(SandboxError::Invalid("Tasks can be given to members of the room only"));
        }
        if room.tasks.len() + new.assignees.len() > self.limits.tasks_per_room {
            return Err(SandboxError::Full("tasks"));
        }
        let mut ids = Vec::new();
        for assignee in new.assignees {
            self.add_body(new.body)?;
            let text = notation::task("task_added", *assignee, "open", new.limit, new.limit_type, new.body);
            let message = self.task_post(new.by, new.room, &text)?;
            let id = FIRST_TASK + self.next_minor();
            let task = Task {
                id,
                assignee: *assignee,
                by: new.by,
                message,
                body: new.body.to_owned(),
                limit: new.limit,
                limit_type: new.limit_type,
                done: false,
            };
            self.room_of_mut(new.by, new.room)?.tasks.insert(id, task);
            ids.push(id);
        }
        Ok(ids)
    }

    /// The room is told when it changes anything.
    pub(crate) fn set_task_done(
        &mut self,
        by: u64,
        room: u64,
        id: u64,
        done: bool,
    ) -> Result<(), SandboxError> {
        let task = self.room_of_mut(by, room)?.tasks.get_mut(&id).ok_or(SandboxError::UnknownTask)?;
        if ![task.assignee, task.by].contains(&by) {
            return Err(SandboxError::Forbidden);
        }
        if task.done == done {
            return Ok(());
        }
        task.done = done;
        let event = if done { "task_done" } else { "task_reverted" };
        let text =
            notation::task(event, task.assignee, task.status(), task.limit, task.limit_type, &task.body);
        self.task_post(by, room, &text).map(|_| ())
    }

    fn task_post(&mut self, account: u64, room: u64, body: &str) -> Result<u64, SandboxError> {
        self.post(&Draft { account, room, body, by_api: false, self_unread: false, system: true })
    }
}

impl Task {
    pub(crate) fn status(&self) -> &'static str {
        if self.done { "done" } else { "open" }
    }

    fn json(
        &self,
        state: &State,
        account: Option<Person>,
        room: Option<RoomRef>,
    ) -> Result<TaskJson, SandboxError> {
        Ok(TaskJson {
            task_id: self.id,
            account,
            room,
            assigned_by_account: Person::of(state.account(self.by)?),
            message_id: self.message.to_string(),
            body: self.body.clone(),
            limit_time: self.limit,
            status: self.status(),
            limit_type: self.limit_type,
        })
    }

    fn in_room(&self, state: &State) -> Result<TaskJson, SandboxError> {
        self.json(state, Some(Person::of(state.account(self.assignee)?)), None)
    }

    fn is(&self, status: &str, by: Option<u64>) -> bool {
        self.status() == status && by.is_none_or(|it| it == self.by)
    }
}

fn newest<T>(mut list: Vec<T>) -> Vec<T> {
    list.drain(..list.len().saturating_sub(MAX_LISTED));
    list
}

/// GET `/my/tasks`
pub(crate) fn mine(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let by = call.query.number("assigned_by_account_id")?;
    let status = call.query.choice("status", STATUSES)?.unwrap_or("open");
    let mut found: Vec<(&Room, &Task)> = Vec::new();
    for room in state.rooms_of(call.account) {
        found.extend(
            room.tasks
                .values()
                .filter(|it| it.assignee == call.account && it.is(status, by))
                .map(|it| (room, it)),
        );
    }
    found.sort_by_key(|(_, task)| task.id);
    let tasks = newest(found).into_iter().map(|(room, task)| {
        let name = state.room_name(room, call.account).to_owned();
        task.json(state, None, Some(RoomRef { room_id: room.id, name, icon_path: wire::ROOM_ICON }))
    });
    Ok(Answer::list(&tasks.collect::<Result<Vec<_>, _>>()?))
}

/// GET `/rooms/{room_id}/tasks`
pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let assignee: Option<u64> = call.query.number("account_id")?;
    let by = call.query.number("assigned_by_account_id")?;
    let status = call.query.choice("status", STATUSES)?.unwrap_or("open");
    let room = state.room_of(call.account, call.ids[0])?;
    let found = room
        .tasks
        .values()
        .filter(|it| assignee.is_none_or(|wanted| wanted == it.assignee) && it.is(status, by))
        .collect();
    let tasks = newest(found).into_iter().map(|it: &Task| it.in_room(state));
    Ok(Answer::list(&tasks.collect::<Result<Vec<_>, _>>()?))
}

/// GET `/rooms/{room_id}/tasks/{task_id}`
pub(crate) fn one(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let room = state.room_of(call.account, call.ids[0])?;
    let task = room.tasks.get(&call.ids[1]).ok_or(SandboxError::UnknownTask)?;
    Ok(Answer::json(200, &task.in_room(state)?))
}

/// POST `/rooms/{room_id}/tasks`
pub(crate) fn create(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let room = call.ids[0];
    state.room_of(call.account, room)?;
    let limit: Option<i64> = call.form.number("limit")?;
    let default_type = if limit.is_some() { "time" } else { "none" };
    let new = NewTask {
        by: call.account,
        room,
        assignees: &call.form.ids("to_ids")?,
        body: call.form.get("body").unwrap_or_default(),
        limit: limit.unwrap_or(0),
        limit_type: call.form.choice("limit_type", LIMIT_TYPES)?.unwrap_or(default_type),
    };
    if new.limit < 0 {
        return Err(SandboxError::Invalid("Parameter 'limit' must not be negative"));
    }
    let ids = count_post(state, call.account, room, |state| state.add_tasks(&new))?;
    Ok(Answer::json(200, &serde_json::json!({ "task_ids": ids })))
}

/// PUT `/rooms/{room_id}/tasks/{task_id}/status`
pub(crate) fn set_status(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    state.room_of(call.account, call.ids[0])?;
    let status =
        call.form.choice("body", STATUSES)?.ok_or(SandboxError::Invalid("Parameter 'body' is required"))?;
    state.set_task_done(call.account, call.ids[0], call.ids[1], status == "done")?;
    Ok(Answer::json(200, &serde_json::json!({ "task_id": call.ids[1] })))
}
