//! The real program on a folder, without any Chatwork: deliveries come from the test, nothing is posted.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use karibarai::config::{Config, LoadArgs};
use karibarai::domain::{Clock as _, EntryIndex, SystemClock};
use karibarai::follow::Index;
use karibarai::sandbox::{Sandbox, SandboxConfig};
use karibarai::store::{FollowStore as _, LedgerStore as _, Store};
use sha2::Sha256;

/// `KARIBARAI_PROGRAM` tries another build than the tests' own.
pub(crate) fn program() -> String {
    crate::environment("KARIBARAI_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_karibarai").to_owned())
}

pub(crate) const ROOM: u64 = 55;
pub(crate) const CLIENT: u64 = 7;
pub(crate) const TOKEN: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder and what the program is told about it.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) settings: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new(folder: &Path) -> Self {
        let data = folder.join("data");
        let settings = [
            // Nobody answers there: the batteries that need a Chatwork bring one.
            ("CHATWORK_API_BASE", "http://127.0.0.1:9/v2".to_owned()),
            ("CHATWORK_API_TOKEN", "no-account-has-this-token".to_owned()),
            ("CHATWORK_WEBHOOK_TOKEN", TOKEN.to_owned()),
            ("KARIBARAI_STORAGE__URL", format!("sqlite:{}", data.join("karibarai.db").display())),
            ("KARIBARAI_STORAGE__DATA_DIR", data.display().to_string()),
            ("KARIBARAI_SERVER__LISTEN", "127.0.0.1:0".to_owned()),
            ("KARIBARAI_SERVER__REVIEW_LISTEN", "127.0.0.1:0".to_owned()),
            ("KARIBARAI_OWNER__ACCOUNT_IDS", "1".to_owned()),
            ("KARIBARAI_REPLY__MODE", "observe".to_owned()),
            ("KARIBARAI_ROOM__0__ID", ROOM.to_string()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { folder: folder.to_owned(), settings }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The same with another value of a setting.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same where that is not set.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self
    }

    /// The program behind `before`, which is another program and its arguments, or nothing.
    pub(crate) fn command(&self, before: &[String], arguments: &[&str]) -> Command {
        let program = &program();
        let mut command = match before {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(self.settings.iter().cloned())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(&[], arguments).output().unwrap()
    }

    /// The same under a tracer; `None` where it had to be ended, having done nothing for long.
    pub(crate) fn run_traced(&self, before: &[String], arguments: &[&str]) -> Option<Output> {
        let mut run = Run::start(self.command(before, arguments));
        let began = SystemClock.monotonic();
        while run.alive() {
            if SystemClock.monotonic() - began > PATIENCE {
                run.kill();
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let (status, said) = run.end();
        Some(Output { status, stdout: Vec::new(), stderr: said.into_bytes() })
    }

    pub(crate) fn serve(&self, before: &[String]) -> Run {
        Run::start(self.command(before, &["serve"]))
    }

    /// It starts, takes one more delivery, ends in order, verifies to the bottom, and holds all that was acknowledged.
    pub(crate) async fn recovers(&self, acknowledged: &[u64], what: &str) {
        let run = self.serve(&[]);
        let Some(url) = run.url() else { panic!("{what}: it does not start again: {}", run.terminate().1) };
        let sender = Sender::new();
        let last = 900_000_000;
        assert_eq!(sender.deliver(&url, last).await, Some(200), "{what}: it takes nothing after the start");
        let (status, said) = run.terminate();
        assert!(status.success(), "{what}: {status} {said}");
        self.sound(what);
        let recorded = self.messages().await;
        let lost: Vec<_> = acknowledged.iter().chain([&last]).filter(|it| !recorded.contains(it)).collect();
        assert!(lost.is_empty(), "{what}: acknowledged and lost: {lost:?}");
    }

    /// Every follower has come to the end of the ledger.
    pub(crate) async fn read_up(&self) {
        let store = Store::open_read_only(&self.data().join("karibarai.db")).await.unwrap();
        let began = SystemClock.monotonic();
        for follower in ["archive", "casebook", "mirror", "annex", Index::NAME] {
            while store.cursor(follower).await.unwrap()
                != EntryIndex(store.head().await.unwrap().unwrap().end())
            {
                assert!(SystemClock.monotonic() - began < PATIENCE, "{follower} does not read");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    pub(crate) fn sound(&self, what: &str) {
        let found = self.run(&["verify", "--deep"]);
        assert_eq!(found.status.code(), Some(0), "{what}: {}", told(&found));
    }

    /// Numbers of the messages in the ledger, one for each entry that brought a version.
    pub(crate) async fn messages(&self) -> Vec<u64> {
        let arguments = LoadArgs { path: None, env: self.settings.clone(), cwd: self.folder.clone() };
        let storage = Config::load(&arguments).unwrap().storage;
        messages(&karibarai::app::database::read(&storage.url).await.unwrap().unwrap()).await
    }
}

pub(crate) async fn messages(store: &Store) -> Vec<u64> {
    let (mut from, mut found) = (0, Vec::new());
    loop {
        let records = store.records(EntryIndex(from), 4096).await.unwrap();
        if records.is_empty() {
            return found;
        }
        from += records.len() as u64;
        let ids = records.iter().filter_map(|it| it.entry().unwrap().message);
        found.extend(ids.map(|it| it.as_str().parse::<u64>().unwrap()));
    }
}

pub(crate) fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A copy of a folder, byte for byte.
pub(crate) fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// `serve` as a process; gone with this value.
pub(crate) struct Run {
    pub(crate) child: Child,
    url: Receiver<String>,
    said: Option<JoinHandle<String>>,
}

impl Run {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (send, url) = channel();
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            let mut send = Some(send);
            for line in lines.map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("webhooks arrive at ")
                    && let Some(send) = send.take()
                {
                    let _ = send.send(url.to_owned());
                }
                said += &line;
                said.push('\n');
            }
            said
        });
        Self { child, url, said: Some(said) }
    }

    /// Where deliveries go; `None` where it ended before it listened.
    pub(crate) fn url(&self) -> Option<String> {
        match self.url.recv_timeout(PATIENCE) {
            Ok(url) => Some(url),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it neither listens nor ends"),
        }
    }

    pub(crate) fn alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn kill(mut self) -> String {
        let _ = self.child.kill();
        self.end().1
    }

    /// Asks it to end, as a service manager does.
    pub(crate) fn terminate(mut self) -> (ExitStatus, String) {
        if self.alive() {
            let id = self.child.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status().unwrap();
        }
        self.end()
    }

    fn end(&mut self) -> (ExitStatus, String) {
        let began = SystemClock.monotonic();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(SystemClock.monotonic() - began < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        (status, self.said.take().unwrap().join().unwrap())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Chatwork as the sender of webhooks.
#[derive(Clone)]
pub(crate) struct Sender(reqwest::Client);

impl Sender {
    pub(crate) fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self(reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap())
    }

    /// The status, or `None` where no answer came.
    pub(crate) async fn deliver(&self, url: &str, message: u64) -> Option<u16> {
        self.answer(url, message).await.map(|it| it.status().as_u16())
    }

    pub(crate) async fn answer(&self, url: &str, message: u64) -> Option<reqwest::Response> {
        self.send(url, body(message)).await
    }

    pub(crate) async fn deliver_text(&self, url: &str, body: String) -> Option<u16> {
        self.send(url, body).await.map(|it| it.status().as_u16())
    }

    async fn send(&self, url: &str, body: String) -> Option<reqwest::Response> {
        let request = self.0.post(url).header("x-chatworkwebhooksignature", sign(body.as_bytes()));
        request.body(body).send().await.ok()
    }

    /// Delivers a stretch of messages, a few at a time; returns which were acknowledged.
    pub(crate) async fn burst(&self, url: &str, messages: std::ops::Range<u64>) -> Vec<u64> {
        use futures_util::StreamExt as _;
        let answers = futures_util::stream::iter(messages)
            .map(|message| async move { (message, self.deliver(url, message).await) })
            .buffered(4);
        answers
            .filter_map(|(message, status)| async move { (status == Some(200)).then_some(message) })
            .collect()
            .await
    }
}

/// Stands in each message several times, so that it is found in whatever page the message fell into.
pub(crate) fn marker(message: u64) -> String {
    format!("MARK{message:09}MARK")
}

pub(crate) fn body(message: u64) -> String {
    let seconds = SystemClock.now().0 / 1000;
    let text = format!("{0} 記録を続けてください。{0} よろしくお願いします。{0}", marker(message));
    format!(
        r#"{{"webhook_setting_id":"1","webhook_event_type":"message_created","webhook_event_time":{seconds},"webhook_event":{{"message_id":"{message}","room_id":{ROOM},"account_id":{CLIENT},"body":"{text}","send_time":{seconds},"update_time":0}}}}"#
    )
}

pub(crate) fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&BASE64_STANDARD.decode(TOKEN).unwrap()).unwrap();
    mac.update(body);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// A folder with a ledger of `count` messages that everything has read, whose program ended in order. It was told once whose token it
/// has, and does its whole work from then on without asking.
pub(crate) async fn founded(folder: &Path, count: u64) -> Place {
    let sandbox = Sandbox::start(SandboxConfig::new(Arc::new(|| SystemClock.now().0))).await.unwrap();
    let world = sandbox.handle().world(None).unwrap();
    let place = Place::new(folder).with("CHATWORK_API_TOKEN", &world.owner.api_token);
    let dead = place.settings.iter().find(|(name, _)| name == "CHATWORK_API_BASE").unwrap().1.clone();
    let place = place.with("CHATWORK_API_BASE", &sandbox.api_base());
    let run = place.serve(&[]);
    let url = run.url().unwrap();
    let taken = Sender::new().burst(&url, 1..count + 1).await;
    assert_eq!(taken.len() as u64, count);
    place.read_up().await;
    let (status, said) = run.terminate();
    assert!(status.success(), "{said}");
    place.with("CHATWORK_API_BASE", &dead)
}
