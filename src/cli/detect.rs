//! `detect`: what detection says of a text, of corpus records, or how it scores against labels.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};

use crate::detect::{RuleSet, corpus};
use crate::domain::{Label, Role, RoomType, Signal, SignalInput, Tier};

use super::terminal::{Terminal, until_closed};
use super::{Exit, Language};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A message, judged as a client's in a direct chat
    text: Option<String>,
    /// Corpus records on stdin, one JSON object a line; answers on stdout in the same order
    #[arg(long, conflicts_with_all = ["text", "score"])]
    jsonl: bool,
    /// Score against a labelled corpus
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    score: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<Exit> {
    let rules = RuleSet::builtin()?;
    if arguments.jsonl {
        return jsonl(&rules, terminal);
    }
    if let Some(path) = &arguments.score {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let score = corpus::score(&rules, BufReader::new(file))
            .with_context(|| format!("cannot score {}", path.display()))?;
        until_closed(write!(terminal.data(), "{score}"))?;
        return Ok(Exit::Done);
    }
    let Some(text) = &arguments.text else {
        return Err(anyhow!("give a text, --jsonl with records on stdin, or --score FILE"));
    };
    let input =
        SignalInput { room_type: RoomType::Direct, sender_role: Role::Client, body: text, context: &[] };
    show(&rules.read(&input), terminal);
    Ok(Exit::Done)
}

fn jsonl(rules: &RuleSet, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut out = terminal.data();
    let mut bad = false;
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).context("cannot read stdin")? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            continue;
        }
        let answer = corpus::respond(rules, text);
        bad |= !answer.accepted;
        if !until_closed(writeln!(out, "{}", answer.json))? {
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
    for (ja, en, value) in [
        ("内容", "deliverable", &terms.deliverable),
        ("数量", "quantity", &terms.quantity),
        ("金額", "amount", &terms.amount),
        ("期限", "deadline", &terms.deadline),
    ] {
        if let Some(value) = value {
            terminal.say(&format!("{}: {value}", terminal.words(ja, en)));
        }
    }
    for reason in &signal.reasons {
        terminal.say(&format!("  {} [{}] 「{}」", reason.label.as_str(), reason.rule, reason.text));
    }
}
