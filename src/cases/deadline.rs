//! The day behind words like 「来週金曜」, 「12/20」 or 「今月末」, seen from the day on which they were written. Pure.

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan as _};

use crate::domain::UtcMillis;

/// The last instant of the day that `text` names, read at `written`; `None` where it names no day.
pub fn deadline(text: &str, written: UtcMillis) -> Option<UtcMillis> {
    let text = plain(text);
    let today = written.japan().date();
    let date = explicit(&text, today).or_else(|| relative(&text, today)).or_else(|| weekday(&text, today))?;
    UtcMillis::end_of_japan_day(date)
}

/// Full-width digits and signs as ASCII, without spaces.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|it| !it.is_whitespace())
        .map(|it| match it {
            '０'..='９' => char::from_u32(u32::from(it) - 0xff10 + 0x30).unwrap_or(it),
            '／' => '/',
            _ => it,
        })
        .collect()
}

fn plus(date: Date, span: Span) -> Option<Date> {
    date.checked_add(span).ok()
}

/// 2026年12月20日, 12月20日, 12/20, 20日, 12月末.
fn explicit(text: &str, today: Date) -> Option<Date> {
    let numbers = numbers(text);
    for (at, (value, after)) in numbers.iter().enumerate() {
        let next = numbers.get(at + 1);
        if after.starts_with(['月', '/'])
            && let Ok(month) = i8::try_from(*value)
            && (1..=12).contains(&month)
        {
            let year = at
                .checked_sub(1)
                .and_then(|it| numbers.get(it))
                .filter(|(year, after)| after.starts_with(['年', '/']) && (2000..9000).contains(year));
            let year = year.and_then(|(year, _)| i16::try_from(*year).ok());
            let behind = after.trim_start_matches(['月', '/']);
            if let Some((day, _)) = next.filter(|_| behind.starts_with(|it: char| it.is_ascii_digit())) {
                return coming(year, month, i8::try_from(*day).ok()?, today);
            }
            if ["末", "中", "下旬"].iter().any(|it| behind.starts_with(it)) {
                let first = coming(year, month, 1, today.first_of_month())?;
                return Some(first.last_of_month());
            }
        }
        if after.starts_with('日')
            && !["日間", "日後", "日以内", "日前"].iter().any(|it| after.starts_with(it))
        {
            let day = i8::try_from(*value).ok()?;
            let this = Date::new(today.year(), today.month(), day).ok();
            return this.filter(|it| *it >= today).or_else(|| {
                let next = plus(today.first_of_month(), 1.month())?;
                Date::new(next.year(), next.month(), day).ok()
            });
        }
    }
    None
}

/// The day in the year given, or the next one from `today` on.
fn coming(year: Option<i16>, month: i8, day: i8, today: Date) -> Option<Date> {
    match year {
        Some(year) => Date::new(year, month, day).ok(),
        None => [today.year(), today.year() + 1]
            .into_iter()
            .filter_map(|year| Date::new(year, month, day).ok())
            .find(|it| *it >= today),
    }
}

fn relative(text: &str, today: Date) -> Option<Date> {
    let has = |word: &str| text.contains(word);
    if let Some((value, after)) = numbers(text).first() {
        let value = i32::try_from(*value).ok().filter(|it| *it <= 366)?;
        if ["日後", "日以内"].iter().any(|it| after.starts_with(it)) {
            return plus(today, value.days());
        }
        if ["週間後", "週間以内", "週間で"].iter().any(|it| after.starts_with(it)) {
            return plus(today, value.weeks());
        }
    }
    if has("明後日") || has("あさって") {
        return plus(today, 2.days());
    }
    if has("明日") || has("あした") || has("あす") {
        return plus(today, 1.day());
    }
    if ["今日", "本日", "今夜", "今晩", "今夕"].iter().any(|it| has(it)) {
        return Some(today);
    }
    if has("再来月末") || has("再来月中") {
        return plus(today.first_of_month(), 2.months()).map(Date::last_of_month);
    }
    if has("来月末") || has("来月中") || has("翌月末") {
        return plus(today.first_of_month(), 1.month()).map(Date::last_of_month);
    }
    if has("今月末") || has("今月中") || has("月末") || has("月内") {
        return Some(today.last_of_month());
    }
    if has("年内") || has("年末") {
        return Date::new(today.year(), 12, 31).ok();
    }
    None
}

/// 金曜, 来週金曜, 今週中, 来週末.
fn weekday(text: &str, today: Date) -> Option<Date> {
    let weeks: i64 = match () {
        () if text.contains("再来週") => 2,
        () if text.contains("来週") || text.contains("翌週") => 1,
        () => 0,
    };
    let monday = plus(today, -i64::from(today.weekday().to_monday_zero_offset()).days())?;
    let named = [
        ("月曜", Weekday::Monday),
        ("火曜", Weekday::Tuesday),
        ("水曜", Weekday::Wednesday),
        ("木曜", Weekday::Thursday),
        ("金曜", Weekday::Friday),
        ("土曜", Weekday::Saturday),
        ("日曜", Weekday::Sunday),
    ]
    .into_iter()
    .find(|(name, _)| text.contains(name));
    let this_week = text.contains("今週");
    match named {
        Some((_, day)) => {
            let date = plus(monday, (weeks * 7 + i64::from(day.to_monday_zero_offset())).days())?;
            // Without a week, the next such day.
            if weeks == 0 && !this_week && date < today { plus(date, 7.days()) } else { Some(date) }
        }
        // A working week ends on Friday.
        None if weeks > 0 || this_week => plus(monday, (weeks * 7 + 4).days()),
        None => None,
    }
}

/// Whole numbers in order, each with what follows it.
fn numbers(text: &str) -> Vec<(u32, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(|it: char| it.is_ascii_digit()) {
        let from = &rest[at..];
        let end = from.find(|it: char| !it.is_ascii_digit()).unwrap_or(from.len());
        if let Ok(value) = from[..end].parse() {
            found.push((value, &from[end..]));
        }
        rest = &from[end..];
    }
    found
}

#[cfg(test)]
mod tests {
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
        // The end of the day in Japan.
        assert_eq!(deadline("明日", WRITTEN).unwrap().to_string(), "2026-11-24T14:59:59.999Z");
    }

    proptest! {
        #[test]
        fn any_text_and_time(text in "(来週|月|日|/|末|年|[0-9]{1,6}|後|曜|\\PC){0,12}", at in any::<i64>()) {
            let _ = deadline(&text, UtcMillis(at));
        }
    }
}
