//! Where stamps are kept: `data/anchors/<size>-<host>.tsr`, beside it the certificates as `.pem`.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

use super::AnchorError;
use crate::domain::{Digest, UtcMillis};
use crate::platform;
use crate::proof::timestamp::{self, Roots, Stamp, TimestampError};

/// A file of an anchor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// Of the checkpoint that it is over.
    pub size: u64,
    pub path: PathBuf,
    /// The stamp itself; else the certificates beside it.
    pub is_stamp: bool,
}

/// A stored stamp beside the ledger's checkpoints.
#[derive(Debug)]
pub struct Found {
    pub size: u64,
    pub path: PathBuf,
    pub stamp: Result<Stamp, TimestampError>,
}

pub(super) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("anchors")
}

/// Where the answer of a host over the head of a size is kept.
pub fn path(data_dir: &Path, size: u64, host: &str) -> PathBuf {
    // A host that a ledger names is not trusted to be a file's name.
    let safe = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_');
    let host: String = host.chars().filter(|it| safe(*it)).collect();
    folder(data_dir).join(format!("{size}-{host}.tsr"))
}

/// The size in `<size>-<host>.…`.
pub fn size_of(name: &str) -> Option<u64> {
    let (size, _) = name.split_once('-')?;
    let size: u64 = size.parse().ok()?;
    name.starts_with(&format!("{size}-")).then_some(size)
}

/// When a time stamp was last put on the shelf, by the file.
pub fn arrived(data_dir: &Path) -> Option<UtcMillis> {
    let files = fs::read_dir(folder(data_dir)).ok()?.filter_map(Result::ok);
    let stamps = files.filter(|it| it.path().extension().is_some_and(|it| it == "tsr"));
    let times = stamps.filter_map(|it| it.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    times.filter_map(|it| i64::try_from(it.as_millis()).ok()).max().map(UtcMillis)
}

/// All files of anchors, by size.
pub fn stored(data_dir: &Path) -> io::Result<Vec<Stored>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder(data_dir)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let is_stamp = name.ends_with(".tsr");
        if let Some(size) = size_of(name).filter(|_| is_stamp || name.ends_with(".pem")) {
            found.push(Stored { size, path, is_stamp });
        }
    }
    found.sort();
    Ok(found)
}

impl Found {
    /// Every stored stamp, checked against the note of its size.
    pub fn all(data_dir: &Path, notes: &BTreeMap<u64, String>, roots: &Roots) -> io::Result<Vec<Self>> {
        let stamps = stored(data_dir)?.into_iter().filter(|it| it.is_stamp);
        stamps
            .map(|it| {
                let response = fs::read(&it.path)?;
                let stamp = match notes.get(&it.size) {
                    Some(note) => {
                        let imprint: Digest = Sha256::digest(note.as_bytes()).into();
                        timestamp::check(&response, &imprint, None, roots)
                    }
                    None => Err(TimestampError::Imprint),
                };
                Ok(Self { size: it.size, path: it.path, stamp })
            })
            .collect()
    }
}

/// Size and time of the newest stamp of a host. The time is the file's: a stamp is checked when it comes and when it counts.
pub(super) fn newest(data_dir: &Path, host: &str) -> io::Result<Option<(u64, UtcMillis)>> {
    let mut newest = None;
    for it in stored(data_dir)?.into_iter().filter(|it| it.is_stamp) {
        let name = it.path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        if name == format!("{}-{host}.tsr", it.size)
            && let Ok(at) = timestamp::claimed_time(&fs::read(&it.path)?)
        {
            newest = Some((it.size, at));
        }
    }
    Ok(newest)
}

/// Keeps an answer as it came; a second one over the same head replaces the first.
pub(super) fn keep(
    data_dir: &Path,
    size: u64,
    host: &str,
    response: &[u8],
    chain: &str,
) -> Result<(), AnchorError> {
    let folder = folder(data_dir);
    let write = |name: String, bytes: &[u8]| {
        let path = folder.join(name);
        let beside = path.with_extension("new");
        let put = || {
            fs::create_dir_all(&folder)?;
            let mut file = platform::private(OpenOptions::new().create(true).write(true).truncate(true))
                .open(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            platform::sync_folder(&folder)
        };
        put().map_err(|source| AnchorError::File { path: path.clone(), source })
    };
    write(format!("{size}-{host}.pem"), chain.as_bytes())?;
    write(format!("{size}-{host}.tsr"), response)
}
