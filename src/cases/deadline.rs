//! The day behind words like 「来週金曜」, 「12/20」 or 「今月末」, seen from the time at which they were written. Pure.

mod clock;
mod part;
mod words;

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan as _};
use serde::{Serialize, Serializer};

use crate::domain::{UtcMillis, is_holiday_in_japan};

use clock::{clock, hours_from_now};
use part::{months_ahead, nth, part, part_of_month, part_of_year};
use words::{numbers, plain};

/// Days and hours counted from today, at most.
const MAX_AHEAD: u32 = 3_660;

/// A day by which something is due, with how its words were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DueBy {
    /// The calendar day in Japan.
    #[serde(rename = "date", serialize_with = "in_digits")]
    pub day: Date,
    /// Until when on that day; absent: the whole day.
    #[serde(rename = "time")]
    pub clock: Option<Clock>,
    pub way: Way,
}

/// A time of day, in Japan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    pub hour: u8,
    pub minute: u8,
    /// False where only a part of the day was named (昼, 夕方).
    pub exact: bool,
}

impl Serialize for Clock {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:02}:{:02}", self.hour, self.minute))
    }
}

/// 2026-12-05.
fn in_digits<S: Serializer>(day: &Date, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(day)
}

/// How the day was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// 12/5, 2026年12月5日, 来月10日
    Date,
    /// 15日: the next one
    DayOfMonth,
    /// 月末, 12月上旬, 来月中
    PartOfMonth,
    /// 年内, 年度末
    PartOfYear,
    /// 金曜, 来週の金曜, 第2金曜
    Weekday,
    /// 今週中, 週末, 週明け
    Week,
    /// 明日, 3日後, 5営業日以内, 48時間以内
    FromNow,
    /// 18時: today, or tomorrow where it is past
    Time,
}

impl DueBy {
    /// The last instant that is in time.
    pub fn until(&self) -> Option<UtcMillis> {
        let end = UtcMillis::end_of_japan_day(self.day)?;
        let Some(clock) = self.clock else {
            return Some(end);
        };
        let minutes = i64::from(clock.hour) * 60 + i64::from(clock.minute);
        Some(UtcMillis(end.0 + 1 - 24 * 60 * 60_000 + minutes * 60_000))
    }
}

/// The last instant of the time that `text` names, read at `written`; `None` where it names no day.
pub fn deadline(text: &str, written: UtcMillis) -> Option<UtcMillis> {
    read_due(text, written)?.until()
}

/// The day that `text` names, read at `written`; `None` where it names none.
pub fn read_due(text: &str, written: UtcMillis) -> Option<DueBy> {
    let text = plain(text);
    let now = written.japan();
    let today = now.date();
    if let Some(hours) = hours_from_now(&text) {
        let at = now.datetime().checked_add(Span::new().hours(hours)).ok()?;
        let (hour, minute) = (u8::try_from(at.hour()).ok()?, u8::try_from(at.minute()).ok()?);
        return Some(DueBy {
            day: at.date(),
            clock: Some(Clock { hour, minute, exact: true }),
            way: Way::FromNow,
        });
    }
    let clock = clock(&text);
    let found = match dated(&text, today) {
        Dated::Day(day, way) => Some((day, way)),
        // 2月30日 is no day, and nothing else in the words makes it one.
        Dated::NoSuchDay => return None,
        Dated::Unsaid => from_now(&text, today)
            .or_else(|| week(&text, today))
            .or_else(|| part_of_month(&text, today))
            .or_else(|| part_of_year(&text, today)),
    };
    let (day, way) = match (found, clock) {
        (Some(found), _) => found,
        (None, Some((clock, _))) => {
            let past = (u32::from(clock.hour), u32::from(clock.minute))
                <= (u32::from(now.hour().unsigned_abs()), u32::from(now.minute().unsigned_abs()));
            (if past { plus(today, 1.day())? } else { today }, Way::Time)
        }
        (None, None) => return None,
    };
    // 25時 is one o'clock of the next day.
    let day = if clock.is_some_and(|(_, next_day)| next_day) { plus(day, 1.day())? } else { day };
    Some(DueBy { day, clock: clock.map(|(clock, _)| clock), way })
}

fn plus(date: Date, span: Span) -> Option<Date> {
    date.checked_add(span).ok()
}

/// What the numbers of a text say of a date.
enum Dated {
    Day(Date, Way),
    NoSuchDay,
    Unsaid,
}

impl From<Option<(Date, Way)>> for Dated {
    fn from(found: Option<(Date, Way)>) -> Self {
        found.map_or(Self::NoSuchDay, |(day, way)| Self::Day(day, way))
    }
}

/// 2026年12月20日, 12月20日, 12/20, 来月10日, 15日.
fn dated(text: &str, today: Date) -> Dated {
    let numbers = numbers(text);
    for (at, (value, after)) in numbers.iter().enumerate() {
        let next = numbers.get(at + 1);
        let slash = after.starts_with(['/', '.'])
            && after[1..].starts_with(|it: char| it.is_ascii_digit())
            && !next.is_some_and(|(_, after)| after.starts_with(['円', '万', '時']));
        if after.starts_with('月') && !after.starts_with("月曜") || slash && (1..=12).contains(value) {
            return in_month(text, &numbers, at, today).into();
        }
        let counted = ["日間", "日後", "日以内", "日前", "日ほど", "日くらい", "日程度"];
        if after.starts_with('日') && !counted.iter().any(|it| after.starts_with(it)) {
            return day_of_month(text, *value, today).into();
        }
    }
    Dated::Unsaid
}

/// The number at `at` is a month.
fn in_month(text: &str, numbers: &[(u32, &str)], at: usize, today: Date) -> Option<(Date, Way)> {
    let (value, after) = numbers.get(at)?;
    let month = i8::try_from(*value).ok()?;
    let year = year_before(text, numbers, at, today);
    let behind = after.trim_start_matches(['月', '/', '.']).trim_start_matches('の');
    if behind.starts_with(|it: char| it.is_ascii_digit()) {
        let day = i8::try_from(numbers.get(at + 1)?.0).ok()?;
        return Some((coming(year, month, day, today)?, Way::Date));
    }
    let first = coming(year, month, 1, today.first_of_month())?;
    let part = || (part(behind, first).unwrap_or_else(|| first.last_of_month()), Way::PartOfMonth);
    Some(nth(behind, first).unwrap_or_else(part))
}

fn day_of_month(text: &str, value: u32, today: Date) -> Option<(Date, Way)> {
    let day = i8::try_from(value).ok()?;
    let in_months = |months: i32| {
        let month = plus(today.first_of_month(), months.months())?;
        Date::new(month.year(), month.month(), day).ok()
    };
    match months_ahead(text) {
        Some(months) => Some((in_months(months)?, Way::Date)),
        None => {
            [0, 1].into_iter().filter_map(in_months).find(|it| *it >= today).map(|it| (it, Way::DayOfMonth))
        }
    }
}

/// The year that stands before a month: 2027年, 2027/, 令和9年, 来年.
fn year_before(text: &str, numbers: &[(u32, &str)], at: usize, today: Date) -> Option<i16> {
    let written = at.checked_sub(1).and_then(|it| numbers.get(it));
    if let Some((year, after)) = written {
        let here = text.len() - after.len();
        let era = text[..here].trim_end_matches(|it: char| it.is_ascii_digit()).ends_with("令和");
        if after.starts_with('年') && era {
            return i16::try_from(*year + 2018).ok();
        }
        if after.starts_with(['年', '/', '.']) && (2000..9000).contains(year) {
            return i16::try_from(*year).ok();
        }
    }
    match () {
        () if text.contains("再来年") => Some(today.year() + 2),
        () if text.contains("来年") => Some(today.year() + 1),
        () if text.contains("本年") => Some(today.year()),
        () => None,
    }
}

/// The day in the year given, or the next one from `today` on; a leap day is waited for.
fn coming(year: Option<i16>, month: i8, day: i8, today: Date) -> Option<Date> {
    match year {
        Some(year) => Date::new(year, month, day).ok(),
        None => {
            let years = if (month, day) == (2, 29) { 8 } else { 1 };
            (today.year()..=today.year().saturating_add(years))
                .filter_map(|year| Date::new(year, month, day).ok())
                .find(|it| *it >= today)
        }
    }
}

/// 明日, 3日後, 5営業日以内, 2週間で, 1ヶ月後.
fn from_now(text: &str, today: Date) -> Option<(Date, Way)> {
    let has = |word: &str| text.contains(word);
    let found = |day: Option<Date>| day.map(|it| (it, Way::FromNow));
    for (value, after) in numbers(text) {
        let Some(value) = i32::try_from(value).ok().filter(|_| value <= MAX_AHEAD) else {
            continue;
        };
        let within = |unit: &str| {
            after.strip_prefix(unit).is_some_and(|rest| {
                ["後", "以内", "で", "くらい", "ほど", "程度", "間", "あと", "のうち"]
                    .iter()
                    .any(|it| rest.starts_with(it))
                    || rest.is_empty()
            })
        };
        if within("営業日") {
            return found(business_days(today, value));
        }
        if within("週間") {
            return found(plus(today, value.weeks()));
        }
        if within("ヶ月") {
            return found(plus(today, value.months()));
        }
        if ["日後", "日以内", "日間", "日ほど", "日くらい", "日程度"].iter().any(|it| after.starts_with(it))
        {
            return found(plus(today, value.days()));
        }
    }
    match () {
        () if has("明明後日") => found(plus(today, 3.days())),
        () if has("明後日") => found(plus(today, 2.days())),
        () if ["明日", "明朝", "明晩"].iter().any(|it| has(it)) => found(plus(today, 1.day())),
        () if ["今日", "今夜", "今晩", "今夕", "今朝", "即日"].iter().any(|it| has(it)) => {
            found(Some(today))
        }
        () => None,
    }
}

/// The day so many working days ahead: neither weekends nor public holidays count.
fn business_days(today: Date, days: i32) -> Option<Date> {
    let mut day = today;
    // Three calendar days hold at least one working day but for the longest holidays.
    let mut left = days.min(250);
    for _ in 0..1500 {
        if left <= 0 {
            return Some(day);
        }
        day = plus(day, 1.day())?;
        let off = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) || is_holiday_in_japan(day);
        left -= i32::from(!off);
    }
    None
}

fn named_weekday(text: &str) -> Option<Weekday> {
    const DAYS: [(char, Weekday); 7] = [
        ('月', Weekday::Monday),
        ('火', Weekday::Tuesday),
        ('水', Weekday::Wednesday),
        ('木', Weekday::Thursday),
        ('金', Weekday::Friday),
        ('土', Weekday::Saturday),
        ('日', Weekday::Sunday),
    ];
    DAYS.into_iter().find(|(name, _)| text.contains(&format!("{name}曜"))).map(|(_, day)| day)
}

/// 金曜, 来週金曜, 今週中, 来週末, 週明け.
fn week(text: &str, today: Date) -> Option<(Date, Way)> {
    let weeks: i64 = match () {
        () if text.contains("再来週") => 2,
        () if text.contains("来週") => 1,
        () => 0,
    };
    let this_week = text.contains("今週");
    let monday = plus(today, -i64::from(today.weekday().to_monday_zero_offset()).days())?;
    let of_week = |day: i64| plus(monday, (weeks * 7 + day).days());
    // 第2金曜 belongs to its month.
    if let Some(day) = named_weekday(text).filter(|_| !text.contains('第')) {
        let date = of_week(i64::from(day.to_monday_zero_offset()))?;
        // Without a week, the next such day.
        let next = weeks == 0 && !this_week && (date < today || date == today && is_next(text));
        return Some((if next { plus(date, 7.days())? } else { date }, Way::Weekday));
    }
    let day = match () {
        () if text.contains("週明け") || text.contains("週あけ") => {
            if weeks > 0 {
                of_week(0)
            } else {
                plus(monday, 7.days())
            }
        }
        () if weeks > 0 && ["頭", "初め", "はじめ", "前半", "あたま"].iter().any(|it| text.contains(it)) => {
            of_week(if text.contains("前半") { 2 } else { 0 })
        }
        () if text.contains("週半ば") || text.contains("週の半ば") || text.contains("週なかば") => {
            of_week(2)
        }
        () if text.contains("週末") => of_week(6),
        // A working week ends on Friday.
        () if weeks > 0 || this_week || text.contains("週内") => of_week(4),
        () => None,
    }?;
    Some((day, Way::Week))
}

/// 次の金曜 is never today.
fn is_next(text: &str) -> bool {
    text.contains("次の") || text.contains("今度の")
}

#[cfg(test)]
mod tests;
