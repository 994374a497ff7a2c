//! The whole ledger recomputed and compared with every signed head.

use std::path::Path;

use crate::files::Shelf;
use crate::ledger::{self, LedgerError, StoreSource};
use crate::proof::checkpoint;
use crate::proof::verify::{self, Expected, Report};
use crate::store::{LedgerStore as _, Store, StoreError};

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
    #[error("the check was cut off")]
    CutOff,
    #[error(transparent)]
    Source(#[from] verify::SourceError),
    #[error("the stored files cannot be read")]
    Files(#[source] std::io::Error),
}

/// `known` is a checkpoint's note with the place it came from: the ledger must contain that head too.
pub async fn check(
    store: &Store,
    data_dir: &Path,
    known: Option<(&str, &str)>,
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
    Ok(Checked { report, foreign: heads.foreign, key, unsigned, files })
}
