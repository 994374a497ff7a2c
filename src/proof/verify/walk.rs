//! What can only be said of the rows in order: numbers, chains, versions, the tree and its heads.

use std::collections::{HashMap, HashSet, VecDeque};

use super::check::{Checked, ContentState};
use super::{Expected, Findings, Place, Problem, ProblemCode, Remark, RemarkCode, Report};
use crate::domain::{Digest, Entry, MessageId, RoomId, UtcMillis};
use crate::proof::tree::Frontier;

/// The state between one row and the next.
pub(super) struct Walk {
    tree: Frontier,
    /// Number that the next row must be stored under.
    next: u64,
    /// How far the entry before was from its own number; a constant distance is reported once.
    shift: i128,
    clock: Option<UtcMillis>,
    rooms: HashMap<RoomId, Chain>,
    /// The newest version of each message that has more than one.
    versions: HashMap<(Option<RoomId>, MessageId), u64>,
    /// Entries whose content is erased, and those whose erasure an entry declares, in whatever order they come.
    erased: Vec<u64>,
    declared: HashSet<u64>,
    withheld: u64,
    expected: VecDeque<Expected>,
    confirmed: Vec<Expected>,
    remarks: Findings<Remark>,
    problems: Findings<Problem>,
}

/// Head of a room's chain; without a leaf before its first entry.
#[derive(Default)]
struct Chain {
    room_n: u64,
    leaf: Option<Digest>,
}

impl Walk {
    pub(super) fn new(mut expected: Vec<Expected>) -> Self {
        expected.sort_by_key(|it| it.size);
        let mut walk = Self {
            tree: Frontier::empty(),
            next: 0,
            shift: 0,
            clock: None,
            rooms: HashMap::new(),
            versions: HashMap::new(),
            erased: Vec::new(),
            declared: HashSet::new(),
            withheld: 0,
            expected: expected.into(),
            confirmed: Vec::new(),
            remarks: Findings::default(),
            problems: Findings::default(),
        };
        walk.compare_heads();
        walk
    }

    pub(super) fn declared_elsewhere(&mut self, entries: &[u64]) {
        self.declared.extend(entries);
    }

    pub(super) fn step(&mut self, row: Checked) {
        if row.n < self.next {
            self.problem(row.n, ProblemCode::Duplicated);
            return;
        }
        if row.n > self.next {
            self.problem(self.next, ProblemCode::Missing { until: row.n });
        }
        self.next = row.n.saturating_add(1);
        if row.leaf_differs {
            self.problem(row.n, ProblemCode::LeafDiffers);
        }
        match row.entry {
            Err(error) => self.problem(row.n, ProblemCode::NotAnEntry(error)),
            Ok(entry) => {
                self.number(row.n, &entry);
                self.content(row.n, row.content);
                self.declared.extend(row.declares);
                if self.clock.is_some_and(|before| entry.observed_at < before) {
                    self.remarks.push(Remark { at: Place::Entry(row.n), code: RemarkCode::ClockSetBack });
                }
                self.clock = Some(entry.observed_at);
                self.chain(row.n, &entry, row.leaf);
                self.version(row.n, entry);
            }
        }
        self.tree.push(row.leaf);
        self.compare_heads();
    }

    pub(super) fn finish(mut self) -> Report {
        let erased = std::mem::take(&mut self.erased);
        for n in &erased {
            if !self.declared.contains(n) {
                self.problem(*n, ProblemCode::ErasedUndeclared);
            }
        }
        for Expected { size, label, .. } in std::mem::take(&mut self.expected) {
            self.problems.push(Problem { at: Place::Head { size, label }, code: ProblemCode::RolledBack });
        }
        Report {
            size: self.tree.size(),
            root: self.tree.root(),
            rooms: self.rooms.len() as u64,
            erased: erased.len() as u64,
            withheld: self.withheld,
            confirmed: self.confirmed,
            remarks: self.remarks,
            problems: self.problems,
        }
    }

    fn problem(&mut self, n: u64, code: ProblemCode) {
        self.problems.push(Problem { at: Place::Entry(n), code });
    }

    fn number(&mut self, n: u64, entry: &Entry) {
        let shift = i128::from(entry.n.0) - i128::from(n);
        if shift != 0 && shift != self.shift {
            self.problem(n, ProblemCode::Misplaced { says: entry.n.0 });
        }
        self.shift = shift;
    }

    fn content(&mut self, n: u64, content: ContentState) {
        match content {
            ContentState::Fits => {}
            ContentState::Differs => self.problem(n, ProblemCode::ContentDiffers),
            ContentState::Missing => self.problem(n, ProblemCode::ContentMissing),
            ContentState::Unexpected => self.problem(n, ProblemCode::ContentUnexpected),
            ContentState::Erased => self.erased.push(n),
            ContentState::Withheld => self.withheld += 1,
        }
    }

    /// After a break the chain is taken up from what the entry says, so that one break is reported once.
    fn chain(&mut self, n: u64, entry: &Entry, leaf: Digest) {
        let (true, Some(room)) = (entry.kind.in_room_chain(), entry.room) else {
            if entry.room_n.is_some() || entry.room_prev.is_some() {
                self.problem(n, ProblemCode::RoomChainUnexpected);
            }
            return;
        };
        let chain = self.rooms.entry(room).or_default();
        let (expected, previous) = (chain.room_n.saturating_add(1), chain.leaf);
        *chain = Chain { room_n: entry.room_n.unwrap_or(expected), leaf: Some(leaf) };
        if entry.room_n != Some(expected) {
            self.problem(n, ProblemCode::RoomNumber { expected, found: entry.room_n });
        } else if entry.room_prev != previous {
            self.problem(n, ProblemCode::RoomPrevious);
        }
    }

    fn version(&mut self, n: u64, entry: Entry) {
        let (true, Some(message), Some(version)) =
            (entry.kind.is_message_version(), entry.message, entry.version)
        else {
            return;
        };
        let key = (entry.room, message);
        let newest = self.versions.get(&key).copied().unwrap_or(1);
        if version < newest {
            self.problem(n, ProblemCode::VersionDecreased);
        } else if version > newest {
            self.versions.insert(key, version);
        }
    }

    /// Compares the tree with the heads of its present size.
    fn compare_heads(&mut self) {
        while let Some(expected) = self.expected.pop_front_if(|it| it.size <= self.tree.size()) {
            if expected.root == self.tree.root() {
                self.confirmed.push(expected);
            } else {
                let at = Place::Head { size: expected.size, label: expected.label };
                self.problems.push(Problem { at, code: ProblemCode::RootDiffers });
            }
        }
    }
}
