//! `case …`: the cases, where they stand, and the owner's word about them.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;

use crate::app;
use crate::cases::Fact;
use crate::config::Config;
use crate::desk::Desk;
use crate::desk::words::{CaseWord, Word};
use crate::domain::CaseId;
use crate::reply::acts::Seen;
use crate::reply::record::By;
use crate::reply::template::Answer;
use crate::store::CaseStore as _;

use super::case_lines::{figures_json, list_json, shown_json, worded};
use super::start::{self, Place};
use super::terminal::{Terminal, until_closed};
use super::{Exit, Language, say};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: CaseCommand,
}

/// The number of a case, and how to print it.
#[derive(Debug, clap::Args)]
struct Which {
    /// Number of the case
    #[arg(value_name = "N")]
    case: u64,
    /// Print the case as one JSON object
    #[arg(long)]
    json: bool,
}

/// The number of a case.
#[derive(Debug, clap::Args)]
struct Number {
    /// Number of the case
    #[arg(value_name = "N")]
    case: u64,
}

#[derive(Debug, Subcommand)]
enum CaseCommand {
    /// One line for each case, oldest first
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Everything known of one case: messages, notes, draft, conditions of Article 3
    Show(Which),
    /// Send the draft of a case: it is read again right before, and only what still fits is posted
    Approve(Number),
    /// Drop the draft of a case
    Reject(Number),
    /// Take the bot's own reminder out of the room; that it was there stays in the record
    Retract(Number),
    /// Escrow is confirmed: you have seen it on CrowdWorks
    Confirm(Which),
    /// The work has begun
    Begin(Which),
    /// Delivered on CrowdWorks
    Deliver(Which),
    /// Accepted (検収) on CrowdWorks
    Accept(Which),
    /// The reward is paid
    Paid(Which),
    /// It is no case, or nothing comes of it
    Dismiss(Which),
    /// The client took the request back
    Withdraw(Which),
    /// Keep a note about a case
    Note {
        /// Number of the case
        #[arg(value_name = "N")]
        case: u64,
        /// The note, up to 2000 characters
        #[arg(value_name = "TEXT")]
        text: String,
        /// Print the case as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say that detection was right to see a request there
    Right(Which),
    /// Say that it was wrong
    Wrong(Which),
    /// Exposure in yen for each client, months, answer times
    Figures {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let say = |word: CaseWord, it: &Number| format!("{} {}", word.spelling(), it.case);
    let config = Arc::new(place.config()?);
    let (which, fact) = match &arguments.command {
        CaseCommand::List { json } => return list(&reader(&config).await?, *json, terminal).await,
        CaseCommand::Show(which) => return show(&reader(&config).await?, which, terminal).await,
        CaseCommand::Figures { json } => return figures(&reader(&config).await?, *json, terminal).await,
        CaseCommand::Note { case, text, json } => {
            if text.trim().is_empty() {
                return Err(anyhow!("the note is empty; write what you want to keep behind the number"));
            }
            let desk = writer(&config).await?;
            let case = CaseId(*case);
            let word = Word::Note(case, text.clone());
            let kept = desk.obey(&word, &Seen::Newest, &By::Command).await?;
            let answer = kept.map_or(Answer::NoSuchCase(case), |it| it.answer);
            return finish(&desk, case, &answer, *json, terminal).await;
        }
        CaseCommand::Approve(it) => return say::obey(&say(CaseWord::Approve, it), place, terminal).await,
        CaseCommand::Reject(it) => return say::obey(&say(CaseWord::Reject, it), place, terminal).await,
        CaseCommand::Retract(it) => return say::obey(&say(CaseWord::Retract, it), place, terminal).await,
        CaseCommand::Right(which) => return mark(&config, which, true, terminal).await,
        CaseCommand::Wrong(which) => return mark(&config, which, false, terminal).await,
        CaseCommand::Confirm(which) => (which, Fact::EscrowConfirmed),
        CaseCommand::Begin(which) => (which, Fact::WorkBegun),
        CaseCommand::Deliver(which) => (which, Fact::Delivered),
        CaseCommand::Accept(which) => (which, Fact::Accepted),
        CaseCommand::Paid(which) => (which, Fact::Paid),
        CaseCommand::Dismiss(which) => (which, Fact::Dismissed),
        CaseCommand::Withdraw(which) => (which, Fact::Withdrawn),
    };
    let desk = writer(&config).await?;
    let case = CaseId(which.case);
    let answer = desk.fact(case, fact, &By::Command).await?;
    finish(&desk, case, &answer, which.json, terminal).await
}

async fn mark(config: &Arc<Config>, which: &Which, right: bool, terminal: &Terminal) -> anyhow::Result<Exit> {
    let desk = writer(config).await?;
    let case = CaseId(which.case);
    let answer = desk.mark(case, right, &By::Command).await?;
    finish(&desk, case, &answer, which.json, terminal).await
}

/// For looking alone: nothing is written.
pub(super) async fn reader(config: &Arc<Config>) -> anyhow::Result<Desk> {
    let store = start::reader(config).await?;
    let outside = start::outside();
    let ledger = crate::ledger::Ledger::read_only(
        store.clone(),
        Arc::clone(&outside.clock),
        Arc::clone(&outside.entropy),
    )
    .context("cannot look into the ledger")?;
    desk(config, store, ledger).await
}

/// For an act, beside a running bot or without one.
pub(super) async fn writer(config: &Arc<Config>) -> anyhow::Result<Desk> {
    let (store, ledger) = start::ledger(config).await?;
    desk(config, store, ledger).await
}

async fn desk(
    config: &Arc<Config>,
    store: crate::store::Store,
    ledger: crate::ledger::Ledger,
) -> anyhow::Result<Desk> {
    let templates = app::load_templates(&config.templates.files)?;
    let owners = app::known_owners(config, &store).await?.unwrap_or_default();
    let clock = start::outside().clock;
    Ok(Desk::new(store, ledger, Arc::clone(config), Arc::new(templates), clock, owners))
}

async fn list(desk: &Desk, json: bool, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut out = terminal.data();
    for case in desk.store.cases().await? {
        let line =
            if json { list_json(&case)? } else { super::case_lines::human(desk, &case, terminal).await? };
        if !until_closed(writeln!(out, "{line}"))? {
            return Ok(Exit::Done);
        }
    }
    until_closed(out.flush())?;
    Ok(Exit::Done)
}

async fn show(desk: &Desk, which: &Which, terminal: &Terminal) -> anyhow::Result<Exit> {
    let case = CaseId(which.case);
    let Some(view) = desk.view(case).await? else { return Err(no_such(case)) };
    let text = if which.json { shown_json(&view)? } else { super::case_lines::shown(desk, &view, terminal) };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

async fn figures(desk: &Desk, json: bool, terminal: &Terminal) -> anyhow::Result<Exit> {
    let figures = desk.figures().await?;
    let text =
        if json { figures_json(&figures)? } else { super::case_lines::figures(desk, &figures, terminal) };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// Says what became of an act; what changed nothing because it is so already is no failure.
async fn finish(
    desk: &Desk,
    case: CaseId,
    answer: &Answer,
    json: bool,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    if *answer == Answer::NoSuchCase(case) {
        return Err(no_such(case));
    }
    if json && let Some(row) = desk.store.case(case).await? {
        terminal.print(&list_json(&row)?)?;
    }
    let said = match terminal.language {
        Language::Ja => desk.templates.answer(answer).1,
        Language::En => worded(answer),
    };
    terminal.talk(&said);
    let refused = matches!(answer, Answer::NotMoved { state, .. } if state.closed());
    Ok(if refused { Exit::No } else { Exit::Done })
}

fn no_such(case: CaseId) -> anyhow::Error {
    anyhow!("there is no case {case}; `karibarai case list` shows those that there are")
}
