//! The control surface over HTTP, below `/_sandbox`: the same as the handle, in JSON, for scripts.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::api::Answer;
use super::error::SandboxError;
use super::facts::{Role, RoomKind, WebhookKind};
use super::fault::Fault;
use super::handle::SandboxHandle;

const IDLE_MS: u64 = 10_000;
const MAX_IDLE_MS: u64 = 60_000;
const FAULT_FIELDS: &[&str] = &[
    "kind",
    "next",
    "probability",
    "method",
    "path",
    "setting_id",
    "status",
    "ms",
    "reset_in_s",
    "bytes",
    "to",
];
const WEBHOOK_FIELDS: &[&str] = &["account_id", "url", "token", "kind", "room_id", "created", "updated"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWorld {
    #[serde(default)]
    webhook_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: String,
    #[serde(default)]
    free_plan: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountChange {
    #[serde(default)]
    free_plan: Option<bool>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoomChange {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberChange {
    role: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRoom {
    kind: RoomKind,
    name: String,
    members: Vec<NewMember>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMember {
    account_id: u64,
    #[serde(default = "member")]
    role: Role,
}

fn member() -> Role {
    Role::Member
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    /// Who puts the member out; without it the member leaves.
    #[serde(default)]
    by: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    account_id: u64,
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewText {
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTask {
    account_id: u64,
    to: Vec<u64>,
    body: String,
    #[serde(default)]
    limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskChange {
    account_id: u64,
    #[serde(default)]
    done: Option<bool>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFile {
    account_id: u64,
    filename: String,
    content_base64: String,
    #[serde(default)]
    caption: String,
}

#[derive(Deserialize)]
struct NewWebhook {
    account_id: u64,
    url: String,
    #[serde(default)]
    token: Option<String>,
    #[serde(flatten)]
    watches: WebhookKind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookChange {
    valid: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Idle {
    #[serde(default)]
    timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    advance_ms: i64,
}

/// Answers one request; `path` is what follows `/_sandbox`.
pub(crate) async fn answer(handle: &SandboxHandle, method: &str, path: &str, body: &[u8]) -> Answer {
    let segments: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
    if let ("POST", ["idle"]) = (method, segments.as_slice()) {
        return idle(handle, body).await;
    }
    let result = match (method, segments.as_slice()) {
        (method, ["rooms", room, rest @ ..]) => {
            id(room).and_then(|room| in_room(handle, method, room, rest, body))
        }
        (method, segments) => top(handle, method, segments, body),
    };
    result.unwrap_or_else(|failure| match failure {
        Failure::Refused(error) => Answer::refusal(error),
        // The text of a parser may quote what it read; here that is a script's own input, to be shown to the script.
        Failure::BadJson(text) => Answer::error(400, &text),
        Failure::NoSuchPath => Answer::error(404, "no such path below /_sandbox"),
    })
}

enum Failure {
    Refused(SandboxError),
    BadJson(String),
    NoSuchPath,
}

impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        Self::Refused(error)
    }
}

fn top(handle: &SandboxHandle, method: &str, segments: &[&str], body: &[u8]) -> Result<Answer, Failure> {
    Ok(match (method, segments) {
        ("GET", []) => Answer::json(200, &json!({ "api_base": handle.api_base() })),
        ("POST", ["world"]) => {
            let NewWorld { webhook_url } = parse_or(body, NewWorld { webhook_url: None })?;
            Answer::json(200, &handle.world(webhook_url.as_deref())?)
        }
        ("POST", ["accounts"]) => {
            let new: NewAccount = parse(body)?;
            let account = handle.create_account(&new.name)?;
            handle.set_free_plan(account.account_id, new.free_plan)?;
            Answer::json(200, &account)
        }
        ("PUT", ["accounts", account]) => {
            let AccountChange { free_plan, name } = parse(body)?;
            let account = id(account)?;
            if let Some(free_plan) = free_plan {
                handle.set_free_plan(account, free_plan)?;
            }
            if let Some(name) = name {
                handle.rename_account(account, &name)?;
            }
            done()
        }
        ("POST", ["rooms"]) => {
            let new: NewRoom = parse(body)?;
            let members: Vec<(u64, Role)> = new.members.iter().map(|it| (it.account_id, it.role)).collect();
            Answer::json(200, &json!({ "room_id": handle.create_room(new.kind, &new.name, &members)? }))
        }
        ("GET", ["webhooks"]) => Answer::json(200, &handle.webhooks()),
        ("POST", ["webhooks"]) => {
            let new: NewWebhook = parse_flat(body, WEBHOOK_FIELDS)?;
            let info = handle.add_webhook(new.account_id, &new.url, new.watches, new.token.as_deref())?;
            Answer::json(200, &info)
        }
        ("PUT", ["webhooks", setting]) => {
            let WebhookChange { valid } = parse(body)?;
            handle.set_webhook_valid(setting, valid)?;
            done()
        }
        ("GET", ["deliveries"]) => Answer::json(200, &handle.deliveries()),
        ("POST", ["release"]) => Answer::json(200, &json!({ "released": handle.release_webhooks() })),
        ("GET", ["faults"]) => Answer::json(200, &handle.faults()),
        ("POST", ["faults"]) => {
            let fault: Fault = parse_flat(body, FAULT_FIELDS)?;
            handle.set_fault(fault)?;
            done()
        }
        ("DELETE", ["faults"]) => {
            handle.clear_faults();
            done()
        }
        ("GET", ["calls"]) => Answer::json(200, &handle.api_calls()),
        ("GET", ["clock"]) => Answer::json(200, &json!({ "now_ms": handle.now_ms() })),
        ("POST", ["clock"]) => {
            let ClockChange { advance_ms } = parse(body)?;
            Answer::json(200, &json!({ "now_ms": handle.advance(advance_ms) }))
        }
        _ => return Err(Failure::NoSuchPath),
    })
}

fn in_room(
    handle: &SandboxHandle,
    method: &str,
    room: u64,
    rest: &[&str],
    body: &[u8],
) -> Result<Answer, Failure> {
    Ok(match (method, rest) {
        ("DELETE", []) => {
            handle.delete_room(room)?;
            done()
        }
        ("PUT", []) => {
            let RoomChange { name, description } = parse(body)?;
            if let Some(name) = name {
                handle.rename_room(room, &name)?;
            }
            if let Some(description) = description {
                handle.describe_room(room, &description)?;
            }
            done()
        }
        ("PUT", ["members", account]) => {
            let MemberChange { role } = parse(body)?;
            handle.set_role(room, id(account)?, role)?;
            done()
        }
        ("GET", ["history"]) => Answer::json(200, &handle.history(room)?),
        ("GET", ["messages"]) => Answer::json(200, &handle.posts_in(room)?),
        ("POST", ["messages"]) => {
            let new: NewMessage = parse(body)?;
            Answer::json(200, &json!({ "message_id": handle.post(new.account_id, room, &new.body)? }))
        }
        ("PUT", ["messages", message]) => {
            let NewText { body } = parse(body)?;
            handle.edit(room, message, &body)?;
            done()
        }
        ("DELETE", ["messages", message]) => {
            handle.delete(room, message)?;
            done()
        }
        ("GET", ["messages", message, "replies"]) => Answer::json(200, &handle.replies_to(room, message)?),
        ("POST", ["members"]) => {
            let new: NewMember = parse(body)?;
            handle.add_member(room, new.account_id, new.role)?;
            done()
        }
        ("DELETE", ["members", account]) => {
            let Removal { by } = parse_or(body, Removal::default())?;
            handle.remove_member(room, id(account)?, by)?;
            done()
        }
        ("POST", ["tasks"]) => {
            let new: NewTask = parse(body)?;
            let ids = handle.add_task(new.account_id, room, &new.to, &new.body, new.limit)?;
            Answer::json(200, &json!({ "task_ids": ids }))
        }
        ("PUT", ["tasks", task]) => {
            let change: TaskChange = parse(body)?;
            let task = id(task)?;
            if let Some(text) = change.body {
                handle.edit_task(change.account_id, room, task, &text)?;
            }
            if let Some(finished) = change.done {
                handle.set_task_done(change.account_id, room, task, finished)?;
            }
            done()
        }
        ("POST", ["files"]) => {
            let new: NewFile = parse(body)?;
            let content = STANDARD
                .decode(&new.content_base64)
                .map_err(|_| SandboxError::Invalid("'content_base64' is not base64"))?;
            let file = handle.add_file(new.account_id, room, &new.filename, &content, &new.caption)?;
            Answer::json(200, &json!({ "file_id": file }))
        }
        ("DELETE", ["files", file]) => {
            handle.delete_file(room, id(file)?)?;
            done()
        }
        _ => return Err(Failure::NoSuchPath),
    })
}

/// 200 when nothing waits any more, 504 when the time is over before that.
async fn idle(handle: &SandboxHandle, body: &[u8]) -> Answer {
    let Ok(Idle { timeout_ms }) = parse_or(body, Idle::default()) else {
        return Answer::error(400, "'timeout_ms' must be a number");
    };
    let span = Duration::from_millis(timeout_ms.unwrap_or(IDLE_MS).min(MAX_IDLE_MS));
    let is_idle = tokio::time::timeout(span, handle.idle()).await.is_ok();
    Answer::json(if is_idle { 200 } else { 504 }, &json!({ "idle": is_idle, "held": handle.held_webhooks() }))
}

fn done() -> Answer {
    Answer::json(200, &json!({ "ok": true }))
}

fn id(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::NoSuchPath)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::BadJson(error.to_string()))
}

/// For types with a flattened part, which cannot refuse unknown fields by themselves: a slip of the pen in `next` would
/// make a fault eternal.
fn parse_flat<T: DeserializeOwned>(body: &[u8], fields: &[&str]) -> Result<T, Failure> {
    let object: serde_json::Map<String, serde_json::Value> = parse(body)?;
    if object.keys().any(|it| !fields.contains(&it.as_str())) {
        return Err(Failure::BadJson(format!("unknown field, expected one of {}", fields.join(", "))));
    }
    parse(body)
}

/// An empty body stands for `default`.
fn parse_or<T: DeserializeOwned>(body: &[u8], default: T) -> Result<T, Failure> {
    if body.is_empty() { Ok(default) } else { parse(body) }
}
