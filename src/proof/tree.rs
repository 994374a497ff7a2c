//! The Merkle tree over the entry bytes: RFC 6962 section 2.1, and RFC 9162 section 2.1 for checking proofs.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::domain::Digest;

/// Hash of a leaf: SHA-256 of 0x00 followed by the entry bytes.
pub fn leaf_hash(entry: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(entry);
    hash.finalize().into()
}

/// Hash of an inner node: SHA-256 of 0x01 followed by both children.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// Hash of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Digest {
    Sha256::digest(b"").into()
}

/// The right edge of a tree: the hashes of its perfect subtrees, largest first. All that is needed to add leaves and
/// to know the root; at most 64 hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Digest>,
}

impl Frontier {
    /// Of the tree without leaves.
    pub fn empty() -> Self {
        Self { size: 0, hashes: Vec::new() }
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf (its hash, see [`leaf_hash`]) at the right.
    pub fn push(&mut self, leaf: Digest) {
        self.add(0, leaf);
    }

    /// Adds a perfect subtree of `leaves` leaves by its root alone; false, and nothing is added, unless `leaves` is a
    /// power of two and the size a multiple of it.
    pub fn push_subtree(&mut self, leaves: u64, root: Digest) -> bool {
        let fits = leaves.is_power_of_two()
            && self.size.is_multiple_of(leaves)
            && self.size.checked_add(leaves).is_some_and(|it| it <= i64::MAX.unsigned_abs());
        if fits {
            self.add(leaves.trailing_zeros(), root);
        }
        fits
    }

    fn add(&mut self, level: u32, root: Digest) {
        let mut hash = root;
        // Each trailing one bit of the size is a perfect subtree that the new one completes to the next larger one.
        for _ in 0..(self.size >> level).trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.hashes.push(hash);
        self.size += 1 << level;
    }

    /// Hash of the whole tree.
    pub fn root(&self) -> Digest {
        let mut from_right = self.hashes.iter().rev();
        let Some(&last) = from_right.next() else { return empty_root() };
        from_right.fold(last, |right, left| node_hash(left, &right))
    }

    /// The hashes one after the other, 32 bytes each, largest subtree first.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.concat()
    }

    /// Reads [`Frontier::to_bytes`] back; `None` unless there are exactly as many hashes as `size` has one bits, or
    /// when `size` is beyond what any database can number.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        let count = usize::try_from(size.count_ones()).ok()?;
        let fits = size <= i64::MAX.unsigned_abs() && rest.is_empty() && hashes.len() == count;
        fits.then(|| Self { size, hashes: hashes.to_vec() })
    }
}

/// Hash of the tree over `leaves` (leaf hashes).
pub fn root_of(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::empty();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// Inclusion proof of leaf `index` in the tree of the first `size` leaves, nearest sibling first; `None` when the tree
/// has no such leaf. `read` gives the hash of a range of leaves and is only asked for perfect subtrees: the length is
/// a power of two and the start a multiple of it.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    mut read: impl FnMut(Range<u64>) -> Result<Digest, E>,
) -> Result<Option<Vec<Digest>>, E> {
    if index >= size {
        return Ok(None);
    }
    let mut proof = Vec::new();
    let mut part = 0..size;
    while part.end - part.start > 1 {
        let (left, right) = split(&part);
        let (inside, sibling) = if index < left.end { (left, right) } else { (right, left) };
        proof.push(hash_range(sibling, &mut read)?);
        part = inside;
    }
    proof.reverse();
    Ok(Some(proof))
}

/// RFC 9162 section 2.1.3.2: does `proof` show that `leaf` (a leaf hash) is at `index` of the tree with this root?
pub fn verify_inclusion(leaf: &Digest, index: u64, size: u64, root: &Digest, proof: &[Digest]) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Proof that the tree of the first `old` leaves is a prefix of the tree of the first `size` leaves (RFC 6962 section
/// 2.1.2); `None` when `old` is greater than `size`. Empty when either nothing was added or `old` is 0. `read` as for
/// [`inclusion_proof`].
pub fn consistency_proof<E>(
    old: u64,
    size: u64,
    mut read: impl FnMut(Range<u64>) -> Result<Digest, E>,
) -> Result<Option<Vec<Digest>>, E> {
    if old > size {
        return Ok(None);
    }
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(Some(proof));
    }
    let mut part = 0..size;
    while part.end != old {
        let (left, right) = split(&part);
        let (inside, sibling) = if old <= left.end { (left, right) } else { (right, left) };
        proof.push(hash_range(sibling, &mut read)?);
        part = inside;
    }
    // A part that begins at 0 is the old tree itself, whose root the checker has.
    if part.start != 0 {
        proof.push(hash_range(part, &mut read)?);
    }
    proof.reverse();
    Ok(Some(proof))
}

/// RFC 9162 section 2.1.4.2: does `proof` show that the tree with `old_root` is a prefix of the tree with `root`?
pub fn verify_consistency(old: u64, old_root: &Digest, size: u64, root: &Digest, proof: &[Digest]) -> bool {
    if old > size {
        return false;
    }
    if old == size || old == 0 {
        let expected = if old == 0 { empty_root() } else { *root };
        return proof.is_empty() && *old_root == expected && (size != 0 || *root == expected);
    }
    let (mut node, mut last) = (old - 1, size - 1);
    let levels = node.trailing_ones();
    node >>= levels;
    last >>= levels;
    let (first, rest) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        let Some((first, rest)) = proof.split_first() else { return false };
        (*first, rest)
    };
    let (mut old_hash, mut hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && hash == *root
}

/// Both halves of a range of at least two leaves: the left one is the largest power of two smaller than the range.
fn split(part: &Range<u64>) -> (Range<u64>, Range<u64>) {
    let left = 1 << (part.end - part.start - 1).ilog2();
    let middle = part.start + left;
    (part.start..middle, middle..part.end)
}

/// Hash of a range that [`split`] gave, composed of perfect subtrees.
fn hash_range<E>(
    part: Range<u64>,
    read: &mut impl FnMut(Range<u64>) -> Result<Digest, E>,
) -> Result<Digest, E> {
    let mut lefts = Vec::new();
    let mut part = part;
    while !(part.end - part.start).is_power_of_two() {
        let (left, right) = split(&part);
        lefts.push(read(left)?);
        part = right;
    }
    let last = read(part)?;
    Ok(lefts.iter().rev().fold(last, |right, left| node_hash(left, &right)))
}

#[cfg(test)]
mod tests;
