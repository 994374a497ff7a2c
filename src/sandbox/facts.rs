//! What the sandbox tells its tests and scripts: posts, changes, deliveries, counters.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What an account may do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Admin,
    Member,
    Readonly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    My,
    Direct,
    Group,
}

/// A new account; `api_token` is what its owner would see on Chatwork's token page.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct AccountInfo {
    pub account_id: u64,
    pub api_token: String,
    pub my_room_id: u64,
    pub name: String,
}

impl fmt::Debug for AccountInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountInfo").field("account_id", &self.account_id).finish_non_exhaustive()
    }
}

/// A message as the room shows it now.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Post {
    /// About 19 decimal digits.
    pub message_id: String,
    pub account_id: u64,
    /// `[deleted]` after a deletion.
    pub body: String,
    /// Unix seconds.
    pub send_time: i64,
    /// Unix seconds; 0 when never edited.
    pub update_time: i64,
    pub deleted: bool,
    /// Posted through the API (as against the control surface, which stands for people's hands).
    pub by_api: bool,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post")
            .field("message_id", &self.message_id)
            .field("account_id", &self.account_id)
            .field("deleted", &self.deleted)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Created,
    Edited,
    Deleted,
}

/// One line of a room's true history, in the order in which it happened.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub kind: ChangeKind,
    pub message_id: String,
    pub account_id: u64,
    /// The text after the change; of a deletion, the text that was lost.
    pub body: String,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("at_ms", &self.at_ms)
            .field("kind", &self.kind)
            .field("message_id", &self.message_id)
            .finish_non_exhaustive()
    }
}

/// What a webhook setting watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WebhookKind {
    /// アカウントイベント: `mention_to_me` in every room of the account.
    Account,
    /// ルームイベント: `message_created` and `message_updated` of one room.
    Room { room_id: u64, created: bool, updated: bool },
}

/// A webhook setting, as its edit page shows it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct WebhookInfo {
    pub setting_id: String,
    /// Base64 of 32 bytes.
    pub token: String,
    pub account_id: u64,
    #[serde(flatten)]
    pub watches: WebhookKind,
    pub url: String,
    /// 有効; false after too many errors.
    pub valid: bool,
}

impl fmt::Debug for WebhookInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookInfo")
            .field("setting_id", &self.setting_id)
            .field("watches", &self.watches)
            .field("valid", &self.valid)
            .finish_non_exhaustive()
    }
}

/// What became of one webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered 200 with at most 2,048 bytes.
    Delivered,
    /// Answered with another status.
    BadStatus,
    /// Answered 200 with more than 2,048 bytes, which counts as an error.
    AnswerTooLong,
    /// No connection, or cut before the answer was complete.
    Unreachable,
    TimedOut,
    /// Never sent: a fault, or too many were waiting.
    Lost,
    /// Never sent: the setting is invalid.
    SettingInvalid,
}

/// One line of the delivery log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Counts from 1 over the sandbox' life.
    pub n: u64,
    /// Unix milliseconds.
    pub at_ms: i64,
    pub setting_id: String,
    pub event_type: &'static str,
    pub room_id: u64,
    pub message_id: String,
    pub outcome: Outcome,
    /// The receiver's status, when it answered.
    pub status: Option<u16>,
}

/// How often the API was called, and what it answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ApiCalls {
    /// By method and path template, such as `GET /rooms/{room_id}/messages`.
    pub by_endpoint: BTreeMap<&'static str, u64>,
    /// By status; 0 counts connections that were cut instead of an answer.
    pub by_status: BTreeMap<u16, u64>,
}

impl ApiCalls {
    /// Calls of one endpoint; 0 when it was never called.
    pub fn of(&self, endpoint: &str) -> u64 {
        self.by_endpoint.get(endpoint).copied().unwrap_or(0)
    }

    pub fn total(&self) -> u64 {
        self.by_endpoint.values().sum()
    }
}
