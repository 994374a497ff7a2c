//! Recomputes a whole ledger from its rows and says what does not fit, in codes that others put into words.
//!
//! One pass in order. Memory grows with the rooms, the edited messages and the erasures, not with the entries.

use std::panic::resume_unwind;
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
const PART_ROWS: usize = 8192;
const PART_BYTES: usize = 4 * 1024 * 1024;
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
/// Hashing and parsing, which need one row only, run on other threads while this one reads on and walks the chains.
pub fn verify(source: &mut impl Source, expected: Vec<Expected>) -> Result<Report, SourceError> {
    verify_part(source, expected, &[])
}

/// [`verify`] of a ledger that was continued: the erasure of these entries is declared in a later one.
pub fn verify_part(
    source: &mut impl Source,
    expected: Vec<Expected>,
    declared: &[u64],
) -> Result<Report, SourceError> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let mut walk = Walk::new(expected);
    walk.declared_elsewhere(declared);
    let mut checked: Vec<Vec<Checked>> = Vec::new();
    let mut batch = read_batch(source, threads)?;
    while !batch.is_empty() {
        (checked, batch) = thread::scope(|scope| {
            // The parts are lent, not given: memory that another thread frees is slow to get again.
            let workers: Vec<_> =
                batch.iter().map(|part| scope.spawn(|| part.iter().map(check).collect())).collect();
            checked.into_iter().flatten().for_each(|it| walk.step(it));
            let following = read_batch(source, threads);
            let checked = workers
                .into_iter()
                .map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect();
            following.map(|it| (checked, it))
        })?;
    }
    checked.into_iter().flatten().for_each(|it| walk.step(it));
    Ok(walk.finish())
}

/// Up to one part of rows for each thread; no part at the end of the source.
fn read_batch(source: &mut impl Source, threads: usize) -> Result<Vec<Vec<Row>>, SourceError> {
    let mut parts = Vec::with_capacity(threads);
    for _ in 0..threads {
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
        if part.is_empty() {
            break;
        }
        parts.push(part);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests;
