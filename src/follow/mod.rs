//! Followers: each reads the ledger in order from its own durable cursor and derives something from it.
//!
//! Never: answers a request, holds a transaction open across a call to Chatwork, decides anew what is recorded.

mod agreements;
mod annex;
mod archive;
mod asks;
mod capture;
mod casebook;
mod control;
mod detector;
mod driver;
mod index;
mod mirror;
mod nudges;
mod phrases;
mod tiles;
mod troubles;
mod watchman;
mod weighing;

pub use agreements::Agreements;
pub use annex::{Annex, imported};
pub use archive::Archive;
pub use asks::{AskError, Asks};
pub use capture::{Capture, capture};
pub use casebook::{Casebook, Decider};
pub use control::{Control, ControlError};
pub use detector::Detector;
pub use driver::Driver;
pub use index::Index;
pub use mirror::Mirror;
pub use nudges::Nudges;
pub use phrases::calls_everybody;
pub use tiles::Tiles;
pub use troubles::Troubles;
pub use watchman::Watchman;

use crate::ledger::LedgerError;
use crate::store::StoreError;

/// Entries that a follower takes at a time: small enough that an acknowledgement never waits long behind it.
const BATCH: usize = 256;

/// Result of one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The cursor stands at the end of what this follower may read.
    Idle,
    /// There may be more.
    Moved,
}

/// Why a follower could not go on; the next tick tries again from the same cursor.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("cannot write the mirror file {path}")]
    File {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("entry {0} is not readable")]
    Entry(u64),
}
