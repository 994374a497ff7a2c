//! `case list`: the cases and where they stand.

use std::io::Write as _;

use clap::Subcommand;
use serde::Serialize;

use crate::domain::{CaseId, MessageId, RoomId, Terms};
use crate::store::{CaseRow, CaseStore as _};

use super::setup::{self, Place};
use super::terminal::{Terminal, until_closed};
use super::{Exit, Language};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: CaseCommand,
}

#[derive(Debug, Subcommand)]
enum CaseCommand {
    /// One line for each case, oldest first
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    case: CaseId,
    room_id: RoomId,
    state: &'a str,
    request_message_id: &'a MessageId,
    terms: &'a Terms,
    reminded: bool,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let CaseCommand::List { json } = arguments.command;
    let store = setup::reader(&place.config()?).await?;
    let mut out = terminal.data();
    for case in store.cases().await? {
        let line = if json {
            serde_json::to_string(&Line {
                case: case.id,
                room_id: case.room,
                state: &case.state,
                request_message_id: &case.request_message,
                terms: &case.terms,
                reminded: case.reminded,
            })?
        } else {
            human(&case, terminal)
        };
        if !until_closed(writeln!(out, "{line}"))? {
            return Ok(Exit::Done);
        }
    }
    until_closed(out.flush())?;
    Ok(Exit::Done)
}

fn human(case: &CaseRow, terminal: &Terminal) -> String {
    let reminded = match (terminal.language, case.reminded) {
        (Language::Ja, true) => "案内済み",
        (Language::Ja, false) => "案内なし",
        (Language::En, true) => "reminded",
        (Language::En, false) => "not reminded",
    };
    let terms = [&case.terms.deliverable, &case.terms.quantity, &case.terms.amount, &case.terms.deadline];
    let terms: Vec<&str> = terms.into_iter().filter_map(|it| it.as_deref()).collect();
    format!(
        "{}  #{}  {} {}  {}  {}  {}",
        case.opened_at.japan_text(),
        case.id,
        terminal.words("部屋", "room"),
        case.room,
        case.state,
        reminded,
        terms.join(" ")
    )
}
