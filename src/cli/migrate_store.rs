//! `migrate-store`: the ledger and everything beside it from a file of SQLite into PostgreSQL.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};

use crate::app::database;
use crate::config::StorageUrl;
use crate::store::{PostgresStore, SqliteStore, Store};
use crate::upkeep::{check, finish_restore};

use super::Exit;
use super::start::Place;
use super::terminal::Terminal;
use super::verify::problems;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file of SQLite; it is left as it is
    file: PathBuf,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let StorageUrl::Postgres(url) = &config.storage.url else {
        return Err(anyhow!("set url = \"postgres://…\" in [storage] first: that is where it moves to"));
    };
    let data_dir = &config.storage.data_dir;
    finish_restore(data_dir)?;
    let lock = File::create(data_dir.join("worker.lock")).context("cannot make the lock file")?;
    lock.try_lock().map_err(|_| anyhow!("a bot is at work on this data folder; stop it first"))?;
    if !arguments.file.exists() {
        return Err(anyhow!("there is no database at {}", arguments.file.display()));
    }
    let source = SqliteStore::open(&arguments.file)
        .await
        .with_context(|| format!("cannot read {}", arguments.file.display()))?;
    let told = |table: &str| match table {
        "" => terminal.talk(terminal.words("読み直して比べています", "reading both again and comparing")),
        table => terminal.talk(&format!("{}: {table}", terminal.words("移しています", "moving"))),
    };
    let (target, moved) = PostgresStore::move_from(&database::place(url), &source, told)
        .await
        .context("the move is not done; run it again, and it goes on where it was")?;
    if !moved.different.is_empty() {
        terminal.talk(&format!(
            "{}: {}",
            terminal.words(
                "移した内容が元と一致しません。元に書き込むものをすべて止めて、もう一度実行してください",
                "what was moved is not what is there: stop whatever writes to the file, and run it again"
            ),
            moved.different.join(", ")
        ));
        return Ok(Exit::No);
    }
    let checked = check(&Store::Postgres(target), data_dir, None).await?;
    if !checked.intact() {
        terminal.talk(
            terminal
                .words("移した台帳に、合わないところがあります", "the ledger that was moved does not fit"),
        );
        problems(&checked, terminal).iter().for_each(|it| terminal.talk(&format!("  {it}")));
        return Ok(Exit::No);
    }
    terminal.say(&match terminal.language {
        super::Language::Ja => format!(
            "{}行を移し、確かめました（記録{}件）。検索の索引は、次の起動で作り直されます。元のファイルはそのままです: {}",
            moved.rows,
            checked.report.size,
            arguments.file.display()
        ),
        super::Language::En => format!(
            "{} rows moved and verified ({} entries). The search index is made anew at the next start. The file is as it was: {}",
            moved.rows,
            checked.report.size,
            arguments.file.display()
        ),
    });
    Ok(Exit::Done)
}
