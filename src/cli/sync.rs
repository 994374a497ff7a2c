//! `sync`: one pass over the rooms now, also beside a running bot.

use std::fs::File;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::app::{self, AppError};
use crate::chatwork::api::Api;
use crate::domain::RoomId;
use crate::metrics::Metrics;
use crate::reconcile::Reconciler;

use super::start::{self, Place};
use super::terminal::Terminal;
use super::{Exit, Language};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this room
    #[arg(long, value_name = "ID")]
    room: Option<u64>,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = Arc::new(place.config()?);
    let outside = start::outside();
    let token = config.chatwork.api_token.clone().ok_or(AppError::NoToken)?;
    let api = Api::new(&config.chatwork.api_base, token, Arc::clone(&outside.clock))
        .context("the API client cannot be built")?;
    let (store, ledger) = app::open_ledger(&config, &outside).await?;
    let before = ledger.head().await?.end();
    let reconciler = Reconciler::new(
        api,
        ledger.clone(),
        store,
        Arc::clone(&config),
        Arc::clone(&outside.clock),
        Metrics::default(),
    );
    let room = arguments.room.map(RoomId);
    if let Some(room) = room.filter(|it| !reconciler.reads_room(*it)) {
        return Err(anyhow!("room {room} is in no [[room]] of the configuration; only those are read"));
    }
    // Where no bot is at work, nobody has looked since the last read.
    let lock =
        File::create(config.storage.data_dir.join("worker.lock")).context("cannot make the lock file")?;
    if lock.try_lock().is_ok() {
        reconciler.begins_watch();
    }
    drop(lock);
    let passed = reconciler.sync(room).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|it| format!(": {it}")).unwrap_or_default();
        anyhow!("{error}{cause}; nothing was lost, try again later")
    })?;
    let new = ledger.head().await?.end().saturating_sub(before);
    let at = outside.clock.now().japan_text();
    let read = passed.read;
    let words = match terminal.language {
        Language::Ja => format!("{at}  読み取ったルーム: {read}　新しい記録: {new}件"),
        Language::En => format!("{at}  rooms read: {read}, new entries: {new}"),
    };
    terminal.talk(&words);
    if passed.left == 0 {
        return Ok(Exit::Done);
    }
    terminal.talk(terminal.words(
        "読み取れなかったルームがあります（アクセスできないか、Chatworkの利用回数の上限に近づいています）。",
        "some rooms were not read: no access, or Chatwork's rate limit is nearly used up",
    ));
    Ok(Exit::No)
}
