//! Numbers and spans of time in a word, folded before.

use std::time::Duration;

/// What stands before the only run of digits, the number (`None` where it is absurdly long), and what stands behind it.
/// `None` where there is no digit, or more than one run.
pub(super) fn split(text: &str) -> Option<(&str, Option<u64>, &str)> {
    let at = text.find(|it: char| it.is_ascii_digit())?;
    let end = text[at..].find(|it: char| !it.is_ascii_digit()).map_or(text.len(), |it| at + it);
    let after = &text[end..];
    if after.contains(|it: char| it.is_ascii_digit()) {
        return None;
    }
    Some((&text[..at], text[at..end].parse().ok(), after))
}

/// `3時間`, `1時間30分`, `1時間半`, `三時間`, `90m`, `2日`; nothing may stand beside it.
pub(super) fn span(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 10] = [
        ("時間", 3600),
        ("じかん", 3600),
        ("hours", 3600),
        ("hour", 3600),
        ("h", 3600),
        ("分", 60),
        ("min", 60),
        ("m", 60),
        ("日", 24 * 3600),
        ("d", 24 * 3600),
    ];
    let mut seconds: u64 = 0;
    let mut rest = text;
    if rest == "半日" {
        return Some(Duration::from_secs(12 * 3600));
    }
    while !rest.is_empty() {
        let (number, behind) = number(rest)?;
        let (unit, behind) =
            UNITS.iter().find_map(|(word, unit)| behind.strip_prefix(word).map(|it| (*unit, it)))?;
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = behind;
        if let Some(behind) = rest.strip_prefix('半') {
            seconds = seconds.checked_add(unit / 2)?;
            rest = behind;
        }
        rest = rest.strip_prefix('間').unwrap_or(rest);
    }
    Some(Duration::from_secs(seconds))
}

/// A number in digits, or from 一 to 十 in kanji.
fn number(text: &str) -> Option<(u64, &str)> {
    const KANJI: &str = "一二三四五六七八九十";
    let first = text.chars().next()?;
    if let Some(at) = KANJI.chars().position(|it| it == first) {
        return Some((at as u64 + 1, &text[first.len_utf8()..]));
    }
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}
