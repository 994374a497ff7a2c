//! All SQL: entries, contents, cursors, archive, signals, cases, outbox.
//!
//! Never: calls the network, reads a clock, decides anything. What it offers is the set of traits below. SQLite and
//! PostgreSQL each write their own SQL for it, behind the same contract tests; [`Store`] is whichever is in use.

mod annex;
mod both;
mod continued;
mod coverage;
mod desk;
mod door;
mod erase;
mod evidence;
mod postgres;
mod review;
mod rows;
mod search;
mod sqlite;
mod standing;
mod tables;
mod transfer;
mod turn;
mod values;

use std::future::Future;
use std::ops::Range;

use crate::domain::{AccountId, CaseId, Digest, EntryIndex, MessageId, RoomId, UtcMillis};
use crate::proof::verify::Part;

pub use annex::{
    AnnexChange, AnnexStore, FileRow, FileState, FileWork, ImportedMessage, Look, RoomPart, RoomState,
    StoredFile, TaskRow,
};
pub use both::Store;
pub use continued::{ContinueStore, Predecessor, Takeover};
pub use coverage::{CoverageStore, DeepState, Exposure, GapRow, KnownMessage, NewRead, RoomRead};
pub use desk::DeskStore;
pub use door::DoorStore;
pub use erase::EraseStore;
pub use evidence::{TREE_STEP, TreeNode, TreeStore};
pub use postgres::{Moved, PlaceError, PostgresPlace, PostgresStore};
pub use review::{ReviewStore, Told};
pub use rows::{
    Appended, ArchiveRow, CaseRow, CaseUpdate, Head, MemberRow, MessageRow, NewEntry, OutboxChange,
    OutboxRow, OutboxState, Purpose, Record, RequestRef, RoomRow, RoomTypeRow, SignalRow, VersionKey,
    VersionRow,
};
pub use search::{Expression, IndexRow, SearchFilter, SearchRow, SearchStore};
pub use sqlite::SqliteStore;
pub use standing::{
    BookChange, CaseMessageRow, ContractRow, CountRow, Declaration, DeclaredRoom, DraftRow, DraftState,
    NoteRow, StandingStore, Switches,
};
pub use turn::{Turn, TurnStore};

/// Why the store could not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the queue of the store is full")]
    Busy,
    /// Disk full, disk read-only, file gone: nothing was stored, and it may work again later.
    #[error("the store could not write: {0}")]
    Unavailable(String),
    #[error(
        "the database was written by a newer karibarai (its schema is {found}, this program knows {known})"
    )]
    Newer { found: i64, known: i64 },
    #[error("migration {0} of this database is not the one that this program has")]
    ForeignMigration(i64),
    #[error("a stored value cannot be read: {0}")]
    Corrupt(&'static str),
    #[error("the store was closed")]
    Closed,
}

/// Result of a store call.
pub type StoreResult<T> = Result<T, StoreError>;

/// The ledger: append, read in order, head and checkpoints.
pub trait LedgerStore {
    /// Durable when it returns: assigns the next indices, versions and room numbers inside one transaction, and drops
    /// what is known. One result for each entry, in order.
    fn append(&self, entries: Vec<NewEntry>) -> impl Future<Output = StoreResult<Vec<Appended>>> + Send;
    /// Entries handed to [`LedgerStore::append`] by this process since its start: followers see by it whether deliveries
    /// come in a burst.
    fn arrived(&self) -> u64;
    /// Size, frontier and id; `None` before the first [`LedgerStore::found`].
    fn head(&self) -> impl Future<Output = StoreResult<Option<Head>>> + Send;
    /// Creates the empty ledger with its id; a second call with the same id changes nothing.
    fn found(&self, ledger_id: String) -> impl Future<Output = StoreResult<()>> + Send;
    /// At most `limit` records from index `from` on, oldest first, with their contents.
    fn records(
        &self,
        from: EntryIndex,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<Record>>> + Send;
    /// Fills `part` with the rows of these indices as they are stored, counted from row `base` on, until it is full. To be
    /// awaited on a thread that may block.
    fn fill(
        &self,
        rows: Range<EntryIndex>,
        base: u64,
        part: Part,
    ) -> impl Future<Output = StoreResult<Part>> + Send;
    /// The index that a `once` key was stored under.
    fn once(&self, key: Digest) -> impl Future<Output = StoreResult<Option<EntryIndex>>> + Send;
    /// A number that the platform told of this account.
    fn fact(&self, name: &'static str) -> impl Future<Output = StoreResult<Option<u64>>> + Send;
    fn put_fact(&self, name: &'static str, value: u64) -> impl Future<Output = StoreResult<()>> + Send;
    fn put_checkpoint(&self, size: u64, note: String) -> impl Future<Output = StoreResult<()>> + Send;
    /// The one of the largest size.
    fn newest_checkpoint(&self) -> impl Future<Output = StoreResult<Option<(u64, String)>>> + Send;
    /// All checkpoints, smallest first.
    fn checkpoints(&self) -> impl Future<Output = StoreResult<Vec<(u64, String)>>> + Send;
}

/// Cursors and the tables that followers derive. Rows and cursor of one call move in one transaction.
pub trait FollowStore {
    fn cursor(&self, name: &'static str) -> impl Future<Output = StoreResult<EntryIndex>> + Send;
    fn put_archive(
        &self,
        next: EntryIndex,
        rows: Vec<ArchiveRow>,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    fn put_signals(
        &self,
        next: EntryIndex,
        rows: Vec<SignalRow>,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    /// Cases and outbox as recorded decisions say. `next` is `None` when a decision is applied ahead of its turn.
    fn put_casebook(
        &self,
        next: Option<EntryIndex>,
        changes: Vec<BookChange>,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    fn put_mirror(
        &self,
        next: EntryIndex,
        files: Vec<(String, u64)>,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    fn mirror_files(&self) -> impl Future<Output = StoreResult<Vec<(String, u64)>>> + Send;
    /// Empties every derived table and puts all cursors back to the beginning.
    fn forget_derived(&self) -> impl Future<Output = StoreResult<()>> + Send;
    /// One SHA-256 for each derived table over its rows in key order: equal tables have equal values.
    fn derived_digests(&self) -> impl Future<Output = StoreResult<Vec<(String, Digest)>>> + Send;
}

/// What was derived, for those who read.
pub trait ArchiveStore {
    fn message(
        &self,
        room: RoomId,
        message: &MessageId,
    ) -> impl Future<Output = StoreResult<Option<MessageRow>>> + Send;
    fn versions(
        &self,
        room: RoomId,
        message: &MessageId,
    ) -> impl Future<Output = StoreResult<Vec<VersionRow>>> + Send;
    /// For each place the `limit` messages of the room first seen before that entry, each in its newest version of
    /// that moment, oldest first; messages deleted by then are left out. One answer for each place, in order.
    fn contexts(
        &self,
        places: Vec<(RoomId, EntryIndex)>,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<Vec<VersionRow>>>> + Send;
    /// Messages of a room by first sight, newest first, from before entry `before` on.
    fn room_messages(
        &self,
        room: RoomId,
        before: Option<EntryIndex>,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<MessageRow>>> + Send;
    fn rooms(&self) -> impl Future<Output = StoreResult<Vec<RoomRow>>> + Send;
    /// What types rooms were told to be, where that was news; of each room in the order in which it came.
    fn room_types(&self) -> impl Future<Output = StoreResult<Vec<RoomTypeRow>>> + Send;
    fn members(&self, room: RoomId) -> impl Future<Output = StoreResult<Vec<MemberRow>>> + Send;
    /// What a member was called when entry `n` was written.
    fn name_at(
        &self,
        room: RoomId,
        account: AccountId,
        n: EntryIndex,
    ) -> impl Future<Output = StoreResult<Option<String>>> + Send;
    /// [`ArchiveStore::name_at`] for many at once, in order.
    fn names_at(
        &self,
        who: Vec<(RoomId, AccountId, EntryIndex)>,
    ) -> impl Future<Output = StoreResult<Vec<Option<String>>>> + Send;
    /// Messages that these accounts sent into a room at or after `since`; 64 for each account at most, newest first.
    fn written_since(
        &self,
        room: RoomId,
        accounts: Vec<AccountId>,
        since: UtcMillis,
    ) -> impl Future<Output = StoreResult<Vec<MessageRow>>> + Send;
    /// Signals of entries from `from` to before `to`, by entry.
    fn signals(
        &self,
        from: EntryIndex,
        to: EntryIndex,
    ) -> impl Future<Output = StoreResult<Vec<SignalRow>>> + Send;
}

/// Cases and the outbox.
pub trait CaseStore {
    fn cases(&self) -> impl Future<Output = StoreResult<Vec<CaseRow>>> + Send;
    fn case(&self, id: CaseId) -> impl Future<Output = StoreResult<Option<CaseRow>>> + Send;
    /// The cases of a client in a room, oldest first.
    fn client_cases(
        &self,
        room: RoomId,
        client: AccountId,
    ) -> impl Future<Output = StoreResult<Vec<CaseRow>>> + Send;
    /// The number that the next case gets. A draft that may become a case has one already.
    fn next_case(&self) -> impl Future<Output = StoreResult<CaseId>> + Send;
    /// Open rows, due first.
    fn open_outbox(&self) -> impl Future<Output = StoreResult<Vec<OutboxRow>>> + Send;
    /// Rows that are posted to a room or speak of a message in it, oldest decision first.
    fn outbox_of_room(&self, room: RoomId) -> impl Future<Output = StoreResult<Vec<OutboxRow>>> + Send;
    /// All rows, oldest decision first.
    fn outbox(&self) -> impl Future<Output = StoreResult<Vec<OutboxRow>>> + Send;
    /// Durable: takes a waiting row, or one whose claim has run out, until `until`. False when another has it.
    fn claim(
        &self,
        decided_n: EntryIndex,
        now: UtcMillis,
        until: UtcMillis,
    ) -> impl Future<Output = StoreResult<bool>> + Send;
    /// The row's claim has run out, or there never was one.
    fn claim_over(
        &self,
        decided_n: EntryIndex,
        now: UtcMillis,
    ) -> impl Future<Output = StoreResult<bool>> + Send;
    /// How often the row was claimed.
    fn attempts(&self, decided_n: EntryIndex) -> impl Future<Output = StoreResult<u32>> + Send;
    /// Gives a claim back without an attempt counted: nothing was sent.
    fn release(
        &self,
        decided_n: EntryIndex,
        not_before: UtcMillis,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    /// Posts of these purposes since `since` that were or may have been made; in one room, or in all.
    fn posts_since(
        &self,
        purposes: &'static [Purpose],
        room: Option<RoomId>,
        since: UtcMillis,
    ) -> impl Future<Output = StoreResult<u32>> + Send;
}
