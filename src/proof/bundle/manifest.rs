//! `manifest.json`: what the package holds and leaves out, and the hash of each of its files.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::{AccountId, CaseId, Digest, EntryIndex, MessageId, RoomId, hex};
use crate::proof::note::{NoteError, Signer, Verifier};

pub const FORMAT: &str = "karibarai-bundle";
/// Version of the package's format.
pub const VERSION: u64 = 1;

/// First line of the note that signs a manifest; no checkpoint begins with it.
const NOTE_HEAD: &str = "karibarai bundle manifest 1";

/// Why a manifest is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("manifest.json is not of its one form")]
    Shape,
    #[error("the package has format version {0}, which this program does not know")]
    Version(u64),
    #[error("manifest.json is not signed by the key of the package")]
    Note(#[source] NoteError),
    #[error("manifest.json is not the one that was signed")]
    Differs,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    pub version: u64,
    /// Version of the program that wrote the package; `report.html`, `report.pdf` and `README.txt` are laid out by it.
    pub program: String,
    /// The ledger id.
    pub ledger: String,
    pub room: RoomId,
    /// As the room is called by its newest entry; of the owner's account of it.
    pub room_name: Option<String>,
    pub filter: Filter,
    /// The size that `proof/checkpoint.note` was signed at.
    pub tree_size: u64,
    pub chain: Chain,
    pub counts: Counts,
    /// Spans in which something may have come and gone unseen, and losses of access, oldest first.
    pub gaps: Vec<Gap>,
    /// The longest time in the days of the stretch between two looks at the room, holes apart; of the owner's account of it.
    pub exposure: Option<Exposure>,
    pub people: Vec<Person>,
    /// Every other file, in the byte order of the paths.
    pub files: Vec<Member>,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// First and last day in Japan, `2026-11-23`.
    pub from: Option<String>,
    pub to: Option<String>,
    pub case: Option<CaseId>,
    /// What was searched for: only what was found, and what stands around it, is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// What is left out unless it was released.
    pub withhold: Vec<Withhold>,
    /// Messages that were released one by one.
    pub released: Vec<MessageId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Withhold {
    /// Words of people who are neither the owner nor a client nor a bot.
    Others,
    /// What looks like a password or the number of a card.
    Secrets,
    /// What a search did not find, but for what stands around its hits.
    Unfound,
}

/// The stretch of the room's chain: numbers of the first and the last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    pub first: u64,
    pub last: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub entries: u64,
    /// First versions, `message.updated`, and messages that the room shows as deleted or no longer shows.
    pub messages: u64,
    pub edits: u64,
    pub gone: u64,
    /// `file.stored` entries.
    pub files: u64,
    pub withheld: u64,
    pub erased: u64,
}

/// A span in which nobody looked, or an event that begins one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    pub n: EntryIndex,
    pub kind: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// What came and went within so long may be in no entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exposure {
    /// Rounded up.
    pub minutes: u64,
    /// The day in Japan, `2026-11-23`.
    pub day: String,
}

/// Who is who, by the owner's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub account: AccountId,
    pub name: Option<String>,
    /// `owner`, `client`, `other` or `bot`.
    pub role: String,
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub path: String,
    pub size: u64,
    pub sha256: String,
    /// Of its bytes as they are packed in the zip; absent where they are stored as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed_sha256: Option<String>,
}

impl Manifest {
    /// The bytes of the file: indented by two spaces, with a newline at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads the file; only the spelling of [`Manifest::to_bytes`] is accepted, and paths that are safe to unpack, in
    /// order and once.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        /// What is read first, so that a later version is told from damage.
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u64,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|_| ManifestError::Shape)?;
        if head.format != FORMAT {
            return Err(ManifestError::Shape);
        }
        if head.version != VERSION {
            return Err(ManifestError::Version(head.version));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|_| ManifestError::Shape)?;
        let ordered = manifest.files.is_sorted_by(|a, b| a.path < b.path);
        let safe = manifest.files.iter().all(|it| is_safe_path(&it.path));
        if ordered && safe && manifest.to_bytes() == bytes { Ok(manifest) } else { Err(ManifestError::Shape) }
    }

    /// The text that is signed over a manifest's bytes.
    fn statement(bytes: &[u8]) -> String {
        format!("{NOTE_HEAD}\n{}\n", hex(&Digest::from(Sha256::digest(bytes))))
    }

    /// `manifest.note`: the manifest's hash, signed with the ledger's key.
    pub fn sign(bytes: &[u8], signer: &Signer) -> Result<String, ManifestError> {
        signer.sign(&Self::statement(bytes)).map_err(ManifestError::Note)
    }

    pub fn check_note(bytes: &[u8], note: &str, verifier: &Verifier) -> Result<(), ManifestError> {
        let text = verifier.open(note).map_err(ManifestError::Note)?;
        // One signature, one spelling: whatever else could stand in the note would be a byte that nobody checks.
        let lines = note.get(text.len() + 1..).unwrap_or_default();
        if text == Self::statement(bytes) && lines.lines().count() == 1 {
            Ok(())
        } else {
            Err(ManifestError::Differs)
        }
    }
}

/// Relative, forward slashes, no dots alone, and only characters that every file system takes.
pub fn is_safe_path(path: &str) -> bool {
    let part = |it: &str| {
        !it.is_empty()
            && !it.starts_with('.')
            && it.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    path.len() <= 200 && path.split('/').all(part)
}
