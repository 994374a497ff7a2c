//! `search`: full text over all versions of all messages and over imports, newest first.

use std::io::Write as _;

use anyhow::anyhow;

use crate::chatwork::notation;
use crate::domain::{AccountId, Label, RoomId, UtcMillis};
use crate::search::{self, Hit, Query};
use crate::store::{
    ArchiveStore as _, CaseStore as _, ContinueStore as _, LedgerStore as _, Predecessor, SearchFilter,
    SearchRow, Store,
};

use super::Exit;
use super::log::json_line;
use super::start::{self, Place};
use super::terminal::{Terminal, until_closed};

/// Hits read at a time.
const PAGE: usize = 200;
/// Characters shown before and behind the first word found.
const AROUND: usize = 40;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Words that must all be there; "…" is one word with its spaces, -word: without it, OR between two: either
    #[arg(allow_hyphen_values = true)]
    query: String,
    /// Only this room
    #[arg(long, value_name = "ID")]
    room: Option<u64>,
    /// Not before this day in Japan (2026-11-23), or this instant (2026-11-23T05:05:09.000Z)
    #[arg(long, value_name = "DAY", value_parser = first_of)]
    from: Option<UtcMillis>,
    /// Not after this day in Japan (the day itself is included), or before this instant
    #[arg(long, value_name = "DAY", value_parser = end_of)]
    to: Option<UtcMillis>,
    /// Only what this account wrote
    #[arg(long, value_name = "ACCOUNT")]
    sender: Option<u64>,
    /// Only messages that are no longer there
    #[arg(long)]
    deleted: bool,
    /// Only messages that were edited; all their versions are looked at
    #[arg(long)]
    edited: bool,
    /// Only messages with a file
    #[arg(long)]
    file: bool,
    /// Only the conversation of this case
    #[arg(long, value_name = "NUMBER")]
    case: Option<u64>,
    /// Only what detection marked: a label such as new_request, or "any"
    #[arg(long, value_name = "LABEL", value_parser = flag)]
    flag: Option<Flag>,
    /// Only what was brought in by `import`
    #[arg(long)]
    imported: bool,
    /// Width, case and kana matter
    #[arg(long)]
    exact: bool,
    /// One JSON object a line, as `log --json` prints it
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
struct Flag(Option<Label>);

fn first_of(text: &str) -> Result<UtcMillis, String> {
    UtcMillis::parse_japan_day(text)
        .or_else(|| UtcMillis::parse(text))
        .ok_or_else(|| "a day such as 2026-11-23 is expected".to_owned())
}

pub(super) fn end_of(text: &str) -> Result<UtcMillis, String> {
    const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
    match UtcMillis::parse_japan_day(text) {
        Some(day) => Ok(day.plus(DAY)),
        None => first_of(text),
    }
}

fn flag(text: &str) -> Result<Flag, String> {
    if text == "any" {
        return Ok(Flag(None));
    }
    Label::ALL
        .into_iter()
        .find(|it| it.as_str() == text)
        .map(|it| Flag(Some(it)))
        .ok_or_else(|| format!("one of any, {}", Label::ALL.map(Label::as_str).join(", ")))
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let store = start::reader(&place.config()?).await?;
    let query = Query::parse(&arguments.query, arguments.exact);
    let filter = filter(arguments, &store).await?;
    let ledgers = store.predecessors().await?;
    let mut out = terminal.data();
    let mut before = None;
    let mut found = 0_u64;
    loop {
        let page = search::search(&store, &query, &filter, before, PAGE).await?;
        for hit in &page.hits {
            let line = if arguments.json {
                json(&store, &ledgers, hit).await?
            } else {
                Some(shown(&store, hit, terminal).await?)
            };
            let Some(line) = line else { continue };
            if !until_closed(writeln!(out, "{line}"))? {
                return Ok(Exit::Done);
            }
            found += 1;
        }
        match page.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    until_closed(out.flush())?;
    if !arguments.json {
        terminal.talk(&match found {
            0 => terminal.words("見つかりませんでした。", "nothing was found").to_owned(),
            _ => format!("{found} {}", terminal.words("件見つかりました。", "found")),
        });
    }
    Ok(Exit::Done)
}

async fn filter(arguments: &Arguments, store: &Store) -> anyhow::Result<SearchFilter> {
    let case = match arguments.case {
        Some(number) => Some(
            store
                .cases()
                .await?
                .iter()
                .find(|it| it.id.0 == number)
                .map(search::of_case)
                .ok_or_else(|| anyhow!("there is no case {number}; `karibarai case list` shows them"))?,
        ),
        None => None,
    };
    Ok(SearchFilter {
        room: arguments.room.map(RoomId),
        sender: arguments.sender.map(AccountId),
        from: arguments.from,
        to: arguments.to,
        edited: arguments.edited,
        deleted: arguments.deleted,
        has_file: arguments.file,
        case,
        flag: arguments.flag.map(|it| it.0),
        imported: arguments.imported,
    })
}

/// The row as the ledger has it.
async fn json(store: &Store, ledgers: &[Predecessor], hit: &Hit) -> anyhow::Result<Option<String>> {
    let n = hit.row.n();
    let Some(record) = store.records(n, 1).await?.pop().filter(|it| it.n == n) else { return Ok(None) };
    let Ok(entry) = record.entry() else { return Ok(None) };
    Ok(Some(json_line(&entry, &record, ledgers)?))
}

async fn shown(store: &Store, hit: &Hit, terminal: &Terminal) -> anyhow::Result<String> {
    // Control characters of a message must not steer the terminal.
    let plain =
        |text: &str| text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect::<String>();
    let text = plain(&excerpt(hit));
    match &hit.row {
        SearchRow::Captured { version, send_time, deleted, current } => {
            let who = store.name_at(version.room, version.account, version.n).await?;
            let who = who.unwrap_or_else(|| version.account.to_string());
            let at = version.update_time.unwrap_or(*send_time).japan_text();
            let mark = match (deleted, current) {
                (true, _) => "×",
                (false, true) => " ",
                (false, false) => "~",
            };
            Ok(format!("{at} {mark} {:<10} {:<20} {who}  {text}", version.room, version.message))
        }
        SearchRow::Imported(it) => {
            let at = it.sent_at.map_or_else(|| "-".repeat(19), UtcMillis::japan_text);
            let mark = if it.deleted { "×" } else { " " };
            let room = it.room.map(|it| it.to_string()).unwrap_or_default();
            let message = it.message.as_ref().map(ToString::to_string).unwrap_or_default();
            let who = plain(it.name.as_deref().unwrap_or_default());
            let import = terminal.words("取り込み", "import");
            Ok(format!("{at} {mark} {room:<10} {message:<20} {who}  [{import} {}] {text}", it.n))
        }
    }
}

/// The text around the first word found.
fn excerpt(hit: &Hit) -> String {
    let body = hit.row.body();
    let Some(mark) = hit.marks.first() else {
        return notation::parse(body).plain_text().chars().take(2 * AROUND).collect();
    };
    let start = body[..mark.start].char_indices().rev().nth(AROUND - 1).map_or(0, |(at, _)| at);
    let end = body[mark.end..].char_indices().nth(AROUND).map_or(body.len(), |(at, _)| mark.end + at);
    let dots = |cut: bool| if cut { "…" } else { "" };
    format!("{}{}{}", dots(start > 0), &body[start..end], dots(end < body.len()))
}
