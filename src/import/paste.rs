//! Text copied out of Chatwork: a line with the name, a line with the time, then what was written.

use crate::domain::UtcMillis;

use super::when::{self, Day};
use super::{ImportError, Parsed};

/// A longer line is no name.
const MAX_NAME: usize = 64;

/// Where a message begins.
struct Head<'a> {
    /// Line of the name, and the first line of the text.
    name_line: usize,
    body_line: usize,
    name: std::borrow::Cow<'a, str>,
    when: when::When,
}

/// The messages of a text. Lines before the first one belong to none.
pub(super) fn messages(text: &str, now: UtcMillis) -> Result<Vec<Parsed>, ImportError> {
    let lines: Vec<&str> = text.lines().collect();
    let mut heads = on_two_lines(&lines, now);
    if heads.is_empty() {
        heads = on_one_line(&lines, now);
    }
    if heads.is_empty() {
        return Err(ImportError::NoMessage);
    }
    let ends = heads.iter().skip(1).map(|it| it.name_line).chain([lines.len()]);
    let messages = heads.iter().zip(ends).map(|(head, end)| {
        let own = lines.get(head.body_line..end).unwrap_or_default();
        // A date on a line of its own at the end is the heading of the next day.
        let kept = own.iter().rposition(|it| !it.trim().is_empty() && when::day(it, now).is_none());
        let body = own.get(..kept.map_or(0, |it| it + 1)).unwrap_or_default().join("\n");
        let record = lines.get(head.name_line..end).unwrap_or_default().join("\n");
        Parsed {
            place: head.name_line as u64 + 1,
            room: None,
            message: None,
            account: None,
            name: Some(head.name.clone().into_owned()),
            sent_at: Some(head.when.at),
            year_assumed: head.when.year_assumed,
            body: body.trim_start_matches('\n').to_owned(),
            record: record.into(),
        }
    });
    Ok(messages.collect())
}

/// The line before a line that is nothing but a time holds the name.
fn on_two_lines<'a>(lines: &[&'a str], now: UtcMillis) -> Vec<Head<'a>> {
    let mut heads: Vec<Head<'a>> = Vec::new();
    let mut day: Option<Day> = None;
    for (n, text) in lines.iter().enumerate() {
        if let Some(found) = when::day(text, now) {
            day = Some(found);
            continue;
        }
        let Some(when) = when::line(text, day, now) else { continue };
        // Empty lines may stand between name and time; a line that is taken cannot be a name.
        let first = heads.last().map_or(0, |it| it.body_line);
        let above = lines.get(first..n).unwrap_or_default();
        let Some(name_line) = above.iter().rposition(|it| !it.trim().is_empty()).map(|it| first + it) else {
            continue;
        };
        let name = lines.get(name_line).map_or("", |it| it.trim());
        if name.chars().count() > MAX_NAME || when::day(name, now).is_some() {
            continue;
        }
        heads.push(Head { name_line, body_line: n + 1, name: name.into(), when });
    }
    heads
}

fn on_one_line<'a>(lines: &[&'a str], now: UtcMillis) -> Vec<Head<'a>> {
    let named = lines.iter().enumerate().filter_map(|(n, text)| {
        let (name, when) = when::name_and_time(text, now)?;
        Some(Head { name_line: n, body_line: n + 1, name: name.into(), when })
    });
    named.collect()
}
