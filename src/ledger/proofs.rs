//! The proof of a single entry, for whoever holds the entry and trusts the key.

use std::path::Path;

use crate::domain::EntryIndex;
use crate::proof::checkpoint::Checkpoint;
use crate::proof::note::Verifier;
use crate::proof::tlog_proof::TlogProof;
use crate::store::{ContinueStore as _, LedgerStore as _, Store, StoreError, TreeStore as _};

use super::LedgerError;

/// The proof of the entry in row `n` under the smallest signed head over it; `None` where no head covers it yet. It was checked:
/// stored nodes of the tree that do not lead to the head are an error, never a proof.
pub async fn proof_of(
    store: &Store,
    data_dir: &Path,
    n: EntryIndex,
) -> Result<Option<TlogProof>, LedgerError> {
    let ended =
        store.predecessors().await?.into_iter().find(|it| (it.base..it.base + it.size).contains(&n.0));
    let (base, of, verifier, heads) = match &ended {
        Some(it) => {
            let key = (!it.key.is_empty()).then(|| Verifier::parse(&it.key)).transpose()?;
            (it.base, Some(it.base), key, store.past_checkpoints(it.base).await?)
        }
        None => {
            let base = store.head().await?.map_or(0, |it| it.base);
            (base, None, super::verifier(data_dir)?, store.checkpoints().await?)
        }
    };
    let (Some(verifier), index) = (verifier, n.0.saturating_sub(base)) else { return Ok(None) };
    let Some((_, note)) = heads.into_iter().find(|(size, _)| *size > index) else { return Ok(None) };
    let size = Checkpoint::open(&note, &verifier)?.size;
    let records = store.records(n, 1).await?;
    let record = records.first().filter(|it| it.n == n).ok_or(StoreError::Corrupt("the entry is missing"))?;
    let Some(hashes) = store.inclusion(of, EntryIndex(index), size).await? else { return Ok(None) };
    let proof = TlogProof { index, hashes, checkpoint: note };
    match proof.check(&record.leaf, &verifier) {
        Ok(_) => Ok(Some(proof)),
        Err(_) => Err(StoreError::Corrupt("the stored tree does not lead to the signed head").into()),
    }
}
