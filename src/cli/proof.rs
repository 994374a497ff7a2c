//! `proof`: the proof of one entry, as `c2sp.org/tlog-proof` fixes it.

use std::io::Write as _;

use anyhow::anyhow;

use crate::domain::EntryIndex;
use crate::ledger;

use super::Exit;
use super::start::{self, Place};
use super::terminal::Terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Number of the entry, as `log --json` gives it in `n`
    entry: u64,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let store = start::reader(&config).await?;
    let size = start::size(&store).await?;
    if arguments.entry >= size {
        return Err(anyhow!("there is no entry {}; the ledger has {size}", arguments.entry));
    }
    match ledger::proof_of(&store, &config.storage.data_dir, EntryIndex(arguments.entry)).await? {
        Some(proof) => {
            terminal.data().write_all(proof.to_text().as_bytes())?;
            Ok(Exit::Done)
        }
        None => {
            terminal.talk(terminal.words(
                "この記録を含む署名済みの要約がまだありません。karibarai checkpoint のあとでお試しください。",
                "no signed head covers this entry yet; run `karibarai checkpoint` first",
            ));
            Ok(Exit::No)
        }
    }
}
