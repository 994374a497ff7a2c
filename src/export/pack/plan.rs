//! What goes into a package, decided before its first file is written: the stretch, the erasures that it needs, the head.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

use crate::domain::{EntryIndex, EntryKind, MessageId, RoomId};
use crate::ledger::{Erasure, LEDGERS, Ledger};
use crate::proof::checkpoint::Checkpoint;
use crate::proof::note::Verifier;
use crate::store::{CaseStore as _, ContinueStore as _, LedgerStore as _, Record, TreeStore as _};

use super::Exporter;
use crate::export::select::{self, Request, Stretch};
use crate::export::{ExportError, anchors};

/// Heads of the past that a package can be compared with.
const MAX_HEADS: usize = 1000;

/// What was decided before the first file is written.
pub(super) struct Plan {
    pub(super) era: Era,
    pub(super) room: RoomId,
    pub(super) stretch: Stretch,
    /// After a search: the messages that are shown.
    pub(super) shown: Option<BTreeSet<MessageId>>,
    /// Entries of erasures that belong in, by number.
    pub(super) erasures: BTreeMap<u64, Record>,
    pub(super) checkpoint: Checkpoint,
    pub(super) note: String,
    /// Smaller heads, smallest first.
    pub(super) heads: Vec<(u64, String)>,
}

impl Plan {
    /// An erasure in the package names the entry.
    pub(super) fn declares(&self, row: EntryIndex) -> bool {
        self.erasures.values().filter_map(Erasure::of).any(|it| it.entries.contains(&row))
    }
}

/// The ledger that the package is of: the present one, or one that it continues.
pub(super) struct Era {
    pub(super) id: String,
    /// The row of its entry 0, and the one behind its last.
    pub(super) base: u64,
    pub(super) end: u64,
    /// As the trees of the store are asked for.
    pub(super) of: Option<u64>,
    pub(super) verifier: Verifier,
    /// Signs the manifest.
    pub(super) signer: Ledger,
    /// Where its time stamps are.
    pub(super) outside: PathBuf,
}

impl Exporter<'_> {
    async fn era(&self, wanted: Option<&str>) -> Result<Era, ExportError> {
        let head = self.ledger.head().await?;
        let Some(wanted) = wanted.filter(|it| *it != head.ledger_id) else {
            return Ok(Era {
                id: head.ledger_id.clone(),
                base: head.base,
                end: head.end(),
                of: None,
                verifier: self.ledger.verifier().clone(),
                signer: self.ledger.clone(),
                outside: self.data_dir.to_owned(),
            });
        };
        let ended = self.store.predecessors().await?.into_iter().find(|it| it.ledger_id == wanted);
        let ended = ended.ok_or_else(|| ExportError::NoLedger(wanted.to_owned()))?;
        // What no head was signed over can be shown in no package.
        let signed = self.store.past_checkpoints(ended.base).await?.last().map_or(0, |(size, _)| *size);
        let signer = self.ledger.of_past(self.data_dir, &ended.ledger_id)?;
        Ok(Era {
            base: ended.base,
            end: ended.base + signed,
            of: Some(ended.base),
            verifier: signer.verifier().clone(),
            signer,
            outside: self.data_dir.join(LEDGERS).join(&ended.ledger_id),
            id: ended.ledger_id,
        })
    }

    pub(super) async fn plan(&self, request: &Request) -> Result<Plan, ExportError> {
        let era = self.era(request.ledger.as_deref()).await?;
        let rows = era.base..era.end;
        let asked = request.room.unwrap_or(RoomId(0));
        let mut shown = None;
        let (room, stretch) = match (request.case, &request.found) {
            (None, None) => (asked, select::stretch(self.store, asked, request.span()?, rows.clone()).await?),
            (None, Some(found)) => {
                let (stretch, around) =
                    select::stretch_of_found(self.store, asked, &found.messages, rows.clone()).await?;
                shown = Some(around);
                (asked, stretch)
            }
            (Some(case), _) => {
                let cases = self.store.cases().await?;
                let found = cases.into_iter().find(|it| it.id == case).ok_or(ExportError::NoCase(case.0))?;
                if let Some(asked) = request.room.filter(|it| *it != found.room) {
                    let (case, room, asked) = (case.0, found.room.0, asked.0);
                    return Err(ExportError::OtherRoom { case, room, asked });
                }
                let ended = ["paid", "dismissed", "withdrawn"].contains(&found.state.as_str());
                let end = ended.then_some(found.moved_at);
                let stretch = select::stretch_of_case(
                    self.store,
                    found.room,
                    &found.request_message,
                    end,
                    rows.clone(),
                )
                .await?;
                (found.room, stretch)
            }
        };
        let erasures = self.erasures(stretch, rows).await?;
        let last = erasures.keys().next_back().copied().unwrap_or(0).max(stretch.last.0);
        let (checkpoint, note, heads) = self.head_over(&era, last - era.base, &request.known).await?;
        Ok(Plan { era, room, stretch, shown, erasures, checkpoint, note, heads })
    }

    /// The `content.erased` entries that name an entry of the stretch.
    async fn erasures(
        &self,
        stretch: Stretch,
        rows: Range<u64>,
    ) -> Result<BTreeMap<u64, Record>, ExportError> {
        let mut found = BTreeMap::new();
        let part = format!(r#""kind":"{}""#, EntryKind::ContentErased.as_str());
        let (mut next, until) = (EntryIndex(rows.start), EntryIndex(rows.end));
        loop {
            let batch = self.store.matching(part.clone(), next, until, true, select::BATCH).await?;
            let Some(last) = batch.last() else { return Ok(found) };
            next = EntryIndex(last.n.0 + 1);
            for record in batch {
                let inside = |it: &EntryIndex| (stretch.first..=stretch.last).contains(it);
                if Erasure::of(&record).is_some_and(|it| it.entries.iter().any(inside)) {
                    found.insert(record.n.0, record);
                }
            }
        }
    }

    /// The smallest signed head over the last entry; one that others have stamped is preferred. So the same question asked
    /// again gets the same bytes, as long as nothing was added that belongs to its answer.
    async fn head_over(
        &self,
        era: &Era,
        last: u64,
        known: &[String],
    ) -> Result<(Checkpoint, String, Vec<(u64, String)>), ExportError> {
        let mut stored = match era.of {
            Some(base) => self.store.past_checkpoints(base).await?,
            None => self.store.checkpoints().await?,
        };
        if era.of.is_none() && !stored.iter().any(|(size, _)| *size > last) {
            self.ledger.checkpoint().await?;
            stored = self.store.checkpoints().await?;
        }
        let stamped = anchors::sizes(&era.outside)?;
        let over = stored.iter().filter(|(size, _)| *size > last);
        let chosen = over.clone().find(|(size, _)| stamped.contains(size)).or_else(|| over.clone().next());
        let (size, note) = chosen.cloned().ok_or(ExportError::Unsigned(last))?;
        let checkpoint =
            Checkpoint::open(&note, &era.verifier).map_err(|error| ExportError::Ledger(error.into()))?;
        let mut heads: BTreeMap<u64, String> = stored.into_iter().filter(|(it, _)| *it < size).collect();
        thin(&mut heads, &stamped);
        for note in known {
            let opened = Checkpoint::open(note, &era.verifier);
            let opened = opened.map_err(|_| ExportError::Known("the given checkpoint".to_owned()))?;
            if opened.size > 0 && self.store.root(era.of, opened.size).await? != opened.root {
                return Err(ExportError::Known("the given checkpoint".to_owned()));
            }
            if opened.size < size {
                heads.insert(opened.size, note.clone());
            }
        }
        Ok((checkpoint, note, heads.into_iter().collect()))
    }
}

/// Keeps those that others have stamped, the newest, and evenly many of the rest.
fn thin(heads: &mut BTreeMap<u64, String>, stamped: &BTreeSet<u64>) {
    if heads.len() <= MAX_HEADS {
        return;
    }
    let old = heads.len() - MAX_HEADS / 2;
    let step = old.div_ceil(MAX_HEADS / 2);
    let mut place = 0;
    heads.retain(|size, _| {
        place += 1;
        place > old || place % step == 0 || stamped.contains(size)
    });
}
