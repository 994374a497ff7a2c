//! Why a label was set: the rules with their words, and the words that carried the model's decision.

use crate::detect::condition::Place;
use crate::detect::features::{Kind, grams, step};
use crate::detect::model::{WORDS, WORDS_REASON};
use crate::detect::read::Seen;
use crate::detect::rules::{CompiledVerdict, RuleSet};
use crate::detect::schema::Scope;
use crate::detect::table::TableRule;
use crate::detect::terms::slice;
use crate::detect::tuning;
use crate::domain::{Label, Reason};

/// Reasons that one label gives, at most about so many.
const REASONS_MAX: usize = 40;
/// A mark is named as a reason of the model's when it adds at least so much.
const TELLS: f32 = 0.15;

/// What a reason says that no rule file names.
pub(crate) fn of_program(id: &str) -> Option<&'static str> {
    [
        (WORDS, WORDS_REASON),
        (tuning::PHRASE, tuning::PHRASE_REASON),
        (tuning::THRESHOLD, tuning::THRESHOLD_REASON),
    ]
    .into_iter()
    .find_map(|(it, says)| (it == id).then_some(says))
}

/// A reason with its words, from scalar values of the body.
pub(crate) fn reason(body: &str, label: Label, rule: &str, from: usize, to: usize) -> Reason {
    Reason {
        label,
        rule: rule.to_owned(),
        text: slice(body, from, to).unwrap_or_default(),
        start: from,
        end: to,
    }
}

impl RuleSet {
    /// The rule that fired, if any, with its words, and what the model went by in the sentence `at`.
    pub(crate) fn explain_label(
        &self,
        body: &str,
        seen: &Seen,
        label: Label,
        at: usize,
        ruled: Option<(&CompiledVerdict, usize)>,
        out: &mut Vec<Reason>,
    ) {
        let reason = |rule: &str, from: usize, to: usize| reason(body, label, rule, from, to);
        if let Some((verdict, at)) = ruled {
            let found = self.verdict_words(seen, verdict, at);
            let from = found.iter().map(|(_, from, _)| *from).min().unwrap_or(0);
            let to = found.iter().map(|(_, _, to)| *to).max().unwrap_or(0);
            out.push(reason(&verdict.id, from, to));
            out.extend(found.into_iter().map(|(rule, from, to)| reason(rule, from, to)));
        }
        let (Some(model), Some(sentence)) = (&self.model, seen.sentences.get(at)) else { return };
        let adds = |kind, bucket| model.weight(kind, bucket, label as usize);
        let base = sentence.start;
        if ruled.is_none() {
            let tells = |rule: &TableRule| {
                rule.gives.filter(|mark| seen.bits[at].has(*mark)).is_some_and(|mark| {
                    let name = self.hashes[usize::from(mark)];
                    adds(Kind::Mark, Kind::Mark.bucket(step(name, Place::Here as u64))) >= TELLS
                })
            };
            self.marks.matches_of(&seen.masked[at], tells, |rule, hit| {
                if let Some(words) = hit.range(&seen.masked[at]) {
                    let (from, to) = seen.normal.span(base + words.start..base + words.end);
                    out.push(reason(&rule.id, from, to));
                }
            });
        }
        // The stretch of letters that adds most.
        let words = &seen.normal.text[sentence.clone()];
        let mut each = vec![0.0_f32; words.len()];
        grams(words, |bucket, range| {
            let weight = adds(Kind::Gram, bucket);
            let share = weight / range.len().max(1) as f32;
            each[range].iter_mut().for_each(|it| *it += share);
        });
        let (mut best, mut sum, mut start) = ((0.0, 0..0), 0.0, 0);
        for (at, it) in each.iter().enumerate() {
            if sum <= 0.0 {
                (sum, start) = (0.0, at);
            }
            sum += it;
            if sum > best.0 {
                best = (sum, start..at + 1);
            }
        }
        if best.0 > 0.0 || ruled.is_none() {
            let (from, to) = seen.normal.span(base + best.1.start..base + best.1.end);
            out.push(reason(WORDS, from, to));
        }
    }

    /// Each rule that a verdict rests on, with the span of its own words.
    fn verdict_words<'r>(
        &'r self,
        seen: &Seen,
        verdict: &CompiledVerdict,
        at: usize,
    ) -> Vec<(&'r str, usize, usize)> {
        let mut found: Vec<(&str, usize, usize)> = Vec::new();
        let wanted = |mark: u16, place: Place| {
            verdict.when.all.iter().flatten().any(|atom| atom.mark == mark && atom.place == place)
        };
        for (index, sentence) in seen.masked.iter().enumerate() {
            let here = index == at || verdict.scope == Scope::Message;
            let near = here || index.abs_diff(at) == 1;
            let counts = |mark: u16| {
                (here && wanted(mark, Place::Here))
                    || (near && wanted(mark, Place::Near))
                    || wanted(mark, Place::Message)
            };
            if found.len() >= REASONS_MAX || !seen.bits[index].marks().any(counts) {
                continue;
            }
            let carries =
                |rule: &TableRule| rule.gives.is_some_and(|mark| seen.bits[index].has(mark) && counts(mark));
            self.marks.matches_of(sentence, carries, |rule, hit| {
                if let Some(words) = hit.range(sentence) {
                    let base = seen.sentences[index].start;
                    let (from, to) = seen.normal.span(base + words.start..base + words.end);
                    found.push((&rule.id, from, to));
                }
            });
        }
        found
    }
}
