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

/// All tables but the search index, which the engines keep in their own ways, with their key order.
pub(super) const TABLES: &[(&str, &str)] = &[
    ("head", "id"),
    ("entries", "n"),
    ("contents", "n"),
    ("room_chains", "room"),
    ("checkpoints", "size"),
    ("message_versions", "room, message, version"),
    ("message_ways", "room, message, version, way"),
    ("once", "key"),
    ("facts", "name"),
    ("cursors", "name"),
    ("predecessors", "base"),
    ("past_checkpoints", "base, size"),
    ("rooms", "room"),
    ("members", "room, account, n"),
    ("messages", "room, message"),
    ("versions", "n"),
    ("gaps", "n"),
    ("signals", "n"),
    ("cases", "id"),
    ("outbox", "decided_n"),
    ("claims", "decided_n"),
    ("case_messages", "case_id, room, message, part"),
    ("case_notes", "n"),
    ("contracts", "id"),
    ("contract_counts", "n"),
    ("declared", "room, what"),
    ("drafts", "drafted_n"),
    ("mirror_files", "path"),
    ("tree_nodes", "level, i"),
    ("files", "room, file"),
    ("file_attempts", "room, file"),
    ("tasks", "room, task, n"),
    ("room_states", "room, n"),
    ("member_roles", "room, account, n"),
    ("room_news", "room, part"),
    ("room_looks", "room, part"),
    ("imported_messages", "n"),
    ("imported_files", "n"),
    ("room_reads", "room"),
    ("exposures", "room, day"),
    ("door_secrets", "name"),
    ("door_sessions", "key"),
];
