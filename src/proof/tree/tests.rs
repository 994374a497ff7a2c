//! The tree against the vectors of Certificate Transparency and against another implementation.

use std::convert::Infallible;

use proptest::prelude::*;
use tlog_tiles::tlog;

use super::*;
use crate::domain::hex;

/// The eight leaves and the roots of each prefix, as every implementation of RFC 6962 has them in its tests.
const VECTORS: [(&[u8], &str); 8] = [
    (b"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    (b"\x00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    (b"\x10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    (b"\x20\x21", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    (b"\x30\x31", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    (b"@ABC", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    (b"PQRSTUVW", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    (b"`abcdefghijklmno", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
];

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// Reads perfect subtrees only, as the contract of the proof functions says.
fn reader(leaves: &[Digest]) -> impl FnMut(Range<u64>) -> Result<Digest, Infallible> + '_ {
    |part| {
        let len = part.end - part.start;
        assert!(len.is_power_of_two() && part.start.is_multiple_of(len), "not a perfect subtree");
        Ok(root_of(&leaves[part.start as usize..part.end as usize]))
    }
}

fn inclusion(index: u64, leaves: &[Digest]) -> Option<Vec<Digest>> {
    inclusion_proof(index, leaves.len() as u64, reader(leaves)).unwrap()
}

fn consistency(old: u64, leaves: &[Digest]) -> Option<Vec<Digest>> {
    consistency_proof(old, leaves.len() as u64, reader(leaves)).unwrap()
}

fn theirs(digest: Digest) -> tlog::Hash {
    tlog::Hash(digest)
}

#[test]
fn the_roots_are_those_of_certificate_transparency() {
    let mut frontier = Frontier::empty();
    assert_eq!(hex(&frontier.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (leaf, root) in VECTORS {
        frontier.push(leaf_hash(leaf));
        assert_eq!(hex(&frontier.root()), root);
    }
}

#[test]
fn a_frontier_reads_back_only_at_its_own_size() {
    let mut frontier = Frontier::empty();
    for leaf in leaves(100) {
        frontier.push(leaf);
        let bytes = frontier.to_bytes();
        assert_eq!(Frontier::from_bytes(frontier.size(), &bytes), Some(frontier.clone()));
        assert_eq!(Frontier::from_bytes(frontier.size(), &bytes[1..]), None);
    }
    // 99 and 100 differ in their number of one bits.
    assert_eq!(Frontier::from_bytes(99, &frontier.to_bytes()), None);
    assert_eq!(Frontier::from_bytes(u64::MAX, &[0; 64 * 32]), None);
}

#[test]
fn all_small_proofs_hold_and_no_bent_one_does() {
    let all = leaves(34);
    for size in 1..=all.len() {
        let part = &all[..size];
        let (root, size) = (root_of(part), size as u64);
        for index in 0..size {
            let leaf = &part[index as usize];
            let proof = inclusion(index, part).unwrap();
            assert!(verify_inclusion(leaf, index, size, &root, &proof));
            assert!(!verify_inclusion(leaf, index, size, &[0; 32], &proof));
            assert!(!verify_inclusion(&[0; 32], index, size, &root, &proof));
            assert!(!verify_inclusion(leaf, size, size, &root, &proof));
            for other in (0..size).filter(|it| *it != index) {
                assert!(!verify_inclusion(leaf, other, size, &root, &proof));
            }
            for bent in bend(&proof) {
                assert!(!verify_inclusion(leaf, index, size, &root, &bent));
            }
        }
        assert_eq!(inclusion(size, part), None);
        for old in 0..=size {
            let old_root = root_of(&part[..old as usize]);
            let proof = consistency(old, part).unwrap();
            assert!(verify_consistency(old, &old_root, size, &root, &proof));
            assert!(!verify_consistency(old, &[0; 32], size, &root, &proof));
            assert!(old == 0 || !verify_consistency(old, &old_root, size, &[0; 32], &proof));
            for bent in bend(&proof) {
                assert!(!verify_consistency(old, &old_root, size, &root, &bent), "{old} of {size}");
            }
        }
        assert_eq!(consistency(size + 1, part), None);
        assert!(!verify_consistency(size + 1, &root, size, &root, &[]));
    }
}

/// The proof with one hash changed, missing or added.
fn bend(proof: &[Digest]) -> Vec<Vec<Digest>> {
    let mut bent = Vec::new();
    for at in 0..proof.len() {
        let mut other = proof.to_vec();
        other[at][7] ^= 1;
        bent.push(other);
        let mut other = proof.to_vec();
        other.remove(at);
        bent.push(other);
    }
    let mut other = proof.to_vec();
    other.push([9; 32]);
    bent.push(other);
    bent
}

#[test]
fn a_proof_of_absurd_numbers_ends() {
    let proof = vec![[1; 32]; 200];
    assert!(!verify_inclusion(&[0; 32], u64::MAX - 1, u64::MAX, &[0; 32], &proof));
    assert!(!verify_consistency(1 << 63, &[0; 32], u64::MAX, &[0; 32], &proof));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn another_implementation_agrees(size in 1_u64..700, pick in any::<(prop::sample::Index, prop::sample::Index)>()) {
        let all = leaves(size);
        // Their tree keeps every node in one sequence.
        let mut stored: Vec<tlog::Hash> = Vec::new();
        for (n, leaf) in all.iter().enumerate() {
            let new = tlog::stored_hashes_for_record_hash(n as u64, theirs(*leaf), &Stored(&stored)).unwrap();
            stored.extend(new);
        }
        let root = root_of(&all);
        prop_assert_eq!(tlog::tree_hash(size, &Stored(&stored)).unwrap(), theirs(root));
        prop_assert_eq!(tlog::record_hash(b"entry"), theirs(leaf_hash(b"entry")));

        let index = pick.0.index(size as usize) as u64;
        let proof: Vec<_> = inclusion(index, &all).unwrap().into_iter().map(theirs).collect();
        prop_assert_eq!(&proof, &tlog::prove_record(size, index, &Stored(&stored)).unwrap());

        let old = pick.1.index(size as usize) as u64 + 1;
        let proof: Vec<_> = consistency(old, &all).unwrap().into_iter().map(theirs).collect();
        prop_assert_eq!(&proof, &tlog::prove_tree(size, old, &Stored(&stored)).unwrap());
    }
}

struct Stored<'a>(&'a [tlog::Hash]);

impl tlog::HashReader for Stored<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|at| self.0[*at as usize]).collect())
    }
}
