//! Times as people and programs write them, in Japan where no zone is named.

use std::sync::LazyLock;

use jiff::civil::DateTime;
use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

use crate::domain::{JAPAN, UtcMillis};

/// A time that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When {
    pub(super) at: UtcMillis,
    pub(super) year_assumed: bool,
}

const DATE: &str =
    r"(?:(?P<y>\d{4})\s*[年/.\-]\s*)?(?P<m>\d{1,2})\s*[月/.\-]\s*(?P<d>\d{1,2})\s*日?\s*(?:\([^)]{1,3}\))?";
const CLOCK: &str = r"(?P<half>午前|午後|AM|PM|am|pm)?\s*(?P<h>\d{1,2})\s*(?::|時)\s*(?P<min>\d{2})(?:\s*(?::|分)\s*(?P<s>\d{2})(?:\.\d+)?)?\s*[分秒]?";
/// What Chatwork puts after the time of an edited message.
const EDITED: &str = r"\s*(?:\(?(?:編集済み?|edited)\)?)?";

static DATE_AND_CLOCK: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"^{DATE}[\sT]*{CLOCK}{EDITED}$")));
static DATE_ALONE: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("^{DATE}$")));
static CLOCK_ALONE: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("^{CLOCK}{EDITED}$")));
static NAME_AND_TIME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?P<name>\S.{0,63}?)\s+(?P<time>\d{4}[年/.\-].*)$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is fixed and compiles")
}

/// A cell of a table or a value of JSON: Unix seconds or milliseconds, RFC 3339, or a written date with a clock.
pub(super) fn cell(text: &str, now: UtcMillis) -> Option<When> {
    let text: String = text.trim().nfkc().collect();
    let known = |at| Some(When { at, year_assumed: false });
    if text.bytes().all(|it| it.is_ascii_digit()) {
        let value: i64 = text.parse().ok()?;
        return match text.len() {
            9 | 10 => known(UtcMillis::from_seconds(value)),
            12 | 13 => known(UtcMillis(value)),
            _ => None,
        };
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => known(UtcMillis(at.as_millisecond())),
        Err(_) => line(&text, None, now),
    }
}

/// A line that is a time and nothing else. `day` is the date that stood above, for lines with a clock alone.
pub(super) fn line(text: &str, day: Option<Day>, now: UtcMillis) -> Option<When> {
    let text: String = text.trim().nfkc().collect();
    if let Some(found) = DATE_AND_CLOCK.captures(&text) {
        let day = day_of(&found, now)?;
        return when(day, &found);
    }
    let found = CLOCK_ALONE.captures(&text)?;
    when(day?, &found)
}

/// A date on a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    year: i16,
    month: i8,
    day: i8,
    assumed: bool,
}

pub(super) fn day(text: &str, now: UtcMillis) -> Option<Day> {
    let text: String = text.trim().nfkc().collect();
    day_of(&DATE_ALONE.captures(&text)?, now)
}

/// `山田 太郎 2026/11/23 10:15`: a name and a full date with its clock on one line.
pub(super) fn name_and_time(text: &str, now: UtcMillis) -> Option<(String, When)> {
    let folded: String = text.trim().nfkc().collect();
    let found = NAME_AND_TIME.captures(&folded)?;
    let when = line(&found["time"], None, now)?;
    Some((found["name"].trim().to_owned(), when))
}

fn day_of(found: &regex::Captures<'_>, now: UtcMillis) -> Option<Day> {
    let number = |name: &str| found.name(name)?.as_str().parse::<i16>().ok();
    let (month, day) = (i8::try_from(number("m")?).ok()?, i8::try_from(number("d")?).ok()?);
    match number("y") {
        Some(year) => Some(Day { year, month, day, assumed: false }),
        None => {
            // The latest year in which that day is not still to come.
            let today = now.japan();
            let later = (month, day) > (today.month(), today.day());
            Some(Day { year: today.year() - i16::from(later), month, day, assumed: true })
        }
    }
}

fn when(day: Day, found: &regex::Captures<'_>) -> Option<When> {
    let number = |name: &str| found.name(name).map_or(Some(0), |it| it.as_str().parse::<i8>().ok());
    let (mut hour, minute, second) = (number("h")?, number("min")?, number("s")?);
    match found.name("half").map(|it| it.as_str()) {
        Some("午後" | "PM" | "pm") if hour < 12 => hour += 12,
        Some("午前" | "AM" | "am") if hour == 12 => hour = 0,
        _ => {}
    }
    let civil = DateTime::new(day.year, day.month, day.day, hour, minute, second, 0).ok()?;
    let at = JAPAN.to_timestamp(civil).ok()?;
    Some(When { at: UtcMillis(at.as_millisecond()), year_assumed: day.assumed })
}
