//! Brings the copy on, from durable cursors: contents first, then the tree, then the signed head over both.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use serde::Deserialize;

use super::names::{self, HEIGHT, WIDTH};
use super::{Objects, ObjectsError};
use crate::domain::{self, Digest, Entry, EntryIndex, EntryKind};
use crate::files::Shelf;
use crate::ledger::{Erasure, Ledger};
use crate::proof::checkpoint::Checkpoint;
use crate::proof::note::Verifier;
use crate::proof::tree::{Frontier, leaf_hash};
use crate::store::{ContinueStore as _, LedgerStore as _, Record, Store, StoreError, TreeStore as _};

/// Entries taken at a time.
const BATCH: usize = 256;
/// Objects under way at a time.
const AT_ONCE: usize = 16;
/// Leaves read at a time.
const LEAVES: u64 = 4096;

/// Facts of the database that are this copy's cursors: rows whose contents are there, rows whose full tiles are, rows under
/// the newest head, and the storage of which all of them speak.
const CONTENTS: &str = "objects_contents";
const TILES: &str = "objects_tiles";
const HEADS: &str = "objects_heads";
const PLACE: &str = "objects_place";

/// Copies the record to the storage.
pub struct Shipper {
    objects: Objects,
    ledger: Ledger,
    store: Store,
    shelf: Shelf,
}

/// Rows before this one have their contents in the storage, or have none any more; `None` where nothing was ever copied.
pub async fn shipped(store: &Store) -> Result<Option<EntryIndex>, StoreError> {
    Ok(store.fact(CONTENTS).await?.map(EntryIndex))
}

/// One of the ledgers in the database.
struct Part {
    id: String,
    /// The row of its entry 0.
    base: u64,
    /// `None` while it goes on.
    size: Option<u64>,
    /// `None` where its key was lost.
    verifier: Option<Verifier>,
}

#[derive(Deserialize)]
struct FileContent {
    sha256: String,
}

/// The file that an entry says was stored.
pub(super) fn named_file(kind: EntryKind, content: &[u8]) -> Option<Digest> {
    if !matches!(kind, EntryKind::FileStored | EntryKind::FileImported) {
        return None;
    }
    domain::unhex(&serde_json::from_slice::<FileContent>(content).ok()?.sha256)
}

impl Shipper {
    pub fn new(objects: Objects, ledger: Ledger, store: Store, shelf: Shelf) -> Self {
        Self { objects, ledger, store, shelf }
    }

    /// One step; false when there is nothing to do. After an error the next one begins where this one did.
    pub async fn tick(&self) -> Result<bool, ObjectsError> {
        let place = self.objects.name.iter().take(7).fold(0, |sum, it| (sum << 8) | u64::from(*it));
        if self.store.fact(PLACE).await? != Some(place) {
            for cursor in [CONTENTS, TILES, HEADS] {
                self.store.put_fact(cursor, 0).await?;
            }
            self.store.put_fact(PLACE, place).await?;
        }
        Ok(self.contents().await? || self.heads().await?)
    }

    async fn cursor(&self, name: &'static str) -> Result<u64, ObjectsError> {
        Ok(self.store.fact(name).await?.unwrap_or(0))
    }

    /// The ledgers in the order of their rows.
    async fn parts(&self) -> Result<Vec<Part>, ObjectsError> {
        let mut parts = Vec::new();
        for it in self.store.predecessors().await? {
            let verifier = if it.key.is_empty() { None } else { Some(Verifier::parse(&it.key)?) };
            parts.push(Part { id: it.ledger_id, base: it.base, size: Some(it.size), verifier });
        }
        let head = self.ledger.head().await?;
        let verifier = Some(self.ledger.verifier().clone());
        parts.push(Part { id: head.ledger_id, base: head.base, size: None, verifier });
        Ok(parts)
    }

    /// Contents and files of the next entries. An erasure deletes when its turn comes: everything before it is there by then,
    /// and nothing behind it brings the same content again.
    async fn contents(&self) -> Result<bool, ObjectsError> {
        let from = self.cursor(CONTENTS).await?;
        let mut records = self.ledger.records(EntryIndex(from), BATCH).await?;
        if records.is_empty() {
            return Ok(false);
        }
        let parts = self.parts().await?;
        match records.iter().position(|it| Erasure::of(it).is_some()) {
            Some(0) => {
                records.truncate(1);
                let erased = records.first().and_then(Erasure::of).map(|it| it.entries).unwrap_or_default();
                let deleting = erased.into_iter().map(|n| self.delete(&parts, n));
                stream::iter(deleting).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
            }
            Some(position) => records.truncate(position),
            None => {}
        }
        let next = from + records.len() as u64;
        let copying = records.into_iter().map(|it| self.copy(&parts, it));
        stream::iter(copying).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.store.put_fact(CONTENTS, next).await?;
        Ok(true)
    }

    async fn copy(&self, parts: &[Part], record: Record) -> Result<(), ObjectsError> {
        let Some((salt, content)) = record.content else { return Ok(()) };
        let entry = Entry::parse(&record.bytes).map_err(|_| ObjectsError::Damaged(record.n.0))?;
        let (id, n) = owner_of(parts, record.base, record.n)?;
        if entry.content != Some(domain::commitment(&salt, &content)) {
            return Err(ObjectsError::Damaged(record.n.0));
        }
        if let Some(sha256) = named_file(entry.kind, &content) {
            match self.shelf.open(&sha256) {
                Ok(file) => self.objects.put_file(id, &names::file(&entry, n), file, &sha256).await?,
                // Erased since, or lost: `verify` tells which.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    tracing::warn!(entry = record.n.0, "a stored file is not there, and has no copy");
                }
                Err(error) => return Err(ObjectsError::File(error)),
            }
        }
        // Together they hash to what the entry says.
        let bytes = [&salt[..], &content].concat();
        self.objects.put(id, &names::content(&entry, n), bytes).await
    }

    async fn delete(&self, parts: &[Part], n: EntryIndex) -> Result<(), ObjectsError> {
        let Some(record) = self.store.records(n, 1).await?.pop() else { return Ok(()) };
        let entry = Entry::parse(&record.bytes).map_err(|_| ObjectsError::Damaged(n.0))?;
        let (id, n) = owner_of(parts, record.base, record.n)?;
        if matches!(entry.kind, EntryKind::FileStored | EntryKind::FileImported) {
            self.objects.delete(id, &names::file(&entry, n)).await?;
        }
        self.objects.delete(id, &names::content(&entry, n)).await
    }

    /// The newest signed head that everything is there for, with the tree under it.
    async fn heads(&self) -> Result<bool, ObjectsError> {
        let (ready, shipped) = (self.cursor(CONTENTS).await?, self.cursor(HEADS).await?);
        if ready <= shipped {
            return Ok(false);
        }
        for part in self.parts().await? {
            let Some(size) = part.size else {
                let Some((size, note)) = self.store.newest_checkpoint().await? else { return Ok(false) };
                let end = part.base + size;
                // A head that is not covered yet, or one of a database that was put back: the next one is.
                if end <= shipped || end > ready || !self.tree(&part, size).await? {
                    return Ok(false);
                }
                self.publish(&part, &note).await?;
                self.outgrow(&part, shipped.saturating_sub(part.base), size).await?;
                self.store.put_fact(HEADS, end).await?;
                return Ok(true);
            };
            if part.base + size <= shipped {
                continue;
            }
            if part.base + size > ready {
                return Ok(false);
            }
            // Its last entries may be behind its last head: the ledger that follows commits to them.
            let newest = self.store.past_checkpoints(part.base).await?.pop();
            let signed = newest.as_ref().map(|(size, _)| *size);
            for size in signed.into_iter().chain([size]) {
                self.tree(&part, size).await?;
            }
            if let Some((_, note)) = newest {
                self.publish(&part, &note).await?;
            }
            self.store.put_fact(HEADS, part.base + size).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Entries and hashes up to that size; false when the tree in the database is not so far yet.
    async fn tree(&self, part: &Part, size: u64) -> Result<bool, ObjectsError> {
        let own = |row: u64| row.saturating_sub(part.base);
        let mut next = own(self.cursor(TILES).await?) / WIDTH;
        let before = own(self.cursor(HEADS).await?);
        while next < size / WIDTH {
            let until = (size / WIDTH).min(next + AT_ONCE as u64 / 2);
            let tiles = (next..until).map(|it| self.bottom(part, it, WIDTH));
            stream::iter(tiles).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
            next = until;
            self.store.put_fact(TILES, part.base + next * WIDTH).await?;
        }
        if !size.is_multiple_of(WIDTH) {
            self.bottom(part, size / WIDTH, size % WIDTH).await?;
        }
        for level in 1.. {
            let (count, done) = (size >> (HEIGHT * level), before >> (HEIGHT * level));
            if count == 0 {
                return Ok(true);
            }
            for tile in done / WIDTH..count.div_ceil(WIDTH) {
                let width = (count - tile * WIDTH).min(WIDTH);
                let Some(nodes) = self.nodes(part, level, tile * WIDTH, width).await? else {
                    return Ok(false);
                };
                self.objects.put(&part.id, &names::tile(level, tile, width), nodes.concat()).await?;
            }
        }
        Ok(true)
    }

    /// The entries under a tile of the lowest level, and their hashes.
    async fn bottom(&self, part: &Part, tile: u64, width: u64) -> Result<(), ObjectsError> {
        let first = part.base + tile * WIDTH;
        let records = self.store.records(EntryIndex(first), usize::try_from(width).unwrap_or(BATCH)).await?;
        let (mut entries, mut leaves) = (Vec::new(), Vec::new());
        for (n, record) in (first..first + width).zip(&records) {
            let length = u16::try_from(record.bytes.len()).ok();
            let length = length.filter(|_| record.n.0 == n && leaf_hash(&record.bytes) == record.leaf);
            let length = length.ok_or(ObjectsError::Damaged(n))?;
            entries.extend_from_slice(&length.to_be_bytes());
            entries.extend_from_slice(&record.bytes);
            leaves.extend_from_slice(&record.leaf);
        }
        if records.len() as u64 != width {
            return Err(ObjectsError::Damaged(first + records.len() as u64));
        }
        self.objects.put(&part.id, &names::entries(tile, width), entries).await?;
        self.objects.put(&part.id, &names::tile(0, tile, width), leaves).await
    }

    /// Nodes of a level in order; `None` where they are not derived yet.
    async fn nodes(
        &self,
        part: &Part,
        level: u32,
        from: u64,
        count: u64,
    ) -> Result<Option<Vec<Digest>>, ObjectsError> {
        let wanted = usize::try_from(count).unwrap_or(BATCH);
        if part.size.is_none() {
            let found = self.store.tree_nodes(level, from, wanted).await?;
            return Ok((found.len() == wanted).then(|| found.into_iter().map(|it| it.root).collect()));
        }
        // Only of the present ledger nodes are kept.
        let mut nodes = Vec::new();
        for index in from..from + count {
            let (mut at, end) = (index << (HEIGHT * level), (index + 1) << (HEIGHT * level));
            let mut tree = Frontier::empty();
            while at < end {
                let limit = usize::try_from((end - at).min(LEAVES)).unwrap_or(BATCH);
                let leaves = self.store.leaves(Some(part.base), EntryIndex(at), limit).await?;
                if leaves.is_empty() {
                    return Err(ObjectsError::Damaged(part.base + at));
                }
                at += leaves.len() as u64;
                leaves.into_iter().for_each(|it| tree.push(it));
            }
            nodes.push(tree.root());
        }
        Ok(Some(nodes))
    }

    /// Deletes the unfinished tiles under the head before: those under the new one begin with the same.
    async fn outgrow(&self, part: &Part, before: u64, now: u64) -> Result<(), ObjectsError> {
        for level in 0.. {
            let (old, new) = (before >> (HEIGHT * level), now >> (HEIGHT * level));
            if old == 0 {
                break;
            }
            let (tile, width) = (old / WIDTH, old % WIDTH);
            if width > 0 && old != new {
                self.objects.delete(&part.id, &names::tile(level, tile, width)).await?;
                if level == 0 {
                    self.objects.delete(&part.id, &names::entries(tile, width)).await?;
                }
            }
        }
        Ok(())
    }

    /// The head for good, and as the newest unless a newer one stands there: an older copy of the database may be at work.
    async fn publish(&self, part: &Part, note: &str) -> Result<(), ObjectsError> {
        let Some(verifier) = &part.verifier else { return Ok(()) };
        let size = Checkpoint::open(note, verifier).map_err(crate::ledger::LedgerError::Sign)?.size;
        let (id, note) = (&part.id, note.as_bytes().to_vec());
        self.objects.put(id, names::KEY, format!("{verifier}\n").into_bytes()).await?;
        self.objects.put(id, &names::head(size), note.clone()).await?;
        let newest = self.objects.get(id, names::CHECKPOINT).await?;
        let newest = newest
            .and_then(|it| Checkpoint::open(std::str::from_utf8(&it).ok()?, verifier).ok().map(|it| it.size));
        if newest.is_none_or(|it| it < size) {
            self.objects.put(id, names::CHECKPOINT, note).await?;
        }
        Ok(())
    }
}

/// The ledger with that base, and the number that a row has in it.
fn owner_of(parts: &[Part], base: u64, row: EntryIndex) -> Result<(&str, u64), ObjectsError> {
    let part = parts.iter().find(|it| it.base == base);
    let part = part.ok_or(StoreError::Corrupt("a row belongs to no ledger"))?;
    Ok((&part.id, row.0.saturating_sub(base)))
}
