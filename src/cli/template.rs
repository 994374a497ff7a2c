//! `template check` and `template preview`: the bot's words, held to the rules and shown with real data.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Subcommand;

use crate::app::{TextsError, database, load_templates};
use crate::chatwork::notation;
use crate::config::Config;
use crate::domain::{AccountId, CaseId, MessageId, RoomId};
use crate::reply::template::{DraftReason, TemplateProblem};
use crate::reply::template::{NoteKind, NoteSubject, OffPlatform, ReminderContext, ReminderForm, Templates};
use crate::store::{ArchiveStore as _, CaseRow, CaseStore as _, Store};
use crate::upkeep::finish_restore;

use super::start::Place;
use super::terminal::{Terminal, until_closed};
use super::{Exit, Language};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: TemplateCommand,
}

#[derive(Debug, Subcommand)]
enum TemplateCommand {
    /// Check template files: exit 0 good, 1 with each fault on a line, 2 when a file cannot be read
    Check {
        /// Files to check; without any, those of the configuration
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the texts as they would stand in Chatwork, with the data of a case
    Preview {
        /// Files to use; without any, those of the configuration
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The case whose request is answered; the newest when not given
        #[arg(long, value_name = "N")]
        case: Option<u64>,
        /// Print the notes to the owner as well
        #[arg(long)]
        notes: bool,
    },
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    match &arguments.command {
        TemplateCommand::Check { files } => check(&chosen(files, &config), terminal),
        TemplateCommand::Preview { files, case, notes } => {
            let templates = match load_templates(&chosen(files, &config)) {
                Ok(templates) => templates,
                Err(TextsError::Refused(error)) => return refused(&error.problems, terminal),
                Err(error) => return Err(error.into()),
            };
            let scene = scene(&config, case.map(CaseId), terminal).await?;
            preview(&templates, &scene, *notes, terminal)
        }
    }
}

fn chosen(files: &[PathBuf], config: &Config) -> Vec<PathBuf> {
    if files.is_empty() { config.templates.files.clone() } else { files.to_vec() }
}

fn check(files: &[PathBuf], terminal: &Terminal) -> anyhow::Result<Exit> {
    match load_templates(files) {
        Ok(templates) => {
            let version = templates.version();
            terminal.talk(&match terminal.language {
                Language::Ja => {
                    format!("{}個のファイルと標準の文章に、問題はありません（版 {version}）。", files.len())
                }
                Language::En => {
                    format!("{} files and the built-in texts are good (version {version})", files.len())
                }
            });
            Ok(Exit::Done)
        }
        Err(TextsError::Refused(error)) => refused(&error.problems, terminal),
        Err(error) => Err(error.into()),
    }
}

fn refused(problems: &[TemplateProblem], terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut out = terminal.data();
    for TemplateProblem { place, what } in problems {
        let line = match terminal.language {
            Language::Ja => format!("{place}: {}", what.japanese()),
            Language::En => format!("{place}: {what}"),
        };
        if !until_closed(writeln!(out, "{line}"))? {
            return Ok(Exit::No);
        }
    }
    until_closed(out.flush())?;
    let count = problems.len();
    terminal.talk(&match terminal.language {
        Language::Ja => format!("{count}件の問題があります。直すまで、この文章では起動しません。"),
        Language::En => format!("{count} faults; the bot does not start with these texts"),
    });
    Ok(Exit::No)
}

/// What the texts are filled with.
struct Scene {
    room: RoomId,
    room_name: Option<String>,
    message: MessageId,
    account: AccountId,
    name: Option<String>,
    said: String,
    case: CaseId,
}

async fn scene(config: &Config, case: Option<CaseId>, terminal: &Terminal) -> anyhow::Result<Scene> {
    finish_restore(&config.storage.data_dir)?;
    if let Some(store) = database::read(&config.storage.url).await? {
        let cases = store.cases().await?;
        let found = match case {
            Some(id) => cases.into_iter().find(|it| it.id == id),
            None => cases.into_iter().next_back(),
        };
        if let Some(case) = found {
            return real(&store, case).await;
        }
    }
    if let Some(id) = case {
        return Err(anyhow!("there is no case {id}; `karibarai case list` shows those that there are"));
    }
    terminal.talk(terminal.words(
        "案件がまだないため、例を使って表示します。",
        "there is no case yet: shown with an invented one",
    ));
    Ok(Scene {
        room: RoomId(567_890_123),
        room_name: Some("記事制作".to_owned()),
        message: MessageId::new("1789012345678901248")
            .ok_or_else(|| anyhow!("the example is no message id"))?,
        account: AccountId(123_456),
        name: Some("山田 太郎".to_owned()),
        said: "追加でブログ記事を3本お願いできますか？".to_owned(),
        case: CaseId(12),
    })
}

async fn real(store: &Store, case: CaseRow) -> anyhow::Result<Scene> {
    let name = store.name_at(case.room, case.client, case.request_n).await?;
    let room = store.rooms().await?.into_iter().find(|it| it.room == case.room);
    let said = store.message(case.room, &case.request_message).await?;
    let said = said.map(|it| notation::parse(&it.current.body).plain_text()).unwrap_or_default();
    Ok(Scene {
        room: case.room,
        room_name: room.and_then(|it| it.name),
        message: case.request_message,
        account: case.client,
        name,
        said,
        case: case.id,
    })
}

fn preview(
    templates: &Templates,
    scene: &Scene,
    with_notes: bool,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let reminder = |automatic_line, start_before_escrow| {
        templates.render_reminder(&ReminderContext {
            room: scene.room,
            message: &scene.message,
            account: scene.account,
            sender_name: scene.name.as_deref(),
            automatic_line,
            start_before_escrow,
            form: ReminderForm::default(),
        })
    };
    let draft = reminder(false, false);
    let mut parts = vec![
        (terminal.words("案内", "reminder"), reminder(true, false)),
        (
            terminal.words(
                "案内（仮払い前の着手を求められたとき）",
                "reminder, where work before escrow was proposed",
            ),
            reminder(true, true),
        ),
        (
            terminal.words("案内（自動送信と書かないとき）", "reminder, without the automatic line"),
            draft.clone(),
        ),
    ];
    if with_notes {
        let subject = NoteSubject {
            room: scene.room,
            room_name: scene.room_name.as_deref(),
            message: &scene.message,
            sender_name: scene.name.as_deref(),
            quote: &scene.said,
        };
        let case = Some(scene.case);
        let kinds = [
            NoteKind::Draft { reason: DraftReason::Approve, draft: Some(&draft), approve: case },
            NoteKind::OffPlatform(OffPlatform::Payment),
            NoteKind::OffPlatform(OffPlatform::Contact),
            NoteKind::OffPlatform(OffPlatform::Delivery),
            NoteKind::StartBeforeEscrow,
            NoteKind::OwnerStart { case },
            NoteKind::ContractPosted,
            NoteKind::EscrowClaimed { case },
            NoteKind::ReplyUncertain,
            NoteKind::PostRefused { status: 403 },
        ];
        let note = terminal.words("本人へのお知らせ", "note to the owner");
        parts.extend(kinds.into_iter().map(|kind| (note, templates.render_note(&subject, kind))));
    }
    let mut out = terminal.data();
    for (what, text) in parts {
        if !until_closed(writeln!(out, "── {what} ──\n{}\n", harmless(&text)))? {
            return Ok(Exit::Done);
        }
    }
    until_closed(out.flush())?;
    Ok(Exit::Done)
}

/// Control characters of a name must not steer the terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|it| if it.is_control() && it != '\n' { ' ' } else { it }).collect()
}
