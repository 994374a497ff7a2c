//! The tables that both engines have, with the columns that both read, in the order in which their rows are read, and
//! constants of their queries.

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
    derived("room_types", "room, n"),
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

/// The columns of a message behind those of its current version.
pub(super) const MESSAGE: &str = "m.send_time, m.first_n, m.first_seen, m.deleted, m.missing_n IS NOT NULL";
/// The columns of a file.
pub(super) const FILE: &str = "f.room, f.file, f.message, f.shown_n, f.name";
/// The columns of an imported message.
pub(super) const IMPORTED: &str = "p.n, p.room, p.message, p.account, p.name, p.sent_at, p.body, p.deleted";
/// The columns of a case.
pub(super) const CASE: &str =
    "id, room, client, state, request_message, request_n, opened_at, moved_at, terms, reminded, changed_n,
                    job_link, contract_link, contract";
/// The way of a case, in order: of two states the later one holds.
pub(super) const WAY: &str = "'requested reminded posted escrow_claimed escrow_confirmed working delivered accepted paid dismissed withdrawn'";
/// The columns of a row of the outbox.
pub(super) const OUTBOX: &str =
    "decided_n, purpose, case_id, room, request_room, request_message, request_account, request_n,
                      text, due_at, state, posted_message, approved, target";
/// The columns of a contract.
pub(super) const CONTRACT: &str =
    "id, room, client, form, quantity, unit, yen, until, escrowed, ended, remind, link,
                        registered_at, changed_n";
/// The columns of a draft, of [`DRAFTS`].
pub(super) const DRAFT: &str = "drafts.drafted_n, drafts.case_id, drafts.purpose, drafts.room, drafts.request_room,
                     drafts.request_message, drafts.request_account, drafts.request_n, drafts.text, drafts.why,
                     drafts.state, outbox.state, outbox.posted_message";
/// The note that shows a draft is the entry that made it.
pub(super) const DRAFTS: &str = "drafts LEFT JOIN outbox ON outbox.decided_n = drafts.drafted_n";
/// Room under which what concerns the bot itself is declared; Chatwork's rooms begin at 1.
pub(super) const ITSELF: i64 = 0;
/// The columns behind those of a version.
pub(super) const MORE: &str = "m.send_time, m.deleted OR m.missing_n IS NOT NULL, m.current = v.n";
