//! Ledgers that the present one continues: their entries stay where they are, under the heads that they had.

use std::future::Future;

use crate::domain::{Digest, EntryIndex};

use super::StoreResult;

/// A ledger that ended, and was continued by the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// The row of its entry 0.
    pub base: u64,
    pub ledger_id: String,
    pub size: u64,
    pub root: Digest,
    /// Its public key, as a C2SP note verifier key.
    pub key: String,
}

/// How a new ledger takes over.
#[derive(Clone, Debug)]
pub struct Takeover {
    pub ledger_id: String,
    /// The public key of the ledger that ends.
    pub old_key: String,
    /// A copy was put back: the mirror files are to be written anew, and what was to be told to the owner may have been
    /// told since, so it is looked for before it is posted.
    pub from_copy: bool,
}

/// The first rows of all ledgers, ascending.
pub(super) struct Bases(pub(super) Vec<u64>);

impl Bases {
    /// That of the ledger which the row belongs to.
    pub(super) fn of(&self, row: EntryIndex) -> u64 {
        self.0.iter().rev().copied().find(|it| *it <= row.0).unwrap_or(0)
    }
}

pub trait ContinueStore {
    /// Oldest first.
    fn predecessors(&self) -> impl Future<Output = StoreResult<Vec<Predecessor>>> + Send;
    /// The signed heads of the predecessor with this base, smallest first.
    fn past_checkpoints(&self, base: u64) -> impl Future<Output = StoreResult<Vec<(u64, String)>>> + Send;
    /// Ends the present ledger and begins the next, in one transaction; nothing is appended by it.
    fn continue_as(&self, takeover: Takeover) -> impl Future<Output = StoreResult<()>> + Send;
}
