//! Corpus records in and out, one JSON object a line, and the score of a rule set against labels.

use std::fmt::{self, Display, Formatter};
use std::io::{self, BufRead};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use crate::detect::rules::RuleSet;
use crate::detect::tally::Tally;
use crate::domain::{
    AccountId, ContextMessage, Label, Labels, Reason, Role, RoomType, SignalInput, Terms, Tier, UtcMillis,
};

/// Longest line that is read, in bytes: seven bodies of the greatest length, with every letter escaped.
pub const LINE_MAX: u64 = 16 << 20;

#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    #[serde(default)]
    pub(crate) id: Value,
    #[serde(default, deserialize_with = "or_default")]
    room_type: RoomType,
    sender_role: Role,
    body: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) context: Vec<ContextMessage>,
    /// The worker's accounts, where the record knows them.
    #[serde(default, deserialize_with = "or_default")]
    workers: Vec<AccountId>,
    /// What the worker is called there, where the record knows it.
    #[serde(default, deserialize_with = "or_default")]
    worker_names: Vec<String>,
    /// When it was written, in whole seconds as Chatwork sends them; nothing decides by it.
    #[serde(default)]
    send_time: Value,
}

/// What is `null` is as if it were missing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A record of a corpus, with the answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Labelled {
    #[serde(flatten)]
    pub(crate) record: Record,
    pub(crate) labels: Labels,
    #[serde(default)]
    pub(crate) terms: Terms,
    /// The conversation or minimal pair that it belongs to.
    #[serde(default)]
    pub(crate) group: Option<String>,
}

impl Labelled {
    /// Whether it is of ordinary conversation, by the name of its file: of whole talks, or written as such, without a label;
    /// what the worker writes can ring nothing. `more_ordinary` is not: it was written to look like requests.
    pub(crate) fn is_ordinary(&self, file: &str) -> bool {
        let theirs = self.record.sender_role != Role::Worker;
        (file.starts_with("ordinary") || file.starts_with("talk")) && theirs && !self.labels.any()
    }
}

#[derive(Serialize)]
struct Answer<'a, R> {
    id: &'a Value,
    labels: Labels,
    tier: Tier,
    confidence: f64,
    terms: &'a Terms,
    reasons: &'a [Reason],
    #[serde(skip_serializing_if = "Option::is_none")]
    readings: Option<R>,
}

#[derive(Serialize)]
struct Refusal {
    id: Option<()>,
    error: &'static str,
}

/// One line out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// A JSON object without line end.
    pub json: String,
    /// False when the line in was bad: the command then ends with exit code 2.
    pub accepted: bool,
}

/// Answers one line of `detect --jsonl`, given without its line end. `readings` says what the words of the terms mean, seen
/// from the time at which they were written, where the record has a `send_time`.
pub fn respond<R: Serialize>(
    rules: &RuleSet,
    line: &[u8],
    readings: impl FnOnce(&Terms, Option<UtcMillis>) -> Option<R>,
) -> Response {
    let refuse = |error| Response {
        json: serde_json::to_string(&Refusal { id: None, error }).unwrap_or_default(),
        accepted: false,
    };
    if line.len() as u64 > LINE_MAX {
        return refuse("the line is longer than 16 MiB");
    }
    let Ok(record) = serde_json::from_slice::<Record>(line) else {
        return refuse("not a record: sender_role (client, worker, other, bot) and body are needed");
    };
    let signal = rules.read(&record.input());
    let answer = Answer {
        id: &record.id,
        labels: signal.labels,
        tier: signal.tier,
        confidence: signal.confidence,
        terms: &signal.terms,
        reasons: &signal.reasons,
        readings: readings(&signal.terms, record.send_time.as_i64().map(UtcMillis::from_seconds)),
    };
    match serde_json::to_string(&answer) {
        Ok(json) => Response { json, accepted: true },
        Err(_) => refuse("the answer could not be written"),
    }
}

impl Record {
    pub(crate) fn input(&self) -> SignalInput<'_> {
        SignalInput {
            room_type: self.room_type,
            sender_role: self.sender_role,
            body: &self.body,
            context: &self.context,
            workers: &self.workers,
            worker_names: &self.worker_names,
        }
    }
}

/// Why a corpus could not be scored.
#[derive(Debug, Error)]
pub enum ScoreError {
    #[error("the corpus could not be read")]
    Read(#[from] io::Error),
    #[error("line {line}: not a labelled record")]
    Line { line: usize },
}

/// How well a rule set does on a labelled corpus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    pub version: String,
    pub records: usize,
    /// In the order of [`Label::ALL`].
    pub labels: [Tally; 7],
    /// `new_request` by the certain tier alone.
    pub certain: Tally,
    /// `new_request` by certain and unsure together (equals its label).
    pub asked: Tally,
    /// Records without any label.
    pub plain: usize,
    /// Of them: rung by the certain tier, by either tier, by any label.
    pub plain_certain: usize,
    pub plain_asked: usize,
    pub plain_any: usize,
    /// Of ordinary conversation ([`Labelled::is_ordinary`]), and how many of these the certain tier rang.
    pub ordinary: usize,
    pub ordinary_certain: usize,
    /// Points and cases for deliverable, quantity, amount, deadline (README of the corpus, Scoring 5).
    pub terms: [(f64, usize); 4],
    /// `new_request` in parts of the corpus, then by what the words of a message show; a message may show several.
    pub slices: Vec<(&'static str, usize, Tally)>,
    /// `new_request` by file, where there are several.
    pub files: Vec<(String, usize, Tally)>,
    pub phenomena: Vec<(&'static str, usize, Tally)>,
}

const TERM_NAMES: [&str; 4] = ["deliverable", "quantity", "amount", "deadline"];

type Slice = (&'static str, fn(&Record) -> bool);

const SLICES: [Slice; 12] = [
    ("client", |r| r.sender_role == Role::Client),
    ("worker", |r| r.sender_role == Role::Worker),
    ("other", |r| r.sender_role == Role::Other),
    ("bot", |r| r.sender_role == Role::Bot),
    ("direct", |r| r.room_type == RoomType::Direct),
    ("group", |r| r.room_type == RoomType::Group),
    ("with context", |r| !r.context.is_empty()),
    ("without context", |r| r.context.is_empty()),
    ("up to 15 characters", |r| r.body.chars().count() <= 15),
    ("over 150 characters", |r| r.body.chars().count() > 150),
    ("quotes", |r| r.body.contains("[qt]")),
    ("task notices", |r| r.body.contains("[dtext:task_")),
];

/// Phenomena: a name, and the mark by which a message shows it, among its own words or (`prev.`) those right before.
const PHENOMENA: [(&str, &str); 16] = [
    ("asks", "ask"),
    ("wishes", "wish"),
    ("asks the price", "price"),
    ("asks if free", "free"),
    ("more of it", "more"),
    ("next round", "next"),
    ("also", "also"),
    ("revision", "revision"),
    ("errand, meeting", "admin"),
    ("negated", "negated"),
    ("vague, supposed", "vague"),
    ("past", "past"),
    ("others' words", "told"),
    ("courtesy", "courtesy"),
    ("after an offer", "prev.offer"),
    ("after a delivery", "prev.delivered"),
];

/// Scores labelled records, one JSON object a line; empty lines are skipped.
///
/// # Errors
/// The reader fails, or a line is no labelled record.
pub fn score(rules: &RuleSet, reader: impl BufRead) -> Result<Score, ScoreError> {
    let mut score = Score::new(rules.version());
    score.take(rules, "", reader)?;
    Ok(score)
}

impl Score {
    /// Nothing scored yet, by a rule set of that version.
    pub fn new(version: &str) -> Self {
        let slices = SLICES.iter().map(|(name, _)| (*name, 0, Tally::default())).collect();
        let phenomena = PHENOMENA.iter().map(|(name, _)| (*name, 0, Tally::default())).collect();
        Self { version: version.to_owned(), slices, phenomena, ..Self::default() }
    }

    /// Scores the records of one more file, by its name.
    ///
    /// # Errors
    /// The reader fails, or a line is no labelled record.
    pub fn take(&mut self, rules: &RuleSet, file: &str, reader: impl BufRead) -> Result<(), ScoreError> {
        for (at, line) in reader.lines().enumerate() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let labelled: Labelled =
                serde_json::from_str(&line).map_err(|_| ScoreError::Line { line: at + 1 })?;
            self.add_of(rules, file, &labelled);
        }
        Ok(())
    }

    /// [`Score::add`] of a record of that file.
    pub(crate) fn add_of(&mut self, rules: &RuleSet, file: &str, labelled: &Labelled) {
        let before = self.labels[Label::NewRequest as usize];
        let rung = self.plain_certain;
        self.add(rules, labelled);
        if labelled.is_ordinary(file) {
            self.ordinary += 1;
            self.ordinary_certain += self.plain_certain - rung;
        }
        let after = self.labels[Label::NewRequest as usize];
        let at = self.files.iter().position(|(name, ..)| name == file).unwrap_or(self.files.len());
        if at == self.files.len() {
            self.files.push((file.to_owned(), 0, Tally::default()));
        }
        let (_, records, tally) = &mut self.files[at];
        *records += 1;
        tally.add_since(before, after);
    }

    pub(crate) fn add(&mut self, rules: &RuleSet, labelled: &Labelled) {
        let Labelled { record, labels: truth, terms, .. } = labelled;
        let signal = rules.read(&record.input());
        self.records += 1;
        for (label, tally) in Label::ALL.into_iter().zip(&mut self.labels) {
            tally.add(truth.get(label), signal.labels.get(label));
        }
        self.certain.add(truth.new_request, signal.tier == Tier::Certain);
        self.asked.add(truth.new_request, signal.tier >= Tier::Unsure);
        if !truth.any() {
            self.plain += 1;
            self.plain_certain += usize::from(signal.tier == Tier::Certain);
            self.plain_asked += usize::from(signal.tier >= Tier::Unsure);
            self.plain_any += usize::from(signal.labels.any());
        }
        for ((_, belongs), (_, records, tally)) in SLICES.iter().zip(&mut self.slices) {
            if belongs(record) {
                *records += 1;
                tally.add(truth.new_request, signal.labels.new_request);
            }
        }
        let shown = rules.shown(&record.input());
        for ((_, mark), (_, records, tally)) in PHENOMENA.iter().zip(&mut self.phenomena) {
            if shown.contains(*mark) {
                *records += 1;
                tally.add(truth.new_request, signal.labels.new_request);
            }
        }
        if truth.new_request {
            for (slot, (truth, said)) in self.terms.iter_mut().zip(pairs(terms, &signal.terms)) {
                if let Some(points) = term_points(truth, said) {
                    slot.0 += points;
                    slot.1 += 1;
                }
            }
        }
    }

    /// The tally of one label.
    pub fn of(&self, label: Label) -> Tally {
        self.labels[label as usize]
    }
}

type Pair<'a> = (Option<&'a str>, Option<&'a str>);

fn pairs<'a>(truth: &'a Terms, said: &'a Terms) -> [Pair<'a>; 4] {
    [
        (truth.deliverable.as_deref(), said.deliverable.as_deref()),
        (truth.quantity.as_deref(), said.quantity.as_deref()),
        (truth.amount.as_deref(), said.amount.as_deref()),
        (truth.deadline.as_deref(), said.deadline.as_deref()),
    ]
}

/// Equal after width folding: 1; one within the other: half; nothing on both sides is no case.
fn term_points(truth: Option<&str>, said: Option<&str>) -> Option<f64> {
    match (truth, said) {
        (None, None) => None,
        (Some(truth), Some(said)) => {
            let fold = |text: &str| text.nfkc().collect::<String>();
            let (truth, said) = (fold(truth), fold(said));
            let half = truth.contains(&said) || said.contains(&truth);
            Some(if truth == said { 1.0 } else { f64::from(u8::from(half)) / 2.0 })
        }
        _ => Some(0.0),
    }
}

impl Display for Score {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "rules {}   records {}", self.version, self.records)?;
        writeln!(f)?;
        writeln!(
            f,
            "{:<24}{:>6}{:>7}{:>8}{:>10}{:>8}{:>8}",
            "label", "right", "false", "missed", "precision", "recall", "F1"
        )?;
        for (label, tally) in Label::ALL.into_iter().zip(&self.labels) {
            row(f, label.as_str(), tally)?;
        }
        writeln!(f)?;
        row(f, "tier certain", &self.certain)?;
        row(f, "tier certain+unsure", &self.asked)?;
        writeln!(f)?;
        writeln!(
            f,
            "{} records without a label: {} rung by certain, {} by certain or unsure, {} by any label",
            self.plain, self.plain_certain, self.plain_asked, self.plain_any
        )?;
        if self.ordinary > 0 {
            let Self { ordinary, ordinary_certain, .. } = self;
            writeln!(f, "{ordinary} of ordinary conversation: {ordinary_certain} rung by certain")?;
        }
        writeln!(f)?;
        for (name, (points, cases)) in TERM_NAMES.iter().zip(self.terms) {
            let share =
                if cases == 0 { 1.0 } else { points / f64::from(u32::try_from(cases).unwrap_or(u32::MAX)) };
            writeln!(f, "term {name:<19}{points:>8.1} of {cases:>4}{share:>10.3}")?;
        }
        writeln!(f)?;
        for (name, records, tally) in self.files.iter().filter(|_| self.files.len() > 1) {
            row(f, &format!("{name}.jsonl ({records})"), tally)?;
        }
        for (name, records, tally) in self.slices.iter().filter(|(_, records, _)| *records > 0) {
            row(f, &format!("{name} ({records})"), tally)?;
        }
        writeln!(f)?;
        for (name, records, tally) in self.phenomena.iter().filter(|(_, records, _)| *records > 0) {
            row(f, &format!("{name} ({records})"), tally)?;
        }
        Ok(())
    }
}

fn row(f: &mut Formatter<'_>, name: &str, tally: &Tally) -> fmt::Result {
    writeln!(
        f,
        "{name:<24}{:>6}{:>7}{:>8}{:>10.3}{:>8.3}{:>8.3}",
        tally.right,
        tally.false_alarms,
        tally.missed,
        tally.precision(),
        tally.recall(),
        tally.f1()
    )
}
