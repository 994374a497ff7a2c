//! The objects of API v2, as far as this program reads them.

use serde::Deserialize;

use crate::domain::{AccountId, MessageId, RoomId, UtcMillis};

use super::{debug_only, message_id, seconds, seconds_or_never};

/// The token's own account.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Me {
    pub account_id: AccountId,
    /// Its マイチャット.
    pub room_id: RoomId,
    pub name: String,
}

debug_only!(Me, account_id, room_id);

/// What a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    /// マイチャット
    My,
    Direct,
    Group,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What an account may do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberRole {
    Admin,
    Member,
    Readonly,
    #[serde(other)]
    Unknown,
}

impl MemberRole {
    /// As Chatwork writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Readonly => "readonly",
            Self::Unknown => "unknown",
        }
    }
}

/// A room. Any difference between two readings says that something moved in it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Room {
    pub room_id: RoomId,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: RoomKind,
    /// Of the token's account.
    pub role: MemberRole,
    pub unread_num: u64,
    pub mention_num: u64,
    pub mytask_num: u64,
    pub message_num: u64,
    pub file_num: u64,
    pub task_num: u64,
    #[serde(deserialize_with = "seconds")]
    pub last_update_time: UtcMillis,
    /// Only the call for a single room has it.
    pub description: Option<String>,
}

debug_only!(Room, room_id, kind, role, message_num, file_num, task_num, last_update_time);

/// Somebody in a room.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Member {
    pub account_id: AccountId,
    pub role: MemberRole,
    pub name: String,
    #[serde(default)]
    pub chatwork_id: String,
    #[serde(default)]
    pub organization_name: String,
    #[serde(default)]
    pub department: String,
}

debug_only!(Member, account_id, role);

/// An account as messages, tasks and files name it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    pub account_id: AccountId,
    pub name: String,
}

debug_only!(Account, account_id);

/// A message as the API answers it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct ApiMessage {
    #[serde(deserialize_with = "message_id")]
    pub message_id: MessageId,
    /// The author.
    pub account: Account,
    /// In Chatwork's notation.
    pub body: String,
    #[serde(deserialize_with = "seconds")]
    pub send_time: UtcMillis,
    /// Last edit; `None` when never edited.
    #[serde(deserialize_with = "seconds_or_never")]
    pub update_time: Option<UtcMillis>,
}

debug_only!(ApiMessage, message_id, account, send_time, update_time);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    Open,
    Done,
    #[serde(other)]
    Unknown,
}

/// How exact the limit of a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitType {
    None,
    Date,
    Time,
    #[serde(other)]
    Unknown,
}

impl TaskStatus {
    /// As Chatwork writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Unknown => "unknown",
        }
    }
}

impl LimitType {
    /// As Chatwork writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Date => "date",
            Self::Time => "time",
            Self::Unknown => "unknown",
        }
    }
}

/// A task of a room.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Task {
    pub task_id: u64,
    /// Who has to do it.
    pub account: Account,
    pub assigned_by_account: Account,
    /// The message that announced it.
    #[serde(deserialize_with = "message_id")]
    pub message_id: MessageId,
    pub body: String,
    /// `None` where there is no limit.
    #[serde(deserialize_with = "seconds_or_never")]
    pub limit_time: Option<UtcMillis>,
    pub status: TaskStatus,
    pub limit_type: LimitType,
}

debug_only!(Task, task_id, account, assigned_by_account, message_id, limit_time, status);

/// An uploaded file.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct File {
    pub file_id: u64,
    /// Who uploaded it.
    pub account: Account,
    #[serde(deserialize_with = "message_id")]
    pub message_id: MessageId,
    /// As the uploader named it: not a safe path.
    pub filename: String,
    /// Bytes.
    pub filesize: u64,
    #[serde(deserialize_with = "seconds")]
    pub upload_time: UtcMillis,
    /// Only where it was asked for; dead after 30 seconds, and open to whoever knows it.
    pub download_url: Option<String>,
}

debug_only!(File, file_id, account, message_id, filesize, upload_time);
