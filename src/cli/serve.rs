//! `serve`: the bot, until SIGTERM or Ctrl-C.

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;

use crate::app::{App, AppError};
use crate::platform::Stop;

use super::Exit;
use super::start::{self, Place};
use super::terminal::Terminal;

/// Longer than a row ever takes to write where nobody holds it up.
const LINK_WAIT: Duration = Duration::from_secs(2);

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
    terminal.talk(&pages(&app, terminal).await);
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

/// Where the pages are. A link is a row in the store, and the store may be busy for a while (another process of a shared
/// database was halted in the middle of a change): the bot must not end by that.
async fn pages(app: &App, terminal: &Terminal) -> String {
    let link = async {
        // With a password nobody needs a link, and none lies about in the log.
        match app.has_password().await? {
            true => Ok::<_, AppError>(None),
            false => app.one_time_link().await.map(Some),
        }
    };
    let words = match tokio::time::timeout(LINK_WAIT, link).await {
        Ok(Ok(None)) => terminal.words("管理画面:", "pages:"),
        Ok(Ok(Some(link))) => {
            let words = terminal.words("管理画面（1回だけ使えるリンク）:", "pages (this link works once):");
            return format!("{words} {link}");
        }
        failed => {
            match failed {
                Ok(Err(error)) => tracing::warn!(error = %error, "no link to the pages could be made"),
                _ => tracing::warn!("no link to the pages could be made: the store is busy"),
            }
            terminal.words(
                "管理画面（今はリンクを作れませんでした。あとで karibarai login-link で作れます）:",
                "pages (no link could be made now; `karibarai login-link` makes one later):",
            )
        }
    };
    format!("{words} {}", app.pages())
}
