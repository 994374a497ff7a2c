//! `checkpoint`: signs the present head and prints it.

use std::io::Write as _;

use super::Exit;
use super::setup::{self, Place};
use super::terminal::Terminal;

pub(super) async fn run(place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let (_, ledger) = setup::ledger(&config).await?;
    match ledger.checkpoint().await? {
        Some(note) => {
            terminal.data().write_all(note.as_bytes())?;
            Ok(Exit::Done)
        }
        None => {
            terminal.talk(terminal.words("記録はまだ空です。", "the ledger is still empty"));
            Ok(Exit::No)
        }
    }
}
