//! A package as it comes: a zip file, or the folder into which somebody unpacked one.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::domain::Digest;
use crate::proof::bundle::{Container, ContainerError, MAX_MEMBERS, is_ours};

/// What file managers leave in a folder that they showed.
const DROPPINGS: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];
/// Read from both ends to tell a damaged package from something else.
const END: u64 = 64 * 1024;

/// Why nothing can be said of a package.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot be read")]
    Io(#[from] io::Error),
    #[error("is not an evidence package of karibarai")]
    NotOurs,
    #[error("has a file {0} that is larger than this program reads")]
    TooLarge(String),
}

pub(super) enum Package {
    Zip(Container<File>),
    Folder { root: PathBuf, paths: Vec<String> },
}

/// What became of opening it.
pub(super) enum Opened {
    Package(Package),
    /// Ours, and at this byte not as it was written.
    Damaged(u64),
}

/// Size and hashes of a file of the package.
pub(super) struct Sums {
    pub(super) size: u64,
    pub(super) sha256: Digest,
    /// Of the bytes in the zip; a folder has none.
    pub(super) packed: Option<(u64, Digest)>,
}

/// Whether a path is to be read as a package rather than as a ledger.
pub fn looks_like_bundle(path: &Path) -> bool {
    if path.is_dir() {
        return ["manifest.json", "manifest.note", "entries.jsonl"].iter().any(|it| path.join(it).exists());
    }
    let mut head = [0; 16];
    let begins = File::open(path).and_then(|mut it| it.read_exact(&mut head));
    // The file of a ledger begins so.
    begins.is_err() || &head != b"SQLite format 3\0"
}

impl Package {
    pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
        if path.is_dir() {
            let mut paths = Vec::new();
            walk(path, "", &mut paths)?;
            paths.sort();
            let ours = ["manifest.json", "manifest.note", "proof/ledger.pub"];
            if !ours.iter().any(|it| holds_name(&path.join(it))) {
                return Err(OpenError::NotOurs);
            }
            return Ok(Opened::Package(Self::Folder { root: path.to_owned(), paths }));
        }
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        match Container::open(file.try_clone()?) {
            Ok(container) => Ok(Opened::Package(Self::Zip(container))),
            Err(ContainerError::Io(error)) => Err(error.into()),
            Err(error) => {
                let at = if let ContainerError::Shape(at) = error { at } else { length };
                file.seek(SeekFrom::Start(0))?;
                let (mut head, mut tail) = (Vec::new(), Vec::new());
                (&mut file).take(END).read_to_end(&mut head)?;
                file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
                file.take(END).read_to_end(&mut tail)?;
                if is_ours(&head, &tail) { Ok(Opened::Damaged(at)) } else { Err(OpenError::NotOurs) }
            }
        }
    }

    pub(super) fn paths(&self) -> Vec<String> {
        match self {
            Self::Zip(container) => container.paths().map(str::to_owned).collect(),
            Self::Folder { paths, .. } => paths.clone(),
        }
    }

    /// Copies a file into `out`. `None` where it is damaged in a way that leaves nothing to read.
    pub(super) fn extract(&mut self, path: &str, out: &mut dyn Write) -> Result<Option<Sums>, OpenError> {
        match self {
            Self::Zip(container) => match container.extract(path, out) {
                Ok(it) => {
                    let packed = Some((it.packed_size, it.packed_sha256));
                    Ok(Some(Sums { size: it.size, sha256: it.sha256, packed }))
                }
                Err(ContainerError::Io(error)) => Err(error.into()),
                Err(_) => Ok(None),
            },
            Self::Folder { root, .. } => {
                let path = root.join(path);
                if !fs::symlink_metadata(&path)?.is_file() {
                    return Ok(None);
                }
                let mut file = File::open(path)?;
                let mut hash = Sha256::new();
                let mut chunk = vec![0; 64 * 1024];
                let mut size = 0;
                loop {
                    let count = file.read(&mut chunk)?;
                    if count == 0 {
                        break;
                    }
                    size += count as u64;
                    hash.update(&chunk[..count]);
                    out.write_all(&chunk[..count])?;
                }
                Ok(Some(Sums { size, sha256: hash.finalize().into(), packed: None }))
            }
        }
    }

    /// A small file as a whole; `None` where there is none, or where it is damaged.
    pub(super) fn small(&mut self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, OpenError> {
        if !self.paths().iter().any(|it| it == path) {
            return Ok(None);
        }
        let mut out = Limited { bytes: Vec::new(), limit };
        match self.extract(path, &mut out) {
            Ok(sums) => Ok(sums.map(|_| out.bytes)),
            Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::OutOfMemory => {
                Err(OpenError::TooLarge(path.to_owned()))
            }
            Err(error) => Err(error),
        }
    }
}

/// Nothing untrusted fills the memory.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Limited {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + buffer.len() > self.limit {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.bytes.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn holds_name(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|it| it.take(END).read_to_end(&mut head));
    read.is_ok() && head.windows(9).any(|it| it == b"karibarai")
}

/// Paths with forward slashes. A link is listed and never followed: it fits no file of a manifest.
fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if DROPPINGS.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push(path);
        }
        if found.len() > MAX_MEMBERS {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too many files"));
        }
    }
    Ok(())
}
