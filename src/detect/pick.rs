//! The words of each term: of all stretches of a few sentences a small linear model takes one, or none.

use std::ops::Range;

use crate::detect::features::step;
use crate::detect::schema::TermKind;

/// Weights are kept in so many buckets (as a power of two).
pub(crate) const BITS: u32 = 20;

impl TermKind {
    /// Sentences before and behind the request's own.
    fn reach(self) -> (usize, usize) {
        match self {
            Self::Deliverable => (2, 2),
            Self::Quantity | Self::Amount | Self::Deadline => (3, 6),
        }
    }

    fn bucket(self, hash: u64) -> u32 {
        self.of(bucket(hash))
    }

    /// Each kind has weights of its own.
    pub(crate) fn of(self, bucket: u32) -> u32 {
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

/// The bucket of a feature, the same for each kind until [`TermKind::of`] tells them apart.
pub(crate) fn bucket(hash: u64) -> u32 {
    let mixed = (hash ^ hash >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    u32::try_from(mixed >> (64 - BITS)).unwrap_or(0)
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

/// A feature that was met in fewer messages has no weight: there are many of them, and they find no term more.
const MET_LEAST: u32 = 16;
/// Steps of the learner: rate, passes over the corpus, pull towards zero.
const RATE: f32 = 0.05;
const PASSES: usize = 25;
const PULL: f32 = 1e-4;

/// Learns to tell the one stretch (or none) from the others; `best` is the request's sentence of each.
pub(crate) fn learn(choices: &[(&Choice, usize)]) -> Vec<f32> {
    let mut weights = vec![0.0_f32; 1 << BITS];
    let mut spread = vec![1e-3_f32; 1 << BITS];
    let mut sum = vec![0.0_f32; 1 << BITS];
    let rare = rare(choices);
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
                for at in features.iter().chain(place).filter(|at| !rare[**at as usize]) {
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

/// Which features of stretches are too rare to learn from.
fn rare(choices: &[(&Choice, usize)]) -> Vec<bool> {
    // How often each was met, and in which message last.
    let mut met = vec![(0_u32, usize::MAX); 1 << BITS];
    for (number, (choice, _)) in choices.iter().enumerate() {
        for at in choice.stretches.iter().flat_map(|(.., features)| features) {
            let (count, last) = &mut met[*at as usize];
            if *last != number {
                (*count, *last) = (*count + 1, number);
            }
        }
    }
    met.into_iter().map(|(count, _)| (1..MET_LEAST).contains(&count)).collect()
}
