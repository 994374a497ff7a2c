//! The API of messages: the two ways of fetching, posting within the limit, editing, deleting, read marks.

use super::api::{Answer, Call};
use super::error::SandboxError;
use super::room::{Message, Room};
use super::state::{Draft, State, check_body};
use super::wire::{MessageIdJson, MessageJson, UnreadJson};

/// What a list shows at most: the newest so many.
const MAX_LISTED: usize = 100;
/// What the free plan shows: 40 days, in seconds.
const FREE_PLAN_S: i64 = 40 * 86_400;
const LIMITATION: &str = "Messages older than 40 days are not shown on the free plan.";

/// GET `/rooms/{room_id}/messages`
pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let force = call.query.flag("force")?;
    let visible_from = visible_from(state, call.account)?;
    let room = state.room_of(call.account, call.ids[0])?;
    let fetched_upto = room.members.get(&call.account).map_or(0, |it| it.fetched_upto);
    // Of more than 100 news, the older ones are lost for this cursor.
    let from = if force { 0 } else { room.messages.partition_point(|it| it.id <= fetched_upto) };
    let window = &room.messages[from.max(room.messages.len().saturating_sub(MAX_LISTED))..];
    let visible: Vec<&Message> = window.iter().filter(|it| it.send_time >= visible_from).collect();
    let n_hidden = window.len() - visible.len();
    let messages = visible.into_iter().map(|it| json(state, it)).collect::<Result<Vec<_>, _>>()?;
    let mut answer = Answer::list(&messages);
    if n_hidden > 0 {
        add_limitation(&mut answer);
    }
    if !force {
        let room = state.room_of_mut(call.account, call.ids[0])?;
        let newest = room.newest();
        if let Some(member) = room.members.get_mut(&call.account) {
            member.fetched_upto = newest;
        }
    }
    Ok(answer)
}

/// GET `/rooms/{room_id}/messages/{message_id}`
pub(crate) fn one(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let visible_from = visible_from(state, call.account)?;
    let room = state.room_of(call.account, call.ids[0])?;
    let message = room.message(call.ids[1]).ok_or(SandboxError::UnknownMessage)?;
    if message.send_time < visible_from {
        let mut answer = Answer::refusal(SandboxError::UnknownMessage);
        add_limitation(&mut answer);
        return Ok(answer);
    }
    Ok(Answer::json(200, &json(state, message)?))
}

/// POST `/rooms/{room_id}/messages`
pub(crate) fn create(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let room = call.ids[0];
    state.room_of(call.account, room)?;
    let body = call.form.get("body").unwrap_or_default();
    let self_unread = call.form.flag("self_unread")?;
    check_body(body)?;
    let draft = Draft { account: call.account, room, body, by_api: true, self_unread, system: false };
    let id = count_post(state, call.account, room, |state| state.post(&draft))?;
    Ok(message_id(id))
}

/// PUT `/rooms/{room_id}/messages/{message_id}`
pub(crate) fn edit(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let [room, id] = call.ids;
    state.room_of(call.account, room)?;
    state.edit(call.account, room, id, call.form.get("body").unwrap_or_default())?;
    Ok(message_id(id))
}

/// DELETE `/rooms/{room_id}/messages/{message_id}`
pub(crate) fn delete(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let [room, id] = call.ids;
    state.delete(call.account, room, id)?;
    Ok(message_id(id))
}

/// PUT `/rooms/{room_id}/messages/read`
pub(crate) fn read(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let upto = call.form.number("message_id")?;
    let room = state.room_of_mut(call.account, call.ids[0])?;
    let upto = known_or(room, upto, room.newest())?;
    let Some(member) = room.members.get_mut(&call.account) else { return Err(SandboxError::UnknownRoom) };
    if member.read_upto >= upto {
        return Err(SandboxError::Invalid("The message is already read"));
    }
    member.read_upto = upto;
    Ok(unread(room, call.account))
}

/// PUT `/rooms/{room_id}/messages/unread`
pub(crate) fn unread_from(state: &mut State, call: &Call) -> Result<Answer, SandboxError> {
    let from = call.form.number("message_id")?;
    let room = state.room_of_mut(call.account, call.ids[0])?;
    if from.is_none() {
        return Err(SandboxError::Invalid("Parameter 'message_id' is required"));
    }
    let from = known_or(room, from, 0)?;
    let Some(member) = room.members.get_mut(&call.account) else { return Err(SandboxError::UnknownRoom) };
    if member.read_upto < from {
        return Err(SandboxError::Invalid("The message is already unread"));
    }
    member.read_upto = from - 1;
    Ok(unread(room, call.account))
}

/// Lets `post` happen if the room's ten seconds have place for it; only what succeeded counts.
pub(crate) fn count_post<T>(
    state: &mut State,
    account: u64,
    room: u64,
    post: impl FnOnce(&mut State) -> Result<T, SandboxError>,
) -> Result<T, SandboxError> {
    let (now_ms, limit) = (state.now_ms, state.rules.posts_per_room);
    if state.room_of_mut(account, room)?.recent_posts.is_full(now_ms, limit) {
        return Err(SandboxError::PostLimit);
    }
    let result = post(state)?;
    state.room_of_mut(account, room)?.recent_posts.add(now_ms);
    Ok(result)
}

fn known_or(room: &Room, id: Option<u64>, otherwise: u64) -> Result<u64, SandboxError> {
    let Some(id) = id else { return Ok(otherwise) };
    room.message(id).map(|it| it.id).ok_or(SandboxError::UnknownMessage)
}

fn unread(room: &Room, account: u64) -> Answer {
    let unread = room.unread(account);
    Answer::json(200, &UnreadJson { unread_num: unread.all, mention_num: unread.mentions })
}

fn message_id(id: u64) -> Answer {
    Answer::json(200, &MessageIdJson { message_id: id.to_string() })
}

fn json<'a>(state: &State, message: &'a Message) -> Result<MessageJson<'a>, SandboxError> {
    Ok(MessageJson::of(message, state.account(message.account)?))
}

/// Unix seconds before which the account sees nothing.
fn visible_from(state: &State, account: u64) -> Result<i64, SandboxError> {
    let free = state.account(account)?.free_plan;
    Ok(if free { state.now_s().saturating_sub(FREE_PLAN_S) } else { i64::MIN })
}

fn add_limitation(answer: &mut Answer) {
    answer.headers.push(("chatwork-message-limitation", "true".to_owned()));
    answer.headers.push(("chatwork-message-limitation-summary", LIMITATION.to_owned()));
}
