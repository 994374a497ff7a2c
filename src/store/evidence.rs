//! What proofs and packages read: the tree's stored nodes, proofs out of them, entries picked by their bytes.

use std::future::Future;

use crate::domain::{Digest, EntryIndex};

use super::{Record, StoreResult};

/// Levels of the tree between two that are stored: a stored node covers 256 of the level below.
pub const TREE_STEP: u32 = 8;
/// The highest level that is stored: the database cannot number more leaves.
pub(super) const TOP_LEVEL: u32 = 7;

/// A stored inner node: the root of the perfect subtree of 256^`level` leaves with number `index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeNode {
    pub level: u32,
    pub index: u64,
    pub root: Digest,
}

/// The trees of the ledgers, for those who prove: leaves are numbered as the entries number themselves. `of` is the base of
/// a ledger that has ended; `None` is the present one.
pub trait TreeStore {
    /// Leaf hashes from `from` on.
    fn leaves(
        &self,
        of: Option<u64>,
        from: EntryIndex,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<Digest>>> + Send;
    /// Stored nodes of a level from number `from` on.
    fn tree_nodes(
        &self,
        level: u32,
        from: u64,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<TreeNode>>> + Send;
    /// Nodes, and how many leaves are covered by now, in one transaction.
    fn put_tree(
        &self,
        next: EntryIndex,
        nodes: Vec<TreeNode>,
    ) -> impl Future<Output = StoreResult<()>> + Send;
    /// Inclusion proof of entry `n` in the tree of the first `size` entries; `None` where there is no such entry.
    fn inclusion(
        &self,
        of: Option<u64>,
        n: EntryIndex,
        size: u64,
    ) -> impl Future<Output = StoreResult<Option<Vec<Digest>>>> + Send;
    /// Proof that the first `old` entries of the present ledger are a prefix of the first `size`; `None` where `old` is greater.
    fn consistency(
        &self,
        old: u64,
        size: u64,
    ) -> impl Future<Output = StoreResult<Option<Vec<Digest>>>> + Send;
    /// Root of the first `size` entries.
    fn root(&self, of: Option<u64>, size: u64) -> impl Future<Output = StoreResult<Digest>> + Send;
    /// Entries from `from` to before `until` whose bytes contain `part`, oldest first. With `contents` their contents
    /// too; without, every record says that there is none.
    fn matching(
        &self,
        part: String,
        from: EntryIndex,
        until: EntryIndex,
        contents: bool,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Vec<Record>>> + Send;
}
