//! One spelling for many: width, case, kana, emoji and spacing tricks, with a map back to the body.

use std::ops::Range;

use aho_corasick::AhoCorasick;
use unicode_normalization::UnicodeNormalization;

/// Stands for an end of sentence that the writer marked with a picture or with a piece of notation.
const BREAK: char = '\n';

/// Half-width kana are often whole phrases in jest (ｵﾈｶﾞｲｼﾏｽ); a run with one of these is read as hiragana.
const SPOKEN: [&str; 12] = [
    "デス",
    "マス",
    "クダサイ",
    "ホシイ",
    "オネガイ",
    "オナシ",
    "イクラ",
    "デキ",
    "ヨロ",
    "タノ",
    "モラエ",
    "マデ",
];

/// Normalised text; every byte knows the scalar values of the body that it came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Normal {
    pub(crate) text: String,
    from: Vec<u32>,
    to: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Piece {
    c: char,
    from: u32,
    to: u32,
    half: bool,
}

impl Normal {
    /// Normalises the `own` byte ranges of `body`; between two ranges stands a sentence break.
    pub(crate) fn new(body: &str, own: &[Range<usize>], fold: &Fold) -> Self {
        let mut pieces = Vec::with_capacity(body.len() / 2);
        let (mut byte, mut scalar) = (0, 0_usize);
        for range in own {
            let Some(words) = body.get(range.clone()) else { continue };
            // Ranges come in order; counting goes on from the last one.
            scalar += body.get(byte..range.start).map_or(0, |skipped| skipped.chars().count());
            if !pieces.is_empty() {
                push(&mut pieces, BREAK, scalar, scalar, false);
            }
            scalar = spell(words, scalar, &mut pieces);
            byte = range.end;
        }
        speak_half_width(&mut pieces);
        fold.apply(&tidy(&count(&pieces)))
    }

    /// The half-open span of scalar values of the body behind a byte range of the normalised text.
    pub(crate) fn span(&self, range: Range<usize>) -> (usize, usize) {
        if range.is_empty() || range.end > self.to.len() {
            return (0, 0);
        }
        (self.from[range.start] as usize, self.to[range.end - 1] as usize)
    }

    fn push(&mut self, piece: Piece) {
        self.text.push(piece.c);
        self.from.resize(self.text.len(), piece.from);
        self.to.resize(self.text.len(), piece.to);
    }
}

/// Spellings that are one word to the rules (頂く, 戴く, いただく); from the rule files.
#[derive(Clone, Debug)]
pub(crate) struct Fold {
    find: Option<AhoCorasick>,
    to: Vec<String>,
}

impl Fold {
    pub(crate) fn new(find: Option<AhoCorasick>, to: Vec<String>) -> Self {
        Self { find, to }
    }

    fn apply(&self, normal: &Normal) -> Normal {
        let Some(find) = &self.find else { return normal.clone() };
        let mut out = Normal {
            text: String::with_capacity(normal.text.len()),
            from: Vec::with_capacity(normal.from.len()),
            to: Vec::with_capacity(normal.to.len()),
        };
        let mut done = 0;
        let copy = |out: &mut Normal, range: Range<usize>| {
            out.text.push_str(&normal.text[range.clone()]);
            out.from.extend_from_slice(&normal.from[range.clone()]);
            out.to.extend_from_slice(&normal.to[range]);
        };
        for found in find.find_iter(&normal.text) {
            copy(&mut out, done..found.start());
            let (from, to) = (normal.from[found.start()], normal.to[found.end() - 1]);
            out.text.push_str(&self.to[found.pattern().as_usize()]);
            out.from.resize(out.text.len(), from);
            out.to.resize(out.text.len(), to);
            done = found.end();
        }
        copy(&mut out, done..normal.text.len());
        out
    }
}

/// Sentences that nobody writes in one message. Of one that has more, neighbours are read as one up to so many bytes: what
/// is said stays, and seven thousand short ones cost no more than few long ones.
const MANY: usize = 300;
const TOGETHER: usize = 450;

/// The byte ranges of the sentences of a normalised text, none longer than `max` bytes or so.
pub(crate) fn sentences(text: &str, max: usize) -> Vec<Range<usize>> {
    let mut found = each_sentence(text, max);
    if found.len() > MANY {
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(MANY);
        for it in found {
            match joined.last_mut() {
                Some(last) if it.end - last.start <= TOGETHER => last.end = it.end,
                _ => joined.push(it),
            }
        }
        found = joined;
    }
    found
}

fn each_sentence(text: &str, max: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if matches!(c, '。' | '!' | '?' | '\n') || end - start >= max {
            if !text[start..end].trim_matches(is_end).is_empty() {
                // A full stop and a line end say nothing; 「?」 and 「!」 are part of what is said.
                let full = text[start..end].trim_end_matches(['。', '\n']);
                found.push(start..start + full.len());
            }
            start = end;
        }
    }
    if !text[start..].trim_matches(is_end).is_empty() {
        found.push(start..text.len());
    }
    found
}

fn is_end(c: char) -> bool {
    matches!(c, '。' | '!' | '?') || c.is_whitespace()
}

fn push(pieces: &mut Vec<Piece>, c: char, from: usize, to: usize, half: bool) {
    // A body has at most 65,535 characters; beyond u32 nothing is looked at anyway.
    let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    pieces.push(Piece { c, from: clamp(from), to: clamp(to), half });
}

/// NFKC and lower case, cluster by cluster; returns the scalar index after `words`.
fn spell(words: &str, mut at: usize, pieces: &mut Vec<Piece>) -> usize {
    let mut chars = words.chars().peekable();
    while let Some(c) = chars.next() {
        let from = at;
        at += 1;
        if plain(c) && !chars.peek().is_some_and(|next| is_mark(*next)) {
            push(pieces, c.to_ascii_lowercase(), from, at, false);
            continue;
        }
        if is_emoji(c) {
            if pieces.last().is_some_and(|last| ends_sentence(last.c)) {
                push(pieces, BREAK, from, at, false);
            }
            continue;
        }
        if is_invisible(c) {
            continue;
        }
        let mut cluster = String::from(c);
        while let Some(mark) = chars.next_if(|next| is_mark(*next)) {
            cluster.push(mark);
            at += 1;
        }
        let half = ('\u{ff66}'..='\u{ff9f}').contains(&c);
        for folded in cluster.nfkc().flat_map(char::to_lowercase) {
            push(pieces, folded, from, at, half);
        }
    }
    at
}

/// Needs no normalisation: the common characters.
fn plain(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '…' | '、' | '。' | 'ぁ'..='ん' | 'ァ'..='ヺ' | 'ー' | '一'..='鿿' | '々' | '「' | '」')
}

fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{ff9e}' | '\u{ff9f}' | '\u{3099}' | '\u{309a}' | '\u{300}'..='\u{36f}' | '\u{20e3}' | '\u{fe0f}'
    )
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

fn is_invisible(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e01ef}')
}

/// A picture after one of these ends the sentence (…します🙏次は…), anywhere else it is ornament.
fn ends_sentence(c: char) -> bool {
    matches!(c, 'す' | 'ね' | 'よ' | 'か' | 'た' | 'い' | 'わ' | 'な' | 'ん' | '笑' | 'w' | ')')
}

fn speak_half_width(pieces: &mut [Piece]) {
    let mut at = 0;
    while at < pieces.len() {
        let run = pieces[at..].iter().take_while(|piece| piece.half).count();
        // One half-width letter is a particle: 次ﾉ, 5枚ﾓ.
        if run == 1
            && matches!(pieces[at].c, 'ノ' | 'モ' | 'ヲ' | 'ハ' | 'ニ' | 'デ' | 'カ' | 'ネ' | 'ヨ' | 'ト')
        {
            pieces[at].c = hiragana(pieces[at].c);
        }
        if run >= 2 {
            let word: String = pieces[at..at + run].iter().map(|piece| piece.c).collect();
            if SPOKEN.iter().any(|spoken| word.contains(spoken)) {
                for piece in &mut pieces[at..at + run] {
                    piece.c = hiragana(piece.c);
                }
            }
        }
        at += run.max(1);
    }
}

fn hiragana(c: char) -> char {
    match c {
        'ァ'..='ヶ' => char::from_u32(c as u32 - 0x60).unwrap_or(c),
        _ => c,
    }
}

/// What may follow a number: counters, dates, money. 一部, 十分 and 一通り are words of their own.
const COUNTED: &str =
    "本枚件点個冊章話曲通頁名人種箱軒巻号字回台足体匹社日月円時週年分案式面棟型羽品問題行組校着席ヶか箇つ万";

/// Numbers written in kanji before what is counted become digits: 三月十日, 二十枚, 五万円.
fn count(pieces: &[Piece]) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::with_capacity(pieces.len());
    let (mut at, mut counted) = (0, true);
    while at < pieces.len() {
        let run = pieces[at..].iter().take_while(|piece| kanji_digit(piece.c).is_some()).count();
        let next = pieces.get(at + run).map_or(BREAK, |piece| piece.c);
        let after = pieces.get(at + run + 1).map_or(BREAK, |piece| piece.c);
        let free = counted
            || at.checked_sub(1).is_none_or(|before| {
                let c = pieces[before].c;
                !matches!(c, '一'..='鿿' | '々') || "月年約計全各毎週後残加様額価".contains(c)
            });
        let word = next == '分' && run == 1 && pieces[at].c == '十' || next == '通' && after == 'り';
        let value = (1..=6).contains(&run).then(|| number(&pieces[at..at + run])).flatten();
        match value.filter(|_| free && !word && COUNTED.contains(next)) {
            Some(value) => {
                let (from, to) = (pieces[at].from, pieces[at + run - 1].to);
                out.extend(value.to_string().chars().map(|c| Piece { c, from, to, half: false }));
                // The counter goes with it, so that 一章五万円 is read on.
                out.push(pieces[at + run]);
                counted = true;
                at += run + 1;
            }
            None => {
                let step = run.max(1);
                out.extend_from_slice(&pieces[at..at + step]);
                counted = false;
                at += step;
            }
        }
    }
    out
}

fn kanji_digit(c: char) -> Option<u32> {
    Some(match c {
        '〇' => 0,
        '一' => 1,
        '二' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        '十' => 10,
        '百' => 100,
        '千' => 1000,
        _ => return None,
    })
}

/// 百八 is 108, 二〇二六 is 2026.
fn number(run: &[Piece]) -> Option<u32> {
    let digits: Vec<u32> = run.iter().filter_map(|piece| kanji_digit(piece.c)).collect();
    if digits.iter().all(|digit| *digit < 10) {
        return Some(digits.iter().fold(0, |sum, digit| sum * 10 + digit));
    }
    let (mut sum, mut open, mut least) = (0, None, u32::MAX);
    for digit in digits {
        if digit < 10 {
            if open.replace(digit).is_some() {
                return None;
            }
        } else {
            if digit >= least {
                return None;
            }
            least = digit;
            sum += open.take().unwrap_or(1) * digit;
        }
    }
    Some(sum + open.unwrap_or(0))
}

/// Drops drawn-out vowels, spaces between Japanese letters and repeated marks.
fn tidy(pieces: &[Piece]) -> Normal {
    let mut out = Normal::default();
    out.text.reserve(pieces.len() * 3);
    let mut last = BREAK;
    for (at, piece) in pieces.iter().enumerate() {
        let next = pieces.get(at + 1).map_or(BREAK, |piece| piece.c);
        let mut piece = *piece;
        match piece.c {
            '〜' | '~' | '∼' if next.is_ascii_digit() || last.is_ascii_digit() => piece.c = '〜',
            '〜' | '~' | '∼' => continue,
            'ー' | '―' | '─' | '—' if is_hiragana(last) => continue,
            '‐' | '−' | '–' => piece.c = '-',
            ' ' | '\u{3000}' | '\t' if !(last.is_ascii_graphic() && next.is_ascii_graphic()) => continue,
            'っ' if !is_letter(next) => continue,
            '…' | '.' | '・' if last == piece.c => continue,
            _ => {}
        }
        last = piece.c;
        out.push(piece);
    }
    out
}

fn is_hiragana(c: char) -> bool {
    matches!(c, 'ぁ'..='ん')
}

fn is_letter(c: char) -> bool {
    is_hiragana(c) || matches!(c, 'ァ'..='ヺ' | '一'..='鿿' | '0'..='9' | 'a'..='z')
}
