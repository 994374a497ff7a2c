//! Whichever engine is in use: the set is closed, so callers never see a `dyn`.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use crate::domain::{
    AccountId, CaseId, ContractId, Digest, EntryIndex, EntryKind, MessageId, RoomId, UtcMillis,
};
use crate::proof::verify::Part;

use super::{
    AnnexChange, AnnexStore, Appended, ArchiveRow, ArchiveStore, BookChange, CaseMessageRow, CaseRow,
    CaseStore, ContinueStore, ContractRow, CountRow, CoverageStore, DeclaredRoom, DeepState, DeskStore,
    DoorStore, DraftRow, EraseStore, Exposure, Expression, FileRow, FileState, FileWork, FollowStore, GapRow,
    Head, ImportedMessage, IndexRow, KnownMessage, LedgerStore, Look, MemberRow, MessageRow, NewEntry,
    NewRead, NoteRow, OutboxRow, PostgresPlace, PostgresStore, Predecessor, Purpose, Record, ReviewStore,
    RoomRead, RoomRow, RoomState, RoomTypeRow, SearchFilter, SearchRow, SearchStore, SignalRow, SqliteStore,
    StandingStore, StoreResult, Switches, Takeover, TaskRow, Told, TreeNode, TreeStore, Turn, TurnStore,
    VersionRow,
};

/// The store in use.
#[derive(Clone)]
pub enum Store {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl Store {
    /// Opens a SQLite file for writing; see [`SqliteStore::open`].
    pub async fn open(path: &Path) -> StoreResult<Self> {
        SqliteStore::open(path).await.map(Self::Sqlite)
    }

    /// Opens an existing SQLite file for reading alone.
    pub async fn open_read_only(path: &Path) -> StoreResult<Self> {
        SqliteStore::open_read_only(path).await.map(Self::Sqlite)
    }

    /// Opens a schema of PostgreSQL for writing; see [`PostgresStore::open`].
    pub async fn connect(place: &PostgresPlace) -> StoreResult<Self> {
        PostgresStore::open(place).await.map(Self::Postgres)
    }

    /// Opens a schema of PostgreSQL for reading alone; `None` where there is none yet.
    pub async fn connect_read_only(place: &PostgresPlace) -> StoreResult<Option<Self>> {
        Ok(PostgresStore::open_read_only(place).await?.map(Self::Postgres))
    }

    /// Processes of several machines may share it.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// A complete, consistent copy in a new SQLite file, whatever the engine.
    pub async fn copy_to(&self, path: &Path) -> StoreResult<()> {
        match self {
            Self::Sqlite(it) => it.copy_to(path).await,
            Self::Postgres(it) => it.copy_to(path).await,
        }
    }
}

/// Each call goes to the engine.
macro_rules! delegate {
    ($contract:ident { $(@ $now:ident() -> $number:ty;)* $($call:ident($($value:ident: $kind:ty),*) -> $out:ty;)* }) => {
        impl $contract for Store {
            $(fn $now(&self) -> $number {
                match self {
                    Self::Sqlite(it) => it.$now(),
                    Self::Postgres(it) => it.$now(),
                }
            })*
            $(async fn $call(&self, $($value: $kind),*) -> StoreResult<$out> {
                match self {
                    Self::Sqlite(it) => it.$call($($value),*).await,
                    Self::Postgres(it) => it.$call($($value),*).await,
                }
            })*
        }
    };
}

delegate!(LedgerStore {
    @ arrived() -> u64;
    append(entries: Vec<NewEntry>) -> Vec<Appended>;
    head() -> Option<Head>;
    found(ledger_id: String) -> ();
    records(from: EntryIndex, limit: usize) -> Vec<Record>;
    fill(rows: Range<EntryIndex>, base: u64, part: Part) -> Part;
    once(key: Digest) -> Option<EntryIndex>;
    fact(name: &'static str) -> Option<u64>;
    put_fact(name: &'static str, value: u64) -> ();
    put_checkpoint(size: u64, note: String) -> ();
    newest_checkpoint() -> Option<(u64, String)>;
    checkpoints() -> Vec<(u64, String)>;
});

delegate!(FollowStore {
    cursor(name: &'static str) -> EntryIndex;
    put_archive(next: EntryIndex, rows: Vec<ArchiveRow>) -> ();
    put_signals(next: EntryIndex, rows: Vec<SignalRow>) -> ();
    put_casebook(next: Option<EntryIndex>, changes: Vec<BookChange>) -> ();
    put_mirror(next: EntryIndex, files: Vec<(String, u64)>) -> ();
    mirror_files() -> Vec<(String, u64)>;
    forget_derived() -> ();
    derived_digests() -> Vec<(String, Digest)>;
});

delegate!(ArchiveStore {
    message(room: RoomId, message: &MessageId) -> Option<MessageRow>;
    versions(room: RoomId, message: &MessageId) -> Vec<VersionRow>;
    contexts(places: Vec<(RoomId, EntryIndex)>, limit: usize) -> Vec<Vec<VersionRow>>;
    room_messages(room: RoomId, before: Option<EntryIndex>, limit: usize) -> Vec<MessageRow>;
    rooms() -> Vec<RoomRow>;
    room_types() -> Vec<RoomTypeRow>;
    members(room: RoomId) -> Vec<MemberRow>;
    name_at(room: RoomId, account: AccountId, n: EntryIndex) -> Option<String>;
    names_at(who: Vec<(RoomId, AccountId, EntryIndex)>) -> Vec<Option<String>>;
    written_since(room: RoomId, accounts: Vec<AccountId>, since: UtcMillis) -> Vec<MessageRow>;
    signals(from: EntryIndex, to: EntryIndex) -> Vec<SignalRow>;
});

delegate!(CaseStore {
    cases() -> Vec<CaseRow>;
    case(id: CaseId) -> Option<CaseRow>;
    client_cases(room: RoomId, client: AccountId) -> Vec<CaseRow>;
    next_case() -> CaseId;
    open_outbox() -> Vec<OutboxRow>;
    outbox_of_room(room: RoomId) -> Vec<OutboxRow>;
    outbox() -> Vec<OutboxRow>;
    claim(decided_n: EntryIndex, now: UtcMillis, until: UtcMillis) -> bool;
    claim_over(decided_n: EntryIndex, now: UtcMillis) -> bool;
    attempts(decided_n: EntryIndex) -> u32;
    release(decided_n: EntryIndex, not_before: UtcMillis) -> ();
    posts_since(purposes: &'static [Purpose], room: Option<RoomId>, since: UtcMillis) -> u32;
});

delegate!(AnnexStore {
    put_annex(next: EntryIndex, changes: Vec<AnnexChange>) -> ();
    files_due(now: UtcMillis, limit: usize) -> Vec<FileWork>;
    next_file() -> Option<UtcMillis>;
    file_tried(room: RoomId, file: u64, attempts: u32, not_before: UtcMillis) -> ();
    stored_bytes() -> u64;
    files_of(room: RoomId, message: &MessageId) -> Vec<(FileRow, FileState)>;
    files_known(room: RoomId, files: Vec<u64>) -> Vec<u64>;
    bytes_needed(sha256: Digest, besides: Vec<EntryIndex>) -> bool;
    tasks(room: RoomId) -> Vec<TaskRow>;
    looks_due(now: UtcMillis, limit: usize) -> Vec<Look>;
    looked(look: Look, next: UtcMillis) -> ();
    roles(room: RoomId) -> Vec<(AccountId, EntryIndex, String)>;
    room_state(room: RoomId) -> (Option<RoomState>, Option<RoomState>);
});

delegate!(ContinueStore {
    predecessors() -> Vec<Predecessor>;
    past_checkpoints(base: u64) -> Vec<(u64, String)>;
    continue_as(takeover: Takeover) -> ();
});

delegate!(CoverageStore {
    room_reads() -> Vec<RoomRead>;
    put_read(read: NewRead) -> ();
    put_lost(room: RoomId, at: Option<UtcMillis>) -> ();
    put_watched(next: EntryIndex) -> ();
    put_deep(room: RoomId, state: DeepState) -> ();
    gaps(room: Option<RoomId>, since: UtcMillis) -> Vec<GapRow>;
    exposures(room: Option<RoomId>, since: String) -> Vec<Exposure>;
    known_since(room: RoomId, since: UtcMillis, limit: usize) -> Vec<KnownMessage>;
    known_before(room: RoomId, before: (UtcMillis, MessageId), limit: usize) -> Vec<KnownMessage>;
    missing(room: RoomId) -> Vec<(MessageId, EntryIndex)>;
});

delegate!(DeskStore {
    first_written(room: RoomId, accounts: Vec<AccountId>, since: UtcMillis) -> Option<UtcMillis>;
    last_written(room: RoomId) -> Option<UtcMillis>;
    put_cursor(name: &'static str, next: EntryIndex) -> ();
});

delegate!(DoorStore {
    door_secret(name: &'static str, now: UtcMillis) -> Option<String>;
    put_door_secret(name: &'static str, value: String, ends: Option<UtcMillis>) -> ();
    take_door_secret(name: &'static str, value: String, now: UtcMillis) -> bool;
    session(key: Digest) -> Option<String>;
    put_session(key: Digest, record: String, ends: UtcMillis, now: UtcMillis, max: u32) -> ();
    end_session(key: Digest) -> ();
    end_sessions() -> ();
});

delegate!(EraseStore {
    erase(declaration: NewEntry, entries: Vec<EntryIndex>) -> EntryIndex;
    forget_signals(entries: Vec<EntryIndex>) -> ();
    read_against(room: RoomId, after: EntryIndex, until: EntryIndex, messages: usize) -> Vec<VersionRow>;
    scrub() -> bool;
});

delegate!(TreeStore {
    leaves(of: Option<u64>, from: EntryIndex, limit: usize) -> Vec<Digest>;
    tree_nodes(level: u32, from: u64, limit: usize) -> Vec<TreeNode>;
    put_tree(next: EntryIndex, nodes: Vec<TreeNode>) -> ();
    inclusion(of: Option<u64>, n: EntryIndex, size: u64) -> Option<Vec<Digest>>;
    consistency(old: u64, size: u64) -> Option<Vec<Digest>>;
    root(of: Option<u64>, size: u64) -> Digest;
    matching(part: String, from: EntryIndex, until: EntryIndex, contents: bool, limit: usize) -> Vec<Record>;
});

delegate!(ReviewStore {
    told_before(room: RoomId, before: EntryIndex, limit: usize) -> Vec<Told>;
    told_from(room: RoomId, from: EntryIndex, limit: usize) -> Vec<Told>;
    changes(room: Option<RoomId>, before: EntryIndex, limit: usize) -> Vec<(VersionRow, Option<VersionRow>)>;
    imports_before(room: Option<RoomId>, before: EntryIndex, limit: usize) -> Vec<ImportedMessage>;
    imports_from(room: Option<RoomId>, from: EntryIndex, limit: usize) -> Vec<ImportedMessage>;
    counts_since(from: EntryIndex, most: usize) -> Vec<(EntryKind, u64)>;
    newest() -> Vec<MessageRow>;
    people(limit: usize) -> Vec<(AccountId, String)>;
    parts(room: RoomId) -> Vec<(MessageId, CaseId, String)>;
});

delegate!(SearchStore {
    put_index(name: &'static str, next: EntryIndex, rows: Vec<IndexRow>, anew: bool) -> ();
    indexed(expression: Expression, filter: SearchFilter, before: EntryIndex, limit: usize) -> Vec<SearchRow>;
    unindexed(filter: SearchFilter, from: EntryIndex, before: EntryIndex, limit: usize) -> Vec<SearchRow>;
});

delegate!(StandingStore {
    contracts() -> Vec<ContractRow>;
    next_contract() -> ContractId;
    counts(contract: ContractId) -> Vec<CountRow>;
    notes(case: CaseId) -> Vec<NoteRow>;
    case_messages(case: CaseId) -> Vec<CaseMessageRow>;
    draft(case: CaseId) -> Option<DraftRow>;
    open_drafts() -> Vec<DraftRow>;
    switches() -> Switches;
    rooms_declared(what: &'static str, value: &'static str) -> Vec<RoomId>;
    declared_room(room: RoomId) -> DeclaredRoom;
});

delegate!(TurnStore {
    take_turn(held: Option<Turn>, lease: Duration) -> Option<Turn>;
    end_turn(held: Turn) -> ();
});
