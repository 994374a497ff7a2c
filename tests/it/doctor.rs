//! `doctor` names each of the classic mistakes, planted in turn, and is content where none is.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use karibarai::domain::{Clock as _, SystemClock};
use karibarai::sandbox::{Fault, FaultKind};
use serde_json::Value;

use crate::support::chatwork::{Chatwork, World};
use crate::support::{Bot, install_tls, settings, start_sandbox};

/// Exit code and the findings that are no praise, as `check: what`.
async fn doctor(folder: &Path, settings: Vec<(String, String)>) -> (Option<i32>, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karibarai"));
    command.args(["doctor", "--json"]).env_clear().envs(settings).current_dir(folder).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
    let bad = lines.filter(|it| it["status"] != "ok");
    let told = bad.map(|it| {
        assert!(it["do"].is_string(), "it says what to do: {it}");
        format!("{}: {}", it["check"].as_str().unwrap(), it["what"].as_str().unwrap())
    });
    (output.status.code(), told.collect())
}

/// A change of the settings, and what must be named because of it.
type Mistake = (&'static str, fn(&World) -> Vec<(&'static str, String)>, &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn planted_mistakes_are_named_with_what_to_do() {
    install_tls();
    let sandbox = start_sandbox(Arc::new(|| SystemClock.now().0)).await;
    let chatwork = Chatwork(sandbox.handle().clone());
    let world = chatwork.world("http://127.0.0.1:9/webhook");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = format!("{}", taken.local_addr().unwrap());
    let mistakes: &[Mistake] = &[
        (
            "the wrong token",
            |_| vec![("CHATWORK_API_TOKEN", "0123456789abcdef".into())],
            "token: Chatwork does not accept",
        ),
        (
            "a token of another kind",
            |it| vec![("CHATWORK_API_TOKEN", it.webhook_tokens[0].clone())],
            "token: what is configured as the API token is a webhook's token",
        ),
        (
            "a room of others",
            |_| vec![("KARIBARAI_ROOM__0__ID", "4242".into())],
            "rooms: the token's account is not in room 4242",
        ),
        ("a stranger", |_| vec![("KARIBARAI_ROOM__0__CLIENTS", "4242".into())], "rooms: 1 of the clients"),
        (
            "an address without a token",
            |_| {
                vec![
                    ("CHATWORK_WEBHOOK_TOKEN", String::new()),
                    ("KARIBARAI_SERVER__PUBLIC_URL", "https://127.0.0.1:9/webhook".into()),
                ]
            },
            "webhook: public_url is set, but no webhook token",
        ),
        (
            "an address that leads nowhere",
            |_| vec![("KARIBARAI_SERVER__PUBLIC_URL", "https://127.0.0.1:9/webhook".into())],
            "webhook: nothing answers at public_url",
        ),
    ];
    for (name, change, named) in mistakes {
        let folder = tempfile::tempdir().unwrap();
        let changed = change(&world);
        let changed: Vec<_> = changed.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let settings = settings(folder.path(), &sandbox.api_base(), &world, &changed);
        let (code, told) = doctor(folder.path(), settings).await;
        assert!(told.iter().any(|it| it.starts_with(named)), "{name}: {told:?}");
        assert!(code == Some(1) || *name == "a stranger", "{name}: {code:?} {told:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(
        folder.path(),
        &sandbox.api_base(),
        &world,
        &[("KARIBARAI_SERVER__LISTEN", elsewhere.as_str())],
    );
    let (code, told) = doctor(folder.path(), settings).await;
    assert!(code == Some(1) && told.iter().any(|it| it.starts_with("port: another program")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_named() {
    install_tls();
    let sandbox = start_sandbox(Arc::new(|| SystemClock.now().0 - 3_600_000)).await;
    let chatwork = Chatwork(sandbox.handle().clone());
    let world = chatwork.world("http://127.0.0.1:9/webhook");
    let folder = tempfile::tempdir().unwrap();
    let (code, told) = doctor(folder.path(), settings(folder.path(), &sandbox.api_base(), &world, &[])).await;
    assert!(code == Some(1) && told.iter().any(|it| it.starts_with("clock: ")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fell_silent_and_files_open_to_others_are_named() {
    let bot = Bot::start().await;
    let first = bot.client_says("よろしくお願いします。");
    bot.recorded(&first, 1).await;
    bot.chatwork.idle().await;
    let (code, told) = doctor(bot.folder.path(), bot.settings()).await;
    let about = |told: &[String], check: &str| told.iter().any(|it| it.starts_with(check));
    assert!(
        !about(&told, "webhook") && !about(&told, "ledger") && !about(&told, "folder"),
        "{code:?} {told:?}"
    );
    bot.chatwork.set_fault(Fault::next(100, FaultKind::WebhookLost));
    for text in ["一つ目です。", "二つ目です。", "三つ目です。"] {
        let message = bot.client_says(text);
        bot.recorded(&message, 1).await;
    }
    let key = bot.data_dir().join("keys/ledger.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, told) = doctor(bot.folder.path(), bot.settings()).await;
    assert_eq!(code, Some(1));
    assert!(told.iter().any(|it| it.contains("came by reading alone")), "{told:?}");
    assert!(told.iter().any(|it| it.starts_with("folder: 1 private files")), "{told:?}");
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_bot_is_asked_for_its_own_word_and_for_nothing_else() {
    let bot = Bot::start_with(&[("KARIBARAI_STORAGE__WARN_FREE_MB", "100000000")]).await;
    let address = |listener: &std::net::SocketAddr| listener.to_string();
    let mut settings = bot.settings();
    settings.retain(|(name, _)| !name.starts_with("KARIBARAI_SERVER__"));
    settings.push(("KARIBARAI_SERVER__LISTEN".to_owned(), address(&bot.public)));
    settings.push(("KARIBARAI_SERVER__REVIEW_LISTEN".to_owned(), address(&bot.private)));
    // The command line of the container's health check, word by word.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/Containerfile");
    let file = fs::read_to_string(file).unwrap();
    let check = file.lines().find(|it| it.starts_with("HEALTHCHECK ")).unwrap();
    let words: Vec<String> = serde_json::from_str(check.split_once("CMD ").unwrap().1).unwrap();
    assert_eq!(words[0], "/karibarai");
    // In a folder without a record: it is not read.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut settings_there = settings.clone();
    settings_there.retain(|(name, _)| !name.starts_with("KARIBARAI_STORAGE__"));
    let ask = async || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karibarai"));
        command.args(&words[1..]).env_clear().envs(settings_there.clone()).current_dir(elsewhere.path());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    bot.until("the trouble", || async { !bot.notes().is_empty() }).await;
    let calls = bot.chatwork.calls("GET /me");
    let (code, said) = ask().await;
    assert!(code == Some(0) && said.contains("says that it is ready"), "{said}");
    assert!(said.contains("`serve` is in trouble: disk_low"), "{said}");
    assert_eq!((bot.chatwork.calls("GET /me"), fs::read_dir(elsewhere.path()).unwrap().count()), (calls, 0));
    // The whole examination tells of it too.
    let (_, told) = doctor(bot.folder.path(), settings).await;
    assert!(told.iter().any(|it| it == "serve: `serve` is in trouble: disk_low"), "{told:?}");
    let database = rusqlite::Connection::open(bot.data_dir().join("karibarai.db")).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    let planted = "CREATE TRIGGER stuck BEFORE INSERT ON files BEGIN SELECT RAISE(ABORT, 'planted'); END";
    database.execute_batch(planted).unwrap();
    bot.client_says("[download:999]nothing.pdf (1 KB)[/download]");
    bot.until("the fault", || async { ask().await.0 == Some(1) }).await;
    assert!(ask().await.1.contains("not ready: followers"));
    database.execute_batch("DROP TRIGGER stuck").unwrap();
    bot.until("readiness", || async { ask().await.0 == Some(0) }).await;
    bot.finish().await;
    let (code, said) = ask().await;
    assert!(code == Some(1) && said.contains("`serve` does not answer"), "{said}");
}
