//! `restore`: puts a backup in place, or continues under a new key. Exit 0 done, 1 damaged, 2 absent, not ours or refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::anchor;
use crate::config::{Config, StorageUrl};
use crate::proof::timestamp::Roots;
use crate::store::LedgerStore as _;
use crate::upkeep::{
    BackupError, ContainerError, DataPlace, RestoreError, StagedBackup, erase, finish_restore, plan_erasure,
    stage_backup, stage_new_key,
};

use super::start::{self, Place};
use super::terminal::{Busy, Terminal};
use super::verify::problems;
use super::workers::Workers;
use super::{Exit, Language};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The backup
    #[arg(required_unless_present = "new_key", conflicts_with = "new_key")]
    file: Option<PathBuf>,
    /// Move what is in the data place now into a folder beside it; nothing is deleted
    #[arg(long)]
    aside: bool,
    /// No backup: the ledger that is there goes on under a new key, where the old one is lost or was seen by others
    #[arg(long)]
    new_key: bool,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let StorageUrl::Sqlite(database) = config.storage.url.clone() else {
        return Err(anyhow!(
            "restore makes a file of SQLite: set url = \"sqlite:…\" in [storage] for it; then `karibarai migrate-store FILE` \
             moves the file into an empty schema of PostgreSQL"
        ));
    };
    let data = DataPlace { database, data_dir: config.storage.data_dir.clone() };
    if finish_restore(&data.data_dir)? {
        terminal.say(terminal.words(
            "中断していた復元を、最後まで終えました。",
            "a restore that had been cut off was brought to its end",
        ));
        return Ok(Exit::Done);
    }
    let roots = anchor::roots(&config.anchor.ca_files)?;
    let busy = Busy::begin(terminal.words("確かめて、復元しています", "checking and restoring"));
    let done = match &arguments.file {
        Some(file) => restore(file, arguments.aside, &config, &data, &roots).await,
        None => new_key(&data, &roots).await,
    };
    drop(busy);
    match done {
        Ok(done) => {
            tell(&done, terminal);
            Ok(Exit::Done)
        }
        Err(error) => refused(error, terminal),
    }
}

/// What was put in place.
struct Done {
    ledger: String,
    before: u64,
    erased: usize,
    aside: Option<PathBuf>,
    from_copy: bool,
}

async fn restore(
    file: &Path,
    aside: bool,
    config: &Config,
    data: &DataPlace,
    roots: &Roots,
) -> anyhow::Result<Done> {
    if !file.exists() {
        return Err(anyhow!("there is no file {}", file.display()));
    }
    let outside = start::outside();
    let StagedBackup { staged, ledger, store, erasures, .. } =
        stage_backup(file, data, aside, Arc::clone(&outside.clock), Arc::clone(&outside.entropy), roots)
            .await?;
    let mut there = config.clone();
    there.storage.url = StorageUrl::Sqlite(staged.staging.database.clone());
    there.storage.data_dir = staged.staging.data_dir.clone();
    // The bot brings the copy on when the restored ledger is in its place.
    there.storage.objects = None;
    let workers = Workers::new(&Arc::new(there), &store, &ledger).await?;
    let mut erased = 0;
    for (target, reason) in &erasures {
        let plan = plan_erasure(&ledger, &store, target).await?;
        if plan.entries.is_empty() {
            continue;
        }
        let follow = |n| workers.follow(n);
        let done = erase(&ledger, &store, &staged.staging.data_dir, target, plan, reason, follow).await?;
        erased += done.contents;
    }
    let head = store.head().await?.context("the restored ledger has no head")?;
    drop((workers, ledger, store));
    let aside = staged.commit()?;
    Ok(Done { ledger: head.ledger_id, before: head.base, erased, aside, from_copy: true })
}

async fn new_key(data: &DataPlace, roots: &Roots) -> anyhow::Result<Done> {
    let outside = start::outside();
    let (staged, ledger, store) = stage_new_key(data, outside.clock, outside.entropy, roots).await?;
    let head = store.head().await?.context("the continued ledger has no head")?;
    drop((ledger, store));
    let aside = staged.commit()?;
    Ok(Done { ledger: head.ledger_id, before: head.base, erased: 0, aside, from_copy: false })
}

fn tell(done: &Done, terminal: &Terminal) {
    let Done { ledger, before, erased, aside, from_copy } = done;
    terminal.say(&match (terminal.language, from_copy) {
        (Language::Ja, true) => format!(
            "復元しました。それまでの記録{before}件はそのまま残り、続きは新しい鍵の台帳 {ledger} に記録します。空白の時間も記録しました。"
        ),
        (Language::En, true) => format!(
            "restored: {before} entries stay as they were, and the ledger {ledger} continues them under a new key; the hole is recorded"
        ),
        (Language::Ja, false) => format!(
            "新しい鍵の台帳 {ledger} が、それまでの記録{before}件の続きになりました。"
        ),
        (Language::En, false) => {
            format!("the ledger {ledger} continues the {before} entries before it under a new key")
        }
    });
    if *erased > 0 {
        let words = terminal.words(
            "件の内容は、バックアップより後に消去されていたため、もう一度消去しました",
            "contents had been erased after the backup, and were erased again",
        );
        terminal.say(&format!("{erased} {words}"));
    }
    if let Some(aside) = aside {
        let words = terminal.words(
            "それまでのデータは、ここに移しました（消去の対象になりません。不要なら削除してください）:",
            "what was there before lies here (later erasures do not reach it; delete it when you need it no more):",
        );
        terminal.say(&format!("{words} {}", aside.display()));
    }
}

/// 1: one of ours, and damaged. Everything else is for the caller.
fn refused(error: anyhow::Error, terminal: &Terminal) -> anyhow::Result<Exit> {
    let damaged = match error.downcast_ref::<RestoreError>() {
        Some(RestoreError::NotIntact(checked)) => {
            terminal.talk(&format!("karibarai: {error:#}"));
            problems(checked, terminal).iter().for_each(|it| terminal.talk(&format!("  {it}")));
            return Ok(Exit::No);
        }
        Some(RestoreError::Backup(BackupError::Container(ContainerError::Damaged { .. }))) => true,
        _ => false,
    };
    if damaged {
        terminal.talk(&format!("karibarai: {error:#}"));
        return Ok(Exit::No);
    }
    Err(error)
}
