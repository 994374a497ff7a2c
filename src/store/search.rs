//! What search asks of the store: an index written by a follower, candidates that the caller confirms on the text.

use std::future::Future;

use crate::domain::{AccountId, EntryIndex, Label, RoomId, UtcMillis};

use super::{ImportedMessage, StoreResult, VersionRow};

/// One change to the index.
#[derive(Clone, Debug)]
pub enum IndexRow {
    /// A version of a message, or what an import shows as one, with its words, separated by spaces.
    Version { n: EntryIndex, words: String },
    /// What was indexed of these entries is taken out.
    Erased { entries: Vec<EntryIndex> },
}

/// Which versions are looked at. Absent things do not narrow.
#[derive(Clone, Debug, Default)]
pub struct SearchFilter {
    pub room: Option<RoomId>,
    pub sender: Option<AccountId>,
    /// By the version's own time: its `update_time`, else when it was sent; half-open.
    pub from: Option<UtcMillis>,
    pub to: Option<UtcMillis>,
    /// Of a message that has more than one text.
    pub edited: bool,
    /// Of a message that is no longer there.
    pub deleted: bool,
    /// With a file.
    pub has_file: bool,
    /// Of the conversation of a case: its room from its opening on; half-open.
    pub case: Option<(RoomId, UtcMillis, Option<UtcMillis>)>,
    /// With this label of detection; `Some(None)` is any label.
    pub flag: Option<Option<Label>>,
    /// From an older copy that the owner brought, nothing that was captured.
    pub imported: bool,
}

/// What a search looks at.
#[derive(Clone, Debug)]
pub enum SearchRow {
    /// A version with what is known of its message.
    Captured {
        version: VersionRow,
        send_time: UtcMillis,
        /// The message is no longer there.
        deleted: bool,
        /// The version is what the room shows now.
        current: bool,
    },
    /// What an older copy shows: no version of a captured message.
    Imported(ImportedMessage),
}

impl SearchRow {
    pub fn n(&self) -> EntryIndex {
        match self {
            Self::Captured { version, .. } => version.n,
            Self::Imported(message) => message.n,
        }
    }

    pub fn body(&self) -> &str {
        match self {
            Self::Captured { version, .. } => &version.body,
            Self::Imported(message) => &message.body,
        }
    }
}

/// Which words of the index are looked up. Words hold no white space and no quotation mark.
#[derive(Clone, Debug)]
pub struct Expression {
    /// All of these must fit, each by any of its alternatives, of which all words must be there. Never empty.
    pub all: Vec<Vec<Vec<String>>>,
    /// The word that what imports show is filed under, and nothing else.
    pub import: String,
}

/// The search index and the reads that search is made of.
pub trait SearchStore {
    /// Rows and the cursor `name`; with `anew` the index is emptied before.
    fn put_index(
        &self,
        name: &'static str,
        next: EntryIndex,
        rows: Vec<IndexRow>,
        anew: bool,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    /// Rows from before entry `before` on whose words fit `expression`, newest first. There may be others among them.
    fn indexed(
        &self,
        expression: Expression,
        filter: SearchFilter,
        before: EntryIndex,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<SearchRow>>> + Send;
    /// Rows of entries from `from` to before `before`, newest first, without the index.
    fn unindexed(
        &self,
        filter: SearchFilter,
        from: EntryIndex,
        before: EntryIndex,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<SearchRow>>> + Send;
}
