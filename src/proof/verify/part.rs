//! Rows as they are read: each is checked at once, while its bytes are near, and nothing is kept of it but what others need.

use super::check::{Checked, check};
use super::{Content, Row};
use crate::domain::{Digest, EntryKind};

/// Rows of a part at most.
pub const PART_ROWS: u64 = 1024;

/// Rows in the order of their numbers.
#[derive(Default)]
pub struct Part {
    /// The row whose number is 0 here.
    base: u64,
    checked: Vec<Checked>,
    naming: Vec<Naming>,
}

/// A row that names a file beside the ledger. No `Debug`: the content is other people's words.
pub struct Naming {
    pub n: u64,
    pub kind: EntryKind,
    pub content: Vec<u8>,
}

impl Part {
    /// The same, whose rows to come are counted from row `base` of the storage on.
    #[must_use]
    pub fn counted_from(self, base: u64) -> Self {
        Self { base, ..self }
    }

    /// Checks a row, `n` being its number in the storage.
    pub fn push(&mut self, n: u64, entry: &[u8], stored_leaf: Option<Digest>, content: Content<&[u8]>) {
        let row = Row { n: n.saturating_sub(self.base), entry, stored_leaf, content };
        let checked = check(&row);
        if let (Ok(entry), Content::Present { bytes, .. }) = (&checked.entry, &row.content)
            && entry.kind.names_a_file()
        {
            self.naming.push(Naming { n: row.n, kind: entry.kind, content: bytes.to_vec() });
        }
        self.checked.push(checked);
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.checked.is_empty()
    }

    /// Whether it takes no further row.
    pub fn is_full(&self) -> bool {
        self.checked.len() as u64 >= PART_ROWS
    }

    /// The rows that name files beside the ledger.
    pub fn naming(&self) -> &[Naming] {
        &self.naming
    }

    /// What was found of the rows in order; it is empty then.
    pub(super) fn take(&mut self) -> Vec<Checked> {
        self.naming.clear();
        std::mem::take(&mut self.checked)
    }
}
