//! From an empty folder to a proven delivery: by a person at a terminal, by options, again, with mistakes, and cut short.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use karibarai::domain::{Clock as _, SystemClock};
use karibarai::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::support::chatwork::{Chatwork, World};
use crate::support::{install_tls, start_sandbox};

const PROGRAM: &str = env!("CARGO_BIN_EXE_karibarai");

struct Stage {
    _sandbox: Sandbox,
    chatwork: Chatwork,
    world: World,
    folder: tempfile::TempDir,
    env: Vec<(&'static str, String)>,
}

impl Stage {
    /// A Chatwork in which the direct room is the liveliest, and an empty folder.
    async fn new() -> Self {
        install_tls();
        let sandbox = start_sandbox(Arc::new(|| SystemClock.now().0)).await;
        let chatwork = Chatwork(sandbox.handle().clone());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let world = chatwork.world(&format!("http://127.0.0.1:{port}/webhook"));
        chatwork.0.advance(5_000);
        chatwork.post(world.client, world.direct_room, "よろしくお願いします。");
        chatwork.post(world.client, world.direct_room, "追加でブログ記事を3本お願いできますか？");
        chatwork.idle().await;
        let env = vec![
            ("CHATWORK_API_BASE", sandbox.api_base()),
            ("KARIBARAI_SERVER__LISTEN", format!("127.0.0.1:{port}")),
            ("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "1".to_owned()),
            ("LANG", "ja_JP.UTF-8".to_owned()),
        ];
        Self { _sandbox: sandbox, chatwork, world, folder: tempfile::tempdir().unwrap(), env }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self) -> String {
        fs::read_to_string(self.path().join("karibarai.toml")).unwrap()
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path().parent().unwrap().join(format!("{name}-{}", self.world.owner_token));
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env_clear().envs(self.env.iter().cloned()).current_dir(self.path());
        command.stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
    }

    /// A person who answers what is asked; exit code and what the terminal showed.
    async fn at_terminal(&self, arguments: &[&str], steps: &[(&str, Option<&str>)]) -> (i32, String) {
        let mut argv = vec![PROGRAM];
        argv.extend(arguments);
        let env: serde_json::Map<String, Value> =
            self.env.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let play = json!({ "argv": argv, "cwd": self.path(), "env": env, "steps": steps }).to_string();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/terminal.py");
        let output = tokio::task::spawn_blocking(move || {
            let mut command = Command::new("python3");
            command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(play.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        });
        let output = output.await.unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The word and its answer stand in the owner's own chat, and nothing of the bot in a client's room.
    fn was_tried_in_the_control_room_alone(&self) {
        let notes = self.chatwork.posts_by(self.world.owner, self.world.owner_my_room);
        assert_eq!(notes.iter().filter(|it| it.body == "ヘルプ").count(), 1);
        assert!(notes.iter().any(|it| it.body.contains("karibarai")), "{}", notes.len());
        for room in [self.world.direct_room, self.world.group_room] {
            assert_eq!(self.chatwork.posts_by(self.world.owner, room).len(), 0);
        }
    }

    async fn kinds(&self) -> Vec<String> {
        let output = self.run(&["log", "--json"]).await;
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
        lines.map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_a_public_address_comes_to_a_proven_delivery() {
    let stage = Stage::new().await;
    let token = stage.world.owner_token.clone();
    // Started without a word, the program sets itself up.
    let (code, shown) = stage
        .at_terminal(
            &[],
            &[
                ("貼り付けてEnter", Some("0123456789abcdef0123456789abcdef")),
                ("受け付けません", None),
                ("貼り付けてEnter", Some(&stage.world.webhook_tokens[0])),
                ("Webhookのトークンです", None),
                ("貼り付けてEnter", Some(&token)),
                ("ご本人ですか", Some("")),
                ("お客様とのルームの番号", Some("1")),
                ("山田 太郎 さんですね", Some("")),
                ("案内を1回投稿していました", None),
                ("案内: 追加でブログ記事を3本", None),
                ("番号 [2]", Some("9")),
                ("番号 [2]", Some("4")),
                ("Webhookも使いますか", Some("")),
                ("投稿しない時間帯", Some("２１：００〜０８：００")),
                ("を使いますか", Some("y")),
                ("次のような文です", None),
                ("山田 太郎", None),
                ("書き込みますか", Some("")),
                ("返事を投稿しました", None),
                ("改ざんなし", None),
                ("http://127.0.0.1:8788/login/", None),
                ("karibarai serve", None),
            ],
        )
        .await;
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains(&token), "the token was shown");
    let (direct, client) = (stage.world.direct_room, stage.world.client);
    let config = stage.config();
    for needed in [
        format!("id = {direct}\nclients = [{client}]\nreply.mode = \"auto\""),
        "quiet_hours = \"21:00-08:00\"\nsettle = \"10m\"".to_owned(),
        "authorities = [\"http://timestamp.digicert.com\"]".to_owned(),
        "api_token_file = \"api_token.txt\"".to_owned(),
    ] {
        assert!(config.contains(&needed), "{needed}\n{config}");
    }
    assert!(!config.contains(&token));
    assert_eq!(fs::read_to_string(stage.path().join("api_token.txt")).unwrap().trim(), token);
    for private in ["karibarai.toml", "api_token.txt"] {
        assert_eq!(mode(&stage.path().join(private)), 0o600, "{private}");
    }
    assert_eq!(mode(stage.path()), 0o700);
    stage.was_tried_in_the_control_room_alone();
    let verified = stage.run(&["verify"]).await;
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    // Started again without a word, it says what to do, and changes nothing.
    let (code, shown) = stage.at_terminal(&[], &[("karibarai doctor", None)]).await;
    assert!(code == 2 && stage.config() == config, "{code} {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_webhooks_comes_to_signed_deliveries_through_the_public_address() {
    let stage = Stage::new().await;
    let url = stage.chatwork.0.webhooks()[0].url.clone();
    let (code, shown) = stage
        .at_terminal(
            &["setup"],
            &[
                ("貼り付けてEnter", Some(&stage.world.owner_token)),
                ("ご本人ですか", Some("y")),
                ("お客様とのルームの番号", Some("1、2")),
                ("山田 太郎 さんですね", Some("はい")),
                ("番号 [2]", Some("")),
                ("お客様（発注者）の番号", Some("")),
                ("suggest", None),
                ("Webhookも使いますか", Some("y")),
                ("Chatworkが呼ぶアドレス", Some(&url)),
                ("メッセージ作成", None),
                ("トークンを貼り付けて", Some("not a token")),
                ("Webhookのトークンではない", None),
                ("トークンを貼り付けて", Some(&stage.world.webhook_tokens[0])),
                ("トークンを貼り付けて", Some(&stage.world.webhook_tokens[1])),
                ("投稿しない時間帯", Some("なし")),
                ("を使いますか", Some("")),
                ("書き込みますか", Some("y")),
                ("署名つきの通知を受け取り、記録しました（2件）", None),
                ("公開アドレスからも届きました", None),
            ],
        )
        .await;
    assert_eq!(code, 0, "{shown}");
    for token in &stage.world.webhook_tokens {
        assert!(!shown.contains(token), "a webhook token was shown");
    }
    let config = stage.config();
    assert!(
        config.contains("webhook_token_files = [\"webhook_token.txt\", \"webhook_token_2.txt\"]"),
        "{config}"
    );
    assert!(
        config.contains(&format!("id = {}\nreply.mode = \"suggest\"", stage.world.group_room)),
        "{config}"
    );
    stage.was_tried_in_the_control_room_alone();
    assert_eq!(stage.kinds().await.iter().filter(|it| *it == "unknown_event").count(), 2);
    let verified = stage.run(&["verify"]).await;
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
}

#[tokio::test(flavor = "multi_thread")]
async fn options_set_it_up_without_questions_and_again_change_only_what_they_say() {
    let stage = Stage::new().await;
    let (direct, client) = (stage.world.direct_room, stage.world.client);
    let token_file = stage.file("token", &stage.world.owner_token);
    let room = format!("{direct}:client={client},mode=approve");
    let output = stage
        .run(&[
            "--lang",
            "en",
            "setup",
            "--yes",
            "--token-file",
            &token_file,
            "--room",
            &room,
            "--quiet-hours",
            "22:00-07:00",
        ])
        .await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(!text(&output).contains(&stage.world.owner_token));
    stage.was_tried_in_the_control_room_alone();
    let own = stage.config().replace("mode = \"approve\"", "mode = \"approve\" # my own words");
    fs::write(stage.path().join("karibarai.toml"), &own).unwrap();
    let group = format!("{}:mode=observe", stage.world.group_room);
    let again = ["setup", "--yes", "--no-proof", "--room", &group, "--quiet-hours", "none"];
    let output = stage.run(&again).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let expected = own.replace("\"22:00-07:00\"", "\"\"");
    let config = stage.config();
    assert!(config.starts_with(&expected), "{config}");
    assert_eq!(
        config[expected.len()..].trim(),
        format!("# バナー制作\n[[room]]\nid = {}\nreply.mode = \"observe\"", stage.world.group_room)
    );
    // A bot that runs on the folder proves it as well.
    let mut bot = Command::new(PROGRAM);
    bot.arg("serve").env_clear().envs(stage.env.iter().cloned()).current_dir(stage.path());
    bot.env("KARIBARAI_SERVER__REVIEW_LISTEN", "127.0.0.1:0").stdin(Stdio::null()).stderr(Stdio::null());
    let mut bot = bot.stdout(Stdio::null()).spawn().unwrap();
    crate::support::until("the bot to work", || async {
        let lock = fs::File::open(stage.path().join("data/worker.lock"));
        lock.is_ok_and(|it| it.try_lock().is_err())
    })
    .await;
    let output = stage.run(&["setup", "--yes"]).await;
    end(&mut bot);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("再起動"), "{}", text(&output));
    assert_eq!(stage.config(), config);
}

/// Ends a program as a user would, and waits for it.
fn end(child: &mut std::process::Child) {
    let ended = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(ended.success() && child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_nothing_is_written() {
    let stage = Stage::new().await;
    let direct = stage.world.direct_room;
    let good = stage.file("token", &stage.world.owner_token);
    let wrong = stage.file("wrong", "0123456789abcdef");
    let hook = stage.file("hook", &stage.world.webhook_tokens[0]);
    let absent = format!("{direct}:client=4242");
    let two = stage.file("two", "a\nb\n");
    let cases: &[(&[&str], &str)] = &[
        (&["--yes"], "--token-file"),
        (&[], "--yes"),
        (&["--yes", "--token-file", &wrong], "受け付けません"),
        (&["--yes", "--token-file", &hook], "Webhookのトークンです"),
        (&["--yes", "--token-file", &two], "more than a token"),
        (&["--yes", "--token-file", "nowhere"], "nowhere"),
        (&["--yes", "--token-file", &good, "--room", "4242"], "参加していないルーム"),
        (&["--yes", "--token-file", &good, "--room", &absent], "4242"),
        (&["--yes", "--token-file", &good, "--room", "1:mood=auto"], "mood"),
        (&["--yes", "--token-file", &good, "--quiet-hours", "at night"], "quiet_hours"),
        (&["--yes", "--token-file", &good, "--public-url", "http://bot.example.jp/"], "public_url"),
        (&["--yes", "--token-file", &good, "--dir", "/proc/no/where"], "/proc/no/where"),
    ];
    for (arguments, needed) in cases {
        let mut all = vec!["setup"];
        all.extend(*arguments);
        let output = stage.run(&all).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {}", text(&output));
        assert!(text(&output).contains(needed), "{arguments:?} {}", text(&output));
        assert!(!text(&output).contains("0123456789abcdef"), "{arguments:?}");
        assert_eq!(fs::read_dir(stage.path()).unwrap().count(), 0, "{arguments:?} left something behind");
    }
    // A configuration that is refused is not overwritten.
    fs::write(stage.path().join("karibarai.toml"), "[reply]\nmoed = 1\n").unwrap();
    let output = stage.run(&["setup", "--yes", "--token-file", &good]).await;
    assert!(output.status.code() == Some(2) && text(&output).contains("moed"), "{}", text(&output));
    assert_eq!(stage.config(), "[reply]\nmoed = 1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_short_at_any_question_nothing_is_left() {
    let stage = Stage::new().await;
    let all = [
        ("貼り付けてEnter", Some(stage.world.owner_token.as_str())),
        ("ご本人ですか", Some("")),
        ("お客様とのルームの番号", Some("1")),
        ("さんですね", Some("")),
        ("番号 [2]", Some("")),
        ("Webhookも使いますか", Some("")),
        ("投稿しない時間帯", Some("")),
        ("を使いますか", Some("")),
        ("書き込みますか", Some("n")),
    ];
    for cut in [0, 3, 8] {
        let mut steps = all[..cut].to_vec();
        steps.push((all[cut].0, Some("^C")));
        steps.push(("何も書き込んでいません", None));
        let (code, shown) = stage.at_terminal(&["setup"], &steps).await;
        assert_eq!(code, 2, "{shown}");
        assert_eq!(fs::read_dir(stage.path()).unwrap().count(), 0, "{cut}");
    }
    let (code, shown) = stage.at_terminal(&["setup"], &all).await;
    assert!(code == 2 && fs::read_dir(stage.path()).unwrap().count() == 0, "{shown}");
    assert_eq!(stage.chatwork.posts_by(stage.world.owner, stage.world.owner_my_room).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_folder_with_spaces_and_japanese_is_served_from_anywhere() {
    let stage = Stage::new().await;
    let token_file = stage.file("token", &stage.world.owner_token);
    let folder = stage.path().join("私の 記録");
    let room = stage.world.direct_room.to_string();
    let named = folder.display().to_string();
    let output =
        stage.run(&["setup", "-y", "--dir", &named, "--token-file", &token_file, "--room", &room]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(mode(&folder), 0o700);
    let config = folder.join("karibarai.toml").display().to_string();
    let output = stage.run(&["--config", &config, "verify"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(folder.join("data/karibarai.db").exists());
    assert_eq!(fs::read_dir(stage.path()).unwrap().count(), 1);
}
