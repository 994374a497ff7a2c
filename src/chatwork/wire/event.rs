//! The body of a webhook delivery.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::{AccountId, MessageId, RoomId, UtcMillis};

use super::{debug_only, message_id, seconds, seconds_or_never};

/// What the bytes of a delivery turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    Message(MessageEvent),
    /// Well-formed, of a type that this version does not know; with its room, if it names one in the usual place.
    Unknown {
        event_type: String,
        room: Option<RoomId>,
    },
    /// Not the JSON object of an event, or one whose fields do not have the types that they must have.
    Undecodable,
}

/// `webhook_event_type`, of the three that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    Created,
    Updated,
    /// `mention_to_me`: the same message once more, as seen by an account's own setting.
    Mention,
}

/// A message as a webhook brings it.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageEvent {
    pub setting_id: String,
    pub event_type: EventType,
    /// When the webhook system recorded the event.
    pub event_time: UtcMillis,
    pub room: RoomId,
    pub message: MessageId,
    /// The author.
    pub account: AccountId,
    /// Of a mention: the mentioned account, which owns the setting.
    pub to_account: Option<AccountId>,
    /// In Chatwork's notation.
    pub body: String,
    pub send_time: UtcMillis,
    /// Last edit; `None` when never edited.
    pub update_time: Option<UtcMillis>,
}

debug_only!(MessageEvent, event_type, event_time, room, message, send_time, update_time);

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    webhook_event_type: Cow<'a, str>,
    #[serde(borrow)]
    webhook_event: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    webhook_setting_id: String,
    #[serde(deserialize_with = "seconds")]
    webhook_event_time: UtcMillis,
    webhook_event: T,
}

#[derive(Deserialize)]
struct Posted {
    #[serde(deserialize_with = "message_id")]
    message_id: MessageId,
    room_id: RoomId,
    account_id: AccountId,
    body: String,
    #[serde(deserialize_with = "seconds")]
    send_time: UtcMillis,
    #[serde(deserialize_with = "seconds_or_never")]
    update_time: Option<UtcMillis>,
}

#[derive(Deserialize)]
struct Mentioned {
    #[serde(deserialize_with = "message_id")]
    message_id: MessageId,
    room_id: RoomId,
    from_account_id: AccountId,
    to_account_id: AccountId,
    body: String,
    #[serde(deserialize_with = "seconds")]
    send_time: UtcMillis,
    #[serde(deserialize_with = "seconds_or_never")]
    update_time: Option<UtcMillis>,
}

#[derive(Deserialize)]
struct InRoom {
    room_id: RoomId,
}

/// Reads the body of a delivery. Any bytes are taken.
pub fn decode(body: &[u8]) -> Decoded {
    // A struct can also be read from an array; an event is an object.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Decoded::Undecodable;
    }
    let Ok(typed) = serde_json::from_slice::<Typed<'_>>(body) else { return Decoded::Undecodable };
    let event = typed.webhook_event.map(RawValue::get).filter(|it| it.starts_with('{'));
    let message = match typed.webhook_event_type.as_ref() {
        "message_created" => event.and_then(|_| posted(body, EventType::Created)),
        "message_updated" => event.and_then(|_| posted(body, EventType::Updated)),
        "mention_to_me" => event.and_then(|_| mentioned(body)),
        other => {
            let room = event.and_then(|it| serde_json::from_str::<InRoom>(it).ok()).map(|it| it.room_id);
            return Decoded::Unknown { event_type: other.to_owned(), room };
        }
    };
    message.map_or(Decoded::Undecodable, Decoded::Message)
}

fn posted(body: &[u8], event_type: EventType) -> Option<MessageEvent> {
    let Envelope { webhook_setting_id, webhook_event_time, webhook_event: it } =
        serde_json::from_slice::<Envelope<Posted>>(body).ok()?;
    Some(MessageEvent {
        setting_id: webhook_setting_id,
        event_type,
        event_time: webhook_event_time,
        room: it.room_id,
        message: it.message_id,
        account: it.account_id,
        to_account: None,
        body: it.body,
        send_time: it.send_time,
        update_time: it.update_time,
    })
}

fn mentioned(body: &[u8]) -> Option<MessageEvent> {
    let Envelope { webhook_setting_id, webhook_event_time, webhook_event: it } =
        serde_json::from_slice::<Envelope<Mentioned>>(body).ok()?;
    Some(MessageEvent {
        setting_id: webhook_setting_id,
        event_type: EventType::Mention,
        event_time: webhook_event_time,
        room: it.room_id,
        message: it.message_id,
        account: it.from_account_id,
        to_account: Some(it.to_account_id),
        body: it.body,
        send_time: it.send_time,
        update_time: it.update_time,
    })
}
