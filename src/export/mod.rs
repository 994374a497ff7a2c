//! The evidence package: a stretch of a room out of the ledger, with everything that lets a stranger check it.
//!
//! What people read in it (messages, report) is derived from the entries in it by the same code when it is written and
//! when it is checked, so a package whose report says something else than its entries is refused.
//!
//! Never: decides who may see what (that is the caller's), changes an entry, asks the network.

mod anchors;
mod check;
mod derive;
mod dossier;
mod open;
mod pack;
mod paper;
mod readme;
mod report;
mod rows;
mod select;
mod shelf;
mod spool;
mod withhold;

pub use check::{Checked, Confirmed, Fault, FaultAt, Remark, check};
pub use dossier::Audience;
pub use open::{OpenError, looks_like_bundle};
pub use pack::{Exported, Exporter, Withheld};
pub use paper::PaperError;
pub use select::{Found, Request};
pub use shelf::{Package, Packages};
pub use withhold::Roles;

use std::io;

use crate::ledger::LedgerError;
use crate::proof::bundle::{ContainerError, LineError, ManifestError};
use crate::store::StoreError;

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("cannot write the package")]
    File(#[from] io::Error),
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("a page of the report cannot be laid out")]
    Layout(#[from] askama::Error),
    #[error(transparent)]
    Paper(#[from] PaperError),
    #[error("a row of messages.csv cannot be written")]
    Csv(#[from] csv::Error),
    #[error("{0} is not a day of the form 2026-11-23")]
    Day(String),
    #[error("there is no case {0}")]
    NoCase(u64),
    #[error("case {case} is in room {room}, not in room {asked}")]
    OtherRoom { case: u64, room: u64, asked: u64 },
    #[error("nothing of room {0} is recorded in this span")]
    Nothing(u64),
    #[error("nothing of what was searched for is recorded in this room and span")]
    NothingFound,
    #[error("there is no ledger {0} in this database; `karibarai verify` names those that there are")]
    NoLedger(String),
    #[error(
        "entry {0} was signed by no head: the ledger ended before, and its last entries can be shown in no package"
    )]
    Unsigned(u64),
    #[error("{0} does not stand in the ledger at its size: it is another ledger's, or the past was changed")]
    Known(String),
    #[error("entry {0} cannot be read; `karibarai verify` says what is wrong with the ledger")]
    Entry(u64),
    /// Nothing was put at the place of the package.
    #[error(
        "the package did not pass its own check ({0}); `karibarai verify` says what is wrong with the ledger"
    )]
    NotIntact(String),
}
