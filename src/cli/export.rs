//! `export`: the evidence package of a room or a case.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;

use crate::app;
use crate::domain::{AccountId, CaseId, MessageId, RoomId};
use crate::export::{Audience, Exported, Exporter, Found, Request, Withheld};
use crate::proof::bundle::Withhold;
use crate::search::{self, Query};
use crate::store::{ContinueStore as _, SearchFilter, Store};

use super::Exit;
use super::start::{self, Place};
use super::terminal::{Busy, Terminal};

/// Characters of a withheld message that the preview shows.
const PREVIEW: usize = 60;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The room; with --case it may be left out
    #[arg(long, value_name = "ID", required_unless_present = "case")]
    room: Option<u64>,
    /// First day, in Japan, e.g. 2026-11-01
    #[arg(long, value_name = "DAY", conflicts_with = "case")]
    from: Option<String>,
    /// Last day, in Japan, itself included
    #[arg(long, value_name = "DAY", conflicts_with = "case")]
    to: Option<String>,
    /// What belongs to this case: from shortly before its request to its end
    #[arg(long, value_name = "N")]
    case: Option<u64>,
    /// Only the messages that fit this query (as `search` reads it), each with the two before and the two after it; the
    /// rest of the stretch is withheld and counted
    #[arg(
        long,
        value_name = "QUERY",
        requires = "room",
        conflicts_with = "case",
        allow_hyphen_values = true
    )]
    search: Option<String>,
    /// With --case: add papers for these readers: the facts in their order; for court and lawyer also a time table
    /// (時系列表) and a list of exhibits (証拠説明書)
    #[arg(long = "for", value_enum, value_name = "WHOM", requires = "case")]
    audience: Option<Reader>,
    /// Of a ledger that the present one continues (see `verify`): its id, or the first digits of it
    #[arg(long, value_name = "ID")]
    ledger: Option<String>,
    /// Where the package is written
    #[arg(long, value_name = "FILE", required_unless_present = "preview")]
    out: Option<PathBuf>,
    /// Put in what is left out by itself: words of people who are neither you nor the client, or what looks like a password
    /// or the number of a card
    #[arg(long, value_enum, value_name = "WHAT")]
    include: Vec<Include>,
    /// Put this one message in, though it would be left out (may be given several times)
    #[arg(long, value_name = "MESSAGE")]
    release: Vec<String>,
    /// A checkpoint that somebody has: the package is made so that it can be compared with it (may be given several times)
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    /// Only show what would be left out
    #[arg(long)]
    preview: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Include {
    Others,
    Secrets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reader {
    Court,
    Lawyer,
    Crowdworks,
}

impl Arguments {
    fn request(&self) -> anyhow::Result<Request> {
        let withhold = [(Include::Others, Withhold::Others), (Include::Secrets, Withhold::Secrets)];
        let message = |it: &String| {
            MessageId::new(it.clone()).ok_or_else(|| anyhow!("--release {it}: not the id of a message"))
        };
        let note =
            |it: &PathBuf| fs::read_to_string(it).with_context(|| format!("cannot read {}", it.display()));
        Ok(Request {
            ledger: None,
            room: self.room.map(RoomId),
            from: self.from.clone(),
            to: self.to.clone(),
            case: self.case.map(CaseId),
            found: None,
            withhold: withhold
                .into_iter()
                .filter(|(asked, _)| !self.include.contains(asked))
                .map(|(_, it)| it)
                .collect(),
            audience: self.audience.map(|it| match it {
                Reader::Court => Audience::Court,
                Reader::Lawyer => Audience::Lawyer,
                Reader::Crowdworks => Audience::CrowdWorks,
            }),
            released: self.release.iter().map(message).collect::<Result<_, _>>()?,
            known: self.known.iter().map(note).collect::<Result<_, _>>()?,
        })
    }
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut request = arguments.request()?;
    let config = place.config()?;
    let (store, ledger) = start::ledger(&config).await?;
    let before = store.predecessors().await?;
    request.ledger = match &arguments.ledger {
        Some(digits) => Some(start::ledger_before(&before, digits)?.ledger_id.clone()),
        None => None,
    };
    if request.ledger.is_none() && !before.is_empty() {
        terminal.talk(terminal.words(
            "復元より前の記録は別の台帳です。そこから作るには --ledger を付けます（台帳の番号は karibarai verify で分かります）。",
            "what was recorded before the restore is a ledger of its own: --ledger makes a package of it (`verify` names it)",
        ));
    }
    if let Some(query) = &arguments.search {
        request.found = Some(found(&store, query, &request).await?);
    }
    let owners = app::known_owners(&config, &store).await?.unwrap_or_default();
    let role = |room: RoomId, account: AccountId| config.role_of(room, None, account, &owners);
    let exporter =
        Exporter { store: &store, ledger: &ledger, data_dir: &config.storage.data_dir, role: &role };
    let out = match &arguments.out {
        Some(out) if !arguments.preview => out,
        _ => {
            preview(&exporter.preview(&request).await?, terminal);
            return Ok(Exit::Done);
        }
    };
    let busy = Busy::begin(terminal.words("資料を作り、確かめています", "making and checking the package"));
    let exported = exporter.export(&request, out).await;
    drop(busy);
    let exported = exported?;
    told(&exported, out, terminal);
    Ok(Exit::Done)
}

/// All messages of the room and span that fit the query.
async fn found(store: &Store, query: &str, request: &Request) -> anyhow::Result<Found> {
    let (from, to) = request.times()?;
    let filter = SearchFilter { room: request.room, from, to, ..SearchFilter::default() };
    let messages = search::messages(store, &Query::parse(query, false), &filter).await?;
    Ok(Found { query: query.to_owned(), messages })
}

fn preview(withheld: &[Withheld], terminal: &Terminal) {
    for it in withheld {
        let reason = match it.reason {
            Withhold::Others => terminal.words("ほかの人の発言", "another person's words"),
            Withhold::Unfound => terminal.words("検索に合わない発言", "not what was searched for"),
            Withhold::Secrets => {
                terminal.words("パスワード・カード番号らしきもの", "looks like a password or a card")
            }
        };
        let body: String = it.body.as_deref().unwrap_or_default().chars().take(PREVIEW).collect();
        let body: String = body.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
        let message = it.message.as_ref().map(MessageId::as_str).unwrap_or("-");
        terminal.say(&format!("{}  {message}  {reason}  {body}", it.n));
    }
    let done = terminal.words(
        "件を開示しません。個別に開示するには --release メッセージID を付けてください。",
        "entries would be left out; to put one in: --release MESSAGE",
    );
    terminal.talk(&format!("{} {done}", withheld.len()));
}

fn told(exported: &Exported, out: &std::path::Path, terminal: &Terminal) {
    let counts = &exported.manifest.counts;
    terminal.talk(&match terminal.language {
        super::Language::Ja => format!("書き出しました：{}（SHA-256 {}）", out.display(), exported.sha256),
        super::Language::En => format!("written: {} (SHA-256 {})", out.display(), exported.sha256),
    });
    terminal.talk(&match terminal.language {
        super::Language::Ja => format!(
            "メッセージ {}件、編集 {}回、削除・所在不明 {}件、欠落 {}件",
            counts.messages,
            counts.edits,
            counts.gone,
            exported.manifest.gaps.len()
        ),
        super::Language::En => format!(
            "{} messages, {} edits, {} deleted or missing, {} gaps",
            counts.messages,
            counts.edits,
            counts.gone,
            exported.manifest.gaps.len()
        ),
    });
    if counts.withheld > 0 {
        let words = terminal.words(
            "件の内容は開示していません（--preview で一覧できます）",
            "contents are withheld (--preview lists them)",
        );
        terminal.talk(&format!("{} {words}", counts.withheld));
    }
    terminal.talk(&match exported.anchors.first() {
        Some(anchor) => {
            let words = terminal.words("時刻認証：", "time stamp: ");
            format!("{words}{} ({})", anchor.authority, anchor.at.japan_text())
        }
        None => terminal
            .words(
                "外部の時刻認証はまだありません。この資料だけでは、いつからあるかは示せません。",
                "no time stamp from outside covers it: the package alone does not show since when it exists",
            )
            .to_owned(),
    });
    terminal.talk(terminal.words(
        "渡す前に report.html を開き、ご自身に不利な内容（連絡先の交換、仮払い前の作業など）も含めて確かめてください。",
        "Open report.html before you hand it on: it also shows what speaks against you (contacts exchanged, work before escrow).",
    ));
}
