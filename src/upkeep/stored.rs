//! The stored files beside the entries that name them: each must be there, with its hash.

use serde::Deserialize;

use crate::domain::{self, Digest};
use crate::files::{Condition, Shelf};
use crate::proof::verify::{Content, Row, Source, SourceError};

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
    named: Vec<(u64, Digest)>,
}

#[derive(Deserialize)]
struct FileContent {
    sha256: String,
}

impl<S> Watching<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, named: Vec::new() }
    }

    /// Reads the bytes of each file that was named. An entry whose content is erased names none.
    pub(super) fn check(self, shelf: &Shelf) -> std::io::Result<StoredFiles> {
        let mut found = StoredFiles::default();
        let mut last: Option<(Digest, Condition)> = None;
        for (n, sha256) in self.named {
            let condition = match last {
                Some((same, condition)) if same == sha256 => condition,
                _ => shelf.check(&sha256)?,
            };
            last = Some((sha256, condition));
            match condition {
                Condition::Good => found.good += 1,
                condition => found.bad.push(BadFile { n, condition }),
            }
        }
        Ok(found)
    }
}

impl<S: Source> Source for Watching<S> {
    fn next(&mut self) -> Result<Option<Row>, SourceError> {
        let row = self.inner.next()?;
        if let Some(Row { n, entry, content: Content::Present { bytes, .. }, .. }) = &row
            && names_a_file(entry)
            && let Some(sha256) =
                serde_json::from_slice(bytes).ok().and_then(|it: FileContent| domain::unhex(&it.sha256))
        {
            self.named.push((*n, sha256));
        }
        Ok(row)
    }
}

/// `"kind":"file.stored"` or `"file.imported"`: the third field, within the first bytes of the entry.
fn names_a_file(entry: &[u8]) -> bool {
    const MARK: &[u8] = br#","kind":"file."#;
    entry.get(..64).unwrap_or(entry).windows(MARK.len()).any(|it| it == MARK)
}
