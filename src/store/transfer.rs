//! Rows on their way from one engine to the other: the tables that both have, and their values.

use sha2::{Digest as _, Sha256};

/// Cursors of the search index: where it does not go along, they stay behind, and it is made anew.
pub(super) const INDEX_CURSORS: &str = "index.%";

/// Rows that travel together.
pub(super) const PAGE: usize = 1000;

/// A value of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    /// Truth too: 1 and 0.
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Cell {
    /// Adds the value with its type to a digest.
    pub(super) fn digest_into(&self, hash: &mut Sha256) {
        hash.update(format!("{self:?}\u{1f}"));
    }
}

/// One row, in the order of the table's columns, which is the same on both engines.
pub(super) type Cells = Vec<Cell>;
