//! Erased words are nowhere in the data folder's bytes, and everything still proves, rebuilds and compares.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::Bot;

/// Made of characters that nothing else in the folder is made of.
const MARKER: &str = "極秘ゼブラ計画の鍵は青銅の鯨";

fn run(bot: &Bot, arguments: &[&str]) -> Output {
    command(&bot.settings(), bot.folder.path(), arguments)
}

fn command(settings: &[(String, String)], folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_karibarai"))
        .args(arguments)
        .env_clear()
        .envs(settings.iter().cloned())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Files of the folder that hold the text. Another process looks: closing a file that this one has open as a database
/// would let go of its locks.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let output = Command::new("grep").args(["-rlaF", "--", text]).arg(folder).output().unwrap();
    assert!(output.status.code().is_some_and(|it| it < 2), "{}", told(&output));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_beside_the_running_bot_and_nothing_is_left() {
    let bot = Bot::start().await;
    bot.client_says("よろしくお願いいたします。");
    let secret = bot.client_says(&format!("追加で記事を3本お願いできますか？1本5,000円です。{MARKER}"));
    bot.until("the reminder", || async { bot.replies(&secret) == 1 }).await;
    bot.chatwork.edit(bot.world.direct_room, &secret, &format!("追加で記事を4本お願いします。{MARKER}"));
    bot.recorded(&secret, 2).await;
    let slip = bot.client_says(&format!("手数料がもったいないので、直接振り込みます。\n{MARKER}"));
    bot.recorded(&slip, 1).await;
    bot.client_says("それでお願いします。");
    bot.settled().await;
    assert!(!holding(&bot.data_dir(), MARKER).is_empty());

    let refused = run(&bot, &["erase", "--message", &secret, "--reason", "secret"]);
    assert_eq!(refused.status.code(), Some(1), "{}", told(&refused));
    assert!(told(&refused).contains("--even-if-open"), "{}", told(&refused));
    let erase = ["erase", "--message", &secret, "--reason", "secret: 鍵", "--even-if-open", "--yes"];
    let erased = run(&bot, &erase);
    assert_eq!(erased.status.code(), Some(0), "{}", told(&erased));
    let erased = run(&bot, &["erase", "--message", &slip, "--reason", "本人の希望", "--yes"]);
    assert_eq!(erased.status.code(), Some(0), "{}", told(&erased));
    // The room still shows the message: reading it again must not bring it back.
    bot.clock.advance(std::time::Duration::from_secs(5));
    bot.client_says("承知しました。");
    bot.settled().await;
    assert_eq!(holding(&bot.data_dir(), MARKER), Vec::<String>::new());
    let again = run(&bot, &erase);
    assert_eq!(again.status.code(), Some(0), "{}", told(&again));
    assert_eq!(bot.replies(&secret), 1, "no second reminder");

    let found = run(&bot, &["search", "ゼブラ", "--json"]);
    assert_eq!((found.status.code(), found.stdout.len()), (Some(0), 0), "{}", told(&found));
    let settings = bot.settings();
    let data = bot.data_dir();
    let folder = tempfile::tempdir().unwrap();
    bot.stop_and_keep(folder.path()).await;
    let kept = folder.path().join("data");
    let settings: Vec<_> = settings
        .into_iter()
        .map(|(name, value)| (name, value.replace(&data.display().to_string(), &kept.display().to_string())))
        .collect();
    for arguments in [&["verify", "--deep"][..], &["rebuild"], &["verify", "--deep"]] {
        let done = command(&settings, folder.path(), arguments);
        assert_eq!(done.status.code(), Some(0), "{arguments:?}: {}", told(&done));
    }
    let verified = command(&settings, folder.path(), &["verify"]);
    assert!(told(&verified).contains("contents were erased"), "{}", told(&verified));
    assert_eq!(holding(&kept, MARKER), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_with_the_last_message_that_shows_it() {
    let bot = Bot::start().await;
    let room = bot.world.direct_room;
    let content = format!("%PDF-1.7 {MARKER}");
    for name in ["見積.pdf", "見積の写し.pdf"] {
        bot.chatwork.upload(bot.world.client, room, name, content.as_bytes());
    }
    bot.until("two files", || async { bot.count("file.stored").await == 2 }).await;
    bot.settled().await;
    let shown: Vec<String> =
        bot.chatwork.posts_by(bot.world.client, room).into_iter().map(|it| it.message_id).collect();
    let files = bot.data_dir().join("files");
    assert_eq!(holding(&files, MARKER).len(), 1, "stored once");
    for (message, left) in shown.iter().zip([1, 0]) {
        let erased = run(&bot, &["erase", "--message", message, "--reason", "requested", "--yes"]);
        assert_eq!(erased.status.code(), Some(0), "{}", told(&erased));
        assert_eq!(holding(&files, MARKER).len(), left);
    }
    for name in ["見積.pdf", "見積の写し"] {
        assert_eq!(holding(&bot.data_dir(), name), Vec::<String>::new(), "{name}");
    }
    let verified = run(&bot, &["verify", "--deep"]);
    assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
    bot.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_s_past_is_erased_without_a_bot() {
    let bot = Bot::start().await;
    for number in 0..20 {
        bot.client_says(&format!("{number}番の相談です。{MARKER}"));
    }
    bot.settled().await;
    let room = bot.world.direct_room.to_string();
    let settings = bot.settings();
    let data = bot.data_dir();
    let folder = tempfile::tempdir().unwrap();
    bot.stop_and_keep(folder.path()).await;
    let kept = folder.path().join("data");
    let settings: Vec<_> = settings
        .into_iter()
        .map(|(name, value)| (name, value.replace(&data.display().to_string(), &kept.display().to_string())))
        .collect();
    let run = |arguments: &[&str]| command(&settings, folder.path(), arguments);
    let early = run(&["erase", "--room", &room, "--until", "2020-01-01", "--reason", "confidentiality"]);
    assert_eq!(early.status.code(), Some(2), "{}", told(&early));
    let erased = run(&["erase", "--room", &room, "--until", "2026-11-30", "--reason", "confidentiality"]);
    assert_eq!(erased.status.code(), Some(0), "{}", told(&erased));
    assert_eq!(holding(&kept, MARKER), Vec::<String>::new());
    for arguments in [&["verify", "--deep"][..], &["rebuild"], &["verify", "--deep"]] {
        let done = run(arguments);
        assert_eq!(done.status.code(), Some(0), "{arguments:?}: {}", told(&done));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_erased_is_one_line() {
    let bot = Bot::start().await;
    for arguments in [
        &["erase", "--message", "404", "--reason", "secret"][..],
        &["erase", "--message", "x", "--reason", "secret"],
        &["erase", "--reason", "secret"],
        &["erase", "--until", "2026-11-23", "--reason", "secret"],
        &["erase", "--message", "1"],
        &["erase", "--message", "1", "--reason", " "],
    ] {
        let output = run(&bot, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", told(&output));
        assert!(!told(&output).contains("panicked"), "{}", told(&output));
    }
    bot.finish().await;
}
