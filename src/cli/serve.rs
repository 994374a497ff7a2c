//! `serve`: the bot, until SIGTERM or Ctrl-C.

use anyhow::Context as _;
use tokio::sync::watch;

use crate::app::App;
use crate::platform::Stop;

use super::Exit;
use super::start::{self, Place};
use super::terminal::Terminal;

pub(super) async fn run(place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    config.validate_for_serve()?;
    start::logging(&config, place)?;
    let app = App::prepare(config, start::outside()).await?;
    terminal.talk(&format!(
        "{} http://{}/webhook",
        terminal.words("Webhookの受け口:", "webhooks arrive at"),
        app.public_address()
    ));
    // With a password nobody needs a link, and none lies about in the log.
    let pages = match app.has_password().await? {
        true => format!("{} {}", terminal.words("管理画面:", "pages:"), app.pages()),
        false => format!(
            "{} {}",
            terminal.words("管理画面（1回だけ使えるリンク）:", "pages (this link works once):"),
            app.one_time_link().await?
        ),
    };
    terminal.talk(&pages);
    let (stop, stopped) = watch::channel(false);
    let mut asked = Stop::watch().context("cannot wait for the signal to stop")?;
    tokio::spawn(async move {
        asked.came().await;
        let _ = stop.send(true);
    });
    app.run(stopped).await?;
    terminal.talk(terminal.words("停止しました。", "stopped."));
    Ok(Exit::Done)
}
