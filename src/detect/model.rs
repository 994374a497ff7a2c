//! The linear model: weights from a file, sums over features, and what a sum means for each label.
//!
//! Weights are whole numbers and are added up as such, so that every machine comes to the same sum.

use crate::detect::features::{BITS, Kind};
use crate::detect::pick;
use crate::detect::rules::RuleError;
use crate::detect::sparse::Sparse;
use crate::domain::Label;

pub(crate) const LABELS: usize = Label::ALL.len();
/// The name of the model's file among the rule files.
pub(crate) const FILE: &str = "model.txt";
/// The id under which the model gives its reasons.
pub(crate) const WORDS: &str = "model.words";
pub(crate) const WORDS_REASON: &str = "これまでの文例から学習した言い回し";
pub(crate) const HEAD: &str = "karibarai-model 2";
/// Weights are so many steps at most, either way.
pub(crate) const STEPS: i8 = i8::MAX;
/// Label by label, the letters before its weights.
pub(crate) const LETTERS: [char; LABELS] = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

/// What a label's sums mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Scale {
    /// Value of a weight of 1.
    pub(crate) unit: f32,
    pub(crate) bias: f32,
    /// The label is set from this score on.
    pub(crate) ask: f32,
    /// `new_request` is certain from this score on.
    pub(crate) certain: f32,
    /// Confidence is `1 / (1 + exp(-(slope * score + shift)))`.
    pub(crate) slope: f32,
    pub(crate) shift: f32,
}

/// The weights, ready to be added up.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) scales: [Scale; LABELS],
    /// Value of a feature of each kind.
    kinds: [f32; Kind::COUNT],
    rows: Sparse<[i8; WIDTH]>,
    /// Weights by which the words of the terms are chosen; none in a model that does not choose them.
    picks: Sparse<i8>,
}

/// Labels, and what makes a row a machine word.
const WIDTH: usize = LABELS.next_power_of_two();

/// Sums of weights, by kind of feature.
pub(crate) type Sums = [[i32; WIDTH]; Kind::COUNT];

impl Model {
    /// Reads a model file.
    pub(crate) fn parse(text: &str) -> Result<Self, RuleError> {
        let bad = |line: usize| RuleError::Model { line: line + 1 };
        let mut lines = text.lines().enumerate();
        if lines.next().is_none_or(|(_, line)| line != HEAD) {
            return Err(bad(0));
        }
        let mut model = Self {
            scales: [Scale::default(); LABELS],
            kinds: [0.0; Kind::COUNT],
            rows: Sparse::new(BITS, Vec::new()),
            picks: Sparse::new(pick::BITS, Vec::new()),
        };
        let (mut rows, mut picks) = (Vec::new(), Vec::new());
        let (mut last, mut last_pick) = (0, 0);
        for (number, line) in lines {
            let (head, rest) = line.split_once(' ').ok_or_else(|| bad(number))?;
            match head {
                "#" => {}
                "kinds" => numbers(rest, &mut model.kinds).ok_or_else(|| bad(number))?,
                "label" => model.label(rest).ok_or_else(|| bad(number))?,
                "pick" => pick_row(rest, &mut last_pick, &mut picks).ok_or_else(|| bad(number))?,
                ahead => {
                    rows.push(row(ahead, rest, &mut last).ok_or_else(|| bad(number))?);
                }
            }
        }
        model.rows = Sparse::new(BITS, rows);
        model.picks = Sparse::new(pick::BITS, picks);
        Ok(model)
    }

    fn label(&mut self, line: &str) -> Option<()> {
        let (name, values) = line.split_once(' ')?;
        let label = Label::ALL.into_iter().find(|label| label.as_str() == name)?;
        let mut it = [0.0; 6];
        numbers(values, &mut it)?;
        let [unit, bias, ask, certain, slope, shift] = it;
        self.scales[label as usize] = Scale { unit, bias, ask, certain, slope, shift };
        Some(())
    }

    /// Whether this model chooses the words of the terms.
    pub(crate) fn picks(&self) -> bool {
        !self.picks.is_empty()
    }

    /// The sum for a stretch of words.
    pub(crate) fn pick(&self, buckets: &[u32]) -> i32 {
        buckets.iter().map(|at| i32::from(*self.picks.get(*at))).sum()
    }

    #[inline]
    pub(crate) fn add(&self, sums: &mut Sums, kind: Kind, bucket: u32) {
        for (sum, weight) in sums[kind as usize].iter_mut().zip(self.rows.get(bucket)) {
            // No body has the millions of features in a sentence that it takes to come round.
            *sum = sum.wrapping_add(i32::from(*weight));
        }
    }

    /// The score that sums come to, for one label.
    #[expect(
        clippy::cast_precision_loss,
        reason = "sums are far below 2^24 steps of a weight's unit that matter"
    )]
    pub(crate) fn score(&self, sums: &Sums, label: usize) -> f32 {
        let scale = &self.scales[label];
        let sum: f32 = sums.iter().zip(self.kinds).map(|(sums, kind)| sums[label] as f32 * kind).sum();
        sum * scale.unit + scale.bias
    }

    /// What one feature adds to the score of a label.
    pub(crate) fn weight(&self, kind: Kind, bucket: u32, label: usize) -> f32 {
        let weight = self.rows.get(bucket)[label];
        f32::from(weight) * self.kinds[kind as usize] * self.scales[label].unit
    }

    /// 0 to 1.
    pub(crate) fn confidence(&self, label: usize, score: f32) -> f64 {
        let scale = &self.scales[label];
        let likely = 1.0 / (1.0 + f64::from(-(scale.slope * score + scale.shift)).exp());
        (likely * 1000.0).round() / 1000.0
    }
}

/// A line of weights: how far the bucket lies ahead of the last, in base 36, and the weight of each label that has one.
fn row(ahead: &str, weights: &str, last: &mut u32) -> Option<(u32, [i8; WIDTH])> {
    let bucket = bucket(ahead, last, BITS)?;
    let mut row = [0; WIDTH];
    for weight in weights.split(' ') {
        let (label, weight) = weight.split_at_checked(1)?;
        let label = LETTERS.iter().position(|it| label.starts_with(*it))?;
        row[label] = weight.parse().ok()?;
    }
    Some((bucket, row))
}

/// Bucket and weight of many, in one line; the weight has its sign.
fn pick_row(pairs: &str, last: &mut u32, picks: &mut Vec<(u32, i8)>) -> Option<()> {
    for pair in pairs.split(' ') {
        let (ahead, weight) = pair.split_at_checked(pair.find(['+', '-'])?)?;
        picks.push((bucket(ahead, last, pick::BITS)?, weight.parse().ok()?));
    }
    Some(())
}

/// The bucket that lies so far ahead of the last.
fn bucket(ahead: &str, last: &mut u32, bits: u32) -> Option<u32> {
    let ahead = u32::from_str_radix(ahead, 36).ok()?;
    *last = last.checked_add(ahead).filter(|it| it >> bits == 0)?;
    Some(*last)
}

fn numbers(text: &str, into: &mut [f32]) -> Option<()> {
    let mut words = text.split(' ');
    for slot in into {
        *slot = words.next()?.parse().ok().filter(|it: &f32| it.is_finite())?;
    }
    words.next().is_none().then_some(())
}

/// Scores each sentence as its features come, and keeps the best of each label.
pub(crate) struct Scorer<'m> {
    model: &'m Model,
    shared: Sums,
    here: Sums,
    at: Option<usize>,
    best: [(f32, usize); LABELS],
}

impl<'m> Scorer<'m> {
    pub(crate) fn new(model: &'m Model) -> Self {
        let empty = [[0; WIDTH]; Kind::COUNT];
        Self { model, shared: empty, here: empty, at: None, best: [(f32::NEG_INFINITY, 0); LABELS] }
    }

    /// Takes one feature of a sentence, or one that all sentences share; those come first.
    #[inline]
    pub(crate) fn see(&mut self, at: Option<usize>, kind: Kind, bucket: u32) {
        let Some(sentence) = at else { return self.model.add(&mut self.shared, kind, bucket) };
        if self.at != Some(sentence) {
            self.close();
            self.at = at;
            self.here = self.shared;
        }
        self.model.add(&mut self.here, kind, bucket);
    }

    fn close(&mut self) {
        let Some(at) = self.at else { return };
        for (label, best) in self.best.iter_mut().enumerate() {
            let score = self.model.score(&self.here, label);
            if score > best.0 {
                *best = (score, at);
            }
        }
    }

    /// Of each label the best score and its sentence.
    pub(crate) fn finish(mut self) -> [(f32, usize); LABELS] {
        self.close();
        self.best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_file_is_read_or_refused_by_line() {
        let kinds = "kinds 1 1 1 1 1 1 1 1";
        let good = format!(
            "{HEAD}\n# about\n{kinds}\nlabel new_request 0.5 -1 0 2 1 0\na a4 g-2\n1 a8\npick 0+3 2-5\n"
        );
        let model = Model::parse(&good).expect("a model");
        let mut sums = [[0; WIDTH]; Kind::COUNT];
        model.add(&mut sums, Kind::Gram, 10);
        model.add(&mut sums, Kind::Gram, 12);
        assert!((model.score(&sums, 0) - 1.0).abs() < 1e-6);
        model.add(&mut sums, Kind::Gram, 11);
        assert!((model.score(&sums, 0) - 5.0).abs() < 1e-6, "the second row is one bucket ahead");
        assert_eq!((model.pick(&[0, 2]), model.pick(&[1])), (-2, 0));
        assert!(model.confidence(0, 0.0) > 0.49 && model.confidence(0, 9.0) > 0.99);
        for (line, text) in [
            (1, "karibarai-model 1".to_owned()),
            (2, format!("{HEAD}\nkinds 1")),
            (2, format!("{HEAD}\nlabel nothing 1 1 1 1 1 1")),
            (2, format!("{HEAD}\nzzzzzz a1")),
            (3, format!("{HEAD}\nmh33 a1\n1 a1")),
            (2, format!("{HEAD}\na h1")),
            (2, format!("{HEAD}\na あ1")),
            (2, format!("{HEAD}\na a128")),
            (2, format!("{HEAD}\npick 1:1")),
            (2, format!("{HEAD}\npick 1+200")),
            (3, format!("{HEAD}\n{kinds}\nlabel new_request 1 1 1 1 1 NaN")),
        ] {
            let refusal = Model::parse(&text).expect_err(&text);
            assert!(refusal.to_string().contains(&format!("line {line}")), "{refusal}: {text}");
        }
    }
}
