//! Lists of columns that both engines read, in the order in which their rows are read, and constants of their queries.

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
