//! The whole ledger recomputed and compared with every signed head.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::anchor::Found;
use crate::domain::{self, Digest, EntryIndex, EntryKind};
use crate::files::Shelf;
use crate::ledger::{self, Continued, Erasure, LedgerError, StoreSource};
use crate::proof::checkpoint;
use crate::proof::note::Verifier;
use crate::proof::timestamp::{Roots, TimestampError};
use crate::proof::verify::{self, Expected, Report};
use crate::store::{
    ContinueStore as _, LedgerStore as _, Predecessor, Record, Store, StoreError, TreeStore as _,
};

/// Entries read at a time.
const BATCH: usize = 256;

use super::stored::{StoredFiles, Watching};

/// What was found.
#[derive(Debug)]
pub struct Checked {
    /// The ledger's id.
    pub id: String,
    pub report: Report,
    /// Where notes stand that this ledger's key did not sign over this ledger.
    pub foreign: Vec<String>,
    pub key: Key,
    /// Not one signed head was found: they were taken away, since the first start already signs.
    pub unsigned: bool,
    pub files: StoredFiles,
    /// The time stamps in the data folder.
    pub anchors: Vec<Found>,
    /// Files of stamps that are gone, or are not as they came by the ledger's own account.
    pub altered: Vec<PathBuf>,
    /// The ledgers that this one continues, oldest first.
    pub earlier: Vec<Checked>,
    /// Some ledger does not commit to where the one before it ended, or one of them is gone.
    pub uncommitted: bool,
}

/// Whether signatures could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Good,
    Missing,
    /// Not the key that began this ledger.
    Foreign,
}

impl Checked {
    pub fn intact(&self) -> bool {
        self.key == Key::Good && !self.unsigned && self.intact_otherwise()
    }

    fn intact_otherwise(&self) -> bool {
        self.report.intact()
            && self.files.bad.is_empty()
            && self.foreign.is_empty()
            && self.bad_anchors() == 0
            && self.altered.is_empty()
            && !self.uncommitted
            && self.earlier.iter().all(Self::intact)
    }

    /// Intact but for the public key, which may be lost with the secret one.
    pub fn intact_but_key(&self) -> bool {
        let Self { key, unsigned, .. } = self;
        self.intact() || (*key == Key::Missing && *unsigned && self.intact_otherwise())
    }

    /// Stamps over something else. One whose authority is not trusted here is none of them.
    pub fn bad_anchors(&self) -> usize {
        let bad = |it: &&Found| it.stamp.as_ref().is_err_and(|error| *error != TimestampError::Chain);
        self.anchors.iter().filter(bad).count()
    }
}

/// Why a ledger cannot be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("there is no ledger in this database yet")]
    Empty,
    #[error("the time stamps cannot be read")]
    Anchors(#[source] std::io::Error),
    #[error("the check was cut off")]
    CutOff,
    #[error(transparent)]
    Source(#[from] verify::SourceError),
    #[error("the stored files cannot be read")]
    Files(#[source] std::io::Error),
}

/// [`check_trusting`] with the public roots alone.
pub async fn check(
    store: &Store,
    data_dir: &Path,
    known: Option<(&str, &str)>,
) -> Result<Checked, CheckError> {
    check_trusting(store, data_dir, known, &Roots::public()).await
}

/// `known` is a checkpoint's note with the place it came from: one of the ledgers must contain that head too. `roots` are
/// those whose time stamps are believed.
pub async fn check_trusting(
    store: &Store,
    data_dir: &Path,
    known: Option<(&str, &str)>,
    roots: &Roots,
) -> Result<Checked, CheckError> {
    let head = store.head().await?.ok_or(CheckError::Empty)?;
    let predecessors = store.predecessors().await?;
    let mut known = known;
    let mut earlier = Vec::new();
    let mut uncommitted = predecessors.is_empty() && head.base != 0;
    let mut next_base = 0;
    for it in &predecessors {
        let folder = data_dir.join(ledger::LEDGERS).join(&it.ledger_id);
        let verifier = match it.key.as_str() {
            "" => Ok(None),
            key => Verifier::parse(key).map(Some).map_err(LedgerError::from),
        };
        let part = Part {
            id: &it.ledger_id,
            base: it.base,
            size: it.size,
            root: it.root,
            outside: &folder,
            ended: true,
        };
        let checked = part.check(store, data_dir, verifier, &mut known, roots).await?;
        let after = predecessors.iter().map(|it| it.base).find(|base| *base > it.base).unwrap_or(head.base);
        uncommitted |= it.base != next_base || !commits(store, after, it).await?;
        next_base = it.base + it.size;
        earlier.push(checked);
    }
    uncommitted |= next_base != head.base;
    let part = Part {
        id: &head.ledger_id,
        base: head.base,
        size: head.frontier.size(),
        root: head.frontier.root(),
        outside: data_dir,
        ended: false,
    };
    let verifier = ledger::verifier(data_dir);
    let mut checked = part.check(store, data_dir, verifier, &mut known, roots).await?;
    if let Some((_, place)) = known {
        checked.foreign.push(place.to_owned());
    }
    (checked.earlier, checked.uncommitted) = (earlier, uncommitted);
    Ok(checked)
}

/// Entry 0 of the ledger that begins at this row commits to where the one before it ended.
async fn commits(store: &Store, base: u64, before: &Predecessor) -> Result<bool, StoreError> {
    let Some(record) = store.records(EntryIndex(base), 1).await?.pop() else { return Ok(false) };
    let continues = record.entry().is_ok_and(|it| it.kind == EntryKind::LedgerContinued);
    let said = record.content_bytes().and_then(|it| serde_json::from_slice::<Continued>(it).ok());
    Ok(continues
        && record.n.0 == base
        && said.is_some_and(|it| {
            it.ledger == before.ledger_id && it.size == before.size && it.root == domain::hex(&before.root)
        }))
}

/// One of the ledgers in a database.
struct Part<'a> {
    id: &'a str,
    base: u64,
    size: u64,
    root: Digest,
    /// Where its heads and time stamps are kept outside the database.
    outside: &'a Path,
    ended: bool,
}

impl Part<'_> {
    async fn check(
        &self,
        store: &Store,
        data_dir: &Path,
        verifier: Result<Option<Verifier>, LedgerError>,
        known: &mut Option<(&str, &str)>,
        roots: &Roots,
    ) -> Result<Checked, CheckError> {
        let (verifier, readable) = match verifier {
            Ok(verifier) => (verifier, true),
            // A key file that was meddled with is a finding, not a reason to say nothing.
            Err(LedgerError::Note(_)) => (None, false),
            Err(error) => return Err(error.into()),
        };
        let (mut heads, key) = match &verifier {
            None if !readable => (ledger::Heads::default(), Key::Foreign),
            None => (ledger::Heads::default(), Key::Missing),
            Some(verifier) => {
                let own = checkpoint::ledger_id(&verifier.public_key()) == self.id
                    && verifier.name() == checkpoint::origin(self.id);
                let heads = match self.ended {
                    true => ledger::past_heads(store, self.outside, self.base, verifier).await?,
                    false => ledger::heads(store, self.outside, verifier).await?,
                };
                (heads, if own { Key::Good } else { Key::Foreign })
            }
        };
        if let (Some((note, place)), Some(verifier)) = (*known, &verifier)
            && let Ok(expected) = Expected::from_known(note, verifier, place)
        {
            heads.expected.push(expected);
            *known = None;
        }
        let unsigned = heads.expected.is_empty() && self.size > 0;
        // What the database says of its own head is one more claim to be checked.
        let label = "database, head".to_owned();
        heads.expected.push(Expected { size: self.size, root: self.root, label });
        let until = if self.ended { self.base + self.size } else { u64::MAX };
        let source = Watching::new(StoreSource::new(store.clone(), self.base, until));
        let expected = heads.expected;
        let declared = if self.ended { self.erased_later(store).await? } else { Vec::new() };
        let (shelf, outside) = (Shelf::new(data_dir), self.outside.to_owned());
        let work = move || {
            let report = verify::verify_part(&source, expected, &declared)?;
            let files = source.check(&shelf).map_err(CheckError::Files)?;
            Ok::<_, CheckError>((report, files, source.altered(&outside)))
        };
        let (report, files, altered) =
            tokio::task::spawn_blocking(work).await.map_err(|_| CheckError::CutOff)??;
        let notes = match self.ended {
            true => store.past_checkpoints(self.base).await?,
            false => store.checkpoints().await?,
        };
        let notes = notes.into_iter().collect();
        let anchors = Found::all(self.outside, &notes, roots).map_err(CheckError::Anchors)?;
        let (foreign, id) = (heads.foreign, self.id.to_owned());
        let (earlier, uncommitted) = (Vec::new(), false);
        Ok(Checked { id, report, foreign, key, unsigned, anchors, altered, files, earlier, uncommitted })
    }

    /// Entries of this ledger whose erasure a later one declares.
    async fn erased_later(&self, store: &Store) -> Result<Vec<u64>, StoreError> {
        let mut found = Vec::new();
        let after = self.base + self.size..u64::MAX >> 1;
        each_of_kind(store, EntryKind::ContentErased, after, |record| {
            let here = Erasure::earlier(record).into_iter().filter(|it| it.ledger == self.id);
            found.extend(here.flat_map(|it| it.entries));
        })
        .await?;
        Ok(found)
    }
}

async fn each_of_kind(
    store: &Store,
    kind: EntryKind,
    rows: Range<u64>,
    mut each: impl FnMut(&Record),
) -> Result<(), StoreError> {
    let part = format!(r#""kind":"{}""#, kind.as_str());
    let mut next = EntryIndex(rows.start);
    loop {
        let found = store.matching(part.clone(), next, EntryIndex(rows.end), true, BATCH).await?;
        let Some(last) = found.last() else { return Ok(()) };
        next = EntryIndex(last.n.0 + 1);
        found.iter().for_each(&mut each);
    }
}
