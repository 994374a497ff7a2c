//! What others hand in, and the keyed digests by which it is recognised when it comes again.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::{Digest, EntryKind, MessageId, RoomId, Source, UtcMillis};
use crate::store::{NewEntry, VersionKey};

/// One thing that the bot saw, did or decided.
#[derive(Clone)]
pub struct Observation {
    /// For a capture of a message `MessageCreated` or `MessageDeletedReported`; the append finds out what it really is.
    pub kind: EntryKind,
    pub source: Source,
    pub source_time: Option<UtcMillis>,
    pub room: Option<RoomId>,
    pub message: Option<MessageId>,
    /// Exact bytes; see `docs/format.md` for their form by source.
    pub content: Option<Vec<u8>>,
    /// Set for a capture of a message.
    pub identity: Option<Identity>,
    /// The same text a second time makes no entry.
    pub once: Option<String>,
}

/// By what a version of a message is recognised.
#[derive(Clone)]
pub struct Identity {
    pub update_time: Option<UtcMillis>,
    pub body: String,
    /// The way it was seen: source, setting, event type. The same version by another way is a `message.seen`.
    pub channel: String,
}

impl Observation {
    /// Something that the program itself did or decided; `content` is JSON.
    pub fn system(kind: EntryKind, content: &serde_json::Value) -> Self {
        Self {
            kind,
            source: Source::System,
            source_time: None,
            room: None,
            message: None,
            content: Some(content.to_string().into_bytes()),
            identity: None,
            once: None,
        }
    }

    pub fn about(mut self, room: RoomId, message: Option<MessageId>) -> Self {
        self.room = Some(room);
        self.message = message;
        self
    }

    pub fn once(mut self, key: String) -> Self {
        self.once = Some(key);
        self
    }
}

/// Keyed, so that the digests left after an erasure do not let a text be guessed.
pub(super) struct Digests(Hmac<Sha256>);

impl Digests {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// Each part is preceded by its length, so that no two lists of parts share their bytes.
    fn of(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    pub(super) fn once(&self, key: &[u8]) -> Digest {
        self.of(&[b"once", key])
    }

    pub(super) fn entry(&self, it: Observation, observed_at: UtcMillis, salt: [u8; 32]) -> NewEntry {
        let version = match (it.room, &it.message, &it.identity) {
            (Some(room), Some(message), Some(identity)) => {
                let update_time = identity.update_time.map_or(0, |at| at.0);
                let digest = self.of(&[
                    b"version",
                    &room.0.to_be_bytes(),
                    message.as_str().as_bytes(),
                    &update_time.to_be_bytes(),
                    identity.body.as_bytes(),
                ]);
                Some(VersionKey { digest, way: self.of(&[b"seen", &digest, identity.channel.as_bytes()]) })
            }
            _ => None,
        };
        NewEntry {
            kind: it.kind,
            source: it.source,
            source_time: it.source_time,
            observed_at,
            room: it.room,
            message: it.message,
            content: it.content,
            salt,
            once: it.once.map(|key| self.once(key.as_bytes())),
            version,
        }
    }
}
