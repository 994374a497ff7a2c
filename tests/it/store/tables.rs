//! What followers derive: the same changes leave the same rows, and every read tells the same of them.

use karibarai::domain::{
    AccountId, CaseId, ContractId, EntryIndex, EntryKind, Label, MessageId, Reason, RoomId, RoomType, Signal,
    Terms, Tier, UtcMillis,
};
use karibarai::search::{Query, search, words, words_imported};
use karibarai::store::{
    AnnexChange, AnnexStore as _, ArchiveRow, ArchiveStore as _, BookChange, CaseMessageRow, CaseRow,
    CaseStore as _, ContractRow, CountRow, CoverageStore as _, Declaration, DeskStore as _, DraftRow,
    DraftState, EraseStore as _, FileRow, FollowStore as _, ImportedMessage, IndexRow, LedgerStore as _,
    NoteRow, OutboxChange, OutboxRow, OutboxState, Purpose, RequestRef, ReviewStore as _, RoomPart,
    RoomState, SearchFilter, SearchStore as _, SignalRow, StandingStore as _, StoredFile, TaskRow,
};

use super::{Both, Dice, TEXTS, both, same};

const ROOMS: [u64; 3] = [11, 12, u64::MAX - 1];

fn room(dice: &mut Dice) -> RoomId {
    RoomId(dice.pick(&ROOMS))
}

fn message(dice: &mut Dice) -> MessageId {
    MessageId::new(format!("2{}", dice.roll(12))).unwrap()
}

fn account(dice: &mut Dice) -> AccountId {
    AccountId(dice.pick(&[1, 2, 3, 1 << 63]))
}

fn time(dice: &mut Dice) -> UtcMillis {
    UtcMillis(i64::try_from(dice.roll(50)).unwrap())
}

fn string(dice: &mut Dice) -> String {
    dice.pick(&TEXTS).to_owned()
}

fn maybe<T>(dice: &mut Dice, value: T) -> Option<T> {
    (dice.roll(3) > 0).then_some(value)
}

fn request(dice: &mut Dice) -> RequestRef {
    RequestRef {
        room: room(dice),
        message: message(dice),
        account: account(dice),
        n: EntryIndex(dice.roll(300)),
    }
}

fn archived(dice: &mut Dice, n: EntryIndex) -> ArchiveRow {
    match dice.roll(10) {
        0 => {
            let room_type = dice.pick(&[None, Some(RoomType::Direct), Some(RoomType::Group)]);
            let name = string(dice);
            ArchiveRow::Room {
                n,
                room: room(dice),
                room_type,
                name: maybe(dice, name),
                observed_at: time(dice),
            }
        }
        1 => ArchiveRow::Member {
            n,
            room: room(dice),
            account: account(dice),
            name: string(dice),
            present: dice.roll(2) == 0,
        },
        2 => ArchiveRow::Missing { n, room: room(dice), message: message(dice) },
        3 => ArchiveRow::Present { n, room: room(dice), message: message(dice) },
        4 => {
            let from = time(dice);
            let from = maybe(dice, from);
            ArchiveRow::Gap { n, room: room(dice), kind: string(dice), from, to: time(dice) }
        }
        _ => {
            let updated = time(dice);
            ArchiveRow::Version {
                n,
                kind: dice.pick(&[
                    EntryKind::MessageCreated,
                    EntryKind::MessageUpdated,
                    EntryKind::MessageUpdated,
                    EntryKind::MessageDeletedReported,
                ]),
                room: room(dice),
                message: message(dice),
                version: n.0 + 1,
                account: account(dice),
                send_time: time(dice),
                update_time: maybe(dice, updated),
                observed_at: time(dice),
                body: string(dice),
            }
        }
    }
}

fn case(dice: &mut Dice, n: EntryIndex) -> CaseRow {
    let (link, other, terms) = (string(dice), string(dice), string(dice));
    CaseRow {
        id: CaseId(1 + dice.roll(5)),
        room: room(dice),
        client: account(dice),
        state: dice.pick(&["requested", "reminded", "working", "paid", "dismissed"]).to_owned(),
        request_message: message(dice),
        request_n: n,
        opened_at: time(dice),
        moved_at: time(dice),
        terms: Terms { amount: maybe(dice, terms), ..Terms::default() },
        reminded: dice.roll(2) == 0,
        job_link: maybe(dice, link),
        contract_link: maybe(dice, other),
        contract: (dice.roll(2) == 0).then_some(ContractId(3)),
        changed_n: EntryIndex(dice.roll(300)),
    }
}

fn decided(dice: &mut Dice, n: EntryIndex) -> OutboxRow {
    let request = request(dice);
    OutboxRow {
        decided_n: n,
        purpose: dice.pick(&[Purpose::Reminder, Purpose::Note, Purpose::Answer, Purpose::FollowUp]),
        case: (dice.roll(2) == 0).then_some(CaseId(2)),
        room: room(dice),
        request: maybe(dice, request),
        text: string(dice),
        due_at: time(dice),
        state: OutboxState::Waiting,
        posted: None,
        approved: dice.roll(2) == 0,
        target: (dice.roll(4) == 0).then(|| message(dice)),
    }
}

fn booked(dice: &mut Dice, n: EntryIndex) -> BookChange {
    match dice.roll(10) {
        0 | 1 => BookChange::Case(case(dice, n)),
        2 => BookChange::Outbox(OutboxChange::Decided(decided(dice, n))),
        3 => BookChange::Outbox(OutboxChange::Ended {
            decided_n: EntryIndex(n.0.saturating_sub(dice.roll(30))),
            state: dice.pick(&[OutboxState::Sent, OutboxState::Uncertain, OutboxState::Suppressed]),
            by: n,
            at: time(dice),
            posted: (dice.roll(2) == 0).then(|| message(dice)),
        }),
        4 => BookChange::Message(CaseMessageRow {
            case: CaseId(1 + dice.roll(5)),
            room: room(dice),
            message: message(dice),
            part: dice.pick(&["request", "joined", "reminder"]).to_owned(),
            n: EntryIndex(dice.roll(300)),
        }),
        5 => BookChange::Note(NoteRow {
            n,
            case: CaseId(1 + dice.roll(5)),
            at: time(dice),
            text: string(dice),
        }),
        6 => {
            let (link, until) = (string(dice), time(dice));
            BookChange::Contract(ContractRow {
                id: ContractId(1 + dice.roll(3)),
                room: room(dice),
                client: (dice.roll(2) == 0).then(|| account(dice)),
                form: "fixed".to_owned(),
                quantity: (dice.roll(2) == 0).then_some(10),
                unit: string(dice),
                yen: (dice.roll(2) == 0).then_some(30_000),
                until: maybe(dice, until),
                escrowed: dice.roll(2) == 0,
                ended: dice.roll(2) == 0,
                remind: dice.roll(2) == 0,
                link: maybe(dice, link),
                registered_at: time(dice),
                changed_n: EntryIndex(dice.roll(300)),
            })
        }
        7 => BookChange::Count(CountRow {
            n,
            contract: ContractId(1 + dice.roll(3)),
            count: -2,
            room: room(dice),
            message: message(dice),
            at: time(dice),
        }),
        8 => BookChange::Declared(Declaration {
            room: (dice.roll(2) == 0).then(|| room(dice)),
            what: dice
                .pick(&["stopped", "quiet_until", "contract", "outside_contact", "opted_out:1", "told:x"])
                .to_owned(),
            value: dice.pick(&["true", "false", "17", "none"]).to_owned(),
            n: EntryIndex(dice.roll(300)),
        }),
        _ if dice.roll(2) == 0 => BookChange::DraftEnded {
            drafted_n: EntryIndex(n.0.saturating_sub(dice.roll(40))),
            state: DraftState::Approved,
        },
        _ => BookChange::Draft(DraftRow {
            case: CaseId(1 + dice.roll(5)),
            drafted_n: n,
            purpose: Purpose::Reminder,
            room: room(dice),
            request: request(dice),
            text: string(dice),
            why: string(dice),
            state: DraftState::Open,
            shown: None,
        }),
    }
}

fn stored(dice: &mut Dice) -> StoredFile {
    StoredFile { sha256: dice.digest(6), size: dice.roll(9), media_type: string(dice) }
}

fn beside(dice: &mut Dice, n: EntryIndex) -> AnnexChange {
    let file = FileRow {
        room: room(dice),
        file: dice.roll(9),
        message: message(dice),
        shown_n: n,
        name: string(dice),
    };
    match dice.roll(9) {
        0 | 1 => AnnexChange::Shown(file),
        2 => AnnexChange::Stored { file, n, stored: stored(dice) },
        3 => AnnexChange::Lost { file, n, reason: string(dice), last: dice.roll(2) == 0 },
        4 => {
            let limit = time(dice);
            AnnexChange::Task(TaskRow {
                room: room(dice),
                task: dice.roll(4),
                n,
                message: message(dice),
                account: account(dice),
                assigned_by: account(dice),
                body: string(dice),
                limit: maybe(dice, limit),
                limit_type: string(dice),
                status: string(dice),
            })
        }
        5 => {
            let description = string(dice);
            AnnexChange::Room(RoomState {
                room: room(dice),
                n,
                name: string(dice),
                description: maybe(dice, description),
            })
        }
        6 => AnnexChange::Role { room: room(dice), account: account(dice), n, role: string(dice) },
        7 => AnnexChange::News { room: room(dice), part: RoomPart::Tasks, n },
        _ => AnnexChange::ImportedFile {
            n,
            room: (dice.roll(2) == 0).then(|| room(dice)),
            name: string(dice),
            stored: stored(dice),
        },
    }
}

fn weighed(dice: &mut Dice, n: EntryIndex) -> SignalRow {
    let reason =
        Reason { label: Label::NewRequest, rule: "r".to_owned(), text: string(dice), start: 0, end: 1 };
    let mut signal = Signal {
        tier: dice.pick(&[Tier::No, Tier::Unsure, Tier::Certain]),
        confidence: 0.5,
        reasons: vec![reason],
        ..Signal::default()
    };
    if dice.roll(2) == 0 {
        signal.labels.set(Label::ContactExchange, true);
    }
    SignalRow { n, rules: string(dice), signal }
}

/// Both with the same random rows.
pub(super) async fn filled(dice: &mut Dice) -> Both {
    let both = both().await;
    let _ = same!(both, found("0123".to_owned()));
    for round in 0..30_u64 {
        let end = EntryIndex(round * 10 + 10);
        let ns = || (0..10).map(move |it| EntryIndex(round * 10 + it));
        let rows: Vec<ArchiveRow> = ns().map(|n| archived(dice, n)).collect();
        let _ = same!(both, put_archive(end, rows.clone()));
        let index: Vec<IndexRow> = rows
            .iter()
            .filter_map(|row| match row {
                ArchiveRow::Version { n, room, account, body, .. } => {
                    Some(IndexRow::Version { n: *n, words: words(*room, *account, body) })
                }
                _ => None,
            })
            .collect();
        let _ = same!(both, put_index(karibarai::search::INDEX_CURSOR, end, index.clone(), round == 0));
        let signals: Vec<SignalRow> = ns().map(|n| weighed(dice, n)).collect();
        let _ = same!(both, put_signals(end, signals.clone()));
        let changes: Vec<BookChange> = ns().map(|n| booked(dice, n)).collect();
        let _ = same!(both, put_casebook(dice.0.is_multiple_of(2).then_some(end), changes.clone()));
        let changes: Vec<AnnexChange> = ns().map(|n| beside(dice, n)).collect();
        let _ = same!(both, put_annex(end, changes.clone()));
    }
    // What an import brought stands in the same index.
    for n in 300..330_u64 {
        let body = string(dice);
        let it = ImportedMessage {
            n: EntryIndex(n),
            room: (dice.roll(2) == 0).then(|| room(dice)),
            message: (dice.roll(2) == 0).then(|| message(dice)),
            account: (dice.roll(2) == 0).then(|| account(dice)),
            name: (dice.roll(2) == 0).then(|| string(dice)),
            sent_at: (dice.roll(2) == 0).then(|| time(dice)),
            body: body.clone(),
            deleted: dice.roll(4) == 0,
        };
        let row = IndexRow::Version { n: it.n, words: words_imported(it.room, it.account, &body) };
        let end = EntryIndex(n + 1);
        let _ = same!(both, put_annex(end, vec![AnnexChange::ImportedMessage(it.clone())]));
        let _ = same!(both, put_index(karibarai::search::INDEX_CURSOR, end, vec![row.clone()], false));
    }
    let _ = same!(both, put_mirror(EntryIndex(5), vec![("11/2026-11.jsonl".to_owned(), 77)]));
    both
}

/// Every read of what was derived.
async fn reads(both: &Both) {
    let digests = same!(both, derived_digests());
    assert!(digests.contains("search_index"));
    let _ = same!(both, rooms());
    let _ = same!(both, room_types());
    let _ = same!(both, newest());
    let _ = same!(both, cases());
    let _ = same!(both, next_case());
    let _ = same!(both, open_outbox());
    let _ = same!(both, outbox());
    let _ = same!(both, contracts());
    let _ = same!(both, next_contract());
    let _ = same!(both, open_drafts());
    let _ = same!(both, switches());
    let _ = same!(both, mirror_files());
    let _ = same!(both, next_file());
    let _ = same!(both, stored_bytes());
    let _ = same!(both, people(3));
    let _ = same!(both, people(100));
    let _ = same!(both, counts_since(EntryIndex(40), 1000));
    let _ = same!(both, signals(EntryIndex(10), EntryIndex(90)));
    let _ = same!(both, files_due(UtcMillis(9), 20));
    let _ = same!(both, gaps(None, UtcMillis(0)));
    let _ = same!(both, changes(None, EntryIndex(u64::MAX), 40));
    let _ = same!(both, imports_before(None, EntryIndex(320), 9));
    let _ = same!(both, imports_from(None, EntryIndex(305), 9));
    for name in ["archive", "annex", "casebook", "detector", "mirror", "none"] {
        let _ = same!(both, cursor(name));
    }
    let places: Vec<(RoomId, EntryIndex)> =
        (0..40_u64).map(|n| (RoomId(ROOMS[usize::try_from(n % 3).unwrap()]), EntryIndex(n * 9))).collect();
    let _ = same!(both, contexts(places.clone(), 6));
    let who: Vec<(RoomId, AccountId, EntryIndex)> =
        places.iter().map(|(room, n)| (*room, AccountId(1 + n.0 % 4), *n)).collect();
    let _ = same!(both, names_at(who.clone()));
    for n in 1..6 {
        let _ = same!(both, case(CaseId(n)));
        let _ = same!(both, notes(CaseId(n)));
        let _ = same!(both, case_messages(CaseId(n)));
        let _ = same!(both, draft(CaseId(n)));
        let _ = same!(both, counts(ContractId(n)));
    }
    for room in ROOMS.map(RoomId) {
        reads_of(both, room).await;
    }
}

async fn reads_of(both: &Both, room: RoomId) {
    let _ = same!(both, room_messages(room, None, 5));
    let _ = same!(both, room_messages(room, Some(EntryIndex(100)), 50));
    let _ = same!(both, members(room));
    let _ = same!(both, name_at(room, AccountId(2), EntryIndex(200)));
    let _ = same!(both, written_since(room, vec![AccountId(1), AccountId(1 << 63)], UtcMillis(5)));
    let _ = same!(both, first_written(room, vec![AccountId(1), AccountId(2)], UtcMillis(3)));
    let _ = same!(both, last_written(room));
    let _ = same!(both, client_cases(room, AccountId(1)));
    let _ = same!(both, outbox_of_room(room));
    let _ = same!(both, posts_since(&[Purpose::Reminder, Purpose::Note], Some(room), UtcMillis(1)));
    let _ = same!(both, posts_since(&[Purpose::Answer], None, UtcMillis(20)));
    let _ = same!(both, gaps(Some(room), UtcMillis(10)));
    let _ = same!(both, known_since(room, UtcMillis(10), 7));
    let before = (UtcMillis(30), MessageId::new("25").unwrap());
    let _ = same!(both, known_before(room, before, 7));
    let _ = same!(both, missing(room));
    let _ = same!(both, told_before(room, EntryIndex(200), 4));
    let _ = same!(both, told_from(room, EntryIndex(20), 4));
    let _ = same!(both, changes(Some(room), EntryIndex(250), 10));
    let _ = same!(both, imports_before(Some(room), EntryIndex(u64::MAX), 9));
    let _ = same!(both, read_against(room, EntryIndex(20), EntryIndex(60), 2));
    let _ = same!(both, read_against(room, EntryIndex(20), EntryIndex(60), 0));
    let _ = same!(both, declared_room(room));
    let _ = same!(both, rooms_declared("contract", "none"));
    let _ = same!(both, tasks(room));
    let _ = same!(both, roles(room));
    let _ = same!(both, room_state(room));
    let _ = same!(both, files_known(room, vec![1, 2, 99, 2]));
    for n in 0..12 {
        let message = MessageId::new(format!("2{n}")).unwrap();
        let _ = same!(both, message(room, &message));
        let _ = same!(both, versions(room, &message));
        let _ = same!(both, files_of(room, &message));
    }
    let mut parts = Vec::new();
    for store in both.each() {
        let mut of = store.parts(room).await.unwrap();
        of.sort_by_key(|it| format!("{it:?}"));
        parts.push(of);
    }
    assert_eq!(parts[0], parts[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_changes_leave_the_same_rows_on_both_engines() {
    let mut dice = Dice(0xca5e);
    let both = filled(&mut dice).await;
    reads(&both).await;
    let messages = both.postgres.room_messages(RoomId(11), None, 100).await.unwrap();
    assert!(messages.len() > 8, "{} messages try little", messages.len());

    // Erasing takes rows away everywhere, and what is left is again the same.
    let entries: Vec<EntryIndex> = (0..120).map(|_| EntryIndex(dice.roll(330))).collect();
    let _ = same!(both, put_archive(EntryIndex(0), vec![ArchiveRow::Erased { entries: entries.clone() }]));
    let erased = AnnexChange::Erased {
        entries: entries.clone(),
        messages: vec![
            (RoomId(11), MessageId::new("21").unwrap()),
            (RoomId(12), MessageId::new("23").unwrap()),
        ],
    };
    let _ = same!(both, put_annex(EntryIndex(0), vec![erased.clone()]));
    let erased = BookChange::Erased { entries: entries.clone(), cases: vec![CaseId(1), CaseId(4)] };
    let _ = same!(both, put_casebook(None, vec![erased.clone()]));
    let erased = IndexRow::Erased { entries: entries.clone() };
    let _ =
        same!(both, put_index(karibarai::search::INDEX_CURSOR, EntryIndex(0), vec![erased.clone()], false));
    let _ = same!(both, forget_signals(vec![EntryIndex(3), EntryIndex(4)]));
    reads(&both).await;
    let _ = same!(both, scrub());
    reads(&both).await;
    let _ = same!(both, forget_derived());
    reads(&both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_postgresql_in_sqlite_has_every_row() {
    let both = filled(&mut Dice(0xc0b1)).await;
    let mut dice = Dice(5);
    let batch: Vec<_> = (0..50).map(|_| super::ledger::observation(&mut dice)).collect();
    let _ = same!(both, append(batch.clone()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.db");
    both.postgres.copy_to(&path).await.unwrap();
    let copy = karibarai::store::Store::open(&path).await.unwrap();
    let both = Both { sqlite: copy, ..both };
    reads(&both).await;
    assert_eq!(
        crate::support::all_records(&both.sqlite).await.into_iter().map(|it| it.bytes).collect::<Vec<_>>(),
        crate::support::all_records(&both.postgres).await.into_iter().map(|it| it.bytes).collect::<Vec<_>>(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_the_same_on_both_engines() {
    let both = filled(&mut Dice(0x5ea6c4)).await;
    let plain = SearchFilter::default();
    let filters = [
        plain.clone(),
        SearchFilter { room: Some(RoomId(11)), ..plain.clone() },
        SearchFilter { sender: Some(AccountId(1 << 63)), ..plain.clone() },
        SearchFilter { from: Some(UtcMillis(10)), to: Some(UtcMillis(40)), ..plain.clone() },
        SearchFilter { edited: true, ..plain.clone() },
        SearchFilter { deleted: true, ..plain.clone() },
        SearchFilter { has_file: true, ..plain.clone() },
        SearchFilter { case: Some((RoomId(12), UtcMillis(5), Some(UtcMillis(45)))), ..plain.clone() },
        SearchFilter { flag: Some(None), ..plain.clone() },
        SearchFilter { flag: Some(Some(Label::ContactExchange)), ..plain.clone() },
        SearchFilter { imported: true, ..plain.clone() },
    ];
    let queries = [
        "",
        "バナー",
        "ば",
        "lp ",
        "-バナー",
        "追加 OR lp",
        "\"引用\" \\",
        "it's",
        "' & | ! ( ) :*",
        "\\",
        "😀",
        "が",
        "\0",
        "a\0b",
        "円(税",
        "[download",
        "$1",
        "\u{10fffe}",
        "存在しない言葉",
    ];
    let mut hits = 0;
    for filter in &filters {
        for query in queries {
            let query = Query::parse(query, false);
            for limit in [3, 50] {
                let mut pages = Vec::new();
                for store in both.each() {
                    let page = search(store, &query, filter, None, limit).await.unwrap();
                    pages.push(page.hits.iter().map(|it| format!("{:?}", it.row)).collect::<Vec<_>>());
                }
                assert_eq!(pages[0], pages[1], "{query:?} {filter:?}");
                hits += pages[0].len();
            }
        }
    }
    assert!(hits > 300, "{hits} hits try little");
}
