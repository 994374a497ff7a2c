//! The proof of one entry as a text of its own, as <https://c2sp.org/tlog-proof> fixes it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::Verifier;
use super::tree;
use crate::domain::Digest;

const HEAD: &str = "c2sp.org/tlog-proof@v1";
/// No tree has more levels.
const MAX_HASHES: usize = 64;

/// An entry's place in a signed tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    pub index: u64,
    /// Nearest sibling first.
    pub hashes: Vec<Digest>,
    /// The signed note.
    pub checkpoint: String,
}

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    #[error("not a proof of the form that c2sp.org/tlog-proof fixes")]
    Shape,
    #[error("the checkpoint in the proof is refused")]
    Checkpoint(#[source] CheckpointError),
    #[error("the proof does not lead from this entry to the checkpoint")]
    Differs,
}

impl TlogProof {
    pub fn to_text(&self) -> String {
        let hashes: String = self.hashes.iter().map(|it| BASE64_STANDARD.encode(it) + "\n").collect();
        format!("{HEAD}\nindex {}\n{hashes}\n{}", self.index, self.checkpoint)
    }

    /// Reads a proof back. A line of extra data, which nothing authenticates, is refused: karibarai writes none.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        let read = Self::read(text).ok_or(TlogProofError::Shape)?;
        if read.to_text() == text { Ok(read) } else { Err(TlogProofError::Shape) }
    }

    fn read(text: &str) -> Option<Self> {
        let (proof, checkpoint) = text.split_once("\n\n")?;
        let mut lines = proof.split('\n');
        if lines.next()? != HEAD {
            return None;
        }
        let index = lines.next()?.strip_prefix("index ")?.parse().ok()?;
        let hashes = lines.map(|it| BASE64_STANDARD.decode(it).ok()?.try_into().ok());
        let hashes: Vec<Digest> = hashes.take(MAX_HASHES + 1).collect::<Option<_>>()?;
        (hashes.len() <= MAX_HASHES).then(|| Self { index, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// Does it show that the entry with this leaf hash stands in a ledger of the given key? Gives the checkpoint.
    pub fn check(&self, leaf: &Digest, verifier: &Verifier) -> Result<Checkpoint, TlogProofError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, verifier).map_err(TlogProofError::Checkpoint)?;
        if tree::verify_inclusion(leaf, self.index, checkpoint.size, &checkpoint.root, &self.hashes) {
            Ok(checkpoint)
        } else {
            Err(TlogProofError::Differs)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::checkpoint::{ledger_id, origin};
    use crate::proof::note::{Signer, public_key};

    #[test]
    fn a_proof_reads_back_and_nothing_else_does() {
        let seed = [3; 32];
        let signer = Signer::from_seed(&origin(&ledger_id(&public_key(&seed))), &seed).unwrap();
        let leaves: Vec<Digest> = (0..7_u8).map(|it| tree::leaf_hash(&[it])).collect();
        let head =
            Checkpoint { origin: signer.verifier().name().to_owned(), size: 7, root: tree::root_of(&leaves) };
        let note = head.sign(&signer).unwrap();
        for index in 0..7 {
            let read = |part: std::ops::Range<u64>| {
                Ok::<_, ()>(tree::root_of(&leaves[part.start as usize..part.end as usize]))
            };
            let hashes = tree::inclusion_proof(index, 7, read).unwrap().unwrap();
            let proof = TlogProof { index, hashes, checkpoint: note.clone() };
            let text = proof.to_text();
            assert!(text.starts_with(&format!("c2sp.org/tlog-proof@v1\nindex {index}\n")));
            assert_eq!(TlogProof::parse(&text), Ok(proof.clone()));
            let leaf = leaves[index as usize];
            assert_eq!(proof.check(&leaf, signer.verifier()), Ok(head.clone()));
            assert_eq!(proof.check(&[9; 32], signer.verifier()), Err(TlogProofError::Differs));
            // Whatever byte is changed: refused, or no proof of this entry under this key.
            for at in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1;
                let Ok(bent) = String::from_utf8(bytes) else { continue };
                let good = TlogProof::parse(&bent)
                    .is_ok_and(|it| it.index == index && it.check(&leaf, signer.verifier()).is_ok());
                assert!(!good, "byte {at} of the proof of {index}");
            }
        }
    }
}
