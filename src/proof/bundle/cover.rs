//! A tree of which only some leaves are shown: the others are covered by the roots of perfect subtrees.

use serde::{Deserialize, Serialize};

use crate::domain::{Digest, hex, unhex};
use crate::proof::tree::{Frontier, node_hash};

/// Leaves `from` to before `to` that are not shown, and the root of the perfect subtree over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtree {
    pub from: u64,
    pub to: u64,
    pub root: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    from: u64,
    to: u64,
    hash: String,
}

impl Subtree {
    /// A line of `proof/subtrees.jsonl`, without its newline.
    pub fn to_line(&self) -> String {
        format!(r#"{{"from":{},"to":{},"hash":"{}"}}"#, self.from, self.to, hex(&self.root))
    }

    /// Reads a line back; only the spelling of [`Subtree::to_line`] is accepted.
    pub fn parse(line: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(line).ok()?;
        let subtree = Self { from: wire.from, to: wire.to, root: unhex(&wire.hash)? };
        (subtree.to_line() == line).then_some(subtree)
    }
}

/// Takes every leaf in order and gives the subtrees that cover what is not shown. They never reach across a shown leaf
/// or a boundary, so that the root at each boundary can be computed from them.
#[derive(Debug, Default)]
pub struct Cover {
    size: u64,
    /// Perfect subtrees of the stretch that is being covered: level, root.
    pending: Vec<(u32, Digest)>,
    done: Vec<Subtree>,
}

impl Cover {
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves were taken.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A leaf that is shown.
    pub fn shown(&mut self) {
        self.boundary();
        self.size += 1;
    }

    /// A leaf that is not shown.
    pub fn hidden(&mut self, leaf: Digest) {
        let mut node = (0, leaf);
        // A node joins its left neighbour where both together are a perfect subtree of the whole tree.
        while let Some((level, left)) =
            self.pending.pop_if(|(level, _)| *level == node.0 && self.size >> *level & 1 == 1)
        {
            node = (level + 1, node_hash(&left, &node.1));
        }
        self.pending.push(node);
        self.size += 1;
    }

    /// A head that is to be checked stands at the present size.
    pub fn boundary(&mut self) {
        let mut from = self.size - self.pending.iter().map(|(level, _)| 1_u64 << level).sum::<u64>();
        for (level, root) in self.pending.drain(..) {
            let to = from + (1 << level);
            self.done.push(Subtree { from, to, root });
            from = to;
        }
    }

    /// What is finished so far, in order.
    pub fn take(&mut self) -> Vec<Subtree> {
        std::mem::take(&mut self.done)
    }
}

/// Where a cover does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoverError {
    /// The next leaf or subtree does not begin where the one before ended.
    Gap { at: u64, next: u64 },
    /// Not the place of a perfect subtree.
    Misaligned { at: u64 },
}

/// The tree made anew from leaves and subtrees in order.
#[derive(Debug)]
pub struct Rebuilt(Frontier);

impl Default for Rebuilt {
    fn default() -> Self {
        Self(Frontier::empty())
    }
}

impl Rebuilt {
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    pub fn root(&self) -> Digest {
        self.0.root()
    }

    /// Adds the leaf with index `n`.
    pub fn leaf(&mut self, n: u64, leaf: Digest) -> Result<(), CoverError> {
        if n != self.size() {
            return Err(CoverError::Gap { at: self.size(), next: n });
        }
        self.0.push(leaf);
        Ok(())
    }

    pub fn subtree(&mut self, it: &Subtree) -> Result<(), CoverError> {
        if it.from != self.size() {
            return Err(CoverError::Gap { at: self.size(), next: it.from });
        }
        let leaves = it.to.saturating_sub(it.from);
        if self.0.push_subtree(leaves, it.root) {
            Ok(())
        } else {
            Err(CoverError::Misaligned { at: it.from })
        }
    }
}
