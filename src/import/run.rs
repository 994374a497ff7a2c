//! The import itself: a private copy, its hash, every record read before the first is written, then all of them.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use encoding_rs::Encoding;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::domain::{self, EntryKind, RoomId, Source, UtcMillis};
use crate::files::Shelf;
use crate::ledger::{Ledger, Observation};
use crate::store::{AnnexStore as _, Appended, Store};

use super::encoding::{AsUtf8, Guess};
use super::{Format, ImportError, MAX_TEXT, Parsed, csv, format, lines, page, paste};

/// Entries written together.
const BATCH: usize = 256;
/// Bytes copied at a time.
const PART: usize = 64 << 10;
/// Beginning of a text by which its kind is told, in bytes.
const HEAD: u64 = 64 << 10;

/// Brings files in.
pub struct Import {
    pub ledger: Ledger,
    pub store: Store,
    pub data_dir: PathBuf,
    /// Bytes of a picture or document.
    pub max_file: u64,
    /// Bytes that all stored files together may take.
    pub files_quota: u64,
}

/// What the owner asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Where the file does not say it; of a file with several rooms only this one is taken.
    pub room: Option<RoomId>,
    /// Everything is read, nothing is written.
    pub dry_run: bool,
}

/// What was read and written.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub format: &'static str,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
    /// Messages, or 1 for a picture.
    pub records: u64,
    /// Entries that are new; the others were imported before.
    pub new: u64,
    /// Of other rooms than the one asked for.
    pub left_out: u64,
    pub without_time: u64,
    /// Times whose year the file does not say.
    pub year_assumed: u64,
    pub deleted: u64,
}

/// A private copy of the file: it cannot change between two readings.
struct Copy {
    file: File,
    sha256: String,
    size: u64,
    head: Vec<u8>,
    encoding: Option<&'static Encoding>,
}

/// Content of `message.imported`.
#[derive(Serialize)]
struct MessageContent<'a> {
    import: &'a str,
    format: &'static str,
    place: u64,
    account: Option<domain::AccountId>,
    name: Option<&'a str>,
    body: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    year_assumed: bool,
    record: &'a serde_json::Value,
}

/// Content of `file.imported`.
#[derive(Serialize)]
struct FileContent<'a> {
    name: &'a str,
    size: u64,
    sha256: &'a str,
    media_type: &'a str,
}

/// Content of `import.made`.
#[derive(Serialize)]
struct MadeContent<'a> {
    name: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

type Records = Box<dyn Iterator<Item = Result<Parsed, ImportError>> + Send>;

impl Import {
    /// Imports one file. The same file a second time adds nothing.
    pub async fn run(&self, path: &Path, options: Options) -> Result<Report, ImportError> {
        let mut copy = self.copy(path)?;
        if copy.size == 0 {
            return Err(ImportError::Empty { path: path.to_owned() });
        }
        let name = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        if format::picture(&copy.head).is_some() {
            return self.picture(&mut copy, &name, options).await;
        }
        let encoding = copy.encoding.ok_or(ImportError::Encoding)?;
        let head = head_text(&mut copy, encoding)?;
        let format = format::of_text(&head);
        let mut report = Report { encoding: Some(encoding.name()), ..report(format, &copy) };
        // Everything is read before anything is written: a file that breaks off in the middle imports nothing.
        for parsed in self.records(&copy, format, encoding, &head)? {
            count(&mut report, &parsed?, options)?;
        }
        if options.dry_run {
            return Ok(report);
        }
        let mut batch = Vec::new();
        for parsed in self.records(&copy, format, encoding, &head)? {
            batch.extend(observation(&parsed?, &copy.sha256, format, options));
            if batch.len() >= BATCH {
                report.new += self.append(std::mem::take(&mut batch)).await?;
            }
        }
        report.new += self.append(batch).await?;
        self.made(&name, &report, options.room).await?;
        Ok(report)
    }

    async fn picture(&self, copy: &mut Copy, name: &str, options: Options) -> Result<Report, ImportError> {
        if copy.size > self.max_file {
            return Err(ImportError::TooLarge { size: copy.size, max: self.max_file });
        }
        let mut report = Report { records: 1, ..report(Format::Picture, copy) };
        if options.dry_run {
            return Ok(report);
        }
        let key = format!("import:{}:file:{}", copy.sha256, room_text(options.room));
        let known = self.ledger.find_once(&key).await?.is_some();
        if !known && self.store.stored_bytes().await?.saturating_add(copy.size) > self.files_quota {
            return Err(ImportError::Quota);
        }
        copy.file.rewind().map_err(ImportError::Write)?;
        let shelf = Shelf::new(&self.data_dir);
        let shelved = shelf.take(&mut copy.file, self.max_file).map_err(ImportError::Write)?;
        let shelved = shelved.ok_or(ImportError::TooLarge { size: copy.size, max: self.max_file })?;
        let content =
            FileContent { name, size: shelved.size, sha256: &copy.sha256, media_type: shelved.media_type };
        let entry = imported(EntryKind::FileImported, options.room, &content).once(key);
        report.new = self.append(vec![entry]).await?;
        self.made(name, &report, options.room).await?;
        Ok(report)
    }

    /// Copies into an unnamed file under the data folder, hashing and looking for the encoding on the way.
    fn copy(&self, path: &Path) -> Result<Copy, ImportError> {
        let unreadable = |source| ImportError::File { path: path.to_owned(), source };
        let mut from = File::open(path).map_err(unreadable)?;
        if !from.metadata().map_err(unreadable)?.is_file() {
            return Err(ImportError::NotAFile { path: path.to_owned() });
        }
        let mut file = tempfile::tempfile_in(&self.data_dir).map_err(ImportError::Write)?;
        let (mut hash, mut size, mut guess) = (Sha256::new(), 0, None);
        let (mut head, mut part) = (Vec::new(), vec![0; PART]);
        loop {
            let n = match from.read(&mut part) {
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            let read = part.get(..n).unwrap_or_default();
            let guess = guess.get_or_insert_with(|| {
                head = read.to_vec();
                Guess::new(read)
            });
            guess.feed(read, n == 0);
            if n == 0 {
                let encoding = guess.found();
                let sha256 = domain::hex(&hash.finalize());
                return Ok(Copy { file, sha256, size, head, encoding });
            }
            file.write_all(read).map_err(ImportError::Write)?;
            hash.update(read);
            size += n as u64;
        }
    }

    fn records(
        &self,
        copy: &Copy,
        format: Format,
        encoding: &'static Encoding,
        head: &str,
    ) -> Result<Records, ImportError> {
        let now = self.ledger.now();
        let mut file = copy.file.try_clone().map_err(ImportError::Write)?;
        file.rewind().map_err(ImportError::Write)?;
        let mut text = AsUtf8::new(BufReader::new(file), encoding);
        let whole = match format {
            Format::Csv => return Ok(Box::new(csv::Table::new(text, head, now)?)),
            Format::JsonLines => return Ok(Box::new(lines::Lines::new(text, now))),
            Format::Pasted | Format::Page | Format::Picture => {
                if copy.size > MAX_TEXT {
                    return Err(ImportError::TooLarge { size: copy.size, max: MAX_TEXT });
                }
                let mut whole = String::new();
                text.read_to_string(&mut whole).map_err(ImportError::Write)?;
                whole
            }
        };
        let messages =
            if format == Format::Page { page::messages(&whole, now)? } else { paste::messages(&whole, now)? };
        Ok(Box::new(messages.into_iter().map(Ok)))
    }

    /// How many were new.
    async fn append(&self, batch: Vec<Observation>) -> Result<u64, ImportError> {
        let appended = self.ledger.append(batch).await?;
        Ok(appended.iter().filter(|it| matches!(it, Appended::New(_))).count() as u64)
    }

    /// The end of an import is an entry too, once a file and room.
    async fn made(&self, name: &str, report: &Report, room: Option<RoomId>) -> Result<(), ImportError> {
        let key = format!("import:{}:made:{}", report.sha256, room_text(room));
        let entry = imported(EntryKind::ImportMade, room, &MadeContent { name, report });
        self.ledger.append_one(entry.once(key)).await?;
        Ok(())
    }
}

fn report(format: Format, copy: &Copy) -> Report {
    Report {
        format: format.as_str(),
        sha256: copy.sha256.clone(),
        size: copy.size,
        encoding: None,
        records: 0,
        new: 0,
        left_out: 0,
        without_time: 0,
        year_assumed: 0,
        deleted: 0,
    }
}

fn head_text(copy: &mut Copy, encoding: &'static Encoding) -> Result<String, ImportError> {
    copy.file.rewind().map_err(ImportError::Write)?;
    let mut head = Vec::new();
    AsUtf8::new(&copy.file, encoding).take(HEAD).read_to_end(&mut head).map_err(ImportError::Write)?;
    // The last character may be cut.
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The room that a record belongs to; `None`: it is of another room than the one asked for.
fn room_of(parsed: &Parsed, options: Options) -> Result<Option<RoomId>, ImportError> {
    match (parsed.room, options.room) {
        (Some(own), Some(asked)) if own != asked => Ok(None),
        (Some(room), _) | (None, Some(room)) => Ok(Some(room)),
        (None, None) => Err(ImportError::NoRoom),
    }
}

fn count(report: &mut Report, parsed: &Parsed, options: Options) -> Result<(), ImportError> {
    if room_of(parsed, options)?.is_none() {
        report.left_out += 1;
        return Ok(());
    }
    report.records += 1;
    report.without_time += u64::from(parsed.sent_at.is_none());
    report.year_assumed += u64::from(parsed.year_assumed);
    report.deleted += u64::from(is_deleted(&parsed.body));
    Ok(())
}

/// The export writes `[delete]`, the API `[deleted]`.
fn is_deleted(body: &str) -> bool {
    matches!(body.trim(), "[delete]" | "[deleted]")
}

fn observation(parsed: &Parsed, sha256: &str, format: Format, options: Options) -> Option<Observation> {
    let room = room_of(parsed, options).ok()??;
    let content = MessageContent {
        import: sha256,
        format: format.as_str(),
        place: parsed.place,
        account: parsed.account,
        name: parsed.name.as_deref(),
        body: &parsed.body,
        deleted: is_deleted(&parsed.body),
        year_assumed: parsed.year_assumed,
        record: &parsed.record,
    };
    let entry = imported(EntryKind::MessageImported, Some(room), &content);
    Some(Observation {
        message: parsed.message,
        source_time: parsed.sent_at,
        once: Some(format!("import:{sha256}:{}:{room}", parsed.place)),
        ..entry
    })
}

fn imported<T: Serialize>(kind: EntryKind, room: Option<RoomId>, content: &T) -> Observation {
    Observation {
        kind,
        source: Source::Import,
        source_time: None::<UtcMillis>,
        room,
        message: None,
        // A struct of numbers and texts is always JSON.
        content: serde_json::to_vec(content).ok(),
        identity: None,
        once: None,
    }
}

fn room_text(room: Option<RoomId>) -> String {
    room.map_or_else(|| "all".to_owned(), |it| it.to_string())
}
