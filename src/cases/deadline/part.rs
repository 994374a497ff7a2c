//! Parts of months and years: 月末, 12月上旬, 第2金曜, 年度内.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::words::numbers;
use super::{Way, named_weekday, plus};

/// 今月, 来月, 再来月, 先々 by words.
pub(super) fn months_ahead(text: &str) -> Option<i32> {
    match () {
        () if text.contains("再来月") => Some(2),
        () if text.contains("来月") => Some(1),
        () if text.contains("今月") || text.contains("当月") => Some(0),
        () => None,
    }
}

/// 第2金曜, 第1週.
pub(super) fn nth(text: &str, first: Date) -> Option<(Date, Way)> {
    let rest = &text[text.find('第')? + '第'.len_utf8()..];
    let (value, after) = numbers(rest).into_iter().next().filter(|(value, _)| (1..=5).contains(value))?;
    let weeks = i32::try_from(value).ok()? - 1;
    let date = match named_weekday(after) {
        Some(day) => plus(first.nth_weekday_of_month(1, day).ok()?, weeks.weeks())?,
        None if after.starts_with('週') => plus(first, (weeks * 7 + 6).days())?.min(first.last_of_month()),
        None => return None,
    };
    (date.month() == first.month()).then_some((date, Way::PartOfMonth))
}

/// 月末, 上旬, 頭, 半ば: the last day of it.
pub(super) fn part(text: &str, first: Date) -> Option<Date> {
    let day = match () {
        () if ["上旬", "前半の前"].iter().any(|it| text.contains(it)) => Some(10),
        () if ["中旬"].iter().any(|it| text.contains(it)) => Some(20),
        () if ["半ば", "なかば", "前半", "中頃", "中ごろ"].iter().any(|it| text.contains(it)) => {
            Some(15)
        }
        () if ["頭", "初旬", "初め", "はじめ", "あたま"].iter().any(|it| text.contains(it)) => {
            Some(5)
        }
        () => None,
    };
    let last = ["末", "下旬", "中", "後半", "内", "いっぱい"].iter().any(|it| text.contains(it));
    match day {
        Some(day) => Date::new(first.year(), first.month(), day).ok(),
        None => last.then(|| first.last_of_month()),
    }
}

pub(super) fn part_of_month(text: &str, today: Date) -> Option<(Date, Way)> {
    let first = plus(today.first_of_month(), months_ahead(text).unwrap_or(0).months())?;
    if months_ahead(text).is_some() {
        if let Some((day, _)) = nth(text, first) {
            return Some((day, Way::PartOfMonth));
        }
        let behind = &text[text.find('月')? + '月'.len_utf8()..];
        return Some((part(behind, first).unwrap_or_else(|| first.last_of_month()), Way::PartOfMonth));
    }
    if let Some(at) = text.find('第')
        && let Some((day, way)) = nth(&text[at..], first)
    {
        let next = || nth(&text[at..], plus(first, 1.month())?);
        return if day >= today { Some((day, way)) } else { next() };
    }
    let named =
        ["月末", "月内", "月中", "末日", "月いっぱい", "下旬", "中旬", "上旬", "月半ば", "月初", "月頭"];
    let word = named.into_iter().find(|it| text.contains(it)).or((text == "末").then_some("末"))?;
    let of = |first: Date| match word {
        "月初" | "月頭" => Date::new(first.year(), first.month(), 5).ok(),
        "末日" => Some(first.last_of_month()),
        word => part(word.trim_start_matches('月'), first),
    };
    // What is past belongs to the next month.
    let day = of(first).filter(|it| *it >= today).or_else(|| of(plus(first, 1.month())?))?;
    Some((day, Way::PartOfMonth))
}

pub(super) fn part_of_year(text: &str, today: Date) -> Option<(Date, Way)> {
    let ahead = if text.contains("再来年") { 2 } else { i16::from(text.contains("来年")) };
    let day = if text.contains("年度") {
        let march = Date::new(today.year(), 3, 31).ok()?;
        let ends = if today <= march { march.year() } else { march.year() + 1 };
        Date::new(ends + i16::from(text.contains("来年度")), 3, 31).ok()?
    } else if ["年内", "年末", "年中", "年いっぱい", "本年"].iter().any(|it| text.contains(it)) || ahead > 0
    {
        Date::new(today.year() + ahead, 12, 31).ok()?
    } else {
        return None;
    };
    Some((day, Way::PartOfYear))
}
