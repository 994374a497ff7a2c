//! Wires everything from the configuration, starts it and stops it in order. The only place that spawns tasks.

mod around;
pub mod database;
mod fetch;
mod identity;
mod listen;
pub mod objects;
mod packages;
mod stamps;
mod texts;
mod troubles;
mod turns;
mod work;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::chatwork::api::{Api, Downloads};
use crate::chatwork::signature::Tokens;
use crate::config::Config;
use crate::detect::RuleSet;
use crate::domain::{AccountId, Clock, Entropy, EntryKind};
use crate::ledger::{Ledger, LedgerError, Observation};
use crate::metrics::Metrics;
use crate::platform::{self, Service};
use crate::receive::Receiver;
use crate::reply::template::Templates;
use crate::review::{Ports, Review};
use crate::store::{Store, StoreError};
use crate::upkeep::{RestoreError, finish_restore};

pub use texts::{TextsError, load_templates};

/// From the signal to the end of the process; what is then unfinished is resumed at the next start.
const SHUTDOWN: Duration = Duration::from_secs(8);
/// A third of `WatchdogSec` in `deploy/karibarai.service`.
const WATCHDOG_EVERY: Duration = Duration::from_secs(20);
/// A checkpoint at least this often while the ledger grows.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// What comes in from outside, so that every test can set it.
#[derive(Clone)]
pub struct Outside {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// Why the bot does not start, or ended early. One line for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(
        "cannot listen on {address}: {source}; another program may use the port (see [server] in karibarai.toml)"
    )]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the folder {path} cannot be written: {source}; choose another in [storage] or change its owner")]
    Folder { path: String, source: std::io::Error },
    #[error("no API token: set CHATWORK_API_TOKEN, or api_token_file in [chatwork]")]
    NoToken,
    #[error("{0}")]
    Tokens(String),
    #[error("the built-in {0} cannot be read: {1}")]
    BuiltIn(&'static str, String),
    #[error(transparent)]
    Texts(#[from] TextsError),
    #[error("the API client cannot be built: {0}")]
    Api(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// The bot, ready to run: listeners bound, ledger open.
pub struct App {
    config: Arc<Config>,
    outside: Outside,
    store: Store,
    ledger: Ledger,
    api: Api,
    downloads: Downloads,
    rules: Arc<RuleSet>,
    templates: Arc<Templates>,
    metrics: Metrics,
    receiver: Receiver,
    review: Review,
    wake: Arc<Notify>,
    public: TcpListener,
    private: TcpListener,
    rehearsal: bool,
}

impl App {
    /// Binds both listeners and opens the ledger; everything that can be refused is refused here.
    pub async fn prepare(config: Config, outside: Outside) -> Result<Self, AppError> {
        let public = listen::bind(config.server.listen)?;
        let private = listen::bind(config.server.review_listen)?;
        Self::prepare_on(config, outside, public, private).await
    }

    /// The same on listeners that were bound before.
    pub async fn prepare_on(
        mut config: Config,
        outside: Outside,
        public: TcpListener,
        private: TcpListener,
    ) -> Result<Self, AppError> {
        // Taken out: in the settings they would lie in memory for as long as the bot runs.
        let token = config.chatwork.api_token.take().ok_or(AppError::NoToken)?;
        let tokens = Tokens::new(std::mem::take(&mut config.chatwork.webhook_tokens))
            .map_err(|it| AppError::Tokens(it.to_string()))?;
        let rules = Arc::new(RuleSet::builtin().map_err(|it| AppError::BuiltIn("rules", it.to_string()))?);
        let templates = load_templates(&config.templates.files)?;
        let api = Api::new(&config.chatwork.api_base, token, Arc::clone(&outside.clock))
            .map_err(|it| AppError::Api(it.to_string()))?;
        let downloads = api.downloads().map_err(|it| AppError::Api(it.to_string()))?;
        let (store, ledger) = open_ledger(&config, &outside).await?;
        let config = Arc::new(config);
        let metrics = Metrics::default();
        let wake = Arc::new(Notify::new());
        let receiver = Receiver::new(
            tokens,
            ledger.clone(),
            metrics.clone(),
            Arc::clone(&wake),
            config.server.body_time,
        );
        let templates = Arc::new(templates);
        let review = Review::new(Ports {
            store: store.clone(),
            ledger: ledger.clone(),
            config: Arc::clone(&config),
            templates: Arc::clone(&templates),
            rules: Arc::clone(&rules),
            metrics: metrics.clone(),
            entropy: Arc::clone(&outside.entropy),
            clock: Arc::clone(&outside.clock),
            wake: Arc::clone(&wake),
        });
        Ok(Self {
            config,
            outside,
            store,
            ledger,
            api,
            downloads,
            rules,
            templates,
            metrics,
            receiver,
            review,
            wake,
            public,
            private,
            rehearsal: false,
        })
    }

    /// The same bot, which posts in the control room alone; what is decided for other rooms waits for the next start.
    pub fn in_rehearsal(self) -> Self {
        Self { rehearsal: true, ..self }
    }

    /// Where Chatwork's webhooks go.
    pub fn public_address(&self) -> SocketAddr {
        local(&self.public, self.config.server.listen)
    }

    /// Where the pages are.
    pub fn private_address(&self) -> SocketAddr {
        local(&self.private, self.config.server.review_listen)
    }

    /// A link that logs in once.
    pub async fn one_time_link(&self) -> Result<String, AppError> {
        Ok(format!("{}{}", self.pages(), self.review.one_time_path().await?))
    }

    /// The address of the pages.
    pub fn pages(&self) -> String {
        match &self.config.server.review_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.private_address()),
        }
    }

    /// Somebody can log in without a link.
    pub async fn has_password(&self) -> Result<bool, AppError> {
        Ok(self.review.has_password().await?)
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Runs until `stop` turns true, then: no new requests, running ones end, followers end their batch, a checkpoint.
    pub async fn run(self, stop: watch::Receiver<bool>) -> Result<(), AppError> {
        let started = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "rules": self.rules.version(),
            "templates": self.templates.version(),
        });
        self.ledger.append_one(Observation::system(EntryKind::SystemStarted, &started)).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(listen::serve(
            self.public,
            self.receiver.router(),
            self.config.server.max_connections,
            stop.clone(),
        ));
        tasks.spawn(listen::serve(
            self.private,
            self.review.router(),
            self.config.server.max_connections,
            stop.clone(),
        ));
        let review = self.review.clone();
        let (metrics, clock) = (self.metrics.clone(), Arc::clone(&self.outside.clock));
        let watchdog = watchdog(self.ledger.clone(), self.store.clone(), metrics, clock, stop.clone());
        let workshop = work::Workshop {
            config: self.config,
            outside: self.outside,
            store: self.store.clone(),
            ledger: self.ledger.clone(),
            api: self.api,
            downloads: self.downloads,
            rules: self.rules,
            templates: self.templates,
            metrics: self.metrics,
            receiver: self.receiver,
            review: self.review,
            wake: self.wake,
            rehearsal: self.rehearsal,
            stamps: Mutex::default(),
            copying: Mutex::default(),
        };
        tasks.spawn(workshop.run(stop.clone()));
        tasks.spawn(review.work(stop.clone()));
        tasks.spawn(checkpoints(self.ledger.clone(), stop.clone()));
        tasks.spawn(watchdog);
        platform::tell(Service::Ready);
        stopped(stop).await;
        platform::tell(Service::Stopping);
        let drained =
            tokio::time::timeout(SHUTDOWN, async { while tasks.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!("some work did not end in time; it is resumed at the next start");
            tasks.abort_all();
        }
        self.ledger.append_one(Observation::system(EntryKind::SystemStopped, &serde_json::json!({}))).await?;
        self.ledger.checkpoint().await?;
        Ok(())
    }
}

/// Opens (or founds) the ledger that the configuration names.
pub async fn open_ledger(config: &Config, outside: &Outside) -> Result<(Store, Ledger), AppError> {
    let folder = &config.storage.data_dir;
    std::fs::create_dir_all(folder)
        .map_err(|source| AppError::Folder { path: folder.display().to_string(), source })?;
    finish_restore(folder)?;
    let store = database::open(&config.storage.url).await?;
    let ledger =
        Ledger::open(store.clone(), folder, Arc::clone(&outside.clock), Arc::clone(&outside.entropy)).await?;
    Ok((store, ledger))
}

async fn checkpoints(ledger: Ledger, mut stop: watch::Receiver<bool>) {
    let mut signed = 0;
    while !*stop.borrow() {
        match ledger.head().await {
            Ok(head) if head.frontier.size() > signed => match ledger.checkpoint().await {
                Ok(_) => signed = head.frontier.size(),
                Err(error) => tracing::error!(error = %error, "no checkpoint could be kept"),
            },
            Ok(_) => {}
            Err(error) => tracing::error!(error = %error, "the head of the ledger cannot be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(CHECKPOINT_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Tells systemd that the program is alive, as long as the ledger answers: a hung store gets the service restarted.
async fn watchdog(
    ledger: Ledger,
    store: Store,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        troubles::try_to_write(&metrics, &store, &*clock).await;
        if ledger.head().await.is_ok() {
            platform::tell(Service::Alive);
        }
        tokio::select! {
            () = tokio::time::sleep(WATCHDOG_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that whoever could say stop is gone: the same.
    while !*stop.borrow() && stop.changed().await.is_ok() {}
}

fn local(listener: &TcpListener, configured: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(configured)
}

/// Whom the bot serves, as far as it is known without asking the platform.
pub async fn known_owners(config: &Config, store: &Store) -> Result<Option<Vec<AccountId>>, StoreError> {
    if !config.owner.account_ids.is_empty() {
        return Ok(Some(config.owner.account_ids.clone()));
    }
    Ok(identity::known(store).await?.map(|(account, _)| identity::owners(config, account)))
}
