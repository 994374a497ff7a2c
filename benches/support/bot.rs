//! The bot as `serve` runs it, with the simulator as its platform, on the disk under `target/`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use karibarai::app::{App, Outside};
use karibarai::config::{Config, LoadArgs};
use karibarai::domain::{Clock as _, SystemClock, SystemEntropy};
use karibarai::ledger::Ledger;
use karibarai::sandbox::{Sandbox, SandboxConfig, SandboxHandle, WebhookKind, World};
use karibarai::store::{FollowStore as _, LedgerStore as _, Store};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A platform with an owner, a client and the token that signs deliveries.
pub(crate) struct Platform {
    pub(crate) sandbox: Sandbox,
    pub(crate) handle: SandboxHandle,
    pub(crate) world: World,
    pub(crate) token: String,
    pub(crate) folder: TempDir,
}

impl Platform {
    pub(crate) async fn start() -> Self {
        let sandbox = Sandbox::start(SandboxConfig::new(Arc::new(|| SystemClock.now().0))).await;
        let sandbox = sandbox.expect("a port is free");
        let handle = sandbox.handle().clone();
        let world = handle.world(None).expect("the simulator has room for a world");
        // Nobody is mentioned and nobody listens: the simulator itself delivers nothing.
        let hook =
            handle.add_webhook(world.owner.account_id, "http://127.0.0.1:9/", WebhookKind::Account, None);
        let token = hook.expect("an account may have five settings").token;
        // Not /tmp, which may be memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("target/ can be written");
        Self { sandbox, handle, world, token, folder }
    }

    /// Environment of a bot in this world; `more` comes on top.
    pub(crate) fn environment(&self, more: &[(String, String)]) -> Vec<(String, String)> {
        let data = self.folder.path().join("data");
        let env = [
            ("CHATWORK_API_BASE", self.sandbox.api_base()),
            ("CHATWORK_API_TOKEN", self.world.owner.api_token.clone()),
            ("CHATWORK_WEBHOOK_TOKEN", self.token.clone()),
            ("KARIBARAI_STORAGE__URL", format!("sqlite:{}", data.join("karibarai.db").display())),
            ("KARIBARAI_STORAGE__DATA_DIR", data.display().to_string()),
            ("KARIBARAI_REPLY__DELAY_SECONDS", "0".to_owned()),
        ];
        let mut all: Vec<(String, String)> =
            env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // Each platform in a schema of its own.
        if let Some(url) = postgres() {
            all.retain(|(name, _)| name != "KARIBARAI_STORAGE__URL");
            let name = self.folder.path().file_name().map(|it| it.to_string_lossy().to_lowercase());
            let schema: String =
                name.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
            all.extend(pairs(&[
                ("KARIBARAI_STORAGE__URL", url),
                ("KARIBARAI_STORAGE__SCHEMA", format!("b{schema}")),
            ]));
        }
        all.extend(more.to_vec());
        all
    }

    pub(crate) fn config(&self, more: &[(String, String)]) -> Config {
        let cwd = self.folder.path().to_owned();
        let arguments = LoadArgs { path: None, env: self.environment(more), cwd };
        Config::load(&arguments).expect("the configuration is sound")
    }

    /// The direct room of the usual world, only recorded.
    pub(crate) fn observed_room(&self) -> Vec<(String, String)> {
        pairs(&[
            ("KARIBARAI_ROOM__0__ID", self.world.direct_room_id.to_string()),
            ("KARIBARAI_ROOM__0__CLIENTS", self.world.client.account_id.to_string()),
            ("KARIBARAI_ROOM__0__REPLY__MODE", "observe".to_owned()),
        ])
    }
}

/// `KARIBARAI_BENCH_POSTGRES=postgres://…`: the same on PostgreSQL.
pub(crate) fn postgres() -> Option<String> {
    let all = karibarai::config::process_env();
    all.into_iter().find(|(name, _)| name == "KARIBARAI_BENCH_POSTGRES").map(|(_, url)| url)
}

pub(crate) fn pairs(list: &[(&str, String)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// The machine's clock and randomness.
pub(crate) fn outside() -> Outside {
    Outside { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
}

/// A running bot.
pub(crate) struct Bot {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) ledger: Ledger,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Bot {
    pub(crate) async fn start(config: Config) -> Self {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let app = App::prepare_on(config, outside(), bind(), bind()).await.expect("the bot can start");
        let (address, store, ledger) = (app.public_address(), app.store().clone(), app.ledger().clone());
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(async move { app.run(stopped).await.expect("the bot ends well") });
        Self { address, store, ledger, stop, running }
    }

    pub(crate) async fn entries(&self) -> u64 {
        self.ledger.head().await.expect("the ledger can be read").end()
    }

    /// Waits until the last follower has read everything.
    pub(crate) async fn rest(&self) {
        loop {
            let size = self.store.head().await.expect("the head can be read").map_or(0, |it| it.end());
            if self.store.cursor("mirror").await.expect("a cursor can be read").0 == size {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn end(self) {
        let _ = self.stop.send(true);
        self.running.await.expect("the bot ends well");
    }
}
