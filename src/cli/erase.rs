//! `erase`: takes the words of a message, or of a room's past, out of everything; every proof stays.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::domain::{EntryIndex, MessageId, RoomId, UtcMillis};
use crate::ledger::{Reason, ReasonKind};
use crate::upkeep::{Plan, Target, copied, erase, plan_erasure};

use super::Exit;
use super::start::{self, Place};
use super::terminal::Terminal;
use super::workers::Workers;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The message, with all its versions
    #[arg(long, value_name = "ID", required_unless_present = "until", conflicts_with = "until")]
    message: Option<String>,
    /// The room of the message, or the room whose past is erased
    #[arg(long, value_name = "ID")]
    room: Option<u64>,
    /// Everything written in the room up to this day in Japan (the day itself is included), or before this instant
    #[arg(long, value_name = "DAY", value_parser = super::search::end_of, requires = "room")]
    until: Option<UtcMillis>,
    /// Why: requested, confidentiality, secret, third_party, mistake, retention, other; own words may follow a colon
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Also while a case that rests on it is open
    #[arg(long)]
    even_if_open: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = Arc::new(place.config()?);
    let target = target(arguments)?;
    let reason = Reason::parse(&arguments.reason);
    if reason.kind == ReasonKind::Other && reason.text.is_none() {
        return Err(anyhow!("say why: --reason requested, or in your own words"));
    }
    let (store, ledger) = start::ledger(&config).await?;
    let planned = plan_erasure(&ledger, &store, &target).await?;
    if !planned.known {
        return Err(anyhow!(
            "nothing of this is in the ledger; `karibarai log --json` shows the message ids"
        ));
    }
    let again = planned.entries.is_empty();
    let rooms = planned.messages.iter().map(|(room, _)| *room).collect::<std::collections::BTreeSet<_>>();
    if rooms.len() > 1 {
        return Err(anyhow!("the message stands in several rooms; say which with --room"));
    }
    if !again && !planned.open_cases.is_empty() && !arguments.even_if_open {
        let cases: Vec<String> = planned.open_cases.iter().map(ToString::to_string).collect();
        terminal.talk(&format!(
            "{}: {}",
            terminal.words(
                "進行中の案件で使われているため、消去しません（それでも消去するときは --even-if-open）。案件",
                "not erased, since a case that rests on it is open (--even-if-open erases all the same); case",
            ),
            cases.join(", ")
        ));
        return Ok(Exit::No);
    }
    if !again && !arguments.yes && io::stdin().is_terminal() && !agreed(&planned, terminal)? {
        terminal.talk(terminal.words("何も消去していません。", "nothing was erased"));
        return Ok(Exit::No);
    }
    let workers = Workers::new(&config, &store, &ledger).await?;
    let done =
        erase(&ledger, &store, &config.storage.data_dir, &target, planned, &reason, |n| workers.follow(n))
            .await?;
    let mut copy_pending = false;
    if config.storage.objects.is_some() && !again {
        if let Err(error) = workers.copy(&config).await {
            terminal.talk(&format!("{:#}", anyhow!(error)));
        }
        let last = done.declared.iter().max().copied();
        copy_pending = !copied(&store, last.unwrap_or(EntryIndex(0))).await?;
    }
    let declared: Vec<String> = done.declared.iter().map(ToString::to_string).collect();
    if again {
        terminal.talk(terminal.words("すでに消去されています。", "it is erased already"));
    } else {
        terminal.say(&format!(
            "{} {}（{} {}）",
            done.contents,
            terminal.words(
                "件の内容を消去しました。証明はそのまま確かめられます",
                "contents erased; every proof still verifies",
            ),
            terminal.words("記録", "entry"),
            declared.join(", ")
        ));
    }
    if done.mirror_pending {
        terminal.talk(terminal.words(
            "ミラーのファイルは、動作中のボットがこのあと書き直します。",
            "the running bot has yet to rewrite its mirror files",
        ));
    }
    if copy_pending {
        terminal.talk(terminal.words(
            "オブジェクトストレージの写しには、まだ残っています。つながれば、ボットが消去します。",
            "the copy in the object storage still has them; the bot deletes them there as soon as it can be reached",
        ));
    }
    if done.log_pending {
        terminal.talk(terminal.words(
            "データベースの作業ファイル（-wal）には、ほかの読み取りが終わるまで残ります。ボットを止めて、もう一度実行してください。",
            "the database's -wal file was in use and may still hold the bytes; stop the bot and run this again",
        ));
    }
    terminal.talk(terminal.words(
        "Chatwork上のメッセージ、バックアップ、作成済みの証拠パッケージは、この操作では消えません。",
        "the message on Chatwork, backups and packages made before are not touched by this",
    ));
    Ok(if done.mirror_pending || done.log_pending || copy_pending { Exit::No } else { Exit::Done })
}

fn target(arguments: &Arguments) -> anyhow::Result<Target> {
    let room = arguments.room.map(RoomId);
    match (&arguments.message, room, arguments.until) {
        (Some(message), room, _) => {
            let message = MessageId::new(message.as_str())
                .ok_or_else(|| anyhow!("--message takes the digits of a message id"))?;
            Ok(Target::Message(message, room))
        }
        (None, Some(room), Some(until)) => Ok(Target::Room(room, until)),
        (None, ..) => Err(anyhow!("say what: --message ID, or --room ID with --until DAY")),
    }
}

fn agreed(planned: &Plan, terminal: &Terminal) -> anyhow::Result<bool> {
    terminal.talk(&format!(
        "{} {}、{} {}。{}",
        planned.messages.len(),
        terminal.words("件のメッセージ", "messages"),
        planned.entries.len(),
        terminal.words("件の記録の内容を消去します", "contents of entries will be erased"),
        terminal.words("元に戻せません。よろしいですか？ [y/N]", "this cannot be undone. Go on? [y/N]"),
    ));
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "はい"))
}
