//! `checkpoint`: signs the present head, has it stamped by the configured authorities, and prints it.

use std::io::Write as _;

use crate::anchor::{self, Anchors, Authorities};

use super::Exit;
use super::start::{self, Place};
use super::terminal::Terminal;

pub(super) async fn run(place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let (store, ledger) = start::ledger(&config).await?;
    let mut exit = Exit::Done;
    if config.anchor.authorities.is_empty() {
        terminal.talk(terminal.words(
            "時刻認証局は設定されていません（[anchor]）。手元の記録を外から証明するものはまだありません。",
            "no time-stamp authority is configured ([anchor]): nothing outside confirms this head",
        ));
    }
    let entropy = start::outside().entropy;
    for url in &config.anchor.authorities {
        let roots = anchor::roots(&config.anchor.ca_files)?;
        let anchors = Anchors {
            ledger: &ledger,
            store: &store,
            data_dir: &config.storage.data_dir,
            entropy: &*entropy,
            authorities: &Authorities::new()?,
            roots: &roots,
        };
        match anchors.stamp(url).await {
            Ok(it) => {
                let words = terminal.words("時刻認証:", "time stamp:");
                terminal.talk(&format!("{words} {}（{}）", it.stamp.authority, it.stamp.at.japan_text()));
            }
            Err(error) => {
                let words = terminal.words("時刻認証を得られませんでした:", "no time stamp:");
                terminal.talk(&format!("{words} {:#}", anyhow::Error::new(error)));
                exit = Exit::No;
            }
        }
    }
    match ledger.checkpoint().await? {
        Some(note) => {
            terminal.data().write_all(note.as_bytes())?;
            Ok(exit)
        }
        None => {
            terminal.talk(terminal.words("記録はまだ空です。", "the ledger is still empty"));
            Ok(Exit::No)
        }
    }
}
