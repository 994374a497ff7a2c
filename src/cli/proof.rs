//! `proof`: the proof of one entry, as `c2sp.org/tlog-proof` fixes it.

use std::io::Write as _;

use anyhow::anyhow;

use crate::domain::EntryIndex;
use crate::ledger;
use crate::store::{ContinueStore as _, LedgerStore as _};

use super::Exit;
use super::start::{self, Place};
use super::terminal::Terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Number of the entry, as `log --json` gives it in `n`
    entry: u64,
    /// The ledger whose entry it is, as `log --json` gives it in `ledger` [default: the present one]
    #[arg(long, value_name = "ID")]
    ledger: Option<String>,
}

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let store = start::reader(&config).await?;
    let (base, size) = match &arguments.ledger {
        Some(digits) => {
            let before = store.predecessors().await?;
            let it = start::ledger_before(&before, digits)?;
            (it.base, it.size)
        }
        None => store.head().await?.map_or((0, 0), |it| (it.base, it.frontier.size())),
    };
    if arguments.entry >= size {
        return Err(anyhow!("there is no entry {}; the ledger has {size}", arguments.entry));
    }
    let row = EntryIndex(base + arguments.entry);
    match ledger::proof_of(&store, &config.storage.data_dir, row).await? {
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
