//! What the owner writes in the control room, read as a word for the bot. Pure.
//!
//! A control room is often the owner's own notebook, so only a message that is nothing but a word and what belongs to
//! it counts; 「確認 12時に電話」 is a note to himself.

mod contract;
mod numbers;
#[cfg(test)]
mod tests;

use std::time::Duration;

use unicode_normalization::UnicodeNormalization as _;

use crate::domain::CaseId;

pub use contract::{ContractWord, Day};

/// Longest message that can be a word, in characters; a note of the owner about a case may be longer.
const MAX_CHARS: usize = 120;
/// Longest note about a case, in characters.
pub const MAX_NOTE_CHARS: usize = 2000;
/// Longest quiet that a word can ask for.
pub const MAX_QUIET: Duration = Duration::from_secs(7 * 24 * 3600);

/// A word that speaks of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseWord {
    /// Sends the draft last shown.
    Approve,
    /// Drops it.
    Reject,
    /// Takes the bot's own reminder out of the room.
    Retract,
    /// Escrow is seen on CrowdWorks.
    Confirm,
    /// It is no case, or nothing comes of it.
    Dismiss,
    /// The work has begun.
    Begin,
    /// Delivered on CrowdWorks.
    Deliver,
    /// Accepted (検収) on CrowdWorks.
    Accept,
    Paid,
    /// The client took it back.
    Withdraw,
    /// How to get the evidence of it.
    Evidence,
    /// Which conditions were stated, and which are missing.
    Conditions,
    /// What is known of it.
    Show,
    /// Detection was right to see a request there.
    Right,
    Wrong,
}

/// A word for the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    List,
    Status,
    Figures,
    Help,
    Stop,
    Resume,
    Quiet(Duration),
    Case(CaseWord, CaseId),
    Note(CaseId, String),
    Contract(ContractWord),
}

impl Word {
    /// Answered without a trace in the ledger.
    pub fn only_asks(&self) -> bool {
        match self {
            Self::List | Self::Status | Self::Figures | Self::Help => true,
            Self::Case(word, _) => matches!(word, CaseWord::Show | CaseWord::Evidence | CaseWord::Conditions),
            Self::Stop | Self::Resume | Self::Quiet(_) | Self::Note(..) | Self::Contract(_) => false,
        }
    }
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    Word(Word),
    /// A word that needs the number of a case, without one.
    NumberMissing(CaseWord),
    /// 静か without a span of time, or with one that is too long.
    SpanMissing,
    /// Nothing for the bot.
    Nothing,
}

/// Words alone, as they read once folded (one width, small letters, hiragana, no spaces).
const ALONE: &[(&str, Word)] = &[
    ("一覧", Word::List),
    ("いちらん", Word::List),
    ("りすと", Word::List),
    ("案件", Word::List),
    ("案件一覧", Word::List),
    ("案件の一覧", Word::List),
    ("list", Word::List),
    ("状況", Word::Status),
    ("じょうきょう", Word::Status),
    ("状態", Word::Status),
    ("すてーたす", Word::Status),
    ("status", Word::Status),
    ("集計", Word::Figures),
    ("しゅうけい", Word::Figures),
    ("数字", Word::Figures),
    ("figures", Word::Figures),
    ("へるぷ", Word::Help),
    ("help", Word::Help),
    ("使い方", Word::Help),
    ("つかいかた", Word::Help),
    ("?", Word::Help),
    ("停止", Word::Stop),
    ("ていし", Word::Stop),
    ("すとっぷ", Word::Stop),
    ("stop", Word::Stop),
    ("再開", Word::Resume),
    ("さいかい", Word::Resume),
    ("resume", Word::Resume),
];

/// Words with the number of a case; `true` where the word without a number is worth an answer.
const OF_CASES: &[(&str, CaseWord, bool)] = &[
    ("承認", CaseWord::Approve, true),
    ("しょうにん", CaseWord::Approve, true),
    ("approve", CaseWord::Approve, true),
    ("却下", CaseWord::Reject, true),
    ("きゃっか", CaseWord::Reject, true),
    ("reject", CaseWord::Reject, true),
    ("撤回", CaseWord::Retract, true),
    ("てっかい", CaseWord::Retract, true),
    ("retract", CaseWord::Retract, true),
    ("確認", CaseWord::Confirm, true),
    ("かくにん", CaseWord::Confirm, true),
    ("仮払い確認", CaseWord::Confirm, true),
    ("仮払確認", CaseWord::Confirm, true),
    ("仮払いを確認", CaseWord::Confirm, false),
    ("confirm", CaseWord::Confirm, true),
    ("取消", CaseWord::Dismiss, true),
    ("取消し", CaseWord::Dismiss, true),
    ("取り消し", CaseWord::Dismiss, true),
    ("とりけし", CaseWord::Dismiss, true),
    ("きゃんせる", CaseWord::Dismiss, false),
    ("dismiss", CaseWord::Dismiss, true),
    ("着手", CaseWord::Begin, false),
    ("開始", CaseWord::Begin, false),
    ("納品", CaseWord::Deliver, false),
    ("検収", CaseWord::Accept, false),
    ("検収完了", CaseWord::Accept, false),
    ("入金", CaseWord::Paid, false),
    ("支払", CaseWord::Paid, false),
    ("支払い", CaseWord::Paid, false),
    ("取下げ", CaseWord::Withdraw, false),
    ("取り下げ", CaseWord::Withdraw, false),
    ("とりさげ", CaseWord::Withdraw, false),
    ("証拠", CaseWord::Evidence, true),
    ("しょうこ", CaseWord::Evidence, true),
    ("えびでんす", CaseWord::Evidence, false),
    ("evidence", CaseWord::Evidence, true),
    ("条件", CaseWord::Conditions, true),
    ("条件確認", CaseWord::Conditions, true),
    ("詳細", CaseWord::Show, true),
    ("状況", CaseWord::Show, false),
    ("show", CaseWord::Show, true),
    ("正解", CaseWord::Right, true),
    ("せいかい", CaseWord::Right, true),
    ("合っている", CaseWord::Right, false),
    ("誤り", CaseWord::Wrong, true),
    ("あやまり", CaseWord::Wrong, true),
    ("間違い", CaseWord::Wrong, true),
    ("まちがい", CaseWord::Wrong, true),
    ("誤検知", CaseWord::Wrong, true),
];

impl CaseWord {
    /// As it is taught and answered.
    pub fn spelling(self) -> &'static str {
        OF_CASES.iter().find(|(_, word, _)| *word == self).map_or("", |(spelling, _, _)| spelling)
    }
}

/// Politeness behind a word that changes nothing; longest first.
const TAILS: &[&str] = &[
    "でよろしくおねがいします",
    "よろしくお願いします",
    "よろしくおねがいします",
    "をお願いします",
    "をおねがいします",
    "でお願いします",
    "お願いします",
    "おねがいします",
    "お願い",
    "おねがい",
    "してください",
    "して下さい",
    "ください",
    "下さい",
    "しました",
    "します",
    "ました",
    "済みです",
    "済です",
    "済み",
    "済",
    "です",
    "する",
    "した",
    "して",
    "で",
    "を",
];

/// Between a number and its word.
const AFTER_NUMBER: &[&str] = &["番目", "番", "号", "件目"];
const PARTICLES: &[&str] = &["の件を", "の件は", "の件", "を", "は", "の", "で", "に", ":", "、"];
const BEFORE_NUMBER: &[&str] = &["案件番号", "案件", "no.", "no", "第", "#", ":", "、"];

/// Reads the owner's own words of one message.
pub fn read(text: &str) -> Reading {
    let text = text.trim();
    if let Some(note) = note(text) {
        return Reading::Word(note);
    }
    if text.is_empty() || text.lines().count() > 1 || text.chars().count() > MAX_CHARS {
        return Reading::Nothing;
    }
    if let Some(word) = contract::read(text) {
        return Reading::Word(Word::Contract(word));
    }
    let folded = fold(text);
    if let Some(reading) = quiet(&folded) {
        return reading;
    }
    let bare = folded.trim_end_matches(['。', '.', '!', '、', '〜', '~', '…', 'ー', '♪']);
    let bare = if bare.is_empty() { &folded } else { bare };
    if let Some(word) = alone(bare) {
        return Reading::Word(word);
    }
    of_case(bare)
}

/// One width and letter case, hiragana for katakana, no white space but between two numbers.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for it in text.nfkc().flat_map(char::to_lowercase) {
        if it.is_whitespace() || matches!(it, '\u{200b}' | '\u{fe0f}' | '\u{feff}') {
            gap = true;
            continue;
        }
        // 「12 13」 is not 1213.
        if gap && it.is_ascii_digit() && out.ends_with(|last: char| last.is_ascii_digit()) {
            out.push(' ');
        }
        gap = false;
        out.push(match it {
            'ァ'..='ヶ' => char::from_u32(u32::from(it) - 0x60).unwrap_or(it),
            _ => it,
        });
    }
    out
}

fn alone(text: &str) -> Option<Word> {
    let found =
        |text: &str| ALONE.iter().find(|(spelling, _)| *spelling == text).map(|(_, word)| word.clone());
    found(text).or_else(|| found(without_tail(text)))
}

fn without_tail(text: &str) -> &str {
    TAILS.iter().find_map(|tail| text.strip_suffix(tail)).unwrap_or(text)
}

/// `承認12`, `12番を承認`, `案件12は確認しました`.
fn of_case(text: &str) -> Reading {
    let word = |text: &str| {
        let exact = |it: &str| OF_CASES.iter().find(|(spelling, _, _)| *spelling == it);
        exact(text).or_else(|| exact(without_tail(text)))
    };
    let Some((before, number, after)) = numbers::split(text) else {
        return match word(text) {
            Some((_, word, true)) => Reading::NumberMissing(*word),
            _ => Reading::Nothing,
        };
    };
    let Some(number) = number.filter(|it| *it > 0) else { return Reading::Nothing };
    let before = strip_end(strip_end(before, BEFORE_NUMBER), PARTICLES);
    let after = strip_start(strip_start(strip_start(after, AFTER_NUMBER), PARTICLES), PARTICLES);
    let found = match (before.is_empty(), after.is_empty()) {
        (false, true) => word(before),
        (true, false) => word(after),
        // 確認12しました
        (false, false) if without_tail(after).is_empty() => word(before),
        _ => None,
    };
    found.map_or(Reading::Nothing, |(_, word, _)| Reading::Word(Word::Case(*word, CaseId(number))))
}

fn strip_end<'a>(text: &'a str, words: &[&str]) -> &'a str {
    words.iter().find_map(|word| text.strip_suffix(word)).unwrap_or(text)
}

fn strip_start<'a>(text: &'a str, words: &[&str]) -> &'a str {
    words.iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text)
}

/// `静か3時間`, `静かに1時間半`, `みゅーと30分`.
fn quiet(text: &str) -> Option<Reading> {
    let rest = ["静かにして", "静かに", "静か", "しずかに", "しずか", "みゅーと", "quiet", "mute"]
        .iter()
        .find_map(|word| text.strip_prefix(word))?;
    let rest = strip_start(rest, &[":", "、", "を", "で"]);
    let rest = rest.trim_end_matches(['。', '.', '!']);
    let rest = strip_end(without_tail(rest), &["だけ", "の間", "ほど"]);
    if rest.is_empty() {
        return Some(Reading::SpanMissing);
    }
    let span = numbers::span(rest)?;
    let fits = span > Duration::ZERO && span <= MAX_QUIET;
    Some(if fits { Reading::Word(Word::Quiet(span)) } else { Reading::SpanMissing })
}

/// `メモ 12 先方は来週休み`: the text is kept as it was written.
fn note(text: &str) -> Option<Word> {
    let rest = ["メモ", "ﾒﾓ", "めも", "note", "Note"].iter().find_map(|word| text.strip_prefix(word))?;
    let rest =
        rest.trim_start_matches(|it: char| it.is_whitespace() || matches!(it, '#' | '＃' | ':' | '：'));
    let digits: String = rest.chars().take_while(|it| matches!(it, '0'..='9' | '０'..='９')).collect();
    let number: u64 = fold(&digits).parse().ok().filter(|it| *it > 0)?;
    let rest = &rest[digits.len()..];
    let rest = strip_start(rest, &["番", "号"]);
    // 「メモ 12時に電話」 is no note about a case: a space, a line or a colon has to follow.
    if !rest.starts_with(|it: char| it.is_whitespace() || matches!(it, ':' | '：' | '、')) {
        return None;
    }
    let note = rest.trim_start_matches([':', '：', '、']).trim();
    let fits = !note.is_empty() && note.chars().count() <= MAX_NOTE_CHARS;
    fits.then(|| Word::Note(CaseId(number), note.to_owned()))
}
