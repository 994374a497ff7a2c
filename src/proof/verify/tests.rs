//! Small ledgers in memory, and everything that can be done to them.

use super::*;
use crate::domain::{
    Entry, EntryIndex, EntryKind, MessageId, RoomId, Source as Origin, UtcMillis, commitment,
};
use crate::proof::note::Signer;
use crate::proof::tree::{Frontier, leaf_hash, root_of};

type Stored = (Vec<u8>, Option<Digest>, Stuff);

#[derive(Clone, Debug, PartialEq)]
enum Stuff {
    None,
    Present([u8; 32], Vec<u8>),
    Erased,
    Withheld,
}

/// Rows with the numbers that a storage gives them.
#[derive(Clone)]
struct Ledger {
    rows: Vec<(u64, Stored)>,
}

impl Source for Ledger {
    fn read(&self, rows: Range<u64>, part: &mut Part) -> Result<(), SourceError> {
        for (n, (entry, stored_leaf, stuff)) in self.rows.iter().filter(|(n, _)| rows.contains(n)) {
            let content = match stuff {
                Stuff::None => Content::None,
                Stuff::Present(salt, bytes) => Content::Present { salt: *salt, bytes: bytes.as_slice() },
                Stuff::Erased => Content::Erased,
                Stuff::Withheld => Content::Withheld,
            };
            if part.is_full() {
                break;
            }
            part.push(*n, entry, *stored_leaf, content);
        }
        Ok(())
    }
}

/// What an entry of a test is about: kind, room, version of message 77, content.
type Plan<'a> = (EntryKind, Option<u64>, Option<u64>, Option<&'a str>);

impl Ledger {
    fn new(plans: &[Plan<'_>]) -> Self {
        let mut ledger = Self { rows: Vec::new() };
        for plan in plans {
            ledger.append(plan);
        }
        ledger
    }

    /// One room with an edit, one with a gap, notes of the owner and of the system in between.
    fn sample() -> Self {
        Self::new(&[
            (EntryKind::SystemStarted, None, None, Some("{}")),
            (EntryKind::MessageCreated, Some(1), Some(1), Some("お願いします")),
            (EntryKind::GapFound, Some(2), None, Some("gap")),
            (EntryKind::ReplyDecided, Some(1), None, Some("text")),
            (EntryKind::MessageUpdated, Some(1), Some(2), Some("やはり")),
            (EntryKind::ReplySent, Some(1), None, Some("text")),
            (EntryKind::MessageSeen, Some(1), Some(1), None),
            (EntryKind::ContentErased, Some(1), None, Some(r#"{"entries":[1],"reason":"x"}"#)),
            (EntryKind::UnknownEvent, None, None, Some("{}")),
        ])
    }

    fn append(&mut self, (kind, room, version, content): &Plan<'_>) {
        let n = self.rows.len() as u64;
        let chained = kind.in_room_chain() && room.is_some();
        let before = self.rows.iter().rev().find_map(|(_, (bytes, _, _))| {
            let it = Entry::parse(bytes).unwrap();
            (it.room.map(|it| it.0) == *room && it.room_n.is_some()).then(|| (it.room_n, leaf_hash(bytes)))
        });
        let salt = [n as u8; 32];
        let entry = Entry {
            n: EntryIndex(n),
            kind: *kind,
            source: Origin::Webhook,
            source_time: None,
            observed_at: UtcMillis(1_800_000_000_000 + n as i64),
            room: room.map(RoomId),
            message: version.and_then(|_| MessageId::new("77")),
            version: *version,
            content: content.map(|it| commitment(&salt, it.as_bytes())),
            room_n: chained.then(|| before.and_then(|it| it.0).unwrap_or(0) + 1),
            room_prev: before.map(|it| it.1).filter(|_| chained),
        };
        let bytes = entry.to_bytes();
        let leaf = leaf_hash(&bytes);
        let stuff = content.map_or(Stuff::None, |it| Stuff::Present(salt, it.as_bytes().to_vec()));
        self.rows.push((n, (bytes, Some(leaf), stuff)));
    }

    /// Changes the entry of a row as a careful forger does: the stored leaf fits again.
    fn forge(&mut self, at: usize, change: impl FnOnce(&mut Entry)) {
        let stored = &mut self.rows[at].1;
        let mut entry = Entry::parse(&stored.0).unwrap();
        change(&mut entry);
        stored.0 = entry.to_bytes();
        stored.1 = Some(leaf_hash(&stored.0));
    }

    fn leaves(&self) -> Vec<Digest> {
        self.rows.iter().map(|(_, it)| leaf_hash(&it.0)).collect()
    }

    fn heads(&self) -> Vec<Expected> {
        let leaves = self.leaves();
        let sizes = [0, leaves.len() / 2, leaves.len()];
        sizes
            .iter()
            .map(|size| Expected {
                size: *size as u64,
                root: root_of(&leaves[..*size]),
                label: "kept outside".to_owned(),
            })
            .collect()
    }

    fn verify(&self, expected: Vec<Expected>) -> Report {
        verify(self, expected).unwrap()
    }

    /// Problems at entries, without any head.
    fn problems(&self) -> Vec<(u64, ProblemCode)> {
        self.verify(Vec::new())
            .problems
            .list
            .into_iter()
            .map(|it| match it.at {
                Place::Entry(n) => (n, it.code),
                Place::Head { .. } => panic!("no head was expected"),
            })
            .collect()
    }
}

#[test]
fn an_honest_ledger_is_intact() {
    let ledger = Ledger::sample();
    let report = ledger.verify(ledger.heads());
    assert!(report.intact(), "{report:?}");
    assert_eq!((report.size, report.rooms, report.erased, report.withheld), (9, 2, 0, 0));
    assert_eq!(report.root, root_of(&ledger.leaves()));
    assert_eq!(report.confirmed, ledger.heads());
    assert_eq!(report.remarks.total, 0);

    let empty = Ledger::new(&[]);
    assert!(empty.verify(empty.heads()).intact());
    assert!(!empty.verify(ledger.heads()).intact());
}

#[test]
fn no_changed_byte_goes_unseen() {
    let honest = Ledger::sample();
    for at in 0..honest.rows.len() {
        let (entry, leaf, stuff) = honest.rows[at].1.clone();
        let check = |stored: Stored| {
            let only_leaf_differs = stored.0 == entry && stored.2 == stuff;
            let mut bent = honest.clone();
            bent.rows[at].1 = stored;
            assert!(!bent.verify(Vec::new()).intact(), "row {at} by itself");
            // Without stored leaf hashes, as in a package, the heads alone must be enough.
            bent.rows.iter_mut().for_each(|it| it.1.1 = None);
            assert_eq!(bent.verify(honest.heads()).intact(), only_leaf_differs, "row {at} by the heads");
        };
        for (byte, bit) in flips(entry.len()) {
            let mut bent = entry.clone();
            bent[byte] ^= bit;
            check((bent, leaf, stuff.clone()));
        }
        for (byte, bit) in flips(32) {
            let mut bent = leaf.unwrap();
            bent[byte] ^= bit;
            check((entry.clone(), Some(bent), stuff.clone()));
        }
        if let Stuff::Present(salt, bytes) = &stuff {
            for (byte, bit) in flips(32) {
                let mut bent = *salt;
                bent[byte] ^= bit;
                check((entry.clone(), leaf, Stuff::Present(bent, bytes.clone())));
            }
            for (byte, bit) in flips(bytes.len()) {
                let mut bent = bytes.clone();
                bent[byte] ^= bit;
                check((entry.clone(), leaf, Stuff::Present(*salt, bent)));
            }
            check((entry.clone(), leaf, Stuff::None));
            // The erasure of entry 1 is declared.
            if at != 1 {
                check((entry.clone(), leaf, Stuff::Erased));
            }
        } else {
            check((entry.clone(), leaf, Stuff::Present([0; 32], Vec::new())));
            check((entry.clone(), leaf, Stuff::Withheld));
        }
    }
}

/// One bit of each byte, not always the same.
fn flips(len: usize) -> impl Iterator<Item = (usize, u8)> {
    (0..len).map(|byte| (byte, 1 << (byte % 8)))
}

#[test]
fn a_careful_forger_fails_at_the_heads() {
    let honest = Ledger::sample();
    for at in 0..honest.rows.len() {
        let mut forged = honest.clone();
        forged.forge(at, |it| it.source_time = Some(UtcMillis(0)));
        let report = forged.verify(honest.heads());
        let last = report.problems.list.last().unwrap();
        assert_eq!(last.code, ProblemCode::RootDiffers, "row {at}");
    }
}

#[test]
fn removed_swapped_and_doubled_rows_are_named() {
    let honest = Ledger::sample();

    let mut removed = honest.clone();
    removed.rows.remove(4);
    assert_eq!(removed.problems()[0], (4, ProblemCode::Missing { until: 5 }));
    assert!(removed.verify(honest.heads()).problems.total > 1);

    // Closing the gap in the storage's numbers does not help.
    removed.rows.iter_mut().enumerate().for_each(|(n, row)| row.0 = n as u64);
    let problems = removed.problems();
    assert_eq!(problems[0], (4, ProblemCode::Misplaced { says: 5 }));
    // Once, although every later entry is away from its number too.
    assert_eq!(problems.iter().filter(|it| matches!(it.1, ProblemCode::Misplaced { .. })).count(), 1);

    let mut swapped = honest.clone();
    let first = swapped.rows[3].1.clone();
    swapped.rows[3].1 = swapped.rows[4].1.clone();
    swapped.rows[4].1 = first;
    assert_eq!(
        swapped.problems(),
        [(3, ProblemCode::Misplaced { says: 4 }), (4, ProblemCode::Misplaced { says: 3 })]
    );

    let mut doubled = honest.clone();
    doubled.rows.insert(5, honest.rows[4].clone());
    assert_eq!(doubled.problems(), [(4, ProblemCode::Duplicated)]);

    let mut inserted = honest.clone();
    inserted.rows.insert(5, honest.rows[4].clone());
    inserted.rows.iter_mut().enumerate().for_each(|(n, row)| row.0 = n as u64);
    assert!(inserted.problems().contains(&(5, ProblemCode::Misplaced { says: 4 })));
}

#[test]
fn a_shortened_ledger_is_rolled_back() {
    let honest = Ledger::sample();
    let mut short = honest.clone();
    short.rows.pop();
    assert_eq!(short.problems(), []);
    let report = short.verify(honest.heads());
    let at = Place::Head { size: 9, label: "kept outside".to_owned() };
    assert_eq!(report.problems.list, [Problem { at, code: ProblemCode::RolledBack }]);
    assert_eq!(report.confirmed.len(), 2);
}

#[test]
fn a_head_of_another_history_is_not_met() {
    let honest = Ledger::sample();
    let wrong = Expected { size: 4, root: [1; 32], label: "given".to_owned() };
    let report = honest.verify(vec![wrong]);
    let at = Place::Head { size: 4, label: "given".to_owned() };
    assert_eq!(report.problems.list, [Problem { at, code: ProblemCode::RootDiffers }]);
}

#[test]
fn a_checkpoint_counts_only_under_its_key() {
    let honest = Ledger::sample();
    let signer = Signer::from_seed("karibarai/a", &[1; 32]).unwrap();
    let other = Signer::from_seed("karibarai/a", &[2; 32]).unwrap();
    let head = Checkpoint { origin: "karibarai/a".to_owned(), size: 9, root: root_of(&honest.leaves()) };
    let note = head.sign(&signer).unwrap();
    let expected = Expected::from_note(&note, signer.verifier(), "file").unwrap();
    assert_eq!(honest.verify(vec![expected.clone()]).confirmed, [expected]);
    assert!(Expected::from_note(&note, other.verifier(), "file").is_err());
}

#[test]
fn erased_content_must_be_declared() {
    let mut ledger = Ledger::sample();
    ledger.rows[1].1.2 = Stuff::Erased;
    let report = ledger.verify(ledger.heads());
    assert!(report.intact());
    assert_eq!(report.erased, 1);

    ledger.rows[4].1.2 = Stuff::Erased;
    assert_eq!(ledger.problems(), [(4, ProblemCode::ErasedUndeclared)]);
    ledger.rows[4].1.2 = Stuff::None;
    assert_eq!(ledger.problems(), [(4, ProblemCode::ContentMissing)]);

    // A declaration that was changed or that is not there declares nothing.
    let mut ledger = Ledger::sample();
    ledger.rows[1].1.2 = Stuff::Erased;
    let Stuff::Present(_, bytes) = &mut ledger.rows[7].1.2 else { panic!("content") };
    *bytes = br#"{"entries":[1,4]}"#.to_vec();
    let undeclared = (1, ProblemCode::ErasedUndeclared);
    assert_eq!(ledger.problems(), [(7, ProblemCode::ContentDiffers), undeclared]);
    ledger.rows[7].1.2 = Stuff::Withheld;
    assert_eq!(ledger.problems(), [(1, ProblemCode::ErasedUndeclared)]);
}

#[test]
fn withheld_content_is_counted() {
    let mut ledger = Ledger::sample();
    ledger.rows[1].1.2 = Stuff::Withheld;
    ledger.rows[4].1.2 = Stuff::Withheld;
    let report = ledger.verify(ledger.heads());
    assert!(report.intact());
    assert_eq!((report.withheld, report.erased), (2, 0));
    ledger.rows[6].1.2 = Stuff::Withheld;
    assert_eq!(ledger.problems(), [(6, ProblemCode::ContentUnexpected)]);
}

#[test]
fn breaks_in_a_room_chain_are_named() {
    let honest = Ledger::sample();
    let mut forged = honest.clone();
    forged.forge(4, |it| it.room_prev = Some([9; 32]));
    assert_eq!(forged.problems()[0], (4, ProblemCode::RoomPrevious));

    let mut forged = honest.clone();
    forged.forge(4, |it| it.room_n = Some(7));
    assert_eq!(forged.problems()[0], (4, ProblemCode::RoomNumber { expected: 2, found: Some(7) }));

    let mut forged = honest.clone();
    forged.forge(1, |it| it.room_n = None);
    assert_eq!(forged.problems()[0], (1, ProblemCode::RoomNumber { expected: 1, found: None }));

    let mut forged = honest.clone();
    forged.forge(2, |it| it.room_prev = Some([0; 32]));
    assert_eq!(forged.problems(), [(2, ProblemCode::RoomPrevious)]);

    // What the owner decided has no place in the chain, nor has what belongs to no room.
    for at in [3, 8] {
        let mut forged = honest.clone();
        forged.forge(at, |it| it.room_n = Some(2));
        assert_eq!(forged.problems(), [(at as u64, ProblemCode::RoomChainUnexpected)]);
    }
}

#[test]
fn versions_never_decrease() {
    let created = (EntryKind::MessageCreated, Some(1), Some(1), None);
    let updated = |version| (EntryKind::MessageUpdated, Some(1), Some(version), None);
    let ledger = Ledger::new(&[created, updated(2), updated(3), updated(2), updated(3), updated(0)]);
    assert_eq!(ledger.problems(), [(3, ProblemCode::VersionDecreased), (5, ProblemCode::VersionDecreased)]);
    let elsewhere = (EntryKind::MessageCreated, Some(2), Some(1), None);
    assert_eq!(Ledger::new(&[created, updated(2), elsewhere]).problems(), []);
}

#[test]
fn a_clock_that_was_set_back_is_a_remark() {
    let mut ledger = Ledger::sample();
    ledger.forge(8, |it| it.observed_at = UtcMillis(0));
    let report = ledger.verify(Vec::new());
    assert!(report.intact());
    let remark = Remark { at: Place::Entry(8), code: RemarkCode::ClockSetBack };
    assert_eq!(report.remarks.list, [remark]);
}

/// More rows than one batch holds, so that every hand-over between threads takes part.
#[test]
fn long_ledgers_are_walked_in_order_and_findings_are_bounded() {
    let mut ledger = Ledger { rows: Vec::new() };
    let mut tree = Frontier::empty();
    let mut heads = Vec::new();
    for n in 0..20_000 {
        let entry = Entry {
            n: EntryIndex(n),
            kind: EntryKind::SystemStarted,
            source: Origin::System,
            source_time: None,
            observed_at: UtcMillis(n as i64),
            room: None,
            message: None,
            version: None,
            content: None,
            room_n: None,
            room_prev: None,
        };
        let bytes = entry.to_bytes();
        tree.push(leaf_hash(&bytes));
        heads.push(Expected { size: n + 1, root: tree.root(), label: String::new() });
        ledger.rows.push((n, (bytes, None, Stuff::None)));
    }
    let report = ledger.verify(heads.clone());
    assert!(report.intact());
    assert_eq!((report.confirmed.len(), report.root), (20_000, tree.root()));

    ledger.rows[0].1.0[5] = b'!';
    let report = ledger.verify(heads);
    assert_eq!((report.problems.total, report.problems.list.len()), (20_001, MAX_LISTED));
}

#[test]
fn a_source_that_fails_gives_no_verdict() {
    struct Broken;
    impl Source for Broken {
        fn read(&self, _: Range<u64>, _: &mut Part) -> Result<(), SourceError> {
            Err(SourceError("disk".into()))
        }
    }
    assert!(verify(&Broken, Vec::new()).is_err());
}
