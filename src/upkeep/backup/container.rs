//! The file of a backup: a zip archive whose last 64 bytes are the SHA-256 of everything before them.
//!
//! The zip format lets many bytes change unseen (times, extra fields, gaps); the hash at the end covers all of them. Any unpacking
//! program opens it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::domain::hex;
use crate::platform;
use crate::proof::bundle::is_safe_path;

/// Stands first in the archive, and so near the first byte of the file.
const CONTENTS: &str = "karibarai-backup.json";
const FORMAT: &str = "karibarai-backup";
const VERSION: u64 = 1;
/// Begins the archive's comment, which ends with the hash.
const MARK: &str = "karibarai-backup 1 sha256 ";
const HASH: u64 = 64;
/// Largest list of contents that is read.
const MAX_CONTENTS: u64 = 256 << 20;
const PART: usize = 256 << 10;

/// What a backup says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Contents {
    format: String,
    version: u64,
    pub program: String,
    pub made_at: String,
    pub ledger: String,
    /// Entries of that ledger.
    pub size: u64,
    pub root: String,
    files: Vec<Packed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Packed {
    path: String,
    size: u64,
    sha256: String,
}

/// Why a file is no backup that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    #[error("{0} is not a backup of karibarai")]
    NotOurs(PathBuf),
    #[error("{0} was made by a newer karibarai (format {1}); restore it with that one")]
    Newer(PathBuf, u64),
    #[error("{path} is damaged: {what}; use another backup")]
    Damaged { path: PathBuf, what: &'static str },
    #[error("cannot use {path}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Packs the named files and gives the hash of the whole.
pub(super) fn pack(
    out: &Path,
    head: &super::Facts,
    sources: &BTreeMap<String, PathBuf>,
) -> Result<String, ContainerError> {
    let failed = |source| ContainerError::File { path: out.to_owned(), source };
    let mut files = Vec::new();
    for (path, source) in sources {
        let (size, sha256) =
            sum(source).map_err(|error| ContainerError::File { path: source.clone(), source: error })?;
        files.push(Packed { path: path.clone(), size, sha256 });
    }
    let contents = Contents {
        format: FORMAT.to_owned(),
        version: VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: head.made_at.clone(),
        ledger: head.ledger.clone(),
        size: head.size,
        root: head.root.clone(),
        files,
    };
    write(out, &contents, sources).map_err(failed)?;
    seal(out).map_err(failed)
}

fn write(out: &Path, contents: &Contents, sources: &BTreeMap<String, PathBuf>) -> io::Result<()> {
    let file = platform::private(OpenOptions::new().write(true).create_new(true)).open(out)?;
    let failed = Failed::default();
    let file = BufWriter::with_capacity(PART, file);
    let mut zip = ZipWriter::new(Steady { file, at: 0, length: 0, dead: false, failed: Rc::clone(&failed) });
    let options = |method| {
        SimpleFileOptions::default().compression_method(method).large_file(true).unix_permissions(0o600)
    };
    zip.start_file(CONTENTS, options(CompressionMethod::Stored))?;
    zip.write_all(&serde_json::to_vec(contents)?)?;
    for (path, source) in sources {
        // Stored files are mostly packed already.
        let method =
            if path.starts_with("files/") { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        zip.start_file(path.as_str(), options(method))?;
        copy_into(&mut File::open(source)?, |part| {
            zip.write_all(part)?;
            failed.take().map_or(Ok(()), Err)
        })?;
    }
    zip.set_comment(format!("{MARK}{}", "0".repeat(HASH as usize)))?;
    let steady = zip.finish()?;
    if let Some(error) = failed.take() {
        return Err(error);
    }
    steady.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

type Failed = Rc<Cell<Option<io::Error>>>;

/// Tells a failure to its maker alone. The archive's writer, which writes on when it is dropped, finds its own place wrong
/// behind one.
struct Steady {
    file: BufWriter<File>,
    at: u64,
    length: u64,
    dead: bool,
    failed: Failed,
}

impl Steady {
    /// After the first failure nothing is done any more.
    fn with(&mut self, act: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        if !self.dead
            && let Err(error) = act(&mut self.file)
        {
            self.dead = true;
            self.failed.set(Some(error));
        }
    }
}

impl Write for Steady {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.with(|file| file.write_all(part));
        self.at += part.len() as u64;
        self.length = self.length.max(self.at);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(Write::flush);
        Ok(())
    }
}

impl Seek for Steady {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let at = at.ok_or(io::ErrorKind::InvalidInput)?;
        if at != self.at {
            self.with(|file| file.seek(SeekFrom::Start(at)).map(drop));
            self.at = at;
        }
        Ok(at)
    }
}

/// Puts the hash of everything before it into the comment at the end.
fn seal(path: &Path) -> io::Result<String> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let sha256 = sealed_hash(&mut file)?;
    file.seek(SeekFrom::End(-(HASH as i64)))?;
    file.write_all(sha256.as_bytes())?;
    file.sync_all()?;
    Ok(sha256)
}

fn sealed_hash(file: &mut File) -> io::Result<String> {
    let covered = file.metadata()?.len().saturating_sub(HASH);
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    copy_into(&mut file.take(covered), |part| {
        hash.update(part);
        Ok(())
    })?;
    Ok(hex(hash.finalize().as_slice()))
}

fn copy_into(from: &mut impl Read, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut part = vec![0; PART];
    loop {
        match from.read(&mut part)? {
            0 => return Ok(()),
            n => each(part.get(..n).unwrap_or_default())?,
        }
    }
}

fn sum(path: &Path) -> io::Result<(u64, String)> {
    let (mut hash, mut size) = (Sha256::new(), 0);
    copy_into(&mut File::open(path)?, |part| {
        hash.update(part);
        size += part.len() as u64;
        Ok(())
    })?;
    Ok((size, hex(hash.finalize().as_slice())))
}

/// The file is one of ours, whole or not.
pub fn looks_like_backup(path: &Path) -> bool {
    let marked = || -> io::Result<bool> {
        let mut file = File::open(path)?;
        let mut head = Vec::new();
        (&mut file).take(128).read_to_end(&mut head)?;
        let named = |bytes: &[u8], mark: &str| bytes.windows(mark.len()).any(|it| it == mark.as_bytes());
        if named(&head, CONTENTS) {
            return Ok(true);
        }
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(HASH + 64)))?;
        let mut tail = Vec::new();
        file.take(HASH + 64).read_to_end(&mut tail)?;
        Ok(named(&tail, MARK))
    };
    path.is_file() && marked().unwrap_or(false)
}

/// Unpacks a whole and unchanged backup into a folder; gives what it says of itself, and its hash. The database goes to
/// `database`.
pub(super) fn unpack(
    path: &Path,
    folder: &Path,
    database: &Path,
) -> Result<(Contents, String), ContainerError> {
    let failed = |source| ContainerError::File { path: path.to_owned(), source };
    let damaged = |what| ContainerError::Damaged { path: path.to_owned(), what };
    let mut file = File::open(path).map_err(failed)?;
    if !looks_like_backup(path) {
        return Err(ContainerError::NotOurs(path.to_owned()));
    }
    let sha256 = sealed_hash(&mut file).map_err(failed)?;
    let mut said = String::new();
    let at_end = file.read_to_string(&mut said);
    if at_end.is_err() || said != sha256 {
        return Err(damaged("its bytes are not those that were written"));
    }
    let mut zip = ZipArchive::new(BufReader::with_capacity(PART, file))
        .map_err(|_| damaged("the archive cannot be read"))?;
    let contents: Contents = {
        let listed = zip.by_name(CONTENTS).map_err(|_| damaged("the list of contents is missing"))?;
        serde_json::from_reader(listed.take(MAX_CONTENTS))
            .map_err(|_| damaged("the list of contents cannot be read"))?
    };
    if contents.format != FORMAT {
        return Err(ContainerError::NotOurs(path.to_owned()));
    }
    if contents.version != VERSION {
        return Err(ContainerError::Newer(path.to_owned(), contents.version));
    }
    for it in &contents.files {
        if !is_safe_path(&it.path) {
            return Err(damaged("a path in it leads elsewhere"));
        }
        let target = if it.path == super::DATABASE { database.to_owned() } else { folder.join(&it.path) };
        let mut packed = zip.by_name(&it.path).map_err(|_| damaged("a file in it is missing"))?;
        let found = extract(&mut packed, &target)
            .map_err(|source| ContainerError::File { path: target.clone(), source })?;
        if found != (it.size, it.sha256.clone()) {
            return Err(damaged("a file in it is not the one that was packed"));
        }
    }
    Ok((contents, sha256))
}

fn extract(from: &mut impl Read, target: &Path) -> io::Result<(u64, String)> {
    if let Some(folder) = target.parent() {
        platform::make_private_folder(folder)?;
    }
    let mut file = platform::private(OpenOptions::new().write(true).create_new(true)).open(target)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    copy_into(from, |part| {
        hash.update(part);
        size += part.len() as u64;
        file.write_all(part)
    })?;
    file.sync_all()?;
    Ok((size, hex(hash.finalize().as_slice())))
}

/// The files below a folder by their path in an archive; the folder may be absent.
pub(super) fn below(folder: &Path, prefix: &str, found: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            below(&entry.path(), &path, found)?;
        } else if is_safe_path(&path) {
            // What is still being written has a name that begins with a dot.
            found.insert(path, entry.path());
        }
    }
    Ok(())
}
