//! The words of each term: of all stretches of a few sentences a small linear model takes one, or none.
//!
//! What the rules for that term find is among the features, so the model corrects them where it knows better.

use std::ops::Range;

use crate::detect::features::step;
use crate::detect::read::Seen;
use crate::detect::rules::RuleSet;
use crate::detect::schema::TermKind;

/// Weights are kept in so many buckets (as a power of two).
pub(crate) const BITS: u32 = 18;
/// Letters of a sentence that are looked at.
const LETTERS_MAX: usize = 100;
/// Words that say what is wanted of the work; which comes first behind a stretch tells whether it is the work.
const WANTED: [&str; 18] = [
    "お願い",
    "頼",
    "いくら",
    "見積",
    "もらえ",
    "いただ",
    "くれ",
    "くださ",
    "ほし",
    "いけ",
    "でき",
    "作",
    "追加",
    "依頼",
    "増",
    "可能",
    "なんです",
    "ので",
];
/// Kana that a noun may end with: 書き起こし, 貼り紙, 差し替え, 直し, やつ.
const ENDS: &str = "りしえきけみれちいめつうびせ";
const JOINS: &str = "・&.()「」/+#'-×";

/// Letters that one of must stand in a term of that kind: of the work none.
const NUMBER: &str = "0123456789半倍毎隔全二三四五六七八九十百千";
const TIME: &str = "日月火水木金土曜週末年今明朝昼夜夕晩時分内頃期0123456789";
/// Days that are written in kana.
const DAYS: [&str; 6] = ["あした", "あす", "きょう", "あさって", "ようび", "らいしゅう"];
/// Signs within numbers, sums and dates.
const SIGNS: &str = "・&.()「」/+#'-×,:〜@¥$%* ";
/// Behind these a term may begin with kana.
const BEFORE_KANA: &str = "をはにがでもと、。!?";

impl TermKind {
    /// Letters of a stretch.
    fn longest(self) -> usize {
        match self {
            Self::Deliverable => 15,
            Self::Quantity => 14,
            Self::Amount | Self::Deadline => 20,
        }
    }

    /// Letters at most that may stand before the number or day in such a term: 文字単価, 毎月, 来週の.
    fn lead(self) -> usize {
        match self {
            Self::Deliverable => usize::MAX,
            Self::Quantity => 3,
            Self::Amount => 5,
            Self::Deadline => 8,
        }
    }

    /// Sentences before and behind the request's own.
    fn reach(self) -> (usize, usize) {
        match self {
            Self::Deliverable => (2, 2),
            Self::Quantity | Self::Amount | Self::Deadline => (3, 6),
        }
    }

    /// How many letters before each may begin what makes words such a term: whether a stretch has any is then one step. `None`
    /// where any words may be one.
    fn anchors(self, letters: &[(usize, char)]) -> Option<Vec<u16>> {
        let begins = |at: usize| {
            let c = letters[at].1;
            match self {
                Self::Deliverable => true,
                Self::Quantity | Self::Amount => NUMBER.contains(c),
                Self::Deadline => {
                    let word = |day: &&str| {
                        let there = letters[at..].iter().map(|it| it.1);
                        there.take(day.chars().count()).eq(day.chars())
                    };
                    TIME.contains(c) || DAYS.iter().any(word)
                }
            }
        };
        (self != Self::Deliverable).then(|| {
            let mut count = 0;
            let mut counts = Vec::with_capacity(letters.len() + 1);
            counts.push(0);
            for at in 0..letters.len() {
                count += u16::from(begins(at));
                counts.push(count);
            }
            counts
        })
    }

    fn bucket(self, hash: u64) -> u32 {
        self.of(bucket(hash))
    }

    /// Each kind has weights of its own.
    fn of(self, bucket: u32) -> u32 {
        (bucket ^ (self as u32).wrapping_mul(0x9e37_79b9)) & ((1 << BITS) - 1)
    }
}

/// The buckets of a message that does not have the term.
pub(crate) fn none(kind: TermKind, sentences: usize, ruled: bool) -> [u32; 2] {
    let count = step(step(2, u64::from(ruled)), sentences.min(4) as u64);
    [kind.bucket(step(1, 1)), kind.bucket(count)]
}

/// The bucket for where the stretch's sentence stands to the request's.
pub(crate) fn offset(kind: TermKind, sentence: usize, best: usize) -> u32 {
    let place = (sentence + 8).saturating_sub(best).clamp(5, 14) as u64;
    kind.bucket(step(3, place))
}

/// The sentences that are looked at.
pub(crate) fn around(kind: TermKind, best: usize, sentences: usize) -> Range<usize> {
    let (before, behind) = kind.reach();
    best.saturating_sub(before).min(sentences)..sentences.min(best + behind + 1)
}

fn bucket(hash: u64) -> u32 {
    let mixed = (hash ^ hash >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    u32::try_from(mixed >> (64 - BITS)).unwrap_or(0)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Kanji,
    Kana,
    Katakana,
    Latin,
    Digit,
    Other,
}

fn class(c: char) -> Class {
    match c {
        '一'..='鿿' | '々' | '〆' => Class::Kanji,
        'ァ'..='ヺ' | 'ー' => Class::Katakana,
        'ぁ'..='ん' => Class::Kana,
        'a'..='z' => Class::Latin,
        '0'..='9' => Class::Digit,
        _ => Class::Other,
    }
}

fn letter(c: char) -> u64 {
    u64::from(u32::from(if c.is_ascii_digit() { '0' } else { c }))
}

/// Letters `from..to` of a sentence, edges included as letters of their own.
fn run(letters: &[(usize, char)], kind: u64, from: isize, to: isize) -> u64 {
    (from..to).fold(step(0xcbf2_9ce4_8422_2325, kind), |hash, at| {
        let it = usize::try_from(at).ok().and_then(|at| letters.get(at)).map_or(2, |(_, c)| letter(*c));
        step(hash, it)
    })
}

impl RuleSet {
    /// Every stretch of a sentence that may be such a term, as a byte range of the normalised text, with its buckets;
    /// answers whether a rule found one.
    pub(crate) fn stretches(
        &self,
        kind: TermKind,
        sentence: &Sentence<'_>,
        mut see: impl FnMut(Range<usize>, &[u32]),
    ) -> bool {
        let Sentence { text, start, letters, wanted, places } = sentence;
        let anchors = kind.anchors(letters);
        if anchors.as_ref().is_some_and(|it| it.last() == Some(&0)) {
            return false;
        }
        let ruled: Vec<Option<Range<usize>>> = self
            .terms
            .iter()
            .filter(|rule| rule.term == kind)
            .flat_map(|rule| rule.find_each(text))
            .collect();
        let mut features = Vec::with_capacity(64);
        for from in 0..letters.len() {
            if !may_start(kind, letters, from) {
                continue;
            }
            let near = letters.len().min(from.saturating_add(kind.lead()).saturating_add(1));
            if anchors.as_ref().is_some_and(|it| it[from] == it[near]) {
                continue;
            }
            let joins = if kind == TermKind::Deliverable { JOINS } else { SIGNS };
            for to in from + 1..letters.len().min(from + kind.longest()) + 1 {
                let last = letters[to - 1].1;
                if class(last) == Class::Other && !joins.contains(last) {
                    break;
                }
                if !may_end(kind, letters, to) || anchors.as_ref().is_some_and(|it| it[from] == it[to]) {
                    continue;
                }
                let range = letters[from].0..letters[to - 1].0 + last.len_utf8();
                features.clear();
                describe(letters, places, from, to, &mut features);
                for (rule, found) in ruled.iter().enumerate() {
                    let how = match found {
                        None => 0,
                        Some(found) if *found == range => 1,
                        Some(found) if found.start == range.start => 2,
                        Some(found) if found.end == range.end => 3,
                        Some(found) if found.start < range.end && range.start < found.end => 4,
                        Some(_) => 5,
                    };
                    features.push(bucket(step(step(4, rule as u64), how)));
                }
                let next = wanted.partition_point(|(at, _)| *at < range.end);
                let (which, far) =
                    wanted.get(next).map_or((99, 9), |(at, which)| (*which, ((at - range.end) / 9).min(8)));
                features.push(bucket(step(step(5, which as u64), far as u64)));
                features
                    .push(bucket(step(step(6, which as u64), run(letters, 1, to as isize, to as isize + 1))));
                features.iter_mut().for_each(|it| *it = kind.of(*it));
                see(start + range.start..start + range.end, &features);
            }
        }
        ruled.iter().any(Option::is_some)
    }
}

fn may_start(kind: TermKind, letters: &[(usize, char)], at: usize) -> bool {
    let here = class(letters[at].1);
    let before = at.checked_sub(1).map(|at| class(letters[at].1));
    match here {
        Class::Kanji => true,
        Class::Kana if kind != TermKind::Deliverable => {
            before != Some(Class::Kana)
                || at.checked_sub(1).is_some_and(|at| BEFORE_KANA.contains(letters[at].1))
        }
        Class::Other if kind != TermKind::Deliverable => "@¥$".contains(letters[at].1),
        Class::Katakana | Class::Latin | Class::Digit => before != Some(here),
        Class::Kana => {
            matches!(letters[at].1, 'お' | 'ご' | 'の' | 'ぬ' | 'し')
                && before != Some(Class::Kana)
                && letters.get(at + 1).is_some_and(|(_, c)| class(*c) != Class::Other)
        }
        Class::Other => letters[at].1 == '「',
    }
}

fn may_end(kind: TermKind, letters: &[(usize, char)], to: usize) -> bool {
    let last = letters[to - 1].1;
    let next = letters.get(to).map(|(_, c)| class(*c));
    match class(last) {
        Class::Kanji => true,
        Class::Kana if kind != TermKind::Deliverable => true,
        Class::Other if kind != TermKind::Deliverable => matches!(last, ')' | '%' | '$'),
        Class::Katakana | Class::Latin | Class::Digit => next != Some(class(last)),
        Class::Kana => ENDS.contains(last),
        Class::Other => matches!(last, ')' | '」'),
    }
}

/// A sentence, ready for the choice of each of its terms.
pub(crate) struct Sentence<'a> {
    text: &'a str,
    /// Where it begins in the normalised text.
    start: usize,
    letters: Vec<(usize, char)>,
    /// Words of [`WANTED`] by their places.
    wanted: Vec<(usize, usize)>,
    places: Vec<Place>,
}

impl<'a> Sentence<'a> {
    /// One of the message's sentences.
    pub(crate) fn new(seen: &'a Seen, place: &Range<usize>) -> Self {
        let text = &seen.normal.text[place.clone()];
        let letters: Vec<(usize, char)> = text.char_indices().take(LETTERS_MAX).collect();
        let end = letters.last().map_or(0, |(at, c)| at + c.len_utf8());
        let mut wanted: Vec<(usize, usize)> = WANTED
            .iter()
            .enumerate()
            .flat_map(|(which, word)| text[..end].match_indices(word).map(move |(at, _)| (at, which)))
            .collect();
        wanted.sort_unstable();
        let places = (0..=letters.len()).map(|at| Place::new(&letters, at)).collect();
        Self { text, start: place.start, letters, wanted, places }
    }
}

/// What all stretches have in common that begin, or that end, at one place of a sentence: letters before and behind it.
struct Place {
    begins: [u32; 8],
    ends: [u32; 8],
    before: u64,
    behind: u64,
    tail: u64,
    next: [u64; 2],
    edge: u64,
    /// The two letters from here on.
    pair: u32,
}

impl Place {
    fn new(letters: &[(usize, char)], at: usize) -> Self {
        let of = |at: isize| usize::try_from(at).ok().and_then(|at| letters.get(at)).map(|(_, c)| class(*c));
        let at = at.cast_signed();
        let run = |kind, from, to| run(letters, kind, from, to);
        let (one, other) = (of(at - 1), of(at));
        let edge = step(u64::from(one == other), other.map_or(9, |it| it as u64));
        let begins = [
            run(11, at - 1, at),
            run(12, at - 2, at),
            run(13, at - 3, at),
            run(31, at, at + 1),
            run(32, at, at + 2),
            run(33, at, at + 3),
            step(57, edge),
            step(61, (at / 6).cast_unsigned() as u64),
        ];
        let ends = [
            run(21, at - 1, at),
            run(22, at - 2, at),
            run(23, at - 3, at),
            run(41, at, at + 1),
            run(42, at, at + 2),
            run(43, at, at + 3),
            run(44, at, at + 4),
            step(58, edge),
        ];
        Self {
            begins: begins.map(bucket),
            ends: ends.map(bucket),
            before: run(51, at - 1, at),
            behind: run(52, at, at + 1),
            tail: run(53, at - 2, at),
            next: [run(55, at, at + 2), run(56, at, at + 2)],
            edge,
            pair: bucket(run(62, at, at + 2)),
        }
    }
}

fn describe(letters: &[(usize, char)], places: &[Place], from: usize, to: usize, features: &mut Vec<u32>) {
    let (start, end) = (&places[from], &places[to]);
    let (before, behind, tail) = (start.before, end.behind, end.tail);
    let mut whole = run(letters, 50, 0, 0);
    let mut outline = step(54, 54);
    let mut last = None;
    for (_, c) in &letters[from..to] {
        whole = step(whole, letter(*c));
        let it = class(*c);
        if it == Class::Kana || it == Class::Other {
            outline = step(outline, letter(*c));
        } else if last != Some(it) {
            outline = step(outline, it as u64);
        }
        last = Some(it);
    }
    features.extend(start.begins);
    features.extend(end.ends);
    features.extend(
        [
            whole,
            outline,
            step(outline, before),
            step(outline, behind),
            step(before, behind),
            step(tail, behind),
            step(step(7, tail), end.next[0]),
            step(step(8, before), end.next[1]),
            step(step(59, start.edge), end.edge),
            step(60, (to - from) as u64),
        ]
        .map(bucket),
    );
    features.extend(places[from..to - 1].iter().map(|it| it.pair));
}

/// What the learner sees of one term of a message.
pub(crate) struct Choice {
    pub(crate) kind: TermKind,
    /// Of each stretch its sentence, whether it is the one, and its buckets.
    pub(crate) stretches: Vec<(usize, bool, Vec<u32>)>,
    pub(crate) ruled: bool,
    pub(crate) sentences: usize,
    /// False where the term is there and no stretch is it.
    pub(crate) known: bool,
}

/// Steps of the learner: rate, passes over the corpus, pull towards zero.
const RATE: f32 = 0.1;
const PASSES: usize = 25;
const PULL: f32 = 1e-4;

/// Learns to tell the one stretch (or none) from the others; `best` is the request's sentence of each.
pub(crate) fn learn(choices: &[(&Choice, usize)]) -> Vec<f32> {
    let mut weights = vec![0.0_f32; 1 << BITS];
    let mut spread = vec![1e-3_f32; 1 << BITS];
    let mut sum = vec![0.0_f32; 1 << BITS];
    for _ in 0..PASSES {
        for (choice, best) in choices.iter().filter(|(choice, _)| choice.known) {
            let near = around(choice.kind, *best, choice.sentences);
            let none = none(choice.kind, choice.sentences, choice.ruled);
            let mut options: Vec<(&[u32], Option<u32>, bool)> = choice
                .stretches
                .iter()
                .filter(|(sentence, ..)| near.contains(sentence))
                .map(|(sentence, truth, features)| {
                    (features.as_slice(), Some(offset(choice.kind, *sentence, *best)), *truth)
                })
                .collect();
            let named = options.iter().filter(|(.., truth)| *truth).count();
            if named == 0 && choice.stretches.iter().any(|(_, truth, _)| *truth) {
                continue;
            }
            options.push((&none, None, named == 0));
            let score = |(features, place, _): &(&[u32], Option<u32>, bool)| -> f32 {
                features.iter().chain(place).map(|at| weights[*at as usize]).sum()
            };
            let scores: Vec<f32> = options.iter().map(score).collect();
            let most = scores.iter().fold(f32::NEG_INFINITY, |most, it| most.max(*it));
            let all: f32 = scores.iter().map(|it| (it - most).exp()).sum();
            let right = named.max(1) as f32;
            for ((features, place, truth), score) in options.iter().zip(&scores) {
                let off = (score - most).exp() / all - if *truth { 1.0 / right } else { 0.0 };
                if off.abs() < 1e-3 {
                    continue;
                }
                for at in features.iter().chain(place) {
                    let at = *at as usize;
                    let slope = PULL.mul_add(weights[at], off);
                    spread[at] = slope.mul_add(slope, spread[at]);
                    weights[at] -= RATE * slope / spread[at].sqrt();
                }
            }
        }
        sum.iter_mut().zip(&weights).for_each(|(sum, it)| *sum += it);
    }
    sum.iter_mut().for_each(|it| *it /= PASSES as f32);
    sum
}
