//! `rebuild`: derived tables and mirror files anew from the ledger.

use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::app;
use crate::detect::RuleSet;
use crate::domain::EntryIndex;
use crate::follow::{Annex, Archive, Casebook, Detector, Index, Mirror, Tiles};
use crate::store::{FollowStore as _, TurnStore as _};
use crate::upkeep::{Rebuild, decided_up_to};

use super::Exit;
use super::start::{self, Place};
use super::terminal::Terminal;

/// No rebuild takes longer.
const TURN: Duration = Duration::from_secs(12 * 3600);

pub(super) async fn run(place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = Arc::new(place.config()?);
    let (store, ledger) = start::ledger(&config).await?;
    let data_dir = &config.storage.data_dir;
    let lock = File::create(data_dir.join("worker.lock")).context("cannot make the lock file")?;
    lock.try_lock().map_err(|_| anyhow!("a bot is at work on this data folder; stop it first"))?;
    // The lock speaks for this folder, the turn for every process that shares the database.
    let turn = store.take_turn(None, TURN).await?;
    let turn = turn.ok_or_else(|| anyhow!("a bot is at work on this database; stop it first"))?;
    let Some(owners) = app::known_owners(&config, &store).await? else {
        return Err(anyhow!(
            "the bot has not yet learnt whose token this is; run `karibarai serve` once, or set account_ids in [owner]"
        ));
    };
    let rules = Arc::new(RuleSet::builtin()?);
    let until = decided_up_to(&store).await?;
    let mirror_dir = data_dir.join("mirror");
    if mirror_dir.exists() {
        fs::remove_dir_all(&mirror_dir).context("cannot remove the old mirror files")?;
    }
    let rebuild = Rebuild {
        archive: Archive::new(ledger.clone(), store.clone()),
        annex: Annex::new(ledger.clone(), store.clone()),
        detector: Detector::new(ledger.clone(), store.clone(), Arc::clone(&config), rules, owners),
        mirror: Mirror::new(ledger.clone(), store.clone(), data_dir),
        index: Index::new(ledger.clone(), store.clone()),
        tiles: Tiles::new(store.clone()),
        casebook: Casebook { ledger, store: store.clone(), decider: None, until: Some(until) },
        store: store.clone(),
    };
    let done = rebuild.run(|_| {}).await;
    store.end_turn(turn).await?;
    done?;
    let read = store.cursor(Mirror::NAME).await.unwrap_or(EntryIndex(0));
    let done = terminal.words(
        "件の記録から、表とミラーを作り直しました。",
        "entries read; tables and mirror files are made anew",
    );
    terminal.talk(&format!("{read} {done}"));
    Ok(Exit::Done)
}
