//! The entry: the exact bytes that are hashed. `docs/format.md` specifies them; nothing here may ever change the bytes
//! of an entry that exists.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::ids::{EntryIndex, MessageId, RoomId};
use super::kind::{EntryKind, Source};
use super::time::UtcMillis;

/// Value of `v` in every entry that this version writes.
pub const FORMAT_VERSION: u64 = 1;

/// A SHA-256 value.
pub type Digest = [u8; 32];

/// An observation as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub n: EntryIndex,
    pub kind: EntryKind,
    pub source: Source,
    /// When it happened by the platform's account; of an edit its `update_time`.
    pub source_time: Option<UtcMillis>,
    /// When this program saw it, by its own clock.
    pub observed_at: UtcMillis,
    pub room: Option<RoomId>,
    pub message: Option<MessageId>,
    /// Counts the versions of a message, from 1.
    pub version: Option<u64>,
    /// SHA-256 of the 32 salt bytes followed by the content bytes.
    pub content: Option<Digest>,
    /// Number within the room's chain, from 1.
    pub room_n: Option<u64>,
    /// Leaf hash of the room's entry before; absent where `room_n` is 1.
    pub room_prev: Option<Digest>,
}

/// Why bytes are not an entry.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EntryError {
    #[error("not the JSON object of an entry")]
    Shape,
    #[error("format version {0} is not known to this program")]
    Version(u64),
    #[error("field `{0}` is not of the form that the format fixes")]
    Field(&'static str),
    #[error("the bytes are not the canonical form of their own content")]
    NotCanonical,
}

/// The fields as they stand in the JSON; unknown ones are refused, since nothing may hide in an entry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    v: u64,
    n: u64,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, default)]
    source_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    observed_at: Cow<'a, str>,
    room: Option<u64>,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
    version: Option<u64>,
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
    room_n: Option<u64>,
    #[serde(borrow, default)]
    room_prev: Option<Cow<'a, str>>,
}

impl Entry {
    /// The canonical bytes: fields in the order of `docs/format.md`, absent ones left out, no white space. Every string
    /// in an entry is made of characters that JSON writes as they are, so no escaping takes part.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = String::with_capacity(420);
        let n = self.n.0;
        let (kind, source) = (self.kind.as_str(), self.source.as_str());
        // Writing to a String cannot fail.
        let _ = write!(out, r#"{{"v":{FORMAT_VERSION},"n":{n},"kind":"{kind}","source":"{source}""#);
        if let Some(at) = self.source_time {
            let _ = write!(out, r#","source_time":"{at}""#);
        }
        let _ = write!(out, r#","observed_at":"{}""#, self.observed_at);
        if let Some(room) = self.room {
            let _ = write!(out, r#","room":{room}"#);
        }
        if let Some(message) = &self.message {
            let _ = write!(out, r#","message":"{message}""#);
        }
        if let Some(version) = self.version {
            let _ = write!(out, r#","version":{version}"#);
        }
        if let Some(content) = &self.content {
            let _ = write!(out, r#","content":"{}""#, hex(content));
        }
        if let Some(room_n) = self.room_n {
            let _ = write!(out, r#","room_n":{room_n}"#);
        }
        if let Some(prev) = &self.room_prev {
            let _ = write!(out, r#","room_prev":"{}""#, hex(prev));
        }
        out.push('}');
        out.into_bytes()
    }

    /// Reads entry bytes back and accepts them only when they are the canonical form of what they say.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let wire: Wire<'_> = serde_json::from_slice(bytes).map_err(|_| EntryError::Shape)?;
        if wire.v != FORMAT_VERSION {
            return Err(EntryError::Version(wire.v));
        }
        let time = |text: &str, field| UtcMillis::parse(text).ok_or(EntryError::Field(field));
        let digest = |text: &str, field| unhex(text).ok_or(EntryError::Field(field));
        let entry = Self {
            n: EntryIndex(wire.n),
            kind: EntryKind::parse(&wire.kind).ok_or(EntryError::Field("kind"))?,
            source: Source::parse(&wire.source).ok_or(EntryError::Field("source"))?,
            source_time: wire.source_time.map(|it| time(&it, "source_time")).transpose()?,
            observed_at: time(&wire.observed_at, "observed_at")?,
            room: wire.room.map(RoomId),
            message: wire
                .message
                .map(|it| MessageId::new(it).ok_or(EntryError::Field("message")))
                .transpose()?,
            version: wire.version,
            content: wire.content.map(|it| digest(&it, "content")).transpose()?,
            room_n: wire.room_n,
            room_prev: wire.room_prev.map(|it| digest(&it, "room_prev")).transpose()?,
        };
        if entry.to_bytes() == bytes { Ok(entry) } else { Err(EntryError::NotCanonical) }
    }
}

/// `content` of an entry: SHA-256 of the salt followed by the content. The salt keeps an erased text from being
/// guessed from its hash.
pub fn commitment(salt: &[u8; 32], content: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update(content);
    hash.finalize().into()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// Exactly 64 lower-case hexadecimal digits; upper case is refused so that a digest has one spelling.
pub fn unhex(text: impl AsRef<[u8]>) -> Option<Digest> {
    let digits: &[u8; 64] = text.as_ref().try_into().ok()?;
    let mut out = [0; 32];
    let mut wrong = 0;
    for (to, eight) in out.as_chunks_mut::<4>().0.iter_mut().zip(digits.as_chunks::<8>().0) {
        let (value, other) = unhex_eight(*eight);
        *to = value;
        wrong |= other;
    }
    (wrong == 0).then_some(out)
}

/// Eight digits at a time, each in a byte of one word: a table would be asked 64 times for a digest. The second
/// word is 0 if all of them are digits.
fn unhex_eight(digits: [u8; 8]) -> ([u8; 4], u64) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_be_bytes(digits);
    // Letters have bit 6, and their low half counts from 1.
    let letter = (word >> 6) & EACH;
    let values = ((word & (EACH * 15)) + letter * 9) & (EACH * 15);
    // Written again, only what was a digit is what it was.
    let tens = ((values + EACH * 6) >> 4) & EACH;
    let wrong = (values + EACH * 0x30 + tens * 0x27) ^ word;
    let pairs = ((values >> 4) | values) & 0x00ff_00ff_00ff_00ff;
    let fours = ((pairs >> 8) | pairs) & 0x0000_ffff_0000_ffff;
    let [.., a, b, c, d] = ((fours >> 16) | fours).to_be_bytes();
    ([a, b, c, d], wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Entry {
        Entry {
            n: EntryIndex(12),
            kind: EntryKind::MessageCreated,
            source: Source::Webhook,
            source_time: Some(UtcMillis::from_seconds(1_700_000_000)),
            observed_at: UtcMillis(1_700_000_001_042),
            room: Some(RoomId(567_890_123)),
            message: MessageId::new("1789012345678901248"),
            version: Some(1),
            content: Some([0xab; 32]),
            room_n: Some(1),
            room_prev: None,
        }
    }

    #[test]
    fn the_bytes_of_an_entry_are_fixed() {
        let text = String::from_utf8(sample().to_bytes()).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"v":1,"n":12,"kind":"message.created","source":"webhook","source_time":"2023-11-14T22:13:20.000Z","observed_at":"2023-11-14T22:13:21.042Z","room":567890123,"message":"1789012345678901248","version":1,"content":"{}","room_n":1}}"#,
                "ab".repeat(32)
            )
        );
        assert_eq!(Entry::parse(text.as_bytes()), Ok(sample()));
    }

    #[test]
    fn each_byte_at_each_place_of_a_digest_is_read_as_what_it_is() {
        let digest: Digest = std::array::from_fn(|at| (at * 37 + 11) as u8);
        let written = hex(&digest);
        for at in 0..64 {
            for byte in 0..=u8::MAX {
                let mut bytes = written.clone().into_bytes();
                bytes[at] = byte;
                let value = b"0123456789abcdef".iter().position(|it| *it == byte);
                let expected = value.map(|value| {
                    let mut expected = digest;
                    let shift = if at % 2 == 0 { 4 } else { 0 };
                    expected[at / 2] = expected[at / 2] & !(15 << shift) | (value as u8) << shift;
                    expected
                });
                assert_eq!(unhex(bytes), expected, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn any_other_spelling_is_refused() {
        let text = String::from_utf8(sample().to_bytes()).unwrap();
        for (other, error) in [
            (text.replace(r#""v":1"#, r#""v": 1"#), EntryError::NotCanonical),
            (text.replace(r#""v":1"#, r#""v":2"#), EntryError::Version(2)),
            (text.replace("abab", "ABAB"), EntryError::Field("content")),
            (text.replace("message.created", "message.Created"), EntryError::Field("kind")),
            (text.replace("21.042Z", "21.0420Z"), EntryError::Field("observed_at")),
            (text.replace(r#""n":12"#, r#""n":12,"x":1"#), EntryError::Shape),
            (text.replace(r#""n":12"#, r#""n":12,"n":12"#), EntryError::Shape),
            (text.replace("1789", "\\u00317 89"), EntryError::Field("message")),
            (text.replace("1789", "\\u0031789"), EntryError::NotCanonical),
            (format!("{text}\n"), EntryError::NotCanonical),
        ] {
            assert_eq!(Entry::parse(other.as_bytes()), Err(error), "{other}");
        }
    }
}
