//! What several subcommands begin with: runtime, configuration, the ledger.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tokio::runtime::{Builder, Runtime};

use crate::app::{self, Outside, database};
use crate::config::{Config, LoadArgs, LogFormat};
use crate::domain::{SystemClock, SystemEntropy};
use crate::ledger::Ledger;
use crate::store::{Predecessor, Store};
use crate::upkeep::finish_restore;

/// Where the configuration is looked for.
pub(crate) struct Place {
    pub(crate) file: Option<PathBuf>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Place {
    /// Reads and checks the configuration.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let cwd = std::env::current_dir().context("cannot tell the current folder")?;
        let arguments = LoadArgs { path: self.file.clone(), env: self.environment.clone(), cwd };
        Ok(Config::load(&arguments)?)
    }
}

pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    // Two providers would be linked if each crate chose its own; the second call in one process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |it| it.get().min(8)))
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// The machine's clock and randomness.
pub(crate) fn outside() -> Outside {
    Outside { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
}

/// The database for reading alone. Absent is exit 2, with where it was looked for.
pub(crate) async fn reader(config: &Config) -> anyhow::Result<Store> {
    finish_restore(&config.storage.data_dir)?;
    let name = || database::named(&config.storage.url);
    let store =
        database::read(&config.storage.url).await.with_context(|| format!("cannot read {}", name()))?;
    store.ok_or_else(|| anyhow!("there is no database at {}; `karibarai serve` makes it", name()))
}

/// The ledger before the present one whose id begins with these digits.
pub(crate) fn ledger_before<'a>(before: &'a [Predecessor], digits: &str) -> anyhow::Result<&'a Predecessor> {
    let mut found = before.iter().filter(|it| !digits.is_empty() && it.ledger_id.starts_with(digits));
    match (found.next(), found.next()) {
        (Some(it), None) => Ok(it),
        (Some(_), Some(_)) => Err(anyhow!("several ledgers begin with {digits}; give more digits of the id")),
        (None, _) => Err(anyhow!(
            "no ledger before the present one begins with {digits}; `karibarai verify` names them"
        )),
    }
}

/// The ledger for appending beside a running bot.
pub(crate) async fn ledger(config: &Config) -> anyhow::Result<(Store, Ledger)> {
    // Refuses where there is none, without making one.
    drop(reader(config).await?);
    Ok(app::open_ledger(config, &outside()).await?)
}

/// Logs go to stderr: for people or as JSON, never with content. Colour only for a terminal that did not refuse it
/// (<https://no-color.org>).
pub(crate) fn logging(config: &Config, place: &Place) -> anyhow::Result<()> {
    let refused = place.environment.iter().any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
    let colour = std::io::stderr().is_terminal() && !refused;
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)
        .with_context(|| "the filter in [log] cannot be read")?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    let installed = match config.log.format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    installed.map_err(|error| anyhow!("logging cannot be set up: {error}"))
}
