//! Plain files for people, `tail`, `grep` and `jq`: one a room and month, written once, in order.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use crate::chatwork::notation;
use crate::domain::{self, Entry, EntryIndex};
use crate::ledger::{Erasure, Ledger};
use crate::platform;
use crate::store::{ArchiveStore, FollowStore, Record, Store};

use super::archive::Archive;
use super::capture::{Capture, capture};
use super::{BATCH, FollowError, Progress};

/// Derives `data/mirror/<room>/<YYYY-MM>.jsonl`.
pub struct Mirror {
    ledger: Ledger,
    store: Store,
    folder: PathBuf,
    until: Option<EntryIndex>,
}

/// The first three are for people, the rest for proof.
#[derive(Serialize)]
struct Line<'a> {
    at: String,
    sender: Option<String>,
    text: Option<String>,
    entry: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    /// Where the content is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_b64: Option<String>,
}

impl Mirror {
    pub const NAME: &'static str = "mirror";

    pub fn new(ledger: Ledger, store: Store, data_dir: &Path) -> Self {
        Self { ledger, store, folder: data_dir.join("mirror"), until: None }
    }

    /// Never beyond this entry: a comparison stops where the original had come to.
    pub fn until(mut self, until: EntryIndex) -> Self {
        self.until = Some(until);
        self
    }

    /// Handles one batch, never beyond what the archive has filed: names come from there.
    pub async fn tick(&self) -> Result<Progress, FollowError> {
        let from = self.store.cursor(Self::NAME).await?;
        let filed = self.store.cursor(Archive::NAME).await?;
        let filed = self.until.map_or(filed, |until| filed.min(until));
        let room_for = usize::try_from(filed.0.saturating_sub(from.0)).unwrap_or(BATCH).min(BATCH);
        if room_for == 0 {
            return Ok(Progress::Idle);
        }
        let mut records = self.ledger.records(from, room_for).await?;
        if let Some(erasure) = records.first().and_then(Erasure::of) {
            return self.erase(from, &erasure).await;
        }
        // An erasure changes files that the entries before it have to be in.
        if let Some(position) = records.iter().position(|it| Erasure::of(it).is_some()) {
            records.truncate(position);
        }
        let Some(last) = records.last() else { return Ok(Progress::Idle) };
        let next = EntryIndex(last.n.0 + 1);
        let mut shown = Vec::new();
        for record in &records {
            let entry = record.entry().map_err(|_| FollowError::Entry(record.n.0))?;
            let Some(room) = entry.room.filter(|_| entry.kind.in_room_chain()) else { continue };
            let path = format!("{room}/{}.jsonl", entry.observed_at.japan_month());
            let capture = capture(&entry, record);
            shown.push((path, entry, capture, record));
        }
        let asked = shown.iter().filter_map(|(_, entry, it, _)| Some((it.as_ref()?, entry.n)));
        let asked = asked.map(|(it, n)| (it.room, it.account, n)).collect();
        let mut names = self.store.names_at(asked).await?.into_iter();
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (path, entry, capture, record) in shown {
            let known = capture.as_ref().and_then(|_| names.next()).flatten();
            let line = line(&entry, record, capture, known)?;
            files.entry(path).or_default().extend_from_slice(&line);
        }
        let lengths: BTreeMap<String, u64> = self.store.mirror_files().await?.into_iter().collect();
        let folder = self.folder.clone();
        // Waits for the disk: not on a thread that answers.
        let writing = tokio::task::spawn_blocking(move || write(&folder, files, &lengths));
        let written = writing.await.map_err(|error| FollowError::File {
            path: self.folder.display().to_string(),
            source: io::Error::other(error),
        })??;
        self.store.put_mirror(next, written).await?;
        Ok(Progress::Moved)
    }
}

impl Mirror {
    /// Writes the files of the erased entries anew. Three steps, so that a crash leaves the old file or the new one: the
    /// new file beside the old one, its length and the cursor in the database, its name.
    async fn erase(&self, at: EntryIndex, erasure: &Erasure) -> Result<Progress, FollowError> {
        let mut files: BTreeMap<String, HashMap<Vec<u8>, Vec<u8>>> = BTreeMap::new();
        for n in &erasure.entries {
            for record in self.ledger.records(*n, 1).await? {
                let entry = record.entry().map_err(|_| FollowError::Entry(n.0))?;
                let Some(room) = entry.room.filter(|_| entry.kind.in_room_chain()) else { continue };
                let path = format!("{room}/{}.jsonl", entry.observed_at.japan_month());
                let line = line(&entry, &record, None, None)?;
                files.entry(path).or_default().insert(record.bytes, line);
            }
        }
        let lengths: BTreeMap<String, u64> = self.store.mirror_files().await?.into_iter().collect();
        let folder = self.folder.clone();
        let next = EntryIndex(at.0 + 1);
        let failed = |path: &str, source| FollowError::File { path: path.to_owned(), source };
        let written = tokio::task::spawn_blocking(move || {
            let mut written = Vec::new();
            for (path, lines) in files {
                let Some(length) = lengths.get(&path) else { continue };
                let new = write_beside(&folder.join(&path), *length, &lines)
                    .map_err(|source| failed(&path, source))?;
                written.push((path, new));
            }
            Ok::<_, FollowError>(written)
        });
        let written = written.await.map_err(|error| failed("", io::Error::other(error)))??;
        self.store.put_mirror(next, written.clone()).await?;
        let folder = self.folder.clone();
        let renamed = tokio::task::spawn_blocking(move || {
            written.iter().try_for_each(|(path, length)| {
                settle(&folder.join(path), *length).map_err(|source| failed(path, source))
            })
        });
        renamed.await.map_err(|error| failed("", io::Error::other(error)))??;
        Ok(Progress::Moved)
    }

    /// Ends what a crash left half done between two steps of an erasure.
    pub async fn settle(&self) -> Result<(), FollowError> {
        for (path, length) in self.store.mirror_files().await? {
            settle(&self.folder.join(&path), length).map_err(|source| FollowError::File { path, source })?;
        }
        Ok(())
    }
}

/// The file with some of its lines replaced, under another name; returns its length.
fn write_beside(path: &Path, length: u64, lines: &HashMap<Vec<u8>, Vec<u8>>) -> io::Result<u64> {
    #[derive(serde::Deserialize)]
    struct Known {
        entry: String,
    }
    let mut old = BufReader::new(File::open(path)?).take(length);
    let mut options = OpenOptions::new();
    let mut new = BufWriter::new(
        platform::private(options.create(true).truncate(true).write(true)).open(beside(path))?,
    );
    let (mut bytes, mut written) = (Vec::new(), 0);
    while old.read_until(b'\n', &mut bytes)? > 0 {
        let known = serde_json::from_slice::<Known>(&bytes).ok();
        let line = known.and_then(|it| lines.get(it.entry.as_bytes())).unwrap_or(&bytes);
        new.write_all(line)?;
        written += line.len() as u64;
        bytes.clear();
    }
    new.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(written)
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("jsonl.new")
}

/// A new file of the recorded length takes the old one's place; any other was never recorded and is dropped.
fn settle(path: &Path, length: u64) -> io::Result<()> {
    let new = beside(path);
    match fs::metadata(&new) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if found.len() == length => fs::rename(&new, path),
        Ok(_) => fs::remove_file(&new),
    }
}

/// `known` is the author's name as the room's members tell it.
fn line(
    entry: &Entry,
    record: &Record,
    capture: Option<Capture>,
    known: Option<String>,
) -> Result<Vec<u8>, FollowError> {
    let sender = capture
        .as_ref()
        .map(|it| it.name.clone().or(known).unwrap_or_else(|| format!("account {}", it.account)));
    let content = record.content_bytes();
    let text_content = content.and_then(|it| std::str::from_utf8(it).ok());
    let line = Line {
        at: entry.observed_at.japan_text(),
        sender,
        text: capture.map(|it| notation::parse(&it.body).plain_text()),
        entry: std::str::from_utf8(&record.bytes).map_err(|_| FollowError::Entry(record.n.0))?,
        salt: record.content.as_ref().map(|(salt, _)| domain::hex(salt)),
        content: text_content,
        content_b64: content.filter(|_| text_content.is_none()).map(|it| BASE64_STANDARD.encode(it)),
    };
    let mut bytes = serde_json::to_vec(&line).map_err(|_| FollowError::Entry(record.n.0))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The files' new lengths.
fn write(
    folder: &Path,
    files: BTreeMap<String, Vec<u8>>,
    lengths: &BTreeMap<String, u64>,
) -> Result<Vec<(String, u64)>, FollowError> {
    let mut written = Vec::new();
    for (path, bytes) in files {
        let known = lengths.get(&path).copied().unwrap_or(0);
        append_at(&folder.join(&path), known, &bytes)
            .map_err(|source| FollowError::File { path: path.clone(), source })?;
        written.push((path, known + bytes.len() as u64));
    }
    Ok(written)
}

/// Writes at the recorded length: what a crash left beyond it was never counted and is cut.
fn append_at(path: &Path, length: u64, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    settle(path, length)?;
    let mut file =
        platform::private(OpenOptions::new().create(true).truncate(false).write(true)).open(path)?;
    let present = file.metadata()?.len();
    if present < length {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file is shorter than what was written to it; `karibarai rebuild` writes it anew",
        ));
    }
    file.set_len(length)?;
    io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
    file.write_all(bytes)?;
    file.sync_data()
}
