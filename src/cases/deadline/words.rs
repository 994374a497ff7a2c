//! One spelling for the words of a deadline, and the numbers in them.

use unicode_normalization::UnicodeNormalization as _;

/// One width, no spaces, numbers in digits, one spelling of what is written in several ways.
pub(super) fn plain(text: &str) -> String {
    let spaced: Vec<char> = text.nfkc().collect();
    // Only between two numbers a space says something: 12/5 18:30.
    let digit = |at: Option<usize>| at.and_then(|at| spaced.get(at)).is_some_and(char::is_ascii_digit);
    let tells = |at: usize| digit(at.checked_sub(1)) && digit(Some(at + 1));
    let kept = spaced.iter().enumerate().filter(|(at, it)| !it.is_whitespace() || tells(*at));
    let folded: Vec<char> = kept.map(|(_, it)| *it).collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < folded.len() {
        let run = folded[at..].iter().take_while(|it| kanji(**it).is_some()).count();
        match kanji_number(&folded[at..at + run]) {
            Some(value) => out.push_str(&value.to_string()),
            None => out.extend(&folded[at..at + run.max(1)]),
        }
        at += run.max(1);
    }
    for (from, to) in [
        ("ヵ月", "ヶ月"),
        ("か月", "ヶ月"),
        ("カ月", "ヶ月"),
        ("箇月", "ヶ月"),
        ("ケ月", "ヶ月"),
        ("元年", "1年"),
        ("翌月", "来月"),
        ("翌週", "来週"),
        ("次週", "来週"),
        ("翌日", "明日"),
        ("翌年", "来年"),
        ("あした", "明日"),
        ("あす", "明日"),
        ("あさって", "明後日"),
        ("しあさって", "明明後日"),
        ("し明後日", "明明後日"),
        ("明々後日", "明明後日"),
        ("きょう", "今日"),
        ("本日", "今日"),
        ("当日", "今日"),
        ("今年", "本年"),
        ("大晦日", "12月31日"),
        ("大みそか", "12月31日"),
        ("本年中", "年内"),
        ("本年度", "年度"),
        ("今年度", "年度"),
    ] {
        out = out.replace(from, to);
    }
    out
}

fn kanji(c: char) -> Option<u32> {
    match c {
        '十' => Some(10),
        _ => "〇一二三四五六七八九".chars().position(|it| it == c).and_then(|at| u32::try_from(at).ok()),
    }
}

/// 二十五 is 25, 二〇二六 is 2026.
fn kanji_number(run: &[char]) -> Option<u32> {
    let digits: Vec<u32> = run.iter().filter_map(|it| kanji(*it)).collect();
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    if !digits.contains(&10) {
        return Some(digits.iter().fold(0, |sum, it| sum * 10 + it));
    }
    match digits[..] {
        [10] => Some(10),
        [10, one] if one < 10 => Some(10 + one),
        [ten, 10] if ten < 10 => Some(ten * 10),
        [ten, 10, one] if ten < 10 && one < 10 => Some(ten * 10 + one),
        _ => None,
    }
}

/// Whole numbers in order, each with what follows it.
pub(super) fn numbers(text: &str) -> Vec<(u32, &str)> {
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
