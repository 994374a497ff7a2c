//! How single things are shown: names, times, texts, differences.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Body;
use futures_util::stream;
use sha2::{Digest as _, Sha256};
use tokio::task;

use crate::chatwork::notation;
use crate::domain::{self, AccountId, EntryKind, RoomId, UtcMillis};
use crate::search::Hit;
use crate::store::{MemberRow, RoomRow, VersionRow};

use super::diff::{self, Piece};

/// The tokens of the Digital Agency, as released, and our components over them.
pub(super) static STYLE: LazyLock<String> =
    LazyLock::new(|| format!("{TOKENS}\n{}", include_str!("templates/style.css")));
const TOKENS: &str = include_str!("tokens/tokens.css");
/// Changes with the text of the stylesheet, so that it may be kept for ever.
pub(super) static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let hash = domain::hex(&Sha256::digest(STYLE.as_bytes()));
    format!("/style-{}.css", &hash[..16])
});

/// Characters of an excerpt before the first word found and behind it.
const AROUND: usize = 60;

/// Bytes of a file that are read at a time.
const PART: usize = 64 << 10;

/// Who is called what in a room.
pub(super) struct Names(HashMap<AccountId, String>);

impl Names {
    pub(super) fn new(members: Vec<MemberRow>) -> Self {
        Self(members.into_iter().map(|it| (it.account, it.name)).collect())
    }

    pub(super) fn of(&self, account: AccountId) -> String {
        self.0.get(&account).map_or_else(|| format!("アカウント {account}"), |it| visible(it))
    }

    pub(super) fn html(&self, body: &str) -> String {
        notation::parse(&visible(body)).to_html_with(&|account| self.0.get(&account).map(|it| visible(it)))
    }
}

pub(super) fn room_name(rooms: &[RoomRow], room: RoomId) -> String {
    let name = rooms.iter().find(|it| it.room == room).and_then(|it| it.name.as_deref());
    name.map_or_else(|| format!("ルーム {room}"), visible)
}

/// Characters that turn the reading direction are shown as what they are: they could make a text read as another.
pub(super) fn visible(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(turns) {
        return text.to_owned();
    }
    text.chars().map(|c| if turns(c) { format!("⟦U+{:04X}⟧", c as u32) } else { c.to_string() }).collect()
}

/// A span of time for people.
pub(super) fn span(value: Duration) -> String {
    let seconds = value.as_secs();
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds}秒"),
        (0, 0, minutes, seconds) => format!("{minutes}分{seconds}秒"),
        (0, hours, minutes, _) => format!("{hours}時間{minutes}分"),
        (days, hours, ..) => format!("{days}日と{hours}時間"),
    }
}

/// A number of bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes}バイト"),
        1_000..1_000_000 => format!("{}KB", bytes / 1_000),
        _ => format!("{}.{}MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// A file as the body of an answer, a part at a time.
pub(super) fn stream(file: File) -> Body {
    Body::from_stream(stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        let read = task::spawn_blocking(move || {
            let mut part = vec![0; PART];
            let n = file.read(&mut part)?;
            part.truncate(n);
            Ok::<_, io::Error>((part, file))
        });
        match read.await.map_err(io::Error::other).flatten() {
            Ok((part, _)) if part.is_empty() => None,
            Ok((part, file)) => Some((Ok(part), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

/// First letter of a name, for the circle beside it.
pub(super) fn initial(name: &str) -> String {
    name.chars().find(|it| it.is_alphanumeric()).unwrap_or('？').to_string()
}

pub(super) fn shade(account: AccountId) -> u64 {
    account.0 % 6
}

/// `今日 14:05`, or the day and the time.
pub(super) fn when(at: UtcMillis, now: UtcMillis) -> String {
    let time = at.japan().strftime("%H:%M").to_string();
    if at.japan_day() == now.japan_day() {
        format!("今日 {time}")
    } else {
        format!("{} {time}", day(at, now))
    }
}

/// `11月23日（月）`, with the year where it is another.
pub(super) fn day(at: UtcMillis, now: UtcMillis) -> String {
    let long = at.japan_long();
    let day = long.split_once('）').map_or(long.as_str(), |(day, _)| day);
    let this_year = now.japan().strftime("%Y年").to_string();
    format!("{}）", day.strip_prefix(this_year.as_str()).unwrap_or(day))
}

/// A piece of text for a template: `s` same, `r` removed, `a` added, `m` marked.
pub(super) struct Part {
    pub(super) kind: char,
    pub(super) text: String,
}

/// What an edit changed.
pub(super) fn difference(old: &str, new: &str) -> Vec<Part> {
    let part = |piece: Piece<'_>| match piece {
        Piece::Same(text) => Part { kind: 's', text: visible(text) },
        Piece::Removed(text) => Part { kind: 'r', text: visible(text) },
        Piece::Added(text) => Part { kind: 'a', text: visible(text) },
    };
    diff::diff(old, new).into_iter().map(part).collect()
}

/// A version as the pages show it.
pub(super) struct Version {
    pub(super) number: u64,
    pub(super) at: String,
    pub(super) how: String,
    pub(super) tombstone: bool,
    /// Against the version before; empty for the first.
    pub(super) pieces: Vec<Part>,
    pub(super) html: String,
}

impl Version {
    pub(super) fn new(row: &VersionRow, before: Option<&VersionRow>, names: &Names) -> Self {
        let tombstone = row.kind == EntryKind::MessageDeletedReported;
        let pieces = match before {
            Some(before) if !tombstone && before.kind != EntryKind::MessageDeletedReported => {
                difference(&before.body, &row.body)
            }
            _ => Vec::new(),
        };
        let how = row.update_time.filter(|_| before.is_some());
        Self {
            number: row.version,
            at: row.observed_at.japan_long(),
            how: how.map(|it| format!("{}に編集", it.japan_long())).unwrap_or_default(),
            tombstone,
            html: if pieces.is_empty() { names.html(&row.body) } else { String::new() },
            pieces,
        }
    }
}

/// The text around the first word found, with all words marked.
pub(super) fn excerpt(hit: &Hit) -> Vec<Part> {
    let body = hit.row.body();
    let (first, last) = hit.marks.first().map_or((0, 0), |it| (it.start, it.end));
    let start = body[..first].char_indices().rev().nth(AROUND - 1).map_or(0, |(at, _)| at);
    let end = body[last..].char_indices().nth(2 * AROUND).map_or(body.len(), |(at, _)| last + at);
    let mut parts = Vec::new();
    let plain = |from: usize, to: usize, parts: &mut Vec<Part>| {
        if from < to {
            parts.push(Part { kind: 's', text: visible(&body[from..to]) });
        }
    };
    if start > 0 {
        parts.push(Part { kind: 's', text: "…".to_owned() });
    }
    let mut at = start;
    for mark in hit.marks.iter().filter(|it| it.start >= start && it.end <= end) {
        plain(at, mark.start, &mut parts);
        parts.push(Part { kind: 'm', text: visible(&body[mark.clone()]) });
        at = mark.end;
    }
    plain(at, end, &mut parts);
    if end < body.len() {
        parts.push(Part { kind: 's', text: "…".to_owned() });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_are_the_released_ones() {
        // SHA-256 of dist/tokens.css in @digital-go-jp/design-tokens 1.1.9.
        let released = "ec3fb5b1e881d1bdf076feff29fe15a32269353c7a9cef40194f1eff0c3d7a90";
        assert_eq!(domain::hex(&Sha256::digest(TOKENS.as_bytes())), released);
    }

    #[test]
    fn nothing_turns_the_reading_direction_unseen() {
        assert_eq!(visible("a\u{202e}gpj.exe"), "a⟦U+202E⟧gpj.exe");
        assert_eq!(visible("ふつう"), "ふつう");
    }

    #[test]
    fn days_name_the_year_only_where_it_is_another() {
        let now = UtcMillis::parse("2026-11-23T01:00:00.000Z").unwrap();
        let at = UtcMillis::parse("2026-11-20T05:05:00.000Z").unwrap();
        assert_eq!(when(now, now), "今日 10:00");
        assert_eq!(when(at, now), "11月20日（金） 14:05");
        let earlier = UtcMillis::parse("2025-01-05T05:05:00.000Z").unwrap();
        assert_eq!(day(earlier, now), "2025年1月5日（日）");
    }
}
