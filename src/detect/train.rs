//! Makes the weights of the linear model from labelled records, always the same from the same records.

use unicode_normalization::UnicodeNormalization as _;

use crate::detect::corpus::Labelled;
use crate::detect::features::{BITS, Kind, name_hash};
use crate::detect::model::LABELS;
use crate::detect::pick::Choice;
use crate::detect::read::{Heard, Reading, Seen};
use crate::detect::rules::RuleSet;
use crate::detect::schema::TermKind;
use crate::detect::stretch::Sentence;
use crate::detect::terms::slice;
use crate::domain::{Label, Terms, Tier};

const KINDS: usize = Kind::COUNT;
const BUCKETS: usize = 1 << BITS;
/// Neighbouring records of a corpus without groups belong together.
const BLOCK: usize = 8;

/// One record as the trainer sees it.
pub(crate) struct Example {
    pub(crate) group: u64,
    pub(crate) truth: [bool; LABELS],
    pub(crate) blocked: [bool; LABELS],
    pub(crate) cap: Tier,
    /// Of conversation that asks for nothing, as it comes.
    pub(crate) ordinary: bool,
    /// Of a request the stretches that may be one of its terms.
    pub(crate) choices: Vec<Choice>,
    sentences: Vec<Vec<(u8, u32)>>,
}

/// How hard to learn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) alpha: f32,
    pub(crate) l1: f32,
    pub(crate) l2: f32,
    pub(crate) epochs: usize,
    /// Value of a feature of each [`Kind`].
    pub(crate) scale: [f32; KINDS],
    pub(crate) positive: f32,
    pub(crate) seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            alpha: 0.3,
            l1: 0.5,
            l2: 1.0,
            epochs: 12,
            scale: [0.8, 1.0, 0.5, 0.5, 2.0, 0.5, 0.2, 0.2],
            positive: 1.0,
            seed: 1,
        }
    }
}

impl Example {
    /// The features of a record, `number` within the file `name`.
    pub(crate) fn new(rules: &RuleSet, it: &Labelled, name: &str, number: usize) -> Self {
        let mut reading = Reading::new();
        let (mut shared, mut sentences) = (Vec::new(), Vec::<Vec<(u8, u32)>>::new());
        let (input, mut heard) = (it.record.input(), Heard::default());
        let seen = rules.walk(&input, &mut heard, &mut reading, |at, kind: Kind, bucket| match at {
            None => shared.push((kind as u8, bucket)),
            Some(at) => {
                if sentences.len() <= at {
                    sentences.push(shared.clone());
                }
                sentences[at].push((kind as u8, bucket));
            }
        });
        let group = match &it.group {
            Some(group) => name_hash(group),
            None => name_hash(&format!("{name}:{}", number / BLOCK)),
        };
        Self {
            group,
            truth: Label::ALL.map(|label| it.labels.get(label)),
            blocked: reading.blocked,
            cap: reading.cap,
            ordinary: it.is_ordinary(name),
            choices: match it.labels.new_request {
                true => TermKind::ALL.map(|kind| choice(rules, it, &seen, kind)).into(),
                false => Vec::new(),
            },
            sentences,
        }
    }
}

fn choice(rules: &RuleSet, it: &Labelled, seen: &Seen, kind: TermKind) -> Choice {
    let fold = |text: &str| text.nfkc().collect::<String>();
    let Terms { deliverable, quantity, amount, deadline } = &it.terms;
    let truth = match kind {
        TermKind::Deliverable => deliverable,
        TermKind::Quantity => quantity,
        TermKind::Amount => amount,
        TermKind::Deadline => deadline,
    };
    let truth = truth.as_deref().map(fold);
    let body = it.record.input().body;
    let (mut stretches, mut ruled) = (Vec::new(), false);
    for (sentence, place) in seen.sentences.iter().enumerate() {
        let read = Sentence::new(seen, place);
        let Some(bounds) = read.bounds(kind) else { continue };
        ruled |= rules.stretches(kind, &read, &bounds, |stretch| {
            let (from, to) = seen.normal.span(stretch.range.clone());
            let words = truth.as_ref().and_then(|_| slice(body, from, to));
            let right = words.is_some_and(|words| truth.as_deref() == Some(fold(&words).as_str()));
            stretches.push((sentence, right, read.features(kind, stretch)));
        });
    }
    let known = truth.is_none() || stretches.iter().any(|(_, right, _)| *right);
    Choice { kind, stretches, ruled, sentences: seen.sentences.len(), known }
}

/// Weights of one label.
pub(crate) struct Weights {
    pub(crate) bias: f32,
    pub(crate) weight: Vec<f32>,
    scale: [f32; KINDS],
}

impl Weights {
    fn sentence(&self, features: &[(u8, u32)]) -> f32 {
        features.iter().fold(self.bias, |sum, (kind, at)| {
            self.weight[*at as usize].mul_add(self.scale[usize::from(*kind)], sum)
        })
    }

    /// The score of the best sentence, and which it is.
    pub(crate) fn best(&self, example: &Example) -> (f32, usize) {
        let mut best = (f32::NEG_INFINITY, 0);
        for (at, features) in example.sentences.iter().enumerate() {
            let score = self.sentence(features);
            if score > best.0 {
                best = (score, at);
            }
        }
        best
    }
}

/// Follow-the-regularised-leader: few weights, and none from a feature that was seen once.
struct Learner {
    z: Vec<f32>,
    n: Vec<f32>,
    weights: Weights,
    options: Options,
}

impl Learner {
    fn new(options: Options) -> Self {
        let weights = Weights { bias: 0.0, weight: vec![0.0; BUCKETS], scale: options.scale };
        Self { z: vec![0.0; BUCKETS + 1], n: vec![0.0; BUCKETS + 1], weights, options }
    }

    fn solve(&self, at: usize, l1: f32) -> f32 {
        let (z, n) = (self.z[at], self.n[at]);
        if z.abs() <= l1 {
            return 0.0;
        }
        -(z - l1.copysign(z)) / ((1.0 + n.sqrt()) / self.options.alpha + self.options.l2)
    }

    fn nudge(&mut self, at: usize, weight: f32, gradient: f32) {
        let before = self.n[at];
        let after = gradient.mul_add(gradient, before);
        let sigma = (after.sqrt() - before.sqrt()) / self.options.alpha;
        self.z[at] += gradient - sigma * weight;
        self.n[at] = after;
    }

    fn learn(&mut self, features: &[(u8, u32)], truth: bool, importance: f32) {
        let score = self.weights.sentence(features);
        let gradient = (squash(score) - f32::from(u8::from(truth))) * importance;
        if gradient.abs() < 1e-4 {
            return;
        }
        for (kind, at) in features {
            let at = *at as usize;
            self.nudge(at, self.weights.weight[at], gradient * self.options.scale[usize::from(*kind)]);
        }
        for (_, at) in features {
            let at = *at as usize;
            self.weights.weight[at] = self.solve(at, self.options.l1);
        }
        self.nudge(BUCKETS, self.weights.bias, gradient);
        self.weights.bias = self.solve(BUCKETS, 0.0);
    }
}

fn squash(score: f32) -> f32 {
    1.0 / (1.0 + (-score).exp())
}

/// Learns one label from the examples that `take` chooses.
pub(crate) fn learn(
    examples: &[Example],
    label: usize,
    options: Options,
    take: impl Fn(&Example) -> bool,
) -> Weights {
    let mut order: Vec<usize> = (0..examples.len())
        .filter(|at| {
            take(&examples[*at]) && !examples[*at].blocked[label] && !examples[*at].sentences.is_empty()
        })
        .collect();
    let mut learner = Learner::new(options);
    let mut dice = options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for epoch in 0..options.epochs {
        for at in (1..order.len()).rev() {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            order.swap(at, (dice % (at as u64 + 1)) as usize);
        }
        for at in &order {
            let example = &examples[*at];
            let truth = example.truth[label];
            let importance = if truth { options.positive } else { 1.0 };
            let count = example.sentences.len();
            if truth && epoch == 0 && count > 1 {
                let share = importance / count as f32;
                example.sentences.iter().for_each(|it| learner.learn(it, truth, share));
            } else if truth {
                let (_, best) = learner.weights.best(example);
                learner.learn(&example.sentences[best], truth, importance);
            } else {
                // None of the sentences asks.
                example.sentences.iter().for_each(|it| learner.learn(it, truth, importance));
            }
        }
    }
    learner.weights
}
