//! The time of day in the words of a deadline.

use super::words::numbers;
use super::{Clock, MAX_AHEAD};

/// 48時間以内, 3時間後.
pub(super) fn hours_from_now(text: &str) -> Option<i32> {
    let (value, _) = numbers(text)
        .into_iter()
        .find(|(_, after)| ["時間後", "時間以内", "時間で"].iter().any(|it| after.starts_with(it)))?;
    i32::try_from(value).ok().filter(|it| value <= MAX_AHEAD && *it > 0)
}

/// The time of day, and whether it belongs to the day after.
pub(super) fn clock(text: &str) -> Option<(Clock, bool)> {
    let afternoon = ["午後", "夕方", "夜", "pm", "PM"].iter().any(|it| text.contains(it));
    for (value, after) in numbers(text) {
        let minute = match after.strip_prefix(':') {
            Some(behind) if behind.starts_with(|it: char| it.is_ascii_digit()) => {
                numbers(behind).first().map(|it| it.0)
            }
            Some(_) => continue,
            None if after.starts_with("時間") => continue,
            None => match after.strip_prefix('時') {
                Some(behind) if behind.starts_with('半') => Some(30),
                Some(behind) if behind.starts_with(|it: char| it.is_ascii_digit()) => {
                    numbers(behind).first().filter(|(_, after)| after.starts_with('分')).map(|it| it.0)
                }
                Some(_) => Some(0),
                None => continue,
            },
        };
        let minute = u8::try_from(minute.unwrap_or(0)).ok().filter(|it| *it < 60)?;
        let hour = u8::try_from(value).ok().filter(|it| *it < 30)?;
        let hour = if afternoon && hour < 12 { hour + 12 } else { hour };
        let (hour, next_day) = if hour >= 24 { (hour - 24, true) } else { (hour, false) };
        return Some((Clock { hour, minute, exact: true }, next_day));
    }
    let part = [
        ("朝イチ", 9),
        ("朝一", 9),
        ("朝いち", 9),
        ("始業", 9),
        ("午前", 12),
        ("正午", 12),
        ("お昼", 12),
        ("昼", 12),
        ("明朝", 10),
        ("朝", 10),
        ("午後", 18),
        ("夕方", 18),
        ("今夕", 18),
        ("終業", 18),
        ("定時", 18),
    ];
    let (word, hour) = part.into_iter().find(|(word, _)| text.contains(word))?;
    Some((Clock { hour, minute: 0, exact: word == "正午" }, false))
}
