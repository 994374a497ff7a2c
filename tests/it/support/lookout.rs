//! The mirror alone on a simulated Chatwork: no bot around it, each pass made by hand, the clock moved by hand.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use karibarai::chatwork::api::Api;
use karibarai::chatwork::signature::Tokens;
use karibarai::config::Config;
use karibarai::domain::{Clock as _, CountingEntropy, EntryKind, ManualClock, RoomId, UtcMillis};
use karibarai::follow::{Archive, Capture, Progress, capture};
use karibarai::ledger::Ledger;
use karibarai::metrics::Metrics;
use karibarai::receive::Receiver;
use karibarai::reconcile::{Passed, ReconcileError, Reconciler};
use karibarai::sandbox::{Sandbox, SandboxConfig};
use karibarai::store::{Record, Store};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::chatwork::{Chatwork, World};
use super::{MORNING, all_records, config, install_tls};

pub(crate) struct Watch {
    _sandbox: Sandbox,
    pub(crate) chatwork: Chatwork,
    pub(crate) world: World,
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
    pub(crate) ledger: Ledger,
    pub(crate) reconciler: Reconciler,
    archive: Archive,
    pub(crate) config: Arc<Config>,
    api: Api,
    listener: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

/// An entry of the record with what it shows.
pub(crate) struct Line {
    pub(crate) kind: EntryKind,
    pub(crate) source: &'static str,
    pub(crate) observed_at: UtcMillis,
    pub(crate) room: Option<u64>,
    pub(crate) message: Option<String>,
    pub(crate) seen: Option<Capture>,
    pub(crate) content: serde_json::Value,
}

/// Data folders in memory where there is such a place: thousands of little commits need no disk.
fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

impl Watch {
    /// The direct and the group room of the usual world, read every `interval` seconds, with their webhooks.
    pub(crate) async fn start(interval: u64) -> Self {
        Self::start_with(interval, |_, world| vec![world.direct_room, world.group_room]).await
    }

    /// `rooms` makes rooms and says which are listed.
    pub(crate) async fn start_with(interval: u64, rooms: impl FnOnce(&Chatwork, &World) -> Vec<u64>) -> Self {
        install_tls();
        let clock = ManualClock::new(MORNING);
        let now = clock.clone();
        let mut settings = SandboxConfig::new(Arc::new(move || now.now().0));
        settings.limits.rooms = 20_000;
        // What goes wrong here goes wrong on purpose; it must not end a webhook setting.
        settings.rules.webhook_errors_to_invalid = None;
        let sandbox = Sandbox::start(settings).await.unwrap();
        let chatwork = Chatwork(sandbox.handle().clone());
        let folder = folder();
        let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let world = chatwork.world(&format!("http://{}/webhook", socket.local_addr().unwrap()));
        let rooms = rooms(&chatwork, &world);
        let data = folder.path().join("data");
        let mut settings = vec![
            ("CHATWORK_API_BASE".to_owned(), sandbox.api_base()),
            ("CHATWORK_API_TOKEN".to_owned(), world.owner_token.clone()),
            ("KARIBARAI_STORAGE__DATA_DIR".to_owned(), data.display().to_string()),
            ("KARIBARAI_RECONCILE__INTERVAL_SECONDS".to_owned(), interval.to_string()),
        ];
        settings.extend(
            rooms.iter().enumerate().map(|(n, room)| (format!("KARIBARAI_ROOM__{n}__ID"), room.to_string())),
        );
        let config = Arc::new(config(&settings, folder.path()));
        let store = Store::open(&data.join("karibarai.db")).await.unwrap();
        let entropy = Arc::new(CountingEntropy::new(MORNING.0.unsigned_abs()));
        let ledger = Ledger::open(store.clone(), &data, Arc::new(clock.clone()), entropy).await.unwrap();
        let token = config.chatwork.api_token.clone().unwrap();
        let api = Api::new(&config.chatwork.api_base, token, Arc::new(clock.clone())).unwrap();
        let tokens = world.webhook_tokens.iter().cloned().map(Into::into).collect();
        let wake = Arc::new(Notify::new());
        let receiver = Receiver::new(
            Tokens::new(tokens).unwrap(),
            ledger.clone(),
            Metrics::default(),
            wake,
            Duration::from_secs(10),
        );
        let router = receiver.router();
        let listener = tokio::spawn(async move { axum::serve(socket, router).await.unwrap() });
        let archive = Archive::new(ledger.clone(), store.clone());
        let reconciler = reconciler(&api, &ledger, &store, &config, &clock);
        Self {
            _sandbox: sandbox,
            chatwork,
            world,
            clock,
            store,
            ledger,
            reconciler,
            archive,
            config,
            api,
            listener,
            _folder: folder,
        }
    }

    /// The program starts anew: what it only remembered is gone.
    pub(crate) fn restart(&mut self) {
        self.reconciler = reconciler(&self.api, &self.ledger, &self.store, &self.config, &self.clock);
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// One pass, and everything recorded is filed.
    pub(crate) async fn pass(&self) -> Passed {
        self.try_pass().await.unwrap()
    }

    pub(crate) async fn try_pass(&self) -> Result<Passed, ReconcileError> {
        self.filed().await;
        let passed = self.reconciler.pass(&BTreeSet::new()).await;
        self.filed().await;
        passed
    }

    /// Passes for so many seconds, each when the one before said.
    pub(crate) async fn passes_for(&self, seconds: u64) {
        let end = self.clock.now().plus(Duration::from_secs(seconds));
        while self.clock.now() < end {
            let wait = self.try_pass().await.map_or(self.config.reconcile.interval, |it| it.wait);
            self.clock.advance(wait);
        }
    }

    /// Webhooks are delivered and the archive has read everything.
    pub(crate) async fn filed(&self) {
        self.chatwork.idle().await;
        while self.archive.tick().await.unwrap() == Progress::Moved {}
    }

    pub(crate) async fn lines(&self) -> Vec<Line> {
        all_records(&self.store).await.iter().map(line).collect()
    }

    /// Lines of a kind in a room.
    pub(crate) async fn of_kind(&self, room: u64, kind: EntryKind) -> Vec<Line> {
        let mut lines = self.lines().await;
        lines.retain(|it| it.kind == kind && it.room == Some(room));
        lines
    }

    /// Kinds of the holes recorded in a room.
    pub(crate) async fn holes(&self, room: u64) -> Vec<String> {
        let lines = self.of_kind(room, EntryKind::GapFound).await;
        lines.into_iter().map(|it| it.content["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// All texts of a message in the record, by entry.
    pub(crate) async fn texts(&self, message: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for line in self.lines().await {
            if line.message.as_deref() == Some(message) && line.kind.is_message_version() {
                texts.push(line.seen.map(|it| it.body).unwrap_or_default());
            }
        }
        texts
    }

    /// The listed rooms.
    pub(crate) fn rooms(&self) -> Vec<u64> {
        self.config.rooms.iter().map(|it| it.id.0).collect()
    }

    pub(crate) fn declared(&self) -> Duration {
        self.reconciler.declared_window()
    }

    /// The record must verify whatever happened.
    pub(crate) async fn finish(self) {
        self.listener.abort();
        self.ledger.checkpoint().await.unwrap();
        let data = self._folder.path().join("data");
        let checked = karibarai::upkeep::check(&self.store, &data, None).await.unwrap();
        assert!(checked.intact(), "{checked:?}");
    }
}

fn reconciler(
    api: &Api,
    ledger: &Ledger,
    store: &Store,
    config: &Arc<Config>,
    clock: &ManualClock,
) -> Reconciler {
    let reconciler = Reconciler::new(
        api.clone(),
        ledger.clone(),
        store.clone(),
        Arc::clone(config),
        Arc::new(clock.clone()),
        Metrics::default(),
    );
    reconciler.begins_watch();
    reconciler
}

fn line(record: &Record) -> Line {
    let entry = record.entry().unwrap();
    let seen = capture(&entry, record);
    let content = record.content_bytes().map(|it| serde_json::from_slice(it).unwrap_or_default());
    Line {
        kind: entry.kind,
        source: entry.source.as_str(),
        observed_at: entry.observed_at,
        room: entry.room.map(|RoomId(room)| room),
        message: entry.message.map(|it| it.to_string()),
        seen,
        content: content.unwrap_or_default(),
    }
}
