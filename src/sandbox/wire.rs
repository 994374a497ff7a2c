//! The JSON shapes of API answers and webhooks, field by field as the official description gives them.

use serde::Serialize;

use super::facts::{Role, RoomKind};
use super::room::{Message, Room};
use super::state::Account;

/// Every sandbox account belongs to this organisation.
const ORGANIZATION_ID: u64 = 101;
const ORGANIZATION: &str = "Sandbox";

#[derive(Serialize)]
pub(crate) struct Person {
    pub(crate) account_id: u64,
    pub(crate) name: String,
    pub(crate) avatar_image_url: String,
}

impl Person {
    pub(crate) fn of(account: &Account) -> Self {
        Self { account_id: account.id, name: account.name.clone(), avatar_image_url: avatar(account.id) }
    }
}

#[derive(Serialize)]
pub(crate) struct MessageJson<'a> {
    message_id: String,
    account: Person,
    body: &'a str,
    send_time: Number,
    update_time: i64,
}

/// A number, or, where a fault wants it, the same as text.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Documented(i64),
    Broken(String),
}

impl Number {
    fn of(value: i64, broken: bool) -> Self {
        if broken { Self::Broken(value.to_string()) } else { Self::Documented(value) }
    }
}

impl<'a> MessageJson<'a> {
    pub(crate) fn of(message: &'a Message, author: &Account) -> Self {
        Self {
            message_id: message.id.to_string(),
            account: Person::of(author),
            body: &message.body,
            send_time: Number::of(message.send_time, message.broken),
            update_time: message.update_time,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct RoomJson {
    room_id: u64,
    name: String,
    #[serde(rename = "type")]
    kind: RoomKind,
    role: Role,
    sticky: bool,
    unread_num: u64,
    mention_num: u64,
    mytask_num: u64,
    message_num: u64,
    file_num: u64,
    task_num: u64,
    icon_path: &'static str,
    last_update_time: Number,
    /// Only the call for a single room has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

impl RoomJson {
    /// `name` as the account sees it.
    pub(crate) fn of(room: &Room, account: u64, name: &str) -> Self {
        let unread = room.unread(account);
        Self {
            room_id: room.id,
            name: name.to_owned(),
            kind: room.kind,
            role: room.members.get(&account).map_or(Role::Readonly, |it| it.role),
            sticky: false,
            unread_num: unread.all,
            mention_num: unread.mentions,
            mytask_num: room.open_tasks(account),
            message_num: room.messages.len() as u64,
            file_num: room.files.len() as u64,
            task_num: room.tasks.len() as u64,
            icon_path: ROOM_ICON,
            last_update_time: Number::of(room.last_update_time, room.broken),
            description: None,
        }
    }
}

pub(crate) const ROOM_ICON: &str = "https://example.com/ico_group.png";

#[derive(Serialize)]
pub(crate) struct MemberJson {
    account_id: u64,
    role: Role,
    name: String,
    chatwork_id: String,
    organization_id: u64,
    organization_name: &'static str,
    department: &'static str,
    avatar_image_url: String,
}

impl MemberJson {
    pub(crate) fn of(account: &Account, role: Role) -> Self {
        Self {
            account_id: account.id,
            role,
            name: account.name.clone(),
            chatwork_id: chatwork_id(account.id),
            organization_id: ORGANIZATION_ID,
            organization_name: ORGANIZATION,
            department: "",
            avatar_image_url: avatar(account.id),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct ContactJson {
    account_id: u64,
    /// Of the direct chat.
    room_id: u64,
    name: String,
    chatwork_id: String,
    organization_id: u64,
    organization_name: &'static str,
    department: &'static str,
    avatar_image_url: String,
}

impl ContactJson {
    pub(crate) fn of(account: &Account, room_id: u64) -> Self {
        Self {
            account_id: account.id,
            room_id,
            name: account.name.clone(),
            chatwork_id: chatwork_id(account.id),
            organization_id: ORGANIZATION_ID,
            organization_name: ORGANIZATION,
            department: "",
            avatar_image_url: avatar(account.id),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Me {
    account_id: u64,
    room_id: u64,
    name: String,
    chatwork_id: String,
    organization_id: u64,
    organization_name: &'static str,
    department: &'static str,
    title: &'static str,
    url: &'static str,
    introduction: &'static str,
    mail: String,
    tel_organization: &'static str,
    tel_extension: &'static str,
    tel_mobile: &'static str,
    skype: &'static str,
    facebook: &'static str,
    twitter: &'static str,
    avatar_image_url: String,
    login_mail: String,
}

impl Me {
    pub(crate) fn of(account: &Account) -> Self {
        let mail = format!("account{}@example.com", account.id);
        Self {
            account_id: account.id,
            room_id: account.my_room,
            name: account.name.clone(),
            chatwork_id: chatwork_id(account.id),
            organization_id: ORGANIZATION_ID,
            organization_name: ORGANIZATION,
            department: "",
            title: "",
            url: "",
            introduction: "",
            mail: mail.clone(),
            tel_organization: "",
            tel_extension: "",
            tel_mobile: "",
            skype: "",
            facebook: "",
            twitter: "",
            avatar_image_url: avatar(account.id),
            login_mail: mail,
        }
    }
}

#[derive(Default, Serialize)]
pub(crate) struct StatusJson {
    pub(crate) unread_room_num: u64,
    pub(crate) mention_room_num: u64,
    pub(crate) mytask_room_num: u64,
    pub(crate) unread_num: u64,
    pub(crate) mention_num: u64,
    pub(crate) mytask_num: u64,
}

#[derive(Serialize)]
pub(crate) struct UnreadJson {
    pub(crate) unread_num: u64,
    pub(crate) mention_num: u64,
}

#[derive(Serialize)]
pub(crate) struct MessageIdJson {
    pub(crate) message_id: String,
}

#[derive(Serialize)]
pub(crate) struct RoomRef {
    pub(crate) room_id: u64,
    pub(crate) name: String,
    pub(crate) icon_path: &'static str,
}

#[derive(Serialize)]
pub(crate) struct TaskJson {
    pub(crate) task_id: u64,
    /// The assignee; `/my/tasks` has the room instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<RoomRef>,
    pub(crate) assigned_by_account: Person,
    pub(crate) message_id: String,
    pub(crate) body: String,
    pub(crate) limit_time: i64,
    pub(crate) status: &'static str,
    pub(crate) limit_type: &'static str,
}

#[derive(Serialize)]
pub(crate) struct FileJson {
    pub(crate) file_id: u64,
    pub(crate) account: Person,
    pub(crate) message_id: String,
    pub(crate) filename: String,
    pub(crate) filesize: usize,
    pub(crate) upload_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) download_url: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct ErrorsJson<'a> {
    pub(crate) errors: [&'a str; 1],
}

#[derive(Serialize)]
struct Webhook<'a, E> {
    webhook_setting_id: &'a str,
    webhook_event_type: &'a str,
    webhook_event_time: i64,
    webhook_event: E,
}

#[derive(Serialize)]
struct MessageEvent<'a> {
    message_id: String,
    room_id: u64,
    account_id: u64,
    body: &'a str,
    send_time: i64,
    update_time: i64,
}

#[derive(Serialize)]
struct MentionEvent<'a> {
    from_account_id: u64,
    to_account_id: u64,
    room_id: u64,
    message_id: String,
    body: &'a str,
    send_time: i64,
    update_time: i64,
}

/// The body of a webhook: compact JSON, in the order of the recorded ones.
pub(crate) fn webhook_body(
    setting_id: &str,
    event_type: &str,
    event_time: i64,
    room: u64,
    message: &Message,
    owner: u64,
) -> String {
    let (message_id, body) = (message.id.to_string(), &*message.body);
    let (send_time, update_time) = (message.send_time, message.update_time);
    if event_type == "mention_to_me" {
        let event = MentionEvent {
            from_account_id: message.account,
            to_account_id: owner,
            room_id: room,
            message_id,
            body,
            send_time,
            update_time,
        };
        return envelope(setting_id, event_type, event_time, event);
    }
    let account_id = message.account;
    let event = MessageEvent { message_id, room_id: room, account_id, body, send_time, update_time };
    envelope(setting_id, event_type, event_time, event)
}

fn envelope<E: Serialize>(setting_id: &str, event_type: &str, event_time: i64, event: E) -> String {
    to_json(&Webhook {
        webhook_setting_id: setting_id,
        webhook_event_type: event_type,
        webhook_event_time: event_time,
        webhook_event: event,
    })
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("structs of strings and numbers always serialize")
}

fn avatar(account: u64) -> String {
    format!("https://example.com/avatar/{account}.png")
}

fn chatwork_id(account: u64) -> String {
    format!("sandbox{account}")
}
