//! The entries of a package in one pass: each by itself, the room's chain, the tree and every head on the way.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use crate::domain::{Digest, EntryKind};
use crate::proof::bundle::{EntryLine, Manifest, Rebuilt, Subtree};
use crate::proof::verify::{self, ContentState, Expected, ProblemCode, Row};

use super::{Checked, Fault, FaultAt, SUBTREES};
use crate::export::open::OpenError;
use crate::export::spool::{Lines, Spool};

/// A head on the way, and whether it is the reader's own.
pub(super) struct Head {
    expected: Expected,
    known: bool,
}

impl Head {
    pub(super) fn of(expected: Expected, known: bool) -> Self {
        Self { expected, known }
    }
}

struct Pass<'a> {
    manifest: &'a Manifest,
    checked: &'a mut Checked,
    tree: Rebuilt,
    heads: std::iter::Peekable<std::vec::IntoIter<Head>>,
    subtrees: Subtrees,
    room_n: u64,
    previous: Option<Digest>,
    erased: Vec<u64>,
    declared: HashSet<u64>,
    /// Entries of erasures, and what each declares.
    erasures: Vec<(u64, Vec<u64>)>,
}

/// The lines of `proof/subtrees.jsonl`, one ahead.
struct Subtrees {
    lines: Lines,
    number: u64,
    next: Option<Subtree>,
    broken: bool,
}

impl Subtrees {
    fn advance(&mut self) {
        self.next = None;
        if self.broken {
            return;
        }
        match self.lines.next() {
            Ok(None) => {}
            Ok(Some((_, line))) => {
                self.number += 1;
                self.next = Subtree::parse(&line);
                self.broken = self.next.is_none();
            }
            Err(_) => {
                self.number += 1;
                self.broken = true;
            }
        }
    }
}

pub(super) fn check(
    spool: &Spool,
    subtrees: &Path,
    manifest: &Manifest,
    mut heads: Vec<Head>,
    checked: &mut Checked,
) -> Result<(), OpenError> {
    if !subtrees.exists() {
        return Ok(());
    }
    heads.sort_by_key(|it| it.expected.size);
    let mut subtrees =
        Subtrees { lines: Spool::new(subtrees).lines()?, number: 0, next: None, broken: false };
    subtrees.advance();
    let mut pass = Pass {
        manifest,
        checked,
        tree: Rebuilt::default(),
        heads: heads.into_iter().peekable(),
        subtrees,
        room_n: manifest.chain.first,
        previous: None,
        erased: Vec::new(),
        declared: HashSet::new(),
        erasures: Vec::new(),
    };
    let mut lines = spool.lines()?;
    let mut number = 0;
    loop {
        number += 1;
        match lines.next() {
            Ok(None) => break,
            Ok(Some((_, line))) => match EntryLine::parse(&line) {
                Ok(line) => {
                    if !pass.step(line, number) {
                        return Ok(());
                    }
                }
                Err(_) => {
                    pass.checked.file("entries.jsonl", Fault::Line(number));
                    return Ok(());
                }
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                pass.checked.file("entries.jsonl", Fault::Line(number));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
    pass.finish();
    Ok(())
}

impl Pass<'_> {
    fn problem(&mut self, n: u64, code: ProblemCode) {
        self.checked.fault(FaultAt::Entry(n), Fault::Entry(code));
    }

    /// False where nothing after this line can be placed.
    fn step(&mut self, line: EntryLine, number: u64) -> bool {
        let content = line.content.as_ref().map(Vec::as_slice);
        let row = Row { n: 0, entry: &line.entry, stored_leaf: None, content };
        let row = verify::check(&row);
        let entry = match row.entry {
            Ok(entry) => entry,
            Err(_) => {
                self.checked.file("entries.jsonl", Fault::Line(number));
                return false;
            }
        };
        let n = entry.n.0;
        if n < self.tree.size() {
            self.problem(n, ProblemCode::Duplicated);
            return false;
        }
        if !self.cover_to(n) || self.tree.leaf(n, row.leaf).is_err() {
            self.checked.fault(FaultAt::Entry(n), Fault::Cover);
            return false;
        }
        match row.content {
            ContentState::Fits | ContentState::Withheld => {}
            ContentState::Erased => self.erased.push(n),
            ContentState::Differs => self.problem(n, ProblemCode::ContentDiffers),
            ContentState::Missing => self.problem(n, ProblemCode::ContentMissing),
            ContentState::Unexpected => self.problem(n, ProblemCode::ContentUnexpected),
        }
        if entry.kind == EntryKind::ContentErased {
            self.declared.extend(row.declares.iter().copied());
            self.erasures.push((n, row.declares));
        } else if entry.kind.in_room_chain() && entry.room == Some(self.manifest.room) {
            let expected = self.room_n;
            let linked = match self.previous {
                Some(previous) => entry.room_prev == Some(previous),
                // What stands before the stretch is not in the package.
                None => entry.room_prev.is_some() == (expected > 1),
            };
            if entry.room_n != Some(expected) {
                self.problem(n, ProblemCode::RoomNumber { expected, found: entry.room_n });
            } else if !linked {
                self.problem(n, ProblemCode::RoomPrevious);
            }
            self.room_n = entry.room_n.unwrap_or(expected).saturating_add(1);
            self.previous = Some(row.leaf);
        } else {
            self.checked.fault(FaultAt::Entry(n), Fault::Stranger);
        }
        true
    }

    /// Takes subtrees up to leaf `n`, and compares the heads on the way.
    fn cover_to(&mut self, n: u64) -> bool {
        self.compare_heads();
        while self.tree.size() < n {
            let Some(subtree) = self.subtrees.next.take().filter(|it| it.to <= n) else { return false };
            if self.tree.subtree(&subtree).is_err() {
                return false;
            }
            self.subtrees.advance();
            self.compare_heads();
        }
        true
    }

    fn compare_heads(&mut self) {
        let size = self.tree.size();
        while let Some(head) = self.heads.next_if(|it| it.expected.size <= size) {
            if head.expected.size == size && head.expected.root == self.tree.root() {
                self.checked.known |= head.known;
                continue;
            }
            let fault = match (head.known, head.expected.size == size) {
                (false, _) => Fault::Head,
                (true, true) => Fault::KnownDiffers,
                // The size lies inside a subtree: nothing in the package tells the root there.
                (true, false) => Fault::KnownNotShown,
            };
            let Expected { size, label, .. } = head.expected;
            self.checked.fault(FaultAt::Head { size, label }, fault);
        }
    }

    fn finish(mut self) {
        let end = self.manifest.tree_size;
        if !self.cover_to(end) || self.tree.size() != end || self.subtrees.next.is_some() {
            self.checked.file(SUBTREES, Fault::Cover);
        }
        if self.subtrees.broken {
            let number = self.subtrees.number;
            self.checked.file(SUBTREES, Fault::Line(number));
        }
        self.compare_heads();
        for head in self.heads.by_ref() {
            let Expected { size, label, .. } = head.expected;
            let fault = if head.known { Fault::KnownNotShown } else { Fault::Head };
            self.checked.fault(FaultAt::Head { size, label }, fault);
        }
        let declared = self.manifest.chain;
        if self.room_n != declared.last.saturating_add(1) {
            self.checked.file("entries.jsonl", Fault::Declared);
        }
        let erased: HashSet<u64> = self.erased.iter().copied().collect();
        for n in self.erased.iter().filter(|n| !self.declared.contains(n)) {
            self.checked.fault(FaultAt::Entry(*n), Fault::Entry(ProblemCode::ErasedUndeclared));
        }
        for (n, declares) in &self.erasures {
            if !declares.iter().any(|it| erased.contains(it)) {
                self.checked.fault(FaultAt::Entry(*n), Fault::Stranger);
            }
        }
    }
}
