//! Puts a backup in place, or a new key: all of it is made ready beside the present data, then moved there by a list of moves
//! that is on the disk before the first of them, so that whoever comes next can finish it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{Clock, Entropy};
use crate::ledger::{self, LEDGERS, Ledger, Reason, Why, continue_ledger};
use crate::platform;
use crate::proof::timestamp::Roots;
use crate::store::Store;

use super::backup::{self, BackupError, Contents};
use super::{CheckError, Checked, Target, check_trusting, erasures};

/// Folder in which everything is made ready.
const STAGING: &str = "restore.tmp";
/// The moves that are left to be made.
const JOURNAL: &str = "restore.journal";
/// What belongs to the bot beside its database; whatever else lies there is left alone.
const ITEMS: &[&str] = &["keys", "checkpoints", "anchors", LEDGERS, "files", "mirror", erasures::LIST];
/// Of these a new key makes new ones.
const OF_KEY: &[&str] = &["keys", "checkpoints", "anchors", LEDGERS];

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(
        "{0} already holds data; with --aside it is moved into a folder beside it and nothing is deleted, or choose another \
         place in [storage]"
    )]
    Occupied(PathBuf),
    #[error("a bot (or another restore) is at work on {0}; stop it first")]
    AtWork(PathBuf),
    #[error("there is no ledger at {0} that a new key could continue")]
    NoLedger(PathBuf),
    #[error("cannot use {path}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{0} could not be written to its end (is the disk full?); nothing was changed")]
    LeftInLog(PathBuf),
    /// The present data is as it was.
    #[error("what is to be continued does not verify; nothing was changed")]
    NotIntact(Box<Checked>),
}

/// Where the bot's data is.
#[derive(Clone, Debug)]
pub struct DataPlace {
    pub database: PathBuf,
    pub data_dir: PathBuf,
}

/// A restored ledger that is not yet in place.
pub struct Staged {
    place: DataPlace,
    /// Where it is now.
    pub staging: DataPlace,
    items: &'static [&'static str],
    now: String,
    _lock: File,
}

/// A backup on its way into its place.
pub struct StagedBackup {
    pub staged: Staged,
    pub ledger: Ledger,
    pub store: Store,
    pub contents: Contents,
    /// Erasures that the backup does not have, to be made again before it is put in place.
    pub erasures: Vec<(Target, Reason)>,
}

impl DataPlace {
    fn side(&self, end: &str) -> PathBuf {
        let mut name = self.database.file_name().unwrap_or_default().to_os_string();
        name.push(end);
        self.database.with_file_name(name)
    }

    /// Nobody else works here as long as the file is kept.
    fn lock(&self) -> Result<File, RestoreError> {
        let path = self.data_dir.join("worker.lock");
        let make = || {
            fs::create_dir_all(&self.data_dir)?;
            File::create(&path)
        };
        let lock = make().map_err(at(&path))?;
        lock.try_lock().map_err(|_| RestoreError::AtWork(self.data_dir.clone()))?;
        Ok(lock)
    }

    fn staging(&self) -> Self {
        Self { database: self.side(".restoring"), data_dir: self.data_dir.join(STAGING) }
    }

    fn occupied(&self) -> bool {
        let items = ITEMS.iter().map(|it| self.data_dir.join(it));
        items.chain([self.database.clone()]).any(|it| it.symlink_metadata().is_ok())
    }

    /// Closing the database carries its log into the file, and where the disk refuses that, nobody is told: the log would stay
    /// behind when the file moves, and with it the newest entries.
    fn is_in_one_file(&self) -> Result<(), RestoreError> {
        let log = self.side("-wal");
        match fs::metadata(&log) {
            Ok(it) if it.len() > 0 => Err(RestoreError::LeftInLog(self.database.clone())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&log)(error)),
            _ => Ok(()),
        }
    }

    /// Removes what an earlier attempt left that did not come to its first move.
    fn clear(&self) -> Result<(), RestoreError> {
        match fs::remove_dir_all(&self.data_dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&self.data_dir)(error)),
            _ => {}
        }
        for path in [self.database.clone(), self.side("-wal"), self.side("-shm")] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::File { path, source }
}

/// Verifies a backup and makes of it, beside the present data, a ledger that continues it.
pub async fn stage_backup(
    file: &Path,
    place: &DataPlace,
    aside: bool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    roots: &Roots,
) -> Result<StagedBackup, RestoreError> {
    let lock = place.lock()?;
    if !aside && place.occupied() {
        return Err(RestoreError::Occupied(place.data_dir.clone()));
    }
    let staging = place.staging();
    staging.clear()?;
    let (checked, contents, sha256) =
        backup::open_at(file, &staging.data_dir, &staging.database, roots).await?;
    if !checked.intact() {
        staging.clear()?;
        return Err(RestoreError::NotIntact(Box::new(checked)));
    }
    // The key of that very ledger, where it is still here: packages of its entries are signed with it.
    let key = place.data_dir.join(ledger::KEY);
    if !staging.data_dir.join(ledger::KEY).exists() && ledger::is_key_of(&key, &contents.ledger) {
        fs::copy(&key, staging.data_dir.join(ledger::KEY)).map_err(at(&key))?;
    }
    let erasures = erasures::carry(&place.data_dir, &staging.data_dir).map_err(at(&staging.data_dir))?;
    let now = clock.now().to_string();
    let store = Store::open(&staging.database).await.map_err(BackupError::from)?;
    let why = Why::Restore { backup: sha256 };
    let ledger = continue_ledger(store.clone(), &staging.data_dir, clock, entropy, &why)
        .await
        .map_err(BackupError::from)?;
    let staged = Staged { place: place.clone(), staging, items: ITEMS, now, _lock: lock };
    Ok(StagedBackup { staged, ledger, store, contents, erasures })
}

/// Makes, beside the present data, a ledger under a new key that continues the present one.
pub async fn stage_new_key(
    place: &DataPlace,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    roots: &Roots,
) -> Result<(Staged, Ledger, Store), RestoreError> {
    let lock = place.lock()?;
    if !place.database.exists() {
        return Err(RestoreError::NoLedger(place.database.clone()));
    }
    let staging = place.staging();
    staging.clear()?;
    let present = Store::open(&place.database).await.map_err(BackupError::from)?;
    let checked =
        check_trusting(&present, &place.data_dir, None, roots).await.map_err(|error| match error {
            CheckError::Empty => RestoreError::NoLedger(place.database.clone()),
            error => BackupError::from(error).into(),
        })?;
    if !checked.intact_but_key() {
        return Err(RestoreError::NotIntact(Box::new(checked)));
    }
    let copy = || {
        fs::create_dir_all(&staging.data_dir)?;
        for item in OF_KEY {
            copy_tree(&place.data_dir.join(item), &staging.data_dir.join(item))?;
        }
        Ok(())
    };
    copy().map_err(at(&staging.data_dir))?;
    present.copy_to(&staging.database).await.map_err(BackupError::from)?;
    drop(present);
    let now = clock.now().to_string();
    let store = Store::open(&staging.database).await.map_err(BackupError::from)?;
    let ledger = continue_ledger(store.clone(), &staging.data_dir, clock, entropy, &Why::NewKey)
        .await
        .map_err(BackupError::from)?;
    let staged = Staged { place: place.clone(), staging, items: OF_KEY, now, _lock: lock };
    Ok((staged, ledger, store))
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            OpenOptions::new().write(true).open(&target)?.sync_all()?;
        }
    }
    platform::sync_folder(to)
}

/// The moves in their order. A move whose source is gone or whose target is there was made already.
#[derive(Serialize, Deserialize)]
struct Journal {
    moves: Vec<(PathBuf, PathBuf)>,
}

impl Staged {
    /// Puts the staged data in place; what was there moves aside. Gives the folder with the old data. Nobody may hold the staged
    /// store open any more.
    pub fn commit(self) -> Result<Option<PathBuf>, RestoreError> {
        let Self { place, staging, items, now, .. } = &self;
        staging.is_in_one_file()?;
        let stamp: String = now.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
        let aside = place.data_dir.join(format!("before-{stamp}"));
        let mut moves = Vec::new();
        for item in *items {
            let present = place.data_dir.join(item);
            if present.symlink_metadata().is_ok() {
                moves.push((present, aside.join(item)));
            }
        }
        // Where the database lies elsewhere, so does its old copy: a move never leaves its file system.
        let inside = place.database.parent() == Some(&place.data_dir);
        for end in ["", "-wal", "-shm"] {
            let present = place.side(end);
            let target = match inside {
                true => aside.join(present.file_name().unwrap_or_default()),
                false => place.side(&format!(".before-{stamp}{end}")),
            };
            if present.symlink_metadata().is_ok() {
                moves.push((present, target));
            }
        }
        let used = (!moves.is_empty()).then(|| aside.clone());
        if used.is_some() {
            fs::create_dir_all(&aside).map_err(at(&aside))?;
        }
        for item in *items {
            let ready = staging.data_dir.join(item);
            if ready.symlink_metadata().is_ok() {
                moves.push((ready, place.data_dir.join(item)));
            }
        }
        // Last: without it nothing else is taken for a ledger.
        moves.push((staging.database.clone(), place.database.clone()));
        let journal = serde_json::to_vec(&Journal { moves }).map_err(|error| at(&aside)(error.into()))?;
        let path = place.data_dir.join(JOURNAL);
        let beside = path.with_extension("new");
        let write = || {
            let mut file = File::create(&beside)?;
            file.write_all(&journal)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            platform::sync_folder(&place.data_dir)
        };
        write().map_err(at(&path))?;
        finish(&place.data_dir)?;
        Ok(used)
    }
}

/// Makes the moves that a restore had decided on and did not come to. True where there were any.
pub fn finish_restore(data_dir: &Path) -> Result<bool, RestoreError> {
    if !data_dir.join(JOURNAL).exists() {
        return Ok(false);
    }
    let place = DataPlace { database: PathBuf::new(), data_dir: data_dir.to_owned() };
    let _lock = place.lock()?;
    finish(data_dir)
}

fn finish(data_dir: &Path) -> Result<bool, RestoreError> {
    let path = data_dir.join(JOURNAL);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(at(&path)(error)),
    };
    let journal: Journal = serde_json::from_slice(&bytes).map_err(|error| at(&path)(error.into()))?;
    let there = |path: &Path| path.symlink_metadata().is_ok();
    for (from, to) in &journal.moves {
        if there(from) && !there(to) {
            fs::rename(from, to).map_err(at(to))?;
            for folder in [from.parent(), to.parent()].into_iter().flatten() {
                platform::sync_folder(folder).map_err(at(folder))?;
            }
        }
    }
    let staging = data_dir.join(STAGING);
    match fs::remove_dir_all(&staging) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&staging)(error)),
        _ => {}
    }
    fs::remove_file(&path).map_err(at(&path))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a kill after any of the moves would leave it: the next one brings it to the same end.
    #[test]
    fn moves_that_were_cut_off_anywhere_are_finished() {
        for killed_after in 0..=6 {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path();
            let staging = data.join(STAGING);
            let aside = data.join("before-x");
            for path in [&staging, &aside, &data.join("keys"), &staging.join("keys")] {
                fs::create_dir_all(path).unwrap();
            }
            for (path, text) in [("keys/k", "old"), ("db", "old"), ("db-wal", "old")] {
                fs::write(data.join(path), text).unwrap();
            }
            for (path, text) in [("keys/k", "new"), ("erased.jsonl", "new")] {
                fs::write(staging.join(path), text).unwrap();
            }
            fs::write(data.join("db.restoring"), "new").unwrap();
            let moves = [
                (data.join("keys"), aside.join("keys")),
                (data.join("db"), aside.join("db")),
                (data.join("db-wal"), aside.join("db-wal")),
                (staging.join("keys"), data.join("keys")),
                (staging.join("erased.jsonl"), data.join("erased.jsonl")),
                (data.join("db.restoring"), data.join("db")),
            ];
            let journal = serde_json::to_vec(&Journal { moves: moves.to_vec() }).unwrap();
            fs::write(data.join(JOURNAL), journal).unwrap();
            for (from, to) in moves.iter().take(killed_after) {
                fs::rename(from, to).unwrap();
            }
            assert!(finish_restore(data).unwrap());
            assert!(!finish_restore(data).unwrap());
            let read = |path: &str| fs::read_to_string(data.join(path)).unwrap();
            for new in ["keys/k", "erased.jsonl", "db"] {
                assert_eq!(read(new), "new", "{new}, killed after {killed_after} moves");
            }
            for old in ["before-x/keys/k", "before-x/db", "before-x/db-wal"] {
                assert_eq!(read(old), "old", "{old}, killed after {killed_after} moves");
            }
            assert!(!staging.exists() && !data.join("db-wal").exists());
        }
    }

    #[test]
    fn nobody_finishes_a_restore_that_is_still_at_work() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(JOURNAL), r#"{"moves":[]}"#).unwrap();
        let place = DataPlace { database: PathBuf::new(), data_dir: folder.path().to_owned() };
        let lock = place.lock().unwrap();
        assert!(matches!(finish_restore(folder.path()), Err(RestoreError::AtWork(_))));
        drop(lock);
        assert!(finish_restore(folder.path()).unwrap());
    }
}
