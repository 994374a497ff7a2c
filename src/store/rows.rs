//! What goes in and comes out of the store: plain values, no SQL.

use serde::{Deserialize, Serialize};

use crate::domain::{
    AccountId, CaseId, ContractId, Digest, Entry, EntryIndex, EntryKind, MessageId, RoomId, RoomType, Signal,
    Source, Terms, UtcMillis,
};
use crate::proof::tree::Frontier;

/// An observation on its way into the ledger. Index, version and room number are given to it inside the transaction.
#[derive(Clone)]
pub struct NewEntry {
    pub kind: EntryKind,
    pub source: Source,
    pub source_time: Option<UtcMillis>,
    pub observed_at: UtcMillis,
    pub room: Option<RoomId>,
    pub message: Option<MessageId>,
    pub content: Option<Vec<u8>>,
    /// Fresh random bytes for the commitment.
    pub salt: [u8; 32],
    /// The same key a second time makes no entry.
    pub once: Option<Digest>,
    /// Set for a capture of a message: decides between created, updated and seen.
    pub version: Option<VersionKey>,
}

/// Identity of a message version, as keyed digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionKey {
    /// Over room, message, `update_time` and body.
    pub digest: Digest,
    /// The same with source, setting and event type: by this way the version was seen before.
    pub way: Digest,
}

/// What became of an entry handed to `append`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Stored under this index.
    New(EntryIndex),
    /// Known already; this is where.
    Known(EntryIndex),
}

impl Appended {
    pub fn index(self) -> EntryIndex {
        match self {
            Self::New(n) | Self::Known(n) => n,
        }
    }
}

/// State of the ledger: id, and the right edge of its tree.
#[derive(Clone, Debug)]
pub struct Head {
    pub ledger_id: String,
    /// Rows of the ledgers that this one continues: its entry `n` is row `base + n`.
    pub base: u64,
    pub frontier: Frontier,
}

impl Head {
    /// The row that the next entry gets.
    pub fn end(&self) -> u64 {
        self.base + self.frontier.size()
    }
}

/// An entry as stored, with the content beside it.
#[derive(Clone)]
pub struct Record {
    /// Its row, counted on through all ledgers of the database.
    pub n: EntryIndex,
    /// Rows of the ledgers before its own: an intact entry says that it is number `n - base`.
    pub base: u64,
    /// The exact bytes that were hashed.
    pub bytes: Vec<u8>,
    pub leaf: Digest,
    /// Salt and content; `None` where there never was any, or where it was erased.
    pub content: Option<([u8; 32], Vec<u8>)>,
}

impl Record {
    /// The entry, numbered by its row: so that what reads it need not know of a ledger before.
    pub fn entry(&self) -> Result<Entry, crate::domain::EntryError> {
        let mut entry = Entry::parse(&self.bytes)?;
        entry.n = EntryIndex(entry.n.0.saturating_add(self.base));
        Ok(entry)
    }

    pub fn content_bytes(&self) -> Option<&[u8]> {
        self.content.as_ref().map(|(_, bytes)| bytes.as_slice())
    }
}

/// One change to the archive.
#[derive(Clone, Debug)]
pub enum ArchiveRow {
    Version {
        n: EntryIndex,
        kind: EntryKind,
        room: RoomId,
        message: MessageId,
        version: u64,
        account: AccountId,
        send_time: UtcMillis,
        update_time: Option<UtcMillis>,
        observed_at: UtcMillis,
        body: String,
    },
    /// What these entries showed was erased.
    Erased {
        entries: Vec<EntryIndex>,
    },
    /// A room was seen for the first time, or what is known of it changed.
    Room {
        n: EntryIndex,
        room: RoomId,
        room_type: Option<RoomType>,
        name: Option<String>,
        observed_at: UtcMillis,
    },
    Member {
        n: EntryIndex,
        room: RoomId,
        account: AccountId,
        name: String,
        present: bool,
    },
    /// The message is absent from its room.
    Missing {
        n: EntryIndex,
        room: RoomId,
        message: MessageId,
    },
    /// The message was read in its room again.
    Present {
        n: EntryIndex,
        room: RoomId,
        message: MessageId,
    },
    Gap {
        n: EntryIndex,
        room: RoomId,
        kind: String,
        from: Option<UtcMillis>,
        to: UtcMillis,
    },
}

/// A message as the room shows it now.
#[derive(Clone, Debug)]
pub struct MessageRow {
    pub room: RoomId,
    pub message: MessageId,
    pub account: AccountId,
    pub send_time: UtcMillis,
    pub first_n: EntryIndex,
    pub first_seen: UtcMillis,
    /// Chatwork shows it as deleted.
    pub deleted: bool,
    /// It was absent from its room at the last look.
    pub missing: bool,
    /// The newest version: the greatest `update_time`, then the latest seen.
    pub current: VersionRow,
}

/// One version of a message.
#[derive(Clone, Debug)]
pub struct VersionRow {
    pub n: EntryIndex,
    pub room: RoomId,
    pub message: MessageId,
    pub version: u64,
    pub account: AccountId,
    pub update_time: Option<UtcMillis>,
    pub observed_at: UtcMillis,
    pub kind: EntryKind,
    pub body: String,
}

#[derive(Clone, Debug)]
pub struct RoomRow {
    pub room: RoomId,
    pub room_type: Option<RoomType>,
    pub name: Option<String>,
    pub watched_since: UtcMillis,
}

/// What type a room was told to be by entry `n`.
#[derive(Clone, Copy, Debug)]
pub struct RoomTypeRow {
    pub room: RoomId,
    pub n: EntryIndex,
    pub room_type: RoomType,
}

#[derive(Clone, Debug)]
pub struct MemberRow {
    pub account: AccountId,
    /// The entry that said so.
    pub n: EntryIndex,
    pub name: String,
    pub present: bool,
}

/// A signal, with the version of the rules that gave it.
#[derive(Clone, Debug)]
pub struct SignalRow {
    pub n: EntryIndex,
    pub rules: String,
    pub signal: Signal,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CaseRow {
    pub id: CaseId,
    pub room: RoomId,
    pub client: AccountId,
    pub state: String,
    pub request_message: MessageId,
    /// Entry of the version that asked.
    pub request_n: EntryIndex,
    pub opened_at: UtcMillis,
    pub moved_at: UtcMillis,
    pub terms: Terms,
    pub reminded: bool,
    /// Address of the job on CrowdWorks.
    pub job_link: Option<String>,
    /// Address of the contract on CrowdWorks.
    pub contract_link: Option<String>,
    /// The registered contract that it belongs to.
    pub contract: Option<ContractId>,
    /// The `case.changed` that gave this row.
    pub changed_n: EntryIndex,
}

/// What a recorded `case.changed` says: the case as it then stands. Two that were written side by side are joined in the
/// same way whatever their order: a case never goes back, and what was said last holds for the rest.
pub type CaseUpdate = CaseRow;

/// What a post is for. Posts in a client's room and notes to the owner have budgets of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    Reminder,
    /// A further reply about a case, in the client's room.
    FollowUp,
    /// The notice that the room is recorded, in the client's room.
    Notice,
    /// The newest signed head, in the client's room, for the others to keep.
    Witness,
    /// An own reminder is edited or deleted.
    Amend,
    Note,
    /// The answer to a word of the owner, in the control room.
    Answer,
    /// A task for the owner, in the control room.
    Task,
}

impl Purpose {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reminder => "reminder",
            Self::FollowUp => "follow_up",
            Self::Notice => "notice",
            Self::Witness => "witness",
            Self::Amend => "amend",
            Self::Note => "note",
            Self::Answer => "answer",
            Self::Task => "task",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Reminder,
            Self::FollowUp,
            Self::Notice,
            Self::Witness,
            Self::Amend,
            Self::Note,
            Self::Answer,
            Self::Task,
        ]
        .into_iter()
        .find(|it| it.as_str() == text)
    }

    /// Appears in a client's room as a post of its own.
    pub fn in_client_room(self) -> bool {
        matches!(self, Self::Reminder | Self::FollowUp | Self::Notice | Self::Witness)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxState {
    /// Decided, to be sent when due.
    Waiting,
    Sent,
    Suppressed,
    Uncertain,
}

impl OutboxState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Suppressed => "suppressed",
            Self::Uncertain => "uncertain",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Sent, Self::Suppressed, Self::Uncertain]
            .into_iter()
            .find(|it| it.as_str() == text)
    }
}

/// A reply that was decided.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// Entry of the decision: the row's identity.
    pub decided_n: EntryIndex,
    pub purpose: Purpose,
    pub case: Option<CaseId>,
    /// Where it is to be posted.
    pub room: RoomId,
    /// The message that it answers or speaks of, and the entry of the version that was read.
    pub request: Option<RequestRef>,
    pub text: String,
    pub due_at: UtcMillis,
    pub state: OutboxState,
    pub posted: Option<MessageId>,
    /// The owner said that it shall be sent.
    pub approved: bool,
    /// The bot's own post that is edited, or deleted where `text` is empty.
    pub target: Option<MessageId>,
}

/// Points at the message that a decision is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRef {
    pub room: RoomId,
    pub message: MessageId,
    pub account: AccountId,
    pub n: EntryIndex,
}

/// What recorded entries do to the outbox.
#[derive(Clone, Debug)]
pub enum OutboxChange {
    Decided(OutboxRow),
    Ended {
        decided_n: EntryIndex,
        state: OutboxState,
        by: EntryIndex,
        at: UtcMillis,
        posted: Option<MessageId>,
    },
}
