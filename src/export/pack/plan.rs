//! What goes into a package, decided before its first file is written: the stretch, the erasures that it needs, the head.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::domain::{EntryIndex, EntryKind, RoomId};
use crate::proof::checkpoint::Checkpoint;
use crate::store::{CaseStore as _, LedgerStore as _, Record, TreeStore as _};

use super::Exporter;
use crate::export::select::{self, Request, Stretch};
use crate::export::{ExportError, anchors};

/// Heads of the past that a package can be compared with.
const MAX_HEADS: usize = 1000;

/// What was decided before the first file is written.
pub(super) struct Plan {
    pub(super) room: RoomId,
    pub(super) stretch: Stretch,
    /// Entries of erasures that belong in, by number.
    pub(super) erasures: BTreeMap<u64, Record>,
    pub(super) checkpoint: Checkpoint,
    pub(super) note: String,
    /// Smaller heads, smallest first.
    pub(super) heads: Vec<(u64, String)>,
}

#[derive(Deserialize)]
struct Erasure {
    entries: Vec<u64>,
}

impl Exporter<'_> {
    pub(super) async fn plan(&self, request: &Request) -> Result<Plan, ExportError> {
        let head = self.ledger.head().await?.frontier.size();
        let until = EntryIndex(head);
        let (room, stretch) = match request.case {
            None => {
                let room = request.room.unwrap_or(RoomId(0));
                (room, select::stretch(self.store, room, request.span()?, until).await?)
            }
            Some(case) => {
                let cases = self.store.cases().await?;
                let found = cases.into_iter().find(|it| it.id == case).ok_or(ExportError::NoCase(case.0))?;
                if let Some(asked) = request.room.filter(|it| *it != found.room) {
                    let (case, room, asked) = (case.0, found.room.0, asked.0);
                    return Err(ExportError::OtherRoom { case, room, asked });
                }
                let ended = ["paid", "dismissed", "withdrawn"].contains(&found.state.as_str());
                let end = ended.then_some(found.moved_at);
                let stretch =
                    select::stretch_of_case(self.store, found.room, &found.request_message, end, until)
                        .await?;
                (found.room, stretch)
            }
        };
        let erasures = self.erasures(stretch, until).await?;
        let last = erasures.keys().next_back().copied().unwrap_or(0).max(stretch.last.0);
        let (checkpoint, note, heads) = self.head_over(last, &request.known).await?;
        Ok(Plan { room, stretch, erasures, checkpoint, note, heads })
    }

    /// The `content.erased` entries that name an entry of the stretch.
    async fn erasures(
        &self,
        stretch: Stretch,
        until: EntryIndex,
    ) -> Result<BTreeMap<u64, Record>, ExportError> {
        let mut found = BTreeMap::new();
        let part = format!(r#""kind":"{}""#, EntryKind::ContentErased.as_str());
        let mut next = EntryIndex(0);
        loop {
            let batch = self.store.matching(part.clone(), next, until, true, select::BATCH).await?;
            let Some(last) = batch.last() else { return Ok(found) };
            next = EntryIndex(last.n.0 + 1);
            for record in batch {
                let erasure: Option<Erasure> =
                    record.content_bytes().and_then(|it| serde_json::from_slice(it).ok());
                let inside = |it: &u64| (stretch.first.0..=stretch.last.0).contains(it);
                if erasure.is_some_and(|it| it.entries.iter().any(inside)) {
                    found.insert(record.n.0, record);
                }
            }
        }
    }

    /// The smallest signed head over the last entry; one that others have stamped is preferred. So the same question asked
    /// again gets the same bytes, as long as nothing was added that belongs to its answer.
    async fn head_over(
        &self,
        last: u64,
        known: &[String],
    ) -> Result<(Checkpoint, String, Vec<(u64, String)>), ExportError> {
        let mut stored = self.store.checkpoints().await?;
        if !stored.iter().any(|(size, _)| *size > last) {
            self.ledger.checkpoint().await?;
            stored = self.store.checkpoints().await?;
        }
        let stamped = anchors::sizes(self.data_dir)?;
        let over = stored.iter().filter(|(size, _)| *size > last);
        let chosen = over.clone().find(|(size, _)| stamped.contains(size)).or_else(|| over.clone().next());
        let (size, note) = chosen.cloned().ok_or(ExportError::Nothing(0))?;
        let checkpoint = Checkpoint::open(&note, self.ledger.verifier())
            .map_err(|error| ExportError::Ledger(error.into()))?;
        let mut heads: BTreeMap<u64, String> = stored.into_iter().filter(|(it, _)| *it < size).collect();
        thin(&mut heads, &stamped);
        for note in known {
            let opened = Checkpoint::open(note, self.ledger.verifier());
            let opened = opened.map_err(|_| ExportError::Known("the given checkpoint".to_owned()))?;
            if opened.size > 0 && self.store.root(opened.size).await? != opened.root {
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
