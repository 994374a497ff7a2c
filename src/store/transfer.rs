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

/// A table that both engines have.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The columns of its key, in order.
    pub(super) key: &'static str,
    /// A rebuild makes it anew. Claims are none of these: they speak of running requests.
    derived: bool,
}

const fn kept(name: &'static str, key: &'static str) -> Table {
    Table { name, key, derived: false }
}

const fn derived(name: &'static str, key: &'static str) -> Table {
    Table { name, key, derived: true }
}

/// The tables that a rebuild makes anew, but for the search index.
pub(super) fn derived_tables() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(|it| it.derived)
}

/// All tables but the search index, which the engines keep in their own ways.
pub(super) const TABLES: &[Table] = &[
    kept("head", "id"),
    kept("entries", "n"),
    kept("contents", "n"),
    kept("room_chains", "room"),
    kept("checkpoints", "size"),
    kept("message_versions", "room, message, version"),
    kept("message_ways", "room, message, version, way"),
    kept("once", "key"),
    kept("facts", "name"),
    kept("cursors", "name"),
    kept("predecessors", "base"),
    kept("past_checkpoints", "base, size"),
    derived("rooms", "room"),
    derived("members", "room, account, n"),
    derived("messages", "room, message"),
    derived("versions", "n"),
    derived("gaps", "n"),
    derived("signals", "n"),
    derived("cases", "id"),
    derived("outbox", "decided_n"),
    kept("claims", "decided_n"),
    derived("case_messages", "case_id, room, message, part"),
    derived("case_notes", "n"),
    derived("contracts", "id"),
    derived("contract_counts", "n"),
    derived("declared", "room, what"),
    derived("drafts", "drafted_n"),
    derived("mirror_files", "path"),
    derived("tree_nodes", "level, i"),
    derived("files", "room, file"),
    kept("file_attempts", "room, file"),
    derived("tasks", "room, task, n"),
    derived("room_states", "room, n"),
    derived("member_roles", "room, account, n"),
    kept("room_news", "room, part"),
    kept("room_looks", "room, part"),
    derived("imported_messages", "n"),
    derived("imported_files", "n"),
    kept("room_reads", "room"),
    kept("exposures", "room, day"),
    kept("door_secrets", "name"),
    kept("door_sessions", "key"),
];
