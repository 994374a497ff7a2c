//! Many patterns over one sentence: which rules match, without running most of them.
//!
//! Every pattern is taken apart into its alternatives. Of each, the words that must stand in any match are known
//! beforehand; one pass over the sentence finds all such words of all rules, and only alternatives whose words are
//! there are run. An alternative that is nothing but a word is not run at all. Running hundreds of patterns as one
//! automaton is no way: its states multiply until it falls back to the slow machine.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::detect::rules::RuleError;

/// Compiled size of one alternative, in bytes.
const PIECE_LIMIT: usize = 4 << 20;
/// Memory of one alternative's lazy automaton, in bytes.
const CACHE_LIMIT: usize = 2 << 20;
/// Alternatives that a table may have.
const MAX_PIECES: usize = 64 * WORDS;
const WORDS: usize = 32;
/// Rules that a table may have.
const MAX_RULES: usize = 192;
/// More words than this in one place select nothing.
const MAX_KEYS: usize = 400;

/// Marking rules behind one prefilter.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) rules: Vec<TableRule>,
    pieces: Vec<Piece>,
    find: AhoCorasick,
    /// For each word: the pieces that need it, and as which of their two needs; or that it is itself a match.
    uses: Vec<Vec<Use>>,
    /// Pieces that need no word at all, as first and as second need.
    free: [[u64; WORDS]; 2],
}

#[derive(Debug)]
pub(crate) struct TableRule {
    pub(crate) id: String,
    pub(crate) gives: Option<u16>,
    /// Its alternatives in the table.
    pieces: Range<usize>,
    /// Alternatives that are nothing but a word.
    words: Vec<String>,
}

#[derive(Debug)]
struct Piece {
    rule: usize,
    pattern: String,
    /// Compiled when it is first needed: most are not for a long time, and starting is to be quick.
    regex: OnceLock<Option<Regex>>,
}

#[derive(Clone, Copy, Debug)]
enum Use {
    Whole { rule: usize },
    Need { piece: usize, which: usize },
}

impl Piece {
    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| compile("", &self.pattern).ok()).as_ref()
    }
}

/// Where a rule matches a sentence.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hit<'t> {
    None,
    Word(usize, usize),
    Piece(&'t Regex),
}

impl Hit<'_> {
    fn or(self, other: Self) -> Self {
        if matches!(self, Self::None) { other } else { self }
    }

    /// The byte range of the match.
    pub(crate) fn range(&self, sentence: &str) -> Option<Range<usize>> {
        match *self {
            Self::None => None,
            Self::Word(from, to) => Some(from..to),
            Self::Piece(regex) => regex.find(sentence).map(|found| found.range()),
        }
    }
}

impl Table {
    /// A table of `(id, mark, pattern)`.
    pub(crate) fn new(rules: &[(&str, Option<u16>, String)]) -> Result<Self, RuleError> {
        let mut words: BTreeMap<Vec<u8>, Vec<Use>> = BTreeMap::new();
        let (mut compiled, mut pieces) = (Vec::new(), Vec::new());
        let mut free = [[0; WORDS]; 2];
        for (rule, (id, gives, pattern)) in rules.iter().enumerate() {
            let hir =
                regex_syntax::parse(pattern).map_err(|_| refused(id, "has a pattern that does not parse"))?;
            let from = pieces.len();
            let mut whole = Vec::new();
            for part in alternatives(&hir) {
                if let HirKind::Literal(literal) = part.kind() {
                    whole.push(String::from_utf8_lossy(&literal.0).into_owned());
                    words.entry(literal.0.to_vec()).or_default().push(Use::Whole { rule });
                    continue;
                }
                let piece = pieces.len();
                if piece == MAX_PIECES || rule == MAX_RULES {
                    return Err(refused(id, "is one too many for its table"));
                }
                pieces.push(Piece { rule, pattern: part.to_string(), regex: OnceLock::new() });
                let mut needs = needs(part);
                needs.sort_by_key(|words| cost(words));
                for (which, free) in free.iter_mut().enumerate() {
                    match needs.get(which) {
                        Some(need) => {
                            for word in need {
                                words.entry(word.clone()).or_default().push(Use::Need { piece, which });
                            }
                        }
                        None => free[piece / 64] |= 1 << (piece % 64),
                    }
                }
            }
            compiled.push(TableRule {
                id: (*id).to_owned(),
                gives: *gives,
                pieces: from..pieces.len(),
                words: whole,
            });
        }
        let find = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(words.keys())
            .map_err(RuleError::Spellings)?;
        Ok(Self { rules: compiled, pieces, find, uses: words.into_values().collect(), free })
    }

    /// Compiles every alternative now, and says which rule has one that does not.
    pub(crate) fn compile_all(&self) -> Result<(), RuleError> {
        for piece in &self.pieces {
            compile(&self.rules[piece.rule].id, &piece.pattern)?;
        }
        Ok(())
    }

    /// Calls `found` with each rule that matches the sentence, once, in the order of the rules, and with the words of
    /// its first alternative that does, to be found when asked.
    pub(crate) fn matches<'t>(&'t self, sentence: &str, found: impl FnMut(&'t TableRule, Hit<'t>)) {
        self.matches_of(sentence, |_| true, found);
    }

    /// The same for the rules that are wanted; the others cost next to nothing.
    pub(crate) fn matches_of<'t>(
        &'t self,
        sentence: &str,
        wanted: impl Fn(&TableRule) -> bool,
        mut found: impl FnMut(&'t TableRule, Hit<'t>),
    ) {
        let [mut first, mut second] = self.free;
        let mut hit = [Hit::None; MAX_RULES];
        for word in self.find.find_overlapping_iter(sentence) {
            for usage in &self.uses[word.pattern().as_usize()] {
                match *usage {
                    Use::Whole { rule } => hit[rule] = hit[rule].or(Hit::Word(word.start(), word.end())),
                    Use::Need { piece, which: 0 } => first[piece / 64] |= 1 << (piece % 64),
                    Use::Need { piece, .. } => second[piece / 64] |= 1 << (piece % 64),
                }
            }
        }
        for (at, (first, second)) in first.iter().zip(second).enumerate() {
            let mut both = first & second;
            while both != 0 {
                let piece = &self.pieces[at * 64 + both.trailing_zeros() as usize];
                both &= both - 1;
                if matches!(hit[piece.rule], Hit::None)
                    && wanted(&self.rules[piece.rule])
                    && let Some(regex) = piece.regex()
                    && regex.is_match(sentence)
                {
                    hit[piece.rule] = Hit::Piece(regex);
                }
            }
        }
        for (rule, hit) in self.rules.iter().zip(hit) {
            if !matches!(hit, Hit::None) && wanted(rule) {
                found(rule, hit);
            }
        }
    }

    /// The words of all matches of a rule; alternatives may overlap each other.
    pub(crate) fn all(&self, rule: &TableRule, sentence: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for word in &rule.words {
            found.extend(sentence.match_indices(word.as_str()).map(|(at, word)| at..at + word.len()));
        }
        for regex in self.pieces[rule.pieces.clone()].iter().filter_map(Piece::regex) {
            found.extend(regex.find_iter(sentence).map(|found| found.range()));
        }
        found
    }
}

pub(crate) fn refused(rule: &str, what: &'static str) -> RuleError {
    RuleError::Rule { rule: rule.to_owned(), what }
}

/// Compiles with the bounds of one alternative.
pub(crate) fn compile(rule: &str, pattern: &str) -> Result<Regex, RuleError> {
    RegexBuilder::new(pattern)
        .size_limit(PIECE_LIMIT)
        .dfa_size_limit(CACHE_LIMIT)
        .build()
        .map_err(|source| RuleError::Pattern { rule: rule.to_owned(), source: Box::new(source) })
}

fn alternatives(hir: &Hir) -> Vec<&Hir> {
    match hir.kind() {
        HirKind::Alternation(parts) => parts.iter().flat_map(alternatives).collect(),
        _ => vec![hir],
    }
}

/// Up to two sets of words of each of which one must stand in any match of a pattern. The pattern must have `groups`.
pub(crate) fn needed(rule: &str, pattern: &str, groups: usize) -> Result<Vec<Words>, RuleError> {
    let hir = regex_syntax::parse(pattern).map_err(|_| refused(rule, "has a pattern that does not parse"))?;
    if hir.properties().explicit_captures_len() != groups {
        return Err(refused(rule, "needs exactly one group in each pattern"));
    }
    let mut needs = needs(&hir);
    needs.sort_by_key(|words| cost(words));
    needs.truncate(2);
    Ok(needs)
}

pub(crate) type Words = Vec<Vec<u8>>;

/// Sets of words of each of which one must stand in any match.
fn needs(hir: &Hir) -> Vec<Words> {
    match hir.kind() {
        HirKind::Literal(literal) => vec![vec![literal.0.to_vec()]],
        HirKind::Class(class) => letters(class).into_iter().collect(),
        HirKind::Capture(capture) => needs(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => needs(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(needs).collect(),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                let Some(best) = needs(part).into_iter().min_by_key(|words| cost(words)) else {
                    return Vec::new();
                };
                all.extend(best);
            }
            all.sort_unstable();
            all.dedup();
            if all.len() <= MAX_KEYS { vec![all] } else { Vec::new() }
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => Vec::new(),
    }
}

/// The letters of a small class.
fn letters(class: &Class) -> Option<Words> {
    let Class::Unicode(class) = class else { return None };
    let size: u64 =
        class.iter().map(|range| u64::from(u32::from(range.end()) - u32::from(range.start())) + 1).sum();
    let each = class.iter().flat_map(|range| range.start()..=range.end());
    (size <= 12).then(|| each.map(|letter| letter.to_string().into_bytes()).collect())
}

/// How often a set of words will be there by chance: short words first, then their number.
fn cost(words: &[Vec<u8>]) -> usize {
    words
        .iter()
        .map(|word| match word.len() {
            0..=2 => 400,
            3 => 100,
            4..=6 => 8,
            _ => 1,
        })
        .sum()
}
