//! Words for days, read on many days.

use proptest::prelude::*;

use super::*;

/// Monday, 23 November 2026, 10:00 in Japan.
const WRITTEN: UtcMillis = UtcMillis(1_795_395_600_000);

#[test]
fn words_for_days() {
    for (text, expected) in [
        ("来週金曜", "2026-12-04"),
        ("来週の金曜日", "2026-12-04"),
        ("金曜", "2026-11-27"),
        ("月曜", "2026-11-23"),
        ("今週中", "2026-11-27"),
        ("再来週の水曜", "2026-12-09"),
        ("12/20", "2026-12-20"),
        ("１２月２０日(日)", "2026-12-20"),
        ("2027年1月15日", "2027-01-15"),
        ("2027/1/15", "2027-01-15"),
        ("1/15", "2027-01-15"),
        ("11/23", "2026-11-23"),
        ("30日", "2026-11-30"),
        ("10日", "2026-12-10"),
        ("今月末", "2026-11-30"),
        ("月末", "2026-11-30"),
        ("来月末", "2026-12-31"),
        ("12月末", "2026-12-31"),
        ("1月中", "2027-01-31"),
        ("年内", "2026-12-31"),
        ("明日", "2026-11-24"),
        ("明後日", "2026-11-25"),
        ("今夜", "2026-11-23"),
        ("3日後", "2026-11-26"),
        ("2週間以内", "2026-12-07"),
    ] {
        let found = deadline(text, WRITTEN).map(|it| it.japan_day());
        assert_eq!(found.as_deref(), Some(expected), "{text}");
    }
    for text in ["", "なるはや", "3本", "13/45", "急ぎ", "2月30日", "999999999999日後"] {
        assert_eq!(deadline(text, WRITTEN), None, "{text}");
    }
    for text in ["第6金曜", "0日", "13月1日", "5/32"] {
        assert_eq!(deadline(text, WRITTEN), None, "{text}");
    }
    // The end of the day in Japan.
    assert_eq!(deadline("明日", WRITTEN).unwrap().to_string(), "2026-11-24T14:59:59.999Z");
}

fn read(text: &str, day: &str) -> String {
    let written = UtcMillis(UtcMillis::japan_midnight(day).unwrap().0 + 10 * 3_600_000);
    read_due(text, written).map_or("none".to_owned(), |it| {
        let clock = it.clock.map(|it| format!(" {:02}:{:02}", it.hour, it.minute)).unwrap_or_default();
        format!("{}{clock}", it.day)
    })
}

#[test]
fn the_same_words_on_other_days() {
    for (text, written, expected) in [
        // In the month, in the next, over the end of the year.
        ("来月10日", "2026-11-05", "2026-12-10"),
        ("来月10日", "2026-12-05", "2027-01-10"),
        ("今月28日", "2026-11-05", "2026-11-28"),
        ("再来月5日", "2026-12-31", "2027-02-05"),
        ("翌月末", "2026-12-31", "2027-01-31"),
        ("月末", "2026-12-31", "2026-12-31"),
        ("12/5", "2026-11-23", "2026-12-05"),
        ("12/5", "2026-12-05", "2026-12-05"),
        ("12/5", "2026-12-06", "2027-12-05"),
        ("1/8", "2026-12-28", "2027-01-08"),
        ("１／８（金）", "2026-12-28", "2027-01-08"),
        ("年内", "2026-12-31", "2026-12-31"),
        ("年内", "2027-01-01", "2027-12-31"),
        ("来年1月15日", "2026-11-23", "2027-01-15"),
        ("来年3月末", "2026-11-23", "2027-03-31"),
        ("令和9年2月1日", "2026-11-23", "2027-02-01"),
        ("2027年2月", "2026-11-23", "2027-02-28"),
        ("年度末", "2026-11-23", "2027-03-31"),
        ("年度内", "2027-03-31", "2027-03-31"),
        ("年度内", "2027-04-01", "2028-03-31"),
        ("今週中", "2026-12-30", "2027-01-01"),
        ("来週金曜", "2026-12-30", "2027-01-08"),
        ("再来週の月曜", "2026-12-30", "2027-01-11"),
        ("明日", "2026-12-31", "2027-01-01"),
        ("3日後", "2026-12-30", "2027-01-02"),
        // Leap days.
        ("2/29", "2027-11-23", "2028-02-29"),
        ("2月29日", "2026-03-01", "2028-02-29"),
        ("2月末", "2028-01-10", "2028-02-29"),
        ("2月末", "2027-01-10", "2027-02-28"),
        ("来月末", "2028-01-31", "2028-02-29"),
        ("明日", "2028-02-28", "2028-02-29"),
        ("1ヶ月後", "2027-01-31", "2027-02-28"),
        ("29日", "2027-02-10", "2027-03-29"),
        ("来月31日", "2027-01-05", "none"),
        ("2027年2月29日", "2026-11-23", "none"),
        // Parts.
        ("12月上旬", "2026-11-23", "2026-12-10"),
        ("来月中旬", "2026-11-23", "2026-12-20"),
        ("今月半ば", "2026-11-05", "2026-11-15"),
        ("来月頭", "2026-11-23", "2026-12-05"),
        ("下旬", "2026-11-23", "2026-11-30"),
        ("中旬", "2026-11-23", "2026-12-20"),
        ("12月", "2026-11-23", "2026-12-31"),
        ("12月の第1週", "2026-11-23", "2026-12-07"),
        ("来月の第2金曜", "2026-11-23", "2026-12-11"),
        ("第1月曜", "2026-11-23", "2026-12-07"),
        // Weeks: Monday to Sunday, a working week ends on Friday.
        ("週末", "2026-11-25", "2026-11-29"),
        ("今週末", "2026-11-25", "2026-11-29"),
        ("来週末", "2026-11-25", "2026-12-06"),
        ("週明け", "2026-11-25", "2026-11-30"),
        ("来週頭", "2026-11-25", "2026-11-30"),
        ("来週中", "2026-11-25", "2026-12-04"),
        ("次の水曜", "2026-11-25", "2026-12-02"),
        ("水曜", "2026-11-25", "2026-11-25"),
        ("今週火曜", "2026-11-25", "2026-11-24"),
        // Counted days; 23 November is a holiday.
        ("2営業日以内", "2026-11-20", "2026-11-25"),
        ("三営業日後", "2026-12-28", "2026-12-31"),
        ("二週間以内", "2026-11-23", "2026-12-07"),
        ("48時間以内", "2026-11-23", "2026-11-25 10:00"),
        // Times of day.
        ("明後日の昼", "2026-11-23", "2026-11-25 12:00"),
        ("明日の15時", "2026-11-23", "2026-11-24 15:00"),
        ("12/5 18:30", "2026-11-23", "2026-12-05 18:30"),
        ("金曜の午後3時半", "2026-11-23", "2026-11-27 15:30"),
        ("金曜の夕方", "2026-11-23", "2026-11-27 18:00"),
        ("月曜の朝イチ", "2026-11-24", "2026-11-30 09:00"),
        ("今夜", "2026-11-23", "2026-11-23"),
        ("今夜10時", "2026-11-23", "2026-11-23 22:00"),
        ("18時", "2026-11-23", "2026-11-23 18:00"),
        ("9時", "2026-11-23", "2026-11-24 09:00"),
        ("今日の25時", "2026-11-23", "2026-11-24 01:00"),
        ("明朝", "2026-11-23", "2026-11-24 10:00"),
        // Kanji.
        ("三月十日", "2026-11-23", "2027-03-10"),
        ("十二月二十五日", "2026-11-23", "2026-12-25"),
        ("二〇二七年一月五日", "2026-11-23", "2027-01-05"),
        ("大晦日", "2026-11-23", "2026-12-31"),
    ] {
        assert_eq!(read(text, written), expected, "{text} on {written}");
    }
}

#[test]
fn a_time_of_day_ends_before_the_day_does() {
    let until = |text| deadline(text, WRITTEN).unwrap().to_string();
    assert_eq!(until("明後日の昼"), "2026-11-25T03:00:00.000Z");
    assert_eq!(until("今日の24時"), "2026-11-23T15:00:00.000Z");
    let json = serde_json::to_string(&read_due("明日の9時5分", WRITTEN)).unwrap();
    assert_eq!(json, r#"{"date":"2026-11-24","time":"09:05","way":"from_now"}"#);
}

proptest! {
    /// Any day from today on that is written out is read as that day, whatever day it is written on.
    #[test]
    fn a_date_is_read_back(on in 0_i64..20_000, ahead in 0_i64..364) {
        let today = Date::constant(2000, 1, 1).checked_add(on.days()).unwrap();
        let day = today.checked_add(ahead.days()).unwrap();
        prop_assume!((day.month(), day.day()) != (2, 29));
        let written = UtcMillis(UtcMillis::end_of_japan_day(today).unwrap().0 - 3_600_000);
        let read = |text: String| read_due(&text, written).map(|it| it.day);
        prop_assert_eq!(read(format!("{}/{}", day.month(), day.day())), Some(day));
        prop_assert_eq!(read(format!("{}月{}日", day.month(), day.day())), Some(day));
        prop_assert_eq!(read(format!("{}年{}月{}日", day.year(), day.month(), day.day())), Some(day));
        prop_assert_eq!(read(format!("{ahead}日後")), Some(day));
        let weekday = ["月", "火", "水", "木", "金", "土", "日"]
            [usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())];
        let weeks = i64::from(today.weekday().to_monday_zero_offset()) + ahead;
        if (7..14).contains(&weeks) {
            prop_assert_eq!(read(format!("来週の{weekday}曜日")), Some(day));
        }
    }

    /// Words without a year never name a day that is past, but for a named week.
    #[test]
    fn never_past(on in 0_i64..20_000, month in 1..=12_i8, day in 1..=31_i8) {
        let today = Date::constant(2000, 1, 1).checked_add(on.days()).unwrap();
        let written = UtcMillis(UtcMillis::end_of_japan_day(today).unwrap().0 - 3_600_000);
        for text in [format!("{month}/{day}"), format!("{day}日"), "月末".into(), "金曜".into(), "年内".into()] {
            if let Some(due) = read_due(&text, written) {
                prop_assert!(due.day >= today, "{} on {}", text, today);
            }
        }
    }

    #[test]
    fn any_text_and_time(text in "(来週|月|日|/|末|年|[0-9]{1,6}|後|曜|\\PC){0,12}", at in any::<i64>()) {
        let _ = deadline(&text, UtcMillis(at));
    }
}
