//! The whole ledger recomputed and compared with every signed head.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::anchor::{self, Found};
use crate::domain::{self, EntryIndex, EntryKind};
use crate::files::Shelf;
use crate::ledger::{self, LedgerError, StoreSource};
use crate::proof::checkpoint;
use crate::proof::timestamp::{Roots, TimestampError};
use crate::proof::verify::{self, Expected, Report};
use crate::store::{LedgerStore as _, Store, StoreError, TreeStore as _};

/// Entries read at a time.
const BATCH: usize = 256;

use super::stored::{StoredFiles, Watching};

/// What was found.
#[derive(Debug)]
pub struct Checked {
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
        self.report.intact()
            && self.files.bad.is_empty()
            && self.foreign.is_empty()
            && self.key == Key::Good
            && !self.unsigned
            && self.bad_anchors() == 0
            && self.altered.is_empty()
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

/// `known` is a checkpoint's note with the place it came from: the ledger must contain that head too. `roots` are those whose
/// time stamps are believed.
pub async fn check_trusting(
    store: &Store,
    data_dir: &Path,
    known: Option<(&str, &str)>,
    roots: &Roots,
) -> Result<Checked, CheckError> {
    let head = store.head().await?.ok_or(CheckError::Empty)?;
    let (verifier, readable) = match ledger::verifier(data_dir) {
        Ok(verifier) => (verifier, true),
        // A key file that was meddled with is a finding, not a reason to say nothing.
        Err(LedgerError::Note(_)) => (None, false),
        Err(error) => return Err(error.into()),
    };
    let (mut heads, key) = match &verifier {
        None if !readable => (ledger::Heads::default(), Key::Foreign),
        None => (ledger::Heads::default(), Key::Missing),
        Some(verifier) => {
            let own = checkpoint::ledger_id(&verifier.public_key()) == head.ledger_id
                && verifier.name() == checkpoint::origin(&head.ledger_id);
            (ledger::heads(store, data_dir, verifier).await?, if own { Key::Good } else { Key::Foreign })
        }
    };
    if let (Some((note, place)), Some(verifier)) = (known, &verifier) {
        match Expected::from_note(note, verifier, place) {
            Ok(expected) => heads.expected.push(expected),
            Err(_) => heads.foreign.push(place.to_owned()),
        }
    }
    let unsigned = heads.expected.is_empty() && head.frontier.size() > 0;
    // What the database says of its own head is one more claim to be checked.
    let (size, root) = (head.frontier.size(), head.frontier.root());
    heads.expected.push(Expected { size, root, label: "database, head".to_owned() });
    let mut source = Watching::new(StoreSource::new(store.clone()));
    let expected = heads.expected;
    let shelf = Shelf::new(data_dir);
    let work = move || {
        let report = verify::verify(&mut source, expected)?;
        let files = source.check(&shelf).map_err(CheckError::Files)?;
        Ok::<_, CheckError>((report, files))
    };
    let (report, files) = tokio::task::spawn_blocking(work).await.map_err(|_| CheckError::CutOff)??;
    let notes = store.checkpoints().await?.into_iter().collect();
    let anchors = Found::all(data_dir, &notes, roots).map_err(CheckError::Anchors)?;
    let altered = altered(store, data_dir, report.size).await?;
    Ok(Checked { report, foreign: heads.foreign, key, unsigned, anchors, altered, files })
}

/// Content of `checkpoint.anchored`, as far as the file is concerned.
#[derive(Deserialize)]
struct Anchored {
    size: u64,
    host: String,
    sha256: String,
}

/// Compares the files of stamps with what was recorded when they came.
async fn altered(store: &Store, data_dir: &Path, size: u64) -> Result<Vec<PathBuf>, CheckError> {
    let part = format!(r#""kind":"{}""#, EntryKind::CheckpointAnchored.as_str());
    let mut expected: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut next = EntryIndex(0);
    loop {
        let found = store.matching(part.clone(), next, EntryIndex(size), true, BATCH).await?;
        let Some(last) = found.last() else { break };
        next = EntryIndex(last.n.0 + 1);
        for record in &found {
            let it = record.content_bytes().and_then(|it| serde_json::from_slice::<Anchored>(it).ok());
            if let Some(it) = it {
                expected.insert(anchor::path(data_dir, it.size, &it.host), it.sha256);
            }
        }
    }
    let differs = |(path, sha256): (PathBuf, String)| {
        let same = std::fs::read(&path).is_ok_and(|it| domain::hex(&Sha256::digest(it)) == sha256);
        (!same).then_some(path)
    };
    Ok(expected.into_iter().filter_map(differs).collect())
}
