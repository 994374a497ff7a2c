//! Everything right of the ledger can be made anew and comes out equal.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use karibarai::sandbox::{Fault, FaultKind, Role, RoomKind};
use karibarai::store::FollowStore as _;
use tempfile::TempDir;

use crate::support::{Bot, created, meddle, read_store, settings, sign};

/// What a bot that was stopped left behind, in a folder of its own.
struct Kept {
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Kept {
    async fn of(bot: Bot) -> Self {
        let data = bot.data_dir().display().to_string();
        let settings = settings(bot.folder.path(), &bot.sandbox.api_base(), &bot.world, &[]);
        let folder = tempfile::tempdir().unwrap();
        bot.stop_and_keep(folder.path()).await;
        let kept = folder.path().join("data").display().to_string();
        let settings =
            settings.into_iter().map(|(name, value)| (name, value.replace(&data, &kept))).collect();
        Self { folder, settings }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karibarai"));
        command.args(arguments).env_clear().envs(self.settings.iter().cloned());
        command.current_dir(self.folder.path()).output().unwrap()
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilt_tables_and_mirror_files_are_equal() {
    let bot = Bot::start().await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？1本5,000円です。");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.client_says("あと、バナーも2枚お願いします。");
    bot.chatwork.edit(
        bot.world.direct_room,
        &request,
        "追加でブログ記事を3本お願いできますか？1本3,000円です。",
    );
    let slip = bot.client_says("手数料がもったいないので、直接振り込みますよ。");
    bot.recorded(&slip, 1).await;
    bot.chatwork.delete(bot.world.direct_room, &slip);
    bot.recorded(&slip, 2).await;
    bot.client_says("クラウドワークスで新しい依頼を出して、仮払いも済ませました。");
    bot.chatwork.post(bot.world.colleague, bot.world.group_room, "来週のロゴもお願いできますか？3万円です。");
    bot.settled().await;
    // From here on nothing new is seen: what came last may not outrun the follower that writes files.
    bot.chatwork.set_fault(Fault::always(FaultKind::Refused));
    bot.settled().await;
    let kept = Kept::of(bot).await;
    let (folder, settings) = (kept.folder.path(), &kept.settings);

    let before_files = files(&folder.join("data/mirror"));
    assert!(!before_files.is_empty());
    let store = read_store(settings, folder).await;
    let before = store.derived_digests().await.unwrap();
    drop(store);
    let deep = kept.run(&["verify", "--deep"]);
    assert!(deep.status.success(), "{}", String::from_utf8_lossy(&deep.stdout));
    let rebuilt = kept.run(&["rebuild"]);
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    let store = read_store(settings, folder).await;
    assert_eq!(store.derived_digests().await.unwrap(), before);
    assert_eq!(files(&folder.join("data/mirror")), before_files);
    // A table that was tampered with is found.
    let sql = "UPDATE versions SET body = 'x' WHERE n = (SELECT min(n) FROM versions)";
    meddle(settings, folder, sql).await;
    let deep = kept.run(&["verify", "--deep"]);
    assert_eq!(deep.status.code(), Some(1), "{}", String::from_utf8_lossy(&deep.stdout));
    assert!(String::from_utf8_lossy(&deep.stdout).contains("versions"));
}

/// What a message is read as depends on the type of its room, which a delivery does not tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_came_before_its_room_was_read_is_judged_as_it_was() {
    let bot = Bot::start_with(&[("KARIBARAI_MIRROR__ROOMS", "all")]).await;
    bot.chatwork.set_fault(Fault::always(FaultKind::Refused));
    let people = [(bot.world.owner, Role::Admin), (bot.world.client, Role::Admin)];
    let room = bot.chatwork.0.create_room(RoomKind::Direct, "新しい相談", &people).unwrap();
    let text = "中村さん、追加でブログ記事を3本お願いできますか？1本5,000円です。";
    let message = bot.chatwork.post(bot.world.client, room, text);
    let body = created(room, message.parse().unwrap(), bot.world.client, text);
    let signature = sign(&bot.world.webhook_tokens[0], body.as_bytes());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = client.post(format!("http://{}/webhook", bot.public)).body(body);
    let answer = post.header("x-chatworkwebhooksignature", signature).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    bot.recorded_in(room, &message).await;
    let size = bot.store_size().await;
    bot.until("it to be judged", || async { bot.store.cursor("detector").await.unwrap().0 >= size }).await;
    let known = bot.count("room.found").await;
    bot.chatwork.behave();
    bot.until("the room to be read", || async { bot.count("room.found").await > known }).await;
    // A note to the owner may have been refused meanwhile: its next attempt is due then.
    bot.clock.advance(Duration::from_secs(60));
    bot.settled().await;
    let deep = Kept::of(bot).await.run(&["verify", "--deep"]);
    assert!(deep.status.success(), "{}", String::from_utf8_lossy(&deep.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_while_the_bot_was_stopped_is_no_difference_and_outlives_a_rebuild() {
    let bot = Bot::start().await;
    let request = bot.client_says("追加でブログ記事を3本お願いできますか？1本5,000円です。");
    bot.until("the reminder", || async { bot.replies(&request) == 1 }).await;
    bot.settled().await;
    let kept = Kept::of(bot).await;
    let run = |arguments: &[&str]| {
        let output = kept.run(arguments);
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(told).unwrap())
    };
    // Filed at once by who says it; the follower reads it at the next start.
    assert_eq!(run(&["case", "confirm", "1"]).0, Some(0));
    assert_eq!(run(&["say", "停止"]).0, Some(0));
    for arguments in [&["verify", "--deep"][..], &["rebuild"], &["verify", "--deep"]] {
        let (code, told) = run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {told}");
        let (_, cases) = run(&["case", "list", "--json"]);
        assert!(cases.contains(r#""state":"escrow_confirmed""#), "{arguments:?}: {cases}");
    }
    assert!(run(&["say", "状況"]).1.contains("停止中"));
}
