//! `login-link`: a link to the pages that works once, for whoever can run this program on the bot's machine.

use super::Exit;
use super::start::{self, Place};
use super::terminal::Terminal;
use crate::config::Config;
use crate::review;

pub(super) async fn run(place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let (store, _) = start::ledger(&config).await?;
    let outside = start::outside();
    let path = review::one_time_path(store, outside.entropy, outside.clock).await?;
    terminal.say(&format!("{}{path}", base(&config)));
    terminal.talk(terminal.words(
        "24時間以内に一度だけ使えます。karibarai serve が動いている間に開いてください。",
        "It works once, within 24 hours, while `karibarai serve` runs.",
    ));
    Ok(Exit::Done)
}

/// Where the pages are opened.
pub(super) fn base(config: &Config) -> String {
    match &config.server.review_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", config.server.review_listen),
    }
}
