//! Signed heads kept outside the database, so that an older copy of it is recognised.
//!
//! `data/checkpoints/latest.note` is the newest; beside it stands the last one of each day, for one's own mail or cloud.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::domain::UtcMillis;
use crate::platform;
use crate::proof::checkpoint::Checkpoint;
use crate::proof::note::Verifier;
use crate::store::{Head, LedgerStore, Store, TreeStore as _};

use super::LedgerError;

const LATEST: &str = "latest.note";

/// Compares the database with the newest head outside.
pub(super) async fn check_outside(
    store: &Store,
    folder: &Path,
    origin: &str,
    verifier: &Verifier,
    head: Option<&Head>,
) -> Result<(), LedgerError> {
    let path = folder.join(LATEST);
    let note = match fs::read_to_string(&path) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(LedgerError::File { path, source }),
    };
    let signed = match Checkpoint::open(&note, verifier) {
        Ok(checkpoint) if checkpoint.origin == origin => checkpoint,
        _ => return Err(LedgerError::Checkpoint { path }),
    };
    let found = head.map_or(0, |head| head.frontier.size());
    if found < signed.size {
        return Err(LedgerError::RolledBack { found, signed: signed.size, path });
    }
    let known =
        store.checkpoints().await?.into_iter().any(|(size, kept)| size == signed.size && kept == note);
    if !known && store.root(None, signed.size).await? != signed.root {
        return Err(LedgerError::Forked { signed: signed.size, path });
    }
    Ok(())
}

/// Writes the note as the newest and as that of its day.
pub(super) fn keep_outside(folder: &Path, note: &str, now: UtcMillis) -> Result<(), LedgerError> {
    for name in [format!("{}.note", now.japan_day()), LATEST.to_owned()] {
        let path = folder.join(name);
        replace(&path, note.as_bytes()).map_err(|source| LedgerError::File { path, source })?;
    }
    Ok(())
}

/// The old file or the new one, never a part: written beside, synced, renamed.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Under a name of its own: a command and the bot, or two replicas, may sign at the same moment.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(path)
}

/// Makes a created or renamed file's name durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => platform::sync_folder(folder),
        None => Ok(()),
    }
}

/// The notes outside, with the file each came from.
pub(super) fn outside(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut notes = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(notes),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "note") {
            notes.push((path.display().to_string(), fs::read_to_string(&path)?));
        }
    }
    notes.sort();
    Ok(notes)
}
