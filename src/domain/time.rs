//! Instants: UTC milliseconds for machines, Japan time with its zone for people.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Japan Standard Time, +09:00 the whole year since 1951; no time-zone database is needed.
pub const JAPAN: Offset = Offset::constant(9);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcMillis(pub i64);

impl UtcMillis {
    /// From the whole seconds that Chatwork sends. Out-of-range values are clamped, never a panic.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000).clamp(MIN_MILLIS, MAX_MILLIS))
    }

    /// Strict: exactly the form that [`fmt::Display`] writes, so that there is one spelling of each instant.
    pub fn parse(text: &str) -> Option<Self> {
        let at = Self(text.parse::<Timestamp>().ok()?.as_millisecond());
        (at.to_string() == text).then_some(at)
    }

    /// The first instant of a calendar day in Japan, from `2026-11-23` (also `2026/11/23`).
    pub fn parse_japan_day(text: &str) -> Option<Self> {
        let day: jiff::civil::Date = text.trim().replace('/', "-").parse().ok()?;
        let start = day.to_zoned_datetime(TimeZone::fixed(JAPAN)).ok()?;
        Some(Self(start.timestamp().as_millisecond()))
    }

    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `2026-11-23`: the calendar day in Japan.
    pub fn japan_day(self) -> String {
        self.japan().strftime("%Y-%m-%d").to_string()
    }

    /// The first instant of a calendar day in Japan, written as [`UtcMillis::japan_day`] writes it.
    pub fn japan_midnight(day: &str) -> Option<Self> {
        let date: jiff::civil::Date = day.parse().ok()?;
        let at = JAPAN.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        let at = Self(at.as_millisecond());
        (at.japan_day() == day).then_some(at)
    }

    /// `2026-11`: the month in Japan, as mirror files are named.
    pub fn japan_month(self) -> String {
        self.japan().strftime("%Y-%m").to_string()
    }

    /// `2026-11-23 14:05:09 JST`: for tables and logs that people read.
    pub fn japan_text(self) -> String {
        self.japan().strftime("%Y-%m-%d %H:%M:%S JST").to_string()
    }

    /// `2026年11月23日（月）14:05 日本時間`: for pages and notes.
    pub fn japan_long(self) -> String {
        let at = self.japan();
        let weekday = ["月", "火", "水", "木", "金", "土", "日"]
            [usize::from(at.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
        format!("{}（{weekday}）{} 日本時間", at.strftime("%Y年%-m月%-d日"), at.strftime("%H:%M"))
    }

    /// The last instant of a calendar day in Japan.
    pub fn end_of_japan_day(date: jiff::civil::Date) -> Option<Self> {
        let start = JAPAN.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        Some(Self(start.as_millisecond() + 24 * 3600 * 1000 - 1))
    }

    /// `2026年11月23日`: a day, where the hour does not matter.
    pub fn japan_date(self) -> String {
        self.japan().strftime("%Y年%-m月%-d日").to_string()
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0.clamp(MIN_MILLIS, MAX_MILLIS)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Civil time in Japan.
    pub fn japan(self) -> jiff::ZonedDateTime {
        self.timestamp().to_zoned_datetime(TimeZone::fixed(JAPAN))
    }
}

/// 0001-01-01 and 9999-01-01 in UTC: four-digit years, so that text order is time order.
const MIN_MILLIS: i64 = -62_135_596_800_000;
const MAX_MILLIS: i64 = 253_370_764_800_000;

/// RFC 3339 in UTC with milliseconds: `2026-11-23T05:05:09.000Z`.
impl fmt::Display for UtcMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_machines_and_japan_time_for_people() {
        let at = UtcMillis::from_seconds(1_700_000_000);
        assert_eq!(at.to_string(), "2023-11-14T22:13:20.000Z");
        assert_eq!(UtcMillis::parse("2023-11-14T22:13:20.000Z"), Some(at));
        assert_eq!(UtcMillis::parse("2023-11-14T22:13:20Z"), None);
        assert_eq!(at.japan_day(), "2023-11-15");
        let day = UtcMillis::parse_japan_day("2023-11-15").unwrap();
        assert_eq!(day.to_string(), "2023-11-14T15:00:00.000Z");
        assert_eq!(UtcMillis::parse_japan_day("2023/11/15"), Some(day));
        assert_eq!(UtcMillis::parse_japan_day("2023-13-01"), None);
        assert_eq!(at.japan_text(), "2023-11-15 07:13:20 JST");
        assert_eq!(at.japan_long(), "2023年11月15日（水）07:13 日本時間");
    }

    #[test]
    fn a_day_in_japan_begins_at_three_in_the_afternoon_of_utc() {
        let midnight = UtcMillis::japan_midnight("2026-11-23");
        assert_eq!(midnight.map(|it| it.to_string()).as_deref(), Some("2026-11-22T15:00:00.000Z"));
        for bad in ["", "2026-11-31", "2026-1-1", "20261123", "2026-11-23T00:00", "yesterday"] {
            assert_eq!(UtcMillis::japan_midnight(bad), None, "{bad}");
        }
    }

    #[test]
    fn absurd_seconds_are_clamped() {
        assert!(UtcMillis::from_seconds(i64::MAX).to_string().starts_with("9999-"));
        assert!(UtcMillis::from_seconds(i64::MIN).to_string().starts_with("0001-"));
    }
}
