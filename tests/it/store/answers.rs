//! What is no row of the ledger's: claims, reads of rooms, files tried, the door.

use std::time::Duration;

use karibarai::domain::{EntryIndex, MessageId, RoomId, UtcMillis};
use karibarai::store::{
    AnnexChange, AnnexStore as _, ArchiveRow, BookChange, CaseStore as _, CoverageStore as _, DeepState,
    DeskStore as _, DoorStore as _, Exposure, FileRow, FollowStore as _, Look, NewRead, OutboxChange,
    OutboxRow, OutboxState, Purpose, RoomPart,
};

use super::{both, same};

#[tokio::test(flavor = "multi_thread")]
async fn claims_looks_and_reads_answer_the_same() {
    let both = both().await;
    let n = EntryIndex(4);
    let row = OutboxRow {
        decided_n: n,
        purpose: Purpose::Note,
        case: None,
        room: RoomId(1),
        request: None,
        text: "x".to_owned(),
        due_at: UtcMillis(0),
        state: OutboxState::Waiting,
        posted: None,
        approved: false,
        target: None,
    };
    assert!(same!(both, claim(n, UtcMillis(1), UtcMillis(9))).contains("false"), "nothing to claim yet");
    let decided = BookChange::Outbox(OutboxChange::Decided(row));
    let _ = same!(both, put_casebook(None, vec![decided.clone()]));
    assert!(same!(both, claim(n, UtcMillis(1), UtcMillis(9))).contains("true"));
    assert!(same!(both, claim(n, UtcMillis(8), UtcMillis(20))).contains("false"), "it is another's");
    let _ = same!(both, claim_over(n, UtcMillis(8)));
    let _ = same!(both, claim_over(n, UtcMillis(9)));
    assert!(same!(both, claim(n, UtcMillis(9), UtcMillis(20))).contains("true"));
    let _ = same!(both, attempts(n));
    let _ = same!(both, release(n, UtcMillis(10)));
    let _ = same!(both, attempts(n));
    let _ = same!(both, attempts(EntryIndex(99)));
    let ended = BookChange::Outbox(OutboxChange::Ended {
        decided_n: n,
        state: OutboxState::Sent,
        by: EntryIndex(5),
        at: UtcMillis(11),
        posted: None,
    });
    let _ = same!(both, put_casebook(None, vec![ended.clone()]));
    assert!(same!(both, claim(n, UtcMillis(99), UtcMillis(100))).contains("false"), "it was sent");

    for (at, longest) in [(10, 5), (20, 9), (30, 2)] {
        let read = NewRead {
            room: RoomId(7),
            asked_at: UtcMillis(at),
            reached: (at == 20).then(|| MessageId::new("44").unwrap()),
            limited: at == 30,
            exposure: Some(Exposure {
                room: RoomId(7),
                day: "2026-11-23".to_owned(),
                longest: Duration::from_secs(longest),
                began: UtcMillis(at),
            }),
        };
        let _ = same!(both, put_read(read.clone()));
        let _ = same!(both, room_reads());
    }
    let _ = same!(both, put_lost(RoomId(7), Some(UtcMillis(31))));
    let _ = same!(both, put_lost(RoomId(8), None));
    let deep = DeepState {
        at: Some((UtcMillis(3), MessageId::new("5").unwrap())),
        began: Some(UtcMillis(2)),
        lap: Some(Duration::from_millis(1500)),
    };
    let _ = same!(both, put_deep(RoomId(7), deep.clone()));
    let _ = same!(both, room_reads());
    let _ = same!(both, exposures(None, "2026-11-01".to_owned()));
    let _ = same!(both, exposures(Some(RoomId(9)), "2026-11-01".to_owned()));
    for next in [5, 3] {
        let _ = same!(both, put_watched(EntryIndex(next)));
        let _ = same!(both, put_cursor("asks", EntryIndex(next + 1)));
        let _ = same!(both, cursor("watchman"));
        let _ = same!(both, cursor("asks"));
    }

    let known = [1, 2].map(|room| ArchiveRow::Room {
        n: EntryIndex(0),
        room: RoomId(room),
        room_type: None,
        name: None,
        observed_at: UtcMillis(0),
    });
    let _ = same!(both, put_archive(EntryIndex(1), known.to_vec()));
    let looks = same!(both, looks_due(UtcMillis(50), 100));
    assert_eq!(looks.matches("first: true").count(), 8);
    let look = Look { room: RoomId(1), part: RoomPart::Tasks, news: None, pressing: true, first: true };
    let _ = same!(both, looked(look, UtcMillis(60)));
    let news = AnnexChange::News { room: RoomId(1), part: RoomPart::Tasks, n: EntryIndex(9) };
    for now in [50, 60] {
        let _ = same!(both, looks_due(UtcMillis(now), 100));
    }
    let _ = same!(both, put_annex(EntryIndex(1), vec![news.clone()]));
    let _ = same!(both, looks_due(UtcMillis(50), 3));

    let file = FileRow {
        room: RoomId(1),
        file: 3,
        message: MessageId::new("8").unwrap(),
        shown_n: EntryIndex(2),
        name: "案.pdf".to_owned(),
    };
    let _ = same!(both, put_annex(EntryIndex(2), vec![AnnexChange::Shown(file.clone())]));
    let _ = same!(both, file_tried(RoomId(1), 3, 2, UtcMillis(70)));
    let _ = same!(both, files_due(UtcMillis(69), 5));
    let _ = same!(both, files_due(UtcMillis(70), 5));
    let _ = same!(both, next_file());
    let _ = same!(both, bytes_needed([1; 32], vec![EntryIndex(1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_answers_the_same() {
    let both = both().await;
    let (now, later) = (UtcMillis(10), UtcMillis(20));
    let _ = same!(both, put_door_secret("password", "a".to_owned(), None));
    let _ = same!(both, put_door_secret("password", "b".to_owned(), None));
    let _ = same!(both, put_door_secret("ticket", "t".to_owned(), Some(later)));
    let _ = same!(both, door_secret("password", later));
    let _ = same!(both, door_secret("ticket", later));
    assert!(same!(both, take_door_secret("ticket", "u".to_owned(), now)).contains("false"));
    assert!(same!(both, take_door_secret("ticket", "t".to_owned(), now)).contains("true"));
    assert!(same!(both, take_door_secret("ticket", "t".to_owned(), now)).contains("false"));
    for it in 0..6_u8 {
        let ends = UtcMillis(20 + i64::from(it % 4));
        let _ = same!(both, put_session([it; 32], format!("{it}"), ends, now, 3));
    }
    for it in 0..6_u8 {
        let _ = same!(both, session([it; 32]));
    }
    let _ = same!(both, put_session([9; 32], "9".to_owned(), UtcMillis(99), UtcMillis(50), 3));
    let _ = same!(both, end_session([9; 32]));
    let _ = same!(both, session([9; 32]));
    let _ = same!(both, end_sessions());
    let _ = same!(both, session([5; 32]));
}
