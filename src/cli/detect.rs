//! `detect`: what detection says of a text, of corpus records, or how it scores against labels.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::cases::{Reading, readings};
use crate::detect::corpus::{self, Score};
use crate::detect::{Corpus, RuleSet};
use crate::domain::{Label, Role, RoomType, Signal, SignalInput, Tier};

use super::case_lines::reading_words;
use super::terminal::{Terminal, until_closed};
use super::{Exit, Language, start};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A message, judged as a client's in a direct chat
    text: Option<String>,
    /// Corpus records on stdin, one JSON object a line; answers on stdout in the same order
    #[arg(long, conflicts_with_all = ["text", "score"])]
    jsonl: bool,
    /// Score against labelled corpora
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "text")]
    score: Vec<PathBuf>,
    /// With --score: each fifth by a model that learned from the other four
    #[arg(long, requires = "score")]
    folds: bool,
    /// Rule files to use instead of the built-in ones: a folder with *.toml, and model.txt if there is a model
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Learn the model from labelled corpora and print its file
    #[arg(long, value_name = "FILE", num_args = 1.., hide = true, conflicts_with_all = ["text", "jsonl", "score"])]
    learn: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut rules = match &arguments.rules {
        None => RuleSet::builtin()?,
        Some(folder) => rules_of(folder)?,
    };
    if arguments.jsonl {
        return jsonl(&rules, terminal);
    }
    if !arguments.learn.is_empty() {
        let model = corpus_of(&rules, &arguments.learn)?.fit(&rules);
        until_closed(write!(terminal.data(), "{model}"))?;
        return Ok(Exit::Done);
    }
    if arguments.folds {
        let score = corpus_of(&rules, &arguments.score)?.score_by_folds(&mut rules)?;
        until_closed(write!(terminal.data(), "{score}"))?;
        return Ok(Exit::Done);
    }
    if !arguments.score.is_empty() {
        let mut score = Score::new(rules.version());
        for path in &arguments.score {
            let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            score
                .take(&rules, &stem(path), BufReader::new(file))
                .with_context(|| format!("cannot score {}", path.display()))?;
        }
        until_closed(write!(terminal.data(), "{score}"))?;
        return Ok(Exit::Done);
    }
    let Some(text) = &arguments.text else {
        return Err(anyhow!("give a text, --jsonl with records on stdin, or --score FILE"));
    };
    let input = SignalInput {
        room_type: RoomType::Direct,
        sender_role: Role::Client,
        body: text,
        context: &[],
        workers: &[],
        worker_names: &[],
    };
    show(&rules.read(&input), terminal);
    Ok(Exit::Done)
}

/// The rule set in a folder.
pub(super) fn rules_of(folder: &Path) -> anyhow::Result<RuleSet> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".toml") || name == "model.txt" {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push((name, text));
        }
    }
    files.sort();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    RuleSet::from_files(&files).with_context(|| format!("the rules in {}", folder.display()))
}

fn corpus_of(rules: &RuleSet, paths: &[PathBuf]) -> anyhow::Result<Corpus> {
    let mut corpus = Corpus::default();
    for path in paths {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        corpus
            .add(rules, &stem(path), BufReader::new(file))
            .with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(corpus)
}

/// The name of a corpus.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn jsonl(rules: &RuleSet, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut out = terminal.data();
    let mut bad = false;
    let mut input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte more than is read tells a line that is too long from one that just fits.
        let mut bounded = io::Read::take(&mut input, corpus::LINE_MAX + 1);
        if bounded.read_until(b'\n', &mut line).context("cannot read stdin")? == 0 {
            break;
        }
        if bounded.limit() == 0 && !line.ends_with(b"\n") {
            input.skip_until(b'\n').context("cannot read stdin")?;
        }
        let text = line.trim_ascii_end();
        if text.is_empty() {
            continue;
        }
        let answer = corpus::respond(rules, text, |terms, written| Some(readings(terms, written)));
        bad |= !answer.accepted;
        if !until_closed(writeln!(out, "{}", answer.json))? {
            break;
        }
        // Who waits for each answer before the next question gets it.
        if input.buffer().is_empty() && !until_closed(out.flush())? {
            break;
        }
    }
    until_closed(out.flush())?;
    Ok(if bad { Exit::Failed } else { Exit::Done })
}

fn show(signal: &Signal, terminal: &Terminal) {
    let tier = match (signal.tier, terminal.language) {
        (Tier::Certain, Language::Ja) => "新しい依頼です（確実）",
        (Tier::Unsure, Language::Ja) => "新しい依頼かもしれません（ご本人に確認します）",
        (Tier::No, Language::Ja) => "新しい依頼ではありません",
        (Tier::Certain, Language::En) => "a new request (certain)",
        (Tier::Unsure, Language::En) => "perhaps a new request (the owner would be asked)",
        (Tier::No, Language::En) => "no new request",
    };
    terminal.say(&format!("{tier}  {:.2}", signal.confidence));
    let labels: Vec<&str> =
        Label::ALL.into_iter().filter(|it| signal.labels.get(*it)).map(Label::as_str).collect();
    if !labels.is_empty() {
        terminal.say(&format!("{}: {}", terminal.words("ラベル", "labels"), labels.join(", ")));
    }
    let terms = &signal.terms;
    let read = readings(terms, Some(start::outside().clock.now()));
    for (ja, en, value, reading) in [
        ("内容", "deliverable", &terms.deliverable, None),
        ("数量", "quantity", &terms.quantity, None),
        ("金額", "amount", &terms.amount, read.amount.map(Reading::Amount)),
        ("期限", "deadline", &terms.deadline, read.deadline.map(Reading::Deadline)),
    ] {
        if let Some(value) = value {
            let reading =
                reading.map(|it| format!(" = {}", reading_words(&it, terminal))).unwrap_or_default();
            terminal.say(&format!("{}: {value}{reading}", terminal.words(ja, en)));
        }
    }
    for reason in &signal.reasons {
        terminal.say(&format!("  {} [{}] 「{}」", reason.label.as_str(), reason.rule, reason.text));
    }
}
