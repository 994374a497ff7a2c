//! Derived tables and mirror files made anew by replaying the ledger.

use crate::domain::EntryIndex;
use crate::follow::{
    Agreements, Annex, Archive, Casebook, Detector, FollowError, Index, Mirror, Progress, Tiles,
};
use crate::reply::record;
use crate::store::{DeskStore, FollowStore, LedgerStore, Store, StoreError};

/// Entries read at a time.
const BATCH: usize = 1024;

/// The followers that a rebuild runs; the casebook is given without a decider.
pub struct Rebuild {
    pub store: Store,
    pub archive: Archive,
    pub annex: Annex,
    pub detector: Detector,
    pub mirror: Mirror,
    pub index: Index,
    pub tiles: Tiles,
    pub casebook: Casebook,
}

/// Up to where deciding has come: a replay files what was recorded up to here, and what comes after is decided live.
pub async fn decided_up_to(store: &Store) -> Result<EntryIndex, StoreError> {
    store.cursor(Casebook::NAME).await
}

impl Rebuild {
    /// Empties the derived tables and replays the ledger into them; calls `progress` with the number of entries read.
    pub async fn run(&self, mut progress: impl FnMut(u64)) -> Result<(), FollowError> {
        // What was agreed is told once, and by no table: where its reader stood is kept.
        let agreed = self.store.cursor(Agreements::NAME).await?;
        self.store.forget_derived().await?;
        self.store.put_cursor(Agreements::NAME, agreed).await?;
        loop {
            let moved = [
                self.archive.tick().await?,
                self.detector.tick().await?,
                self.casebook.tick().await?,
                self.annex.tick().await?,
                self.mirror.tick().await?,
                self.index.tick().await?,
                self.tiles.tick().await?,
            ];
            progress(self.store.cursor(Mirror::NAME).await?.0);
            if !moved.contains(&Progress::Moved) {
                return self.file_behind().await;
            }
        }
    }

    /// Files what entries behind the casebook's cursor say of cases and outbox. Who appended them did so at once (the sender, a
    /// word of the owner), and the casebook reads them in its turn; where it stopped before, the tables hold them all the same.
    pub async fn file_behind(&self) -> Result<(), FollowError> {
        let mut from = decided_up_to(&self.store).await?;
        loop {
            let records = self.store.records(from, BATCH).await?;
            let Some(last) = records.last() else { return Ok(()) };
            from = EntryIndex(last.n.0 + 1);
            let changes = records.iter().flat_map(record::apply).collect();
            self.store.put_casebook(None, changes).await?;
        }
    }
}
