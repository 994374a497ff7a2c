//! From a verified body to an observation. Failure to decode is a kind of entry, not an error.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use crate::chatwork::notation;
use crate::chatwork::signature::VerifiedBody;
use crate::chatwork::wire::{self, Decoded, EventType, MessageEvent};
use crate::domain::{EntryKind, Source};
use crate::ledger::{Identity, Observation};
use crate::store::Appended;

/// Content of a webhook's entry: the signed bytes and the signature, so that who holds the token can check the origin.
#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    /// Where the bytes are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_b64: Option<String>,
    signature: &'a str,
    token_n: usize,
}

pub(super) fn observation(verified: &VerifiedBody) -> Observation {
    let content = content(verified);
    // Recognised by its bytes, since there is nothing else to go by.
    let once = || Some(format!("webhook:{}:{}", verified.token_n(), verified.signature()));
    let base = Observation {
        kind: EntryKind::Undecodable,
        source: Source::Webhook,
        source_time: None,
        room: None,
        message: None,
        content: Some(content),
        identity: None,
        once: None,
    };
    match wire::decode(verified.body()) {
        Decoded::Message(event) => message(base, event),
        Decoded::Unknown { room, .. } => {
            Observation { kind: EntryKind::UnknownEvent, room, once: once(), ..base }
        }
        Decoded::Undecodable => Observation { once: once(), ..base },
    }
}

fn message(base: Observation, event: MessageEvent) -> Observation {
    let deleted = notation::is_deleted(&event.body);
    Observation {
        kind: if deleted { EntryKind::MessageDeletedReported } else { EntryKind::MessageCreated },
        source_time: Some(event.update_time.unwrap_or(event.send_time)),
        room: Some(event.room),
        message: Some(event.message),
        identity: Some(Identity {
            update_time: event.update_time,
            body: event.body,
            channel: format!("webhook:{}:{}", event.setting_id, event_word(event.event_type)),
        }),
        ..base
    }
}

/// Part of the way by which a version was seen.
fn event_word(event: EventType) -> &'static str {
    match event {
        EventType::Created => "created",
        EventType::Updated => "updated",
        EventType::Mention => "mention",
    }
}

fn content(verified: &VerifiedBody) -> Vec<u8> {
    let text = std::str::from_utf8(verified.body()).ok();
    let content = Content {
        body: text,
        body_b64: text.is_none().then(|| BASE64_STANDARD.encode(verified.body())),
        signature: verified.signature(),
        token_n: verified.token_n(),
    };
    serde_json::to_vec(&content).expect("strings and a number always serialise")
}

/// The word for the counter.
pub(super) fn outcome(appended: Appended) -> &'static str {
    match appended {
        Appended::New(_) => "new",
        Appended::Known(_) => "known",
    }
}
