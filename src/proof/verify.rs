//! Recomputes a whole ledger from its rows and says what does not fit, in codes that others put into words.
//!
//! One pass in order. Memory grows with the rooms, the edited messages and the erasures, not with the entries.

use std::ops::Range;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use crate::domain::{Digest, EntryError};

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::Verifier;
use walk::Walk;

pub use check::{Checked, ContentState, check};
pub use part::{Naming, PART_ROWS, Part};

mod check;
mod part;
mod scan;
mod walk;

/// More threads than this only wait for the reader.
const MAX_THREADS: usize = 4;
/// Stretches of checked rows that wait to be walked, for each thread.
const AHEAD: usize = 4;
/// Findings that a report lists; the others are only counted.
pub const MAX_LISTED: usize = 100;

/// Gives the rows of a ledger, to several threads at once.
pub trait Source: Sync {
    /// Fills the empty `part` with the rows of these numbers, in order, from the first on, until it is full. It stays empty
    /// when there are none.
    fn read(&self, rows: Range<u64>, part: &mut Part) -> Result<(), SourceError>;
}

/// The rows cannot be read: nothing can be said of the ledger.
#[derive(Debug, thiserror::Error)]
#[error("the entries cannot be read")]
pub struct SourceError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// An entry as it is stored. No `Debug`: the content is other people's words.
pub struct Row<'a> {
    /// Where it was stored: the leaf index that the storage gives it.
    pub n: u64,
    /// The exact entry bytes.
    pub entry: &'a [u8],
    /// The leaf hash, where the storage keeps one.
    pub stored_leaf: Option<Digest>,
    pub content: Content<&'a [u8]>,
}

/// What is stored beside an entry. No `Debug`, as for [`Row`].
pub enum Content<B = Vec<u8>> {
    /// Nothing, and nothing says why.
    None,
    Present {
        salt: [u8; 32],
        bytes: B,
    },
    /// Removed for good; a `content.erased` entry must name the entry.
    Erased,
    /// Left out of this copy.
    Withheld,
}

impl<B> Content<B> {
    /// The same with other bytes.
    pub fn map<C>(self, bytes: impl FnOnce(B) -> C) -> Content<C> {
        match self {
            Self::None => Content::None,
            Self::Present { salt, bytes: it } => Content::Present { salt, bytes: bytes(it) },
            Self::Erased => Content::Erased,
            Self::Withheld => Content::Withheld,
        }
    }

    /// The same, borrowed.
    pub fn as_ref(&self) -> Content<&B> {
        match self {
            Self::None => Content::None,
            Self::Present { salt, bytes } => Content::Present { salt: *salt, bytes },
            Self::Erased => Content::Erased,
            Self::Withheld => Content::Withheld,
        }
    }
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
/// Each of several threads reads every so many-th stretch of rows, and hashes and parses each row as it comes, for which it needs
/// no other; this one walks the chains.
pub fn verify(source: &impl Source, expected: Vec<Expected>) -> Result<Report, SourceError> {
    verify_part(source, expected, &[])
}

/// [`verify`] of a ledger that was continued: the erasure of these entries is declared in a later one.
pub fn verify_part(
    source: &impl Source,
    expected: Vec<Expected>,
    declared: &[u64],
) -> Result<Report, SourceError> {
    let lanes = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS) as u64;
    let mut walk = Walk::new(expected);
    walk.declared_elsewhere(declared);
    let mut next = 0;
    thread::scope(|scope| {
        let results: Vec<_> = (0..lanes)
            .map(|lane| {
                // A lane is at most a few stretches ahead: that bounds the memory.
                let (give, take) = mpsc::sync_channel(AHEAD);
                scope.spawn(move || check_lane(source, lane, lanes, &give));
                take
            })
            .collect();
        // A lane that hangs up has panicked, and the scope goes on with that.
        for checked in results.iter().cycle().map_while(|it: &Receiver<_>| it.recv().ok()) {
            let checked: Vec<Checked> = checked?;
            let whole = checked.len() as u64 == PART_ROWS;
            next = checked.last().map_or(next, |it| it.n.saturating_add(1));
            checked.into_iter().for_each(|it| walk.step(it));
            if !whole {
                break;
            }
        }
        Ok(())
    })?;
    // Behind the first stretch that is not whole there is nothing, or what no sound ledger has: rows behind a hole.
    let mut part = Part::default();
    loop {
        source.read(next..u64::MAX, &mut part)?;
        let before = next;
        for checked in part.take() {
            next = checked.n.saturating_add(1);
            walk.step(checked);
        }
        if next == before {
            return Ok(walk.finish());
        }
    }
}

/// Checks the stretches `lane`, `lane + lanes`, …, up to the first that is not whole.
fn check_lane(
    source: &impl Source,
    lane: u64,
    lanes: u64,
    give: &SyncSender<Result<Vec<Checked>, SourceError>>,
) {
    let mut part = Part::default();
    for from in (lane * PART_ROWS..).step_by((lanes * PART_ROWS) as usize) {
        let checked = check_rows(source, from..from + PART_ROWS, &mut part);
        let whole = checked.as_ref().is_ok_and(|it| it.len() as u64 == PART_ROWS);
        if give.send(checked).is_err() || !whole {
            return;
        }
    }
}

/// All rows of these numbers.
fn check_rows(
    source: &impl Source,
    mut rows: Range<u64>,
    part: &mut Part,
) -> Result<Vec<Checked>, SourceError> {
    let mut checked = Vec::new();
    while !rows.is_empty() {
        source.read(rows.clone(), part)?;
        checked.append(&mut part.take());
        match checked.last() {
            Some(last) if last.n >= rows.start => rows.start = last.n.saturating_add(1),
            _ => break,
        }
    }
    Ok(checked)
}

#[cfg(test)]
mod tests;
