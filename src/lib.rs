//! karibarai (仮払い): a Chatwork webhook bot for people who take work on CrowdWorks.
//!
//! # The walk of one webhook
//!
//! 1. [`cli`] reads the configuration ([`config`]) and hands it to [`app`], which binds the listeners, opens the ledger
//!    and starts the work.
//! 2. [`receive`] takes the head and at most 1 MiB of body; [`chatwork::signature`] compares in constant time over the
//!    raw bytes and makes the only kind of value that goes on.
//! 3. [`receive`] decodes ([`chatwork::wire`]) into an observation; what cannot be decoded is a kind of its own.
//! 4. [`ledger`] fixes the commitment; [`store`] gives index, version and room number inside the transaction, drops what
//!    is known, writes the entry bytes and carries the tree's frontier ([`proof::tree`]) forward, and commits with
//!    whatever else is queued.
//! 5. Only now 200. A bell rings; the listener's part is over.
//! 6. [`follow`]: `archive` files the version, `detector` reads the sender's own words ([`chatwork::notation`],
//!    [`detect`]), `casebook` weighs what was detected ([`reply::decide`], [`cases`]), `mirror` writes the plain files.
//!    Each has its own durable cursor; rows and cursor move in one transaction.
//! 7. A decision is itself an entry; its text waits in the outbox.
//! 8. [`reply::outbox`] reads the message and the room again, claims, posts ([`chatwork::api`]), records.
//! 9. [`app`] signs a checkpoint at intervals and [`anchor`] has it stamped by others; [`review`] shows, `log` prints,
//!    [`export`] packs a room for a stranger, `verify` recomputes ([`proof::verify`], [`export::check`]).
//!
//! [`platform`] has what differs between Linux, macOS and Windows, and nothing else knows of it.
//!
//! Beside the walk: [`reconcile`] reads rooms by the API and appends what no webhook brought, and fetches the files
//! that messages show ([`files`] keeps them by hash); [`upkeep`] makes the derived tables anew; [`backtest`] tells what
//! would have been said; [`doctor`] looks for what does not work; [`setup`] makes the
//! configuration and proves one delivery; [`import`] brings in older copies, kept apart; [`objects`] keeps a copy elsewhere;
//! [`sandbox`] is a Chatwork to try all of it on; [`metrics`] counts.
//!
//! Nothing calls back up: results travel through the ledger. `tests/layering.rs` holds the direction of imports.
//!
//! # How to add one
//!
//! - **Entry kind**: a line in `domain::EntryKind`; the compiler finds the matches; then `docs/format.md`.
//! - **Detection rule**: a table in `config/rules/`, with examples that must match and must not; no code.
//! - **Follower**: a struct with `NAME` and `tick` in `follow/`, its tables in new migrations and in `store::tables`,
//!   a line in `follow::Driver::round` and in `upkeep`.
//! - **Subcommand**: a file in `cli/`, a variant of its enum.
//! - **Trouble**: a line in `domain::Trouble`, its sign in `app::troubles` (what it takes to begin, and to be over), its words in
//!   `config/templates/watch.toml` and `review::words`, a row in `docs/operations.md`.
//! - **Setting**: `config/karibarai.default.toml` first (it is the manual and the source of defaults), then the struct.
//! - **Migration**: a new numbered file in `store/sqlite/migrations/` and one in `store/postgres/migrations/`, each appended to
//!   its list, with the columns in the same order; never edit an old one.

pub mod anchor;
pub mod app;
pub mod backtest;
pub mod cases;
pub mod chatwork;
pub mod cli;
pub mod config;
pub mod desk;
pub mod detect;
pub mod doctor;
pub mod domain;
pub mod export;
pub mod files;
pub mod follow;
pub mod import;
pub mod ledger;
pub mod metrics;
pub mod objects;
pub mod platform;
pub mod proof;
pub mod receive;
pub mod reconcile;
pub mod reply;
pub mod review;
pub mod sandbox;
pub mod search;
pub mod setup;
pub mod store;
pub mod upkeep;
