//! The proof of a single entry, for whoever holds the entry and trusts the key.

use std::path::Path;

use crate::domain::EntryIndex;
use crate::proof::checkpoint::Checkpoint;
use crate::proof::tlog_proof::TlogProof;
use crate::store::{LedgerStore as _, Store, StoreError, TreeStore as _};

use super::LedgerError;

/// The proof of entry `n` under the smallest signed head over it; `None` where no head covers it yet. It was checked: stored
/// nodes of the tree that do not lead to the head are an error, never a proof.
pub async fn proof_of(
    store: &Store,
    data_dir: &Path,
    n: EntryIndex,
) -> Result<Option<TlogProof>, LedgerError> {
    let Some(verifier) = super::verifier(data_dir)? else { return Ok(None) };
    let heads = store.checkpoints().await?;
    let Some((_, note)) = heads.into_iter().find(|(size, _)| *size > n.0) else { return Ok(None) };
    let size = Checkpoint::open(&note, &verifier)?.size;
    let records = store.records(n, 1).await?;
    let record = records.first().filter(|it| it.n == n).ok_or(StoreError::Corrupt("the entry is missing"))?;
    let Some(hashes) = store.inclusion(n, size).await? else { return Ok(None) };
    let proof = TlogProof { index: n.0, hashes, checkpoint: note };
    match proof.check(&record.leaf, &verifier) {
        Ok(_) => Ok(Some(proof)),
        Err(_) => Err(StoreError::Corrupt("the stored tree does not lead to the signed head").into()),
    }
}
