//! Keeps the inner nodes of the Merkle tree, so that a proof reads a few hundred hashes and not a million.

use crate::domain::{Digest, EntryIndex};
use crate::proof::tree::root_of;
use crate::store::{FollowStore as _, Store, TREE_STEP, TreeNode, TreeStore as _};

use super::{FollowError, Progress};

/// Children of a stored node.
const WIDTH: u64 = 1 << TREE_STEP;
/// Nodes of the lowest level that are made at a time.
const GROUPS: u64 = 16;

/// Derives the table of inner nodes of the present ledger; its cursor counts that ledger's own entries.
pub struct Tiles {
    store: Store,
    until: Option<EntryIndex>,
}

impl Tiles {
    pub const NAME: &'static str = "tiles";

    pub fn new(store: Store) -> Self {
        Self { store, until: None }
    }

    /// Never beyond this entry: a comparison stops where the original had come to.
    pub fn until(mut self, until: EntryIndex) -> Self {
        self.until = Some(until);
        self
    }

    /// Handles as many full groups of 256 leaves as there are, up to a bound. The cursor is a multiple of 256.
    pub async fn tick(&self) -> Result<Progress, FollowError> {
        let from = self.store.cursor(Self::NAME).await?.0;
        let bound = self.until.map_or(u64::MAX, |it| it.0);
        let want = (GROUPS * WIDTH).min(bound.saturating_sub(from));
        let leaves = self.store.leaves(None, EntryIndex(from), usize::try_from(want).unwrap_or(0)).await?;
        let groups: Vec<Digest> = leaves.chunks_exact(WIDTH as usize).map(root_of).collect();
        if groups.is_empty() {
            return Ok(Progress::Idle);
        }
        let mut made: Vec<TreeNode> =
            (from / WIDTH..).zip(groups).map(|(index, root)| TreeNode { level: 1, index, root }).collect();
        let next = from + made.len() as u64 * WIDTH;
        self.complete(&mut made).await?;
        self.store.put_tree(EntryIndex(next), made).await?;
        Ok(Progress::Moved)
    }

    /// Adds the nodes of higher levels that the new ones complete.
    async fn complete(&self, made: &mut Vec<TreeNode>) -> Result<(), FollowError> {
        let mut level: Vec<TreeNode> = made.clone();
        while let Some(last) = level.last().copied() {
            let mut above = Vec::new();
            for node in level.iter().filter(|it| (it.index + 1).is_multiple_of(WIDTH)) {
                let first = node.index + 1 - WIDTH;
                let stored = self.store.tree_nodes(last.level, first, WIDTH as usize).await?;
                // What is stored already, then what this tick made.
                let mut children: Vec<Digest> = stored.iter().map(|it| it.root).collect();
                let known = first + children.len() as u64;
                let new = level.iter().filter(|it| (known..=node.index).contains(&it.index));
                children.extend(new.map(|it| it.root));
                if children.len() as u64 != WIDTH {
                    return Err(FollowError::Entry(first));
                }
                let index = first / WIDTH;
                above.push(TreeNode { level: last.level + 1, index, root: root_of(&children) });
            }
            made.extend(&above);
            level = above;
        }
        Ok(())
    }
}
