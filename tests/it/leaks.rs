//! Words, names and tokens stay out of logs, metrics and error answers.

use std::io::Read as _;

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;

use karibarai::domain::{Clock as _, SystemClock};
use karibarai::sandbox::{Fault, FaultKind};

use crate::support::chatwork::Chatwork;
use crate::support::{install_tls, settings, start_sandbox, until};

#[tokio::test(flavor = "multi_thread")]
async fn no_marker_appears_in_logs_or_metrics() {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let sandbox = start_sandbox(Arc::new(|| SystemClock.now().0)).await;
    let chatwork = Chatwork(sandbox.handle().clone());
    // Two ports that were free a moment ago: the program has to bind them itself.
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (public, private) = (free(), free());
    let world = chatwork.world(&format!("http://{public}/webhook"));
    let mut settings = settings(folder.path(), &sandbox.api_base(), &world, &[]);
    settings.retain(|(name, _)| !name.starts_with("KARIBARAI_SERVER__"));
    settings.push(("KARIBARAI_SERVER__LISTEN".into(), public.to_string()));
    settings.push(("KARIBARAI_SERVER__REVIEW_LISTEN".into(), private.to_string()));
    settings.push(("KARIBARAI_LOG__FILTER".into(), "trace".into()));
    let mut child = Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .arg("serve")
        .env_clear()
        .envs(settings)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).map(|_| text)
    });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    until("the bot to work", || async {
        let answer = client.get(format!("http://{private}/readyz")).send().await;
        answer.is_ok_and(|it| it.status() == 200)
    })
    .await;
    chatwork.set_fault(Fault::next(1, FaultKind::Status { status: 500 }).on("POST", "/messages"));
    let request =
        chatwork.post(world.client, world.direct_room, "追加でMARKERBODY記事を3本お願いできますか？");
    chatwork.post(
        world.client,
        world.direct_room,
        "[info][title]MARKERTITLE[/title]見積MARKERFILE.pdf[/info]",
    );
    until("the reminder", || async { !chatwork.replies_to(world.direct_room, &request).is_empty() }).await;
    let refused =
        client.post(format!("http://{public}/webhook?MARKERQUERY=1")).body("MARKERRAW").send().await.unwrap();
    let refused = format!("{:?}{}", refused.headers().clone(), refused.text().await.unwrap());
    let metrics = client.get(format!("http://{private}/metrics")).send().await.unwrap().text().await.unwrap();
    let page = client.get(format!("http://{private}/")).send().await.unwrap().text().await.unwrap();
    let terminated = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(terminated.success());
    assert!(child.wait().unwrap().success(), "SIGTERM ends with 0");
    let logs = reader.join().unwrap().unwrap();
    assert!(logs.len() > 1000, "the log was not read: {logs}");
    assert!(!logs.contains('\x1b'), "a pipe gets no colours");
    assert!(!folder.path().join("data/karibarai.db-wal").exists(), "an orderly end leaves no log to recover");
    let secrets = [world.owner_token.as_str(), &world.webhook_tokens[0], "MARKER", "山田", "佐藤"];
    for (place, text) in [("log", &logs), ("metrics", &metrics), ("answer", &refused), ("login page", &page)]
    {
        for secret in secrets {
            let line = text.lines().find(|it| it.contains(secret));
            assert!(line.is_none(), "{secret} appears in the {place}: {line:?}");
        }
    }
}
