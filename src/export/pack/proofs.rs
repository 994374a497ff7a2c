//! The proofs of a package: heads, key, subtrees over what is not shown, single proofs, time stamps.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use crate::domain::EntryIndex;
use crate::proof::bundle::{Cover, EntryLine};
use crate::proof::tlog_proof::TlogProof;
use crate::store::TreeStore as _;

use super::{Exporter, Plan};
use crate::export::check::{CHECKPOINT, HEADS, KEY, SUBTREES, inclusion_path};
use crate::export::rows::is_listed;
use crate::export::spool::{Shown, Spool};
use crate::export::{ExportError, anchors};

/// Single proofs are put in for so many messages at most; `proof/subtrees.jsonl` proves all of them in any case.
const MAX_SINGLE_PROOFS: usize = 1000;
/// Leaf hashes read at a time.
const LEAVES: usize = 16 * 1024;

impl Exporter<'_> {
    pub(super) async fn write_proofs(
        &self,
        plan: &Plan,
        spool: &Spool,
        folder: &Path,
    ) -> Result<(), ExportError> {
        fs::create_dir_all(folder.join("proof"))?;
        fs::write(folder.join(CHECKPOINT), &plan.note)?;
        fs::write(folder.join(KEY), format!("{}\n", plan.era.verifier))?;
        let mut heads = Vec::new();
        for (_, note) in &plan.heads {
            serde_json::to_writer(&mut heads, note).map_err(io::Error::from)?;
            heads.push(b'\n');
        }
        fs::write(folder.join(HEADS), heads)?;
        self.write_cover(plan, spool, folder).await?;
        let mut listed = Vec::new();
        spool.each(|_, shown| {
            if is_listed(shown.entry.kind) && listed.len() <= MAX_SINGLE_PROOFS {
                listed.push(shown.entry.n);
            }
            Ok(())
        })?;
        if listed.len() <= MAX_SINGLE_PROOFS {
            for n in listed {
                let hashes = self.store.inclusion(plan.era.of, n, plan.checkpoint.size).await?;
                let hashes = hashes.ok_or(ExportError::Entry(n.0))?;
                let proof = TlogProof { index: n.0, hashes, checkpoint: plan.note.clone() };
                let path = folder.join(inclusion_path(n.0));
                fs::create_dir_all(path.parent().unwrap_or(folder))?;
                fs::write(path, proof.to_text())?;
            }
        }
        anchors::copy(&plan.era.outside, &plan.heads, plan.checkpoint.size, folder)
    }

    /// The subtrees over everything that is not in the package, broken at every head.
    async fn write_cover(&self, plan: &Plan, spool: &Spool, folder: &Path) -> Result<(), ExportError> {
        let mut out = BufWriter::new(File::create(folder.join(SUBTREES))?);
        let mut heads: VecDeque<u64> = plan.heads.iter().map(|(size, _)| *size).collect();
        let mut lines = spool.lines()?;
        let mut next_shown = || -> Result<Option<u64>, ExportError> {
            let Some((_, line)) = lines.next()? else { return Ok(None) };
            Ok(Some(Shown::from_line(EntryLine::parse(&line)?)?.entry.n.0))
        };
        let mut shown = next_shown()?;
        let mut cover = Cover::new();
        while cover.size() < plan.checkpoint.size {
            let leaves = self.store.leaves(plan.era.of, EntryIndex(cover.size()), LEAVES).await?;
            if leaves.is_empty() {
                return Err(ExportError::Entry(cover.size()));
            }
            for leaf in leaves {
                let at = cover.size();
                if at == plan.checkpoint.size {
                    break;
                }
                while heads.pop_front_if(|it| *it <= at).is_some() {
                    cover.boundary();
                }
                if shown == Some(at) {
                    cover.shown();
                    shown = next_shown()?;
                } else {
                    cover.hidden(leaf);
                }
            }
            for subtree in cover.take() {
                writeln!(out, "{}", subtree.to_line())?;
            }
        }
        cover.boundary();
        for subtree in cover.take() {
            writeln!(out, "{}", subtree.to_line())?;
        }
        Ok(out.flush()?)
    }
}
