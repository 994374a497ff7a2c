//! Plain files for people, `tail`, `grep` and `jq`: one a room and month, written once, in order.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use crate::chatwork::notation;
use crate::domain::{self, Entry, EntryIndex};
use crate::ledger::Ledger;
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
        let records = self.ledger.records(from, room_for).await?;
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
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
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
