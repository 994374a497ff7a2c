//! `backup`: a copy of everything in one file, verified; also beside a running bot.

use std::path::PathBuf;

use anyhow::anyhow;

use crate::anchor;
use crate::upkeep::{BackupError, backup};

use super::Exit;
use super::start::{self, Place};
use super::terminal::{Busy, Terminal};
use super::verify::problems;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file to be made; one that is there is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Put the ledger's secret key in too: needed only to sign packages of what was recorded before a restore. Who has it could
    /// sign in your name
    #[arg(long)]
    with_key: bool,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let roots = anchor::roots(&config.anchor.ca_files)?;
    let (store, ledger) = start::ledger(&config).await?;
    let busy = Busy::begin(terminal.words("写しを作り、確かめています", "copying and checking"));
    let made =
        backup(&ledger, &store, &config.storage.data_dir, &arguments.out, arguments.with_key, &roots).await;
    drop(busy);
    let made = match made {
        Ok(made) => made,
        Err(error @ BackupError::NotIntact(_)) => {
            terminal.talk(&format!("karibarai: {error}"));
            if let BackupError::NotIntact(checked) = error {
                problems(&checked, terminal).iter().for_each(|it| terminal.talk(&format!("  {it}")));
            }
            return Ok(Exit::No);
        }
        Err(error) => return Err(anyhow!(error)),
    };
    terminal.say(&match terminal.language {
        super::Language::Ja => format!(
            "バックアップを作り、確かめました: {}（記録{}件、{}バイト、SHA-256 {}）",
            arguments.out.display(),
            made.entries,
            made.bytes,
            made.sha256
        ),
        super::Language::En => format!(
            "backup made and verified: {} ({} entries, {} bytes, SHA-256 {})",
            arguments.out.display(),
            made.entries,
            made.bytes,
            made.sha256
        ),
    });
    terminal.talk(terminal.words(
        "中身は私的な会話です。暗号化されたディスクなど、ご本人だけが読める場所に置いてください。",
        "it holds private talk: keep it where only you can read it, on an encrypted disk for instance",
    ));
    Ok(Exit::Done)
}
