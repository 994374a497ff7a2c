//! Trains, sets the thresholds on what was held out, writes the model file, and scores by folds.

use std::fmt::Write as _;
use std::io::{self, BufRead};
use std::thread;

use crate::detect::corpus::{Labelled, Score};
use crate::detect::features::Kind;
use crate::detect::model::{HEAD, LABELS, LETTERS, Model, STEPS, Scale};
use crate::detect::pick::{self, Choice};
use crate::detect::rules::{RuleError, RuleSet};
use crate::detect::train::{Example, Options, Weights, learn};
use crate::domain::{Label, Tier};

/// Parts that are held out in turn.
const FOLDS: u64 = 5;
/// Runs with other orders of the same records; their weights are averaged.
const RUNS: u64 = 3;
/// Weights that add less than this to a score are left out.
const SMALL: f32 = 0.02;
/// Rows that a model file may have.
const ROWS_MAX: usize = 200_000;
const PICKS_A_LINE: usize = 12;
/// Steps of a weight for the choice of words in 1, and those that are left out.
const PICK_STEPS: f32 = 20.0;
const PICK_SMALL: i32 = 3;
/// Share of the certain ones that must be right on what was held out: 99 in 100, and a little more, since a threshold fits
/// what it was set on a little better than what comes.
const CERTAIN_RIGHT: f64 = 0.991;
/// Share of ordinary conversation in which a certain one may ring: one in 1,000, and less for the same reason. Near misses
/// that were written to be mistaken are held to the share above alone: nobody's day is made of them.
const CERTAIN_ORDINARY: f64 = 0.0007;

/// Labelled records with their features.
pub struct Corpus {
    records: Vec<Labelled>,
    examples: Vec<Example>,
    /// Names of the files, and how many records each has.
    about: Vec<(String, usize)>,
}

impl Corpus {
    /// An empty corpus.
    pub fn new() -> Self {
        Self { records: Vec::new(), examples: Vec::new(), about: Vec::new() }
    }

    /// Adds the records of one file, one JSON object a line.
    ///
    /// # Errors
    /// The reader fails, or a line is no labelled record.
    pub fn add(&mut self, rules: &RuleSet, name: &str, reader: impl BufRead) -> io::Result<()> {
        let before = self.records.len();
        for line in reader.lines() {
            let line = line?;
            if !line.trim().is_empty() {
                self.records.push(serde_json::from_str(&line)?);
            }
        }
        for (number, record) in self.records[before..].iter().enumerate() {
            self.examples.push(Example::new(rules, record, name, number));
        }
        self.about.push((name.to_owned(), self.records.len() - before));
        Ok(())
    }

    /// The text of a model file, learned from all records.
    pub fn fit(&self, rules: &RuleSet) -> String {
        let mut text = format!("{HEAD}\n# learned from {}\n", self.about().join(", "));
        let _ = writeln!(text, "# with the rules {}", rules.without_model());
        text + &fit(&self.examples, |_| true, RUNS)
    }

    /// Each fifth scored by a model that was learned, thresholds included, from the other four.
    ///
    /// # Errors
    /// Never, as far as the trainer writes what the reader reads.
    pub fn score_by_folds(&self, rules: &mut RuleSet) -> Result<Score, RuleError> {
        let mut score = Score::new(&format!("{} by {FOLDS} folds", rules.without_model()));
        self.by_folds(rules, |rules, file, record| score.add_of(rules, file, record))?;
        Ok(score)
    }

    fn about(&self) -> Vec<String> {
        self.about.iter().map(|(name, count)| format!("{name} {count}")).collect()
    }

    /// The file of each record.
    fn files(&self) -> impl Iterator<Item = &str> {
        self.about.iter().flat_map(|(name, count)| std::iter::repeat_n(name.as_str(), *count))
    }

    /// Shows each record, with its file, to a rule set whose model never saw its fifth.
    pub(crate) fn by_folds(
        &self,
        rules: &mut RuleSet,
        mut see: impl FnMut(&RuleSet, &str, &Labelled),
    ) -> Result<(), RuleError> {
        for fold in 0..FOLDS {
            let model = fit(&self.examples, |it| it.group % FOLDS != fold, RUNS);
            rules.model = Some(Model::parse(&format!("{HEAD}\n{model}"))?);
            let held = self.records.iter().zip(&self.examples).zip(self.files());
            for ((record, _), file) in held.filter(|((_, example), _)| example.group % FOLDS == fold) {
                see(rules, file, record);
            }
        }
        Ok(())
    }
}

impl Default for Corpus {
    fn default() -> Self {
        Self::new()
    }
}

fn fit(examples: &[Example], take: impl Fn(&Example) -> bool + Sync, runs: u64) -> String {
    let mut scales = [Scale::default(); LABELS];
    let mut learned: Vec<Vec<f32>> = Vec::new();
    let mut picks = Vec::new();
    let take = &take;
    // Each label is learned on its own: in parallel it comes to the same.
    let all: Vec<(Vec<Held>, Weights)> = thread::scope(|scope| {
        let one = |label| {
            let options = options(label);
            (held_out(examples, label, options, take), average(examples, label, options, take, runs))
        };
        let others = scope.spawn(move || (1..LABELS).map(one).collect::<Vec<_>>());
        let first = one(0);
        let others = others.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        std::iter::once(first).chain(others).collect()
    });
    for ((label, scale), (held, mean)) in scales.iter_mut().enumerate().zip(all) {
        if label == Label::NewRequest as usize {
            let taken = examples.iter().filter(|it| take(it));
            let choices: Vec<(&Choice, usize)> = taken
                .flat_map(|it| {
                    let best = mean.best(it).1;
                    it.choices.iter().map(move |choice| (choice, best))
                })
                .collect();
            picks = pick::learn(&choices);
        }
        let most = mean.weight.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
        scale.unit = (most / f32::from(STEPS)).max(1e-9);
        scale.bias = mean.bias;
        (scale.ask, scale.certain) = thresholds(&held, label == Label::NewRequest as usize);
        (scale.slope, scale.shift) = calibrate(&held);
        learned.push(mean.weight);
    }
    write(&scales, &learned, Options::default()) + &write_picks(&picks)
}

/// One record in thirty has a label other than `new_request`: it counts for more.
fn options(label: usize) -> Options {
    let request = label == Label::NewRequest as usize;
    Options { positive: if request { 1.0 } else { 2.0 }, ..Options::default() }
}

fn average(
    examples: &[Example],
    label: usize,
    options: Options,
    take: &(impl Fn(&Example) -> bool + Sync),
    runs: u64,
) -> Weights {
    let mut mean: Option<Weights> = None;
    for seed in 1..=runs {
        let one = learn(examples, label, Options { seed, ..options }, take);
        mean = Some(match mean {
            None => one,
            Some(mut sum) => {
                sum.bias += one.bias;
                sum.weight.iter_mut().zip(&one.weight).for_each(|(sum, it)| *sum += it);
                sum
            }
        });
    }
    let mut mean = mean.unwrap_or_else(|| learn(examples, label, options, |_| false));
    let share = 1.0 / runs.max(1) as f32;
    mean.bias *= share;
    mean.weight.iter_mut().for_each(|it| *it *= share);
    mean
}

/// A record that was scored without having been learned from.
#[derive(Clone, Copy)]
struct Held {
    score: f32,
    truth: bool,
    ordinary: bool,
    may_be_certain: bool,
}

fn held_out(
    examples: &[Example],
    label: usize,
    options: Options,
    take: &(impl Fn(&Example) -> bool + Sync),
) -> Vec<Held> {
    let mut held = Vec::new();
    for fold in 0..FOLDS {
        // Another division than that of `score_by_folds`, or one of these would be empty there.
        let part = |it: &Example| (it.group >> 20) % FOLDS;
        let weights = learn(examples, label, options, |it| take(it) && part(it) != fold);
        for it in examples.iter().filter(|it| take(it) && part(it) == fold) {
            let blocked = it.blocked[label];
            held.push(Held {
                score: if blocked { f32::NEG_INFINITY } else { weights.best(it).0 },
                truth: it.truth[label],
                ordinary: it.ordinary,
                may_be_certain: it.cap == Tier::Certain,
            });
        }
    }
    held.sort_by(|one, other| other.score.total_cmp(&one.score));
    held
}

/// From which score on the label is set (best F1), and from which it is certain.
#[expect(clippy::cast_precision_loss, reason = "counts of a corpus")]
fn thresholds(held: &[Held], tiers: bool) -> (f32, f32) {
    let all = held.iter().filter(|it| it.truth).count();
    let (mut best, mut ask) = (0.0, 0.0);
    let (mut right, mut said) = (0, 0);
    for (at, it) in held.iter().enumerate().filter(|(_, it)| it.score.is_finite()) {
        right += usize::from(it.truth);
        said += 1;
        let f1 = 2.0 * right as f64 / (said + all).max(1) as f64;
        let next = held.get(at + 1).map_or(it.score, |next| next.score.max(it.score - 0.5));
        if f1 > best {
            (best, ask) = (f1, f32::midpoint(it.score, next).clamp(-3.0, 1.5));
        }
    }
    if !tiers {
        return (ask, ask);
    }
    let ordinary = held.iter().filter(|it| it.ordinary).count() as f64;
    let (mut right, mut wrong, mut rung) = (0.0, 0.0, 0.0);
    let mut certain = held.first().map_or(9.0, |it| it.score + 1.0);
    for it in held.iter().filter(|it| it.score.is_finite() && it.may_be_certain) {
        if it.truth {
            right += 1.0;
        } else {
            wrong += 1.0;
            rung += f64::from(u8::from(it.ordinary));
        }
        if right / (right + wrong) >= CERTAIN_RIGHT && rung <= ordinary * CERTAIN_ORDINARY {
            certain = it.score;
        }
    }
    (ask, certain.max(ask))
}

/// Slope and shift under which scores are likelihoods (Platt).
fn calibrate(held: &[Held]) -> (f32, f32) {
    let (mut slope, mut shift) = (1.0_f64, 0.0_f64);
    let points: Vec<(f64, f64)> = held
        .iter()
        .filter(|it| it.score.is_finite())
        .map(|it| (f64::from(it.score), f64::from(u8::from(it.truth))))
        .collect();
    for _ in 0..50 {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-6, 0.0, 1e-6);
        for (score, truth) in &points {
            let likely = 1.0 / (1.0 + (-(slope * score + shift)).exp());
            let (off, spread) = (likely - truth, likely * (1.0 - likely));
            g0 += off * score;
            g1 += off;
            h00 += spread * score * score;
            h01 += spread * score;
            h11 += spread;
        }
        let det = h00 * h11 - h01 * h01;
        if det.abs() < 1e-12 {
            break;
        }
        // Small steps: few records of a rare label lie near the border.
        slope = (slope - ((h11 * g0 - h01 * g1) / det).clamp(-0.2, 0.2)).clamp(0.3, 3.0);
        shift = (shift - ((h00 * g1 - h01 * g0) / det).clamp(-0.2, 0.2)).clamp(-5.0, 5.0);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a few digits are enough")]
    if slope.is_finite() && shift.is_finite() && slope > 0.0 {
        (slope as f32, shift as f32)
    } else {
        (1.0, 0.0)
    }
}

fn write(scales: &[Scale; LABELS], learned: &[Vec<f32>], options: Options) -> String {
    let mut text = String::from("kinds");
    options.scale.iter().for_each(|it| {
        let _ = write!(text, " {it}");
    });
    text.push('\n');
    for (label, it) in Label::ALL.into_iter().zip(scales) {
        let Scale { unit, bias, ask, certain, slope, shift } = it;
        let _ = writeln!(
            text,
            "label {} {unit:e} {bias:.4} {ask:.4} {certain:.4} {slope:.4} {shift:.4}",
            label.as_str()
        );
    }
    let mut rows: Vec<(f32, usize)> = (0..learned[0].len())
        .map(|bucket| (learned.iter().fold(0.0_f32, |most, it| most.max(it[bucket].abs())), bucket))
        .filter(|(most, _)| *most >= SMALL)
        .collect();
    rows.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    rows.truncate(ROWS_MAX);
    rows.sort_by_key(|(_, bucket)| *bucket);
    let mut last = 0;
    for (_, bucket) in rows {
        let mut row = base36(bucket - last);
        let ahead = row.len();
        for ((weights, scale), letter) in learned.iter().zip(scales).zip(LETTERS) {
            #[expect(clippy::cast_possible_truncation, reason = "at most 127 by the choice of the unit")]
            let steps = (weights[bucket] / scale.unit).round() as i8;
            if weights[bucket].abs() >= SMALL && steps != 0 {
                let _ = write!(row, " {letter}{steps}");
            }
        }
        if row.len() > ahead {
            text += &row;
            text.push('\n');
            last = bucket;
        }
    }
    text
}

/// The weights for the choice of words.
fn write_picks(picks: &[f32]) -> String {
    let mut text = String::new();
    let (mut count, mut last) = (0, 0);
    for (bucket, weight) in picks.iter().enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let steps = (weight * PICK_STEPS).round().clamp(-f32::from(STEPS), f32::from(STEPS)) as i32;
        if steps.abs() >= PICK_SMALL {
            text += if count % PICKS_A_LINE == 0 { "pick" } else { "" };
            let _ = write!(text, " {}{steps:+}", base36(bucket - last));
            last = bucket;
            count += 1;
            text += if count % PICKS_A_LINE == 0 { "\n" } else { "" };
        }
    }
    if count % PICKS_A_LINE != 0 {
        text.push('\n');
    }
    text
}

fn base36(mut number: usize) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(DIGITS[number % 36]));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

const _: () = assert!(Kind::COUNT == 8, "the file has one value for each kind");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_is_where_few_are_wrong_and_ordinary_conversation_rings_once_in_a_thousand() {
        let one = |score, truth, ordinary| Held { score, truth, ordinary, may_be_certain: true };
        // A thousand requests, one of which each score has, and what is none among them.
        let held = |nones: &[Held]| {
            let mut held: Vec<Held> = (0..1000_u16).map(|at| one(f32::from(at), true, false)).collect();
            held.extend_from_slice(nones);
            held.extend((0..3000).map(|_| one(-5.0, false, true)));
            held.sort_by(|one, other| other.score.total_cmp(&one.score));
            thresholds(&held, true).1
        };
        let near_miss = |score| one(score, false, false);
        assert!(held(&[]) <= 0.0, "nothing is wrong");
        // Of the first hundred one is wrong, of all that follow too.
        let wrong: Vec<Held> = (0..20_u16).map(|at| near_miss(990.5 - f32::from(at) * 50.0)).collect();
        assert!(held(&wrong) > 800.0);
        assert!(
            held(&[near_miss(500.5), near_miss(400.5), near_miss(300.5)]) <= 0.0,
            "99.7 in 100 are right"
        );
        let ordinary = |score| one(score, false, true);
        // Two of 3,003 may ring, the third may not.
        assert_eq!(held(&[ordinary(700.5), ordinary(500.5), ordinary(300.5)]), 301.0);
    }
}
