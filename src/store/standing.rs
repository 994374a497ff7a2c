//! What the owner has said, and what waits for his word: contracts, rooms, switches, notes, drafts. Rows and the trait
//! that reads them.

use std::future::Future;

use crate::domain::{AccountId, CaseId, ContractId, EntryIndex, MessageId, RoomId, UtcMillis};

use super::rows::{CaseUpdate, OutboxChange, Purpose, RequestRef};
use super::{OutboxState, StoreResult};

/// A contract as the owner registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractRow {
    pub id: ContractId,
    pub room: RoomId,
    /// Absent: whoever orders in this room.
    pub client: Option<AccountId>,
    /// In the spelling of `cases::Form`.
    pub form: String,
    pub quantity: Option<u32>,
    pub unit: String,
    pub yen: Option<u64>,
    pub until: Option<UtcMillis>,
    pub escrowed: bool,
    pub ended: bool,
    pub remind: bool,
    /// Address of the contract on CrowdWorks.
    pub link: Option<String>,
    pub registered_at: UtcMillis,
    pub changed_n: EntryIndex,
}

/// Pieces of a contract that a request asked for; negative where they were given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountRow {
    pub n: EntryIndex,
    pub contract: ContractId,
    pub count: i64,
    pub room: RoomId,
    pub message: MessageId,
    pub at: UtcMillis,
}

/// A note of the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteRow {
    pub n: EntryIndex,
    pub case: CaseId,
    pub at: UtcMillis,
    pub text: String,
}

/// The newest draft of a case: what the owner was shown, and may send by a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftRow {
    pub case: CaseId,
    /// The note that shows it.
    pub drafted_n: EntryIndex,
    pub purpose: Purpose,
    pub room: RoomId,
    pub request: RequestRef,
    pub text: String,
    /// Why it was not posted by itself.
    pub why: String,
    pub state: DraftState,
    /// How far the note that shows it has come, and its id in the control room.
    pub shown: Option<(OutboxState, Option<MessageId>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftState {
    /// Waits for the owner's word.
    Open,
    Approved,
    Rejected,
}

impl DraftState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Approved, Self::Rejected].into_iter().find(|it| it.as_str() == text)
    }
}

/// A message that belongs to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseMessageRow {
    pub case: CaseId,
    pub room: RoomId,
    pub message: MessageId,
    /// `request`, `joined`, `reminder`, `follow_up`, `claim`, `withdrawal`, `link`.
    pub part: String,
    pub n: EntryIndex,
}

/// What is switched, for all rooms. The default is a bot that works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// Nothing is posted in any client's room.
    pub stopped: bool,
    /// The same until this time.
    pub quiet_until: Option<UtcMillis>,
}

/// What the owner said of a room, later words over earlier ones; in the spellings of `cases`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeclaredRoom {
    pub contract: Option<String>,
    pub outside_contact: Option<String>,
    /// Clients who want no automatic messages (`true`), or want them again.
    pub opted_out: Vec<(AccountId, bool)>,
    /// What was said once about the room.
    pub told: Vec<String>,
    /// How the bot is to speak there, in the spelling of `reply::said`.
    pub reply: Option<String>,
}

impl DeclaredRoom {
    /// From the table's rows of one room: what, and the value.
    pub(super) fn of(rows: Vec<(String, String)>) -> Self {
        let mut declared = Self::default();
        for (what, value) in rows {
            match what.split_once(':') {
                None if what == "contract" => declared.contract = Some(value),
                None if what == "outside_contact" => declared.outside_contact = Some(value),
                None if what == "reply" => declared.reply = Some(value),
                Some(("opted_out", account)) => {
                    let account = account.parse().ok().map(AccountId);
                    declared.opted_out.extend(account.map(|it| (it, value == "true")));
                }
                Some(("told", what)) => declared.told.push(what.to_owned()),
                None | Some(_) => {}
            }
        }
        declared
    }
}

/// One thing that is declared or switched: the name, and the value as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Absent: of the bot itself.
    pub room: Option<RoomId>,
    pub what: String,
    pub value: String,
    pub n: EntryIndex,
}

/// What one recorded entry does to the casebook's tables.
#[derive(Clone, Debug)]
pub enum BookChange {
    Case(CaseUpdate),
    Outbox(OutboxChange),
    Message(CaseMessageRow),
    Note(NoteRow),
    Contract(ContractRow),
    Count(CountRow),
    Declared(Declaration),
    Draft(DraftRow),
    /// The content of these entries was erased, and with it the terms of these cases.
    Erased {
        entries: Vec<EntryIndex>,
        cases: Vec<CaseId>,
    },
    DraftEnded {
        drafted_n: EntryIndex,
        state: DraftState,
    },
}

/// What the owner has said, and what waits for his word.
pub trait StandingStore {
    /// All contracts, oldest first.
    fn contracts(&self) -> impl Future<Output = StoreResult<Vec<ContractRow>>> + Send;
    fn next_contract(&self) -> impl Future<Output = StoreResult<ContractId>> + Send;
    /// Counts of a contract, oldest first.
    fn counts(&self, contract: ContractId) -> impl Future<Output = StoreResult<Vec<CountRow>>> + Send;
    /// Notes of a case, oldest first.
    fn notes(&self, case: CaseId) -> impl Future<Output = StoreResult<Vec<NoteRow>>> + Send;
    /// Messages of a case, in the order in which they were recorded.
    fn case_messages(&self, case: CaseId) -> impl Future<Output = StoreResult<Vec<CaseMessageRow>>> + Send;
    /// The newest draft of a case, whatever became of it.
    fn draft(&self, case: CaseId) -> impl Future<Output = StoreResult<Option<DraftRow>>> + Send;
    /// Drafts that wait for the owner's word, oldest first.
    fn open_drafts(&self) -> impl Future<Output = StoreResult<Vec<DraftRow>>> + Send;
    fn switches(&self) -> impl Future<Output = StoreResult<Switches>> + Send;
    /// Rooms of which this was declared last.
    fn rooms_declared(
        &self,
        what: &'static str,
        value: &'static str,
    ) -> impl Future<Output = StoreResult<Vec<RoomId>>> + Send;
    fn declared_room(&self, room: RoomId) -> impl Future<Output = StoreResult<DeclaredRoom>> + Send;
}
