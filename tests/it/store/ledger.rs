//! Append and everything read from the ledger's own tables.

use std::collections::HashSet;

use karibarai::domain::{EntryIndex, EntryKind, MessageId, RoomId, Source, UtcMillis};
use karibarai::proof::tree::{leaf_hash, root_of};
use karibarai::store::{
    ContinueStore as _, LedgerStore as _, NewEntry, Store, Takeover, TreeNode, TreeStore as _, VersionKey,
};

use super::{Both, Dice, TEXTS, both, same};
use crate::support::all_records;

pub(super) fn observation(dice: &mut Dice) -> NewEntry {
    let room = RoomId(dice.pick(&[11, 12, u64::MAX]));
    let message = MessageId::new(format!("18{}", dice.roll(9))).unwrap();
    let base = NewEntry {
        kind: EntryKind::MessageCreated,
        source: Source::Webhook,
        source_time: Some(UtcMillis(i64::try_from(dice.roll(100)).unwrap())),
        observed_at: UtcMillis(1_795_395_600_000),
        room: Some(room),
        message: Some(message),
        content: Some(dice.pick(&TEXTS).as_bytes().to_vec()),
        salt: dice.digest(200),
        once: None,
        version: Some(VersionKey { digest: dice.digest(4), way: dice.digest(3) }),
    };
    match dice.roll(10) {
        0 => NewEntry {
            kind: EntryKind::SystemStarted,
            source: Source::System,
            room: None,
            message: None,
            version: None,
            once: Some(dice.digest(5)),
            ..base
        },
        1 => NewEntry { kind: EntryKind::GapFound, version: None, message: None, content: None, ..base },
        2 => NewEntry { kind: EntryKind::MessageDeletedReported, ..base },
        3 => NewEntry { once: Some(dice.digest(40)), ..base },
        _ => base,
    }
}

async fn filled(dice: &mut Dice, calls: u64) -> Both {
    let both = both().await;
    let _ = same!(both, found("0123abcd".to_owned()));
    for _ in 0..calls {
        let batch: Vec<NewEntry> = (0..=dice.roll(12)).map(|_| observation(dice)).collect();
        let _ = same!(both, append(batch.clone()));
    }
    both
}

/// What the ledger's own reads give, for comparing.
async fn told(store: &Store) -> String {
    let records = all_records(store).await;
    let records: Vec<_> =
        records.into_iter().map(|it| (it.n, it.base, it.bytes, it.leaf, it.content)).collect();
    format!("{:?} {records:?}", store.head().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_input_makes_the_same_ledger_on_both_engines() {
    let mut dice = Dice(0x5eed);
    let both = filled(&mut dice, 110).await;
    let size = both.postgres.head().await.unwrap().unwrap().frontier.size();
    assert!(size > 300, "{size} entries try little");
    assert_eq!(told(&both.sqlite).await, told(&both.postgres).await);
    for once in 0..40 {
        let mut key = [0; 32];
        (key[0], key[31]) = (7, once);
        let _ = same!(both, once(key));
    }
    for (part, contents) in
        [("\"kind\":\"message.created\"", true), ("\"room\":12", false), ("nothing", true)]
    {
        for store in both.each() {
            assert!(
                store
                    .matching(part.to_owned(), EntryIndex(0), EntryIndex(u64::MAX), contents, 7)
                    .await
                    .is_ok()
            );
        }
        let of = async |store: &Store| {
            let found =
                store.matching(part.to_owned(), EntryIndex(3), EntryIndex(190), contents, 50).await.unwrap();
            found.into_iter().map(|it| (it.n, it.bytes, it.content)).collect::<Vec<_>>()
        };
        assert_eq!(of(&both.sqlite).await, of(&both.postgres).await, "{part}");
    }
    // Without stored nodes, and with them.
    for stored in [false, true] {
        if stored {
            let leaves = both.sqlite.leaves(None, EntryIndex(0), 256).await.unwrap();
            let node = TreeNode { level: 1, index: 0, root: root_of(&leaves) };
            assert_eq!(leaves.len(), 256);
            let _ = same!(both, put_tree(EntryIndex(256), vec![node]));
            let _ = same!(both, tree_nodes(1, 0, 9));
        }
        for n in [0, 1, 100, size - 1, size] {
            let _ = same!(both, inclusion(None, EntryIndex(n), size));
            let _ = same!(both, consistency(n, size));
            let _ = same!(both, root(None, n));
        }
    }
    let _ = same!(both, put_fact("account", u64::MAX));
    let _ = same!(both, fact("account"));
    let _ = same!(both, fact("none"));
    for note in ["one", "other"] {
        let _ = same!(both, put_checkpoint(9, note.to_owned()));
        let _ = same!(both, put_checkpoint(5, note.to_owned()));
    }
    let _ = same!(both, checkpoints());

    // The next ledger begins anew, and the one before stays readable.
    let takeover = Takeover { ledger_id: "4567".to_owned(), old_key: "key".to_owned(), from_copy: true };
    let _ = same!(both, continue_as(takeover.clone()));
    for _ in 0..20 {
        let batch: Vec<NewEntry> = (0..5).map(|_| observation(&mut dice)).collect();
        let _ = same!(both, append(batch.clone()));
    }
    let _ = same!(both, predecessors());
    let _ = same!(both, past_checkpoints(0));
    let _ = same!(both, checkpoints());
    let _ = same!(both, root(Some(0), size));
    let _ = same!(both, inclusion(Some(0), EntryIndex(70), size));
    assert_eq!(told(&both.sqlite).await, told(&both.postgres).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_append_at_once_leave_no_gap_and_nothing_twice() {
    let both = both().await;
    let replicas: Vec<Store> = {
        let mut all = vec![both.postgres.clone()];
        for _ in 0..2 {
            all.push(Store::connect(&both.place).await.unwrap());
        }
        all
    };
    both.postgres.found("0123".to_owned()).await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for call in 0..240_u64 {
        let store = replicas[usize::try_from(call % 3).unwrap()].clone();
        calls.spawn(async move {
            // Every third delivery comes to all three replicas.
            let mut dice = Dice(1 + call / 3);
            store.append((0..4).map(|_| observation(&mut dice)).collect()).await.unwrap()
        });
    }
    let answers = calls.join_all().await;
    let records = all_records(&both.postgres).await;
    let mut chains = std::collections::HashMap::new();
    for (n, record) in records.iter().enumerate() {
        let entry = record.entry().unwrap();
        assert_eq!((record.n.0, entry.n.0), (n as u64, n as u64));
        assert_eq!(record.leaf, leaf_hash(&record.bytes));
        if let Some(number) = entry.room_n {
            let last: &mut (u64, Option<[u8; 32]>) = chains.entry(entry.room).or_default();
            assert_eq!((number, entry.room_prev), (last.0 + 1, last.1));
            *last = (number, Some(record.leaf));
        }
    }
    let leaves: Vec<[u8; 32]> = records.iter().map(|it| it.leaf).collect();
    let head = both.postgres.head().await.unwrap().unwrap();
    assert_eq!((head.frontier.size(), head.frontier.root()), (records.len() as u64, root_of(&leaves)));
    let told: HashSet<u64> = answers.iter().flatten().map(|it| it.index().0).collect();
    assert_eq!(told.len(), records.len(), "each entry was answered by its index, and only those");
    let identities: HashSet<_> = records
        .iter()
        .map(|it| it.entry().unwrap())
        .filter(|it| it.kind != EntryKind::MessageSeen)
        .filter_map(|it| Some((it.room?, it.message?, it.version?)))
        .collect();
    let versions = records.iter().filter(|it| {
        let entry = it.entry().unwrap();
        entry.version.is_some() && entry.kind != EntryKind::MessageSeen
    });
    assert_eq!(identities.len(), versions.count(), "no version of a message twice");
}
