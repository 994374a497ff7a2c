//! From an entry's content back to what was seen: author, text, times.

use serde::Deserialize;

use crate::chatwork::wire::{self, ApiMessage, Decoded};
use crate::domain::{AccountId, Entry, EntryKind, MessageId, RoomId, Source, UtcMillis};
use crate::store::Record;

/// A message as one observation shows it.
#[derive(Clone)]
pub struct Capture {
    pub room: RoomId,
    pub message: MessageId,
    pub account: AccountId,
    /// The author's name, where the source tells it.
    pub name: Option<String>,
    pub body: String,
    pub send_time: UtcMillis,
    pub update_time: Option<UtcMillis>,
}

#[derive(Deserialize)]
struct WebhookContent {
    body: Option<String>,
}

#[derive(Deserialize)]
struct SentContent {
    account: AccountId,
    text: String,
}

/// What the entry shows of a message; `None` for other kinds, erased content and content that cannot be read.
pub fn capture(entry: &Entry, record: &Record) -> Option<Capture> {
    let content = record.content_bytes()?;
    match (entry.source, entry.kind) {
        (Source::Webhook, _) => {
            let webhook: WebhookContent = serde_json::from_slice(content).ok()?;
            match wire::decode(webhook.body?.as_bytes()) {
                Decoded::Message(event) => Some(Capture {
                    room: event.room,
                    message: event.message,
                    account: event.account,
                    name: None,
                    body: event.body,
                    send_time: event.send_time,
                    update_time: event.update_time,
                }),
                Decoded::Unknown { .. } | Decoded::Undecodable => None,
            }
        }
        (Source::Sent, EntryKind::ReplySent) => {
            let sent: SentContent = serde_json::from_slice(content).ok()?;
            Some(Capture {
                room: entry.room?,
                message: entry.message?,
                account: sent.account,
                name: None,
                body: sent.text,
                send_time: entry.observed_at,
                update_time: None,
            })
        }
        (Source::Poll, kind) if kind.is_message_version() || kind == EntryKind::MessageSeen => {
            let message: ApiMessage = serde_json::from_slice(content).ok()?;
            Some(Capture {
                room: entry.room?,
                message: entry.message?,
                account: message.account.account_id,
                name: Some(message.account.name),
                body: message.body,
                send_time: message.send_time,
                update_time: message.update_time,
            })
        }
        (Source::Poll | Source::Sent | Source::Import | Source::System, _) => None,
    }
}
