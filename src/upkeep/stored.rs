//! What lies in files beside the entries that name it: stored files and the answers of time stamp authorities. Each must
//! be there, with its hash.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::anchor;
use crate::domain::{self, Digest, EntryKind};
use crate::files::{Condition, Shelf};
use crate::proof::verify::{Naming, Part, Source, SourceError};

/// A file that is not as its entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFile {
    /// The entry that names it.
    pub n: u64,
    pub condition: Condition,
}

/// What was found under `data/files/`.
#[derive(Debug, Default)]
pub struct StoredFiles {
    /// Entries whose bytes are there and fit.
    pub good: u64,
    pub bad: Vec<BadFile>,
}

/// Passes rows on and keeps what they say of files.
pub(super) struct Watching<S> {
    inner: S,
    /// By the entries that name them: the rows may come in any order, and twice.
    named: Mutex<BTreeMap<u64, Named>>,
}

enum Named {
    File(Digest),
    Stamp(Anchored),
}

#[derive(Deserialize)]
struct FileContent {
    sha256: String,
}

/// Content of `checkpoint.anchored`, as far as the file is concerned.
#[derive(Deserialize)]
struct Anchored {
    size: u64,
    host: String,
    sha256: String,
}

impl<S> Watching<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, named: Mutex::default() }
    }

    fn named(&self) -> MutexGuard<'_, BTreeMap<u64, Named>> {
        // What was put in is whole, whatever became of the thread that held the lock.
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the bytes of each file that was named. An entry whose content is erased names none.
    pub(super) fn check(&self, shelf: &Shelf) -> std::io::Result<StoredFiles> {
        let mut found = StoredFiles::default();
        let mut last: Option<(Digest, Condition)> = None;
        for (n, named) in &*self.named() {
            let &Named::File(sha256) = named else { continue };
            let condition = match last {
                Some((same, condition)) if same == sha256 => condition,
                _ => shelf.check(&sha256)?,
            };
            last = Some((sha256, condition));
            match condition {
                Condition::Good => found.good += 1,
                condition => found.bad.push(BadFile { n: *n, condition }),
            }
        }
        Ok(found)
    }

    /// The files of time stamps in this folder that are gone, or not as they came.
    pub(super) fn altered(&self, folder: &Path) -> Vec<PathBuf> {
        let stamp = |named: &Named| match named {
            Named::File(_) => None,
            Named::Stamp(it) => Some((anchor::path(folder, it.size, &it.host), it.sha256.clone())),
        };
        // The last answer of an authority over a head is the one that is kept.
        let expected: BTreeMap<_, _> = self.named().values().filter_map(stamp).collect();
        let differs = |(path, sha256): (PathBuf, String)| {
            let same = std::fs::read(&path).is_ok_and(|it| domain::hex(&Sha256::digest(it)) == sha256);
            (!same).then_some(path)
        };
        expected.into_iter().filter_map(differs).collect()
    }
}

impl<S: Source> Source for Watching<S> {
    fn read(&self, rows: Range<u64>, part: &mut Part) -> Result<(), SourceError> {
        self.inner.read(rows, part)?;
        for row in part.naming() {
            if let Some(named) = named(row) {
                self.named().insert(row.n, named);
            }
        }
        Ok(())
    }
}

fn named(row: &Naming) -> Option<Named> {
    if row.kind == EntryKind::CheckpointAnchored {
        return serde_json::from_slice(&row.content).ok().map(Named::Stamp);
    }
    let content: FileContent = serde_json::from_slice(&row.content).ok()?;
    domain::unhex(&content.sha256).map(Named::File)
}
