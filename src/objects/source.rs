//! A copied ledger as something to verify.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use tokio::runtime::Handle;

use super::names::{self, HEIGHT, WIDTH};
use super::ship::named_file;
use super::{Objects, ObjectsError};
use crate::domain::{Digest, Entry, EntryKind};
use crate::ledger::{Earlier, Erasure};
use crate::proof::tree::root_of;
use crate::proof::verify::{Content, Part, Source, SourceError};

/// Objects read at a time.
const AT_ONCE: usize = 16;

/// Reads the objects exactly as they are. To be used on threads that may block.
pub(super) struct ObjectSource {
    objects: Objects,
    ledger: String,
    runtime: Handle,
    size: u64,
    /// What was met under each tile that was read, which may be one twice.
    met: Mutex<BTreeMap<u64, Seen>>,
}

/// What was met on the way.
#[derive(Default)]
pub(super) struct Seen {
    /// Entries whose content is there.
    pub(super) present: Vec<u64>,
    /// Files that are there and fit, and entries whose file is not, or does not.
    pub(super) files: u64,
    pub(super) bad_files: Vec<u64>,
    /// What the erasures in this ledger name: of itself, and of earlier ones.
    pub(super) erased: Vec<u64>,
    pub(super) earlier: Vec<Earlier>,
    /// Tiles that are not there, or are not those of the entries.
    pub(super) bad_tiles: Vec<String>,
    /// Roots over full tiles of the lowest level.
    roots: Vec<Digest>,
}

impl Seen {
    fn meet(&mut self, row: &Stored) {
        let Content::Present { bytes, .. } = &row.content else { return };
        self.present.push(row.n);
        if Entry::parse(&row.entry).is_ok_and(|it| it.kind == EntryKind::ContentErased)
            && let Some((own, earlier)) = Erasure::named(bytes)
        {
            self.erased.extend(own);
            self.earlier.extend(earlier);
        }
    }

    fn join(&mut self, mut later: Self) {
        self.present.append(&mut later.present);
        self.files += later.files;
        self.bad_files.append(&mut later.bad_files);
        self.erased.append(&mut later.erased);
        self.earlier.append(&mut later.earlier);
        self.bad_tiles.append(&mut later.bad_tiles);
        self.roots.append(&mut later.roots);
    }
}

/// A row as its objects give it. No `Debug`: the content is other people's words.
struct Stored {
    n: u64,
    entry: Vec<u8>,
    leaf: Option<Digest>,
    content: Content,
    /// Whether the file that it names is there as it should be.
    file: Option<bool>,
}

impl ObjectSource {
    /// Must be called within the runtime.
    pub(super) fn new(objects: Objects, ledger: &str, size: u64) -> Self {
        let runtime = Handle::current();
        Self { objects, ledger: ledger.to_owned(), runtime, size, met: Mutex::default() }
    }

    /// The entries under a tile, with whatever is there of them.
    async fn read_tile(&self, tile: u64) -> Result<(Vec<Stored>, Seen), ObjectsError> {
        let mut seen = Seen::default();
        let first = tile * WIDTH;
        let width = (self.size - first).min(WIDTH);
        let name = names::tile(0, tile, width);
        let leaves = self.objects.get(&self.ledger, &name).await?.unwrap_or_default();
        let (leaves, rest) = leaves.as_chunks::<32>();
        if leaves.len() as u64 != width || !rest.is_empty() {
            seen.bad_tiles.push(name);
        }
        if width == WIDTH && leaves.len() as u64 == width {
            seen.roots.push(root_of(leaves));
        }
        let bundle = self.objects.get(&self.ledger, &names::entries(tile, width)).await?;
        let entries = split(&bundle.unwrap_or_default());
        let rows = (first..first + width).zip(entries).map(|(n, entry)| {
            let leaf = leaves.get(usize::try_from(n - first).unwrap_or(usize::MAX)).copied();
            read_row(&self.objects, &self.ledger, n, entry, leaf)
        });
        let rows: Vec<_> = stream::iter(rows).buffered(AT_ONCE).collect().await;
        let rows: Vec<Stored> = rows.into_iter().collect::<Result<_, _>>()?;
        for row in &rows {
            seen.meet(row);
            match row.file {
                Some(true) => seen.files += 1,
                Some(false) => seen.bad_files.push(row.n),
                None => {}
            }
        }
        Ok((rows, seen))
    }

    fn met(&self) -> MutexGuard<'_, BTreeMap<u64, Seen>> {
        // What was put in is whole, whatever became of the thread that held the lock.
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that was met, in the order of the rows, once they were read.
    pub(super) async fn finish(&self) -> Result<Seen, ObjectsError> {
        let mut all = Seen::default();
        std::mem::take(&mut *self.met()).into_values().for_each(|it| all.join(it));
        self.check_tiles(&mut all).await?;
        Ok(all)
    }

    /// Compares the upper tiles with what the lowest ones give.
    async fn check_tiles(&self, seen: &mut Seen) -> Result<(), ObjectsError> {
        let mut nodes = std::mem::take(&mut seen.roots);
        for level in 1.. {
            if nodes.is_empty() || nodes.len() as u64 != self.size >> (HEIGHT * level) {
                return Ok(());
            }
            for (tile, expected) in (0..).zip(nodes.chunks(WIDTH as usize)) {
                let name = names::tile(level, tile, expected.len() as u64);
                let found = self.objects.get(&self.ledger, &name).await?;
                if found.is_none_or(|it| it[..] != expected.concat()) {
                    seen.bad_tiles.push(name);
                }
            }
            nodes = nodes.chunks_exact(WIDTH as usize).map(root_of).collect();
        }
        Ok(())
    }
}

impl Source for ObjectSource {
    fn read(&self, rows: Range<u64>, part: &mut Part) -> Result<(), SourceError> {
        let mut next = rows.start;
        while next < rows.end.min(self.size) {
            let tile = next / WIDTH;
            let read = self.runtime.block_on(self.read_tile(tile));
            let (found, seen) = read.map_err(|error| SourceError(Box::new(error)))?;
            self.met().insert(tile, seen);
            for row in found.iter().filter(|it| rows.contains(&it.n)) {
                part.push(row.n, &row.entry, row.leaf, row.content.as_ref().map(Vec::as_slice));
            }
            if !part.is_empty() {
                break;
            }
            next = (tile + 1) * WIDTH;
        }
        Ok(())
    }
}

async fn read_row(
    objects: &Objects,
    ledger: &str,
    n: u64,
    entry: Vec<u8>,
    leaf: Option<Digest>,
) -> Result<Stored, ObjectsError> {
    let (mut content, mut file) = (Content::None, None);
    if let Ok(it) = Entry::parse(&entry)
        && it.content.is_some()
    {
        let bytes = objects.get(ledger, &names::content(&it, n)).await?;
        content = match bytes.as_ref().and_then(|it| it.split_first_chunk::<32>()) {
            Some((salt, bytes)) => Content::Present { salt: *salt, bytes: bytes.to_vec() },
            None if bytes.is_some() => Content::None,
            None => Content::Erased,
        };
        if let Content::Present { bytes, .. } = &content
            && let Some(sha256) = named_file(it.kind, bytes)
        {
            file = Some(objects.hash(ledger, &names::file(&it, n)).await? == Some(sha256));
        }
    }
    Ok(Stored { n, entry, leaf, content, file })
}

/// Each entry with its length before it; what is cut off ends the list.
fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>()
        && let Some((entry, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
    {
        entries.push(entry.to_vec());
        bytes = rest;
    }
    entries
}
