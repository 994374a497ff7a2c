//! Rows on their way to be checked: their bytes lie one after the other, in memory that the next rows use again.

use std::ops::Range;

use super::{Content, Row};
use crate::domain::Digest;

/// Rows of a part at most, and the bytes after which it takes no further one.
pub const PART_ROWS: u64 = 1024;
const PART_BYTES: usize = 1024 * 1024;

/// Rows in the order of their numbers. No `Debug`: the content is other people's words.
#[derive(Default)]
pub struct Part {
    /// The row whose number is 0 here.
    base: u64,
    bytes: Vec<u8>,
    rows: Vec<Placed>,
}

/// A row, with the places of its bytes.
struct Placed {
    n: u64,
    entry: Range<usize>,
    stored_leaf: Option<Digest>,
    content: Content<Range<usize>>,
}

impl Part {
    /// The same, whose rows to come are counted from row `base` of the storage on.
    #[must_use]
    pub fn counted_from(self, base: u64) -> Self {
        Self { base, ..self }
    }

    /// Adds a copy of a row, `n` being its number in the storage.
    pub fn push(&mut self, n: u64, entry: &[u8], stored_leaf: Option<Digest>, content: Content<&[u8]>) {
        let entry = self.keep(entry);
        let content = content.map(|it| self.keep(it));
        self.rows.push(Placed { n: n.saturating_sub(self.base), entry, stored_leaf, content });
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        from..self.bytes.len()
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether it takes no further row.
    pub fn is_full(&self) -> bool {
        self.rows.len() as u64 >= PART_ROWS || self.bytes.len() >= PART_BYTES
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|it| Row {
            n: it.n,
            entry: &self.bytes[it.entry.clone()],
            stored_leaf: it.stored_leaf,
            content: it.content.as_ref().map(|range| &self.bytes[range.clone()]),
        })
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
    }
}
