//! Spans, absences and returns, each from a hand-made answer.

use super::*;
use crate::domain::{AccountId, Source};

const ROOM: RoomId = RoomId(7);
const ASKED: UtcMillis = UtcMillis(1_700_000_500_000);

fn id(n: u64) -> MessageId {
    MessageId::new((1_789_012_345_678_900_000 + n).to_string()).unwrap()
}

fn shown(n: u64) -> Read<ApiMessage> {
    let raw = format!(
        r#"{{"message_id":"{}","account":{{"account_id":1,"name":"A"}},"body":"文{n}","send_time":{},"update_time":0}}"#,
        id(n),
        1_700_000_000 + n
    );
    Read { value: serde_json::from_str(&raw).unwrap(), raw }
}

fn page(numbers: impl IntoIterator<Item = u64>) -> MessagePage {
    MessagePage { messages: numbers.into_iter().map(shown).collect(), unreadable: Vec::new(), limited: false }
}

fn known(n: u64) -> KnownMessage {
    let send_time = UtcMillis::from_seconds(1_700_000_000 + i64::try_from(n).unwrap());
    KnownMessage { message: id(n), send_time, first_seen: send_time }
}

fn absent(page: &MessagePage, known_numbers: &[u64]) -> Vec<MessageId> {
    let known = known_numbers.iter().copied().map(known).collect();
    let before = Before { known, ..Before::default() };
    compare(ROOM, page, &Span::of(page, None), &before, ASKED).absent.into_iter().collect()
}

#[test]
fn what_is_not_in_the_span_is_not_absent() {
    // The whole room is shown.
    assert_eq!(absent(&page([2, 4]), &[1, 2, 3, 4, 5]), [id(1), id(3), id(5)]);
    // Older than the newest hundred: nothing is said of it.
    assert_eq!(
        absent(&page((100..200).filter(|n| *n != 150).chain([200])), &[50, 99, 150, 201]),
        [id(150), id(201)]
    );
    // Seen after the question was asked: the answer may be older.
    assert_eq!(absent(&page([2]), &[600]), [] as [MessageId; 0]);
    // An empty room.
    assert_eq!(absent(&page([]), &[1]), [id(1)]);
}

#[test]
fn an_answer_that_hides_or_cannot_be_read_proves_no_absence() {
    let limited = MessagePage { limited: true, ..page([2]) };
    assert_eq!(absent(&limited, &[1, 3]), [] as [MessageId; 0]);
    let nameless = MessagePage { unreadable: vec!["[]".to_owned()], ..page([2]) };
    assert_eq!(absent(&nameless, &[3]), [] as [MessageId; 0]);
    let named =
        MessagePage { unreadable: vec![format!(r#"{{"message_id":"{}","body":5}}"#, id(3))], ..page([2]) };
    assert_eq!(absent(&named, &[1, 3]), [id(1)], "which one it is can be read");
}

#[test]
fn missing_is_what_was_absent_twice() {
    let page = page([2]);
    let before = Before { known: vec![known(1), known(3)], absent: [id(1)].into(), ..Before::default() };
    let compared = compare(ROOM, &page, &Span::of(&page, None), &before, ASKED);
    assert_eq!(compared.missing, [id(1)]);
    assert_eq!(compared.absent, [id(1), id(3)].into());
}

#[test]
fn an_overflow_is_a_full_answer_that_does_not_touch_the_last_read() {
    let full = page(100..200);
    let span = Span::of(&full, Some(&id(99)));
    assert!(span.overflows(Some(&id(99))) && !span.overflows(Some(&id(100))));
    assert!(span.overflows(None), "the room was empty before");
    assert_eq!((span.fresh, span.whole, span.newest), (100, false, Some(id(199))));
    let short = page(100..199);
    let span = Span::of(&short, Some(&id(99)));
    assert!(!span.overflows(Some(&id(99))) && span.whole);
}

#[test]
fn what_came_back_is_seen_by_another_way() {
    let page = page([1, 2]);
    let before = Before { missing: [(id(1), EntryIndex(9))].into(), ..Before::default() };
    let compared = compare(ROOM, &page, &Span::of(&page, None), &before, ASKED);
    let channels: Vec<String> =
        compared.observations.iter().map(|it| it.identity.clone().unwrap().channel).collect();
    assert_eq!(channels, ["poll.again:9", "poll"]);
    assert!(compared.observations.iter().all(|it| it.source == Source::Poll && it.room == Some(ROOM)));
    assert_eq!(page.messages[0].value.account.account_id, AccountId(1));
}
