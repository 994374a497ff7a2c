//! The live ledger as something to verify.

use std::path::Path;
use std::vec;

use tokio::runtime::Handle;

use crate::domain::EntryIndex;
use crate::proof::note::Verifier;
use crate::proof::verify::{Content, Expected, Row, Source, SourceError};
use crate::store::{LedgerStore, Record, Store};

use super::{LedgerError, checkpoints};

/// Rows read at a time.
const BATCH: usize = 2048;

/// Reads the stored rows in order, exactly as they are: nothing is corrected on the way. To be used on a thread that
/// may block.
pub struct StoreSource {
    store: Store,
    runtime: Handle,
    next: EntryIndex,
    rows: vec::IntoIter<Record>,
}

impl StoreSource {
    /// Must be called within the runtime.
    pub fn new(store: Store) -> Self {
        Self { store, runtime: Handle::current(), next: EntryIndex(0), rows: Vec::new().into_iter() }
    }
}

impl Source for StoreSource {
    fn next(&mut self) -> Result<Option<Row>, SourceError> {
        if self.rows.len() == 0 {
            let records = self.runtime.block_on(self.store.records(self.next, BATCH));
            let records = records.map_err(|error| SourceError(Box::new(error)))?;
            let Some(last) = records.last() else { return Ok(None) };
            self.next = EntryIndex(last.n.0 + 1);
            self.rows = records.into_iter();
        }
        Ok(self.rows.next().map(row))
    }
}

/// In the live ledger content is there or erased; nothing is withheld.
fn row(record: Record) -> Row {
    let content = match record.content {
        Some((salt, bytes)) => Content::Present { salt, bytes },
        None if record.entry().is_ok_and(|entry| entry.content.is_some()) => Content::Erased,
        None => Content::None,
    };
    Row { n: record.n.0, entry: record.bytes, stored_leaf: Some(record.leaf), content }
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
    let mut notes =
        checkpoints::outside(&folder).map_err(|source| LedgerError::File { path: folder, source })?;
    for (size, note) in store.checkpoints().await? {
        notes.push((format!("database, checkpoint {size}"), note));
    }
    let mut heads = Heads::default();
    for (place, note) in notes {
        match Expected::from_note(&note, verifier, &place) {
            Ok(expected) => heads.expected.push(expected),
            Err(_) => heads.foreign.push(place),
        }
    }
    Ok(heads)
}
