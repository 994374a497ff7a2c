//! Recomputes a whole ledger from its rows and says what does not fit, in codes that others put into words.
//!
//! One pass in order. Memory grows with the rooms, the edited messages and the erasures, not with the entries.

use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::domain::{Digest, EntryError};

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::Verifier;
use walk::Walk;

pub use check::{Checked, ContentState, check};

mod check;
mod scan;
mod walk;

/// Rows that one thread checks at a time, and the bytes after which it takes no further one.
const PART_ROWS: usize = 1024;
const PART_BYTES: usize = 1024 * 1024;
/// More threads than this only wait for the reader.
const MAX_THREADS: usize = 4;
/// Findings that a report lists; the others are only counted.
pub const MAX_LISTED: usize = 100;

/// Gives the rows of a ledger in the order of their numbers.
pub trait Source {
    /// The next row; `None` at the end.
    fn next(&mut self) -> Result<Option<Row>, SourceError>;
}

/// The rows cannot be read: nothing can be said of the ledger.
#[derive(Debug, thiserror::Error)]
#[error("the entries cannot be read")]
pub struct SourceError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// An entry as it is stored. No `Debug`: the content is other people's words.
pub struct Row {
    /// Where it was stored: the leaf index that the storage gives it.
    pub n: u64,
    /// The exact entry bytes.
    pub entry: Vec<u8>,
    /// The leaf hash, where the storage keeps one.
    pub stored_leaf: Option<Digest>,
    pub content: Content,
}

/// What is stored beside an entry. No `Debug`, as for [`Row`].
pub enum Content {
    /// Nothing, and nothing says why.
    None,
    Present {
        salt: [u8; 32],
        bytes: Vec<u8>,
    },
    /// Removed for good; a `content.erased` entry must name the entry.
    Erased,
    /// Left out of this copy.
    Withheld,
}

/// A head that the ledger must agree with: from a stored checkpoint, one that was kept outside, or one given by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub size: u64,
    pub root: Digest,
    /// Where the head comes from; handed through to the report.
    pub label: String,
}

impl Expected {
    /// From what the reader kept himself, see [`Checkpoint::known`].
    pub fn from_known(text: &str, verifier: &Verifier, label: &str) -> Result<Self, CheckpointError> {
        let Checkpoint { size, root, .. } = Checkpoint::known(text, verifier)?;
        Ok(Self { size, root, label: label.to_owned() })
    }

    /// From a signed checkpoint, which must be signed by the given key.
    pub fn from_note(note: &str, verifier: &Verifier, label: &str) -> Result<Self, CheckpointError> {
        let Checkpoint { size, root, .. } = Checkpoint::open(note, verifier)?;
        Ok(Self { size, root, label: label.to_owned() })
    }
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the row stored under this number.
    Entry(u64),
    /// At a head that was expected.
    Head { size: u64, label: String },
}

/// What does not fit.
#[derive(Debug, PartialEq, Eq)]
pub enum ProblemCode {
    /// The bytes are not an entry in its canonical form.
    NotAnEntry(EntryError),
    /// No row from here to the one before `until`.
    Missing { until: u64 },
    /// A row under a number that has been before.
    Duplicated,
    /// The entry says that its number is another one: rows were swapped, removed or added.
    Misplaced { says: u64 },
    /// The stored leaf hash is not that of the entry.
    LeafDiffers,
    /// Salt and content do not hash to what the entry says.
    ContentDiffers,
    /// The entry has content, and it is neither there nor erased nor withheld.
    ContentMissing,
    /// There is content, and the entry has none.
    ContentUnexpected,
    /// The content was erased, and no `content.erased` entry names this entry.
    ErasedUndeclared,
    /// `room_n` is not the next number of the room's chain (`None`: absent).
    RoomNumber { expected: u64, found: Option<u64> },
    /// `room_prev` is not the leaf hash of the room's entry before.
    RoomPrevious,
    /// `room_n` or `room_prev` in an entry that is in no room's chain.
    RoomChainUnexpected,
    /// A version of a message with a smaller number than one before.
    VersionDecreased,
    /// The ledger has another root at the size of this head: its past was changed.
    RootDiffers,
    /// The ledger has fewer entries than this head: rolled back or truncated.
    RolledBack,
}

/// Evidence of damage or tampering.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    pub at: Place,
    pub code: ProblemCode,
}

/// Worth knowing, but no damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkCode {
    /// Observed before its predecessor: the machine's clock was set back.
    ClockSetBack,
}

/// A remark and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    pub at: Place,
    pub code: RemarkCode,
}

/// The first [`MAX_LISTED`] findings, and how many there are in all.
#[derive(Debug, PartialEq, Eq)]
pub struct Findings<T> {
    pub list: Vec<T>,
    pub total: u64,
}

impl<T> Findings<T> {
    /// Lists it as long as there is room, and counts it.
    pub fn push(&mut self, finding: T) {
        self.total += 1;
        if self.list.len() < MAX_LISTED {
            self.list.push(finding);
        }
    }
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { list: Vec::new(), total: 0 }
    }
}

/// What the recomputation found.
#[derive(Debug)]
pub struct Report {
    /// Entries in the tree.
    pub size: u64,
    pub root: Digest,
    /// Rooms with a chain.
    pub rooms: u64,
    /// Entries whose content was erased, declared or not.
    pub erased: u64,
    /// Entries whose content was left out of this copy.
    pub withheld: u64,
    /// The expected heads that the ledger agrees with, smallest first.
    pub confirmed: Vec<Expected>,
    pub remarks: Findings<Remark>,
    pub problems: Findings<Problem>,
}

impl Report {
    /// Everything fits together and every expected head is met.
    pub fn intact(&self) -> bool {
        self.problems.total == 0
    }
}

/// Recomputes the ledger and compares it with the expected heads.
///
/// Reading has a thread of its own; hashing and parsing, which need one row only, run on others, while this one walks the
/// chains.
pub fn verify(source: &mut (impl Source + Send), expected: Vec<Expected>) -> Result<Report, SourceError> {
    verify_part(source, expected, &[])
}

/// [`verify`] of a ledger that was continued: the erasure of these entries is declared in a later one.
pub fn verify_part(
    source: &mut (impl Source + Send),
    expected: Vec<Expected>,
    declared: &[u64],
) -> Result<Report, SourceError> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let mut walk = Walk::new(expected);
    walk.declared_elsewhere(declared);
    thread::scope(|scope| {
        // As many parts may wait as there are threads to check them; that bounds the memory.
        let (give, take) = mpsc::sync_channel::<(Vec<Row>, SyncSender<Vec<Checked>>)>(threads);
        let (order, results) = mpsc::sync_channel(threads);
        let (done, spent) = mpsc::channel();
        let take = Arc::new(Mutex::new(take));
        for _ in 0..threads {
            let (take, done) = (Arc::clone(&take), done.clone());
            scope.spawn(move || check_parts(&take, &done));
        }
        drop(take);
        // The parts come back to the thread that reads: memory that another thread frees is slow to get again.
        let reader = scope.spawn(move || {
            loop {
                let part = read_part(source)?;
                spent.try_iter().for_each(drop::<Vec<Row>>);
                let (answer, result) = mpsc::sync_channel(1);
                if part.is_empty() || order.send(result).is_err() || give.send((part, answer)).is_err() {
                    return Ok(());
                }
            }
        });
        // In the order of reading, whichever is checked first.
        for checked in results.into_iter().map_while(|result: Receiver<_>| result.recv().ok()) {
            checked.into_iter().for_each(|it| walk.step(it));
        }
        reader.join().unwrap_or_else(|panic| resume_unwind(panic))
    })?;
    Ok(walk.finish())
}

fn check_parts(take: &Mutex<Receiver<(Vec<Row>, SyncSender<Vec<Checked>>)>>, done: &Sender<Vec<Row>>) {
    // A lock that a panic poisoned is one that nobody waits for any more.
    while let Some((part, answer)) = take.lock().ok().and_then(|it| it.recv().ok()) {
        // The other ends are gone only when the walk is over.
        let _ = answer.send(part.iter().map(check).collect());
        let _ = done.send(part);
    }
}

/// The rows that one thread checks at a time; none at the end of the source.
fn read_part(source: &mut impl Source) -> Result<Vec<Row>, SourceError> {
    let mut part = Vec::new();
    let mut bytes = 0;
    while part.len() < PART_ROWS && bytes < PART_BYTES {
        let Some(row) = source.next()? else { break };
        bytes += row.entry.len();
        if let Content::Present { bytes: content, .. } = &row.content {
            bytes += content.len();
        }
        part.push(row);
    }
    Ok(part)
}

#[cfg(test)]
mod tests;
