//! A copied ledger as something to verify.

use std::vec;

use futures_util::{StreamExt as _, stream};
use tokio::runtime::Handle;

use super::names::{self, HEIGHT, WIDTH};
use super::ship::named_file;
use super::{Objects, ObjectsError};
use crate::domain::{Digest, Entry, EntryKind};
use crate::ledger::{Earlier, Erasure};
use crate::proof::tree::root_of;
use crate::proof::verify::{Content, Row, Source, SourceError};

/// Objects read at a time.
const AT_ONCE: usize = 16;

/// Reads the objects in order, exactly as they are. To be used on a thread that may block.
pub(super) struct ObjectSource {
    objects: Objects,
    ledger: String,
    runtime: Handle,
    size: u64,
    next: u64,
    rows: vec::IntoIter<Row>,
    pub(super) seen: Seen,
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

impl ObjectSource {
    /// Must be called within the runtime.
    pub(super) fn new(objects: Objects, ledger: &str, size: u64) -> Self {
        let (runtime, rows) = (Handle::current(), Vec::new().into_iter());
        Self { objects, ledger: ledger.to_owned(), runtime, size, next: 0, rows, seen: Seen::default() }
    }

    /// The entries under the next tile, with whatever is there of them.
    async fn read(&mut self) -> Result<Vec<Row>, ObjectsError> {
        let (tile, first) = (self.next / WIDTH, self.next);
        let width = (self.size - first).min(WIDTH);
        self.next += width;
        let name = names::tile(0, tile, width);
        let leaves = self.objects.get(&self.ledger, &name).await?.unwrap_or_default();
        let (leaves, rest) = leaves.as_chunks::<32>();
        if leaves.len() as u64 != width || !rest.is_empty() {
            self.seen.bad_tiles.push(name);
        }
        if width == WIDTH && leaves.len() as u64 == width {
            self.seen.roots.push(root_of(leaves));
        }
        let bundle = self.objects.get(&self.ledger, &names::entries(tile, width)).await?;
        let entries = split(&bundle.unwrap_or_default());
        let rows = (first..first + width).zip(entries).map(|(n, entry)| {
            let leaf = leaves.get(usize::try_from(n - first).unwrap_or(usize::MAX)).copied();
            read_row(&self.objects, &self.ledger, n, entry, leaf)
        });
        let rows: Vec<_> = stream::iter(rows).buffered(AT_ONCE).collect().await;
        let mut read = Vec::new();
        for row in rows {
            let (row, file) = row?;
            self.meet(&row);
            match file {
                Some(true) => self.seen.files += 1,
                Some(false) => self.seen.bad_files.push(row.n),
                None => {}
            }
            read.push(row);
        }
        Ok(read)
    }

    fn meet(&mut self, row: &Row) {
        let Content::Present { bytes, .. } = &row.content else { return };
        self.seen.present.push(row.n);
        if Entry::parse(&row.entry).is_ok_and(|it| it.kind == EntryKind::ContentErased)
            && let Some((own, earlier)) = Erasure::named(bytes)
        {
            self.seen.erased.extend(own);
            self.seen.earlier.extend(earlier);
        }
    }

    /// Compares the upper tiles with what the lowest ones give, once all rows were read.
    pub(super) async fn check_tiles(&mut self) -> Result<(), ObjectsError> {
        let mut nodes = std::mem::take(&mut self.seen.roots);
        for level in 1.. {
            if nodes.is_empty() || nodes.len() as u64 != self.size >> (HEIGHT * level) {
                return Ok(());
            }
            for (tile, expected) in (0..).zip(nodes.chunks(WIDTH as usize)) {
                let name = names::tile(level, tile, expected.len() as u64);
                let found = self.objects.get(&self.ledger, &name).await?;
                if found.is_none_or(|it| it[..] != expected.concat()) {
                    self.seen.bad_tiles.push(name);
                }
            }
            nodes = nodes.chunks_exact(WIDTH as usize).map(root_of).collect();
        }
        Ok(())
    }
}

impl Source for ObjectSource {
    fn next(&mut self) -> Result<Option<Row>, SourceError> {
        while self.rows.len() == 0 && self.next < self.size {
            let runtime = self.runtime.clone();
            let rows = runtime.block_on(self.read());
            self.rows = rows.map_err(|error| SourceError(Box::new(error)))?.into_iter();
        }
        Ok(self.rows.next())
    }
}

/// A row, and whether the file that it names is there as it should be.
async fn read_row(
    objects: &Objects,
    ledger: &str,
    n: u64,
    entry: Vec<u8>,
    stored_leaf: Option<Digest>,
) -> Result<(Row, Option<bool>), ObjectsError> {
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
    Ok((Row { n, entry, stored_leaf, content }, file))
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
