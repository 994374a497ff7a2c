//! What the model sees of each stretch of a sentence that may be a term.

use std::ops::Range;

use crate::detect::features::step;
use crate::detect::letters::{Bounds, Class, Letter};
use crate::detect::pick::bucket;
use crate::detect::read::Seen;
use crate::detect::rules::RuleSet;
use crate::detect::schema::TermKind;

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

impl TermKind {
    /// Whether what the rules find is among what the model sees. For the other kinds that changed three terms in 1,000, and
    /// running their rules took a third of the time of all detection.
    fn heeds_rules(self) -> bool {
        self == Self::Amount
    }
}

/// Letters `from..to` of a sentence, edges included as letters of their own.
fn run(letters: &[Letter], kind: u64, from: isize, to: isize) -> u64 {
    (from..to).fold(step(0xcbf2_9ce4_8422_2325, kind), |hash, at| {
        let it = usize::try_from(at).ok().and_then(|at| letters.get(at)).map_or(2, Letter::code);
        step(hash, it)
    })
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
    letters: Vec<Letter>,
    edges: Vec<Edge>,
}

impl<'a> Sentence<'a> {
    /// One of the message's sentences.
    pub(crate) fn new(seen: &'a Seen, place: &Range<usize>) -> Self {
        let text = &seen.normal.text[place.clone()];
        let letters = Letter::all(text);
        let end = letters.last().map_or(0, Letter::end);
        let mut wanted: Vec<(usize, usize)> = WANTED
            .iter()
            .enumerate()
            .flat_map(|(which, word)| text[..end].match_indices(word).map(move |(at, _)| (at, which)))
            .collect();
        wanted.sort_unstable();
        let edges = (0..=letters.len()).map(|at| Edge::new(&letters, &wanted, at)).collect();
        Self { text, start: place.start, letters, edges }
    }

    /// Where terms of this kind may stand in it.
    pub(crate) fn bounds(&self, kind: TermKind) -> Option<Bounds> {
        Bounds::new(kind, &self.letters)
    }

    /// All buckets of one of its stretches.
    pub(crate) fn features(&self, kind: TermKind, stretch: &Stretch<'_>) -> Vec<u32> {
        let Stretch { from, to, own, .. } = *stretch;
        let edges = self.edges[from].begins.iter().chain(&self.edges[to].ends);
        let pairs = self.edges[from..to - 1].iter().map(|it| &it.pair);
        let shared = edges.chain(pairs).map(|it| kind.of(*it));
        shared.chain(own.iter().copied()).collect()
    }

    /// The weights of what its stretches share.
    pub(crate) fn shared(&self, kind: TermKind, bounds: &Bounds, weigh: impl Fn(&[u32]) -> i32) -> Shared {
        let count = self.edges.len();
        let (mut begins, mut ends, mut pairs) = (vec![0; count], vec![0; count], vec![0; count]);
        let mut before = 0;
        for (at, edge) in self.edges.iter().enumerate() {
            let (start, end) = bounds.edges(at);
            if start {
                begins[at] = weigh(&edge.begins.map(|it| kind.of(it)));
            }
            if end {
                ends[at] = weigh(&edge.ends.map(|it| kind.of(it)));
            }
            pairs[at] = before;
            before += weigh(&[kind.of(edge.pair)]);
        }
        Shared { begins, ends, pairs }
    }
}

impl RuleSet {
    /// Every stretch of a sentence within these bounds; answers whether a rule for that term found one.
    pub(crate) fn stretches(
        &self,
        kind: TermKind,
        sentence: &Sentence<'_>,
        bounds: &Bounds,
        mut see: impl FnMut(&Stretch<'_>),
    ) -> bool {
        let Sentence { text, start, letters, edges } = sentence;
        let rules = self.terms.iter().filter(|rule| rule.term == kind && kind.heeds_rules());
        let ruled: Vec<Option<Range<usize>>> = rules.flat_map(|rule| rule.find_each(text)).collect();
        let mut features = Vec::with_capacity(64);
        let mut words = Words::new(letters);
        bounds.each(|from, to| {
            words.reach(from, to);
            let range = letters[from].at..letters[to - 1].end();
            features.clear();
            features.extend(words.buckets(&edges[from], &edges[to]));
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
            features.iter_mut().for_each(|it| *it = kind.of(*it));
            see(&Stretch { range: start + range.start..start + range.end, from, to, own: &features });
        });
        ruled.iter().any(Option::is_some)
    }
}

/// What all stretches have in common that begin, or that end, at one place of a sentence: letters before and behind it.
struct Edge {
    begins: [u32; 8],
    ends: [u32; 10],
    before: u64,
    behind: u64,
    tail: u64,
    next: [u64; 2],
    class: u64,
    /// The two letters from here on.
    pair: u32,
}

impl Edge {
    /// The edge before a letter; `wanted` has words of [`WANTED`] by their places.
    fn new(letters: &[Letter], wanted: &[(usize, usize)], at: usize) -> Self {
        let (one, other) =
            (at.checked_sub(1).map(|at| letters[at].class), letters.get(at).map(|it| it.class));
        let class = step(u64::from(one == other), other.map_or(9, |it| it as u64));
        let byte = at.checked_sub(1).map_or(0, |at| letters[at].end());
        let next = wanted.partition_point(|(at, _)| *at < byte);
        let (which, far) = wanted.get(next).map_or((99, 9), |(at, which)| (*which, ((at - byte) / 9).min(8)));
        let at = at.cast_signed();
        let run = |kind, from, to| run(letters, kind, from, to);
        let begins = [
            run(11, at - 1, at),
            run(12, at - 2, at),
            run(13, at - 3, at),
            run(31, at, at + 1),
            run(32, at, at + 2),
            run(33, at, at + 3),
            step(57, class),
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
            step(58, class),
            step(step(5, which as u64), far as u64),
            step(step(6, which as u64), run(1, at, at + 1)),
        ];
        Self {
            begins: begins.map(bucket),
            ends: ends.map(bucket),
            before: run(51, at - 1, at),
            behind: run(52, at, at + 1),
            tail: run(53, at - 2, at),
            next: [run(55, at, at + 2), run(56, at, at + 2)],
            class,
            pair: bucket(run(62, at, at + 2)),
        }
    }
}

/// The words of a stretch, letter by letter.
struct Words<'l> {
    letters: &'l [Letter],
    from: usize,
    to: usize,
    whole: u64,
    /// Words of content are only shapes.
    outline: u64,
}

impl<'l> Words<'l> {
    fn new(letters: &'l [Letter]) -> Self {
        Self { letters, from: 0, to: 0, whole: run(letters, 50, 0, 0), outline: step(54, 54) }
    }

    /// Goes on to the stretch `from..to`, from a shorter one that begins there, where that came before.
    fn reach(&mut self, from: usize, to: usize) {
        if self.from != from || self.to > to {
            *self = Self { from, to: from, ..Self::new(self.letters) };
        }
        for at in self.to..to {
            let letter = &self.letters[at];
            self.whole = step(self.whole, letter.code());
            if matches!(letter.class, Class::Kana | Class::Other) {
                self.outline = step(self.outline, letter.code());
            } else if at == from || self.letters[at - 1].class != letter.class {
                self.outline = step(self.outline, letter.class as u64);
            }
        }
        self.to = to;
    }

    fn buckets(&self, start: &Edge, end: &Edge) -> [u32; 10] {
        let (Edge { before, .. }, Edge { behind, tail, next, .. }) = (start, end);
        let Self { whole, outline, .. } = *self;
        let own = [
            whole,
            outline,
            step(outline, *before),
            step(outline, *behind),
            step(*before, *behind),
            step(*tail, *behind),
            step(step(7, *tail), next[0]),
            step(step(8, *before), next[1]),
            step(step(59, start.class), end.class),
            step(60, (self.to - self.from) as u64),
        ];
        own.map(bucket)
    }
}
