//! A bot on a simulated Chatwork, with a clock that stands still until it is moved.

pub(crate) mod chatwork;
pub(crate) mod cluster;
pub(crate) mod lookout;
pub(crate) mod process;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use karibarai::app::{App, Outside};
use karibarai::config::{Config, LoadArgs, StorageUrl};
use karibarai::domain::{CountingEntropy, ManualClock, MessageId, RoomId, UtcMillis};
use karibarai::ledger::Ledger;
use karibarai::sandbox::{Sandbox, SandboxConfig};
use karibarai::store::{
    CaseRow, CaseStore as _, FollowStore as _, LedgerStore as _, OutboxRow, OutboxState, Record, Store,
};
use karibarai::upkeep;
use sha2::Sha256;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::chatwork::{Chatwork, World};

/// Nothing that a test waits for takes longer on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Monday, 23 November 2026, 10:00 in Japan.
pub(crate) const MORNING: UtcMillis = UtcMillis(1_795_395_600_000);

pub(crate) struct Bot {
    pub(crate) sandbox: Sandbox,
    pub(crate) chatwork: Chatwork,
    pub(crate) world: World,
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
    pub(crate) ledger: Ledger,
    pub(crate) public: SocketAddr,
    pub(crate) private: SocketAddr,
    pub(crate) link: String,
    pub(crate) folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

/// A place as people have it: with a space, and not in ASCII.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("仮払い の記録 ").tempdir().unwrap()
}

pub(crate) async fn start_sandbox(now: karibarai::sandbox::Now) -> Sandbox {
    Sandbox::start(SandboxConfig::new(now)).await.unwrap()
}

pub(crate) fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Settings of a bot in the direct room of `world`, mode auto, no delay; `extra` wins.
pub(crate) fn settings(
    folder: &Path,
    api_base: &str,
    world: &World,
    extra: &[(&str, &str)],
) -> Vec<(String, String)> {
    let data = folder.join("data");
    let mut all: Vec<(String, String)> = [
        ("CHATWORK_API_BASE", api_base.to_owned()),
        ("CHATWORK_API_TOKEN", world.owner_token.clone()),
        ("CHATWORK_WEBHOOK_TOKEN", world.webhook_tokens.join(",")),
        ("KARIBARAI_STORAGE__URL", format!("sqlite:{}", data.join("karibarai.db").display())),
        ("KARIBARAI_STORAGE__DATA_DIR", data.display().to_string()),
        ("KARIBARAI_SERVER__LISTEN", "127.0.0.1:0".to_owned()),
        ("KARIBARAI_SERVER__REVIEW_LISTEN", "127.0.0.1:0".to_owned()),
        ("KARIBARAI_REPLY__DELAY_SECONDS", "0".to_owned()),
        ("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "1".to_owned()),
        ("KARIBARAI_ROOM__0__ID", world.direct_room.to_string()),
        ("KARIBARAI_ROOM__0__CLIENTS", world.client.to_string()),
        ("KARIBARAI_ROOM__0__REPLY__MODE", "auto".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    for (name, value) in on_postgres(folder) {
        all.retain(|(known, _)| *known != name);
        all.push((name, value));
    }
    for (name, value) in extra {
        all.retain(|(known, _)| known != name);
        all.push(((*name).to_owned(), (*value).to_owned()));
    }
    all
}

/// With `KARIBARAI_TESTS_ENGINE=postgres` the same tests run on a schema of PostgreSQL, one for each folder.
fn on_postgres(folder: &Path) -> Vec<(String, String)> {
    if environment("KARIBARAI_TESTS_ENGINE").as_deref() != Some("postgres") {
        return Vec::new();
    }
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hash = DefaultHasher::new();
    folder.hash(&mut hash);
    [
        ("KARIBARAI_STORAGE__URL", cluster::shared().url("karibarai")),
        ("KARIBARAI_STORAGE__SCHEMA", format!("b{:x}", hash.finish())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

pub(crate) fn config(settings: &[(String, String)], cwd: &Path) -> Config {
    let arguments = LoadArgs { path: None, env: settings.to_vec(), cwd: cwd.to_owned() };
    Config::load(&arguments).unwrap()
}

/// The database that settings name, for reading alone.
pub(crate) async fn read_store(settings: &[(String, String)], cwd: &Path) -> Store {
    karibarai::app::database::read(&config(settings, cwd).storage.url).await.unwrap().unwrap()
}

/// Changes the database behind the program's back.
pub(crate) async fn meddle(settings: &[(String, String)], cwd: &Path, sql: &str) {
    match config(settings, cwd).storage.url {
        StorageUrl::Sqlite(path) => rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap(),
        StorageUrl::Postgres(it) => {
            let place = karibarai::app::database::place(&it);
            let (client, connection) =
                tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            let sql = format!("SET search_path TO {}; {sql}", place.schema);
            client.batch_execute(&sql).await.unwrap();
        }
    }
}

impl Bot {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(extra: &[(&str, &str)]) -> Self {
        let extra: Vec<_> =
            extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::start_for(move |_| extra).await
    }

    /// With settings that name people or rooms of the world.
    pub(crate) async fn start_for(extra: impl FnOnce(&World) -> Vec<(String, String)>) -> Self {
        install_tls();
        let clock = ManualClock::new(MORNING);
        let folder = folder();
        let (public, private) = listeners();
        let now = clock.clone();
        let sandbox = start_sandbox(Arc::new(move || karibarai::domain::Clock::now(&now).0)).await;
        let chatwork = Chatwork(sandbox.handle().clone());
        let world = chatwork.world(&format!("http://{}/webhook", public.local_addr().unwrap()));
        let extra = extra(&world);
        let extra: Vec<_> = extra.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let settings = settings(folder.path(), &sandbox.api_base(), &world, &extra);
        let parts = run(&settings, folder.path(), &clock, public, private).await;
        let bot = Self {
            sandbox,
            chatwork,
            world,
            clock,
            store: parts.store,
            ledger: parts.ledger,
            public: parts.public,
            private: parts.private,
            link: parts.link,
            folder,
            settings,
            stop: parts.stop,
            running: parts.running,
        };
        bot.until("the rooms are known", || async { bot.store.rooms_known().await }).await;
        bot
    }

    /// Ends the bot and starts it again on the same folder and port.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|_, _| {}).await
    }

    /// The same with other settings.
    pub(crate) async fn restart_with(mut self, changed: &[(&str, &str)]) -> Self {
        for (name, value) in changed {
            self.settings.retain(|(known, _)| known != name);
            self.settings.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.restart().await
    }

    /// The same, with something done to the folder in between.
    pub(crate) async fn restart_after(self, between: impl FnOnce(&Path, &[(String, String)])) -> Self {
        let folder = self.folder.path().to_owned();
        self.restart_as(move |settings| between(&folder, settings)).await
    }

    /// The same, with other settings.
    pub(crate) async fn restart_as(self, between: impl FnOnce(&mut Vec<(String, String)>)) -> Self {
        let Self {
            sandbox,
            chatwork,
            world,
            clock,
            folder,
            mut settings,
            stop,
            running,
            public,
            private,
            ..
        } = self;
        drop((self.store, self.ledger));
        let _ = stop.send(true);
        running.await.unwrap();
        between(&mut settings);
        let (public, private) = (TcpListener::bind(public).unwrap(), TcpListener::bind(private).unwrap());
        let parts = run(&settings, folder.path(), &clock, public, private).await;
        Self {
            sandbox,
            chatwork,
            world,
            clock,
            store: parts.store,
            ledger: parts.ledger,
            public: parts.public,
            private: parts.private,
            link: parts.link,
            folder,
            settings,
            stop: parts.stop,
            running: parts.running,
        }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The client writes in the direct room.
    pub(crate) fn client_says(&self, text: &str) -> String {
        self.chatwork.post(self.world.client, self.world.direct_room, text)
    }

    pub(crate) fn replies(&self, message: &str) -> usize {
        self.chatwork.replies_to(self.world.direct_room, message).len()
    }

    /// Posts of the bot in the client's room.
    pub(crate) fn posts(&self) -> usize {
        self.chatwork.posts_by(self.world.owner, self.world.direct_room).len()
    }

    /// Notes in the owner's own chat.
    pub(crate) fn notes(&self) -> Vec<String> {
        let notes = self.chatwork.posts_by(self.world.owner, self.world.owner_my_room);
        // The platform's own message about a task is no note.
        notes
            .into_iter()
            .map(|it| it.body)
            .filter(|it| !it.starts_with("[info][title][dtext:task_"))
            .collect()
    }

    pub(crate) async fn until<F, T>(&self, what: &str, done: F)
    where
        F: Fn() -> T,
        T: Future<Output = bool>,
    {
        until(what, done).await;
    }

    /// All webhooks are delivered, everything recorded was weighed, and nothing waits that is due.
    pub(crate) async fn settled(&self) {
        self.chatwork.idle().await;
        self.until("the bot to come to rest", || async {
            let size = self.store.head().await.unwrap().unwrap().end();
            let read = self.store.cursor("casebook").await.unwrap().0;
            let now = karibarai::domain::Clock::now(&self.clock);
            let open = self.store.open_outbox().await.unwrap();
            let mirrored = self.store.cursor("mirror").await.unwrap().0;
            let annexed = self.store.cursor("annex").await.unwrap().0;
            let indexed = self.store.cursor(karibarai::follow::Index::NAME).await.unwrap().0;
            let behind = [read, annexed, mirrored, indexed].into_iter().any(|it| it != size);
            !behind && open.iter().all(|it| it.due_at > now)
        })
        .await;
    }

    /// A whole pass over the rooms has come and gone since, and the bot rests: reading has nothing more to add.
    pub(crate) async fn looked(&self) {
        let passes = || self.chatwork.0.api_calls().of("GET /rooms");
        let before = passes();
        self.until("two passes", || async { passes() >= before + 2 }).await;
        self.settled().await;
    }

    pub(crate) async fn recorded(&self, message: &str, versions: usize) {
        use karibarai::store::ArchiveStore as _;
        let id = MessageId::new(message).unwrap();
        let room = RoomId(self.world.direct_room);
        self.until("a message to be recorded", || async {
            self.store.versions(room, &id).await.unwrap().len() >= versions
        })
        .await;
    }

    pub(crate) async fn recorded_in(&self, room: u64, message: &str) {
        use karibarai::store::ArchiveStore as _;
        let id = MessageId::new(message).unwrap();
        self.until("a message to be recorded", || async {
            !self.store.versions(RoomId(room), &id).await.unwrap().is_empty()
        })
        .await;
    }

    /// Entries of all ledgers.
    pub(crate) async fn store_size(&self) -> u64 {
        self.store.head().await.unwrap().unwrap().end()
    }

    pub(crate) async fn cases(&self) -> Vec<CaseRow> {
        self.store.cases().await.unwrap()
    }

    pub(crate) async fn outbox(&self) -> Vec<OutboxRow> {
        self.store.outbox().await.unwrap()
    }

    pub(crate) async fn ended(&self, state: OutboxState) -> usize {
        self.outbox().await.into_iter().filter(|it| it.state == state).count()
    }

    pub(crate) async fn records(&self) -> Vec<Record> {
        all_records(&self.store).await
    }

    /// How many entries of a kind there are.
    pub(crate) async fn count(&self, kind: &str) -> usize {
        let records = self.records().await;
        records.iter().filter(|it| it.entry().unwrap().kind.as_str() == kind).count()
    }

    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        self.settings.clone()
    }

    /// Ends the bot and moves its data folder to `folder/data`.
    pub(crate) async fn stop_and_keep(self, folder: &Path) {
        let Self { stop, running, store, ledger, folder: own, .. } = self;
        drop((store, ledger));
        let _ = stop.send(true);
        running.await.unwrap();
        std::fs::rename(own.path().join("data"), folder.join("data")).unwrap();
    }

    /// The program beside the running bot, with its settings and in its folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Output {
        std::process::Command::new(env!("CARGO_BIN_EXE_karibarai"))
            .args(arguments)
            .env_clear()
            .envs(self.settings())
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// Ends the bot; the ledger must verify offline.
    pub(crate) async fn finish(self) {
        let _ = self.stop.send(true);
        self.running.await.unwrap();
        let checked = upkeep::check(&self.store, &self.folder.path().join("data"), None).await.unwrap();
        assert!(checked.intact(), "{checked:?}");
    }
}

/// A running bot.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) ledger: Ledger,
    pub(crate) public: SocketAddr,
    pub(crate) private: SocketAddr,
    link: String,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Parts {
    pub(crate) async fn end(self) {
        let Self { store, ledger, stop, running, .. } = self;
        drop((store, ledger));
        let _ = stop.send(true);
        running.await.unwrap();
    }
}

pub(crate) async fn run(
    settings: &[(String, String)],
    folder: &Path,
    clock: &ManualClock,
    public: TcpListener,
    private: TcpListener,
) -> Parts {
    let outside = Outside {
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(CountingEntropy::new(folder_seed(folder))),
    };
    let app = App::prepare_on(config(settings, folder), outside, public, private).await.unwrap();
    let (store, ledger) = (app.store().clone(), app.ledger().clone());
    let (public, private, link) =
        (app.public_address(), app.private_address(), app.one_time_link().await.unwrap());
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(async move { app.run(stopped).await.unwrap() });
    Parts { store, ledger, public, private, link, stop, running }
}

/// Each start of a bot needs salts of its own.
fn folder_seed(folder: &Path) -> u64 {
    folder.display().to_string().bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))
}

fn listeners() -> (TcpListener, TcpListener) {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    (bind(), bind())
}

pub(crate) async fn until<F, T>(what: &str, done: F)
where
    F: Fn() -> T,
    T: Future<Output = bool>,
{
    let wait = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "waited in vain for {what}");
}

pub(crate) async fn all_records(store: &Store) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let from = karibarai::domain::EntryIndex(all.len() as u64);
        let mut more = store.records(from, 4096).await.unwrap();
        if more.is_empty() {
            return all;
        }
        all.append(&mut more);
    }
}

/// Whether the reconciler has read at least one room to the end.
trait RoomsKnown {
    async fn rooms_known(&self) -> bool;
}

impl RoomsKnown for Store {
    async fn rooms_known(&self) -> bool {
        use karibarai::store::CoverageStore as _;
        self.room_reads().await.unwrap().iter().any(|it| it.read_at.is_some())
    }
}

/// A variable that steers the tests.
pub(crate) fn environment(name: &str) -> Option<String> {
    let all = karibarai::config::process_env();
    all.into_iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value)
}

/// As Chatwork signs: HMAC-SHA256 with the decoded token, in base64.
pub(crate) fn sign(token: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&BASE64_STANDARD.decode(token).unwrap()).unwrap();
    mac.update(body);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// A `message_created` as Chatwork sends it.
pub(crate) fn created(room: u64, message: u64, account: u64, text: &str) -> String {
    event("message_created", room, message, account, text, 0)
}

pub(crate) fn event(
    kind: &str,
    room: u64,
    message: u64,
    account: u64,
    text: &str,
    update_time: i64,
) -> String {
    let seconds = MORNING.0 / 1000;
    let body = serde_json::to_string(text).unwrap();
    format!(
        r#"{{"webhook_setting_id":"12345","webhook_event_type":"{kind}","webhook_event_time":{seconds},"webhook_event":{{"message_id":"{message}","room_id":{room},"account_id":{account},"body":{body},"send_time":{seconds},"update_time":{update_time}}}}}"#
    )
}
