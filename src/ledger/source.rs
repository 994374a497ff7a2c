//! The live ledger as something to verify.

use std::ops::Range;
use std::path::Path;

use tokio::runtime::Handle;

use crate::domain::EntryIndex;
use crate::proof::note::Verifier;
use crate::proof::verify::{Expected, Part, Source, SourceError};
use crate::store::{ContinueStore as _, LedgerStore as _, Store};

use super::{LedgerError, checkpoints};

/// Reads the stored rows in order, exactly as they are: nothing is corrected on the way. To be used on threads that may
/// block.
pub struct StoreSource {
    store: Store,
    runtime: Handle,
    /// The row of the ledger's entry 0, and the one behind its last.
    base: u64,
    until: u64,
}

impl StoreSource {
    /// The ledger whose entry 0 is row `base`, up to the row `until`. Must be called within the runtime.
    pub fn new(store: Store, base: u64, until: u64) -> Self {
        Self { store, runtime: Handle::current(), base, until }
    }
}

impl Source for StoreSource {
    fn read(&self, rows: Range<u64>, part: &mut Part) -> Result<(), SourceError> {
        // No database numbers further than that.
        let until = self.until.min(i64::MAX.unsigned_abs());
        let row = |n: u64| EntryIndex(self.base.saturating_add(n).min(until));
        let rows = row(rows.start)..row(rows.end);
        if rows.is_empty() {
            return Ok(());
        }
        let filled = self.runtime.block_on(self.store.fill(rows, self.base, std::mem::take(part)));
        *part = filled.map_err(|error| SourceError(Box::new(error)))?;
        Ok(())
    }
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
