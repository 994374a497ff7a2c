//! Who holds the webhook token alone can write into the record, and nothing else: the bot neither speaks nor obeys by it. Who
//! reads the data folder finds no link, password or token that would let him in.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use karibarai::config::{Config, LoadArgs};
use karibarai::domain::{Clock as _, SystemClock};
use karibarai::sandbox::{Sandbox, SandboxConfig};

use crate::program::{CLIENT, Place, ROOM, Sender, TOKEN, body};

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_webhook_token_makes_the_bot_neither_speak_nor_obey_and_the_folder_lets_nobody_in() {
    let sandbox = Sandbox::start(SandboxConfig::new(Arc::new(|| SystemClock.now().0))).await.unwrap();
    let handle = sandbox.handle().clone();
    let world = handle.world(None).unwrap();
    let (owner, client, room) = (world.owner.account_id, world.client.account_id, world.direct_room_id);
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path())
        .with("CHATWORK_API_BASE", &sandbox.api_base())
        .with("CHATWORK_API_TOKEN", &world.owner.api_token)
        .with("KARIBARAI_OWNER__ACCOUNT_IDS", &owner.to_string())
        .with("KARIBARAI_ROOM__0__ID", &room.to_string())
        .with("KARIBARAI_ROOM__0__CLIENTS", &client.to_string())
        .with("KARIBARAI_ROOM__0__REPLY__MODE", "auto")
        .with("KARIBARAI_REPLY__DELAY_SECONDS", "0")
        .with("KARIBARAI_RECONCILE__INTERVAL_SECONDS", "1");
    let run = place.serve(&[]);
    let url = run.url().unwrap();
    let sender = Sender::new();
    let forged = |message: u64, room: u64, account: u64, text: &str| {
        let told = body(message).replace(&format!("\"room_id\":{ROOM}"), &format!("\"room_id\":{room}"));
        let told = told.replace(&format!("\"account_id\":{CLIENT}"), &format!("\"account_id\":{account}"));
        let (before, rest) = told.split_once("\"body\":\"").unwrap();
        let (_, after) = rest.split_once('"').unwrap();
        format!("{before}\"body\":\"{text}\"{after}")
    };
    let request = "追加でブログ記事を3本お願いできますか？";
    // The owner's words in his own chat, the client's in the room: none of it was ever written on Chatwork.
    let words = ["停止", "静か 3時間", "承認 1", "撤回 1", "証拠 1", "一覧"];
    for (n, word) in (0..).zip(words) {
        let told = forged(2_000_000 + n, world.owner.my_room_id, owner, word);
        assert_eq!(sender.deliver_text(&url, told).await, Some(200), "it is recorded");
    }
    for n in 0..5 {
        assert_eq!(sender.deliver_text(&url, forged(3_000_000 + n, room, client, request)).await, Some(200));
    }
    place.read_up().await;
    // Longer than a pass over the rooms.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let posts = |room: u64| -> Vec<String> {
        let all = handle.posts_in(room).unwrap().into_iter().filter(|it| it.account_id == owner);
        all.map(|it| it.body).collect()
    };
    assert_eq!(posts(room), Vec::<String>::new(), "it does not speak");
    let notes = posts(world.owner.my_room_id);
    let obeyed = notes
        .iter()
        .any(|it| ["停止しました", "静かに", "案件はありません"].iter().any(|word| it.contains(word)));
    assert!(!obeyed, "it does not obey: {notes:?}");
    // The same words from the one who may: it was never stopped, and it can be.
    let real = handle.post(client, room, request).unwrap();
    let began = SystemClock.monotonic();
    while handle.replies_to(room, &real).unwrap().is_empty() {
        assert!(SystemClock.monotonic() - began < Duration::from_secs(30), "it was stopped by a forged word");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = posts(world.owner.my_room_id).len();
    handle.post(owner, world.owner.my_room_id, "停止").unwrap();
    while posts(world.owner.my_room_id).len() == before {
        assert!(
            SystemClock.monotonic() - began < Duration::from_secs(60),
            "the owner's own word is not answered"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (status, said) = run.terminate();
    assert!(status.success(), "{said}");
    // The link that lets in once was printed; in the folder there is only its hash, and no token at all.
    let ticket = said.lines().find_map(|it| it.split_once("/login/")).unwrap().1.trim();
    assert!(ticket.len() >= 32, "unguessable");
    let mut found = Vec::new();
    files(&place.data(), &mut found);
    assert!(found.len() > 5);
    let webhook = place.settings.iter().find(|(name, _)| name == "CHATWORK_WEBHOOK_TOKEN").unwrap().1.clone();
    for (path, bytes) in &found {
        for secret in [ticket, &world.owner.api_token, &webhook] {
            assert!(
                !bytes.windows(secret.len()).any(|it| it == secret.as_bytes()),
                "a secret stands in {path}"
            );
        }
    }
    place.sound("after forged deliveries");
    println!(
        "gate: {} forged deliveries recorded, 0 posts, 0 obeyed; {} files without a secret",
        words.len() + 5,
        found.len()
    );
}

#[test]
fn no_debug_output_of_the_settings_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path()).with("CHATWORK_API_TOKEN", "marker-of-the-api-token");
    let arguments = LoadArgs { path: None, env: place.settings.clone(), cwd: folder.path().to_owned() };
    let config = Config::load(&arguments).unwrap();
    assert_eq!(config.chatwork.webhook_tokens.len(), 1);
    let shown = format!("{config:?} {config:#?}");
    assert!(shown.contains("karibarai.db"), "it shows the rest");
    for (name, secret) in &place.settings {
        if name.ends_with("_TOKEN") {
            assert!(!shown.contains(secret), "{name} is shown");
        }
    }
}

/// Resident bytes of a process that may be read.
fn memory_of(pid: u32) -> Vec<Vec<u8>> {
    let memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let spans = maps.lines().filter_map(|it| {
        let mut fields = it.split_whitespace();
        let (from, to) = fields.next()?.split_once('-')?;
        let written = fields.next()?.starts_with("rw");
        let number = |it| u64::from_str_radix(it, 16).ok();
        written.then_some((number(from)?, number(to)?))
    });
    let read = |(from, to): (u64, u64)| {
        let mut bytes = vec![0; usize::try_from(to - from).ok()?];
        memory.read_exact_at(&mut bytes, from).ok()?;
        Some(bytes)
    };
    spans.filter_map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_leave_the_memory_and_the_memory_leaves_no_image() {
    let sandbox = Sandbox::start(SandboxConfig::new(Arc::new(|| SystemClock.now().0))).await.unwrap();
    let world = sandbox.handle().world(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("{text}\n")).unwrap();
        path.display().to_string()
    };
    // From files of their own: what the environment holds stays in the process as long as it lives.
    let place = Place::new(folder.path())
        .without("CHATWORK_API_TOKEN")
        .without("CHATWORK_WEBHOOK_TOKEN")
        .with("CHATWORK_API_BASE", &sandbox.api_base())
        .with("KARIBARAI_CHATWORK__API_TOKEN_FILE", &secret("api.token", &world.owner.api_token))
        .with("KARIBARAI_CHATWORK__WEBHOOK_TOKEN_FILES", &secret("hook.token", TOKEN));
    let run = place.serve(&[]);
    let url = run.url().unwrap();
    assert_eq!(Sender::new().deliver(&url, 1).await, Some(200), "the token is the one");
    place.read_up().await;

    let seed = fs::read_to_string(place.data().join("keys/ledger.key")).unwrap();
    let memory = memory_of(run.child.id());
    let held = |what: &[u8]| {
        let count = |bytes: &Vec<u8>| bytes.windows(what.len()).filter(|it| *it == what).count();
        memory.iter().map(count).sum::<usize>()
    };
    assert!(held(place.data().to_str().unwrap().as_bytes()) > 0, "the search finds what is there");
    assert_eq!(held(seed.trim().as_bytes()), 0, "the digits of the signing key");
    assert_eq!(held(TOKEN.as_bytes()), 0, "the text of a webhook token");
    // Two are kept, and each connection's buffer has one, which the HTTP library does not wipe: not one for each request.
    let copies = held(world.owner.api_token.as_bytes());
    assert!((1..=6).contains(&copies), "the API token stands {copies} times in the memory");

    let limits = fs::read_to_string(format!("/proc/{}/limits", run.child.id())).unwrap();
    let core: Vec<_> = limits.lines().filter(|it| it.starts_with("Max core file size")).collect();
    assert_eq!(core[0].split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core:?}");
    run.terminate();
}
