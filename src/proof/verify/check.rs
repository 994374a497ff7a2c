//! What can be said of one row alone: the canonical form, the leaf hash, the content.

use serde::Deserialize;

use super::{Content, Row, scan};
use crate::domain::{Digest, Entry, EntryError, EntryKind, commitment};
use crate::proof::tree::leaf_hash;

/// A row after the checks that need no other row.
pub struct Checked {
    pub n: u64,
    pub leaf: Digest,
    pub leaf_differs: bool,
    pub entry: Result<Entry, EntryError>,
    pub content: ContentState,
    /// The entries whose erasure this one declares.
    pub declares: Vec<u64>,
}

/// What became of the content beside an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentState {
    /// Rightly absent, or there and fitting.
    Fits,
    Differs,
    Missing,
    Unexpected,
    Erased,
    Withheld,
}

/// The content of `content.erased`, of which only this part is for the machine.
#[derive(Deserialize)]
struct Erasure {
    entries: Vec<u64>,
}

/// Checks a row by itself.
pub fn check(row: &Row<'_>) -> Checked {
    let leaf = leaf_hash(row.entry);
    let entry = scan::parse(row.entry);
    let (mut content, mut declares) = (ContentState::Fits, Vec::new());
    if let Ok(entry) = &entry {
        content = content_state(entry, &row.content);
        if let (EntryKind::ContentErased, ContentState::Fits, Content::Present { bytes, .. }) =
            (entry.kind, content, &row.content)
        {
            declares = serde_json::from_slice::<Erasure>(bytes).map(|it| it.entries).unwrap_or_default();
        }
    }
    let leaf_differs = row.stored_leaf.is_some_and(|it| it != leaf);
    Checked { n: row.n, leaf, leaf_differs, entry, content, declares }
}

fn content_state(entry: &Entry, content: &Content<&[u8]>) -> ContentState {
    match (&entry.content, content) {
        (None, Content::None) => ContentState::Fits,
        (None, Content::Present { .. } | Content::Erased | Content::Withheld) => ContentState::Unexpected,
        (Some(_), Content::None) => ContentState::Missing,
        (Some(_), Content::Erased) => ContentState::Erased,
        (Some(_), Content::Withheld) => ContentState::Withheld,
        (Some(digest), Content::Present { salt, bytes }) => {
            if commitment(salt, bytes) == *digest {
                ContentState::Fits
            } else {
                ContentState::Differs
            }
        }
    }
}
