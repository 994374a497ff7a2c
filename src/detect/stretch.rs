//! Stretches of a sentence that may be a term, and what the model sees of each.
//!
//! What the rules for that term find is among it, so the model corrects them where it knows better.

use std::ops::Range;

use crate::detect::features::step;
use crate::detect::pick::bucket;
use crate::detect::read::Seen;
use crate::detect::rules::RuleSet;
use crate::detect::schema::TermKind;

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
const NUMBER: &str = "0123456789半倍毎隔全両一二三四五六七八九十百千";
const TIME: &str = "日月火水木金土曜週末年今明朝昼夜夕晩時分内頃期前春夏秋冬盆節祭0123456789";
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
        mut see: impl FnMut(&Stretch<'_>),
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
                let range = start + range.start..start + range.end;
                see(&Stretch { range, from, to, own: &features });
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

/// Words that may be a term.
pub(crate) struct Stretch<'s> {
    /// In bytes of the normalised text.
    pub(crate) range: Range<usize>,
    /// In letters of the sentence.
    from: usize,
    to: usize,
    /// Buckets beside those that go by where it begins, where it ends, and its pairs of letters.
    pub(crate) own: &'s [u32],
}

/// What the stretches of a sentence weigh by their places, each place added up once: there are ten stretches for each.
pub(crate) struct Shared {
    begins: Vec<i32>,
    ends: Vec<i32>,
    /// Of all pairs before a place.
    pairs: Vec<i32>,
}

impl Shared {
    pub(crate) fn of(&self, stretch: &Stretch<'_>) -> i32 {
        let Stretch { from, to, .. } = *stretch;
        self.begins[from] + self.ends[to] + self.pairs[to - 1] - self.pairs[from]
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

    /// All buckets of one of its stretches.
    pub(crate) fn features(&self, kind: TermKind, stretch: &Stretch<'_>) -> Vec<u32> {
        let Stretch { from, to, own, .. } = *stretch;
        let (first, rest) = own.split_at(OWN);
        let mut all: Vec<u32> = Vec::with_capacity(64);
        all.extend(self.places[from].begins.iter().chain(&self.places[to].ends).map(|it| kind.of(*it)));
        all.extend(first);
        all.extend(self.places[from..to - 1].iter().map(|it| kind.of(it.pair)));
        all.extend(rest);
        all
    }

    /// The weights of what its stretches share.
    pub(crate) fn shared(&self, kind: TermKind, weigh: impl Fn(&[u32]) -> i32) -> Shared {
        let sum = |buckets: [u32; 8]| weigh(&buckets.map(|it| kind.of(it)));
        let mut pairs = Vec::with_capacity(self.places.len());
        let mut before = 0;
        for place in &self.places {
            pairs.push(before);
            before += weigh(&[kind.of(place.pair)]);
        }
        Shared {
            begins: self.places.iter().map(|it| sum(it.begins)).collect(),
            ends: self.places.iter().map(|it| sum(it.ends)).collect(),
            pairs,
        }
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

/// What no other stretch of the sentence shares: the first of [`Stretch::own`].
const OWN: usize = 10;

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
    let own: [u64; OWN] = [
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
    ];
    features.extend(own.map(bucket));
}
