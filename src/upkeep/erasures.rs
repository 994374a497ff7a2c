//! What was erased, kept outside the database: so that a restore of an older copy erases it once more. Numbers alone, no words.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::domain::{self, Digest, MessageId, RoomId, UtcMillis};
use crate::ledger::{Reason, ReasonKind};
use crate::platform;

use super::Target;

/// The list under the data folder.
pub(super) const LIST: &str = "erased.jsonl";

/// Hashes of files that are still to be removed; gone when they are.
const PENDING: &str = "erased.pending";

/// An erasure that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    at: String,
    room: Option<RoomId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<MessageId>,
    /// Everything written in the room before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    reason: ReasonKind,
}

impl Line {
    fn target(&self) -> Option<Target> {
        match (&self.message, self.room, self.until.as_deref().and_then(UtcMillis::parse)) {
            (Some(message), room, None) => Some(Target::Message(*message, room)),
            (None, Some(room), Some(until)) => Some(Target::Room(room, until)),
            _ => None,
        }
    }
}

/// Durable when it returns.
pub(super) fn note(data_dir: &Path, target: &Target, reason: &Reason, now: UtcMillis) -> io::Result<()> {
    let (room, message, until) = match target {
        Target::Message(message, room) => (*room, Some(*message), None),
        Target::Room(room, until) => (Some(*room), None, Some(until.to_string())),
    };
    let line = Line { at: now.to_string(), room, message, until, reason: reason.kind };
    if read(data_dir)?.iter().any(|it| it.target() == line.target()) {
        return Ok(());
    }
    add(data_dir, &[line])
}

/// Adds what one folder's list has and the other's has not, and gives it.
pub(super) fn carry(from: &Path, to: &Path) -> io::Result<Vec<(Target, Reason)>> {
    let known = read(to)?;
    let mut new = read(from)?;
    new.retain(|it| !known.contains(it));
    add(to, &new)?;
    let lines = new.into_iter();
    Ok(lines.filter_map(|it| Some((it.target()?, Reason { kind: it.reason, text: None }))).collect())
}

/// Stored files that an erasure under way has still to remove.
pub(super) fn pending(data_dir: &Path) -> io::Result<HashSet<Digest>> {
    match fs::read_to_string(data_dir.join(PENDING)) {
        Ok(text) => Ok(text.lines().filter_map(domain::unhex).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
        Err(error) => Err(error),
    }
}

/// Durable when it returns; none are left where there are none.
pub(super) fn put_pending(data_dir: &Path, files: &HashSet<Digest>) -> io::Result<()> {
    let path = data_dir.join(PENDING);
    if files.is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let text: String = files.iter().map(|it| format!("{}\n", domain::hex(it))).collect();
    let mut file =
        platform::private(OpenOptions::new().create(true).truncate(true).write(true)).open(&path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn read(data_dir: &Path) -> io::Result<Vec<Line>> {
    match fs::read_to_string(data_dir.join(LIST)) {
        // A line that a crash cut off was never acted upon.
        Ok(text) => Ok(text.lines().filter_map(|it| serde_json::from_str(it).ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn add(data_dir: &Path, lines: &[Line]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let path = data_dir.join(LIST);
    let mut bytes = match fs::read(&path) {
        Ok(bytes) if !bytes.is_empty() && !bytes.ends_with(b"\n") => b"\n".to_vec(),
        _ => Vec::new(),
    };
    for line in lines {
        serde_json::to_writer(&mut bytes, line)?;
        bytes.push(b'\n');
    }
    let mut file = platform::private(OpenOptions::new().create(true).append(true)).open(&path)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    platform::sync_folder(data_dir)
}
