//! Every state with every fact, and what is read out of texts.

use crate::domain::Terms;

use super::*;

/// Rows: states; columns: [`Fact::ALL`]. `.` changes nothing.
const TABLE: [(&str, &str); 11] = [
    (
        "requested",
        "reminded posted escrow_claimed withdrawn dismissed escrow_confirmed working delivered accepted paid dismissed withdrawn",
    ),
    (
        "reminded",
        ". posted escrow_claimed withdrawn dismissed escrow_confirmed working delivered accepted paid dismissed withdrawn",
    ),
    (
        "posted",
        ". . escrow_claimed withdrawn dismissed escrow_confirmed working delivered accepted paid dismissed withdrawn",
    ),
    (
        "escrow_claimed",
        ". . . withdrawn dismissed escrow_confirmed working delivered accepted paid dismissed withdrawn",
    ),
    ("escrow_confirmed", ". . . . . . working delivered accepted paid dismissed withdrawn"),
    ("working", ". . . . . . . delivered accepted paid dismissed withdrawn"),
    ("delivered", ". . . . . . . . accepted paid dismissed withdrawn"),
    ("accepted", ". . . . . . . . . paid dismissed withdrawn"),
    ("paid", ". . . . . . . . . . . ."),
    ("dismissed", ". . . . . . . . . . . ."),
    ("withdrawn", ". . . . . . . . . . . ."),
];

#[test]
fn every_state_and_fact() {
    for (state, row) in TABLE {
        let state = State::parse(state).unwrap();
        let row: Vec<&str> = row.split(' ').collect();
        assert_eq!(row.len(), Fact::ALL.len());
        for (fact, expected) in Fact::ALL.into_iter().zip(row) {
            let expected = (expected != ".").then(|| State::parse(expected).unwrap());
            assert_eq!(step(state, fact), expected, "{state:?} {fact:?}");
        }
    }
}

#[test]
fn what_is_said_in_a_room_never_confirms_escrow() {
    for state in State::ALL {
        for fact in Fact::ALL.into_iter().filter(|it| !it.owners()) {
            if let Some(next) = step(state, fact) {
                assert!(next <= State::EscrowClaimed || next.closed(), "{state:?} {fact:?}");
            }
        }
    }
}

#[test]
fn a_case_never_goes_back_and_two_accounts_join_in_any_order() {
    for a in State::ALL {
        assert_eq!(State::parse(a.as_str()), Some(a));
        for fact in Fact::ALL {
            assert!(step(a, fact).is_none_or(|next| next > a));
            assert_eq!(Fact::parse(fact.as_str()), Some(fact));
        }
        for b in State::ALL {
            assert_eq!(further(a, b), further(b, a));
            for c in State::ALL {
                assert_eq!(further(further(a, b), c), further(a, further(b, c)));
            }
        }
    }
}

#[test]
fn a_request_joins_for_fourteen_days_and_never_a_case_in_escrow() {
    let moved = UtcMillis(0);
    let day = |days: i64| UtcMillis(days * 24 * 60 * 60 * 1000);
    assert!(joins(State::Reminded, moved, day(14)));
    assert!(!joins(State::Reminded, moved, day(15)));
    assert!(!joins(State::EscrowConfirmed, moved, day(1)));
    assert!(!joins(State::Dismissed, moved, day(1)));
}

#[test]
fn quantities_are_read_and_doubtful_ones_are_not() {
    for (text, expected) in [
        ("3本", Some((3, "本"))),
        ("１０記事ほど", Some((10, "記事"))),
        ("三本", Some((3, "本"))),
        ("二十五枚", Some((25, "枚"))),
        ("月4本", Some((4, "本"))),
        ("もう2本", Some((2, "本"))),
        ("200件ほど", Some((200, "件"))),
        ("5ページ分", Some((5, "ページ"))),
        ("10", Some((10, ""))),
        ("2〜3本", None),
        ("本", None),
        ("0本", None),
        ("", None),
        ("99999999999999999999本", None),
    ] {
        let read = read_quantity(text).map(|it| (it.count, it.unit));
        assert_eq!(read, expected.map(|(count, unit)| (count, unit.to_owned())), "{text}");
    }
    for (text, expected) in [
        ("30000円", Some(30_000)),
        ("30,000円", Some(30_000)),
        ("３万円", Some(30_000)),
        ("2.5万円(税込)", Some(25_000)),
        ("3万5千円", Some(35_000)),
        ("5千円", Some(5000)),
        ("¥4,000", Some(4000)),
        ("1本4,000円", Some(4000)),
        ("10本", None),
        ("", None),
    ] {
        let read = read_price(text).and_then(|it| it.sure()).map(Sen::yen);
        assert_eq!(read, expected, "{text}");
    }
}

#[test]
fn addresses_of_crowdworks_alone_are_read() {
    let text = "登録しました https://crowdworks.jp/public/jobs/1234567?ref=x です。契約は https://crowdworks.jp/contracts/89。";
    let links = crowdworks_links(text);
    assert_eq!(links.job.as_deref(), Some("https://crowdworks.jp/public/jobs/1234567"));
    assert_eq!(links.contract.as_deref(), Some("https://crowdworks.jp/contracts/89"));
    for other in [
        "https://evil-crowdworks.jp/public/jobs/1",
        "https://crowdworks.jp.example.com/public/jobs/1",
        "crowdworks.jp/public/jobs/1",
        "https://crowdworks.jp/public/jobs/",
        "https://crowdworks.jp/public/employees/12",
        "https://crowdworks.jp/public/jobs/12ab",
    ] {
        assert!(!crowdworks_links(other).any(), "{other}");
    }
}

fn ten_articles() -> Contract {
    Contract {
        form: Form::Fixed,
        quantity: Some(10),
        unit: "本".to_owned(),
        used: 0,
        until: Some(UtcMillis(1_000)),
        escrowed: true,
        ended: false,
        remind: false,
    }
}

fn asking(quantity: Option<&str>) -> Terms {
    Terms { quantity: quantity.map(str::to_owned), ..Terms::default() }
}

#[test]
fn a_contract_covers_what_is_left_of_it() {
    let now = UtcMillis(500);
    let ten = ten_articles();
    let seven_used = Contract { used: 7, ..ten.clone() };
    let all_used = Contract { used: 10, ..ten.clone() };
    for (contract, quantity, expected) in [
        (&ten, Some("3本"), Cover::Inside { count: 3, left: 7 }),
        (&ten, Some("10本"), Cover::Inside { count: 10, left: 0 }),
        (&ten, Some("11本"), Cover::Beyond { left: 10 }),
        (&seven_used, Some("4本"), Cover::Beyond { left: 3 }),
        (&all_used, Some("1本"), Cover::Beyond { left: 0 }),
        (&all_used, None, Cover::Beyond { left: 0 }),
        (&ten, Some("2枚"), Cover::No),
        (&ten, Some("2〜3本"), Cover::NotSure),
        (&ten, None, Cover::NotSure),
        (&Contract { quantity: None, ..ten.clone() }, Some("3本"), Cover::NotSure),
        (&Contract { escrowed: false, ..ten.clone() }, Some("3本"), Cover::No),
        (&Contract { ended: true, ..ten.clone() }, Some("3本"), Cover::No),
        (&Contract { until: Some(UtcMillis(499)), ..ten.clone() }, Some("3本"), Cover::No),
        (&Contract { form: Form::Hourly, ..ten.clone() }, Some("3本"), Cover::Hourly),
        (&Contract { form: Form::Hourly, remind: true, ..ten.clone() }, Some("3本"), Cover::No),
    ] {
        assert_eq!(cover(contract, &asking(quantity), now), expected, "{quantity:?} {contract:?}");
    }
}
