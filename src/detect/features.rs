//! What the linear model sees of a sentence: hashed marks in their places, rules that fired, and letter sequences.

use std::ops::Range;

use crate::detect::condition::{Bits, Place};

/// Weights are kept in so many buckets (as a power of two); features that share one share a weight.
pub(crate) const BITS: u32 = 20;
/// Letter sequences of one to so many letters.
const GRAM_MAX: usize = 5;
/// Letters of one sentence that are looked at; of what stands around it, from its end.
const LETTERS_MAX: usize = 160;
const AROUND_MAX: usize = 40;
/// Letters of an outline that are taken together.
const OUTLINE_MAX: usize = 7;
const START: u64 = 0xcbf2_9ce4_8422_2325;

/// What a feature is of; part of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Gram,
    Mark,
    Cross,
    /// Of what stands around a sentence: the last message, and all sentences of its own.
    AroundGram,
    Fired,
    Shape,
    Skeleton,
    Pair,
}

impl Kind {
    pub(crate) const COUNT: usize = 8;

    /// The bucket of a feature of this kind.
    pub(crate) fn bucket(self, hash: u64) -> u32 {
        let mixed = (hash ^ (self as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        u32::try_from(mixed >> (64 - BITS)).unwrap_or(0)
    }
}

/// FNV-1a of a name.
pub(crate) fn name_hash(name: &str) -> u64 {
    name.bytes().fold(START, |hash, byte| step(hash, u64::from(byte)))
}

pub(crate) fn step(hash: u64, next: u64) -> u64 {
    (hash ^ next).wrapping_mul(0x0000_0100_0000_01b3)
}

/// All digits are one letter.
fn letter(c: char) -> u64 {
    u64::from(u32::from(if c.is_ascii_digit() { '0' } else { c }))
}

/// The bucket of every letter sequence of a sentence, with its byte range.
pub(crate) fn grams(text: &str, mut see: impl FnMut(u32, Range<usize>)) {
    // The edges count as letters of their own.
    let mut letters = [(2_u64, 0_usize, 0_usize); LETTERS_MAX + 2];
    let mut count = 1;
    for (at, c) in text.char_indices().take(LETTERS_MAX) {
        letters[count] = (letter(c), at, at + c.len_utf8());
        count += 1;
    }
    let end = letters[count - 1].2;
    letters[count] = (3, end, end);
    count += 1;
    for from in 0..count {
        let mut hash = START;
        for (length, (letter, _, end)) in letters[from..count.min(from + GRAM_MAX)].iter().enumerate() {
            hash = step(hash, *letter);
            if length > 0 || *letter > 3 {
                see(Kind::Gram.bucket(hash), letters[from].1..*end);
            }
        }
    }
}

/// Letters that stand for a word of content; those that say what is done with it stay.
const KATAKANA: u64 = 4;
const KANJI: u64 = 5;
const LATIN: u64 = 6;
const TELLING: &str = "願頼追加依見積修正直契約仮払済確認納品検収次来今月週日先前後新別急出送作書描撮訳編始進待受無料金額円値段予定空手時間可能難討相談件本枚点回分何誰方人他全部残終完了続更増減止消断要不欲足他引任助募集応提案契報告質問答教貼置渡返振込座番号直接外側経由載";

/// The letter sequences of a sentence whose words of content are only outlines, and each such word together with how
/// the sentence ends.
pub(crate) fn outlines(text: &str, mut see: impl FnMut(Kind, u32)) {
    let mut outline = [0_u64; LETTERS_MAX + 2];
    let mut words = [0_u64; 16];
    let (mut count, mut found) = (1, 0);
    let (mut run, mut word) = (0, START);
    outline[0] = 2;
    for c in text.chars().chain(['\u{3}']).take(LETTERS_MAX) {
        let (class, kind) = match c {
            'ァ'..='ヺ' | 'ー' => (KATAKANA, KATAKANA),
            '一'..='鿿' | '々' if TELLING.contains(c) => (letter(c), KANJI),
            '一'..='鿿' | '々' => (KANJI, KANJI),
            'a'..='z' => (LATIN, LATIN),
            c => (letter(c), 0),
        };
        if kind != run {
            if run != 0 && found < words.len() {
                words[found] = word;
                found += 1;
            }
            word = START;
        }
        word = step(word, letter(c));
        run = kind;
        if class > LATIN || outline[count - 1] != class {
            outline[count] = class;
            count += 1;
        }
    }
    for from in 0..count {
        let mut hash = START;
        for (length, letter) in outline[from..count.min(from + OUTLINE_MAX)].iter().enumerate() {
            hash = step(hash, *letter);
            if length > 1 {
                see(Kind::Skeleton, Kind::Skeleton.bucket(hash));
            }
        }
    }
    for length in [4, 6] {
        let end = outline[..count].iter().rev().take(length).fold(START, |hash, it| step(hash, *it));
        for word in &words[..found] {
            see(Kind::Pair, Kind::Pair.bucket(step(end, *word)));
        }
    }
    for (at, one) in words[..found].iter().enumerate() {
        for other in &words[at + 1..found] {
            see(Kind::Pair, Kind::Pair.bucket(step(step(1, *one), *other)));
        }
    }
}

/// The buckets of the letter sequences at the end of words around a sentence; `place` tells whose and where.
pub(crate) fn around_grams(place: u64, text: &str, mut see: impl FnMut(u32)) {
    let skip = text.chars().count().saturating_sub(AROUND_MAX);
    let mut window = [0_u64; 4];
    for (filled, c) in text.chars().skip(skip).chain(['\u{3}']).enumerate() {
        window.rotate_left(1);
        window[3] = letter(c);
        for length in 2..=4_usize.min(filled + 1) {
            let hash = window[4 - length..]
                .iter()
                .fold(step(START, place * 8 + length as u64), |hash, it| step(hash, *it));
            see(Kind::AroundGram.bucket(hash));
        }
    }
}

/// The buckets of marks in a place, by the hashes of their names.
pub(crate) fn marks(place: Place, bits: &Bits, names: &[u64], mut see: impl FnMut(u32)) {
    for mark in bits.marks() {
        see(Kind::Mark.bucket(step(names[usize::from(mark)], place as u64)));
    }
}

/// The buckets of each mark here together with each mark there.
pub(crate) fn crosses(here: &Bits, place: Place, there: &Bits, names: &[u64], mut see: impl FnMut(u32)) {
    for one in here.marks() {
        for other in there.marks() {
            // Of two marks of one sentence each pair once.
            if place != Place::Here || one < other {
                let hash = step(step(names[usize::from(one)], names[usize::from(other)]), place as u64);
                see(Kind::Cross.bucket(hash));
            }
        }
    }
}
