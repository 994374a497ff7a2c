//! `entries.jsonl` on disk: read line by line, or again at a place that was noted, never as a whole.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::domain::{AccountId, Entry, EntryKind, MessageId};
use crate::follow::{Capture, capture};
use crate::proof::bundle::{Counts, EntryLine, Gap};
use crate::proof::verify::Content;
use crate::store::Record;

use super::ExportError;

/// A delivery has 1 MiB at most; escaped twice it may be six times as long, and more is not read.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// An entry of the package with what it shows. No `Debug`, as for its content.
pub(super) struct Shown {
    pub(super) entry: Entry,
    pub(super) record: Record,
    /// Nothing, present (then the record has it), withheld or erased.
    pub(super) state: State,
    pub(super) capture: Option<Capture>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Shown,
    Withheld,
    Erased,
}

impl State {
    /// As `messages.jsonl` spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Withheld => "withheld",
            Self::Erased => "erased",
        }
    }
}

impl Shown {
    pub(super) fn from_line(line: EntryLine) -> Result<Self, ExportError> {
        let entry = Entry::parse(&line.entry)
            .map_err(|_| ExportError::Line(crate::proof::bundle::LineError::Shape))?;
        let (state, content) = match line.content {
            Content::None => (State::Shown, None),
            Content::Present { salt, bytes } => (State::Shown, Some((salt, bytes))),
            Content::Withheld => (State::Withheld, None),
            Content::Erased => (State::Erased, None),
        };
        let record = Record { n: entry.n, base: 0, bytes: line.entry, leaf: [0; 32], content };
        let capture = capture(&entry, &record);
        Ok(Self { entry, record, state, capture })
    }

    /// The content as JSON of a known shape.
    pub(super) fn content<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.record.content_bytes()?).ok()
    }
}

/// The file of lines.
#[derive(Clone)]
pub(super) struct Spool(PathBuf);

impl Spool {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn lines(&self) -> io::Result<Lines> {
        Ok(Lines { file: BufReader::with_capacity(256 * 1024, File::open(&self.0)?), at: 0 })
    }

    /// The entry whose line begins at this byte.
    pub(super) fn at(&self, offset: u64) -> Result<Shown, ExportError> {
        let mut file = File::open(&self.0)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut lines = Lines { file: BufReader::new(file), at: offset };
        let (_, line) = lines.next()?.ok_or(io::ErrorKind::UnexpectedEof).map_err(io::Error::from)?;
        Shown::from_line(EntryLine::parse(&line)?)
    }

    /// Calls `each` with every entry in order and the byte where its line begins.
    pub(super) fn each(
        &self,
        mut each: impl FnMut(u64, Shown) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let mut lines = self.lines()?;
        while let Some((offset, line)) = lines.next()? {
            each(offset, Shown::from_line(EntryLine::parse(&line)?)?)?;
        }
        Ok(())
    }
}

/// Lines without their newline, each with the byte where it begins.
pub(super) struct Lines {
    file: BufReader<File>,
    at: u64,
}

impl Lines {
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, String)>> {
        let mut line = String::new();
        let read = (&mut self.file).take(MAX_LINE).read_line(&mut line)? as u64;
        if read == 0 {
            return Ok(None);
        }
        let begin = self.at;
        self.at += read;
        if line.pop() == Some('\n') {
            Ok(Some((begin, line)))
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "a line does not end"))
        }
    }
}

/// A later version of a message, or its disappearance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Later {
    pub(super) offset: u64,
    pub(super) kind: EntryKind,
}

/// What must be known of the whole before anything is shown. Grows with edits, people and holes, not with messages.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) counts: Counts,
    pub(super) gaps: Vec<Gap>,
    /// Versions after the first, and disappearances.
    pub(super) later: HashMap<MessageId, Vec<Later>>,
    /// Posts that the program made.
    pub(super) automatic: HashSet<MessageId>,
    /// What accounts are called by their newest entry.
    pub(super) names: HashMap<AccountId, String>,
    pub(super) room_name: Option<String>,
    /// Days in Japan of the first and the last entry.
    pub(super) days: Option<(String, String)>,
    /// SHA-256 of the files that shown entries speak of.
    pub(super) files: BTreeSet<String>,
}

/// The parts of contents that say who or when.
#[derive(Deserialize)]
struct Named {
    account_id: Option<AccountId>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct StoredFile {
    sha256: String,
}

#[derive(Deserialize)]
struct Bounds {
    from: Option<String>,
    to: Option<String>,
}

impl Survey {
    pub(super) fn of(spool: &Spool) -> Result<Self, ExportError> {
        let mut survey = Self::default();
        spool.each(|offset, shown| {
            survey.add(offset, &shown);
            Ok(())
        })?;
        Ok(survey)
    }

    fn add(&mut self, offset: u64, shown: &Shown) {
        let counts = &mut self.counts;
        counts.entries += 1;
        match shown.state {
            State::Shown => {}
            State::Withheld => counts.withheld += 1,
            State::Erased => counts.erased += 1,
        }
        let entry = &shown.entry;
        let day = entry.observed_at.japan_day();
        match &mut self.days {
            None => self.days = Some((day.clone(), day)),
            Some((_, last)) => *last = day,
        }
        let gone =
            matches!(entry.kind, EntryKind::MessageDeletedReported | EntryKind::MessageMissingAtRecheck);
        counts.gone += u64::from(gone);
        counts.edits += u64::from(entry.kind == EntryKind::MessageUpdated);
        if entry.kind.is_message_version() {
            let first = entry.version.unwrap_or(1) == 1;
            counts.messages += u64::from(first);
        }
        counts.files += u64::from(entry.kind == EntryKind::FileStored);
        if let Some(message) = &entry.message {
            if gone || entry.kind == EntryKind::MessageUpdated {
                let later = Later { offset, kind: entry.kind };
                self.later.entry(*message).or_default().push(later);
            }
            if entry.kind == EntryKind::ReplySent {
                self.automatic.insert(*message);
            }
        }
        if let Some(it) = &shown.capture
            && let Some(name) = &it.name
        {
            self.names.insert(it.account, name.clone());
        }
        match entry.kind {
            EntryKind::MemberJoined
            | EntryKind::MemberLeft
            | EntryKind::MemberRenamed
            | EntryKind::MemberChanged => {
                if let Some(Named { account_id: Some(account), name: Some(name) }) = shown.content() {
                    self.names.insert(account, name);
                }
            }
            EntryKind::FileStored => {
                self.files.extend(shown.content().map(|StoredFile { sha256 }| sha256));
            }
            EntryKind::RoomFound | EntryKind::RoomChanged => {
                if let Some(Named { name: Some(name), .. }) = shown.content() {
                    self.room_name = Some(name);
                }
            }
            EntryKind::GapFound | EntryKind::RoomAccessLost => {
                let bounds = shown.content().unwrap_or(Bounds { from: None, to: None });
                self.gaps.push(Gap {
                    n: entry.n,
                    kind: entry.kind.as_str().to_owned(),
                    from: bounds.from,
                    to: bounds.to,
                });
            }
            _ => {}
        }
    }
}
