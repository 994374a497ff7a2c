//! Tells the customary name behind `[To:…]` and `[rp …]` from words of the message on the same line.
//!
//! When in doubt it is no name: a name among the words harms nobody, a lost request does.

/// Longest name with company and title, in characters.
const MAX_NAME: usize = 40;

/// Longest name without any form of address, in characters.
const MAX_BARE_NAME: usize = 24;

/// Forms of address behind which the sentence may go on at once.
const STRONG: &[&str] = &["さん", "サン", "様", "さま", "ちゃん"];

/// Forms of address that are also parts of words: they count only where the name visibly ends.
const WEAK: &[&str] = &[
    "くん",
    "君",
    "氏",
    "殿",
    "先生",
    "店長",
    "社長",
    "部長",
    "課長",
    "係長",
    "専務",
    "常務",
    "代表",
    "編集長",
    "室長",
    "主任",
    "先輩",
];

/// What follows a person's name inside a sentence: 山田さんが, 山田様の.
const PARTICLES: &[&str] = &[
    "が", "は", "に", "も", "を", "の", "と", "で", "へ", "や", "から", "まで", "より", "って", "なら",
    "です", "でし", "だ", "側", "宛", "経由",
];

/// What a line that is only a name does not hold.
const WORDS: &[&str] = &[
    "ます",
    "です",
    "でし",
    "ください",
    "下さい",
    "お願い",
    "おねがい",
    "ません",
    "ました",
    "した",
    "して",
    "たい",
    "ありがと",
    "了解",
    "承知",
    "追加",
    "依頼",
    "発注",
    "納品",
    "納期",
    "見積",
    "新規",
    "案件",
    "次回",
    "確認",
    "急ぎ",
    "至急",
    "円",
    "を",
    "か？",
    "か?",
];

/// Ends of sentences and clauses.
fn ends_clause(c: char) -> bool {
    matches!(c, '、' | '。' | '，' | '．' | '！' | '？' | '!' | '?' | '…' | ',' | '「' | '」')
}

/// What stands behind the text that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// The body or the container ends, or any node follows.
    Other,
    /// Another tag that addresses somebody.
    Address,
}

/// Bytes at the start of `text`, which follows the tag directly, that are the addressee's name.
pub(super) fn name_len(text: &str, behind: Behind) -> usize {
    let limit = text.char_indices().nth(MAX_NAME + 4).map_or(text.len(), |(at, _)| at);
    let near = text.get(..limit).unwrap_or_default();
    let (line, line_ends) = match near.split_once('\n') {
        Some((line, _)) => (line.trim_end_matches('\r'), true),
        None => (near, limit == text.len() && behind == Behind::Address),
    };
    honoured(line).or_else(|| line_ends.then(|| bare(line)).flatten()).unwrap_or(0)
}

/// A name with a form of address.
fn honoured(line: &str) -> Option<usize> {
    let start = line.len() - line.trim_start().len();
    for (at, c) in line.char_indices().skip_while(|(at, _)| *at < start) {
        let rest = line.get(at..)?;
        if ends_clause(c) {
            return None;
        }
        let strong = STRONG.iter().find(|it| at > start && rest.starts_with(**it));
        let weak = WEAK.iter().find(|it| rest.starts_with(**it));
        let Some(form) = strong.or(weak) else { continue };
        let end = at + form.len();
        let behind = line.get(end..)?;
        if name_ends(behind) {
            return Some(end);
        }
        // The sentence goes on: 「遠藤様お世話に」 names the reader, 「遠藤様の件」 speaks of him.
        if strong.is_some() {
            let spoken_of = PARTICLES.iter().any(|it| behind.starts_with(it))
                || behind.starts_with(|c: char| c.is_ascii_alphanumeric());
            return (!spoken_of).then_some(end);
        }
    }
    None
}

/// Nothing behind the form of address, or something that cannot continue the phrase: 様へ, 様、, 様（…）.
fn name_ends(behind: &str) -> bool {
    let behind = behind.strip_prefix('へ').unwrap_or(behind);
    behind.chars().next().is_none_or(|c| c.is_whitespace() || !(c.is_alphanumeric() || c == 'ー'))
}

/// A whole line without form of address: 広報チーム, sue445.
fn bare(line: &str) -> Option<usize> {
    let name = line.trim();
    let short = (1..=MAX_BARE_NAME).contains(&name.chars().count());
    let spoken = name.contains(ends_clause)
        || WORDS.iter().any(|it| name.contains(it))
        || ["で", "に", "は", "が", "も", "ね", "よ"].iter().any(|it| name.ends_with(it))
        || counts(name);
    (short && !spoken).then_some(line.len())
}

/// A number with a Japanese counter: 3本.
fn counts(text: &str) -> bool {
    let mut after_number = false;
    for c in text.chars() {
        if after_number && !c.is_ascii() && !c.is_numeric() {
            return true;
        }
        after_number = c.is_numeric() || (after_number && c == ',');
    }
    false
}
