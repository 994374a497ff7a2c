//! Files each version of each message, and each message of an import, under its words, for search.

use crate::domain::{EntryIndex, EntryKind};
use crate::ledger::{Erasure, Ledger};
use crate::search::{self, INDEX_CURSOR};
use crate::store::{FollowStore, IndexRow, Record, SearchStore as _, Store};

use super::annex::imported;
use super::capture::capture;
use super::{FollowError, Progress};

/// Entries of one batch: the index is cheaper to grow in large pieces, and nobody waits for it.
const BATCH: usize = 1000;

/// Derives the search index.
pub struct Index {
    ledger: Ledger,
    store: Store,
    until: Option<EntryIndex>,
}

impl Index {
    pub const NAME: &'static str = INDEX_CURSOR;

    pub fn new(ledger: Ledger, store: Store) -> Self {
        Self { ledger, store, until: None }
    }

    /// Never beyond this entry: a comparison stops where the original had come to.
    pub fn until(mut self, until: EntryIndex) -> Self {
        self.until = Some(until);
        self
    }

    /// Handles one batch.
    pub async fn tick(&self) -> Result<Progress, FollowError> {
        let from = self.store.cursor(Self::NAME).await?;
        let left = self.until.map_or(BATCH as u64, |until| until.0.saturating_sub(from.0).min(BATCH as u64));
        let records = self.ledger.records(from, usize::try_from(left).unwrap_or(BATCH)).await?;
        let Some(last) = records.last() else { return Ok(Progress::Idle) };
        let next = EntryIndex(last.n.0 + 1);
        let rows = records.iter().filter_map(row).collect();
        // At the beginning of the ledger the index may still hold what another version of the words left.
        self.store.put_index(Self::NAME, next, rows, from.0 == 0).await?;
        Ok(Progress::Moved)
    }
}

/// An entry that cannot be read is passed over, as in the archive. A tombstone's text is the platform's, not a person's.
fn row(record: &Record) -> Option<IndexRow> {
    let entry = record.entry().ok()?;
    match entry.kind {
        EntryKind::MessageCreated | EntryKind::MessageUpdated => {
            let seen = capture(&entry, record)?;
            Some(IndexRow::Version { n: entry.n, words: search::words(seen.room, seen.account, &seen.body) })
        }
        EntryKind::MessageImported => {
            let it = imported(&entry, record)?;
            let words = search::words_imported(it.room, it.account, &it.body);
            Some(IndexRow::Version { n: entry.n, words })
        }
        EntryKind::ContentErased => Some(IndexRow::Erased { entries: Erasure::of(record)?.entries }),
        _ => None,
    }
}
