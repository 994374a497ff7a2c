//! The bytes of files, stored once by their SHA-256 under `data/files/aa/<hash>`.
//!
//! Never: knows where a file came from, trusts a name, hands out bytes that it does not hold under their hash.

mod media;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::domain::{self, Digest};
use crate::platform;

pub use media::media_type;

/// Begins the name of a file that is still being written.
const UNFINISHED: &str = ".incoming-";
/// Bytes read at a time.
const PART: usize = 64 << 10;

/// The folder of all files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
}

/// A file on its way in: under a name of its own until its hash is known.
pub struct Incoming {
    file: NamedTempFile,
    hash: Sha256,
    size: u64,
    /// The first bytes, by which the kind of file is guessed.
    head: Vec<u8>,
}

/// What was put on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelved {
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    /// Guessed from the first bytes.
    pub media_type: &'static str,
}

/// What is found where a file should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Good,
    Missing,
    /// Other bytes than those that were stored.
    Altered,
}

impl Shelf {
    pub fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("files") }
    }

    /// Where the bytes with this hash are, or would be.
    pub fn path(&self, sha256: &Digest) -> PathBuf {
        let name = domain::hex(sha256);
        self.folder.join(name.get(..2).unwrap_or_default()).join(&name)
    }

    /// Begins to take a file in. What is dropped unfinished leaves nothing behind.
    pub fn begin(&self) -> io::Result<Incoming> {
        fs::create_dir_all(&self.folder)?;
        // Made readable for its owner alone.
        let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        Ok(Incoming { file, hash: Sha256::new(), size: 0, head: Vec::new() })
    }

    /// Takes in everything that `from` gives, up to `max` bytes; `None` where there is more.
    pub fn take(&self, from: &mut impl io::Read, max: u64) -> io::Result<Option<Shelved>> {
        let mut incoming = self.begin()?;
        let mut part = vec![0; PART];
        loop {
            let n = match from.read(&mut part) {
                Ok(0) => return incoming.finish(self).map(Some),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if incoming.size() + n as u64 > max {
                return Ok(None);
            }
            incoming.write(part.get(..n).unwrap_or_default())?;
        }
    }

    pub fn open(&self, sha256: &Digest) -> io::Result<File> {
        File::open(self.path(sha256))
    }

    /// Reads the stored bytes and compares.
    pub fn check(&self, sha256: &Digest) -> io::Result<Condition> {
        let mut file = match self.open(sha256) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Condition::Missing),
            Err(error) => return Err(error),
        };
        let mut hash = Sha256::new();
        let mut part = vec![0; PART];
        loop {
            match file.read(&mut part) {
                Ok(0) => break,
                Ok(n) => hash.update(part.get(..n).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let found: Digest = hash.finalize().into();
        Ok(if found == *sha256 { Condition::Good } else { Condition::Altered })
    }

    /// Removes the bytes for good; that they are gone already is no error.
    pub fn remove(&self, sha256: &Digest) -> io::Result<()> {
        let path = self.path(sha256);
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes what a crash left unfinished. Only for the one process that fetches files, before it begins.
    pub fn sweep(&self) -> io::Result<()> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Incoming {
    pub fn write(&mut self, part: &[u8]) -> io::Result<()> {
        self.file.write_all(part)?;
        self.hash.update(part);
        self.size += part.len() as u64;
        let wanted = media::HEAD.saturating_sub(self.head.len()).min(part.len());
        self.head.extend_from_slice(part.get(..wanted).unwrap_or_default());
        Ok(())
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Waits for the disk, then gives the file its name. The same bytes a second time are one file.
    pub fn finish(self, shelf: &Shelf) -> io::Result<Shelved> {
        let sha256: Digest = self.hash.finalize().into();
        self.file.as_file().sync_all()?;
        let path = shelf.path(&sha256);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
            sync_folder(folder)?;
        }
        self.file.persist(&path).map_err(|error| error.error)?;
        sync_folder(&path)?;
        Ok(Shelved { sha256, size: self.size, media_type: media_type(&self.head) })
    }
}

/// A new name is durable when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => platform::sync_folder(folder),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_stored_once_under_its_hash_and_checked_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path());
        let stored = shelf.take(&mut &b"%PDF-1.7 quote"[..], 100).unwrap().unwrap();
        let again = shelf.take(&mut &b"%PDF-1.7 quote"[..], 100).unwrap().unwrap();
        assert_eq!((&stored, stored.size, stored.media_type), (&again, 14, "application/pdf"));
        let path = shelf.path(&stored.sha256);
        let name = domain::hex(&stored.sha256);
        assert!(path.ends_with(format!("files/{}/{name}", &name[..2])));
        assert!(!platform::is_open_to_others(&path));
        assert_eq!(fs::read_dir(folder.path().join("files")).unwrap().count(), 1, "nothing is left over");
        assert_eq!(shelf.check(&stored.sha256).unwrap(), Condition::Good);
        fs::write(&path, "other").unwrap();
        assert_eq!(shelf.check(&stored.sha256).unwrap(), Condition::Altered);
        shelf.remove(&stored.sha256).unwrap();
        shelf.remove(&stored.sha256).unwrap();
        assert_eq!(shelf.check(&stored.sha256).unwrap(), Condition::Missing);
    }

    #[test]
    fn what_is_too_large_or_unfinished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path());
        shelf.sweep().unwrap();
        assert_eq!(shelf.take(&mut &[7_u8; 11][..], 10).unwrap(), None);
        assert!(shelf.take(&mut &[7_u8; 10][..], 10).unwrap().is_some());
        let mut unfinished = shelf.begin().unwrap();
        unfinished.write(b"x").unwrap();
        // As a crash would leave it.
        let (_, left) = unfinished.file.keep().unwrap();
        shelf.sweep().unwrap();
        assert!(!left.exists());
        assert_eq!(fs::read_dir(folder.path().join("files")).unwrap().count(), 1);
    }
}
