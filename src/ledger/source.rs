//! The live ledger as something to verify.

use std::path::Path;
use std::vec;

use tokio::runtime::Handle;

use crate::domain::EntryIndex;
use crate::proof::note::Verifier;
use crate::proof::verify::{Content, Expected, Row, Source, SourceError};
use crate::store::{ContinueStore as _, LedgerStore, Record, Store};

use super::{LedgerError, checkpoints};

/// Rows read at a time.
const BATCH: usize = 2048;

/// Reads the stored rows in order, exactly as they are: nothing is corrected on the way. To be used on a thread that
/// may block.
pub struct StoreSource {
    store: Store,
    runtime: Handle,
    /// The row of the ledger's entry 0, the next one to be read, and the one behind its last.
    base: u64,
    next: EntryIndex,
    until: u64,
    rows: vec::IntoIter<Record>,
}

impl StoreSource {
    /// The ledger whose entry 0 is row `base`, up to the row `until`. Must be called within the runtime.
    pub fn new(store: Store, base: u64, until: u64) -> Self {
        let rows = Vec::new().into_iter();
        Self { store, runtime: Handle::current(), base, next: EntryIndex(base), until, rows }
    }
}

impl Source for StoreSource {
    fn next(&mut self) -> Result<Option<Row>, SourceError> {
        if self.rows.len() == 0 {
            let left = usize::try_from(self.until.saturating_sub(self.next.0)).unwrap_or(BATCH).min(BATCH);
            if left == 0 {
                return Ok(None);
            }
            let records = self.runtime.block_on(self.store.records(self.next, left));
            let mut records = records.map_err(|error| SourceError(Box::new(error)))?;
            records.retain(|it| it.n.0 < self.until);
            let Some(last) = records.last() else { return Ok(None) };
            self.next = EntryIndex(last.n.0 + 1);
            self.rows = records.into_iter();
        }
        Ok(self.rows.next().map(|it| row(it, self.base)))
    }
}

/// In the live ledger content is there or erased; nothing is withheld.
fn row(record: Record, base: u64) -> Row {
    let content = match record.content {
        Some((salt, bytes)) => Content::Present { salt, bytes },
        None if record.entry().is_ok_and(|entry| entry.content.is_some()) => Content::Erased,
        None => Content::None,
    };
    Row { n: record.n.0.saturating_sub(base), entry: record.bytes, stored_leaf: Some(record.leaf), content }
}

/// The signed heads of a ledger.
#[derive(Debug, Default)]
pub struct Heads {
    pub expected: Vec<Expected>,
    /// Where notes stand that this ledger's key did not sign, or not over this ledger.
    pub foreign: Vec<String>,
}

/// All signed heads, in the database and outside it.
pub async fn heads(store: &Store, data_dir: &Path, verifier: &Verifier) -> Result<Heads, LedgerError> {
    let folder = data_dir.join("checkpoints");
    let notes = checkpoints::outside(&folder).map_err(|source| LedgerError::File { path: folder, source })?;
    let stored = store.checkpoints().await?;
    Ok(sorted(notes, stored, verifier))
}

/// All signed heads of a ledger that has ended: those in the database, and those kept in its folder.
pub async fn past_heads(
    store: &Store,
    folder: &Path,
    base: u64,
    verifier: &Verifier,
) -> Result<Heads, LedgerError> {
    let folder = folder.join("checkpoints");
    let notes = checkpoints::outside(&folder).map_err(|source| LedgerError::File { path: folder, source })?;
    Ok(sorted(notes, store.past_checkpoints(base).await?, verifier))
}

fn sorted(mut notes: Vec<(String, String)>, stored: Vec<(u64, String)>, verifier: &Verifier) -> Heads {
    notes.extend(stored.into_iter().map(|(size, note)| (format!("database, checkpoint {size}"), note)));
    let mut heads = Heads::default();
    for (place, note) in notes {
        match Expected::from_note(&note, verifier, &place) {
            Ok(expected) => heads.expected.push(expected),
            Err(_) => heads.foreign.push(place),
        }
    }
    heads
}
