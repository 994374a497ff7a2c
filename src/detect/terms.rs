//! What a request names: exact words of the body.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::Regex;

use crate::detect::model::Model;
use crate::detect::own::own;
use crate::detect::pick;
use crate::detect::read::Seen;
use crate::detect::rules::{RuleError, RuleSet};
use crate::detect::schema::TermKind;
use crate::detect::stretch::Sentence;
use crate::detect::table::{compile, needed, refused};
use crate::domain::Terms;

/// A term rule, ready.
#[derive(Debug)]
pub(crate) struct CompiledTerm {
    pub(crate) id: String,
    pub(crate) term: TermKind,
    patterns: Vec<Pattern>,
    except: Option<Pattern>,
}

/// Compiled when a sentence first has the words that it needs.
#[derive(Debug)]
struct Pattern {
    pattern: String,
    needs: Vec<AhoCorasick>,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn new(rule: &str, pattern: String, groups: usize) -> Result<Self, RuleError> {
        let needs = needed(rule, &pattern, groups)?;
        let needs = needs.into_iter().map(AhoCorasick::new).collect::<Result<_, _>>();
        let needs = needs.map_err(RuleError::Spellings)?;
        Ok(Self { pattern, needs, regex: OnceLock::new() })
    }

    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| compile("", &self.pattern).ok()).as_ref()
    }
}

impl CompiledTerm {
    pub(crate) fn new(
        id: &str,
        term: TermKind,
        patterns: &[String],
        except: Option<String>,
    ) -> Result<Self, RuleError> {
        let patterns = patterns.iter().map(|pattern| Pattern::new(id, pattern.clone(), 1));
        let except = except.map(|except| Pattern::new(id, format!("^(?:{except})$"), 0)).transpose()?;
        Ok(Self { id: id.to_owned(), term, patterns: patterns.collect::<Result<_, _>>()?, except })
    }

    /// Compiles every pattern now.
    pub(crate) fn compile_all(&self) -> Result<(), RuleError> {
        for pattern in self.patterns.iter().chain(&self.except) {
            pattern.regex().ok_or_else(|| refused(&self.id, "has a pattern that is too large"))?;
        }
        Ok(())
    }

    /// The byte range of the first thing to copy out of a normalised sentence.
    pub(crate) fn find(&self, sentence: &str) -> Option<Range<usize>> {
        self.find_each(sentence).flatten().next()
    }

    /// The same for each pattern.
    pub(crate) fn find_each(&self, sentence: &str) -> impl Iterator<Item = Option<Range<usize>>> {
        self.patterns.iter().map(move |pattern| {
            if !pattern.needs.iter().all(|needs| needs.is_match(sentence)) {
                return None;
            }
            let regex = pattern.regex()?;
            let mut from = 0;
            while let Some(found) = regex.captures_at(sentence, from) {
                let group = found.get(1)?;
                let excepted = self.except.as_ref().and_then(Pattern::regex);
                if !excepted.is_some_and(|except| except.is_match(group.as_str())) {
                    return Some(group.range());
                }
                // Always forward; the last letter may be what the next match begins behind.
                let last = group.as_str().chars().next_back().map_or(1, char::len_utf8);
                from = (group.end() - last).max(found.get_match().start() + 1);
                while !sentence.is_char_boundary(from) {
                    from += 1;
                }
            }
            None
        })
    }
}

impl RuleSet {
    /// Copies the terms out of the request's sentence, or out of the other sentences when it has none.
    pub(crate) fn terms(&self, body: &str, seen: &Seen, best: usize) -> Terms {
        self.copied(body, seen, best, &TermKind::ALL)
    }

    /// The terms, those of some kinds chosen by the model, where it chooses, and the others by the rules alone.
    fn copied(&self, body: &str, seen: &Seen, best: usize, chosen: &[TermKind]) -> Terms {
        let (normal, sentences) = (&seen.normal, &seen.sentences);
        let best = best.min(sentences.len());
        let order = || sentences[best..].iter().chain(sentences[..best].iter().rev()).take(SENTENCES_MAX);
        let find = |kind| {
            order().find_map(|sentence| {
                let found = self.term(kind, &normal.text[sentence.clone()])?;
                let (from, to) = normal.span(sentence.start + found.start..sentence.start + found.end);
                slice(body, from, to)
            })
        };
        let model = self.model.as_ref().filter(|model| model.picks());
        let mut read = Sentences::default();
        let mut term = |kind| match model.filter(|_| chosen.contains(&kind)) {
            None => find(kind),
            Some(model) => {
                let range = self.pick(model, kind, seen, best, &mut read)?;
                let (from, to) = normal.span(range);
                slice(body, from, to)
            }
        };
        Terms {
            deliverable: term(TermKind::Deliverable),
            quantity: term(TermKind::Quantity),
            amount: term(TermKind::Amount),
            deadline: term(TermKind::Deadline),
        }
    }

    /// What the sender's own words name of each kind, whether they ask for work or not.
    pub fn terms_in(&self, body: &str) -> Terms {
        let seen = self.see(body, &own(body).words);
        // The model knows numbers and days of requests alone.
        self.copied(body, &seen, 0, &[TermKind::Deliverable])
    }

    /// The stretch that the model takes for the term.
    fn pick<'a>(
        &self,
        model: &Model,
        kind: TermKind,
        seen: &'a Seen,
        best: usize,
        read: &mut Sentences<'a>,
    ) -> Option<Range<usize>> {
        let (mut most, mut found, mut ruled) = (i32::MIN, None, false);
        for sentence in pick::around(kind, best, seen.sentences.len()) {
            let place = model.pick(&[pick::offset(kind, sentence, best)]);
            let Some(range) = seen.sentences.get(sentence) else { break };
            let sentence = &*read.0.entry(sentence).or_insert_with(|| Sentence::new(seen, range));
            let Some(bounds) = sentence.bounds(kind) else { continue };
            let shared = sentence.shared(kind, &bounds, |buckets| model.pick(buckets));
            ruled |= self.stretches(kind, sentence, &bounds, |stretch| {
                let score = shared.of(stretch) + model.pick(stretch.own) + place;
                if score > most {
                    (most, found) = (score, Some(stretch.range.clone()));
                }
            });
        }
        found.filter(|_| most > model.pick(&pick::none(kind, seen.sentences.len(), ruled)))
    }

    /// The byte range of the first term of this kind in a normalised sentence.
    fn term(&self, kind: TermKind, sentence: &str) -> Option<Range<usize>> {
        self.terms.iter().filter(|rule| rule.term == kind).find_map(|rule| rule.find(sentence))
    }
}

/// Sentences that were made ready for one term: the others look at the same.
#[derive(Default)]
struct Sentences<'a>(HashMap<usize, Sentence<'a>>);

/// Sentences around the request that are looked at for terms.
const SENTENCES_MAX: usize = 40;

/// The scalar values `from..to` of a body.
pub(crate) fn slice(body: &str, from: usize, to: usize) -> Option<String> {
    (from < to).then(|| body.chars().skip(from).take(to - from).collect())
}
