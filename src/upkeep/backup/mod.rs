//! A copy of everything in one file, verified before it is called a copy.

mod container;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{TempDir, TempPath};

use crate::domain::{EntryKind, hex};
use crate::ledger::{Ledger, LedgerError, Observation};
use crate::platform;
use crate::proof::timestamp::Roots;
use crate::store::{LedgerStore as _, Store, StoreError};

use super::erasures;
use super::{CheckError, Checked, check_trusting};

pub use container::{ContainerError, Contents, looks_like_backup};

/// The database in a backup and in the folder where it is unpacked.
pub(super) const DATABASE: &str = "karibarai.db";
/// Begins the name of the folder in which a backup is made, beside its final place.
const WORK: &str = ".karibarai-backup-";
/// In it; held while it is worked on.
const LOCK: &str = "lock";

/// What a backup is of.
pub(super) struct Facts {
    pub(super) made_at: String,
    pub(super) ledger: String,
    pub(super) size: u64,
    pub(super) root: String,
}

/// A backup that was made, verified and put in place.
#[derive(Debug)]
pub struct Backup {
    pub bytes: u64,
    pub sha256: String,
    /// Entries of all ledgers in it.
    pub entries: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error("{0} is there already, and a backup is never overwritten: give another name")]
    Exists(PathBuf),
    #[error("cannot use {path}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the work was cut off")]
    CutOff,
    /// Nothing stands under the final name.
    #[error("what was copied does not verify, so no backup was made; `karibarai verify` says what is wrong")]
    NotIntact(Box<Checked>),
}

impl BackupError {
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Makes a backup while the bot may be running. The ledger's secret key is put in only where it is wanted.
pub async fn backup(
    ledger: &Ledger,
    store: &Store,
    data_dir: &Path,
    out: &Path,
    with_key: bool,
    roots: &Roots,
) -> Result<Backup, BackupError> {
    if out.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(out.to_owned()));
    }
    let parent = out.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sweep(parent).map_err(BackupError::at(parent))?;
    let held = work_in(parent).map_err(BackupError::at(parent))?;
    let work = held.folder.path();

    // Heads first, the database after them: it has what they were signed over.
    ledger.checkpoint().await?;
    let mut sources =
        outside(data_dir, &work.join("outside"), with_key).map_err(BackupError::at(data_dir))?;
    let copy = work.join(DATABASE);
    store.copy_to(&copy).await?;
    let facts = facts(&copy, ledger).await?;
    let entries = facts.1;
    sources.insert(DATABASE.to_owned(), copy.clone());
    let packed = work.join("backup");
    let (facts, target) = (facts.0, packed.clone());
    let pack = tokio::task::spawn_blocking(move || container::pack(&target, &facts, &sources));
    let sha256 = pack.await.map_err(|_| BackupError::CutOff)??;
    fs::remove_file(&copy).map_err(BackupError::at(&copy))?;

    // What is verified is what was packed, not what it was packed from.
    let (checked, _) = open(&packed, &work.join("check"), roots).await?;
    if !checked.intact() {
        return Err(BackupError::NotIntact(Box::new(checked)));
    }
    let bytes = fs::metadata(&packed).map_err(BackupError::at(&packed))?.len();
    name(&packed, out)?;
    let content = serde_json::json!({
        "sha256": sha256,
        "bytes": bytes,
        "size": checked.report.size,
        "root": hex(&checked.report.root),
        "with_key": with_key,
    });
    ledger.append_one(Observation::system(EntryKind::BackupMade, &content)).await?;
    ledger.checkpoint().await?;
    Ok(Backup { bytes, sha256, entries })
}

/// Unpacks a backup into a new folder and checks all of it.
pub async fn open(path: &Path, folder: &Path, roots: &Roots) -> Result<(Checked, Contents), BackupError> {
    let (checked, contents, _) = open_at(path, folder, &folder.join(DATABASE), roots).await?;
    Ok((checked, contents))
}

pub(super) async fn open_at(
    path: &Path,
    folder: &Path,
    database: &Path,
    roots: &Roots,
) -> Result<(Checked, Contents, String), BackupError> {
    let (from, to, at) = (path.to_owned(), folder.to_owned(), database.to_owned());
    let unpack = move || {
        platform::make_private_folder(&to)
            .map_err(|source| ContainerError::File { path: to.clone(), source })?;
        container::unpack(&from, &to, &at)
    };
    let unpacked = tokio::task::spawn_blocking(unpack).await.map_err(|_| BackupError::CutOff)?;
    let (contents, sha256) = unpacked?;
    let store = Store::open_read_only(database).await?;
    let checked = check_trusting(&store, folder, None, roots).await?;
    Ok((checked, contents, sha256))
}

/// What lies outside the database: what can change is copied now, stored files are read where they are.
fn outside(data_dir: &Path, copies: &Path, with_key: bool) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for folder in ["keys", "checkpoints", "anchors", crate::ledger::LEDGERS] {
        container::below(&data_dir.join(folder), folder, &mut found)?;
    }
    let list = data_dir.join(erasures::LIST);
    if list.exists() {
        found.insert(erasures::LIST.to_owned(), list);
    }
    if !with_key {
        found.retain(|path, _| !path.ends_with("ledger.key"));
    }
    found.retain(|path, _| !path.ends_with(".new"));
    for (path, source) in &mut found {
        let copy = copies.join(path);
        fs::create_dir_all(copy.parent().unwrap_or(copies))?;
        fs::copy(&*source, &copy)?;
        *source = copy;
    }
    container::below(&data_dir.join("files"), "files", &mut found)?;
    Ok(found)
}

/// Of the copy, since the ledger may have grown.
async fn facts(copy: &Path, ledger: &Ledger) -> Result<(Facts, u64), BackupError> {
    let store = Store::open_read_only(copy).await?;
    let head = store.head().await?.ok_or(CheckError::Empty)?;
    let facts = Facts {
        made_at: ledger.now().to_string(),
        ledger: head.ledger_id.clone(),
        size: head.frontier.size(),
        root: hex(&head.frontier.root()),
    };
    Ok((facts, head.end()))
}

/// A folder that is this process's as long as it lives. The lock goes first: a file that is open cannot be removed everywhere.
struct Work {
    _lock: File,
    folder: TempDir,
}

fn work_in(parent: &Path) -> io::Result<Work> {
    let folder = tempfile::Builder::new().prefix(WORK).tempdir_in(parent)?;
    let lock = File::create(folder.path().join(LOCK))?;
    lock.lock()?;
    Ok(Work { _lock: lock, folder })
}

/// Removes what processes left that were killed.
fn sweep(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)?.collect::<io::Result<Vec<_>>>()? {
        let ours = entry.file_name().to_string_lossy().starts_with(WORK) && entry.file_type()?.is_dir();
        if ours && is_left(&entry.path()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Nobody holds it any more, or it was left before it was held.
fn is_left(work: &Path) -> bool {
    match File::open(work.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Gives the finished file its name, unless there is one by now.
fn name(packed: &Path, out: &Path) -> Result<(), BackupError> {
    let packed = TempPath::try_from_path(packed).map_err(BackupError::at(packed))?;
    match packed.persist_noclobber(out) {
        Ok(()) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists(out.to_owned()));
        }
        // Not every file system can do this in one step.
        Err(error) if out.symlink_metadata().is_err() => {
            fs::rename(&error.path, out).map_err(BackupError::at(out))?;
        }
        Err(_) => return Err(BackupError::Exists(out.to_owned())),
    }
    let parent = out.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    platform::sync_folder(parent).map_err(BackupError::at(parent))
}
